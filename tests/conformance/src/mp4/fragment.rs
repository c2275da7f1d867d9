//! Fragments: `moof` and `mdat`.

use super::boxes::{Atom, array, atoms, child, path, u32_at, u64_at};
use super::init::{Init, Kind, Track};

/// §8.8.3.1: `sample_is_non_sync_sample`.
const NOT_SYNC: u32 = 0x0001_0000;

/// The most samples of a run that are read.
const MOST_SAMPLES: u32 = 200_000;

/// What one track of a fragment holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Run {
    /// `track_ID`
    pub track: u32,
    /// What it carries.
    pub kind: Kind,
    /// Ticks a second.
    pub timescale: u32,
    /// `tfdt`: the decode time of its first sample, in ticks.
    pub start: u64,
    /// Ticks.
    pub duration: u64,
    /// How many samples.
    pub samples: u32,
    /// Bytes of media.
    pub bytes: u64,
    /// By its flags, the first sample can be decoded alone.
    pub first_sync: bool,
    /// By its flags, some sample can be decoded alone.
    pub any_sync: bool,
    /// By its NAL units, the first sample is an IDR picture (HEVC: any IRAP); none where there are no NAL units.
    pub first_idr: Option<bool>,
    /// By its NAL units, some sample is.
    pub any_idr: Option<bool>,
}

impl Run {
    /// Whether a decoder can begin with the first sample, by flags and, where there are any, NAL units.
    pub fn begins_independently(&self) -> bool {
        self.first_sync && self.first_idr != Some(false)
    }

    /// Whether a decoder can begin somewhere in it.
    pub fn is_independent(&self) -> bool {
        self.any_sync && self.any_idr != Some(false)
    }
}

struct Sample {
    duration: u32,
    size: u32,
    flags: u32,
}

/// Reads all fragments of a segment or part.
///
/// # Errors
/// What is not as it must be, in words.
pub fn read(bytes: &[u8], init: &Init) -> Result<Vec<Run>, String> {
    let mut runs = Vec::new();
    for moof in atoms(bytes)?.into_iter().filter(|atom| atom.name == *b"moof") {
        for traf in atoms(moof.body)?.into_iter().filter(|atom| atom.name == *b"traf") {
            runs.push(run(bytes, moof.at, traf, init)?);
        }
    }
    if runs.is_empty() { Err("no moof".to_owned()) } else { Ok(runs) }
}

/// Reads the beginning of a fragment that is to hold one picture, which can be decoded alone.
///
/// # Errors
/// What is not as it must be, in words.
pub fn key_frame(bytes: &[u8], init: &Init) -> Result<(), String> {
    let head = bytes.get(..u32_at(bytes, 0)? as usize).ok_or("the moof is cut off")?;
    let moof = path(head, &[b"moof"])?;
    for traf in atoms(moof.body)?.into_iter().filter(|atom| atom.name == *b"traf") {
        let Laid { track, samples, .. } = laid(moof.at, traf, init)?;
        let Some((at, sample)) = samples.first().filter(|_| track.kind == Kind::Video) else { continue };
        let end = at.saturating_add(sample.size as usize);
        let picture = bytes.get(*at..end);
        let picture = picture.ok_or_else(|| format!("the picture ends at byte {end} of {}", bytes.len()))?;
        let is_alone = track.nal_length.is_none_or(|length| is_idr(picture, length, track));
        return match sample.flags & NOT_SYNC == 0 && is_alone {
            true => Ok(()),
            false => Err("the picture cannot be decoded alone".to_owned()),
        };
    }
    Err("there is no picture".to_owned())
}

/// Where the samples of a track's run lie.
struct Laid<'i> {
    track: &'i Track,
    start: u64,
    samples: Vec<(usize, Sample)>,
    /// Where the last of them ends.
    end: usize,
}

