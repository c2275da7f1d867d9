//! What was folded of aggregates' events when they were last loaded.
//!
//! A command needs its aggregate's state, and its answer the aggregate's row, not their history: what is known is brought up
//! to date with the events behind it, mostly one or none. So nothing here is ever wrong, only short of some events; and who
//! finds that a store has less than is known (a database that lost its last commits in a fail-over) forgets it.

use std::any::{Any, TypeId};
use std::num::NonZeroUsize;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use lru::LruCache;

/// So many aggregates are remembered, those that were used last: more channels, sessions and tokens than one node has in hand.
const REMEMBERED: NonZeroUsize = NonZeroUsize::new(4_096).unwrap();

/// A fold of one aggregate's events up to one of them.
#[derive(Clone, Debug)]
pub(crate) struct Folded<F> {
    pub(crate) fold: F,
    /// The sequence of the last event in it; 0 where there is none.
    pub(crate) sequence: u64,
}

/// Of one aggregate: which fold, up to which sequence.
type Folds = Vec<(TypeId, u64, Arc<dyn Any + Send + Sync>)>;

/// Folds of all types.
pub(crate) struct Known(Mutex<LruCache<String, Folds>>);

impl Known {
    pub(crate) fn new() -> Self {
        Self(Mutex::new(LruCache::new(REMEMBERED)))
    }

    /// The fold as it was known last; its default when it never was.
    pub(crate) fn recall<F: Clone + Default + 'static>(&self, id: &str) -> Folded<F> {
        let known = self.lock().get(id).and_then(|folds| {
            let of_type = folds.iter().find(|(of, ..)| *of == TypeId::of::<F>());
            of_type.map(|(_, sequence, fold)| (*sequence, fold.clone()))
        });
        match known.as_ref().and_then(|(sequence, fold)| Some((*sequence, fold.downcast_ref::<F>()?))) {
            Some((sequence, fold)) => Folded { fold: fold.clone(), sequence },
            None => Folded { fold: F::default(), sequence: 0 },
        }
    }

    /// Keeps a fold where it has more than what is known. Of what has no event nothing is kept: whoever asks for ids that are not
    /// there pushes out nothing that is.
    pub(crate) fn remember<F: Clone + Send + Sync + 'static>(&self, id: &str, fold: &F, sequence: u64) {
        if sequence == 0 {
            return;
        }
        let mut all = self.lock();
        let folds = all.get_or_insert_mut_ref(id, Vec::new);
        match folds.iter_mut().find(|(of, ..)| *of == TypeId::of::<F>()) {
            Some((_, known, kept)) if *known < sequence => {
                (*known, *kept) = (sequence, Arc::new(fold.clone()));
            }
            Some(_) => {}
            None => folds.push((TypeId::of::<F>(), sequence, Arc::new(fold.clone()))),
        }
    }

    /// Forgets all folds of an aggregate.
    pub(crate) fn forget(&self, id: &str) {
        self.lock().pop(id);
    }

    fn lock(&self) -> MutexGuard<'_, LruCache<String, Folds>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
