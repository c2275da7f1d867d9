//! From rows and to them.

use std::str::FromStr;

use sigma_tables::Row;

/// A row holds what it must not.
pub(crate) fn broken(error: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> sqlx::Error {
    sqlx::Error::Decode(error.into())
}

/// A word of the contract.
pub(crate) fn parsed<T>(row: &Row, column: &str) -> Result<T, sqlx::Error>
where
    T: FromStr<Err: std::error::Error + Send + Sync + 'static>,
{
    row.try_get::<String>(column)?.parse().map_err(broken)
}

/// A number that fits into 32 bits: the databases keep 64.
pub(crate) fn small(row: &Row, column: &str) -> Result<u32, sqlx::Error> {
    u32::try_from(row.try_get::<i64>(column)?).map_err(broken)
}

pub(crate) fn text_of(row: &Row, column: &str) -> Result<Option<String>, sqlx::Error> {
    row.try_get(column)
}

/// Sequences fit: the store counts them in the same type.
pub(crate) fn whole(sequence: u64) -> i64 {
    i64::try_from(sequence).unwrap_or(i64::MAX)
}
