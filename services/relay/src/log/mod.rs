//! `EventLog` over the topic, for whoever keeps his own place: a cursor is the offsets of all partitions, kept by its
//! owner in one transaction with what he made of the events.

mod cursor;
pub(crate) mod probe;
mod reader;
mod tail;

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use sigma_clock::monotonic;
use sigma_store::{Batch, Cursor, EventLog, LogError, MAX_BATCH};

use self::cursor::Offsets;
pub(crate) use self::probe::{Contents, client, contents};
use self::reader::{Met, Readers};
use self::tail::{Extent, Known, Tail};
use crate::connection::Connection;
use crate::context::Link;
use crate::fault::away;
use crate::filling::Filling;

/// How long the first event of a batch may take that is known to be there.
const PATIENCE: Duration = Duration::from_secs(10);

/// How long a batch that has events waits for more that are known to be there: the leader of one partition may be away.
const MORE: Duration = Duration::from_millis(50);

/// How long a record may take after the consumer was told that there is none: what it was told may be old.
const DRY: Duration = Duration::from_millis(500);

/// How long the brokers may take to say how far the log reaches, where that is only for people to see.
const SHORT: Duration = Duration::from_millis(500);

/// The log in Kafka. Clones share their consumers; the last one's end ends them.
///
/// It asks Kafka for nothing until it is read, so that a platform starts while Kafka is away.
#[derive(Clone)]
pub struct KafkaLog(Arc<Shared>);

struct Shared {
    connection: Connection,
    topic: String,
    link: Link,
    tail: Tail,
    readers: Readers,
    filling: Option<Filling>,
}

impl std::fmt::Debug for KafkaLog {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("KafkaLog").field("topic", &self.0.topic).finish_non_exhaustive()
    }
}

impl KafkaLog {
    /// The log in `topic`, which is filled by somebody of whom nothing is known. Wants a runtime of tokio around it.
    ///
    /// # Errors
    /// When a setting of the connection is refused.
    pub fn open(connection: Connection, topic: impl Into<String>) -> Result<Self, LogError> {
        Self::opened(connection, topic.into(), None)
    }

    /// The log in `topic`, which a relay fills.
    ///
    /// # Errors
    /// When a setting of the connection is refused.
    pub fn filled_by(
        filling: Filling,
        connection: Connection,
        topic: impl Into<String>,
    ) -> Result<Self, LogError> {
        Self::opened(connection, topic.into(), Some(filling))
    }

    fn opened(connection: Connection, topic: String, filling: Option<Filling>) -> Result<Self, LogError> {
        let link = Link::default();
        let tail = Tail::start(&connection, &topic, &link)?;
        let readers = Readers::default();
        Ok(Self(Arc::new(Shared { connection, topic, link, tail, readers, filling })))
    }

    /// What is known of the consumers.
    pub fn link(&self) -> &Link {
        &self.0.link
    }
}

impl Shared {
    /// Where a cursor stands. The start stands before the first record that there is.
    async fn offsets(&self, after: &Cursor, extent: &Extent) -> Result<Offsets, LogError> {
        if after.is_start() {
            return self.tail.begins(extent.ends.len()).await;
        }
        cursor::read(after, extent.log.as_deref(), extent.ends.len())
    }

    /// What is known, and where a cursor stands in it. A cursor beyond what is known is asked about before it is refused.
    async fn place(&self, after: &Cursor) -> Result<(Extent, Offsets), LogError> {
        let mut extent = self.tail.extent().await?;
        let offsets = match self.offsets(after, &extent).await {
            // It may be of a log that has begun since.
            Err(LogError::ForeignCursor(_)) if extent.log.is_none() => {
                extent = self.tail.ask().await?;
                self.offsets(after, &extent).await?
            }
            offsets => offsets?,
        };
        if is_beyond(&offsets, &extent.ends) {
            extent = self.tail.ask().await?;
            if is_beyond(&offsets, &extent.ends) {
                let text = after.as_str();
                return Err(LogError::ForeignCursor(format!("the place {text} is beyond the log's end")));
            }
        }
        Ok((extent, offsets))
    }

