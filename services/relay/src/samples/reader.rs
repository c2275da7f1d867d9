//! The reading end: all partitions from their end on, without a group, after a look back at the start.

use std::sync::Arc;
use std::time::Duration;

use rdkafka::consumer::Consumer;
use rdkafka::message::Message;
use rdkafka::topic_partition_list::Offset;
use sigma_clock::{Backoff, Clock};
use sigma_store::LogError;
use tokio::task::AbortHandle;

use crate::connection::Connection;
use crate::context::Link;
use crate::fault::{is_of_another_topic, unavailable};
use crate::log::probe::{self, Client};
use crate::message::{header, header_of, name_and_version};

/// The first wait after trouble; each next one is twice as long.
const FIRST_WAIT: Duration = Duration::from_millis(100);

/// The longest wait between two tries.
const LONGEST_WAIT: Duration = Duration::from_secs(2);

/// A longer body is nobody's that we know.
const LONGEST_BODY: usize = 16 * 1024;

/// A sample as it was found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Received<'a> {
    /// Its key.
    pub key: &'a str,
    /// Name and version of its body's shape.
    pub shape: (&'a str, u16),
    /// JSON, of 16 KiB at most.
    pub body: &'a [u8],
    /// It stood there before the reader began.
    pub is_past: bool,
}

/// Reads samples until it is dropped.
#[derive(Debug)]
pub struct SampleReader {
    task: AbortHandle,
    link: Link,
}

impl Drop for SampleReader {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// What is read, and how.
struct Reading<F> {
    client: Arc<Client>,
    topic: String,
    /// Samples of this source are passed over.
    own: String,
    link: Link,
    take: F,
}

impl SampleReader {
    /// Gives what comes to `topic`, in order within a key, to `take`; at the start also what came in the time `look_back`
    /// before. What the node `own` sends is passed over: it knows that itself. Wants a runtime of tokio around it.
    ///
    /// # Errors
    /// When a setting of the connection is refused.
    pub fn start(
        connection: &Connection,
        topic: &str,
        own: &str,
        look_back: Duration,
        clock: Arc<dyn Clock>,
        take: impl FnMut(Received<'_>) + Send + 'static,
    ) -> Result<Self, LogError> {
        let link = Link::default();
        let client = Arc::new(probe::client(connection, &link).map_err(|error| unavailable(&error))?);
        let own = super::source_of(own);
        let reading = Reading { client, topic: topic.to_owned(), own, link: link.clone(), take };
        Ok(Self { task: tokio::spawn(reading.run(look_back, clock)).abort_handle(), link })
    }

    /// What is known of the consumer.
    pub fn link(&self) -> &Link {
        &self.link
    }
}

impl<F: FnMut(Received<'_>) + Send> Reading<F> {
    async fn run(mut self, look_back: Duration, clock: Arc<dyn Clock>) {
        let look_back_ms = i64::try_from(look_back.as_millis()).unwrap_or(i64::MAX);
        let mut wait = Backoff::new(FIRST_WAIT, LONGEST_WAIT);
        // Looked back at once: what was given is not given again when the topic turns out to be another one.
        let mut looked_back = false;
        loop {
            let since = (!looked_back).then(|| clock.now().millis().saturating_sub(look_back_ms));
            match self.begin(since).await {
                Ok(ends) => {
                    looked_back = true;
                    wait.reset();
                    self.link.clear();
                    self.follow(&ends).await;
                }
                Err(error) => tracing::debug!(topic = self.topic, %error, "samples are not read for now"),
            }
            wait.pause().await;
        }
    }

    /// Stands at the end of the topic, or where it was at `since`; answers where the end was.
    async fn begin(&mut self, since: Option<i64>) -> Result<Vec<i64>, LogError> {
        let (client, topic) = (&self.client, self.topic.as_str());
        let partitions = probe::partitions(client, topic).await?;
        let ends = probe::edges(client, topic, partitions, Offset::End).await?;
        let from = match since {
            Some(at_ms) => probe::since(client, topic, at_ms, &ends).await?,
            None => ends.clone(),
        };
        let from = probe::list(topic, from.into_iter().map(Offset::Offset))?;
        client.assign(&from).map_err(|error| unavailable(&error))?;
        Ok(ends)
    }

    /// Gives what comes; returns when the topic is another one.
    async fn follow(&mut self, ends: &[i64]) {
        loop {
            let message = match self.client.recv().await {
                Ok(message) => message,
                Err(error) if is_of_another_topic(&error) => return,
                Err(_) => continue,
            };
            self.link.clear();
            if header_of(&message, header::SOURCE) == Some(&*self.own) {
                continue;
            }
            let shape = header_of(&message, header::TYPE).and_then(name_and_version);
            let key = message.key().and_then(|key| std::str::from_utf8(key).ok());
            let body = message.payload().filter(|body| body.len() <= LONGEST_BODY);
            let (Some(key), Some(shape), Some(body)) = (key, shape, body) else { continue };
            let end = usize::try_from(message.partition()).ok().and_then(|partition| ends.get(partition));
            let is_past = end.is_some_and(|end| message.offset() < *end);
            (self.take)(Received { key, shape, body, is_past });
        }
    }
}
