//! Opening the store: its lock, its schema, its identity.

use std::fs::{File, OpenOptions, TryLockError};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use sigma_store::StoreError;
use sqlx::sqlite::{
    SqliteConnectOptions, SqliteConnection, SqliteJournalMode, SqlitePool, SqlitePoolOptions,
    SqliteSynchronous,
};
use sqlx::{ConnectOptions, Connection, Executor};
use tokio::sync::{mpsc, oneshot, watch};

use crate::fault::{closed, store_error};
use crate::writer::{Job, Writer};

/// The schema's versions, in order. One that was released is never changed: the next is added.
pub(crate) const MIGRATIONS: &[&str] =
    &[include_str!("sql/0001_store.sql"), include_str!("sql/0002_history.sql")];

/// SQLite's `application_id` of our files: "Sigm".
pub(crate) const APPLICATION_ID: i64 = 0x5369_676d;

/// Long enough for a backup's steps, short enough for whoever waits for an answer.
const BUSY_TIMEOUT: Duration = Duration::from_secs(5);

/// Connections that read at the same time.
const READERS: u32 = 4;

/// Connections that look back into the log at the same time. They are their own: however many people follow events, whoever
/// lets a feed in or decides on a command does not queue behind them.
const LOOKERS: u32 = 2;

/// Commits that may wait for the writer; who comes then waits for a place.
const QUEUE: usize = 1_024;

/// The write-ahead log is cut back to so many bytes when it was folded into the file.
const JOURNAL_SIZE_LIMIT: &str = "67108864";

/// What a connection keeps of the file in memory of its own, in KiB (negative: not in pages). The kernel keeps it too, once for all: with SQLite's own 2 MB
/// each, memory rises for hours as the log grows, and a minute's events are all that is read again.
const READERS_CACHE: &str = "-256";
const WRITERS_CACHE: &str = "-1024";

/// How the store is opened.
#[derive(Clone, Debug)]
pub struct SqliteOptions {
    /// The file may not grow past so many bytes; none: as far as the disk goes.
    pub max_bytes: Option<u64>,
    /// How long a statement waits for another program that holds the file (a shell, a backup). 5 s by default.
    pub busy_timeout: Duration,
    /// Who looks back into the log by a filter that finds little looks at so many places with one statement. A million by
    /// default: some tenths of a second where no index serves the filter.
    pub history_span: u64,
}

impl Default for SqliteOptions {
    fn default() -> Self {
        Self { max_bytes: None, busy_timeout: BUSY_TIMEOUT, history_span: HISTORY_SPAN }
    }
}

/// Places of the log that one statement looks at.
const HISTORY_SPAN: u64 = 1_000_000;

/// The event store in one SQLite file. Clones are hands on the same store.
#[derive(Clone, Debug)]
pub struct SqliteStore {
    pub(crate) inner: Arc<Inner>,
}

#[derive(Debug)]
pub(crate) struct Inner {
    pub(crate) path: PathBuf,
    pub(crate) incarnation: String,
    pub(crate) jobs: mpsc::Sender<Job>,
    pub(crate) readers: SqlitePool,
    /// Those of [`History`](sigma_store::History) alone.
    pub(crate) lookers: SqlitePool,
    pub(crate) history_span: i64,
    /// The last position that was committed.
    pub(crate) head: watch::Receiver<i64>,
}

impl SqliteStore {
    /// Opens the store in the file `path`, making it where there is none. Its folder must be there.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] when another process has it open or it cannot be written;
    /// [`StoreError::Corrupt`] when the file is damaged, is no store of ours or of a newer version.
    pub async fn open(path: impl AsRef<Path>) -> Result<Self, StoreError> {
        Self::open_with(path, &SqliteOptions::default()).await
    }

    /// [`open`](Self::open) with options.
    ///
    /// # Errors
    /// As [`open`](Self::open).
    pub async fn open_with(path: impl AsRef<Path>, options: &SqliteOptions) -> Result<Self, StoreError> {
        let path = path.as_ref().to_owned();
        let lock = lock(&path)?;
        let base = SqliteConnectOptions::new()
            .filename(&path)
            .busy_timeout(options.busy_timeout)
            .disable_statement_logging();
        let writing = base
            .clone()
            .create_if_missing(true)
            .journal_mode(SqliteJournalMode::Wal)
            .synchronous(SqliteSynchronous::Full)
            .pragma("journal_size_limit", JOURNAL_SIZE_LIMIT)
            // What is deleted is overwritten: a key that was destroyed must not stand in a free page.
            .pragma("secure_delete", "on")
            .pragma("cache_size", WRITERS_CACHE);
        let fault = |error| store_error(&path, &error);
        let mut connection = connect(&writing, options.max_bytes).await.map_err(fault)?;
        migrate(&path, &mut connection).await?;
        sqlx::query(include_str!("sql/insert_identity.sql"))
            .bind(new_incarnation())
            .execute(&mut connection)
            .await
            .map_err(fault)?;
        let (incarnation, _): (String, Option<String>) = sqlx::query_as(include_str!("sql/identity.sql"))
            .fetch_one(&mut connection)
            .await
            .map_err(fault)?;
        let head: i64 = sqlx::query_scalar(include_str!("sql/head.sql"))
            .fetch_one(&mut connection)
            .await
            .map_err(fault)?;

        let reading = base.read_only(true).pragma("cache_size", READERS_CACHE);
        let pool = |most| SqlitePoolOptions::new().max_connections(most).connect_lazy_with(reading.clone());
        let (readers, lookers) = (pool(READERS), pool(LOOKERS));
        let (head_in, head_out) = watch::channel(head);
        let (jobs_in, jobs_out) = mpsc::channel(QUEUE);
        let writer = Writer {
            path: path.clone(),
            incarnation: incarnation.clone(),
            options: writing,
            max_bytes: options.max_bytes,
            connection: Some(connection),
            head: head_in,
        };
        tokio::spawn(writer.run(jobs_out, lock));
        let history_span = i64::try_from(options.history_span.max(1)).unwrap_or(i64::MAX);
        let inner =
            Inner { path, incarnation, jobs: jobs_in, readers, lookers, history_span, head: head_out };
        Ok(Self { inner: Arc::new(inner) })
    }

