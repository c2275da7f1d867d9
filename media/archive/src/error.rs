//! What can go wrong with the archive.

use thiserror::Error;

/// A failure of the archive. Whoever writes tries again: nothing is let go before it stands.
#[derive(Debug, Error)]
pub enum ArchiveError {
    /// The store does not answer, or refuses.
    #[error("the object store cannot be used: {0}")]
    Store(#[from] object_store::Error),
    /// What is to be archived cannot be read.
    #[error("the segment log cannot be used: {0}")]
    Log(#[from] sigma_log::LogError),
    /// A media file is not as it was archived.
    #[error("{file} of session {session} was bent in the store: its checksum is another one")]
    Bent {
        /// The session.
        session: String,
        /// The file.
        file: String,
    },
    /// The setting names no place.
    #[error("{0}")]
    Place(String),
}

impl ArchiveError {
    /// Whether it will never come: the store has no such thing, or has it no more as it was.
    pub fn is_lost(&self) -> bool {
        self.is_missing() || matches!(self, Self::Bent { .. })
    }

    /// Whether the store answered that there is no such thing.
    pub fn is_missing(&self) -> bool {
        matches!(self, Self::Store(object_store::Error::NotFound { .. }))
    }
}
