//! What resolvers find in a request's context.

use std::sync::Arc;

use async_graphql::{Context, Result};
use sigma_app::{App, AssetRow, Caller, ChannelRow, Identity, ReadModels, SessionRow};
use tokio_util::sync::CancellationToken;

use super::health::IngestHealth;
use super::loaders::{AssetKey, ChannelKey, Loaded, SessionKey};
use super::platform::PlatformFacts;
use super::projection::Projections;
use crate::addresses::Origin;
use crate::http::Component;
use crate::nodes::Nodes;

/// One request: who asks, and the addresses as he sees them.
pub(crate) struct Asked {
    pub(crate) identity: Identity,
    pub(crate) caller: Caller,
    pub(crate) origin: Origin,
    pub(crate) loaded: Arc<Loaded>,
    /// Cancelled once a subscription has its place: what happens from then on is told.
    pub(crate) placed: CancellationToken,
}

/// What the API calls.
#[derive(Clone)]
pub(crate) struct Behind {
    pub(crate) app: Arc<App>,
    pub(crate) reads: Arc<dyn ReadModels>,
    pub(crate) projections: Arc<dyn Projections>,
    pub(crate) health: Arc<dyn IngestHealth>,
    pub(crate) components: Arc<[Arc<dyn Component>]>,
    pub(crate) nodes: Arc<dyn Nodes>,
    pub(crate) facts: Arc<PlatformFacts>,
}

pub(crate) fn asked<'a>(context: &Context<'a>) -> Result<&'a Asked> {
    context.data::<Asked>()
}

pub(crate) fn behind<'a>(context: &Context<'a>) -> Result<&'a Behind> {
    context.data::<Behind>()
}

impl Asked {
    /// The channels that the token is bound to, as a filter of rows.
    pub(crate) fn only_channels(&self) -> Option<Vec<String>> {
        self.caller.access.channels().map(|ids| ids.iter().cloned().collect())
    }

    /// The channel, where it is the project's and within the token's channels.
    pub(crate) async fn channel(&self, id: &str) -> Result<Option<Arc<ChannelRow>>> {
        if !self.caller.access.sees(id) {
            return Ok(None);
        }
        Ok(self.loaded.load_one(ChannelKey(id.to_owned())).await?)
    }

    /// The asset, where it is the project's and of one of the token's channels.
    pub(crate) async fn asset(&self, id: &str) -> Result<Option<Arc<AssetRow>>> {
        let row = self.loaded.load_one(AssetKey(id.to_owned())).await?;
        Ok(row.filter(|row| self.caller.access.sees(&row.channel)))
    }

    /// The session, where it is the project's and of one of the token's channels.
    pub(crate) async fn session(&self, id: &str) -> Result<Option<Arc<SessionRow>>> {
        let row = self.loaded.load_one(SessionKey(id.to_owned())).await?;
        Ok(row.filter(|row| self.caller.access.sees(&row.channel)))
    }
}
