//! The messages of the `graphql-transport-ws` protocol
//! (<https://github.com/enisdenjo/graphql-ws/blob/master/PROTOCOL.md>).

use async_graphql::{Response as GraphQlResponse, ServerError};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::incoming::Incoming;

/// The name under which the protocol is agreed on.
pub(crate) const PROTOCOL: &str = "graphql-transport-ws";
/// Bytes of an operation's id.
const ID_BYTES: usize = 128;
/// Bytes of a ping, whose payload is sent back.
const PING_BYTES: usize = 4 * 1024;
/// RFC 6455 §5.5: a control frame holds 125 bytes, two of which are the code.
const REASON_BYTES: usize = 123;

/// Why a socket is closed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Close {
    pub(crate) code: u16,
    pub(crate) reason: String,
}

impl Close {
    /// With a reason, cut to what a frame holds.
    pub(crate) fn new(code: u16, reason: impl Into<String>) -> Self {
        let mut reason = reason.into();
        let end = (0..=REASON_BYTES.min(reason.len())).rev().find(|end| reason.is_char_boundary(*end));
        reason.truncate(end.unwrap_or(0));
        Self { code, reason }
    }

    pub(crate) fn invalid(reason: impl Into<String>) -> Self {
        Self::new(4400, reason)
    }

    pub(crate) fn unauthorized() -> Self {
        Self::new(4401, "Unauthorized")
    }

    pub(crate) fn forbidden() -> Self {
        Self::new(4403, "Forbidden")
    }

    pub(crate) fn no_such_protocol() -> Self {
        Self::new(4406, format!("Subprotocol not acceptable: speak {PROTOCOL}"))
    }

    pub(crate) fn init_too_late() -> Self {
        Self::new(4408, "Connection initialisation timeout")
    }

    pub(crate) fn id_taken(id: &str) -> Self {
        Self::new(4409, format!("Subscriber for {id} already exists"))
    }

    pub(crate) fn init_again() -> Self {
        Self::new(4429, "Too many initialisation requests")
    }

    pub(crate) fn too_many_messages(a_second: u32) -> Self {
        Self::new(4429, format!("Too many messages: {a_second} a second are taken"))
    }

    /// RFC 6455 §7.4.1.
    pub(crate) fn going_away() -> Self {
        Self::new(1001, "The server stops: connect again")
    }

    pub(crate) fn too_big(most: usize) -> Self {
        Self::new(1009, format!("A message holds {most} bytes at most"))
    }

    /// Clients close for good at 4429: this is for those that come again after a while.
    pub(crate) fn try_again_later(reason: impl Into<String>) -> Self {
        Self::new(1013, reason)
    }
}

/// What a client says.
#[derive(Debug)]
pub(crate) enum Heard {
    /// It introduces itself; with what its `authorization` holds.
    Init {
        authorization: Option<String>,
    },
    Ping {
        payload: Option<Value>,
    },
    Pong,
    Subscribe {
        id: String,
        request: Incoming,
    },
    Complete {
        id: String,
    },
}

#[derive(Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
enum Message {
    ConnectionInit {
        #[serde(default)]
        payload: Option<Value>,
    },
    Ping {
        #[serde(default)]
        payload: Option<Value>,
    },
    Pong,
    Subscribe {
        id: String,
        payload: Incoming,
    },
    Complete {
        id: String,
    },
}

/// Understands a message, or says how to close.
pub(crate) fn hear(text: &str) -> Result<Heard, Close> {
    let message = serde_json::from_str(text);
    let message = message.map_err(|error| Close::invalid(format!("Invalid message: {error}")))?;
    Ok(match message {
        Message::ConnectionInit { payload } => Heard::Init { authorization: authorization(payload) },
        Message::Ping { .. } if text.len() > PING_BYTES => {
            return Err(Close::invalid(format!("Invalid message: a ping holds {PING_BYTES} bytes at most")));
        }
        Message::Ping { payload } => Heard::Ping { payload },
        Message::Pong => Heard::Pong,
        Message::Subscribe { id, .. } if id.is_empty() || id.len() > ID_BYTES => {
            return Err(Close::invalid(format!("Invalid message: an id holds 1 to {ID_BYTES} bytes")));
        }
        Message::Subscribe { id, payload } => Heard::Subscribe { id, request: payload },
        Message::Complete { id } => Heard::Complete { id },
    })
}

