//! From one span to the next: the tracks do not change at the same moment of arrival.

use sigma_elementary::{AccessUnit, CLOCK};

use crate::span::Arrived;
use crate::timestamps::Clock;
use crate::waiting::Prospect;

/// How much media of the track that changed is held for the other track to follow, in ticks: after a jump, …
const JUMP_WAIT: i64 = CLOCK as i64 / 2;
/// … and at a change of format, which the other track need not notice.
const FORMAT_WAIT: i64 = CLOCK as i64 * 15 / 100;
/// The same in access units.
const MAX_HELD: usize = 128;

/// Why there is a new span.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Change {
    /// Same clock, another format (or another choice of tracks) from `at` on.
    Format { at: i64 },
    /// Another clock.
    Jump { by_ticks: i64 },
}

#[derive(Debug)]
pub(crate) struct Transition {
    /// Which track changed: video, or audio.
    video: bool,
    pub(crate) change: Change,
    pub(crate) prospect: Prospect,
    held: Vec<(bool, Arrived)>,
    /// The first held timestamp of the track that changed, as it came.
    first: Option<i64>,
}

impl Transition {
    pub(crate) fn new(video: bool, change: Change, prospect: Prospect) -> Self {
        Self { video, change, prospect, held: Vec::new(), first: None }
    }

    /// Whether a unit still belongs to the span that ends.
    pub(crate) fn lets_pass(&self, video: bool, unit: &AccessUnit, clock: &Clock) -> bool {
        if video == self.video {
            return false;
        }
        match self.change {
            Change::Jump { .. } => clock.continues(unit),
            Change::Format { at } => clock.peek(unit).is_some_and(|time| time < at),
        }
    }

    /// Holds a unit of the span to come. True: the other track has followed, or has been awaited long enough.
    pub(crate) fn hold(&mut self, video: bool, arrived: Arrived) -> bool {
        let followed = video != self.video;
        let wait = if matches!(self.change, Change::Jump { .. }) { JUMP_WAIT } else { FORMAT_WAIT };
        let first = *self.first.get_or_insert(arrived.unit.dts);
        let waited = arrived.unit.dts.saturating_sub(first).saturating_abs() >= wait;
        self.held.push((video, arrived));
        followed || waited || self.held.len() >= MAX_HELD
    }

    /// Where the old span ends. None: with its last unit.
    pub(crate) fn cut(&self) -> Option<i64> {
        match self.change {
            Change::Format { at } => Some(at),
            Change::Jump { .. } => None,
        }
    }

    pub(crate) fn into_held(self) -> Vec<(bool, Arrived)> {
        self.held
    }
}
