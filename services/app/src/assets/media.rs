//! The media plane's side of assets, in plain strings and numbers: what was recorded, what may be played, what must be kept.

use std::time::Duration;

use cqrs_es::Aggregate;
use sigma_domain::{
    Asset, AssetCommand, AssetFailure, AssetId, AssetKind, AssetState, Channel, ChannelSettings, NewAsset,
    Retention, Scope, Session, SessionFacts, SessionId, Timestamp, ValueError,
};
use sigma_store::{HistoryFilter, HistoryPage, HistoryRange, NameFilter, StoreError};

use super::{Shown, Span, TOLD_WITHIN_MS, asset_id};
use crate::app::system;
use crate::assets::fold::shown;
use crate::executor::{CommandError, Context};
use crate::{App, AppError, MediaError, ReadError, Waited};

/// So long is waited for the view of assets before it is said that it lags.
const SHOWN_WITHIN: Duration = Duration::from_secs(5);

/// What the log of a session that has ended holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Recorded {
    /// All of it.
    pub all: Extent,
    /// What viewers saw; none where it never went live, or nothing of that is there.
    pub public: Option<Extent>,
}

/// Media of a session: where it stands, and how much that is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Extent {
    /// The media, in order.
    pub spans: Vec<Span>,
    /// How long it plays.
    pub duration_ms: u64,
    /// How much it is.
    pub bytes: u64,
    /// How much of the duration is missing.
    pub gaps_ms: u64,
    /// In how many files it stands: another one begins where the format changes.
    pub files: u32,
}

/// What who plays an asset must know.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AssetPlayback {
    /// The session whose media it is.
    pub session: String,
    /// Its channel.
    pub channel: String,
    /// What it is of the session.
    pub kind: AssetKind,
    /// Where it stands: only what is READY has spans.
    pub state: AssetState,
    /// What is shown of the session's media.
    pub shown: Shown,
    /// The moment whose picture its owner chose, where it is shown: microseconds of the session's media time.
    pub poster_us: Option<u64>,
    /// Another one after each trim.
    pub version: u32,
}

/// What must be kept of a session's media.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct Wanted {
    /// Whether the session has not ended: then it says itself what it still shows.
    pub on_air: bool,
    /// All of it, as something is still being recorded: what will be named is not known yet.
    pub everything: bool,
    /// What assets name, trimmed parts included; they may overlap.
    pub spans: Vec<Span>,
    /// The names of the edges that they show.
    pub edges: Vec<String>,
}

/// What of a session is to be kept by its settings, as far as it came to be.
pub(crate) fn kinds_of(session: &SessionFacts) -> impl Iterator<Item = AssetKind> {
    let source = session.settings.record_source && session.media_since.is_some();
    let catchup = session.settings.catchup && session.live_at().is_some();
    [(AssetKind::Source, source), (AssetKind::Catchup, catchup)]
        .into_iter()
        .filter_map(|(kind, wanted)| wanted.then_some(kind))
}

/// Whether a session that nothing was begun of is too long over for that.
pub(crate) fn is_long_over(session: &SessionFacts, now: Timestamp) -> bool {
    session.ended().is_some_and(|(_, at)| now.as_millis() >= at.as_millis().saturating_add(TOLD_WITHIN_MS))
}

fn extent_of(extent: &Extent) -> Result<sigma_domain::Extent, ValueError> {
    let Extent { spans, duration_ms, bytes, gaps_ms, .. } = extent;
    Ok(sigma_domain::Extent {
        spans: spans_of(spans)?,
        edges: None,
        duration_ms: *duration_ms,
        bytes: *bytes,
        gaps_ms: *gaps_ms,
    })
}

pub(super) fn spans_of(spans: &[Span]) -> Result<sigma_domain::Spans, ValueError> {
    let spans = spans.iter().map(|span| sigma_domain::Span::new(span.from_us, span.to_us));
    spans.collect::<Result<Vec<_>, _>>()?.try_into()
}

/// For how long what becomes ready now is kept.
fn retention(settings: Option<&ChannelSettings>, kind: AssetKind) -> Retention {
    settings.map_or(Retention::UntilDeleted, |settings| match kind {
        AssetKind::Source => settings.source_retention,
        AssetKind::Catchup => settings.catchup_retention,
        AssetKind::Clip => Retention::UntilDeleted,
    })
}

fn unavailable(error: impl std::fmt::Display) -> ReadError {
    ReadError(error.to_string())
}

fn not_loaded(error: StoreError) -> MediaError {
    match error {
        StoreError::Unavailable { .. } | StoreError::Conflict { .. } => {
            MediaError::Unavailable(error.to_string())
        }
        StoreError::Corrupt(message) => MediaError::Refused(message),
    }
}

