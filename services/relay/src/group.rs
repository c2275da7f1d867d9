//! `EventLog` for a group of consumers: its partitions are dealt among its members, and its place is kept in Kafka.
//!
//! For whoever has no transaction of his own to keep a place in. What a member is given and does not say to be done comes
//! again, to him or to another; so what he does with an event must bear being done twice, or he drops what he has seen.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use rdkafka::client::ClientContext;
use rdkafka::config::RDKafkaLogLevel;
use rdkafka::consumer::{BaseConsumer, CommitMode, Consumer, ConsumerContext, Rebalance, StreamConsumer};
use rdkafka::error::KafkaError;
use rdkafka::message::Message;
use rdkafka::statistics::Statistics;
use rdkafka::topic_partition_list::{Offset, TopicPartitionList};
use sigma_store::{Batch, Cursor, EventLog, LogError, MAX_BATCH, RecordedEvent};

use crate::closing::ClosedAside;
use crate::connection::{Connection, millis};
use crate::context::{Context, Link};
use crate::fault::unavailable;
use crate::message::event_of;

/// How long a batch waits for more.
const MORE: Duration = Duration::from_millis(20);

/// A member that says nothing for so long is taken for dead, and its partitions are dealt to others.
const SESSION: Duration = Duration::from_secs(10);

/// How often it says that it lives.
const HEARTBEAT: Duration = Duration::from_secs(2);

/// A member that asks for nothing for so long is taken to be stuck.
const STUCK: Duration = Duration::from_secs(300);

/// How long a question to the brokers may take.
const PATIENCE: Duration = Duration::from_secs(5);

/// Before the offsets of a cursor of a group.
const MARK: &str = "group";

/// By partition, the next offset.
type Places = BTreeMap<i32, i64>;

/// One member of a group. Clones are hands on the same member; one of them reads at a time.
///
/// Its cursors say what is done: giving one to [`read_after`](EventLog::read_after) or [`wait_after`](EventLog::wait_after)
/// commits its offsets, so a member gives it only after the effect. [`Cursor::start`] is where the group stands; a group
/// that never stood anywhere begins at the log's first event.
#[derive(Clone)]
pub struct GroupLog {
    member: Arc<tokio::sync::Mutex<Member>>,
    hand: Hand,
    topic: Arc<str>,
}

/// What is shared with the callbacks of rebalancing.
#[derive(Clone, Default)]
struct Hand {
    context: Context,
    dealt: Arc<Mutex<Dealt>>,
}

/// The partitions that this member holds.
#[derive(Debug, Default)]
struct Dealt {
    shares: BTreeMap<i32, Share>,
    /// Raised with each partition that is dealt: one that went away and came back is another share.
    number: u64,
}

/// A partition, as long as it is this member's.
#[derive(Debug, Default)]
struct Share {
    number: u64,
    /// The first record that was given and is not said to be done.
    begun: Option<i64>,
    /// The offset after the last record that was given.
    given: Option<i64>,
    /// What this member has committed.
    committed: Option<i64>,
}

impl Dealt {
    /// All that was given: what is done once it is said to be.
    fn cursor(&self) -> Cursor {
        write(self.shares.iter().filter_map(|(partition, share)| Some((*partition, share.given?))))
    }

    fn is_held(&self, partition: i32, number: u64) -> bool {
        self.shares.get(&partition).is_some_and(|share| share.number == number)
    }
}

