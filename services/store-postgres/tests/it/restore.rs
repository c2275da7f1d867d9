//! A store that was put somewhere from a dump or a copy: it says so, and is mended without loss.

use harness::postgres::Cluster;
use sigma_store::{Cursor, EventLog, Journal, LogError, SecretWrite, Seen, Sighting, StoreError};
use sigma_store_postgres::{Address, PostgresOptions, PostgresStore, repair};
use sqlx::Executor;

use crate::commit;

fn secret() -> SecretWrite {
    let (kind, owner) = ("stream_key".to_owned(), "a".to_owned());
    SecretWrite::Put { kind, owner, lookup: Some(vec![7]), sealed: vec![1, 2], expires_at_ms: None }
}

async fn refused(url: &str) -> String {
    let address: Address = url.parse().unwrap();
    match PostgresStore::open(&address, &PostgresOptions::default()).await {
        Err(StoreError::Corrupt(message)) => message,
        other => panic!("{other:?}"),
    }
}

async fn read_all(store: &PostgresStore) -> Vec<(String, u64)> {
    store.settle().await.unwrap();
    let (mut all, mut seen, mut after) = (Vec::new(), Seen::new(), Cursor::start());
    loop {
        let batch = store.read_after(&after, 7).await.unwrap();
        if batch.events.is_empty() {
            return all;
        }
        for event in batch.events {
            assert_eq!(seen.see(&event), Sighting::New, "{event:?}");
            all.push((event.aggregate_id, event.sequence));
        }
        after = batch.next;
    }
}

#[tokio::test]
async fn a_store_restored_into_a_fresh_cluster_is_refused_until_it_is_repaired() {
    let (old, new) = (Cluster::quick(&[]), Cluster::quick(&[]));
    let url = old.database().await;
    let store = crate::open(&url).await;
    // The old cluster has lived: its transaction ids are far beyond the new one's.
    let spend = "do $$ begin for n in 1..5000 loop perform pg_current_xact_id(); commit; end loop; end $$";
    old.shell(url.rsplit_once('/').unwrap().1).await.execute(spend).await.unwrap();
    for n in 0..30 {
        let mut one = commit("a", n, 1, &format!("a{n}"));
        one.secrets = if n == 0 { vec![secret()] } else { Vec::new() };
        store.commit(one).await.unwrap();
        store.commit(commit("b", n * 2, 2, &format!("b{n}"))).await.unwrap();
    }
    store.bind_master_key("print").await.unwrap();
    let before = read_all(&store).await;
    let place = store.head().await.unwrap();
    let identity = store.identity().await.unwrap();
    store.close().await;

    let folder = tempfile::tempdir().unwrap();
    let dump = folder.path().join("dump").display().to_string();
    let database = url.rsplit_once('/').unwrap().1;
    old.tool("pg_dump", &["-Fc", "-f", &dump, database]);
    let restored = new.database().await;
    new.tool("pg_restore", &["-d", restored.rsplit_once('/').unwrap().1, &dump]);

    let message = refused(&restored).await;
    assert!(message.contains("sigma store repair-xid"), "{message}");
    let repaired = repair(&restored.parse().unwrap()).await.unwrap();
    assert_eq!(repaired.events, 90);
    let store = crate::open(&restored).await;
    assert_eq!(read_all(&store).await, before, "all of it, in the order it had");
    assert_eq!(store.find_secret("stream_key", &[7]).await.unwrap().len(), 1);
    assert_eq!(
        store.commit(commit("a", 30, 1, "a0")).await.unwrap().last_sequence,
        1,
        "a command is honoured once"
    );
    // New events stand after the old ones.
    store.commit(commit("a", 30, 1, "new")).await.unwrap();
    let after = read_all(&store).await;
    assert_eq!((after.len(), after.last()), (91, Some(&("a".to_owned(), 31))));
    // Who kept a place in the old one begins anew; whose store it is has not changed.
    assert!(matches!(store.read_after(&place, 1).await, Err(LogError::ForeignCursor(_))));
    let now = store.identity().await.unwrap();
    assert_ne!(now.incarnation, identity.incarnation);
    assert_eq!(now.master_key_fingerprint, identity.master_key_fingerprint);
}

#[tokio::test]
async fn a_copy_in_the_same_cluster_is_another_store() {
    let (url, store) = crate::fresh().await;
    store.commit(commit("a", 0, 3, "c1")).await.unwrap();
    let place = store.head().await.unwrap();
    store.close().await;
    let database = url.rsplit_once('/').unwrap().1;
    let copy = format!("{database}_copy");
    let mut shell = Cluster::shared().shell("postgres").await;
    let make = format!("create database {copy} template {database}");
    // The closed store's last connection may need a moment to go.
    while shell.execute(make.as_str()).await.is_err() {
        sigma_clock::sleep(std::time::Duration::from_millis(20)).await;
    }
    let copied = Cluster::shared().url(&copy);
    assert!(refused(&copied).await.contains("repair-xid"));
    repair(&copied.parse().unwrap()).await.unwrap();
    let (one, two) = (crate::open(&url).await, crate::open(&copied).await);
    assert!(matches!(two.read_after(&place, 1).await, Err(LogError::ForeignCursor(_))));
    assert!(one.read_after(&place, 1).await.unwrap().events.is_empty());
    assert_eq!(read_all(&two).await.len(), 3);
}

#[tokio::test]
async fn an_older_state_of_the_same_database_refuses_the_places_that_it_lost() {
    let (url, store) = crate::fresh().await;
    let early = store.commit(commit("a", 0, 1, "c1")).await.unwrap().cursor;
    let folder = tempfile::tempdir().unwrap();
    let dump = folder.path().join("dump").display().to_string();
    let database = url.rsplit_once('/').unwrap().1;
    Cluster::shared().tool("pg_dump", &["-Fc", "-f", &dump, database]);
    for n in 1..40 {
        store.commit(commit("a", n, 1, &format!("c{n}-late"))).await.unwrap();
    }
    let late = store.commit(commit("a", 40, 1, "c2")).await.unwrap().cursor;
    store.close().await;
    Cluster::shared().tool("pg_restore", &["--clean", "--if-exists", "-d", database, &dump]);
    let store = crate::open(&url).await;
    store.settle().await.unwrap();
    assert!(store.read_after(&early, 1).await.unwrap().events.is_empty());
    let refused = store.read_after(&late, 1).await;
    assert!(matches!(refused, Err(LogError::ForeignCursor(_))), "{refused:?}");
}
