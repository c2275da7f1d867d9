//! The store as the log that is looked back into, in the order of (transaction id, position), below the oldest transaction
//! that still runs.
//!
//! A line or an aggregate is short and has its index. What a whole project or the whole log holds of a name is looked for in
//! spans, so that no statement runs for long however long the log is.

use async_trait::async_trait;
use sigma_store::{
    Cursor, History, HistoryFilter, HistoryPage, HistoryRange, LogError, MAX_BATCH, NameFilter, RecordedEvent,
};
use sqlx::Row;
use sqlx::postgres::PgRow;

use crate::open::{PostgresStore, asked};
use crate::place::Place;
use crate::rows;

/// One call looks at no more spans than this; what it has not found by then is looked for by the next.
const SPANS: u32 = 16;

/// What an event's row holds, of the table called `e`.
const COLUMNS: &str = "e.aggregate_type, e.aggregate_id, e.sequence, e.event_type, e.event_version, \
    e.payload::text as payload, e.metadata::text as metadata, e.event_id, e.line, e.project_id, \
    e.xid::text as xid, e.position";

#[derive(Clone, Copy, PartialEq)]
enum Way {
    Forward,
    Backward,
}

/// Where is looked: after the first place and before the second.
#[derive(Clone, Copy)]
struct Span(Place, Place);

/// What one look found.
struct Found {
    events: Vec<RecordedEvent>,
    /// Where it ended, where that was before the span's other end.
    end: Option<Place>,
}

impl PostgresStore {
    /// The first `limit` events of a span, from its begin or from its end.
    async fn look(
        &self,
        filter: &HistoryFilter,
        span: Span,
        way: Way,
        limit: usize,
    ) -> Result<Found, LogError> {
        let fault = |error: sqlx::Error| self.log_fault(&error);
        let rows = self.run(&page_sql(filter, way), filter, span, limit).await.map_err(fault)?;
        let event = |row: &PgRow| rows::event(&self.inner.incarnation, row);
        let events: Vec<_> = rows.iter().map(event).collect::<Result<_, _>>().map_err(fault)?;
        if events.len() >= limit || !is_by_spans(filter) {
            return Ok(Found { events, end: None });
        }
        let end = self.run(&end_sql(filter, way), filter, span, limit).await.map_err(fault)?;
        let place =
            |row: &PgRow| Ok(Place { xid: rows::xid(row, "xid")?, position: row.try_get("position")? });
        let end = end.first().map(place).transpose().map_err(fault)?;
        Ok(Found { events, end })
    }

    /// Runs a statement of those below, which share their parameters.
    async fn run(
        &self,
        sql: &str,
        filter: &HistoryFilter,
        Span(low, high): Span,
        limit: usize,
    ) -> Result<Vec<PgRow>, sqlx::Error> {
        let HistoryFilter { project, lines, aggregate_id, name, from_ms, until_ms } = filter;
        let (from, below) = match name {
            None => (String::new(), String::new()),
            Some(NameFilter::Exact(name)) => (name.clone(), format!("{name}\u{1}")),
            // All texts that begin with the family and a dot: the slash is the sign behind the dot.
            Some(NameFilter::Family(family)) => (format!("{family}."), format!("{family}/")),
        };
        asked!(self, self.inner.lookers, |connection| {
            sqlx::query(sql)
                .bind(low.xid.to_string())
                .bind(low.position)
                .bind(high.xid.to_string())
                .bind(high.position)
                .bind(project)
                .bind(lines)
                .bind(aggregate_id)
                .bind(&from)
                .bind(&below)
                .bind(i64::try_from(limit).unwrap_or(i64::MAX))
                .bind(i64::from(self.inner.options.history_span.max(1)))
                .bind(from_ms)
                .bind(until_ms)
                .fetch_all(connection)
        })
    }

    async fn page_after(
        &self,
        filter: &HistoryFilter,
        after: &Cursor,
        limit: usize,
    ) -> Result<HistoryPage, LogError> {
        let mut low = self.place(after, &self.inner.lookers).await?;
        // Asked first: what is committed while this reads stands after it, and is not passed over.
        let head = self.end_of_log().await?;
        let mut events = Vec::new();
        for _ in 0..SPANS {
            // One more than the page holds tells whether there is more.
            let found = self.look(filter, Span(low, head), Way::Forward, limit + 1 - events.len()).await?;
            events.extend(found.events);
            if events.len() > limit {
                events.truncate(limit);
                let next = events.last().map_or_else(Cursor::start, |event| event.cursor.clone());
                return Ok(HistoryPage { events, more: true, next });
            }
            let Some(end) = found.end else {
                let next = low.max(head).cursor(&self.inner.incarnation);
                return Ok(HistoryPage { events, more: false, next });
            };
            low = end;
        }
        Ok(HistoryPage { events, more: true, next: low.cursor(&self.inner.incarnation) })
    }

