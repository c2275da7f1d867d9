//! `/auth/sign-in` and `/auth/sign-out`: from a token to the dashboard's cookie, and away from it.

use axum::body::Body;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use http::request::Parts;
use http::{HeaderValue, Request, StatusCode, header};
use serde::Deserialize;
use sigma_clock::{Clock, SystemClock};
use tracing::{error, info};

use super::caller::{Client, Page};
use super::cookie::{Cookies, SealFailed};
use super::doorman::Denied;
use super::figures::Quota;
use super::limits::Limits;
use super::refusal::plainly;
use super::{HttpError, Shared, incoming};

/// Bytes of a sign-in's body: a token and its name.
const BODY_BYTES: usize = 4 * 1024;

#[derive(Deserialize)]
struct SignIn {
    token: String,
}

pub(crate) async fn sign_in(State(inner): State<Shared>, request: Request<Body>) -> Response {
    let (parts, body) = request.into_parts();
    // Another site's page must not sign a browser in as somebody else.
    if inner.doorman.page(&parts) == Page::Foreign {
        return HttpError::foreign().into_response();
    }
    let client = inner.doorman.client(&parts);
    let sign_ins = inner.doorman.rates.sign_ins();
    if let Err(wait) = sign_ins.may_try(client.network()) {
        inner.figures.rate_limited(Quota::SignIn);
        return HttpError::too_often(wait.0).into_response();
    }
    let token = match token(&inner, &parts, body).await {
        Ok(token) => token,
        Err(error) => return error.into_response(),
    };
    let known = match inner.doorman.recognise(token, &client).await {
        Ok(known) => known,
        Err(denied) => {
            if !matches!(denied, Denied::Unavailable(_)) {
                // It is told the next time.
                let _ = sign_ins.failed(client.network());
            }
            return plainly(denied);
        }
    };
    info!(actor.id = known.name(), "signed in to the dashboard");
    let secure = inner.doorman.is_https(&client);
    let expires = known.identity().expires_at_ms;
    done(inner.doorman.cookies.set(known.secret(), expires, SystemClock.now(), secure))
}

pub(crate) async fn sign_out(State(inner): State<Shared>, request: Request<Body>) -> Response {
    let (parts, _) = request.into_parts();
    if inner.doorman.page(&parts) == Page::Foreign {
        return HttpError::foreign().into_response();
    }
    let client: Client = inner.doorman.client(&parts);
    done(Cookies::clear(inner.doorman.is_https(&client)))
}

async fn token(inner: &Shared, parts: &Parts, mut body: Body) -> Result<String, HttpError> {
    let mend = "send Content-Type: application/json and {\"token\": \"…\"}";
    let limits = Limits { body_bytes: BODY_BYTES, ..inner.limits.clone() };
    let by = sigma_clock::monotonic() + limits.body_timeout;
    let collected = incoming::collect(&parts.headers, &mut body, &limits, &inner.bodies, by).await;
    let collected = collected.map_err(|refusal| HttpError {
        status: refusal.status,
        code: refusal.fault.code.as_str(),
        ..HttpError::malformed(&refusal.fault.message, mend)
    })?;
    // What was sent is not told: it may be a token.
    let read = serde_json::from_slice::<SignIn>(&collected.bytes);
    read.map(|read| read.token.trim().to_owned())
        .map_err(|_| HttpError::malformed("the body is no sign-in", mend))
}

fn done(cookie: Result<HeaderValue, SealFailed>) -> Response {
    match cookie {
        Ok(cookie) => {
            let mut response = StatusCode::NO_CONTENT.into_response();
            response.headers_mut().insert(header::SET_COOKIE, cookie);
            response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
            response
        }
        Err(error) => {
            error!(%error, "a cookie cannot be made");
            HttpError::internal().into_response()
        }
    }
}
