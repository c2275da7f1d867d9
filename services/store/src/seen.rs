//! Dropping what was seen already.

use std::collections::HashMap;

use crate::RecordedEvent;

/// What an event is to a consumer who has seen some.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sighting {
    /// The next one of its aggregate.
    New,
    /// Seen before: drop it.
    Duplicate,
    /// Not the next one: events of the aggregate are missing before it. A log that keeps its promise never shows
    /// this to a consumer that started at the beginning.
    Gap {
        /// The sequence that should have come.
        expected: u64,
    },
}

/// The last sequence seen of each aggregate. For consumers that keep their place in memory; one that keeps rows
/// keeps this beside them.
#[derive(Clone, Debug, Default)]
pub struct Seen {
    last: HashMap<(String, String), u64>,
}

impl Seen {
    /// Nothing seen.
    pub fn new() -> Self {
        Self::default()
    }

    /// Judges a sequence against the last one that was seen (0: none).
    pub fn judge(last: u64, sequence: u64) -> Sighting {
        if sequence <= last {
            Sighting::Duplicate
        } else if sequence == last.saturating_add(1) {
            Sighting::New
        } else {
            Sighting::Gap { expected: last.saturating_add(1) }
        }
    }

    /// Judges an event and remembers it, unless it came after a gap.
    pub fn see(&mut self, event: &RecordedEvent) -> Sighting {
        let key = (event.aggregate_type.clone(), event.aggregate_id.clone());
        let last = self.last.entry(key).or_insert(0);
        let sighting = Self::judge(*last, event.sequence);
        if sighting == Sighting::New {
            *last = event.sequence;
        }
        sighting
    }

    /// The last sequence seen of an aggregate; 0 when none was.
    pub fn last(&self, aggregate_type: &str, aggregate_id: &str) -> u64 {
        self.last.get(&(aggregate_type.to_owned(), aggregate_id.to_owned())).copied().unwrap_or(0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_tells_new_from_seen_and_from_missing() {
        assert_eq!(Seen::judge(0, 1), Sighting::New);
        assert_eq!(Seen::judge(3, 3), Sighting::Duplicate);
        assert_eq!(Seen::judge(3, 1), Sighting::Duplicate);
        assert_eq!(Seen::judge(3, 5), Sighting::Gap { expected: 4 });
    }
}