    async fn page_before(
        &self,
        filter: &HistoryFilter,
        before: Option<&Cursor>,
        limit: usize,
    ) -> Result<HistoryPage, LogError> {
        let mut high = self.end_of_log().await?;
        if let Some(cursor) = before {
            high = high.min(self.place(cursor, &self.inner.lookers).await?);
        }
        let (mut events, mut next, mut more) = (Vec::new(), Cursor::start(), false);
        for span in 1..=SPANS {
            let wanted = limit + 1 - events.len();
            let found = self.look(filter, Span(Place::default(), high), Way::Backward, wanted).await?;
            events.extend(found.events);
            if events.len() > limit {
                events.truncate(limit);
                more = true;
                next = events.last().map_or_else(Cursor::start, |event: &RecordedEvent| event.cursor.clone());
                break;
            }
            let Some(end) = found.end else { break };
            high = end;
            if span == SPANS {
                (more, next) = (true, high.cursor(&self.inner.incarnation));
            }
        }
        events.reverse();
        Ok(HistoryPage { events, more, next })
    }
}

#[async_trait]
impl History for PostgresStore {
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

/// Whether a filter may find little in very much.
fn is_by_spans(filter: &HistoryFilter) -> bool {
    let picks = filter.name.is_some() || filter.from_ms.is_some() || filter.until_ms.is_some();
    picks && filter.lines.is_none() && filter.aggregate_id.is_none()
}

/// The order of a table's rows.
fn order(way: Way, table: &str) -> String {
    match way {
        Way::Forward => format!("order by {table}.xid, {table}.position"),
        Way::Backward => format!("order by {table}.xid desc, {table}.position desc"),
    }
}

/// What a row of a table must be: within the span, and what the filter names but for name and moment.
fn meant(filter: &HistoryFilter, table: &str) -> String {
    let mut sql = format!(
        "({table}.xid, {table}.position) > ($1::text::xid8, $2) and ({table}.xid, {table}.position) < ($3::text::xid8, $4)"
    );
    if filter.project.is_some() {
        sql += &format!(" and {table}.project_id = $5");
    }
    sql
}

/// That a row's name is one of those looked for, and its moment. Names by bytes, whatever the database's own order is.
fn picked(filter: &HistoryFilter, table: &str) -> String {
    let mut sql = String::new();
    if filter.name.is_some() {
        sql +=
            &format!(" and {table}.event_type collate \"C\" >= $8 and {table}.event_type collate \"C\" < $9");
    }
    if filter.from_ms.is_some() {
        sql += &format!(" and ({table}.metadata ->> 'at_ms')::bigint >= $12");
    }
    if filter.until_ms.is_some() {
        sql += &format!(" and ({table}.metadata ->> 'at_ms')::bigint < $13");
    }
    sql
}

/// The statement for a page. It is put together from what the filter names: a condition that may be absent would cost the
/// index, and a statement for each combination and direction would be thirty-two.
fn page_sql(filter: &HistoryFilter, way: Way) -> String {
    let (meant_e, picked_e, order_e) = (meant(filter, "e"), picked(filter, "e"), order(way, "e"));
    if filter.aggregate_id.is_some() {
        let of_lines = if filter.lines.is_some() { " and e.line = any($6)" } else { "" };
        return format!(
            "select {COLUMNS} from events as e where e.aggregate_id = $7 and {meant_e}{picked_e}{of_lines} {order_e} limit $10"
        );
    }
    if filter.lines.is_some() {
        // Lines are read each by itself and merged: at most a page of each is looked at.
        return format!(
            "select {COLUMNS} from (select distinct unnest($6::text[]) as line) as wanted cross join lateral \
             (select * from events as e where e.line = wanted.line and {meant_e}{picked_e} {order_e} limit $10) as e \
             {order_e} limit $10"
        );
    }
    if !is_by_spans(filter) {
        return format!("select {COLUMNS} from events as e where {meant_e} {order_e} limit $10");
    }
    let (meant_s, order_s, picked_s) = (meant(filter, "s"), order(way, "s"), picked(filter, "s"));
    format!(
        "select {COLUMNS} from \
         (select s.xid, s.position, s.event_type, s.metadata from events as s where {meant_s} {order_s} limit $11) as s \
         join events as e on e.xid = s.xid and e.position = s.position where true{picked_s} {order_s} limit $10"
    )
}

/// The last place that a statement by spans looked at; none where it came to the span's other end.
fn end_sql(filter: &HistoryFilter, way: Way) -> String {
    let (meant_s, order_s) = (meant(filter, "s"), order(way, "s"));
    format!(
        "select s.xid::text as xid, s.position from events as s where {meant_s} {order_s} offset $11 - 1 limit 1"
    )
}
