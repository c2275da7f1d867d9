//! Questions.

use async_graphql::{Context, ID, Object, Result};
use sigma_app::{AssetFilter, ChannelFilter, EventFilter, Scope, SessionFilter};

use super::asset::{Asset, AssetConnection, AssetKind, AssetState, assets_page, picked};
use super::channel::{Channel, ChannelConnection, ChannelOrder, ChannelState, channels_page};
use super::connection::weight;
use super::context::{asked, behind};
use super::errors::Fault;
use super::event::{EventConnection, EventsAsked, events_page};
use super::guard::{InDefaultProject, Needs, Unbound};
use super::platform::{ComponentHealth, PlatformHealth};
use super::project::Project;
use super::projection::Projection;
use super::scalars::DateTime;
use super::session::{Session, SessionConnection, SessionState, sessions_page};
use super::storage::{Storage, storage};
use super::token::{ApiToken, Me};
use crate::http::conditions;
use crate::nodes::NodeObject;

/// What a list without pages counts for in a request's complexity.
const WHOLE_LIST_WEIGHT: usize = 20;
/// What a channel as it once was counts for in a request's complexity: it is folded from the log.
pub(crate) const AS_OF_WEIGHT: usize = 20;

/// Questions. All want a token, and most a scope that it has; what belongs to another project, or to a channel that the token
/// is not bound to, is as if it were not there.
pub(crate) struct Query;

/// Questions. All want a token, and most a scope that it has; what belongs to another project, or to a channel that the token
/// is not bound to, is as if it were not there.
#[Object]
impl Query {
    /// Who asks, and what he may do. Scope: any valid token.
    async fn me(&self, context: &Context<'_>) -> Result<Me> {
        Ok(Me(asked(context)?.identity.clone()))
    }

