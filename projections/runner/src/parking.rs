//! What is parked: looked at, tried again in order, or skipped.

use serde::{Deserialize, Serialize};
use sigma_store::{RecordedEvent, Seen, Sighting};
use sigma_tables::{Row, Rows, query};

use crate::applying::{see_event, try_event};
use crate::failure::Failure;
use crate::generation::{Generation, signed, unsigned};
use crate::projection::Projection;

/// An aggregate whose line is parked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ParkedLine {
    /// Type of the aggregate.
    pub aggregate_type: String,
    /// Id of the aggregate.
    pub aggregate_id: String,
    /// The poison event's number within the aggregate.
    pub sequence: u64,
    /// The poison event's name, as `channel.created`.
    pub event_name: String,
    /// Why it could not be applied.
    pub error: String,
    /// Later events of the aggregate that wait behind it.
    pub waiting: u64,
}

/// What came of trying again what was parked.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Retried {
    /// Events that were applied.
    pub applied: u64,
    /// Events that are parked still.
    pub remaining: u64,
    /// Why, when some are.
    pub error: Option<String>,
}

/// What is done with the first parked event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum First {
    Retry,
    Skip,
}

/// All lines that are parked.
pub(crate) async fn lines(rows: Rows<'_>) -> Result<Vec<ParkedLine>, sqlx::Error> {
    let rows = query(include_str!("sql/parked.sql")).fetch_all(rows).await?;
    rows.iter()
        .map(|row: &Row| {
            Ok(ParkedLine {
                aggregate_type: row.try_get("aggregate_type")?,
                aggregate_id: row.try_get("aggregate_id")?,
                sequence: unsigned(row.try_get("sequence")?),
                event_name: read_event(row.try_get("event")?)?.name,
                error: row.try_get("error")?,
                waiting: unsigned(row.try_get("waiting")?),
            })
        })
        .collect()
}

/// How far an aggregate is: the last sequence that was seen, and whether its line is parked.
pub(crate) async fn standing(
    rows: impl Into<Rows<'_>>,
    aggregate_type: &str,
    aggregate_id: &str,
) -> Result<(u64, bool), sqlx::Error> {
    let standing = query(include_str!("sql/standing.sql")).bind(aggregate_type).bind(aggregate_id);
    let standing = standing.fetch_one(rows).await?;
    Ok((unsigned(standing.try_get("last")?), standing.try_get("parked")?))
}

fn read_event(text: &str) -> Result<RecordedEvent, sqlx::Error> {
    serde_json::from_str(text).map_err(|error| sqlx::Error::Decode(Box::new(error)))
}

impl Generation {
    /// Tries an aggregate's parked events again, in order, up to the first that fails; with [`First::Skip`] the first
    /// one is let go before. None when nothing of it is parked. All in one transaction.
    pub(crate) async fn retry(
        &mut self,
        projection: &dyn Projection,
        aggregate_id: &str,
        first: First,
    ) -> Result<Option<Retried>, Failure> {
        let mut transaction = self.connection.begin().await?;
        self.hold.ask(&mut transaction).await?;
        let mut rows = Rows::from(&mut transaction);
        let parked = query(include_str!("sql/parked_of.sql")).bind(aggregate_id).fetch_all(&mut rows).await?;
        if parked.is_empty() {
            return Ok(None);
        }
        let mut retried = Retried { applied: 0, remaining: 0, error: None };
        // Ids are unique over all types in this house; were two alike, each is a line of its own.
        let (mut aggregate_type, mut stuck) = (String::new(), false);
        for row in parked {
            let of: String = row.try_get("aggregate_type")?;
            let begins = of != aggregate_type;
            if begins {
                (aggregate_type, stuck) = (of, false);
            }
            let event = read_event(row.try_get("event")?)?;
            if begins && first == First::Skip {
                see_event(Rows::from(&mut rows), &event).await?;
                unpark(&mut rows, &event).await?;
                tracing::warn!(
                    projection = projection.name(),
                    aggregate.r#type = event.aggregate_type,
                    aggregate.id = event.aggregate_id,
                    event.sequence = event.sequence,
                    event.name = event.name,
                    "a parked event was skipped"
                );
                continue;
            }
            if stuck {
                retried.remaining += 1;
                continue;
            }
            match again(&mut rows, projection, &event).await? {
                Ok(applied) => {
                    unpark(&mut rows, &event).await?;
                    retried.applied += u64::from(applied);
                }
                Err(error) => {
                    note_error(&mut rows, &event, &error).await?;
                    (stuck, retried.error) = (true, Some(error));
                    retried.remaining += 1;
                }
            }
        }
        transaction.commit().await?;
        self.seen.forget();
        self.look_at_parked().await?;
        Ok(Some(retried))
    }
}

/// Tries a parked event again: whether it was applied (or seen already), or its error.
async fn again(
    rows: &mut Rows<'_>,
    projection: &dyn Projection,
    event: &RecordedEvent,
) -> Result<Result<bool, String>, sqlx::Error> {
    let (last, _) = standing(&mut *rows, &event.aggregate_type, &event.aggregate_id).await?;
    match Seen::judge(last, event.sequence) {
        Sighting::Duplicate => Ok(Ok(false)),
        Sighting::Gap { expected } => Ok(Err(format!("event {expected} is missing before it"))),
        Sighting::New => Ok(try_event(rows, projection, event).await?.map(|()| true)),
    }
}

async fn unpark(rows: &mut Rows<'_>, event: &RecordedEvent) -> Result<(), sqlx::Error> {
    query(include_str!("sql/unpark.sql"))
        .bind(&event.aggregate_type)
        .bind(&event.aggregate_id)
        .bind(signed(event.sequence))
        .execute(rows)
        .await
        .map(drop)
}

async fn note_error(rows: &mut Rows<'_>, event: &RecordedEvent, error: &str) -> Result<(), sqlx::Error> {
    query(include_str!("sql/note_error.sql"))
        .bind(&event.aggregate_type)
        .bind(&event.aggregate_id)
        .bind(signed(event.sequence))
        .bind(error)
        .execute(rows)
        .await
        .map(drop)
}
