//! What a media node learns from the log.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use cqrs_es::Aggregate;
use sigma_domain::{Session, SessionEvent};
use sigma_store::{Cursor, EventLog, LogError, RecordedEvent};

use crate::{App, Order, OrderKind, fold};

/// Events read at once.
const BATCH: u32 = 200;

/// The first wait after the log could not be read; it doubles up to the longest.
const PAUSE: Duration = Duration::from_millis(100);

/// The longest wait between two reads of a log that is away.
const LONGEST_PAUSE: Duration = Duration::from_secs(5);

/// Orders as they come, for ever.
pub struct Orders {
    log: Arc<dyn EventLog>,
    cursor: Cursor,
    ready: VecDeque<Order>,
}

impl std::fmt::Debug for Orders {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Orders").field("cursor", &self.cursor).finish_non_exhaustive()
    }
}

impl App {
    /// Follows the orders from a place in the log: the one that [`node_started`](App::node_started) answered.
    pub fn orders(&self, from: Cursor) -> Orders {
        Orders { log: self.log.clone(), cursor: from, ready: VecDeque::new() }
    }
}

impl Orders {
    /// The next order: in order within a channel, at least once. Waits, also for a log that is away. May be dropped and
    /// called again: nothing is lost.
    pub async fn next(&mut self) -> Order {
        let mut pause = PAUSE;
        loop {
            if let Some(order) = self.ready.pop_front() {
                return order;
            }
            match self.read().await {
                Ok(()) => pause = PAUSE,
                Err(error) => {
                    tracing::warn!(%error, "the log cannot be read; orders to the media node wait for it");
                    sigma_clock::sleep(pause).await;
                    pause = (pause * 2).min(LONGEST_PAUSE);
                }
            }
        }
    }

    async fn read(&mut self) -> Result<(), LogError> {
        let batch = match self.log.read_after(&self.cursor, BATCH).await {
            // Another store stands there now. What is to be done anew is its operator's matter; we follow what comes.
            Err(LogError::ForeignCursor(message)) => {
                tracing::error!(message, "the log is another one than before; orders go on at its end");
                self.cursor = self.log.head().await?;
                return Ok(());
            }
            batch => batch?,
        };
        self.ready.extend(batch.events.iter().filter_map(order));
        if self.ready.is_empty() && batch.next == self.cursor {
            return self.log.wait_after(&self.cursor).await;
        }
        self.cursor = batch.next;
        Ok(())
    }
}

fn order(recorded: &RecordedEvent) -> Option<Order> {
    if recorded.aggregate_type != Session::TYPE {
        return None;
    }
    let event = match fold::decode(recorded) {
        Ok(event) => event,
        Err(error) => {
            tracing::error!(%error, "an event is no order to the media node: it cannot be read");
            return None;
        }
    };
    let kind = match event {
        SessionEvent::Live { at } => OrderKind::GoLive { at_ms: at.as_millis() },
        SessionEvent::FeedOpened { feed, node, .. } => {
            OrderKind::FeedOpened { feed: feed.get(), node: node.to_string() }
        }
        SessionEvent::Ended { reason, at } => OrderKind::End { reason, at_ms: at.as_millis() },
        _ => return None,
    };
    Some(Order { session: recorded.aggregate_id.clone(), channel: recorded.line.clone(), kind })
}
