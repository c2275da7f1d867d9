//! One generation of a view: a SQLite file or a schema of PostgreSQL with the view's rows, its checkpoint, and what is parked.

use std::sync::Arc;
use std::time::Duration;

use sigma_clock::{Instant, monotonic};
use sigma_store::{Batch, Cursor, LogError};
use sigma_tables::{Connection, Place, Pool, Rows, Schema, query};
use tokio_util::task::AbortOnDropHandle;

use crate::applying::tell_poison;
use crate::failure::Failure;
use crate::lease::Hold;
use crate::parking;
use crate::projection::Projection;
use crate::seen::Seen;
use crate::shelf::Shelf;
use crate::status::{Serving, Standing};

/// A place that changes nothing is written down when the last one is older than this.
const KEEP: Duration = Duration::from_secs(1);

/// What its rows say of where it is.
pub(crate) struct Kept {
    pub(crate) cursor: Cursor,
    since: Instant,
}

impl Kept {
    pub(crate) fn now(cursor: Cursor) -> Self {
        Self { cursor, since: monotonic() }
    }
}

/// The next batch, on its way.
type Ahead = AbortOnDropHandle<Result<Batch, LogError>>;

/// One generation, open.
pub(crate) struct Generation {
    pub(crate) number: u32,
    pub(crate) place: Place,
    pub(crate) connection: Connection,
    pub(crate) pool: Pool,
    /// Up to where all is applied.
    pub(crate) cursor: Cursor,
    pub(crate) handled: u64,
    /// Up to where that is written down.
    pub(crate) kept: Kept,
    pub(crate) parked_lines: u64,
    pub(crate) parked_events: u64,
    /// The last poison, told in full, while something is parked.
    pub(crate) poison: Option<String>,
    /// How far aggregates are, as its rows say.
    pub(crate) seen: Arc<Seen>,
    /// The batch behind the cursor, where it is read ahead.
    pub(crate) ahead: Option<Ahead>,
    /// The right to write it.
    pub(crate) hold: Hold,
    /// After an error: what the connection holds is not known, open it anew first.
    doubtful: bool,
}

impl Generation {
    /// Makes a new, empty generation.
    pub(crate) async fn create(
        shelf: &Shelf,
        projection: &dyn Projection,
        hold: &Hold,
        number: u32,
    ) -> Result<Self, Failure> {
        shelf.delete(hold, number).await?;
        let place = shelf.place(number);
        let mut connection = place.connect().await?;
        let mut transaction = connection.begin().await?;
        hold.ask(&mut transaction).await?;
        if let Place::Schema(schema) = &place {
            schema.make(&mut transaction).await?;
        }
        let mut rows = Rows::from(&mut transaction);
        rows.script(include_str!("sql/generation.sql")).await?;
        rows.script(projection.schema_sql()).await?;
        if matches!(place, Place::Schema(_)) {
            Schema::sort_by_bytes(&mut rows).await?;
        }
        query(include_str!("sql/insert_state.sql"))
            .bind(projection.name())
            .bind(i64::from(projection.version()))
            .execute(rows)
            .await?;
        transaction.commit().await?;
        Ok(Self::with(hold, number, place, connection))
    }

