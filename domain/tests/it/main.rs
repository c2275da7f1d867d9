//! The rules of the domain, as sentences.
#![allow(unreachable_pub, reason = "a test binary has no outside")]

mod channel;
mod cqrs;
mod given;
mod project;
mod session;
mod value;
mod world;
