//! The log as people and integrators see it: pages of events, and a feed that resumes where its reader left off.

use std::collections::VecDeque;
use std::sync::Arc;

use sigma_domain::{Scope, event_names};
use sigma_store::{
    Cursor, EventLog, History, HistoryFilter, HistoryPage, HistoryRange, MAX_BATCH, NameFilter, RecordedEvent,
};

use crate::subjects::{Subjects, show_erased};
use crate::{App, AppError, Caller};

/// Events that a feed reads at once.
const FEED_BATCH: u32 = 100;

/// A page is looked for in so many reads of the log at most; what was not looked at by then is told as more.
const MAX_READS: usize = 20;

/// Which events.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct EventFilter {
    /// Only those of the aggregate with this id.
    pub aggregate_id: Option<String>,
    /// Only those of this channel, its sessions included.
    pub channel_id: Option<String>,
    /// Only those of this name, as `session.live`, or of this family, as `session`.
    pub name: Option<String>,
    /// Only those decided at this moment or later: milliseconds since the Unix epoch.
    pub from_ms: Option<i64>,
    /// Only those decided before this moment.
    pub until_ms: Option<i64>,
}

/// From where, and in which direction. A position is what an event's cursor says; an empty one stands before the first.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum EventRange {
    /// The first ones after a position; none: from the first on.
    After(Option<String>),
    /// The newest ones before a position; none: the newest that there are.
    Before(Option<String>),
}

/// A page of events, in the order in which they happened.
#[derive(Clone, Debug, PartialEq)]
pub struct EventPage {
    /// The events.
    pub events: Vec<RecordedEvent>,
    /// Whether there may be more beyond, in the direction that was asked for.
    pub more: bool,
    /// Where to read on in that direction, also when nothing was found.
    pub next: String,
}

impl App {
    /// Events that the caller sees: those of his project, and of the channels that he is bound to. Wants `events:read`. At
    /// most `limit`, and [`MAX_BATCH`].
    ///
    /// # Errors
    /// [`AppError::Forbidden`]; [`AppError::BadInput`] for a position that is none and a name that no event has.
    pub async fn events_page(
        &self,
        caller: &Caller,
        filter: EventFilter,
        range: EventRange,
        limit: u32,
    ) -> Result<EventPage, AppError> {
        caller.need(Scope::EventsRead)?;
        let filter = visible(caller, filter)?;
        let limit = usize::try_from(limit.clamp(1, MAX_BATCH)).unwrap_or(1);
        let (mut range, forward) = match range {
            EventRange::After(place) => (HistoryRange::After(cursor(place)), true),
            EventRange::Before(None) => (HistoryRange::Before(None), false),
            EventRange::Before(place) => (HistoryRange::Before(Some(cursor(place))), false),
        };
        let mut events: Vec<RecordedEvent> = Vec::new();
        for reads in 1.. {
            let left = u32::try_from(limit - events.len()).unwrap_or(MAX_BATCH);
            let page = self.history.page(&filter, &range, left).await?;
            let HistoryPage { events: found, more, next } = page;
            if forward {
                events.extend(found);
            } else {
                events.splice(0..0, found);
            }
            if !more || events.len() >= limit || reads >= MAX_READS {
                self.subjects.open_events(&mut events).await?;
                events.iter_mut().for_each(show_erased);
                return Ok(EventPage { events, more, next: next.as_str().to_owned() });
            }
            range = if forward { HistoryRange::After(next) } else { HistoryRange::Before(Some(next)) };
        }
        Err(AppError::Internal("a page without an end".to_owned()))
    }

    /// Every event that the caller sees after a position, as they happen; without one, those from now on. Wants
    /// `events:read`. Who comes back with the last event's position goes on with none lost and none twice.
    ///
    /// # Errors
    /// [`AppError::Forbidden`]; [`AppError::BadInput`] for a position that is none.
    pub async fn event_feed(&self, caller: &Caller, after: Option<String>) -> Result<EventFeed, AppError> {
        caller.need(Scope::EventsRead)?;
        let filter = visible(caller, EventFilter::default())?;
        let everything = HistoryFilter::default();
        let place = match after {
            // The end of the log, in the order of the store.
            None => self.history.page(&everything, &HistoryRange::Before(None), 1).await?.events.pop(),
            Some(place) => {
                let place = Cursor::from_text(place);
                // Read for its errors: a place that is none is told at once.
                self.history.page(&everything, &HistoryRange::After(place.clone()), 1).await?;
                return Ok(self.feed(filter, place));
            }
        };
        Ok(self.feed(filter, place.map_or_else(Cursor::start, |event| event.cursor)))
    }

