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
        Self { status, code, message: message.to_owned(), mend: mend.to_owned() }
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
        response
    }
}
