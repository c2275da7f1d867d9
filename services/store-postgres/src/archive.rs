//! The store as what is carried elsewhere, and filled from elsewhere.
//!
//! What is carried in stands before all that is written here: its transaction id is 0 and its positions are those that it
//! had, so that its order stays. All of it, or nothing.

use async_trait::async_trait;
use sigma_store::{Archive, Identity, KeptCommand, RecordedEvent, SecretRow, StoreError};
use sqlx::postgres::PgRow;
use sqlx::{Connection, Executor, PgConnection};

use crate::open::{PostgresStore, asked, connect};
use crate::rows;
use crate::{PostgresOptions, fault::store_error};

/// Rows that are carried with one statement.
const PAGE: u32 = 1_000;

/// As long as a statement of a filling may take.
const PATIENCE: std::time::Duration = std::time::Duration::from_secs(60 * 60);

/// How far a filling is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Filled {
    /// Events that were carried.
    pub events: u64,
    /// Commands that were.
    pub commands: u64,
    /// Secrets that were.
    pub secrets: u64,
}

fn signed(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

impl PostgresStore {
    /// Fills this store, which must be empty, from another one, whose identity is given. `tell` is called after each page.
    ///
    /// # Errors
    /// [`StoreError::Corrupt`] when something stands here already; else what either store says. Nothing is kept then.
    pub async fn fill(
        &self,
        from: &dyn Archive,
        identity: &Identity,
        mut tell: impl FnMut(Filled) + Send,
    ) -> Result<Filled, StoreError> {
        let address = &self.inner.address;
        let fault = |error| store_error(address, &error);
        let options = PostgresOptions { statement_timeout: PATIENCE, ..self.inner.options.clone() };
        let mut connection = connect(address, &options).await?;
        let mut transaction = connection.begin().await.map_err(fault)?;
        transaction.execute("lock table events, commands, secrets in exclusive mode").await.map_err(fault)?;
        let is_empty: bool = sqlx::query_scalar(include_str!("sql/is_empty.sql"))
            .fetch_one(&mut *transaction)
            .await
            .map_err(fault)?;
        if !is_empty {
            return Err(StoreError::Corrupt(format!(
                "{address} holds an event store already; name an empty database"
            )));
        }
        let mut filled = Filled::default();
        let mut after = 0;
        loop {
            let events = from.events_from(after, PAGE).await?;
            let Some((last, _)) = events.last() else { break };
            after = *last;
            filled.events += events.len() as u64;
            put_events(&mut transaction, &events).await.map_err(fault)?;
            tell(filled);
        }
        let mut after = String::new();
        loop {
            let commands = from.commands_from(&after, PAGE).await?;
            let Some(last) = commands.last() else { break };
            after.clone_from(&last.record.id);
            filled.commands += commands.len() as u64;
            put_commands(&mut transaction, &commands).await.map_err(fault)?;
            tell(filled);
        }
        let mut after = 0;
        loop {
            let secrets = from.secrets_from(after, PAGE).await?;
            let Some((last, _)) = secrets.last() else { break };
            after = *last;
            filled.secrets += secrets.len() as u64;
            put_secrets(&mut transaction, &secrets).await.map_err(fault)?;
            tell(filled);
        }
        sqlx::query(include_str!("sql/filled.sql"))
            .bind(&identity.master_key_fingerprint)
            .execute(&mut *transaction)
            .await
            .map_err(fault)?;
        transaction.execute(include_str!("sql/filled_positions.sql")).await.map_err(fault)?;
        transaction.commit().await.map_err(fault)?;
        Ok(filled)
    }
}

async fn put_events(
    connection: &mut PgConnection,
    events: &[(u64, RecordedEvent)],
) -> Result<(), sqlx::Error> {
    let text =
        |of: fn(&RecordedEvent) -> String| events.iter().map(|(_, event)| of(event)).collect::<Vec<_>>();
    let mut metadata = Vec::with_capacity(events.len());
    for (_, event) in events {
        let map = serde_json::to_string(&event.metadata.to_map());
        metadata.push(map.map_err(|error| sqlx::Error::Encode(Box::new(error)))?);
    }
    sqlx::query(include_str!("sql/put_events.sql"))
        .bind(text(|event| event.aggregate_type.clone()))
        .bind(text(|event| event.aggregate_id.clone()))
        .bind(events.iter().map(|(_, event)| signed(event.sequence)).collect::<Vec<_>>())
        .bind(text(|event| event.name.clone()))
        .bind(text(|event| event.version.to_string()))
        .bind(text(|event| event.data.to_string()))
        .bind(metadata)
        .bind(text(|event| event.event_id.clone()))
        .bind(text(|event| event.line.clone()))
        .bind(text(|event| event.project_id.clone()))
        .bind(events.iter().map(|(position, _)| signed(*position)).collect::<Vec<_>>())
        .execute(connection)
        .await
        .map(drop)
}

async fn put_commands(connection: &mut PgConnection, commands: &[KeptCommand]) -> Result<(), sqlx::Error> {
    sqlx::query(include_str!("sql/put_commands.sql"))
        .bind(commands.iter().map(|one| one.record.id.clone()).collect::<Vec<_>>())
        .bind(commands.iter().map(|one| one.record.fingerprint.clone()).collect::<Vec<_>>())
        .bind(commands.iter().map(|one| one.record.answer.clone()).collect::<Vec<_>>())
        .bind(commands.iter().map(|one| one.record.at_ms).collect::<Vec<_>>())
        .bind(commands.iter().map(|one| signed(one.last_sequence)).collect::<Vec<_>>())
        .bind(commands.iter().map(|one| signed(one.position)).collect::<Vec<_>>())
        .execute(connection)
        .await
        .map(drop)
}

async fn put_secrets(connection: &mut PgConnection, secrets: &[(u64, SecretRow)]) -> Result<(), sqlx::Error> {
    for (_, SecretRow { kind, owner, lookup, sealed, expires_at_ms }) in secrets {
        sqlx::query(include_str!("sql/put_secret.sql"))
            .bind(kind)
            .bind(owner)
            .bind(lookup)
            .bind(sealed)
            .bind(expires_at_ms)
            .execute(&mut *connection)
            .await?;
    }
    Ok(())
}

#[async_trait]
impl Archive for PostgresStore {
    async fn events_from(&self, after: u64, limit: u32) -> Result<Vec<(u64, RecordedEvent)>, StoreError> {
        let found = asked!(self, self.inner.lookers, |connection| {
            sqlx::query(include_str!("sql/events_from.sql"))
                .bind(signed(after))
                .bind(i64::from(limit))
                .fetch_all(connection)
        });
        let event =
            |row: &PgRow| Ok((rows::unsigned(row, "position")?, rows::event(&self.inner.incarnation, row)?));
        let events = found.and_then(|found| found.iter().map(event).collect());
        events.map_err(|error| self.fault(&error))
    }

    async fn commands_from(&self, after: &str, limit: u32) -> Result<Vec<KeptCommand>, StoreError> {
        let found = asked!(self, self.inner.lookers, |connection| {
            sqlx::query(include_str!("sql/commands_from.sql"))
                .bind(after)
                .bind(i64::from(limit))
                .fetch_all(connection)
        });
        let command = |row: &PgRow| {
            let (record, last_sequence, place) = rows::command(row)?;
            Ok(KeptCommand { record, last_sequence, position: place.position.unsigned_abs() })
        };
        let commands = found.and_then(|found| found.iter().map(command).collect());
        commands.map_err(|error| self.fault(&error))
    }

    async fn secrets_from(&self, after: u64, limit: u32) -> Result<Vec<(u64, SecretRow)>, StoreError> {
        let found = asked!(self, self.inner.lookers, |connection| {
            sqlx::query(include_str!("sql/secrets_from.sql"))
                .bind(signed(after))
                .bind(i64::from(limit))
                .fetch_all(connection)
        });
        let secret = |row: &PgRow| Ok((rows::unsigned(row, "id")?, rows::secret(row)?));
        let secrets = found.and_then(|found| found.iter().map(secret).collect());
        secrets.map_err(|error| self.fault(&error))
    }
}
