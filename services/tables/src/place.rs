//! Where a set of tables is.

use std::fmt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous};
use sqlx::{ConnectOptions, Error};

use crate::address::Address;
use crate::connection::{Connection, Pool, Rows};
use crate::fault::is_gone;
use crate::query::query;

/// How long a statement waits for another program that holds the file.
const BUSY_TIMEOUT: Duration = Duration::from_secs(5);

/// A statement on a server may take so long; a batch of a rebuild is the longest.
const STATEMENT_TIMEOUT: Duration = Duration::from_secs(30);

/// How long somebody waits for a connection before he is told that there is none.
const ACQUIRE_TIMEOUT: Duration = Duration::from_secs(3);

/// A transaction that waits for nothing of ours for so long is taken back by the server: whoever sleeps in one holds neither
/// the log's readers nor a lease for longer.
const IDLE_IN_TRANSACTION: &str = "5000";

/// A schema is made under an advisory lock, its name's among these: "Sig" and a 5.
const MAKING: i32 = 0x5369_6705;

/// A connection to a server that nobody needed for so long is let go.
const IDLE: Duration = Duration::from_secs(60);

/// Where a set of tables is.
#[derive(Clone, Debug)]
pub enum Place {
    /// In a file.
    File(PathBuf),
    /// In a schema.
    Schema(Schema),
}

/// A schema of a database.
#[derive(Clone, Debug)]
pub struct Schema {
    address: Address,
    name: String,
}

impl Schema {
    /// The schema `name`, of letters, digits and underlines.
    pub fn new(address: &Address, name: impl Into<String>) -> Self {
        Self { address: address.clone(), name: name.into() }
    }

    /// Its name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The database that it is in.
    pub fn address(&self) -> &Address {
        &self.address
    }

    fn options(&self) -> PgConnectOptions {
        let options = self.address.options(&self.name, STATEMENT_TIMEOUT);
        options.options([("idle_in_transaction_session_timeout", IDLE_IN_TRANSACTION)])
    }

    /// Makes it, where it is missing, with what the texts of SQL expect of SQLite. Of several who do so at once each waits until the
    /// one before has ended its transaction.
    ///
    /// # Errors
    /// As the database says.
    pub async fn make(&self, rows: impl Into<Rows<'_>>) -> Result<(), Error> {
        let name = &self.name;
        // `json_each` of text: PostgreSQL's own takes json, so this one is found for a text. Not strict, so that the planner looks into it.
        let sql = format!(
            "select pg_advisory_xact_lock({MAKING}, hashtext('{name}')); \
             create schema if not exists {name}; \
             create or replace function {name}.json_each(list text) returns table (value text) \
             language sql immutable as $$ select json_array_elements_text(list::json) $$"
        );
        rows.into().script(&sql).await
    }

    /// Why its server cannot be reached now; none where it answers, whatever it answers.
    pub async fn away(&self) -> Option<String> {
        let place = Place::Schema(self.clone());
        let error = match place.connect().await {
            Ok(connection) => {
                // It has answered; how it says goodbye is nobody's concern.
                let _ = connection.close().await;
                return None;
            }
            Err(error) => error,
        };
        (is_gone(&error) || matches!(error, Error::PoolTimedOut)).then(|| error.to_string())
    }

    /// Takes it away with all that is in it. One that is not there is none to take away.
    ///
    /// # Errors
    /// As the database says.
    pub async fn remove(&self, rows: impl Into<Rows<'_>>) -> Result<(), Error> {
        rows.into().script(&format!("drop schema if exists {} cascade", self.name)).await
    }

    /// Whether it is there.
    ///
    /// # Errors
    /// As the database says.
    pub async fn exists(&self, rows: impl Into<Rows<'_>>) -> Result<bool, Error> {
        let found = query("select 1 as one from pg_namespace where nspname = $1").bind(&self.name);
        Ok(found.fetch_optional(rows).await?.is_some())
    }

    /// Lets the text in its tables sort by its bytes, as in SQLite, whatever the database's own order is. Run after the tables
    /// were made, while they are empty.
    ///
    /// # Errors
    /// As the database says.
    pub async fn sort_by_bytes(rows: impl Into<Rows<'_>>) -> Result<(), Error> {
        rows.into().script(include_str!("sort_by_bytes.sql")).await
    }
}

impl Place {
    /// Opens a connection that writes; makes the file where it is missing.
    ///
    /// # Errors
    /// As the database says.
    pub async fn connect(&self) -> Result<Connection, Error> {
        match self {
            // NORMAL: what stands in such tables can be derived anew, and in WAL a loss of power takes back whole transactions.
            Self::File(path) => {
                let writing =
                    file(path).journal_mode(SqliteJournalMode::Wal).synchronous(SqliteSynchronous::Normal);
                // What is deleted is overwritten: rows may tell of people who are forgotten later.
                let writing = writing.create_if_missing(true).pragma("secure_delete", "on");
                writing.connect().await.map(Connection::Sqlite)
            }
            Self::Schema(schema) => {
                // As above: a crash of the server takes back whole transactions, the last ones.
                let options = schema.options().options([("synchronous_commit", "off")]);
                let connected = sigma_clock::timeout(ACQUIRE_TIMEOUT, options.connect()).await;
                connected.unwrap_or(Err(Error::PoolTimedOut)).map(Connection::Postgres)
            }
        }
    }

    /// At most so many connections that read.
    pub fn readers(&self, most: u32) -> Pool {
        match self {
            Self::File(path) => {
                let options = file(path).read_only(true);
                Pool::Sqlite(SqlitePoolOptions::new().max_connections(most).connect_lazy_with(options))
            }
            Self::Schema(schema) => Pool::Postgres(server_pool(most, schema)),
        }
    }

    /// Connections that read and write; makes the file where it is missing. A file has one.
    pub fn pool(&self, most: u32) -> Pool {
        match self {
            Self::File(path) => {
                let options = file(path)
                    .create_if_missing(true)
                    .journal_mode(SqliteJournalMode::Wal)
                    .synchronous(SqliteSynchronous::Normal);
                Pool::Sqlite(SqlitePoolOptions::new().max_connections(1).connect_lazy_with(options))
            }
            Self::Schema(schema) => Pool::Postgres(server_pool(most, schema)),
        }
    }
}

fn file(path: &Path) -> SqliteConnectOptions {
    SqliteConnectOptions::new().filename(path).busy_timeout(BUSY_TIMEOUT).disable_statement_logging()
}

fn server_pool(most: u32, schema: &Schema) -> sqlx::PgPool {
    let pool = PgPoolOptions::new().max_connections(most).acquire_timeout(ACQUIRE_TIMEOUT).idle_timeout(IDLE);
    pool.connect_lazy_with(schema.options())
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(path) => path.display().fmt(f),
            Self::Schema(Schema { address, name }) => write!(f, "{name} in {address}"),
        }
    }
}

impl From<PathBuf> for Place {
    fn from(path: PathBuf) -> Self {
        Self::File(path)
    }
}
