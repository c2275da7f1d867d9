//! The relay and the log over it, against real Kafka.
#![allow(unreachable_pub, clippy::unwrap_used, reason = "a test binary has no outside, and may panic")]

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use kafka_harness::Kafka;
use serde_json::json;
use sigma_relay::{Connection, KafkaLog, Office, Relay, RelayHandle, RelayStatus, Topic};
use sigma_store::memory::MemoryStore;
use sigma_store::{
    CommandRecord, Commit, Cursor, EventLog, EventMetadata, Journal, LogError, NewEvent, RecordedEvent, Seen,
    Sighting,
};

mod contract;
mod crashes;
mod desk;
mod group;
mod office;
mod outage;
mod parking;
mod samples;
mod secured;
mod topics;

/// Long enough for a busy machine; a test that waits so long has failed.
const PATIENCE: Duration = Duration::from_secs(180);

/// One node for all tests that do it no harm. It ends with this process.
fn kafka() -> &'static Kafka {
    static KAFKA: OnceLock<Kafka> = OnceLock::new();
    KAFKA.get_or_init(|| Kafka::start(1))
}

fn connection() -> Connection {
    Connection::plain(kafka().bootstrap())
}

/// A topic of three partitions that no other test has.
fn topic() -> Topic {
    static NUMBER: AtomicU64 = AtomicU64::new(0);
    let number = NUMBER.fetch_add(1, Ordering::SeqCst);
    Topic { name: format!("events-{number}"), partitions: 3, copies: 1, retention: None }
}

fn relay(connection: &Connection, topic: &Topic) -> Relay {
    Relay { connection: connection.clone(), topic: topic.clone(), store: "store-1".to_owned() }
}

fn start(
    connection: &Connection,
    topic: &Topic,
    store: &MemoryStore,
    office: impl Office + 'static,
) -> RelayHandle {
    relay(connection, topic).start(Arc::new(store.clone()), Arc::new(office))
}

/// Commits one event after what stands; answers its sequence.
async fn say(store: &impl Journal, line: &str, aggregate: &str, name: &str, text: &str) -> u64 {
    let last = store.load("thing", aggregate).await.unwrap().len() as u64;
    let id = format!("{aggregate}-{last}");
    let commit = Commit {
        aggregate_type: "thing".into(),
        aggregate_id: aggregate.into(),
        line: line.into(),
        project_id: "pr_default".into(),
        expected: last,
        events: vec![NewEvent { name: name.into(), version: 1, data: json!({ "text": text }) }],
        metadata: EventMetadata {
            actor: r#"{"kind":"ADMIN","id":"a"}"#.into(),
            command_id: id.clone(),
            causation_id: (last % 2 == 1).then(|| "ev_cause".to_owned()),
            correlation_id: "co_1".into(),
            at_ms: 1_790_000_000_123,
        },
        command: CommandRecord { id, fingerprint: String::new(), answer: Vec::new(), at_ms: 0 },
        secrets: Vec::new(),
    };
    store.commit(commit).await.unwrap().last_sequence
}

/// `each` rounds over `lines` channels with a session a piece, in turn.
async fn fill(store: &MemoryStore, lines: usize, each: usize) {
    for round in 0..each {
        for line in 0..lines {
            let channel = format!("ch_{line}");
            let aggregate = if round % 3 == 0 { channel.clone() } else { format!("se_{line}") };
            say(store, &channel, &aggregate, "said", &round.to_string()).await;
        }
    }
}

/// Events of each line, in the order of their delivery, as (aggregate, sequence).
type Lines = BTreeMap<String, Vec<(String, u64)>>;

fn by_line<'a>(events: impl IntoIterator<Item = &'a RecordedEvent>) -> Lines {
    let mut lines = Lines::new();
    for event in events {
        lines.entry(event.line.clone()).or_default().push((event.aggregate_id.clone(), event.sequence));
    }
    lines
}

/// What a log delivers from its start: all of it, and without what came again.
struct Delivered {
    all: usize,
    new: Vec<RecordedEvent>,
}

/// Reads a log to its end; panics where an event is missing before another.
async fn read_all(log: &impl EventLog) -> Delivered {
    let (begun, mut seen, mut after) = (sigma_clock::monotonic(), Seen::new(), Cursor::start());
    let mut delivered = Delivered { all: 0, new: Vec::new() };
    loop {
        // As every follower does: who cannot be read now is asked again.
        let batch = match log.read_after(&after, 500).await {
            Err(LogError::Unavailable { .. }) if begun.elapsed() < PATIENCE => continue,
            batch => batch.unwrap(),
        };
        if batch.events.is_empty() && batch.next == after {
            return delivered;
        }
        after = batch.next;
        delivered.all += batch.events.len();
        for event in batch.events {
            match seen.see(&event) {
                Sighting::New => delivered.new.push(event),
                Sighting::Duplicate => {}
                Sighting::Gap { expected } => panic!("{expected} is missing before {event:?}"),
            }
        }
    }
}

/// What the store has, in the order of its own log without what that delivers again.
async fn wanted(store: &MemoryStore) -> Lines {
    by_line(&read_all(store).await.new)
}

/// Waits until all that the store has is acknowledged.
async fn caught_up(relay: &RelayHandle) {
    let look = async {
        while relay.lag().await != Some(0) {
            sigma_clock::sleep(Duration::from_millis(2)).await;
        }
    };
    let looked = sigma_clock::timeout(PATIENCE, look).await;
    assert!(looked.is_ok(), "it stays {:?}, lag {:?}", relay.status(), relay.lag().await);
}

/// Waits until the relay's status is as wanted.
async fn until(relay: &RelayHandle, wanted: impl Fn(&RelayStatus) -> bool) -> RelayStatus {
    let look = async {
        loop {
            let status = relay.status();
            if wanted(&status) {
                return status;
            }
            sigma_clock::sleep(Duration::from_millis(2)).await;
        }
    };
    match sigma_clock::timeout(PATIENCE, look).await {
        Ok(status) => status,
        Err(_) => panic!("it stays {:?}", relay.status()),
    }
}

fn open(connection: &Connection, topic: &Topic) -> KafkaLog {
    KafkaLog::open(connection.clone(), &topic.name).unwrap()
}
