//! A batch's way into a view: at once where all is well, one by one where an event is poison.

use std::collections::BTreeMap;
use std::panic::AssertUnwindSafe;

use futures_util::FutureExt;
use sigma_store::{Batch, RecordedEvent, Seen, Sighting};
use sigma_tables::{Rows, query};

use crate::failure::Failure;
use crate::generation::{Generation, signed};
use crate::lease::Hold;
use crate::parking::standing;
use crate::projection::{ApplyError, Projection};

/// What came of one event.
enum Fate {
    Applied,
    Duplicate,
    /// Parked behind a poison one of its aggregate.
    Waits,
    Poison(String),
}

impl Generation {
    /// Applies a batch: its rows, what it parks and the checkpoint, in one transaction.
    pub(crate) async fn apply(&mut self, projection: &dyn Projection, batch: &Batch) -> Result<(), Failure> {
        match self.apply_at_once(projection, batch).await? {
            true => Ok(()),
            false => self.apply_one_by_one(projection, batch).await,
        }
    }

    /// Applies a batch in which no event is poison and nothing is parked: no savepoints, and how far each aggregate is is written
    /// once. False: it is not such a batch, and nothing of it was applied.
    async fn apply_at_once(&mut self, projection: &dyn Projection, batch: &Batch) -> Result<bool, Failure> {
        let (cursor, handled) = (&self.cursor, self.handled);
        let concerned = || batch.events.iter().filter(|event| projection.concerns(&event.aggregate_type));
        let mut new = (batch.events.len() - concerned().count()) as u64;
        if self.hold == Hold::Own && concerned().next().is_none() {
            let handled = handled.saturating_add(new);
            move_on(Rows::from(&mut self.connection), batch, handled, cursor.as_str()).await?;
            (self.cursor, self.handled) = (batch.next.clone(), handled);
            return Ok(true);
        }
        let mut transaction = self.connection.begin().await?;
        self.hold.ask(&mut transaction).await?;
        let mut latest = BTreeMap::new();
        for event in concerned() {
            let of = (event.aggregate_type.as_str(), event.aggregate_id.as_str());
            let last = match latest.get(&of).copied().or_else(|| self.seen.last(of)) {
                Some(last) => last,
                None => {
                    let (last, parked) = standing(&mut transaction, of.0, of.1).await?;
                    if parked {
                        transaction.rollback().await?;
                        return Ok(false);
                    }
                    last
                }
            };
            match Seen::judge(last, event.sequence) {
                Sighting::New => {}
                Sighting::Duplicate => continue,
                Sighting::Gap { .. } => {
                    transaction.rollback().await?;
                    return Ok(false);
                }
            }
            match attempt(projection, Rows::from(&mut transaction), event).await? {
                Ok(()) => {
                    latest.insert(of, event.sequence);
                    new += 1;
                }
                Err(_) => {
                    transaction.rollback().await?;
                    return Ok(false);
                }
            }
        }
        for ((aggregate_type, aggregate_id), sequence) in &latest {
            see(Rows::from(&mut transaction), aggregate_type, aggregate_id, *sequence).await?;
        }
        let handled = handled.saturating_add(new);
        move_on(Rows::from(&mut transaction), batch, handled, cursor.as_str()).await?;
        transaction.commit().await?;
        (self.cursor, self.handled) = (batch.next.clone(), handled);
        for (of, sequence) in latest {
            self.seen.reached(of, sequence);
        }
        Ok(true)
    }

    /// Applies a batch in which some event may be poison, each in a savepoint of its own.
    async fn apply_one_by_one(&mut self, projection: &dyn Projection, batch: &Batch) -> Result<(), Failure> {
        let (mut new, mut parked, mut poison) = (0u64, false, None);
        let mut transaction = self.connection.begin().await?;
        self.hold.ask(&mut transaction).await?;
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
        move_on(Rows::from(&mut transaction), batch, handled, self.cursor.as_str()).await?;
        transaction.commit().await?;
        (self.cursor, self.handled) = (batch.next.clone(), handled);
        self.seen.forget();
        if parked {
            self.count_parked().await?;
        }
        self.poison = poison.or_else(|| self.poison.take());
        Ok(())
    }
}

/// An event's error, told with what it is.
pub(crate) fn tell_poison(
    name: &str,
    sequence: u64,
    aggregate_type: &str,
    aggregate_id: &str,
    error: &str,
) -> String {
    format!("{name} (event {sequence} of {aggregate_type} {aggregate_id}): {error}")
}

/// Moves the checkpoint behind a batch.
async fn move_on(rows: Rows<'_>, batch: &Batch, handled: u64, from: &str) -> Result<(), sqlx::Error> {
    let moved = query(include_str!("sql/update_state.sql"))
        .bind(batch.next.as_str())
        .bind(signed(handled))
        .bind(from)
        .execute(rows)
        .await?;
    match moved {
        1 => Ok(()),
        _ => Err(sqlx::Error::Protocol("another runner moved this view meanwhile".to_owned())),
    }
}

/// Applies, drops or parks an event. An error is the machine's.
async fn apply_event(
    mut rows: Rows<'_>,
    projection: &dyn Projection,
    event: &RecordedEvent,
) -> Result<Fate, sqlx::Error> {
    if !projection.concerns(&event.aggregate_type) {
        return Ok(Fate::Applied);
    }
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
    let applied = attempt(projection, Rows::from(&mut savepoint), event).await?;
    match &applied {
        Ok(()) => {
            see_event(Rows::from(&mut savepoint), event).await?;
            savepoint.commit().await?;
        }
        Err(_) => savepoint.rollback().await?,
    }
    Ok(applied)
}

/// Applies an event. The inner error is the event's.
async fn attempt(
    projection: &dyn Projection,
    rows: Rows<'_>,
    event: &RecordedEvent,
) -> Result<Result<(), String>, sqlx::Error> {
    match AssertUnwindSafe(projection.apply(rows, event)).catch_unwind().await {
        Ok(Ok(())) => Ok(Ok(())),
        Ok(Err(ApplyError::Database(error))) => Err(error),
        Ok(Err(ApplyError::Poison(error))) => Ok(Err(error)),
        Err(_) => Ok(Err("applying it panicked: a fault of ours, please report it".to_owned())),
    }
}

/// Marks an event as seen.
pub(crate) async fn see_event(rows: Rows<'_>, event: &RecordedEvent) -> Result<(), sqlx::Error> {
    see(rows, &event.aggregate_type, &event.aggregate_id, event.sequence).await
}

async fn see(
    rows: Rows<'_>,
    aggregate_type: &str,
    aggregate_id: &str,
    sequence: u64,
) -> Result<(), sqlx::Error> {
    query(include_str!("sql/see.sql"))
        .bind(aggregate_type)
        .bind(aggregate_id)
        .bind(signed(sequence))
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
