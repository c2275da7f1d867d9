//! The store as the port for writing.

use async_trait::async_trait;
use sigma_store::{
    CommandRecord, Commit, Committed, Identity, Journal, RecordedEvent, SecretRow, SecretWrite, StoreError,
};
use sqlx::sqlite::SqliteRow;

use crate::fault::store_error;
use crate::open::SqliteStore;
use crate::rows;
use crate::writer::{FORGOTTEN_AT_ONCE, Job};

impl SqliteStore {
    fn fault(&self, error: &sqlx::Error) -> StoreError {
        store_error(&self.inner.path, error)
    }

    async fn secrets(
        &self,
        sql: &'static str,
        kind: &str,
        by: Secret<'_>,
    ) -> Result<Vec<SecretRow>, StoreError> {
        let query = sqlx::query(sql).bind(kind);
        let query = match by {
            Secret::Lookup(lookup) => query.bind(lookup),
            Secret::Owners(owners) => query.bind(serde_json::Value::from(owners.to_vec()).to_string()),
        };
        let found = query.fetch_all(&self.inner.readers).await.map_err(|e| self.fault(&e))?;
        found.iter().map(rows::secret).collect::<Result<_, _>>().map_err(|e| self.fault(&e))
    }
}

/// What a secret is found by.
enum Secret<'a> {
    Lookup(&'a [u8]),
    Owners(&'a [&'a str]),
}

#[async_trait]
impl Journal for SqliteStore {
    async fn load_after(
        &self,
        aggregate_type: &str,
        aggregate_id: &str,
        after: u64,
    ) -> Result<Vec<RecordedEvent>, StoreError> {
        let found = sqlx::query(include_str!("sql/load.sql"))
            .bind(aggregate_type)
            .bind(aggregate_id)
            .bind(i64::try_from(after).unwrap_or(i64::MAX))
            .fetch_all(&self.inner.readers)
            .await
            .map_err(|e| self.fault(&e))?;
        let event = |row: &SqliteRow| rows::event(&self.inner.incarnation, row);
        found.iter().map(event).collect::<Result<_, _>>().map_err(|e| self.fault(&e))
    }

    async fn commit(&self, commit: Commit) -> Result<Committed, StoreError> {
        self.ask(|reply| Job::Commit { commit: Box::new(commit), reply }).await
    }

    async fn command(&self, id: &str) -> Result<Option<CommandRecord>, StoreError> {
        let row = sqlx::query(include_str!("sql/command.sql"))
            .bind(id)
            .fetch_optional(&self.inner.readers)
            .await
            .map_err(|e| self.fault(&e))?;
        let found = row.as_ref().map(rows::command).transpose().map_err(|e| self.fault(&e))?;
        Ok(found.map(|(record, ..)| record))
    }

    async fn record_command(&self, record: CommandRecord) -> Result<Option<CommandRecord>, StoreError> {
        self.ask(|reply| Job::Record { record, reply }).await
    }

    async fn forget_commands(&self, before_ms: i64) -> Result<u64, StoreError> {
        let mut forgotten = 0;
        loop {
            // Each step is a job of its own: whoever waits to commit comes in between.
            let step = self.ask(|reply| Job::Forget { before_ms, reply }).await?;
            forgotten += step;
            if step < FORGOTTEN_AT_ONCE {
                return Ok(forgotten);
            }
        }
    }

    async fn find_secret(&self, kind: &str, lookup: &[u8]) -> Result<Vec<SecretRow>, StoreError> {
        self.secrets(include_str!("sql/find_secret.sql"), kind, Secret::Lookup(lookup)).await
    }

    async fn secrets_of_each(&self, kind: &str, owners: &[&str]) -> Result<Vec<SecretRow>, StoreError> {
        self.secrets(include_str!("sql/secrets_of.sql"), kind, Secret::Owners(owners)).await
    }

    async fn write_secrets(&self, writes: Vec<SecretWrite>) -> Result<(), StoreError> {
        self.ask(|reply| Job::Secrets { writes, reply }).await
    }

    async fn identity(&self) -> Result<Identity, StoreError> {
        let (incarnation, master_key_fingerprint) = sqlx::query_as(include_str!("sql/identity.sql"))
            .fetch_one(&self.inner.readers)
            .await
            .map_err(|e| self.fault(&e))?;
        Ok(Identity { incarnation, master_key_fingerprint })
    }

    async fn bind_master_key(&self, fingerprint: &str) -> Result<Identity, StoreError> {
        let fingerprint = fingerprint.to_owned();
        self.ask(|reply| Job::BindMasterKey { fingerprint, reply }).await
    }

    async fn remove_traces(&self) -> Result<(), StoreError> {
        self.ask(|reply| Job::RemoveTraces { reply }).await
    }
}
