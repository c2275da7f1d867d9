//! Looking at a store from outside: nothing is changed there.

use sigma_store::{Cursor, StoreError};
use sigma_tables::Address;
use sqlx::Connection;

use crate::SCHEMA;
use crate::fault::store_error;
use crate::log::COUNTED;
use crate::migrate::examine;
use crate::open::{PostgresOptions, connect};
use crate::place::Place;

/// Looks whether a database answers and can be used; answers what is there in a few words. Changes nothing.
///
/// # Errors
/// As [`PostgresStore::open`](crate::PostgresStore::open).
pub async fn look(address: &Address) -> Result<String, StoreError> {
    let fault = |error| store_error(address, &error);
    let mut connection = connect(address, &PostgresOptions::default()).await?;
    examine(address, &mut connection).await?;
    let (version, there): (String, bool) =
        sqlx::query_as("select current_setting('server_version'), to_regclass($1) is not null")
            .bind(format!("{SCHEMA}.events"))
            .fetch_one(&mut connection)
            .await
            .map_err(fault)?;
    let _ = connection.close().await;
    let store = if there { "with an event store" } else { "and has no event store yet" };
    Ok(format!("PostgreSQL {version} {store}"))
}

/// How many events stand after a place, counted to 100,000 at most; none where the place is not one of this store.
///
/// # Errors
/// As [`look`], and where there is no store.
pub async fn behind(address: &Address, after: &Cursor) -> Result<Option<u64>, StoreError> {
    let fault = |error| store_error(address, &error);
    let mut connection = connect(address, &PostgresOptions::default()).await?;
    let (incarnation, _): (String, Option<String>) =
        sqlx::query_as(include_str!("sql/identity.sql")).fetch_one(&mut connection).await.map_err(fault)?;
    let Some(place) = Place::of(&incarnation, after) else { return Ok(None) };
    let behind: i64 = sqlx::query_scalar(include_str!("sql/lag.sql"))
        .bind(place.xid.to_string())
        .bind(place.position)
        .bind(COUNTED)
        .fetch_one(&mut connection)
        .await
        .map_err(fault)?;
    let _ = connection.close().await;
    Ok(u64::try_from(behind).ok())
}
