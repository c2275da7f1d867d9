//! sigma-app
