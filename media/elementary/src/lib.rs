//! sigma-elementary
