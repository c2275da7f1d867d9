//! Rows of the read models as a pure fold of events: what the views must equal, and what commands answer with.

use sigma_domain::{
    Actor, ApiToken, ApiTokenEvent, Channel, ChannelEvent, Project, ProjectEvent, Session, SessionEvent,
    Timestamp,
};
use sigma_schema::Stored;
use sigma_store::{RecordedEvent, StoreError};

use cqrs_es::Aggregate;

pub use crate::assets::fold::{asset, asset_of};
use crate::{ApiTokenRow, ChannelRow, ChannelState, InputRow, ProjectRow, SessionRow, SessionState};

/// Reads a stored event.
///
/// # Errors
/// [`StoreError::Corrupt`] when name, version or data are not known; it names the event.
pub fn decode<E: Stored>(recorded: &RecordedEvent) -> Result<E, StoreError> {
    E::from_stored(&recorded.name, recorded.version, recorded.data.clone()).map_err(|error| {
        let RecordedEvent { aggregate_type, aggregate_id, sequence, name, version, .. } = recorded;
        StoreError::Corrupt(format!(
            "event {sequence} ({name} v{version}) of {aggregate_type} {aggregate_id} cannot be read: {error}"
        ))
    })
}

/// The channel's row after the event; none before it was made and after it was deleted.
pub fn channel(row: Option<ChannelRow>, event: &ChannelEvent, sequence: u64) -> Option<ChannelRow> {
    if let ChannelEvent::Created { id, project, name, playback_id, settings, at } = event {
        return Some(ChannelRow {
            id: id.to_string(),
            project: project.to_string(),
            name: name.plain().map(ToString::to_string).unwrap_or_default(),
            state: ChannelState::Idle,
            playback_id: playback_id.to_string(),
            latency_mode: settings.latency_mode,
            auto_go_live: settings.auto_go_live,
            max_session_duration: settings.max_session_duration.seconds(),
            reconnect_window: settings.reconnect_window.seconds(),
            end_on_unpublish: settings.end_on_unpublish,
            dvr_window: settings.dvr_window.seconds(),
            record_source: settings.record_source,
            catchup: settings.catchup,
            source_retention: settings.source_retention.seconds(),
            catchup_retention: settings.catchup_retention.seconds(),
            current_session: None,
            last_session: None,
            created_at_ms: at.as_millis(),
            sequence,
        });
    }
    let mut row = row?;
    row.sequence = sequence;
    match event {
        ChannelEvent::Created { .. } | ChannelEvent::KeyRotated { .. } | ChannelEvent::KeyShown { .. } => {}
        ChannelEvent::Updated { changes, .. } => {
            if let Some(name) = &changes.name {
                row.name = name.plain().map(ToString::to_string).unwrap_or_default();
            }
            row.latency_mode = changes.latency_mode.unwrap_or(row.latency_mode);
            row.auto_go_live = changes.auto_go_live.unwrap_or(row.auto_go_live);
            let (duration, window) = (changes.max_session_duration, changes.reconnect_window);
            row.max_session_duration = duration.map_or(row.max_session_duration, |d| d.seconds());
            row.reconnect_window = window.map_or(row.reconnect_window, |w| w.seconds());
            row.end_on_unpublish = changes.end_on_unpublish.unwrap_or(row.end_on_unpublish);
            row.dvr_window = changes.dvr_window.map_or(row.dvr_window, |w| w.seconds());
            row.record_source = changes.record_source.unwrap_or(row.record_source);
            row.catchup = changes.catchup.unwrap_or(row.catchup);
            let (source, catchup) = (changes.source_retention, changes.catchup_retention);
            row.source_retention = source.map_or(row.source_retention, |r| r.seconds());
            row.catchup_retention = catchup.map_or(row.catchup_retention, |r| r.seconds());
        }
        ChannelEvent::Started { .. } => row.state = ChannelState::Idle,
        ChannelEvent::Stopped { .. } => row.state = ChannelState::Stop,
        ChannelEvent::Deleted { .. } | ChannelEvent::Erased { .. } => return None,
        ChannelEvent::SessionAttached { session, .. } => {
            row.state = ChannelState::Active;
            row.current_session = Some(session.to_string());
            row.last_session = Some(session.to_string());
        }
        ChannelEvent::SessionDetached { .. } => {
            row.current_session = None;
            if row.state == ChannelState::Active {
                row.state = ChannelState::Idle;
            }
        }
    }
    Some(row)
}

