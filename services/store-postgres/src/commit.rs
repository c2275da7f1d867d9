//! One commit: events first, then the command's record, then secrets, in one transaction.
//!
//! Without secrets it is one statement and one round trip, which it shares with those that come while others are under way:
//! they share the way to the disk as well. It is done in a task of its own, so that whoever asked may go away without leaving a
//! transaction open; and it is tried again where the connection was lost on the way, for the command's id tells whether the
//! first try was kept.

use std::collections::HashSet;

use futures_util::future::join_all;
use sigma_store::{
    CommandRecord, Commit, Committed, MAX_EVENTS_IN_COMMIT, NewEvent, SecretWrite, StoreError, new_event_id,
};
use sqlx::postgres::{PgConnection, PgRow};
use sqlx::{Connection, Error, Row};

use crate::fault::closed;
use crate::open::{PostgresStore, asked};
use crate::place::Place;
use crate::rows;
use sigma_tables::{constraint_met, is_passing, trouble};

/// A commit that another transaction was in the way of, or whose connection was lost, is tried so many times.
const TRIES: u32 = 4;

/// A commit of more events goes alone: it must hold nobody up.
const FEW_EVENTS: usize = 20;

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
        if commit.secrets.is_empty() && commit.events.len() <= FEW_EVENTS {
            let committed = self.inner.commits.ask(commit).await;
            return committed.unwrap_or_else(|| Err(closed(&self.inner.address)));
        }
        let store = self.clone();
        let done = tokio::spawn(async move { store.commit_until_known(&commit).await }).await;
        done.unwrap_or_else(|error| Err(StoreError::Corrupt(format!("a commit was cut off: {error}"))))
    }

    /// Commits that came together go to the server together. What is not done then is done alone: of several on one aggregate all but
    /// one, and all of them where something of any of them was in the way.
    pub(crate) async fn commit_together(&self, commits: Vec<Commit>) -> Vec<Result<Committed, StoreError>> {
        let (mut aggregates, mut commands) = (HashSet::new(), HashSet::new());
        let mut together = Vec::new();
        for (number, commit) in commits.iter().enumerate() {
            let is_new = aggregates.insert((commit.aggregate_type.as_str(), commit.aggregate_id.as_str()));
            if commands.insert(commit.command.id.as_str()) && is_new {
                together.push((number, commit));
            }
        }
        let mut outcomes: Vec<Option<Outcome>> = commits.iter().map(|_| None).collect();
        if together.len() > 1 {
            let given: Vec<&Commit> = together.iter().map(|(_, commit)| *commit).collect();
            let written = asked!(self, self.inner.pool, |connection| write_events(connection, &given));
            match written {
                Ok(written) => {
                    for ((number, _), outcome) in together.iter().zip(written) {
                        outcomes[*number] = Some(outcome);
                    }
                }
                Err(error) if trouble(&error).is_some() && !is_passing(&error) => {
                    let fault = self.fault(&error);
                    return commits.iter().map(|_| Err(fault.clone())).collect();
                }
                // What one of them met, he meets alone and is told.
                Err(_) => {}
            }
        }
        if outcomes.iter().flatten().any(|outcome| matches!(outcome, Outcome::Done { .. })) {
            self.inner.told.committed();
        }
        join_all(commits.iter().zip(outcomes).map(|(commit, outcome)| async move {
            match outcome {
                Some(outcome) => self.committed(commit, outcome),
                None => self.commit_until_known(commit).await,
            }
        }))
        .await
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
        if matches!(outcome, Outcome::Done { .. }) {
            self.inner.told.committed();
        }
        self.committed(commit, outcome)
    }

    fn committed(&self, commit: &Commit, outcome: Outcome) -> Result<Committed, StoreError> {
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
        Ok(Committed { last_sequence, cursor: place.cursor(&self.inner.incarnation), repeated })
    }
}

