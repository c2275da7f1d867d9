//! The schema, brought to the newest version by exactly one of all who start together.

use sigma_store::StoreError;
use sqlx::{Connection, Executor, PgConnection};

use sigma_tables::Address;

use crate::SCHEMA;
use crate::fault::store_error;

/// The schema's versions, in order. One that was released is never changed: the next is added.
const MIGRATIONS: &[&str] = &[include_str!("sql/0001_store.sql")];

/// Whoever changes the schema holds this advisory lock: "Sigm" and a 1 for the store's.
const LOCK: i64 = 0x5369_676d_0000_0001;

/// PostgreSQL 13 brought 64-bit transaction ids; nothing older is maintained than 14.
const OLDEST: i32 = 140_000;

/// What is asked of a server before it is used.
pub(crate) async fn examine(address: &Address, connection: &mut PgConnection) -> Result<(), StoreError> {
    let fault = |error| store_error(address, &error);
    let (version, standby): (i32, bool) =
        sqlx::query_as("select current_setting('server_version_num')::int, pg_is_in_recovery()")
            .fetch_one(connection)
            .await
            .map_err(fault)?;
    if version < OLDEST {
        return Err(StoreError::Corrupt(format!(
            "{address} is PostgreSQL {}; take {} or newer",
            version / 10_000,
            OLDEST / 10_000
        )));
    }
    if standby {
        return Err(StoreError::Unavailable {
            message: format!("{address} is a standby and takes no writes"),
            mend: "point --event-store at the primary, or wait for the fail-over to end".to_owned(),
        });
    }
    Ok(())
}

/// Brings the schema to the newest version, in one transaction. Who comes second waits, and finds it done.
pub(crate) async fn migrate(address: &Address, connection: &mut PgConnection) -> Result<(), StoreError> {
    examine(address, connection).await?;
    let fault = |error| store_error(address, &error);
    let mut transaction = connection.begin().await.map_err(fault)?;
    // A migration may take its time, and so may the one that is waited for.
    let patient = "set local statement_timeout = 0; set local lock_timeout = 0";
    transaction.execute(patient).await.map_err(fault)?;
    sqlx::query("select pg_advisory_xact_lock($1)")
        .bind(LOCK)
        .execute(&mut *transaction)
        .await
        .map_err(fault)?;
    let known: bool = sqlx::query_scalar("select to_regclass($1) is not null")
        .bind(format!("{SCHEMA}.schema_version"))
        .fetch_one(&mut *transaction)
        .await
        .map_err(fault)?;
    if !known {
        let make = format!(
            "create schema if not exists {SCHEMA}; \
             create table {SCHEMA}.schema_version (only_row integer primary key check (only_row = 1), version integer not null); \
             insert into {SCHEMA}.schema_version values (1, 0)"
        );
        transaction.execute(make.as_str()).await.map_err(fault)?;
    }
    let version: i32 = sqlx::query_scalar("select version from schema_version where only_row = 1")
        .fetch_one(&mut *transaction)
        .await
        .map_err(fault)?;
    let Some(missing) = usize::try_from(version).ok().and_then(|version| MIGRATIONS.get(version..)) else {
        return Err(StoreError::Corrupt(format!(
            "{address} was written by a newer Sigma (schema {version}, this one knows {}); run that one",
            MIGRATIONS.len()
        )));
    };
    if missing.is_empty() {
        return Ok(());
    }
    for migration in missing {
        transaction.execute(*migration).await.map_err(fault)?;
    }
    let newest = i32::try_from(MIGRATIONS.len()).unwrap_or(i32::MAX);
    let stamp = sqlx::query("update schema_version set version = $1 where only_row = 1").bind(newest);
    stamp.execute(&mut *transaction).await.map_err(fault)?;
    transaction.commit().await.map_err(fault)
}
