//! The store as the port for writing.

use std::collections::{BTreeMap, BTreeSet};

use async_trait::async_trait;
use sigma_store::{
    CommandRecord, Commit, Committed, Identity, Journal, RecordedEvent, SecretRow, SecretWrite, StoreError,
};
use sqlx::postgres::PgRow;
use sqlx::{Connection, Error, PgConnection};

use crate::commit::write_secrets;
use crate::fault::closed;
use crate::open::{PostgresStore, asked};
use crate::rows;

/// So many commands are forgotten with one statement: their rows are not locked for long.
const FORGOTTEN_AT_ONCE: u64 = 1_000;

/// Secrets of a kind, by their owners.
#[derive(Debug)]
pub(crate) struct OfOwners {
    kind: String,
    owners: Vec<String>,
}

impl PostgresStore {
    /// Answers those who ask at the same time with one statement a kind. What the server does not take of one of them is his own
    /// concern: then each is asked for alone.
    pub(crate) async fn secrets_together(
        &self,
        asked: Vec<OfOwners>,
    ) -> Vec<Result<Vec<SecretRow>, StoreError>> {
        let mut answers = self.secrets_at_once(&asked).await;
        if asked.len() > 1 {
            for (alone, answer) in asked.iter().zip(&mut answers) {
                if matches!(answer, Err(StoreError::Corrupt(_))) {
                    *answer = self.secrets_at_once(std::slice::from_ref(alone)).await.swap_remove(0);
                }
            }
        }
        answers
    }

    /// An answer for each, in their order.
    async fn secrets_at_once(&self, asked: &[OfOwners]) -> Vec<Result<Vec<SecretRow>, StoreError>> {
        let mut kinds = BTreeMap::<&str, BTreeSet<&str>>::new();
        for OfOwners { kind, owners } in asked {
            kinds.entry(kind).or_default().extend(owners.iter().map(String::as_str));
        }
        let mut found = BTreeMap::new();
        for (kind, owners) in kinds {
            let owners: Vec<&str> = owners.into_iter().collect();
            let rows = asked!(self, self.inner.pool, |connection| {
                let query = sqlx::query(include_str!("sql/secrets_of.sql")).bind(kind).bind(&owners);
                query.fetch_all(connection)
            });
            let rows: Result<Vec<SecretRow>, Error> =
                rows.and_then(|rows| rows.iter().map(rows::secret).collect());
            let mut by_owner = BTreeMap::<String, Vec<SecretRow>>::new();
            let of_kind = rows.map_err(|error| self.fault(&error)).map(|rows| {
                rows.into_iter().for_each(|row| by_owner.entry(row.owner.clone()).or_default().push(row));
                by_owner
            });
            found.insert(kind, of_kind);
        }
        let answer = |OfOwners { kind, owners }: &OfOwners| match found.get(kind.as_str()) {
            Some(Ok(by_owner)) => {
                Ok(owners.iter().filter_map(|owner| by_owner.get(owner)).flatten().cloned().collect())
            }
            Some(Err(error)) => Err(error.clone()),
            None => Ok(Vec::new()),
        };
        asked.iter().map(answer).collect()
    }
}

#[async_trait]
impl Journal for PostgresStore {
    async fn load_after(
        &self,
        aggregate_type: &str,
        aggregate_id: &str,
        after: u64,
    ) -> Result<Vec<RecordedEvent>, StoreError> {
        let after = i64::try_from(after).unwrap_or(i64::MAX);
        let found = asked!(self, self.inner.pool, |connection| sqlx::query(include_str!("sql/load.sql"))
            .bind(aggregate_type)
            .bind(aggregate_id)
            .bind(after)
            .fetch_all(connection));
        let event = |row: &PgRow| rows::event(&self.inner.incarnation, row);
        let found = found.and_then(|found| found.iter().map(event).collect());
        found.map_err(|error| self.fault(&error))
    }

    async fn commit(&self, commit: Commit) -> Result<Committed, StoreError> {
        self.commit_once(commit).await
    }

    async fn command(&self, id: &str) -> Result<Option<CommandRecord>, StoreError> {
        let found = asked!(self, self.inner.pool, |connection| command(connection, id));
        found.map_err(|error| self.fault(&error))
    }

    async fn record_command(&self, record: CommandRecord) -> Result<Option<CommandRecord>, StoreError> {
        let kept = asked!(self, self.inner.pool, |connection| keep(connection, &record));
        kept.map_err(|error| self.fault(&error))
    }

