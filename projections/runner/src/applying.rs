//! A batch's way into a view: at once where all is well, one by one where an event is poison.

use std::collections::BTreeMap;
use std::panic::AssertUnwindSafe;

use futures_util::FutureExt;
use sigma_store::{Batch, Cursor, RecordedEvent, Seen, Sighting};
use sigma_tables::{Rows, query, upsert};

use crate::failure::Failure;
use crate::generation::{Generation, Kept, signed, unsigned};
use crate::parking::standing;
use crate::projection::{ApplyError, Projection};
use crate::seen::Seen as SeenHere;

/// What came of one event.
enum Fate {
    Applied,
    Duplicate,
    /// Parked behind a poison one of its aggregate.
    Waits,
    Poison(String),
}

/// An aggregate, by its type and id.
type Of<'e> = (&'e str, &'e str);

impl Generation {
    /// Applies a batch: its rows, what it parks and the checkpoint, in one transaction. False: it has nothing that concerns it.
    pub(crate) async fn apply(
        &mut self,
        projection: &dyn Projection,
        batch: &Batch,
    ) -> Result<bool, Failure> {
        let concerned = batch.events.iter().filter(|event| projection.concerns(&event.aggregate_type));
        let concerned: Vec<&RecordedEvent> = concerned.collect();
        if concerned.is_empty() {
            self.pass_over(batch).await?;
            return Ok(false);
        }
        if !self.apply_at_once(projection, batch, &concerned).await? {
            self.apply_one_by_one(projection, batch).await?;
        }
        Ok(true)
    }

    /// Goes on behind a batch that changes nothing here. That is written down now and then: whoever begins before it passes it
    /// over again.
    async fn pass_over(&mut self, batch: &Batch) -> Result<(), Failure> {
        self.handled = self.handled.saturating_add(batch.events.len() as u64);
        self.cursor = batch.next.clone();
        if self.is_due() { self.keep_place().await } else { Ok(()) }
    }

    /// Writes down where it is, where that is not written down yet.
    pub(crate) async fn keep_place(&mut self) -> Result<(), Failure> {
        if self.kept.cursor == self.cursor {
            return Ok(());
        }
        let mut transaction = self.connection.begin().await?;
        self.hold.ask(&mut transaction).await?;
        move_on(Rows::from(&mut transaction), &self.cursor, self.handled, &self.kept.cursor).await?;
        transaction.commit().await?;
        self.kept = Kept::now(self.cursor.clone());
        Ok(())
    }

    /// Applies a batch in which no event is poison and nothing is parked: no savepoints, and how far each aggregate is is written
    /// once. False: it is not such a batch, and nothing of it was applied.
    async fn apply_at_once(
        &mut self,
        projection: &dyn Projection,
        batch: &Batch,
        concerned: &[&RecordedEvent],
    ) -> Result<bool, Failure> {
        let mut transaction = self.connection.begin().await?;
        self.hold.ask(&mut transaction).await?;
        let Some(mut last) = last_of(Rows::from(&mut transaction), &self.seen, concerned).await? else {
            transaction.rollback().await?;
            return Ok(false);
        };
        let mut new = Vec::with_capacity(concerned.len());
        let mut moved: BTreeMap<Of<'_>, u64> = BTreeMap::new();
        for event in concerned.iter().copied() {
            let of = of(event);
            match Seen::judge(last.get(&of).copied().unwrap_or(0), event.sequence) {
                Sighting::New => {
                    last.insert(of, event.sequence);
                    moved.insert(of, event.sequence);
                    new.push(event);
                }
                Sighting::Duplicate => {}
                Sighting::Gap { .. } => {
                    transaction.rollback().await?;
                    return Ok(false);
                }
            }
        }
        if !new.is_empty() && attempt(projection, Rows::from(&mut transaction), &new).await?.is_err() {
            transaction.rollback().await?;
            return Ok(false);
        }
        see(Rows::from(&mut transaction), moved.iter().map(|(of, sequence)| (*of, *sequence))).await?;
        let handled = (batch.events.len() - concerned.len() + new.len()) as u64;
        let handled = self.handled.saturating_add(handled);
        move_on(Rows::from(&mut transaction), &batch.next, handled, &self.kept.cursor).await?;
        transaction.commit().await?;
        self.moved_on(batch.next.clone(), handled);
        for (of, sequence) in moved {
            self.seen.reached(of, sequence);
        }
        Ok(true)
    }