fn not_told<R: std::error::Error>(error: CommandError<R>) -> MediaError {
    match error {
        CommandError::Store(StoreError::Unavailable { .. }) | CommandError::Conflict => {
            MediaError::Unavailable(error.to_string())
        }
        error => MediaError::Refused(error.to_string()),
    }
}

impl App {
    /// A session's log has its end: its source record and its catchup are ready with what it holds; none: it never had media.
    /// May be repeated, and must be where the answer is [`MediaError::Unavailable`]. Waits out a short outage of the store.
    ///
    /// # Errors
    /// [`MediaError`]; [`MediaError::Unavailable`] also while the session has not ended.
    pub async fn recorded(&self, session: &str, recorded: Option<Recorded>) -> Result<(), MediaError> {
        let refused = |error: ValueError| MediaError::Refused(error.to_string());
        let facts = &self.ended(session).await?;
        let channel = self.load_patiently::<Channel>(facts.channel.as_str()).await.map_err(not_loaded)?;
        let settings = channel.aggregate.facts().map(|channel| channel.settings);
        for kind in kinds_of(facts) {
            let extent = recorded.as_ref().and_then(|recorded| match kind {
                AssetKind::Source => Some(&recorded.all),
                AssetKind::Catchup | AssetKind::Clip => recorded.public.as_ref(),
            });
            let asset = self.begin_asset(facts, kind).await?;
            let at = self.executor.now();
            let (command, what) = match extent.filter(|extent| !extent.spans.is_empty()) {
                Some(extent) => {
                    let expires_at = retention(settings.as_ref(), kind).end_of(at);
                    let (files, extent) = (extent.files, extent_of(extent).map_err(refused)?);
                    (AssetCommand::Finish { extent, files, expires_at, at }, "ready")
                }
                None => (AssetCommand::Fail { reason: AssetFailure::NoMedia, at }, "no_media"),
            };
            let context = Context::of(system("recordings"), format!("{what}_{asset}"));
            self.try_to_tell::<Asset>(asset.as_str(), command, &context).await.map_err(not_told)?;
        }
        Ok(())
    }

    /// The log of a session that has ended is gone, and nothing else has its media: what was begun to be kept of it has failed. May
    /// be repeated.
    ///
    /// # Errors
    /// [`MediaError`]
    pub async fn media_lost(&self, session: &str) -> Result<(), MediaError> {
        let facts = &self.ended(session).await?;
        for kind in kinds_of(facts) {
            let asset = self.begin_asset(facts, kind).await?;
            let command = AssetCommand::Fail { reason: AssetFailure::MediaLost, at: self.executor.now() };
            let context = Context::of(system("recordings"), format!("media_lost_{asset}"));
            self.try_to_tell::<Asset>(asset.as_str(), command, &context).await.map_err(not_told)?;
        }
        Ok(())
    }

    /// What is known of a session that has ended.
    async fn ended(&self, session: &str) -> Result<SessionFacts, MediaError> {
        session.parse::<SessionId>().map_err(|error| MediaError::Refused(error.to_string()))?;
        let loaded = self.load_patiently::<Session>(session).await.map_err(not_loaded)?;
        let Some(facts) = loaded.aggregate.facts() else {
            return Err(MediaError::Refused(format!("there is no session {session}")));
        };
        if facts.ended().is_none() {
            return Err(MediaError::Unavailable(format!("session {session} has not ended yet")));
        }
        Ok(facts.clone())
    }

    /// Begins to keep something of a session, unless that was begun: under a command id that is always the same for it.
    async fn begin_asset(&self, facts: &SessionFacts, kind: AssetKind) -> Result<AssetId, MediaError> {
        let id = asset_id(&self.executor.vault, &facts.id, kind);
        let id = id.map_err(|error| MediaError::Refused(error.to_string()))?;
        let (command, context) = self.beginning(facts, &id, kind);
        self.try_to_tell::<Asset>(id.as_str(), command, &context).await.map_err(not_told)?;
        Ok(id)
    }

    /// The command that begins to keep something of a session, and under which id.
    pub(crate) fn beginning(
        &self,
        facts: &SessionFacts,
        id: &AssetId,
        kind: AssetKind,
    ) -> (AssetCommand, Context) {
        let asset = NewAsset {
            id: id.clone(),
            project: facts.project.clone(),
            channel: facts.channel.clone(),
            session: facts.id.clone(),
            kind,
            title: None,
            parent: None,
        };
        let command = AssetCommand::Start { asset, at: self.executor.now() };
        (command, Context::of(system("recordings"), format!("start_{id}")))
    }

