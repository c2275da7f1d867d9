//! The wall clock as a session sees it: set when a feed comes in, then carried on by the monotonic clock.

use std::sync::Arc;

use sigma_clock::{Clock, Instant, monotonic};

/// Steps of the machine's clock inside a span change nothing (design page, "Dates"): the wall clock is read when a
/// feed opens and never goes back behind what was told before.
#[derive(Debug)]
pub(super) struct SteadyTime {
    clock: Arc<dyn Clock>,
    wall_us: i64,
    since: Instant,
}

impl SteadyTime {
    pub(super) fn new(clock: Arc<dyn Clock>) -> Self {
        let wall_us = clock.now().micros();
        Self { clock, wall_us, since: monotonic() }
    }

    /// Microseconds since the Unix epoch.
    pub(super) fn now_us(&self) -> i64 {
        let since = i64::try_from(self.since.elapsed().as_micros()).unwrap_or(i64::MAX);
        self.wall_us.saturating_add(since)
    }

    /// Reads the wall clock anew.
    pub(super) fn set(&mut self) {
        self.wall_us = self.now_us().max(self.clock.now().micros());
        self.since = monotonic();
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use sigma_clock::{ManualClock, Timestamp};

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_step_of_the_clock_is_seen_at_the_next_feed_and_never_backwards() {
        let clock = Arc::new(ManualClock::at(Timestamp::from_millis(1_000)));
        let mut time = SteadyTime::new(clock.clone());
        clock.set(Timestamp::from_millis(5_000));
        tokio::time::advance(Duration::from_millis(10)).await;
        assert_eq!(time.now_us(), 1_010_000);
        time.set();
        assert_eq!(time.now_us(), 5_000_000);
        clock.set(Timestamp::from_millis(0));
        time.set();
        assert_eq!(time.now_us(), 5_000_000);
    }
}
