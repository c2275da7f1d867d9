//! Channels as clients see them.

use std::sync::Arc;

use async_graphql::{Context, Enum, ID, Object, Result, SimpleObject};
use sigma_app::{AssetFilter, ChannelFilter, ChannelRow, PageKey, Scope, SessionFilter};

use super::asset::{AssetConnection, AssetKind, AssetState, assets_page, picked};
use super::connection::{Listing, Page, PageInfo, weight};
use super::context::{asked, behind};
use super::errors::Fault;
use super::event::DomainEvent;
use super::guard::Needs;
use super::query::AS_OF_WEIGHT;
use super::scalars::DateTime;
use super::session::{Session, SessionConnection, SessionState, sessions_page};

/// Where a channel stands.
#[derive(Enum, Clone, Copy, Debug, PartialEq, Eq)]
#[graphql(remote = "sigma_app::ChannelState")]
pub(crate) enum ChannelState {
    /// Nothing on air; a feed with the channel's key is let in.
    Idle,
    /// A session is attached: on air, or about to be.
    Active,
    /// Stopped by its owner: no feed is let in.
    Stop,
}

/// How far behind the camera viewers are.
#[derive(Enum, Clone, Copy, Debug, PartialEq, Eq)]
#[graphql(remote = "sigma_app::LatencyMode")]
pub(crate) enum LatencyMode {
    /// 20 to 30 s behind: the fewest requests, plays everywhere.
    Normal,
    /// 8 to 10 s behind, plays everywhere.
    Low,
    /// About 2 s behind, by LL-HLS; wants key frames every second or two.
    UltraLow,
}

/// In which order channels stand in a list.
#[derive(Enum, Clone, Copy, Debug, PartialEq, Eq)]
#[graphql(remote = "sigma_app::ChannelOrder")]
pub(crate) enum ChannelOrder {
    /// The one made last first.
    Newest,
    /// The one made first first.
    Oldest,
    /// By name, whatever the case.
    Name,
}

/// A place to broadcast to: it has a stream key for the encoder and a playback id for viewers.
pub(crate) struct Channel(pub(crate) Arc<ChannelRow>);

impl From<ChannelRow> for Channel {
    fn from(row: ChannelRow) -> Self {
        Self(Arc::new(row))
    }
}

/// A place to broadcast to: it has a stream key for the encoder and a playback id for viewers.
#[Object]
impl Channel {
    /// The channel's id, `ch_…`.
    async fn id(&self) -> ID {
        ID(self.0.id.clone())
    }

    /// The name that its owner gave it; empty where it was erased.
    async fn name(&self) -> &str {
        &self.0.name
    }

    /// Whether what was personal about it is erased: seen only of one that is deleted, by `deleteChannel` and `asOf`.
    async fn erased(&self) -> bool {
        self.0.is_erased()
    }

    /// What was done to it last, and by whom; with `asOf`, up to that moment. Scope: `events:read`.
    #[graphql(guard = "Needs(Scope::EventsRead)", complexity = "AS_OF_WEIGHT + child_complexity")]
    async fn last_event(&self, context: &Context<'_>) -> Result<DomainEvent> {
        let (app, caller) = (&behind(context)?.app, &asked(context)?.caller);
        let event = app.channel_event(caller, &self.0.id, self.0.sequence).await.map_err(Fault::from)?;
        Ok(DomainEvent(event))
    }

    /// Where it stands.
    async fn state(&self) -> ChannelState {
        self.0.state.into()
    }

    /// How far behind the camera viewers are.
    async fn latency_mode(&self) -> LatencyMode {
        self.0.latency_mode.into()
    }

    /// Whether a session goes live with its first playable playlist, without `goLive`.
    async fn auto_go_live(&self) -> bool {
        self.0.auto_go_live
    }

    /// Seconds that a session may last, counted from its start.
    async fn max_session_duration(&self) -> u32 {
        self.0.max_session_duration
    }

    /// Seconds that a session whose feed was lost waits for its broadcaster.
    async fn reconnect_window(&self) -> u32 {
        self.0.reconnect_window
    }