    fn feed(&self, filter: HistoryFilter, place: Cursor) -> EventFeed {
        EventFeed {
            history: self.history.clone(),
            log: self.log.clone(),
            subjects: self.subjects.clone(),
            filter,
            place,
            ready: VecDeque::new(),
        }
    }
}

/// Events as they happen, in the order of the store. Keeps a bounded number of them, however slowly it is read.
pub struct EventFeed {
    history: Arc<dyn History>,
    log: Arc<dyn EventLog>,
    subjects: Arc<Subjects>,
    filter: HistoryFilter,
    place: Cursor,
    ready: VecDeque<RecordedEvent>,
}

impl std::fmt::Debug for EventFeed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("EventFeed").field("place", &self.place).finish_non_exhaustive()
    }
}

impl EventFeed {
    /// The next event. Waits for it. May be dropped and called again, also after an error: nothing is lost, nothing comes
    /// twice.
    ///
    /// # Errors
    /// [`AppError::Unavailable`] while the log is away; [`AppError::BadInput`] when it is another one than before.
    pub async fn next(&mut self) -> Result<RecordedEvent, AppError> {
        loop {
            if let Some(mut event) = self.ready.front().cloned() {
                // Opened when it is given, and taken only then: a store that is away loses none.
                self.subjects.open_event(&mut event).await?;
                show_erased(&mut event);
                self.ready.pop_front();
                return Ok(event);
            }
            let range = HistoryRange::After(self.place.clone());
            let HistoryPage { events, more, next } =
                self.history.page(&self.filter, &range, FEED_BATCH).await?;
            self.ready.extend(events);
            self.place = next;
            if self.ready.is_empty() && !more {
                self.log.wait_after(&self.place).await?;
            }
        }
    }
}

/// The filter, narrowed to what the caller sees.
fn visible(caller: &Caller, filter: EventFilter) -> Result<HistoryFilter, AppError> {
    let EventFilter { aggregate_id, channel_id, name, from_ms, until_ms } = filter;
    let bound = caller.access.channels();
    let lines = match channel_id {
        // A channel that he does not see is to him as if it were not there: no line is looked at.
        Some(channel) => Some(if caller.access.sees(&channel) { vec![channel] } else { Vec::new() }),
        None => bound.map(|channels| channels.iter().cloned().collect()),
    };
    let name = name.map(|name| name_filter(&name)).transpose()?;
    let project = Some(caller.project.to_string());
    Ok(HistoryFilter { project, lines, aggregate_id, name, from_ms, until_ms })
}

fn name_filter(name: &str) -> Result<NameFilter, AppError> {
    if event_names().any(|known| known == name) {
        return Ok(NameFilter::Exact(name.to_owned()));
    }
    let family_of = |known: &'static str| known.split_once('.').map_or(known, |(family, _)| family);
    if event_names().any(|known| family_of(known) == name) {
        return Ok(NameFilter::Family(name.to_owned()));
    }
    let mut families: Vec<&str> = event_names().map(family_of).collect();
    families.dedup();
    let message = format!(
        "no event has this type; give one as `session.live`, or all of a kind: {}",
        families.join(", ")
    );
    Err(AppError::field("type", message))
}

fn cursor(place: Option<String>) -> Cursor {
    place.map_or_else(Cursor::start, Cursor::from_text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_one_event_or_a_family_of_them() {
        assert_eq!(name_filter("session.live"), Ok(NameFilter::Exact("session.live".into())));
        assert_eq!(name_filter("asset.ready"), Ok(NameFilter::Exact("asset.ready".into())));
        assert_eq!(name_filter("health"), Ok(NameFilter::Family("health".into())));
        assert_eq!(name_filter("api_token"), Ok(NameFilter::Family("api_token".into())));
        for wrong in ["", "session.", "session.lives", ".live", "sessions", "SESSION"] {
            let Err(AppError::BadInput { fields }) = name_filter(wrong) else { panic!("{wrong} is taken") };
            assert_eq!(fields[0].path, "type");
            assert!(fields[0].message.ends_with("channel, session, asset, health, api_token, project"));
        }
    }
}
