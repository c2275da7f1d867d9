//! A segment of an edge, and what decodes it.

use bytes::Bytes;
use mp4_atom::{Decode, Encode, Error, Ftyp, Moov};
use sigma_elementary::VideoConfig;

use crate::boxes::{AUDIO_TRACK, Fragment, Run, Sample, VIDEO_TRACK, fragment, video_entry};

/// A picture of an edge.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Still {
    /// When it is decoded, in ticks of [`sigma_elementary::CLOCK`], on the rendition's timeline.
    pub decode_time: u64,
    /// How much later it is shown, in ticks.
    pub offset: i32,
    /// Whether decoding can start with it.
    pub key: bool,
    /// The access unit.
    pub data: Bytes,
}

/// A frame of sound.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sound {
    /// When it begins, in ticks of its track, on the rendition's timeline.
    pub decode_time: u64,
    /// In ticks of its track.
    pub duration: u32,
    /// The frame.
    pub data: Bytes,
}

/// One segment of these pictures and this sound, whose timestamps go on where they stood. `end`: when the last picture's time
/// is over, in decoding time. `sequence`: of its fragment.
///
/// # Errors
/// It cannot be written.
pub fn segment(sequence: u32, stills: &[Still], end: u64, sounds: &[Sound]) -> Result<Vec<Bytes>, Error> {
    let mut runs = Vec::new();
    if let Some(first) = stills.first() {
        let until = stills.iter().skip(1).map(|still| still.decode_time).chain([end]);
        let samples = stills.iter().zip(until).map(|(still, until)| Sample {
            duration: u32::try_from(until.saturating_sub(still.decode_time)).unwrap_or(u32::MAX).max(1),
            offset: still.offset,
            sync: still.key,
            data: still.data.clone(),
        });
        runs.push(Run {
            track: VIDEO_TRACK,
            base: first.decode_time,
            samples: samples.collect(),
            video: true,
        });
    }
    if let Some(first) = sounds.first() {
        let samples = sounds.iter().map(|sound| Sample {
            duration: sound.duration,
            offset: 0,
            sync: true,
            data: sound.data.clone(),
        });
        runs.push(Run {
            track: AUDIO_TRACK,
            base: first.decode_time,
            samples: samples.collect(),
            video: false,
        });
    }
    fragment(Fragment { sequence, runs })
}

/// The init section `init` of ours with other pictures: those that were coded anew.
///
/// # Errors
/// Where `init` is none of ours.
pub fn recoded_init(init: &[u8], config: &VideoConfig) -> Result<Vec<u8>, Error> {
    let mut rest = init;
    let file_type = Ftyp::decode(&mut rest)?;
    let mut movie = Moov::decode(&mut rest)?;
    for track in movie.trak.iter_mut().filter(|track| track.tkhd.track_id == VIDEO_TRACK) {
        track.mdia.minf.stbl.stsd.codecs = vec![video_entry(config)?];
    }
    let mut bytes = Vec::with_capacity(init.len() + 64);
    file_type.encode(&mut bytes)?;
    movie.encode(&mut bytes)?;
    Ok(bytes)
}
