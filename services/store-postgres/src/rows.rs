//! Rows of the store as the port's types.

use std::collections::HashMap;

use sigma_store::{CommandRecord, EventMetadata, RecordedEvent, SecretRow};
use sqlx::Row;
use sqlx::postgres::PgRow;

use crate::place::Place;

fn broken(column: &str, error: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> sqlx::Error {
    sqlx::Error::ColumnDecode { index: column.to_owned(), source: error.into() }
}

/// A transaction id, which comes as text: sqlx knows no `xid8`.
pub(crate) fn xid(row: &PgRow, column: &str) -> Result<u64, sqlx::Error> {
    row.try_get::<&str, _>(column)?.parse().map_err(|error| broken(column, error))
}

pub(crate) fn unsigned(row: &PgRow, column: &str) -> Result<u64, sqlx::Error> {
    u64::try_from(row.try_get::<i64, _>(column)?).map_err(|error| broken(column, error))
}

pub(crate) fn event(incarnation: &str, row: &PgRow) -> Result<RecordedEvent, sqlx::Error> {
    placed_event(incarnation, row).map(|(_, event)| event)
}

/// An event, with its place.
pub(crate) fn placed_event(incarnation: &str, row: &PgRow) -> Result<(Place, RecordedEvent), sqlx::Error> {
    let data: &str = row.try_get("payload")?;
    let metadata: &str = row.try_get("metadata")?;
    let metadata: HashMap<String, String> =
        serde_json::from_str(metadata).map_err(|error| broken("metadata", error))?;
    let place = Place { xid: xid(row, "xid")?, position: row.try_get("position")? };
    let version: &str = row.try_get("event_version")?;
    let event = RecordedEvent {
        cursor: place.cursor(incarnation),
        event_id: row.try_get("event_id")?,
        aggregate_type: row.try_get("aggregate_type")?,
        aggregate_id: row.try_get("aggregate_id")?,
        line: row.try_get("line")?,
        project_id: row.try_get("project_id")?,
        sequence: unsigned(row, "sequence")?,
        name: row.try_get("event_type")?,
        version: version.parse().map_err(|error| broken("event_version", error))?,
        data: serde_json::from_str(data).map_err(|error| broken("payload", error))?,
        metadata: EventMetadata::from_map(&metadata)
            .ok_or_else(|| broken("metadata", "command_id and at_ms are missing"))?,
    };
    Ok((place, event))
}

/// A command's record, with the aggregate's last sequence and the log's place after it.
pub(crate) fn command(row: &PgRow) -> Result<(CommandRecord, u64, Place), sqlx::Error> {
    let record = CommandRecord {
        id: row.try_get("id")?,
        fingerprint: row.try_get("fingerprint")?,
        answer: row.try_get("answer")?,
        at_ms: row.try_get("at_ms")?,
    };
    let place = Place { xid: xid(row, "xid")?, position: row.try_get("position")? };
    Ok((record, unsigned(row, "last_sequence")?, place))
}

pub(crate) fn secret(row: &PgRow) -> Result<SecretRow, sqlx::Error> {
    Ok(SecretRow {
        kind: row.try_get("kind")?,
        owner: row.try_get("owner")?,
        lookup: row.try_get("lookup")?,
        sealed: row.try_get("sealed")?,
        expires_at_ms: row.try_get("expires_at_ms")?,
    })
}
