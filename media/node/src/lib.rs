//! A media node: takes feeds in over RTMP, packages them, keeps their segment logs and serves them as LL-HLS.
//!
//! It knows nothing of channels' rules: it asks the control plane through [`Control`], and is told what follows from
//! events ([`Node::go_live`], [`Node::end`]).

mod control;
mod core;
mod edges;
mod figures;
mod ingest;
mod keeping;
#[cfg(test)]
mod office;
mod origin;
mod paths;
mod session;

use std::collections::HashSet;
use std::io;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use sigma_archive::ArchiveError;
use sigma_clock::Clock;
use sigma_door::Identity;
use sigma_log::Meta;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tracing::{error, info, warn};

pub use control::{
    AssetFacts, AssetKind, AssetStanding, Control, ControlError, CutError, CutPoint, CutRange, Denied, Edge,
    EdgeInit, EdgeName, Edit, Extent, FeedFacts, FeedGrant, InputFormat, KeyHolder, LatencyMode, LossCause,
    NodeSettings, NotCut, Playback, Recorded, Recording, Report, SessionFacts, Span, Standing, StreamKey,
    Unusable, Wanted, Warning, WarningChange, WarningName,
};
pub use edges::NotExact;
pub use figures::{Family, FamilyKind, FamilySample};
pub use keeping::RoomUse;
pub use origin::{Answer, Body, JoinedBody, Origin, SlicedBody, respond};
pub use paths::SessionPaths;
pub use session::{HealthFollower, HealthSample, KEPT as HEALTH_SAMPLES_KEPT, SessionHealth};
pub use sigma_health::{
    Data as WarningData, Sample, Standing as StandingWarning, THRESHOLDS, Threshold, Thresholds, Unit,
};
pub use sigma_hls::vod::{Run, runs};

use crate::core::Core;
use crate::keeping::{Filing, Sweeper};
use crate::session::{BeginError, Sessions, end_orphans};

/// How often ended sessions are looked after.
const TIDY: Duration = Duration::from_secs(60);

/// How often the archive is given what was closed meanwhile.
const FILE: Duration = Duration::from_secs(1);

/// How long a stop waits for the control plane to take the last reports.
const PARK_WITHIN: Duration = Duration::from_secs(2);

/// A media node.
#[derive(Clone)]
pub struct Node {
    core: Arc<Core>,
}

impl std::fmt::Debug for Node {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Node").field("folder", &self.core.folder).finish_non_exhaustive()
    }
}

impl Node {
    /// A node that keeps its segment logs in `folder` (`DATA_DIR/live`), which is made, and what it makes for downloads in
    /// `downloads` beside it.
    ///
    /// # Errors
    /// When the folder cannot be made.
    pub fn open(
        settings: NodeSettings,
        folder: &Path,
        control: Arc<dyn Control>,
        clock: Arc<dyn Clock>,
    ) -> io::Result<Self> {
        std::fs::create_dir_all(folder)?;
        let paths = paths::Paths::new(&settings.path_secret);
        let entrance = ingest::Entrance::new(&settings);
        let room = keeping::Room::new(settings.recordings_limit);
        let gallery = origin::pictures::Gallery::new(settings.pictures.clone());
        let downloads =
            origin::downloads::Downloads::open(folder.with_file_name("downloads"), Arc::clone(&clock))?;
        let core = Core {
            entrance,
            settings,
            control,
            clock,
            folder: folder.to_owned(),
            paths,
            on_air: ingest::OnAir::default(),
            sessions: Sessions::default(),
            archived: keeping::ArchiveState::default(),
            room,
            gallery,
            downloads,
            gone: keeping::Gone::default(),
            recordings: origin::recordings::Recordings::default(),
            edges: tokio::sync::Semaphore::new(edges::AT_ONCE),
            edges_lately: edges::Lately::default(),
            edged: std::sync::Mutex::default(),
            #[cfg(not(test))]
            scribe: session::Scribe::start()?,
            #[cfg(test)]
            scribe: session::Scribe::in_place(),
            unwritten: AtomicUsize::new(0),
            figures: figures::Figures::default(),
            stopping: AtomicBool::new(false),
        };
        Ok(Self { core: Arc::new(core) })
    }

