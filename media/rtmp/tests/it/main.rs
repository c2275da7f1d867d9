//! The RTMP session as its shell and its clients see it.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on says where")]

mod client;
mod commands;
mod hostile;
mod media;
mod obs;
mod publishers;
mod shell;
mod split;
