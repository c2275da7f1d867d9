//! The register of sessions: on air, just ended, or read back from disk for someone who asks.

use std::collections::{HashMap, HashSet};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::Duration;

use sigma_archive::{Archive, ArchiveError};
use sigma_clock::{Instant, monotonic};
use sigma_hls::{Profile, Recording, Rendition, Timeline};
use sigma_log::{Entry, LogError, LogReader, MediaFile, Meta, SegmentLog};
use sigma_packager::{Packager, Settings};
use tokio::sync::{mpsc, oneshot};
use tracing::{Instrument, error, info, info_span, warn};

use super::actor::{Actor, Work};
use super::handle::{MAIL_LIMIT, Message, SessionHandle};
use super::health::{Monitor, SessionHealth};
use super::live::LiveSession;
use super::store::MediaStore;
use crate::control::{Denied, LatencyMode, SessionFacts};
use crate::core::Core;
use crate::ingest::OnAirFeed;

/// How long an ended session stays in memory after it was last asked for. Later it is read back from disk.
const KEEP_IN_MEMORY: Duration = Duration::from_secs(600);

/// How many ended sessions are in memory at most.
const ENDED_IN_MEMORY: usize = 64;

#[derive(Debug)]
struct Registered {
    handle: SessionHandle,
    asked: Mutex<Instant>,
}

/// All sessions that the node knows.
#[derive(Debug, Default)]
pub(crate) struct Sessions {
    by_id: RwLock<HashMap<String, Registered>>,
    /// Held while a session's log is opened: a log has one writer, and many readers of an ended one share a single read.
    opening: tokio::sync::Mutex<()>,
}

impl Registered {
    fn touch(&self) {
        *self.asked.lock().unwrap_or_else(PoisonError::into_inner) = monotonic();
    }

