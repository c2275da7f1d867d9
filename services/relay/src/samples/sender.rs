//! The sending end: bounded memory, no waiting, and a count of what was dropped.

use std::fmt;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use rdkafka::client::ClientContext;
use rdkafka::config::RDKafkaLogLevel;
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::producer::{BaseRecord, DeliveryResult, ProducerContext, ThreadedProducer};
use rdkafka::statistics::Statistics;
use sigma_clock::Backoff;
use tokio::sync::Notify;
use tokio::task::AbortHandle;

use super::{Sample, headers_of, source_of};
use crate::closing::ClosedAside;
use crate::connection::{Connection, millis};
use crate::context::{Context, Link};
use crate::fault::told;
use crate::topic::{Topic, TopicError};

/// A sample that Kafka has not taken for so long is dropped.
const WORTH: Duration = Duration::from_secs(5);

/// Samples that wait at most: those of 512 sessions for three times as long as they are worth anything.
const WAITING: u32 = 8_192;

/// What they take at most. A sample without warnings has some 600 bytes with its headers, one with eleven 5,000.
const WAITING_KB: u32 = 8_192;

/// How long a sample waits for others to go with.
const LINGER: Duration = Duration::from_millis(20);

/// The first wait after trouble with the topic; each next one is twice as long.
const FIRST_WAIT: Duration = Duration::from_millis(100);

/// The longest wait between two tries.
const LONGEST_WAIT: Duration = Duration::from_secs(5);

/// Sends samples to a topic. Clones share it; the last one's end ends it.
#[derive(Clone)]
pub struct SampleSender(Arc<Shared>);

struct Shared {
    producer: ClosedAside<ThreadedProducer<Mouth>>,
    topic: String,
    source: String,
    state: Arc<State>,
    making: AbortHandle,
}

impl Drop for Shared {
    fn drop(&mut self) {
        self.making.abort();
    }
}

/// What is known of the topic, and what became of the samples.
#[derive(Debug, Default)]
struct State {
    /// The topic is there.
    is_there: AtomicBool,
    sent: AtomicU64,
    early: AtomicU64,
    full: AtomicU64,
    late: AtomicU64,
    doubted: Notify,
    told: Mutex<Told>,
    link: Link,
}

#[derive(Debug, Default)]
struct Told {
    trouble: Option<String>,
    complaints: Vec<String>,
}

/// Samples that nobody got, by what was in their way.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Dropped {
    /// The topic was not there yet.
    pub no_topic: u64,
    /// Too many waited.
    pub full: u64,
    /// Kafka did not take them in time.
    pub not_taken: u64,
}

/// What a sender tells about itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SenderStatus {
    /// Samples that Kafka has acknowledged.
    pub sent: u64,
    /// And those that it has not.
    pub dropped: Dropped,
    /// Why the topic is not there.
    pub trouble: Option<String>,
    /// What is other than wanted at the topic.
    pub complaints: Vec<String>,
}

impl fmt::Debug for SampleSender {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SampleSender").field("topic", &self.0.topic).finish_non_exhaustive()
    }
}

impl SampleSender {
    /// Sends to `topic`, as the node `node`. The topic is made, or looked at, as soon as Kafka is there. Wants a runtime of
    /// tokio around it.
    ///
    /// # Errors
    /// When a setting of the connection is refused: what it is.
    pub fn start(connection: &Connection, topic: &Topic, node: &str) -> Result<Self, String> {
        let state = Arc::<State>::default();
        let mut config = connection.config();
        config
            .set("acks", "1")
            // One request at a time: one that is tried again is not overtaken.
            .set("max.in.flight", "1")
            .set("message.timeout.ms", millis(WORTH))
            .set("queue.buffering.max.messages", WAITING.to_string())
            .set("queue.buffering.max.kbytes", WAITING_KB.to_string())
            .set("linger.ms", millis(LINGER))
            .set("compression.type", "zstd")
            .set("partitioner", "murmur2_random");
        let context = Context { link: state.link.clone() };
        let producer = config
            .create_with_context(Mouth { context, state: state.clone() })
            .map_err(|error| told(&error))?;
        let making = tokio::spawn(make(connection.clone(), topic.clone(), state.clone())).abort_handle();
        let producer = ClosedAside::new(producer);
        let (topic, source) = (topic.name.clone(), source_of(node));
        Ok(Self(Arc::new(Shared { producer, topic, source, state, making })))
    }

