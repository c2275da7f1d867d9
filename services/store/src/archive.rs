//! The port for carrying a whole store elsewhere.

use async_trait::async_trait;

use crate::{CommandRecord, RecordedEvent, SecretRow, StoreError};

/// A command that was honoured, with what its copies are answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeptCommand {
    /// Its record.
    pub record: CommandRecord,
    /// The aggregate's last sequence after it.
    pub last_sequence: u64,
    /// The position of its last event; 0 where it made none.
    pub position: u64,
}

/// All that a store keeps, page by page. Nothing may be written meanwhile.
#[async_trait]
pub trait Archive: Send + Sync {
    /// Events in the log's order, after a position, with the position of each. From 0 on.
    async fn events_from(&self, after: u64, limit: u32) -> Result<Vec<(u64, RecordedEvent)>, StoreError>;

    /// Commands by id, after one. From the empty text on.
    async fn commands_from(&self, after: &str, limit: u32) -> Result<Vec<KeptCommand>, StoreError>;

    /// Secrets, oldest first, after a number, with the number of each. From 0 on.
    async fn secrets_from(&self, after: u64, limit: u32) -> Result<Vec<(u64, SecretRow)>, StoreError>;
}
