//! Watches the end of the topic, for all readers of one log: who waits is woken by it.

use std::sync::Arc;
use std::time::Duration;

use rdkafka::consumer::Consumer;
use rdkafka::error::KafkaError;
use rdkafka::message::Message;
use rdkafka::topic_partition_list::Offset;
use sigma_clock::Backoff;
use sigma_store::LogError;
use tokio::sync::watch;
use tokio::task::AbortHandle;

use super::probe::{self, Client};
use crate::connection::Connection;
use crate::context::Link;
use crate::fault::{away, is_of_another_topic, unavailable};
use crate::message::{header, header_of};

/// The first wait after trouble; each next one is twice as long.
const FIRST_WAIT: Duration = Duration::from_millis(50);

/// The longest wait between two tries.
const LONGEST_WAIT: Duration = Duration::from_secs(2);

/// How long a caller waits for a topic that is not known yet, before he is told so.
const PATIENCE: Duration = Duration::from_secs(5);

/// What is known of the topic.
#[derive(Clone, Debug)]
pub(crate) enum Known {
    /// Nothing yet, and why.
    Nothing(LogError),
    /// A log.
    Log(Extent),
}

/// Which log it is and how far it reaches.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Extent {
    /// None while there is no record.
    pub(crate) log: Option<Arc<str>>,
    /// For each partition the offset after the last record that was heard of.
    pub(crate) ends: Vec<i64>,
    /// Whether records were heard of whose log is not known yet: they are on their way.
    unnamed: bool,
}

/// Watches until it is dropped.
pub(crate) struct Tail {
    /// Asks the brokers. Another client than the one that follows: a broker answers a connection's requests one after the
    /// other, and holds the request for what is new back for half a second.
    asks: Arc<Client>,
    topic: String,
    known: Arc<watch::Sender<Known>>,
    link: Link,
    task: AbortHandle,
}

impl Drop for Tail {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Tail {
    pub(crate) fn start(connection: &Connection, topic: &str, link: &Link) -> Result<Self, LogError> {
        let client = Arc::new(probe::client(connection, link).map_err(|error| unavailable(&error))?);
        let asks = Arc::new(probe::client(connection, link).map_err(|error| unavailable(&error))?);
        let asked = Known::Nothing(away(format!("nothing is known of {topic} yet")));
        let known = Arc::new(watch::Sender::new(asked));
        let watching = watch_topic(client, topic.to_owned(), known.clone(), link.clone());
        let task = tokio::spawn(watching).abort_handle();
        Ok(Self { asks, topic: topic.to_owned(), known, link: link.clone(), task })
    }

    /// What is known, once something is.
    pub(crate) async fn extent(&self) -> Result<Extent, LogError> {
        let mut known = self.known.subscribe();
        let extent = known.wait_for(|known| matches!(known, Known::Log(extent) if !extent.unnamed));
        let _ = sigma_clock::timeout(PATIENCE, extent).await;
        match &*self.known.borrow() {
            Known::Log(extent) if extent.unnamed => Err(away("a record is there, and does not come")),
            Known::Log(extent) => Ok(extent.clone()),
            Known::Nothing(error) => Err(error.clone()),
        }
    }

    /// How far the topic reaches now, as its brokers know it.
    pub(crate) async fn ask(&self) -> Result<Extent, LogError> {
        let Extent { ends: heard, .. } = self.extent().await?;
        let ends = self.edges(heard.len(), Offset::End).await?;
        self.link.clear();
        let mut shrunk = false;
        self.known.send_if_modified(|known| match known {
            Known::Log(extent) if extent.ends.len() == ends.len() => {
                let before = extent.ends.clone();
                // What was heard of since they answered counts too; but a log that is shorter is another one, or has lost
                // its end.
                shrunk = ends.iter().zip(&heard).any(|(end, heard)| end < heard);
                for (known, end) in extent.ends.iter_mut().zip(&ends) {
                    *known = end.max(known).to_owned();
                }
                let is_new = before != extent.ends;
                extent.unnamed |= is_new && extent.log.is_none();
                is_new
            }
            _ => false,
        });
        if shrunk {
            self.doubt();
        }
        self.extent().await
    }

    /// For each partition the first offset that it still has.
    pub(crate) async fn begins(&self, partitions: usize) -> Result<Vec<i64>, LogError> {
        self.edges(partitions, Offset::Beginning).await
    }

    async fn edges(&self, partitions: usize, edge: Offset) -> Result<Vec<i64>, LogError> {
        probe::edges(&self.asks, &self.topic, partitions, edge).await
    }

    /// Another log stands there than was known: what is known is found out anew.
    pub(crate) fn doubt(&self) {
        self.known.send_replace(Known::Nothing(away(format!("{} was filled anew", self.topic))));
    }

    /// To be woken by.
    pub(crate) fn subscribe(&self) -> watch::Receiver<Known> {
        self.known.subscribe()
    }
}

/// Finds out about the topic, follows its end, and begins again when it is another one.
async fn watch_topic(client: Arc<Client>, topic: String, known: Arc<watch::Sender<Known>>, link: Link) {
    let mut wait = Backoff::new(FIRST_WAIT, LONGEST_WAIT);
    loop {
        match begin(&client, &topic).await {
            Ok(extent) => {
                wait.reset();
                link.clear();
                known.send_replace(Known::Log(extent));
                follow(&client, &known, &link).await;
            }
            Err(error) => {
                known.send_replace(Known::Nothing(error));
                wait.pause().await;
            }
        }
    }
}

async fn begin(client: &Arc<Client>, topic: &str) -> Result<Extent, LogError> {
    let found = probe::contents(client, topic).await?;
    let from = probe::list(topic, found.ends.iter().map(|end| Offset::Offset(*end)))?;
    client.assign(&from).map_err(|error| unavailable(&error))?;
    Ok(Extent { log: found.log, ends: found.ends, unnamed: false })
}

/// Tells of each record that comes; returns when the topic is another one than is known.
async fn follow(client: &Client, known: &watch::Sender<Known>, link: &Link) {
    let mut doubted = known.subscribe();
    loop {
        let received = tokio::select! {
            received = client.recv() => received,
            _ = doubted.wait_for(|known| matches!(known, Known::Nothing(_))) => return,
        };
        match received {
            Ok(message) => {
                link.clear();
                let id = header_of(&message, header::LOG).unwrap_or_default();
                let partition = usize::try_from(message.partition()).unwrap_or(usize::MAX);
                let mut is_other = false;
                known.send_modify(|known| {
                    let Known::Log(extent) = known else { return };
                    let log = extent.log.get_or_insert_with(|| id.into());
                    is_other = **log != *id;
                    extent.unnamed = false;
                    match extent.ends.get_mut(partition) {
                        Some(end) => *end = message.offset().saturating_add(1).max(*end),
                        None => is_other = true,
                    }
                });
                if is_other {
                    return;
                }
            }
            Err(KafkaError::PartitionEOF(_)) => {}
            Err(error) if is_of_another_topic(&error) => return,
            Err(error) => tracing::debug!(%error, "the log's end is not seen for now"),
        }
    }
}
