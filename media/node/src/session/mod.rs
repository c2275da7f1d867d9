//! Sessions of this node: an actor for each one on air, and what the origin serves of them.

mod actor;
mod edge;
mod frame_rate;
mod handle;
mod live;
mod register;
mod reports;
mod time;

pub(crate) use handle::{FeedEnd, Message, SessionHandle, SessionOver};
pub(crate) use live::{LiveSession, gzip};
pub(crate) use register::{Sessions, end_orphans, stale_folders};