    /// A channel by its id; null where there is none. Scope: `channels:read`.
    #[graphql(
        guard = "Needs(Scope::ChannelsRead)",
        complexity = "as_of.map_or(1, |_| AS_OF_WEIGHT) + child_complexity"
    )]
    async fn channel(
        &self,
        context: &Context<'_>,
        #[graphql(desc = "The channel's id.")] id: ID,
        #[graphql(
            desc = "The channel as it was then, told from its events; null where it was not made yet or deleted \
                          already. Without it, the channel as it is."
        )]
        as_of: Option<DateTime>,
    ) -> Result<Option<Channel>> {
        match as_of {
            None => Ok(asked(context)?.channel(&id).await?.map(Channel)),
            Some(at) => {
                let app = &behind(context)?.app;
                let row = app.channel_as_of(&asked(context)?.caller, &id, at.as_millis()).await;
                Ok(row.map_err(Fault::from)?.map(Channel::from))
            }
        }
    }

    /// Channels, page by page. Scope: `channels:read`.
    #[graphql(guard = "Needs(Scope::ChannelsRead)", complexity = "weight(first) * child_complexity")]
    async fn channels(
        &self,
        context: &Context<'_>,
        #[graphql(desc = "Rows of the page: 20 unless told, 100 at most.")] first: Option<i32>,
        #[graphql(desc = "Read on after this cursor, which must be one of this list in this order.")]
        after: Option<String>,
        #[graphql(desc = "Only those in this state.")] state: Option<ChannelState>,
        #[graphql(desc = "Only those whose name holds this, in any case, or whose id or playback id it is.")]
        search: Option<String>,
        #[graphql(desc = "In which order they stand.", default_with = "Some(ChannelOrder::Newest)")]
        order_by: Option<ChannelOrder>,
    ) -> Result<ChannelConnection> {
        let order = order_by.unwrap_or(ChannelOrder::Newest).into();
        let (state, only) = (state.map(Into::into), asked(context)?.only_channels());
        let filter = ChannelFilter { state, search, only, order };
        channels_page(context, filter, first, after.as_deref()).await
    }

    /// A session by its id; null where there is none. Scope: `sessions:read`.
    #[graphql(guard = "Needs(Scope::SessionsRead)")]
    async fn session(
        &self,
        context: &Context<'_>,
        #[graphql(desc = "The session's id.")] id: ID,
    ) -> Result<Option<Session>> {
        Ok(asked(context)?.session(&id).await?.map(Session))
    }

    /// Sessions, newest first, page by page. Scope: `sessions:read`.
    #[graphql(guard = "Needs(Scope::SessionsRead)", complexity = "weight(first) * child_complexity")]
    async fn sessions(
        &self,
        context: &Context<'_>,
        #[graphql(desc = "Only those of this channel.")] channel_id: Option<ID>,
        #[graphql(desc = "Only those in this state.")] state: Option<SessionState>,
        #[graphql(desc = "Rows of the page: 20 unless told, 100 at most.")] first: Option<i32>,
        #[graphql(desc = "Read on after this cursor, which must be one of this list.")] after: Option<String>,
    ) -> Result<SessionConnection> {
        let (channel, state) = (channel_id.map(|id| id.0), state.map(Into::into));
        let filter = SessionFilter { channel, state, only_channels: None };
        sessions_page(context, filter, first, after.as_deref()).await
    }

    /// What is kept of a session, by its id; null where there is none. Scope: `assets:read`.
    #[graphql(guard = "Needs(Scope::AssetsRead)")]
    async fn asset(
        &self,
        context: &Context<'_>,
        #[graphql(desc = "The asset's id.")] id: ID,
    ) -> Result<Option<Asset>> {
        Ok(asked(context)?.asset(&id).await?.map(Asset))
    }

    /// Source records, catchups and clips, newest first, page by page. Scope: `assets:read`.
    #[graphql(guard = "Needs(Scope::AssetsRead)", complexity = "weight(first) * child_complexity")]
    #[allow(clippy::too_many_arguments, reason = "they are the field's arguments in the contract")]
    async fn assets(
        &self,
        context: &Context<'_>,
        #[graphql(desc = "Only those of this channel.")] channel_id: Option<ID>,
        #[graphql(desc = "Only those of this session.")] session_id: Option<ID>,
        #[graphql(desc = "Only those of this kind.")] kind: Option<AssetKind>,
        #[graphql(desc = "Only those in one of these states.")] states: Option<Vec<AssetState>>,
        #[graphql(desc = "Rows of the page: 20 unless told, 100 at most.")] first: Option<i32>,
        #[graphql(desc = "Read on after this cursor, which must be one of this list.")] after: Option<String>,
    ) -> Result<AssetConnection> {
        let (channel, session) = (channel_id.map(|id| id.0), session_id.map(|id| id.0));
        let filter = AssetFilter { channel, session, ..picked(kind, states) };
        assets_page(context, filter, first, after.as_deref()).await
    }

    /// What recordings take, by kind and by channel. Scope: `assets:read`.
    #[graphql(guard = "Needs(Scope::AssetsRead)", complexity = "WHOLE_LIST_WEIGHT * child_complexity")]
    async fn storage(
        &self,
        context: &Context<'_>,
        #[graphql(desc = "Only those of this channel.")] channel_id: Option<ID>,
    ) -> Result<Storage> {
        storage(context, channel_id.map(|id| id.0)).await
    }

    /// What happened, always in the order of the log: forwards from its start, or from `afterPosition`, with `first`; the
    /// newest with `last`, and what stands before them with `beforePosition`. Scope: `events:read`.
    #[graphql(guard = "Needs(Scope::EventsRead)", complexity = "weight(first.or(last)) * child_complexity")]
    #[allow(clippy::too_many_arguments, reason = "they are the field's arguments in the contract")]
    async fn events(
        &self,
        context: &Context<'_>,
        #[graphql(desc = "Only those of this channel, session, token or project itself.")]
        aggregate_id: Option<ID>,
        #[graphql(desc = "Only those of this channel and of its sessions.")] channel_id: Option<ID>,
        #[graphql(
            name = "type",
            desc = "Only those of this type, as `session.live`; with a point at its end a whole family, as `session.`."
        )]
        name: Option<String>,
        #[graphql(desc = "Only those that happened at this moment or later.")] from: Option<DateTime>,
        #[graphql(desc = "Only those that happened before this moment.")] to: Option<DateTime>,
        #[graphql(desc = "Read on with what came after this position.")] after_position: Option<String>,
        #[graphql(desc = "Read back with what came before this position.")] before_position: Option<String>,
        #[graphql(desc = "Rows of the page, read forwards: 20 unless told, 100 at most. Not with `last`.")]
        first: Option<i32>,
        #[graphql(desc = "Rows of the page, read backwards: 100 at most. Not with `first`.")] last: Option<
            i32,
        >,
    ) -> Result<EventConnection> {
        let (aggregate_id, channel_id) = (aggregate_id.map(|id| id.0), channel_id.map(|id| id.0));
        if let (Some(from), Some(to)) = (&from, &to)
            && from.as_millis() >= to.as_millis()
        {
            return Err(Fault::field("to", "to must be later than from").into());
        }
        let moment = |moment: Option<DateTime>| moment.map(|moment| moment.as_millis());
        let filter =
            EventFilter { aggregate_id, channel_id, name, from_ms: moment(from), until_ms: moment(to) };
        let asking = EventsAsked { filter, after: after_position, before: before_position, first, last };
        events_page(context, asking).await
    }

    /// A project's API tokens, newest first, revoked and expired ones included. Scope: `tokens:admin`.
    #[graphql(guard = "Needs(Scope::TokensAdmin)", complexity = "WHOLE_LIST_WEIGHT * child_complexity")]
    async fn api_tokens(
        &self,
        context: &Context<'_>,
        #[graphql(
            desc = "Those of this project: your own unless told. Another one's may be told by a token of the project \
                    `default`."
        )]
        project_id: Option<ID>,
    ) -> Result<Vec<ApiToken>> {
        let (own, reads) = (&asked(context)?.caller.project, &behind(context)?.reads);
        if let Some(named) = project_id.as_ref().filter(|named| named.as_str() != own.as_str()) {
            let may_see = own.is_default() && reads.project(named).await.map_err(Fault::from)?.is_some();
            if !may_see {
                return Err(Fault::not_found("project", named).into());
            }
        }
        let project = project_id.as_ref().map_or(own.as_str(), |named| named.as_str());
        let rows = reads.api_tokens(project).await.map_err(Fault::from)?;
        Ok(rows.into_iter().map(ApiToken::from).collect())
    }

    /// Projects: all of them for a token of the project `default`, its own for another. Scope: `tokens:admin`.
    #[graphql(guard = "Needs(Scope::TokensAdmin)", complexity = "WHOLE_LIST_WEIGHT * child_complexity")]
    async fn projects(&self, context: &Context<'_>) -> Result<Vec<Project>> {
        let own = &asked(context)?.caller.project;
        let rows = behind(context)?.reads.projects().await.map_err(Fault::from)?;
        let seen = rows.iter().filter(|row| own.is_default() || row.id == own.as_str());
        Ok(seen.map(Project::from).collect())
    }

    /// How the platform stands: its components, its read models, its settings. Scope: `health:read`, in the project
    /// `default`; not for a token that is bound to channels.
    #[graphql(
        guard = "Needs(Scope::HealthRead).and(InDefaultProject).and(Unbound)",
        complexity = "10 + child_complexity"
    )]
    async fn health(&self, context: &Context<'_>) -> Result<PlatformHealth> {
        let behind = behind(context)?;
        let conditions = conditions(&behind.components).await;
        let parts = conditions.into_iter().map(|(name, condition)| ComponentHealth::new(name, condition));
        // A projection that cannot be asked is the component's business to tell.
        let rows = behind.projections.status().await.unwrap_or_default();
        let rows = rows.into_iter().map(Projection::from).collect();
        let nodes = behind.nodes.nodes().into_iter().map(NodeObject::from).collect();
        Ok(PlatformHealth::new(&behind.facts, parts.collect(), rows, nodes))
    }

    /// The read models and how they stand. Scope: `health:read`, in the project `default`; not for a token that is bound to
    /// channels.
    #[graphql(
        guard = "Needs(Scope::HealthRead).and(InDefaultProject).and(Unbound)",
        complexity = "10 + child_complexity"
    )]
    async fn projections(&self, context: &Context<'_>) -> Result<Vec<Projection>> {
        let rows = behind(context)?.projections.status().await.map_err(Fault::from)?;
        Ok(rows.into_iter().map(Projection::from).collect())
    }
}
