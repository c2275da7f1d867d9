//! Any cqrs-es aggregate can be loaded and committed through the adapter.

use cqrs_es::event_sink::EventSink;
use cqrs_es::{Aggregate, AggregateError, DomainEvent, EventStore};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::{Adapter, record};
use crate::{
    AggregateStore, CodecError, EventCodec, EventMetadata, Journal, Loaded, NewEvent, Placement, StoreError,
};

#[derive(Debug, Default, Serialize, Deserialize)]
struct Counter {
    count: u64,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
enum CounterEvent {
    Added(u64),
}

impl DomainEvent for CounterEvent {
    fn event_type(&self) -> String {
        "counter.added".into()
    }

    fn event_version(&self) -> String {
        "1".into()
    }
}

#[derive(Debug, thiserror::Error)]
#[error("nothing to add")]
struct NothingToAdd;

impl Aggregate for Counter {
    const TYPE: &'static str = "counter";
    type Command = u64;
    type Event = CounterEvent;
    type Error = NothingToAdd;
    type Services = ();

    async fn handle(&mut self, by: u64, (): &(), sink: &EventSink<Self>) -> Result<(), NothingToAdd> {
        if by == 0 {
            return Err(NothingToAdd);
        }
        sink.write(CounterEvent::Added(by), self).await;
        Ok(())
    }

    fn apply(&mut self, CounterEvent::Added(by): CounterEvent) {
        self.count += by;
    }
}

/// Stores `{"by": n}`; a first version, long ago, stored the bare number.
struct CounterCodec;

impl EventCodec<Counter> for CounterCodec {
    fn encode(&self, CounterEvent::Added(by): &CounterEvent) -> Result<NewEvent, CodecError> {
        Ok(NewEvent { name: "counter.added".into(), version: 2, data: json!({ "by": by }) })
    }

    fn decode(&self, name: &str, version: u16, data: &Value) -> Result<CounterEvent, CodecError> {
        let by = match (name, version) {
            ("counter.added", 1) => data.as_u64(),
            ("counter.added", 2) => data["by"].as_u64(),
            _ => return Err(CodecError(format!("no event {name} v{version} is known"))),
        };
        by.map(CounterEvent::Added).ok_or_else(|| CodecError("by must be a number".into()))
    }

    fn placement(&self, aggregate_id: &str, _: &Counter) -> Placement {
        Placement { line: aggregate_id.into(), project_id: "pr_default".into() }
    }
}

fn metadata(command: &str) -> EventMetadata {
    EventMetadata {
        actor: "{}".into(),
        command_id: command.into(),
        causation_id: None,
        correlation_id: "co".into(),
        at_ms: 7,
    }
}

#[expect(missing_docs, reason = "the name is the sentence")]
pub async fn it_carries_a_cqrs_es_aggregate<A: Adapter>(adapter: &A) {
    let store = AggregateStore::<Counter, _, _>::new(adapter.fresh().await, CounterCodec);
    let empty = store.load_aggregate("n").await.unwrap();
    assert_eq!((empty.version, empty.aggregate.count), (0, 0));
    let events = vec![CounterEvent::Added(2), CounterEvent::Added(3)];
    let made = store.commit(events, empty, metadata("c1").to_map()).await.unwrap();
    assert_eq!(made.iter().map(|e| e.sequence).collect::<Vec<_>>(), [1, 2]);
    let loaded = store.load_aggregate("n").await.unwrap();
    assert_eq!((loaded.version, loaded.aggregate.count), (2, 5));
    let events = store.load_events("n").await.unwrap();
    assert_eq!(events[1].payload, CounterEvent::Added(3));
    assert_eq!(EventMetadata::from_map(&events[1].metadata), Some(metadata("c1")));

    // An event of the first version is read for ever; one that nobody knows is a fault, named.
    let commit = |name: &str, version, expected, command: &str| {
        let loaded = Loaded { aggregate: Counter::default(), aggregate_id: "n".into(), version: expected };
        let mut commit = store.prepare(loaded, &[], metadata(command), record(command)).unwrap();
        commit.events = vec![NewEvent { name: name.into(), version, data: json!(4) }];
        commit
    };
    store.journal().commit(commit("counter.added", 1, 2, "c2")).await.unwrap();
    assert_eq!(store.load("n").await.unwrap().aggregate.count, 9);
    store.journal().commit(commit("counter.lost", 1, 3, "c3")).await.unwrap();
    let Err(StoreError::Corrupt(message)) = store.load("n").await else { panic!("it was read") };
    assert!(message.contains("event 4 (counter.lost v1) of counter n"), "{message}");
    assert!(matches!(store.load_events("n").await, Err(AggregateError::DeserializationError(_))));
    let without = store.load("m").await.unwrap();
    let refused = store.commit(vec![CounterEvent::Added(1)], without, Default::default()).await;
    assert!(matches!(refused, Err(AggregateError::UnexpectedError(_))), "metadata without a command id");
}

#[expect(missing_docs, reason = "the name is the sentence")]
pub async fn it_lets_cqrs_es_writers_race_without_loss<A: Adapter>(adapter: &A) {
    let store = adapter.fresh().await;
    let mut writers = tokio::task::JoinSet::new();
    for writer in 0..8 {
        let store = store.clone();
        writers.spawn(async move {
            let store = AggregateStore::<Counter, _, _>::new(store, CounterCodec);
            for n in 0..10 {
                let map = metadata(&format!("{writer}-{n}")).to_map();
                loop {
                    let loaded = store.load_aggregate("n").await.unwrap();
                    match store.commit(vec![CounterEvent::Added(1)], loaded, map.clone()).await {
                        Ok(_) => break,
                        Err(AggregateError::AggregateConflict) => {}
                        Err(other) => panic!("{other}"),
                    }
                }
            }
        });
    }
    while let Some(done) = writers.join_next().await {
        done.unwrap();
    }
    let loaded = AggregateStore::<Counter, _, _>::new(store, CounterCodec).load("n").await.unwrap();
    assert_eq!((loaded.version, loaded.aggregate.count), (80, 80));
}

#[expect(missing_docs, reason = "the name is the sentence")]
pub async fn it_answers_a_repeated_cqrs_es_commit_with_what_was_made<A: Adapter>(adapter: &A) {
    let store = AggregateStore::<Counter, _, _>::new(adapter.fresh().await, CounterCodec);
    for command in ["c1", "c2"] {
        let loaded = store.load("n").await.unwrap();
        store.commit(vec![CounterEvent::Added(5)], loaded, metadata(command).to_map()).await.unwrap();
    }
    let loaded = store.load("n").await.unwrap();
    let again = store.commit(vec![CounterEvent::Added(6)], loaded, metadata("c1").to_map()).await.unwrap();
    let again: Vec<_> = again.into_iter().map(|e| (e.sequence, e.payload)).collect();
    assert_eq!(again, [(1, CounterEvent::Added(5))]);
    assert_eq!(store.load("n").await.unwrap().aggregate.count, 10);
}