/// The session's row after the event; none before it was opened (and for one that never was).
pub fn session(row: Option<SessionRow>, event: &SessionEvent, sequence: u64) -> Option<SessionRow> {
    if let SessionEvent::Opened { id, channel, project, playback_id, node, feed, settings, at, .. } = event {
        return Some(SessionRow {
            id: id.to_string(),
            channel: channel.to_string(),
            project: project.to_string(),
            playback_id: playback_id.to_string(),
            state: SessionState::Init,
            node: node.to_string(),
            feed: feed.get(),
            latency_mode: settings.latency_mode,
            dvr_window: settings.dvr_window.seconds(),
            started_at_ms: at.as_millis(),
            live_at_ms: None,
            ended_at_ms: None,
            end_reason: None,
            lost_until_ms: None,
            input: None,
            sequence,
        });
    }
    let mut row = row?;
    row.sequence = sequence;
    match event {
        SessionEvent::Opened { .. } | SessionEvent::Abandoned { .. } => {}
        SessionEvent::FeedOpened { feed, node, .. } => {
            row.feed = feed.get();
            row.node = node.to_string();
        }
        SessionEvent::Processing { input, .. } => {
            row.state = SessionState::Processing;
            row.input = Some(InputRow::from(input));
        }
        SessionEvent::InputChanged { input, .. } => row.input = Some(InputRow::from(input)),
        SessionEvent::Live { at } => {
            row.state = SessionState::Live;
            row.live_at_ms = Some(at.as_millis());
        }
        SessionEvent::Error { until, .. } => {
            row.state = SessionState::Error;
            row.lost_until_ms = Some(until.as_millis());
        }
        SessionEvent::Recovered { .. } => {
            row.lost_until_ms = None;
            row.state = match (&row.input, row.live_at_ms) {
                (_, Some(_)) => SessionState::Live,
                (Some(_), None) => SessionState::Processing,
                (None, None) => SessionState::Init,
            };
        }
        SessionEvent::Ended { reason, at } => {
            row.state = SessionState::Ended;
            row.lost_until_ms = None;
            row.ended_at_ms = Some(at.as_millis());
            row.end_reason = Some(*reason);
        }
    }
    Some(row)
}

/// The API token's row after the event, by whom it happened; none before it was made.
pub fn api_token(
    row: Option<ApiTokenRow>,
    event: &ApiTokenEvent,
    by: &Actor,
    sequence: u64,
) -> Option<ApiTokenRow> {
    if let ApiTokenEvent::Created { id, project, name, prefix, grant, expires_at, at } = event {
        let channels = grant.channels().map(|ids| ids.iter().map(ToString::to_string).collect());
        return Some(ApiTokenRow {
            id: id.to_string(),
            project: project.to_string(),
            name: name.to_string(),
            prefix: prefix.to_string(),
            scopes: grant.scopes().iter().copied().collect(),
            channels,
            created_at_ms: at.as_millis(),
            created_by: by.clone(),
            expires_at_ms: expires_at.map(Timestamp::as_millis),
            revoked_at_ms: None,
            sequence,
        });
    }
    let mut row = row?;
    row.sequence = sequence;
    match event {
        ApiTokenEvent::Created { .. } => {}
        ApiTokenEvent::Revoked { at } => row.revoked_at_ms = Some(at.as_millis()),
    }
    Some(row)
}

/// The project's row after the event.
pub fn project(_row: Option<ProjectRow>, event: &ProjectEvent, sequence: u64) -> Option<ProjectRow> {
    match event {
        ProjectEvent::Created { id, name, at } => Some(ProjectRow {
            id: id.to_string(),
            name: name.to_string(),
            created_at_ms: at.as_millis(),
            sequence,
        }),
    }
}

/// Who did it, out of a stored event.
///
/// # Errors
/// [`StoreError::Corrupt`] when it cannot be read; it names the event.
pub fn actor(recorded: &RecordedEvent) -> Result<Actor, StoreError> {
    sigma_schema::actor_from_json(&recorded.metadata.actor).map_err(|error| {
        let RecordedEvent { aggregate_type, aggregate_id, sequence, .. } = recorded;
        StoreError::Corrupt(format!(
            "who made event {sequence} of {aggregate_type} {aggregate_id} cannot be read: {error}"
        ))
    })
}

/// The channel's row after all of these events of it.
///
/// # Errors
/// [`StoreError::Corrupt`] when one cannot be read.
pub fn channel_of<'a>(
    events: impl IntoIterator<Item = &'a RecordedEvent>,
) -> Result<Option<ChannelRow>, StoreError> {
    let mut of_channel = events.into_iter().filter(|event| event.aggregate_type == Channel::TYPE);
    of_channel.try_fold(None, |row, event| Ok(channel(row, &decode(event)?, event.sequence)))
}

/// The session's row after all of these events of it.
///
/// # Errors
/// [`StoreError::Corrupt`] when one cannot be read.
pub fn session_of<'a>(
    events: impl IntoIterator<Item = &'a RecordedEvent>,
) -> Result<Option<SessionRow>, StoreError> {
    let mut of_session = events.into_iter().filter(|event| event.aggregate_type == Session::TYPE);
    of_session.try_fold(None, |row, event| Ok(session(row, &decode(event)?, event.sequence)))
}

/// The API token's row after all of these events of it.
///
/// # Errors
/// [`StoreError::Corrupt`] when one cannot be read.
pub fn api_token_of<'a>(
    events: impl IntoIterator<Item = &'a RecordedEvent>,
) -> Result<Option<ApiTokenRow>, StoreError> {
    let mut of_token = events.into_iter().filter(|event| event.aggregate_type == ApiToken::TYPE);
    of_token.try_fold(None, |row, event| Ok(api_token(row, &decode(event)?, &actor(event)?, event.sequence)))
}

/// The project's row after all of these events of it.
///
/// # Errors
/// [`StoreError::Corrupt`] when one cannot be read.
pub fn project_of<'a>(
    events: impl IntoIterator<Item = &'a RecordedEvent>,
) -> Result<Option<ProjectRow>, StoreError> {
    let mut of_project = events.into_iter().filter(|event| event.aggregate_type == Project::TYPE);
    of_project.try_fold(None, |row, event| Ok(project(row, &decode(event)?, event.sequence)))
}
