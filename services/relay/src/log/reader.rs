//! One consumer that stands somewhere in the topic, and those that wait for the next read from where they stand.

use std::sync::Mutex;
use std::sync::PoisonError;
use std::time::Duration;

use rdkafka::consumer::Consumer;
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::message::Message;
use rdkafka::topic_partition_list::Offset;
use sigma_clock::{Instant, monotonic};
use sigma_store::{Cursor, LogError, RecordedEvent};

use super::cursor::{self, Offsets};
use super::probe::{self, Client};
use crate::connection::Connection;
use crate::context::Link;
use crate::fault::{is_of_another_topic, unavailable};
use crate::message::{event_of, header, header_of};

/// So many wait at most; who comes when they are all elsewhere takes the one that has waited longest.
const READERS: usize = 8;

/// Who waits so long is let go.
const IDLE: Duration = Duration::from_secs(120);

/// A consumer and where it stands.
pub(crate) struct Reader {
    client: Client,
    pub(crate) offsets: Offsets,
    /// Partitions whose end the consumer was told of since it was sent where it stands. It may have been the end of a moment
    /// ago: what came since may be on its way, for as long as a broker takes to come back.
    dry: Vec<bool>,
    /// Whether it was sent where it stands after it was known how far the log reaches.
    sent_anew: bool,
    since: Instant,
}

/// What a reader met.
pub(crate) enum Met {
    Event(Box<RecordedEvent>),
    /// The end of a partition, or a record that is no event: nothing to give.
    Nothing,
}

impl Reader {
    fn open(connection: &Connection, topic: &str, link: &Link, at: &Offsets) -> Result<Self, LogError> {
        let client = probe::client(connection, link).map_err(|error| unavailable(&error))?;
        let mut reader =
            Self { client, offsets: Vec::new(), dry: Vec::new(), sent_anew: false, since: monotonic() };
        reader.go(topic, at)?;
        Ok(reader)
    }

    /// Stands at `at` from now on.
    fn go(&mut self, topic: &str, at: &Offsets) -> Result<(), LogError> {
        let from = probe::list(topic, at.iter().map(|offset| Offset::Offset(*offset)))?;
        self.client.assign(&from).map_err(|error| unavailable(&error))?;
        self.offsets.clone_from(at);
        self.dry = vec![false; at.len()];
        self.sent_anew = false;
        Ok(())
    }

    /// Reads once more from where it stands, and forgets what it was told before: an end that it is told of from now on is one
    /// that a broker saw after whoever calls this knew how far the log reaches.
    pub(crate) fn go_anew(&mut self, topic: &str) -> Result<(), LogError> {
        let at = self.offsets.clone();
        self.go(topic, &at)?;
        self.sent_anew = true;
        Ok(())
    }

    /// Whether it was sent where it stands by [`go_anew`](Self::go_anew), and no record has come since.
    pub(crate) fn is_sent_anew(&self) -> bool {
        self.sent_anew
    }

    /// Whether nothing is left before `ends`.
    pub(crate) fn has_reached(&self, ends: &[i64]) -> bool {
        self.offsets.iter().zip(ends).all(|(offset, end)| offset >= end)
    }

    /// Whether nothing is left before `ends`, or only offsets that seem to hold no record: a stranger's transactions leave
    /// such behind.
    pub(crate) fn seems_dry(&self, ends: &[i64]) -> bool {
        let mut standing = self.offsets.iter().zip(ends).zip(&self.dry);
        standing.all(|((offset, end), dry)| offset >= end || *dry)
    }

    /// Stands at `ends` where it stood before them.
    pub(crate) fn skip_to(&mut self, ends: &[i64]) {
        for (offset, end) in self.offsets.iter_mut().zip(ends) {
            *offset = (*offset).max(*end);
        }
    }

    /// The next record of the log `log`.
    pub(crate) async fn next(&mut self, log: &str) -> Result<Met, LogError> {
        let message = match self.client.recv().await {
            Ok(message) => message,
            Err(KafkaError::PartitionEOF(partition)) => {
                if let Some(dry) = usize::try_from(partition).ok().and_then(|n| self.dry.get_mut(n)) {
                    *dry = true;
                }
                return Ok(Met::Nothing);
            }
            Err(error) if is_of_another_topic(&error) => {
                return Err(LogError::ForeignCursor("the events after the place are no more".to_owned()));
            }
            Err(error) => {
                return match error.rdkafka_error_code() {
                    Some(
                        RDKafkaErrorCode::TopicAuthorizationFailed
                        | RDKafkaErrorCode::ClusterAuthorizationFailed
                        | RDKafkaErrorCode::Fatal,
                    ) => Err(unavailable(&error)),
                    // One broker of several is away, or its answer was: the client tries again by itself.
                    _ => Ok(Met::Nothing),
                };
            }
        };
        let (partition, offset) = (message.partition(), message.offset());
        if header_of(&message, header::LOG) != Some(log) {
            return Err(LogError::ForeignCursor("the log was filled anew".to_owned()));
        }
        let slot = usize::try_from(partition).unwrap_or(usize::MAX);
        let (Some(standing), Some(dry)) = (self.offsets.get_mut(slot), self.dry.get_mut(slot)) else {
            return Ok(Met::Nothing);
        };
        (*standing, *dry, self.sent_anew) = (offset.saturating_add(1), false, false);
        match event_of(&message, Cursor::start()) {
            Some(event) => {
                let cursor = cursor::write(log, &self.offsets);
                Ok(Met::Event(Box::new(RecordedEvent { cursor, ..event })))
            }
            None => {
                tracing::error!(partition, offset, "a record of the topic is no event and is passed over");
                Ok(Met::Nothing)
            }
        }
    }
}

/// Those that wait.
#[derive(Default)]
pub(crate) struct Readers(Mutex<Vec<Reader>>);

impl Readers {
    /// A reader that stands at `at`: the one that stands there, else a new one or one that is moved.
    pub(crate) fn take(
        &self,
        connection: &Connection,
        topic: &str,
        link: &Link,
        at: &Offsets,
    ) -> Result<Reader, LogError> {
        let moved = {
            let mut waiting = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            waiting.retain(|reader| reader.since.elapsed() < IDLE);
            match waiting.iter().position(|reader| reader.offsets == *at) {
                Some(there) => return Ok(waiting.remove(there)),
                None if waiting.len() >= READERS => Some(waiting.remove(0)),
                None => None,
            }
        };
        match moved {
            Some(mut reader) => reader.go(topic, at).map(|()| reader),
            None => Reader::open(connection, topic, link, at),
        }
    }

    /// Lets a reader wait where it stands.
    pub(crate) fn put(&self, mut reader: Reader) {
        (reader.since, reader.sent_anew) = (monotonic(), false);
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(reader);
    }

    /// Lets all go: they stand in a log that is no more.
    pub(crate) fn clear(&self) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }
}
