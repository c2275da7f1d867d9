//! The door for programs and browsers: GraphQL, pages, health and figures over one HTTP shell.
//!
//! Resolvers parse, call and present; every decision is a use case of `sigma-app`. [`http`] owns sockets and bounds,
//! [`graphql`] owns the schema.

mod addresses;
pub mod graphql;
pub mod http;
mod nodes;

pub use addresses::{Addresses, Origin};
pub use nodes::{NodeRow, NodeState, Nodes};
