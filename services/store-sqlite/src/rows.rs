//! Rows of the store as the port's types.

use sigma_store::{CommandRecord, Cursor, EventMetadata, RecordedEvent, SecretRow};
use sqlx::Row;
use sqlx::sqlite::SqliteRow;

/// A place in this store's log.
pub(crate) fn cursor(incarnation: &str, position: i64) -> Cursor {
    Cursor::from_text(format!("{incarnation}.{position}"))
}

/// The position of a cursor, when it is one of this incarnation.
pub(crate) fn position(incarnation: &str, cursor: &Cursor) -> Option<i64> {
    if cursor.is_start() {
        return Some(0);
    }
    let digits = cursor.as_str().strip_prefix(incarnation)?.strip_prefix('.')?;
    digits.parse().ok().filter(|position| *position >= 0)
}

/// Reads a number that SQLite keeps signed.
pub(crate) fn unsigned<T: TryFrom<i64>>(row: &SqliteRow, column: &'static str) -> Result<T, sqlx::Error>
where
    T::Error: std::error::Error + Send + Sync + 'static,
{
    let number: i64 = row.try_get(column)?;
    T::try_from(number)
        .map_err(|error| sqlx::Error::ColumnDecode { index: column.to_owned(), source: Box::new(error) })
}

pub(crate) fn event(incarnation: &str, row: &SqliteRow) -> Result<RecordedEvent, sqlx::Error> {
    let data: &str = row.try_get("data")?;
    let data = serde_json::from_str(data)
        .map_err(|error| sqlx::Error::ColumnDecode { index: "data".to_owned(), source: Box::new(error) })?;
    Ok(RecordedEvent {
        cursor: cursor(incarnation, row.try_get("position")?),
        event_id: row.try_get("event_id")?,
        aggregate_type: row.try_get("aggregate_type")?,
        aggregate_id: row.try_get("aggregate_id")?,
        line: row.try_get("line")?,
        project_id: row.try_get("project_id")?,
        sequence: unsigned(row, "sequence")?,
        name: row.try_get("name")?,
        version: unsigned(row, "version")?,
        data,
        metadata: EventMetadata {
            actor: row.try_get("actor")?,
            command_id: row.try_get("command_id")?,
            causation_id: row.try_get("causation_id")?,
            correlation_id: row.try_get("correlation_id")?,
            at_ms: row.try_get("at_ms")?,
        },
    })
}

/// A command's record, with the aggregate's last sequence and the log's position after it.
pub(crate) fn command(row: &SqliteRow) -> Result<(CommandRecord, u64, i64), sqlx::Error> {
    let record = CommandRecord {
        id: row.try_get("id")?,
        fingerprint: row.try_get("fingerprint")?,
        answer: row.try_get("answer")?,
        at_ms: row.try_get("at_ms")?,
    };
    Ok((record, unsigned(row, "last_sequence")?, row.try_get("position")?))
}

pub(crate) fn secret(row: &SqliteRow) -> Result<SecretRow, sqlx::Error> {
    Ok(SecretRow {
        kind: row.try_get("kind")?,
        owner: row.try_get("owner")?,
        lookup: row.try_get("lookup")?,
        sealed: row.try_get("sealed")?,
        expires_at_ms: row.try_get("expires_at_ms")?,
    })
}
