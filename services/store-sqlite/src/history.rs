//! The store as the log that is looked back into.
//!
//! A filter's rarest column leads: an index stands for each, and in the index's own order come the positions. What a filter
//! finds little of is looked for in spans of positions, so that no statement runs for long however long the log is.

use async_trait::async_trait;
use sigma_store::{
    Cursor, History, HistoryFilter, HistoryPage, HistoryRange, LogError, MAX_BATCH, NameFilter, RecordedEvent,
};
use sqlx::sqlite::SqliteRow;
use sqlx::{QueryBuilder, Sqlite};

use crate::open::SqliteStore;
use crate::rows;

/// One call looks at no more spans than this; what it has not found by then is looked for by the next.
const SPANS: u32 = 16;

/// Positions after the first and up to the second.
#[derive(Clone, Copy)]
struct Span(i64, i64);

#[derive(Clone, Copy, PartialEq)]
enum Way {
    Forward,
    Backward,
}

impl Way {
    const fn order(self) -> &'static str {
        match self {
            Self::Forward => " order by position limit ",
            Self::Backward => " order by position desc limit ",
        }
    }
}

impl SqliteStore {
    fn place(&self, position: i64) -> Cursor {
        rows::cursor(&self.inner.incarnation, position)
    }

    /// The first `limit` events of a span, from its begin or from its end.
    async fn look(
        &self,
        filter: &HistoryFilter,
        span: Span,
        way: Way,
        limit: usize,
    ) -> Result<Vec<RecordedEvent>, LogError> {
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        let mut query = query(filter, span, way, limit);
        let found = query.build().fetch_all(&self.inner.lookers).await.map_err(|e| self.log_fault(&e))?;
        let event = |row: &SqliteRow| rows::event(&self.inner.incarnation, row);
        found.iter().map(event).collect::<Result<_, _>>().map_err(|e| self.log_fault(&e))
    }

    async fn page_after(
        &self,
        filter: &HistoryFilter,
        after: &Cursor,
        limit: usize,
    ) -> Result<HistoryPage, LogError> {
        let mut low = self.position(after, &self.inner.lookers).await?;
        // Asked first: what is committed while this reads stands after it, and is not passed over.
        let head = self.told_head();
        let mut events = Vec::new();
        for _ in 0..SPANS {
            if low >= head {
                break;
            }
            let high = head.min(low.saturating_add(self.inner.history_span));
            // One more than the page holds tells whether there is more.
            let room = limit + 1 - events.len();
            events.extend(self.look(filter, Span(low, high), Way::Forward, room).await?);
            if events.len() > limit {
                events.truncate(limit);
                let next = events.last().map_or_else(Cursor::start, |event| event.cursor.clone());
                return Ok(HistoryPage { events, more: true, next });
            }
            low = high;
        }
        Ok(HistoryPage { events, more: low < head, next: self.place(low) })
    }

    async fn page_before(
        &self,
        filter: &HistoryFilter,
        before: Option<&Cursor>,
        limit: usize,
    ) -> Result<HistoryPage, LogError> {
        let mut high = match before {
            Some(cursor) => self.position(cursor, &self.inner.lookers).await?.saturating_sub(1),
            None => self.told_head(),
        };
        let mut events = Vec::new();
        let mut more = false;
        for _ in 0..SPANS {
            if high <= 0 {
                break;
            }
            let low = high.saturating_sub(self.inner.history_span).max(0);
            let room = limit + 1 - events.len();
            events.extend(self.look(filter, Span(low, high), Way::Backward, room).await?);
            if events.len() > limit {
                events.truncate(limit);
                more = true;
                break;
            }
            high = low;
        }
        let next = match events.last().filter(|_| more) {
            Some(oldest) => oldest.cursor.clone(),
            None if high > 0 => self.place(high.saturating_add(1)),
            None => Cursor::start(),
        };
        events.reverse();
        Ok(HistoryPage { events, more: more || high > 0, next })
    }
}

#[async_trait]
impl History for SqliteStore {
    async fn page(
        &self,
        filter: &HistoryFilter,
        range: &HistoryRange,
        limit: u32,
    ) -> Result<HistoryPage, LogError> {
        let limit = usize::try_from(limit.clamp(1, MAX_BATCH)).unwrap_or(1);
        match range {
            HistoryRange::After(after) => self.page_after(filter, after, limit).await,
            HistoryRange::Before(before) => self.page_before(filter, before.as_ref(), limit).await,
        }
    }
}

