//! What is stored stays readable: golden files, upcasters, round trips.
#![allow(unreachable_pub, clippy::unwrap_used, reason = "a test binary has no outside, and panics to say no")]

mod actor;
mod events;
mod golden;
mod reading;
mod round_trip;
mod upcasting;
