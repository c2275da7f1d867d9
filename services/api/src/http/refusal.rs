//! Why a GraphQL request is not run, in the same JSON as every other error of the API.

use async_graphql::Response as GraphQlResponse;
use axum::body::Body;
use axum::response::{IntoResponse, Response};
use http::{HeaderValue, StatusCode, header};
use tracing::error;

use super::doorman::Denied;
use super::error::HttpError;
use super::rates::Wait;
use crate::graphql::{Code, Fault};

/// After this, what there was no room for may be asked for again.
pub(crate) const A_MOMENT: Wait = Wait(1);

/// A request that is not run.
#[derive(Debug)]
pub(crate) struct Refusal {
    pub(crate) status: StatusCode,
    pub(crate) fault: Fault,
    pub(crate) wait: Option<Wait>,
}

impl Refusal {
    /// The request is well-formed and cannot be had: HTTP 200.
    pub(crate) fn answered(fault: Fault) -> Self {
        Self { status: StatusCode::OK, fault, wait: None }
    }

    /// The body is no request.
    pub(crate) fn malformed(message: impl Into<String>) -> Self {
        Self { status: StatusCode::BAD_REQUEST, fault: Fault::new(Code::BadInput, message), wait: None }
    }

    /// The body is too much.
    pub(crate) fn too_large(code: Code, message: impl Into<String>) -> Self {
        Self { status: StatusCode::PAYLOAD_TOO_LARGE, fault: Fault::new(code, message), wait: None }
    }

    /// Asked too often.
    pub(crate) fn too_often(wait: Wait) -> Self {
        Self { status: StatusCode::TOO_MANY_REQUESTS, fault: too_often(wait), wait: Some(wait) }
    }

    /// As often, or as much at once, as may be: a moment later it may be had.
    pub(crate) fn rate_limited(fault: Fault) -> Self {
        Self { status: StatusCode::TOO_MANY_REQUESTS, fault, wait: Some(A_MOMENT) }
    }

    /// There is no room for the body now.
    pub(crate) fn no_room() -> Self {
        let message = "too many bodies are on their way at once; try again in a moment";
        let fault = Fault::new(Code::Unavailable, message);
        Self { status: StatusCode::SERVICE_UNAVAILABLE, fault, wait: Some(A_MOMENT) }
    }

    /// As a GraphQL answer.
    pub(crate) fn to_graphql(&self) -> GraphQlResponse {
        GraphQlResponse::from_errors(vec![self.fault.clone().into_server_error()])
    }
}

/// The fault of who asks too often.
pub(crate) fn too_often(Wait(seconds): Wait) -> Fault {
    Fault::new(Code::RateLimited, format!("too many requests; try again in {seconds} s and ask less often"))
}

impl From<Denied> for Refusal {
    fn from(denied: Denied) -> Self {
        match denied {
            Denied::Unknown => Self::answered(Fault::unauthenticated()),
            Denied::TooOften(wait) => Self::too_often(wait),
            Denied::Foreign => Self { status: StatusCode::FORBIDDEN, ..Self::answered(foreign()) },
            Denied::Unavailable(error) => Self::answered(Fault::from(error)),
        }
    }
}

/// The fault of a page that is not ours and has a cookie of ours.
pub(crate) fn foreign() -> Fault {
    Fault::new(
        Code::Forbidden,
        "the dashboard's cookie counts only with the dashboard's own pages: send Authorization: Bearer TOKEN",
    )
    .because("FOREIGN_ORIGIN")
}

/// The same for addresses that do not speak GraphQL.
pub(crate) fn plainly(denied: Denied) -> Response {
    match denied {
        Denied::Unknown => HttpError::unauthenticated().into_response(),
        Denied::Foreign => HttpError::foreign().into_response(),
        Denied::TooOften(wait) => HttpError::too_often(wait.0).into_response(),
        Denied::Unavailable(error) => {
            error!(%error, "a token cannot be looked at");
            HttpError::unavailable("tokens cannot be looked at now").into_response()
        }
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let mut response = json(self.status, &self.to_graphql());
        if let Some(Wait(seconds)) = self.wait {
            response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        response
    }
}

/// The answer to requests none of which ran, because they come too often.
pub(crate) fn rate_limited(bytes: Vec<u8>, Wait(seconds): Wait) -> Response {
    let mut answer = json_bytes(StatusCode::TOO_MANY_REQUESTS, bytes);
    answer.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(seconds));
    answer
}

/// JSON that nobody keeps.
pub(crate) fn json(status: StatusCode, what: &impl serde::Serialize) -> Response {
    // GraphQL values always make JSON; an empty body would still carry the status.
    json_bytes(status, serde_json::to_vec(what).unwrap_or_default())
}

/// The same, of bytes that are JSON already.
pub(crate) fn json_bytes(status: StatusCode, bytes: Vec<u8>) -> Response {
    let mut answer = Response::new(Body::from(bytes));
    *answer.status_mut() = status;
    answer.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    answer.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    answer
}
