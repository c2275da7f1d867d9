//! Removes the media that no view needs any more.

use std::collections::{HashMap, HashSet};
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, PoisonError};
use std::time::Duration;

use sigma_archive::{Archive, ArchiveError};
use sigma_clock::{Instant, monotonic};
use sigma_hls::recording::EdgeName;
use sigma_hls::{Recording, Span};
use sigma_log::{LogError, MediaFile, SegmentLog};
use tracing::{info, warn};

use super::filing::FILED;
use super::needed::{Needed, judged_before};
use super::room::Tally;
use crate::core::Core;
use crate::session::{SessionHandle, stale_folders};

/// The newest segments of a session on air that stay, whatever may be rewound to: its log is held against them when it is
/// opened after a crash.
pub(super) const NEWEST: u64 = 128;

/// What is needed must have been the same for so long before anything else goes: between the cutting of a clip and its
/// commit there is a moment in which nobody names its media.
const GRACE: Duration = Duration::from_secs(300);

/// How often the archive is looked through.
const ARCHIVE_EVERY: Duration = Duration::from_secs(600);

/// Looks after old media, in rounds. Each can be cut short anywhere: the next finds what is left to do.
#[derive(Default)]
pub(crate) struct Sweeper {
    /// What was left of each ended session when it was last thinned out.
    thinned: HashMap<String, Needed>,
    /// The same of the archive.
    archive_thinned: HashMap<String, Needed>,
    archive_looked_at: Option<Instant>,
    /// What was needed of a session when it was first seen to be just that.
    needed: HashMap<String, (Needed, Instant)>,
    /// Of each session on air: the first segment that still stands on the disk.
    trimmed: HashMap<String, u64>,
    tally: Tally,
}

