//! Timestamps as strangers write them: rolled over, jumped, or of two clocks.

use sigma_elementary::{AccessUnit, CLOCK};

/// A step forward that begins a new span.
pub(crate) const MAX_FORWARD: i64 = 10 * CLOCK as i64;
/// A step back that begins a new span; less is absorbed.
pub(crate) const MAX_BACK: i64 = CLOCK as i64;
/// The most that presentation may differ from decoding; more is nonsense and taken for none.
const MAX_OFFSET: i64 = 10 * CLOCK as i64;
/// Timestamps are kept within this, so that sums cannot overflow: three million years.
const MAX_TICKS: i64 = 1 << 53;
/// Where counters roll over: 32 bits of milliseconds (RTMP), 33 bits of ticks (MPEG-TS), 32 bits of ticks.
const ROLL_OVERS: [i64; 3] = [(1 << 32) * 90, 1 << 33, 1 << 32];

/// One track's timestamps within a span.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Clock {
    /// What to add to a timestamp.
    offset: i64,
    /// The latest, unwrapped.
    last: Option<i64>,
}

/// An access unit on the span's own clock, or not.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Reading {
    /// Unwrapped times.
    At { dts: i64, pts: i64 },
    /// It jumped by this many ticks.
    Jumped(i64),
}

impl Clock {
    /// Reads a unit's times. `other`: the latest time of the other track, which may vouch for this one.
    pub(crate) fn read(&mut self, unit: &AccessUnit, other: Option<i64>) -> Reading {
        let mut dts = clamped(unit.dts).saturating_add(self.offset);
        if let Some(reference) = self.last.or(other) {
            let belongs = |time: i64| {
                self.last.is_some_and(|last| near(time, last))
                    || other.is_some_and(|other| beside(time, other))
            };
            if !belongs(dts) {
                if let Some(unwrapped) = unrolled(dts, belongs) {
                    self.offset += unwrapped - dts;
                    dts = unwrapped;
                } else if self.last.is_some() {
                    return Reading::Jumped(dts - reference);
                } else {
                    // The two tracks are of different clocks: what arrives together belongs together.
                    self.offset += reference - dts;
                    dts = reference;
                }
            }
        }
        self.last = Some(dts);
        Reading::At { dts, pts: dts + composition_offset(unit) }
    }

    /// Whether a unit goes on from the one before.
    pub(crate) fn continues(&self, unit: &AccessUnit) -> bool {
        let dts = clamped(unit.dts).saturating_add(self.offset);
        self.last.is_none_or(|last| near(dts, last) || unrolled(dts, |time| near(time, last)).is_some())
    }

    /// The time that a unit would be read at. None: it jumped.
    pub(crate) fn peek(&self, unit: &AccessUnit) -> Option<i64> {
        match { *self }.read(unit, None) {
            Reading::At { dts, .. } => Some(dts),
            Reading::Jumped(_) => None,
        }
    }

    /// The track was silent for long: it may come back anywhere beside the other.
    pub(crate) fn forget(&mut self) {
        self.last = None;
    }

    pub(crate) fn last(&self) -> Option<i64> {
        self.last
    }
}

fn clamped(ticks: i64) -> i64 {
    ticks.clamp(-MAX_TICKS, MAX_TICKS)
}

/// Goes on from the same track's latest time.
fn near(time: i64, last: i64) -> bool {
    (-MAX_BACK..=MAX_FORWARD).contains(&(time - last))
}

/// Goes with the other track's latest time.
fn beside(time: i64, other: i64) -> bool {
    (time - other).abs() <= MAX_FORWARD
}

fn unrolled(time: i64, belongs: impl Fn(i64) -> bool) -> Option<i64> {
    let candidates = ROLL_OVERS.iter().flat_map(|period| [time + period, time - period]);
    candidates.into_iter().find(|candidate| belongs(*candidate))
}

fn composition_offset(unit: &AccessUnit) -> i64 {
    let offset = clamped(unit.pts) - clamped(unit.dts);
    // The decoding time may have rolled over before the presentation time, or after it.
    let periods = ROLL_OVERS.iter().flat_map(|period| [offset, offset + period, offset - period]);
    periods.into_iter().find(|offset| offset.abs() <= MAX_OFFSET).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_counter_may_roll_over_again_and_again() {
        let mut clock = Clock::default();
        let step = 9 * i64::from(CLOCK);
        for number in 0..20_000 {
            let time = number * step;
            let counter = time % (1 << 32);
            let unit =
                AccessUnit { dts: counter, pts: counter + 3_000, key: true, data: bytes::Bytes::new() };
            assert_eq!(clock.read(&unit, None), Reading::At { dts: time, pts: time + 3_000 });
        }
    }
}
