//! How much media there is in some stretches of a session.

use super::{Edit, Recording, Span};
use crate::{CLOCK, us_of_ticks};

/// How much media there is in a view of a recording.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Extent {
    /// What it shows.
    pub edit: Edit,
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
        self.extent_of(&Edit::from(spans.to_vec()))
    }

    /// The same of an edit.
    pub fn extent_of(&self, edit: &Edit) -> Extent {
        let (mut media, mut extent) = (0u64, Extent::default());
        let mut before = None;
        for item in self.items(edit) {
            media += item.duration();
            extent.bytes += item.len();
            let goes_on = before.replace(item).is_some_and(|before| self.goes_on(&before, &item));
            extent.files += u32::from(!goes_on);
        }
        if media > 0 {
            let aligned: Vec<Span> =
                edit.spans.iter().filter(|span| edit.edge(span).is_none()).copied().collect();
            let gaps = self.within(&aligned).filter(|(_, piece)| piece.gap).map(|(_, piece)| piece.duration);
            extent.duration_ms = milliseconds(media);
            extent.gaps_ms = milliseconds(gaps.sum());
            extent.edit = edit.clone();
        }
        extent
    }
}

fn milliseconds(ticks: u64) -> u64 {
    (us_of_ticks(ticks).unsigned_abs() + 500) / 1_000
}

const _: () = assert!(CLOCK == 90_000, "ticks are those of the log");
