//! `POST /graphql`: one request, a batch of them, or a stream of answers as server-sent events.

use std::sync::Arc;

use async_graphql::{Request as GraphQlRequest, Response as GraphQlResponse};
use axum::body::Body;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use http::request::Parts;
use http::{HeaderName, HeaderValue, Request, StatusCode, Version, header};
use sigma_clock::Instant;

use super::Shared;
use super::accepts::Form;
use super::answer::{Operation, RequestId};
use super::doorman::Known;
use super::event_stream;
use super::figures::outcome;
use super::incoming::{self, Asked, Collected, Incoming};
use super::refusal::{A_MOMENT, Refusal, json_bytes, rate_limited, too_often};
use crate::addresses::Origin;
use crate::graphql::{Answered, Ask, Code, Fault};

const IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");
/// An operation's name in the log is cut to this many characters.
const LOGGED_NAME: usize = 64;
/// Bytes that are parsed where they arrive.
pub(crate) const SHORT: usize = 8 * 1024;

pub(crate) async fn answer(State(inner): State<Shared>, request: Request<Body>) -> Response {
    let (parts, mut body) = request.into_parts();
    let by = sigma_clock::monotonic() + inner.limits.body_timeout;
    match admit(&inner, &parts, &mut body, by).await {
        Ok((call, collected)) => run(&inner, &parts, call, collected).await,
        Err(refusal) => {
            // Who waits to be told to go on hears it at once; who does not may hear it only when all is sent.
            let read = !incoming::holds_back(&parts.headers) && incoming::drain(&mut body, by).await;
            let mut response = refuse(&inner, refusal);
            if !read && parts.version < Version::HTTP_2 {
                response.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
            }
            response
        }
    }
}

/// Who asks, counted, and what he sent. What costs least is looked at first.
async fn admit(
    inner: &Shared,
    parts: &Parts,
    body: &mut Body,
    by: Instant,
) -> Result<(Call, Collected), Refusal> {
    let client = inner.doorman.client(parts);
    let known = inner.doorman.admit(parts, &client).await?;
    inner.doorman.count(&known).map_err(Refusal::too_often)?;
    let collected = incoming::collect(&parts.headers, body, &inner.limits, &inner.bodies, by).await?;
    Ok((Call::new(Seen::new(inner, parts), known), collected))
}

async fn run(inner: &Shared, parts: &Parts, call: Call, collected: Collected) -> Response {
    let Collected { bytes, room: _room } = collected;
    let asked = match parse(inner, &bytes).await {
        Ok(asked) => asked,
        Err(refusal) => return refuse(inner, refusal),
    };
    let form = Form::of(&parts.headers);
    // One that is no text is none that can be honoured: it goes on as a key that is refused by name.
    let idempotency_key =
        parts.headers.get(IDEMPOTENCY_KEY).map(|key| key.to_str().unwrap_or_default().to_owned());
    match asked {
        Asked::One(request) => {
            let (request, follows) = match form {
                Form::JsonOrEvents => match follows(inner, request.into()).await {
                    Ok(looked) => looked,
                    Err(refusal) => return refuse(inner, refusal),
                },
                Form::Json | Form::Events => (request.into(), false),
            };
            let ask = Ask { body: bytes, idempotency_key, ..call.ask(request) };
            if follows || form == Form::Events {
                event_stream::answer(inner, call, ask).await
            } else {
                one(inner, ask).await
            }
        }
        Asked::Batch(_) if form == Form::Events => {
            refuse(inner, Refusal::malformed("a stream of events answers one request; send no list"))
        }
        Asked::Batch(_) if idempotency_key.is_some() => {
            let fault = Fault::field(
                "Idempotency-Key",
                "an Idempotency-Key stands for one request: send no list with it",
            );
            refuse(inner, Refusal::answered(fault))
        }
        Asked::Batch(requests) => batch(inner, &call, requests).await,
    }
}

/// Reads what a body holds; a long one where GraphQL runs, so that the media's threads do not.
async fn parse(inner: &Shared, bytes: &Bytes) -> Result<Asked, Refusal> {
    let most = inner.limits.batch;
    if bytes.len() <= SHORT {
        return incoming::parse(bytes, most);
    }
    let bytes = bytes.clone();
    let parsing = inner.workshop.run(async move { incoming::parse(&bytes, most) });
    let parsed = sigma_clock::timeout(inner.limits.request_timeout, parsing).await;
    parsed.unwrap_or_else(|_| Err(Refusal::answered(too_slow(inner))))
}

