//! Runs projections: from the event log to read models, in SQLite or in PostgreSQL.
//!
//! Each projection has one task. It reads a batch, applies it, and commits rows and checkpoint in one transaction. A
//! poison event parks its own aggregate's line and no other. Each generation of a view is a file of its own,
//! `NAME.gN.sqlite`, or a schema of its own; a rebuild fills the next one beside the one that serves, and swaps it in when it has caught up.
//!
//! In a database each version of a projection is run by one node at a time, under a lease: every transaction that it commits asks
//! first whether the lease is still its own. The other nodes read what it keeps, and hear of its commits.
//!
//! A generation serves only when it is whole: readers are never shown half a view, nor one of another version.

mod applying;
mod board;
mod desk;
mod failure;
mod folder;
mod generation;
mod handle;
mod holder;
mod lease;
mod notices;
mod order;
mod parking;
mod projection;
mod seen;
mod shelf;
mod standby;
mod status;
mod task;

pub use failure::RunnerError;
pub use handle::{Reader, Runner, RunnerHandle, Waited};
pub use parking::{ParkedLine, Retried};
pub use projection::{ApplyError, Projection};
pub use shelf::Home;
pub use status::{ProjectionState, ProjectionStatus, Rebuild};
