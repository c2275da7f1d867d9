//! From a body's bytes to GraphQL requests.

use std::fmt;
use std::sync::Arc;

use async_graphql::{Request as GraphQlRequest, Value, Variables};
use axum::body::Body;
use bytes::{Bytes, BytesMut};
use http::{HeaderMap, header};
use http_body_util::BodyExt;
use serde::Deserialize;
use serde::de::{self, IgnoredAny, SeqAccess, Visitor};
use sigma_clock::Instant;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::limits::Limits;
use super::refusal::Refusal;
use crate::graphql::Code;

/// One request as a client writes it. Other members (`extensions`) are let pass.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Incoming {
    query: String,
    #[serde(default)]
    operation_name: Option<String>,
    #[serde(default)]
    variables: Option<serde_json::Map<String, serde_json::Value>>,
}

impl From<Incoming> for GraphQlRequest {
    fn from(incoming: Incoming) -> Self {
        let mut request = Self::new(incoming.query);
        if let Some(name) = incoming.operation_name {
            request = request.operation_name(name);
        }
        if let Some(variables) = incoming.variables {
            // Every JSON value is a GraphQL value.
            let value = Value::from_json(serde_json::Value::Object(variables)).unwrap_or_default();
            request = request.variables(Variables::from_value(value));
        }
        request
    }
}

/// Bytes of a refused body that are read away, so that who sends them hears why.
const DRAINED: usize = 64 * 1024 * 1024;
/// Characters of what the parser says.
const SAID: usize = 400;

/// What a body holds.
#[derive(Debug)]
pub(crate) enum Asked {
    One(Incoming),
    /// In order; never more than the limit, never none.
    Batch(Vec<Incoming>),
}

/// Room for the bodies that are held at once, in bytes. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Bodies(Arc<Semaphore>);

impl Bodies {
    pub(crate) fn new(bytes: usize) -> Self {
        Self(Arc::new(Semaphore::new(bytes.min(Semaphore::MAX_PERMITS))))
    }

    fn take(&self, bytes: usize) -> Result<OwnedSemaphorePermit, Refusal> {
        let bytes = u32::try_from(bytes).map_err(|_| Refusal::no_room())?;
        Arc::clone(&self.0).try_acquire_many_owned(bytes).map_err(|_| Refusal::no_room())
    }
}

/// A body that has come whole, and its room, which is given back when dropped.
pub(crate) struct Collected {
    pub(crate) bytes: Bytes,
    pub(crate) room: OwnedSemaphorePermit,
}

/// Reads a body to its end, within its limits and until `by`. What it refuses may not have been read to its end.
pub(crate) async fn collect(
    headers: &HeaderMap,
    body: &mut Body,
    limits: &Limits,
    bodies: &Bodies,
    by: Instant,
) -> Result<Collected, Refusal> {
    // A form that another site's page sends carries none of these types without asking first.
    if !is_json(headers) {
        return Err(Refusal::malformed("the body must be JSON: send Content-Type: application/json"));
    }
    let most = limits.body_bytes;
    let too_large = || {
        Refusal::too_large(
            Code::TooLarge,
            format!("the body is larger than {most} bytes; ask for less at once"),
        )
    };
    if announced(headers).is_some_and(|length| length > most as u64) {
        return Err(too_large());
    }
    let reading = async {
        let mut room = bodies.take(0)?;
        let mut whole = BytesMut::new();
        while let Some(frame) = body.frame().await {
            let frame = frame.map_err(|_| Refusal::malformed("the body broke off"))?;
            // Trailers say nothing here.
            let Ok(data) = frame.into_data() else { continue };
            if data.len() > most - whole.len() {
                return Err(too_large());
            }
            // As it comes, so that nobody holds room by announcing what he does not send.
            room.merge(bodies.take(data.len())?);
            whole.extend_from_slice(&data);
        }
        Ok(Collected { bytes: whole.freeze(), room })
    };
    let read = sigma_clock::timeout(by.saturating_duration_since(sigma_clock::monotonic()), reading).await;
    read.unwrap_or_else(|_| Err(Refusal::malformed("the body did not arrive in time")))
}

/// Reads on what nobody wants, until `by`: many clients send their whole body before they listen. Whether its end came.
pub(crate) async fn drain(body: &mut Body, by: Instant) -> bool {
    let mut left = DRAINED;
    let reading = async {
        while let Some(Ok(frame)) = body.frame().await {
            let length = frame.data_ref().map_or(0, Bytes::len);
            if length > left {
                return false;
            }
            left -= length;
        }
        true
    };
    let read = sigma_clock::timeout(by.saturating_duration_since(sigma_clock::monotonic()), reading).await;
    read.unwrap_or(false)
}

/// Whether the client sends its body only once it is told to go on (RFC 9110 §10.1.1), and we have not told it.
pub(crate) fn holds_back(headers: &HeaderMap) -> bool {
    headers.contains_key(header::EXPECT) && announced(headers).is_some()
}

fn announced(headers: &HeaderMap) -> Option<u64> {
    headers.get(header::CONTENT_LENGTH)?.to_str().ok()?.parse().ok()
}

