//! Who leads the relay, and how far it got: a port. PostgreSQL's advisory lock stands behind it.

mod postgres;

use async_trait::async_trait;
use sigma_store::Cursor;

pub use postgres::{PostgresOffice, Standing};

/// How far the topic is filled.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// The id of the log that is filled. A topic that is emptied and filled anew is another log, and cursors of the old
    /// one are refused.
    pub log: String,
    /// How many partitions the topic had when it was begun: a key's partition hangs on it.
    pub partitions: u16,
    /// All up to here was acknowledged by Kafka.
    pub cursor: Cursor,
    /// So many records were acknowledged, for people to see.
    pub published: u64,
}

/// Why the office did not do what it was asked.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum OfficeError {
    /// This term is over: another process leads, or the relay was told to begin anew.
    #[error("the relay's term is over: {0}")]
    Over(String),
    /// It cannot work now. Trying again later may help.
    #[error("{0}")]
    Unavailable(String),
}

/// Lets one process lead at a time.
#[async_trait]
pub trait Office: Send + Sync {
    /// Waits until this process leads.
    async fn lead(&self) -> Result<Box<dyn Term>, OfficeError>;

    /// Forgets how far the topic is filled, whoever leads: his term is over at his next word, and whoever leads then
    /// fills from the store's first event on.
    async fn forget(&self) -> Result<(), OfficeError>;

    /// How far the topic is filled, whoever leads; none when it was not begun.
    async fn place(&self) -> Result<Option<Place>, OfficeError>;
}

/// One process's time as leader; it ends with the value. Whoever sleeps through its end is told at its next word.
#[async_trait]
pub trait Term: Send {
    /// How far the topic is filled; none when it was not begun.
    async fn place(&mut self) -> Result<Option<Place>, OfficeError>;

    /// Keeps a place. [`OfficeError::Over`], and nothing is kept, where this term is over.
    async fn keep(&mut self, place: &Place) -> Result<(), OfficeError>;

    /// Asks whether this term still runs. Called about once a second.
    async fn hold(&mut self) -> Result<(), OfficeError>;
}
