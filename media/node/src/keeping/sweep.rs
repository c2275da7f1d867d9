//! Removes the media that no view needs any more.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use sigma_archive::{Archive, ArchiveError};
use sigma_clock::{Instant, monotonic};
use sigma_hls::{Recording, Span};
use sigma_log::{LogError, MediaFile, SegmentLog};
use tracing::{info, warn};

use super::filing::FILED;
use crate::control::Wanted;
use crate::core::Core;
use crate::session::{SessionHandle, stale_folders};

/// The newest segments of a session on air that stay, whatever may be rewound to: its log is held against them when it is
/// opened after a crash.
pub(super) const NEWEST: u64 = 128;

/// How often the archive is looked through.
const ARCHIVE_EVERY: Duration = Duration::from_secs(600);

/// Looks after old media, in rounds. Each can be cut short anywhere: the next finds what is left to do.
#[derive(Default)]
pub(crate) struct Sweeper {
    /// What was left of each ended session when it was last thinned out.
    thinned: HashMap<String, Vec<Span>>,
    /// The same of the archive.
    archive_thinned: HashMap<String, Vec<Span>>,
    archive_looked_at: Option<Instant>,
    /// Of each session on air: the first segment that still stands on the disk.
    trimmed: HashMap<String, u64>,
}

impl Sweeper {
    /// One round.
    pub(crate) async fn round(&mut self, core: &Arc<Core>) {
        self.trim_on_air(core).await;
        if self.archive_looked_at.is_none_or(|last| last.elapsed() >= ARCHIVE_EVERY) {
            self.archive_looked_at = Some(monotonic());
            self.sweep_archive(core).await;
        }
        let (folder, age) = (core.folder.clone(), core.settings.keep_ended);
        let known = core.sessions.known();
        let stale = tokio::task::spawn_blocking(move || stale_folders(&folder, age, &known));
        let Ok(stale) = stale.await else { return };
        for folder in stale {
            let Some(session) = folder.file_name().and_then(|name| name.to_str()).map(str::to_owned) else {
                continue;
            };
            if folder.join(FILED).exists() {
                // The archive has all of it.
                let gone = tokio::task::spawn_blocking(move || thin_out(&folder, &[])).await;
                if let Ok(Err(error)) = gone {
                    warn!(session.id = %session, %error, "old media cannot be removed");
                }
                continue;
            }
            match core.control.wanted(&session).await {
                Ok(wanted) if wanted.on_air || wanted.everything => {}
                Ok(Wanted { spans, .. }) if self.thinned.get(&session) == Some(&spans) => {}
                Ok(Wanted { spans, .. }) => {
                    let left = spans.clone();
                    match tokio::task::spawn_blocking(move || thin_out(&folder, &left)).await {
                        Ok(Ok(())) => {
                            self.thinned.insert(session, spans);
                        }
                        Ok(Err(error)) => {
                            warn!(session.id = %session, %error, "old media cannot be removed")
                        }
                        Err(_) => return,
                    }
                }
                Err(error) => {
                    warn!(session.id = %session, %error, "what is needed of old media is not known: it stays");
                }
            }
        }
    }

    /// Removes from the archive what no recording needs.
    async fn sweep_archive(&mut self, core: &Arc<Core>) {
        let Some(archive) = &core.settings.archive else { return };
        let sessions = match archive.sessions().await {
            Ok(sessions) => sessions,
            Err(error) => {
                warn!(%error, "the archive cannot be looked through; what nobody needs stays");
                return;
            }
        };
        self.archive_thinned.retain(|session, _| sessions.contains(session));
        for session in sessions {
            let folder = core.folder.join(&session);
            // What is being archived is not thinned out meanwhile.
            if folder.exists() && !folder.join(FILED).exists() {
                continue;
            }
            let spans = match core.control.wanted(&session).await {
                Ok(wanted) if wanted.on_air || wanted.everything => continue,
                Ok(Wanted { spans, .. }) if self.archive_thinned.get(&session) == Some(&spans) => continue,
                Ok(Wanted { spans, .. }) => spans,
                Err(error) => {
                    warn!(session.id = %session, %error, "what is needed of an archived session is not known: it stays");
                    continue;
                }
            };
            match thin_archive(core, archive, &session, &spans).await {
                Ok(true) => {
                    self.archive_thinned.insert(session, spans);
                }
                Ok(false) => {}
                Err(error) => warn!(session.id = %session, %error, "the archive cannot be thinned out"),
            }
        }
    }

