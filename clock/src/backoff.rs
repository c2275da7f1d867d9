//! Waits between tries.

use std::time::Duration;

/// Waits between tries: each twice as long as the one before, up to a longest.
#[derive(Clone, Copy, Debug)]
pub struct Backoff {
    first: Duration,
    longest: Duration,
    next: Duration,
}

impl Backoff {
    /// Begins with `first`.
    pub const fn new(first: Duration, longest: Duration) -> Self {
        Self { first, longest, next: first }
    }

    /// How long to wait now; the wait after it is longer.
    pub fn step(&mut self) -> Duration {
        let next = self.next.saturating_mul(2).min(self.longest);
        std::mem::replace(&mut self.next, next)
    }

    /// Waits.
    pub async fn pause(&mut self) {
        crate::sleep(self.step()).await;
    }

    /// It went well: the next wait is the first again.
    pub fn reset(&mut self) {
        self.next = self.first;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_double_up_to_the_longest_and_begin_anew() {
        let mut wait = Backoff::new(Duration::from_millis(100), Duration::from_millis(500));
        let steps = [100, 200, 400, 500, 500].map(Duration::from_millis);
        assert_eq!(steps.map(|_| wait.step()), steps);
        wait.reset();
        assert_eq!(wait.step(), Duration::from_millis(100));
    }
}
