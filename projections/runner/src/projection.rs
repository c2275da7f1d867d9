//! What a read model brings: a schema, and what events change.

use async_trait::async_trait;
use sigma_store::RecordedEvent;
use sigma_tables::{Rows, trouble};

/// A read model, told as what events change in its rows.
#[async_trait]
pub trait Projection: Send + Sync + 'static {
    /// Its name: part of names of files and schemas, so 1–64 of `a-z`, `0-9` and `_`.
    fn name(&self) -> &str;

    /// Raised whenever schema or `apply` change: the view is then rebuilt at the next start.
    fn version(&self) -> u32;

    /// The tables, made in each new generation, in the SQL that SQLite and PostgreSQL share: `bigint`, `text`, `boolean`. Names that begin with `runner_` are the runner's own. Constraints
    /// must be immediate: one that is checked only at the commit would fail a whole batch.
    fn schema_sql(&self) -> &str;

    /// Whether events of this type of aggregate change anything here: the others are passed over, and never waited for. As `apply`, it
    /// changes with the version.
    fn concerns(&self, aggregate_type: &str) -> bool;

    /// Applies events, all of them or none, in a transaction that holds the checkpoint too: many at once where all is well, else one
    /// alone. They come in order within a line, each that stands once; those of a transaction that was taken back, for poison
    /// among them, come again.
    async fn apply(&self, rows: Rows<'_>, events: &[&RecordedEvent]) -> Result<(), ApplyError>;
}

/// Why an event could not be applied.
#[derive(Debug, thiserror::Error)]
pub enum ApplyError {
    /// The event cannot be applied, now or later, as things stand: its aggregate's line is parked.
    #[error("{0}")]
    Poison(String),
    /// The database cannot work now: the batch is tried again.
    #[error(transparent)]
    Database(sqlx::Error),
}

impl From<sqlx::Error> for ApplyError {
    /// Trouble with the machine is tried again; all else (a constraint, a wrong type, a missing row) is the event's.
    fn from(error: sqlx::Error) -> Self {
        if trouble(&error).is_some() { Self::Database(error) } else { Self::Poison(error.to_string()) }
    }
}
