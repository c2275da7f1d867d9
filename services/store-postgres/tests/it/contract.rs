//! The contract that each adapter passes.

use async_trait::async_trait;
use sigma_store::contract::Adapter;
use sigma_store_postgres::{Address, PostgresOptions, PostgresStore};

struct Postgres;

#[async_trait]
impl Adapter for Postgres {
    type Store = PostgresStore;

    async fn fresh(&self) -> PostgresStore {
        crate::fresh().await.1
    }

    async fn reopen(&self, store: PostgresStore) -> PostgresStore {
        let address: Address = store.address().clone();
        store.close().await;
        PostgresStore::open(&address, &PostgresOptions::default()).await.unwrap()
    }
}

sigma_store::contract_suite!(Postgres);
