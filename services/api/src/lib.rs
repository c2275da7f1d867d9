//! sigma-api