impl Sweeper {
    /// One round.
    pub(crate) async fn round(&mut self, core: &Arc<Core>) {
        self.trim_on_air(core).await;
        self.measure(core).await;
        // Of an edge that was made and is not named in the end nobody else says that it is there.
        for session in core.edged.lock().unwrap_or_else(PoisonError::into_inner).drain() {
            self.thinned.remove(&session);
            self.archive_thinned.remove(&session);
        }
        // Where there is no room, what nobody needs goes without waiting for its time.
        let is_full = core.room.now().is_full();
        if is_full || self.archive_looked_at.is_none_or(|last| last.elapsed() >= ARCHIVE_EVERY) {
            self.archive_looked_at = Some(monotonic());
            self.sweep_archive(core).await;
        }
        let age = if is_full { Duration::ZERO } else { core.settings.keep_ended };
        let folder = core.folder.clone();
        let known = core.sessions.known();
        let stale = tokio::task::spawn_blocking(move || stale_folders(&folder, age, &known));
        let Ok(stale) = stale.await else { return };
        for folder in stale {
            let Some(session) = folder.file_name().and_then(|name| name.to_str()).map(str::to_owned) else {
                continue;
            };
            if folder.join(FILED).exists() {
                // The archive has all of it.
                let gone =
                    tokio::task::spawn_blocking(move || thin_out(&folder, &Needed::default(), 0)).await;
                if let Ok(Err(error)) = gone {
                    warn!(session.id = %session, %error, "old media cannot be removed");
                }
                continue;
            }
            match core.control.wanted(&session).await {
                Ok(wanted) if wanted.on_air || wanted.everything => {}
                Ok(wanted) => {
                    let needed = Needed::from(wanted);
                    if self.thinned.get(&session) == Some(&needed) || !self.is_settled(&session, &needed) {
                        continue;
                    }
                    let (left, before) = (needed.clone(), judged_before(core, GRACE));
                    match tokio::task::spawn_blocking(move || thin_out(&folder, &left, before)).await {
                        Ok(Ok(true)) => {
                            self.thinned.insert(session, needed);
                        }
                        Ok(Ok(false)) => {}
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

    /// Finds out how much room recordings take.
    async fn measure(&mut self, core: &Core) {
        let archived = core.settings.archive.as_ref().and_then(Archive::local_sessions);
        let roots: Vec<PathBuf> = std::iter::once(core.folder.clone()).chain(archived).collect();
        let mut tally = std::mem::take(&mut self.tally);
        let counted = tokio::task::spawn_blocking(move || {
            let used = tally.count(&roots);
            (tally, used)
        });
        let Ok((tally, used)) = counted.await else { return };
        self.tally = tally;
        let was_full = core.room.now().is_full();
        core.room.measured(used);
        if core.room.now().is_full() && !was_full {
            warn!(bytes = used, "recordings have used up their room: what begins now is not recorded");
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
        self.needed.retain(|session, _| sessions.contains(session) || core.folder.join(session).exists());
        for session in sessions {
            let folder = core.folder.join(&session);
            // What is being archived is not thinned out meanwhile.
            if folder.exists() && !folder.join(FILED).exists() {
                continue;
            }
            let needed = match core.control.wanted(&session).await {
                Ok(wanted) if wanted.on_air || wanted.everything => continue,
                Ok(wanted) => Needed::from(wanted),
                Err(error) => {
                    warn!(session.id = %session, %error, "what is needed of an archived session is not known: it stays");
                    continue;
                }
            };
            if self.archive_thinned.get(&session) == Some(&needed) || !self.is_settled(&session, &needed) {
                continue;
            }
            match thin_archive(core, archive, &session, &needed).await {
                Ok(true) => {
                    self.archive_thinned.insert(session, needed);
                }
                Ok(false) => {}
                Err(error) => warn!(session.id = %session, %error, "the archive cannot be thinned out"),
            }
        }
    }

    /// Whether just this has been needed of a session for long enough.
    fn is_settled(&mut self, session: &str, needed: &Needed) -> bool {
        match self.needed.get(session) {
            Some((known, since)) if known == needed => since.elapsed() >= GRACE,
            _ => {
                self.needed.insert(session.to_owned(), (needed.clone(), monotonic()));
                false
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
                Needed::default()
            } else {
                match core.control.wanted(handle.id()).await {
                    Ok(wanted) => wanted.into(),
                    Err(_) => continue,
                }
            };
            let kept = handle.live().read_recording(|recording| wanted.segments(recording));
            let folder = core.folder.join(handle.id());
            match tokio::task::spawn_blocking(move || remove_but(&folder, from..to, &kept)).await {
                Ok(Ok(_)) => {
                    self.trimmed.insert(handle.id().to_owned(), to);
                }
                // The next round tries again.
                Ok(Err(error)) => {
                    warn!(session.id = handle.id(), %error, "media behind the rewind window cannot be removed");
                }
                Err(_) => return,
            }
        }
    }
}

/// Whether it was thinned out for good; a session that began lately is left alone, for a recording of it may not be known yet.
async fn thin_archive(
    core: &Core,
    archive: &Archive,
    session: &str,
    needed: &Needed,
) -> Result<bool, ArchiveError> {
    let Some(archived) = archive.load(session).await? else { return Ok(false) };
    let age_us = core.clock.now().micros().saturating_sub(archived.meta.created_us);
    let young = u128::try_from(age_us).unwrap_or(0) < core.settings.keep_ended.as_micros();
    if young && !core.room.now().is_full() {
        return Ok(false);
    }
    let (kept, before) = (needed.segments(&Recording::fold(&archived.entries)), judged_before(core, GRACE));
    let has_fresh = AtomicBool::new(false);
    let is_kept = |file: MediaFile, written: i64| match file {
        MediaFile::Segment(msn) => kept.contains(&msn),
        MediaFile::Edge(name) if needed.edges.contains(&EdgeName(name)) => true,
        MediaFile::Edge(_) => {
            let is_fresh = written >= before;
            has_fresh.fetch_or(is_fresh, Ordering::Relaxed);
            is_fresh
        }
        MediaFile::Init(_) => true,
    };
    let removed = archive.thin_out(session, is_kept, kept.is_empty() && needed.edges.is_empty()).await?;
    if removed > 0 {
        info!(session.id = session, files = removed, "what no recording needs was removed from the archive");
    }
    Ok(!has_fresh.into_inner())
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

/// Removes all of an ended session but for what is needed of it, and for edges that were not written before this moment; or its
/// folder where nobody needs any of it. Answers whether that is all for good.
fn thin_out(folder: &PathBuf, needed: &Needed, before_us: i64) -> Result<bool, LogError> {
    let fail = |error| LogError::Io { path: folder.clone(), source: error };
    if needed.is_nothing() {
        std::fs::remove_dir_all(folder).map_err(fail)?;
        info!(folder = %folder.display(), "an old session's media was removed");
        return Ok(true);
    }
    let recording = Recording::fold(&SegmentLog::read(folder)?);
    let kept = needed.segments(&recording);
    let segments = remove_but(folder, 0..recording.next_msn(), &kept).map_err(fail)?;
    let (edges, has_fresh) = needed.remove_edges(folder, before_us).map_err(fail)?;
    if segments + edges > 0 {
        info!(folder = %folder.display(), segments, edges, "media that no recording needs was removed");
    }
    Ok(!has_fresh)
}

/// Removes these segments but for `kept`; how many files that were. A gap has none.
fn remove_but(folder: &Path, segments: Range<u64>, kept: &HashSet<u64>) -> std::io::Result<u64> {
    let mut removed = 0;
    for msn in segments.filter(|msn| !kept.contains(msn)) {
        removed += u64::from(remove(&folder.join(MediaFile::Segment(msn).to_string()))?);
    }
    Ok(removed)
}

/// Whether there was a file.
pub(super) fn remove(path: &Path) -> std::io::Result<bool> {
    match std::fs::remove_file(path) {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(false),
        Err(error) => Err(error),
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use sigma_archive::{Following, Place, Step};
    use sigma_clock::{Clock, SystemClock};
    use sigma_log::{Entry, Meta};
    use simulation::Dice;

    use super::*;
    use crate::Node;
    use crate::control::Wanted;
    use crate::control::{LatencyMode, NodeSettings, SessionFacts};
    use crate::edges::UNFINISHED;
    use crate::office::Office;

    const SEGMENTS: u64 = 40;
    const SECOND: u64 = 1_000_000;

    /// An ended session of two-second segments, one of which is a gap.
    fn record(live: &Path, session: &str) {
        let mut log = begin(live, session, true, SEGMENTS);
        log.append(&Entry::Ended, &[]).unwrap();
    }

    /// The same, without an end yet.
    fn begin(live: &Path, session: &str, keeps: bool, segments: u64) -> SegmentLog {
        let meta = Meta {
            session: session.into(),
            channel: "ch_1".into(),
            playback_id: "abc".into(),
            mode: "LOW".into(),
            part_target_ms: None,
            segment_target_ms: 2_000,
            created_us: 0,
            rewind_ms: None,
            keeps,
            extra: Default::default(),
        };
        let mut log = SegmentLog::create(&live.join(session), &meta).unwrap();
        log.append(&Entry::Target { seconds: 2 }, &[]).unwrap();
        for msn in 0..segments {
            let duration = 180_000;
            if msn == 11 {
                log.append(&Entry::GapSegment { msn, duration }, &[]).unwrap();
                continue;
            }
            let part = Entry::Part { msn, part: 0, offset: 0, len: 5, duration, independent: true };
            log.append(&part, &[Bytes::from_static(b"media")]).unwrap();
            let whole = Entry::Segment { msn, duration, parts: 1, independent: true, len: 5 };
            log.append(&whole, &[]).unwrap();
        }
        log.append(&Entry::Live { from_msn: 0 }, &[]).unwrap();
        log
    }

    fn left(folder: &Path) -> Vec<u64> {
        (0..SEGMENTS).filter(|msn| folder.join(format!("{msn}.m4s")).exists()).collect()
    }

    /// What must stay: every segment that a stretch touches the middle of.
    fn must_stay(spans: &[Span]) -> Vec<u64> {
        let is_named = |msn: &u64| {
            let middle = (msn * 2 + 1) * SECOND;
            *msn != 11 && spans.iter().any(|span| span.from_us <= middle && middle < span.to_us)
        };
        (0..SEGMENTS).filter(is_named).collect()
    }

    /// Edges of cuts: what is in each is all the same. Those that are old were written an hour ago.
    struct Edges {
        named: Vec<u128>,
        fresh: Vec<u128>,
    }

    const EDGES: std::ops::Range<u128> = 1..7;

    fn edge_file(folder: &Path, name: u128) -> PathBuf {
        folder.join(MediaFile::Edge(name).to_string())
    }

    impl Edges {
        fn made(folders: &[PathBuf], dice: &mut Dice) -> Self {
            let mut edges = Self { named: Vec::new(), fresh: Vec::new() };
            for name in EDGES {
                let is_fresh = dice.once_in(3);
                for folder in folders {
                    std::fs::write(edge_file(folder, name), b"edge").unwrap();
                    let file = std::fs::File::options().write(true).open(edge_file(folder, name)).unwrap();
                    let age = Duration::from_secs(if is_fresh { 0 } else { 3_600 });
                    let now = std::time::UNIX_EPOCH
                        + Duration::from_micros(SystemClock.now().micros().unsigned_abs());
                    file.set_modified(now - age).unwrap();
                }
                if is_fresh {
                    edges.fresh.push(name);
                }
                if dice.once_in(2) {
                    edges.named.push(name);
                }
            }
            edges
        }

        fn stay(&self) -> Vec<u128> {
            EDGES.filter(|name| self.named.contains(name) || self.fresh.contains(name)).collect()
        }
    }

    fn edges_left(folder: &Path) -> Vec<u128> {
        EDGES.filter(|name| edge_file(folder, *name).exists()).collect()
    }

    struct Scene {
        folder: tempfile::TempDir,
        office: Arc<Office>,
        core: Arc<Core>,
        sweeper: Sweeper,
    }

    fn scene() -> Scene {
        scene_with(Duration::ZERO, None)
    }

    fn scene_with(keep_ended: Duration, recordings_limit: Option<u64>) -> Scene {
        let folder = tempfile::tempdir().unwrap();
        let office = Office::there();
        let archive = Some(Archive::open(&Place::Folder(folder.path().join("objects"))).unwrap());
        let settings = NodeSettings { keep_ended, archive, recordings_limit, ..NodeSettings::new([0; 32]) };
        let live = folder.path().join("live");
        let node = Node::open(settings, &live, office.clone(), Arc::new(SystemClock)).unwrap();
        Scene { folder, office, core: Arc::clone(&node.core), sweeper: Sweeper::default() }
    }

    impl Scene {
        fn live(&self) -> PathBuf {
            self.folder.path().join("live")
        }

        fn archived(&self) -> PathBuf {
            self.folder.path().join("objects/sessions/se_1")
        }

        fn needs(&self, wanted: Wanted) {
            *self.office.wanted.lock().unwrap() = wanted;
        }

        /// Rounds for as long as it takes until what is needed counts as settled, and one more.
        async fn rounds(&mut self) {
            for _ in 0..=2 * ARCHIVE_EVERY.as_secs() / 60 {
                self.sweeper.round(&self.core).await;
                sigma_clock::sleep(Duration::from_secs(61)).await;
            }
        }
    }

    #[tokio::test(start_paused = true)]
    async fn nothing_goes_that_something_names_wherever_it_stands() {
        let mut dice = Dice::new(7);
        for round in 0..12 {
            let mut scene = scene();
            record(&scene.live(), "se_1");
            let archive = scene.core.settings.archive.clone().unwrap();
            let mut following = Following::begin(&archive, &scene.live().join("se_1")).await.unwrap();
            assert_eq!(following.step().await.unwrap(), Step::Whole);
            let in_archive = round % 2 == 0;
            let edges = Edges::made(&[scene.live().join("se_1"), scene.archived()], &mut dice);
            if in_archive {
                std::fs::write(scene.live().join("se_1").join(FILED), []).unwrap();
            }
            let spans: Vec<Span> = (0..1 + dice.index(3))
                .map(|_| {
                    let from_us = dice.within(0..70) * SECOND;
                    Span { from_us, to_us: from_us + dice.within(1..20) * SECOND }
                })
                .collect();
            let names = edges.named.iter().copied().map(EdgeName).collect();
            scene.needs(Wanted { spans: spans.clone(), edges: names, ..Wanted::default() });
            scene.rounds().await;
            let stays = if in_archive { scene.archived() } else { scene.live().join("se_1") };
            assert_eq!(left(&stays), must_stay(&spans), "of {spans:?}");
            assert_eq!(edges_left(&stays), edges.stay(), "{:?} are named", edges.named);
            scene.needs(Wanted::default());
            scene.rounds().await;
            assert!(!stays.exists() || left(&stays).is_empty(), "what nobody needs goes");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn an_edge_that_nobody_named_in_the_end_goes_after_its_grace() {
        let mut scene = scene();
        record(&scene.live(), "se_1");
        let folder = scene.live().join("se_1");
        scene.needs(Wanted { spans: vec![Span { from_us: 0, to_us: 10 * SECOND }], ..Wanted::default() });
        scene.rounds().await;
        // Made of what was thinned out long ago, and then refused.
        let unfinished = folder.join(format!("{}.7{UNFINISHED}", MediaFile::Edge(3)));
        for path in [edge_file(&folder, 3), unfinished.clone()] {
            std::fs::write(path, b"edge").unwrap();
        }
        scene.core.edged.lock().unwrap().insert("se_1".to_owned());
        scene.rounds().await;
        assert!(edge_file(&folder, 3).exists() && unfinished.exists(), "it may be about to be named");
        for path in [edge_file(&folder, 3), unfinished.clone()] {
            let file = std::fs::File::options().write(true).open(path).unwrap();
            file.set_modified(std::time::UNIX_EPOCH).unwrap();
        }
        scene.rounds().await;
        assert!(!edge_file(&folder, 3).exists() && !unfinished.exists());
        assert_eq!(left(&folder), (0..5).collect::<Vec<_>>());
    }

    #[tokio::test(start_paused = true)]
    async fn what_is_recorded_or_on_air_stays_and_nothing_goes_at_first_sight() {
        let mut scene = scene();
        record(&scene.live(), "se_1");
        let all = left(&scene.live().join("se_1"));
        for stays in
            [Wanted { everything: true, ..Wanted::default() }, Wanted { on_air: true, ..Wanted::default() }]
        {
            scene.needs(stays);
            scene.rounds().await;
            assert_eq!(left(&scene.live().join("se_1")), all);
        }
        scene.needs(Wanted::default());
        scene.sweeper.round(&scene.core).await;
        assert_eq!(left(&scene.live().join("se_1")), all, "a clip may be about to be");
        scene.rounds().await;
        assert!(!scene.live().join("se_1").exists());
    }

    #[tokio::test(start_paused = true)]
    async fn a_session_on_air_that_is_not_recorded_keeps_what_its_clips_name() {
        let mut scene = scene();
        let live = scene.live();
        drop(begin(&live, "se_1", false, 3 * NEWEST));
        let facts = SessionFacts {
            session: "se_1".to_owned(),
            channel: "ch_1".to_owned(),
            playback_id: "abc".to_owned(),
            mode: LatencyMode::Low,
            auto_go_live: true,
            live: true,
            rewind: Duration::ZERO,
            keeps: false,
            has_media: true,
        };
        scene.core.sessions.restore(&scene.core, facts).unwrap();
        let span = |from: u64, to: u64| Span { from_us: from * SECOND, to_us: to * SECOND };
        // Of two clips the later one's asset came in first.
        let spans = vec![span(50, 60), span(4, 12)];
        scene.needs(Wanted { on_air: true, spans: spans.clone(), ..Wanted::default() });
        scene.sweeper.round(&scene.core).await;
        assert_eq!(left(&live.join("se_1")), must_stay(&spans));
    }

    #[tokio::test(start_paused = true)]
    async fn where_there_is_no_room_what_nobody_needs_goes_before_its_time() {
        let day = Duration::from_secs(24 * 3_600);
        for (limit, goes) in [(None, false), (Some(1 << 30), false), (Some(1), true)] {
            let mut scene = scene_with(day, limit);
            record(&scene.live(), "se_1");
            scene.needs(Wanted::default());
            scene.rounds().await;
            assert_eq!(!scene.live().join("se_1").exists(), goes, "{limit:?}");
            let room = scene.core.room.now();
            assert_eq!((room.limit, room.used == 0), (limit, goes));
        }
    }
}
