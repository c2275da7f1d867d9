//! The application through its public doors, on the store in memory and on SQLite.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod access;
mod assets;
mod away;
mod changes;
mod commands;
mod contention;
mod crashes;
mod deadlines;
mod erasure;
mod events;
mod feeds;
mod keys;
mod nodes;
mod posters;
mod recordings;
mod sqlite;
mod timeline;
mod tokens;
mod upkeep;
mod views;
mod warnings;
mod world;