    /// Whether an orderly unpublish ends the session at once, without the window.
    async fn end_on_unpublish(&self) -> bool {
        self.0.end_on_unpublish
    }

    /// Seconds that viewers may rewind a live session: 0 where they may not.
    async fn dvr_window(&self) -> u32 {
        self.0.dvr_window
    }

    /// Whether what the broadcaster sends is kept, as an asset of the kind SOURCE.
    async fn record_source(&self) -> bool {
        self.0.record_source
    }

    /// Whether what viewers saw can be seen again after a session's end, as an asset of the kind CATCHUP.
    async fn catchup(&self) -> bool {
        self.0.catchup
    }

    /// Seconds that source records are kept, counted from when they are READY; null: until they are deleted.
    async fn source_retention(&self) -> Option<u32> {
        self.0.source_retention
    }

    /// Seconds that catchups are kept, counted from when they are READY; null: until they are deleted.
    async fn catchup_retention(&self) -> Option<u32> {
        self.0.catchup_retention
    }

    /// The public name that viewers find the channel by.
    async fn playback_id(&self) -> &str {
        &self.0.playback_id
    }

    /// The multivariant playlist of the channel's current session.
    async fn playback_url(&self, context: &Context<'_>) -> Result<String> {
        Ok(asked(context)?.origin.playback_url(&self.0.playback_id))
    }

    /// The same with the whole rewind window.
    async fn dvr_url(&self, context: &Context<'_>) -> Result<String> {
        Ok(asked(context)?.origin.dvr_url(&self.0.playback_id))
    }

    /// A picture of what is on air, JPEG, 640 pixels wide or `?width=` 160, 320, 640 or 1280; null while no session is attached.
    /// Until that is public there is none at this address.
    async fn thumbnail_url(&self, context: &Context<'_>) -> Result<Option<String>> {
        let url = asked(context)?.origin.live_url(&self.0.playback_id, "thumbnail.jpg");
        Ok(self.0.current_session.is_some().then_some(url))
    }

    /// Small pictures of all that can be rewound to: WebVTT whose cues name pictures and count from a date that it notes. Null while no
    /// session is attached, or where nothing can be rewound to.
    async fn storyboard_url(&self, context: &Context<'_>) -> Result<Option<String>> {
        let url = asked(context)?.origin.live_url(&self.0.playback_id, "storyboard.vtt");
        Ok((self.0.current_session.is_some() && self.0.dvr_window > 0).then_some(url))
    }

    /// The channel's player page.
    async fn watch_url(&self, context: &Context<'_>) -> Result<String> {
        Ok(asked(context)?.origin.watch_url(&self.0.playback_id))
    }

    /// What an encoder needs to publish.
    async fn ingest(&self) -> Ingest {
        Ingest { channel: self.0.id.clone() }
    }

    /// The session that is attached: on air, or about to be. Scope: `sessions:read`.
    #[graphql(guard = "Needs(Scope::SessionsRead)")]
    async fn current_session(&self, context: &Context<'_>) -> Result<Option<Session>> {
        let Some(id) = &self.0.current_session else {
            return Ok(None);
        };
        Ok(asked(context)?.session(id).await?.map(Session))
    }

    /// The channel's sessions, newest first. Scope: `sessions:read`.
    #[graphql(guard = "Needs(Scope::SessionsRead)", complexity = "weight(first) * child_complexity")]
    async fn sessions(
        &self,
        context: &Context<'_>,
        #[graphql(desc = "Only those in this state.")] state: Option<SessionState>,
        #[graphql(desc = "Rows of the page: 20 unless told, 100 at most.")] first: Option<i32>,
        #[graphql(desc = "Read on after this cursor.")] after: Option<String>,
    ) -> Result<SessionConnection> {
        let (channel, state) = (Some(self.0.id.clone()), state.map(Into::into));
        sessions_page(context, SessionFilter { channel, state, only_channels: None }, first, after.as_deref())
            .await
    }

