//! An event as a record of the topic: CloudEvents 1.0 in Kafka's binary mode, the event's stored shape as its value.
//!
//! What the headers hold is the contract's; `schema/asyncapi` says it to outsiders.

use rdkafka::message::{Header, Headers, Message, OwnedHeaders};
use serde_json::Value;
use sigma_store::{Cursor, EventMetadata, RecordedEvent};

/// Names of headers. Attributes of CloudEvents beyond its own are of lower-case letters and digits.
pub(crate) mod header {
    pub(crate) const CONTENT_TYPE: &str = "content-type";
    pub(crate) const SPEC_VERSION: &str = "ce_specversion";
    pub(crate) const ID: &str = "ce_id";
    pub(crate) const TYPE: &str = "ce_type";
    pub(crate) const SOURCE: &str = "ce_source";
    pub(crate) const SUBJECT: &str = "ce_subject";
    pub(crate) const TIME: &str = "ce_time";
    pub(crate) const POSITION: &str = "ce_position";
    pub(crate) const AGGREGATE_TYPE: &str = "ce_aggregatetype";
    pub(crate) const AGGREGATE_ID: &str = "ce_aggregateid";
    pub(crate) const SEQUENCE: &str = "ce_sequence";
    pub(crate) const PROJECT: &str = "ce_projectid";
    pub(crate) const ACTOR: &str = "ce_actor";
    pub(crate) const COMMAND: &str = "ce_commandid";
    pub(crate) const CORRELATION: &str = "ce_correlationid";
    pub(crate) const CAUSATION: &str = "ce_causationid";
    pub(crate) const LOG: &str = "ce_logid";
}

/// Before an event's name in `ce_type`.
const TYPE_PREFIX: &str = "sigma.";

/// `sigma.channel.created.v1`
pub(crate) fn type_of(name: &str, version: u16) -> String {
    format!("{TYPE_PREFIX}{name}.v{version}")
}

/// Name and version out of `sigma.channel.created.v1`.
pub(crate) fn name_and_version(text: &str) -> Option<(&str, u16)> {
    let (name, version) = text.strip_prefix(TYPE_PREFIX)?.rsplit_once(".v")?;
    Some((name, version.parse().ok()?))
}

/// `2026-11-26T22:12:00.123Z`. A time that no calendar has is shown as the calendar's end: it is for people.
pub(crate) fn time_of(at_ms: i64) -> String {
    let time = jiff::Timestamp::from_millisecond(at_ms).unwrap_or(if at_ms < 0 {
        jiff::Timestamp::MIN
    } else {
        jiff::Timestamp::MAX
    });
    format!("{time:.3}")
}

/// What the headers of an event are: `store` is the store's incarnation, `log` the log's id.
pub(crate) fn headers_of(event: &RecordedEvent, store: &str, log: &str) -> OwnedHeaders {
    let RecordedEvent { metadata, .. } = event;
    let mut headers = OwnedHeaders::new_with_capacity(17);
    let mut put = |key: &str, value: &str| {
        let grown = std::mem::take(&mut headers);
        headers = grown.insert(Header { key, value: Some(value) });
    };
    put(header::SPEC_VERSION, "1.0");
    put(header::ID, &event.event_id);
    put(header::TYPE, &type_of(&event.name, event.version));
    put(header::SOURCE, &source_of(store));
    put(header::SUBJECT, &format!("{}/{}", event.aggregate_type, event.aggregate_id));
    put(header::TIME, &time_of(metadata.at_ms));
    put(header::CONTENT_TYPE, "application/json");
    put(header::POSITION, event.cursor.as_str());
    put(header::AGGREGATE_TYPE, &event.aggregate_type);
    put(header::AGGREGATE_ID, &event.aggregate_id);
    put(header::SEQUENCE, &event.sequence.to_string());
    put(header::PROJECT, &event.project_id);
    put(header::ACTOR, &metadata.actor);
    put(header::COMMAND, &metadata.command_id);
    put(header::CORRELATION, &metadata.correlation_id);
    if let Some(causation) = &metadata.causation_id {
        put(header::CAUSATION, causation);
    }
    put(header::LOG, log);
    headers
}

/// `ce_source`: the store that the event stands in.
pub(crate) fn source_of(store: &str) -> String {
    format!("urn:sigma:store:{store}")
}

fn text<'a, H: Headers>(headers: &'a H, key: &str) -> Option<&'a str> {
    let found = headers.iter().find(|header| header.key == key)?;
    std::str::from_utf8(found.value?).ok()
}

/// A header's text.
pub(crate) fn header_of<'a, M: Message>(message: &'a M, key: &str) -> Option<&'a str> {
    text(message.headers()?, key)
}

/// The event in a record, standing at `cursor`. None where no event can be told from it: the record is not ours.
///
/// A value that is not JSON is given as JSON's null: the event has a name and a place then, so that whoever cannot read
/// it parks its aggregate and no other.
pub(crate) fn event_of<M: Message>(message: &M, cursor: Cursor) -> Option<RecordedEvent> {
    let headers = message.headers()?;
    let need = |key| text(headers, key).map(str::to_owned);
    let (name, version) = name_and_version(text(headers, header::TYPE)?)?;
    let at: jiff::Timestamp = text(headers, header::TIME)?.parse().ok()?;
    let data = message.payload().and_then(|bytes| serde_json::from_slice(bytes).ok());
    Some(RecordedEvent {
        cursor,
        event_id: need(header::ID)?,
        aggregate_type: need(header::AGGREGATE_TYPE)?,
        aggregate_id: need(header::AGGREGATE_ID)?,
        line: String::from_utf8(message.key()?.to_vec()).ok()?,
        project_id: need(header::PROJECT)?,
        sequence: text(headers, header::SEQUENCE)?.parse().ok()?,
        name: name.to_owned(),
        version,
        data: data.unwrap_or(Value::Null),
        metadata: EventMetadata {
            actor: need(header::ACTOR)?,
            command_id: need(header::COMMAND)?,
            causation_id: need(header::CAUSATION),
            correlation_id: need(header::CORRELATION)?,
            at_ms: at.as_millisecond(),
        },
    })
}

