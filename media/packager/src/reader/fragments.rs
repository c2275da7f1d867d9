//! Movie fragments, ISO/IEC 14496-12 §8.8: where each sample lies.

use std::ops::Range;

use super::boxes::{Boxed, Boxes, Fields};
use super::{Defaults, Fragment, MAX_SAMPLES, MAX_TIME, ReadError, Sample, Track};

/// §8.8.3.1: decoding cannot start with this sample.
const NON_SYNC: u32 = 0x0001_0000;

/// §8.8.7.1, of `tfhd`.
mod track_flags {
    pub(super) const BASE_DATA_OFFSET: u32 = 0x1;
    pub(super) const DESCRIPTION: u32 = 0x2;
    pub(super) const DURATION: u32 = 0x8;
    pub(super) const SIZE: u32 = 0x10;
    pub(super) const FLAGS: u32 = 0x20;
    pub(super) const BASE_IS_MOOF: u32 = 0x2_0000;
}

/// §8.8.8.1, of `trun`.
mod run_flags {
    pub(super) const DATA_OFFSET: u32 = 0x1;
    pub(super) const FIRST_FLAGS: u32 = 0x4;
    pub(super) const DURATION: u32 = 0x100;
    pub(super) const SIZE: u32 = 0x200;
    pub(super) const FLAGS: u32 = 0x400;
    pub(super) const OFFSET: u32 = 0x800;
}

pub(super) fn samples(track: &Track, segment: &[u8]) -> Result<Vec<Sample>, ReadError> {
    let mut samples = Vec::new();
    // How many of them have their bytes behind them.
    let mut placed = 0;
    let mut boxes = Boxes::new(segment);
    while let Some(found) = boxes.next()? {
        match &found.name {
            b"moof" => {
                if placed < samples.len() {
                    return Err(ReadError::Invalid("a fragment without its media"));
                }
                fragment(track, &found, &mut samples)?;
            }
            b"mdat" => {
                placed = inside(&samples, placed, &found.range)?;
            }
            _ => {}
        }
    }
    if placed < samples.len() { Err(ReadError::Truncated) } else { Ok(samples) }
}

/// The same of fragments that stand for themselves.
pub(super) fn samples_of(track: &Track, fragments: &[Fragment]) -> Result<Vec<Sample>, ReadError> {
    let mut samples = Vec::new();
    for Fragment { at, moof, media } in fragments {
        let placed = samples.len();
        let found = Boxes::new(moof).next()?.ok_or(ReadError::Truncated)?;
        fragment(track, &Boxed { at: *at, ..found }, &mut samples)?;
        inside(&samples, placed, media)?;
    }
    Ok(samples)
}

/// Holds the samples from `placed` on against where their fragment's media lies. Answers how many there are.
fn inside(samples: &[Sample], placed: usize, media: &Range<usize>) -> Result<usize, ReadError> {
    let inside = |sample: &Sample| media.start <= sample.bytes.start && sample.bytes.end <= media.end;
    if !samples[placed..].iter().all(inside) {
        return Err(ReadError::Invalid("a sample lies outside its fragment's media"));
    }
    Ok(samples.len())
}

fn fragment(track: &Track, moof: &Boxed<'_>, samples: &mut Vec<Sample>) -> Result<(), ReadError> {
    let mut boxes = Boxes::new(moof.body);
    while let Some(found) = boxes.next()? {
        if found.name == *b"traf" {
            track_fragment(track, moof.at, found.body, samples)?;
        }
    }
    Ok(())
}

fn track_fragment(
    track: &Track,
    moof: usize,
    traf: &[u8],
    samples: &mut Vec<Sample>,
) -> Result<(), ReadError> {
    let mut header = Fields(Boxes::path(traf, &[b"tfhd"])?);
    let (_, flags) = header.version_and_flags()?;
    if header.u32()? != track.id {
        return Ok(());
    }
    if flags & track_flags::BASE_DATA_OFFSET != 0 || flags & track_flags::BASE_IS_MOOF == 0 {
        return Err(ReadError::Unsupported("offsets that do not count from the fragment"));
    }
    header.optional(flags, track_flags::DESCRIPTION)?;
    let defaults = Defaults {
        duration: header.optional(flags, track_flags::DURATION)?.unwrap_or(track.defaults.duration),
        size: header.optional(flags, track_flags::SIZE)?.unwrap_or(track.defaults.size),
        flags: header.optional(flags, track_flags::FLAGS)?.unwrap_or(track.defaults.flags),
    };
    let mut time = Fields(Boxes::path(traf, &[b"tfdt"])?);
    let (version, _) = time.version_and_flags()?;
    let decode_time = if version == 1 { time.u64()? } else { time.u32()?.into() };
    // What is after a later picture cannot be told apart from damage, and would last for ever.
    if samples.last().is_some_and(|last| decode_time < last.decode_time) {
        return Err(ReadError::Invalid("a track goes back in time"));
    }
    let mut next = Next { moof, at: moof, decode_time };
    let mut boxes = Boxes::new(traf);
    while let Some(found) = boxes.next()? {
        if found.name == *b"trun" {
            next.run(found.body, defaults, samples)?;
        }
    }
    Ok(())
}

/// Where and when the next sample is.
struct Next {
    moof: usize,
    at: usize,
    decode_time: u64,
}

impl Next {
    /// §8.8.8.
    fn run(&mut self, trun: &[u8], defaults: Defaults, samples: &mut Vec<Sample>) -> Result<(), ReadError> {
        let mut fields = Fields(trun);
        let (version, flags) = fields.version_and_flags()?;
        let count = fields.u32()? as usize;
        if samples.len().saturating_add(count) > MAX_SAMPLES {
            return Err(ReadError::TooManySamples);
        }
        if flags & run_flags::DATA_OFFSET != 0 {
            let offset = usize::try_from(fields.i32()?).ok();
            let at = offset.and_then(|offset| self.moof.checked_add(offset));
            self.at = at.ok_or(ReadError::Invalid("a run lies before its fragment"))?;
        }
        let mut first_flags = fields.optional(flags, run_flags::FIRST_FLAGS)?;
        for _ in 0..count {
            let duration = fields.optional(flags, run_flags::DURATION)?.unwrap_or(defaults.duration);
            let size = fields.optional(flags, run_flags::SIZE)?.unwrap_or(defaults.size);
            let own_flags = fields.optional(flags, run_flags::FLAGS)?;
            let own_flags = first_flags.take().or(own_flags).unwrap_or(defaults.flags);
            let offset = fields.optional(flags, run_flags::OFFSET)?.unwrap_or(0);
            let offset = if version == 0 { i64::from(offset) } else { i64::from(offset.cast_signed()) };
            let end = self.at.checked_add(size as usize).ok_or(ReadError::Truncated)?;
            let until = self.decode_time.checked_add(duration.into());
            let until = until.filter(|until| *until <= MAX_TIME);
            let until = until.ok_or(ReadError::Invalid("its time is out of all bounds"))?;
            samples.push(Sample {
                fragment: self.moof,
                bytes: self.at..end,
                decode_time: self.decode_time,
                offset,
                duration,
                sync: own_flags & NON_SYNC == 0,
            });
            (self.at, self.decode_time) = (end, until);
        }
        Ok(())
    }
}
