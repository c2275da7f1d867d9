//! From an old version of an event to the newest, a step a version.

use serde_json::Value;

use crate::{SchemaError, event};

/// Takes an event of one version to the next.
#[derive(Debug, Clone, Copy)]
pub struct Upcaster {
    /// The event's name.
    pub name: &'static str,
    /// The version it takes; it gives `from + 1`.
    pub from: u16,
    /// The step. An error says what is wrong with the data.
    pub step: fn(Value) -> Result<Value, String>,
}

/// Every step there is.
pub const UPCASTERS: &[Upcaster] =
    &[Upcaster { name: "api_token.created", from: 1, step: event::api_token_created_to_v2 }];

/// The data in version `newest`, by `steps`. Refused where the version is not between 1 and `newest`, or a step is missing.
pub fn upcast(
    steps: &[Upcaster],
    name: &str,
    version: u16,
    newest: u16,
    data: Value,
) -> Result<Value, SchemaError> {
    if version == 0 || version > newest {
        return Err(SchemaError::UnknownVersion { name: name.to_owned(), version, newest });
    }
    let mut data = data;
    for from in version..newest {
        let flaw = |message| SchemaError::Shape { name: name.to_owned(), version: from, message };
        let upcaster = steps
            .iter()
            .find(|upcaster| upcaster.name == name && upcaster.from == from)
            .ok_or_else(|| flaw(format!("there is no step to version {}", from + 1)))?;
        data = (upcaster.step)(data).map_err(flaw)?;
    }
    Ok(data)
}
