//! The event store in PostgreSQL.
//!
//! The `events` table has postgres-es's layout and a few columns more: it is the log. Many transactions commit at once, so
//! a position alone says nothing about what can still come; a reader takes events in the order of (transaction id,
//! position), and only those of transactions below the oldest that still runs. A cursor is the store's incarnation, a
//! transaction id and a position. Why commits are our own and loads too: `docs/adr/0008-postgresql.md`.

mod archive;
mod commit;
mod fault;
mod follower;
mod group;
mod history;
mod journal;
mod log;
mod look;
mod migrate;
mod open;
mod place;
mod repair;
mod rows;
mod tail;

pub use archive::Filled;
pub use follower::HeldUp;
pub use look::{behind, look};
pub use open::{PostgresOptions, PostgresStore};
pub use repair::{Repaired, repair};
pub use sigma_tables::Address;

/// The store's own schema: nothing of it mixes with what else stands in the database.
pub(crate) const SCHEMA: &str = "sigma";
