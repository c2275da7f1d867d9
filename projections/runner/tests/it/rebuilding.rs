//! The next generation is filled beside the one that serves, and swapped in whole.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use sigma_runner::{ProjectionState, RunnerError};
use sigma_store::memory::MemoryStore;
use sigma_store_sqlite::SqliteStore;
use sigma_tables::query;

use crate::{PATIENCE, SCHEMA, Texts, files, fill, reach, say, start, texts, until};

/// Waits until only this generation's file is left.
async fn only(folder: &Path, generation: u32) {
    let wanted = [format!("texts.g{generation}.sqlite")];
    let look = async {
        while files(folder) != wanted {
            sigma_clock::sleep(std::time::Duration::from_millis(2)).await;
        }
    };
    if sigma_clock::timeout(PATIENCE, look).await.is_err() {
        panic!("there are {:?}", files(folder));
    }
    let pointer = std::fs::read_to_string(folder.join("texts.serving")).unwrap();
    assert_eq!(pointer, format!("{generation}\n"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_serves_goes_on_while_the_next_is_filled() {
    let folder = tempfile::tempdir().unwrap();
    let store = MemoryStore::new(1);
    let mut wanted = fill(&store, 20, 60).await;
    // It may apply all that serves, and half of the next: there it stands still until it may go on.
    let projection = Texts::of(1, SCHEMA, 1_800);
    let runner = start(store.clone(), folder.path(), projection.clone()).await;
    reach(&runner, "a19", 60).await;
    only(folder.path(), 1).await;
    until(&runner, |status| status.lag == Some(0)).await;

    // Readers look all the time: none ever sees less than what was there.
    let ended = Arc::new(AtomicBool::new(false));
    let reader = tokio::spawn({
        let (runner, ended) = (runner.clone(), ended.clone());
        async move {
            let mut looked = 0;
            while !ended.load(Ordering::SeqCst) {
                let seen: usize = texts(&runner).await.values().map(|text| text.matches(';').count()).sum();
                assert!(seen >= 1_200, "a reader saw {seen} of 1200");
                looked += 1;
            }
            looked
        }
    });
    assert_eq!(runner.rebuild("texts").await.unwrap(), 2);
    assert_eq!(runner.rebuild("texts").await.unwrap(), 2, "one that is under way is not begun again");
    let status = until(&runner, |status| status.rebuild.is_some_and(|rebuild| rebuild.done > 0)).await;
    let rebuild = status.rebuild.unwrap();
    assert_eq!((status.generation, rebuild.generation, rebuild.total), (Some(1), 2, 1_200));
    let sequence = say(&store, "l3", "a3", "said", "meanwhile;").await;
    projection.permits.add_permits(10_000);
    reach(&runner, "a3", sequence).await;
    wanted.get_mut("a3").unwrap().push_str("meanwhile;");

    let status = until(&runner, |status| status.generation == Some(2)).await;
    assert_eq!((status.rebuild, status.state), (None, ProjectionState::Live));
    reach(&runner, "a3", sequence).await;
    assert_eq!(texts(&runner).await, wanted);
    ended.store(true, Ordering::SeqCst);
    assert!(reader.await.unwrap() > 5);
    only(folder.path(), 2).await;
    assert_eq!(runner.rebuild("texts").await.unwrap(), 3);
    only(folder.path(), 3).await;
    runner.shutdown().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_rebuild_takes_up_what_was_parked_or_skipped() {
    let folder = tempfile::tempdir().unwrap();
    let store = MemoryStore::new(2);
    say(&store, "l", "sick", "poison", "0").await;
    say(&store, "l", "sick", "said", "1").await;
    let projection = Texts::new();
    let runner = start(store.clone(), folder.path(), projection.clone()).await;
    until(&runner, |status| status.parked_events == 2).await;
    projection.cured.store(1, Ordering::SeqCst);
    runner.rebuild("texts").await.unwrap();
    let status = until(&runner, |status| status.generation == Some(2)).await;
    reach(&runner, "sick", 2).await;
    assert_eq!((status.parked_events, status.last_error), (0, None));
    assert_eq!(texts(&runner).await["sick"], "01");
    runner.shutdown().await;
}

/// Runs in a runtime of its own and drops it in the midst: no task is told, nothing is closed in order.
fn crash_when(store: &SqliteStore, views: &Path, projection: Arc<Texts>, rebuild: bool, applied: u64) {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    runtime.block_on(async {
        let runner = start(store.clone(), views, projection.clone()).await;
        if rebuild {
            until(&runner, |status| status.generation == Some(1) && status.lag == Some(0)).await;
            runner.rebuild("texts").await.unwrap();
        }
        while projection.applied.load(Ordering::SeqCst) < applied {
            sigma_clock::sleep(std::time::Duration::from_millis(2)).await;
        }
    });
    drop(runtime);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_rebuild_goes_on_after_a_crash() {
    let folder = tempfile::tempdir().unwrap();
    let views = folder.path().join("views");
    let store = SqliteStore::open(folder.path().join("store.sqlite")).await.unwrap();
    let wanted = fill(&store, 10, 80).await;
    // 800 for what serves, then 600 of the rebuild: 500 of them were committed.
    let projection = Texts::of(1, SCHEMA, 1_400);
    let (store_, views_) = (store.clone(), views.clone());
    tokio::task::spawn_blocking(move || crash_when(&store_, &views_, projection, true, 1_400)).await.unwrap();
    assert_eq!(files(&views), ["texts.g1.sqlite", "texts.g2.sqlite"]);
    assert_eq!(std::fs::read_to_string(views.join("texts.serving")).unwrap(), "1\n");

    let projection = Texts::new();
    let runner = start(store.clone(), &views, projection.clone()).await;
    assert_eq!(runner.reader("texts").unwrap().generation(), Some(1), "the old one serves at once");
    until(&runner, |status| status.generation == Some(2)).await;
    assert_eq!(texts(&runner).await, wanted);
    assert_eq!(projection.applied.load(Ordering::SeqCst), 300, "it went on where it was");
    only(&views, 2).await;
    runner.shutdown().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_first_build_goes_on_after_a_crash() {
    let folder = tempfile::tempdir().unwrap();
    let views = folder.path().join("views");
    let store = SqliteStore::open(folder.path().join("store.sqlite")).await.unwrap();
    let wanted = fill(&store, 10, 80).await;
    let projection = Texts::of(1, SCHEMA, 700);
    let (store_, views_) = (store.clone(), views.clone());
    tokio::task::spawn_blocking(move || crash_when(&store_, &views_, projection, false, 700)).await.unwrap();
    assert!(!views.join("texts.serving").exists(), "half a view never serves");
    let projection = Texts::new();
    let runner = start(store.clone(), &views, projection.clone()).await;
    reach(&runner, "a9", 80).await;
    assert_eq!(texts(&runner).await, wanted);
    assert_eq!(projection.applied.load(Ordering::SeqCst), 300);
    runner.shutdown().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_new_version_is_rebuilt_at_the_start_and_never_read_half() {
    let folder = tempfile::tempdir().unwrap();
    let store = MemoryStore::new(3);
    let wanted = fill(&store, 4, 10).await;
    let runner = start(store.clone(), folder.path(), Texts::new()).await;
    reach(&runner, "a3", 10).await;
    runner.shutdown().await;

    let schema = "create table texts (aggregate_id text primary key, text text not null, more text) strict";
    let newer = Texts::of(2, schema, 20);
    let runner = start(store.clone(), folder.path(), newer.clone()).await;
    while newer.applied.load(Ordering::SeqCst) < 20 {
        sigma_clock::sleep(std::time::Duration::from_millis(2)).await;
    }
    let reader = runner.reader("texts").unwrap();
    assert_eq!(reader.generation(), None);
    let status = until(&runner, |status| status.rebuild.is_some()).await;
    assert_eq!((status.state, status.generation, status.version), (ProjectionState::Building, None, 2));
    let refused = reader.acquire().await.unwrap_err();
    assert!(matches!(refused, RunnerError::NotReady { .. }), "{refused}");

    newer.permits.add_permits(1_000);
    reach(&runner, "a3", 10).await;
    assert_eq!(texts(&runner).await, wanted);
    let mut rows = reader.acquire().await.unwrap();
    query("select more from texts").fetch_all(&mut rows).await.unwrap();
    drop(rows);
    only(folder.path(), 2).await;
    runner.shutdown().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_view_of_another_store_or_a_damaged_one_is_built_anew() {
    let folder = tempfile::tempdir().unwrap();
    let old = MemoryStore::new(4);
    fill(&old, 2, 3).await;
    let runner = start(old, folder.path(), Texts::new()).await;
    reach(&runner, "a1", 3).await;
    runner.shutdown().await;

    let store = MemoryStore::new(5);
    let wanted = fill(&store, 3, 2).await;
    let runner = start(store.clone(), folder.path(), Texts::new()).await;
    until(&runner, |status| status.generation == Some(2)).await;
    assert_eq!(texts(&runner).await, wanted);
    only(folder.path(), 2).await;
    runner.shutdown().await;

    // What SQLite may have left beside it would mend it.
    for side in ["texts.g2.sqlite-wal", "texts.g2.sqlite-shm"] {
        let _ = std::fs::remove_file(folder.path().join(side));
    }
    std::fs::write(folder.path().join("texts.g2.sqlite"), vec![b'x'; 8_192]).unwrap();
    let runner = start(store.clone(), folder.path(), Texts::new()).await;
    until(&runner, |status| status.generation == Some(3)).await;
    assert_eq!(texts(&runner).await, wanted);
    only(folder.path(), 3).await;
    runner.shutdown().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_crash_between_the_swap_and_the_deletion_leaves_nothing_behind() {
    let folder = tempfile::tempdir().unwrap();
    let store = MemoryStore::new(6);
    let wanted = fill(&store, 2, 3).await;
    let runner = start(store.clone(), folder.path(), Texts::new()).await;
    reach(&runner, "a1", 3).await;
    runner.rebuild("texts").await.unwrap();
    only(folder.path(), 2).await;
    runner.shutdown().await;
    std::fs::copy(folder.path().join("texts.g2.sqlite"), folder.path().join("texts.g1.sqlite")).unwrap();

    let projection = Texts::new();
    let runner = start(store.clone(), folder.path(), projection.clone()).await;
    assert_eq!(runner.reader("texts").unwrap().generation(), Some(2));
    assert_eq!(texts(&runner).await, wanted);
    only(folder.path(), 2).await;
    assert_eq!(projection.applied.load(Ordering::SeqCst), 0);
    runner.shutdown().await;
}