fn is_json(headers: &HeaderMap) -> bool {
    let kind = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let kind = kind.split(';').next().unwrap_or_default().trim();
    kind.eq_ignore_ascii_case("application/json")
        || kind.eq_ignore_ascii_case("application/graphql-response+json")
}

/// Reads one request, or a list of at most `most`.
pub(crate) fn parse(bytes: &[u8], most: usize) -> Result<Asked, Refusal> {
    let is_list = bytes.iter().find(|byte| !byte.is_ascii_whitespace()) == Some(&b'[');
    let parsed = if is_list { batch(bytes, most)? } else { serde_json::from_slice(bytes).map(Asked::One) };
    parsed.map_err(|error| {
        // It may quote what was sent, at any length.
        let mut error = error.to_string();
        if let Some((end, _)) = error.char_indices().nth(SAID) {
            error.truncate(end);
            error.push('…');
        }
        Refusal::malformed(format!(
            "the body is no GraphQL request: {error}; send one JSON object with \"query\" and, where needed, \
             \"variables\" and \"operationName\""
        ))
    })
}

fn batch(bytes: &[u8], most: usize) -> Result<Result<Asked, serde_json::Error>, Refusal> {
    let mut reader = serde_json::Deserializer::from_slice(bytes);
    let read = de::DeserializeSeed::deserialize(Most(most), &mut reader);
    let read = read.and_then(|read| reader.end().map(|()| read));
    match read {
        Ok(Counted { more: 0, requests }) if requests.is_empty() => {
            Err(Refusal::malformed("the batch holds no request; send at least one"))
        }
        Ok(Counted { more: 0, requests }) => Ok(Ok(Asked::Batch(requests))),
        Ok(Counted { more, .. }) => Err(Refusal::too_large(
            Code::TooComplex,
            format!(
                "the batch holds {} requests; {most} are taken at most: send several bodies",
                most + more
            ),
        )),
        Err(error) => Ok(Err(error)),
    }
}

/// The first requests of a list, and how many more there were.
struct Counted {
    requests: Vec<Incoming>,
    more: usize,
}

/// Reads a list, keeping so many of its items at most.
struct Most(usize);

impl<'de> de::DeserializeSeed<'de> for Most {
    type Value = Counted;

    fn deserialize<D: de::Deserializer<'de>>(self, deserializer: D) -> Result<Counted, D::Error> {
        deserializer.deserialize_seq(self)
    }
}

impl<'de> Visitor<'de> for Most {
    type Value = Counted;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list of GraphQL requests")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Counted, A::Error> {
        let mut counted = Counted { requests: Vec::new(), more: 0 };
        while counted.requests.len() < self.0 {
            match list.next_element()? {
                Some(request) => counted.requests.push(request),
                None => return Ok(counted),
            }
        }
        while list.next_element::<IgnoredAny>()?.is_some() {
            counted.more += 1;
        }
        Ok(counted)
    }
}

#[cfg(test)]
mod tests {
    use http::StatusCode;

    use super::*;

    fn refused(body: &str) -> (StatusCode, Code) {
        let refusal = parse(body.as_bytes(), 3).expect_err("no request");
        (refusal.status, refusal.fault.code)
    }

    #[test]
    fn a_body_is_one_request_or_a_list_of_some() {
        assert!(matches!(parse(br#"{"query":"{ a }","extensions":{}}"#, 3), Ok(Asked::One(_))));
        let list = |count: usize| format!(" [{}]", vec![r#"{"query":"{ a }"}"#; count].join(","));
        let Ok(Asked::Batch(requests)) = parse(list(3).as_bytes(), 3) else { panic!("no batch") };
        assert_eq!(requests.len(), 3);
        assert_eq!(refused(&list(4)), (StatusCode::PAYLOAD_TOO_LARGE, Code::TooComplex));
        assert_eq!(refused("[]"), (StatusCode::BAD_REQUEST, Code::BadInput));
    }

    #[test]
    fn what_is_wrong_is_said_in_short() {
        for body in
            [format!("\"{}\"", "ä".repeat(100_000)), format!("{{\"query\":[\"{}\"]}}", "x".repeat(100_000))]
        {
            let refusal = parse(body.as_bytes(), 3).expect_err("no request");
            assert!(refusal.fault.message.chars().count() < 600, "{}", refusal.fault.message.len());
        }
    }

    #[test]
    fn what_is_no_request_is_refused_as_such() {
        let no_requests = [
            "",
            "{}",
            "1",
            "\"x\"",
            "[1]",
            "[[]]",
            "{\"query\":1}",
            "[{\"query\":\"x\"}",
            "[{\"query\":\"x\"}] x",
        ];
        for body in no_requests {
            assert_eq!(refused(body), (StatusCode::BAD_REQUEST, Code::BadInput), "{body}");
        }
        let deep = format!("{{\"query\":\"x\",\"variables\":{{\"a\":{}", "[".repeat(100_000));
        assert_eq!(refused(&deep), (StatusCode::BAD_REQUEST, Code::BadInput));
        let deep = format!("[{{\"query\":\"x\",\"variables\":{{\"a\":{}", "[".repeat(100_000));
        assert_eq!(refused(&deep), (StatusCode::BAD_REQUEST, Code::BadInput));
    }
}
