//! What a codec says about itself: decoder configurations, picture sizes, codec strings, key frames.
//!
//! Everything here is pure and reads bytes from strangers: each length has a limit, nothing panics, and times are
//! integers in ticks of [`CLOCK`].

mod aac;
mod access_unit;
mod av1;
mod bits;
mod config;
mod h264;
mod hevc;
mod nal;
mod opus;

pub use access_unit::{AccessUnit, Media};
pub use config::{AudioCodec, AudioConfig, ConfigError, VideoCodec, VideoConfig};
pub use config::{MAX_CHANNELS, MAX_DIMENSION, MAX_RECORD, MAX_SAMPLE_RATE};
pub use nal::{NalUnits, RandomAccess};
pub use opus::packet_samples as opus_packet_samples;

/// Ticks a second of every access unit's timestamps.
pub const CLOCK: u32 = 90_000;
