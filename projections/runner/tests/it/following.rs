//! From the log to rows, once and in order.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use sigma_runner::{ApplyError, Projection, ProjectionState, Runner, RunnerError, Waited};
use sigma_store::memory::MemoryStore;
use sigma_store::{Batch, Cursor, EventLog, Journal, LogError, RecordedEvent};
use sigma_store_sqlite::SqliteStore;
use sigma_tables::{Place, Rows, query};

use crate::{PATIENCE, SCHEMA, Texts, fill, reach, say, start, texts, until};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn it_applies_each_event_once_and_in_order() {
    for seed in 0..4 {
        let folder = tempfile::tempdir().unwrap();
        let store = MemoryStore::new(seed);
        let wanted = fill(&store, 7, 12).await;
        let projection = Texts::new();
        let runner = start(store.clone(), folder.path(), projection.clone()).await;
        for aggregate in wanted.keys() {
            reach(&runner, aggregate, 12).await;
        }
        // And what comes while it follows.
        let later = say(&store, "l0", "a0", "said", "later").await;
        reach(&runner, "a0", later).await;
        let mut wanted = wanted;
        wanted.get_mut("a0").unwrap().push_str("later");
        assert_eq!(texts(&runner).await, wanted, "seed {seed}");
        assert_eq!(projection.applied.load(Ordering::SeqCst), 7 * 12 + 1, "seed {seed}");
        let status = until(&runner, |status| status.lag == Some(0)).await;
        assert_eq!((status.state, status.handled, status.parked_events), (ProjectionState::Live, 85, 0));
        assert_eq!((status.generation, status.rebuild, status.last_error), (Some(1), None, None));
        runner.shutdown().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn it_goes_on_after_a_restart_where_it_was() {
    let folder = tempfile::tempdir().unwrap();
    let store = SqliteStore::open(folder.path().join("store.sqlite")).await.unwrap();
    let views = folder.path().join("views");
    let mut wanted = fill(&store, 3, 5).await;
    let projection = Texts::new();
    for round in 0..3 {
        let runner = start(store.clone(), &views, projection.clone()).await;
        let text = format!("round {round}");
        let sequence = say(&store, "l1", "a1", "said", &text).await;
        reach(&runner, "a1", sequence).await;
        wanted.get_mut("a1").unwrap().push_str(&text);
        assert_eq!(texts(&runner).await, wanted);
        assert_eq!(runner.reader("texts").unwrap().generation(), Some(1), "nothing was rebuilt");
        runner.shutdown().await;
    }
    assert_eq!(projection.applied.load(Ordering::SeqCst), 18, "nothing was applied again");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn trouble_in_the_midst_of_a_batch_takes_the_whole_batch_back() {
    let folder = tempfile::tempdir().unwrap();
    let store = MemoryStore::new(1);
    for n in 0..6 {
        say(&store, "l", "a", if n == 4 { "trouble" } else { "said" }, &n.to_string()).await;
    }
    let projection = Texts::new();
    projection.troubles.store(2, Ordering::SeqCst);
    let runner = start(store.clone(), folder.path(), projection.clone()).await;
    until(&runner, |status| status.state == ProjectionState::Stalled && status.last_error.is_some()).await;
    reach(&runner, "a", 6).await;
    assert_eq!(
        texts(&runner).await["a"],
        "012345",
        "what had been written before the trouble is not there twice"
    );
    let status = until(&runner, |status| status.state == ProjectionState::Live).await;
    assert_eq!((status.last_error, status.parked_events, status.handled), (None, 0, 6));
    assert!(projection.applied.load(Ordering::SeqCst) > 6);
    runner.shutdown().await;
}

/// A log that cannot be read for a while.
struct Moody {
    store: MemoryStore,
    failures: AtomicU64,
}

#[async_trait]
impl EventLog for Moody {
    async fn read_after(&self, after: &Cursor, limit: u32) -> Result<Batch, LogError> {
        if self.failures.load(Ordering::SeqCst) > 0 {
            self.failures.fetch_sub(1, Ordering::SeqCst);
            return Err(LogError::Unavailable { message: "the disk sleeps".into(), mend: "wake it".into() });
        }
        self.store.read_after(after, limit).await
    }

    async fn head(&self) -> Result<Cursor, LogError> {
        self.store.head().await
    }

    async fn lag(&self, after: &Cursor) -> Result<u64, LogError> {
        self.store.lag(after).await
    }

    async fn wait_after(&self, after: &Cursor) -> Result<(), LogError> {
        self.store.wait_after(after).await
    }

    async fn settle(&self) -> Result<(), LogError> {
        self.store.settle().await
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_log_that_cannot_be_read_is_reported_and_tried_again() {
    let folder = tempfile::tempdir().unwrap();
    let store = MemoryStore::new(1);
    say(&store, "l", "a", "said", "x").await;
    let log = Moody { store, failures: AtomicU64::new(3) };
    let runner = start(log, folder.path(), Texts::new()).await;
    let status = until(&runner, |status| status.state == ProjectionState::Stalled).await;
    assert_eq!(status.last_error.as_deref(), Some("the disk sleeps; wake it"));
    assert_eq!((status.generation, status.lag), (None, Some(1)));
    reach(&runner, "a", 1).await;
    until(&runner, |status| status.state == ProjectionState::Live && status.last_error.is_none()).await;
    runner.shutdown().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_wrote_reads_what_he_wrote() {
    let folder = tempfile::tempdir().unwrap();
    let store = MemoryStore::new(9);
    let runner = start(store.clone(), folder.path(), Texts::new()).await;
    let mut writers = tokio::task::JoinSet::new();
    for writer in 0..8 {
        let (store, runner) = (store.clone(), runner.clone());
        writers.spawn(async move {
            let aggregate = format!("w{writer}");
            for n in 1..=10 {
                say(&store, &aggregate, &aggregate, "said", "x").await;
                reach(&runner, &aggregate, n).await;
                assert!(texts(&runner).await[&aggregate].len() as u64 >= n);
            }
        });
    }
    while let Some(done) = writers.join_next().await {
        done.unwrap();
    }
    let short = Duration::from_millis(20);
    let waited = runner.wait_for("texts", "thing", "w0", 11, short).await.unwrap();
    assert_eq!(waited, Waited::TimedOut);
    let waited = runner.wait_for("texts", "thing", "nobody", 1, short).await.unwrap();
    assert_eq!(waited, Waited::TimedOut);
    runner.shutdown().await;
    let closed = runner.wait_for("texts", "thing", "w0", 1, PATIENCE).await.unwrap_err();
    assert!(matches!(closed, RunnerError::Unavailable { .. }), "{closed}");
}

#[tokio::test]
async fn a_view_of_an_empty_log_serves_at_once() {
    let folder = tempfile::tempdir().unwrap();
    let runner = start(MemoryStore::new(1), folder.path(), Texts::new()).await;
    assert!(texts(&runner).await.is_empty());
    let status = until(&runner, |status| status.generation == Some(1)).await;
    assert_eq!((status.state, status.lag, status.rebuild), (ProjectionState::Live, Some(0), None));
    runner.shutdown().await;
}

#[tokio::test]
async fn what_cannot_be_run_is_refused_at_the_start() {
    let folder = tempfile::tempdir().unwrap();
    let log = || Arc::new(MemoryStore::new(1));
    let twice = Runner::start(log(), folder.path(), vec![Texts::new(), Texts::new()]).await.unwrap_err();
    assert!(
        matches!(&twice, RunnerError::BadProjection { reason, .. } if reason.contains("taken")),
        "{twice}"
    );
    let broken = Texts::of(7, "create tabel x", 1);
    let broken = Runner::start(log(), folder.path(), vec![broken]).await.unwrap_err();
    assert!(
        matches!(&broken, RunnerError::BadProjection { reason, .. } if reason.contains("tabel")),
        "{broken}"
    );

    let runner = Runner::start(log(), folder.path(), vec![Texts::of(1, SCHEMA, 1)]).await.unwrap();
    let second = Runner::start(log(), folder.path(), vec![Texts::new()]).await.unwrap_err();
    assert!(second.to_string().contains("another sigma"), "{second}");
    let unknown = runner.rebuild("text").await.unwrap_err();
    assert_eq!(unknown.to_string(), r#"there is no projection "text"; there are: texts"#);
    runner.shutdown().await;
    Runner::start(log(), folder.path(), vec![Texts::new()]).await.unwrap();

    let file = folder.path().join("file");
    std::fs::write(&file, "").unwrap();
    let nowhere = Runner::start(log(), &file, vec![Texts::new()]).await.unwrap_err();
    assert!(nowhere.to_string().contains("make sure that the folder"), "{nowhere}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_runner_whose_hands_are_gone_ends() {
    let folder = tempfile::tempdir().unwrap();
    let store = MemoryStore::new(1);
    let runner = start(store.clone(), folder.path(), Texts::new()).await;
    say(&store, "l", "a", "said", "x").await;
    reach(&runner, "a", 1).await;
    drop(runner);
    let again = async {
        loop {
            match Runner::start(Arc::new(store.clone()), folder.path(), vec![Texts::new()]).await {
                Ok(runner) => return runner,
                Err(_) => sigma_clock::sleep(Duration::from_millis(5)).await,
            }
        }
    };
    let runner = sigma_clock::timeout(PATIENCE, again).await.unwrap();
    reach(&runner, "a", 1).await;
    assert_eq!(store.load("thing", "a").await.unwrap().len(), 1);
}

/// A view that no event concerns.
struct Deaf;

#[async_trait]
impl Projection for Deaf {
    fn name(&self) -> &str {
        "deaf"
    }

    fn version(&self) -> u32 {
        1
    }

    fn schema_sql(&self) -> &str {
        "create table silence (id text primary key)"
    }

    fn concerns(&self, aggregate_type: &str) -> bool {
        aggregate_type == "other"
    }

    async fn apply(&self, _rows: Rows<'_>, _events: &[&RecordedEvent]) -> Result<(), ApplyError> {
        Err(ApplyError::Poison("it was asked to apply what does not concern it".into()))
    }
}

/// How many events the view's file says that were handled.
async fn written_down(views: &Path) -> i64 {
    let mut file = Place::File(views.join("deaf.g1.sqlite")).connect().await.unwrap();
    let state = query("select handled from runner_state").fetch_one(&mut file).await.unwrap();
    state.try_get("handled").unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_does_not_concern_it_is_passed_over_and_written_down_a_moment_later() {
    let folder = tempfile::tempdir().unwrap();
    let store = MemoryStore::new(8);
    let start =
        async || Runner::start(Arc::new(store.clone()), folder.path(), vec![Arc::new(Deaf)]).await.unwrap();
    let runner = start().await;
    until(&runner, |status| status.generation == Some(1)).await;
    for n in 0..20 {
        say(&store, "l", "a", "said", &n.to_string()).await;
    }
    // This log gives some of them twice.
    until(&runner, |status| status.handled >= 20 && status.lag == Some(0)).await;
    let late = async {
        while written_down(folder.path()).await < 20 {
            sigma_clock::sleep(Duration::from_millis(20)).await;
        }
    };
    sigma_clock::timeout(PATIENCE, late).await.expect("its place is written down");

    // Who ends in order writes it down at once, and begins there.
    say(&store, "l", "a", "said", "20").await;
    let handled = until(&runner, |status| status.handled >= 21 && status.lag == Some(0)).await.handled;
    runner.shutdown().await;
    assert_eq!(u64::try_from(written_down(folder.path()).await), Ok(handled));
    let runner = start().await;
    assert_eq!(until(&runner, |status| status.lag == Some(0)).await.handled, handled);
    runner.shutdown().await;
}