    async fn read(&self, after: &Cursor, limit: u32) -> Result<Batch, LogError> {
        let nothing = Batch { events: Vec::new(), next: after.clone() };
        let (mut extent, offsets) = self.place(after).await?;
        if !is_before(&offsets, &extent.ends) {
            // Who was told that something is there finds it: the brokers are asked, not only what was heard of.
            let known = extent.log;
            extent = self.tail.ask().await?;
            if extent.log != known && !after.is_start() {
                // The log that the place is of was followed by another meanwhile.
                cursor::read(after, extent.log.as_deref(), extent.ends.len())?;
            }
            if !is_before(&offsets, &extent.ends) {
                return Ok(nothing);
            }
        }
        let Some(log) = extent.log else { return Ok(nothing) };
        let limit = usize::try_from(limit.clamp(1, MAX_BATCH)).unwrap_or(1);
        let mut reader = self.readers.take(&self.connection, &self.topic, &self.link, &offsets)?;
        let (begun, mut events) = (monotonic(), Vec::new());
        while events.len() < limit && !reader.has_reached(&extent.ends) {
            let patience = match events.is_empty() {
                false => MORE,
                true if reader.seems_dry(&extent.ends) => DRY,
                true => PATIENCE.saturating_sub(begun.elapsed()),
            };
            match sigma_clock::timeout(patience, reader.next(&log)).await {
                Ok(Ok(Met::Event(event))) => events.push(*event),
                Ok(Ok(Met::Nothing)) => {}
                Ok(Err(_)) | Err(_) if !events.is_empty() => break,
                Ok(Err(error)) => return Err(error),
                Err(_) if reader.seems_dry(&extent.ends) && reader.is_sent_anew() => {
                    reader.skip_to(&extent.ends);
                }
                // It may have been told of an end that was one before the records came, and be on its way back to a broker that
                // was away: passed over here, they would be lost to whoever reads. The brokers say how far the log reaches, and
                // only then is the reader sent to look; what it finds to be an end then is one.
                Err(_) if reader.seems_dry(&extent.ends) => {
                    extent = self.tail.ask().await?;
                    reader.go_anew(&self.topic)?;
                }
                Err(_) => {
                    let told = self.link.trouble().unwrap_or_else(|| "no record comes".to_owned());
                    return Err(away(told));
                }
            }
        }
        let next =
            if reader.offsets == offsets { after.clone() } else { cursor::write(&log, &reader.offsets) };
        self.readers.put(reader);
        Ok(Batch { events, next })
    }
}

fn is_before(offsets: &[i64], ends: &[i64]) -> bool {
    offsets.iter().zip(ends).any(|(offset, end)| offset < end)
}

fn is_beyond(offsets: &[i64], ends: &[i64]) -> bool {
    offsets.iter().zip(ends).any(|(offset, end)| offset > end)
}

#[async_trait]
impl EventLog for KafkaLog {
    async fn read_after(&self, after: &Cursor, limit: u32) -> Result<Batch, LogError> {
        let read = self.0.read(after, limit).await;
        if matches!(read, Err(LogError::ForeignCursor(_))) {
            // Readers that stand in a log that is no more would meet it again and again.
            self.0.readers.clear();
            self.0.tail.doubt();
        }
        read
    }

    async fn head(&self) -> Result<Cursor, LogError> {
        let Extent { log, ends, .. } = self.0.tail.ask().await?;
        Ok(log.map_or_else(Cursor::start, |log| cursor::write(&log, &ends)))
    }

    async fn lag(&self, after: &Cursor) -> Result<u64, LogError> {
        let (known, _) = self.0.place(after).await?;
        // For people: while Kafka is away, what was heard of before does.
        let extent = match self.0.link.trouble() {
            Some(_) => known,
            None => sigma_clock::timeout(SHORT, self.0.tail.ask()).await.unwrap_or(Ok(known))?,
        };
        let offsets = self.0.offsets(after, &extent).await?;
        let left = offsets.iter().zip(&extent.ends).map(|(offset, end)| end.saturating_sub(*offset).max(0));
        Ok(u64::try_from(left.sum::<i64>()).unwrap_or(0))
    }

    async fn wait_after(&self, after: &Cursor) -> Result<(), LogError> {
        let mut known = self.0.tail.subscribe();
        let (extent, offsets) = self.0.place(after).await?;
        let is_there = |known: &Known| match known {
            Known::Log(now) => now.log != extent.log || is_before(&offsets, &now.ends),
            Known::Nothing(_) => false,
        };
        known.wait_for(is_there).await.map(drop).map_err(|_| away("the log was closed"))
    }

    /// Where nothing is known of who fills it, all that Kafka has is all that there is.
    async fn settle(&self) -> Result<(), LogError> {
        if let Some(filling) = &self.0.filling {
            filling.settle().await?;
        }
        self.0.tail.ask().await.map(drop)
    }
}
