//! What a subscription follows, and which of the changes concern it.
//!
//! The changes of the process come from one follower of the log, after the views show them. All subscribers whom a change
//! wakes ask the same loader, which reads the row once for all of them.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use async_graphql::{Context, Result};
use futures_util::StreamExt;
use futures_util::stream::BoxStream;
use sigma_app::{Access, AssetState, Change, Changes, EventFeed, ProjectId, SessionState};

use super::asset::Asset;
use super::channel::Channel;
use super::context::{asked, behind};
use super::errors::Fault;
use super::event::DomainEvent;
use super::health::{Health, HealthSample, IngestHealth};
use super::loaders::{AssetKey, ChannelKey, Loaded, SessionKey};
use super::session::Session;

/// A session that is not on air here, and not over, is asked for again after this.
const NOT_ON_AIR_REST: Duration = Duration::from_secs(1);

/// Something that is followed.
pub(crate) trait Watch: Send + 'static {
    /// What is told.
    type Item: Send + 'static;

    /// The next that is to be told. None: it is over. After an error it is not asked again.
    fn next(&mut self) -> impl Future<Output = Option<Result<Self::Item, Fault>>> + Send;
}

/// Which changes the subscriber may hear of.
struct Ear {
    changes: Changes,
    project: ProjectId,
    access: Access,
    loaded: Arc<Loaded>,
}

impl Ear {
    fn of(context: &Context<'_>) -> Result<Self> {
        let asked = asked(context)?;
        let (project, access) = (asked.caller.project.clone(), asked.caller.access.clone());
        Ok(Self {
            changes: behind(context)?.app.changes(),
            project,
            access,
            loaded: Arc::clone(&asked.loaded),
        })
    }

    /// The next change in the subscriber's project and channels.
    async fn next(&mut self) -> Result<Arc<Change>, Fault> {
        loop {
            let change = self.changes.next().await.map_err(|_lagged| Fault::too_slow())?;
            if change.project == self.project.as_str() && self.access.sees(&change.channel) {
                return Ok(change);
            }
        }
    }
}

/// Follows a channel, or all that the token sees.
pub(crate) struct ChannelWatch {
    ear: Ear,
    id: Option<String>,
    first: Option<Channel>,
}

impl ChannelWatch {
    pub(crate) async fn begin(context: &Context<'_>, id: Option<String>) -> Result<Self> {
        // First the ear, then the row: what happens between the two is told twice rather than never.
        let ear = Ear::of(context)?;
        let first = match &id {
            None => None,
            Some(id) => {
                let row = asked(context)?.channel(id).await?;
                Some(Channel(row.ok_or_else(|| Fault::not_found("channel", id))?))
            }
        };
        Ok(Self { ear, id, first })
    }

    fn concerns(&self, change: &Change) -> bool {
        matches!(change.aggregate_type.as_str(), "channel" | "session")
            && self.id.as_ref().is_none_or(|id| *id == change.channel)
    }
}

impl Watch for ChannelWatch {
    type Item = Channel;

    async fn next(&mut self) -> Option<Result<Channel, Fault>> {
        if let Some(first) = self.first.take() {
            return Some(Ok(first));
        }
        loop {
            let change = match self.ear.next().await {
                Ok(change) => change,
                Err(fault) => return Some(Err(fault)),
            };
            if !self.concerns(&change) {
                continue;
            }
            match self.ear.loaded.load_one(ChannelKey(change.channel.clone())).await {
                Ok(Some(row)) => return Some(Ok(Channel(row))),
                // Deleted, and nothing follows.
                Ok(None) if self.id.is_some() => return None,
                Ok(None) => {}
                Err(fault) => return Some(Err(fault)),
            }
        }
    }
}

/// Follows a session, those of a channel, or all that the token sees.
pub(crate) struct SessionWatch {
    ear: Ear,
    id: Option<String>,
    channel: Option<String>,
    first: Option<Session>,
    over: bool,
}

impl SessionWatch {
    pub(crate) async fn begin(
        context: &Context<'_>,
        id: Option<String>,
        channel: Option<String>,
    ) -> Result<Self> {
        let ear = Ear::of(context)?;
        let asked = asked(context)?;
        if let Some(channel) = &channel {
            asked.channel(channel).await?.ok_or_else(|| Fault::not_found("channel", channel))?;
        }
        let first = match &id {
            None => None,
            Some(id) => {
                let row = asked.session(id).await?;
                let row = row.filter(|row| channel.as_ref().is_none_or(|channel| *channel == row.channel));
                Some(Session(row.ok_or_else(|| Fault::not_found("session", id))?))
            }
        };
        Ok(Self { ear, id, channel, first, over: false })
    }

    fn concerns(&self, change: &Change) -> bool {
        matches!(change.aggregate_type.as_str(), "session" | "session_health")
            && self.id.as_ref().is_none_or(|id| *id == change.aggregate_id)
            && self.channel.as_ref().is_none_or(|channel| *channel == change.channel)
    }

    fn tell(&mut self, session: Session) -> Option<Result<Session, Fault>> {
        self.over = self.id.is_some() && session.0.state == SessionState::Ended;
        Some(Ok(session))
    }
}

