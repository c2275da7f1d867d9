//! Of all nodes one runs the process managers. The others look whether they get on.

use std::sync::atomic::Ordering;
use std::time::Duration;

use sigma_clock::{Instant, monotonic};
use sigma_store::Cursor;

use super::ProcessError;
use crate::App;

/// The lease of the node that runs them.
pub(super) const NAME: &str = "process-managers";

/// The others look so often.
const LOOK: Duration = Duration::from_secs(2);

/// Whoever has not moved for so long while events wait does not get on: another node takes over sooner than that.
const LATE: Duration = Duration::from_secs(12);

/// Since when the place in the log has not moved, while events stood behind it.
type Standstill = Option<(Cursor, Instant)>;

impl App {
    /// Runs the process managers whenever this node holds their lease, for ever.
    pub(crate) async fn manage(&self) {
        let mut claim = self.process.cluster.claim(NAME);
        // What a write found out before the lease's keeper knew.
        let mut lost = None;
        loop {
            let fence = claim.fence().filter(|fence| lost.as_ref() != Some(fence));
            self.process.runs_here.store(fence.is_some(), Ordering::Relaxed);
            let Some(fence) = fence else {
                tokio::select! {
                    () = claim.changed() => {}
                    () = self.watch_others() => {}
                }
                continue;
            };
            tokio::select! {
                () = self.manage_under(&fence) => {
                    tracing::warn!("this node runs the process managers no more");
                    lost = Some(fence);
                }
                () = claim.changed() => {}
            }
        }
    }

    /// Whether this node runs the process managers; else another one does, or should.
    pub fn manages_here(&self) -> bool {
        self.process.runs_here.load(Ordering::Relaxed)
    }

    async fn watch_others(&self) {
        let mut standstill = None;
        loop {
            match self.look_at_others(&mut standstill).await {
                Ok(()) => self.note_failure(None),
                Err(error) => self.note_failure(Some(&error)),
            }
            sigma_clock::sleep(LOOK).await;
        }
    }

    async fn look_at_others(&self, standstill: &mut Standstill) -> Result<(), ProcessError> {
        let place = self.process.agenda.place().await?;
        if self.log.lag(&place).await? == 0 {
            *standstill = None;
            return Ok(());
        }
        match standstill {
            Some((at, since)) if *at == place => match since.elapsed() {
                elapsed if elapsed >= LATE => Err(ProcessError::Late(elapsed.as_secs())),
                _ => Ok(()),
            },
            _ => {
                *standstill = Some((place, monotonic()));
                Ok(())
            }
        }
    }
}
