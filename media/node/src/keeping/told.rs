//! What the log of an ended session holds, told to the control plane until it is taken.

use std::collections::HashSet;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use sigma_archive::ArchiveError;
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

/// Sessions of this node whose logs are gone. Of those of other nodes, which have no log here either, it says nothing.
#[derive(Debug, Default)]
pub(crate) struct Gone(Mutex<HashSet<String>>);

impl Gone {
    pub(crate) fn note(&self, session: &str) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).insert(session.to_owned());
    }

    pub(crate) fn holds(&self, session: &str) -> bool {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).contains(session)
    }
}

/// What is to be told of a session.
enum News {
    /// It has ended, and this was kept; none: it never had media.
    Recorded(Option<Recorded>),
    /// It has ended, its log is gone, and the archive has none of its media.
    MediaLost,
    /// It is on air, and its log is gone.
    LogGone,
}

/// Tells what the log of a session of this node holds, if it has its end; where the log is gone, what the archive has. Goes on in
/// the background until it is taken.
pub(crate) fn tell(core: &Arc<Core>, session: &str) {
    let (core, session) = (Arc::clone(core), session.to_owned());
    tokio::spawn(async move {
        let folder = core.folder.join(&session);
        let read = tokio::task::spawn_blocking({
            let folder = folder.clone();
            move || recorded(&folder)
        });
        let news = match read.await {
            Ok(Ok(Some(recorded))) => News::Recorded(recorded),
            // It has not ended.
            Ok(Ok(None)) => return,
            Ok(Err(_)) if core.gone.holds(&session) => archived(&core, &session).await,
            // Another node's.
            Ok(Err(error)) if error.is_missing() => return,
            Ok(Err(error)) => {
                error!(session.id = %session, %error, "what was recorded of a session cannot be read");
                return;
            }
            Err(_) => return,
        };
        until_taken(&core, &session, &news).await;
        // Where there is no folder there is nothing to be told at the next start.
        if folder.exists()
            && let Err(error) = tokio::fs::write(folder.join(TOLD), []).await
        {
            // It is told once more at the next start, which changes nothing.
            warn!(session.id = %session, %error, "that a recording is known could not be noted");
        }
        info!(session.id = %session, "what was recorded of the session is known");
    });
}

/// Tells that the log of a session on air is gone. Goes on in the background until it is taken.
pub(crate) fn tell_gone(core: &Arc<Core>, session: &str) {
    core.gone.note(session);
    let (core, session) = (Arc::clone(core), session.to_owned());
    tokio::spawn(async move { until_taken(&core, &session, &News::LogGone).await });
}

/// Tells until it is taken, or refused: told again it would be refused again.
async fn until_taken(core: &Core, session: &str, news: &News) {
    let mut wait = Backoff::new(FIRST_RETRY, LONGEST_RETRY);
    loop {
        let told = match news {
            News::Recorded(recorded) => core.control.recorded(session, recorded.clone()).await,
            News::MediaLost => core.control.media_lost(session).await,
            News::LogGone => core.control.log_gone(session).await,
        };
        match told {
            Ok(()) => return,
            Err(ControlError::Unavailable(cause)) => {
                warn!(session.id = session, cause, "what became of a session's media cannot be told yet");
                wait.pause().await;
            }
            Err(ControlError::Refused(cause)) => {
                error!(session.id = session, cause, "what became of a session's media is not taken");
                return;
            }
        }
    }
}

/// What the archive has of a session whose log is gone, which has its end there from now on.
async fn archived(core: &Core, session: &str) -> News {
    let Some(archive) = &core.settings.archive else { return News::MediaLost };
    let mut wait = Backoff::new(FIRST_RETRY, LONGEST_RETRY);
    let entries = loop {
        let ended = match archive.load(session).await {
            Ok(Some(archived)) => archive.end(archived).await,
            Ok(None) => return News::MediaLost,
            Err(error) => Err(error),
        };
        match ended {
            Ok(entries) => break entries,
            Err(error @ ArchiveError::Store(_)) => {
                warn!(session.id = session, %error, "what is archived of a session cannot be read yet");
                wait.pause().await;
            }
            Err(error) => {
                error!(session.id = session, %error, "what is archived of a session cannot be understood");
                return News::MediaLost;
            }
        }
    };
    warn!(session.id = session, "the session's log is gone: what is archived of it is kept");
    extents(&entries).map_or(News::MediaLost, |recorded| News::Recorded(Some(recorded)))
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
    Ok(Some(extents(&entries)))
}

fn extents(entries: &[Entry]) -> Option<Recorded> {
    let recording = Recording::fold(entries);
    let extent = |span: Option<Span>| {
        let spans: Vec<Span> = span.into_iter().collect();
        Some(recording.extent(&spans)).filter(|extent| extent.duration_ms > 0)
    };
    let all = extent(recording.whole())?;
    Some(Recorded { all, public: extent(recording.public()) })
}
