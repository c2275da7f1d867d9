//! The one writer: takes what waits into one transaction.
//!
//! Each job runs in a savepoint of its own, so that a refused one leaves nothing and harms no other. Answers go out
//! after COMMIT, when all is on the disk. Trouble with the machine fails the whole group: nothing of it is kept, all
//! are told, and the connection is opened anew for the next.

use std::fs::File;
use std::path::PathBuf;

use sigma_store::{
    CommandRecord, Commit, Committed, Identity, MAX_EVENTS_IN_COMMIT, SecretWrite, StoreError, new_event_id,
};
use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection};
use sqlx::{Connection, Executor, Row};
use tokio::sync::{mpsc, oneshot, watch};

use crate::fault::{is_conflict, is_trouble, store_error};
use crate::open::connect;
use crate::rows;

/// At most so many jobs share a transaction: an answer waits for those of its group.
const MAX_GROUP: usize = 128;

/// At most so many commands are forgotten in one step: commits that wait do not wait long.
pub(crate) const FORGOTTEN_AT_ONCE: u64 = 1_000;

type Reply<T> = oneshot::Sender<Result<T, StoreError>>;

/// What the writer is asked for.
#[derive(Debug)]
pub(crate) enum Job {
    Commit { commit: Box<Commit>, reply: Reply<Committed> },
    Record { record: CommandRecord, reply: Reply<Option<CommandRecord>> },
    Forget { before_ms: i64, reply: Reply<u64> },
    Secrets { writes: Vec<SecretWrite>, reply: Reply<()> },
    BindMasterKey { fingerprint: String, reply: Reply<Identity> },
    RemoveTraces { reply: Reply<()> },
    Close { reply: oneshot::Sender<()> },
}

/// Sends a job's answer once it is known whether the group was kept.
type Answer = Box<dyn FnOnce(Result<(), StoreError>) + Send>;

/// Why a job was not done.
enum Failure {
    /// Its own fault: the others of the group go on.
    Refused(StoreError),
    /// The machine's: nothing of the group can be kept.
    Trouble(sqlx::Error),
}

pub(crate) struct Writer {
    pub(crate) path: PathBuf,
    pub(crate) incarnation: String,
    pub(crate) options: SqliteConnectOptions,
    pub(crate) max_bytes: Option<u64>,
    /// None after trouble, until the next group.
    pub(crate) connection: Option<SqliteConnection>,
    pub(crate) head: watch::Sender<i64>,
}

impl Writer {
    /// Works until it is closed or nobody is left to ask; `lock` is held as long.
    pub(crate) async fn run(mut self, mut jobs: mpsc::Receiver<Job>, lock: File) {
        let mut group = Vec::with_capacity(MAX_GROUP);
        let (mut removing, mut closing) = (Vec::new(), Vec::new());
        while closing.is_empty() && jobs.recv_many(&mut group, MAX_GROUP).await > 0 {
            let mut work = Vec::with_capacity(group.len());
            for job in group.drain(..) {
                match job {
                    Job::Close { reply } => closing.push(reply),
                    Job::RemoveTraces { reply } => removing.push(reply),
                    job => work.push(job),
                }
            }
            self.perform(work).await;
            for reply in removing.drain(..) {
                let _ = reply.send(self.remove_traces().await);
            }
        }
        jobs.close();
        if let Some(mut connection) = self.connection.take() {
            // Folded together by name: SQLite does it at the last close only where a writer closes last.
            let folded = connection.execute("pragma wal_checkpoint(truncate)").await.map(drop);
            if let Err(error) = folded.and(connection.close().await) {
                tracing::warn!(store = %self.path.display(), %error, "the event store was not closed in order");
            }
        }
        drop(lock);
        for reply in closing {
            let _ = reply.send(());
        }
    }