    /// Opens a generation that was made before; none when it is not whole or of another version.
    pub(crate) async fn open(
        shelf: &Shelf,
        projection: &dyn Projection,
        hold: &Hold,
        number: u32,
    ) -> Result<Option<Self>, sqlx::Error> {
        let place = shelf.place(number);
        if matches!(&place, Place::File(path) if !path.exists()) {
            return Ok(None);
        }
        let mut generation = Self::with(hold, number, place.clone(), place.connect().await?);
        let tables = match &place {
            Place::File(_) => "select 1 as one from sqlite_schema where name = 'runner_state'",
            Place::Schema(_) => "select 1 as one where to_regclass('runner_state') is not null",
        };
        if query(tables).fetch_optional(&mut generation.connection).await?.is_none() {
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

    fn with(hold: &Hold, number: u32, place: Place, connection: Connection) -> Self {
        let Serving { pool, seen, .. } = Serving::of(number, &place);
        Self {
            number,
            place,
            connection,
            pool,
            cursor: Cursor::start(),
            handled: 0,
            kept: Kept::now(Cursor::start()),
            parked_lines: 0,
            parked_events: 0,
            poison: None,
            seen,
            ahead: None,
            hold: hold.clone(),
            doubtful: false,
        }
    }

    /// Takes up where its rows say; answers projection and version.
    async fn load(&mut self) -> Result<(String, i64), sqlx::Error> {
        let state = query(include_str!("sql/state.sql")).fetch_one(&mut self.connection).await?;
        self.cursor = Cursor::from_text(state.try_get::<String>("cursor")?);
        self.handled = unsigned(state.try_get("handled")?);
        self.kept = Kept::now(self.cursor.clone());
        self.look_at_parked().await?;
        Ok((state.try_get("projection")?, state.try_get("version")?))
    }

    /// Readers and waiters stay with what they were given before it was run here.
    pub(crate) fn keep_readers(&mut self, serving: Serving) {
        // What others wrote meanwhile was seen by nobody here.
        serving.seen.forget();
        (self.pool, self.seen) = (serving.pool, serving.seen);
    }

    /// Counts what is parked, and tells one poison of it.
    pub(crate) async fn look_at_parked(&mut self) -> Result<(), sqlx::Error> {
        self.count_parked().await?;
        self.poison = poison(Rows::from(&mut self.connection)).await?;
        Ok(())
    }

    pub(crate) async fn count_parked(&mut self) -> Result<(), sqlx::Error> {
        (self.parked_lines, self.parked_events) = count_parked(Rows::from(&mut self.connection)).await?;
        Ok(())
    }

    /// After an error: opens it anew and takes up where it says.
    pub(crate) async fn recover(&mut self) -> Result<(), sqlx::Error> {
        if self.doubtful {
            self.seen.forget();
            self.ahead = None;
            self.connection = self.place.connect().await?;
            self.load().await?;
            self.doubtful = false;
        }
        Ok(())
    }

    /// When its place is to be written down; none where it is.
    pub(crate) fn due(&self) -> Option<Instant> {
        (self.kept.cursor != self.cursor).then(|| self.kept.since + KEEP)
    }

    pub(crate) fn is_due(&self) -> bool {
        self.due().is_some_and(|due| due <= monotonic())
    }

    /// What the connection holds is not known any more.
    pub(crate) fn doubt(&mut self) {
        self.doubtful = true;
    }

    /// What readers and waiters are given.
    pub(crate) fn to_readers(&self) -> Serving {
        Serving { generation: self.number, pool: self.pool.clone(), seen: Arc::clone(&self.seen) }
    }

    pub(crate) fn standing(&self) -> Standing {
        Standing {
            generation: self.number,
            cursor: self.cursor.clone(),
            handled: self.handled,
            parked_lines: self.parked_lines,
            parked_events: self.parked_events,
            poison: self.poison.clone(),
        }
    }

    /// Closes it; readers that hold a connection are waited for.
    pub(crate) async fn close(mut self) {
        if !self.doubtful && self.keep_place().await.is_err() {
            tracing::debug!(view = %self.place, "its place is not written down: it is gone through once more from the last");
        }
        self.pool.close().await;
        if let Err(error) = self.connection.close().await {
            tracing::warn!(view = %self.place, %error, "a view was not closed in order");
        }
    }
}

/// Where a generation is, as its rows say it to whoever does not run it.
pub(crate) async fn standing(mut rows: Rows<'_>, generation: u32) -> Result<Standing, sqlx::Error> {
    let state = query(include_str!("sql/state.sql")).fetch_one(&mut rows).await?;
    let (parked_lines, parked_events) = count_parked(Rows::from(&mut rows)).await?;
    Ok(Standing {
        generation,
        cursor: Cursor::from_text(state.try_get::<String>("cursor")?),
        handled: unsigned(state.try_get("handled")?),
        parked_lines,
        parked_events,
        poison: poison(rows).await?,
    })
}

/// How many lines and events are parked.
async fn count_parked(rows: Rows<'_>) -> Result<(u64, u64), sqlx::Error> {
    let counted = query(include_str!("sql/count_parked.sql")).fetch_one(rows).await?;
    Ok((unsigned(counted.try_get("lines")?), unsigned(counted.try_get("events")?)))
}

/// The first poison of what is parked, told in full.
async fn poison(rows: Rows<'_>) -> Result<Option<String>, sqlx::Error> {
    let lines = parking::lines(rows).await?;
    Ok(lines.first().map(|line| {
        tell_poison(&line.event_name, line.sequence, &line.aggregate_type, &line.aggregate_id, &line.error)
    }))
}

/// The databases' integers are signed; our counts never come near the end of either.
pub(crate) fn signed(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

pub(crate) fn unsigned(number: i64) -> u64 {
    u64::try_from(number).unwrap_or(0)
}
