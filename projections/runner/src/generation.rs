//! One generation of a view: a SQLite file or a schema of PostgreSQL with the view's rows, its checkpoint, and what is parked.

use std::panic::AssertUnwindSafe;

use futures_util::FutureExt;
use sigma_store::{Batch, Cursor, RecordedEvent, Seen, Sighting};
use sigma_tables::{Connection, Place, Pool, Rows, Schema, query};

use crate::failure::Failure;
use crate::parking::{self, standing};
use crate::projection::{ApplyError, Projection};
use crate::shelf::Shelf;
use crate::status::Standing;

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

    async fn count_parked(&mut self) -> Result<(), sqlx::Error> {
        let counted = query(include_str!("sql/count_parked.sql")).fetch_one(&mut self.connection).await?;
        self.parked_events = unsigned(counted.try_get("events")?);
        self.parked_lines = unsigned(counted.try_get("lines")?);
        Ok(())
    }

    /// After an error: opens it anew and takes up where it says.
    pub(crate) async fn recover(&mut self) -> Result<(), sqlx::Error> {
        if self.doubtful {
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

    /// Applies a batch: its rows, what it parks and the checkpoint, in one transaction.
    pub(crate) async fn apply(
        &mut self,
        projection: &dyn Projection,
        batch: &Batch,
    ) -> Result<(), sqlx::Error> {
        let (mut new, mut parked, mut poison) = (0u64, false, None);
        let mut transaction = self.connection.begin().await?;
        for event in &batch.events {
            match apply_event(Rows::from(&mut transaction), projection, event).await? {
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
        let moved = query(include_str!("sql/update_state.sql"))
            .bind(batch.next.as_str())
            .bind(signed(handled))
            .bind(self.cursor.as_str())
            .execute(&mut transaction)
            .await?;
        if moved != 1 {
            return Err(sqlx::Error::Protocol("another runner moved this view meanwhile".to_owned()));
        }
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
    mut rows: Rows<'_>,
    projection: &dyn Projection,
    event: &RecordedEvent,
) -> Result<Fate, sqlx::Error> {
    let (last, parked) = standing(&mut rows, &event.aggregate_type, &event.aggregate_id).await?;
    let sighting = Seen::judge(last, event.sequence);
    if sighting == Sighting::Duplicate {
        return Ok(Fate::Duplicate);
    }
    if parked {
        let new = park(&mut rows, event, None).await?;
        return Ok(if new { Fate::Waits } else { Fate::Duplicate });
    }
    let error = match sighting {
        Sighting::Gap { expected } => format!("event {expected} is missing before it"),
        _ => match try_event(&mut rows, projection, event).await? {
            Ok(()) => return Ok(Fate::Applied),
            Err(error) => error,
        },
    };
    park(&mut rows, event, Some(&error)).await?;
    Ok(Fate::Poison(error))
}

/// Applies an event in a savepoint and marks it as seen. The inner error is the event's: nothing of it stands then.
pub(crate) async fn try_event(
    rows: &mut Rows<'_>,
    projection: &dyn Projection,
    event: &RecordedEvent,
) -> Result<Result<(), String>, sqlx::Error> {
    let mut savepoint = rows.begin().await?;
    let applied = AssertUnwindSafe(projection.apply(Rows::from(&mut savepoint), event)).catch_unwind().await;
    let error = match applied {
        Ok(Ok(())) => {
            see(&mut Rows::from(&mut savepoint), event).await?;
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
pub(crate) async fn see(rows: &mut Rows<'_>, event: &RecordedEvent) -> Result<(), sqlx::Error> {
    query(include_str!("sql/see.sql"))
        .bind(&event.aggregate_type)
        .bind(&event.aggregate_id)
        .bind(signed(event.sequence))
        .execute(rows)
        .await
        .map(drop)
}

/// Parks an event; answers whether it was not there already.
async fn park(rows: &mut Rows<'_>, event: &RecordedEvent, error: Option<&str>) -> Result<bool, sqlx::Error> {
    let text = serde_json::to_string(event).map_err(|error| sqlx::Error::Encode(Box::new(error)))?;
    let parked = query(include_str!("sql/park.sql"))
        .bind(&event.aggregate_type)
        .bind(&event.aggregate_id)
        .bind(signed(event.sequence))
        .bind(text)
        .bind(error)
        .execute(rows)
        .await?;
    Ok(parked > 0)
}

/// The databases' integers are signed; our counts never come near the end of either.
pub(crate) fn signed(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

pub(crate) fn unsigned(number: i64) -> u64 {
    u64::try_from(number).unwrap_or(0)
}
