//! How much media there is in some stretches of a session.

use super::{Recording, Span};
use crate::{CLOCK, us_of_ticks};

/// How much media there is in a view of a recording.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Extent {
    /// Its stretches, on the borders of segments, in order.
    pub spans: Vec<Span>,
    /// Milliseconds of media: what a player plays.
    pub duration_ms: u64,
    /// Bytes of media, init sections not counted.
    pub bytes: u64,
    /// Milliseconds between for which there is no media.
    pub gaps_ms: u64,
    /// How many files it takes: one for each run of a format in which media time goes on.
    pub files: u32,
}

impl Recording {
    /// How much there is in these stretches; without any media, nothing but zeros.
    pub fn extent(&self, spans: &[Span]) -> Extent {
        let (mut media, mut gaps, mut extent) = (0u64, 0u64, Extent::default());
        let mut before = None;
        for (msn, piece) in self.within(spans) {
            if piece.gap {
                gaps += piece.duration;
                continue;
            }
            media += piece.duration;
            extent.bytes += piece.len;
            let goes_on = before.replace(msn).is_some_and(|before| self.goes_on(before, msn));
            extent.files += u32::from(!goes_on);
        }
        if media > 0 {
            extent.spans = spans.to_vec();
            extent.duration_ms = milliseconds(media);
            extent.gaps_ms = milliseconds(gaps);
        }
        extent
    }
}

fn milliseconds(ticks: u64) -> u64 {
    (us_of_ticks(ticks).unsigned_abs() + 500) / 1_000
}

const _: () = assert!(CLOCK == 90_000, "ticks are those of the log");
