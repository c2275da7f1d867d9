//! Fits the application layer to the media node's port, and the node to the platform.

mod elsewhere;
mod health;
mod heard;
mod pictures;
mod recordings;
mod replays;
mod shown;

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use sigma_api::http::{self, Component, Condition, Exposition, Fallback, FromMedia, MetricSource};
use sigma_app::{
    App, AssetKind, AssetState, IngestFault, InputRow, LatencyMode, MediaError, OrderKind, Orders,
    SessionOnAir,
};
use sigma_clock::{Clock, Timestamp};
use sigma_door::{Identity, Pressure};
use sigma_node::{
    AssetFacts, AssetStanding, Body, Control, ControlError, Denied, FeedFacts, FeedGrant, HealthSample,
    InputFormat, KeyHolder, LossCause, Node, NodeSettings, Playback, Recorded, Report, RoomUse, SessionFacts,
    Standing, StreamKey, Unusable, Wanted, WarningChange,
};
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tracing::warn;

pub(crate) use self::elsewhere::Elsewhere;
use self::elsewhere::whereabouts;
pub(crate) use self::health::{Seconds, told, written};
pub(crate) use self::heard::{Everywhere, Heard};
pub(crate) use self::pictures::Painter;
pub(crate) use self::recordings::Recordings;
pub(crate) use self::replays::Replays;
use self::shown::Shown;
use crate::fault::Fault;
use crate::folder::Names;
use crate::settings::{Roles, Settings};

/// The media plane of this process. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Media {
    node: Node,
    app: Arc<App>,
    orders: sigma_store::Cursor,
    shown: Arc<Shown>,
    painter: Painter,
}

/// What the node is opened with beside its settings.
pub(crate) struct Entrance {
    pub(crate) pressure: Arc<Pressure>,
    pub(crate) path_secret: [u8; 32],
    /// Who hears of each second beside those who ask this node.
    pub(crate) seconds: Option<Seconds>,
    /// Who asks the node for cuts.
    pub(crate) recordings: Arc<Recordings>,
}

impl Media {
    /// Opens the node and brings back what was on air here. Before process managers run: a session that waits for
    /// its broadcaster has its whole window from now on.
    pub(crate) async fn open(
        settings: &Settings,
        names: &Names,
        node_id: String,
        entrance: Entrance,
        app: &Arc<App>,
        clock: Arc<dyn Clock>,
    ) -> Result<Self, Fault> {
        let started = app.node_started(&node_id).await.map_err(Fault::told)?;
        let shown = Arc::<Shown>::default();
        started.on_air.iter().for_each(|session| shown.hold(session));
        let Entrance { pressure, path_secret, seconds, recordings } = entrance;
        let control = Port { app: Arc::clone(app), node: node_id, shown: Arc::clone(&shown), seconds };
        let painter = Painter::new(names);
        let node_settings = NodeSettings {
            ingest_silence: settings.ingest_silence,
            health: settings.thresholds,
            pressure,
            max_connections: settings.ingest.connections,
            max_strangers: settings.ingest.strangers,
            max_sessions: settings.ingest.sessions,
            max_feed_bitrate: settings.ingest.feed_bitrate,
            wrong_keys: settings.ingest.wrong_keys,
            reconnects: settings.ingest.reconnects,
            pictures: Some(painter.pictures()),
            archive: Some(recordings.archive().clone()),
            archive_backlog: settings.objects_backlog,
            recordings_limit: settings.recordings_limit,
            ..NodeSettings::new(path_secret)
        };
        let node = Node::open(node_settings, &names.live(), Arc::new(control), clock).map_err(|error| {
            Fault::new(
                format!("the folder {} cannot be made: {error}", names.live().display()),
                "see that it is writable and that its disk has room",
            )
        })?;
        recordings.set_node(&node);
        node.restore(started.on_air.into_iter().map(session_facts).collect());
        started.untold.iter().for_each(|session| node.tell_of(session));
        Ok(Self { node, app: Arc::clone(app), orders: started.orders, shown, painter })
    }

