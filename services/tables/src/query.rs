//! Statements with their values, and rows that come back.

use std::borrow::Cow;
use std::time::Duration;

use sqlx::postgres::PgRow;
use sqlx::sqlite::SqliteRow;
use sqlx::{Decode, Error, Postgres, Row as _, Sqlite, Type};

use crate::connection::Rows;

/// A server that has not answered a statement within this is given up: it cannot be reached, for statements have a time-out of
/// their own there.
const ANSWERED_WITHIN: Duration = Duration::from_secs(40);

/// A value of a statement.
#[derive(Clone, Debug, PartialEq)]
pub enum Value<'q> {
    /// Text.
    Text(Option<Cow<'q, str>>),
    /// A whole number.
    Whole(Option<i64>),
    /// True or false.
    Flag(Option<bool>),
}

/// A statement with its values: `query(include_str!("x.sql")).bind(1).execute(&mut rows)`.
#[derive(Clone, Debug)]
pub struct Query<'q> {
    sql: &'q str,
    values: Vec<Value<'q>>,
}

/// A row that came back.
pub enum Row {
    /// From a file.
    Sqlite(SqliteRow),
    /// From a server.
    Postgres(PgRow),
}

/// A statement without values yet.
pub fn query(sql: &str) -> Query<'_> {
    Query { sql, values: Vec::new() }
}

/// What a server answers, or that it does not.
pub(crate) async fn answered<T>(answer: impl Future<Output = Result<T, Error>>) -> Result<T, Error> {
    sigma_clock::timeout(ANSWERED_WITHIN, answer).await.unwrap_or(Err(Error::PoolTimedOut))
}

/// Runs `$run` on the query of the database that the rows are of.
macro_rules! on_either {
    ($query:ident, $rows:expr, $method:ident, |$kind:ident, $result:ident| $then:expr) => {
        match $rows.into() {
            Rows::Sqlite(connection) => {
                let mut query = sqlx::query::<Sqlite>($query.sql);
                for value in $query.values {
                    query = match value {
                        Value::Text(text) => query.bind(text),
                        Value::Whole(whole) => query.bind(whole),
                        Value::Flag(flag) => query.bind(flag),
                    };
                }
                let ($kind, $result) = (Row::Sqlite, query.$method(connection).await?);
                $then
            }
            Rows::Postgres(connection) => {
                let mut query = sqlx::query::<Postgres>($query.sql);
                for value in $query.values {
                    query = match value {
                        Value::Text(text) => query.bind(text),
                        Value::Whole(whole) => query.bind(whole),
                        Value::Flag(flag) => query.bind(flag),
                    };
                }
                let ($kind, $result) = (Row::Postgres, answered(query.$method(connection)).await?);
                $then
            }
        }
    };
}

impl<'q> Query<'q> {
    /// Binds the next value.
    #[must_use]
    pub fn bind(mut self, value: impl Into<Value<'q>>) -> Self {
        self.values.push(value.into());
        self
    }

    /// Runs it; answers how many rows it changed.
    ///
    /// # Errors
    /// As the database says.
    pub async fn execute<'c>(self, rows: impl Into<Rows<'c>>) -> Result<u64, Error> {
        on_either!(self, rows, execute, |_kind, result| Ok(result.rows_affected()))
    }

    /// Runs it; answers all rows.
    ///
    /// # Errors
    /// As the database says.
    pub async fn fetch_all<'c>(self, rows: impl Into<Rows<'c>>) -> Result<Vec<Row>, Error> {
        on_either!(self, rows, fetch_all, |kind, result| Ok(result.into_iter().map(kind).collect()))
    }

    /// Runs it; answers the first row, where there is one.
    ///
    /// # Errors
    /// As the database says.
    pub async fn fetch_optional<'c>(self, rows: impl Into<Rows<'c>>) -> Result<Option<Row>, Error> {
        on_either!(self, rows, fetch_optional, |kind, result| Ok(result.map(kind)))
    }

    /// Runs it; answers the first row.
    ///
    /// # Errors
    /// As the database says; [`Error::RowNotFound`] where there is none.
    pub async fn fetch_one<'c>(self, rows: impl Into<Rows<'c>>) -> Result<Row, Error> {
        self.fetch_optional(rows).await?.ok_or(Error::RowNotFound)
    }
}

impl std::fmt::Debug for Row {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Row").finish_non_exhaustive()
    }
}

impl Row {
    /// The value of a column.
    ///
    /// # Errors
    /// When there is no such column, or its value is of another kind.
    pub fn try_get<'r, T>(&'r self, column: &str) -> Result<T, Error>
    where
        T: Decode<'r, Sqlite> + Type<Sqlite> + Decode<'r, Postgres> + Type<Postgres>,
    {
        match self {
            Self::Sqlite(row) => row.try_get(column),
            Self::Postgres(row) => row.try_get(column),
        }
    }
}

impl<'q> From<&'q str> for Value<'q> {
    fn from(text: &'q str) -> Self {
        Self::Text(Some(Cow::Borrowed(text)))
    }
}

impl<'q> From<&'q String> for Value<'q> {
    fn from(text: &'q String) -> Self {
        Self::from(text.as_str())
    }
}

impl From<String> for Value<'_> {
    fn from(text: String) -> Self {
        Self::Text(Some(Cow::Owned(text)))
    }
}

impl<'q> From<Option<&'q str>> for Value<'q> {
    fn from(text: Option<&'q str>) -> Self {
        Self::Text(text.map(Cow::Borrowed))
    }
}

impl From<Option<String>> for Value<'_> {
    fn from(text: Option<String>) -> Self {
        Self::Text(text.map(Cow::Owned))
    }
}

impl From<i64> for Value<'_> {
    fn from(whole: i64) -> Self {
        Self::Whole(Some(whole))
    }
}

impl From<&i64> for Value<'_> {
    fn from(whole: &i64) -> Self {
        Self::Whole(Some(*whole))
    }
}

impl From<Option<i64>> for Value<'_> {
    fn from(whole: Option<i64>) -> Self {
        Self::Whole(whole)
    }
}

impl From<bool> for Value<'_> {
    fn from(flag: bool) -> Self {
        Self::Flag(Some(flag))
    }
}

impl From<Option<bool>> for Value<'_> {
    fn from(flag: Option<bool>) -> Self {
        Self::Flag(flag)
    }
}
