//! Sessions of this node: an actor for each one on air, and what the origin serves of them.

mod actor;
mod edge;
mod frame_rate;
mod gather;
mod handle;
mod health;
#[cfg(test)]
mod health_tests;
mod live;
mod pen;
mod register;
mod reports;
mod shared_reads;
#[cfg(test)]
mod simulation_tests;
mod store;
mod time;
mod waiters;
mod warnings;

pub(crate) use handle::{FeedEnd, Message, SessionHandle, SessionOver};
pub use health::{HealthFollower, HealthSample, KEPT, SessionHealth};
pub(crate) use live::{LiveSession, Window, gzip};
pub(crate) use pen::Scribe;
pub(crate) use register::{BeginError, Sessions, end_orphans, stale_folders};
pub(crate) use store::{MediaStore, ReadError};
pub(crate) use waiters::Turn;