    /// Brings back the sessions that were on air when the server went down, before any door opens; the logs of all
    /// others get their end.
    pub fn restore(&self, on_air: Vec<SessionFacts>) {
        let ids: HashSet<String> = on_air.iter().map(|facts| facts.session.clone()).collect();
        if let Err(error) = end_orphans(&self.core.folder, &ids) {
            warn!(%error, "sessions that ended meanwhile could not all be closed");
        }
        keeping::tell_untold(&self.core);
        for facts in on_air {
            let session = facts.session.clone();
            match self.core.sessions.restore(&self.core, facts) {
                Ok(()) => info!(session.id = %session, "a session waits for its broadcaster"),
                Err(error) => {
                    error!(session.id = %session, %error, "a session's log cannot be opened");
                    if matches!(error, BeginError::Gone) {
                        keeping::tell_gone(&self.core, &session);
                    }
                }
            }
        }
    }

    /// Serves RTMP on `listener` until `stop` turns true.
    pub async fn serve_rtmp(&self, listener: TcpListener, stop: watch::Receiver<bool>) {
        ingest::serve(listener, None, Arc::clone(&self.core), stop).await;
    }

    /// Serves RTMP over TLS on `listener` until `stop` turns true.
    pub async fn serve_rtmps(&self, listener: TcpListener, identity: Identity, stop: watch::Receiver<bool>) {
        ingest::serve(listener, Some(identity), Arc::clone(&self.core), stop).await;
    }

    /// The origin.
    pub fn origin(&self) -> Origin {
        Origin::new(Arc::clone(&self.core))
    }

    /// The session is public from now on. Saying it again changes nothing.
    pub fn go_live(&self, session: &str) {
        if let Some(handle) = self.core.sessions.find(session) {
            handle.tell_soon(session::Message::GoLive);
        }
    }

    /// The session is over: its feed is cut with `reason`, a sentence for the broadcaster; its playlist ends.
    pub async fn end(&self, session: &str, reason: &str) {
        let found = self.core.sessions.find(session);
        // What viewers have of one whose log is gone has no actor.
        match found.filter(|_| !self.core.gone.holds(session)) {
            Some(handle) => handle.tell_soon(session::Message::End { reason: reason.to_owned() }),
            // One that could not be restored, say. One that is just being let in hears of its end with its first report.
            None => {
                self.core.sessions.end_on_disk(&self.core, session).await;
                keeping::tell(&self.core, session);
            }
        }
    }

    /// This session was this node's, and has ended, perhaps while the node was away; what was kept of it is not known. Where its log
    /// is gone it is told what the archive has.
    pub fn tell_of(&self, session: &str) {
        if !Meta::is_in(&self.core.folder.join(session)) {
            self.core.gone.note(session);
            keeping::tell(&self.core, session);
        }
    }

    /// Cuts all feeds, with `reason`, a sentence for their broadcasters; their sessions wait for them.
    pub async fn cut_feeds(&self, reason: &str) {
        self.core.on_air.cut_all(reason).await;
    }

    /// What the feed of a session is like, second by second; also of one that ended lately. None: it is not known here.
    pub fn health(&self, session: &str) -> Option<SessionHealth> {
        self.core.sessions.find(session).map(|handle| handle.live().health().clone())
    }

    /// Whether a recording was asked for a moment ago, and its session is in memory here.
    pub fn shows(&self, asset: &str) -> bool {
        let session = self.core.recordings.session_of(asset);
        session.is_some_and(|session| self.core.sessions.find(&session).is_some())
    }

    /// A cut of a session's media, see [`Recording::cut`]; none where this node and the archive have none of the session.
    ///
    /// # Errors
    /// [`ArchiveError`] where the archive would have to be asked and does not answer.
    pub async fn cut(
        &self,
        session: &str,
        ranges: &[CutRange],
        within: Option<&Edit>,
        limit_us: u64,
    ) -> Result<Option<Result<Extent, NotCut>>, ArchiveError> {
        let live = self.core.sessions.look_up(&self.core, session).await?;
        Ok(live.map(|live| live.read_recording(|recording| recording.cut(ranges, within, limit_us))))
    }

