//! The relay: reads the event store's log, sends it to Kafka, and keeps how far it got.
//!
//! **Nothing is lost**: the place is kept only after Kafka has acknowledged all before it. **Order holds**: each run sends
//! a piece of the store's log that begins at or before what was acknowledged, in order and without a hole, whatever
//! else is under way (an older leader's last records, say); so who drops what he has seen by (aggregate, sequence) sees
//! each event once and in order. For that no record may be given up while later ones go on: they never time out.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use futures_util::future::try_join_all;
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::producer::{FutureProducer, FutureRecord};
use sigma_clock::{Backoff, monotonic};
use sigma_store::{Batch, Cursor, EventLog, LogError, MAX_BATCH};
use tokio::task::JoinHandle;

use crate::closing::ClosedAside;
use crate::connection::Connection;
use crate::context::{Context, Link};
use crate::fault::told;
use crate::filling::Filling;
use crate::log::{Contents, client, contents};
use crate::message::{headers_of, source_of};
use crate::office::{Office, OfficeError, Place, Term};
use crate::topic::{Topic, TopicError};

/// The first wait after trouble; each next one is twice as long.
const FIRST_WAIT: Duration = Duration::from_millis(100);

/// The longest wait between two tries.
const LONGEST_WAIT: Duration = Duration::from_secs(5);

/// How often a leader asks whether he still leads.
const HOLD: Duration = Duration::from_secs(1);

/// Kafka that has acknowledged nothing for so long is told of.
const SLOW: Duration = Duration::from_secs(5);

/// What the relay is told.
#[derive(Clone, Debug)]
pub struct Relay {
    /// How Kafka is reached.
    pub connection: Connection,
    /// The topic that is filled.
    pub topic: Topic,
    /// The store's incarnation: part of each event's `ce_source`.
    pub store: String,
}

/// What the relay is doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RelayState {
    /// Another process leads, or nobody has said yet that this one does.
    Standby,
    /// It leads and all goes well.
    Leading,
    /// It leads, and Kafka or the store does not do its part: it tries again.
    Waiting,
    /// It must not go on before somebody has looked.
    Blocked,
}

/// What the relay tells about itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RelayStatus {
    /// What it is doing.
    pub state: RelayState,
    /// So many records this process has had acknowledged.
    pub published: u64,
    /// What is in its way.
    pub trouble: Option<String>,
    /// What is other than wanted at the topic, and does not stop it.
    pub complaints: Vec<String>,
    /// How far it got, where it leads.
    pub cursor: Option<Cursor>,
}

/// Why a term's work stopped.
enum Stop {
    /// Trying again helps.
    Trouble(String),
    /// Somebody must look.
    Blocked(String),
    /// The term is over.
    Over(String),
}

impl From<OfficeError> for Stop {
    fn from(error: OfficeError) -> Self {
        match error {
            OfficeError::Over(why) => Self::Over(why),
            OfficeError::Unavailable(why) => Self::Trouble(why),
        }
    }
}

impl From<LogError> for Stop {
    fn from(error: LogError) -> Self {
        match error {
            LogError::Unavailable { .. } => Self::Trouble(error.to_string()),
            LogError::ForeignCursor(_) | LogError::Corrupt(_) => Self::Blocked(format!(
                "the store's log cannot be read on where the relay stopped: {error}; {REPLAY}"
            )),
        }
    }
}

impl From<TopicError> for Stop {
    fn from(error: TopicError) -> Self {
        match error {
            TopicError::Away(why) => Self::Trouble(why),
            TopicError::Unfit(why) => Self::Blocked(why),
        }
    }
}

impl From<KafkaError> for Stop {
    fn from(error: KafkaError) -> Self {
        match error.rdkafka_error_code() {
            Some(RDKafkaErrorCode::MessageSizeTooLarge | RDKafkaErrorCode::InvalidMessageSize) => {
                Self::Blocked(
                    "an event is larger than Kafka takes; raise max.message.bytes of the topic".to_owned(),
                )
            }
            _ => Self::Trouble(told(&error)),
        }
    }
}

