//! The RTMP session as its shell and its clients see it.

mod client;
mod commands;
mod publishers;
mod shell;
