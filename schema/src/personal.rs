//! Texts in stored events that may say something about a person.

use serde_json::{Value, json};
use sigma_domain::SealedText;

/// The text of an event's data that may be personal, where it has one: `{"plain":"…"}` or
/// `{"sealed":{"keyId":"…","text":"…"}}`. Its subject is the channel that the event belongs to.
pub fn personal_text<'a>(name: &str, data: &'a mut Value) -> Option<&'a mut Value> {
    match name {
        "channel.created" => data.get_mut("name"),
        "asset.started" => data.get_mut("title"),
        "channel.updated" => data.get_mut("changes")?.get_mut("name"),
        _ => None,
    }
}

/// What is sealed in such a text; none where it can be read as it stands.
pub fn sealed_in(text: &Value) -> Option<SealedText> {
    let sealed = text.get("sealed")?;
    let field = |name: &str| Some(sealed.get(name)?.as_str()?.to_owned());
    Some(SealedText { key_id: field("keyId")?, sealed: field("text")? })
}

/// Such a text, opened.
pub fn opened(text: &str) -> Value {
    json!({ "plain": text })
}

/// What is shown in place of a text whose key is gone. It is shown only: no event is stored so.
pub fn erased() -> Value {
    json!({ "erased": true })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_personal_text_is_found_where_an_event_has_one() {
        let sealed = json!({ "sealed": { "keyId": "k", "text": "dGV4dA==" } });
        let mut created = json!({ "name": sealed, "atMs": 1 });
        let text = personal_text("channel.created", &mut created).expect("a name");
        let found = sealed_in(text).expect("sealed");
        assert_eq!((found.key_id.as_str(), found.sealed.as_str()), ("k", "dGV4dA=="));
        *text = opened("Evening news");
        assert_eq!(created["name"], json!({ "plain": "Evening news" }));
        assert_eq!(sealed_in(&created["name"]), None);

        let mut updated = json!({ "changes": { "latencyMode": "LOW" }, "atMs": 1 });
        assert_eq!(personal_text("channel.updated", &mut updated), None);
        updated["changes"]["name"] = sealed;
        assert!(personal_text("channel.updated", &mut updated).is_some_and(|text| sealed_in(text).is_some()));
        assert_eq!(personal_text("channel.deleted", &mut updated), None);

        let mut started = json!({ "kind": "CLIP", "atMs": 1 });
        assert_eq!(personal_text("asset.started", &mut started), None, "no title");
        started["title"] = opened("The goal");
        assert_eq!(personal_text("asset.started", &mut started), Some(&mut opened("The goal")));
    }
}