    /// Opens the RTMP doors and follows what the log tells the node to do.
    pub(crate) fn serve(
        &self,
        rtmp: TcpListener,
        rtmps: Option<(TcpListener, Identity)>,
        tasks: &TaskTracker,
        stop: &CancellationToken,
    ) {
        let (stopped, watched) = watch::channel(false);
        let token = stop.clone();
        tasks.spawn(async move {
            token.cancelled().await;
            // Nobody left to tell is as well.
            let _ = stopped.send(true);
        });
        let (door, tidy, filing) = (self.node.clone(), self.node.clone(), self.node.clone());
        let until = watched.clone();
        tasks.spawn(async move { filing.archive(until).await });
        let listening = watched.clone();
        tasks.spawn(async move { door.serve_rtmp(rtmp, listening).await });
        if let Some((rtmps, identity)) = rtmps {
            let (door, listening) = (self.node.clone(), watched.clone());
            tasks.spawn(async move { door.serve_rtmps(rtmps, identity, listening).await });
        }
        tasks.spawn(async move { tidy.tidy(watched).await });
        let (node, orders) = (self.node.clone(), self.app.orders(self.orders.clone()));
        let shown = Arc::clone(&self.shown);
        let token = stop.clone();
        tasks.spawn(async move {
            tokio::select! {
                () = follow(node, orders, shown) => {}
                () = token.cancelled() => {}
            }
        });
    }

    /// Cuts all feeds, with `reason`, a sentence for their broadcasters; their sessions wait for them.
    pub(crate) async fn cut_feeds(&self, reason: &str) {
        self.node.cut_feeds(reason).await;
    }

    /// As after a start: each session that was on air here waits for its broadcaster, or has ended meanwhile. Waits for the
    /// store.
    pub(crate) async fn begin_anew(&self, node: &str) {
        loop {
            match self.app.node_started(node).await {
                Ok(started) => return started.on_air.iter().for_each(|session| self.shown.hold(session)),
                Err(error) => {
                    warn!(%error, "what was on air here cannot be taken up yet");
                    sigma_clock::sleep(AGAIN).await;
                }
            }
        }
    }

    /// Who makes its pictures.
    pub(crate) fn painter(&self) -> Painter {
        self.painter.clone()
    }

    /// How many sessions are on air here.
    pub(crate) fn on_air(&self) -> usize {
        self.node.on_air()
    }

    /// Whether a request is for what this node holds, as far as that shows without asking.
    fn holds(&self, path: &str) -> bool {
        let mut components = path.trim_start_matches('/').split('/');
        match (components.next(), components.next()) {
            (Some("live"), Some(playback_id)) => self.shown.here(playback_id).is_some(),
            (Some("preview"), Some(session)) => self.node.health(session).is_some(),
            (Some("media"), Some(folder)) => {
                let is_here = |of: &str| self.node.health(of).is_some() || self.node.shows(of);
                folder.split_once('~').is_some_and(|(of, _)| is_here(of))
            }
            (Some("vod"), Some(asset)) => self.node.shows(asset),
            _ => true,
        }
    }

    /// Writes down what is whole and leaves every session resumable.
    pub(crate) async fn park(&self) {
        self.node.park().await;
    }
}

/// How long the node waits for a store that is away, before it asks again.
const AGAIN: Duration = Duration::from_secs(1);

