//! sigma-domain
