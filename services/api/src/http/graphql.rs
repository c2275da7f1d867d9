//! `POST /graphql`: one request, a batch of them, or a stream of answers as server-sent events.

use std::sync::Arc;

use async_graphql::{Request as GraphQlRequest, Response as GraphQlResponse};
use axum::body::Body;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use http::request::Parts;
use http::{HeaderMap, HeaderName, Request, StatusCode, header};
use http_body_util::BodyExt;

use super::Shared;
use super::answer::{Operation, RequestId};
use super::doorman::Known;
use super::event_stream;
use super::figures::outcome;
use super::incoming::{self, Asked, Incoming};
use super::refusal::{Refusal, json_bytes, too_often};
use crate::addresses::Origin;
use crate::graphql::{Answered, Ask, Code, Fault};

const IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");
/// An operation's name in the log is cut to this many characters.
const LOGGED_NAME: usize = 64;

pub(crate) async fn answer(State(inner): State<Shared>, request: Request<Body>) -> Response {
    let (parts, body) = request.into_parts();
    let client = inner.doorman.client(&parts);
    let known = match inner.doorman.admit(&parts, &client).await {
        Ok(known) => known,
        Err(denied) => return refuse(&inner, Some(body), denied.into()).await,
    };
    let bytes = match incoming::collect(&parts.headers, body, &inner.limits).await {
        Ok(bytes) => bytes,
        Err(refusal) => return refuse(&inner, None, refusal).await,
    };
    let asked = match incoming::parse(&bytes, inner.limits.batch) {
        Ok(asked) => asked,
        Err(refusal) => return refuse(&inner, None, refusal).await,
    };
    let call = Call::new(&inner, &parts, known);
    let wants_stream = accepts_events(&parts.headers);
    // One that is no text is none that can be honoured: it goes on as a key that is refused by name.
    let idempotency_key =
        parts.headers.get(IDEMPOTENCY_KEY).map(|key| key.to_str().unwrap_or_default().to_owned());
    match asked {
        Asked::One(request) => {
            if let Err(wait) = inner.doorman.count(&call.known) {
                return refuse(&inner, None, Refusal::too_often(wait)).await;
            }
            let ask = Ask { body: bytes, idempotency_key, ..call.ask(request.into()) };
            if wants_stream { event_stream::answer(&inner, call, ask).await } else { one(&inner, ask).await }
        }
        Asked::Batch(_) if wants_stream => {
            let refusal = Refusal::malformed("a stream of events answers one request; send no list");
            refuse(&inner, None, refusal).await
        }
        Asked::Batch(_) if idempotency_key.is_some() => {
            let fault = Fault::field(
                "Idempotency-Key",
                "an Idempotency-Key stands for one request: send no list with it",
            );
            refuse(&inner, None, Refusal::answered(fault)).await
        }
        Asked::Batch(requests) => batch(&inner, &call, requests).await,
    }
}

/// Who asks, and all that his requests have in common.
#[derive(Clone)]
pub(crate) struct Call {
    pub(crate) known: Known,
    origin: Origin,
    request_id: String,
}

impl Call {
    pub(crate) fn new(inner: &Shared, parts: &Parts, known: Known) -> Self {
        Self {
            known,
            origin: inner.addresses.seen_by(&parts.uri, &parts.headers),
            request_id: parts.extensions.get::<RequestId>().map(|id| id.0.clone()).unwrap_or_default(),
        }
    }

    /// A request as the API takes it.
    pub(crate) fn ask(&self, request: GraphQlRequest) -> Ask {
        Ask {
            request,
            body: Bytes::new(),
            identity: self.known.identity().clone(),
            idempotency_key: None,
            origin: self.origin.clone(),
            request_id: self.request_id.clone(),
        }
    }
}

async fn one(inner: &Shared, ask: Ask) -> Response {
    let api = inner.api.clone();
    let figures = Arc::clone(&inner.figures);
    let running = inner.workshop.run(async move {
        let began = sigma_clock::monotonic();
        let answered = api.execute(ask).await;
        figures.graphql_answered(answered.operation.as_ref(), outcome(&answered.response), began.elapsed());
        // Written here as well: an answer may be long.
        (serde_json::to_vec(&answered.response).unwrap_or_default(), answered.operation)
    });
    match sigma_clock::timeout(inner.limits.request_timeout, running).await {
        Ok((bytes, operation)) => {
            let mut answer = json_bytes(StatusCode::OK, bytes);
            if let Some(name) = operation.and_then(|operation| operation.name) {
                answer.extensions_mut().insert(Operation(name.chars().take(LOGGED_NAME).collect()));
            }
            answer
        }
        Err(_) => refuse(inner, None, Refusal::answered(too_slow(inner))).await,
    }
}

/// Answers in order, one after the other: a batch is no way to have more run at once.
async fn batch(inner: &Shared, call: &Call, requests: Vec<Incoming>) -> Response {
    let deadline = sigma_clock::monotonic() + inner.limits.request_timeout;
    let mut answers = Vec::with_capacity(requests.len());
    for request in requests {
        let began = sigma_clock::monotonic();
        let answered = match inner.doorman.count(&call.known) {
            Err(wait) => unanswered(too_often(wait)),
            Ok(()) => {
                let (api, ask) = (inner.api.clone(), call.ask(request.into()));
                let running = inner.workshop.run(async move { api.execute(ask).await });
                let left = deadline.saturating_duration_since(began);
                sigma_clock::timeout(left, running).await.unwrap_or_else(|_| unanswered(too_slow(inner)))
            }
        };
        let operation = answered.operation.as_ref();
        inner.figures.graphql_answered(operation, outcome(&answered.response), began.elapsed());
        answers.push(answered.response);
    }
    let written = inner.workshop.run(async move { serde_json::to_vec(&answers).unwrap_or_default() });
    json_bytes(StatusCode::OK, written.await)
}

fn unanswered(fault: Fault) -> Answered {
    Answered { response: GraphQlResponse::from_errors(vec![fault.into_server_error()]), operation: None }
}

pub(crate) fn too_slow(inner: &Shared) -> Fault {
    let seconds = inner.limits.request_timeout.as_secs();
    Fault::new(Code::Unavailable, format!("the request took longer than {seconds} s and was given up"))
}

/// Says no. What is still to come of the body is read away first, within its limits, so that the answer arrives.
async fn refuse(inner: &Shared, body: Option<Body>, refusal: Refusal) -> Response {
    if let Some(body) = body {
        drain(body, inner).await;
    }
    inner.figures.graphql_refused(refusal.fault.code.as_str());
    refusal.into_response()
}

async fn drain(mut body: Body, inner: &Shared) {
    let mut left = inner.limits.body_bytes;
    let reading = async {
        while let Some(Ok(frame)) = body.frame().await {
            let length = frame.data_ref().map_or(0, Bytes::len);
            if length > left {
                return;
            }
            left -= length;
        }
    };
    // One that is slower is cut off: nobody waits for what he says.
    let _ = sigma_clock::timeout(inner.limits.body_timeout, reading).await;
}

/// RFC 9110 §12.5.1: the type by name, not by a wildcard.
fn accepts_events(headers: &HeaderMap) -> bool {
    let accepted = headers.get_all(header::ACCEPT).iter().filter_map(|value| value.to_str().ok());
    accepted.flat_map(|value| value.split(',')).any(|kind| {
        let kind = kind.split(';').next().unwrap_or_default().trim();
        kind.eq_ignore_ascii_case("text/event-stream")
    })
}