#[cfg(test)]
mod tests {
    use rdkafka::Timestamp;
    use rdkafka::message::OwnedMessage;
    use serde_json::json;

    use super::*;

    fn event() -> RecordedEvent {
        RecordedEvent {
            cursor: Cursor::from_text("1.7.42"),
            event_id: "ev_1".into(),
            aggregate_type: "session".into(),
            aggregate_id: "se_1".into(),
            line: "ch_1".into(),
            project_id: "pr_default".into(),
            sequence: 7,
            name: "session.live".into(),
            version: 2,
            data: json!({ "atMs": 1_790_000_000_123_i64 }),
            metadata: EventMetadata {
                actor: r#"{"kind":"ADMIN","id":"a"}"#.into(),
                command_id: "c".into(),
                causation_id: None,
                correlation_id: "r".into(),
                at_ms: 1_790_000_000_120,
            },
        }
    }

    fn record(event: &RecordedEvent, payload: &[u8]) -> OwnedMessage {
        let key = Some(event.line.clone().into_bytes());
        let headers = headers_of(event, "store-1", "log-1");
        let payload = Some(payload.to_vec());
        OwnedMessage::new(payload, key, "t".into(), Timestamp::NotAvailable, 0, 0, Some(headers))
    }

    #[test]
    fn an_event_put_into_a_record_and_read_again_is_the_same_event() {
        for causation in [None, Some("ev_0".to_owned())] {
            for at_ms in [0, -1, 1_790_000_000_120, 253_402_207_200_000] {
                let mut event = event();
                event.metadata.causation_id = causation.clone();
                event.metadata.at_ms = at_ms;
                let bytes = serde_json::to_vec(&event.data).unwrap();
                let cursor = Cursor::from_text("elsewhere");
                let read = event_of(&record(&event, &bytes), cursor.clone()).unwrap();
                assert_eq!(read, RecordedEvent { cursor, ..event });
            }
        }
    }

    #[test]
    fn the_headers_are_those_of_the_contract() {
        let event = event();
        let record = record(&event, b"{}");
        let told: Vec<String> = record
            .headers()
            .unwrap()
            .iter()
            .map(|header| format!("{}: {}", header.key, std::str::from_utf8(header.value.unwrap()).unwrap()))
            .collect();
        let wanted = [
            "ce_specversion: 1.0",
            "ce_id: ev_1",
            "ce_type: sigma.session.live.v2",
            "ce_source: urn:sigma:store:store-1",
            "ce_subject: session/se_1",
            "ce_time: 2026-09-21T14:13:20.120Z",
            "content-type: application/json",
            "ce_position: 1.7.42",
            "ce_aggregatetype: session",
            "ce_aggregateid: se_1",
            "ce_sequence: 7",
            "ce_projectid: pr_default",
            r#"ce_actor: {"kind":"ADMIN","id":"a"}"#,
            "ce_commandid: c",
            "ce_correlationid: r",
            "ce_logid: log-1",
        ];
        assert_eq!(told, wanted);
    }

    /// What outsiders are told of the headers, `schema/asyncapi/asyncapi.json`, is what is sent.
    #[test]
    fn the_headers_are_those_that_outsiders_are_told_of() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../schema/asyncapi/asyncapi.json");
        let document: Value = serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap();
        let told = &document["components"]["messageTraits"]["event"]["headers"];
        let sent = |causation: Option<&str>| {
            let mut event = event();
            event.metadata.causation_id = causation.map(str::to_owned);
            let headers = headers_of(&event, "store-1", "log-1");
            headers.iter().map(|header| header.key.to_owned()).collect::<std::collections::BTreeSet<_>>()
        };
        let named = told["properties"].as_object().unwrap().keys().cloned().collect();
        assert_eq!(sent(Some("ev_0")), named);
        let required =
            told["required"].as_array().unwrap().iter().map(|name| name.as_str().unwrap().to_owned());
        assert_eq!(sent(None), required.collect());
        let channel = &document["channels"]["events"]["address"];
        assert_eq!(channel, crate::topic::EVENTS);
    }

    #[test]
    fn a_time_that_no_calendar_has_is_still_a_record() {
        for at_ms in [i64::MAX, i64::MIN] {
            let mut event = event();
            event.metadata.at_ms = at_ms;
            let read = event_of(&record(&event, b"{}"), Cursor::start()).unwrap();
            assert_eq!((read.event_id, read.sequence), (event.event_id, event.sequence));
        }
    }

    #[test]
    fn what_is_no_json_keeps_its_name_and_place() {
        let event = event();
        let read = event_of(&record(&event, b"\xff not json"), Cursor::start()).unwrap();
        assert_eq!((read.data, read.sequence, read.line), (Value::Null, 7, "ch_1".to_owned()));
    }

    #[test]
    fn what_is_not_ours_is_no_event() {
        let bare = OwnedMessage::new(None, None, "t".into(), Timestamp::NotAvailable, 0, 0, None);
        assert_eq!(event_of(&bare, Cursor::start()), None);
        for text in ["channel.created.v1", "sigma.channel.created", "sigma.x.v", "sigma.x.v70000"] {
            assert_eq!(name_and_version(text), None, "{text}");
        }
        assert_eq!(name_and_version("sigma.a.b.v12"), Some(("a.b", 12)));
    }
}
