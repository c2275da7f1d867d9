//! What goes wrong around the file: each is answered with its mend, and nothing that was answered is lost.

use std::path::Path;
use std::time::Duration;

use sigma_store::{Cursor, EventLog, Journal, LogError, SecretWrite, StoreError};
use sigma_store_sqlite::{SqliteOptions, SqliteStore};
use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{ConnectOptions, Executor, SqliteConnection};

use crate::commit;

async fn shell(path: &Path) -> SqliteConnection {
    SqliteConnectOptions::new().filename(path).create_if_missing(true).connect().await.unwrap()
}

fn unavailable(error: StoreError) -> (String, String) {
    let StoreError::Unavailable { message, mend } = error else { panic!("{error:?}") };
    (message, mend)
}

#[tokio::test]
async fn a_full_disk_refuses_with_its_mend_and_keeps_what_was_answered() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("store.sqlite");
    let options = SqliteOptions { max_bytes: Some(200 * 1024), ..SqliteOptions::default() };
    let store = SqliteStore::open_with(&path, &options).await.unwrap();
    let mut kept = 0;
    let error = loop {
        match store.commit(commit("a", kept, 5, &format!("c{kept}"))).await {
            Ok(committed) => kept = committed.last_sequence,
            Err(error) => break error,
        }
        assert!(kept < 10_000, "the limit is not held");
    };
    assert!(kept > 5);
    let (message, mend) = unavailable(error);
    assert!(message.contains("no space left") && mend.contains("free space"), "{message}; {mend}");
    assert_eq!(store.load("thing", "a").await.unwrap().len() as u64, kept, "it still reads");
    assert_eq!(store.command(&format!("c{kept}")).await.unwrap(), None, "nothing of the refused one stands");
    unavailable(store.commit(commit("a", kept, 5, "again")).await.unwrap_err());
    store.close().await;

    let store = SqliteStore::open(&path).await.unwrap();
    assert_eq!(store.load("thing", "a").await.unwrap().len() as u64, kept);
    let committed = store.commit(commit("a", kept, 1, "room")).await.unwrap();
    assert_eq!(committed.last_sequence, kept + 1);
    assert_eq!(
        store.lag(&Cursor::start()).await.unwrap(),
        kept + 1,
        "the log has no trace of what was refused"
    );
}

#[tokio::test]
async fn a_store_that_another_program_holds_is_busy_and_then_works_again() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("store.sqlite");
    let options = SqliteOptions { busy_timeout: Duration::from_millis(30), ..SqliteOptions::default() };
    let store = SqliteStore::open_with(&path, &options).await.unwrap();
    let mut shell = shell(&path).await;
    shell.execute("begin immediate").await.unwrap();
    let (message, mend) = unavailable(store.commit(commit("a", 0, 1, "c1")).await.unwrap_err());
    assert!(message.contains("another program holds") && mend.contains("backup"), "{message}; {mend}");
    shell.execute("rollback").await.unwrap();
    assert_eq!(store.commit(commit("a", 0, 1, "c1")).await.unwrap().repeated, None);
}

#[tokio::test]
async fn a_second_process_is_kept_out() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("store.sqlite");
    let store = SqliteStore::open(&path).await.unwrap();
    let (message, mend) = unavailable(SqliteStore::open(&path).await.unwrap_err());
    assert!(message.contains("is in use") && mend.contains("stop the other sigma"), "{message}; {mend}");
    store.close().await;
    SqliteStore::open(&path).await.unwrap();
}

#[tokio::test]
async fn a_missing_folder_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let error = SqliteStore::open(folder.path().join("absent/store.sqlite")).await.unwrap_err();
    let (message, mend) = unavailable(error);
    assert!(message.contains("absent/store.sqlite") && mend.contains("folder"), "{message}; {mend}");
}

#[tokio::test]
async fn a_file_that_is_no_store_of_ours_is_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    let garbage = folder.path().join("garbage");
    std::fs::write(&garbage, vec![b'x'; 8_192]).unwrap();
    let error = SqliteStore::open(&garbage).await.unwrap_err();
    assert!(matches!(&error, StoreError::Corrupt(m) if m.contains("damaged or no event store")), "{error}");
    assert_eq!(std::fs::read(&garbage).unwrap(), vec![b'x'; 8_192]);

    let foreign = folder.path().join("foreign");
    shell(&foreign).await.execute("create table songs (title text)").await.unwrap();
    let error = SqliteStore::open(&foreign).await.unwrap_err();
    assert!(matches!(&error, StoreError::Corrupt(m) if m.contains("no event store of Sigma")), "{error}");

    let newer = folder.path().join("newer");
    SqliteStore::open(&newer).await.unwrap().close().await;
    shell(&newer).await.execute("pragma user_version = 999").await.unwrap();
    let error = SqliteStore::open(&newer).await.unwrap_err();
    assert!(matches!(&error, StoreError::Corrupt(m) if m.contains("newer Sigma (schema 999")), "{error}");
}

