//! What the log of an ended session holds, told to the control plane until it is taken.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use sigma_clock::Backoff;
use sigma_hls::{Recording, Span};
use sigma_log::{Entry, LogError, SegmentLog};
use tracing::{error, info, warn};

use crate::control::{ControlError, Recorded};
use crate::core::Core;

/// Stands in a session's folder once the control plane knows what the log holds.
const TOLD: &str = "recorded";

const FIRST_RETRY: Duration = Duration::from_millis(100);
const LONGEST_RETRY: Duration = Duration::from_secs(5);

/// Tells what the log of a session holds, if it has its end. Goes on in the background until it is taken.
pub(crate) fn tell(core: &Arc<Core>, session: &str) {
    let (core, session) = (Arc::clone(core), session.to_owned());
    tokio::spawn(async move {
        let folder = core.folder.join(&session);
        let read = tokio::task::spawn_blocking({
            let folder = folder.clone();
            move || recorded(&folder)
        });
        let recorded = match read.await {
            Ok(Ok(Some(recorded))) => recorded,
            // It has not ended.
            Ok(Ok(None)) => return,
            Ok(Err(error)) => {
                error!(session.id = %session, %error, "what was recorded of a session cannot be read");
                return;
            }
            Err(_) => return,
        };
        let mut wait = Backoff::new(FIRST_RETRY, LONGEST_RETRY);
        loop {
            match core.control.recorded(&session, recorded.clone()).await {
                Ok(()) => break,
                Err(ControlError::Unavailable(cause)) => {
                    warn!(session.id = %session, cause, "what was recorded of a session cannot be told yet");
                    wait.pause().await;
                }
                Err(ControlError::Refused(cause)) => {
                    // Told again it would be refused again.
                    error!(session.id = %session, cause, "what was recorded of a session is not taken");
                    break;
                }
            }
        }
        if let Err(error) = tokio::fs::write(folder.join(TOLD), []).await {
            // It is told once more at the next start, which changes nothing.
            warn!(session.id = %session, %error, "that a recording is known could not be noted");
        }
        info!(session.id = %session, "what was recorded of the session is known");
    });
}

/// Tells of every session in the node's folder that has ended and was not told of: a crash came between.
pub(crate) fn tell_untold(core: &Arc<Core>) {
    let folders = std::fs::read_dir(&core.folder).into_iter().flatten().flatten();
    for folder in folders.filter(|folder| !folder.path().join(TOLD).exists()) {
        if let Some(session) = folder.file_name().to_str() {
            tell(core, session);
        }
    }
}

/// What a log holds; outer none: it has no end yet.
fn recorded(folder: &Path) -> Result<Option<Option<Recorded>>, LogError> {
    let entries = SegmentLog::read(folder)?;
    if entries.last() != Some(&Entry::Ended) {
        return Ok(None);
    }
    let recording = Recording::fold(&entries);
    let extent = |span: Option<Span>| {
        let spans: Vec<Span> = span.into_iter().collect();
        Some(recording.extent(&spans)).filter(|extent| extent.duration_ms > 0)
    };
    let all = extent(recording.whole());
    Ok(Some(all.map(|all| Recorded { all, public: extent(recording.public()) })))
}
