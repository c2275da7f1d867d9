//! API tokens, and who asks.

use std::sync::Arc;

use async_graphql::{Context, ID, InputObject, Object, Result, SimpleObject};
use sigma_app::{ApiTokenRow, ApiTokenWithSecret, Done, Identity, NewApiToken};

use super::context::asked;
use super::event::{Actor, ActorKind};
use super::loaders::LastUse;
use super::project::{Project, project};
use super::scalars::DateTime;

/// Who asks: whoever holds the token of this request.
pub(crate) struct Me(pub(crate) Identity);

/// Who asks: whoever holds the token of this request.
#[Object(name = "Identity")]
impl Me {
    /// The token's name; `admin` for the admin token.
    async fn name(&self) -> &str {
        &self.0.name
    }

    /// Whether it is the admin token or an API token.
    async fn kind(&self) -> ActorKind {
        self.0.actor.kind().into()
    }

    /// The API token's id, `tk_…`; null for the admin token.
    async fn token_id(&self) -> Option<ID> {
        self.0.token_id.clone().map(ID)
    }

    /// The project that the token is of: nothing of another project is seen with it.
    async fn project(&self, context: &Context<'_>) -> Result<Project> {
        project(context, self.0.project.as_str()).await
    }

    /// What the token may do.
    async fn scopes(&self) -> Vec<String> {
        self.0.access.scopes().map(|scope| scope.code().to_owned()).collect()
    }

    /// The channels that the token is bound to; null for every channel of the project.
    async fn channel_ids(&self) -> Option<Vec<ID>> {
        self.0.access.channels().map(|ids| ids.iter().cloned().map(ID).collect())
    }

    /// When the token runs out; null where it does not.
    async fn expires_at(&self) -> Option<DateTime> {
        self.0.expires_at_ms.map(DateTime::from_millis)
    }
}

/// A token that a program, or a person, asks with. Its text is shown once, when it is made.
pub(crate) struct ApiToken(pub(crate) Arc<ApiTokenRow>);

impl From<ApiTokenRow> for ApiToken {
    fn from(row: ApiTokenRow) -> Self {
        Self(Arc::new(row))
    }
}

/// A token that a program, or a person, asks with. Its text is shown once, when it is made.
#[Object]
impl ApiToken {
    /// The token's id, `tk_…`.
    async fn id(&self) -> ID {
        ID(self.0.id.clone())
    }

    /// What it was named for.
    async fn name(&self) -> &str {
        &self.0.name
    }

    /// How its text begins, so that it can be told from others: `sgm_` and eight characters.
    async fn prefix(&self) -> &str {
        &self.0.prefix
    }

    /// What it may do: `channels:read`, `channels:write`, `channels:secrets`, `sessions:read`, `sessions:write`,
    /// `events:read`, `health:read`, `tokens:admin`, `platform:admin`.
    async fn scopes(&self) -> Vec<&str> {
        self.0.scopes.iter().map(|scope| scope.code()).collect()
    }

    /// The channels that it is bound to; null for every channel of its project.
    async fn channel_ids(&self) -> Option<Vec<ID>> {
        self.0.channels.as_ref().map(|ids| ids.iter().cloned().map(ID).collect())
    }

    /// The project that it is of.
    async fn project(&self, context: &Context<'_>) -> Result<Project> {
        project(context, &self.0.project).await
    }

    /// When it was made.
    async fn created_at(&self) -> DateTime {
        DateTime::from_millis(self.0.created_at_ms)
    }

    /// Who made it.
    async fn created_by(&self) -> Actor {
        Actor(self.0.created_by.clone())
    }

    /// When it runs out; null where it does not.
    async fn expires_at(&self) -> Option<DateTime> {
        self.0.expires_at_ms.map(DateTime::from_millis)
    }

    /// When it was used last, to within half a minute; null where it never was.
    async fn last_used_at(&self, context: &Context<'_>) -> Result<Option<DateTime>> {
        let used = asked(context)?.loaded.load_one(LastUse(self.0.id.clone())).await?;
        Ok(used.map(DateTime::from_millis))
    }

    /// When it was revoked; null while it was not.
    async fn revoked_at(&self) -> Option<DateTime> {
        self.0.revoked_at_ms.map(DateTime::from_millis)
    }
}

/// What a new API token is to be.
#[derive(InputObject)]
pub(crate) struct ApiTokenInput {
    /// What it is for: 1 to 100 characters.
    pub(crate) name: String,
    /// What it may do, one at least: `channels:read`, `channels:write`, `channels:secrets`, `sessions:read`, `sessions:write`,
    /// `events:read`, `health:read`, `tokens:admin`, `platform:admin`. A token bound to channels takes neither of the last two.
    pub(crate) scopes: Vec<String>,
    /// Seconds until it runs out; it does not unless told.
    pub(crate) expires_in_seconds: Option<i32>,
    /// The channels that it is bound to: others are to it as if they were not there. Every channel of the project unless told.
    pub(crate) channel_ids: Option<Vec<ID>>,
    /// The project that it is of: your own unless told. Another one's may be told by a token of the project `default`.
    pub(crate) project_id: Option<ID>,
}

impl From<ApiTokenInput> for NewApiToken {
    fn from(input: ApiTokenInput) -> Self {
        Self {
            name: input.name,
            scopes: input.scopes,
            expires_in_seconds: input.expires_in_seconds.map(i64::from),
            channel_ids: input.channel_ids.map(|ids| ids.into_iter().map(|id| id.0).collect()),
            project_id: input.project_id.map(|id| id.0),
        }
    }
}

/// What became of an API token.
#[derive(SimpleObject)]
pub(crate) struct ApiTokenPayload {
    /// The token as it is now.
    token: ApiToken,
    /// The token's text: only from `createApiToken`, and never again. Send it as `Authorization: Bearer …`.
    secret: Option<String>,
}

impl From<Done<ApiTokenWithSecret>> for ApiTokenPayload {
    fn from(done: Done<ApiTokenWithSecret>) -> Self {
        let ApiTokenWithSecret { token, secret } = done.value;
        Self { token: token.into(), secret: Some(secret.expose().to_owned()) }
    }
}

impl From<Done<ApiTokenRow>> for ApiTokenPayload {
    fn from(done: Done<ApiTokenRow>) -> Self {
        Self { token: done.value.into(), secret: None }
    }
}
