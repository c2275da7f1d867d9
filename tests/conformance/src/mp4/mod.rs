//! A small reader of fragmented MP4 (ISO/IEC 14496-12), of its own: what a judge wants to know of an init section,
//! a segment or a part, and nothing else.

mod boxes;
mod fragment;
mod init;

pub use fragment::{Run, key_frame as read_key_frame, read as read_fragment};
pub use init::{Init, Kind, Track, read as read_init};

/// A clock's ticks as microseconds.
pub(crate) fn micros(ticks: u64, timescale: u32) -> crate::playlist::Micros {
    let micros = u128::from(ticks) * 1_000_000 / u128::from(timescale.max(1));
    i64::try_from(micros).unwrap_or(i64::MAX)
}

/// The runs of all fragments as one a track: a segment is that of its parts.
pub fn joined(runs: &[Run]) -> Vec<Run> {
    let mut out: Vec<Run> = Vec::new();
    for run in runs {
        match out.iter_mut().find(|known| known.track == run.track) {
            None => out.push(run.clone()),
            Some(known) => {
                known.duration += run.duration;
                known.samples += run.samples;
                known.bytes += run.bytes;
                known.any_sync |= run.any_sync;
                known.any_idr = known.any_idr.zip(run.any_idr).map(|(a, b)| a || b);
            }
        }
    }
    out
}