const REPLAY: &str = "sigma relay replay fills the topic from the store's first event on";

impl Relay {
    /// Starts it: it reads `source`, which must be the store's own log, whenever `office` lets it lead.
    pub fn start(self, source: Arc<dyn EventLog>, office: Arc<dyn Office>) -> RelayHandle {
        let shared = Arc::new(Shared::default());
        let worker =
            Worker { told: self, source: source.clone(), office: office.clone(), shared: shared.clone() };
        RelayHandle { shared, source, office, task: tokio::spawn(worker.run()) }
    }
}

/// A hand on a running relay; it ends with it. Its end needs no order: whatever point it stops at is one that it may be
/// killed at.
pub struct RelayHandle {
    shared: Arc<Shared>,
    source: Arc<dyn EventLog>,
    office: Arc<dyn Office>,
    task: JoinHandle<()>,
}

impl std::fmt::Debug for RelayHandle {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("RelayHandle").field("status", &*self.shared.status()).finish_non_exhaustive()
    }
}

impl Drop for RelayHandle {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl RelayHandle {
    /// What it tells about itself.
    pub fn status(&self) -> RelayStatus {
        self.shared.status().clone()
    }

    /// How many events of the store are not acknowledged yet; none where another process leads, or it cannot be told now.
    pub async fn lag(&self) -> Option<u64> {
        let cursor = self.shared.status().cursor.clone()?;
        self.source.lag(&cursor).await.ok()
    }

    /// What fills the topic, for whoever reads it and must know whether something is still on its way.
    pub fn filling(&self) -> Filling {
        Filling { source: self.source.clone(), office: self.office.clone() }
    }

    /// What is known of the producer.
    pub fn link(&self) -> &Link {
        &self.shared.link
    }

    /// Fills the topic from the store's first event on, whoever leads. Consumers drop what they have seen.
    ///
    /// # Errors
    /// When the office cannot be reached.
    pub async fn replay(&self) -> Result<(), OfficeError> {
        self.office.forget().await
    }
}

#[derive(Debug)]
struct Shared {
    status: Mutex<RelayStatus>,
    link: Link,
}

impl Default for Shared {
    fn default() -> Self {
        let status = RelayStatus {
            state: RelayState::Standby,
            published: 0,
            trouble: None,
            complaints: Vec::new(),
            cursor: None,
        };
        Self { status: Mutex::new(status), link: Link::default() }
    }
}

impl Shared {
    fn status(&self) -> MutexGuard<'_, RelayStatus> {
        self.status.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Says what is in the way: once in the log for each new reason, always in the status.
    fn report(&self, state: RelayState, trouble: String) {
        let mut status = self.status();
        if status.trouble.as_ref() != Some(&trouble) {
            match state {
                RelayState::Blocked => {
                    tracing::error!(trouble, "the relay to Kafka has stopped: somebody must look")
                }
                _ => tracing::warn!(trouble, "the relay to Kafka does not get on and tries again"),
            }
        }
        (status.state, status.trouble) = (state, Some(trouble));
    }

    /// Says what is other than wanted at the topic: once in the log, always in the status.
    fn complain(&self, complaints: Vec<String>) {
        let mut status = self.status();
        for complaint in complaints.iter().filter(|complaint| !status.complaints.contains(complaint)) {
            tracing::warn!(complaint, "a topic is other than wanted");
        }
        status.complaints = complaints;
    }

