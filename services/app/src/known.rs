//! Aggregates as they stood when they were last loaded.
//!
//! A command needs its aggregate's state, not its history: what is known is brought up to date with the events behind it,
//! mostly none. So nothing here is ever wrong, only short of some events; and who finds that a store has less than is known
//! (a database that lost its last commits in a fail-over) forgets it.

use std::any::Any;
use std::num::NonZeroUsize;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use cqrs_es::Aggregate;
use lru::LruCache;
use sigma_store::Loaded;

/// So many are remembered, those that were used last: more channels, sessions and tokens than one node has in hand.
const REMEMBERED: NonZeroUsize = NonZeroUsize::new(4_096).unwrap();

type Key = (&'static str, String);

/// States of aggregates of all types.
pub(crate) struct Known(Mutex<LruCache<Key, Arc<dyn Any + Send + Sync>>>);

impl Known {
    pub(crate) fn new() -> Self {
        Self(Mutex::new(LruCache::new(REMEMBERED)))
    }

    /// An aggregate as it was known last; its default when it never was.
    pub(crate) fn recall<A: Aggregate + Clone + 'static>(&self, id: &str) -> Loaded<A> {
        let known = self.lock().get(&(A::TYPE, id.to_owned())).cloned();
        let known = known.and_then(|known| known.downcast::<Loaded<A>>().ok());
        known.map_or_else(
            || Loaded { aggregate: A::default(), aggregate_id: id.to_owned(), version: 0 },
            |known| Loaded::clone(&known),
        )
    }

    /// Keeps a state where it is newer than what is known.
    pub(crate) fn remember<A: Aggregate + Clone + 'static>(&self, loaded: &Loaded<A>) {
        let mut all = self.lock();
        let key = (A::TYPE, loaded.aggregate_id.clone());
        let known = all.peek(&key).and_then(|known| known.downcast_ref::<Loaded<A>>());
        if known.map_or(0, |known| known.version) < loaded.version {
            all.put(key, Arc::new(loaded.clone()));
        }
    }

    pub(crate) fn forget<A: Aggregate>(&self, id: &str) {
        self.lock().pop(&(A::TYPE, id.to_owned()));
    }

    fn lock(&self) -> MutexGuard<'_, LruCache<Key, Arc<dyn Any + Send + Sync>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
