//! Logs as they are written, and traces as a collector of the test's own receives them.

use std::collections::BTreeMap;
use std::io;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use http::{HeaderMap, HeaderValue};
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::any_value::Value as Any;
use opentelemetry_proto::tonic::trace::v1::Span as Sent;
use opentelemetry_proto::tonic::trace::v1::span::SpanKind;
use prost::Message;
use serde_json::Value;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tracing::field::Empty;
use tracing_subscriber::fmt::MakeWriter;

use super::Telemetry;
use crate::settings::{Flags, Settings, Sources};

const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";
const PARENT: &str = "00f067aa0ba902b7";
const SOON: Duration = Duration::from_secs(20);

#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl Log {
    fn text(&self) -> String {
        String::from_utf8(self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()).expect("text")
    }

    fn lines(&self) -> Vec<Value> {
        self.text().lines().map(|line| serde_json::from_str(line).expect("JSON")).collect()
    }
}

impl io::Write for Log {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl<'w> MakeWriter<'w> for Log {
    type Writer = Self;

    fn make_writer(&'w self) -> Self {
        self.clone()
    }
}

/// Takes OTLP over HTTP/1.1 and hands on each body with the path that it was sent to.
struct Collector {
    url: String,
    bodies: mpsc::UnboundedReceiver<(String, Vec<u8>)>,
}

impl Collector {
    async fn start() -> Self {
        let door = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let url = format!("http://{}", door.local_addr().expect("an address"));
        let (taken, bodies) = mpsc::unbounded_channel();
        tokio::spawn(async move {
            while let Ok((stream, _)) = door.accept().await {
                let taken = taken.clone();
                tokio::spawn(async move { take(stream, &taken).await });
            }
        });
        Self { url, bodies }
    }

