//! `/graphql`: from bytes to a request, and from an answer to bytes.

use async_graphql::{Request as GraphQlRequest, Response as GraphQlResponse, Value, Variables};
use axum::body::Body;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Request, StatusCode, header};
use http_body_util::{BodyExt, LengthLimitError, Limited};
use serde::Deserialize;

use super::Shared;
use super::answer::{Operation, RequestId};
use crate::graphql::{Answered, Ask, NoRequest, no_request};

const IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");
/// An operation's name in the log is cut to this many characters.
const LOGGED_NAME: usize = 64;

/// What a browser sees.
const PAGE: &str = include_str!("graphql.html");

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Incoming {
    query: String,
    #[serde(default)]
    operation_name: Option<String>,
    #[serde(default)]
    variables: Option<serde_json::Map<String, serde_json::Value>>,
}

/// How to ask, for who opens the address in a browser.
pub(crate) async fn page() -> Response {
    let mut response = PAGE.into_response();
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("text/html; charset=utf-8"));
    headers.insert(
        header::CONTENT_SECURITY_POLICY,
        HeaderValue::from_static(
            "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
        ),
    );
    headers.insert(header::X_FRAME_OPTIONS, HeaderValue::from_static("DENY"));
    response
}

pub(crate) async fn answer(State(inner): State<Shared>, request: Request<Body>) -> Response {
    let (parts, body) = request.into_parts();
    let read = read(&parts.headers, body, &inner).await;
    let (incoming, body) = match read {
        Ok(read) => read,
        Err((status, response)) => {
            inner.figures.graphql_answered(outcome(&response));
            return json(status, &response);
        }
    };
    let mut request = GraphQlRequest::new(incoming.query);
    if let Some(operation_name) = incoming.operation_name {
        request = request.operation_name(operation_name);
    }
    if let Some(variables) = incoming.variables {
        // Every JSON value is a GraphQL value.
        let value = Value::from_json(serde_json::Value::Object(variables)).unwrap_or_default();
        request = request.variables(Variables::from_value(value));
    }
    let text = |name: HeaderName| parts.headers.get(name)?.to_str().ok().map(str::to_owned);
    let ask = Ask {
        request,
        body,
        authorization: text(header::AUTHORIZATION),
        // One that is no text is none that can be honoured: it goes on as a key that is refused by name.
        idempotency_key: parts
            .headers
            .get(IDEMPOTENCY_KEY)
            .map(|key| key.to_str().unwrap_or_default().to_owned()),
        origin: inner.addresses.seen_by(&parts.uri, &parts.headers),
        request_id: parts.extensions.get::<RequestId>().map(|id| id.0.clone()).unwrap_or_default(),
    };
    let answered = sigma_clock::timeout(inner.limits.request_timeout, inner.api.execute(ask)).await;
    let Answered { response, operation } = answered.unwrap_or_else(|_| {
        let seconds = inner.limits.request_timeout.as_secs();
        let message = format!("the request took longer than {seconds} s and was given up");
        Answered { response: no_request(NoRequest::TooSlow, message), operation: None }
    });
    inner.figures.graphql_answered(outcome(&response));
    let mut answer = json(StatusCode::OK, &response);
    if let Some(name) = operation.and_then(|operation| operation.name) {
        answer.extensions_mut().insert(Operation(name.chars().take(LOGGED_NAME).collect()));
    }
    answer
}

async fn read(
    headers: &HeaderMap,
    body: Body,
    inner: &Shared,
) -> Result<(Incoming, Bytes), (StatusCode, GraphQlResponse)> {
    let malformed = |message: &str| (StatusCode::BAD_REQUEST, no_request(NoRequest::Malformed, message));
    // A form that another site's page sends carries none of these types without asking first.
    if !is_json(headers) {
        return Err(malformed("the body must be JSON: send Content-Type: application/json"));
    }
    let collected = sigma_clock::timeout(
        inner.limits.body_timeout,
        Limited::new(body, inner.limits.body_bytes).collect(),
    );
    let bytes = match collected.await {
        Ok(Ok(collected)) => collected.to_bytes(),
        Ok(Err(error)) if error.is::<LengthLimitError>() => {
            let message =
                format!("the body is larger than {} bytes; ask for less at once", inner.limits.body_bytes);
            return Err((StatusCode::PAYLOAD_TOO_LARGE, no_request(NoRequest::TooLarge, message)));
        }
        Ok(Err(_)) => return Err(malformed("the body broke off")),
        Err(_) => return Err(malformed("the body did not arrive in time")),
    };
    match serde_json::from_slice::<Incoming>(&bytes) {
        Ok(incoming) => Ok((incoming, bytes)),
        Err(error) => {
            let message = format!(
                "the body is no GraphQL request: {error}; send one JSON object with \"query\" and, where needed, \
                 \"variables\" and \"operationName\""
            );
            Err(malformed(&message))
        }
    }
}

fn is_json(headers: &HeaderMap) -> bool {
    let kind = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let kind = kind.split(';').next().unwrap_or_default().trim();
    kind.eq_ignore_ascii_case("application/json")
        || kind.eq_ignore_ascii_case("application/graphql-response+json")
}

/// `ok`, or the first error's code: a closed set.
fn outcome(response: &GraphQlResponse) -> &str {
    let Some(error) = response.errors.first() else {
        return "ok";
    };
    match error.extensions.as_ref().and_then(|extensions| extensions.get("code")) {
        Some(Value::String(code)) => code,
        _ => "UNAVAILABLE",
    }
}

fn json(status: StatusCode, response: &GraphQlResponse) -> Response {
    // GraphQL values always make JSON; an empty body would still carry the status.
    let body = serde_json::to_vec(response).unwrap_or_default();
    let mut answer = Response::new(Body::from(body));
    *answer.status_mut() = status;
    answer.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    answer.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    answer
}
