//! Real servers that tests start, and that end with the tests, however those end.

pub mod postgres;
mod server;