/// What answers viewers where no route of the shell does: the node's own origin, and what sends them to other nodes.
pub(crate) fn viewers(
    media: Option<Media>,
    elsewhere: Option<Arc<Elsewhere>>,
    replays: Replays,
    roles: Roles,
) -> Fallback {
    let origin = media.as_ref().map(|media| media.node.origin());
    // Cloned for each request of each viewer: one handle on all of it.
    let behind = Arc::new((media, origin, elsewhere, replays));
    http::fallback(tower::service_fn(move |request: http::WebRequest| {
        let behind = Arc::clone(&behind);
        async move {
            let (media, origin, elsewhere, replays) = &*behind;
            // What has its own routes where that role is.
            if !roles.api && !elsewhere::is_of_media(request.uri().path()) {
                return Ok(elsewhere::not_here(request.uri().path()));
            }
            if let Some(answer) = replays.answer(request.method(), request.uri()).await {
                return Ok(answer);
            }
            let is_here =
                media.as_ref().is_some_and(|media| elsewhere.is_none() || media.holds(request.uri().path()));
            if let (false, Some(elsewhere)) = (is_here, elsewhere)
                && let Some(sent) = elsewhere.send(request.method(), request.uri(), request.headers()).await
            {
                return Ok::<_, Infallible>(sent);
            }
            Ok(match origin {
                Some(origin) => origin.answer(request).await.map(from_media),
                None => elsewhere::not_here(request.uri().path()),
            })
        }
    }))
}

/// A file goes out as it is read: no faster than its reader takes it.
fn from_media(body: Body) -> FromMedia {
    match body {
        Body::Slices(slices) => FromMedia::Slices(http::Slices::new(slices.into_runs())),
        Body::Joined(joined) => {
            FromMedia::streamed(futures_util::stream::try_unfold(joined, |mut joined| async move {
                Ok(joined.next().await?.map(|bytes| (bytes, joined)))
            }))
        }
    }
}

/// Does what the log says.
async fn follow(node: Node, mut orders: Orders, shown: Arc<Shown>) {
    loop {
        let order = orders.next().await;
        match order.kind {
            OrderKind::GoLive { .. } => {
                shown.go_live(&order.session);
                node.go_live(&order.session);
            }
            // This node cut the old feed itself when it let the new one in.
            OrderKind::FeedOpened { .. } => {}
            OrderKind::End { reason, .. } => {
                shown.end(&order.session);
                let sentence = format!("the session has ended ({})", reason.code());
                node.end(&order.session, &sentence).await;
            }
        }
    }
}

fn session_facts(on_air: SessionOnAir) -> SessionFacts {
    SessionFacts {
        session: on_air.session,
        channel: on_air.channel,
        playback_id: on_air.playback_id,
        mode: match on_air.latency_mode {
            LatencyMode::Normal => sigma_node::LatencyMode::Normal,
            LatencyMode::Low => sigma_node::LatencyMode::Low,
            LatencyMode::UltraLow => sigma_node::LatencyMode::UltraLow,
        },
        auto_go_live: on_air.auto_go_live,
        live: on_air.live_at_ms.is_some(),
        rewind: Duration::from_secs(on_air.dvr_window_s.into()),
        keeps: on_air.keeps,
        has_media: on_air.has_media,
    }
}

/// The application layer behind the node's port.
struct Port {
    app: Arc<App>,
    node: String,
    shown: Arc<Shown>,
    seconds: Option<Seconds>,
}

fn denied(denied: sigma_app::Denied) -> Denied {
    match denied {
        sigma_app::Denied::UnknownKey => Denied::UnknownKey,
        sigma_app::Denied::ChannelStopped => Denied::ChannelStopped,
        sigma_app::Denied::OnAir => Denied::OnAir,
        sigma_app::Denied::Unavailable { cause } => {
            warn!(cause, "a feed could not be let in");
            Denied::Unavailable
        }
    }
}

fn control_error(error: MediaError) -> ControlError {
    match error {
        MediaError::Unavailable(cause) => ControlError::Unavailable(cause),
        MediaError::Refused(cause) => ControlError::Refused(cause),
    }
}

fn input_row(format: InputFormat) -> InputRow {
    InputRow {
        protocol: "RTMP".to_owned(),
        video_codec: format.video_codec,
        width: format.width,
        height: format.height,
        frame_rate_milli: format.frame_rate_milli,
        audio_codec: format.audio_codec,
        sample_rate: format.sample_rate,
        channels: format.channels,
        bitrate: format.bitrate,
    }
}

