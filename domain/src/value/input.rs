use serde::{Deserialize, Serialize};

use super::{ValueError, coded};

coded! {
    /// The protocol a feed came by.
    "the ingest protocol" pub enum IngestProtocol { Rtmp = "RTMP": "RTMP, classic or enhanced." }
}
coded! {
    /// Video codecs that are packaged.
    "the video codec" pub enum VideoCodec {
        H264 = "H264": "ITU-T H.264, ISO/IEC 14496-10.",
        Hevc = "HEVC": "ITU-T H.265, ISO/IEC 23008-2.",
        Av1 = "AV1": "AOMedia Video 1.",
    }
}
coded! {
    /// Audio codecs that are packaged.
    "the audio codec" pub enum AudioCodec {
        Aac = "AAC": "ISO/IEC 14496-3.",
        Opus = "OPUS": "RFC 6716.",
    }
}

/// What the picture of a feed is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct VideoFormat {
    /// The codec.
    pub codec: VideoCodec,
    /// Pixels across.
    pub width: u32,
    /// Pixels down.
    pub height: u32,
    /// Thousandths of a frame per second (29.97 is 29 970); none where it is unknown or varies.
    pub frame_rate_milli: Option<u32>,
}

/// What the sound of a feed is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct AudioFormat {
    /// The codec.
    pub codec: AudioCodec,
    /// Samples per second.
    pub sample_rate: u32,
    /// Channels of sound.
    pub channels: u8,
}

/// What a feed delivers: picture, sound, or both, never neither. (The encoder's own words about itself are kept elsewhere,
/// not in events.)
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct InputFormat {
    protocol: IngestProtocol,
    tracks: Tracks,
    bitrate: Option<u64>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
enum Tracks {
    Video(VideoFormat),
    Audio(AudioFormat),
    Both(VideoFormat, AudioFormat),
}

impl InputFormat {
    /// What a feed delivers; `bitrate` in bit/s, where the encoder told it. Refused without picture and sound.
    pub fn new(
        protocol: IngestProtocol,
        video: Option<VideoFormat>,
        audio: Option<AudioFormat>,
        bitrate: Option<u64>,
    ) -> Result<Self, ValueError> {
        let tracks = match (video, audio) {
            (Some(video), Some(audio)) => Tracks::Both(video, audio),
            (Some(video), None) => Tracks::Video(video),
            (None, Some(audio)) => Tracks::Audio(audio),
            (None, None) => {
                return Err(ValueError::Form { what: "the input", wanted: "video, audio or both" });
            }
        };
        Ok(Self { protocol, tracks, bitrate })
    }

    /// The protocol it came by.
    pub fn protocol(&self) -> IngestProtocol {
        self.protocol
    }

    /// The picture, where there is one.
    pub fn video(&self) -> Option<&VideoFormat> {
        match &self.tracks {
            Tracks::Video(video) | Tracks::Both(video, _) => Some(video),
            Tracks::Audio(_) => None,
        }
    }

    /// The sound, where there is some.
    pub fn audio(&self) -> Option<&AudioFormat> {
        match &self.tracks {
            Tracks::Audio(audio) | Tracks::Both(_, audio) => Some(audio),
            Tracks::Video(_) => None,
        }
    }

    /// Bits per second, where the encoder told it.
    pub fn bitrate(&self) -> Option<u64> {
        self.bitrate
    }

    /// Whether both are the same format. A bitrate is a measure and no format: it may wander without being a change.
    pub fn is_same_format(&self, other: &Self) -> bool {
        self.protocol == other.protocol && self.tracks == other.tracks
    }
}
