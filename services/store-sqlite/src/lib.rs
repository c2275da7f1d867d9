//! The event store in one SQLite file.
//!
//! WAL and `synchronous=FULL`: what was answered is on the disk. One writer task holds the only connection that
//! writes and takes all commits that wait into one transaction, each in a savepoint of its own, so that many writers
//! share one `fsync`. Readers have a pool of their own. The `events` table is the log; a cursor is the store's
//! incarnation and a position in it. All events stand in one order, so it is looked back into by filter too.

mod archive;
mod backup;
mod fault;
mod history;
mod journal;
mod log;
mod open;
mod rows;
mod writer;

pub use backup::{Copied, back_up, restore};
pub use open::{SqliteOptions, SqliteStore};
