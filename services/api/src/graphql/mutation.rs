//! Commands.

use async_graphql::{Context, ID, Object, Result};
use sigma_app::{Caller, Scope};

use super::asset::AssetPayload;
use super::channel_input::{ChannelPayload, CreateChannelInput, UpdateChannelInput};
use super::clip_input::{CreateClipInput, point, points};
use super::context::{asked, behind};
use super::errors::Fault;
use super::guard::{InDefaultProject, Needs};
use super::project::{Project, ProjectPayload};
use super::projection::{Projection, ProjectionError, ProjectionPayload};
use super::session::SessionPayload;
use super::token::{ApiTokenInput, ApiTokenPayload};

/// Commands. All want a token, and a scope that it has. With an `Idempotency-Key` header a request holds exactly one of them,
/// and repeating it within 24 hours gives the first answer and does nothing new. Who reads after the answer sees what was done.
pub(crate) struct Mutation;

/// Commands. All want a token, and a scope that it has. With an `Idempotency-Key` header a request holds exactly one of them,
/// and repeating it within 24 hours gives the first answer and does nothing new. Who reads after the answer sees what was done.
#[Object]
impl Mutation {
    /// Makes a channel, with all that a broadcaster needs. A token that is bound to channels makes none. Scope:
    /// `channels:write`; the stream key is answered only with `channels:secrets` too.
    #[graphql(guard = "Needs(Scope::ChannelsWrite)")]
    async fn create_channel(
        &self,
        context: &Context<'_>,
        #[graphql(desc = "What it is to be.")] input: CreateChannelInput,
    ) -> Result<ChannelPayload> {
        let done = behind(context)?.app.create_channel(caller(context)?, input.into()).await;
        Ok(ChannelPayload::with_key(done.map_err(Fault::from)?))
    }

    /// Changes a channel's name or settings. Scope: `channels:write`.
    #[graphql(guard = "Needs(Scope::ChannelsWrite)")]
    async fn update_channel(
        &self,
        context: &Context<'_>,
        #[graphql(desc = "The channel's id.")] id: ID,
        #[graphql(desc = "What is to change.")] input: UpdateChannelInput,
    ) -> Result<ChannelPayload> {
        let done = behind(context)?.app.update_channel(caller(context)?, &id, input.into()).await;
        Ok(ChannelPayload::plain(done.map_err(Fault::from)?))
    }

    /// Lets feeds in again after `stopChannel`. Refused on a channel that is not stopped. Scope: `channels:write`.
    #[graphql(guard = "Needs(Scope::ChannelsWrite)")]
    async fn start_channel(
        &self,
        context: &Context<'_>,
        #[graphql(desc = "The channel's id.")] id: ID,
    ) -> Result<ChannelPayload> {
        let done = behind(context)?.app.start_channel(caller(context)?, &id).await;
        Ok(ChannelPayload::plain(done.map_err(Fault::from)?))
    }

    /// Ends what is on air and lets no feed in until `startChannel`. Scope: `channels:write`.
    #[graphql(guard = "Needs(Scope::ChannelsWrite)")]
    async fn stop_channel(
        &self,
        context: &Context<'_>,
        #[graphql(desc = "The channel's id.")] id: ID,
    ) -> Result<ChannelPayload> {
        let done = behind(context)?.app.stop_channel(caller(context)?, &id).await;
        Ok(ChannelPayload::plain(done.map_err(Fault::from)?))
    }

    /// Removes a channel that is not on air, for ever. With `erase` its name, and what is known of who broadcast to it, cannot be
    /// read any more either, in the log and in all that was made of it: the key that they are sealed under is destroyed. A
    /// channel that was deleted without it can still be erased. Scope: `channels:write`.
    #[graphql(guard = "Needs(Scope::ChannelsWrite)")]
    async fn delete_channel(
        &self,
        context: &Context<'_>,
        #[graphql(desc = "The channel's id.")] id: ID,
        #[graphql(desc = "Erase what is personal about it, for ever.", default = false)] erase: bool,
    ) -> Result<ChannelPayload> {
        let (app, caller) = (&behind(context)?.app, caller(context)?);
        let done = match erase {
            true => app.erase_channel(caller, &id).await,
            false => app.delete_channel(caller, &id).await,
        };
        Ok(ChannelPayload::plain(done.map_err(Fault::from)?))
    }

