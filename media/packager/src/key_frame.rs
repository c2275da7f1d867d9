//! A segment's key frame by itself: a fragment of one picture, and an init section without sound, as I-frame playlists name them
//! (rfc8216bis §4.4.3.6).
//!
//! Not the beginning of the segment itself, which its `moof` promises more of than there would be: what appends it to a decoder
//! (Media Source Extensions) waits for the rest.

use bytes::Bytes;
use mp4_atom::{Decode, Encode, Error, Ftyp, Moov};

use crate::boxes::VIDEO_TRACK;
use crate::edge::{Still, segment};
use crate::reader::{Fragment, ReadError, Track};

/// Why a key frame is not to be had by itself.
#[derive(Debug, thiserror::Error)]
pub enum KeyFrameError {
    /// What is there cannot be read.
    #[error(transparent)]
    Unreadable(#[from] ReadError),
    /// It does not begin with a key frame, or that is not all there.
    #[error("the segment does not begin with a whole key frame")]
    None,
    /// It cannot be written.
    #[error("it cannot be written: {0}")]
    Unwritable(#[from] Error),
}

/// The key frame that a segment begins with, in a fragment of its own. `head`: the segment's bytes up to the picture's end;
/// `stands`: how long it is shown, in ticks of [`sigma_elementary::CLOCK`].
///
/// # Errors
/// There is none.
pub fn key_frame(init: &[u8], head: &Bytes, stands: u64) -> Result<Vec<Bytes>, KeyFrameError> {
    let tracks = Track::read_all(init)?;
    let track = tracks.iter().find(|track| track.is_video).ok_or(KeyFrameError::None)?;
    let moof = first_moof(head).ok_or(ReadError::Truncated)?;
    // Its samples say where they are; that not all of them are here is no matter.
    let fragment = Fragment { at: 0, media: moof.len()..usize::MAX, moof };
    let first = track.samples_of(&[fragment])?.into_iter().next();
    let first = first.filter(|sample| sample.sync).ok_or(KeyFrameError::None)?;
    let data = head.get(first.bytes.clone()).map(|_| head.slice(first.bytes)).ok_or(KeyFrameError::None)?;
    let still = Still {
        decode_time: first.decode_time,
        offset: i32::try_from(first.offset).map_err(|_| KeyFrameError::None)?,
        key: true,
        data,
    };
    let end = first.decode_time.saturating_add(stands);
    Ok(segment(1, &[still], end, &[])?)
}

fn first_moof(head: &Bytes) -> Option<Bytes> {
    let (length, name) = (head.get(..4)?, head.get(4..8)?);
    let length = u32::from_be_bytes(length.try_into().ok()?) as usize;
    (name == b"moof" && length <= head.len()).then(|| head.slice(..length))
}

/// The init section `init` of ours with its pictures alone.
///
/// # Errors
/// Where `init` is none of ours.
pub fn key_frame_init(init: &[u8]) -> Result<Vec<u8>, Error> {
    let mut rest = init;
    let file_type = Ftyp::decode(&mut rest)?;
    let mut movie = Moov::decode(&mut rest)?;
    movie.trak.retain(|track| track.tkhd.track_id == VIDEO_TRACK);
    if let Some(extends) = &mut movie.mvex {
        extends.trex.retain(|track| track.track_id == VIDEO_TRACK);
    }
    let mut bytes = Vec::with_capacity(init.len());
    file_type.encode(&mut bytes)?;
    movie.encode(&mut bytes)?;
    Ok(bytes)
}
