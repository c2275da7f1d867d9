//! From rows and to them.

use std::str::FromStr;

use sigma_runner::ApplyError;
use sqlx::Row;
use sqlx::sqlite::{SqliteQueryResult, SqliteRow};

/// A row holds what it must not.
pub(crate) fn broken(error: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> sqlx::Error {
    sqlx::Error::Decode(error.into())
}

/// A word of the contract.
pub(crate) fn parsed<T>(row: &SqliteRow, column: &str) -> Result<T, sqlx::Error>
where
    T: FromStr<Err: std::error::Error + Send + Sync + 'static>,
{
    row.try_get::<String, _>(column)?.parse().map_err(broken)
}

pub(crate) fn text_of(row: &SqliteRow, column: &str) -> Result<Option<String>, sqlx::Error> {
    row.try_get(column)
}

/// Sequences fit: the store counts them in the same type.
pub(crate) fn whole(sequence: u64) -> i64 {
    i64::try_from(sequence).unwrap_or(i64::MAX)
}

/// An event that finds no row to change cannot have come in order: the view would be wrong from here on.
pub(crate) fn one_row(result: SqliteQueryResult, event: &str) -> Result<(), ApplyError> {
    match result.rows_affected() {
        1 => Ok(()),
        rows => Err(ApplyError::Poison(format!("{event} changed {rows} rows, not one"))),
    }
}
