//! What flows from a protocol to the packager.

use bytes::Bytes;

use crate::{AudioConfig, VideoConfig};

/// One coded picture, or one audio frame.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AccessUnit {
    /// Decoding time in ticks of [`crate::CLOCK`].
    pub dts: i64,
    /// Presentation time in ticks of [`crate::CLOCK`].
    pub pts: i64,
    /// Whether the protocol calls it a key frame. Always true of audio. [`VideoConfig::random_access`] looks into the
    /// bytes.
    pub key: bool,
    /// Video: length-prefixed NAL units (lengths as in the record), or AV1 OBUs in the low-overhead format without
    /// temporal delimiters. Audio: one raw frame.
    pub data: Bytes,
}

/// What a broadcaster's feed consists of. A configuration holds for every access unit that follows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Media {
    /// The video that follows is coded so.
    VideoConfig(VideoConfig),
    /// The audio that follows is coded so.
    AudioConfig(AudioConfig),
    /// One picture.
    Video(AccessUnit),
    /// One audio frame.
    Audio(AccessUnit),
}
