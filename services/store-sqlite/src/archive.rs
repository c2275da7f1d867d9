//! The store as what is carried elsewhere.

use async_trait::async_trait;
use sigma_store::{Archive, KeptCommand, RecordedEvent, SecretRow, StoreError};
use sqlx::Row;
use sqlx::sqlite::SqliteRow;

use crate::fault::store_error;
use crate::open::SqliteStore;
use crate::rows;

/// SQLite's integers are signed.
fn signed(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

fn number(row: &SqliteRow, column: &str) -> Result<u64, sqlx::Error> {
    Ok(row.try_get::<i64, _>(column)?.unsigned_abs())
}

#[async_trait]
impl Archive for SqliteStore {
    async fn events_from(&self, after: u64, limit: u32) -> Result<Vec<(u64, RecordedEvent)>, StoreError> {
        let found =
            sqlx::query(include_str!("sql/read_after.sql")).bind(signed(after)).bind(i64::from(limit));
        let found = found.fetch_all(&self.inner.readers).await;
        let event =
            |row: &SqliteRow| Ok((number(row, "position")?, rows::event(&self.inner.incarnation, row)?));
        let events = found.and_then(|found| found.iter().map(event).collect());
        events.map_err(|error| store_error(&self.inner.path, &error))
    }

    async fn commands_from(&self, after: &str, limit: u32) -> Result<Vec<KeptCommand>, StoreError> {
        let found = sqlx::query(include_str!("sql/commands_from.sql")).bind(after).bind(i64::from(limit));
        let found = found.fetch_all(&self.inner.readers).await;
        let command = |row: &SqliteRow| {
            let (record, last_sequence, position) = rows::command(row)?;
            Ok(KeptCommand { record, last_sequence, position: position.unsigned_abs() })
        };
        let commands = found.and_then(|found| found.iter().map(command).collect());
        commands.map_err(|error| store_error(&self.inner.path, &error))
    }

    async fn secrets_from(&self, after: u64, limit: u32) -> Result<Vec<(u64, SecretRow)>, StoreError> {
        let found =
            sqlx::query(include_str!("sql/secrets_from.sql")).bind(signed(after)).bind(i64::from(limit));
        let found = found.fetch_all(&self.inner.readers).await;
        let secret = |row: &SqliteRow| Ok((number(row, "id")?, rows::secret(row)?));
        let secrets = found.and_then(|found| found.iter().map(secret).collect());
        secrets.map_err(|error| store_error(&self.inner.path, &error))
    }
}
