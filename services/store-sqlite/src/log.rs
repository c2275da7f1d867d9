//! The store as the log of all that was committed.
//!
//! One writer gives positions in the order of its commits, so nothing before a position that was read can still
//! commit, and all events stand in one order: more than the port promises.

use async_trait::async_trait;
use sigma_store::{Batch, Cursor, EventLog, LogError, MAX_BATCH};
use sqlx::sqlite::{SqlitePool, SqliteRow};

use crate::fault::{closed, log_error, store_error};
use crate::open::SqliteStore;
use crate::rows;

impl SqliteStore {
    pub(crate) fn log_fault(&self, error: &sqlx::Error) -> LogError {
        log_error(store_error(&self.inner.path, error))
    }

    async fn head_position(&self, pool: &SqlitePool) -> Result<i64, LogError> {
        let head = sqlx::query_scalar(include_str!("sql/head.sql")).fetch_one(pool).await;
        head.map_err(|e| self.log_fault(&e))
    }

    /// The last position that was told of, without asking the table: who was answered a commit finds it here.
    pub(crate) fn told_head(&self) -> i64 {
        *self.inner.head.borrow()
    }

    /// The position of a cursor, asked of `pool` where the table must be. One past the head is of events that this store has
    /// lost, or never had.
    pub(crate) async fn position(&self, cursor: &Cursor, pool: &SqlitePool) -> Result<i64, LogError> {
        let foreign = || {
            let at = self.inner.path.display();
            LogError::ForeignCursor(format!(
                "the place {:?} is not one of the event store {at}",
                cursor.as_str()
            ))
        };
        let position = rows::position(&self.inner.incarnation, cursor).ok_or_else(foreign)?;
        // A reader may have seen a commit a moment before its head was told: the table knows.
        if position > self.told_head() && position > self.head_position(pool).await? {
            Err(foreign())
        } else {
            Ok(position)
        }
    }
}

#[async_trait]
impl EventLog for SqliteStore {
    async fn read_after(&self, after: &Cursor, limit: u32) -> Result<Batch, LogError> {
        let position = self.position(after, &self.inner.readers).await?;
        let found = sqlx::query(include_str!("sql/read_after.sql"))
            .bind(position)
            .bind(i64::from(limit.clamp(1, MAX_BATCH)))
            .fetch_all(&self.inner.readers)
            .await
            .map_err(|e| self.log_fault(&e))?;
        let event = |row: &SqliteRow| rows::event(&self.inner.incarnation, row);
        let events: Vec<_> =
            found.iter().map(event).collect::<Result<_, _>>().map_err(|e| self.log_fault(&e))?;
        let next = events.last().map_or_else(|| after.clone(), |event| event.cursor.clone());
        Ok(Batch { events, next })
    }

    async fn head(&self) -> Result<Cursor, LogError> {
        Ok(rows::cursor(&self.inner.incarnation, self.head_position(&self.inner.readers).await?))
    }

    async fn lag(&self, after: &Cursor) -> Result<u64, LogError> {
        let position = self.position(after, &self.inner.readers).await?;
        let behind = self.head_position(&self.inner.readers).await?.saturating_sub(position);
        Ok(u64::try_from(behind).unwrap_or(0))
    }

    async fn wait_after(&self, after: &Cursor) -> Result<(), LogError> {
        let position = self.position(after, &self.inner.readers).await?;
        let mut head = self.inner.head.clone();
        let woken = head.wait_for(|head| *head > position).await;
        woken.map(drop).map_err(|_| log_error(closed(&self.inner.path)))
    }

    async fn settle(&self) -> Result<(), LogError> {
        // One writer: what was committed is there.
        Ok(())
    }
}