    /// Sends it, or drops it. Waits for nothing.
    pub fn send(&self, sample: &Sample<'_>) {
        let Shared { producer, topic, source, state, .. } = &*self.0;
        // A broker that is asked for a topic that it has not may make one by its own settings.
        if !state.is_there.load(Ordering::Acquire) {
            state.early.fetch_add(1, Ordering::Relaxed);
            return;
        }
        let record =
            BaseRecord::to(topic).key(sample.key).payload(sample.body).headers(headers_of(sample, source));
        if producer.send(record).is_err() {
            state.full.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// What became of what was sent.
    pub fn status(&self) -> SenderStatus {
        let state = &self.0.state;
        let count = |number: &AtomicU64| number.load(Ordering::Relaxed);
        let told = state.told();
        SenderStatus {
            sent: count(&state.sent),
            dropped: Dropped {
                no_topic: count(&state.early),
                full: count(&state.full),
                not_taken: count(&state.late),
            },
            trouble: told.trouble.clone(),
            complaints: told.complaints.clone(),
        }
    }

    /// What is known of the producer.
    pub fn link(&self) -> &Link {
        &self.0.state.link
    }
}

impl State {
    fn told(&self) -> MutexGuard<'_, Told> {
        self.told.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Says why there is no topic: once in the log for each new reason.
    fn report(&self, topic: &str, trouble: String) {
        let mut told = self.told();
        if told.trouble.as_ref() != Some(&trouble) {
            tracing::warn!(topic, trouble, "samples are dropped until their topic is there");
        }
        told.trouble = Some(trouble);
    }

    fn found(&self, complaints: Vec<String>) {
        let mut told = self.told();
        for complaint in complaints.iter().filter(|complaint| !told.complaints.contains(complaint)) {
            tracing::warn!(complaint, "a topic is other than wanted");
        }
        *told = Told { trouble: None, complaints };
        drop(told);
        self.is_there.store(true, Ordering::Release);
    }
}

/// Makes the topic or looks at it, and again whenever it turns out to be gone.
async fn make(connection: Connection, topic: Topic, state: Arc<State>) {
    let mut wait = Backoff::new(FIRST_WAIT, LONGEST_WAIT);
    loop {
        match topic.ensure(&connection).await {
            Ok(found) => {
                wait.reset();
                state.found(found.complaints);
                state.doubted.notified().await;
                state.is_there.store(false, Ordering::Release);
            }
            Err(TopicError::Away(why) | TopicError::Unfit(why)) => state.report(&topic.name, why),
        }
        wait.pause().await;
    }
}

/// Hears what became of each sample.
struct Mouth {
    context: Context,
    state: Arc<State>,
}

impl ClientContext for Mouth {
    fn log(&self, level: RDKafkaLogLevel, fac: &str, message: &str) {
        self.context.log(level, fac, message);
    }

    fn stats(&self, statistics: Statistics) {
        self.context.stats(statistics);
    }

    fn error(&self, error: KafkaError, reason: &str) {
        self.context.error(error, reason);
    }
}

impl ProducerContext for Mouth {
    type DeliveryOpaque = ();

    fn delivery(&self, delivered: &DeliveryResult<'_>, (): ()) {
        match delivered {
            Ok(_) => {
                self.state.sent.fetch_add(1, Ordering::Relaxed);
                self.state.link.clear();
            }
            Err((error, _)) => {
                self.state.late.fetch_add(1, Ordering::Relaxed);
                if let Some(RDKafkaErrorCode::UnknownTopic | RDKafkaErrorCode::UnknownTopicOrPartition) =
                    error.rdkafka_error_code()
                {
                    self.state.doubted.notify_one();
                }
            }
        }
    }
}
