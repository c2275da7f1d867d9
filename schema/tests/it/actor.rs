use sigma_domain::{Actor, ActorKind};
use sigma_schema::{actor_from_json, actor_to_json};

#[test]
fn an_actor_is_a_kind_and_an_id() {
    let actor = Actor::new(ActorKind::System, "deadlines").unwrap();
    assert_eq!(actor_to_json(&actor), r#"{"kind":"SYSTEM","id":"deadlines"}"#);
    assert_eq!(actor_from_json(r#"{"kind":"SYSTEM","id":"deadlines","name":"later"}"#), Ok(actor));
}

#[test]
fn what_is_no_actor_is_an_error() {
    for text in [
        "",
        "{}",
        "[]",
        r#"{"kind":"GHOST","id":"x"}"#,
        r#"{"kind":"ADMIN","id":""}"#,
        r#"{"kind":1,"id":"x"}"#,
    ] {
        assert!(actor_from_json(text).is_err(), "{text}");
    }
}
