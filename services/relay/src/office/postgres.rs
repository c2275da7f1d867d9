//! The office in PostgreSQL: whoever holds the advisory lock leads, and keeps his place through the very session that holds
//! it. So no word of a leader counts whose lock is gone: with the session the lock ends, and with the lock the session.

use std::time::Duration;

use async_trait::async_trait;
use sigma_store::Cursor;
use sigma_tables::Address;
use sqlx::{ConnectOptions, Connection, Executor, PgConnection};

use super::{Office, OfficeError, Place, Term};

/// The office's own schema.
const SCHEMA: &str = "sigma_relay";

/// "Sigm" and a 3 for the relay: 1 is the store's tables, 2 the views.
const LOCK: i64 = 0x5369_676d_0000_0003;

/// How often somebody who waits asks for the lock.
const ASK_EVERY: Duration = Duration::from_secs(1);

/// How long a statement may take. A leader whose word takes longer leads no more.
const STATEMENT: Duration = Duration::from_secs(5);

/// How soon the server misses a leader whose machine is gone: after this much silence it asks, and asks three times.
const SILENCE: &str =
    "set tcp_keepalives_idle = 3; set tcp_keepalives_interval = 1; set tcp_keepalives_count = 3";

/// The office in the database at an address.
#[derive(Clone, Debug)]
pub struct PostgresOffice {
    address: Address,
    may_lead: bool,
}

impl PostgresOffice {
    /// In the event store's database.
    pub fn new(address: &Address) -> Self {
        Self { address: address.clone(), may_lead: true }
    }

    /// The same, in whose name nobody ever leads: for a process that only wants to know how far the topic is filled.
    pub fn standing_by(self) -> Self {
        Self { may_lead: false, ..self }
    }

    fn away(&self, error: &sqlx::Error) -> OfficeError {
        OfficeError::Unavailable(format!("who leads the relay is not known, {} says: {error}", self.address))
    }

    /// A connection that finds the office's table, made where it is not there.
    async fn connect(&self) -> Result<PgConnection, OfficeError> {
        let options = self.address.options(SCHEMA, STATEMENT);
        let mut connection = in_time(options.connect()).await.map_err(|error| self.away(&error))?;
        let made = async {
            let mut transaction = connection.begin().await?;
            // Two that make it at once would meet each other's rows of the catalogue.
            sqlx::query("select pg_advisory_xact_lock($1, $2)")
                .bind(LOCK_OF_THE_TABLE.0)
                .bind(LOCK_OF_THE_TABLE.1)
                .execute(&mut *transaction)
                .await?;
            transaction.execute(include_str!("office.sql")).await?;
            transaction.commit().await
        };
        in_time(made).await.map_err(|error| self.away(&error))?;
        Ok(connection)
    }
}

/// Held while the table is made; two numbers are another lock than one.
const LOCK_OF_THE_TABLE: (i32, i32) = (0x5369_676d, 3);

async fn in_time<T>(work: impl Future<Output = Result<T, sqlx::Error>>) -> Result<T, sqlx::Error> {
    sigma_clock::timeout(STATEMENT * 2, work).await.unwrap_or(Err(sqlx::Error::PoolTimedOut))
}

/// Who leads and how far the topic is filled, as whoever looks from outside is told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Standing {
    /// How far the topic is filled; none when it was not begun.
    pub place: Option<Place>,
    /// The address that the leader's session comes from; none when nobody leads.
    pub leader: Option<String>,
}

impl PostgresOffice {
    /// Looks at the office and changes nothing there.
    ///
    /// # Errors
    /// [`OfficeError::Unavailable`] when the database does not answer.
    pub async fn look(&self) -> Result<Standing, OfficeError> {
        let look = async {
            let mut connection = self.address.options(SCHEMA, STATEMENT).connect().await?;
            let place = place_if_begun(&mut connection).await?;
            let leader = sqlx::query_scalar(include_str!("leader.sql"))
                .bind(LOCK)
                .fetch_optional(&mut connection)
                .await?;
            let _ = connection.close().await;
            Ok(Standing { place, leader })
        };
        in_time(look).await.map_err(|error| self.away(&error))
    }
}