impl Port {
    async fn look(&self, playback_id: &str) -> Result<Playback, ControlError> {
        let found = whereabouts(&self.app, playback_id).await;
        found.map(|(playback, _)| playback).map_err(|error| ControlError::Unavailable(error.to_string()))
    }
}

/// Read models that do not answer for so long are not waited for where an older answer does.
const SHOWN_WITHIN: Duration = Duration::from_secs(1);

#[async_trait]
impl Control for Port {
    async fn resolve_key(&self, key: &StreamKey) -> Result<KeyHolder, Denied> {
        let holder = self.app.resolve_key(key.expose()).await.map_err(denied)?;
        Ok(KeyHolder { channel: holder.channel })
    }

    async fn open_feed(&self, channel: &str, facts: FeedFacts) -> Result<FeedGrant, Denied> {
        let facts = sigma_app::FeedFacts {
            node: self.node.clone(),
            peer: facts.peer,
            encoder: facts.encoder,
            // The node has judged its own seats: nobody delivers there, whatever has been reported so far.
            takeover_allowed: true,
            room_to_record: facts.room_to_record,
        };
        let grant = self.app.open_feed(channel, facts).await.map_err(denied)?;
        self.shown.hold(&grant.session);
        Ok(FeedGrant { session: session_facts(grant.session), feed: grant.feed })
    }

    async fn report(
        &self,
        session: &str,
        feed: u32,
        at: Timestamp,
        report: Report,
    ) -> Result<Standing, ControlError> {
        let report = match report {
            Report::Processing(format) => sigma_app::Report::Processing(input_row(format)),
            Report::Playable => sigma_app::Report::Playable,
            Report::Left => sigma_app::Report::Left,
            Report::Lost(cause) => sigma_app::Report::Lost(match cause {
                LossCause::ConnectionBroken => sigma_app::LossCause::ConnectionBroken,
                LossCause::Silence => sigma_app::LossCause::Silence,
                LossCause::NodeStopped => sigma_app::LossCause::NodeStopped,
            }),
            Report::Unusable(what) => sigma_app::Report::Unusable(match what {
                Unusable::VideoCodec => IngestFault::VideoCodec,
                Unusable::AudioCodec => IngestFault::AudioCodec,
            }),
        };
        match self.app.report(session, feed, at, report).await {
            Ok(reported) if reported.ended => Ok(Standing::Over),
            Ok(_) => Ok(Standing::OnAir),
            Err(error) => Err(control_error(error)),
        }
    }

    async fn warning(
        &self,
        session: &str,
        feed: u32,
        at: Timestamp,
        change: WarningChange,
    ) -> Result<(), ControlError> {
        let report = health::warning_report(change);
        self.app.report_warning(session, feed, at, report).await.map_err(control_error)
    }

    fn measured(&self, session: &str, channel: &str, sample: &HealthSample) {
        if let Some(seconds) = &self.seconds {
            seconds(session, channel, sample);
        }
    }

    async fn playback(&self, playback_id: &str) -> Result<Playback, ControlError> {
        if let Some(here) = self.shown.here(playback_id) {
            return Ok(here);
        }
        let asked = self.look(playback_id);
        tokio::pin!(asked);
        let answered = match sigma_clock::timeout(SHOWN_WITHIN, &mut asked).await {
            Ok(answered) => answered,
            // Who watches is not kept waiting where it is known what he would have been shown.
            Err(_) => match self.shown.last(playback_id) {
                Some(shown) => return Ok(shown),
                None => asked.await,
            },
        };
        match answered {
            Ok(playback) => {
                self.shown.note(playback_id, &playback);
                Ok(playback)
            }
            Err(error) => self.shown.last(playback_id).ok_or(error),
        }
    }

    async fn recorded(&self, session: &str, recorded: Option<Recorded>) -> Result<(), ControlError> {
        let recorded = recorded.map(|recorded| sigma_app::Recorded {
            all: recordings::extent(recorded.all),
            public: recorded.public.map(recordings::extent),
        });
        self.app.recorded(session, recorded).await.map_err(control_error)
    }

