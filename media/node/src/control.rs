//! What the media plane asks of the control plane: may this key publish, what is on air, and "this happened".
//!
//! The node knows nothing of channels' rules; the binary fits the application layer to this port.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use sigma_archive::Archive;
use sigma_clock::Timestamp;
use sigma_door::Pressure;
use sigma_gst::Pictures;
use sigma_health::Thresholds;
pub use sigma_health::{Change as WarningChange, Warning, WarningName};
pub use sigma_hls::Recording;
pub use sigma_hls::Span;
pub use sigma_hls::recording::{
    CutError, CutPoint, CutRange, Edge, EdgeInit, EdgeName, Edit, Extent, NotCut,
};

use crate::session::HealthSample;

/// A stream key as a broadcaster sent it. Never printed.
#[derive(Clone, PartialEq, Eq)]
pub struct StreamKey(String);

impl StreamKey {
    /// Wraps what stood in the publish command.
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// The key itself, for the one who looks it up.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for StreamKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("StreamKey(…)")
    }
}

/// How far behind viewers are to be; decides on parts, segment lengths and hold-backs (design page, "Latency modes").
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LatencyMode {
    /// 6 s segments, 20–30 s behind.
    Normal,
    /// 2 s segments, 8–10 s behind.
    Low,
    /// 2 s segments of 0.5 s parts, about 2 s behind.
    UltraLow,
}

impl From<LatencyMode> for sigma_health::Mode {
    fn from(mode: LatencyMode) -> Self {
        match mode {
            LatencyMode::Normal => Self::Normal,
            LatencyMode::Low => Self::Low,
            LatencyMode::UltraLow => Self::UltraLow,
        }
    }
}

/// Whose key it was.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyHolder {
    /// The channel's id.
    pub channel: String,
}

/// Where a feed comes from; kept by the control plane beside the session, never in an event.
#[derive(Clone, Debug)]
pub struct FeedFacts {
    /// The broadcaster's network address.
    pub peer: String,
    /// What the encoder calls itself.
    pub encoder: Option<String>,
    /// The ingest protocol, in lower case: `rtmp`.
    pub protocol: &'static str,
    /// Whether there is room to record a session that begins with this feed.
    pub room_to_record: bool,
}

/// What a feed may do once it is let in.
#[derive(Clone, Debug)]
pub struct FeedGrant {
    /// What the feed delivers into.
    pub session: SessionFacts,
    /// The feed's number within the session; every report carries it.
    pub feed: u32,
}

/// What the node must know of a session to package and serve it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SessionFacts {
    /// The session's id.
    pub session: String,
    /// The channel's id.
    pub channel: String,
    /// The public name under which viewers find the channel's current session.
    pub playback_id: String,
    /// How far behind viewers are to be.
    pub mode: LatencyMode,
    /// Public from its first segment: true when the session goes live by itself.
    pub auto_go_live: bool,
    /// Whether the session is public already.
    pub live: bool,
    /// How far back viewers may go while it is on air; zero: not at all.
    pub rewind: Duration,
    /// Whether all of it is kept, beyond what viewers may rewind to.
    pub keeps: bool,
    /// Whether media of it was packaged before, so that it has a log.
    pub has_media: bool,
}

/// What a recording is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AssetKind {
    /// All that the broadcaster sent. For its owner.
    Source,
    /// What was public of a session.
    Catchup,
    /// A part of one of these.
    Clip,
}

/// A recording that there is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AssetFacts {
    /// The session that it is of.
    pub session: String,
    /// What it is.
    pub kind: AssetKind,
    /// What it shows of its session's media; none while it is being recorded: all there is so far.
    pub edit: Option<Edit>,
    /// The moment whose picture stands for it, microseconds of its session's media time; none: any.
    pub poster_us: Option<u64>,
}

/// What the control plane knows of a recording.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AssetStanding {
    /// There is none of this id.
    Unknown,
    /// It was deleted, or its time is over.
    Gone,
    /// Nothing could be kept of it.
    Failed,
    /// It is there.
    There(AssetFacts),
}

/// What the log of an ended session holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Recorded {
    /// All of it.
    pub all: Extent,
    /// What was public of it; none where it never was.
    pub public: Option<Extent>,
}

/// What of a session's media somebody needs.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Wanted {
    /// The session has not ended: the node that has it knows what is still shown.
    pub on_air: bool,
    /// All of it: a recording of it is not finished.
    pub everything: bool,
    /// What recordings have of it.
    pub spans: Vec<Span>,
    /// The edges that they have.
    pub edges: Vec<EdgeName>,
}