impl Hand {
    fn dealt(&self) -> MutexGuard<'_, Dealt> {
        self.dealt.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl ClientContext for Hand {
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

impl ConsumerContext for Hand {
    fn pre_rebalance(&self, _: &BaseConsumer<Self>, rebalance: &Rebalance<'_>) {
        let mut dealt = self.dealt();
        match rebalance {
            Rebalance::Assign(partitions) => {
                for element in partitions.elements() {
                    dealt.number += 1;
                    let share = Share { number: dealt.number, ..Share::default() };
                    dealt.shares.insert(element.partition(), share);
                }
            }
            Rebalance::Revoke(partitions) => {
                for element in partitions.elements() {
                    dealt.shares.remove(&element.partition());
                }
            }
            Rebalance::Error(_) => {}
        }
    }
}

struct Member {
    client: ClosedAside<StreamConsumer<Hand>>,
    /// What the next read gives first.
    waiting: Option<Taken>,
}

/// A record, and which share it came from.
struct Taken {
    partition: i32,
    number: u64,
    offset: i64,
    event: RecordedEvent,
}

impl std::fmt::Debug for GroupLog {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("GroupLog").field("held", &self.held()).finish_non_exhaustive()
    }
}

impl GroupLog {
    /// Joins `group`, which reads `topic`.
    ///
    /// # Errors
    /// When a setting of the connection is refused.
    pub fn join(connection: &Connection, topic: &str, group: &str) -> Result<Self, LogError> {
        let hand = Hand::default();
        let mut config = connection.config();
        config
            .set("group.id", group)
            // Who comes or goes moves as few partitions as can be, and the others are read on meanwhile.
            .set("partition.assignment.strategy", "cooperative-sticky")
            .set("enable.auto.commit", "false")
            .set("enable.auto.offset.store", "false")
            .set("auto.offset.reset", "earliest")
            .set("session.timeout.ms", millis(SESSION))
            .set("heartbeat.interval.ms", millis(HEARTBEAT))
            .set("max.poll.interval.ms", millis(STUCK));
        let client: StreamConsumer<Hand> =
            config.create_with_context(hand.clone()).map_err(|error| unavailable(&error))?;
        client.subscribe(&[topic]).map_err(|error| unavailable(&error))?;
        let member = Member { client: ClosedAside::new(client), waiting: None };
        Ok(Self { member: Arc::new(tokio::sync::Mutex::new(member)), hand, topic: topic.into() })
    }

    /// The partitions that are dealt to this member now.
    pub fn held(&self) -> Vec<i32> {
        self.hand.dealt().shares.keys().copied().collect()
    }

    /// What is known of the consumer.
    pub fn link(&self) -> &Link {
        &self.hand.context.link
    }

    fn list(&self, places: impl IntoIterator<Item = (i32, Offset)>) -> Result<TopicPartitionList, LogError> {
        let mut list = TopicPartitionList::new();
        for (partition, offset) in places {
            list.add_partition_offset(&self.topic, partition, offset).map_err(|error| unavailable(&error))?;
        }
        Ok(list)
    }

    /// Commits what is said to be done, and goes back to where it was not.
    async fn acknowledge(&self, member: &mut Member, after: &Cursor) -> Result<(), LogError> {
        let done = read(after)?;
        let (mut news, mut back) = (Vec::new(), Vec::new());
        for (partition, share) in &mut self.hand.dealt().shares {
            let Some(given) = share.given else { continue };
            let place = done.get(partition).copied().map(|place| place.min(given));
            // What was given and is not said to be done comes again.
            if let Some(again) = place.or(share.begun).filter(|again| *again < given) {
                back.push((*partition, again));
                share.given = Some(again);
            }
            if let Some(place) = place {
                share.begun = None;
                if share.committed.is_none_or(|committed| committed < place) {
                    share.committed = Some(place);
                    news.push((*partition, Offset::Offset(place)));
                }
            }
        }
        if !news.is_empty() {
            member
                .client
                .commit(&self.list(news)?, CommitMode::Async)
                .map_err(|error| unavailable(&error))?;
        }
        for (partition, place) in back {
            member
                .client
                .seek(&self.topic, partition, Offset::Offset(place), PATIENCE)
                .map_err(|error| unavailable(&error))?;
            if member.waiting.as_ref().is_some_and(|waiting| waiting.partition == partition) {
                member.waiting = None;
            }
        }
        Ok(())
    }

    /// The next record, where one comes in time. May be dropped: nothing is lost.
    async fn next(&self, member: &mut Member, patience: Duration) -> Result<bool, LogError> {
        if member.waiting.is_some() {
            return Ok(true);
        }
        let received = match sigma_clock::timeout(patience, member.client.recv()).await {
            Err(_) => return Ok(false),
            Ok(received) => received,
        };
        let message = received.map_err(|error| unavailable(&error))?;
        let (partition, offset) = (message.partition(), message.offset());
        let number = self.hand.dealt().shares.get(&partition).map(|share| share.number);
        match (number, event_of(&message, Cursor::start())) {
            (Some(number), Some(event)) => {
                member.waiting = Some(Taken { partition, number, offset, event });
            }
            (None, _) => {}
            (_, None) => {
                tracing::error!(partition, offset, "a record of the topic is no event and is passed over")
            }
        }
        Ok(member.waiting.is_some())
    }