/// The statement for a filter. It is put together from what the filter names: a condition that may be absent (`$1 is null
/// or …`) would cost the index, and a statement for each combination and direction would be thirty-two.
fn query(filter: &HistoryFilter, span: Span, way: Way, limit: i64) -> QueryBuilder<'static, Sqlite> {
    let HistoryFilter { project, lines, aggregate_id, name, from_ms, until_ms } = filter;
    let mut sql = QueryBuilder::new("select events.* from ");
    // Lines are read each by itself and merged: at most a page of each is looked at.
    let by_line = lines.as_ref().filter(|_| aggregate_id.is_none());
    if let Some(lines) = by_line {
        sql.push("(select distinct value from json_each(").push_bind(json(lines));
        sql.push(")) as wanted cross join events on events.position in (select position from ");
    }
    match (aggregate_id, by_line, project) {
        (Some(id), ..) => {
            sql.push("events indexed by events_of_id where aggregate_id = ").push_bind(id.clone());
        }
        (None, Some(_), _) => {
            sql.push("events indexed by events_of_line where line = wanted.value");
        }
        (None, None, Some(project)) => {
            sql.push("events indexed by events_of_project where project_id = ").push_bind(project.clone());
        }
        (None, None, None) => {
            sql.push("events not indexed where true");
        }
    }
    sql.push(" and position > ").push_bind(span.0).push(" and position <= ").push_bind(span.1);
    match name {
        Some(NameFilter::Exact(name)) => {
            sql.push(" and name = ").push_bind(name.clone());
        }
        Some(NameFilter::Family(family)) => {
            // All texts that begin with the family and a dot: the slash is the sign behind the dot.
            sql.push(" and name >= ").push_bind(format!("{family}."));
            sql.push(" and name < ").push_bind(format!("{family}/"));
        }
        None => {}
    }
    if let Some(from) = from_ms {
        sql.push(" and at_ms >= ").push_bind(*from);
    }
    if let Some(until) = until_ms {
        sql.push(" and at_ms < ").push_bind(*until);
    }
    if let Some(project) = project.as_ref().filter(|_| aggregate_id.is_some() || by_line.is_some()) {
        sql.push(" and project_id = ").push_bind(project.clone());
    }
    if let Some(lines) = lines.as_ref().filter(|_| by_line.is_none()) {
        sql.push(" and line in (select value from json_each(").push_bind(json(lines)).push("))");
    }
    sql.push(way.order()).push_bind(limit);
    if by_line.is_some() {
        sql.push(")").push(way.order()).push_bind(limit);
    }
    sql
}

fn json(lines: &[String]) -> String {
    serde_json::Value::from(lines.to_vec()).to_string()
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use sigma_store::{EventLog, Journal};
    use sqlx::SqlitePool;

    use super::*;

    async fn all_of(pool: &SqlitePool) -> Vec<sqlx::pool::PoolConnection<Sqlite>> {
        let mut held = Vec::new();
        while held.len() < pool.options().get_max_connections() as usize {
            held.push(pool.acquire().await.expect("a connection"));
        }
        held
    }

    #[tokio::test]
    async fn who_looks_back_and_who_decides_do_not_wait_for_each_other() {
        let folder = tempfile::tempdir().expect("a folder");
        let store = SqliteStore::open(folder.path().join("store.sqlite")).await.expect("a store");
        let within = Duration::from_secs(10);
        let ranges = [HistoryRange::After(Cursor::start()), HistoryRange::Before(None)];
        let look = async || {
            for range in &ranges {
                store.page(&HistoryFilter::default(), range, 10).await.expect("a page");
            }
        };
        let decide = async || {
            store.find_secret("stream_key", b"hash").await.expect("secrets");
            store.load("channel", "ch_1").await.expect("a stream");
            store.read_after(&Cursor::start(), 10).await.expect("a batch");
        };

        let looking = all_of(&store.inner.lookers).await;
        sigma_clock::timeout(within, decide()).await.expect("while all of those look back");
        drop(looking);
        let deciding = all_of(&store.inner.readers).await;
        sigma_clock::timeout(within, look()).await.expect("while all of these decide");
        drop(deciding);
    }
}
