//! sigma-node
