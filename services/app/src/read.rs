//! The port to the read models: what queries see. Implemented by `sigma-views`.
//!
//! Times are milliseconds since the Unix epoch, UTC; durations whole seconds.

use std::time::Duration;

use async_trait::async_trait;
use serde::{Deserialize, Serialize};
use sigma_domain::{
    Actor, AssetFailure, AssetKind, AssetState, AssetTitle, ChannelState, Edge, Edges, EndReason,
    InputFormat, LatencyMode, Personal, Scope, SessionState,
};

use crate::assets::Span;

/// A channel as queries see it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ChannelRow {
    /// `ch_…`
    pub id: String,
    /// The project that it belongs to.
    pub project: String,
    /// As its owner named it.
    pub name: String,
    /// Where it stands.
    pub state: ChannelState,
    /// The public name that viewers find it by.
    pub playback_id: String,
    /// How far behind viewers are to be.
    pub latency_mode: LatencyMode,
    /// Public with the first playable playlist, without being told.
    pub auto_go_live: bool,
    /// Seconds, counted from a session's start.
    pub max_session_duration: u32,
    /// Seconds that a broadcaster has to come back.
    pub reconnect_window: u32,
    /// Whether an orderly unpublish ends the session at once.
    pub end_on_unpublish: bool,
    /// Seconds that viewers may rewind.
    pub dvr_window: u32,
    /// Whether what the broadcaster sends is kept.
    pub record_source: bool,
    /// Whether what viewers saw can be seen again after the end.
    pub catchup: bool,
    /// Seconds that source records are kept; none: until they are deleted.
    pub source_retention: Option<u32>,
    /// Seconds that catchups are kept; none: until they are deleted.
    pub catchup_retention: Option<u32>,
    /// The session that is attached: on air, or about to be.
    pub current_session: Option<String>,
    /// The session that was attached last, the current one included.
    pub last_session: Option<String>,
    /// When it was made.
    pub created_at_ms: i64,
    /// Sequence of the last event seen here.
    pub sequence: u64,
}

impl ChannelRow {
    /// Whether what was personal about it is erased: a channel has a name, else.
    pub fn is_erased(&self) -> bool {
        self.name.is_empty()
    }
}

/// The input of a session as the packager understood it.
#[derive(Clone, Debug, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct InputRow {
    /// `RTMP`.
    pub protocol: String,
    /// `H264`, `HEVC` or `AV1`.
    pub video_codec: Option<String>,
    /// Pixels.
    pub width: Option<u32>,
    /// Pixels.
    pub height: Option<u32>,
    /// Frames in 1,000 seconds.
    pub frame_rate_milli: Option<u32>,
    /// `AAC` or `OPUS`.
    pub audio_codec: Option<String>,
    /// Hertz.
    pub sample_rate: Option<u32>,
    /// Audio channels.
    pub channels: Option<u8>,
    /// Measured, bit/s.
    pub bitrate: Option<u64>,
}

impl From<&InputFormat> for InputRow {
    fn from(input: &InputFormat) -> Self {
        let (video, audio) = (input.video(), input.audio());
        Self {
            protocol: input.protocol().code().to_owned(),
            video_codec: video.map(|video| video.codec.code().to_owned()),
            width: video.map(|video| video.width),
            height: video.map(|video| video.height),
            frame_rate_milli: video.and_then(|video| video.frame_rate_milli),
            audio_codec: audio.map(|audio| audio.codec.code().to_owned()),
            sample_rate: audio.map(|audio| audio.sample_rate),
            channels: audio.map(|audio| audio.channels),
            bitrate: input.bitrate(),
        }
    }
}

/// A session as queries see it. What its encoder calls itself is asked of
/// [`App::session_encoder`](crate::App::session_encoder): it is never in an event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SessionRow {
    /// `se_…`
    pub id: String,
    /// The channel that it belongs to.
    pub channel: String,
    /// The project that it belongs to.
    pub project: String,
    /// The channel's playback id.
    pub playback_id: String,
    /// Where it stands.
    pub state: SessionState,
    /// The media node that carries it.
    pub node: String,
    /// The number of its newest feed, from 1.
    pub feed: u32,
    /// How far behind viewers are to be, as it was when the session began.
    pub latency_mode: LatencyMode,
    /// Seconds that viewers may rewind, as it was when the session began.
    pub dvr_window: u32,
    /// When its first feed was let in.
    pub started_at_ms: i64,
    /// When it became public.
    pub live_at_ms: Option<i64>,
    /// When it ended.
    pub ended_at_ms: Option<i64>,
    /// Why it ended.
    pub end_reason: Option<EndReason>,
    /// In ERROR: until when its broadcaster may come back.
    pub lost_until_ms: Option<i64>,
    /// The input as it was understood last.
    pub input: Option<InputRow>,
    /// Sequence of the last event seen here.
    pub sequence: u64,
}