    async fn forget_commands(&self, before_ms: i64) -> Result<u64, StoreError> {
        let mut forgotten = 0;
        loop {
            let step = asked!(self, self.inner.pool, |connection| {
                sqlx::query(include_str!("sql/forget_commands.sql"))
                    .bind(before_ms)
                    .bind(i64::try_from(FORGOTTEN_AT_ONCE).unwrap_or(i64::MAX))
                    .execute(connection)
            });
            let step = step.map_err(|error| self.fault(&error))?.rows_affected();
            forgotten += step;
            if step < FORGOTTEN_AT_ONCE {
                return Ok(forgotten);
            }
        }
    }

    async fn find_secret(&self, kind: &str, lookup: &[u8]) -> Result<Vec<SecretRow>, StoreError> {
        let found = asked!(self, self.inner.pool, |connection| {
            sqlx::query(include_str!("sql/find_secret.sql")).bind(kind).bind(lookup).fetch_all(connection)
        });
        let found = found.and_then(|found| found.iter().map(rows::secret).collect());
        found.map_err(|error| self.fault(&error))
    }

    async fn secrets_of_each(&self, kind: &str, owners: &[&str]) -> Result<Vec<SecretRow>, StoreError> {
        let owners = owners.iter().map(|owner| (*owner).to_owned()).collect();
        let found = self.inner.secrets.ask(OfOwners { kind: kind.to_owned(), owners }).await;
        found.unwrap_or_else(|| Err(closed(&self.inner.address)))
    }

    async fn write_secrets(&self, writes: Vec<SecretWrite>) -> Result<(), StoreError> {
        // Not tried again where it may have been kept: a secret must not be put twice.
        let written = async {
            let mut held = self.inner.pool.acquire().await?;
            let mut transaction = held.begin().await?;
            write_secrets(&mut transaction, &writes).await?;
            transaction.commit().await
        };
        let within = self.inner.options.acquire_timeout + self.inner.options.statement_timeout;
        let written = sigma_clock::timeout(within, written).await.unwrap_or(Err(Error::PoolTimedOut));
        written.map_err(|error| self.fault(&error))
    }

    async fn identity(&self) -> Result<Identity, StoreError> {
        let found = asked!(self, self.inner.pool, |connection| identity(connection));
        found.map_err(|error| self.fault(&error))
    }

    async fn bind_master_key(&self, fingerprint: &str) -> Result<Identity, StoreError> {
        let bound = asked!(self, self.inner.pool, |connection| bind_master_key(connection, fingerprint));
        bound.map_err(|error| self.fault(&error))
    }

    /// Rows that were deleted stand in the table's pages until they are vacuumed; the server's write-ahead log and its backups
    /// are its own.
    async fn remove_traces(&self) -> Result<(), StoreError> {
        let vacuum = "vacuum secrets";
        let vacuumed = asked!(self, self.inner.pool, |connection| sqlx::query(vacuum).execute(connection));
        vacuumed.map(drop).map_err(|error| self.fault(&error))
    }
}

async fn command(connection: &mut PgConnection, id: &str) -> Result<Option<CommandRecord>, Error> {
    let row = sqlx::query(include_str!("sql/command.sql")).bind(id).fetch_optional(connection).await?;
    row.as_ref().map(|row| rows::command(row).map(|(record, ..)| record)).transpose()
}

/// Keeps a record where none stands. Tried again after a lost connection it may find its own: it is the first one then too.
async fn keep(connection: &mut PgConnection, record: &CommandRecord) -> Result<Option<CommandRecord>, Error> {
    let kept = sqlx::query(include_str!("sql/insert_command.sql"))
        .bind(&record.id)
        .bind(&record.fingerprint)
        .bind(&record.answer)
        .bind(record.at_ms)
        .execute(&mut *connection)
        .await?;
    if kept.rows_affected() > 0 { Ok(None) } else { command(connection, &record.id).await }
}

async fn identity(connection: &mut PgConnection) -> Result<Identity, Error> {
    let (incarnation, master_key_fingerprint) =
        sqlx::query_as(include_str!("sql/identity.sql")).fetch_one(connection).await?;
    Ok(Identity { incarnation, master_key_fingerprint })
}

async fn bind_master_key(connection: &mut PgConnection, fingerprint: &str) -> Result<Identity, Error> {
    sqlx::query(include_str!("sql/bind_master_key.sql")).bind(fingerprint).execute(&mut *connection).await?;
    identity(connection).await
}
