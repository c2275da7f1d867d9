use serde::{Deserialize, Serialize};
use serde_json::Value;
use sigma_domain::{ProjectEvent, Timestamp};

use super::{Stored, StoredEvent, newest, read, write};
use crate::{SchemaError, error::Flaw};

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct CreatedV1 {
    project_id: String,
    name: String,
    at_ms: i64,
}

impl Stored for ProjectEvent {
    const NEWEST: &'static [(&'static str, u16)] = &[("project.created", 1)];

    fn to_stored(&self) -> StoredEvent {
        match self {
            Self::Created { id, name, at } => write(
                "project.created",
                1,
                CreatedV1 { project_id: id.to_string(), name: name.to_string(), at_ms: at.as_millis() },
            ),
        }
    }

    fn from_stored(name: &str, version: u16, data: Value) -> Result<Self, SchemaError> {
        let data = newest::<Self>(name, version, data)?;
        created(data).map_err(|flaw| flaw.of(name, version))
    }
}

fn created(data: Value) -> Result<ProjectEvent, Flaw> {
    let CreatedV1 { project_id, name, at_ms } = read(data)?;
    Ok(ProjectEvent::Created {
        id: project_id.parse()?,
        name: name.parse()?,
        at: Timestamp::from_millis(at_ms),
    })
}