    /// A cut that is exact to the picture; what it needs beside segments is made and kept before this answers. None where this
    /// node and the archive have none of the session.
    ///
    /// # Errors
    /// [`ArchiveError`] where the archive would have to be asked and does not answer.
    pub async fn cut_exactly(
        &self,
        session: &str,
        ranges: &[CutRange],
        within: Option<&Edit>,
        limit_us: u64,
    ) -> Result<Option<Result<Extent, NotExact>>, ArchiveError> {
        match self.core.sessions.look_up(&self.core, session).await? {
            Some(live) => Ok(Some(edges::cut(&self.core, &live, ranges, within, limit_us).await)),
            None => Ok(None),
        }
    }

    /// What plays without a break of what is shown of a session, see [`sigma_hls::vod::runs`]; none where this node and the
    /// archive have none of the session.
    ///
    /// # Errors
    /// [`ArchiveError`] where the archive would have to be asked and does not answer.
    pub async fn runs(&self, session: &str, within: &Edit) -> Result<Option<Vec<Run>>, ArchiveError> {
        let live = self.core.sessions.look_up(&self.core, session).await?;
        Ok(live.map(|live| live.read_recording(|recording| sigma_hls::vod::runs(recording, within))))
    }

    /// How many sessions are on air here, those included that wait for their broadcaster.
    pub fn on_air(&self) -> usize {
        self.core.sessions.on_air().len()
    }

    /// How many feeds have a seat.
    pub fn feeds(&self) -> usize {
        self.core.on_air.count()
    }

    /// How many sessions on air have a segment log that cannot be written: they go on from memory.
    pub fn unwritten_logs(&self) -> usize {
        self.core.unwritten.load(Ordering::Relaxed)
    }

    /// What the node counts of itself, for `/metrics`. Sessions on air have figures of their own, as many as there may be
    /// feeds.
    pub fn figures(&self) -> Vec<Family> {
        let mut on_air = self.core.sessions.on_air();
        on_air.sort_by(|one, other| one.id().cmp(other.id()));
        let sessions_on_air = on_air.len();
        let shown = on_air.iter().take(self.core.settings.max_sessions);
        let health =
            shown.filter_map(|handle| Some((handle.id().to_owned(), handle.live().health().latest()?)));
        self.core.figures.families(&figures::Now {
            sessions_on_air,
            feeds: self.feeds(),
            unwritten_logs: self.unwritten_logs(),
            archive_backlog: self.archive_backlog(),
            room: self.room(),
            health: health.collect(),
        })
    }

    /// Looks after ended sessions until `stop` turns true.
    pub async fn tidy(&self, mut stop: watch::Receiver<bool>) {
        let mut rounds = sigma_clock::interval(TIDY);
        let mut sweeper = Sweeper::default();
        loop {
            tokio::select! {
                _ = rounds.tick() => {}
                () = ingest::stopped(&mut stop) => return,
            }
            self.core.sessions.tidy();
            sweeper.round(&self.core).await;
            self.core.downloads.tidy(&self.core).await;
        }
    }

    /// Files what is recorded in the archive until `stop` turns true.
    pub async fn archive(&self, mut stop: watch::Receiver<bool>) {
        let Some(archive) = self.core.settings.archive.clone() else { return };
        let mut filing = Filing::new(archive);
        let mut rounds = sigma_clock::interval(FILE);
        loop {
            let round = async {
                rounds.tick().await;
                filing.round(&self.core).await;
            };
            tokio::select! {
                () = round => {}
                () = ingest::stopped(&mut stop) => return,
            }
        }
    }

    /// Why nothing goes into the archive at the moment.
    pub fn archive_trouble(&self) -> Option<String> {
        self.core.archived.trouble()
    }

    /// How many bytes wait for the archive.
    pub fn archive_backlog(&self) -> u64 {
        self.core.archived.waiting()
    }

    /// How much room recordings take on this node's disk, as of the last minute, and how much they may.
    pub fn room(&self) -> RoomUse {
        self.core.room.now()
    }

    /// Writes down what is whole and leaves every session resumable, without an ENDLIST. Call it before the doors
    /// are closed, so that the loss is reported as the server's own.
    pub async fn park(&self) {
        self.core.stopping.store(true, Ordering::Relaxed);
        self.core.sessions.park_all(PARK_WITHIN).await;
    }
}
