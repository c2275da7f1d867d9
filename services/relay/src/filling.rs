//! How far the topic is filled from the store, whichever process fills it.

use std::sync::Arc;
use std::time::Duration;

use sigma_clock::{Backoff, monotonic};
use sigma_store::{Cursor, EventLog, LogError};

use crate::fault::away;
use crate::office::{Office, OfficeError};

/// The first wait before it is asked again; it doubles.
const FIRST_WAIT: Duration = Duration::from_millis(2);

/// The longest.
const LONGEST_WAIT: Duration = Duration::from_millis(250);

/// A relay that does not get on for so long is told of.
const PATIENCE: Duration = Duration::from_secs(10);

/// The store's own log, and who says how much of it Kafka has acknowledged.
#[derive(Clone)]
pub struct Filling {
    pub(crate) source: Arc<dyn EventLog>,
    pub(crate) office: Arc<dyn Office>,
}

impl Filling {
    /// Waits until all that is committed now was acknowledged.
    pub(crate) async fn settle(&self) -> Result<(), LogError> {
        self.source.settle().await?;
        let head = self.source.head().await?;
        let (begun, mut wait) = (monotonic(), Backoff::new(FIRST_WAIT, LONGEST_WAIT));
        while !self.has_reached(&head).await? {
            if begun.elapsed() >= PATIENCE {
                return Err(away("what was committed has not been relayed yet".to_owned()));
            }
            wait.pause().await;
        }
        Ok(())
    }

    /// Whether no more stands after the place that was reached than after `head`. What comes meanwhile is counted with the place
    /// alone, which is asked about last: it is taken for further behind than it is, never for nearer.
    async fn has_reached(&self, head: &Cursor) -> Result<bool, LogError> {
        let place = self.office.place().await.map_err(|error| match error {
            OfficeError::Over(why) | OfficeError::Unavailable(why) => away(why),
        })?;
        let reached = place.map_or_else(Cursor::start, |place| place.cursor);
        let beyond = self.source.lag(head).await?;
        Ok(self.source.lag(&reached).await? <= beyond)
    }
}
