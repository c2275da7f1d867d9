//! What the codecs of real encoders say, and what strangers may send instead.

#![allow(clippy::unwrap_used, reason = "a test that unwraps nothing fails, as it should")]

mod garbage;
mod records;
