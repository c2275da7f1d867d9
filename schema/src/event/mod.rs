//! The stored shapes of events, an aggregate a module.

mod api_token;
mod asset;
mod channel;
mod project;
mod session;
mod session_health;
mod value;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::{SchemaError, error::Flaw, upcast};

pub(crate) use api_token::created_to_v2 as api_token_created_to_v2;

/// An event as it is stored.
#[derive(Debug, Clone, PartialEq)]
pub struct StoredEvent {
    /// Its name, as `channel.created`.
    pub name: &'static str,
    /// The version of its shape.
    pub version: u16,
    /// Its data in that shape.
    pub data: Value,
}

/// A domain event that has stored shapes. What is stored and read again is the same event.
pub trait Stored: Sized {
    /// Every event's name with the newest version of its shape: the one that is written.
    const NEWEST: &'static [(&'static str, u16)];

    /// The event in the newest version of its shape.
    fn to_stored(&self) -> StoredEvent;

    /// The event out of any version of its shape that was ever written.
    fn from_stored(name: &str, version: u16, data: Value) -> Result<Self, SchemaError>;
}

/// The data of an event in its newest version.
fn newest<T: Stored>(name: &str, version: u16, data: Value) -> Result<Value, SchemaError> {
    let Some((_, newest)) = T::NEWEST.iter().find(|(known, _)| *known == name) else {
        return Err(SchemaError::UnknownName { name: name.to_owned() });
    };
    upcast::upcast(upcast::UPCASTERS, name, version, *newest, data)
}

fn write<S: Serialize>(name: &'static str, version: u16, shape: S) -> StoredEvent {
    // Unwrap safety: shapes are structs of strings, integers, booleans and such structs; all have a JSON form.
    let data = serde_json::to_value(shape).expect("a shape is JSON");
    StoredEvent { name, version, data }
}

fn read<S: for<'de> Deserialize<'de>>(data: Value) -> Result<S, Flaw> {
    Ok(serde_json::from_value(data)?)
}
