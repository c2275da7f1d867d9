//! The contract held against PostgreSQL, and what only PostgreSQL can break.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

use serde_json::json;
use sigma_store::{CommandRecord, Commit, EventMetadata, NewEvent};
use sigma_store_postgres::{Address, PostgresOptions, PostgresStore};

mod contract;
mod faults;
mod fill;
mod layout;
mod restore;
mod schedules;
mod together;

/// A store of its own, in the cluster that all tests share.
async fn fresh() -> (String, PostgresStore) {
    let url = harness::postgres::Cluster::shared().database().await;
    let store = open(&url).await;
    (url, store)
}

async fn open(url: &str) -> PostgresStore {
    let address: Address = url.parse().unwrap();
    PostgresStore::open(&address, &PostgresOptions::default()).await.unwrap()
}

/// A commit of `count` events to `aggregate`, under the command id `command`.
fn commit(aggregate: &str, expected: u64, count: usize, command: &str) -> Commit {
    let event = NewEvent { name: "thing.happened".into(), version: 1, data: json!({ "by": command }) };
    let at_ms = 1_700_000_000_000;
    Commit {
        aggregate_type: "thing".into(),
        aggregate_id: aggregate.into(),
        line: aggregate.into(),
        project_id: "pr_default".into(),
        expected,
        events: vec![event; count],
        metadata: EventMetadata { command_id: command.into(), at_ms, ..EventMetadata::default() },
        command: CommandRecord { id: command.into(), fingerprint: String::new(), answer: vec![1], at_ms },
        secrets: Vec::new(),
    }
}
