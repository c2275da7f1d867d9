//! The reading part of the store's contract, held against a log that a relay fills in real Kafka.

use std::sync::Arc;

use async_trait::async_trait;
use sigma_relay::{KafkaLog, RelayHandle, Topic};
use sigma_store::contract::Adapter;
use sigma_store::memory::MemoryStore;
use sigma_store::{
    Batch, CommandRecord, Commit, Committed, Cursor, EventLog, History, HistoryFilter, HistoryPage,
    HistoryRange, Identity, Journal, LogError, RecordedEvent, SecretRow, SecretWrite, StoreError,
};

use crate::desk::Desk;
use crate::{connection, start, topic};

/// Written to a store in memory, read from Kafka: a commit is answered once the relay has it acknowledged.
#[derive(Clone)]
struct Relayed {
    store: MemoryStore,
    log: KafkaLog,
    topic: Topic,
    relay: Arc<RelayHandle>,
}

fn filled(relay: &RelayHandle, topic: &Topic) -> KafkaLog {
    KafkaLog::filled_by(relay.filling(), connection(), &topic.name).unwrap()
}

struct ThroughKafka;

#[async_trait]
impl Adapter for ThroughKafka {
    type Store = Relayed;

    async fn fresh(&self) -> Relayed {
        let (store, topic) = (MemoryStore::new(7), topic());
        let relay = Arc::new(start(&connection(), &topic, &store, Desk::new()));
        // Commits come at once: what is read before the topic is there would be refused.
        crate::until(&relay, |status| status.cursor.is_some()).await;
        let log = filled(&relay, &topic);
        Relayed { store, log, topic, relay }
    }

    async fn reopen(&self, store: Relayed) -> Relayed {
        Relayed { log: filled(&store.relay, &store.topic), ..store }
    }
}

sigma_store::contract_tests!(ThroughKafka;
    it_loses_no_update_of_32_writers_on_many_aggregates,
    it_delivers_in_order_within_a_line,
    it_delivers_no_more_than_was_asked,
    it_shows_what_it_answered_once_it_settled,
    it_starts_at_the_head_with_what_is_new,
    it_knows_how_far_behind_a_cursor_is,
    it_wakes_who_waits,
    it_wakes_at_once_when_something_is_there,
    it_loses_no_wake_up_between_read_and_wait,
    it_resumes_from_each_cursor_after_a_restart,
    it_refuses_a_cursor_of_another_store,
);

#[async_trait]
impl Journal for Relayed {
    async fn load_after(
        &self,
        aggregate_type: &str,
        aggregate_id: &str,
        after: u64,
    ) -> Result<Vec<RecordedEvent>, StoreError> {
        self.store.load_after(aggregate_type, aggregate_id, after).await
    }

    async fn commit(&self, commit: Commit) -> Result<Committed, StoreError> {
        let committed = self.store.commit(commit).await?;
        self.log.settle().await.unwrap();
        let cursor = self.log.head().await.unwrap();
        Ok(Committed { cursor, ..committed })
    }

    async fn command(&self, id: &str) -> Result<Option<CommandRecord>, StoreError> {
        self.store.command(id).await
    }

    async fn record_command(&self, record: CommandRecord) -> Result<Option<CommandRecord>, StoreError> {
        self.store.record_command(record).await
    }

    async fn forget_commands(&self, before_ms: i64) -> Result<u64, StoreError> {
        self.store.forget_commands(before_ms).await
    }

    async fn find_secret(&self, kind: &str, lookup: &[u8]) -> Result<Vec<SecretRow>, StoreError> {
        self.store.find_secret(kind, lookup).await
    }

    async fn secrets_of_each(&self, kind: &str, owners: &[&str]) -> Result<Vec<SecretRow>, StoreError> {
        self.store.secrets_of_each(kind, owners).await
    }

    async fn write_secrets(&self, writes: Vec<SecretWrite>) -> Result<(), StoreError> {
        self.store.write_secrets(writes).await
    }

    async fn identity(&self) -> Result<Identity, StoreError> {
        self.store.identity().await
    }

    async fn bind_master_key(&self, fingerprint: &str) -> Result<Identity, StoreError> {
        self.store.bind_master_key(fingerprint).await
    }

    async fn remove_traces(&self) -> Result<(), StoreError> {
        self.store.remove_traces().await
    }
}

#[async_trait]
impl EventLog for Relayed {
    async fn read_after(&self, after: &Cursor, limit: u32) -> Result<Batch, LogError> {
        self.log.read_after(after, limit).await
    }

    async fn head(&self) -> Result<Cursor, LogError> {
        self.log.head().await
    }

    async fn lag(&self, after: &Cursor) -> Result<u64, LogError> {
        self.log.lag(after).await
    }

    async fn wait_after(&self, after: &Cursor) -> Result<(), LogError> {
        self.log.wait_after(after).await
    }

    async fn settle(&self) -> Result<(), LogError> {
        self.log.settle().await
    }
}

#[async_trait]
impl History for Relayed {
    async fn page(
        &self,
        filter: &HistoryFilter,
        range: &HistoryRange,
        limit: u32,
    ) -> Result<HistoryPage, LogError> {
        self.store.page(filter, range, limit).await
    }
}
