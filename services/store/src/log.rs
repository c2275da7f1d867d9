//! The port for reading: one log of all that was committed.

use std::sync::Arc;

use async_trait::async_trait;

use crate::{Cursor, RecordedEvent};

/// At most so many events come in one batch, whatever was asked.
pub const MAX_BATCH: u32 = 1_000;

/// Why the log could not be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LogError {
    /// The cursor is not one of this log: of another store, of another adapter, or of events that are no more (a
    /// store put back from an older copy). What was derived up to there must be derived anew.
    #[error("{0}; what was derived from the log must be rebuilt")]
    ForeignCursor(String),
    /// The log cannot be read now. Trying again later may help.
    #[error("{message}; {mend}")]
    Unavailable {
        /// What is wrong.
        message: String,
        /// What a person can do about it.
        mend: String,
    },
    /// What stands in the log cannot be read. Trying again does not help.
    #[error("the log holds something broken: {0}")]
    Corrupt(String),
}

/// Some events and where to go on.
#[derive(Clone, Debug, PartialEq)]
pub struct Batch {
    /// The events, in order within each line.
    pub events: Vec<RecordedEvent>,
    /// Read on after this one. Equal to the cursor that was given when there was nothing.
    pub next: Cursor,
}

/// The log of all that was committed.
///
/// The promise, on every adapter: each committed event **at least once, in order within a line** (a channel: its
/// own events, its sessions' and assets' together); nothing is promised between lines. Consumers drop what they have
/// seen by (aggregate, sequence), see [`Seen`](crate::Seen).
#[async_trait]
pub trait EventLog: Send + Sync {
    /// Each committed event at least once, in order within a line; nothing before the cursor that it returns can
    /// still commit. At most `limit` events, and never more than [`MAX_BATCH`].
    async fn read_after(&self, after: &Cursor, limit: u32) -> Result<Batch, LogError>;

    /// The place after all that is committed now. Whoever starts here sees only what is new.
    async fn head(&self) -> Result<Cursor, LogError>;

    /// About how many events stand after `after`, for people to see: 0 when there is none.
    async fn lag(&self, after: &Cursor) -> Result<u64, LogError>;

    /// Returns as soon as something may be there after `after`: at once when it is there already. May be spurious.
    /// Nothing is lost between a read and a wait from the cursor which that read returned.
    async fn wait_after(&self, after: &Cursor) -> Result<(), LogError>;

    /// Returns once whoever reads to the log's end gets all that had been committed when this was called. An adapter where
    /// several commit at once waits here for those that began before; one that is filled from a store, until it is.
    async fn settle(&self) -> Result<(), LogError>;
}

#[async_trait]
impl<L: EventLog + ?Sized> EventLog for Arc<L> {
    async fn read_after(&self, after: &Cursor, limit: u32) -> Result<Batch, LogError> {
        (**self).read_after(after, limit).await
    }

    async fn head(&self) -> Result<Cursor, LogError> {
        (**self).head().await
    }

    async fn lag(&self, after: &Cursor) -> Result<u64, LogError> {
        (**self).lag(after).await
    }

    async fn wait_after(&self, after: &Cursor) -> Result<(), LogError> {
        (**self).wait_after(after).await
    }

    async fn settle(&self) -> Result<(), LogError> {
        (**self).settle().await
    }
}
