use serde::{Deserialize, Serialize};
use serde_json::Value;
use sigma_domain::{ApiTokenEvent, ApiTokenGrant, Timestamp};

use super::{
    Stored, StoredEvent, newest, read,
    value::{ScopeV1, ScopeV2},
    write,
};
use crate::{SchemaError, error::Flaw};

/// Without `channelIds`: every channel of the project. Without `expiresAtMs`: until it is revoked.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Created<S> {
    token_id: String,
    project_id: String,
    name: String,
    prefix: String,
    scopes: Vec<S>,
    #[serde(skip_serializing_if = "Option::is_none")]
    channel_ids: Option<Vec<String>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    expires_at_ms: Option<i64>,
    at_ms: i64,
}

/// Before there were assets.
type CreatedV1 = Created<ScopeV1>;

/// With the scopes of assets.
type CreatedV2 = Created<ScopeV2>;

/// From the first version to the second: all that could be granted then can be granted now.
pub(crate) fn created_to_v2(data: Value) -> Result<Value, String> {
    let read = serde_json::from_value::<CreatedV1>(data.clone());
    read.map(|_| data).map_err(|error| error.to_string())
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct RevokedV1 {
    at_ms: i64,
}

impl Stored for ApiTokenEvent {
    const NEWEST: &'static [(&'static str, u16)] = &[("api_token.created", 2), ("api_token.revoked", 1)];

    fn to_stored(&self) -> StoredEvent {
        let at_ms = self.at().as_millis();
        match self {
            Self::Created { id, project, name, prefix, grant, expires_at, .. } => write(
                "api_token.created",
                2,
                CreatedV2 {
                    token_id: id.to_string(),
                    project_id: project.to_string(),
                    name: name.to_string(),
                    prefix: prefix.to_string(),
                    scopes: grant.scopes().iter().copied().map(ScopeV2::from).collect(),
                    channel_ids: grant.channels().map(|ids| ids.iter().map(ToString::to_string).collect()),
                    expires_at_ms: expires_at.map(Timestamp::as_millis),
                    at_ms,
                },
            ),
            Self::Revoked { .. } => write("api_token.revoked", 1, RevokedV1 { at_ms }),
        }
    }

    fn from_stored(name: &str, version: u16, data: Value) -> Result<Self, SchemaError> {
        let data = newest::<Self>(name, version, data)?;
        event(name, data).map_err(|flaw| flaw.of(name, version))
    }
}

fn event(name: &str, data: Value) -> Result<ApiTokenEvent, Flaw> {
    let at = Timestamp::from_millis;
    Ok(match name {
        "api_token.created" => {
            let CreatedV2 { token_id, project_id, name, prefix, scopes, channel_ids, expires_at_ms, at_ms } =
                read(data)?;
            let channels = channel_ids
                .map(|ids| ids.iter().map(|id| id.parse()).collect::<Result<_, _>>())
                .transpose()?;
            ApiTokenEvent::Created {
                id: token_id.parse()?,
                project: project_id.parse()?,
                name: name.parse()?,
                prefix: prefix.parse()?,
                grant: ApiTokenGrant::new(scopes.into_iter().map(Into::into), channels)?,
                expires_at: expires_at_ms.map(at),
                at: at(at_ms),
            }
        }
        "api_token.revoked" => {
            let RevokedV1 { at_ms } = read(data)?;
            ApiTokenEvent::Revoked { at: at(at_ms) }
        }
        other => return Err(Flaw(format!("{other} has no shape"))),
    })
}
