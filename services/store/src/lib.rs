//! sigma-store