    /// What who plays an asset must know, as all that is committed says; none where there is no such asset.
    ///
    /// # Errors
    /// [`ReadError`] while the store is away.
    pub async fn asset_playback(&self, asset: &str) -> Result<Option<AssetPlayback>, ReadError> {
        if asset.parse::<AssetId>().is_err() {
            return Ok(None);
        }
        let asset = self.executor.load::<Asset>(asset).await.map_err(unavailable)?.aggregate;
        let playback = asset.facts().map(|facts| {
            let recording = facts.recording();
            AssetPlayback {
                session: facts.of.session.to_string(),
                channel: facts.of.channel.to_string(),
                kind: facts.of.kind,
                state: facts.state(),
                shown: recording.map(|recording| shown(recording.shown())).unwrap_or_default(),
                poster_us: recording.and_then(sigma_domain::Recording::poster_us),
                version: recording.map_or(0, |recording| recording.edition),
            }
        });
        Ok(playback)
    }

    /// Whether this token's holder may download an asset: he has `assets:read`, and sees its channel. What cannot be looked up
    /// may not.
    pub async fn may_download(&self, asset: &str, token: &str) -> bool {
        match self.try_download(asset, token).await {
            Ok(may) => may,
            Err(error) => {
                tracing::warn!(%error, asset.id = asset, "nobody may download: the token cannot be looked up");
                false
            }
        }
    }

    async fn try_download(&self, asset: &str, token: &str) -> Result<bool, AppError> {
        let Some(identity) = self.authenticate(token).await? else { return Ok(false) };
        if !identity.access.may(Scope::AssetsRead) || asset.parse::<AssetId>().is_err() {
            return Ok(false);
        }
        let asset = self.executor.load::<Asset>(asset).await?.aggregate;
        let may = asset.facts().is_some_and(|facts| {
            facts.of.project == identity.project && identity.access.sees(facts.of.channel.as_str())
        });
        Ok(may)
    }

    /// What must be kept of a session's media, by all that was committed before this was asked. Of a session that the store does
    /// not know nothing is.
    ///
    /// # Errors
    /// [`ReadError`] while that cannot be said: then all of it must be kept.
    pub async fn wanted(&self, session: &str) -> Result<Wanted, ReadError> {
        let Ok(id) = session.parse::<SessionId>() else { return Ok(Wanted::default()) };
        let loaded = self.executor.load::<Session>(session).await.map_err(unavailable)?;
        let Some(facts) = loaded.aggregate.facts() else { return Ok(Wanted::default()) };
        let mut everything = false;
        for kind in kinds_of(facts) {
            let asset = asset_id(&self.executor.vault, &id, kind).map_err(unavailable)?;
            let asset = self.executor.load::<Asset>(asset.as_str()).await.map_err(unavailable)?.aggregate;
            everything |= match asset.facts() {
                Some(asset) => asset.may_become_ready(),
                // The process managers come to it.
                None => !is_long_over(facts, self.executor.now()),
            };
        }
        self.assets_are_shown(facts.channel.as_str()).await?;
        let rows = self.views().assets_of_session(session).await?;
        let ready = rows.into_iter().filter(|row| row.state == AssetState::Ready);
        let (mut spans, mut edges) = (Vec::new(), Vec::new());
        for row in ready {
            for edge in row.all_edges() {
                // What an edge was made of stays with it: a cut of the cut is made of that again.
                spans.push(Span { from_us: edge.of.from_us(), to_us: edge.of.to_us() });
                edges.push(edge.name.as_str().to_owned());
            }
            spans.extend(row.spans);
        }
        Ok(Wanted { on_air: facts.ended().is_none(), everything, spans, edges })
    }

    /// Waits until the view of assets shows all that was committed about a channel's: in order within a channel, so that the
    /// newest of its events stands for all.
    async fn assets_are_shown(&self, channel: &str) -> Result<(), ReadError> {
        self.log.settle().await.map_err(unavailable)?;
        let filter = HistoryFilter {
            lines: Some(vec![channel.to_owned()]),
            name: Some(NameFilter::Family(Asset::TYPE.to_owned())),
            ..HistoryFilter::default()
        };
        let mut range = HistoryRange::Before(None);
        let newest = loop {
            let page = self.history.page(&filter, &range, 1).await.map_err(unavailable)?;
            let HistoryPage { mut events, more, next } = page;
            match events.pop() {
                Some(newest) => break newest,
                None if more => range = HistoryRange::Before(Some(next)),
                None => return Ok(()),
            }
        };
        let views = self.views();
        match views.wait_for(Asset::TYPE, &newest.aggregate_id, newest.sequence, SHOWN_WITHIN).await? {
            Waited::Reached => Ok(()),
            other => Err(ReadError(format!(
                "the view of assets does not show all of channel {channel} ({other:?})"
            ))),
        }
    }
}