    /// Folds the write-ahead log into the file and cuts it off: the frames in it show what stood there before. Not where
    /// somebody reads just now, for commits would wait for him.
    async fn remove_traces(&mut self) -> Result<(), StoreError> {
        let fault = |error| store_error(&self.path, &error);
        let mut connection = match self.connection.take() {
            Some(connection) => connection,
            None => connect(&self.options, self.max_bytes).await.map_err(fault)?,
        };
        let folded = fold_now(&mut connection).await;
        self.connection = folded.is_ok().then_some(connection);
        match folded.map_err(fault)? {
            true => Ok(()),
            false => Err(StoreError::Unavailable {
                message: format!("the event store {} is being read", self.path.display()),
                mend: "try again in a moment".to_owned(),
            }),
        }
    }

    async fn perform(&mut self, group: Vec<Job>) {
        if group.is_empty() {
            return;
        }
        let mut connection = match self.connection.take() {
            Some(connection) => connection,
            None => match connect(&self.options, self.max_bytes).await {
                Ok(connection) => connection,
                Err(error) => return self.fail(&error, Vec::new(), group),
            },
        };
        let mut waiting = group.into_iter();
        let mut head = *self.head.borrow();
        let mut answers = Vec::with_capacity(waiting.len());
        let outcome = self.transact(&mut connection, &mut head, &mut waiting, &mut answers).await;
        match outcome {
            Ok(()) => {
                self.connection = Some(connection);
                self.head.send_if_modified(|known| std::mem::replace(known, head) != head);
                for answer in answers {
                    answer(Ok(()));
                }
            }
            Err(error) => {
                // After trouble SQLite may have rolled back by itself, or not: a new connection begins clean.
                let _ = sqlx::query("rollback").execute(&mut connection).await;
                let _ = connection.close().await;
                self.fail(&error, answers, waiting.collect());
            }
        }
    }

    /// One transaction: each job that `waiting` still holds, into `answers`.
    async fn transact(
        &self,
        connection: &mut SqliteConnection,
        head: &mut i64,
        waiting: &mut std::vec::IntoIter<Job>,
        answers: &mut Vec<Answer>,
    ) -> Result<(), sqlx::Error> {
        // Statements without values go together: each way to SQLite's thread and back costs more than they do.
        connection.execute("begin immediate; savepoint job").await?;
        for job in waiting.by_ref() {
            let (answer, settled) = self.do_job(connection, head, job).await;
            answers.push(answer);
            settled?;
        }
        connection.execute("release job; commit").await.map(drop)
    }

    /// Does one job in its savepoint. With an error the group is lost.
    async fn do_job(
        &self,
        connection: &mut SqliteConnection,
        head: &mut i64,
        job: Job,
    ) -> (Answer, Result<(), sqlx::Error>) {
        match job {
            Job::Commit { commit, reply } => {
                let before = *head;
                let done = write_commit(connection, &self.incarnation, head, &commit).await;
                if done.is_err() {
                    *head = before;
                }
                self.settle(connection, done, reply).await
            }
            Job::Record { record, reply } => {
                let done = write_record(connection, *head, &record).await;
                self.settle(connection, done, reply).await
            }
            Job::Forget { before_ms, reply } => {
                let done = forget_commands(connection, before_ms).await;
                self.settle(connection, done, reply).await
            }
            Job::Secrets { writes, reply } => {
                let done = write_secrets(connection, &writes).await;
                self.settle(connection, done, reply).await
            }
            Job::BindMasterKey { fingerprint, reply } => {
                let done = bind_master_key(connection, &fingerprint).await;
                self.settle(connection, done.map_err(sort), reply).await
            }
            // Both are done outside of a transaction, and never come here.
            Job::RemoveTraces { reply } => (Box::new(move |kept| drop(reply.send(kept))), Ok(())),
            Job::Close { reply } => {
                let answer = move |_| {
                    let _ = reply.send(());
                };
                (Box::new(answer), Ok(()))
            }
        }
    }

