//! Movie fragments, ISO/IEC 14496-12 §8.8.

use bytes::Bytes;
use mp4_atom::{Encode, Mfhd, Moof, Tfdt, Tfhd, Traf, Trun, TrunEntry};

use super::mdat;

/// Sample flags (§8.8.3.1) of a sample that depends on none.
const SYNC_SAMPLE: u32 = 0x0200_0000;
/// … and of one that depends on others.
const OTHER_SAMPLE: u32 = 0x0101_0000;

/// One sample of a run.
#[derive(Debug, Clone)]
pub(crate) struct Sample {
    /// In the track's timescale.
    pub(crate) duration: u32,
    /// Composition minus decoding time, in the track's timescale.
    pub(crate) offset: i32,
    pub(crate) sync: bool,
    pub(crate) data: Bytes,
}

/// One track's samples in a fragment. Without samples it says only where in time the fragment stands.
#[derive(Debug, Clone)]
pub(crate) struct Run {
    pub(crate) track: u32,
    /// Decoding time of the first sample, in the track's timescale.
    pub(crate) base: u64,
    pub(crate) samples: Vec<Sample>,
    /// Whether samples carry composition offsets and flags of their own (video), or not (audio).
    pub(crate) video: bool,
}

/// A `moof` and its `mdat`.
#[derive(Debug, Clone)]
pub(crate) struct Fragment {
    pub(crate) sequence: u32,
    pub(crate) runs: Vec<Run>,
}

/// The `moof` with the header of `mdat` in one slice, then the payloads as they are.
pub(crate) fn fragment(fragment: Fragment) -> Result<Vec<Bytes>, mp4_atom::Error> {
    let payload: u64 = fragment.runs.iter().map(Run::payload).sum();
    let mut head = Vec::new();
    // The offsets into `mdat` have a fixed width: write once with zeros to learn how long `moof` is.
    moof(&fragment, 0).encode(&mut head)?;
    let offset = head.len() + mdat::header_length(payload);
    head.clear();
    moof(&fragment, offset as u64).encode(&mut head)?;
    mdat::put_header(&mut head, payload);
    let samples = fragment.runs.into_iter().flat_map(|run| run.samples);
    let mut slices: Vec<Bytes> = vec![head.into()];
    slices.extend(samples.map(|sample| sample.data));
    Ok(slices)
}

fn moof(fragment: &Fragment, mut offset: u64) -> Moof {
    let mut traf = Vec::with_capacity(fragment.runs.len());
    for run in &fragment.runs {
        traf.push(track_fragment(run, offset));
        offset += run.payload();
    }
    Moof { mfhd: Mfhd { sequence_number: fragment.sequence }, traf }
}

fn track_fragment(run: &Run, offset: u64) -> Traf {
    let tfhd = Tfhd {
        track_id: run.track,
        default_base_is_moof: true,
        default_sample_flags: (!run.video).then_some(SYNC_SAMPLE),
        // §8.8.7: no samples in this stretch of time.
        duration_is_empty: run.samples.is_empty(),
        ..Tfhd::default()
    };
    // §8.8.12. Always version 1: at 90 kHz 32 bits wrap after 13 hours, and channels run longer.
    let tfdt = Some(Tfdt { base_media_decode_time: run.base });
    let trun = if run.samples.is_empty() {
        Vec::new()
    } else {
        let entries: Vec<TrunEntry> = run.samples.iter().map(|sample| run.entry(sample)).collect();
        // A part is far shorter than 2 GiB: the packager cuts at `MAX_PART_BYTES`.
        vec![Trun { data_offset: Some(i32::try_from(offset).unwrap_or(i32::MAX)), samples: entries.into() }]
    };
    Traf { tfhd, tfdt, trun, ..Traf::default() }
}

impl Run {
    fn payload(&self) -> u64 {
        self.samples.iter().map(|sample| sample.data.len() as u64).sum()
    }

    /// §8.8.8: with composition offsets the box is of version 1, where they are signed.
    fn entry(&self, sample: &Sample) -> TrunEntry {
        let flags = if sample.sync { SYNC_SAMPLE } else { OTHER_SAMPLE };
        TrunEntry {
            duration: Some(sample.duration),
            size: u32::try_from(sample.data.len()).ok(),
            flags: self.video.then_some(flags),
            cts: self.video.then_some(i64::from(sample.offset)),
        }
    }
}