    /// What is kept of the channel's sessions, newest first. Scope: `assets:read`.
    #[graphql(guard = "Needs(Scope::AssetsRead)", complexity = "weight(first) * child_complexity")]
    async fn assets(
        &self,
        context: &Context<'_>,
        #[graphql(desc = "Only those of this kind.")] kind: Option<AssetKind>,
        #[graphql(desc = "Only those in one of these states.")] states: Option<Vec<AssetState>>,
        #[graphql(desc = "Rows of the page: 20 unless told, 100 at most.")] first: Option<i32>,
        #[graphql(desc = "Read on after this cursor.")] after: Option<String>,
    ) -> Result<AssetConnection> {
        let filter = AssetFilter { channel: Some(self.0.id.clone()), ..picked(kind, states) };
        assets_page(context, filter, first, after.as_deref()).await
    }

    /// When it was made.
    async fn created_at(&self) -> DateTime {
        DateTime::from_millis(self.0.created_at_ms)
    }
}

/// What an encoder needs to publish to a channel.
pub(crate) struct Ingest {
    channel: String,
}

/// What an encoder needs to publish to a channel.
#[Object]
impl Ingest {
    /// The RTMP server: OBS's field "Server". Ends in `/live`, without the key.
    async fn rtmp_url(&self, context: &Context<'_>) -> Result<String> {
        Ok(asked(context)?.origin.rtmp_url().to_owned())
    }

    /// The RTMP server over TLS, which nobody on the way can read: OBS's field "Server". Ends in `/live`, without the key.
    /// Null where this platform takes none.
    async fn rtmps_url(&self, context: &Context<'_>) -> Result<Option<String>> {
        Ok(asked(context)?.origin.rtmps_url().map(str::to_owned))
    }

    /// The stream key: OBS's field "Stream Key". Who has it can broadcast here. That it was shown, and to whom, stands in
    /// the log as `channel.key_shown`, once an hour for each who looks. Scope: `channels:secrets`.
    #[graphql(guard = "Needs(Scope::ChannelsSecrets)", complexity = 20)]
    async fn stream_key(&self, context: &Context<'_>) -> Result<String> {
        let key = behind(context)?.app.show_stream_key(&asked(context)?.caller, &self.channel).await;
        Ok(key.map_err(Fault::from)?.expose().to_owned())
    }
}

/// A page of channels.
#[derive(SimpleObject)]
pub(crate) struct ChannelConnection {
    /// The channels of the page.
    nodes: Vec<Channel>,
    /// The channels of the page, each with its cursor.
    edges: Vec<ChannelEdge>,
    /// Where the page stands.
    page_info: PageInfo,
}

/// A channel in a list.
#[derive(SimpleObject)]
pub(crate) struct ChannelEdge {
    /// The channel.
    node: Channel,
    /// The channel's place in the list.
    cursor: String,
}

/// A page of the channels that the caller may see.
pub(crate) async fn channels_page(
    context: &Context<'_>,
    filter: ChannelFilter,
    first: Option<i32>,
    after: Option<&str>,
) -> Result<ChannelConnection> {
    let (order, listing) = (filter.order, listing(filter.order));
    let key = |row: &ChannelRow| PageKey::of_channel(row, order);
    let page = Page::parse(listing, first, after)?;
    let reads = &behind(context)?.reads;
    let project = asked(context)?.caller.project.as_str();
    let mut rows = reads
        .channels_page(project, &filter, page.after.as_ref(), page.limit())
        .await
        .map_err(Fault::from)?;
    let page_info = page.cut(&mut rows, key);
    let rows: Vec<Arc<ChannelRow>> = rows.into_iter().map(Arc::new).collect();
    let edges = rows.iter().map(|row| {
        let node = Channel(Arc::clone(row));
        ChannelEdge { node, cursor: listing.cursor(&key(row)) }
    });
    Ok(ChannelConnection {
        edges: edges.collect(),
        nodes: rows.into_iter().map(Channel).collect(),
        page_info,
    })
}

const fn listing(order: sigma_app::ChannelOrder) -> Listing {
    match order {
        sigma_app::ChannelOrder::Newest => Listing::ChannelsNewest,
        sigma_app::ChannelOrder::Oldest => Listing::ChannelsOldest,
        sigma_app::ChannelOrder::Name => Listing::ChannelsByName,
    }
}