#[async_trait]
impl Office for PostgresOffice {
    async fn lead(&self) -> Result<Box<dyn Term>, OfficeError> {
        if !self.may_lead {
            return std::future::pending().await;
        }
        let mut connection = self.connect().await?;
        in_time(connection.execute(SILENCE)).await.map_err(|error| self.away(&error))?;
        loop {
            let asked = sqlx::query_scalar("select pg_try_advisory_lock($1)").bind(LOCK);
            if in_time(asked.fetch_one(&mut connection)).await.map_err(|error| self.away(&error))? {
                break;
            }
            sigma_clock::sleep(ASK_EVERY).await;
        }
        let number = in_time(epoch(&mut connection)).await.map_err(|error| self.away(&error))?;
        Ok(Box::new(Seat { connection, number }))
    }

    async fn forget(&self) -> Result<(), OfficeError> {
        let mut connection = self.connect().await?;
        let forgotten = sqlx::query(include_str!("forget.sql")).execute(&mut connection);
        in_time(forgotten).await.map(drop).map_err(|error| self.away(&error))
    }

    async fn place(&self) -> Result<Option<Place>, OfficeError> {
        let look = async {
            let mut connection = self.address.options(SCHEMA, STATEMENT).connect().await?;
            let place = place_if_begun(&mut connection).await?;
            let _ = connection.close().await;
            Ok(place)
        };
        in_time(look).await.map_err(|error| self.away(&error))
    }
}

/// As [`place`], and none also where there is no table yet.
async fn place_if_begun(connection: &mut PgConnection) -> Result<Option<Place>, sqlx::Error> {
    let made: bool = sqlx::query_scalar("select to_regclass($1) is not null")
        .bind(format!("{SCHEMA}.place"))
        .fetch_one(&mut *connection)
        .await?;
    if made { place(connection).await } else { Ok(None) }
}

async fn place(connection: &mut PgConnection) -> Result<Option<Place>, sqlx::Error> {
    let row: Option<(String, i32, String, i64)> =
        sqlx::query_as("select log, partitions, cursor, published from place where log is not null")
            .fetch_optional(connection)
            .await?;
    Ok(row.map(|(log, partitions, cursor, published)| Place {
        log,
        partitions: u16::try_from(partitions).unwrap_or(0),
        cursor: Cursor::from_text(cursor),
        published: u64::try_from(published).unwrap_or(0),
    }))
}

async fn epoch(connection: &mut PgConnection) -> Result<i64, sqlx::Error> {
    sqlx::query_scalar("select epoch from place where only_row = 1").fetch_one(connection).await
}

/// The session that holds the lock.
struct Seat {
    connection: PgConnection,
    /// Raised when the place is forgotten.
    number: i64,
}

/// Whatever went wrong, the lock may be gone with it.
fn over(error: &sqlx::Error) -> OfficeError {
    OfficeError::Over(format!("PostgreSQL says: {error}"))
}

fn forgotten() -> OfficeError {
    OfficeError::Over("the relay was told to begin anew".to_owned())
}

#[async_trait]
impl Term for Seat {
    async fn place(&mut self) -> Result<Option<Place>, OfficeError> {
        in_time(place(&mut self.connection)).await.map_err(|error| over(&error))
    }

    async fn keep(&mut self, place: &Place) -> Result<(), OfficeError> {
        let kept = sqlx::query(include_str!("keep.sql"))
            .bind(self.number)
            .bind(&place.log)
            .bind(i32::from(place.partitions))
            .bind(place.cursor.as_str())
            .bind(i64::try_from(place.published).unwrap_or(i64::MAX))
            .execute(&mut self.connection);
        match in_time(kept).await.map_err(|error| over(&error))?.rows_affected() {
            0 => Err(forgotten()),
            _ => Ok(()),
        }
    }

    async fn hold(&mut self) -> Result<(), OfficeError> {
        match in_time(epoch(&mut self.connection)).await.map_err(|error| over(&error))? {
            number if number == self.number => Ok(()),
            _ => Err(forgotten()),
        }
    }
}
