//! sigma-rtmp
