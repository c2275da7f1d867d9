//! One generation of a view: a SQLite file or a schema of PostgreSQL with the view's rows, its checkpoint, and what is parked.

use std::sync::Arc;

use sigma_store::{Batch, Cursor};
use sigma_tables::{Connection, Place, Pool, Rows, Schema, query};

use crate::applying::tell_poison;
use crate::failure::Failure;
use crate::parking;
use crate::projection::Projection;
use crate::seen::Seen;
use crate::shelf::Shelf;
use crate::status::{Serving, Standing};

/// Connections that read a view at the same time.
const READERS: u32 = 4;

/// One generation, open.
pub(crate) struct Generation {
    pub(crate) number: u32,
    pub(crate) place: Place,
    pub(crate) connection: Connection,
    pub(crate) pool: Pool,
    pub(crate) cursor: Cursor,
    pub(crate) handled: u64,
    pub(crate) parked_lines: u64,
    pub(crate) parked_events: u64,
    /// The last poison, told in full, while something is parked.
    pub(crate) poison: Option<String>,
    /// How far aggregates are, as its rows say.
    pub(crate) seen: Arc<Seen>,
    /// The batch behind the cursor, where it was read ahead.
    pub(crate) ahead: Option<Batch>,
    /// After an error: what the connection holds is not known, open it anew first.
    doubtful: bool,
}

impl Generation {
    /// Makes a new, empty generation.
    pub(crate) async fn create(
        shelf: &Shelf,
        projection: &dyn Projection,
        number: u32,
    ) -> Result<Self, Failure> {
        shelf.delete(number).await?;
        let place = shelf.place(number);
        let mut connection = place.connect().await?;
        let mut transaction = connection.begin().await?;
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
        Ok(Self::with(number, place, connection))
    }

    /// Opens a generation that was made before; none when it is not whole or of another version.
    pub(crate) async fn open(
        shelf: &Shelf,
        projection: &dyn Projection,
        number: u32,
    ) -> Result<Option<Self>, sqlx::Error> {
        let place = shelf.place(number);
        if matches!(&place, Place::File(path) if !path.exists()) {
            return Ok(None);
        }
        let mut generation = Self::with(number, place.clone(), place.connect().await?);
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

    fn with(number: u32, place: Place, connection: Connection) -> Self {
        let pool = place.readers(READERS);
        Self {
            number,
            place,
            connection,
            pool,
            cursor: Cursor::start(),
            handled: 0,
            parked_lines: 0,
            parked_events: 0,
            poison: None,
            seen: Arc::new(Seen::new()),
            ahead: None,
            doubtful: false,
        }
    }

    /// Takes up where the file says; answers projection and version.
    async fn load(&mut self) -> Result<(String, i64), sqlx::Error> {
        let state = query(include_str!("sql/state.sql")).fetch_one(&mut self.connection).await?;
        self.cursor = Cursor::from_text(state.try_get::<String>("cursor")?);
        self.handled = unsigned(state.try_get("handled")?);
        self.look_at_parked().await?;
        Ok((state.try_get("projection")?, state.try_get("version")?))
    }

    /// Counts what is parked, and tells one poison of it.
    pub(crate) async fn look_at_parked(&mut self) -> Result<(), sqlx::Error> {
        self.count_parked().await?;
        let lines = parking::lines(Rows::from(&mut self.connection)).await?;
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

    pub(crate) async fn count_parked(&mut self) -> Result<(), sqlx::Error> {
        let counted = query(include_str!("sql/count_parked.sql")).fetch_one(&mut self.connection).await?;
        self.parked_events = unsigned(counted.try_get("events")?);
        self.parked_lines = unsigned(counted.try_get("lines")?);
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
    pub(crate) async fn close(self) {
        self.pool.close().await;
        if let Err(error) = self.connection.close().await {
            tracing::warn!(view = %self.place, %error, "a view was not closed in order");
        }
    }
}

/// The databases' integers are signed; our counts never come near the end of either.
pub(crate) fn signed(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

pub(crate) fn unsigned(number: i64) -> u64 {
    u64::try_from(number).unwrap_or(0)
}
