//! The segment log of one rendition: media files and an append-only index, in a folder of their own.
//!
//! Every part is appended to its segment's file (`12.m4s`), then its entry to the index, and only then may it be
//! listed: what a playlist names survives `kill -9` without any `fsync`. Live playlist, rewind window and recordings
//! are folds of the same [`Entry`]s. The log holds two open files, whatever the length of the session.

mod entry;
mod error;
mod index;
mod media;
mod meta;
mod segment_log;
mod trailer;

pub use entry::Entry;
pub use error::LogError;
pub use index::{IndexTail, read_all as read_index, write_all as write_index};
pub use media::{EntryRef, LogReader, MediaFile};
pub use meta::{Found, Meta, discover};
pub use segment_log::{Opened, SegmentLog};
pub use trailer::{entries_in_tail, read_tail};

/// Ticks a second of every duration in the log.
pub const TICKS_PER_SECOND: u64 = 90_000;
