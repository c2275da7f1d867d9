//! How far a generation's aggregates are, remembered beside the rows that say so.
//!
//! A generation is written by one task: what it wrote need not be asked for again, neither for the next event nor by those
//! who wait for one.

use std::num::NonZeroUsize;
use std::sync::{Mutex, MutexGuard, PoisonError};

use lru::LruCache;

/// So many aggregates are remembered, those that moved last.
const REMEMBERED: NonZeroUsize = NonZeroUsize::new(16_384).unwrap();

/// The last sequences that were applied and committed, of aggregates nothing of which is parked.
#[derive(Debug)]
pub(crate) struct Seen(Mutex<Inner>);

#[derive(Debug)]
struct Inner {
    last: LruCache<(String, String), u64>,
    /// Counts how often anything was forgotten.
    forgotten: u64,
}

impl Seen {
    pub(crate) fn new() -> Self {
        Self(Mutex::new(Inner { last: LruCache::new(REMEMBERED), forgotten: 0 }))
    }

    /// The last sequence of an aggregate, by its type and id; none where only the rows know.
    pub(crate) fn last(&self, (aggregate_type, aggregate_id): (&str, &str)) -> Option<u64> {
        self.lock().last.get(&(aggregate_type.to_owned(), aggregate_id.to_owned())).copied()
    }

    pub(crate) fn reached(&self, (aggregate_type, aggregate_id): (&str, &str), sequence: u64) {
        let mut inner = self.lock();
        let evicted = inner.last.push((aggregate_type.to_owned(), aggregate_id.to_owned()), sequence);
        if evicted.is_some_and(|((of, id), _)| of != aggregate_type || id != aggregate_id) {
            inner.forgotten += 1;
        }
    }

    /// The rows were changed otherwise.
    pub(crate) fn forget(&self) {
        let mut inner = self.lock();
        inner.last.clear();
        inner.forgotten += 1;
    }

    /// Changes whenever something is forgotten: until then what is not known has not moved.
    pub(crate) fn forgotten(&self) -> u64 {
        self.lock().forgotten
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
