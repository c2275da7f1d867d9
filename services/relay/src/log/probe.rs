//! Finding out what the topic holds: how many partitions, from where to where, and which log it is.

use std::sync::Arc;
use std::time::Duration;

use rdkafka::TopicPartitionList;
use rdkafka::consumer::{Consumer, StreamConsumer};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::topic_partition_list::Offset;
use sigma_store::LogError;

use crate::closing::ClosedAside;
use crate::connection::{Connection, millis};
use crate::context::{Context, Link};
use crate::fault::{away, told, unavailable};
use crate::message::{header, header_of};

/// How long a broker may take to answer.
const PATIENCE: Duration = Duration::from_secs(5);

/// How often the brokers are asked before it is told that they do not answer.
const TRIES: u32 = 3;

/// Between two questions.
const AGAIN: Duration = Duration::from_millis(200);

/// What a reader keeps in memory of what comes next.
const PREFETCH_KB: u32 = 4_096;

/// How long a broker that has nothing new holds a request back.
const LONG_POLL: Duration = Duration::from_millis(500);

/// A consumer that is told what to read: it belongs to no group.
pub(crate) type Client = ClosedAside<StreamConsumer<Context>>;

pub(crate) fn client(connection: &Connection, link: &Link) -> Result<Client, KafkaError> {
    let mut config = connection.config();
    config
        // Wanted by librdkafka for any consumer; nothing is committed under it.
        .set("group.id", "sigma-readers")
        .set("enable.auto.commit", "false")
        .set("enable.auto.offset.store", "false")
        // A place that is no more is told, not guessed at.
        .set("auto.offset.reset", "error")
        .set("enable.partition.eof", "true")
        .set("queued.max.messages.kbytes", PREFETCH_KB.to_string())
        .set("fetch.queue.backoff.ms", "5")
        .set("fetch.wait.max.ms", millis(LONG_POLL))
        .set("fetch.error.backoff.ms", "100");
    config.create_with_context(Context { link: link.clone() }).map(Client::new)
}

/// What a topic holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Contents {
    /// The log's id; none while there is no record.
    pub(crate) log: Option<Arc<str>>,
    /// The store that the first record came from, as `ce_source` has it.
    pub(crate) source: Option<String>,
    /// For each partition the first offset there is.
    pub(crate) begins: Vec<i64>,
    /// For each partition the offset after the last.
    pub(crate) ends: Vec<i64>,
}

/// A list of all partitions, each with what is asked or told of it.
pub(crate) fn list(
    topic: &str,
    offsets: impl IntoIterator<Item = Offset>,
) -> Result<TopicPartitionList, LogError> {
    let mut list = TopicPartitionList::new();
    for (partition, offset) in (0..).zip(offsets) {
        list.add_partition_offset(topic, partition, offset).map_err(|error| unavailable(&error))?;
    }
    Ok(list)
}

/// One end of each partition, as the brokers know it now: one question to each of them.
pub(crate) async fn edges(
    client: &Arc<Client>,
    topic: &str,
    partitions: usize,
    edge: Offset,
) -> Result<Vec<i64>, LogError> {
    let asked = list(topic, std::iter::repeat_n(edge, partitions))?;
    let mut tries = 1;
    loop {
        match ask(client, topic, &asked, partitions).await {
            // A broker goes away and another one leads: the next one to be asked is that.
            Err(_) if tries < TRIES => {
                tries += 1;
                sigma_clock::sleep(AGAIN).await;
                // A client that reads nothing does not look for new leaders by itself.
                let (asking, topic) = (client.clone(), topic.to_owned());
                let _ = blocking(move || asking.fetch_metadata(Some(&topic), PATIENCE).map(drop)).await;
            }
            answered => return answered,
        }
    }
}