/// `{"authorization": "Bearer …"}`, the name in the case that headers are often written in as well.
fn authorization(payload: Option<Value>) -> Option<String> {
    let Value::Object(mut payload) = payload? else { return None };
    let named = payload.remove("authorization").or_else(|| payload.remove("Authorization"));
    match named? {
        Value::String(text) => Some(text),
        _ => None,
    }
}

#[derive(Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
enum Said<'a> {
    ConnectionAck,
    Pong {
        #[serde(skip_serializing_if = "Option::is_none")]
        payload: Option<Value>,
    },
    Next {
        id: &'a str,
        payload: &'a GraphQlResponse,
    },
    Error {
        id: &'a str,
        payload: &'a [ServerError],
    },
    Complete {
        id: &'a str,
    },
}

fn text(said: &Said<'_>) -> String {
    // What is said always makes JSON.
    serde_json::to_string(said).unwrap_or_default()
}

pub(crate) fn ack() -> String {
    text(&Said::ConnectionAck)
}

pub(crate) fn pong(payload: Option<Value>) -> String {
    text(&Said::Pong { payload })
}

pub(crate) fn next(id: &str, answer: &GraphQlResponse) -> String {
    text(&Said::Next { id, payload: answer })
}

pub(crate) fn error(id: &str, errors: &[ServerError]) -> String {
    text(&Said::Error { id, payload: errors })
}

pub(crate) fn complete(id: &str) -> String {
    text(&Said::Complete { id })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_message_of_a_client_is_understood() {
        let init = |text: &str| match hear(text) {
            Ok(Heard::Init { authorization }) => authorization,
            other => panic!("{other:?}"),
        };
        assert_eq!(init(r#"{"type":"connection_init"}"#), None);
        assert_eq!(init(r#"{"type":"connection_init","payload":null}"#), None);
        assert_eq!(init(r#"{"type":"connection_init","payload":{"authorization":1}}"#), None);
        for name in ["authorization", "Authorization"] {
            let text = format!(r#"{{"type":"connection_init","payload":{{"{name}":"Bearer x"}}}}"#);
            assert_eq!(init(&text).as_deref(), Some("Bearer x"));
        }
        assert!(matches!(hear(r#"{"type":"ping"}"#), Ok(Heard::Ping { payload: None })));
        assert!(matches!(hear(r#"{"type":"pong","payload":{"a":1}}"#), Ok(Heard::Pong)));
        assert!(matches!(hear(r#"{"type":"complete","id":"1"}"#), Ok(Heard::Complete { .. })));
        let subscribe =
            r#"{"id":"1","type":"subscribe","payload":{"query":"{ a }","variables":null,"extensions":{}}}"#;
        assert!(matches!(hear(subscribe), Ok(Heard::Subscribe { .. })));
    }

    #[test]
    fn what_is_no_message_closes_with_4400_and_a_reason_that_fits() {
        let long = format!(r#"{{"type":"{}"}}"#, "ä".repeat(500));
        let id = format!(r#"{{"type":"subscribe","id":"{}","payload":{{"query":"x"}}}}"#, "x".repeat(200));
        let no_messages = [
            "",
            "{}",
            "[]",
            "x",
            r#"{"type":"start"}"#,
            r#"{"type":"subscribe","id":"1"}"#,
            r#"{"type":"subscribe","id":"","payload":{"query":"x"}}"#,
            r#"{"type":"subscribe","id":1,"payload":{"query":"x"}}"#,
            &long,
            &id,
        ];
        for text in no_messages {
            let close = hear(text).expect_err("no message");
            assert!(close.code == 4400 && close.reason.len() <= REASON_BYTES, "{text}: {close:?}");
        }
    }

    #[test]
    fn what_is_said_has_the_protocols_form() {
        assert_eq!(ack(), r#"{"type":"connection_ack"}"#);
        assert_eq!(pong(None), r#"{"type":"pong"}"#);
        assert_eq!(pong(Some(serde_json::json!({"a":1}))), r#"{"type":"pong","payload":{"a":1}}"#);
        let answer = GraphQlResponse::new(async_graphql::value!({ "a": 1 }));
        assert_eq!(next("7", &answer), r#"{"type":"next","id":"7","payload":{"data":{"a":1}}}"#);
        assert_eq!(
            error("7", &[ServerError::new("no", None)]),
            r#"{"type":"error","id":"7","payload":[{"message":"no"}]}"#
        );
        assert_eq!(complete("7"), r#"{"type":"complete","id":"7"}"#);
    }
}
