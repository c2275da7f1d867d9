//! sigma-packager
