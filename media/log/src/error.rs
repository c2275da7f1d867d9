//! What can go wrong with a segment log.

use std::io;
use std::path::PathBuf;

use thiserror::Error;

/// A failure of the segment log. After a failed write the caller goes on from memory: the log keeps what it still
/// owes to the index and writes it as soon as the disk takes it; a segment whose media is not whole becomes a gap.
#[derive(Debug, Error)]
pub enum LogError {
    /// The disk is full (or over quota).
    #[error("no space left for {path}: free some space in the data folder")]
    Full {
        /// The file that could not grow.
        path: PathBuf,
    },
    /// Any other failure of the file system.
    #[error("cannot use {path}: {source}")]
    Io {
        /// The file or folder.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// An earlier part of this segment could not be written: the segment will be a gap in the log.
    #[error("segment {msn} is incomplete on disk")]
    Incomplete {
        /// The segment's media sequence number.
        msn: u64,
    },
    /// The disk has refused so much that the log no longer keeps account; it ends where it is.
    #[error("the segment log at {path} gave up after too many failed writes")]
    GaveUp {
        /// The log's folder.
        path: PathBuf,
    },
    /// The index or the meta file is not ours, or was written by a newer version.
    #[error("{path} is no segment log of this version: {reason}")]
    Foreign {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// A part does not begin where its segment's file ends.
    #[error("part {part} of segment {msn} begins at {offset}, its file ends at {end}")]
    Misplaced {
        /// The segment's media sequence number.
        msn: u64,
        /// The part's index.
        part: u32,
        /// Where the entry says it begins.
        offset: u64,
        /// Where the file ends.
        end: u64,
    },
}

impl LogError {
    pub(crate) fn io(path: impl Into<PathBuf>, source: io::Error) -> Self {
        let path = path.into();
        match source.kind() {
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => Self::Full { path },
            _ => Self::Io { path, source },
        }
    }

    /// Whether the disk is full, rather than broken.
    pub fn is_full(&self) -> bool {
        matches!(self, Self::Full { .. })
    }

    /// Whether there is no such log.
    pub fn is_missing(&self) -> bool {
        matches!(self, Self::Io { source, .. } if source.kind() == io::ErrorKind::NotFound)
    }
}
