//! What a packager makes of access units.

use bytes::Bytes;

/// One step of a rendition, to be carried out in order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Output {
    /// The rendition's target duration in seconds (RFC 8216bis §4.4.3.1). Comes once in a packager's life, before the
    /// first part in ULTRA_LOW's mode with parts or later, but never after the first [`Output::SegmentEnd`].
    TargetDuration(u32),
    /// What decodes the parts that follow. Comes before a span's first part, and only when it differs from the one
    /// before.
    Init(InitSection),
    /// The part that follows begins a new span: other timestamps or another format than what was before. Comes
    /// before [`Output::Init`], and never before the first part of all.
    Discontinuity,
    /// The next part of the segment that is open. Opens one if none is.
    Part(Part),
    /// The open segment ended with the part before. Comes in the same answer as that part, but for one case: a feed that
    /// ends just where a part ended gives it alone.
    SegmentEnd(SegmentEnd),
    /// What the broadcaster should know.
    Warning(Warning),
}

/// An initialization section: `ftyp` and `moov`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InitSection {
    /// The boxes.
    pub bytes: Bytes,
    /// RFC 6381, e.g. `avc1.64001f,mp4a.40.2`.
    pub codecs: String,
    /// Width in pixels; 0 without video.
    pub width: u32,
    /// Height in pixels; 0 without video.
    pub height: u32,
    /// Frames in 1000 s as the stream states them: a hint. None: it does not.
    pub frame_rate_milli: Option<u32>,
    /// Whether there is a video track.
    pub video: bool,
    /// Whether there is an audio track.
    pub audio: bool,
}

/// One CMAF chunk: `moof` and `mdat`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Part {
    /// `moof` with the `mdat` header, then the payloads as they came in, not copied.
    pub bytes: Vec<Bytes>,
    /// Media time in ticks of [`sigma_elementary::CLOCK`]: of the video, or of the audio where there is no video. The
    /// durations of a span's parts add up to its media time.
    pub duration_ticks: u64,
    /// Whether decoding can start with this part (RFC 8216bis §4.4.4.9).
    pub independent: bool,
    /// Where it begins with a frame from which decoding can start: bytes from its beginning to that frame's end, which is
    /// what an I-frame playlist names of it (RFC 8216bis §4.4.3.6).
    pub key_frame_end: Option<u64>,
    /// In a span's first part: wall clock in microseconds since 1970 at the arrival of its first access unit.
    pub first_of_span_anchor_us: Option<i64>,
    /// Video access units in it.
    pub video_units: u32,
    /// Audio access units in it.
    pub audio_units: u32,
}

impl Part {
    /// Length in bytes.
    pub fn len(&self) -> u64 {
        self.bytes.iter().map(|slice| slice.len() as u64).sum()
    }

    /// Never: a part holds at least its boxes.
    pub fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }
}

/// A segment is whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SegmentEnd {
    /// The sum of its parts' durations, in ticks of [`sigma_elementary::CLOCK`].
    pub duration_ticks: u64,
    /// Whether it began with a frame from which decoding can start. False: it was cut for want of one.
    pub starts_with_key: bool,
}

/// What spoils a broadcast, in the broadcaster's terms.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Warning {
    /// Key frames are further apart than the segments may be long: segments are cut without one, and viewers join
    /// later. Once per span.
    KeyFramesTooFarApart {
        /// The greatest distance that fits, in seconds.
        target_duration: u32,
    },
    /// Key frames are of an open GOP (HEVC's CRA, H.264's recovery point): segments that begin with them claim
    /// nothing. Once per span.
    OpenGop,
    /// The feed announced audio, but none has come: it goes on with video alone.
    AudioMissing,
    /// The feed announced video, but none has come: it goes on with audio alone.
    VideoMissing,
    /// Timestamps jumped by this much (ticks of [`sigma_elementary::CLOCK`], negative: back): a new span began.
    TimestampsJumped {
        /// New minus expected.
        by_ticks: i64,
    },
    /// Audio left its timestamps by more than the threshold and was set on them again.
    AudioReanchored {
        /// Timestamps minus counted samples, in ticks of [`sigma_elementary::CLOCK`].
        by_ticks: i64,
    },
    /// An access unit could not be packaged and was left out.
    Dropped(Dropped),
    /// A decoder configuration could not be written into an init section.
    Unpackageable(String),
}

/// Why an access unit was left out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Dropped {
    /// It came before the first key frame of its span. Said once per span.
    BeforeKeyFrame,
    /// It came before a decoder configuration of its kind. Said once per span.
    BeforeConfiguration,
    /// It is empty, or larger than [`crate::MAX_ACCESS_UNIT`].
    Size,
    /// An Opus packet that is not valid.
    Malformed,
}
