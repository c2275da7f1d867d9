//! The store as the log of all that was committed.
//!
//! What a reader gets is below the oldest transaction that still runs: nothing before it can still commit. All such events
//! stand in one order, (transaction id, position), which is more than the port promises.

use std::time::Duration;

use async_trait::async_trait;
use sigma_store::{Batch, Cursor, EventLog, LogError, MAX_BATCH, RecordedEvent};
use sqlx::Row;
use sqlx::postgres::{PgPool, PgRow};

use crate::fault::{closed, log_error};
use crate::follower::HeldUp;
use crate::open::{PostgresStore, asked};
use crate::place::Place;
use crate::rows;

/// What stands behind a cursor is counted up to here; beyond it is estimated.
pub(crate) const COUNTED: i64 = 100_000;

/// How soon is looked again whether older transactions have ended. It doubles.
const FIRST_WAIT: Duration = Duration::from_millis(1);

/// See [`FIRST_WAIT`].
const LONGEST_WAIT: Duration = Duration::from_millis(100);

/// Whoever waits for transactions that began before is told after so long that one of them does not end.
const SETTLED_WITHIN: Duration = Duration::from_secs(10);

/// Which transactions still run: none below the first, and none was begun from the second on.
#[derive(Clone, Copy)]
struct Snapshot {
    oldest: u64,
    next: u64,
}

impl PostgresStore {
    pub(crate) fn log_fault(&self, error: &sqlx::Error) -> LogError {
        log_error(self.fault(error))
    }

    /// Committed events that readers do not get because somebody's transaction does not end; none where all is well.
    pub fn held_up(&self) -> Option<HeldUp> {
        self.inner.told.held_up()
    }

    /// Why the server cannot be asked, with the mend; none while it answers. Known without asking: who is asked for the
    /// store's health must not wait until a connection is given up.
    pub fn away(&self) -> Option<String> {
        self.inner.told.away()
    }

    async fn snapshot(&self, pool: &PgPool) -> Result<Snapshot, LogError> {
        let row = asked!(self, *pool, |connection| {
            sqlx::query(include_str!("sql/snapshot.sql")).fetch_one(connection)
        });
        let read =
            |row: PgRow| Ok(Snapshot { oldest: rows::xid(&row, "oldest")?, next: rows::xid(&row, "next")? });
        row.and_then(read).map_err(|error| self.log_fault(&error))
    }

    /// Waits until each transaction that runs now has ended; answers the first one that has not, then.
    pub(crate) async fn settled(&self, pool: &PgPool) -> Result<u64, LogError> {
        let (began, mut wait) = (sigma_clock::monotonic(), FIRST_WAIT);
        let first = self.snapshot(pool).await?;
        let mut now = first;
        while now.oldest < first.next {
            if began.elapsed() >= SETTLED_WITHIN {
                let by = self.held_up().map_or_else(|| "another program".to_owned(), |held_up| held_up.by);
                return Err(LogError::Unavailable {
                    message: format!("a transaction of {by} in {} does not end", self.inner.address),
                    mend: "end it (pg_terminate_backend)".to_owned(),
                });
            }
            sigma_clock::sleep(wait).await;
            wait = (wait * 2).min(LONGEST_WAIT);
            now = self.snapshot(pool).await?;
        }
        Ok(now.oldest)
    }

    /// The place of a cursor. One that was never given here is of events that this store has lost, or never had.
    pub(crate) async fn place(&self, cursor: &Cursor, pool: &PgPool) -> Result<Place, LogError> {
        let foreign = || {
            let at = &self.inner.address;
            LogError::ForeignCursor(format!(
                "the place {:?} is not one of the event store {at}",
                cursor.as_str()
            ))
        };
        let place = Place::of(&self.inner.incarnation, cursor).ok_or_else(foreign)?;
        if self.told_head().is_some_and(|head| place <= head) || self.inner.tail.reaches(place) {
            return Ok(place);
        }
        let row = asked!(self, *pool, |connection| {
            sqlx::query(include_str!("sql/ever_given.sql")).fetch_one(connection)
        });
        let read = |row: PgRow| Ok((row.try_get("position")?, rows::xid(&row, "xid")?));
        let (position, xid): (i64, u64) = row.and_then(read).map_err(|error| self.log_fault(&error))?;
        if place.position > position || place.xid > xid { Err(foreign()) } else { Ok(place) }
    }

