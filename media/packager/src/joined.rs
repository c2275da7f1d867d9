//! Segments of one format, joined into a file: what stands before them.

use mp4_atom::{Decode, Encode, Error, Ftyp, Mehd, Moov, SegmentReference, Sidx};
use sigma_elementary::CLOCK;

use crate::boxes::{AUDIO_TRACK, VIDEO_TRACK};

/// ISO/IEC 14496-12 §8.16.3: the box counts its references in 16 bits.
const MAX_REFERENCES: usize = u16::MAX as usize;
/// §8.16.3: sizes have 31 bits.
const MAX_REFERENCED: u64 = 0x7fff_ffff;

/// A segment that is joined to the ones before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct JoinedSegment {
    /// Bytes.
    pub len: u64,
    /// Media time, in ticks of [`sigma_elementary::CLOCK`].
    pub duration_ticks: u64,
    /// Whether it begins with a frame from which decoding can start.
    pub starts_with_key: bool,
}

/// The head of a file whose segments follow at once, the first of which begins at `begins_ticks` of media time: the init
/// section `init` with the duration of all (`mehd`, §8.8.2), and an index by which players find any moment (`sidx`, §8.16.3).
///
/// # Errors
/// Where `init` is none of ours.
pub fn file_head(init: &[u8], begins_ticks: u64, segments: &[JoinedSegment]) -> Result<Vec<u8>, Error> {
    let mut rest = init;
    let file_type = Ftyp::decode(&mut rest)?;
    let mut movie = Moov::decode(&mut rest)?;
    let duration: u64 = segments.iter().map(|segment| segment.duration_ticks).sum();
    let timescale = u64::from(movie.mvhd.timescale);
    let ends = u128::from(begins_ticks + duration) * u128::from(timescale) / u128::from(CLOCK);
    if let Some(extends) = &mut movie.mvex {
        extends.mehd = Some(Mehd { fragment_duration: u64::try_from(ends).unwrap_or(u64::MAX) });
    }
    let has_video = movie.trak.iter().any(|track| track.tkhd.track_id == VIDEO_TRACK);
    let mut head = Vec::with_capacity(init.len() + 64 + 12 * segments.len().min(MAX_REFERENCES));
    file_type.encode(&mut head)?;
    movie.encode(&mut head)?;
    if let Some(references) = references(segments) {
        let index = Sidx {
            reference_id: if has_video { VIDEO_TRACK } else { AUDIO_TRACK },
            timescale: CLOCK,
            earliest_presentation_time: begins_ticks,
            first_offset: 0,
            references,
        };
        index.encode(&mut head)?;
    }
    Ok(head)
}

/// As many segments to a reference as the box can count them; none where a reference would be too large.
fn references(segments: &[JoinedSegment]) -> Option<Vec<SegmentReference>> {
    let each = segments.len().div_ceil(MAX_REFERENCES).max(1);
    let one = |group: &[JoinedSegment]| {
        let len = group.iter().map(|segment| segment.len).sum::<u64>();
        let duration = group.iter().map(|segment| segment.duration_ticks).sum::<u64>();
        let starts_with_sap = group.first().is_some_and(|first| first.starts_with_key);
        Some(SegmentReference {
            reference_type: false,
            referenced_size: u32::try_from(len).ok().filter(|_| len <= MAX_REFERENCED)?,
            subsegment_duration: u32::try_from(duration).ok()?,
            starts_with_sap,
            sap_type: u8::from(starts_with_sap),
            sap_delta_time: 0,
        })
    };
    segments.chunks(each).map(one).collect()
}
