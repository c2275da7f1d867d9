//! A wall clock that does not go back.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use crate::{Clock, Instant, SystemClock, Timestamp, monotonic};

/// The machine's clock may be off from what the monotonic clock expects by so much before that counts as a step: more than
/// a slewing time daemon does, and than a machine that was asleep for a moment.
const STEP_US: i64 = 2_000_000;

/// A clock that was set back is drawn near by a tenth: deadlines of a minute come 6 s late at most, and an hour is made up
/// for in ten.
const NEARER: i64 = 10;

/// A step of the machine's clock.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Step {
    /// By how much it was set: forward, or back where it is negative. Whole milliseconds.
    pub by_ms: i64,
}

/// The machine's clock for a platform that has made promises by it: deadlines, dates, the order of events. Set forward, it
/// follows. Set back, it goes on and lets the machine's come nearer, so that nothing happens before what came before it and
/// no deadline moves an hour away.
#[derive(Debug)]
pub struct SteadyClock {
    readings: Mutex<Readings>,
}

#[derive(Clone, Copy, Debug)]
struct Readings {
    told_us: i64,
    /// The machine's clock at the last reading.
    wall_us: i64,
    at: Instant,
    step: Option<Step>,
}

impl Default for SteadyClock {
    fn default() -> Self {
        let wall_us = SystemClock.now().micros();
        Self { readings: Mutex::new(Readings { told_us: wall_us, wall_us, at: monotonic(), step: None }) }
    }
}

impl SteadyClock {
    /// The last step of the machine's clock that nobody has taken notice of yet.
    pub fn take_step(&self) -> Option<Step> {
        self.readings().step.take()
    }

    /// How far this clock is ahead of the machine's, which was set back.
    pub fn ahead(&self) -> Duration {
        let readings = self.readings();
        let ahead = readings.told_us.saturating_sub(readings.wall_us);
        Duration::from_micros(u64::try_from(ahead).unwrap_or(0))
    }

    fn readings(&self) -> std::sync::MutexGuard<'_, Readings> {
        self.readings.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Clock for SteadyClock {
    fn now(&self) -> Timestamp {
        let mut readings = self.readings();
        let at = monotonic();
        let passed = at.saturating_duration_since(readings.at);
        let passed_us = i64::try_from(passed.as_micros()).unwrap_or(i64::MAX);
        *readings = Readings { at, ..readings.after(SystemClock.now().micros(), passed_us) };
        Timestamp::from_micros(readings.told_us)
    }
}

impl Readings {
    /// The machine's clock says `wall_us`, and `passed_us` have gone by since the last reading.
    fn after(self, wall_us: i64, passed_us: i64) -> Self {
        let by = wall_us.saturating_sub(self.wall_us.saturating_add(passed_us));
        let step = if by.saturating_abs() > STEP_US { Some(Step { by_ms: by / 1_000 }) } else { self.step };
        let told_us = if wall_us >= self.told_us {
            wall_us
        } else if self.told_us.saturating_sub(wall_us) <= STEP_US {
            // A time daemon's doing: the clock stands until the machine's is there.
            self.told_us
        } else {
            self.told_us.saturating_add(passed_us - passed_us / NEARER)
        };
        Self { told_us, wall_us, step, ..self }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: i64 = 1_000_000;
    const HOUR: i64 = 3_600 * SECOND;

    fn at(second: i64) -> Readings {
        Readings { told_us: second * SECOND, wall_us: second * SECOND, at: monotonic(), step: None }
    }

    #[test]
    fn it_goes_with_the_machines_clock_and_follows_it_forward() {
        let readings = at(100).after(101 * SECOND, SECOND);
        assert_eq!((readings.told_us, readings.step), (101 * SECOND, None));
        let readings = readings.after(102 * SECOND + HOUR, SECOND);
        assert_eq!(readings.told_us, 102 * SECOND + HOUR);
        assert_eq!(readings.step, Some(Step { by_ms: 3_600_000 }));
    }

    #[test]
    fn set_back_it_goes_on_and_draws_near() {
        let start = 10 * 3_600;
        let mut readings = at(start).after((start + 1) * SECOND - HOUR, SECOND);
        assert_eq!(readings.step, Some(Step { by_ms: -3_600_000 }));
        assert_eq!(readings.told_us, start * SECOND + 900_000);
        readings.step = None;
        let mut told = readings.told_us;
        let mut seconds = 0;
        while readings.told_us > readings.wall_us {
            readings = readings.after(readings.wall_us + SECOND, SECOND);
            seconds += 1;
            assert!(readings.told_us >= told, "it went back");
            assert_eq!(readings.step, None, "a clock that goes as it should has no step");
            told = readings.told_us;
        }
        let hours = seconds / 3_600;
        assert_eq!(hours, 9, "an hour is made up for within ten: {seconds} s");
        assert_eq!(readings.after(readings.wall_us + SECOND, SECOND).told_us, readings.wall_us + SECOND);
    }

    #[test]
    fn what_a_time_daemon_does_is_no_step() {
        let readings = at(100).after(100 * SECOND + SECOND / 2, SECOND);
        assert_eq!((readings.told_us, readings.step), (100 * SECOND + SECOND / 2, None));
        let readings = readings.after(100 * SECOND, 1_000);
        assert_eq!(
            (readings.told_us, readings.step),
            (100 * SECOND + SECOND / 2, None),
            "it stands and waits"
        );
    }

    #[test]
    fn right_again_it_is_the_machines_clock_at_once() {
        let back = at(36_000).after(36_001 * SECOND - HOUR, SECOND);
        let right = back.after(36_002 * SECOND, SECOND);
        assert_eq!(right.told_us, 36_002 * SECOND);
        assert_eq!(right.step, Some(Step { by_ms: 3_600_000 }));
    }

    #[test]
    fn it_tells_each_step_once() {
        let clock = SteadyClock::default();
        assert_eq!(clock.take_step(), None);
        clock.readings().step = Some(Step { by_ms: 5_000 });
        assert_eq!(clock.take_step(), Some(Step { by_ms: 5_000 }));
        assert_eq!(clock.take_step(), None);
        assert_eq!(clock.ahead(), Duration::ZERO);
    }
}
