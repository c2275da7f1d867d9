//! One commit: events first, then the command's record, then secrets, in one transaction.
//!
//! Without secrets it is one statement and one round trip. It is done in a task of its own, so that whoever asked may go
//! away without leaving a transaction open; and it is tried again where the connection was lost on the way, for the command's
//! id tells whether the first try was kept.

use sigma_store::{
    CommandRecord, Commit, Committed, MAX_EVENTS_IN_COMMIT, SecretWrite, StoreError, new_event_id,
};
use sqlx::postgres::{PgConnection, PgRow};
use sqlx::{Connection, Error, Row};

use crate::open::{PostgresStore, asked};
use crate::place::Place;
use crate::rows;
use sigma_tables::{constraint_met, is_passing};

/// A commit that another transaction was in the way of, or whose connection was lost, is tried so many times.
const TRIES: u32 = 4;

/// What one try came to.
enum Outcome {
    Done {
        last_sequence: u64,
        place: Place,
    },
    Repeated {
        record: CommandRecord,
        last_sequence: u64,
        place: Place,
    },
    Overtaken {
        found: u64,
    },
    /// The command's id was there a moment ago and is not any more: it was forgotten.
    Vanished,
}

impl PostgresStore {
    pub(crate) async fn commit_once(&self, commit: Commit) -> Result<Committed, StoreError> {
        if commit.events.len() > MAX_EVENTS_IN_COMMIT {
            return Err(StoreError::Corrupt(format!(
                "more than {MAX_EVENTS_IN_COMMIT} events in one commit"
            )));
        }
        let store = self.clone();
        let done = tokio::spawn(async move { store.commit_until_known(&commit).await }).await;
        done.unwrap_or_else(|error| Err(StoreError::Corrupt(format!("a commit was cut off: {error}"))))
    }

    async fn commit_until_known(&self, commit: &Commit) -> Result<Committed, StoreError> {
        let mut tries = TRIES;
        let outcome = loop {
            tries -= 1;
            let tried = asked!(self, self.inner.pool, |connection| try_commit(connection, commit));
            match tried {
                Ok(Outcome::Vanished) if tries > 0 => {}
                Err(error) if tries > 0 && is_passing(&error) => {}
                tried => break tried.map_err(|error| self.fault(&error))?,
            }
        };
        let (last_sequence, place, repeated) = match outcome {
            Outcome::Done { last_sequence, place } => (last_sequence, place, None),
            Outcome::Repeated { record, last_sequence, place } => (last_sequence, place, Some(record)),
            Outcome::Overtaken { found } => {
                return Err(StoreError::Conflict {
                    aggregate_type: commit.aggregate_type.clone(),
                    aggregate_id: commit.aggregate_id.clone(),
                    expected: commit.expected,
                    found,
                });
            }
            Outcome::Vanished => {
                return Err(StoreError::Unavailable {
                    message: format!(
                        "the command {} came while its first copy was forgotten",
                        commit.command.id
                    ),
                    mend: "send it again".to_owned(),
                });
            }
        };
        if repeated.is_none() {
            self.inner.told.committed();
        }
        Ok(Committed { last_sequence, cursor: place.cursor(&self.inner.incarnation), repeated })
    }
}

async fn try_commit(connection: &mut PgConnection, commit: &Commit) -> Result<Outcome, Error> {
    let written = if commit.secrets.is_empty() {
        write_events(connection, commit).await
    } else {
        write_all(connection, commit).await
    };
    match written {
        // Somebody was faster, with this command or with another on this aggregate: what stands now tells.
        Err(error) => match constraint_met(&error) {
            Some("events_pkey" | "commands_pkey") => find_out(connection, commit).await,
            _ => Err(error),
        },
        written => written,
    }
}

async fn write_all(connection: &mut PgConnection, commit: &Commit) -> Result<Outcome, Error> {
    let mut transaction = connection.begin().await?;
    let outcome = write_events(&mut transaction, commit).await?;
    if matches!(outcome, Outcome::Done { .. }) {
        write_secrets(&mut transaction, &commit.secrets).await?;
        transaction.commit().await?;
    } else {
        transaction.rollback().await?;
    }
    Ok(outcome)
}

