//! sigma-runner
