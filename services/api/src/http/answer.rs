//! What happens around every request: an id, one line in the log, figures, and a net under panics.

use std::net::SocketAddr;
use std::panic::AssertUnwindSafe;
use std::pin::Pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use std::task::{Context, Poll};

use axum::body::Body;
use axum::response::{IntoResponse, Response};
use bytes::{Buf, Bytes};
use futures_util::FutureExt;
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, Uri, header};
use http_body::{Frame, SizeHint};
use sigma_clock::{Clock, Instant, SystemClock};
use tracing::field::Empty;
use tracing::{Instrument, Span, debug, debug_span, error, info, info_span, warn};
use uuid::Uuid;

use super::Shell;
use super::accept::Lifeline;
use super::activity::InFlight;
use super::error::HttpError;
use super::figures::{Figures, Open};
use super::headers;
use super::media::{FromMedia, PIECE_BYTES, Piece, Slices};

/// The network address of who asks, in a request's extensions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Peer(pub SocketAddr);

/// That a request came over TLS to this very process, in its extensions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Secured;

/// Where a request comes from.
#[derive(Clone)]
pub(crate) struct Origin {
    pub(crate) peer: SocketAddr,
    pub(crate) secured: Option<Secured>,
    pub(crate) lifeline: Lifeline,
}

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
    /// Answers one request.
    pub(crate) async fn answer(
        &self,
        mut request: Request<Body>,
        origin: Origin,
        in_flight: InFlight,
    ) -> Response<Told> {
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
            uri: request.uri().clone(),
            id: id.clone(),
            status: 0,
            operation: None,
            bytes: 0,
            figures: Arc::clone(self.figures()),
            _open: self.figures().request_begun(),
            in_flight,
        };
        let asked = headers::Asked::new(route, request.method(), request.headers());
        let extensions = request.extensions_mut();
        extensions.insert(Peer(origin.peer));
        if let Some(secured) = origin.secured {
            extensions.insert(secured);
        }
        // Viewers' requests ask for neither, and there are very many of them.
        if !is_watched(route) {
            extensions.insert(origin.lifeline);
            extensions.insert(RequestId(word(&id).to_owned()));
        }
        let answered = AssertUnwindSafe(self.route(route, request)).catch_unwind();
        let mut response = answered.instrument(span.clone()).await.unwrap_or_else(|_| {
            let _within = span.enter();
            error!(path = %told(line.uri.path()), "a handler panicked; the request is answered 500");
            HttpError::internal().into_response().map(Answered::Any)
        });
        line.status = response.status().as_u16();
        line.operation = response.extensions_mut().remove::<Operation>().map(|operation| operation.0);
        let headers = response.headers_mut();
        headers.insert(REQUEST_ID, id);
        self.policy().apply(&asked, headers);
        if headers.get(header::CONTENT_TYPE).is_some_and(|kind| kind.as_bytes().starts_with(EVENTS)) {
            line.route = "/graphql (events)";
        } else if !response.body().is_over() {
            line.in_flight.owe();
        }
        response.map(|body| Told { body, line, rest: Bytes::new() })
    }
}

/// The span that a request's lines stand in. Viewers and probes ask so often that theirs is kept at `debug` only.
fn span(route: &str, id: &HeaderValue) -> Span {
    if is_frequent(route) {
        debug_span!("request", request.id = word(id), trace.id = Empty)
    } else {
        info_span!("request", request.id = word(id), trace.id = Empty)
    }
}

/// What goes straight to the origin.
pub(crate) fn is_watched(route: &str) -> bool {
    matches!(route, "/media" | "/live")
}

/// Viewers ask several times a second, probes every few seconds.
fn is_frequent(route: &str) -> bool {
    matches!(
        route,
        "/live" | "/preview" | "/vod" | "/media" | "/assets" | "/healthz" | "/readyz" | "/metrics"
    )
}

/// The caller's id where it is a plain word, else one of our own.
fn request_id(request: &Request<Body>) -> HeaderValue {
    let plain = |byte: &u8| byte.is_ascii_alphanumeric() || b"-_.".contains(byte);
    let is_plain =
        |id: &&HeaderValue| !id.is_empty() && id.len() <= REQUEST_ID_BYTES && id.as_bytes().iter().all(plain);
    request.headers().get(&REQUEST_ID).filter(is_plain).cloned().unwrap_or_else(made_id)
}

/// A request's id as text; all of them are plain.
fn word(id: &HeaderValue) -> &str {
    id.to_str().unwrap_or_default()
}