/// An asset as queries see it. Its title is opened by [`App::asset_titles`](crate::App::asset_titles).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AssetRow {
    /// `as_…`
    pub id: String,
    /// The project that it belongs to.
    pub project: String,
    /// The channel that it belongs to.
    pub channel: String,
    /// The session that it is of.
    pub session: String,
    /// What it is of the session.
    pub kind: AssetKind,
    /// Where it stands.
    pub state: AssetState,
    /// Why there is nothing, where it failed.
    pub failure: Option<AssetFailure>,
    /// What its owner calls it, as its event holds it.
    pub title: Option<Personal<AssetTitle>>,
    /// The asset that it was cut from.
    pub parent: Option<String>,
    /// All of its media, also where a part of it is shown. Empty until it was ready.
    pub spans: Vec<Span>,
    /// How long all of it plays.
    pub whole_duration_ms: Option<u64>,
    /// How much all of it is.
    pub whole_bytes: Option<u64>,
    /// How much of all of it is missing.
    pub whole_gaps_ms: Option<u64>,
    /// In how many files it stands.
    pub files: Option<u32>,
    /// The part that is shown; none: all of it.
    pub trim: Option<TrimRow>,
    /// The moment whose picture its owner chose, also where a trim leaves it out: microseconds of the session's media time.
    pub poster_us: Option<u64>,
    /// What was made for the edges of all of it, where that is exact to the picture.
    pub edges: Option<Edges>,
    /// The same of the part that is shown.
    pub trim_edges: Option<Edges>,
    /// When it was begun.
    pub created_at_ms: i64,
    /// When all of it was there.
    pub ready_at_ms: Option<i64>,
    /// When its time is up; none: never by itself.
    pub expires_at_ms: Option<i64>,
    /// Sequence of the last event seen here.
    pub sequence: u64,
}

/// How much of an asset is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TrimRow {
    /// How long that plays.
    pub duration_ms: u64,
    /// How much it is.
    pub bytes: u64,
    /// How much of it is missing.
    pub gaps_ms: u64,
}

impl AssetRow {
    /// How long plays what is shown of it.
    pub fn duration_ms(&self) -> Option<u64> {
        self.trim.map(|trim| trim.duration_ms).or(self.whole_duration_ms)
    }

    /// How much is shown of it, bytes.
    pub fn bytes(&self) -> Option<u64> {
        self.trim.map(|trim| trim.bytes).or(self.whole_bytes)
    }

    /// Whether what is shown of it was cut to the picture.
    pub fn is_exact(&self) -> bool {
        let shown = if self.trim.is_some() { &self.trim_edges } else { &self.edges };
        shown.is_some()
    }

    /// The edges of all of it and of the part that is shown.
    pub fn all_edges(&self) -> impl Iterator<Item = &Edge> {
        [&self.edges, &self.trim_edges].into_iter().flatten().flat_map(Edges::as_slice)
    }

    /// How much of what is shown is missing.
    pub fn gaps_ms(&self) -> Option<u64> {
        self.trim.map(|trim| trim.gaps_ms).or(self.whole_gaps_ms)
    }
}

/// An API token as queries see it. When it was used last is asked of [`App::last_uses`](crate::App::last_uses): a use is no
/// event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ApiTokenRow {
    /// `tk_…`
    pub id: String,
    /// The project that it opens.
    pub project: String,
    /// As it was named.
    pub name: String,
    /// What people know it by, and no secret.
    pub prefix: String,
    /// What it may do.
    pub scopes: Vec<Scope>,
    /// The channels that it is bound to; none: every channel of its project.
    pub channels: Option<Vec<String>>,
    /// When it was made.
    pub created_at_ms: i64,
    /// Who made it.
    pub created_by: Actor,
    /// Until when it opens anything; none: until it is revoked.
    pub expires_at_ms: Option<i64>,
    /// When it was revoked.
    pub revoked_at_ms: Option<i64>,
    /// Sequence of the last event seen here.
    pub sequence: u64,
}