#[tokio::test]
async fn a_broken_event_is_named_and_the_commits_beside_a_refused_one_are_kept() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("store.sqlite");
    let store = SqliteStore::open(&path).await.unwrap();
    // They wait for the writer together and share a transaction; the second is refused, the fourth a conflict.
    let (one, two, three, four) = tokio::join!(
        store.commit(commit("a", 0, 2, "c1")),
        store.commit(commit("b", 0, 5_000, "c2")),
        store.commit(commit("c", 0, 2, "c3")),
        store.commit(commit("a", 0, 1, "c4")),
    );
    assert!(matches!(two, Err(StoreError::Corrupt(_))) && matches!(four, Err(StoreError::Conflict { .. })));
    let (one, three) = (one.unwrap(), three.unwrap());
    let batch = store.read_after(&one.cursor, 10).await.unwrap();
    assert_eq!(batch.events.iter().map(|e| e.aggregate_id.as_str()).collect::<Vec<_>>(), ["c", "c"]);
    assert_eq!(batch.next, three.cursor);

    shell(&path).await.execute("update events set data = '{' where position = 1").await.unwrap();
    let loaded = store.load("thing", "a").await;
    assert!(matches!(&loaded, Err(StoreError::Corrupt(m)) if m.contains("data")), "{loaded:?}");
    assert!(matches!(store.read_after(&Cursor::start(), 1).await, Err(LogError::Corrupt(_))));
}

#[tokio::test]
async fn a_commit_that_fails_halfway_leaves_nothing_and_harms_no_other() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("store.sqlite");
    let store = SqliteStore::open(&path).await.unwrap();
    let trap = "create trigger trap before insert on secrets when new.kind = 'trap' \
                begin select raise(abort, 'trapped'); end";
    shell(&path).await.execute(trap).await.unwrap();
    let mut trapped = commit("a", 0, 3, "c1");
    trapped.secrets = vec![SecretWrite::Put {
        kind: "trap".into(),
        owner: "a".into(),
        lookup: None,
        sealed: vec![],
        expires_at_ms: None,
    }];
    let (trapped, beside) = tokio::join!(store.commit(trapped), store.commit(commit("b", 0, 1, "c2")));
    assert!(matches!(&trapped, Err(StoreError::Corrupt(m)) if m.contains("trapped")), "{trapped:?}");
    assert!(store.load("thing", "a").await.unwrap().is_empty(), "its events were written before it failed");
    assert_eq!(store.command("c1").await.unwrap(), None);
    let head = store.head().await.unwrap();
    assert_eq!(beside.unwrap().cursor, head);
    assert_eq!(store.commit(commit("a", 0, 3, "c1")).await.unwrap().last_sequence, 3);
}

#[tokio::test]
async fn a_store_put_back_from_an_older_copy_refuses_the_places_that_it_lost() {
    let folder = tempfile::tempdir().unwrap();
    let (path, copy) = (folder.path().join("store.sqlite"), folder.path().join("copy"));
    let store = SqliteStore::open(&path).await.unwrap();
    let early = store.commit(commit("a", 0, 1, "c1")).await.unwrap().cursor;
    store.close().await;
    std::fs::copy(&path, &copy).unwrap();
    let store = SqliteStore::open(&path).await.unwrap();
    let late = store.commit(commit("a", 1, 1, "c2")).await.unwrap().cursor;
    store.close().await;
    std::fs::rename(&copy, &path).unwrap();
    // Whoever puts a copy back clears what SQLite left beside the file.
    for side in ["store.sqlite-wal", "store.sqlite-shm"] {
        let _ = std::fs::remove_file(folder.path().join(side));
    }

    let store = SqliteStore::open(&path).await.unwrap();
    assert!(store.read_after(&early, 1).await.unwrap().events.is_empty());
    let refused = store.read_after(&late, 1).await.unwrap_err();
    assert!(matches!(&refused, LogError::ForeignCursor(m) if m.contains("store.sqlite")), "{refused}");
    assert!(refused.to_string().contains("must be rebuilt"), "{refused}");
}

#[tokio::test]
async fn a_closed_store_says_so_to_all_who_still_hold_it() {
    let folder = tempfile::tempdir().unwrap();
    let store = SqliteStore::open(folder.path().join("store.sqlite")).await.unwrap();
    let (hand, waiter) = (store.clone(), store.clone());
    let waiting = tokio::spawn(async move { waiter.wait_after(&Cursor::start()).await });
    tokio::task::yield_now().await;
    store.close().await;
    let woken = waiting.await.unwrap();
    assert!(matches!(woken, Err(LogError::Unavailable { .. })), "{woken:?}");
    let (message, _) = unavailable(hand.commit(commit("a", 0, 1, "c1")).await.unwrap_err());
    assert!(message.contains("was closed"), "{message}");
    let (message, _) = unavailable(hand.load("thing", "a").await.unwrap_err());
    assert!(message.contains("was closed"), "{message}");
}