    /// The file that the store is in.
    pub fn path(&self) -> &Path {
        &self.inner.path
    }

    /// Closes the store in order: what was taken is finished, the file is folded together, the lock let go. Whoever
    /// still holds a clone is answered that the store was closed.
    pub async fn close(self) {
        let (reply, done) = oneshot::channel();
        self.inner.readers.close().await;
        self.inner.lookers.close().await;
        if self.inner.jobs.send(Job::Close { reply }).await.is_ok() {
            let _ = done.await;
        }
    }

    /// Hands a job to the writer and waits for its answer.
    pub(crate) async fn ask<T>(
        &self,
        job: impl FnOnce(oneshot::Sender<Result<T, StoreError>>) -> Job,
    ) -> Result<T, StoreError> {
        let (reply, answer) = oneshot::channel();
        let gone = || closed(&self.inner.path);
        self.inner.jobs.send(job(reply)).await.map_err(|_| gone())?;
        answer.await.map_err(|_| gone())?
    }
}

/// Takes the lock that says: this store has its one writer. The system lets it go when the process ends, however.
pub(crate) fn lock(path: &Path) -> Result<File, StoreError> {
    let mut name = path.as_os_str().to_owned();
    name.push(".lock");
    let unavailable =
        |message: String, mend: &str| StoreError::Unavailable { message, mend: mend.to_owned() };
    let file = OpenOptions::new().create(true).truncate(false).write(true).open(&name).map_err(|error| {
        unavailable(
            format!("the event store {} cannot be opened: {error}", path.display()),
            "make sure that its folder is there and that this user may write to it",
        )
    })?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(unavailable(
            format!("the event store {} is in use", path.display()),
            "stop the other sigma that runs on this data folder, or choose another folder",
        )),
        Err(TryLockError::Error(error)) => Err(unavailable(
            format!("the event store {} cannot be locked: {error}", path.display()),
            "put the data folder on a disk of this machine",
        )),
    }
}

/// Opens a connection that writes.
pub(crate) async fn connect(
    options: &SqliteConnectOptions,
    max_bytes: Option<u64>,
) -> Result<SqliteConnection, sqlx::Error> {
    let mut connection = options.connect().await?;
    if let Some(max_bytes) = max_bytes {
        let page: i64 = sqlx::query_scalar("pragma page_size").fetch_one(&mut connection).await?;
        let pages = i64::try_from(max_bytes).unwrap_or(i64::MAX) / page.max(1);
        connection.execute(format!("pragma max_page_count = {}", pages.max(1)).as_str()).await?;
    }
    Ok(connection)
}

/// Brings the schema to the newest version, in one transaction.
async fn migrate(path: &Path, connection: &mut SqliteConnection) -> Result<(), StoreError> {
    let fault = |error| store_error(path, &error);
    let mut transaction = connection.begin_with("begin immediate").await.map_err(fault)?;
    let application: i64 =
        sqlx::query_scalar("pragma application_id").fetch_one(&mut *transaction).await.map_err(fault)?;
    let version: i64 =
        sqlx::query_scalar("pragma user_version").fetch_one(&mut *transaction).await.map_err(fault)?;
    let tables: i64 = sqlx::query_scalar("select count(*) from sqlite_schema")
        .fetch_one(&mut *transaction)
        .await
        .map_err(fault)?;
    let at = path.display();
    if application != APPLICATION_ID && (application != 0 || tables != 0) {
        return Err(StoreError::Corrupt(format!(
            "{at} is no event store of Sigma; choose another data folder"
        )));
    }
    let Some(missing) = usize::try_from(version).ok().and_then(|version| MIGRATIONS.get(version..)) else {
        return Err(StoreError::Corrupt(format!(
            "{at} was written by a newer Sigma (schema {version}, this one knows {}); run that one",
            MIGRATIONS.len()
        )));
    };
    if missing.is_empty() {
        return Ok(());
    }
    for migration in missing {
        transaction.execute(*migration).await.map_err(fault)?;
    }
    let stamp =
        format!("pragma application_id = {APPLICATION_ID}; pragma user_version = {}", MIGRATIONS.len());
    transaction.execute(stamp.as_str()).await.map_err(fault)?;
    transaction.commit().await.map_err(fault)
}

/// 64 random bits as text.
pub(crate) fn new_incarnation() -> String {
    let mut text = uuid::Uuid::new_v4().simple().to_string();
    text.truncate(16);
    text
}
