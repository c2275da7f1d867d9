//! What happens around every request: an id, one line in the log, figures, and a net under panics.

use std::net::SocketAddr;
use std::panic::AssertUnwindSafe;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use axum::body::Body;
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use futures_util::FutureExt;
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, header};
use http_body::{Frame, SizeHint};
use sigma_clock::Instant;
use tower::ServiceExt;
use tracing::field::{Empty, display};
use tracing::{Instrument, Span, debug, debug_span, error, info, info_span, warn};
use uuid::Uuid;

use super::Shell;
use super::activity::InFlight;
use super::error::HttpError;
use super::figures::{Figures, Open};
use super::headers;

/// The network address of who asks, in a request's extensions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Peer(pub SocketAddr);

/// That a request came over TLS to this very process, in its extensions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Secured;

/// The request's id, in a request's extensions and in the answer's `x-request-id`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RequestId(pub String);

/// Who follows requests from process to process. Told of each request whose span is kept.
pub trait RequestTraces: Send + Sync {
    /// A request begins in `span`. Its trace id, where it has one, is recorded as the span's field `trace.id`.
    fn begun(&self, span: &Span, method: &'static str, route: &'static str, headers: &HeaderMap);

    /// The request has ended with `status`; 0 when its caller left before the answer.
    fn ended(&self, span: &Span, status: u16);
}

/// No traces: a request's lines carry its request id alone.
#[derive(Clone, Copy, Debug, Default)]
pub struct NoTraces;

impl RequestTraces for NoTraces {
    fn begun(&self, _: &Span, _: &'static str, _: &'static str, _: &HeaderMap) {}

    fn ended(&self, _: &Span, _: u16) {}
}

/// A GraphQL operation's name, in an answer's extensions, for the log.
#[derive(Clone, Debug)]
pub(crate) struct Operation(pub(crate) String);

const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
/// How the type of a stream of events begins: such an answer lasts, so that its figures are kept apart.
const EVENTS: &[u8] = b"text/event-stream";
/// A caller's own request id is kept up to this length.
const REQUEST_ID_BYTES: usize = 64;

impl Shell {
    /// Answers one request that came over the connection of `peer`.
    pub(crate) async fn answer(
        &self,
        mut request: Request<Body>,
        peer: SocketAddr,
        in_flight: InFlight,
    ) -> Response {
        let id = request_id(&request);
        let (route, method) = (route_of(request.uri().path()), method_of(request.method()));
        let span = span(route, &id);
        if !span.is_disabled() {
            self.traces().begun(&span, method, route, request.headers());
        }
        let mut line = Line {
            began: sigma_clock::monotonic(),
            route,
            method,
            traces: Arc::clone(self.traces()),
            span: span.clone(),
            path: told(request.uri().path()),
            id: id.clone(),
            status: 0,
            operation: None,
            bytes: 0,
            figures: Arc::clone(self.figures()),
            _open: self.figures().request_begun(),
            in_flight,
        };
        let asked = headers::Asked::new(route, request.method(), request.headers());
        request.extensions_mut().insert(Peer(peer));
        request.extensions_mut().insert(RequestId(id.clone()));
        let answered = AssertUnwindSafe(self.router().oneshot(request)).catch_unwind();
        let answered = answered.instrument(span.clone()).await;
        let mut response = match answered {
            Ok(Ok(response)) => response,
            Ok(Err(never)) => match never {},
            Err(_) => {
                let _within = span.enter();
                error!(path = %line.path, "a handler panicked; the request is answered 500");
                HttpError::internal().into_response()
            }
        };
        line.status = response.status().as_u16();
        line.operation = response.extensions_mut().remove::<Operation>().map(|operation| operation.0);
        let headers = response.headers_mut();
        if let Ok(value) = HeaderValue::from_str(&id) {
            headers.insert(REQUEST_ID, value);
        }
        self.policy().apply(&asked, headers);
        if headers.get(header::CONTENT_TYPE).is_some_and(|kind| kind.as_bytes().starts_with(EVENTS)) {
            line.route = "/graphql (events)";
        } else if !http_body::Body::is_end_stream(response.body()) {
            line.in_flight.owe();
        }
        response.map(|body| Body::new(Told { body, line, rest: Bytes::new() }))
    }
}

/// The span that a request's lines stand in. Viewers and probes ask so often that theirs is kept at `debug` only.
fn span(route: &str, id: &str) -> Span {
    if is_frequent(route) {
        debug_span!("request", request.id = %id, trace.id = Empty)
    } else {
        info_span!("request", request.id = %id, trace.id = Empty)
    }
}

/// Viewers ask several times a second, probes every few seconds.
fn is_frequent(route: &str) -> bool {
    matches!(route, "/live" | "/preview" | "/media" | "/assets" | "/healthz" | "/readyz" | "/metrics")
}

