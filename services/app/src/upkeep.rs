//! What the application does by itself, for as long as it runs.

use std::sync::Arc;
use std::time::Duration;

use crate::App;

/// A command's answer is kept for so long: the same `Idempotency-Key` gets it again until then.
pub const COMMANDS_KEPT: Duration = Duration::from_secs(24 * 3_600);

/// Commands that are older are looked for so often.
const FORGET_EVERY: Duration = Duration::from_secs(3_600);

/// After a failure, so soon again.
const FORGET_AGAIN: Duration = Duration::from_secs(60);

/// When tokens were used is written down so often: less is lost in a crash.
const WRITE_USES_EVERY: Duration = Duration::from_secs(30);

impl App {
    /// Runs the process managers, the fan-out of changes and the upkeep until `shutdown` is ready. They may be stopped at
    /// any moment and go on where they were.
    pub async fn run(self: Arc<Self>, shutdown: impl Future<Output = ()> + Send) {
        let work = async {
            tokio::join!(
                self.manage(),
                self.tell_changes(),
                self.forget_old_commands(),
                self.write_uses_now_and_then()
            );
        };
        tokio::select! {
            biased;
            () = shutdown => {}
            () = work => {}
        }
        self.write_uses().await;
    }

    /// Forgets the answers to commands that nobody may repeat any more, now and every hour.
    async fn forget_old_commands(&self) {
        let kept = i64::try_from(COMMANDS_KEPT.as_millis()).unwrap_or(i64::MAX);
        loop {
            let before_ms = self.executor.now().as_millis().saturating_sub(kept);
            let pause = match self.executor.journal.forget_commands(before_ms).await {
                Ok(0) => FORGET_EVERY,
                Ok(commands) => {
                    tracing::debug!(commands, "answers to old commands are forgotten");
                    FORGET_EVERY
                }
                Err(error) => {
                    tracing::warn!(%error, "answers to old commands are kept for longer");
                    FORGET_AGAIN
                }
            };
            sigma_clock::sleep(pause).await;
        }
    }

    async fn write_uses_now_and_then(&self) {
        loop {
            sigma_clock::sleep(WRITE_USES_EVERY).await;
            self.write_uses().await;
        }
    }

    /// Writes down when tokens were used; what cannot be written is tried again with the next.
    async fn write_uses(&self) {
        let uses = self.doorman.uses();
        if uses.is_empty() {
            return;
        }
        match self.process.put_uses(&uses).await {
            Ok(()) => self.doorman.are_written(&uses),
            Err(error) => {
                tracing::warn!(%error, "when tokens were used last cannot be written down now");
            }
        }
    }
}
