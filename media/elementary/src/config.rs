//! Decoder configurations as they come from an encoder, understood as far as packaging needs.

use bytes::Bytes;

use crate::{RandomAccess, aac, av1, h264, hevc, opus};

/// The longest decoder configuration that is read: parameter sets are some hundred bytes in practice.
pub const MAX_RECORD: usize = 64 * 1024;
/// The greatest width or height of a picture.
pub const MAX_DIMENSION: u32 = 16_384;
/// The greatest sampling rate, in Hz.
pub const MAX_SAMPLE_RATE: u32 = 192_000;
/// The smallest sampling rate that AAC names, in Hz.
const MIN_SAMPLE_RATE: u32 = 7_350;
/// The greatest number of audio channels.
pub const MAX_CHANNELS: u8 = 64;

/// How pictures are coded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum VideoCodec {
    /// H.264, ISO/IEC 14496-10.
    H264,
    /// HEVC, ISO/IEC 23008-2.
    Hevc,
    /// AV1.
    Av1,
}

/// How sound is coded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum AudioCodec {
    /// AAC, ISO/IEC 14496-3.
    Aac,
    /// Opus, RFC 6716.
    Opus,
}

/// Why a decoder configuration is not understood.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ConfigError {
    /// It ends before what it promises.
    #[error("the decoder configuration ends too early")]
    Truncated,
    /// It contradicts its specification.
    #[error("the decoder configuration is not valid: {0}")]
    Invalid(&'static str),
    /// It is valid, but nothing that we can package.
    #[error("the decoder configuration is not supported: {0}")]
    Unsupported(&'static str),
    /// Something in it is larger than we accept.
    #[error("{what} in the decoder configuration exceeds the limit of {limit}")]
    TooLarge {
        /// What is too large.
        what: &'static str,
        /// The greatest accepted value.
        limit: usize,
    },
}

/// How a feed's video is coded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VideoConfig {
    /// Which codec.
    pub codec: VideoCodec,
    /// The payload of `avcC`, `hvcC` or `av1C`.
    pub record: Bytes,
    /// Width in pixels after cropping.
    pub width: u32,
    /// Height in pixels after cropping.
    pub height: u32,
    /// Frames a second as (numerator, denominator), if the stream says so. Encoders lie: measure where it matters.
    pub frame_rate_hint: Option<(u32, u32)>,
    /// Whether pictures may be coded as fields (H.264; of the others it is not told).
    pub interlaced: bool,
    /// Bytes of a NAL unit's length prefix (1, 2 or 4); 0 for AV1.
    pub nal_length_size: u8,
    pub(crate) codec_string: String,
}

impl VideoConfig {
    /// Reads the payload of `avcC`, `hvcC` or `av1C`.
    ///
    /// # Errors
    /// Says what is wrong with it, or what we cannot package.
    pub fn parse(codec: VideoCodec, record: Bytes) -> Result<Self, ConfigError> {
        limit("the record", record.len(), MAX_RECORD)?;
        let config = match codec {
            VideoCodec::H264 => h264::parse(record),
            VideoCodec::Hevc => hevc::parse(record),
            VideoCodec::Av1 => av1::parse(record),
        }?;
        if config.width == 0 || config.height == 0 {
            return Err(ConfigError::Invalid("the picture has no size"));
        }
        limit("the picture's width", config.width as usize, MAX_DIMENSION as usize)?;
        limit("the picture's height", config.height as usize, MAX_DIMENSION as usize)?;
        Ok(config)
    }

    /// As RFC 6381 has it, e.g. `avc1.64001f`.
    pub fn codec_string(&self) -> &str {
        &self.codec_string
    }

    /// Whether decoding can start with this access unit, judged by its bytes.
    pub fn random_access(&self, data: &[u8]) -> RandomAccess {
        match self.codec {
            VideoCodec::H264 => h264::random_access(data, self.nal_length_size),
            VideoCodec::Hevc => hevc::random_access(data, self.nal_length_size),
            VideoCodec::Av1 => av1::random_access(data),
        }
    }
}

/// How a feed's audio is coded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AudioConfig {
    /// Which codec.
    pub codec: AudioCodec,
    /// AAC: the AudioSpecificConfig. Opus: the payload of `dOps`.
    pub record: Bytes,
    /// Samples a second in which frames are counted: of AAC's core (SBR doubles it only at the decoder's output), of
    /// Opus always 48 000.
    pub sample_rate: u32,
    /// Channels that come out of the decoder.
    pub channels: u8,
    /// Samples of one AAC frame at `sample_rate`; 0 for Opus, whose packets say it.
    pub(crate) frame_samples: u32,
    /// The audio object type of the codec string; 0 for Opus.
    pub(crate) object_type: u8,
}

impl AudioConfig {
    /// Reads an AudioSpecificConfig, the payload of `dOps`, or an `OpusHead` (which becomes the payload of `dOps`).
    ///
    /// # Errors
    /// Says what is wrong with it, or what we cannot package.
    pub fn parse(codec: AudioCodec, record: Bytes) -> Result<Self, ConfigError> {
        limit("the record", record.len(), MAX_RECORD)?;
        let config = match codec {
            AudioCodec::Aac => aac::parse(record),
            AudioCodec::Opus => opus::parse(record),
        }?;
        if config.sample_rate < MIN_SAMPLE_RATE {
            return Err(ConfigError::Invalid("the sampling rate is too low"));
        }
        limit("the sampling rate", config.sample_rate as usize, MAX_SAMPLE_RATE as usize)?;
        if config.channels == 0 {
            return Err(ConfigError::Invalid("there are no channels"));
        }
        limit("the number of channels", config.channels.into(), MAX_CHANNELS.into())?;
        Ok(config)
    }

    /// As RFC 6381 has it, e.g. `mp4a.40.2`.
    pub fn codec_string(&self) -> String {
        match self.codec {
            AudioCodec::Aac => format!("mp4a.40.{}", self.object_type),
            AudioCodec::Opus => "opus".into(),
        }
    }

    /// Samples that one frame lasts, at `sample_rate`. None: an Opus packet that is not valid.
    pub fn samples_per_frame(&self, frame: &[u8]) -> Option<u32> {
        match self.codec {
            AudioCodec::Aac => Some(self.frame_samples),
            AudioCodec::Opus => opus::packet_samples(frame),
        }
    }
}

fn limit(what: &'static str, found: usize, limit: usize) -> Result<(), ConfigError> {
    if found > limit { Err(ConfigError::TooLarge { what, limit }) } else { Ok(()) }
}
