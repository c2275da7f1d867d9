//! The application through its public doors, on the store in memory and on SQLite.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod commands;
mod crashes;
mod deadlines;
mod feeds;
mod keys;
mod sqlite;
mod views;
mod world;
