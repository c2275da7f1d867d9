//! What is measured goes to a topic of its own, said once and in passing: Kafka that is away costs samples and nothing else.

mod reader;
mod sender;

use rdkafka::message::{Header, OwnedHeaders};

pub use self::reader::{Received, SampleReader};
pub use self::sender::{Dropped, SampleSender, SenderStatus};
use crate::message::{header, time_of, type_of};

/// A measurement.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sample<'a> {
    /// Samples of one key stand in order.
    pub key: &'a str,
    /// What was measured of whom, as `session/ID`.
    pub subject: &'a str,
    /// The name of the body's shape.
    pub name: &'a str,
    /// Its version.
    pub version: u16,
    /// When it was measured: milliseconds since the Unix epoch.
    pub at_ms: i64,
    /// JSON.
    pub body: &'a [u8],
}

/// `ce_source` of what a node measures.
pub(crate) fn source_of(node: &str) -> String {
    format!("urn:sigma:node:{node}")
}

/// What the headers of a sample are.
fn headers_of(sample: &Sample<'_>, source: &str) -> OwnedHeaders {
    let Sample { subject, name, version, at_ms, .. } = sample;
    let mut headers = OwnedHeaders::new_with_capacity(7);
    for (key, value) in [
        (header::SPEC_VERSION, "1.0"),
        (header::ID, &format!("{subject}/{at_ms}")),
        (header::TYPE, &type_of(name, *version)),
        (header::SOURCE, source),
        (header::SUBJECT, subject),
        (header::TIME, &time_of(*at_ms)),
        (header::CONTENT_TYPE, "application/json"),
    ] {
        headers = headers.insert(Header { key, value: Some(value) });
    }
    headers
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use rdkafka::message::Headers;
    use serde_json::Value;

    use super::*;

    /// What outsiders are told of the headers, `schema/asyncapi/asyncapi.json`, is what is sent.
    #[test]
    fn the_headers_are_those_that_outsiders_are_told_of() {
        let sample = Sample {
            key: "se_1",
            subject: "session/se_1",
            name: "ingest_health",
            version: 1,
            at_ms: 1_790_000_000_123,
            body: b"{}",
        };
        let headers = headers_of(&sample, &source_of("node-1"));
        let sent: Vec<String> = headers
            .iter()
            .map(|header| format!("{}: {}", header.key, std::str::from_utf8(header.value.unwrap()).unwrap()))
            .collect();
        let wanted = [
            "ce_specversion: 1.0",
            "ce_id: session/se_1/1790000000123",
            "ce_type: sigma.ingest_health.v1",
            "ce_source: urn:sigma:node:node-1",
            "ce_subject: session/se_1",
            "ce_time: 2026-09-21T14:13:20.123Z",
            "content-type: application/json",
        ];
        assert_eq!(sent, wanted);
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../schema/asyncapi/asyncapi.json");
        let document: Value = serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap();
        let told =
            document["components"]["messageTraits"]["sample"]["headers"]["properties"].as_object().unwrap();
        let sent: BTreeSet<&str> = headers.iter().map(|header| header.key).collect();
        assert_eq!(sent, told.keys().map(String::as_str).collect());
        assert_eq!(document["channels"]["ingestHealth"]["address"], crate::topic::INGEST_HEALTH);
    }
}