/// An id of our own: a UUID v7, of whose random bits a process draws its share once. They need be unlike each other and
/// no more, and asking the kernel for each costs a viewer's request a system call.
fn made_id() -> HeaderValue {
    static DRAWN: OnceLock<u64> = OnceLock::new();
    static COUNT: AtomicU64 = AtomicU64::new(0);
    /// Odd, so that 2^64 numbers come before one comes twice (Weyl's sequence).
    const STEP: u64 = 0x9E37_79B9_7F4A_7C15;
    let drawn = *DRAWN.get_or_init(|| Uuid::new_v4().as_u64_pair().1);
    let number = COUNT.fetch_add(1, Ordering::Relaxed);
    let mut bits = [0; 10];
    bits[..8].copy_from_slice(&drawn.wrapping_add(number.wrapping_mul(STEP)).to_be_bytes());
    bits[8..].copy_from_slice(&(drawn as u16).to_be_bytes());
    let millis = u64::try_from(SystemClock.now().millis()).unwrap_or_default();
    let id = uuid::Builder::from_unix_timestamp_millis(millis, &bits).into_uuid();
    let mut text = [0; uuid::fmt::Simple::LENGTH];
    HeaderValue::from_str(id.simple().encode_lower(&mut text)).unwrap_or(HeaderValue::from_static("-"))
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
        "replay" => "/replay/{assetId}",
        "assets" => "/assets",
        "live" => "/live",
        "preview" => "/preview",
        "vod" => "/vod",
        "media" => "/media",
        "channels" | "sessions" | "recordings" | "events" | "tokens" | "system" | "sign-in" => "/{dashboard}",
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
    uri: Uri,
    id: HeaderValue,
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
        let id = self.span.is_disabled().then(|| word(&self.id));
        let path = || told(self.uri.path());
        macro_rules! line {
            ($level:ident) => {
                $level!(
                    request.id = id,
                    method = self.method,
                    path = %path(),
                    status = self.status,
                    operation,
                    took_us = micros,
                    bytes = self.bytes,
                    "request"
                )
            };
        }
        match self.status {
            0 => debug!(request.id = id, path = %path(), "a caller left before his answer"),
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

/// An answer's body, of a route of ours or of the media plane.
pub(crate) enum Answered {
    Any(Body),
    Media(Slices),
}

impl From<FromMedia> for Answered {
    fn from(body: FromMedia) -> Self {
        match body {
            FromMedia::Slices(slices) => Self::Media(slices),
            FromMedia::Streamed(body) => Self::Any(body),
        }
    }
}

impl Answered {
    fn is_over(&self) -> bool {
        match self {
            Self::Any(body) => http_body::Body::is_end_stream(body),
            Self::Media(slices) => !slices.has_remaining(),
        }
    }
}

/// An answer's body that knows how much of it went out.
pub(crate) struct Told {
    body: Answered,
    line: Line,
    /// What is left of a piece that was too large.
    rest: Bytes,
}

/// Not more of `data` than goes out at once; the others are `rest`.
fn piece(mut data: Bytes, rest: &mut Bytes) -> Piece {
    if data.len() > PIECE_BYTES {
        *rest = data.split_off(PIECE_BYTES);
    }
    Piece::Any(data)
}

impl http_body::Body for Told {
    type Data = Piece;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Piece>, axum::Error>>> {
        let Self { body, line, rest } = &mut *self;
        let polled = match body {
            // All of it is there at once.
            Answered::Media(slices) => slices.next_piece().map(|piece| Ok(Frame::data(Piece::Media(piece)))),
            Answered::Any(_) if !rest.is_empty() => Some(Ok(Frame::data(piece(std::mem::take(rest), rest)))),
            Answered::Any(body) => {
                let _within = line.span.enter();
                match Pin::new(body).poll_frame(context) {
                    Poll::Pending => return Poll::Pending,
                    Poll::Ready(polled) => {
                        polled.map(|frame| frame.map(|frame| frame.map_data(|data| piece(data, rest))))
                    }
                }
            }
        };
        if let Some(Ok(frame)) = &polled {
            let bytes = frame.data_ref().map_or(0, Buf::remaining);
            line.bytes += bytes as u64;
            line.in_flight.taken(bytes);
        }
        Poll::Ready(polled)
    }

    fn is_end_stream(&self) -> bool {
        self.rest.is_empty() && self.body.is_over()
    }

    fn size_hint(&self) -> SizeHint {
        let (mut hint, rest) = match &self.body {
            Answered::Any(body) => (body.size_hint(), self.rest.len() as u64),
            Answered::Media(slices) => (SizeHint::with_exact(slices.remaining() as u64), 0),
        };
        if let Some(upper) = hint.upper() {
            hint.set_upper(upper + rest);
        }
        hint.set_lower(hint.lower() + rest);
        hint
    }
}
