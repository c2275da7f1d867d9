use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;
use sigma_domain::{SessionHealthEvent, Timestamp};

use super::{Stored, StoredEvent, newest, read, write};
use crate::{SchemaError, error::Flaw};

/// `data` holds the numbers that the message is made of.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct WarningRaisedV1 {
    session_id: String,
    channel_id: String,
    project_id: String,
    name: String,
    message: String,
    data: BTreeMap<String, i64>,
    at_ms: i64,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct WarningClearedV1 {
    name: String,
    at_ms: i64,
}

impl Stored for SessionHealthEvent {
    const NEWEST: &'static [(&'static str, u16)] =
        &[("health.warning_raised", 1), ("health.warning_cleared", 1)];

    fn to_stored(&self) -> StoredEvent {
        let at_ms = self.at().as_millis();
        match self {
            Self::WarningRaised { session, channel, project, name, message, data, .. } => write(
                "health.warning_raised",
                1,
                WarningRaisedV1 {
                    session_id: session.to_string(),
                    channel_id: channel.to_string(),
                    project_id: project.to_string(),
                    name: name.to_string(),
                    message: message.to_string(),
                    data: data.numbers().clone(),
                    at_ms,
                },
            ),
            Self::WarningCleared { name, .. } => {
                write("health.warning_cleared", 1, WarningClearedV1 { name: name.to_string(), at_ms })
            }
        }
    }

    fn from_stored(name: &str, version: u16, data: Value) -> Result<Self, SchemaError> {
        let data = newest::<Self>(name, version, data)?;
        event(name, data).map_err(|flaw| flaw.of(name, version))
    }
}

fn event(name: &str, data: Value) -> Result<SessionHealthEvent, Flaw> {
    let at = Timestamp::from_millis;
    Ok(match name {
        "health.warning_raised" => {
            let WarningRaisedV1 { session_id, channel_id, project_id, name, message, data, at_ms } =
                read(data)?;
            SessionHealthEvent::WarningRaised {
                session: session_id.parse()?,
                channel: channel_id.parse()?,
                project: project_id.parse()?,
                name: name.parse()?,
                message: message.parse()?,
                data: data.try_into()?,
                at: at(at_ms),
            }
        }
        "health.warning_cleared" => {
            let WarningClearedV1 { name, at_ms } = read(data)?;
            SessionHealthEvent::WarningCleared { name: name.parse()?, at: at(at_ms) }
        }
        other => return Err(Flaw(format!("{other} has no shape"))),
    })
}