async fn try_commit(connection: &mut PgConnection, commit: &Commit) -> Result<Outcome, Error> {
    let written = if commit.secrets.is_empty() {
        write_one(connection, commit).await
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
    let outcome = write_one(&mut transaction, commit).await?;
    if matches!(outcome, Outcome::Done { .. }) {
        write_secrets(&mut transaction, &commit.secrets).await?;
        transaction.commit().await?;
    } else {
        transaction.rollback().await?;
    }
    Ok(outcome)
}

/// Writes commits of different aggregates under different command ids: what comes of each, in their order.
async fn write_events(connection: &mut PgConnection, commits: &[&Commit]) -> Result<Vec<Outcome>, Error> {
    let each = || (0_i64..).zip(commits.iter().copied());
    let expected: Vec<i64> =
        commits.iter().map(|commit| signed(commit.expected)).collect::<Result<_, _>>()?;
    let metadata = commits.iter().map(|commit| serde_json::to_string(&commit.metadata.to_map()));
    let metadata: Vec<String> =
        metadata.collect::<Result<_, _>>().map_err(|error| Error::Encode(Box::new(error)))?;
    let of = |text: fn(&Commit) -> &str| commits.iter().map(|commit| text(commit)).collect::<Vec<&str>>();
    let events: Vec<(i64, i64, &NewEvent, String)> = each()
        .flat_map(|(n, commit)| {
            let id = || new_event_id(commit.metadata.at_ms);
            (1_i64..).zip(&commit.events).map(move |(number, event)| (n, number, event, id()))
        })
        .collect();
    let rows = sqlx::query(include_str!("sql/commit.sql"))
        .bind(each().map(|(n, _)| n).collect::<Vec<_>>())
        .bind(of(|commit| &commit.command.id))
        .bind(of(|commit| &commit.aggregate_type))
        .bind(of(|commit| &commit.aggregate_id))
        .bind(expected)
        .bind(metadata)
        .bind(of(|commit| &commit.line))
        .bind(of(|commit| &commit.project_id))
        .bind(of(|commit| &commit.command.fingerprint))
        .bind(commits.iter().map(|commit| commit.command.answer.as_slice()).collect::<Vec<_>>())
        .bind(commits.iter().map(|commit| commit.command.at_ms).collect::<Vec<_>>())
        .bind(events.iter().map(|(n, ..)| *n).collect::<Vec<_>>())
        .bind(events.iter().map(|(_, number, ..)| *number).collect::<Vec<_>>())
        .bind(events.iter().map(|(_, _, event, _)| event.name.as_str()).collect::<Vec<_>>())
        .bind(events.iter().map(|(_, _, event, _)| event.version.to_string()).collect::<Vec<_>>())
        .bind(events.iter().map(|(_, _, event, _)| event.data.to_string()).collect::<Vec<_>>())
        .bind(events.iter().map(|(.., id)| id.as_str()).collect::<Vec<_>>())
        .fetch_all(connection)
        .await?;
    if rows.len() != commits.len() {
        return Err(Error::RowNotFound);
    }
    commits.iter().zip(&rows).map(|(commit, row)| outcome(commit, row)).collect()
}

fn outcome(commit: &Commit, row: &PgRow) -> Result<Outcome, Error> {
    if row.try_get::<Option<&str>, _>("id")?.is_some() {
        return repeated(row);
    }
    if row.try_get::<Option<&str>, _>("kept_xid")?.is_none() {
        return Ok(Outcome::Overtaken { found: rows::unsigned(row, "found")? });
    }
    let place = Place { xid: rows::xid(row, "kept_xid")?, position: row.try_get("kept_position")? };
    let made = u64::try_from(commit.events.len()).unwrap_or(u64::MAX);
    Ok(Outcome::Done { last_sequence: commit.expected.saturating_add(made), place })
}

/// The same for one.
async fn write_one(connection: &mut PgConnection, commit: &Commit) -> Result<Outcome, Error> {
    write_events(connection, &[commit]).await?.pop().ok_or(Error::RowNotFound)
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
