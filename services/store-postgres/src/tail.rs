//! The log's last events, kept in memory: all who follow the log read the same events at nearly the same time, and the
//! server is asked for them once.
//!
//! What readers get is complete up to each of its events and never changes, so that what was read once may be given again. All
//! of it is let go where the server was away: the one that answers then may have lost its last commits.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};

use sigma_store::RecordedEvent;

use crate::place::Place;

/// So many events are kept.
const KEPT: usize = 2_048;

#[derive(Debug, Default)]
pub(crate) struct Tail {
    held: Mutex<Held>,
    /// Of those who wait for what comes next one asks the server.
    turn: tokio::sync::Mutex<()>,
}

/// All events behind `after`, up to the last one held.
#[derive(Debug, Default)]
struct Held {
    after: Place,
    events: VecDeque<(Place, RecordedEvent)>,
}

impl Held {
    fn end(&self) -> Place {
        self.events.back().map_or(self.after, |(place, _)| *place)
    }

    fn behind(&self, place: Place, limit: usize) -> Vec<RecordedEvent> {
        if place < self.after {
            return Vec::new();
        }
        let first = self.events.partition_point(|(at, _)| *at <= place);
        self.events.range(first..).take(limit).map(|(_, event)| event.clone()).collect()
    }
}

impl Tail {
    /// Events behind a place, as far as they are kept; empty where they are not, or where there are none.
    pub(crate) fn behind(&self, place: Place, limit: usize) -> Vec<RecordedEvent> {
        self.lock().behind(place, limit)
    }

    /// Whether a place is where it ends: who reads on there does it in turn with the others.
    pub(crate) fn ends_at(&self, place: Place) -> bool {
        self.lock().end() == place
    }

    /// Whether a place is one of this log: of an event that was read here.
    pub(crate) fn reaches(&self, place: Place) -> bool {
        place <= self.lock().end()
    }

    pub(crate) async fn turn(&self) -> tokio::sync::MutexGuard<'_, ()> {
        self.turn.lock().await
    }

    /// Keeps what was read behind a place. `whole`: there was no more.
    pub(crate) fn keep(&self, after: Place, events: Vec<(Place, RecordedEvent)>, whole: bool) {
        let mut held = self.lock();
        let goes_on = held.end() == after;
        if !goes_on {
            // Somebody is further than all others; the newest is what they come to as well.
            let is_newer = events.last().map_or(after, |(place, _)| *place) > held.end();
            if !(whole && is_newer) {
                return;
            }
            *held = Held { after, events: VecDeque::new() };
        }
        held.events.extend(events);
        while held.events.len() > KEPT
            && let Some((place, _)) = held.events.pop_front()
        {
            held.after = place;
        }
    }

    /// Lets all of it go.
    pub(crate) fn forget(&self) {
        *self.lock() = Held::default();
    }

    fn lock(&self) -> MutexGuard<'_, Held> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use sigma_store::{Cursor, EventMetadata};

    use super::*;

    fn place(position: i64) -> Place {
        Place { xid: 7, position }
    }

    fn event(position: i64) -> (Place, RecordedEvent) {
        let event = RecordedEvent {
            cursor: Cursor::from_text(position.to_string()),
            event_id: String::new(),
            aggregate_type: "thing".into(),
            aggregate_id: "a".into(),
            line: "l".into(),
            project_id: "p".into(),
            sequence: position.unsigned_abs(),
            name: "said".into(),
            version: 1,
            data: serde_json::Value::Null,
            metadata: EventMetadata::default(),
        };
        (place(position), event)
    }

    fn sequences(events: &[RecordedEvent]) -> Vec<u64> {
        events.iter().map(|event| event.sequence).collect()
    }

    #[test]
    fn what_is_kept_has_no_gap() {
        let tail = Tail::default();
        tail.keep(place(10), (11..=13).map(event).collect(), true);
        assert_eq!(sequences(&tail.behind(place(10), 9)), [11, 12, 13]);
        assert_eq!(sequences(&tail.behind(place(11), 1)), [12]);
        assert!(tail.behind(place(9), 9).is_empty(), "what stands between is not known");
        assert!(tail.behind(place(13), 9).is_empty() && tail.ends_at(place(13)));

        tail.keep(place(13), vec![event(15)], false);
        assert_eq!(sequences(&tail.behind(place(12), 9)), [13, 15]);
        // Who is far behind, or stops short of the end, changes nothing.
        tail.keep(place(2), (3..=5).map(event).collect(), true);
        tail.keep(place(17), vec![event(18)], false);
        assert_eq!(sequences(&tail.behind(place(10), 9)), [11, 12, 13, 15]);
        tail.keep(place(17), vec![event(18)], true);
        assert!(tail.behind(place(15), 9).is_empty());
        assert_eq!(sequences(&tail.behind(place(17), 9)), [18]);
        tail.forget();
        assert!(tail.behind(place(17), 9).is_empty());
    }

    #[test]
    fn no_more_is_kept_than_that() {
        let (tail, kept) = (Tail::default(), i64::try_from(KEPT).expect("small"));
        tail.keep(place(0), (1..=kept + 100).map(event).collect(), true);
        assert!(tail.behind(place(99), 9).is_empty());
        assert_eq!(sequences(&tail.behind(place(100), 1)), [101]);
        assert!(tail.ends_at(place(kept + 100)));
    }
}