    /// The place that all events which readers get stand before.
    pub(crate) async fn end_of_log(&self) -> Result<Place, LogError> {
        Ok(Place { xid: self.snapshot(&self.inner.lookers).await?.oldest, position: 0 })
    }

    /// Events behind a place, from the server.
    async fn read_rows(&self, place: Place, limit: u32) -> Result<Vec<RecordedEvent>, LogError> {
        let found = asked!(self, self.inner.pool, |connection| {
            sqlx::query(include_str!("sql/read_after.sql"))
                .bind(place.xid.to_string())
                .bind(place.position)
                .bind(i64::from(limit))
                .fetch_all(connection)
        });
        let event = |row: &PgRow| rows::placed_event(&self.inner.incarnation, row);
        let events: Result<Vec<_>, _> = found.and_then(|found| found.iter().map(event).collect());
        let events = events.map_err(|error| {
            self.inner.tail.forget();
            self.log_fault(&error)
        })?;
        let is_whole = events.len() < usize::try_from(limit).unwrap_or(usize::MAX);
        let read = events.iter().map(|(_, event)| event.clone()).collect();
        self.inner.tail.keep(place, events, is_whole);
        Ok(read)
    }

    fn told_head(&self) -> Option<Place> {
        *self.inner.told.head().borrow()
    }
}

#[async_trait]
impl EventLog for PostgresStore {
    async fn read_after(&self, after: &Cursor, limit: u32) -> Result<Batch, LogError> {
        let place = self.place(after, &self.inner.pool).await?;
        let (tail, limit) = (&self.inner.tail, limit.clamp(1, MAX_BATCH));
        let most = usize::try_from(limit).unwrap_or(usize::MAX);
        let mut events = tail.behind(place, most);
        if events.is_empty() && tail.ends_at(place) {
            // Whoever waited for his turn finds what the one before him read.
            let _turn = tail.turn().await;
            events = tail.behind(place, most);
            if events.is_empty() {
                events = self.read_rows(place, limit).await?;
            }
        } else if events.is_empty() {
            events = self.read_rows(place, limit).await?;
        }
        let next = events.last().map_or_else(|| after.clone(), |event| event.cursor.clone());
        Ok(Batch { events, next })
    }

    async fn head(&self) -> Result<Cursor, LogError> {
        let oldest = self.settled(&self.inner.pool).await?;
        // Positions begin with 1: this is before all events of that transaction and after all of those before it.
        Ok(Place { xid: oldest, position: 0 }.cursor(&self.inner.incarnation))
    }

    async fn lag(&self, after: &Cursor) -> Result<u64, LogError> {
        let place = self.place(after, &self.inner.pool).await?;
        let behind = asked!(self, self.inner.pool, |connection| {
            sqlx::query_scalar(include_str!("sql/lag.sql"))
                .bind(place.xid.to_string())
                .bind(place.position)
                .bind(COUNTED)
                .fetch_one(connection)
        });
        let mut behind: i64 = behind.map_err(|error| self.log_fault(&error))?;
        if behind == COUNTED
            && let Some(head) = self.told_head()
        {
            behind = behind.max(head.position.saturating_sub(place.position));
        }
        Ok(u64::try_from(behind).unwrap_or(0))
    }

    async fn wait_after(&self, after: &Cursor) -> Result<(), LogError> {
        let place = self.place(after, &self.inner.pool).await?;
        let mut head = self.inner.told.head();
        let woken = head.wait_for(|head| head.is_none_or(|head| head > place)).await;
        match woken.as_deref() {
            Ok(Some(_)) => Ok(()),
            _ => Err(log_error(closed(&self.inner.address))),
        }
    }

    async fn settle(&self) -> Result<(), LogError> {
        self.settled(&self.inner.pool).await.map(drop)
    }
}
