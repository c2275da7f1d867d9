//! What a timeline is made of.

/// Whose playlist it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum View {
    /// All of a session on air.
    Preview,
    /// From the first segment after the session went live.
    Public,
}

/// An initialisation section.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Init {
    /// Its number.
    pub init: u32,
    /// Bytes.
    pub len: u64,
    /// RFC 6381.
    pub codecs: String,
    /// Pixels; 0 without video.
    pub width: u32,
    /// Pixels; 0 without video.
    pub height: u32,
    /// Thousandths of a frame a second, where known.
    pub frame_rate_milli: Option<u32>,
}

/// A part of a segment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Part {
    /// Where it begins in the segment's file.
    pub offset: u64,
    /// Bytes; 0 for a gap.
    pub len: u64,
    /// Ticks.
    pub duration: u64,
    /// Whether it holds a frame that needs no other.
    pub independent: bool,
    /// Whether there is no media.
    pub gap: bool,
}

/// A segment, whole or being written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Segment {
    /// Media sequence number.
    pub msn: u64,
    /// Ticks; so far, while it is being written.
    pub duration: u64,
    /// Bytes; so far, while it is being written.
    pub len: u64,
    /// Whether it begins with a key frame, or is a gap.
    pub independent: bool,
    /// Whether there is no media.
    pub gap: bool,
    /// Whether it begins a new span.
    pub discontinuity: bool,
    /// How many discontinuities of the session come up to its beginning, its own included.
    pub discontinuities: u64,
    /// Its init section's number.
    pub init: u32,
    /// When its media begins: microseconds since the Unix epoch.
    pub date_us: i64,
    /// Its parts; in the modes without parts, the fragments in which it was written.
    pub parts: Vec<Part>,
    /// Ticks of everything before it in the session, gaps included.
    pub(super) start: u64,
    /// When it became whole, by the clock of [`super::Timeline::apply`].
    pub(super) listed_at_us: i64,
    pub(super) removed_at_us: Option<i64>,
}
