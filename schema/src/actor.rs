use serde::{Deserialize, Serialize};
use sigma_domain::{Actor, ValueError};

/// The actor's shape in an event's metadata: `{"kind":"ADMIN","id":"…"}`.
#[derive(Serialize, Deserialize)]
struct ActorShape {
    kind: String,
    id: String,
}

/// The actor as it stands in an event's metadata.
pub fn actor_to_json(actor: &Actor) -> String {
    let shape = ActorShape { kind: actor.kind().code().to_owned(), id: actor.id().to_owned() };
    // Unwrap safety: two strings under two names have a JSON form.
    serde_json::to_string(&shape).expect("two strings are JSON")
}

/// The actor out of an event's metadata.
pub fn actor_from_json(json: &str) -> Result<Actor, ValueError> {
    let shape: ActorShape = serde_json::from_str(json)
        .map_err(|_| ValueError::Form { what: "the actor", wanted: "JSON with the strings kind and id" })?;
    Actor::new(shape.kind.parse()?, &shape.id)
}
