//! The views through their public door: the application writes, the runner projects, queries read.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod assets;
mod equal;
mod erasure;
mod lists;
mod postgres;
mod queries;
mod tokens;
mod world;
