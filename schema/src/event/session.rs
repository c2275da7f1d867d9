use serde::{Deserialize, Serialize};
use serde_json::Value;
use sigma_domain::{EndReason, SessionEvent, Timestamp};

use super::{
    Stored, StoredEvent, newest, read,
    value::{IngestFaultV1, InputV1, LossCauseV1, LossEndV1, SessionSettingsV1},
    write,
};
use crate::{SchemaError, error::Flaw};

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct OpenedV1 {
    session_id: String,
    channel_id: String,
    project_id: String,
    playback_id: String,
    node_id: String,
    feed: u32,
    settings: SessionSettingsV1,
    media_until_ms: i64,
    max_until_ms: i64,
    at_ms: i64,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct AbandonedV1 {
    session_id: String,
    channel_id: String,
    project_id: String,
    at_ms: i64,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct FeedOpenedV1 {
    feed: u32,
    node_id: String,
    takeover: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    media_until_ms: Option<i64>,
    at_ms: i64,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct ProcessingV1 {
    feed: u32,
    input: InputV1,
    at_ms: i64,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct InputChangedV1 {
    feed: u32,
    input: InputV1,
    at_ms: i64,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct LiveV1 {
    at_ms: i64,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct ErrorV1 {
    feed: u32,
    cause: LossCauseV1,
    until_ms: i64,
    ends_as: LossEndV1,
    at_ms: i64,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct RecoveredV1 {
    feed: u32,
    at_ms: i64,
}

/// `fault` stands with `INGEST_ERROR` only, and always.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct EndedV1 {
    reason: EndReasonV1,
    #[serde(skip_serializing_if = "Option::is_none")]
    fault: Option<IngestFaultV1>,
    at_ms: i64,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
enum EndReasonV1 {
    BroadcasterLeft,
    ChannelStopped,
    SessionEndedByUser,
    MaxDuration,
    NodeLost,
    IngestError,
}

impl From<EndReason> for EndReasonV1 {
    fn from(reason: EndReason) -> Self {
        match reason {
            EndReason::BroadcasterLeft => Self::BroadcasterLeft,
            EndReason::ChannelStopped => Self::ChannelStopped,
            EndReason::SessionEndedByUser => Self::SessionEndedByUser,
            EndReason::MaxDuration => Self::MaxDuration,
            EndReason::NodeLost => Self::NodeLost,
            EndReason::IngestError(_) => Self::IngestError,
        }
    }
}

fn end_reason(reason: EndReasonV1, fault: Option<IngestFaultV1>) -> Result<EndReason, Flaw> {
    Ok(match (reason, fault) {
        (EndReasonV1::BroadcasterLeft, None) => EndReason::BroadcasterLeft,
        (EndReasonV1::ChannelStopped, None) => EndReason::ChannelStopped,
        (EndReasonV1::SessionEndedByUser, None) => EndReason::SessionEndedByUser,
        (EndReasonV1::MaxDuration, None) => EndReason::MaxDuration,
        (EndReasonV1::NodeLost, None) => EndReason::NodeLost,
        (EndReasonV1::IngestError, Some(fault)) => EndReason::IngestError(fault.into()),
        _ => return Err(Flaw("fault stands with INGEST_ERROR only, and always".to_owned())),
    })
}

impl Stored for SessionEvent {
    const NEWEST: &'static [(&'static str, u16)] = &[
        ("session.opened", 1),
        ("session.abandoned", 1),
        ("session.feed_opened", 1),
        ("session.processing", 1),
        ("session.input_changed", 1),
        ("session.live", 1),
        ("session.error", 1),
        ("session.recovered", 1),
        ("session.ended", 1),
    ];

    fn to_stored(&self) -> StoredEvent {
        let at_ms = self.at().as_millis();
        match self {
            Self::Opened {
                id,
                channel,
                project,
                playback_id,
                node,
                feed,
                settings,
                media_until,
                max_until,
                ..
            } => write(
                "session.opened",
                1,
                OpenedV1 {
                    session_id: id.to_string(),
                    channel_id: channel.to_string(),
                    project_id: project.to_string(),
                    playback_id: playback_id.to_string(),
                    node_id: node.to_string(),
                    feed: feed.get(),
                    settings: settings.into(),
                    media_until_ms: media_until.as_millis(),
                    max_until_ms: max_until.as_millis(),
                    at_ms,
                },
            ),
            Self::Abandoned { id, channel, project, .. } => write(
                "session.abandoned",
                1,
                AbandonedV1 {
                    session_id: id.to_string(),
                    channel_id: channel.to_string(),
                    project_id: project.to_string(),
                    at_ms,
                },
            ),
            Self::FeedOpened { feed, node, takeover, media_until, .. } => write(
                "session.feed_opened",
                1,
                FeedOpenedV1 {
                    feed: feed.get(),
                    node_id: node.to_string(),
                    takeover: *takeover,
                    media_until_ms: media_until.map(Timestamp::as_millis),
                    at_ms,
                },
            ),
            Self::Processing { feed, input, .. } => {
                write("session.processing", 1, ProcessingV1 { feed: feed.get(), input: input.into(), at_ms })
            }
            Self::InputChanged { feed, input, .. } => write(
                "session.input_changed",
                1,
                InputChangedV1 { feed: feed.get(), input: input.into(), at_ms },
            ),
            Self::Live { .. } => write("session.live", 1, LiveV1 { at_ms }),
            Self::Error { feed, cause, until, ends_as, .. } => write(
                "session.error",
                1,
                ErrorV1 {
                    feed: feed.get(),
                    cause: (*cause).into(),
                    until_ms: until.as_millis(),
                    ends_as: (*ends_as).into(),
                    at_ms,
                },
            ),
            Self::Recovered { feed, .. } => {
                write("session.recovered", 1, RecoveredV1 { feed: feed.get(), at_ms })
            }
            Self::Ended { reason, .. } => {
                let fault = reason.fault().map(IngestFaultV1::from);
                write("session.ended", 1, EndedV1 { reason: (*reason).into(), fault, at_ms })
            }
        }
    }

    fn from_stored(name: &str, version: u16, data: Value) -> Result<Self, SchemaError> {
        let data = newest::<Self>(name, version, data)?;
        event(name, data).map_err(|flaw| flaw.of(name, version))
    }
}

fn event(name: &str, data: Value) -> Result<SessionEvent, Flaw> {
    let at = Timestamp::from_millis;
    Ok(match name {
        "session.opened" => opened(read(data)?)?,
        "session.abandoned" => {
            let AbandonedV1 { session_id, channel_id, project_id, at_ms } = read(data)?;
            SessionEvent::Abandoned {
                id: session_id.parse()?,
                channel: channel_id.parse()?,
                project: project_id.parse()?,
                at: at(at_ms),
            }
        }
        "session.feed_opened" => {
            let FeedOpenedV1 { feed, node_id, takeover, media_until_ms, at_ms } = read(data)?;
            SessionEvent::FeedOpened {
                feed: feed.try_into()?,
                node: node_id.parse()?,
                takeover,
                media_until: media_until_ms.map(at),
                at: at(at_ms),
            }
        }
        "session.processing" => {
            let ProcessingV1 { feed, input, at_ms } = read(data)?;
            SessionEvent::Processing { feed: feed.try_into()?, input: input.try_into()?, at: at(at_ms) }
        }
        "session.input_changed" => {
            let InputChangedV1 { feed, input, at_ms } = read(data)?;
            SessionEvent::InputChanged { feed: feed.try_into()?, input: input.try_into()?, at: at(at_ms) }
        }
        "session.live" => {
            let LiveV1 { at_ms } = read(data)?;
            SessionEvent::Live { at: at(at_ms) }
        }
        "session.error" => {
            let ErrorV1 { feed, cause, until_ms, ends_as, at_ms } = read(data)?;
            SessionEvent::Error {
                feed: feed.try_into()?,
                cause: cause.into(),
                until: at(until_ms),
                ends_as: ends_as.into(),
                at: at(at_ms),
            }
        }
        "session.recovered" => {
            let RecoveredV1 { feed, at_ms } = read(data)?;
            SessionEvent::Recovered { feed: feed.try_into()?, at: at(at_ms) }
        }
        "session.ended" => {
            let EndedV1 { reason, fault, at_ms } = read(data)?;
            SessionEvent::Ended { reason: end_reason(reason, fault)?, at: at(at_ms) }
        }
        other => return Err(Flaw(format!("{other} has no shape"))),
    })
}

fn opened(shape: OpenedV1) -> Result<SessionEvent, Flaw> {
    Ok(SessionEvent::Opened {
        id: shape.session_id.parse()?,
        channel: shape.channel_id.parse()?,
        project: shape.project_id.parse()?,
        playback_id: shape.playback_id.parse()?,
        node: shape.node_id.parse()?,
        feed: shape.feed.try_into()?,
        settings: shape.settings.try_into()?,
        media_until: Timestamp::from_millis(shape.media_until_ms),
        max_until: Timestamp::from_millis(shape.max_until_ms),
        at: Timestamp::from_millis(shape.at_ms),
    })
}
