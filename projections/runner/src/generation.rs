//! One generation of a view: a SQLite file with the view's rows, its checkpoint, and what is parked.

use std::panic::AssertUnwindSafe;
use std::path::{Path, PathBuf};
use std::time::Duration;

use futures_util::FutureExt;
use sigma_store::{Batch, Cursor, RecordedEvent, Seen, Sighting};
use sqlx::sqlite::{
    SqliteConnectOptions, SqliteConnection, SqliteJournalMode, SqlitePool, SqlitePoolOptions,
    SqliteSynchronous,
};
use sqlx::{ConnectOptions, Connection, Executor};

use crate::folder::Folder;
use crate::parking::{self, standing};
use crate::projection::{ApplyError, Projection};
use crate::status::Place;

/// How long a statement waits for another program that holds the file.
const BUSY_TIMEOUT: Duration = Duration::from_secs(5);

/// Connections that read a view at the same time.
const READERS: u32 = 4;

/// One generation, open.
pub(crate) struct Generation {
    pub(crate) number: u32,
    pub(crate) path: PathBuf,
    pub(crate) connection: SqliteConnection,
    pub(crate) pool: SqlitePool,
    pub(crate) cursor: Cursor,
    pub(crate) handled: u64,
    pub(crate) parked_lines: u64,
    pub(crate) parked_events: u64,
    /// The last poison, told in full, while something is parked.
    pub(crate) poison: Option<String>,
    /// After an error: what the connection holds is not known, open it anew first.
    doubtful: bool,
}

/// What came of one event.
enum Fate {
    Applied,
    Duplicate,
    /// Parked behind a poison one of its aggregate.
    Waits,
    Poison(String),
}

fn options(path: &Path) -> SqliteConnectOptions {
    SqliteConnectOptions::new().filename(path).busy_timeout(BUSY_TIMEOUT).disable_statement_logging()
}

async fn connect(path: &Path) -> Result<SqliteConnection, sqlx::Error> {
    // NORMAL: a view can be derived anew, and in WAL a loss of power takes rows and checkpoint back together.
    let writing = options(path).journal_mode(SqliteJournalMode::Wal).synchronous(SqliteSynchronous::Normal);
    writing.create_if_missing(true).connect().await
}

impl Generation {
    /// Makes a new, empty generation.
    pub(crate) async fn create(
        folder: &Folder,
        projection: &dyn Projection,
        number: u32,
    ) -> Result<Self, sqlx::Error> {
        folder.delete(number)?;
        let path = folder.file(number);
        let mut connection = connect(&path).await?;
        let mut transaction = connection.begin_with("begin immediate").await?;
        transaction.execute(include_str!("sql/generation.sql")).await?;
        transaction.execute(projection.schema_sql()).await?;
        sqlx::query(include_str!("sql/insert_state.sql"))
            .bind(projection.name())
            .bind(i64::from(projection.version()))
            .execute(&mut *transaction)
            .await?;
        transaction.commit().await?;
        Ok(Self::with(number, path, connection))
    }

    /// Opens a generation that was made before; none when it is not whole or of another version.
    pub(crate) async fn open(
        folder: &Folder,
        projection: &dyn Projection,
        number: u32,
    ) -> Result<Option<Self>, sqlx::Error> {
        let path = folder.file(number);
        if !path.exists() {
            return Ok(None);
        }
        let mut generation = Self::with(number, path.clone(), connect(&path).await?);
        let tables: i64 =
            sqlx::query_scalar("select count(*) from sqlite_schema where name = 'runner_state'")
                .fetch_one(&mut generation.connection)
                .await?;
        if tables == 0 {
            generation.close().await;
            return Ok(None);
        }
        let (name, version) = generation.load().await?;
        if name == projection.name() && version == i64::from(projection.version()) {
            return Ok(Some(generation));
        }
        generation.close().await;
        Ok(None)
    }

