//! The packager's scenarios, by name, and the laws that hold for all of them.

#![allow(clippy::unwrap_used, reason = "a test that unwraps nothing fails, as it should")]

mod audio_scenarios;
mod change_scenarios;
mod edges;
mod feed;
mod inspect;
mod laws;
mod plain;
mod reading;
mod real_decoder;
mod restart;
mod segment_scenarios;
mod timestamp_scenarios;
