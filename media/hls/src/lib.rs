//! sigma-hls