/// Why a feed is not let in. The words reach the broadcaster.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Denied {
    /// No channel has this key.
    #[error("no channel has this stream key; copy it again from the channel's settings")]
    UnknownKey,
    /// The owner stopped the channel.
    #[error("this channel is stopped; start it, then publish again")]
    ChannelStopped,
    /// A feed with this key has delivered media within the last 2 s.
    #[error("this stream key is on air already; stop the other encoder first")]
    OnAir,
    /// The node carries as many sessions as it may.
    #[error("this server carries as many broadcasts as it may; try again later or ask its operator")]
    Full,
    /// The process has no memory for one more session.
    #[error("this server is short of memory and takes no new broadcast; try again later or ask its operator")]
    NoMemory,
    /// Too many keys that are none came from the broadcaster's address.
    #[error("too many wrong stream keys came from your address; check the key and try again in a minute")]
    Guessing,
    /// The channel's feeds come and go too fast.
    #[error("this stream key reconnects too often; wait half a minute, then start once")]
    Restless,
    /// The control plane cannot answer now.
    #[error("the platform cannot let a feed in at the moment; try again in a few seconds")]
    Unavailable,
}

/// Why a feed was lost.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LossCause {
    /// The connection broke without an orderly unpublish.
    ConnectionBroken,
    /// The connection stands and no media came for `ingestSilence`.
    Silence,
    /// The server stops in order; it expects the broadcaster back at its next start.
    NodeStopped,
}

/// The input as the packager understood it.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct InputFormat {
    /// `h264`, `hevc` or `av1`.
    pub video_codec: Option<String>,
    /// Pixels.
    pub width: Option<u32>,
    /// Pixels.
    pub height: Option<u32>,
    /// Frames in 1,000 seconds.
    pub frame_rate_milli: Option<u32>,
    /// `aac` or `opus`.
    pub audio_codec: Option<String>,
    /// Hertz.
    pub sample_rate: Option<u32>,
    /// Audio channels.
    pub channels: Option<u8>,
    /// Measured, bit/s.
    pub bitrate: Option<u64>,
}

/// What of a feed cannot be packaged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unusable {
    /// The video codec.
    VideoCodec,
    /// The audio codec.
    AudioCodec,
}

/// What happened to a feed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Report {
    /// Media is understood and packaged (also after a loss, and when the format changes).
    Processing(InputFormat),
    /// The first playlist that a player can play is there.
    Playable,
    /// The feed is lost; it may come back.
    Lost(LossCause),
    /// The broadcaster unpublished in an orderly way.
    Left,
    /// Media that cannot be packaged.
    Unusable(Unusable),
}

/// How a session stands after a report.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// It goes on.
    OnAir,
    /// It has ended: its feed is to be cut, its playlist gets its end.
    Over,
}

/// The control plane did not take a report or a question.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ControlError {
    /// Try again: a store is away.
    #[error("the control plane is unavailable: {0}")]
    Unavailable(String),
    /// Trying again will not help.
    #[error("the control plane refused: {0}")]
    Refused(String),
}

/// What viewers find under a playback id.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Playback {
    /// No channel has this playback id.
    Unknown,
    /// The channel is there and nothing of it is public now.
    NotOnAir,
    /// This session of it is public.
    OnAir(String),
}