/// A project as queries see it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProjectRow {
    /// `pr_…`
    pub id: String,
    /// As it was named.
    pub name: String,
    /// When it was made.
    pub created_at_ms: i64,
    /// Sequence of the last event seen here.
    pub sequence: u64,
}

/// In which order channels stand in a list.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ChannelOrder {
    /// Those made last first.
    #[default]
    Newest,
    /// Those made first first.
    Oldest,
    /// By [folded](folded_name) name, then by id.
    Name,
}

/// Which channels, and in which order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ChannelFilter {
    /// Only those in this state.
    pub state: Option<ChannelState>,
    /// Only those whose name holds this, whatever the case; also the one whose id or playback id it is.
    pub search: Option<String>,
    /// Only those of these: the ones that the caller is bound to.
    pub only: Option<Vec<String>>,
    /// In which order.
    pub order: ChannelOrder,
}

/// Which sessions.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SessionFilter {
    /// Only those of this channel.
    pub channel: Option<String>,
    /// Only those in this state.
    pub state: Option<SessionState>,
    /// Only those of these channels: the ones that the caller is bound to.
    pub only_channels: Option<Vec<String>>,
}

/// Which assets.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AssetFilter {
    /// Only those of this channel.
    pub channel: Option<String>,
    /// Only those of this session.
    pub session: Option<String>,
    /// Only those of this kind.
    pub kind: Option<AssetKind>,
    /// Only those in one of these states.
    pub states: Option<Vec<AssetState>>,
    /// Only those of these channels: the ones that the caller is bound to.
    pub only_channels: Option<Vec<String>>,
}

impl AssetFilter {
    /// The channels that are looked in: the one that is asked for, where the caller sees it, else those that he sees; none: all.
    pub fn channels(&self) -> Option<Vec<String>> {
        match (&self.channel, &self.only_channels) {
            (Some(channel), Some(only)) if !only.contains(channel) => Some(Vec::new()),
            (Some(channel), _) => Some(vec![channel.clone()]),
            (None, only) => only.clone(),
        }
    }
}

/// What some assets take. Each counts with all of its media, also with what another names too.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct StorageUse {
    /// How many they are.
    pub assets: u64,
    /// Bytes of media.
    pub bytes: u64,
}

/// The place of a row in a list: read on with what stands behind it. It is a place and no row: what is added, changed or
/// deleted meanwhile moves no other row over it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PageKey {
    /// `created_at_ms` of a channel or an asset, `started_at_ms` of a session.
    pub at_ms: i64,
    /// In a list by name: the [folded](folded_name) name. Empty in any other.
    pub text: String,
    /// Its id.
    pub id: String,
}

impl PageKey {
    /// The place of a channel in a list of this order.
    pub fn of_channel(row: &ChannelRow, order: ChannelOrder) -> Self {
        let text = match order {
            ChannelOrder::Name => folded_name(&row.name),
            ChannelOrder::Newest | ChannelOrder::Oldest => String::new(),
        };
        Self { at_ms: row.created_at_ms, text, id: row.id.clone() }
    }

    /// The place of a session; its lists stand newest first.
    pub fn of_session(row: &SessionRow) -> Self {
        Self { at_ms: row.started_at_ms, text: String::new(), id: row.id.clone() }
    }

    /// The place of an asset; its lists stand newest first.
    pub fn of_asset(row: &AssetRow) -> Self {
        Self { at_ms: row.created_at_ms, text: String::new(), id: row.id.clone() }
    }
}

/// A name as lists sort it and searches find it: whatever the case.
pub fn folded_name(name: &str) -> String {
    name.to_lowercase()
}

/// More rows than this are never answered at once.
pub const MAX_PAGE: u32 = 1_000;

/// The longest search text that is looked for, in bytes; a longer one finds nothing.
pub const MAX_SEARCH: usize = 256;

/// The read models cannot answer.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the read models cannot answer: {0}")]
pub struct ReadError(pub String);

