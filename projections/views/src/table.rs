//! A table of one row an aggregate. What stands of it is read, events are folded into it in memory, and what comes of them is
//! written with one statement: however often a row changes in a batch, it is written once.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

use sigma_app::fold;
use sigma_runner::ApplyError;
use sigma_schema::Stored;
use sigma_store::{RecordedEvent, StoreError};
use sigma_tables::{Row, Rows, Value, query, upsert};

/// What makes a table out of events.
pub(crate) trait Table {
    /// A row, as events change it.
    type Row: Send;

    /// Of the aggregate that it shows.
    type Event: Stored + Send;

    /// Its name.
    const NAME: &'static str;

    /// All its columns; `id` is the aggregate's and the key.
    const COLUMNS: &'static [&'static str];

    /// Out of the table.
    fn read(row: &Row) -> Result<Self::Row, sqlx::Error>;

    /// A value for each column.
    fn values(row: &Self::Row) -> Result<Vec<Value<'_>>, ApplyError>;

    /// The row after an event; none where there is none, or none any more.
    fn fold(
        row: Option<Self::Row>,
        event: &Self::Event,
        recorded: &RecordedEvent,
    ) -> Result<Option<Self::Row>, StoreError>;

    /// Whether an event may find no row and make none.
    fn passes(_event: &Self::Event) -> bool {
        false
    }
}

/// Rows of some aggregates, as events left them.
pub(crate) struct Folded<T: Table> {
    rows: BTreeMap<String, Option<T::Row>>,
}

/// Folds events into what stands of their aggregates.
pub(crate) async fn fold_in<T: Table>(
    rows: &mut Rows<'_>,
    events: &[&RecordedEvent],
) -> Result<Folded<T>, ApplyError> {
    let mut folded = BTreeMap::new();
    // Nothing stands of an aggregate before its first event.
    let older: Vec<&str> = events
        .iter()
        .filter(|event| event.sequence > 1)
        .map(|event| event.aggregate_id.as_str())
        .collect::<std::collections::BTreeSet<_>>()
        .into_iter()
        .collect();
    if !older.is_empty() {
        let sql = format!("select * from {} where id in (select value from json_each($1))", T::NAME);
        let standing = query(&sql).bind(serde_json::Value::from(older).to_string());
        for row in standing.fetch_all(rows).await? {
            folded.insert(row.try_get("id")?, Some(T::read(&row)?));
        }
    }
    for event in events {
        match folded.entry(event.aggregate_id.clone()) {
            Entry::Occupied(mut standing) => {
                let known = standing.get_mut().take();
                *standing.get_mut() = after::<T>(known, event)?;
            }
            Entry::Vacant(nothing) => drop(nothing.insert(after::<T>(None, event)?)),
        }
    }
    Ok(Folded { rows: folded })
}

/// An event that finds no row to change, or makes one that stands, cannot have come in order: the table would be wrong from
/// here on.
fn after<T: Table>(known: Option<T::Row>, recorded: &RecordedEvent) -> Result<Option<T::Row>, ApplyError> {
    let poison = |error: StoreError| ApplyError::Poison(error.to_string());
    let event: T::Event = fold::decode(recorded).map_err(poison)?;
    let made = T::fold(None, &event, recorded).map_err(poison)?;
    let wrong = |what: &str| ApplyError::Poison(format!("{} {what} in {}", recorded.name, T::NAME));
    match (known, made) {
        (None, Some(row)) => Ok(Some(row)),
        (None, None) if T::passes(&event) => Ok(None),
        (None, None) => Err(wrong("finds no row to change")),
        (Some(_), Some(_)) => Err(wrong("makes a row that is there")),
        (Some(row), None) => T::fold(Some(row), &event, recorded).map_err(poison),
    }
}

impl<T: Table> Folded<T> {
    /// The rows that there are, with the ids of their aggregates.
    pub(crate) fn rows_mut(&mut self) -> impl Iterator<Item = (&str, &mut T::Row)> {
        self.rows.iter_mut().filter_map(|(id, row)| Some((id.as_str(), row.as_mut()?)))
    }

    /// Writes them. What is gone goes first: another one may have its place.
    pub(crate) async fn write(self, mut rows: Rows<'_>) -> Result<(), ApplyError> {
        let gone = self.rows.iter().filter(|(_, row)| row.is_none()).map(|(id, _)| id.clone());
        let gone: Vec<String> = gone.collect();
        if !gone.is_empty() {
            let sql = format!("delete from {} where id in (select value from json_each($1))", T::NAME);
            query(&sql).bind(serde_json::Value::from(gone).to_string()).execute(&mut rows).await?;
        }
        let mut written = upsert(T::NAME, &["id"], T::COLUMNS);
        for row in self.rows.values().flatten() {
            written.push(T::values(row)?);
        }
        Ok(written.execute(rows).await?)
    }
}
