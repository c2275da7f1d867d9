//! The table has postgres-es's layout: its repository, knowing nothing of ours, reads the log.

use cqrs_es::event_sink::EventSink;
use cqrs_es::persist::PersistedEventRepository;
use cqrs_es::{Aggregate, DomainEvent};
use postgres_es::PostgresEventRepository;
use serde::{Deserialize, Serialize};
use sigma_store::{EventMetadata, Journal};
use sqlx::postgres::PgPoolOptions;

use crate::commit;

#[derive(Default, Serialize, Deserialize)]
struct Thing;

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Happened;

impl DomainEvent for Happened {
    fn event_type(&self) -> String {
        "thing.happened".into()
    }

    fn event_version(&self) -> String {
        "1".into()
    }
}

#[derive(Debug, thiserror::Error)]
#[error("never")]
struct Never;

impl Aggregate for Thing {
    const TYPE: &'static str = "thing";
    type Command = ();
    type Event = Happened;
    type Error = Never;
    type Services = ();

    async fn handle(&mut self, (): (), (): &(), _: &EventSink<Self>) -> Result<(), Never> {
        Ok(())
    }

    fn apply(&mut self, _: Happened) {}
}

#[tokio::test]
async fn postgres_es_alone_reads_our_log() {
    let (url, store) = crate::fresh().await;
    let metadata = EventMetadata {
        actor: r#"{"kind":"admin","id":"ada"}"#.into(),
        command_id: "c1".into(),
        causation_id: Some("ev_1".into()),
        correlation_id: "co".into(),
        at_ms: 5,
    };
    let mut first = commit("a", 0, 2, "c1");
    first.metadata = metadata.clone();
    store.commit(first).await.unwrap();
    store.commit(commit("a", 2, 1, "c2")).await.unwrap();
    store.commit(commit("b", 0, 1, "c3")).await.unwrap();

    let theirs = format!("{url}?options=-csearch_path%3Dsigma");
    let pool = PgPoolOptions::new().max_connections(1).connect(&theirs).await.unwrap();
    let repository = PostgresEventRepository::new(pool);
    let events = repository.get_events::<Thing>("a").await.unwrap();
    let sequences: Vec<_> = events.iter().map(|event| event.sequence).collect();
    assert_eq!(sequences, [1, 2, 3]);
    let first = &events[0];
    assert_eq!((first.aggregate_type.as_str(), first.aggregate_id.as_str()), ("thing", "a"));
    assert_eq!((first.event_type.as_str(), first.event_version.as_str()), ("thing.happened", "1"));
    assert_eq!(first.payload, serde_json::json!({ "by": "c1" }));
    let map = serde_json::from_value(first.metadata.clone()).unwrap();
    assert_eq!(EventMetadata::from_map(&map), Some(metadata));
    let later = repository.get_last_events::<Thing>("a", 2).await.unwrap();
    assert_eq!(later.len(), 1);
    let mut all = repository.stream_all_events::<Thing>().await.unwrap();
    let mut count = 0;
    while all.next::<Thing>(&[]).await.is_some() {
        count += 1;
    }
    assert_eq!(count, 4);
}