    fn with(number: u32, path: PathBuf, connection: SqliteConnection) -> Self {
        let pool = SqlitePoolOptions::new()
            .max_connections(READERS)
            .connect_lazy_with(options(&path).read_only(true));
        Self {
            number,
            path,
            connection,
            pool,
            cursor: Cursor::start(),
            handled: 0,
            parked_lines: 0,
            parked_events: 0,
            poison: None,
            doubtful: false,
        }
    }

    /// Takes up where the file says; answers projection and version.
    async fn load(&mut self) -> Result<(String, i64), sqlx::Error> {
        let (name, version, cursor, handled): (String, i64, String, i64) =
            sqlx::query_as(include_str!("sql/state.sql")).fetch_one(&mut self.connection).await?;
        self.cursor = Cursor::from_text(cursor);
        self.handled = unsigned(handled);
        self.look_at_parked().await?;
        Ok((name, version))
    }

    /// Counts what is parked, and tells one poison of it.
    pub(crate) async fn look_at_parked(&mut self) -> Result<(), sqlx::Error> {
        self.count_parked().await?;
        let lines = parking::lines(&mut self.connection).await?;
        self.poison = lines.first().map(|line| {
            tell_poison(
                &line.event_name,
                line.sequence,
                &line.aggregate_type,
                &line.aggregate_id,
                &line.error,
            )
        });
        Ok(())
    }

    async fn count_parked(&mut self) -> Result<(), sqlx::Error> {
        let (events, lines): (i64, i64) =
            sqlx::query_as(include_str!("sql/count_parked.sql")).fetch_one(&mut self.connection).await?;
        (self.parked_events, self.parked_lines) = (unsigned(events), unsigned(lines));
        Ok(())
    }

    /// After an error: opens the file anew and takes up where it says.
    pub(crate) async fn recover(&mut self) -> Result<(), sqlx::Error> {
        if self.doubtful {
            self.connection = connect(&self.path).await?;
            self.load().await?;
            self.doubtful = false;
        }
        Ok(())
    }

    /// What the connection holds is not known any more.
    pub(crate) fn doubt(&mut self) {
        self.doubtful = true;
    }

    pub(crate) fn place(&self) -> Place {
        Place {
            generation: self.number,
            cursor: self.cursor.clone(),
            handled: self.handled,
            parked_lines: self.parked_lines,
            parked_events: self.parked_events,
            poison: self.poison.clone(),
        }
    }

    /// Closes the file; readers that hold a connection are waited for.
    pub(crate) async fn close(self) {
        self.pool.close().await;
        if let Err(error) = self.connection.close().await {
            tracing::warn!(view = %self.path.display(), %error, "a view was not closed in order");
        }
    }

    /// Applies a batch: its rows, what it parks and the checkpoint, in one transaction.
    pub(crate) async fn apply(
        &mut self,
        projection: &dyn Projection,
        batch: &Batch,
    ) -> Result<(), sqlx::Error> {
        let (mut new, mut parked, mut poison) = (0u64, false, None);
        let mut transaction = self.connection.begin_with("begin immediate").await?;
        for event in &batch.events {
            match apply_event(&mut transaction, projection, event).await? {
                Fate::Applied => new += 1,
                Fate::Duplicate => {}
                Fate::Waits => {
                    (new, parked) = (new + 1, true);
                }
                Fate::Poison(error) => {
                    (new, parked) = (new + 1, true);
                    let RecordedEvent { aggregate_type, aggregate_id, sequence, name, .. } = event;
                    poison = Some(tell_poison(name, *sequence, aggregate_type, aggregate_id, &error));
                    tracing::error!(
                        projection = projection.name(),
                        generation = self.number,
                        aggregate.r#type = event.aggregate_type,
                        aggregate.id = event.aggregate_id,
                        event.sequence = event.sequence,
                        event.name = event.name,
                        error,
                        "a poison event parks its aggregate's line"
                    );
                }
            }
        }
        let handled = self.handled.saturating_add(new);
        sqlx::query(include_str!("sql/update_state.sql"))
            .bind(batch.next.as_str())
            .bind(signed(handled))
            .execute(&mut *transaction)
            .await?;
        transaction.commit().await?;
        (self.cursor, self.handled) = (batch.next.clone(), handled);
        if parked {
            self.count_parked().await?;
        }
        self.poison = poison.or_else(|| self.poison.take());
        Ok(())
    }
}

