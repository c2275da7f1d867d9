//! LL-HLS of one rendition, as pure functions: what the origin lists, what it answers, what must stay fetchable.
//!
//! [`Rendition`] turns a packager's output, losses of the feed and the passing of time into the log's entries.
//! [`Timeline`] is the fold of those entries: the live window and all that can still be fetched.
//! [`Recording`] is their other fold: all of the session, of which rewind, catchup, source record and clips are views.
//! [`playlist`] writes what players read from it, [`request`] decides when, [`cache`] for how long.
//! Clauses are those of draft-pantos-hls-rfc8216bis-22; "rule N" is a line of our LL-HLS checklist.

mod bandwidth;
pub mod cache;
mod key_frames;
pub mod playlist;
mod profile;
pub mod recording;
mod rendition;
pub mod request;
mod resource;
mod text;
mod timeline;
pub mod vod;

pub use bandwidth::Bandwidth;
pub use key_frames::{KeyFrame, KeyFrameName};
pub use profile::Profile;
pub use recording::{Recording, Span};
pub use rendition::{Append, Input, Rendition};
pub use resource::{Place, Resource};
pub use text::Date;
pub use timeline::{Init, Part, SEGMENTS_WITH_PARTS, Segment, Timeline, View};

/// Ticks a second of every duration.
pub const CLOCK: u64 = sigma_log::TICKS_PER_SECOND;

/// Ticks in `ms` milliseconds.
pub(crate) const fn ticks_of_ms(ms: u64) -> u64 {
    ms * (CLOCK / 1_000)
}

/// Whole microseconds in `ticks`, rounded down.
pub(crate) const fn us_of_ticks(ticks: u64) -> i64 {
    // 100 µs are 9 ticks. Wraps after a million years.
    (ticks as i128 * 100 / 9) as i64
}

/// Whole ticks in `us` microseconds, rounded down; 0 for none or less.
pub(crate) const fn ticks_of_us(us: i64) -> u64 {
    if us <= 0 { 0 } else { (us as u128 * 9 / 100) as u64 }
}