    /// Says that all goes well, once it does so again.
    fn well(&self) {
        let mut status = self.status();
        if status.trouble.take().is_some() {
            tracing::info!("the relay to Kafka gets on again");
        }
        status.state = RelayState::Leading;
        self.link.clear();
    }
}

/// What it has not sent when it is closed is given up: all of a batch after some point, so that no hole comes of it.
type Producer = ClosedAside<FutureProducer<Context>>;

struct Worker {
    told: Relay,
    source: Arc<dyn EventLog>,
    office: Arc<dyn Office>,
    shared: Arc<Shared>,
}

impl Worker {
    async fn run(self) {
        let mut wait = Backoff::new(FIRST_WAIT, LONGEST_WAIT);
        loop {
            match self.office.lead().await {
                Ok(mut term) => {
                    wait.reset();
                    tracing::info!(topic = self.told.topic.name, "this process leads the relay to Kafka");
                    let why = self.serve(&mut *term).await;
                    tracing::warn!(why, "this process leads the relay to Kafka no more");
                    let mut status = self.shared.status();
                    (status.state, status.cursor) = (RelayState::Standby, None);
                }
                Err(error) => self.shared.report(RelayState::Standby, error.to_string()),
            }
            wait.pause().await;
        }
    }

    /// Works until the term is over; answers why.
    async fn serve(&self, term: &mut dyn Term) -> String {
        let mut wait = Backoff::new(FIRST_WAIT, LONGEST_WAIT);
        loop {
            let published = self.shared.status().published;
            let stop = self.work(term).await;
            if self.shared.status().published > published {
                wait.reset();
            }
            match stop {
                Stop::Over(why) => return why,
                Stop::Trouble(why) => self.shared.report(RelayState::Waiting, why),
                Stop::Blocked(why) => self.shared.report(RelayState::Blocked, why),
            }
            wait.pause().await;
            if let Err(OfficeError::Over(why)) = term.hold().await {
                return why;
            }
        }
    }

    async fn work(&self, term: &mut dyn Term) -> Stop {
        match self.try_work(term).await {
            Ok(never) => match never {},
            Err(stop) => stop,
        }
    }

    async fn try_work(&self, term: &mut dyn Term) -> Result<std::convert::Infallible, Stop> {
        let mut place = self.begin(term).await?;
        let producer = self.producer()?;
        self.shared.status().cursor = Some(place.cursor.clone());
        loop {
            let batch = self.source.read_after(&place.cursor, MAX_BATCH).await?;
            if !batch.events.is_empty() {
                self.publish(&producer, &batch, &place.log, term).await?;
            }
            if batch.next == place.cursor {
                self.shared.well();
                self.wait(&place.cursor, term).await?;
                continue;
            }
            let count = u64::try_from(batch.events.len()).unwrap_or(u64::MAX);
            place.cursor = batch.next;
            place.published = place.published.saturating_add(count);
            term.keep(&place).await?;
            self.shared.well();
            let mut status = self.shared.status();
            status.published = status.published.saturating_add(count);
            status.cursor = Some(place.cursor.clone());
        }
    }

    /// Makes the topic or looks at it, and finds the place to go on from.
    async fn begin(&self, term: &mut dyn Term) -> Result<Place, Stop> {
        let Relay { connection, topic, store } = &self.told;
        let found = topic.ensure(connection).await?;
        self.shared.complain(found.complaints);
        let kept = term.place().await?;
        let client = Arc::new(client(connection, &self.shared.link)?);
        let there = contents(&client, &topic.name).await?;
        let begun = kept.is_some();
        let place = reconcile(kept, &there, store, &topic.name)?;
        if !begun {
            term.keep(&place).await?;
        }
        Ok(place)
    }

    fn producer(&self) -> Result<Producer, Stop> {
        let mut config = self.told.connection.config();
        config
            .set("enable.idempotence", "true")
            .set("acks", "all")
            // Never: a record that is given up while later ones go on makes a hole.
            .set("message.timeout.ms", "0")
            .set("enable.gapless.guarantee", "true")
            .set("linger.ms", "1")
            .set("compression.type", "zstd")
            // As Java's clients do, so that who joins this topic with another finds the same partition.
            .set("partitioner", "murmur2_random");
        Ok(Producer::new(config.create_with_context(Context { link: self.shared.link.clone() })?))
    }

