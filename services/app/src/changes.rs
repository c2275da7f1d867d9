//! What changed, told to all in this process who want to know, once the views show it.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use cqrs_es::Aggregate;
use sigma_domain::{ApiToken, Asset, Channel, Project, Session};
use sigma_store::{Cursor, LogError, RecordedEvent};
use tokio::sync::broadcast;

use crate::{App, ReadError, Waited};

/// Events read at once.
const BATCH: u32 = 200;

/// Who is further behind than so many changes is told so instead of them.
const MAX_BEHIND: usize = 4_096;

/// So long is waited for the views at a time; until they show it, nobody is told.
const SHOWN_WITHIN: Duration = Duration::from_secs(5);

/// The first wait after something could not be read; it doubles up to the longest.
const PAUSE: Duration = Duration::from_millis(100);

/// The longest wait between two tries.
const LONGEST_PAUSE: Duration = Duration::from_secs(5);

/// That an aggregate changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    /// Type of the aggregate, as `session`.
    pub aggregate_type: String,
    /// Its id.
    pub aggregate_id: String,
    /// The channel that it belongs to; its own id where it has none.
    pub channel: String,
    /// The project that it belongs to.
    pub project: String,
    /// Its number within the aggregate.
    pub sequence: u64,
    /// The event's name.
    pub event: String,
}

/// Changes were missed: whoever followed them looks at everything anew.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{missed} changes were missed; look at everything anew")]
pub struct Lagged {
    /// How many, as far as it is known; one at least.
    pub missed: u64,
}

/// What goes to those who follow.
#[derive(Clone, Debug)]
enum Told {
    Change(Arc<Change>),
    /// The log is another one than before.
    Missed,
}

/// The fan-out: one that follows the log, and all who want to know.
pub(crate) struct Fanout {
    told: broadcast::Sender<Told>,
    /// What comes after this is still to be told; none: what comes after the log's end.
    place: Mutex<Option<Cursor>>,
    /// The log is another one than before, and nobody was told of it yet.
    elsewhere: AtomicBool,
}

impl Default for Fanout {
    fn default() -> Self {
        Self {
            told: broadcast::Sender::new(MAX_BEHIND),
            place: Mutex::default(),
            elsewhere: AtomicBool::new(false),
        }
    }
}

impl Fanout {
    fn tell(&self, told: Told) {
        // Nobody who listens is as well.
        let _ = self.told.send(told);
    }

