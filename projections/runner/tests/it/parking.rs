//! A poison event parks its own aggregate's line, and no other.

use std::sync::atomic::Ordering;

use async_trait::async_trait;
use sigma_runner::{ParkedLine, ProjectionState, Retried, RunnerError, Waited};
use sigma_store::memory::MemoryStore;
use sigma_store::{Batch, Cursor, EventLog, LogError};

use crate::{PATIENCE, Texts, reach, say, start, texts, until};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_others_go_on_and_it_is_reported() {
    let folder = tempfile::tempdir().unwrap();
    let store = MemoryStore::new(2);
    for n in 0..4 {
        // Both stand in one line: an aggregate is parked, not the channel around it.
        say(&store, "l", "sick", if n == 1 { "poison" } else { "said" }, &n.to_string()).await;
        say(&store, "l", "well", "said", &n.to_string()).await;
    }
    let runner = start(store.clone(), folder.path(), Texts::new()).await;
    reach(&runner, "well", 4).await;
    let status = until(&runner, |status| status.parked_events == 3).await;
    assert_eq!((status.state, status.parked_lines, status.handled), (ProjectionState::Live, 1, 8));
    let told = "poison (event 2 of thing sick): it tastes bitter";
    assert_eq!(status.last_error.as_deref(), Some(told));
    assert_eq!(texts(&runner).await["sick"], "0", "nothing of the poison stands");
    assert_eq!(texts(&runner).await["well"], "0123");
    let line = ParkedLine {
        aggregate_type: "thing".into(),
        aggregate_id: "sick".into(),
        sequence: 2,
        event_name: "poison".into(),
        error: "it tastes bitter".into(),
        waiting: 2,
    };
    assert_eq!(runner.parked("texts").await.unwrap(), [line]);
    let waited = runner.wait_for("texts", "thing", "sick", 4, PATIENCE).await.unwrap();
    assert_eq!(waited, Waited::Parked);
    reach(&runner, "sick", 1).await;

    // What comes later waits behind it, also after a restart.
    runner.shutdown().await;
    let runner = start(store.clone(), folder.path(), Texts::new()).await;
    assert_eq!(until(&runner, |status| status.parked_events == 3).await.last_error.as_deref(), Some(told));
    say(&store, "l", "sick", "said", "4").await;
    until(&runner, |status| status.parked_events == 4 && status.parked_lines == 1).await;
    assert_eq!(texts(&runner).await["sick"], "0");
    runner.shutdown().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn it_is_tried_again_in_order_once_cured() {
    let folder = tempfile::tempdir().unwrap();
    let store = MemoryStore::new(4);
    for (n, name) in ["said", "poison", "said", "panic", "constraint", "said"].into_iter().enumerate() {
        say(&store, "l", "sick", name, &n.to_string()).await;
    }
    let projection = Texts::new();
    let runner = start(store.clone(), folder.path(), projection.clone()).await;
    until(&runner, |status| status.parked_events == 5).await;
    let again = runner.retry_parked("texts", "sick").await.unwrap();
    assert_eq!(again, Retried { applied: 0, remaining: 5, error: Some("it tastes bitter".into()) });
    assert_eq!(texts(&runner).await["sick"], "0");

    projection.cured.store(1, Ordering::SeqCst);
    let again = runner.retry_parked("texts", "sick").await.unwrap();
    assert_eq!(again, Retried { applied: 5, remaining: 0, error: None });
    assert_eq!(texts(&runner).await["sick"], "012345");
    reach(&runner, "sick", 6).await;
    let status = until(&runner, |status| status.parked_events == 0).await;
    assert_eq!((status.parked_lines, status.last_error), (0, None));
    let nothing = runner.retry_parked("texts", "sick").await.unwrap_err();
    assert!(matches!(nothing, RunnerError::NothingParked { .. }), "{nothing}");

    let sequence = say(&store, "l", "sick", "said", "6").await;
    reach(&runner, "sick", sequence).await;
    assert_eq!(texts(&runner).await["sick"], "0123456");
    runner.shutdown().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn it_is_skipped_up_to_the_next_poison() {
    let folder = tempfile::tempdir().unwrap();
    let store = MemoryStore::new(5);
    for (n, name) in ["poison", "said", "panic", "said"].into_iter().enumerate() {
        say(&store, "l", "sick", name, &n.to_string()).await;
    }
    let runner = start(store.clone(), folder.path(), Texts::new()).await;
    until(&runner, |status| status.parked_events == 4).await;
    let skipped = runner.skip_parked("texts", "sick").await.unwrap();
    assert_eq!((skipped.applied, skipped.remaining), (1, 2));
    assert!(skipped.error.unwrap().contains("panicked"));
    let line = runner.parked("texts").await.unwrap().remove(0);
    assert_eq!((line.sequence, line.event_name.as_str(), line.waiting), (3, "panic", 1));
    let skipped = runner.skip_parked("texts", "sick").await.unwrap();
    assert_eq!(skipped, Retried { applied: 1, remaining: 0, error: None });
    assert_eq!(texts(&runner).await["sick"], "13");
    reach(&runner, "sick", 4).await;
    assert_eq!(until(&runner, |_| true).await.last_error, None);
    runner.shutdown().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_broken_constraint_is_the_events_fault_and_not_the_databases() {
    let folder = tempfile::tempdir().unwrap();
    let store = MemoryStore::new(6);
    say(&store, "l", "sick", "constraint", "0").await;
    let runner = start(store.clone(), folder.path(), Texts::new()).await;
    let status = until(&runner, |status| status.parked_events == 1).await;
    assert!(status.last_error.unwrap().contains("UNIQUE constraint failed: texts.aggregate_id"));
    runner.shutdown().await;
}

/// A log that breaks its promise: it never delivers the second event.
struct Leaky(MemoryStore);

#[async_trait]
impl EventLog for Leaky {
    async fn read_after(&self, after: &Cursor, limit: u32) -> Result<Batch, LogError> {
        let mut batch = self.0.read_after(after, limit).await?;
        batch.events.retain(|event| event.sequence != 2);
        Ok(batch)
    }

    async fn head(&self) -> Result<Cursor, LogError> {
        self.0.head().await
    }

    async fn lag(&self, after: &Cursor) -> Result<u64, LogError> {
        self.0.lag(after).await
    }

    async fn wait_after(&self, after: &Cursor) -> Result<(), LogError> {
        self.0.wait_after(after).await
    }

    async fn settle(&self) -> Result<(), LogError> {
        self.0.settle().await
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_missing_event_parks_what_comes_after_it() {
    let folder = tempfile::tempdir().unwrap();
    let store = MemoryStore::new(7);
    for n in 0..4 {
        say(&store, "l", "a", "said", &n.to_string()).await;
    }
    let runner = start(Leaky(store), folder.path(), Texts::new()).await;
    let status = until(&runner, |status| status.parked_events == 2).await;
    assert!(status.last_error.unwrap().contains("event 2 is missing before it"));
    assert_eq!(texts(&runner).await["a"], "0");
    let skipped = runner.skip_parked("texts", "a").await.unwrap();
    assert_eq!((skipped.applied, skipped.remaining), (1, 0));
    assert_eq!(texts(&runner).await["a"], "03");
    runner.shutdown().await;
}