/// What a wait came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Waited {
    /// Whoever reads now sees it.
    Reached,
    /// Not within the time given.
    TimedOut,
    /// The aggregate's line is parked on a broken event: it will not be seen before an operator mends that.
    Parked,
}

/// The read models. Each answer is at most as old as the projection's lag; deleted channels are not answered.
#[async_trait]
pub trait ReadModels: Send + Sync {
    /// Those of the channels named that the project owns, in any order.
    async fn channels(&self, project: &str, ids: &[String]) -> Result<Vec<ChannelRow>, ReadError>;

    /// Channels of a project in the order asked for, at most `limit` (and [`MAX_PAGE`]) after the key, which is one of a
    /// list in that order.
    async fn channels_page(
        &self,
        project: &str,
        filter: &ChannelFilter,
        after: Option<&PageKey>,
        limit: u32,
    ) -> Result<Vec<ChannelRow>, ReadError>;

    /// The channel that viewers find under this name, of whatever project.
    async fn channel_by_playback_id(&self, playback_id: &str) -> Result<Option<ChannelRow>, ReadError>;

    /// Channels whose current session is public, the newest broadcast first, with that session.
    async fn live_channels(&self, limit: u32) -> Result<Vec<(ChannelRow, SessionRow)>, ReadError>;

    /// Those of the sessions named that the project owns, in any order.
    async fn sessions(&self, project: &str, ids: &[String]) -> Result<Vec<SessionRow>, ReadError>;

    /// A session by its id, of whatever project.
    async fn session(&self, id: &str) -> Result<Option<SessionRow>, ReadError>;

    /// Sessions of a project, newest first, at most `limit` (and [`MAX_PAGE`]) after the key.
    async fn sessions_page(
        &self,
        project: &str,
        filter: &SessionFilter,
        after: Option<&PageKey>,
        limit: u32,
    ) -> Result<Vec<SessionRow>, ReadError>;

    /// Those of the assets named that the project owns, in any order, in whatever state.
    async fn assets(&self, project: &str, ids: &[String]) -> Result<Vec<AssetRow>, ReadError>;

    /// All assets of a session, of whatever project, in any order and whatever state.
    async fn assets_of_session(&self, session: &str) -> Result<Vec<AssetRow>, ReadError>;

    /// Assets of a project, newest first, at most `limit` (and [`MAX_PAGE`]) after the key.
    async fn assets_page(
        &self,
        project: &str,
        filter: &AssetFilter,
        after: Option<&PageKey>,
        limit: u32,
    ) -> Result<Vec<AssetRow>, ReadError>;

    /// What READY assets of a project take, by kind: of these channels alone, or of all.
    async fn storage_by_kind(
        &self,
        project: &str,
        channels: Option<&[String]>,
    ) -> Result<Vec<(AssetKind, StorageUse)>, ReadError>;

    /// The same by channel, the greatest first, at most `limit` (and [`MAX_PAGE`]).
    async fn storage_by_channel(
        &self,
        project: &str,
        channels: Option<&[String]>,
        limit: u32,
    ) -> Result<Vec<(String, StorageUse)>, ReadError>;

    /// API tokens of a project, newest first, at most [`MAX_PAGE`]: those that are not revoked before all others.
    async fn api_tokens(&self, project: &str) -> Result<Vec<ApiTokenRow>, ReadError>;

    /// An API token by its id, of whatever project.
    async fn api_token(&self, id: &str) -> Result<Option<ApiTokenRow>, ReadError>;

    /// Projects, the first made first, at most [`MAX_PAGE`].
    async fn projects(&self) -> Result<Vec<ProjectRow>, ReadError>;

    /// A project by its id.
    async fn project(&self, id: &str) -> Result<Option<ProjectRow>, ReadError>;

    /// Whether the views get nothing new for now, so that waiting for them does not help.
    fn stand_still(&self) -> bool {
        false
    }

    /// Removes what was deleted from these read models for good, in so far as their databases can: see
    /// [`Journal::remove_traces`](sigma_store::Journal::remove_traces).
    async fn remove_traces(&self) -> Result<(), ReadError>;

    /// Waits until the views show event `sequence` of the aggregate (`channel`, `session`, `asset`, `api_token` or `project`).
    async fn wait_for(
        &self,
        aggregate_type: &str,
        aggregate_id: &str,
        sequence: u64,
        timeout: Duration,
    ) -> Result<Waited, ReadError>;
}
