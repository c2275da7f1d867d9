//! Sessions as clients see them.

use std::sync::Arc;

use async_graphql::{Context, Enum, ID, Object, Result, SimpleObject};
use sigma_app::{InputRow, PageKey, SessionFilter, SessionRow};

use super::channel::Channel;
use super::connection::{Page, PageInfo, cursor};
use super::context::{asked, behind};
use super::errors::Fault;
use super::loaders::ChannelKey;
use super::scalars::{DateTime, Long};

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

    /// The channel that it is a broadcast of; null once that is deleted.
    async fn channel(&self, context: &Context<'_>) -> Result<Option<Channel>> {
        let row = asked(context)?.loaded.load_one(ChannelKey(self.0.channel.clone())).await?;
        Ok(row.map(Channel))
    }

    /// Where it stands.
    async fn state(&self) -> SessionState {
        self.0.state.into()
    }

    /// When its first feed was let in.
    async fn started_at(&self) -> DateTime {
        DateTime::from_millis(self.0.started_at_ms)
    }

    /// When it became public.
    async fn live_at(&self) -> Option<DateTime> {
        self.0.live_at_ms.map(DateTime::from_millis)
    }

    /// When it ended.
    async fn ended_at(&self) -> Option<DateTime> {
        self.0.ended_at_ms.map(DateTime::from_millis)
    }

    /// Why it ended.
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

/// A page of the caller's sessions, newest first.
pub(crate) async fn sessions_page(
    context: &Context<'_>,
    filter: SessionFilter,
    first: Option<i32>,
    after: Option<&str>,
) -> Result<SessionConnection> {
    let page = Page::parse(first, after)?;
    let reads = &behind(context)?.reads;
    let project = asked(context)?.caller.project.as_str();
    let mut rows = reads
        .sessions_page(project, &filter, page.after.as_ref(), page.limit())
        .await
        .map_err(Fault::from)?;
    let page_info = page.cut(&mut rows, key);
    let rows: Vec<Arc<SessionRow>> = rows.into_iter().map(Arc::new).collect();
    let edges =
        rows.iter().map(|row| SessionEdge { node: Session(Arc::clone(row)), cursor: cursor(&key(row)) });
    Ok(SessionConnection {
        edges: edges.collect(),
        nodes: rows.into_iter().map(Session).collect(),
        page_info,
    })
}

fn key(row: &SessionRow) -> PageKey {
    PageKey::of_session(row)
}
