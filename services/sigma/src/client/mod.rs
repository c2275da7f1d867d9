//! Client commands: the GraphQL API from a terminal.

pub(crate) mod channel;
mod connection;
pub(crate) mod print;
pub(crate) mod projections;
pub(crate) mod session;

pub(crate) use connection::Client;
