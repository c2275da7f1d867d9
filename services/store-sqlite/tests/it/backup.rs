//! A copy that is made while the store is in use, and put back.

use sigma_store::{Cursor, EventLog, Journal, LogError, StoreError};
use sigma_store_sqlite::{SqliteStore, back_up, restore};

use crate::commit;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_store_in_use_is_copied_whole_and_put_back() {
    let folder = tempfile::tempdir().unwrap();
    let (path, copy) = (folder.path().join("store.sqlite"), folder.path().join("copy"));
    let store = SqliteStore::open(&path).await.unwrap();
    store.commit(commit("a", 0, 3, "before")).await.unwrap();
    let writing = tokio::spawn({
        let store = store.clone();
        async move {
            for n in 0..200 {
                store.commit(commit("busy", n * 2, 2, &format!("c{n}"))).await.unwrap();
            }
        }
    });
    let copied = back_up(&path, &copy).await.unwrap();
    writing.await.unwrap();
    assert!(copied.events >= 3 && copied.bytes > 0, "{copied:?}");
    assert!(
        matches!(back_up(&path, &copy).await, Err(StoreError::Unavailable { .. })),
        "it is there already"
    );
    let late = store.commit(commit("a", 3, 1, "after")).await.unwrap().cursor;
    let refused = restore(&copy, &path).await;
    assert!(
        matches!(&refused, Err(StoreError::Unavailable { message, .. }) if message.contains("in use")),
        "{refused:?}"
    );
    let identity = store.bind_master_key("print").await.unwrap();
    store.close().await;

    assert_eq!(restore(&copy, &path).await.unwrap().events, copied.events);
    let store = SqliteStore::open(&path).await.unwrap();
    assert_eq!(store.load("thing", "a").await.unwrap().len(), 3);
    let busy = store.load("thing", "busy").await.unwrap();
    assert_eq!(busy.len() % 2, 0, "no commit by half");
    assert_eq!(busy.len() as u64 + 3, copied.events);
    assert!(store.command("after").await.unwrap().is_none());
    assert_ne!(store.identity().await.unwrap().incarnation, identity.incarnation);
    assert!(matches!(store.read_after(&late, 1).await, Err(LogError::ForeignCursor(_))));
    assert_eq!(store.read_after(&Cursor::start(), 3).await.unwrap().events.len(), 3);
    store.close().await;
    let replaced = SqliteStore::open(folder.path().join("store.sqlite.replaced")).await.unwrap();
    assert!(replaced.command("after").await.unwrap().is_some(), "what stood there is kept");
}

#[tokio::test]
async fn what_is_no_store_is_not_put_back() {
    let folder = tempfile::tempdir().unwrap();
    let (path, garbage) = (folder.path().join("store.sqlite"), folder.path().join("garbage"));
    SqliteStore::open(&path).await.unwrap().close().await;
    std::fs::write(&garbage, vec![b'x'; 8_192]).unwrap();
    assert!(matches!(restore(&garbage, &path).await, Err(StoreError::Corrupt(_))));
    assert!(restore(&folder.path().join("absent"), &path).await.is_err());
    SqliteStore::open(&path).await.unwrap();
}
