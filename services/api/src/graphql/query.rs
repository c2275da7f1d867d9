//! Questions.

use async_graphql::{Context, ID, Object, Result};
use sigma_app::{ChannelFilter, SessionFilter};

use super::channel::{Channel, ChannelConnection, ChannelState, channels_page};
use super::connection::weight;
use super::context::{asked, behind};
use super::errors::Fault;
use super::loaders::{ChannelKey, SessionKey};
use super::projection::Projection;
use super::session::{Session, SessionConnection, SessionState, sessions_page};

/// Questions. All want a token.
pub(crate) struct Query;

/// Questions. All want a token.
#[Object]
impl Query {
    /// A channel by its id; null where there is none.
    async fn channel(
        &self,
        context: &Context<'_>,
        #[graphql(desc = "The channel's id.")] id: ID,
    ) -> Result<Option<Channel>> {
        let row = asked(context)?.loaded.load_one(ChannelKey(id.0)).await?;
        Ok(row.map(Channel))
    }

    /// Channels, newest first.
    #[graphql(complexity = "weight(first) * child_complexity")]
    async fn channels(
        &self,
        context: &Context<'_>,
        #[graphql(desc = "Rows of the page: 20 unless told, 100 at most.")] first: Option<i32>,
        #[graphql(desc = "Read on after this cursor.")] after: Option<String>,
        #[graphql(desc = "Only those in this state.")] state: Option<ChannelState>,
        #[graphql(desc = "Only those whose name holds this, in any case, or whose id or playback id it is.")]
        search: Option<String>,
    ) -> Result<ChannelConnection> {
        let filter = ChannelFilter { state: state.map(Into::into), search, ..ChannelFilter::default() };
        channels_page(context, filter, first, after.as_deref()).await
    }

    /// A session by its id; null where there is none.
    async fn session(
        &self,
        context: &Context<'_>,
        #[graphql(desc = "The session's id.")] id: ID,
    ) -> Result<Option<Session>> {
        let row = asked(context)?.loaded.load_one(SessionKey(id.0)).await?;
        Ok(row.map(Session))
    }

    /// Sessions, newest first.
    #[graphql(complexity = "weight(first) * child_complexity")]
    async fn sessions(
        &self,
        context: &Context<'_>,
        #[graphql(desc = "Only those of this channel.")] channel_id: Option<ID>,
        #[graphql(desc = "Only those in this state.")] state: Option<SessionState>,
        #[graphql(desc = "Rows of the page: 20 unless told, 100 at most.")] first: Option<i32>,
        #[graphql(desc = "Read on after this cursor.")] after: Option<String>,
    ) -> Result<SessionConnection> {
        let filter = SessionFilter {
            channel: channel_id.map(|id| id.0),
            state: state.map(Into::into),
            ..SessionFilter::default()
        };
        sessions_page(context, filter, first, after.as_deref()).await
    }

    /// The read models and how they stand.
    async fn projections(&self, context: &Context<'_>) -> Result<Vec<Projection>> {
        let rows = behind(context)?.projections.status().await.map_err(Fault::from)?;
        Ok(rows.into_iter().map(Projection::from).collect())
    }
}
