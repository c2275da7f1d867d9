//! Sessions as clients see them.

use std::sync::Arc;

use async_graphql::{Context, Enum, ID, Object, Result, SimpleObject};
use sigma_app::{AssetFilter, Done, InputRow, PageKey, Scope, SessionFilter, SessionRow};

use super::asset::{AssetConnection, AssetKind, AssetState, assets_page, picked};
use super::channel::{Channel, LatencyMode};
use super::connection::{Listing, Page, PageInfo, weight};
use super::context::{asked, behind};
use super::errors::Fault;
use super::event::TimelineEntry;
use super::guard::Needs;
use super::health::{Health, recent_seconds, recent_weight};
use super::scalars::{DateTime, Long};

/// What a session's timeline counts for in a request's complexity: two streams of the log are read for it, and it holds up to
/// a thousand entries. A page of twenty sessions may tell theirs, one of a hundred may not.
const TIMELINE_WEIGHT: usize = 200;

/// Where a session stands.
#[derive(Enum, Clone, Copy, Debug, PartialEq, Eq)]
#[graphql(remote = "sigma_app::SessionState")]
pub(crate) enum SessionState {
    /// A feed was let in; its media is not understood yet.
    Init,
    /// Media is understood and packaged; not public yet.
    Processing,
    /// Public.
    Live,
    /// The feed is lost or broken; it may come back inside the reconnect window.
    Error,
    /// Over, for ever.
    Ended,
}

/// Why a session ended.
#[derive(Enum, Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum SessionEndReason {
    /// The broadcaster unpublished, or did not come back inside the reconnect window.
    BroadcasterLeft,
    /// The channel was stopped.
    ChannelStopped,
    /// `endSession` was asked for.
    SessionEndedByUser,
    /// The channel's maximum duration was reached.
    MaxDuration,
    /// The server was restarted and the broadcaster did not come back.
    NodeLost,
    /// No media came that can be understood and packaged.
    IngestError,
}

/// One broadcast of a channel, from its first feed to its one end.
pub(crate) struct Session(pub(crate) Arc<SessionRow>);

impl From<SessionRow> for Session {
    fn from(row: SessionRow) -> Self {
        Self(Arc::new(row))
    }
}

/// One broadcast of a channel, from its first feed to its one end.
#[Object]
impl Session {
    /// The session's id, `se_…`.
    async fn id(&self) -> ID {
        ID(self.0.id.clone())
    }

    /// The channel that it is a broadcast of; null once that is deleted. Scope: `channels:read`.
    #[graphql(guard = "Needs(Scope::ChannelsRead)")]
    async fn channel(&self, context: &Context<'_>) -> Result<Option<Channel>> {
        Ok(asked(context)?.channel(&self.0.channel).await?.map(Channel))
    }

    /// Where it stands.
    async fn state(&self) -> SessionState {
        self.0.state.into()
    }

    /// When its first feed was let in.
    async fn started_at(&self) -> DateTime {
        DateTime::from_millis(self.0.started_at_ms)
    }

    /// When it became public; null before that.
    async fn live_at(&self) -> Option<DateTime> {
        self.0.live_at_ms.map(DateTime::from_millis)
    }

    /// When it ended; null before that.
    async fn ended_at(&self) -> Option<DateTime> {
        self.0.ended_at_ms.map(DateTime::from_millis)
    }

    /// Why it ended; null before that.
    async fn end_reason(&self) -> Option<SessionEndReason> {
        self.0.end_reason.map(end_reason)
    }

    /// What the encoder sends, as it was understood; null before that.
    async fn input(&self) -> Option<SessionInput> {
        self.0.input.clone().map(|row| SessionInput { row, session: self.0.id.clone() })
    }

    /// The multivariant playlist under which viewers find it while it is its channel's current session.
    async fn playback_url(&self, context: &Context<'_>) -> Result<String> {
        Ok(asked(context)?.origin.playback_url(&self.0.playback_id))
    }

    /// How far behind the camera viewers are: the channel's setting as it was when the session began.
    async fn latency_mode(&self) -> LatencyMode {
        self.0.latency_mode.into()
    }

    /// Seconds that viewers may rewind: the channel's setting as it was when the session began.
    async fn dvr_window(&self) -> u32 {
        self.0.dvr_window
    }

    /// What is kept of it, newest first. Scope: `assets:read`.
    #[graphql(guard = "Needs(Scope::AssetsRead)", complexity = "weight(first) * child_complexity")]
    async fn assets(
        &self,
        context: &Context<'_>,
        #[graphql(desc = "Only those of this kind.")] kind: Option<AssetKind>,
        #[graphql(desc = "Only those in one of these states.")] states: Option<Vec<AssetState>>,
        #[graphql(desc = "Rows of the page: 20 unless told, 100 at most.")] first: Option<i32>,
        #[graphql(desc = "Read on after this cursor.")] after: Option<String>,
    ) -> Result<AssetConnection> {
        let filter = AssetFilter { session: Some(self.0.id.clone()), ..picked(kind, states) };
        assets_page(context, filter, first, after.as_deref()).await
    }

    /// In ERROR: until when the broadcaster may come back; else null.
    async fn reconnect_until(&self) -> Option<DateTime> {
        self.0.lost_until_ms.map(DateTime::from_millis)
    }

    /// All of a session on air, public or not, as a playlist: for a token with `sessions:read` (as `Authorization: Bearer` or
    /// as `?token=`), or the dashboard's cookie.
    async fn preview_url(&self, context: &Context<'_>) -> Result<String> {
        Ok(asked(context)?.origin.preview_url(&self.0.id))
    }

