//! Commands.

use async_graphql::{Context, ID, InputObject, Object, Result, SimpleObject};
use sigma_app::{ChannelRow, ChannelUpdate, ChannelWithKey, Done, NewChannel, SessionRow};

use super::channel::{Channel, LatencyMode};
use super::context::{asked, behind};
use super::errors::Fault;
use super::projection::{Projection, ProjectionError, ProjectionPayload};
use super::session::Session;

/// Commands. All want a token. With an `Idempotency-Key` header a request holds exactly one of them, and repeating it
/// gives the first answer and does nothing new.
pub(crate) struct Mutation;

/// What a new channel is to be. The name suffices.
#[derive(InputObject)]
pub(crate) struct CreateChannelInput {
    /// Its name: 1 to 100 characters.
    name: String,
    /// How far behind the camera viewers are: `LOW` unless told.
    latency_mode: Option<LatencyMode>,
    /// Go live with the first playable playlist: true unless told.
    auto_go_live: Option<bool>,
    /// Seconds that a session may last, 60 to 604800: 43200 unless told.
    max_session_duration: Option<i32>,
    /// Seconds that a session whose feed was lost waits, 0 to 3600: 60 unless told.
    reconnect_window: Option<i32>,
    /// Whether an orderly unpublish ends the session at once: true unless told.
    end_on_unpublish: Option<bool>,
}

/// What is to change of a channel. What is not given stays as it is.
#[derive(InputObject)]
pub(crate) struct UpdateChannelInput {
    /// Its name: 1 to 100 characters.
    name: Option<String>,
    /// How far behind the camera viewers are. Refused while the channel is on air.
    latency_mode: Option<LatencyMode>,
    /// Go live with the first playable playlist. For sessions to come.
    auto_go_live: Option<bool>,
    /// Seconds that a session may last, 60 to 604800. For sessions to come.
    max_session_duration: Option<i32>,
    /// Seconds that a session whose feed was lost waits, 0 to 3600. For sessions to come.
    reconnect_window: Option<i32>,
    /// Whether an orderly unpublish ends the session at once. For sessions to come.
    end_on_unpublish: Option<bool>,
}

/// What became of a channel.
#[derive(SimpleObject)]
pub(crate) struct ChannelPayload {
    /// The channel as it is now; after `deleteChannel`, as it was.
    channel: Channel,
    /// The stream key: only from `createChannel` and `rotateStreamKey`.
    stream_key: Option<String>,
}

impl ChannelPayload {
    fn plain(done: Done<ChannelRow>) -> Self {
        Self { channel: done.value.into(), stream_key: None }
    }