/// An event's error, told with what it is.
fn tell_poison(name: &str, sequence: u64, aggregate_type: &str, aggregate_id: &str, error: &str) -> String {
    format!("{name} (event {sequence} of {aggregate_type} {aggregate_id}): {error}")
}

/// Applies, drops or parks an event. An error is the machine's.
async fn apply_event(
    rows: &mut SqliteConnection,
    projection: &dyn Projection,
    event: &RecordedEvent,
) -> Result<Fate, sqlx::Error> {
    let (last, parked) = standing(rows, &event.aggregate_type, &event.aggregate_id).await?;
    let sighting = Seen::judge(last, event.sequence);
    if sighting == Sighting::Duplicate {
        return Ok(Fate::Duplicate);
    }
    if parked {
        let new = park(rows, event, None).await?;
        return Ok(if new { Fate::Waits } else { Fate::Duplicate });
    }
    let error = match sighting {
        Sighting::Gap { expected } => format!("event {expected} is missing before it"),
        _ => match try_event(rows, projection, event).await? {
            Ok(()) => return Ok(Fate::Applied),
            Err(error) => error,
        },
    };
    park(rows, event, Some(&error)).await?;
    Ok(Fate::Poison(error))
}

/// Applies an event in a savepoint and marks it as seen. The inner error is the event's: nothing of it stands then.
pub(crate) async fn try_event(
    rows: &mut SqliteConnection,
    projection: &dyn Projection,
    event: &RecordedEvent,
) -> Result<Result<(), String>, sqlx::Error> {
    let mut savepoint = rows.begin().await?;
    let applied = AssertUnwindSafe(projection.apply(&mut savepoint, event)).catch_unwind().await;
    let error = match applied {
        Ok(Ok(())) => {
            see(&mut savepoint, event).await?;
            savepoint.commit().await?;
            return Ok(Ok(()));
        }
        Ok(Err(ApplyError::Database(error))) => return Err(error),
        Ok(Err(ApplyError::Poison(error))) => error,
        Err(_) => "applying it panicked: a fault of ours, please report it".to_owned(),
    };
    savepoint.rollback().await?;
    Ok(Err(error))
}

/// Marks an event as seen.
pub(crate) async fn see(rows: &mut SqliteConnection, event: &RecordedEvent) -> Result<(), sqlx::Error> {
    sqlx::query(include_str!("sql/see.sql"))
        .bind(&event.aggregate_type)
        .bind(&event.aggregate_id)
        .bind(signed(event.sequence))
        .execute(rows)
        .await
        .map(drop)
}

/// Parks an event; answers whether it was not there already.
async fn park(
    rows: &mut SqliteConnection,
    event: &RecordedEvent,
    error: Option<&str>,
) -> Result<bool, sqlx::Error> {
    let text = serde_json::to_string(event).map_err(|error| sqlx::Error::Encode(Box::new(error)))?;
    let parked = sqlx::query(include_str!("sql/park.sql"))
        .bind(&event.aggregate_type)
        .bind(&event.aggregate_id)
        .bind(signed(event.sequence))
        .bind(text)
        .bind(error)
        .execute(rows)
        .await?;
    Ok(parked.rows_affected() > 0)
}

/// SQLite's integers are signed; our counts never come near the end of either.
pub(crate) fn signed(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

pub(crate) fn unsigned(number: i64) -> u64 {
    u64::try_from(number).unwrap_or(0)
}
