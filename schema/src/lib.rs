//! sigma-schema
