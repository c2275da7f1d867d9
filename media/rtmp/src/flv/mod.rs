//! Audio and video messages: their payload is an FLV tag's (FLV 10.1 annex E.4), enhanced by E-RTMP v1 and v2.

mod audio;
mod body;
mod clock;
mod multitrack;
mod video;

use bytes::Bytes;
use sigma_elementary::{AccessUnit, AudioConfig, ConfigError, Media, VideoConfig};

pub use self::clock::Unwrapped;
use crate::FlvError;

/// What can be packaged, by FourCC, as it is announced in `connect` (E-RTMP v2 "Enhancing NetConnection connect Command").
pub const VIDEO_FOURCCS: [&str; 3] = ["avc1", "hvc1", "av01"];
/// Likewise for audio.
pub const AUDIO_FOURCCS: [&str; 2] = ["mp4a", "Opus"];

/// Audio or video.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Track {
    /// Audio, RTMP message type 8.
    Audio,
    /// Video, RTMP message type 9.
    Video,
}

impl Track {
    /// `audio` or `video`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Audio => "audio",
            Self::Video => "video",
        }
    }
}

/// A codec that cannot be packaged.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{} codec {codec} cannot be packaged: send {}", track.name(), match track { Track::Audio => "AAC or Opus", Track::Video => "H.264, HEVC or AV1" })]
pub struct Unsupported {
    /// Which track.
    pub track: Track,
    /// The codec's name, e.g. `MP3`; the FourCC where that is all we know; what of a codec is not served in parentheses.
    pub codec: String,
}

/// What one message brought.
#[derive(Debug, Clone, PartialEq)]
pub enum Demuxed {
    /// Media, in 90 kHz ticks.
    Media(Media),
    /// A codec that cannot be packaged. Said once a track and codec.
    Unsupported(Unsupported),
}

/// Turns the payloads of audio and video messages into [`Media`].
///
/// One a connection: it keeps the codec configurations and unwraps the 32-bit millisecond timestamps, audio and video on
/// one line. Payloads are slices of the message, not copies. Of multitrack messages it takes track 0. What cannot be
/// decoded for want of a configuration is dropped, as is a configuration that says again what holds already.
#[derive(Debug, Default)]
pub struct Demuxer {
    clock: Unwrapped,
    video: TrackState<VideoConfig>,
    audio: TrackState<AudioConfig>,
}

/// What is known of a track.
#[derive(Debug)]
struct TrackState<C> {
    config: Option<C>,
    /// The codec last complained about.
    reported: Option<String>,
}

impl<C> Default for TrackState<C> {
    fn default() -> Self {
        Self { config: None, reported: None }
    }
}

impl<C> TrackState<C> {
    /// The first complaint about a codec is passed on, its repetitions are not.
    fn unsupported(&mut self, track: Track, codec: &str) -> Option<Demuxed> {
        self.config = None;
        if self.reported.as_deref() == Some(codec) {
            return None;
        }
        self.reported = Some(codec.to_owned());
        Some(Demuxed::Unsupported(Unsupported { track, codec: codec.to_owned() }))
    }

    /// A configuration came: parsed, or a reason to complain or to give up.
    fn configure(&mut self, track: Track, parsed: Result<C, ConfigError>) -> Result<Option<C>, FlvError>
    where
        C: Clone + PartialEq,
    {
        match parsed {
            Ok(config) if self.config.as_ref() == Some(&config) => Ok(None),
            Ok(config) => {
                self.reported = None;
                self.config = Some(config.clone());
                Ok(Some(config))
            }
            Err(cause) => Err(FlvError::Config { track: track.name(), cause }),
        }
    }
}

/// The time of one access unit.
#[derive(Debug, Clone, Copy)]
struct Instant {
    dts: i64,
    pts: i64,
}

impl Instant {
    fn unit(self, key: bool, data: Bytes) -> AccessUnit {
        AccessUnit { dts: self.dts, pts: self.pts, key, data }
    }
}

impl Demuxer {
    /// A demuxer for a new connection.
    pub fn new() -> Self {
        Self::default()
    }
}
