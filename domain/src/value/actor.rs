use serde::{Deserialize, Serialize};

use super::{ValueError, coded};

coded! {
    /// What kind of somebody stands behind a command.
    "the actor's kind" pub enum ActorKind {
        Admin = "ADMIN": "Whoever holds the admin token.",
        Token = "TOKEN": "Whoever holds an API token; the id is the token's.",
        Broadcaster = "BROADCASTER": "Whoever holds the stream key.",
        System = "SYSTEM": "The platform itself: a process manager, a deadline, a node.",
    }
}

/// Who did it. Kept with each event; never an address.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Actor {
    kind: ActorKind,
    id: String,
}

impl Actor {
    /// The most characters of an actor's id.
    pub const ID_CHARS: usize = 128;

    /// An actor of this kind; `id` is 1 to 128 visible ASCII characters (a token's id, a channel's, a process's name).
    pub fn new(kind: ActorKind, id: &str) -> Result<Self, ValueError> {
        super::ids::visible_ascii("the actor's id", id, Self::ID_CHARS)?;
        Ok(Self { kind, id: id.to_owned() })
    }

    /// The kind.
    pub fn kind(&self) -> ActorKind {
        self.kind
    }

    /// The id within the kind.
    pub fn id(&self) -> &str {
        &self.id
    }
}
