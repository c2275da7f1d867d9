//! Real servers that tests start, and that end with the tests, however those end.

mod ports;
pub mod postgres;
mod server;

pub use ports::free_port;