    fn with_key(done: Done<ChannelWithKey>) -> Self {
        let stream_key = done.value.stream_key.map(|key| key.expose().to_owned());
        Self { channel: done.value.channel.into(), stream_key }
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

/// Commands. All want a token. With an `Idempotency-Key` header a request holds exactly one of them, and repeating it
/// gives the first answer and does nothing new.
#[Object]
impl Mutation {
    /// Makes a channel, with all that a broadcaster needs.
    async fn create_channel(
        &self,
        context: &Context<'_>,
        #[graphql(desc = "What it is to be.")] input: CreateChannelInput,
    ) -> Result<ChannelPayload> {
        let new = NewChannel {
            name: input.name,
            latency_mode: input.latency_mode.map(Into::into),
            auto_go_live: input.auto_go_live,
            max_session_duration: input.max_session_duration.map(i64::from),
            reconnect_window: input.reconnect_window.map(i64::from),
            end_on_unpublish: input.end_on_unpublish,
        };
        let done = behind(context)?.app.create_channel(&asked(context)?.caller, new).await;
        Ok(ChannelPayload::with_key(done.map_err(Fault::from)?))
    }

    /// Changes a channel's name or settings.
    async fn update_channel(
        &self,
        context: &Context<'_>,
        #[graphql(desc = "The channel's id.")] id: ID,
        #[graphql(desc = "What is to change.")] input: UpdateChannelInput,
    ) -> Result<ChannelPayload> {
        let update = ChannelUpdate {
            name: input.name,
            latency_mode: input.latency_mode.map(Into::into),
            auto_go_live: input.auto_go_live,
            max_session_duration: input.max_session_duration.map(i64::from),
            reconnect_window: input.reconnect_window.map(i64::from),
            end_on_unpublish: input.end_on_unpublish,
        };
        let done = behind(context)?.app.update_channel(&asked(context)?.caller, &id, update).await;
        Ok(ChannelPayload::plain(done.map_err(Fault::from)?))
    }

    /// Lets feeds in again after `stopChannel`.
    async fn start_channel(
        &self,
        context: &Context<'_>,
        #[graphql(desc = "The channel's id.")] id: ID,
    ) -> Result<ChannelPayload> {
        let done = behind(context)?.app.start_channel(&asked(context)?.caller, &id).await;
        Ok(ChannelPayload::plain(done.map_err(Fault::from)?))
    }

    /// Ends what is on air and lets no feed in until `startChannel`.
    async fn stop_channel(
        &self,
        context: &Context<'_>,
        #[graphql(desc = "The channel's id.")] id: ID,
    ) -> Result<ChannelPayload> {
        let done = behind(context)?.app.stop_channel(&asked(context)?.caller, &id).await;
        Ok(ChannelPayload::plain(done.map_err(Fault::from)?))
    }

    /// Removes a channel that is not on air, for ever.
    async fn delete_channel(
        &self,
        context: &Context<'_>,
        #[graphql(desc = "The channel's id.")] id: ID,
    ) -> Result<ChannelPayload> {
        let done = behind(context)?.app.delete_channel(&asked(context)?.caller, &id).await;
        Ok(ChannelPayload::plain(done.map_err(Fault::from)?))
    }

    /// Makes another stream key. A feed that is on air with the old one is not cut.
    async fn rotate_stream_key(
        &self,
        context: &Context<'_>,
        #[graphql(desc = "The channel's id.")] channel_id: ID,
        #[graphql(desc = "Seconds that the old key goes on serving, 0 to 604800: 0 unless told.")]
        overlap_seconds: Option<i32>,
    ) -> Result<ChannelPayload> {
        let overlap = overlap_seconds.map(i64::from);
        let done =
            behind(context)?.app.rotate_stream_key(&asked(context)?.caller, &channel_id, overlap).await;
        Ok(ChannelPayload::with_key(done.map_err(Fault::from)?))
    }

    /// Makes a session in PROCESSING public.
    async fn go_live(
        &self,
        context: &Context<'_>,
        #[graphql(desc = "The session's id.")] session_id: ID,
    ) -> Result<SessionPayload> {
        let done = behind(context)?.app.go_live(&asked(context)?.caller, &session_id).await;
        Ok(done.map_err(Fault::from)?.into())
    }

    /// Ends a session; its encoder is cut.
    async fn end_session(
        &self,
        context: &Context<'_>,
        #[graphql(desc = "The session's id.")] session_id: ID,
    ) -> Result<SessionPayload> {
        let done = behind(context)?.app.end_session(&asked(context)?.caller, &session_id).await;
        Ok(done.map_err(Fault::from)?.into())
    }

    /// Fills a read model anew from the log, beside the one that serves, and swaps it in when it is whole.
    async fn rebuild_projection(
        &self,
        context: &Context<'_>,
        #[graphql(desc = "The projection's name.")] name: String,
    ) -> Result<ProjectionPayload> {
        behind(context)?.projections.rebuild(&name).await.map_err(Fault::from)?;
        projection(context, name).await
    }

    /// Tries again to apply the events of an aggregate that a projection has parked.
    async fn retry_parked(
        &self,
        context: &Context<'_>,
        #[graphql(desc = "The projection's name.")] projection: String,
        #[graphql(desc = "The aggregate whose line is parked.")] aggregate_id: ID,
    ) -> Result<ProjectionPayload> {
        behind(context)?.projections.retry_parked(&projection, &aggregate_id).await.map_err(Fault::from)?;
        self::projection(context, projection).await
    }
}

async fn projection(context: &Context<'_>, name: String) -> Result<ProjectionPayload> {
    let rows = behind(context)?.projections.status().await.map_err(Fault::from)?;
    let row = rows.into_iter().find(|row| row.name == name);
    let row = row.ok_or_else(|| Fault::from(ProjectionError::Unknown(name)))?;
    Ok(ProjectionPayload { projection: Projection::from(row) })
}
