//! Stored shapes: what an event looks like in the store, on the log and in the hands of those who read it.
//!
//! A shape is a type of its own, apart from the domain's, and its JSON stays readable for ever. Whoever wants to change
//! one adds the next version beside it: a new shape, an upcaster from the last ([`upcast`]), a golden file in `golden/`.
//! The golden files of old versions are never edited; tests hold all of this.
//!
//! Names are camelCase; `…Ms` are milliseconds since the Unix epoch, UTC; durations are whole seconds; what is none is
//! left out; a field that is not known is passed over, so that an older program reads a newer one's additions.

mod actor;
mod error;
mod event;
mod ingest_health;
pub mod personal;
pub mod upcast;

pub use actor::{actor_from_json, actor_to_json};
pub use error::SchemaError;
pub use event::{Stored, StoredEvent};
pub use ingest_health::{IngestHealth, IngestWarning};