    /// A session on air that is kept lets the disk go of what is in the archive; one that is not loses what nobody can rewind
    /// to, but for what clips have of it.
    async fn trim_on_air(&mut self, core: &Arc<Core>) {
        let on_air = core.sessions.on_air();
        self.trimmed.retain(|session, _| on_air.iter().any(|handle| handle.id() == session));
        for handle in &on_air {
            let from = self.trimmed.get(handle.id()).copied().unwrap_or(0);
            let keeps = handle.live().facts.keeps;
            let to = if keeps { first_unfiled(handle) } else { first_needed(handle) };
            if to <= from {
                continue;
            }
            let wanted = if keeps {
                // The archive has what recordings name.
                Vec::new()
            } else {
                match core.control.wanted(handle.id()).await {
                    Ok(wanted) if wanted.everything => continue,
                    Ok(wanted) => wanted.spans,
                    Err(_) => continue,
                }
            };
            let kept: Vec<u64> = handle
                .live()
                .read_recording(|recording| recording.within(&wanted).map(|(msn, _)| msn).collect());
            let folder = core.folder.join(handle.id());
            let removal = move || {
                for msn in (from..to).filter(|msn| kept.binary_search(msn).is_err()) {
                    // A gap has no file; one that cannot be removed goes with its folder.
                    let _ = std::fs::remove_file(folder.join(MediaFile::Segment(msn).to_string()));
                }
            };
            if tokio::task::spawn_blocking(removal).await.is_ok() {
                self.trimmed.insert(handle.id().to_owned(), to);
            }
        }
    }
}

/// Whether it was thinned out; a session that began lately is left alone, for a recording of it may not be known yet.
async fn thin_archive(
    core: &Core,
    archive: &Archive,
    session: &str,
    spans: &[Span],
) -> Result<bool, ArchiveError> {
    let Some(archived) = archive.load(session).await? else { return Ok(false) };
    let age_us = core.clock.now().micros().saturating_sub(archived.meta.created_us);
    if u128::try_from(age_us).unwrap_or(0) < core.settings.keep_ended.as_micros() {
        return Ok(false);
    }
    let recording = Recording::fold(&archived.entries);
    let mut kept: Vec<u64> = recording.within(spans).map(|(msn, _)| msn).collect();
    kept.sort_unstable();
    let removed = archive.thin_out(session, |msn| kept.binary_search(&msn).is_ok(), kept.is_empty()).await?;
    if removed > 0 {
        info!(session.id = session, files = removed, "what no recording needs was removed from the archive");
    }
    Ok(true)
}

/// The first segment that is on this disk alone, or that the log is held against.
fn first_unfiled(handle: &SessionHandle) -> u64 {
    let next = handle.live().read_recording(Recording::next_msn);
    handle.live().archived_to().min(next.saturating_sub(NEWEST))
}

/// The first segment that can still be rewound to, or that the log is held against.
fn first_needed(handle: &SessionHandle) -> u64 {
    let rewind_us = u64::try_from(handle.live().facts.rewind.as_micros()).unwrap_or(u64::MAX);
    handle.live().read_recording(|recording| {
        let Some(whole) = recording.whole() else { return 0 };
        // A playlist that still lists them may be held for as long as it is long.
        let from_us = whole.to_us.saturating_sub(rewind_us.saturating_mul(2));
        let old = Span { from_us: 0, to_us: from_us };
        let count = recording.within(&[old]).count() as u64;
        count.min(recording.next_msn().saturating_sub(NEWEST))
    })
}

/// Removes all of an ended session but for these stretches, or its folder where nobody needs any of it.
fn thin_out(folder: &PathBuf, spans: &[Span]) -> Result<(), LogError> {
    let fail = |error| LogError::Io { path: folder.clone(), source: error };
    if spans.is_empty() {
        std::fs::remove_dir_all(folder).map_err(fail)?;
        info!(folder = %folder.display(), "an old session's media was removed");
        return Ok(());
    }
    let recording = Recording::fold(&SegmentLog::read(folder)?);
    let kept: Vec<u64> = {
        let mut kept: Vec<u64> = recording.within(spans).map(|(msn, _)| msn).collect();
        kept.sort_unstable();
        kept
    };
    let mut removed = 0u64;
    for msn in (0..recording.next_msn()).filter(|msn| kept.binary_search(msn).is_err()) {
        removed += u64::from(remove(&folder.join(MediaFile::Segment(msn).to_string())).map_err(fail)?);
    }
    if removed > 0 {
        info!(folder = %folder.display(), segments = removed, "media that no recording needs was removed");
    }
    Ok(())
}

/// Whether there was a file.
fn remove(path: &Path) -> std::io::Result<bool> {
    match std::fs::remove_file(path) {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(false),
        Err(error) => Err(error),
    }
}
