//! `/healthz` and `/readyz`: alive, and ready component by component.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use axum::Json;
use axum::response::{IntoResponse, Response};
use futures_util::future::join_all;
use http::{HeaderValue, StatusCode, header};
use serde::Serialize;

/// A component that has not answered within this is not ready.
const ANSWER_WITHIN: Duration = Duration::from_secs(2);

/// How a component stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Condition {
    /// It does its work.
    Ready,
    /// It does its work, and something is amiss.
    Degraded(String),
    /// It does not do its work, and why.
    NotReady(String),
}

/// A part of the platform whose readiness is asked for.
#[async_trait]
pub trait Component: Send + Sync {
    /// The name in `/readyz`: `store`, `projections`, `media`.
    fn name(&self) -> &'static str;

    /// How it stands now. An answer later than 2 s counts as not ready.
    async fn check(&self) -> Condition;
}

#[derive(Serialize)]
struct Readiness {
    status: &'static str,
    components: Vec<ComponentReadiness>,
}

#[derive(Serialize)]
struct ComponentReadiness {
    name: &'static str,
    status: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    message: Option<String>,
}

pub(crate) async fn alive() -> Response {
    no_store((StatusCode::OK, Json(serde_json::json!({ "status": "alive" }))).into_response())
}

/// How every component stands now, in the order given.
pub(crate) async fn conditions(components: &[Arc<dyn Component>]) -> Vec<(&'static str, Condition)> {
    let checks = components.iter().map(|component| async {
        let late = || Condition::NotReady("it does not answer within 2 s".to_owned());
        let condition =
            sigma_clock::timeout(ANSWER_WITHIN, component.check()).await.unwrap_or_else(|_| late());
        (component.name(), condition)
    });
    join_all(checks).await
}

pub(crate) async fn ready(components: &[Arc<dyn Component>]) -> Response {
    let conditions = conditions(components).await.into_iter();
    let components = conditions.map(|(name, condition)| {
        let (status, message) = match condition {
            Condition::Ready => ("ready", None),
            Condition::Degraded(why) => ("degraded", Some(why)),
            Condition::NotReady(why) => ("not_ready", Some(why)),
        };
        ComponentReadiness { name, status, message }
    });
    let components: Vec<ComponentReadiness> = components.collect();
    let has = |status| components.iter().any(|component| component.status == status);
    let (code, status) = if has("not_ready") {
        (StatusCode::SERVICE_UNAVAILABLE, "not_ready")
    } else if has("degraded") {
        (StatusCode::OK, "degraded")
    } else {
        (StatusCode::OK, "ready")
    };
    no_store((code, Json(Readiness { status, components })).into_response())
}

fn no_store(mut response: Response) -> Response {
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}