    /// What its feed is like: the newest second; null where it is not on air. Scope: `health:read`.
    #[graphql(guard = "Needs(Scope::HealthRead)")]
    async fn health(&self, context: &Context<'_>) -> Result<Option<Health>> {
        Ok(behind(context)?.health.latest(&self.0.id).map(Health))
    }

    /// What its feed was like: the last seconds that were measured, oldest first; after the session's end for as long as its
    /// node remembers them. Scope: `health:read`.
    #[graphql(guard = "Needs(Scope::HealthRead)", complexity = "recent_weight(seconds) * child_complexity")]
    async fn recent_health(
        &self,
        context: &Context<'_>,
        #[graphql(desc = "How far to look back: 300 seconds unless told, 1 to 900.")] seconds: Option<i32>,
    ) -> Result<Vec<Health>> {
        let seconds = recent_seconds(seconds)?;
        Ok(behind(context)?.health.recent(&self.0.id, seconds).into_iter().map(Health).collect())
    }

    /// All that happened to it and who did it, oldest first: its states, its feeds, its warnings. Scope: `sessions:read`.
    #[graphql(guard = "Needs(Scope::SessionsRead)", complexity = "TIMELINE_WEIGHT + child_complexity")]
    async fn timeline(&self, context: &Context<'_>) -> Result<Vec<TimelineEntry>> {
        let entries = behind(context)?.app.timeline(&asked(context)?.caller, &self.0.id).await;
        Ok(entries.map_err(Fault::from)?.into_iter().map(TimelineEntry::from).collect())
    }
}

fn end_reason(reason: sigma_app::EndReason) -> SessionEndReason {
    use sigma_app::EndReason as Of;
    match reason {
        Of::BroadcasterLeft => SessionEndReason::BroadcasterLeft,
        Of::ChannelStopped => SessionEndReason::ChannelStopped,
        Of::SessionEndedByUser => SessionEndReason::SessionEndedByUser,
        Of::MaxDuration => SessionEndReason::MaxDuration,
        Of::NodeLost => SessionEndReason::NodeLost,
        Of::IngestError(_) => SessionEndReason::IngestError,
    }
}

/// What an encoder sends.
pub(crate) struct SessionInput {
    row: InputRow,
    session: String,
}

/// What an encoder sends.
#[Object]
impl SessionInput {
    /// The ingest protocol: `RTMP`.
    async fn protocol(&self) -> &str {
        &self.row.protocol
    }

    /// What the encoder calls itself.
    #[graphql(complexity = 5)]
    async fn encoder(&self, context: &Context<'_>) -> Result<Option<String>> {
        let encoder = behind(context)?.app.session_encoder(&asked(context)?.caller, &self.session).await;
        Ok(encoder.map_err(Fault::from)?)
    }

    /// `H264`, `HEVC` or `AV1`; null where there is no video.
    async fn video_codec(&self) -> Option<&str> {
        self.row.video_codec.as_deref()
    }

    /// Width of the picture, in pixels.
    async fn width(&self) -> Option<u32> {
        self.row.width
    }

    /// Height of the picture, in pixels.
    async fn height(&self) -> Option<u32> {
        self.row.height
    }

    /// Frames a second.
    async fn frame_rate(&self) -> Option<f64> {
        self.row.frame_rate_milli.map(|milli| f64::from(milli) / 1_000.0)
    }

    /// `AAC` or `OPUS`; null where there is no audio.
    async fn audio_codec(&self) -> Option<&str> {
        self.row.audio_codec.as_deref()
    }

    /// Measured, in bit/s.
    async fn bitrate(&self) -> Option<Long> {
        self.row.bitrate.map(Long::from)
    }
}

/// What became of a session.
#[derive(SimpleObject)]
pub(crate) struct SessionPayload {
    /// The session as it is now.
    session: Session,
}

impl From<Done<SessionRow>> for SessionPayload {
    fn from(done: Done<SessionRow>) -> Self {
        Self { session: done.value.into() }
    }
}

/// A page of sessions.
#[derive(SimpleObject)]
pub(crate) struct SessionConnection {
    /// The sessions of the page.
    nodes: Vec<Session>,
    /// The sessions of the page, each with its cursor.
    edges: Vec<SessionEdge>,
    /// Where the page stands.
    page_info: PageInfo,
}

/// A session in a list.
#[derive(SimpleObject)]
pub(crate) struct SessionEdge {
    /// The session.
    node: Session,
    /// The session's place in the list.
    cursor: String,
}

/// A page of the sessions that the caller may see, newest first.
pub(crate) async fn sessions_page(
    context: &Context<'_>,
    filter: SessionFilter,
    first: Option<i32>,
    after: Option<&str>,
) -> Result<SessionConnection> {
    let page = Page::parse(Listing::Sessions, first, after)?;
    let reads = &behind(context)?.reads;
    let asked = asked(context)?;
    let filter = SessionFilter { only_channels: asked.only_channels(), ..filter };
    let project = asked.caller.project.as_str();
    let mut rows = reads
        .sessions_page(project, &filter, page.after.as_ref(), page.limit())
        .await
        .map_err(Fault::from)?;
    let page_info = page.cut(&mut rows, PageKey::of_session);
    let rows: Vec<Arc<SessionRow>> = rows.into_iter().map(Arc::new).collect();
    let edges = rows.iter().map(|row| {
        let node = Session(Arc::clone(row));
        SessionEdge { node, cursor: Listing::Sessions.cursor(&PageKey::of_session(row)) }
    });
    Ok(SessionConnection {
        edges: edges.collect(),
        nodes: rows.into_iter().map(Session).collect(),
        page_info,
    })
}