    fn place(&self) -> Option<Cursor> {
        self.place.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The log is another one than before: it is followed from its end, and all are told once that is known.
    fn is_elsewhere(&self) {
        self.elsewhere.store(true, Ordering::SeqCst);
        self.go_on_after(None);
    }

    /// What comes after this place is told next; none: what comes after the log's end.
    pub(crate) fn go_on_after(&self, place: Option<Cursor>) {
        *self.place.lock().unwrap_or_else(PoisonError::into_inner) = place;
    }
}

/// Changes as they come, from the moment on at which this was made.
#[derive(Debug)]
pub struct Changes(broadcast::Receiver<Told>);

impl Changes {
    /// The next change: in order within a channel, at least once, and never before the views show it. Waits. May be dropped
    /// and called again: nothing is lost.
    ///
    /// # Errors
    /// [`Lagged`] for who was too slow, or where the log is another one; the changes after the missed ones follow.
    pub async fn next(&mut self) -> Result<Arc<Change>, Lagged> {
        match self.0.recv().await {
            Ok(Told::Change(change)) => Ok(change),
            Ok(Told::Missed) => Err(Lagged { missed: 1 }),
            Err(broadcast::error::RecvError::Lagged(missed)) => Err(Lagged { missed }),
            // The application is gone, and nothing changes any more.
            Err(broadcast::error::RecvError::Closed) => std::future::pending().await,
        }
    }
}

/// Why the log is not followed at the moment.
#[derive(Debug, thiserror::Error)]
enum FollowError {
    #[error(transparent)]
    Log(#[from] LogError),
    #[error(transparent)]
    Views(#[from] ReadError),
}

impl App {
    /// Follows what changes from now on, while [`run`](App::run) runs. Ask for the state after this, not before, and nothing
    /// is missed between.
    pub fn changes(&self) -> Changes {
        Changes(self.fanout.told.subscribe())
    }

    /// Follows the log, for ever, and tells what changed.
    pub(crate) async fn tell_changes(&self) {
        let mut pause = PAUSE;
        loop {
            match self.tell_next().await {
                Ok(()) => pause = PAUSE,
                Err(FollowError::Log(LogError::ForeignCursor(message))) => {
                    tracing::error!(message, "the log is another one than before; changes go on at its end");
                    self.fanout.is_elsewhere();
                }
                Err(error) => {
                    tracing::warn!(%error, "changes are told later");
                    sigma_clock::sleep(pause).await;
                    pause = (pause * 2).min(LONGEST_PAUSE);
                }
            }
        }
    }

    /// Tells the next batch of changes, or waits for one.
    async fn tell_next(&self) -> Result<(), FollowError> {
        let Some(place) = self.fanout.place() else {
            self.fanout.go_on_after(Some(self.log.head().await?));
            // Only now: who looks anew when he is told sees all up to this place at least.
            if self.fanout.elsewhere.swap(false, Ordering::SeqCst) {
                self.fanout.tell(Told::Missed);
            }
            return Ok(());
        };
        let batch = self.log.read_after(&place, BATCH).await?;
        if batch.events.is_empty() && batch.next == place {
            return Ok(self.log.wait_after(&place).await?);
        }
        for event in batch.events {
            self.shown_by_views(&event).await?;
            self.fanout.tell(Told::Change(Arc::new(Change {
                aggregate_type: event.aggregate_type,
                aggregate_id: event.aggregate_id,
                channel: event.line,
                project: event.project_id,
                sequence: event.sequence,
                event: event.name,
            })));
            // Told is told, also where the views go away before the batch is done.
            self.fanout.go_on_after(Some(event.cursor));
        }
        self.fanout.go_on_after(Some(batch.next));
        Ok(())
    }

    /// Waits until the views show an event, for as long as that takes: who is told and looks would see the old state, and
    /// nobody would tell him again. A parked line shows nothing before an operator mends it, so it is not waited for.
    async fn shown_by_views(&self, event: &RecordedEvent) -> Result<(), ReadError> {
        let RecordedEvent { aggregate_type, aggregate_id, sequence, .. } = event;
        let viewed = [Channel::TYPE, Session::TYPE, Asset::TYPE, ApiToken::TYPE, Project::TYPE];
        if !viewed.contains(&aggregate_type.as_str()) {
            return Ok(());
        }
        let views = self.views();
        while views.wait_for(aggregate_type, aggregate_id, *sequence, SHOWN_WITHIN).await? == Waited::TimedOut
        {
            tracing::warn!(aggregate.id = %aggregate_id, sequence, "changes wait for the views");
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn change(sequence: u64) -> Told {
        let text = String::new;
        let (aggregate_type, aggregate_id, channel) = (text(), text(), text());
        let (project, event) = (text(), text());
        Told::Change(Arc::new(Change { aggregate_type, aggregate_id, channel, project, sequence, event }))
    }

    #[tokio::test]
    async fn who_is_too_slow_is_told_so_and_then_what_comes() {
        let fanout = Fanout::default();
        let (mut slow, mut quick) = (Changes(fanout.told.subscribe()), Changes(fanout.told.subscribe()));
        let kept = u64::try_from(MAX_BEHIND).unwrap();
        for sequence in 1..=kept + 7 {
            fanout.tell(change(sequence));
            assert_eq!(quick.next().await.map(|change| change.sequence), Ok(sequence));
        }
        assert_eq!(slow.next().await, Err(Lagged { missed: 7 }));
        assert_eq!(slow.next().await.map(|change| change.sequence), Ok(8));
    }

    #[tokio::test]
    async fn who_follows_another_log_than_before_is_told_so() {
        let fanout = Fanout::default();
        let mut changes = Changes(fanout.told.subscribe());
        fanout.tell(Told::Missed);
        fanout.tell(change(3));
        assert_eq!(changes.next().await, Err(Lagged { missed: 1 }));
        assert_eq!(changes.next().await.map(|change| change.sequence), Ok(3));
    }
}
