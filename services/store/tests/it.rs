//! The contract, held against the adapter in memory.

use async_trait::async_trait;
use sigma_store::contract::Adapter;
use sigma_store::memory::MemoryStore;
use sigma_store::{CommandRecord, Commit, Cursor, EventLog, EventMetadata, Journal, NewEvent};

struct InMemory;

#[async_trait]
impl Adapter for InMemory {
    type Store = MemoryStore;

    async fn fresh(&self) -> MemoryStore {
        MemoryStore::new(20_260_728)
    }

    async fn reopen(&self, store: MemoryStore) -> MemoryStore {
        store.reopen()
    }
}

sigma_store::contract_suite!(InMemory);

#[tokio::test]
async fn it_shuffles_lines_against_each_other_and_delivers_some_again() {
    let store = MemoryStore::new(3);
    for n in 0..100 {
        let id = format!("ch_{n}");
        let command = CommandRecord { id: id.clone(), fingerprint: String::new(), answer: vec![], at_ms: 0 };
        let event = NewEvent { name: "x".into(), version: 1, data: serde_json::Value::Null };
        let commit = Commit {
            aggregate_type: "channel".into(),
            aggregate_id: id.clone(),
            line: id,
            project_id: "pr_default".into(),
            expected: 0,
            events: vec![event],
            metadata: EventMetadata::default(),
            command,
            secrets: vec![],
        };
        store.commit(commit).await.unwrap();
    }
    let orders: Vec<Vec<String>> = futures_util::future::join_all((0..2).map(async |_| {
        let batch = store.read_after(&Cursor::start(), 100).await.unwrap();
        batch.events.into_iter().map(|event| event.aggregate_id).collect()
    }))
    .await;
    assert_ne!(orders[0], orders[1], "two reads, two orders");

    let (mut after, mut delivered) = (Cursor::start(), 0);
    loop {
        let batch = store.read_after(&after, 3).await.unwrap();
        if batch.events.is_empty() {
            break;
        }
        delivered += batch.events.len();
        after = batch.next;
    }
    assert!(delivered > 100, "some came again: {delivered}");
}
