//! The port for looking back: the log by filter, in total order, for people and integrators.

use std::sync::Arc;

use async_trait::async_trait;

use crate::{Cursor, LogError, RecordedEvent};

/// Which events are looked for; what is none lets every event through.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct HistoryFilter {
    /// Only those of this project.
    pub project: Option<String>,
    /// Only those of these lines: of these channels and all that belongs to them.
    pub lines: Option<Vec<String>>,
    /// Only those of the aggregates with this id, of whatever type.
    pub aggregate_id: Option<String>,
    /// Only those with such a name.
    pub name: Option<NameFilter>,
    /// Only those decided at this moment or later: milliseconds since the Unix epoch, as their metadata say.
    pub from_ms: Option<i64>,
    /// Only those decided before this moment.
    pub until_ms: Option<i64>,
}

/// Which names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NameFilter {
    /// This one, as `channel.created`.
    Exact(String),
    /// All that begin with this word and a dot, as `channel`.
    Family(String),
}

impl HistoryFilter {
    /// Whether an event is one of those looked for.
    pub fn matches(&self, event: &RecordedEvent) -> bool {
        let name = match &self.name {
            None => true,
            Some(NameFilter::Exact(name)) => event.name == *name,
            Some(NameFilter::Family(family)) => {
                event.name.strip_prefix(family.as_str()).is_some_and(|rest| rest.starts_with('.'))
            }
        };
        name && self.project.as_ref().is_none_or(|project| event.project_id == *project)
            && self.aggregate_id.as_ref().is_none_or(|id| event.aggregate_id == *id)
            && self.lines.as_ref().is_none_or(|lines| lines.contains(&event.line))
            && self.from_ms.is_none_or(|from| event.metadata.at_ms >= from)
            && self.until_ms.is_none_or(|until| event.metadata.at_ms < until)
    }
}

/// From where, and in which direction.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum HistoryRange {
    /// The first ones after this place. An event's own cursor: those after that event.
    After(Cursor),
    /// The newest ones before this place; none: before the log's end. An event's own cursor: those before that event.
    Before(Option<Cursor>),
}

/// Some events, and where to read on.
#[derive(Clone, Debug, PartialEq)]
pub struct HistoryPage {
    /// The events, in the log's order, also where it was read backwards.
    pub events: Vec<RecordedEvent>,
    /// Whether more may match beyond this page, in the direction it was read. With a filter that finds little in a long log
    /// a page may be short, or empty, and still say so: not all was looked at yet, and `next` goes on from there.
    pub more: bool,
    /// Where to read on in the same direction, also when nothing matched: all up to there was looked at.
    pub next: Cursor,
}

/// Reads the log backwards and forwards, filtered, in total order.
///
/// The promise, on every adapter that has it: each event that matches **exactly once, in the order of commits**; what is
/// committed later stands after all that was read. A cursor is one of this store, of whichever port; a place that is not
/// is [`LogError::ForeignCursor`]. (A log that is spread over partitions has no such order: the store itself is read.)
#[async_trait]
pub trait History: Send + Sync {
    /// Events that match, ascending; at most `limit`, and never more than [`MAX_BATCH`](crate::MAX_BATCH).
    async fn page(
        &self,
        filter: &HistoryFilter,
        range: &HistoryRange,
        limit: u32,
    ) -> Result<HistoryPage, LogError>;
}

#[async_trait]
impl<H: History + ?Sized> History for Arc<H> {
    async fn page(
        &self,
        filter: &HistoryFilter,
        range: &HistoryRange,
        limit: u32,
    ) -> Result<HistoryPage, LogError> {
        (**self).page(filter, range, limit).await
    }
}
