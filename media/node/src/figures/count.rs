//! Counting without locks.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// A number that many write.
#[derive(Debug, Default)]
pub(crate) struct Counter(AtomicU64);

impl Counter {
    pub(crate) fn add(&self, more: u64) {
        self.0.fetch_add(more, Ordering::Relaxed);
    }

    pub(crate) fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// Counts as open in a gauge until it is dropped.
#[derive(Debug)]
pub(crate) struct Open(Arc<Counter>);

impl Open {
    pub(crate) fn new(gauge: &Arc<Counter>) -> Self {
        gauge.add(1);
        Self(Arc::clone(gauge))
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        self.0.0.fetch_sub(1, Ordering::Relaxed);
    }
}

/// Durations in buckets.
#[derive(Debug)]
pub(crate) struct Histogram<const N: usize> {
    /// Upper bounds in microseconds, rising.
    bounds: [u64; N],
    /// How many fell between a bound and the one before.
    buckets: [Counter; N],
    beyond: Counter,
    sum_us: Counter,
}

impl<const N: usize> Histogram<N> {
    pub(crate) fn new(bounds: [u64; N]) -> Self {
        Self {
            bounds,
            buckets: std::array::from_fn(|_| Counter::default()),
            beyond: Counter::default(),
            sum_us: Counter::default(),
        }
    }

    pub(crate) fn observe(&self, duration: Duration) {
        let micros = u64::try_from(duration.as_micros()).unwrap_or(u64::MAX);
        let bucket = self.bounds.iter().position(|bound| micros <= *bound);
        bucket.map_or(&self.beyond, |bucket| &self.buckets[bucket]).add(1);
        self.sum_us.add(micros);
    }

    /// Each bound in microseconds with how many were at most so long.
    pub(super) fn cumulative(&self) -> impl Iterator<Item = (u64, u64)> {
        let mut below = 0;
        self.bounds.iter().zip(&self.buckets).map(move |(bound, bucket)| {
            below += bucket.get();
            (*bound, below)
        })
    }

    /// How many there were, and how long they lasted together, in microseconds.
    pub(super) fn total(&self) -> (u64, u64) {
        let counted: u64 = self.buckets.iter().map(Counter::get).sum();
        (counted + self.beyond.get(), self.sum_us.get())
    }
}
