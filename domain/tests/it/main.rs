//! The rules of the domain, as sentences.
#![allow(unreachable_pub, clippy::unwrap_used, reason = "a test binary has no outside, and panics to say no")]

mod api_token;
mod asset;
mod channel;
mod cqrs;
mod given;
mod laws;
mod matrix;
mod project;
mod session;
mod session_health;
mod value;
mod world;
