//! Files what sessions record in the archive, behind the live path.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

use futures_util::{FutureExt, StreamExt, stream};
use sigma_archive::{Archive, ArchiveError, Following, Step};
use sigma_log::Meta;
use tracing::{error, info, warn};

use super::sweep::NEWEST;
use crate::core::Core;

/// Stands in a session's folder once all of it is in the archive.
pub(super) const FILED: &str = "archived";

/// Sessions that are filed at once.
const AT_ONCE: usize = 8;

/// How the archive is doing.
#[derive(Debug, Default)]
pub(crate) struct ArchiveState {
    waiting: AtomicU64,
    /// Why nothing goes in at the moment.
    trouble: Mutex<Option<String>>,
}

impl ArchiveState {
    /// Bytes that wait for the archive.
    pub(crate) fn waiting(&self) -> u64 {
        self.waiting.load(Ordering::Relaxed)
    }

    /// Why nothing goes in at the moment.
    pub(crate) fn trouble(&self) -> Option<String> {
        self.trouble.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn set_trouble(&self, trouble: Option<String>) {
        *self.trouble.lock().unwrap_or_else(PoisonError::into_inner) = trouble;
    }
}

/// Follows the logs of all sessions that are kept, in rounds. Each can be cut short anywhere.
pub(crate) struct Filing {
    archive: Archive,
    followed: HashMap<String, Following>,
}

impl Filing {
    pub(crate) fn new(archive: Archive) -> Self {
        Self { archive, followed: HashMap::new() }
    }

    /// One round.
    pub(crate) async fn round(&mut self, core: &Arc<Core>) {
        let folder = core.folder.clone();
        let Ok(due) = tokio::task::spawn_blocking(move || unfiled(&folder)).await else { return };
        let archive = &self.archive;
        let mut followed = std::mem::take(&mut self.followed);
        // Boxed: of a closure that borrows, the compiler does not see that what it makes may be sent.
        let work = due.into_iter().map(|(session, folder)| {
            let following = followed.remove(&session);
            file(Arc::clone(core), archive.clone(), session, folder, following).boxed()
        });
        let work: Vec<_> = work.collect();
        let done: Vec<_> = stream::iter(work).buffer_unordered(AT_ONCE).collect().await;
        let mut trouble = None;
        for (session, following, step) in done {
            if let Err(error) = &step {
                core.figures.archive_errors.add(1);
                if trouble.is_none() {
                    trouble = Some(told(error));
                }
            }
            let Some(following) = following else { continue };
            if let Some(handle) = core.sessions.find(&session) {
                handle.live().set_archived_to(following.archived_to());
            }
            match step {
                Ok(Step::Whole) => self.filed(core, &session).await,
                _ => {
                    self.followed.insert(session, following);
                }
            }
        }
        self.make_room(core);
        let was = core.archived.trouble();
        match (&was, &trouble) {
            (None, Some(trouble)) => error!(trouble, "recordings cannot be archived; they wait on the disk"),
            (Some(_), None) => info!("recordings are archived again"),
            _ => {}
        }
        core.archived.set_trouble(trouble);
    }

    async fn filed(&self, core: &Arc<Core>, session: &str) {
        if let Err(error) = tokio::fs::write(core.folder.join(session).join(FILED), []).await {
            // It is looked at once more, which changes nothing.
            warn!(session.id = session, %error, "that a session is archived could not be noted");
        }
        info!(session.id = session, "all of the session is archived");
    }

    /// Gives up what is oldest where more waits than may.
    fn make_room(&mut self, core: &Arc<Core>) {
        let waiting = |followed: &HashMap<String, Following>| {
            followed.values().map(Following::waiting_bytes).sum::<u64>()
        };
        let total = waiting(&self.followed);
        if total > core.settings.archive_backlog {
            let share = core.settings.archive_backlog / self.followed.len().max(1) as u64;
            for (session, following) in &mut self.followed {
                let count = following.give_up(share, NEWEST);
                if count > 0 {
                    core.figures.archive_given_up.add(count);
                    error!(
                        session.id = %session,
                        segments = count,
                        "more waits for the archive than the disk may hold: the oldest segments are given up and are a gap"
                    );
                }
            }
        }
        core.archived.waiting.store(waiting(&self.followed), Ordering::Relaxed);
    }
}

/// Takes one session a step further.
async fn file(
    core: Arc<Core>,
    archive: Archive,
    session: String,
    folder: PathBuf,
    following: Option<Following>,
) -> (String, Option<Following>, Result<Step, ArchiveError>) {
    let mut following = match following {
        Some(following) => following,
        None => match Following::begin(&archive, &folder).await {
            Ok(following) => following,
            Err(error) => return (session, None, Err(error)),
        },
    };
    let before = following.archived_bytes();
    let step = following.step().await;
    core.figures.archive_bytes.add(following.archived_bytes() - before);
    (session, Some(following), step)
}

/// The sessions in the node's folder that are to be kept and are not wholly archived.
fn unfiled(live: &Path) -> Vec<(String, PathBuf)> {
    let folders = std::fs::read_dir(live).into_iter().flatten().flatten();
    folders
        .map(|folder| folder.path())
        .filter(|folder| !folder.join(FILED).exists())
        .filter_map(|folder| {
            let meta = Meta::read(&folder).ok().filter(|meta| meta.keeps)?;
            Some((meta.session, folder))
        })
        .collect()
}

fn told(error: &ArchiveError) -> String {
    let text = error.to_string();
    text.chars().take(300).collect()
}
