//! sigma-views
