//! Traces: W3C Trace Context in, OTLP over HTTP out.

use std::str::FromStr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use http::HeaderMap;
use opentelemetry::trace::{
    SpanContext, SpanId, SpanKind, Status, TraceContextExt, TraceFlags, TraceId, TraceState, TracerProvider,
};
use opentelemetry::{Context, KeyValue};
use opentelemetry_otlp::{WithExportConfig, WithHttpConfig};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::error::{OTelSdkError, OTelSdkResult};
use opentelemetry_sdk::trace::{SdkTracer, SdkTracerProvider, SpanData, SpanExporter};
use sigma_api::http::RequestTraces;
use tokio::runtime::Handle;
use tracing::{Span, Subscriber, info, warn};
use tracing_opentelemetry::{OpenTelemetryLayer, OpenTelemetrySpanExt};
use tracing_subscriber::registry::LookupSpan;

use crate::fault::Fault;
use crate::folder::{Names, read_line};
use crate::settings::Settings;

/// A batch is given up after this.
const SENT_WITHIN: Duration = Duration::from_secs(3);
const METHOD: &str = "http.request.method";
const ROUTE: &str = "http.route";
const STATUS: &str = "http.response.status_code";

/// Spans on their way to a collector. They wait in a queue of bounded length; when that is full, new ones are dropped.
pub(super) struct Exported {
    provider: SdkTracerProvider,
}

impl Exported {
    pub(super) fn begin(endpoint: &str, settings: &Settings) -> Result<Self, Fault> {
        let unusable = |error: String| {
            Fault::new(format!("traces cannot be sent to {endpoint}: {error}"), "see --otlp-endpoint")
        };
        let client = reqwest::Client::builder().timeout(SENT_WITHIN).build();
        let exporter = opentelemetry_otlp::SpanExporter::builder()
            .with_http()
            .with_http_client(client.map_err(|error| unusable(error.to_string()))?)
            .with_endpoint(format!("{endpoint}/v1/traces"))
            .with_timeout(SENT_WITHIN)
            .build()
            .map_err(|error| unusable(error.to_string()))?;
        let exporter = Watched {
            exporter: Arc::new(exporter),
            runtime: Handle::current(),
            endpoint: endpoint.to_owned(),
            outage: Outage::default(),
        };
        let provider = SdkTracerProvider::builder()
            .with_batch_exporter(exporter)
            .with_resource(resource(settings))
            .build();
        Ok(Self { provider })
    }

    pub(super) fn layer<S>(&self) -> OpenTelemetryLayer<S, SdkTracer>
    where
        S: Subscriber + for<'span> LookupSpan<'span>,
    {
        let layer = tracing_opentelemetry::layer().with_tracer(self.provider.tracer("sigma"));
        layer.with_location(false).with_threads(false).with_target(false)
    }

    pub(super) async fn flush(self, within: Duration) {
        let provider = self.provider;
        let flushed = tokio::task::spawn_blocking(move || provider.shutdown_with_timeout(within)).await;
        if !matches!(flushed, Ok(Ok(()))) {
            warn!("not all traces could be sent");
        }
    }
}

/// Who sends: this program, its version, this node.
fn resource(settings: &Settings) -> Resource {
    let node = settings.node_id.clone();
    let node = node.or_else(|| read_line(&Names::of(&settings.data_dir).node_id()).ok());
    let node = node.map(|node| KeyValue::new("service.instance.id", node));
    Resource::builder()
        .with_service_name("sigma")
        .with_attribute(KeyValue::new("service.version", env!("CARGO_PKG_VERSION")))
        .with_attributes(node)
        .build()
}

/// Sends on the runtime, and says once when the collector goes away and when it is back.
#[derive(Debug)]
struct Watched {
    exporter: Arc<opentelemetry_otlp::SpanExporter>,
    runtime: Handle,
    endpoint: String,
    outage: Outage,
}

/// Whether the collector was away when it was asked last.
#[derive(Debug, Default)]
struct Outage(AtomicBool);

impl Outage {
    /// Whether that is news: it went away just now, or came back just now.
    fn after(&self, taken: bool) -> bool {
        self.0.swap(!taken, Ordering::Relaxed) == taken
    }
}

impl SpanExporter for Watched {
    async fn export(&self, mut batch: Vec<SpanData>) -> OTelSdkResult {
        for span in &mut batch {
            say_as_a_server_does(span);
        }
        let exporter = Arc::clone(&self.exporter);
        // The batches' own thread has no runtime; the socket wants one.
        let sent = self.runtime.spawn(async move { exporter.export(batch).await }).await;
        let sent = sent.unwrap_or_else(|error| Err(OTelSdkError::InternalFailure(error.to_string())));
        let turn = self.outage.after(sent.is_ok());
        match (&sent, turn) {
            (Ok(()), true) => info!(endpoint = self.endpoint, "the collector takes traces again"),
            (Err(error), true) => {
                warn!(endpoint = self.endpoint, %error, "the collector takes no traces; they are dropped until it does");
            }
            (_, false) => {}
        }
        sent
    }