/// Whether a request is for a subscription, which only a stream can answer.
async fn follows(inner: &Shared, mut request: GraphQlRequest) -> Result<(GraphQlRequest, bool), Refusal> {
    if !request.query.contains("subscription") {
        return Ok((request, false));
    }
    let api = inner.api.clone();
    let looking = inner.workshop.run(async move {
        let follows = api.follows(&mut request);
        (request, follows)
    });
    let looked = sigma_clock::timeout(inner.limits.request_timeout, looking).await;
    looked.map_err(|_| Refusal::answered(too_slow(inner)))
}

/// Who asks, and all that his requests have in common.
#[derive(Clone)]
pub(crate) struct Call {
    pub(crate) known: Known,
    seen: Seen,
}

/// What is kept of a request's head.
#[derive(Clone)]
pub(crate) struct Seen {
    origin: Origin,
    request_id: String,
}

impl Seen {
    pub(crate) fn new(inner: &Shared, parts: &Parts) -> Self {
        Self {
            origin: inner.seen_by(&parts.uri, &parts.headers),
            request_id: parts.extensions.get::<RequestId>().map(|id| id.0.clone()).unwrap_or_default(),
        }
    }
}

impl Call {
    pub(crate) fn new(seen: Seen, known: Known) -> Self {
        Self { known, seen }
    }

    /// A request as the API takes it.
    pub(crate) fn ask(&self, request: GraphQlRequest) -> Ask {
        Ask {
            request,
            body: Bytes::new(),
            identity: self.known.identity().clone(),
            idempotency_key: None,
            origin: self.seen.origin.clone(),
            request_id: self.seen.request_id.clone(),
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
        let limited = is_limited(&answered);
        // Written here as well: an answer may be long.
        (serde_json::to_vec(&answered.response).unwrap_or_default(), answered.operation, limited)
    });
    match sigma_clock::timeout(inner.limits.request_timeout, running).await {
        Ok((bytes, _, true)) => rate_limited(bytes, A_MOMENT),
        Ok((bytes, operation, false)) => {
            let mut answer = json_bytes(StatusCode::OK, bytes);
            if let Some(name) = operation.and_then(|operation| operation.name) {
                answer.extensions_mut().insert(Operation(name.chars().take(LOGGED_NAME).collect()));
            }
            answer
        }
        Err(_) => refuse(inner, Refusal::answered(too_slow(inner))),
    }
}

/// Whether it asks too often, and nothing of it ran.
fn is_limited(answered: &Answered) -> bool {
    answered.operation.is_none() && outcome(&answered.response) == Code::RateLimited.as_str()
}

/// Answers in order, one after the other: a batch is no way to have more run at once. Where all of it comes too often it
/// has the status that says so; where some of it ran, each answer says for itself.
async fn batch(inner: &Shared, call: &Call, requests: Vec<Incoming>) -> Response {
    let deadline = sigma_clock::monotonic() + inner.limits.request_timeout;
    let mut answers = Vec::with_capacity(requests.len());
    let (mut all_limited, mut longest) = (true, A_MOMENT);
    for (place, request) in requests.into_iter().enumerate() {
        let began = sigma_clock::monotonic();
        // The first was counted before the body was read.
        let counted = if place == 0 { Ok(()) } else { inner.doorman.count(&call.known) };
        let answered = match counted {
            Err(wait) => {
                longest = longest.max(wait);
                unanswered(too_often(wait))
            }
            Ok(()) => {
                let (api, ask) = (inner.api.clone(), call.ask(request.into()));
                let running = inner.workshop.run(async move { api.execute(ask).await });
                let left = deadline.saturating_duration_since(began);
                sigma_clock::timeout(left, running).await.unwrap_or_else(|_| unanswered(too_slow(inner)))
            }
        };
        let operation = answered.operation.as_ref();
        inner.figures.graphql_answered(operation, outcome(&answered.response), began.elapsed());
        all_limited &= is_limited(&answered);
        answers.push(answered.response);
    }
    let written = inner.workshop.run(async move { serde_json::to_vec(&answers).unwrap_or_default() });
    let bytes = written.await;
    if all_limited { rate_limited(bytes, longest) } else { json_bytes(StatusCode::OK, bytes) }
}

fn unanswered(fault: Fault) -> Answered {
    Answered { response: GraphQlResponse::from_errors(vec![fault.into_server_error()]), operation: None }
}

pub(crate) fn too_slow(inner: &Shared) -> Fault {
    let seconds = inner.limits.request_timeout.as_secs();
    Fault::new(Code::Unavailable, format!("the request took longer than {seconds} s and was given up"))
}

fn refuse(inner: &Shared, refusal: Refusal) -> Response {
    inner.figures.graphql_refused(refusal.fault.code.as_str());
    refusal.into_response()
}