    /// Keeps or takes back what a job did, opens the next one's savepoint, and makes the answer.
    async fn settle<T: Send + 'static>(
        &self,
        connection: &mut SqliteConnection,
        done: Result<T, Failure>,
        reply: Reply<T>,
    ) -> (Answer, Result<(), sqlx::Error>) {
        let (result, settled) = match done {
            Ok(value) => (Ok(value), connection.execute("release job; savepoint job").await.map(drop)),
            Err(Failure::Refused(error)) => {
                // The savepoint stays open, for the next one.
                (Err(error), connection.execute("rollback to job").await.map(drop))
            }
            Err(Failure::Trouble(error)) => (Err(store_error(&self.path, &error)), Err(error)),
        };
        (Box::new(move |kept| drop(reply.send(kept.and(result)))), settled)
    }

    /// Tells all of a group that nothing of it was kept.
    fn fail(&self, error: &sqlx::Error, answers: Vec<Answer>, waiting: Vec<Job>) {
        let told = store_error(&self.path, error);
        tracing::error!(error = %told, commands = answers.len() + waiting.len(), "the event store took nothing");
        for answer in answers {
            answer(Err(told.clone()));
        }
        for job in waiting {
            job.refuse(told.clone());
        }
    }
}

impl Job {
    fn refuse(self, error: StoreError) {
        match self {
            Self::Commit { reply, .. } => drop(reply.send(Err(error))),
            Self::Record { reply, .. } => drop(reply.send(Err(error))),
            Self::Forget { reply, .. } => drop(reply.send(Err(error))),
            Self::Secrets { reply, .. } => drop(reply.send(Err(error))),
            Self::BindMasterKey { reply, .. } => drop(reply.send(Err(error))),
            Self::RemoveTraces { reply } => drop(reply.send(Err(error))),
            Self::Close { reply } => {
                let _ = reply.send(());
            }
        }
    }
}

/// Folds the write-ahead log together without waiting for readers; answers whether it could.
async fn fold_now(connection: &mut SqliteConnection) -> Result<bool, sqlx::Error> {
    let patience: i64 = sqlx::query_scalar("pragma busy_timeout").fetch_one(&mut *connection).await?;
    connection.execute("pragma busy_timeout = 50").await?;
    let folded = sqlx::query("pragma wal_checkpoint(truncate)").fetch_one(&mut *connection).await;
    connection.execute(format!("pragma busy_timeout = {patience}").as_str()).await?;
    Ok(folded?.try_get::<i64, _>(0)? == 0)
}

fn sort(error: sqlx::Error) -> Failure {
    if is_trouble(&error) { Failure::Trouble(error) } else { broken(error.to_string()) }
}

fn broken(message: impl Into<String>) -> Failure {
    Failure::Refused(StoreError::Corrupt(message.into()))
}

/// SQLite's integers are signed.
fn signed(number: u64) -> Result<i64, Failure> {
    i64::try_from(number).map_err(|_| broken(format!("{number} is too large")))
}