    fn asked(&self) -> Instant {
        *self.asked.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Why a session cannot go on air here.
#[derive(Debug, thiserror::Error)]
pub(crate) enum BeginError {
    /// Its log cannot be used.
    #[error(transparent)]
    Log(#[from] LogError),
    /// What was left of a log whose making was cut short cannot be removed.
    #[error("the remains of a session's log cannot be removed: {0}")]
    Remains(#[from] std::io::Error),
    /// It has ended meanwhile.
    #[error("the session has ended")]
    Ended,
    /// It had a log, which is not here any more. One that began anew would give other media under the same names.
    #[error("the session's log is gone: it ends, and its broadcaster begins another")]
    Gone,
}

/// The packager's and the playlists' numbers of a latency mode.
fn numbers(mode: LatencyMode) -> (Settings, Profile) {
    match mode {
        LatencyMode::Normal => (Settings::NORMAL, Profile::NORMAL),
        LatencyMode::Low => (Settings::LOW, Profile::LOW),
        LatencyMode::UltraLow => (Settings::ULTRA_LOW, Profile::ULTRA_LOW),
    }
}

impl LatencyMode {
    fn word(self) -> &'static str {
        match self {
            Self::Normal => "NORMAL",
            Self::Low => "LOW",
            Self::UltraLow => "ULTRA_LOW",
        }
    }

    fn from_word(word: &str) -> Option<Self> {
        [Self::Normal, Self::Low, Self::UltraLow].into_iter().find(|mode| mode.word() == word)
    }
}

impl Sessions {
    /// The session, if it is in memory.
    pub(crate) fn find(&self, session: &str) -> Option<SessionHandle> {
        let by_id = self.by_id.read().unwrap_or_else(PoisonError::into_inner);
        by_id.get(session).map(|registered| registered.handle.clone())
    }

    /// The ids of all that are in memory.
    pub(crate) fn known(&self) -> HashSet<String> {
        self.by_id.read().unwrap_or_else(PoisonError::into_inner).keys().cloned().collect()
    }

    /// Every session that has an actor.
    pub(crate) fn on_air(&self) -> Vec<SessionHandle> {
        let by_id = self.by_id.read().unwrap_or_else(PoisonError::into_inner);
        let alive = by_id.values().filter(|registered| !registered.handle.mail.is_closed());
        alive.map(|registered| registered.handle.clone()).collect()
    }

    /// How many sessions have an actor.
    pub(crate) fn on_air_count(&self) -> usize {
        let by_id = self.by_id.read().unwrap_or_else(PoisonError::into_inner);
        by_id.values().filter(|registered| !registered.handle.mail.is_closed()).count()
    }

    /// Whether a session of this channel has an actor: it delivers, or waits for its broadcaster.
    pub(crate) fn is_on_air(&self, channel: &str) -> bool {
        let by_id = self.by_id.read().unwrap_or_else(PoisonError::into_inner);
        let mut alive = by_id.values().filter(|registered| !registered.handle.mail.is_closed());
        alive.any(|registered| registered.handle.live().facts.channel == channel)
    }

    /// A feed was let in: its session is there from now on.
    pub(crate) async fn feed_opened(
        &self,
        core: &Arc<Core>,
        facts: SessionFacts,
        feed: u32,
        seat: Arc<OnAirFeed>,
    ) -> Result<SessionHandle, Denied> {
        let session = facts.session.clone();
        let opening = self.opening.lock().await;
        let handle = match self.find(&session).filter(|handle| !handle.mail.is_closed()) {
            Some(handle) => handle,
            // It is about to end; his next attempt begins another.
            None if core.gone.holds(&session) => return Err(Denied::Unavailable),
            None => self.begin(core, facts).map_err(|failure| {
                error!(session.id = %session, error = %failure, "a session's log cannot be written");
                Denied::Unavailable
            })?,
        };
        drop(opening);
        match handle.tell(Message::FeedOpened { feed, seat }).await {
            Ok(()) => Ok(handle),
            Err(_) => Err(Denied::Unavailable),
        }
    }

    /// Brings back a session that was on air when the server went down: what was listed, then gaps.
    pub(crate) fn restore(&self, core: &Arc<Core>, facts: SessionFacts) -> Result<(), BeginError> {
        match Meta::read(&core.folder.join(&facts.session)) {
            Err(error) if error.is_missing() && facts.has_media => Err(BeginError::Gone),
            Err(error) if facts.has_media => Err(error.into()),
            _ => self.begin(core, facts).map(|_| ()),
        }
    }

    /// Starts the actor of a session, on its log where there is one.
    fn begin(&self, core: &Arc<Core>, facts: SessionFacts) -> Result<SessionHandle, BeginError> {
        let (settings, profile) = numbers(facts.mode);
        let folder = core.folder.join(&facts.session);
        let session = facts.session.clone();
        let known = Meta::read(&folder).is_ok();
        let (timeline, recording, log, packager, rendition) = if known {
            let opened = SegmentLog::open(&folder)?;
            if opened.cut > 0 {
                info!(session.id = %session, bytes = opened.cut, "an unfinished end of the segment log was cut");
            }
            let timeline = Timeline::fold(profile, &opened.entries, core.clock.now().micros());
            if timeline.is_ended() {
                return Err(BeginError::Ended);
            }
            let target = timeline.target_duration();
            let packager = Packager::resume(settings, target, timeline.media_ticks());
            let mut rendition = Rendition::resume(&timeline);
            if let Some(latest) = timeline.latest_init() {
                let (reader, file) = (opened.log.reader(), MediaFile::Init(latest.init));
                if let Some(range) = reader.whole(file)? {
                    rendition.remember_init(reader.read(&range)?);
                }
            }
            (timeline, Recording::fold(&opened.entries), opened.log, packager, rendition)
        } else {
            let meta = Meta {
                session: facts.session.clone(),
                channel: facts.channel.clone(),
                playback_id: facts.playback_id.clone(),
                mode: facts.mode.word().to_owned(),
                part_target_ms: profile.part_target_ms,
                segment_target_ms: profile.segment_target_ms,
                created_us: core.clock.now().micros(),
                rewind_ms: u64::try_from(facts.rewind.as_millis()).ok(),
                keeps: facts.keeps,
                extra: Default::default(),
            };
            if folder.exists() && !Meta::is_in(&folder) {
                // Its making was cut short, so nothing of it was ever listed.
                std::fs::remove_dir_all(&folder)?;
            }
            let log = SegmentLog::create(&folder, &meta)?;
            let rendition = Rendition::new(profile);
            (Timeline::new(profile), Recording::default(), log, Packager::new(settings), rendition)
        };
        let (mail, letters) = mpsc::channel(MAIL_LIMIT);
        let live_already = facts.live;
        let has_media = timeline.next_msn() > 0 || timeline.media_ticks() > 0;
        let now_us = core.clock.now().micros();
        let monitor = Monitor::new(facts.mode.into(), core.settings.health, known, now_us);
        let store = MediaStore::new(&session, log.reader(), core.settings.archive.clone());
        let live = Arc::new(LiveSession::new(facts, timeline, recording, store, monitor.health()));
        let work = Work { log, packager, rendition, monitor };
        let mut actor = Actor::new(Arc::clone(core), Arc::clone(&live), work, mail.downgrade());
        if has_media {
            actor.restarted();
        }
        let handle = SessionHandle { live, mail };
        if live_already {
            // A crash can have come between the event and the log's entry.
            let _ = handle.mail.try_send(Message::GoLive);
        }
        tokio::spawn(actor.run(letters).instrument(info_span!("session", id = %session)));
        self.register(session, handle.clone());
        Ok(handle)
    }

    /// The session for a viewer: in memory, or read back from disk or from the archive when it has ended.
    ///
    /// # Errors
    /// This node has none of it, and the archive does not answer.
    pub(crate) async fn look_up(
        &self,
        core: &Arc<Core>,
        session: &str,
    ) -> Result<Option<Arc<LiveSession>>, ArchiveError> {
        if let Some(live) = self.recall(session) {
            return Ok(Some(live));
        }
        let opening = self.opening.lock().await;
        if let Some(live) = self.recall(session) {
            return Ok(Some(live));
        }
        let folder = core.folder.join(session);
        let is_here = Meta::is_in(&folder);
        let (now_us, archive) = (core.clock.now().micros(), core.settings.archive.clone());
        let reading = move || read_ended(&folder, archive, now_us);
        if let Some(read) = tokio::task::spawn_blocking(reading).await.ok().flatten() {
            return Ok(Some(self.keep_ended(session, read)));
        }
        // Feeds do not wait for a store that is far away.
        drop(opening);
        if is_here {
            return Ok(None);
        }
        let Some(read) = load_archived(core, session).await? else { return Ok(None) };
        Ok(Some(self.recall(session).unwrap_or_else(|| self.keep_ended(session, read))))
    }

    fn keep_ended(&self, session: &str, read: LiveSession) -> Arc<LiveSession> {
        let (mail, _) = mpsc::channel(1);
        let handle = SessionHandle { live: Arc::new(read), mail };
        let live = Arc::clone(handle.live());
        self.register(session.to_owned(), handle);
        live
    }

    /// What is in memory of a session, remembering that it was asked for.
    fn recall(&self, session: &str) -> Option<Arc<LiveSession>> {
        let by_id = self.by_id.read().unwrap_or_else(PoisonError::into_inner);
        let registered = by_id.get(session)?;
        registered.touch();
        Some(Arc::clone(registered.handle.live()))
    }

    /// Gives the log of a session that has no actor its end.
    pub(crate) async fn end_on_disk(&self, core: &Arc<Core>, session: &str) {
        let _opening = self.opening.lock().await;
        if self.find(session).is_some() {
            return;
        }
        let folder = core.folder.join(session);
        let ended = tokio::task::spawn_blocking(move || match Meta::read(&folder) {
            Ok(_) => end_log(&folder),
            // It never had one.
            Err(_) => Ok(false),
        });
        match ended.await {
            Ok(Ok(_)) => {}
            Ok(Err(error)) => warn!(session.id = session, %error, "an ended session's log cannot be closed"),
            Err(_) => warn!(session.id = session, "closing an ended session's log failed"),
        }
    }

    fn register(&self, session: String, handle: SessionHandle) {
        let mut by_id = self.by_id.write().unwrap_or_else(PoisonError::into_inner);
        by_id.insert(session, Registered { handle, asked: Mutex::new(monotonic()) });
    }

    /// Lets go of ended sessions that were long in memory, and of the oldest beyond the limit.
    pub(crate) fn tidy(&self) {
        let mut by_id = self.by_id.write().unwrap_or_else(PoisonError::into_inner);
        for registered in by_id.values().filter(|registered| !registered.handle.mail.is_closed()) {
            registered.touch();
        }
        by_id.retain(|_, registered| registered.asked().elapsed() < KEEP_IN_MEMORY);
        let mut ended: Vec<(Instant, String)> = by_id
            .iter()
            .filter(|(_, registered)| registered.handle.mail.is_closed())
            .map(|(session, registered)| (registered.asked(), session.clone()))
            .collect();
        if ended.len() > ENDED_IN_MEMORY {
            ended.sort();
            for (_, session) in &ended[..ended.len() - ENDED_IN_MEMORY] {
                by_id.remove(session);
            }
        }
    }

    /// Writes down every session on air and leaves it resumable; waits until the control plane knows, for `within`
    /// at most.
    pub(crate) async fn park_all(&self, within: Duration) {
        let mut waits = Vec::new();
        for handle in self.on_air() {
            let (done, parked) = oneshot::channel();
            if handle.tell(Message::Park { done }).await.is_ok() {
                waits.push((handle, parked));
            }
        }
        let all = async {
            for (handle, parked) in waits {
                let _ = parked.await;
                handle.over().await;
            }
        };
        if sigma_clock::timeout(within, all).await.is_err() {
            warn!("not every session could be reported as interrupted; they are found at the next start");
        }
    }
}

/// Reads an ended session's log. One that has not ended belongs to an actor, and is not shown from here.
fn read_ended(folder: &Path, archive: Option<Archive>, now_us: i64) -> Option<LiveSession> {
    let meta = Meta::read(folder).ok()?;
    let opened =
        SegmentLog::open(folder).map_err(|error| warn!(%error, "an ended session cannot be read")).ok()?;
    ended(meta, &opened.entries, opened.log.reader(), archive, now_us)
}

/// An ended session that this node has none of, as the archive has it.
async fn load_archived(core: &Arc<Core>, session: &str) -> Result<Option<LiveSession>, ArchiveError> {
    let Some(archive) = &core.settings.archive else { return Ok(None) };
    let loaded = archive.load(session).await;
    let loaded = loaded
        .inspect_err(|error| warn!(session.id = session, %error, "an archived session cannot be read"))?;
    let Some(archived) = loaded else { return Ok(None) };
    let mut entries = archived.entries;
    if archived.is_recovered {
        // Segments do not tell of the end.
        entries.push(Entry::Ended);
    }
    let reader = LogReader::new(&core.folder.join(session));
    Ok(ended(archived.meta, &entries, reader, Some(archive.clone()), core.clock.now().micros()))
}

fn ended(
    meta: Meta,
    entries: &[Entry],
    reader: LogReader,
    archive: Option<Archive>,
    now_us: i64,
) -> Option<LiveSession> {
    let mode = LatencyMode::from_word(&meta.mode)?;
    let (_, profile) = numbers(mode);
    let timeline = Timeline::fold(profile, entries, now_us);
    if !timeline.is_ended() {
        return None;
    }
    let live = timeline.live_from().is_some();
    let facts = SessionFacts {
        session: meta.session,
        channel: meta.channel,
        playback_id: meta.playback_id,
        mode,
        auto_go_live: false,
        live,
        rewind: meta.rewind_ms.map_or(Duration::ZERO, Duration::from_millis),
        keeps: meta.keeps,
        has_media: true,
    };
    let recording = Recording::fold(entries);
    let store = MediaStore::new(&facts.session, reader, archive);
    Some(LiveSession::new(facts, timeline, recording, store, SessionHealth::of_ended()))
}

/// Ends a log; false when it had its end.
fn end_log(folder: &Path) -> Result<bool, LogError> {
    let mut opened = SegmentLog::open(folder)?;
    let open = opened.entries.last() != Some(&Entry::Ended);
    if open {
        opened.log.append(&Entry::Ended, &[])?;
    }
    Ok(open)
}

/// Ends the logs of sessions that the control plane does not know as on air: a crash came between its event and the
/// log's entry. `on_air` are those that it does know.
pub(crate) fn end_orphans(live: &Path, on_air: &HashSet<String>) -> Result<(), LogError> {
    for (folder, meta) in sigma_log::discover(live)? {
        let session = match meta {
            Ok(meta) if on_air.contains(&meta.session) => continue,
            Ok(meta) => meta.session,
            Err(error) => {
                warn!(%error, "a session's folder cannot be read");
                continue;
            }
        };
        match end_log(&folder) {
            Ok(true) => {
                info!(session.id = %session, "a session that ended while the server was down got its end")
            }
            Ok(false) => {}
            Err(error) => warn!(session.id = %session, %error, "a session's log cannot be closed"),
        }
    }
    Ok(())
}

/// The folders of sessions whose log has not been written for `age`, but for those in `known`: on air, or served.
pub(crate) fn stale_folders(live: &Path, age: Duration, known: &HashSet<String>) -> Vec<PathBuf> {
    let Ok(entries) = std::fs::read_dir(live) else { return Vec::new() };
    entries
        .flatten()
        .filter(|entry| entry.file_name().to_str().is_none_or(|name| !known.contains(name)))
        .map(|entry| entry.path())
        .filter(|folder| {
            let index = std::fs::read_dir(folder).into_iter().flatten().flatten();
            let newest = index.filter_map(|file| file.metadata().ok()?.modified().ok()?.elapsed().ok()).min();
            newest.is_some_and(|newest| newest >= age)
        })
        .collect()
}
