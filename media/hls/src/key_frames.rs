//! Key frames as resources of their own, for I-frame playlists (§4.4.3.6): a fragment of one picture each, that stands until the
//! next. A segment's beginning alone, as such playlists usually name, no browser plays.

use std::fmt;

use crate::Resource;
use crate::bandwidth::bits_a_second;
use crate::recording::Recording;
use crate::resource::decimal;

/// What the names in an I-frame playlist stand for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyFrameName {
    /// `k0.mp4`: the session's init section with this number, without sound.
    Init(u32),
    /// `k12.m4s`: the key frame with which the segment of this number begins.
    Picture(u64),
}

impl KeyFrameName {
    /// What `name` stands for. Each thing has exactly one name.
    pub fn parse(name: &str) -> Option<Self> {
        match Resource::parse(name.strip_prefix('k')?) {
            Some(Resource::Segment(msn)) => Some(Self::Picture(msn)),
            _ => {
                let number = decimal(name.strip_prefix('k')?.strip_suffix(".mp4")?)?;
                Some(Self::Init(u32::try_from(number).ok()?))
            }
        }
    }
}

impl fmt::Display for KeyFrameName {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Init(init) => write!(out, "k{init}.mp4"),
            Self::Picture(msn) => write!(out, "k{msn}.m4s"),
        }
    }
}

/// A key frame in its segment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KeyFrame {
    /// The number of its init section.
    pub init: u32,
    /// Where it ends in its segment, in bytes.
    pub end: u32,
    /// How long it stands where it is shown first, in ticks: until the next one.
    pub stands: u64,
}

impl KeyFrame {
    /// The one with which a whole segment begins, standing as long as the segment plays; none where it begins with none.
    pub fn of_segment(recording: &Recording, msn: u64) -> Option<Self> {
        let piece = recording.piece(msn).filter(|piece| !piece.gap)?;
        Some(Self { init: piece.init, end: piece.key_frame_end?, stands: piece.duration })
    }
}

/// What key frames take of a line.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct KeyFrameRates {
    /// Bit/s.
    peak: u64,
    bytes: u64,
    ticks: u64,
}

impl KeyFrameRates {
    /// One of so many bytes that stands so many ticks.
    pub(crate) fn add(&mut self, bytes: u32, ticks: u64) {
        // A little more than what it has by itself: its segment's head speaks of all its pictures.
        self.peak = self.peak.max(bits_a_second(bytes.into(), ticks));
        self.bytes += u64::from(bytes);
        self.ticks += ticks;
    }
}

/// The line of a multivariant playlist (§4.4.6.3) that names an I-frame playlist at `uri`, with the picture's size and the codecs
/// among these that are of pictures; none without key frames.
pub(crate) fn stream_line(
    rates: KeyFrameRates,
    size: Option<(u32, u32)>,
    codecs: &[&str],
    uri: &str,
) -> Option<String> {
    let KeyFrameRates { peak, bytes, ticks } = rates;
    if bytes == 0 {
        return None;
    }
    let of_pictures = |codec: &&&str| !codec.starts_with("mp4a") && !codec.eq_ignore_ascii_case("opus");
    let codecs: Vec<&str> = codecs.iter().filter(of_pictures).copied().collect();
    let mut line = format!(
        "#EXT-X-I-FRAME-STREAM-INF:BANDWIDTH={peak},AVERAGE-BANDWIDTH={},CODECS=\"{}\"",
        bits_a_second(bytes, ticks),
        codecs.join(",")
    );
    if let Some((width, height)) = size.filter(|(width, height)| *width > 0 && *height > 0) {
        line.push_str(&format!(",RESOLUTION={width}x{height}"));
    }
    Some(format!("{line},URI=\"{uri}\"\n"))
}
