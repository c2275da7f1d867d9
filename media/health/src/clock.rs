//! A track's timestamps on one unbroken line, whatever the encoder's counters do.

use sigma_elementary::{AccessUnit, CLOCK};

use crate::ticks;

/// A step forward that is a jump: as the packager has it.
const MAX_FORWARD: i64 = 10 * CLOCK as i64;
/// A step back that is a jump.
const MAX_BACK: i64 = CLOCK as i64;
/// After a jump the other track's way of counting is taken over where it leads this close to what is expected.
const SAME_JUMP: i64 = 2 * CLOCK as i64;
/// The most that presentation may differ from decoding; more is nonsense and taken for none.
const MAX_OFFSET: i64 = 10 * CLOCK as i64;
/// Timestamps are kept within this, so that sums cannot overflow: three thousand years.
const MAX_TICKS: i64 = 1 << 53;
/// Arrivals are taken to be at most this far apart, in microseconds: a day.
const MAX_APART_US: i64 = 86_400_000_000;
/// Where counters roll over: 32 bits of milliseconds (RTMP), 33 bits of ticks (MPEG-TS), 32 bits of ticks.
const ROLL_OVERS: [i64; 3] = [(1 << 32) * 90, 1 << 33, 1 << 32];

/// Reads one track's decoding times.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Clock {
    /// What to add to a timestamp.
    shift: i64,
    /// The latest time, unwrapped.
    last: Option<i64>,
    arrived_us: i64,
}

/// How a unit follows the one before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Step {
    /// It is the first.
    First,
    /// So many ticks later; negative: earlier.
    On(i64),
    /// Nowhere near: its time is taken to have moved as the wall clock did.
    Jumped(i64),
}

/// A unit on its track's line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Moment {
    /// Decoding time, in ticks.
    pub(crate) time: i64,
    /// How it follows the one before.
    pub(crate) step: Step,
    /// Ticks on the wall clock since the one before arrived.
    pub(crate) waited: i64,
}

impl Clock {
    /// Reads a decoding time that arrived at `arrival_us`. `other`: the clock of the other track.
    pub(crate) fn read(&mut self, dts: i64, arrival_us: i64, other: &Self) -> Moment {
        let raw = dts.clamp(-MAX_TICKS, MAX_TICKS);
        let waited = ticks(arrival_us.saturating_sub(self.arrived_us).clamp(0, MAX_APART_US));
        self.arrived_us = arrival_us;
        let (shift, step) = match self.last {
            None => (self.first_shift(raw, other), Step::First),
            Some(last) => {
                let plain = raw.saturating_add(self.shift);
                let rolled = ROLL_OVERS.iter().flat_map(|period| [self.shift + period, self.shift - period]);
                let mut shifts = std::iter::once(self.shift).chain(rolled);
                match shifts.find(|shift| near(raw.saturating_add(*shift) - last)) {
                    Some(shift) => (shift, Step::On(raw + shift - last)),
                    None => (self.jumped_shift(raw, last + waited, other), Step::Jumped(plain - last)),
                }
            }
        };
        // What is added stays small enough for sums, whatever a stranger counts.
        self.shift = shift.clamp(-4 * MAX_TICKS, 4 * MAX_TICKS);
        let time = raw + self.shift;
        self.last = Some(time);
        Moment { time, step, waited }
    }

    /// Two tracks share a clock, or what arrives together belongs together.
    fn first_shift(&self, raw: i64, other: &Self) -> i64 {
        let Some(beside) = other.last else { return 0 };
        let rolled = ROLL_OVERS.iter().flat_map(|period| [other.shift + period, other.shift - period]);
        let mut shifts = std::iter::once(other.shift).chain(rolled);
        let shared = shifts.find(|shift| (raw.saturating_add(*shift) - beside).abs() <= MAX_FORWARD);
        shared.unwrap_or(beside - raw)
    }

    fn jumped_shift(&self, raw: i64, expected: i64, other: &Self) -> i64 {
        let shared = raw.saturating_add(other.shift);
        if other.last.is_some() && (shared - expected).abs() <= SAME_JUMP {
            other.shift
        } else {
            expected - raw
        }
    }

    /// The latest time, in ticks.
    pub(crate) fn last(&self) -> Option<i64> {
        self.last
    }

    /// When the latest unit arrived. Meaningless before the first.
    pub(crate) fn arrived_us(&self) -> i64 {
        self.arrived_us
    }

    /// For how long nothing has come. None: nothing ever came.
    pub(crate) fn quiet_us(&self, now_us: i64) -> Option<i64> {
        self.last.map(|_| now_us.saturating_sub(self.arrived_us).max(0))
    }
}

fn near(step: i64) -> bool {
    (-MAX_BACK..=MAX_FORWARD).contains(&step)
}

/// How much later than its decoding a picture is shown, in ticks.
pub(crate) fn composition_offset(unit: &AccessUnit) -> i64 {
    let offset = unit.pts.clamp(-MAX_TICKS, MAX_TICKS) - unit.dts.clamp(-MAX_TICKS, MAX_TICKS);
    // The decoding time may have rolled over before the presentation time, or after it.
    let rolled = ROLL_OVERS.iter().flat_map(|period| [offset + period, offset - period]);
    std::iter::once(offset).chain(rolled).find(|offset| offset.abs() <= MAX_OFFSET).unwrap_or(0)
}