async fn write_commit(
    connection: &mut SqliteConnection,
    incarnation: &str,
    head: &mut i64,
    commit: &Commit,
) -> Result<Committed, Failure> {
    let row = sqlx::query(include_str!("sql/standing.sql"))
        .bind(&commit.command.id)
        .bind(&commit.aggregate_type)
        .bind(&commit.aggregate_id)
        .fetch_one(&mut *connection)
        .await
        .map_err(sort)?;
    if row.try_get::<Option<String>, _>("id").map_err(sort)?.is_some() {
        let (record, last_sequence, position) = rows::command(&row).map_err(sort)?;
        let cursor = rows::cursor(incarnation, position);
        return Ok(Committed { last_sequence, cursor, repeated: Some(record) });
    }
    let found = rows::unsigned(&row, "stands").map_err(sort)?;
    if found != commit.expected {
        return Err(conflict(commit, found));
    }
    if commit.events.len() > MAX_EVENTS_IN_COMMIT {
        return Err(broken(format!("more than {MAX_EVENTS_IN_COMMIT} events in one commit")));
    }
    let mut sequence = found;
    for event in &commit.events {
        sequence += 1;
        let metadata = &commit.metadata;
        let inserted = sqlx::query(include_str!("sql/insert_event.sql"))
            .bind(new_event_id(metadata.at_ms))
            .bind(&commit.aggregate_type)
            .bind(&commit.aggregate_id)
            .bind(&commit.line)
            .bind(&commit.project_id)
            .bind(signed(sequence)?)
            .bind(&event.name)
            .bind(i64::from(event.version))
            .bind(event.data.to_string())
            .bind(&metadata.actor)
            .bind(&metadata.command_id)
            .bind(&metadata.causation_id)
            .bind(&metadata.correlation_id)
            .bind(metadata.at_ms)
            .execute(&mut *connection)
            .await;
        match inserted {
            Ok(done) => *head = done.last_insert_rowid(),
            Err(error) if is_conflict(&error) => return Err(conflict(commit, found.max(sequence))),
            Err(error) => return Err(sort(error)),
        }
    }
    insert_command(connection, &commit.command, sequence, *head).await?;
    write_secrets(connection, &commit.secrets).await?;
    Ok(Committed { last_sequence: sequence, cursor: rows::cursor(incarnation, *head), repeated: None })
}

fn conflict(commit: &Commit, found: u64) -> Failure {
    Failure::Refused(StoreError::Conflict {
        aggregate_type: commit.aggregate_type.clone(),
        aggregate_id: commit.aggregate_id.clone(),
        expected: commit.expected,
        found,
    })
}

/// The record of a command that was honoured, with the last sequence and the position after it.
async fn standing(
    connection: &mut SqliteConnection,
    id: &str,
) -> Result<Option<(CommandRecord, u64, i64)>, Failure> {
    let row = sqlx::query(include_str!("sql/command.sql"))
        .bind(id)
        .fetch_optional(connection)
        .await
        .map_err(sort)?;
    row.as_ref().map(rows::command).transpose().map_err(sort)
}

async fn insert_command(
    connection: &mut SqliteConnection,
    record: &CommandRecord,
    last_sequence: u64,
    position: i64,
) -> Result<(), Failure> {
    sqlx::query(include_str!("sql/insert_command.sql"))
        .bind(&record.id)
        .bind(&record.fingerprint)
        .bind(&record.answer)
        .bind(record.at_ms)
        .bind(signed(last_sequence)?)
        .bind(position)
        .execute(connection)
        .await
        .map(drop)
        .map_err(sort)
}

async fn write_record(
    connection: &mut SqliteConnection,
    head: i64,
    record: &CommandRecord,
) -> Result<Option<CommandRecord>, Failure> {
    if let Some((standing, ..)) = standing(connection, &record.id).await? {
        return Ok(Some(standing));
    }
    insert_command(connection, record, 0, head).await.map(|()| None)
}

async fn forget_commands(connection: &mut SqliteConnection, before_ms: i64) -> Result<u64, Failure> {
    let forgotten = sqlx::query(include_str!("sql/forget_commands.sql"))
        .bind(before_ms)
        .bind(signed(FORGOTTEN_AT_ONCE)?)
        .execute(connection)
        .await;
    forgotten.map(|done| done.rows_affected()).map_err(sort)
}

async fn bind_master_key(
    connection: &mut SqliteConnection,
    fingerprint: &str,
) -> Result<Identity, sqlx::Error> {
    sqlx::query(include_str!("sql/bind_master_key.sql")).bind(fingerprint).execute(&mut *connection).await?;
    let (incarnation, master_key_fingerprint) =
        sqlx::query_as(include_str!("sql/identity.sql")).fetch_one(connection).await?;
    Ok(Identity { incarnation, master_key_fingerprint })
}

async fn write_secrets(connection: &mut SqliteConnection, writes: &[SecretWrite]) -> Result<(), Failure> {
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
        query.execute(&mut *connection).await.map_err(sort)?;
    }
    Ok(())
}