    /// What was just committed says so.
    fn moved_on(&mut self, next: Cursor, handled: u64) {
        (self.cursor, self.handled) = (next.clone(), handled);
        self.kept = Kept::now(next);
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
        move_on(Rows::from(&mut transaction), &batch.next, handled, &self.kept.cursor).await?;
        transaction.commit().await?;
        self.moved_on(batch.next.clone(), handled);
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

fn of(event: &RecordedEvent) -> Of<'_> {
    (&event.aggregate_type, &event.aggregate_id)
}

/// How far the aggregates of these events are; none where one of them is parked. Rows are asked once a type for those that are
/// not remembered.
async fn last_of<'e>(
    mut rows: Rows<'_>,
    seen: &SeenHere,
    events: &[&'e RecordedEvent],
) -> Result<Option<BTreeMap<Of<'e>, u64>>, sqlx::Error> {
    let (mut last, mut unknown) = (BTreeMap::new(), BTreeMap::<&str, BTreeMap<&str, Of<'e>>>::new());
    for event in events {
        let of = of(event);
        if last.contains_key(&of) {
            continue;
        }
        match seen.last(of) {
            Some(sequence) => drop(last.insert(of, sequence)),
            None => drop(unknown.entry(of.0).or_default().insert(of.1, of)),
        }
    }
    for (aggregate_type, ids) in unknown {
        let list: serde_json::Value = ids.keys().copied().collect();
        let standing = query(include_str!("sql/standing_of.sql")).bind(aggregate_type).bind(list.to_string());
        for row in standing.fetch_all(&mut rows).await? {
            if row.try_get("parked")? {
                return Ok(None);
            }
            if let Some(of) = ids.get(row.try_get::<&str>("aggregate_id")?) {
                last.insert(*of, unsigned(row.try_get("last")?));
            }
        }
    }
    Ok(Some(last))
}

/// Moves the checkpoint on.
async fn move_on(rows: Rows<'_>, next: &Cursor, handled: u64, from: &Cursor) -> Result<(), sqlx::Error> {
    let moved = query(include_str!("sql/update_state.sql"))
        .bind(next.as_str())
        .bind(signed(handled))
        .bind(from.as_str())
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
    let applied = attempt(projection, Rows::from(&mut savepoint), &[event]).await?;
    match &applied {
        Ok(()) => {
            see_event(Rows::from(&mut savepoint), event).await?;
            savepoint.commit().await?;
        }
        Err(_) => savepoint.rollback().await?,
    }
    Ok(applied)
}

/// Applies events. The inner error is that of one of them.
async fn attempt(
    projection: &dyn Projection,
    rows: Rows<'_>,
    events: &[&RecordedEvent],
) -> Result<Result<(), String>, sqlx::Error> {
    match AssertUnwindSafe(projection.apply(rows, events)).catch_unwind().await {
        Ok(Ok(())) => Ok(Ok(())),
        Ok(Err(ApplyError::Database(error))) => Err(error),
        Ok(Err(ApplyError::Poison(error))) => Ok(Err(error)),
        Err(_) => Ok(Err("applying it panicked: a fault of ours, please report it".to_owned())),
    }
}

/// Marks an event as seen.
pub(crate) async fn see_event(rows: Rows<'_>, event: &RecordedEvent) -> Result<(), sqlx::Error> {
    see(rows, [(of(event), event.sequence)]).await
}

/// Writes down how far aggregates are.
async fn see<'e>(
    rows: Rows<'_>,
    reached: impl IntoIterator<Item = (Of<'e>, u64)>,
) -> Result<(), sqlx::Error> {
    const KEY: [&str; 2] = ["aggregate_type", "aggregate_id"];
    let mut seen = upsert("runner_seen", &KEY, &[KEY[0], KEY[1], "sequence"]);
    for ((aggregate_type, aggregate_id), sequence) in reached {
        seen.push(vec![aggregate_type.into(), aggregate_id.into(), signed(sequence).into()]);
    }
    seen.execute(rows).await
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
