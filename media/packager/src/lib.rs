//! Access units in; init section, parts and segments of one muxed fMP4 rendition out.
//!
//! A plain state machine: no clock, no I/O, integer ticks. See [`Packager`].

mod output;
mod settings;

pub use output::{Dropped, InitSection, Output, Part, SegmentEnd, Warning};
pub use settings::Settings;

/// The largest access unit that is packaged, in bytes.
pub const MAX_ACCESS_UNIT: usize = 16 * 1024 * 1024;