    fn set_resource(&mut self, resource: &Resource) {
        // Nothing is being sent yet, so nobody else holds it.
        if let Some(exporter) = Arc::get_mut(&mut self.exporter) {
            exporter.set_resource(resource);
        }
    }
}

/// A span of a request by the rules of semantic conventions for HTTP: named by method and route, of kind server.
fn say_as_a_server_does(span: &mut SpanData) {
    let said = |name: &str| {
        let found = span.attributes.iter().find(|attribute| attribute.key.as_str() == name);
        found.map(|attribute| attribute.value.to_string())
    };
    if let (Some(method), Some(route)) = (said(METHOD), said(ROUTE)) {
        span.name = format!("{method} {route}").into();
        span.span_kind = SpanKind::Server;
    }
}

/// Takes a caller's trace up, or begins one.
pub(super) struct TracedRequests;

impl RequestTraces for TracedRequests {
    fn begun(&self, span: &Span, method: &'static str, route: &'static str, headers: &HeaderMap) {
        if let Some(parent) = parent(headers)
            && let Err(error) = span.set_parent(Context::new().with_remote_span_context(parent))
        {
            tracing::debug!(%error, "a request does not stand in its caller's trace");
        }
        span.set_attribute(METHOD, method);
        span.set_attribute(ROUTE, route);
        let context = span.context();
        let trace = context.span().span_context().trace_id();
        if trace != TraceId::INVALID {
            span.record("trace.id", tracing::field::display(trace));
        }
    }

    fn ended(&self, span: &Span, status: u16) {
        if status > 0 {
            span.set_attribute(STATUS, i64::from(status));
        }
        if status >= 500 {
            span.set_status(Status::error(""));
        }
    }
}

/// Without a collector: a caller's trace id stands in the log.
pub(super) struct ToldIds;

impl RequestTraces for ToldIds {
    fn begun(&self, span: &Span, _: &'static str, _: &'static str, headers: &HeaderMap) {
        if let Some(parent) = parent(headers) {
            span.record("trace.id", tracing::field::display(parent.trace_id()));
        }
    }

    fn ended(&self, _: &Span, _: u16) {}
}

/// The caller's own span. W3C Trace Context § 3.2: one that is malformed is as if it were not there.
fn parent(headers: &HeaderMap) -> Option<SpanContext> {
    let mut told = headers.get_all("traceparent").iter();
    let (Some(traceparent), None) = (told.next(), told.next()) else {
        return None;
    };
    let state = headers.get("tracestate").and_then(|state| state.to_str().ok());
    let state = state.and_then(|state| TraceState::from_str(state).ok()).unwrap_or_default();
    traceparent_of(traceparent.to_str().ok()?, state)
}

fn traceparent_of(text: &str, state: TraceState) -> Option<SpanContext> {
    let mut parts = text.splitn(5, '-');
    let (version, trace, span, flags) = (parts.next()?, parts.next()?, parts.next()?, parts.next()?);
    let lower_hex = |text: &str, len: usize| {
        text.len() == len && text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
    };
    let sound = lower_hex(version, 2) && lower_hex(trace, 32) && lower_hex(span, 16) && lower_hex(flags, 2);
    // § 3.2.2.1: ff is no version; of later ones the four parts that version 00 has are read, and others passed over.
    if !sound || version == "ff" || (version == "00" && parts.next().is_some()) {
        return None;
    }
    let flags = TraceFlags::new(u8::from_str_radix(flags, 16).ok()?) & TraceFlags::SAMPLED;
    let context =
        SpanContext::new(TraceId::from_hex(trace).ok()?, SpanId::from_hex(span).ok()?, flags, true, state);
    context.is_valid().then_some(context)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_callers_trace_is_taken_up_and_what_is_malformed_is_not() {
        let of = |text: &str| traceparent_of(text, TraceState::default());
        let context = of("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01").expect("a parent");
        assert_eq!(context.trace_id().to_string(), "4bf92f3577b34da6a3ce929d0e0e4736");
        assert!(context.is_sampled() && context.is_remote());
        assert!(of("cc-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-00-later").is_some());
        for text in [
            "",
            "00",
            "ff-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-more",
            "00-4BF92F3577B34DA6A3CE929D0E0E4736-00f067aa0ba902b7-01",
            "00-00000000000000000000000000000000-00f067aa0ba902b7-01",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000000-01",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-1",
            "00-4bf92f3577b34da6a3ce929d0e0e473-00f067aa0ba902b7-01",
        ] {
            assert!(of(text).is_none(), "{text}");
        }
    }

    #[test]
    fn a_collector_that_is_away_is_told_once_and_its_return_too() {
        let outage = Outage::default();
        let news: Vec<bool> =
            [true, false, false, false, true, true, false].iter().map(|taken| outage.after(*taken)).collect();
        assert_eq!(news, [false, true, false, false, true, false, true]);
    }

    #[test]
    fn two_parents_are_none() {
        let mut headers = HeaderMap::new();
        let one = http::HeaderValue::from_static("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01");
        headers.append("traceparent", one.clone());
        assert!(parent(&headers).is_some());
        headers.append("traceparent", one);
        assert!(parent(&headers).is_none());
    }
}
