use serde::{Deserialize, Serialize};
use serde_json::Value;
use sigma_domain::{ChannelChanges, ChannelEvent, SessionId, Timestamp};

use super::{
    Stored, StoredEvent, newest, read,
    value::{ChannelSettingsV1, LatencyModeV1, PersonalV1, retention_from, retention_to},
    write,
};
use crate::{SchemaError, error::Flaw};

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct CreatedV1 {
    channel_id: String,
    project_id: String,
    name: PersonalV1,
    playback_id: String,
    settings: ChannelSettingsV1,
    at_ms: i64,
}

/// Only what changed is there. A retention of 0: until it is deleted.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct UpdatedV1 {
    changes: ChangesV1,
    at_ms: i64,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct ChangesV1 {
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<PersonalV1>,
    #[serde(skip_serializing_if = "Option::is_none")]
    latency_mode: Option<LatencyModeV1>,
    #[serde(skip_serializing_if = "Option::is_none")]
    auto_go_live: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    max_session_duration: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reconnect_window: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    end_on_unpublish: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    dvr_window: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    record_source: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    catchup: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    source_retention: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    catchup_retention: Option<u32>,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct StartedV1 {
    at_ms: i64,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct StoppedV1 {
    #[serde(skip_serializing_if = "Option::is_none")]
    session_id: Option<String>,
    at_ms: i64,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct DeletedV1 {
    at_ms: i64,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct ErasedV1 {
    at_ms: i64,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct KeyRotatedV1 {
    #[serde(skip_serializing_if = "Option::is_none")]
    overlap_until_ms: Option<i64>,
    at_ms: i64,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct KeyShownV1 {
    at_ms: i64,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct SessionAttachedV1 {
    session_id: String,
    at_ms: i64,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct SessionDetachedV1 {
    session_id: String,
    at_ms: i64,
}

impl From<&ChannelChanges> for ChangesV1 {
    fn from(changes: &ChannelChanges) -> Self {
        Self {
            name: changes.name.as_ref().map(PersonalV1::from),
            latency_mode: changes.latency_mode.map(LatencyModeV1::from),
            auto_go_live: changes.auto_go_live,
            max_session_duration: changes.max_session_duration.map(|it| it.seconds()),
            reconnect_window: changes.reconnect_window.map(|it| it.seconds()),
            end_on_unpublish: changes.end_on_unpublish,
            dvr_window: changes.dvr_window.map(|it| it.seconds()),
            record_source: changes.record_source,
            catchup: changes.catchup,
            source_retention: changes.source_retention.map(retention_to),
            catchup_retention: changes.catchup_retention.map(retention_to),
        }
    }
}

impl TryFrom<ChangesV1> for ChannelChanges {
    type Error = Flaw;

    fn try_from(shape: ChangesV1) -> Result<Self, Flaw> {
        Ok(Self {
            name: shape.name.map(TryInto::try_into).transpose()?,
            latency_mode: shape.latency_mode.map(Into::into),
            auto_go_live: shape.auto_go_live,
            max_session_duration: shape.max_session_duration.map(TryInto::try_into).transpose()?,
            reconnect_window: shape.reconnect_window.map(TryInto::try_into).transpose()?,
            end_on_unpublish: shape.end_on_unpublish,
            dvr_window: shape.dvr_window.map(TryInto::try_into).transpose()?,
            record_source: shape.record_source,
            catchup: shape.catchup,
            source_retention: shape.source_retention.map(retention_from).transpose()?,
            catchup_retention: shape.catchup_retention.map(retention_from).transpose()?,
        })
    }
}

impl Stored for ChannelEvent {
    const NEWEST: &'static [(&'static str, u16)] = &[
        ("channel.created", 1),
        ("channel.updated", 1),
        ("channel.started", 1),
        ("channel.stopped", 1),
        ("channel.deleted", 1),
        ("channel.erased", 1),
        ("channel.key_rotated", 1),
        ("channel.key_shown", 1),
        ("channel.session_attached", 1),
        ("channel.session_detached", 1),
    ];

    fn to_stored(&self) -> StoredEvent {
        let at_ms = self.at().as_millis();
        match self {
            Self::Created { id, project, name, playback_id, settings, .. } => write(
                "channel.created",
                1,
                CreatedV1 {
                    channel_id: id.to_string(),
                    project_id: project.to_string(),
                    name: name.into(),
                    playback_id: playback_id.to_string(),
                    settings: settings.into(),
                    at_ms,
                },
            ),
            Self::Updated { changes, .. } => {
                write("channel.updated", 1, UpdatedV1 { changes: changes.into(), at_ms })
            }
            Self::Started { .. } => write("channel.started", 1, StartedV1 { at_ms }),
            Self::Stopped { session, .. } => {
                let session_id = session.as_ref().map(SessionId::to_string);
                write("channel.stopped", 1, StoppedV1 { session_id, at_ms })
            }
            Self::Deleted { .. } => write("channel.deleted", 1, DeletedV1 { at_ms }),
            Self::Erased { .. } => write("channel.erased", 1, ErasedV1 { at_ms }),
            Self::KeyRotated { overlap_until, .. } => {
                let overlap_until_ms = overlap_until.map(Timestamp::as_millis);
                write("channel.key_rotated", 1, KeyRotatedV1 { overlap_until_ms, at_ms })
            }
            Self::KeyShown { .. } => write("channel.key_shown", 1, KeyShownV1 { at_ms }),
            Self::SessionAttached { session, .. } => write(
                "channel.session_attached",
                1,
                SessionAttachedV1 { session_id: session.to_string(), at_ms },
            ),
            Self::SessionDetached { session, .. } => write(
                "channel.session_detached",
                1,
                SessionDetachedV1 { session_id: session.to_string(), at_ms },
            ),
        }
    }

    fn from_stored(name: &str, version: u16, data: Value) -> Result<Self, SchemaError> {
        let data = newest::<Self>(name, version, data)?;
        event(name, data).map_err(|flaw| flaw.of(name, version))
    }
}

fn event(name: &str, data: Value) -> Result<ChannelEvent, Flaw> {
    let at = Timestamp::from_millis;
    Ok(match name {
        "channel.created" => {
            let CreatedV1 { channel_id, project_id, name, playback_id, settings, at_ms } = read(data)?;
            ChannelEvent::Created {
                id: channel_id.parse()?,
                project: project_id.parse()?,
                name: name.try_into()?,
                playback_id: playback_id.parse()?,
                settings: settings.try_into()?,
                at: at(at_ms),
            }
        }
        "channel.updated" => {
            let UpdatedV1 { changes, at_ms } = read(data)?;
            ChannelEvent::Updated { changes: changes.try_into()?, at: at(at_ms) }
        }
        "channel.started" => {
            let StartedV1 { at_ms } = read(data)?;
            ChannelEvent::Started { at: at(at_ms) }
        }
        "channel.stopped" => {
            let StoppedV1 { session_id, at_ms } = read(data)?;
            let session = session_id.map(|id| id.parse()).transpose()?;
            ChannelEvent::Stopped { session, at: at(at_ms) }
        }
        "channel.deleted" => {
            let DeletedV1 { at_ms } = read(data)?;
            ChannelEvent::Deleted { at: at(at_ms) }
        }
        "channel.erased" => {
            let ErasedV1 { at_ms } = read(data)?;
            ChannelEvent::Erased { at: at(at_ms) }
        }
        "channel.key_rotated" => {
            let KeyRotatedV1 { overlap_until_ms, at_ms } = read(data)?;
            ChannelEvent::KeyRotated { overlap_until: overlap_until_ms.map(at), at: at(at_ms) }
        }
        "channel.key_shown" => {
            let KeyShownV1 { at_ms } = read(data)?;
            ChannelEvent::KeyShown { at: at(at_ms) }
        }
        "channel.session_attached" => {
            let SessionAttachedV1 { session_id, at_ms } = read(data)?;
            ChannelEvent::SessionAttached { session: session_id.parse()?, at: at(at_ms) }
        }
        "channel.session_detached" => {
            let SessionDetachedV1 { session_id, at_ms } = read(data)?;
            ChannelEvent::SessionDetached { session: session_id.parse()?, at: at(at_ms) }
        }
        other => return Err(Flaw(format!("{other} has no shape"))),
    })
}