    /// Makes another stream key. A feed that is on air with the old one is not cut. Scope: `channels:write` and
    /// `channels:secrets`.
    #[graphql(guard = "Needs(Scope::ChannelsWrite).and(Needs(Scope::ChannelsSecrets))")]
    async fn rotate_stream_key(
        &self,
        context: &Context<'_>,
        #[graphql(desc = "The channel's id.")] channel_id: ID,
        #[graphql(desc = "Seconds that the old key goes on serving, 0 to 604800: 0 unless told.")]
        overlap_seconds: Option<i32>,
    ) -> Result<ChannelPayload> {
        let overlap = overlap_seconds.map(i64::from);
        let done = behind(context)?.app.rotate_stream_key(caller(context)?, &channel_id, overlap).await;
        Ok(ChannelPayload::with_key(done.map_err(Fault::from)?))
    }

    /// Makes a session in PROCESSING public. Scope: `sessions:write`.
    #[graphql(guard = "Needs(Scope::SessionsWrite)")]
    async fn go_live(
        &self,
        context: &Context<'_>,
        #[graphql(desc = "The session's id.")] session_id: ID,
    ) -> Result<SessionPayload> {
        let done = behind(context)?.app.go_live(caller(context)?, &session_id).await;
        Ok(done.map_err(Fault::from)?.into())
    }

    /// Ends a session; its encoder is cut. Scope: `sessions:write`.
    #[graphql(guard = "Needs(Scope::SessionsWrite)")]
    async fn end_session(
        &self,
        context: &Context<'_>,
        #[graphql(desc = "The session's id.")] session_id: ID,
    ) -> Result<SessionPayload> {
        let done = behind(context)?.app.end_session(caller(context)?, &session_id).await;
        Ok(done.map_err(Fault::from)?.into())
    }

    /// Cuts a clip out of a session, also while it is on air ("the last 30 s": `from: -30, to: 0`), or out of an asset; or joins
    /// several `ranges` of it in one. It is READY at once: nothing is copied. Scope: `assets:write`.
    #[graphql(guard = "Needs(Scope::AssetsWrite)")]
    async fn create_clip(
        &self,
        context: &Context<'_>,
        #[graphql(desc = "What it is to be.")] input: CreateClipInput,
    ) -> Result<AssetPayload> {
        let done = behind(context)?.app.create_clip(caller(context)?, input.understood()?).await;
        Ok(done.map_err(Fault::from)?.into())
    }