/// The control plane, as the media plane sees it.
#[async_trait]
pub trait Control: Send + Sync + 'static {
    /// Whose key this is, and whether it may publish at all. Asked before a byte of media is read.
    async fn resolve_key(&self, key: &StreamKey) -> Result<KeyHolder, Denied>;

    /// Lets a feed in: into the channel's session that waits for its broadcaster, else into a new one.
    async fn open_feed(&self, channel: &str, facts: FeedFacts) -> Result<FeedGrant, Denied>;

    /// Tells what happened to feed `feed` of `session` at `at`; answers how the session stands. Repeating a report
    /// changes nothing.
    async fn report(
        &self,
        session: &str,
        feed: u32,
        at: Timestamp,
        report: Report,
    ) -> Result<Standing, ControlError>;

    /// Tells that a warning of feed `feed` of `session` was raised or cleared at `at`. In order within a session, each until
    /// it is taken; while it is not, a raising and its clearing may both be left out. Repeating changes nothing. What does
    /// not fit what is known (raised already, not raised: after a restart) is [`ControlError::Refused`] and of no harm.
    async fn warning(
        &self,
        session: &str,
        feed: u32,
        at: Timestamp,
        change: WarningChange,
    ) -> Result<(), ControlError>;

    /// Tells what a second of a session of `channel` was like, feed or none, as long as it is on air here. Said in passing: it must
    /// not wait, and nothing is said again.
    fn measured(&self, _session: &str, _channel: &str, _sample: &HealthSample) {}

    /// What is public under a playback id.
    async fn playback(&self, playback_id: &str) -> Result<Playback, ControlError>;

    /// The log of an ended session is whole: this is what it holds, none where it never had media. Told until it is taken;
    /// telling it again changes nothing.
    async fn recorded(&self, session: &str, recorded: Option<Recorded>) -> Result<(), ControlError>;

    /// The log of a session on air is gone: it is to end. Told until it is taken; telling it again changes nothing.
    async fn log_gone(&self, session: &str) -> Result<(), ControlError>;

    /// The log of an ended session is gone, and the archive has none of its media. Told until it is taken; telling it again
    /// changes nothing.
    async fn media_lost(&self, session: &str) -> Result<(), ControlError>;

    /// What is known of a recording.
    async fn asset(&self, asset: &str) -> Result<AssetStanding, ControlError>;

    /// Whether who shows this token may have the files of a recording, and a source record at all.
    async fn may_download(&self, asset: &str, token: &str) -> bool;

    /// What of an ended session's media, or of one that keeps none, must stay.
    async fn wanted(&self, session: &str) -> Result<Wanted, ControlError>;

    /// Whether who shows this token (from a Bearer header or `?token=`) may see sessions before they are public.
    async fn may_preview(&self, session: &str, token: &str) -> bool;
}

/// Limits and rules of the node, each with its default.
#[derive(Clone, Debug)]
pub struct NodeSettings {
    /// Silence on air after which a feed counts as lost. `--ingest-silence`.
    pub ingest_silence: Duration,
    /// Silence after which the connection of a lost feed is closed.
    pub silence_close: Duration,
    /// A feed that has been quiet for longer can be taken over by another one with the same key.
    pub takeover_after: Duration,
    /// Ingest connections at once, those that have not published yet included.
    pub max_connections: usize,
    /// Of these, such as have not published yet and come from one address; the newest stay.
    pub max_strangers: usize,
    /// Sessions on air at once, those included that wait for their broadcaster; one more is refused in the protocol's own
    /// way.
    pub max_sessions: usize,
    /// Keys that are none from one address in a minute; who sends more waits, ever longer.
    pub wrong_keys: u32,
    /// Feeds of one channel in a minute; who comes more often waits.
    pub reconnects: u32,
    /// Most that one feed may deliver, bit/s on average over 10 s.
    pub max_feed_bitrate: u64,
    /// How long the folder of an ended session is kept.
    pub keep_ended: Duration,
    /// Where recordings are kept for good. None: in the node's own folder alone.
    pub archive: Option<Archive>,
    /// Who makes pictures. None: there are none.
    pub pictures: Option<Pictures>,
    /// How much may wait on disk for an archive that is away, in bytes; beyond, the oldest is given up.
    pub archive_backlog: u64,
    /// How much recordings may take on this node's disk, in bytes; beyond, new broadcasts are not recorded. None: as much as
    /// there is.
    pub recordings_limit: Option<u64>,
    /// What counts as a feed in bad health.
    pub health: Thresholds,
    /// What the process lacks.
    pub pressure: Arc<Pressure>,
    /// Secret from which the unguessable paths of sessions are made.
    pub path_secret: [u8; 32],
}

impl NodeSettings {
    /// The defaults, with the secret that paths are made from.
    pub fn new(path_secret: [u8; 32]) -> Self {
        Self {
            ingest_silence: Duration::from_secs(5),
            silence_close: Duration::from_secs(30),
            takeover_after: Duration::from_secs(2),
            max_connections: 1_024,
            max_strangers: 128,
            max_sessions: 512,
            wrong_keys: 10,
            reconnects: 30,
            max_feed_bitrate: 120_000_000,
            keep_ended: Duration::from_secs(24 * 3_600),
            archive: None,
            pictures: None,
            archive_backlog: 20 << 30,
            recordings_limit: None,
            health: Thresholds::default(),
            pressure: Arc::default(),
            path_secret,
        }
    }
}