    async fn log_gone(&self, session: &str) -> Result<(), ControlError> {
        self.app.node_lost(session).await.map_err(control_error)
    }

    async fn media_lost(&self, session: &str) -> Result<(), ControlError> {
        self.app.media_lost(session).await.map_err(control_error)
    }

    async fn asset(&self, asset: &str) -> Result<AssetStanding, ControlError> {
        let found = self.app.asset_playback(asset).await;
        let found = found.map_err(|error| ControlError::Unavailable(error.to_string()))?;
        let Some(playback) = found else { return Ok(AssetStanding::Unknown) };
        let edit = match playback.state {
            AssetState::Started => None,
            AssetState::Ready => Some(recordings::edit(&playback.shown)),
            AssetState::Failed => return Ok(AssetStanding::Failed),
            AssetState::Deleted | AssetState::Expired => return Ok(AssetStanding::Gone),
        };
        let kind = match playback.kind {
            AssetKind::Source => sigma_node::AssetKind::Source,
            AssetKind::Catchup => sigma_node::AssetKind::Catchup,
            AssetKind::Clip => sigma_node::AssetKind::Clip,
        };
        Ok(AssetStanding::There(AssetFacts {
            session: playback.session,
            kind,
            edit,
            poster_us: playback.poster_us,
        }))
    }

    async fn may_download(&self, asset: &str, token: &str) -> bool {
        self.app.may_download(asset, token).await
    }

    async fn wanted(&self, session: &str) -> Result<Wanted, ControlError> {
        let wanted = self.app.wanted(session).await;
        let wanted = wanted.map_err(|error| ControlError::Unavailable(error.to_string()))?;
        Ok(Wanted {
            on_air: wanted.on_air,
            everything: wanted.everything,
            spans: wanted.spans.iter().map(recordings::to_media).collect(),
            edges: wanted.edges.iter().filter_map(|name| name.parse().ok()).collect(),
        })
    }

    async fn may_preview(&self, session: &str, token: &str) -> bool {
        self.app.may_preview(session, token).await
    }
}

#[async_trait]
impl Component for Media {
    fn name(&self) -> &'static str {
        "media"
    }

    async fn check(&self) -> Condition {
        match self.node.unwritten_logs() {
            0 => match self.node.archive_trouble() {
                None => room(self.node.room()),
                Some(trouble) => Condition::Degraded(format!(
                    "recordings cannot be archived, and {} MB wait on disk: {trouble}; see that the place that --objects names \
                     answers and may be written",
                    self.node.archive_backlog() / 1_000_000
                )),
            },
            sessions => Condition::Degraded(format!(
                "the segment logs of {sessions} sessions cannot be written and go on from memory; see that the data folder's disk \
                 answers, has room and is writable"
            )),
        }
    }
}

/// Whether recordings have room.
fn room(room: RoomUse) -> Condition {
    let mend = "delete recordings, let channels keep them for a shorter time, or raise --recordings-limit";
    match room.scarce() {
        None => Condition::Ready,
        Some(percent) if room.is_full() => Condition::Degraded(format!(
            "recordings take {percent} % of --recordings-limit: broadcasts that begin now are not recorded; {mend}"
        )),
        Some(percent) => Condition::Degraded(format!(
            "recordings take {percent} % of --recordings-limit; at 100 % new broadcasts are not recorded: {mend}"
        )),
    }
}

#[async_trait]
impl MetricSource for Media {
    async fn collect(&self, out: &mut Exposition) {
        for family in self.node.figures() {
            out.family(family.name, family.kind.word(), family.help);
            for sample in family.samples {
                let labels: Vec<(&str, &str)> =
                    sample.labels.iter().map(|(label, text)| (*label, text.as_str())).collect();
                out.sample(&format!("{}{}", family.name, sample.suffix), &labels, sample.value);
            }
        }
    }
}