async fn ask(
    client: &Arc<Client>,
    topic: &str,
    asked: &TopicPartitionList,
    partitions: usize,
) -> Result<Vec<i64>, LogError> {
    let (client, asked) = (client.clone(), asked.clone());
    let answered = blocking(move || client.offsets_for_times(asked, PATIENCE)).await?;
    let mut offsets = vec![0; partitions];
    for element in answered.elements_for_topic(topic) {
        element.error().map_err(|error| unavailable(&error))?;
        let slot = usize::try_from(element.partition()).ok().and_then(|partition| offsets.get_mut(partition));
        match (slot, element.offset()) {
            (Some(slot), Offset::Offset(offset)) => *slot = offset,
            (_, other) => return Err(away(format!("{topic} has no place {other:?}"))),
        }
    }
    Ok(offsets)
}

/// How many partitions a topic has.
pub(crate) async fn partitions(client: &Arc<Client>, topic: &str) -> Result<usize, LogError> {
    let (asked, name) = (client.clone(), topic.to_owned());
    let metadata = blocking(move || asked.fetch_metadata(Some(&name), PATIENCE)).await?;
    let found = metadata.topics().iter().find(|found| found.name() == topic && found.error().is_none());
    match found.map_or(0, |found| found.partitions().len()) {
        0 => Err(away(format!("the topic {topic} is not there yet"))),
        partitions => Ok(partitions),
    }
}

/// For each partition the first offset that came at `at_ms` or later, by the brokers' clock; else its end.
pub(crate) async fn since(
    client: &Arc<Client>,
    topic: &str,
    at_ms: i64,
    ends: &[i64],
) -> Result<Vec<i64>, LogError> {
    let asked = list(topic, std::iter::repeat_n(Offset::Offset(at_ms), ends.len()))?;
    let asking = client.clone();
    let answered = blocking(move || asking.offsets_for_times(asked, PATIENCE)).await?;
    let mut from = ends.to_vec();
    for element in answered.elements_for_topic(topic) {
        element.error().map_err(|error| unavailable(&error))?;
        let slot = usize::try_from(element.partition()).ok().and_then(|partition| from.get_mut(partition));
        if let (Some(slot), Offset::Offset(offset)) = (slot, element.offset()) {
            *slot = offset;
        }
    }
    Ok(from)
}

/// Finds out about a topic. The client's assignment is another one afterwards.
pub(crate) async fn contents(client: &Arc<Client>, topic: &str) -> Result<Contents, LogError> {
    let partitions = partitions(client, topic).await?;
    let begins = edges(client, topic, partitions, Offset::Beginning).await?;
    let ends = edges(client, topic, partitions, Offset::End).await?;
    let (mut log, mut source) = (None, None);
    if begins.iter().zip(&ends).any(|(begin, end)| begin < end) {
        let from = list(topic, begins.iter().map(|offset| Offset::Offset(*offset)))?;
        client.assign(&from).map_err(|error| unavailable(&error))?;
        let first = async {
            loop {
                match client.recv().await {
                    Ok(message) => {
                        let text = |key| header_of(&message, key).unwrap_or_default().to_owned();
                        return Ok((text(header::LOG), text(header::SOURCE)));
                    }
                    Err(error)
                        if error.rdkafka_error_code() == Some(RDKafkaErrorCode::TopicAuthorizationFailed) =>
                    {
                        return Err(unavailable(&error));
                    }
                    // The end of a partition, or a broker that goes away: another one leads soon.
                    Err(_) => {}
                }
            }
        };
        let (id, from) = sigma_clock::timeout(PATIENCE, first)
            .await
            .map_err(|_| away(format!("{topic} has records, and none comes")))??;
        client.unassign().map_err(|error| unavailable(&error))?;
        (log, source) = (Some(id.into()), Some(from));
    }
    Ok(Contents { log, source, begins, ends })
}

/// Runs what blocks on a thread for that.
async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, KafkaError> + Send + 'static,
) -> Result<T, LogError> {
    match tokio::task::spawn_blocking(work).await {
        Ok(done) => done.map_err(|error| away(told(&error))),
        Err(error) => Err(away(error.to_string())),
    }
}
