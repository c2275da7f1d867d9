//! sigma-log
