//! What is written to the store and what is read back from its log.

use std::collections::HashMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// A place in the log, opaque to all but the adapter that made it.
///
/// It is a plain string, so that a consumer can keep it beside its own rows. A cursor of one store is refused by
/// another (see [`LogError::ForeignCursor`](crate::LogError::ForeignCursor)).
#[derive(Clone, Debug, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Cursor(String);

impl Cursor {
    /// Before the first event of any log.
    pub fn start() -> Self {
        Self::default()
    }

    /// Takes back a cursor that was kept as text.
    pub fn from_text(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// The text to keep.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether this is [`Cursor::start`].
    pub fn is_start(&self) -> bool {
        self.0.is_empty()
    }
}

/// Who did it, by which command, because of what, and when.
#[derive(Clone, Debug, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct EventMetadata {
    /// JSON of the actor, `{"kind":…,"id":…}`; never a secret, never a network address.
    pub actor: String,
    /// The command that made the event.
    pub command_id: String,
    /// The event id that caused the command, where a process manager sent it.
    pub causation_id: Option<String>,
    /// What ties all that came of one request together.
    pub correlation_id: String,
    /// When the command was decided: milliseconds since the Unix epoch, UTC.
    pub at_ms: i64,
}

/// Keys of [`EventMetadata`] in the string map that cqrs-es carries.
mod key {
    pub(super) const ACTOR: &str = "actor";
    pub(super) const COMMAND: &str = "command_id";
    pub(super) const CAUSATION: &str = "causation_id";
    pub(super) const CORRELATION: &str = "correlation_id";
    pub(super) const AT_MS: &str = "at_ms";
}

impl EventMetadata {
    /// As the string map that cqrs-es carries.
    pub fn to_map(&self) -> HashMap<String, String> {
        let mut map = HashMap::from([
            (key::ACTOR.to_owned(), self.actor.clone()),
            (key::COMMAND.to_owned(), self.command_id.clone()),
            (key::CORRELATION.to_owned(), self.correlation_id.clone()),
            (key::AT_MS.to_owned(), self.at_ms.to_string()),
        ]);
        if let Some(causation) = &self.causation_id {
            map.insert(key::CAUSATION.to_owned(), causation.clone());
        }
        map
    }

    /// From the string map that cqrs-es carries; `None` without a command id or a whole number of milliseconds.
    pub fn from_map(map: &HashMap<String, String>) -> Option<Self> {
        let text = |name: &str| map.get(name).cloned().unwrap_or_default();
        Some(Self {
            actor: text(key::ACTOR),
            command_id: map.get(key::COMMAND).filter(|id| !id.is_empty())?.clone(),
            causation_id: map.get(key::CAUSATION).cloned(),
            correlation_id: text(key::CORRELATION),
            at_ms: map.get(key::AT_MS)?.parse().ok()?,
        })
    }
}

/// An event about to be committed, in its stored form.
#[derive(Clone, Debug, PartialEq)]
pub struct NewEvent {
    /// Its name for the outside, as `channel.created`.
    pub name: String,
    /// The version of its stored shape.
    pub version: u16,
    /// Its stored shape.
    pub data: Value,
}

/// An event as it stands in the store.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RecordedEvent {
    /// Its place in the log: reading after it gives what came later.
    pub cursor: Cursor,
    /// Its own id, unique for ever: `ev_` and a UUID v7.
    pub event_id: String,
    /// Type of the aggregate, as `session`.
    pub aggregate_type: String,
    /// Id of the aggregate.
    pub aggregate_id: String,
    /// What its order is kept within: the channel's id, or the aggregate's own where it has no channel.
    pub line: String,
    /// The project that it belongs to.
    pub project_id: String,
    /// Its number within the aggregate, from 1 without gaps.
    pub sequence: u64,
    /// Its name for the outside, as `channel.created`.
    pub name: String,
    /// The version of its stored shape.
    pub version: u16,
    /// Its stored shape.
    pub data: Value,
    /// Who did it, by which command, because of what, and when.
    pub metadata: EventMetadata,
}

/// A new event id, ordered by the time of its command (milliseconds since the Unix epoch).
pub fn new_event_id(at_ms: i64) -> String {
    let at_ms = u64::try_from(at_ms).unwrap_or(0);
    let nanos = u32::try_from(at_ms % 1_000).unwrap_or(0) * 1_000_000;
    let stamp = uuid::Timestamp::from_unix(uuid::NoContext, at_ms / 1_000, nanos);
    format!("ev_{}", uuid::Uuid::new_v7(stamp).simple())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn metadata_survives_the_string_map() {
        let whole = EventMetadata {
            actor: r#"{"kind":"admin","id":"a"}"#.into(),
            command_id: "c".into(),
            causation_id: Some("ev".into()),
            correlation_id: "r".into(),
            at_ms: -5,
        };
        assert_eq!(EventMetadata::from_map(&whole.to_map()), Some(whole.clone()));
        let bare = EventMetadata { causation_id: None, ..whole };
        assert_eq!(EventMetadata::from_map(&bare.to_map()), Some(bare));
        assert_eq!(EventMetadata::from_map(&HashMap::new()), None);
    }

    #[test]
    fn event_ids_are_unique_and_ordered_by_time() {
        let (early, late) = (new_event_id(1_700_000_000_000), new_event_id(1_700_000_000_001));
        assert!(early < late);
        assert_ne!(new_event_id(5), new_event_id(5));
        assert!(new_event_id(-1).starts_with("ev_"));
    }
}