    /// The spans of the next batch, and the attributes of who sent them.
    async fn batch(&mut self) -> (BTreeMap<String, String>, Vec<Sent>) {
        let body = sigma_clock::timeout(SOON, self.bodies.recv()).await.expect("in time");
        let (path, body) = body.expect("a batch");
        assert_eq!(path, "/v1/traces");
        let request = ExportTraceServiceRequest::decode(body.as_slice()).expect("OTLP");
        let resource = request.resource_spans[0].resource.clone().expect("a resource");
        let spans = request.resource_spans.into_iter().flat_map(|of_resource| of_resource.scope_spans);
        (attributes(&resource.attributes), spans.flat_map(|of_scope| of_scope.spans).collect())
    }
}

async fn take(stream: TcpStream, taken: &mpsc::UnboundedSender<(String, Vec<u8>)>) -> Option<()> {
    let mut stream = BufReader::new(stream);
    loop {
        let (mut path, mut length) = (String::new(), 0);
        loop {
            let mut line = String::new();
            stream.read_line(&mut line).await.ok().filter(|read| *read > 0)?;
            if let Some(rest) = line.strip_prefix("POST ") {
                path = rest.split(' ').next()?.to_owned();
            }
            if let Some(rest) = line.to_lowercase().strip_prefix("content-length:") {
                length = rest.trim().parse().ok()?;
            }
            if line == "\r\n" {
                break;
            }
        }
        let mut body = vec![0; length];
        stream.read_exact(&mut body).await.ok()?;
        taken.send((path, body)).ok()?;
        stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n").await.ok()?;
    }
}

fn attributes(told: &[opentelemetry_proto::tonic::common::v1::KeyValue]) -> BTreeMap<String, String> {
    let texts = told.iter().filter_map(|attribute| {
        let text = match attribute.value.clone()?.value? {
            Any::StringValue(text) => text,
            Any::IntValue(number) => number.to_string(),
            other => format!("{other:?}"),
        };
        Some((attribute.key.clone(), text))
    });
    texts.collect()
}

fn settings(said: &[(&'static str, &str)]) -> Settings {
    let flags: Flags = said.iter().map(|(name, text)| (*name, (*text).to_owned())).collect();
    let sources = Sources::gather(Some("/dev/null".as_ref()), flags, BTreeMap::new()).expect("sources");
    Settings::read(&sources).expect("settings")
}

/// A request as the shell tells it.
fn request(telemetry: &Telemetry, headers: &HeaderMap, status: u16) {
    let requests = telemetry.requests();
    let span =
        tracing::info_span!(target: "sigma_api::http", "request", request.id = "r-1", trace.id = Empty);
    requests.begun(&span, "POST", "/graphql", headers);
    span.in_scope(|| {
        let deeper = tracing::info_span!("deeper", channel.id = "ch_1");
        deeper.in_scope(|| tracing::info!(took_us = 5, "work was done"));
    });
    requests.ended(&span, status);
}

fn of_a_caller() -> HeaderMap {
    let traceparent = HeaderValue::from_str(&format!("00-{TRACE}-{PARENT}-01")).expect("a header");
    HeaderMap::from_iter([(http::HeaderName::from_static("traceparent"), traceparent)])
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[test]
fn every_line_of_a_request_has_its_id_and_its_callers_trace() {
    let log = Log::default();
    let settings = settings(&[("log-format", "json")]);
    let (subscriber, telemetry) = Telemetry::with_writer(&settings, log.clone(), false).expect("telemetry");
    tracing::subscriber::with_default(subscriber, || request(&telemetry, &of_a_caller(), 200));
    let lines = log.lines();
    assert_eq!(lines.len(), 1, "{lines:?}");
    let line = &lines[0];
    assert_eq!(line["request.id"], "r-1");
    assert_eq!(line["trace.id"], TRACE);
    assert_eq!(line["channel.id"], "ch_1");
    assert_eq!((&line["message"], &line["level"]), (&"work was done".into(), &"INFO".into()));
    assert_eq!(line["took_us"], 5);
    assert!(line["timestamp"].as_str().is_some_and(|at| at.ends_with('Z')), "{line}");
    assert!(log.text().starts_with("{\"timestamp\":"), "{}", log.text());
}

#[test]
fn text_lines_have_them_too() {
    let log = Log::default();
    let (subscriber, telemetry) =
        Telemetry::with_writer(&settings(&[]), log.clone(), false).expect("telemetry");
    tracing::subscriber::with_default(subscriber, || request(&telemetry, &of_a_caller(), 200));
    let text = log.text();
    assert!(text.contains("request.id=\"r-1\"") && text.contains(&format!("trace.id={TRACE}")), "{text}");
}

#[test]
fn without_a_callers_trace_there_is_no_trace_id() {
    let log = Log::default();
    let settings = settings(&[("log-format", "json")]);
    let (subscriber, telemetry) = Telemetry::with_writer(&settings, log.clone(), false).expect("telemetry");
    tracing::subscriber::with_default(subscriber, || request(&telemetry, &HeaderMap::new(), 200));
    assert_eq!(log.lines()[0].get("trace.id"), None);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_requests_span_reaches_the_collector_in_its_callers_trace() {
    let mut collector = Collector::start().await;
    let log = Log::default();
    let settings = settings(&[
        ("otlp-endpoint", collector.url.as_str()),
        ("log-format", "json"),
        ("node-id", "node-1"),
        // What is sent does not depend on what is logged.
        ("log", "info"),
    ]);
    let (subscriber, telemetry) = Telemetry::with_writer(&settings, log.clone(), false).expect("telemetry");
    tracing::subscriber::with_default(subscriber, || request(&telemetry, &of_a_caller(), 503));
    telemetry.flush(SOON).await;
    let (sender, spans) = collector.batch().await;
    assert_eq!(sender["service.name"], "sigma");
    assert_eq!(sender["service.instance.id"], "node-1");
    let span = spans.iter().find(|span| span.name == "POST /graphql").expect("the request's span");
    assert_eq!((hex(&span.trace_id).as_str(), hex(&span.parent_span_id).as_str()), (TRACE, PARENT));
    assert_eq!(span.kind, SpanKind::Server as i32);
    let told = attributes(&span.attributes);
    assert_eq!(told["http.response.status_code"], "503");
    assert_eq!(told["http.route"], "/graphql");
    assert_eq!(told["request.id"], "r-1");
    let within = spans.iter().find(|span| span.name == "deeper").expect("the span within");
    assert_eq!(within.parent_span_id, span.span_id);
    assert_eq!(log.lines()[0]["trace.id"], TRACE);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_without_a_caller_begins_a_trace_that_stands_in_the_log() {
    let mut collector = Collector::start().await;
    let log = Log::default();
    let settings = settings(&[("otlp-endpoint", collector.url.as_str()), ("log-format", "json")]);
    let (subscriber, telemetry) = Telemetry::with_writer(&settings, log.clone(), false).expect("telemetry");
    tracing::subscriber::with_default(subscriber, || request(&telemetry, &HeaderMap::new(), 200));
    telemetry.flush(SOON).await;
    let (_, spans) = collector.batch().await;
    assert_eq!(log.lines()[0]["trace.id"], hex(&spans[0].trace_id));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_collector_that_is_away_delays_nobody() {
    let gone = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let url = format!("http://{}", gone.local_addr().expect("an address"));
    drop(gone);
    let settings = settings(&[("otlp-endpoint", url.as_str())]);
    let (subscriber, telemetry) =
        Telemetry::with_writer(&settings, Log::default(), false).expect("telemetry");
    let began = sigma_clock::monotonic();
    tracing::subscriber::with_default(subscriber, || {
        // More than the queue holds.
        for _ in 0..5_000 {
            request(&telemetry, &HeaderMap::new(), 200);
        }
    });
    telemetry.flush(Duration::from_millis(400)).await;
    assert!(began.elapsed() < SOON, "{:?}", began.elapsed());
}
