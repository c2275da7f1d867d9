//! The contract that each adapter passes.

use std::sync::Mutex;

use async_trait::async_trait;
use sigma_store::contract::Adapter;
use sigma_store_sqlite::SqliteStore;
use tempfile::TempDir;

/// Stores in folders of their own, gone when the test ends.
#[derive(Default)]
struct Sqlite {
    folders: Mutex<Vec<TempDir>>,
}

#[async_trait]
impl Adapter for Sqlite {
    type Store = SqliteStore;

    async fn fresh(&self) -> SqliteStore {
        let folder = tempfile::tempdir().unwrap();
        let store = SqliteStore::open(folder.path().join("store.sqlite")).await.unwrap();
        self.folders.lock().unwrap().push(folder);
        store
    }

    async fn reopen(&self, store: SqliteStore) -> SqliteStore {
        let path = store.path().to_owned();
        store.close().await;
        SqliteStore::open(path).await.unwrap()
    }
}

sigma_store::contract_suite!(Sqlite::default());