    /// The ends of the partitions that this member holds.
    async fn edges(&self) -> Result<Vec<(i32, i64)>, LogError> {
        let asked = self.list(self.held().into_iter().map(|partition| (partition, Offset::End)))?;
        let member = self.member.lock().await;
        let answered = tokio::task::block_in_place(|| member.client.offsets_for_times(asked, PATIENCE));
        let mut ends = Vec::new();
        for element in answered.map_err(|error| unavailable(&error))?.elements() {
            if let Offset::Offset(end) = element.offset() {
                ends.push((element.partition(), end));
            }
        }
        Ok(ends)
    }
}

/// `group.0:7,3:42`: by partition, all before this offset is done.
fn write(places: impl IntoIterator<Item = (i32, i64)>) -> Cursor {
    let places = places.into_iter().map(|(partition, offset)| format!("{partition}:{offset}"));
    let list: Vec<String> = places.collect();
    Cursor::from_text(format!("{MARK}.{}", list.join(",")))
}

fn read(cursor: &Cursor) -> Result<Places, LogError> {
    if cursor.is_start() {
        return Ok(Places::new());
    }
    let foreign = || LogError::ForeignCursor(format!("the place {} is not one of a group", cursor.as_str()));
    let list =
        cursor.as_str().strip_prefix(MARK).and_then(|rest| rest.strip_prefix('.')).ok_or_else(foreign)?;
    let pairs = list.split(',').filter(|pair| !pair.is_empty());
    let parsed: Option<Places> = pairs
        .map(|pair| {
            let (partition, offset) = pair.split_once(':')?;
            Some((partition.parse().ok()?, offset.parse().ok()?))
        })
        .collect();
    parsed.ok_or_else(foreign)
}

#[async_trait]
impl EventLog for GroupLog {
    /// Of the partitions that this member holds. What is before `after` is done, and committed.
    async fn read_after(&self, after: &Cursor, limit: u32) -> Result<Batch, LogError> {
        let mut member = self.member.lock().await;
        let member = &mut *member;
        self.acknowledge(member, after).await?;
        let limit = usize::try_from(limit.clamp(1, MAX_BATCH)).unwrap_or(1);
        let mut all: Vec<Taken> = Vec::new();
        while all.len() < limit {
            match self.next(member, MORE).await {
                Ok(true) => {}
                Err(error) if all.is_empty() => return Err(error),
                Ok(false) | Err(_) => break,
            }
            let Some(mut taken) = member.waiting.take() else { continue };
            let mut dealt = self.hand.dealt();
            let Some(share) = dealt.shares.get_mut(&taken.partition) else { continue };
            if share.number != taken.number {
                continue;
            }
            share.begun.get_or_insert(taken.offset);
            share.given = Some(taken.offset.saturating_add(1));
            taken.event.cursor = dealt.cursor();
            all.push(taken);
        }
        // A partition that went to another meanwhile is his: what was taken of it, he is given.
        let dealt = self.hand.dealt();
        let mine = all.into_iter().filter(|taken| dealt.is_held(taken.partition, taken.number));
        let events: Vec<RecordedEvent> = mine.map(|taken| taken.event).collect();
        let next = if events.is_empty() { after.clone() } else { dealt.cursor() };
        Ok(Batch { events, next })
    }

    /// The end of the partitions that this member holds.
    async fn head(&self) -> Result<Cursor, LogError> {
        Ok(write(self.edges().await?))
    }

    /// Of the partitions that this member holds.
    async fn lag(&self, after: &Cursor) -> Result<u64, LogError> {
        let (done, ends) = (read(after)?, self.edges().await?);
        let dealt = self.hand.dealt();
        let place = |partition: &i32| {
            let committed = dealt.shares.get(partition).and_then(|share| share.committed);
            done.get(partition).copied().or(committed).unwrap_or(0)
        };
        let left = ends.iter().map(|(partition, end)| end.saturating_sub(place(partition)).max(0));
        Ok(u64::try_from(left.sum::<i64>()).unwrap_or(0))
    }

    async fn wait_after(&self, after: &Cursor) -> Result<(), LogError> {
        let mut member = self.member.lock().await;
        let member = &mut *member;
        self.acknowledge(member, after).await?;
        while !self.next(member, PATIENCE).await? {}
        Ok(())
    }

    /// All that Kafka has can be read at once; what the relay has still to send is not waited for.
    async fn settle(&self) -> Result<(), LogError> {
        self.edges().await.map(drop)
    }
}
