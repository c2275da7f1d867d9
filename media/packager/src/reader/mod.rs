//! What lies where in packaged media: the samples of its tracks, read from an init section and a segment's bytes.
//!
//! Written for what the packager writes, and reads every fMP4 whose fragments say their offsets from `moof` (CMAF §7.5.16).
//! Pure; the bytes may have been damaged where they lay: every length is checked, nothing panics.

mod boxes;
mod fragments;
mod init;
mod skim;

use std::ops::Range;

use sigma_elementary::{ConfigError, VideoConfig};

pub(crate) use boxes::{Boxes, Fields};
pub use skim::{Fragment, MAX_MOOF, Skim};

/// The most samples of one segment that are read: more than an hour of the highest frame rate.
pub const MAX_SAMPLES: usize = 1 << 18;

/// The latest time that is read, in ticks: thousands of years at any timescale in use.
pub const MAX_TIME: u64 = 1 << 60;

/// Why media is not read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ReadError {
    /// It ends before what it promises.
    #[error("the media ends too early")]
    Truncated,
    /// It contradicts its specification.
    #[error("the media is not valid: {0}")]
    Invalid(&'static str),
    /// It is valid, but nothing that the packager writes.
    #[error("the media is not supported: {0}")]
    Unsupported(&'static str),
    /// There is more in it than we read.
    #[error("the media has more than {MAX_SAMPLES} samples in one segment")]
    TooManySamples,
    /// The decoder configuration in the init section.
    #[error(transparent)]
    Config(#[from] ConfigError),
}

/// A track of an init section.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Track {
    /// Its number in the file.
    pub id: u32,
    /// Ticks a second of its samples' times.
    pub timescale: u32,
    /// Whether it has pictures.
    pub is_video: bool,
    defaults: Defaults,
}

impl Track {
    /// All tracks of an init section (`ftyp` and `moov`), in their order.
    ///
    /// # Errors
    /// It is no init section.
    pub fn read_all(init: &[u8]) -> Result<Vec<Self>, ReadError> {
        init::tracks(init)
    }

    /// The track's samples in a segment, in the order of the file.
    ///
    /// # Errors
    /// The segment is damaged: then none of its samples can be relied on.
    pub fn samples(&self, segment: &[u8]) -> Result<Vec<Sample>, ReadError> {
        fragments::samples(self, segment)
    }

    /// The track's samples in a segment that was skimmed, in the order of the file.
    ///
    /// # Errors
    /// The segment is damaged: then none of its samples can be relied on.
    pub fn samples_of(&self, fragments: &[Fragment]) -> Result<Vec<Sample>, ReadError> {
        fragments::samples_of(self, fragments)
    }
}

/// The video track of an init section.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VideoTrack {
    /// Ticks a second of its samples' times.
    pub timescale: u32,
    /// How it is coded.
    pub config: VideoConfig,
    track: Track,
}

/// One sample of a segment: a picture, or a frame of sound.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sample {
    /// Where the `moof` that it belongs to begins, in bytes from the segment's beginning.
    pub fragment: usize,
    /// Where its access unit lies in the segment.
    pub bytes: Range<usize>,
    /// In ticks of the track's timescale, on the rendition's timeline.
    pub decode_time: u64,
    /// How much later it is shown, in ticks.
    pub offset: i64,
    /// In ticks.
    pub duration: u32,
    /// Whether decoding can start with it.
    pub sync: bool,
}

/// A picture that decodes by itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyFrame {
    /// Where the `moof` that it belongs to begins, in bytes from the segment's beginning. Behind the init section the bytes
    /// from here to the end of `bytes` are what an I-frame playlist names.
    pub fragment: usize,
    /// Where its access unit lies in the segment.
    pub bytes: Range<usize>,
    /// When it is decoded, in ticks of the track's timescale, on the rendition's timeline.
    pub decode_time: u64,
    /// When it is shown, in ticks.
    pub presentation_time: i64,
    /// Until the next key frame is decoded, or until the segment's video ends, in ticks.
    pub lasts: u64,
}

/// §8.8.3 and §8.8.7: what samples are where their run does not say it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
struct Defaults {
    duration: u32,
    size: u32,
    flags: u32,
}

impl VideoTrack {
    /// The first video track of an init section (`ftyp` and `moov`), if there is one.
    ///
    /// # Errors
    /// It is no init section, or one of a codec that we do not package.
    pub fn read(init: &[u8]) -> Result<Option<Self>, ReadError> {
        init::video_track(init)
    }

    /// The track's samples in a segment: one `moof` with its `mdat` after the other. In the order of the file.
    ///
    /// # Errors
    /// The segment is damaged: then none of its samples can be relied on.
    pub fn samples(&self, segment: &[u8]) -> Result<Vec<Sample>, ReadError> {
        fragments::samples(&self.track, segment)
    }

    /// The track's key frames in a segment.
    ///
    /// # Errors
    /// As [`Self::samples`].
    pub fn key_frames(&self, segment: &[u8]) -> Result<Vec<KeyFrame>, ReadError> {
        let samples = self.samples(segment)?;
        let mut until = samples.last().map_or(0, |last| last.decode_time + u64::from(last.duration));
        let mut found: Vec<KeyFrame> = Vec::new();
        for sample in samples.into_iter().rev().filter(|sample| sample.sync) {
            let decode_time = sample.decode_time;
            // Samples are in order of their time: `samples` sees to it.
            let lasts = until - decode_time;
            until = decode_time;
            // Below `MAX_TIME`, and an offset has 32 bits.
            let presentation_time = decode_time.cast_signed() + sample.offset;
            let Sample { fragment, bytes, .. } = sample;
            found.push(KeyFrame { fragment, bytes, decode_time, presentation_time, lasts });
        }
        found.reverse();
        Ok(found)
    }
}
