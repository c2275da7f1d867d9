//! Mends a store that was put there from a dump or a copy.
//!
//! The transaction ids in it are another database's: readers would miss events, and new ones would sort before old ones. All
//! get 0, which is before every real one, and keep their order by position: within an aggregate, and wherever one event was
//! known when another was decided, that is the order they had. The store is another one from here on, so that whoever kept a
//! place in the old order begins anew.

use std::time::Duration;

use sigma_store::StoreError;
use sqlx::{Connection, Executor};

use crate::fault::store_error;
use crate::migrate::migrate;
use crate::open::{PostgresOptions, connect, new_incarnation};
use sigma_tables::Address;

/// As long as a statement of a repair may take.
const PATIENCE: Duration = Duration::from_secs(24 * 60 * 60);

/// What was mended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Repaired {
    /// Events whose transaction ids were another database's.
    pub events: u64,
    /// Who the store is from now on.
    pub incarnation: String,
}

/// Mends the store at an address, in one transaction. Nothing else may use it meanwhile.
///
/// # Errors
/// As [`PostgresStore::open`](crate::PostgresStore::open).
pub async fn repair(address: &Address) -> Result<Repaired, StoreError> {
    let fault = |error| store_error(address, &error);
    let options = PostgresOptions { statement_timeout: PATIENCE, ..PostgresOptions::default() };
    let mut connection = connect(address, &options).await?;
    migrate(address, &mut connection).await?;
    let mut transaction = connection.begin().await.map_err(fault)?;
    // Readers may go on, writers wait.
    transaction.execute("lock table events, commands, store in exclusive mode").await.map_err(fault)?;
    let home: Option<String> =
        sqlx::query_scalar(include_str!("sql/home.sql")).fetch_one(&mut *transaction).await.map_err(fault)?;
    let events = transaction.execute(include_str!("sql/repair_events.sql")).await.map_err(fault)?;
    transaction.execute(include_str!("sql/repair_commands.sql")).await.map_err(fault)?;
    let incarnation = new_incarnation();
    let identity = sqlx::query(include_str!("sql/repair_identity.sql"))
        .bind(&incarnation)
        .bind(home.unwrap_or_default())
        .execute(&mut *transaction)
        .await
        .map_err(fault)?;
    if identity.rows_affected() == 0 {
        return Err(StoreError::Corrupt(format!("{address} holds no event store; start sigma on it")));
    }
    transaction.commit().await.map_err(fault)?;
    Ok(Repaired { events: events.rows_affected(), incarnation })
}
