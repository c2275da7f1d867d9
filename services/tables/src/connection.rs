//! Connections to either database, and transactions on them.

use sqlx::pool::PoolConnection;
use sqlx::postgres::{PgConnection, PgPool};
use sqlx::sqlite::{SqliteConnection, SqlitePool};
use sqlx::{Connection as _, Error, Executor, Postgres, Row as _, Sqlite};

/// A connection of one's own.
#[derive(Debug)]
pub enum Connection {
    /// To a file.
    Sqlite(SqliteConnection),
    /// To a server.
    Postgres(PgConnection),
}

/// Where a statement runs: on a connection, or in a transaction on one.
#[derive(Debug)]
pub enum Rows<'c> {
    /// In a file.
    Sqlite(&'c mut SqliteConnection),
    /// On a server.
    Postgres(&'c mut PgConnection),
}

/// A transaction, or a savepoint in one. Taken back when it is dropped.
#[derive(Debug)]
pub enum Transaction<'c> {
    /// In a file.
    Sqlite(sqlx::Transaction<'c, Sqlite>),
    /// On a server.
    Postgres(sqlx::Transaction<'c, Postgres>),
}

/// Connections that are shared. Clones are hands on the same pool.
#[derive(Clone, Debug)]
pub enum Pool {
    /// To a file.
    Sqlite(SqlitePool),
    /// To a server.
    Postgres(PgPool),
}

/// A connection of a pool, which gets it back.
#[derive(Debug)]
pub enum PooledConnection {
    /// To a file.
    Sqlite(PoolConnection<Sqlite>),
    /// To a server.
    Postgres(PoolConnection<Postgres>),
}

impl Connection {
    /// Begins a transaction that writes.
    ///
    /// # Errors
    /// As the database says.
    pub async fn begin(&mut self) -> Result<Transaction<'_>, Error> {
        Ok(match self {
            // At once the writer: a reader that becomes one may meet another.
            Self::Sqlite(connection) => Transaction::Sqlite(connection.begin_with("begin immediate").await?),
            Self::Postgres(connection) => Transaction::Postgres(connection.begin().await?),
        })
    }

    /// Removes what was deleted or overwritten from the files for good: a file's write-ahead log is folded together and cut
    /// off, the tables of a schema are vacuumed. False: somebody reads just now; ask again.
    ///
    /// # Errors
    /// As the database says.
    pub async fn remove_traces(&mut self) -> Result<bool, Error> {
        match self {
            Self::Sqlite(connection) => {
                let folded = sqlx::query("pragma wal_checkpoint(truncate)").fetch_one(connection).await?;
                Ok(folded.try_get::<i64, _>(0)? == 0)
            }
            Self::Postgres(connection) => {
                let tables =
                    "select quote_ident(tablename) from pg_tables where schemaname = current_schema()";
                let tables: Vec<String> = sqlx::query_scalar(tables).fetch_all(&mut *connection).await?;
                for table in tables {
                    connection.execute(format!("vacuum {table}").as_str()).await?;
                }
                Ok(true)
            }
        }
    }

    /// Closes it in order.
    ///
    /// # Errors
    /// As the database says.
    pub async fn close(self) -> Result<(), Error> {
        match self {
            Self::Sqlite(connection) => connection.close().await,
            Self::Postgres(connection) => connection.close().await,
        }
    }
}

impl Transaction<'_> {
    /// Keeps what was done.
    ///
    /// # Errors
    /// As the database says.
    pub async fn commit(self) -> Result<(), Error> {
        match self {
            Self::Sqlite(transaction) => transaction.commit().await,
            Self::Postgres(transaction) => transaction.commit().await,
        }
    }

    /// Takes back what was done.
    ///
    /// # Errors
    /// As the database says.
    pub async fn rollback(self) -> Result<(), Error> {
        match self {
            Self::Sqlite(transaction) => transaction.rollback().await,
            Self::Postgres(transaction) => transaction.rollback().await,
        }
    }
}

impl Rows<'_> {
    /// Begins a savepoint in the transaction under way; a transaction where there is none.
    ///
    /// # Errors
    /// As the database says.
    pub async fn begin(&mut self) -> Result<Transaction<'_>, Error> {
        Ok(match self {
            Self::Sqlite(connection) => Transaction::Sqlite(connection.begin().await?),
            Self::Postgres(connection) => Transaction::Postgres(connection.begin().await?),
        })
    }

    /// Runs statements that take no values, as a schema's.
    ///
    /// # Errors
    /// As the database says.
    pub async fn script(&mut self, sql: &str) -> Result<(), Error> {
        match self {
            Self::Sqlite(connection) => connection.execute(sql).await.map(drop),
            Self::Postgres(connection) => connection.execute(sql).await.map(drop),
        }
    }
}

impl Pool {
    /// A connection; waits for one.
    ///
    /// # Errors
    /// As the database says; [`Error::PoolClosed`] once it was closed.
    pub async fn acquire(&self) -> Result<PooledConnection, Error> {
        Ok(match self {
            Self::Sqlite(pool) => PooledConnection::Sqlite(pool.acquire().await?),
            Self::Postgres(pool) => PooledConnection::Postgres(pool.acquire().await?),
        })
    }

    /// A transaction on a connection of its own.
    ///
    /// # Errors
    /// As the database says.
    pub async fn begin(&self) -> Result<Transaction<'static>, Error> {
        Ok(match self {
            Self::Sqlite(pool) => Transaction::Sqlite(pool.begin().await?),
            Self::Postgres(pool) => Transaction::Postgres(pool.begin().await?),
        })
    }

    /// Closes it; who holds a connection is waited for.
    pub async fn close(&self) {
        match self {
            Self::Sqlite(pool) => pool.close().await,
            Self::Postgres(pool) => pool.close().await,
        }
    }
}

impl<'a> From<&'a mut Connection> for Rows<'a> {
    fn from(connection: &'a mut Connection) -> Self {
        match connection {
            Connection::Sqlite(connection) => Self::Sqlite(connection),
            Connection::Postgres(connection) => Self::Postgres(connection),
        }
    }
}

impl<'a> From<&'a mut PooledConnection> for Rows<'a> {
    fn from(connection: &'a mut PooledConnection) -> Self {
        match connection {
            PooledConnection::Sqlite(connection) => Self::Sqlite(connection),
            PooledConnection::Postgres(connection) => Self::Postgres(connection),
        }
    }
}

impl<'a> From<&'a mut Transaction<'_>> for Rows<'a> {
    fn from(transaction: &'a mut Transaction<'_>) -> Self {
        match transaction {
            Transaction::Sqlite(transaction) => Self::Sqlite(transaction),
            Transaction::Postgres(transaction) => Self::Postgres(transaction),
        }
    }
}

impl<'a> From<&'a mut Rows<'_>> for Rows<'a> {
    fn from(rows: &'a mut Rows<'_>) -> Self {
        match rows {
            Rows::Sqlite(connection) => Self::Sqlite(connection),
            Rows::Postgres(connection) => Self::Postgres(connection),
        }
    }
}
