//! The shape of every error outside GraphQL: `{"error":{"code","message","mend"}}`.

use axum::body::Body;
use axum::response::{IntoResponse, Response};
use http::{HeaderValue, StatusCode, header};
use serde::Serialize;

/// An answer that says what is wrong and how to mend it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HttpError {
    /// The HTTP status.
    pub status: StatusCode,
    /// For programs.
    pub code: &'static str,
    /// For people: what is wrong.
    pub message: String,
    /// For people: what to do about it.
    pub mend: String,
    /// Seconds after which to try again.
    pub retry_after: Option<u64>,
}

#[derive(Serialize)]
struct Envelope<'a> {
    error: Inner<'a>,
}

#[derive(Serialize)]
struct Inner<'a> {
    code: &'a str,
    message: &'a str,
    mend: &'a str,
}

impl HttpError {
    /// An error with this status, code, message and mend.
    pub fn new(status: StatusCode, code: &'static str, message: &str, mend: &str) -> Self {
        Self { status, code, message: message.to_owned(), mend: mend.to_owned(), retry_after: None }
    }

    /// Nothing stands at this address.
    pub fn not_found() -> Self {
        Self::new(
            StatusCode::NOT_FOUND,
            "NOT_FOUND",
            "there is nothing at this address",
            "see / for what can be watched, and POST /graphql for the API",
        )
    }

    /// The address stands, the method does not.
    pub fn method_not_allowed() -> Self {
        Self::new(
            StatusCode::METHOD_NOT_ALLOWED,
            "METHOD_NOT_ALLOWED",
            "this address does not take this method",
            "use GET here, or POST for /graphql",
        )
    }

    /// The address wants a token.
    pub fn unauthenticated() -> Self {
        Self::new(
            StatusCode::UNAUTHORIZED,
            "UNAUTHENTICATED",
            "this is no token that lets anybody in",
            "copy the whole token; the admin token stands in DATA_DIR/admin-token",
        )
    }

    /// The request came with another site's page.
    pub fn foreign() -> Self {
        Self::new(
            StatusCode::FORBIDDEN,
            "FORBIDDEN",
            "this address answers the dashboard's own pages only",
            "open the dashboard at its own address; programs send Authorization: Bearer TOKEN",
        )
    }

    /// Asked too often.
    pub fn too_often(seconds: u64) -> Self {
        let mend = format!("try again in {seconds} s");
        let error = Self::new(StatusCode::TOO_MANY_REQUESTS, "RATE_LIMITED", "too many requests", &mend);
        Self { retry_after: Some(seconds), ..error }
    }

    /// The address talks over a WebSocket only.
    pub fn no_socket() -> Self {
        Self::new(
            StatusCode::UPGRADE_REQUIRED,
            "BAD_INPUT",
            "this address talks over a WebSocket",
            "open a WebSocket with the subprotocol graphql-transport-ws, or POST to /graphql",
        )
    }

    /// The body is not what the address takes.
    pub fn malformed(message: &str, mend: &str) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "BAD_INPUT", message, mend)
    }

    /// A fault of ours; what it was stands in the log under the request's id.
    pub fn internal() -> Self {
        Self::new(
            StatusCode::INTERNAL_SERVER_ERROR,
            "INTERNAL",
            "the server met a fault of its own",
            "try again; the log has the cause under the request id in x-request-id",
        )
    }

    /// Something that we need does not answer now.
    pub fn unavailable(message: &str) -> Self {
        Self::new(
            StatusCode::SERVICE_UNAVAILABLE,
            "UNAVAILABLE",
            message,
            "try again in a few seconds; /readyz says which component is not ready",
        )
    }
}

impl IntoResponse for HttpError {
    fn into_response(self) -> Response {
        let inner = Inner { code: self.code, message: &self.message, mend: &self.mend };
        // Three strings always make JSON; an empty body would still carry the status.
        let body = serde_json::to_vec(&Envelope { error: inner }).unwrap_or_default();
        let mut response = Response::new(Body::from(body));
        *response.status_mut() = self.status;
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
        if let Some(seconds) = self.retry_after {
            headers.insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        if self.status == StatusCode::UPGRADE_REQUIRED {
            headers.insert(header::UPGRADE, HeaderValue::from_static("websocket"));
        }
        response
    }
}
