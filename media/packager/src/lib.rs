//! Access units in; init section, parts and segments of one muxed fMP4 rendition out.
//!
//! A plain state machine: no clock, no I/O, integer ticks. See [`Packager`].

mod audio_timeline;
mod boxes;
mod cutter;
pub mod edge;
mod joined;
mod key_frame;
mod output;
mod packager;
pub mod plain;
pub mod reader;
mod settings;
mod span;
mod target;
mod timestamps;
mod transition;
mod waiting;

pub use joined::{JoinedSegment, file_head};
pub use key_frame::{KeyFrameError, key_frame, key_frame_init};
pub use output::{Dropped, InitSection, Output, Part, SegmentEnd, Warning};
pub use packager::Packager;
pub use settings::Settings;

/// The largest access unit that is packaged, in bytes.
pub const MAX_ACCESS_UNIT: usize = 16 * 1024 * 1024;
