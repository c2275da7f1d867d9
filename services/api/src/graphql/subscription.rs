//! What is told as it happens.
//!
//! Every stream pulls: it holds nothing but its place among the process's changes or in the log. Who reads too slowly for the
//! changes is told so and cut ([`Fault::too_slow`]); who reads the log slowly only reads it later.

use std::pin::Pin;

use async_graphql::{Context, ID, Result, Subscription as Told};
use futures_util::{Stream, StreamExt, stream};
use sigma_app::Scope;

use super::asset::Asset;
use super::channel::Channel;
use super::context::asked;
use super::errors::Fault;
use super::event::DomainEvent;
use super::guard::Needs;
use super::health::Health;
use super::session::Session;
use super::watch::{AssetWatch, ChannelWatch, EventWatch, HealthWatch, SessionWatch, Watch};

type Stories<T> = Pin<Box<dyn Stream<Item = Result<T>> + Send>>;

/// What is told as it happens, over `/graphql/ws` (`graphql-transport-ws`) or as server-sent events. All want a token, and a
/// scope that it has; a token that is revoked or runs out ends its subscriptions within seconds.
pub(crate) struct Subscription;

/// What is told as it happens, over `/graphql/ws` (`graphql-transport-ws`) or as server-sent events. All want a token, and a
/// scope that it has; a token that is revoked or runs out ends its subscriptions within seconds.
#[Told]
impl Subscription {
    /// A channel as it is after each event of its own or of its sessions. With an `id` it is told at once as it is now, and
    /// the subscription completes when the channel is deleted. Scope: `channels:read`.
    #[graphql(guard = "Needs(Scope::ChannelsRead)")]
    async fn channel_updated(
        &self,
        context: &Context<'_>,
        #[graphql(desc = "Only this channel. Without it, every channel of the project that the token sees.")]
        id: Option<ID>,
    ) -> Result<Stories<Channel>> {
        told(context, ChannelWatch::begin(context, id.map(|id| id.0)).await?)
    }

    /// A session as it is after each event of its own, its warnings included. With an `id` it is told at once as it is now,
    /// and the subscription completes with the session's end. Scope: `sessions:read`.
    #[graphql(guard = "Needs(Scope::SessionsRead)")]
    async fn session_updated(
        &self,
        context: &Context<'_>,
        #[graphql(desc = "Only this session.")] id: Option<ID>,
        #[graphql(desc = "Only sessions of this channel.")] channel_id: Option<ID>,
    ) -> Result<Stories<Session>> {
        told(context, SessionWatch::begin(context, id.map(|id| id.0), channel_id.map(|id| id.0)).await?)
    }

    /// What a session's feed is like, a sample a second while it is on air. Completes with the session's end. Scope:
    /// `health:read`.
    #[graphql(guard = "Needs(Scope::HealthRead)")]
    async fn session_health(
        &self,
        context: &Context<'_>,
        #[graphql(desc = "The session's id.")] id: ID,
    ) -> Result<Stories<Health>> {
        told(context, HealthWatch::begin(context, id.0).await?)
    }

    /// An asset as it is after each event of its own. With an `id` it is told at once as it is now, and the subscription
    /// completes when it is deleted or expires. Scope: `assets:read`.
    #[graphql(guard = "Needs(Scope::AssetsRead)")]
    async fn asset_updated(
        &self,
        context: &Context<'_>,
        #[graphql(desc = "Only this asset.")] id: Option<ID>,
        #[graphql(desc = "Only assets of this channel.")] channel_id: Option<ID>,
    ) -> Result<Stories<Asset>> {
        told(context, AssetWatch::begin(context, id.map(|id| id.0), channel_id.map(|id| id.0)).await?)
    }

    /// Events as they are committed, each exactly once and in the order of the log; with `afterPosition` first all that
    /// happened since. Give the last position that you saw to go on after a break with none lost. Scope: `events:read`.
    #[graphql(guard = "Needs(Scope::EventsRead)")]
    async fn events(
        &self,
        context: &Context<'_>,
        #[graphql(desc = "Begin behind this position; without it, from now on.")] after_position: Option<
            String,
        >,
    ) -> Result<Stories<DomainEvent>> {
        told(context, EventWatch::begin(context, after_position).await?)
    }
}

/// What is watched, which has its place now, as a stream that ends with its first error.
fn told<W: Watch>(context: &Context<'_>, watch: W) -> Result<Stories<W::Item>> {
    asked(context)?.placed.cancel();
    let next = async |watch: Option<W>| {
        let mut watch = watch?;
        let item: std::result::Result<W::Item, Fault> = watch.next().await?;
        let watch = item.is_ok().then_some(watch);
        Some((item.map_err(Into::into), watch))
    };
    Ok(stream::unfold(Some(watch), next).boxed())
}