    /// Sends a batch and waits until all of it is acknowledged, however long that takes.
    async fn publish(
        &self,
        producer: &Producer,
        batch: &Batch,
        log: &str,
        term: &mut dyn Term,
    ) -> Result<(), Stop> {
        let mut sent = Vec::with_capacity(batch.events.len());
        for event in &batch.events {
            let value = serde_json::to_vec(&event.data).map_err(|error| Stop::Blocked(error.to_string()))?;
            let record = FutureRecord::to(&self.told.topic.name)
                .key(event.line.as_str())
                .payload(&value)
                .headers(headers_of(event, &self.told.store, log));
            let delivery = producer.send_result(record).map_err(|(error, _)| error)?;
            sent.push(async {
                match delivery.await {
                    Ok(Ok(_)) => Ok(()),
                    Ok(Err((error, _))) => Err(Stop::from(error)),
                    Err(_) => Err(Stop::Trouble("Kafka's client has ended".to_owned())),
                }
            });
        }
        let begun = monotonic();
        let acknowledged = try_join_all(sent);
        tokio::pin!(acknowledged);
        loop {
            match sigma_clock::timeout(HOLD, &mut acknowledged).await {
                Ok(done) => return done.map(drop),
                Err(_) => {
                    term.hold().await?;
                    if begun.elapsed() >= SLOW {
                        let told = self.shared.link.trouble().unwrap_or_else(|| "it is silent".to_owned());
                        let why = format!("Kafka acknowledges nothing: {told}");
                        self.shared.report(RelayState::Waiting, why);
                    }
                }
            }
        }
    }

    /// Waits until there may be more to read.
    async fn wait(&self, cursor: &Cursor, term: &mut dyn Term) -> Result<(), Stop> {
        let woken = self.source.wait_after(cursor);
        tokio::pin!(woken);
        loop {
            match sigma_clock::timeout(HOLD, &mut woken).await {
                Ok(woken) => return Ok(woken?),
                Err(_) => term.hold().await?,
            }
        }
    }
}

/// The place to go on from, out of what was kept and what the topic holds. Where they do not fit, a hole would come of
/// going on, or two stores' events in one log.
fn reconcile(kept: Option<Place>, there: &Contents, store: &str, topic: &str) -> Result<Place, Stop> {
    let partitions = u16::try_from(there.begins.len()).unwrap_or(u16::MAX);
    if there.source.as_ref().is_some_and(|source| *source != source_of(store)) {
        return Err(Stop::Blocked(format!(
            "the topic {topic} holds events of another store; delete it, then {REPLAY}"
        )));
    }
    let Some(place) = kept else {
        let fresh = || format!("lg_{}", uuid::Uuid::now_v7().simple());
        let log = there.log.as_deref().map_or_else(fresh, str::to_owned);
        return Ok(Place { log, partitions, cursor: Cursor::start(), published: 0 });
    };
    if place.partitions != partitions {
        return Err(Stop::Blocked(format!(
            "the topic {topic} was begun with {} partitions and has {partitions}, so that channels stand in others than before; delete it, then {REPLAY}",
            place.partitions
        )));
    }
    match there.log.as_deref() {
        // Something may be there of a batch whose place was not kept; nothing may be there where nothing was acknowledged.
        Some(log) if log == place.log => Ok(place),
        None if place.published == 0 => Ok(place),
        // Its records have outlived their retention.
        None if there.ends.iter().any(|end| *end > 0) => Ok(place),
        Some(_) => Err(Stop::Blocked(format!(
            "the topic {topic} was filled anew by somebody else; delete it, then {REPLAY}"
        ))),
        None => Err(Stop::Blocked(format!("the topic {topic} has lost what was in it; {REPLAY}"))),
    }
}
