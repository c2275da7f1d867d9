//! The process dies within a batch, after any of its events, before its commit or after it: the rows that stand are those
//! of the checkpoint that stands.

use std::path::Path;
use std::time::Duration;

use sigma_store::Journal;
use sigma_store_sqlite::SqliteStore;
use tokio::runtime::{Builder, Runtime};
use tokio::sync::Semaphore;

use crate::{PATIENCE, SCHEMA, Texts, fill, reach, say, start, texts};

fn runtime() -> Runtime {
    Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap()
}

/// Runs a runner until it has applied `events` more, or has nothing left to do, and lets all of it die where it stands.
fn dies_after(store: &SqliteStore, views: &Path, events: usize) {
    let dying = runtime();
    dying.block_on(async {
        let projection = Texts::of(1, SCHEMA, events);
        let runner = start(store.clone(), views, projection.clone()).await;
        let look = async {
            // The next event finds no permit and waits for ever, in the midst of its transaction.
            while projection.permits.available_permits() > 0 {
                let status = runner.status().await.swap_remove(0);
                if status.lag == Some(0) {
                    break;
                }
                sigma_clock::sleep(Duration::from_millis(1)).await;
            }
        };
        sigma_clock::timeout(PATIENCE, look).await.unwrap();
    });
    // Nothing is asked to end: every task is dropped at the point where it waits, as a killed process leaves it.
    dying.shutdown_timeout(PATIENCE);
}

#[test]
fn a_crash_after_any_event_of_a_batch_loses_nothing_and_applies_nothing_twice() {
    let folder = tempfile::tempdir().unwrap();
    let views = folder.path().join("views");
    let outer = runtime();
    let store = outer.block_on(SqliteStore::open(folder.path().join("store.sqlite"))).unwrap();
    let mut wanted = outer.block_on(fill(&store, 3, 4));
    for events in 0..=14 {
        dies_after(&store, &views, events);
        // Every other time there is something new to read when it comes back.
        if events % 2 == 0 {
            outer.block_on(say(&store, "l0", "a0", "said", "more;"));
            wanted.get_mut("a0").unwrap().push_str("more;");
        }
    }
    outer.block_on(async {
        let runner = start(store.clone(), &views, Texts::of(1, SCHEMA, Semaphore::MAX_PERMITS)).await;
        for aggregate in wanted.keys() {
            let last = store.load("thing", aggregate).await.unwrap().len() as u64;
            reach(&runner, aggregate, last).await;
        }
        assert_eq!(texts(&runner).await, wanted);
        runner.shutdown().await;
    });
}