    /// Shows only a part of an asset. Nothing is cut away: trimmed again, all of it is
    /// there to choose from, and `untrimAsset` shows all of it again. Refused where it is not READY. Scope: `assets:write`.
    #[graphql(guard = "Needs(Scope::AssetsWrite)")]
    async fn trim_asset(
        &self,
        context: &Context<'_>,
        #[graphql(desc = "The asset's id.")] id: ID,
        #[graphql(desc = "Where the part begins, in seconds from the beginning of all of it.")] from: f64,
        #[graphql(desc = "Where it ends, likewise.")] to: f64,
        #[graphql(
            desc = "To the picture, as `exact` of a clip; else from the key frame at or before `from` on.",
            default = false
        )]
        exact: bool,
    ) -> Result<AssetPayload> {
        let (from_us, to_us) = points(from, to)?;
        let done = behind(context)?.app.trim_asset(caller(context)?, &id, from_us, to_us, exact).await;
        Ok(done.map_err(Fault::from)?.into())
    }

    /// Shows all of an asset again. Refused where it is not trimmed. Scope: `assets:write`.
    #[graphql(guard = "Needs(Scope::AssetsWrite)")]
    async fn untrim_asset(
        &self,
        context: &Context<'_>,
        #[graphql(desc = "The asset's id.")] id: ID,
    ) -> Result<AssetPayload> {
        let done = behind(context)?.app.untrim_asset(caller(context)?, &id).await;
        Ok(done.map_err(Fault::from)?.into())
    }

    /// Lets the picture of a moment stand for an asset: that of the key frame at or before it. A trim that leaves the moment out leaves
    /// the poster out until it is undone. Refused where it is not READY. Scope: `assets:write`.
    #[graphql(guard = "Needs(Scope::AssetsWrite)")]
    async fn set_poster(
        &self,
        context: &Context<'_>,
        #[graphql(desc = "The asset's id.")] id: ID,
        #[graphql(desc = "The moment, in seconds from the beginning of what is shown of it.")] at: f64,
    ) -> Result<AssetPayload> {
        let done = behind(context)?.app.set_poster(caller(context)?, &id, point("at", at)?).await;
        Ok(done.map_err(Fault::from)?.into())
    }

    /// Deletes an asset, for ever; one that is being recorded is kept no longer. Its media goes where no other asset names it.
    /// Refused where it is gone. Scope: `assets:write`.
    #[graphql(guard = "Needs(Scope::AssetsWrite)")]
    async fn delete_asset(
        &self,
        context: &Context<'_>,
        #[graphql(desc = "The asset's id.")] id: ID,
    ) -> Result<AssetPayload> {
        let done = behind(context)?.app.delete_asset(caller(context)?, &id).await;
        Ok(done.map_err(Fault::from)?.into())
    }

    /// Fills a read model anew from the log, beside the one that serves, and swaps it in when it is whole. Scope:
    /// `platform:admin`, in the project `default`.
    #[graphql(guard = "Needs(Scope::PlatformAdmin).and(InDefaultProject)")]
    async fn rebuild_projection(
        &self,
        context: &Context<'_>,
        #[graphql(desc = "The projection's name.")] name: String,
    ) -> Result<ProjectionPayload> {
        behind(context)?.projections.rebuild(&name).await.map_err(Fault::from)?;
        projection(context, name).await
    }

    /// Tries again to apply the events of an aggregate that a projection has parked. Scope: `platform:admin`, in the project
    /// `default`.
    #[graphql(guard = "Needs(Scope::PlatformAdmin).and(InDefaultProject)")]
    async fn retry_parked(
        &self,
        context: &Context<'_>,
        #[graphql(desc = "The projection's name.")] projection: String,
        #[graphql(desc = "The aggregate whose line is parked.")] aggregate_id: ID,
    ) -> Result<ProjectionPayload> {
        behind(context)?.projections.retry_parked(&projection, &aggregate_id).await.map_err(Fault::from)?;
        self::projection(context, projection).await
    }

    /// Drops the one event that blocks an aggregate's line in a projection, and goes on with what waits behind it. What that
    /// event says is missing from the read model until it is rebuilt. Scope: `platform:admin`, in the project `default`.
    #[graphql(guard = "Needs(Scope::PlatformAdmin).and(InDefaultProject)")]
    async fn skip_parked(
        &self,
        context: &Context<'_>,
        #[graphql(desc = "The projection's name.")] projection: String,
        #[graphql(desc = "The aggregate whose line is parked.")] aggregate_id: ID,
    ) -> Result<ProjectionPayload> {
        behind(context)?.projections.skip_parked(&projection, &aggregate_id).await.map_err(Fault::from)?;
        self::projection(context, projection).await
    }

    /// Makes an API token. Its text is answered once. Scope: `tokens:admin`; another project may be named, and the scope
    /// `platform:admin` given, only by a token of the project `default` and one that has that scope.
    #[graphql(guard = "Needs(Scope::TokensAdmin)")]
    async fn create_api_token(
        &self,
        context: &Context<'_>,
        #[graphql(desc = "What it is to be.")] input: ApiTokenInput,
    ) -> Result<ApiTokenPayload> {
        let done = behind(context)?.app.create_api_token(caller(context)?, input.into()).await;
        Ok(done.map_err(Fault::from)?.into())
    }

    /// Ends an API token, for ever: what still asks with it is turned away, and its subscriptions end within seconds. Scope:
    /// `tokens:admin`; another project's is ended only by a token of the project `default`.
    #[graphql(guard = "Needs(Scope::TokensAdmin)")]
    async fn revoke_api_token(
        &self,
        context: &Context<'_>,
        #[graphql(desc = "The token's id.")] id: ID,
    ) -> Result<ApiTokenPayload> {
        let done = behind(context)?.app.revoke_api_token(caller(context)?, &id).await;
        Ok(done.map_err(Fault::from)?.into())
    }

    /// Makes a project. Scope: `tokens:admin`, in the project `default`.
    #[graphql(guard = "Needs(Scope::TokensAdmin).and(InDefaultProject)")]
    async fn create_project(
        &self,
        context: &Context<'_>,
        #[graphql(desc = "Its name: 1 to 100 characters.")] name: String,
    ) -> Result<ProjectPayload> {
        let done = behind(context)?.app.create_project(caller(context)?, &name).await;
        Ok(ProjectPayload { project: Project::from(&done.map_err(Fault::from)?.value) })
    }
}

fn caller<'a>(context: &Context<'a>) -> Result<&'a Caller> {
    Ok(&asked(context)?.caller)
}

async fn projection(context: &Context<'_>, name: String) -> Result<ProjectionPayload> {
    let rows = behind(context)?.projections.status().await.map_err(Fault::from)?;
    let row = rows.into_iter().find(|row| row.name == name);
    let row = row.ok_or_else(|| Fault::from(ProjectionError::Unknown(name)))?;
    Ok(ProjectionPayload { projection: Projection::from(row) })
}