fn laid<'i>(moof_at: usize, traf: Atom<'_>, init: &'i Init) -> Result<Laid<'i>, String> {
    let tfhd = path(traf.body, &[b"tfhd"])?.body;
    let (tf_flags, id) = (u32_at(tfhd, 0)? & 0x00ff_ffff, u32_at(tfhd, 4)?);
    let track = init.tracks.iter().find(|track| track.id == id);
    let track = track.ok_or_else(|| format!("the init section has no track {id}"))?;
    let mut at = 8;
    let mut field = |flag: u32, length: usize| -> Option<usize> {
        let here = at;
        (tf_flags & flag != 0).then(|| {
            at += length;
            here
        })
    };
    let base = field(0x1, 8).map(|at| u64_at(tfhd, at)).transpose()?;
    field(0x2, 4);
    let mut read = |flag, default| field(flag, 4).map_or(Ok(default), |at| u32_at(tfhd, at));
    let duration = read(0x8, track.default_duration)?;
    let size = read(0x10, track.default_size)?;
    let flags = read(0x20, track.default_flags)?;
    let tfdt = path(traf.body, &[b"tfdt"])?.body;
    let start = if tfdt.first() == Some(&1) { u64_at(tfdt, 4)? } else { u64::from(u32_at(tfdt, 4)?) };
    let base = base.map_or(Ok(moof_at), usize::try_from).map_err(|_| "base_data_offset is too large")?;
    let mut out = Laid { track, start, samples: Vec::new(), end: base };
    for trun in atoms(traf.body)?.into_iter().filter(|atom| atom.name == *b"trun") {
        let (samples, offset) = samples(trun.body, Sample { duration, size, flags })?;
        if let Some(offset) = offset {
            out.end =
                usize::try_from(base as i64 + i64::from(offset)).map_err(|_| "data_offset is negative")?;
        }
        for sample in samples {
            let at = out.end;
            out.end = at.saturating_add(sample.size as usize);
            out.samples.push((at, sample));
        }
    }
    Ok(out)
}

fn run(bytes: &[u8], moof_at: usize, traf: Atom<'_>, init: &Init) -> Result<Run, String> {
    let Laid { track, start, samples, end } = laid(moof_at, traf, init)?;
    let mut out = Run {
        track: track.id,
        kind: track.kind,
        timescale: track.timescale,
        start,
        duration: 0,
        samples: 0,
        bytes: 0,
        first_sync: false,
        any_sync: false,
        first_idr: None,
        any_idr: None,
    };
    for (at, sample) in samples {
        let sync = sample.flags & NOT_SYNC == 0;
        let idr = track.nal_length.filter(|_| track.kind == Kind::Video).map(|length| {
            let end = at.saturating_add(sample.size as usize).min(bytes.len());
            bytes.get(at..end).is_some_and(|units| is_idr(units, length, track))
        });
        if out.samples == 0 {
            (out.first_sync, out.first_idr, out.any_idr) = (sync, idr, idr);
        }
        out.any_sync |= sync;
        out.any_idr = out.any_idr.zip(idr).map(|(any, this)| any || this);
        out.samples += 1;
        out.duration += u64::from(sample.duration);
        out.bytes += u64::from(sample.size);
    }
    if end > bytes.len() {
        return Err(format!("the samples go {} bytes beyond the end", end - bytes.len()));
    }
    child(bytes, b"mdat")?.ok_or("no mdat")?;
    Ok(out)
}

fn samples(trun: &[u8], default: Sample) -> Result<(Vec<Sample>, Option<i32>), String> {
    let flags = u32_at(trun, 0)? & 0x00ff_ffff;
    let count = u32_at(trun, 4)?;
    if count > MOST_SAMPLES {
        return Err("too many samples".to_owned());
    }
    let mut at = 8;
    let mut next = |wanted: bool| -> Result<Option<u32>, String> {
        if !wanted {
            return Ok(None);
        }
        at += 4;
        u32_at(trun, at - 4).map(Some)
    };
    let offset = next(flags & 0x1 != 0)?.map(u32::cast_signed);
    let first = next(flags & 0x4 != 0)?;
    let mut out = Vec::new();
    for index in 0..count {
        let duration = next(flags & 0x100 != 0)?.unwrap_or(default.duration);
        let size = next(flags & 0x200 != 0)?.unwrap_or(default.size);
        let own = next(flags & 0x400 != 0)?.unwrap_or(default.flags);
        next(flags & 0x800 != 0)?;
        out.push(Sample { duration, size, flags: first.filter(|_| index == 0).unwrap_or(own) });
    }
    Ok((out, offset))
}

/// Whether one of a sample's NAL units is a picture that a decoder can begin with.
fn is_idr(units: &[u8], length: usize, track: &Track) -> bool {
    let mut at = 0;
    while let Some(prefix) = units.get(at..at + length) {
        let size = prefix.iter().fold(0usize, |size, byte| size << 8 | usize::from(*byte));
        at += length;
        let Ok([first]) = array::<1>(units, at) else { return false };
        let found = match track.entry.as_str() {
            // H.264 table 7-1; H.265 table 7-1.
            "avc1" | "avc3" => first & 0x1f == 5,
            _ => (16..=23).contains(&(first >> 1 & 0x3f)),
        };
        if found {
            return true;
        }
        at = at.saturating_add(size);
    }
    false
}
