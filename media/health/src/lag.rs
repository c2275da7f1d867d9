//! How far a track's media has fallen behind the wall clock since its feed began.

use crate::micros;

/// An encoder's clock may be slower than ours by so much (1/5000, 200 ppm; quartz is within 100) without counting as
/// behind.
const DRIFT: i64 = 5_000;

/// The media clock against the wall clock. An encoder that begins with a burst is not behind later: what counts is the
/// least lag so far.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Lag {
    baseline_us: Option<i64>,
    /// The least lag of what arrived in the second that runs.
    least_us: Option<i64>,
}

impl Lag {
    /// Media of `time` ticks arrived.
    pub(crate) fn arrived(&mut self, time: i64, arrival_us: i64) {
        let lag = arrival_us.saturating_sub(micros(time));
        self.least_us = Some(self.least_us.map_or(lag, |least| least.min(lag)));
    }

    /// Ends a second: how far behind the track is. `latest`: its latest time, in ticks.
    pub(crate) fn behind_us(&mut self, now_us: i64, elapsed_us: i64, latest: i64) -> i64 {
        let waiting = now_us.saturating_sub(micros(latest));
        let lag = self.least_us.take().unwrap_or(waiting);
        let allowed = self.baseline_us.map(|baseline| baseline.saturating_add(elapsed_us / DRIFT));
        let baseline = allowed.map_or(lag, |allowed| allowed.min(lag));
        self.baseline_us = Some(baseline);
        lag.saturating_sub(baseline)
    }
}