impl Watch for SessionWatch {
    type Item = Session;

    async fn next(&mut self) -> Option<Result<Session, Fault>> {
        if let Some(first) = self.first.take() {
            return self.tell(first);
        }
        while !self.over {
            let change = match self.ear.next().await {
                Ok(change) => change,
                Err(fault) => return Some(Err(fault)),
            };
            if !self.concerns(&change) {
                continue;
            }
            match self.ear.loaded.load_one(SessionKey(change.aggregate_id.clone())).await {
                Ok(Some(row)) => return self.tell(Session(row)),
                Ok(None) => {}
                Err(fault) => return Some(Err(fault)),
            }
        }
        None
    }
}

/// Follows an asset, those of a channel, or all that the token sees.
pub(crate) struct AssetWatch {
    ear: Ear,
    id: Option<String>,
    channel: Option<String>,
    first: Option<Asset>,
    over: bool,
}

impl AssetWatch {
    pub(crate) async fn begin(
        context: &Context<'_>,
        id: Option<String>,
        channel: Option<String>,
    ) -> Result<Self> {
        let ear = Ear::of(context)?;
        let asked = asked(context)?;
        if let Some(channel) = &channel {
            asked.channel(channel).await?.ok_or_else(|| Fault::not_found("channel", channel))?;
        }
        let first = match &id {
            None => None,
            Some(id) => {
                let row = asked.asset(id).await?;
                let row = row.filter(|row| channel.as_ref().is_none_or(|channel| *channel == row.channel));
                Some(Asset(row.ok_or_else(|| Fault::not_found("asset", id))?))
            }
        };
        Ok(Self { ear, id, channel, first, over: false })
    }

    fn concerns(&self, change: &Change) -> bool {
        change.aggregate_type == "asset"
            && self.id.as_ref().is_none_or(|id| *id == change.aggregate_id)
            && self.channel.as_ref().is_none_or(|channel| *channel == change.channel)
    }

    fn tell(&mut self, asset: Asset) -> Option<Result<Asset, Fault>> {
        let is_gone = matches!(asset.0.state, AssetState::Deleted | AssetState::Expired);
        self.over = self.id.is_some() && is_gone;
        Some(Ok(asset))
    }
}

impl Watch for AssetWatch {
    type Item = Asset;

    async fn next(&mut self) -> Option<Result<Asset, Fault>> {
        if let Some(first) = self.first.take() {
            return self.tell(first);
        }
        while !self.over {
            let change = match self.ear.next().await {
                Ok(change) => change,
                Err(fault) => return Some(Err(fault)),
            };
            if !self.concerns(&change) {
                continue;
            }
            match self.ear.loaded.load_one(AssetKey(change.aggregate_id.clone())).await {
                Ok(Some(row)) => return self.tell(Asset(row)),
                Ok(None) => {}
                Err(fault) => return Some(Err(fault)),
            }
        }
        None
    }
}

/// Follows a session's health until the session is over.
pub(crate) struct HealthWatch {
    id: String,
    health: Arc<dyn IngestHealth>,
    loaded: Arc<Loaded>,
    samples: Option<BoxStream<'static, HealthSample>>,
}

impl HealthWatch {
    pub(crate) async fn begin(context: &Context<'_>, id: String) -> Result<Self> {
        let asked = asked(context)?;
        asked.session(&id).await?.ok_or_else(|| Fault::not_found("session", &id))?;
        let (health, loaded) = (Arc::clone(&behind(context)?.health), Arc::clone(&asked.loaded));
        Ok(Self { samples: health.follow(&id), id, health, loaded })
    }
}

async fn is_over(loaded: &Loaded, session: &str) -> Result<bool, Fault> {
    let row = loaded.load_one(SessionKey(session.to_owned())).await?;
    Ok(row.is_none_or(|row| row.state == SessionState::Ended))
}

impl Watch for HealthWatch {
    type Item = Health;

    async fn next(&mut self) -> Option<Result<Health, Fault>> {
        loop {
            if let Some(samples) = &mut self.samples {
                if let Some(sample) = samples.next().await {
                    return Some(Ok(Health(sample)));
                }
                self.samples = None;
            }
            match is_over(&self.loaded, &self.id).await {
                Ok(true) => return None,
                Ok(false) => {}
                Err(fault) => return Some(Err(fault)),
            }
            sigma_clock::sleep(NOT_ON_AIR_REST).await;
            self.samples = self.health.follow(&self.id);
        }
    }
}

/// Follows the log.
pub(crate) struct EventWatch(EventFeed);

impl EventWatch {
    pub(crate) async fn begin(context: &Context<'_>, after: Option<String>) -> Result<Self> {
        let feed = behind(context)?.app.event_feed(&asked(context)?.caller, after).await;
        Ok(Self(feed.map_err(Fault::from)?))
    }
}

impl Watch for EventWatch {
    type Item = DomainEvent;

    async fn next(&mut self) -> Option<Result<DomainEvent, Fault>> {
        Some(self.0.next().await.map(DomainEvent).map_err(Fault::from))
    }
}