async fn write_events(connection: &mut PgConnection, commit: &Commit) -> Result<Outcome, Error> {
    let Commit { aggregate_type, aggregate_id, line, project_id, expected, metadata, command, .. } = commit;
    let map = serde_json::to_string(&metadata.to_map()).map_err(|error| Error::Encode(Box::new(error)))?;
    let names: Vec<&str> = commit.events.iter().map(|event| event.name.as_str()).collect();
    let versions: Vec<String> = commit.events.iter().map(|event| event.version.to_string()).collect();
    let payloads: Vec<String> = commit.events.iter().map(|event| event.data.to_string()).collect();
    let ids: Vec<String> = commit.events.iter().map(|_| new_event_id(metadata.at_ms)).collect();
    let row = sqlx::query(include_str!("sql/commit.sql"))
        .bind(&command.id)
        .bind(aggregate_type)
        .bind(aggregate_id)
        .bind(signed(*expected)?)
        .bind(map)
        .bind(line)
        .bind(project_id)
        .bind(names)
        .bind(versions)
        .bind(payloads)
        .bind(ids)
        .bind(&command.fingerprint)
        .bind(&command.answer)
        .bind(command.at_ms)
        .fetch_one(connection)
        .await?;
    if row.try_get::<Option<&str>, _>("id")?.is_some() {
        return repeated(&row);
    }
    if row.try_get::<Option<&str>, _>("kept_xid")?.is_none() {
        return Ok(Outcome::Overtaken { found: rows::unsigned(&row, "found")? });
    }
    let place = Place { xid: rows::xid(&row, "kept_xid")?, position: row.try_get("kept_position")? };
    let made = u64::try_from(commit.events.len()).unwrap_or(u64::MAX);
    Ok(Outcome::Done { last_sequence: expected.saturating_add(made), place })
}

async fn find_out(connection: &mut PgConnection, commit: &Commit) -> Result<Outcome, Error> {
    let standing = sqlx::query(include_str!("sql/command.sql")).bind(&commit.command.id);
    if let Some(row) = standing.fetch_optional(&mut *connection).await? {
        return repeated(&row);
    }
    let found: i64 = sqlx::query_scalar(include_str!("sql/last_sequence.sql"))
        .bind(&commit.aggregate_type)
        .bind(&commit.aggregate_id)
        .fetch_one(connection)
        .await?;
    let found = u64::try_from(found).unwrap_or_default();
    Ok(if found == commit.expected { Outcome::Vanished } else { Outcome::Overtaken { found } })
}

fn repeated(row: &PgRow) -> Result<Outcome, Error> {
    let (record, last_sequence, place) = rows::command(row)?;
    Ok(Outcome::Repeated { record, last_sequence, place })
}

/// PostgreSQL's integers are signed.
fn signed(number: u64) -> Result<i64, Error> {
    i64::try_from(number).map_err(|error| Error::Encode(Box::new(error)))
}

pub(crate) async fn write_secrets(
    connection: &mut PgConnection,
    writes: &[SecretWrite],
) -> Result<(), Error> {
    for write in writes {
        let query = match write {
            SecretWrite::Put { kind, owner, lookup, sealed, expires_at_ms } => {
                let query = sqlx::query(include_str!("sql/put_secret.sql")).bind(kind).bind(owner);
                query.bind(lookup.as_deref()).bind(sealed.as_slice()).bind(expires_at_ms)
            }
            SecretWrite::Expire { kind, owner, scope, at_ms } => {
                let (lookup, expired_by) = scope.narrowed();
                let query = sqlx::query(include_str!("sql/expire_secrets.sql")).bind(kind).bind(owner);
                query.bind(lookup).bind(expired_by).bind(at_ms)
            }
            SecretWrite::Delete { kind, owner, scope } => {
                let (lookup, expired_by) = scope.narrowed();
                let query = sqlx::query(include_str!("sql/delete_secrets.sql")).bind(kind).bind(owner);
                query.bind(lookup).bind(expired_by)
            }
        };
        query.execute(&mut *connection).await?;
    }
    Ok(())
}
