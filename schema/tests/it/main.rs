//! What is stored stays readable: golden files, upcasters, round trips.
#![allow(unreachable_pub, clippy::unwrap_used, reason = "a test binary has no outside, and panics to say no")]

mod actor;
mod asyncapi;
mod events;
mod golden;
mod json_schema;
mod reading;
mod round_trip;
mod samples;
mod upcasting;
