//! Client commands: the GraphQL API from a terminal.

pub(crate) mod asset;
pub(crate) mod channel;
mod connection;
mod download;
mod errors;
pub(crate) mod events;
mod export;
mod feed;
pub(crate) mod hls_check;
mod look;
pub(crate) mod print;
pub(crate) mod projections;
pub(crate) mod session;
mod sse;
pub(crate) mod table;
pub(crate) mod token;
mod watch;

pub(crate) use connection::{Client, is_distrust};
pub(crate) use look::colour_wanted;
