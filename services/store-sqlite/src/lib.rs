//! sigma-store-sqlite
