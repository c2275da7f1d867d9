use serde_json::json;
use sigma_domain::{ChannelEvent, SessionEvent, Timestamp};
use sigma_schema::{SchemaError, Stored};

#[test]
fn a_field_that_is_not_known_is_passed_over() {
    let data = json!({ "atMs": 5, "addedLater": { "by": "a newer program" } });
    let event = ChannelEvent::from_stored("channel.started", 1, data);
    assert_eq!(event, Ok(ChannelEvent::Started { at: Timestamp::from_millis(5) }));
}

#[test]
fn a_name_that_is_not_known_says_so() {
    let error = ChannelEvent::from_stored("channel.painted", 1, json!({})).unwrap_err();
    assert_eq!(error, SchemaError::UnknownName { name: "channel.painted".to_owned() });
    assert!(error.to_string().ends_with("update this one"));
    assert!(
        ChannelEvent::from_stored("session.live", 1, json!({ "atMs": 5 })).is_err(),
        "another aggregate's"
    );
}

#[test]
fn a_version_that_is_not_known_says_so() {
    for version in [0, 2, u16::MAX] {
        let error = SessionEvent::from_stored("session.live", version, json!({ "atMs": 5 })).unwrap_err();
        assert_eq!(
            error,
            SchemaError::UnknownVersion { name: "session.live".to_owned(), version, newest: 1 }
        );
    }
}

#[test]
fn a_flaw_names_event_and_version() {
    let error = SessionEvent::from_stored("session.live", 1, json!({})).unwrap_err();
    assert_eq!(error.to_string(), "session.live version 1 is not of its shape: missing field `atMs`");
}

#[test]
fn a_value_that_the_domain_would_not_take_is_not_read() {
    let error =
        SessionEvent::from_stored("session.recovered", 1, json!({ "feed": 0, "atMs": 5 })).unwrap_err();
    assert_eq!(
        error.to_string(),
        "session.recovered version 1 is not of its shape: the feed's number must be 1 or more"
    );
    let attached = json!({ "sessionId": "ch_01a0c4f01b2e7f3c9d4a5b6c7d8e9fa0", "atMs": 5 });
    assert!(ChannelEvent::from_stored("channel.session_attached", 1, attached).is_err());
}

#[test]
fn a_fault_stands_with_an_ingest_error_only_and_always() {
    for data in [
        json!({ "reason": "INGEST_ERROR", "atMs": 5 }),
        json!({ "reason": "NODE_LOST", "fault": "NO_MEDIA", "atMs": 5 }),
        json!({ "reason": "BORED", "atMs": 5 }),
    ] {
        assert!(SessionEvent::from_stored("session.ended", 1, data).is_err());
    }
}

#[test]
fn an_input_without_picture_and_sound_is_not_read() {
    let data = json!({ "feed": 1, "input": { "protocol": "RTMP" }, "atMs": 5 });
    assert!(SessionEvent::from_stored("session.processing", 1, data).is_err());
}