/// The caller's id where it is a plain word, else one of our own.
fn request_id(request: &Request<Body>) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
    let theirs = request.headers().get(&REQUEST_ID).and_then(|value| value.to_str().ok());
    match theirs.filter(|id| !id.is_empty() && id.len() <= REQUEST_ID_BYTES && id.bytes().all(plain)) {
        Some(id) => id.to_owned(),
        None => Uuid::now_v7().simple().to_string(),
    }
}

/// A path as the log shows it: of media's, without what is behind the session's name, because who knows that may watch
/// a session that is not public.
fn told(path: &str) -> String {
    let hidden = path.strip_prefix("/media/").and_then(|rest| {
        let (session, rest) = rest.split_once('~')?;
        let file = rest.split_once('/').map_or("", |(_, file)| file);
        Some(format!("/media/{session}~…/{file}"))
    });
    hidden.unwrap_or_else(|| path.to_owned())
}

/// The path's pattern: a closed set, so that labels stay few.
fn route_of(path: &str) -> &'static str {
    let first = path.trim_start_matches('/').split('/').next().unwrap_or_default();
    match first {
        "" => "/",
        "graphql" if path == "/graphql/ws" => "/graphql/ws",
        "graphql" => "/graphql",
        "auth" => "/auth",
        "healthz" => "/healthz",
        "readyz" => "/readyz",
        "metrics" => "/metrics",
        "public" => "/public",
        "watch" => "/watch/{playbackId}",
        "embed" => "/embed/{playbackId}",
        "assets" => "/assets",
        "live" => "/live",
        "preview" => "/preview",
        "media" => "/media",
        "channels" | "sessions" | "events" | "tokens" | "system" | "sign-in" => "/{dashboard}",
        _ => "other",
    }
}

fn method_of(method: &Method) -> &'static str {
    match *method {
        Method::GET => "GET",
        Method::HEAD => "HEAD",
        Method::POST => "POST",
        Method::OPTIONS => "OPTIONS",
        _ => "other",
    }
}

/// One line of the log, written when the answer has gone out, or was given up.
struct Line {
    began: Instant,
    route: &'static str,
    method: &'static str,
    path: String,
    id: String,
    status: u16,
    operation: Option<String>,
    bytes: u64,
    figures: Arc<Figures>,
    traces: Arc<dyn RequestTraces>,
    span: Span,
    _open: Open,
    in_flight: InFlight,
}

impl Drop for Line {
    fn drop(&mut self) {
        let took = self.began.elapsed();
        self.figures.request_ended(self.route, self.method, self.status, took, self.bytes);
        let micros = u64::try_from(took.as_micros()).unwrap_or(u64::MAX);
        let operation = self.operation.as_deref().unwrap_or("-");
        let _within = self.span.enter();
        // The request's id stands in its span, where that is kept.
        let id = self.span.is_disabled().then(|| display(&self.id));
        macro_rules! line {
            ($level:ident) => {
                $level!(request.id = id, method = self.method, path = %self.path, status = self.status,
                    operation, took_us = micros, bytes = self.bytes, "request")
            };
        }
        match self.status {
            0 => debug!(request.id = id, path = %self.path, "a caller left before his answer"),
            500.. => line!(warn),
            // A flood that is turned away must not become one in the log; the figures count it.
            429 => line!(debug),
            _ if is_frequent(self.route) => line!(debug),
            _ => line!(info),
        }
        if !self.span.is_disabled() {
            self.traces.ended(&self.span, self.status);
        }
    }
}

/// An answer goes out in pieces of at most so many bytes, so that it is known how much a slow client has taken.
const PIECE_BYTES: usize = 256 * 1024;

/// An answer's body that knows how much of it went out.
struct Told {
    body: Body,
    line: Line,
    /// What is left of a piece that was too large.
    rest: Bytes,
}

impl Told {
    /// Not more of `data` than goes out at once.
    fn piece(&mut self, mut data: Bytes) -> Frame<Bytes> {
        if data.len() > PIECE_BYTES {
            self.rest = data.split_off(PIECE_BYTES);
        }
        self.line.bytes += data.len() as u64;
        self.line.in_flight.taken(data.len());
        Frame::data(data)
    }
}

impl http_body::Body for Told {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        let span = self.line.span.clone();
        let _within = span.enter();
        if !self.rest.is_empty() {
            let rest = std::mem::take(&mut self.rest);
            return Poll::Ready(Some(Ok(self.piece(rest))));
        }
        match Pin::new(&mut self.body).poll_frame(context) {
            Poll::Ready(Some(Ok(frame))) => Poll::Ready(Some(Ok(match frame.into_data() {
                Ok(data) => self.piece(data),
                Err(trailers) => trailers,
            }))),
            polled => polled,
        }
    }

    fn is_end_stream(&self) -> bool {
        self.rest.is_empty() && self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        let (mut hint, rest) = (self.body.size_hint(), self.rest.len() as u64);
        if let Some(upper) = hint.upper() {
            hint.set_upper(upper + rest);
        }
        hint.set_lower(hint.lower() + rest);
        hint
    }
}
