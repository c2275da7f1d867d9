//! The HTTP shell: one door for API, pages and media.
//!
//! Accept loop, limits, request ids, log lines and figures are here; what a request means is asked of
//! [`crate::graphql`], and everything that no route of ours knows goes to the media plane's origin.

mod accept;
mod accepts;
mod activity;
mod answer;
mod caller;
mod clear;
mod cookie;
mod doorman;
mod error;
mod event_stream;
mod figures;
mod graphql;
mod headers;
mod health;
mod incoming;
mod limits;
mod media;
mod pages;
mod public;
mod rates;
mod refusal;
mod running;
mod seats;
mod sign_in;
mod socket;
mod transport_ws;
mod trusted;
mod viewers;
mod workshop;

use std::convert::Infallible;
use std::net::IpAddr;
use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::extract::{Path, State};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use http::{HeaderMap, HeaderValue, Method, Request, StatusCode, Uri, header, request};
use ipnet::IpNet;
use sigma_door::Pressure;
use tokio_util::sync::CancellationToken;
use tower::util::BoxCloneSyncService;
use tower::{Service, ServiceExt};

use crate::addresses::{Addresses, Origin};
use crate::graphql::Api;
use crate::nodes::{Nodes, media_nodes};

pub use accept::{PROTOCOLS, serve, serve_tls};
pub use answer::{NoTraces, Peer, RequestId, RequestTraces};
pub use cookie::CookieKey;
pub use error::HttpError;
pub use figures::{Exposition, MetricSource};
pub(crate) use health::conditions;
pub use health::{Component, Condition};
pub use limits::Limits;
pub use media::{FromMedia, Slices};

use answer::{Answered, is_watched};
use caller::{Client, Page};
use cookie::Cookies;
use doorman::{Denied, Doorman};
use figures::Figures;
use headers::Policy;
use incoming::Bodies;
use media::OneByOne;
use rates::Rates;
use seats::Seats;
use trusted::Trusted;
use viewers::Viewers;
use workshop::Workshop;

/// A request as the door hands it on.
pub type WebRequest = Request<Body>;

/// What answers where no route of ours does: the origin of the media plane.
pub type Fallback = BoxCloneSyncService<WebRequest, http::Response<FromMedia>, Infallible>;

/// All that the shell is put together from.
pub struct Parts {
    /// The GraphQL API.
    pub api: Api,
    /// The platform's own addresses.
    pub addresses: Addresses,
    /// Where the admin token stands, as told to callers on the loopback.
    pub admin_token_place: Option<String>,
    /// The platform's nodes: pages load media from those that serve it.
    pub nodes: Arc<dyn Nodes>,
    /// Whether this process answers GraphQL and has pages. One that does not has its media, `/healthz`, `/readyz` and
    /// `/metrics`.
    pub serves_api: bool,
    /// Who is asked at `/readyz`.
    pub components: Vec<Arc<dyn Component>>,
    /// Who tells figures at `/metrics`, beside the shell itself.
    pub sources: Vec<Arc<dyn MetricSource>>,
    /// What answers where no route of ours does.
    pub fallback: Fallback,
    /// The door's bounds.
    pub limits: Limits,
    /// What the process lacks.
    pub pressure: Arc<Pressure>,
    /// The key of the dashboard's cookie.
    pub cookie_key: CookieKey,
    /// Proxies that are believed about whom they speak for.
    pub trusted_proxies: Vec<IpNet>,
    /// Origins (`https://studio.example`) of other sites whose pages may call the API.
    pub cors_origins: Vec<String>,
    /// Who follows requests from process to process.
    pub traces: Arc<dyn RequestTraces>,
}

pub(crate) struct Inner {
    api: Api,
    addresses: Addresses,
    admin_token_place: Option<String>,
    nodes: Arc<dyn Nodes>,
    serves_api: bool,
    components: Vec<Arc<dyn Component>>,
    sources: Vec<Arc<dyn MetricSource>>,
    fallback: Fallback,
    limits: Limits,
    figures: Arc<Figures>,
    doorman: Doorman,
    seats: Arc<Seats>,
    viewers: Viewers,
    workshop: Workshop,
    bodies: Bodies,
    stop: CancellationToken,
}

type Shared = Arc<Inner>;

/// The whole HTTP surface as one service. Cheap to clone.
#[derive(Clone)]
pub struct Shell {
    router: Router,
    inner: Shared,
    figures: Arc<Figures>,
    traces: Arc<dyn RequestTraces>,
    policy: Arc<Policy>,
    pressure: Arc<Pressure>,
    trusted_proxies: Arc<[IpNet]>,
    stop: CancellationToken,
}

/// `service` in the form that [`Parts::fallback`] wants.
pub fn fallback<S>(service: S) -> Fallback
where
    S: Service<Request<Body>, Response = http::Response<FromMedia>, Error = Infallible>
        + Clone
        + Send
        + Sync
        + 'static,
    S::Future: Send + 'static,
{
    BoxCloneSyncService::new(service)
}

impl Shell {
    /// Puts the shell together.
    pub fn new(parts: Parts) -> Self {
        let figures = Arc::new(Figures::default());
        let stop = CancellationToken::new();
        let public_url = parts.addresses.public_url.clone();
        let policy = Policy {
            https: public_url.as_deref().is_some_and(|url| url.starts_with("https://")),
            cors_origins: parts.cors_origins,
        };
        let trusted_proxies: Arc<[IpNet]> = parts.trusted_proxies.clone().into();
        let inner: Shared = Arc::new(Inner {
            doorman: Doorman {
                app: Arc::clone(parts.api.app()),
                cookies: Cookies::new(parts.cookie_key),
                rates: Rates::new(&parts.limits),
                trusted: Trusted::default(),
                trusted_proxies: parts.trusted_proxies,
                public_url,
                figures: Arc::clone(&figures),
            },
            seats: Arc::new(Seats::new(parts.limits.sockets_token, parts.limits.recheck)),
            viewers: Viewers::new(parts.limits.viewers, Arc::clone(&parts.pressure)),
            workshop: Workshop::new(parts.limits.executions),
            bodies: Bodies::new(parts.limits.bodies_bytes.max(parts.limits.body_bytes)),
            stop: stop.clone(),
            api: parts.api,
            addresses: parts.addresses,
            admin_token_place: parts.admin_token_place,
            nodes: parts.nodes,
            serves_api: parts.serves_api,
            components: parts.components,
            sources: parts.sources,
            fallback: parts.fallback,
            limits: parts.limits,
            figures: Arc::clone(&figures),
        });
        let router = if parts.serves_api { api_routes() } else { Router::new() };
        let router = router
            .route("/healthz", get(health::alive))
            .route("/readyz", get(ready))
            .route("/metrics", get(metrics))
            .fallback(elsewhere)
            .method_not_allowed_fallback(|| async { HttpError::method_not_allowed() })
            .with_state(Arc::clone(&inner));
        Self {
            router,
            inner,
            figures,
            traces: parts.traces,
            policy: Arc::new(policy),
            pressure: parts.pressure,
            trusted_proxies,
            stop,
        }
    }

    /// Bytes of all answers that have gone out.
    pub fn sent_bytes(&self) -> u64 {
        self.figures.sent_bytes()
    }

    /// What the process lacks.
    pub(crate) fn pressure(&self) -> &Arc<Pressure> {
        &self.pressure
    }

    /// Whether an address is a trusted proxy's.
    pub(crate) fn speaks_for_many(&self, address: IpAddr) -> bool {
        let address = address.to_canonical();
        self.trusted_proxies.iter().any(|network| network.contains(&address))
    }

    /// Ends every socket and every stream of events once it is cancelled.
    pub(crate) fn stopping(&self) -> &CancellationToken {
        &self.stop
    }

    pub(crate) fn policy(&self) -> &Policy {
        &self.policy
    }

    /// Answers: viewers by the shortest way, since there are more of them than of all others together.
    pub(crate) async fn route(&self, route: &str, request: Request<Body>) -> Response<Answered> {
        if is_watched(route) {
            return watch(&self.inner, request).await;
        }
        match self.router.clone().oneshot(request).await {
            Ok(response) => response.map(Answered::Any),
            Err(never) => match never {},
        }
    }

    pub(crate) fn traces(&self) -> &Arc<dyn RequestTraces> {
        &self.traces
    }

    pub(crate) fn figures(&self) -> &Arc<Figures> {
        &self.figures
    }
}

/// GraphQL, its explorer, and the pages.
fn api_routes() -> Router<Shared> {
    let mut router = Router::new();
    for address in pages::DASHBOARD {
        router = router.route(address, get(pages::dashboard));
    }
    router
        .route("/watch/{playback_id}", get(pages::watch))
        .route("/embed/{playback_id}", get(pages::embed))
        .route("/replay/{asset_id}", get(pages::replay))
        .route("/assets/{*path}", get(assets))
        .route("/graphql", get(pages::explorer).post(graphql::answer).options(preflight))
        .route("/graphql/ws", get(socket::upgrade))
        .route("/auth/sign-in", post(sign_in::sign_in))
        .route("/auth/sign-out", post(sign_in::sign_out))
        .route("/public/live", get(public::live))
}

impl Inner {
    /// The platform's addresses, as whoever sends such a request sees them.
    pub(crate) fn seen_by(&self, uri: &Uri, headers: &HeaderMap) -> Origin {
        let elsewhere = || media_nodes(&*self.nodes).into_iter().find_map(|node| node.rtmp);
        self.addresses.seen_by(uri, headers, elsewhere)
    }
}

async fn assets(Path(path): Path<String>, headers: HeaderMap) -> Response {
    pages::asset(&format!("assets/{path}"), &headers)
        .unwrap_or_else(|| HttpError::not_found().into_response())
}

/// What a page of another site may send is said in the headers, which every answer gets.
async fn preflight() -> StatusCode {
    StatusCode::NO_CONTENT
}

async fn ready(State(inner): State<Shared>) -> Response {
    health::ready(&inner.components).await
}

async fn metrics(State(inner): State<Shared>) -> Response {
    let mut out = Exposition::default();
    inner.figures.write(&mut out);
    out.single(
        "sigma_viewers",
        "gauge",
        "Viewers who have asked for media within 30 s.",
        inner.viewers.count(),
    );
    for source in &inner.sources {
        source.collect(&mut out).await;
    }
    let mut response = out.into_text().into_response();
    let kind = HeaderValue::from_static("text/plain; version=0.0.4; charset=utf-8");
    response.headers_mut().insert(header::CONTENT_TYPE, kind);
    response
}

/// A file at the top of the dashboard's build, else whatever the media plane answers.
async fn elsewhere(State(inner): State<Shared>, request: Request<Body>) -> Response {
    if inner.serves_api && matches!(*request.method(), Method::GET | Method::HEAD) {
        let path = request.uri().path().trim_start_matches('/');
        if let Some(response) = pages::asset(path, request.headers()) {
            return response;
        }
    }
    let path = request.uri().path();
    if path.starts_with("/preview/") || path.starts_with("/vod/") {
        return preview(&inner, request).await;
    }
    next(&inner, request).await
}

/// What viewers ask for: answered for as many as may watch.
async fn watch(inner: &Shared, request: Request<Body>) -> http::Response<Answered> {
    let (parts, body) = request.into_parts();
    if let Err(lack) = inner.viewers.admit(&inner.doorman.client(&parts), &parts.headers) {
        inner.figures.viewer_refused(lack);
        return lack.told().into_response().map(Answered::Any);
    }
    origin(inner, Request::from_parts(parts, body)).await.map(Answered::from)
}

async fn next(inner: &Shared, request: Request<Body>) -> Response {
    origin(inner, request).await.map(|body| match body {
        FromMedia::Slices(slices) => Body::new(OneByOne(slices)),
        FromMedia::Streamed(body) => body,
    })
}

async fn origin(inner: &Shared, request: Request<Body>) -> http::Response<FromMedia> {
    match inner.fallback.clone().oneshot(request).await {
        Ok(response) => response,
        Err(never) => match never {},
    }
}

/// A preview, or what of a recording is its owner's, wants a token, which the media plane has looked up; here its address
/// answers for those that are none.
async fn preview(inner: &Shared, request: Request<Body>) -> Response {
    let (mut parts, body) = request.into_parts();
    let client = inner.doorman.client(&parts);
    let Some(secret) = preview_token(inner, &mut parts, &client) else {
        return next(inner, Request::from_parts(parts, body)).await;
    };
    if let Err(denied) = inner.doorman.may_ask(&secret, &client) {
        return refusal::plainly(denied);
    }
    let response = next(inner, Request::from_parts(parts, body)).await;
    match response.status() {
        StatusCode::UNAUTHORIZED => match inner.doorman.unknown(&secret, &client) {
            Denied::Unknown => response,
            denied => refusal::plainly(denied),
        },
        StatusCode::OK => {
            inner.doorman.trusted.note(&secret);
            response
        }
        _ => response,
    }
}

/// The token that a preview is asked for with. A page of ours sees what its cookie may; a player or an `<img>` cannot send a
/// header with every request, so that the cookie's token is put into one. That is safe here: such a request changes nothing, the
/// cookie comes from no other site (`SameSite=Strict`), its answers may be read by no other site's scripts (they allow any
/// origin, which a browser honours for requests without a cookie alone), and what another origin of our own site (another
/// port, another host below the same name) asks for, which `SameSite` lets through, shows itself as such and is not given one.
fn preview_token(inner: &Shared, parts: &mut request::Parts, client: &Client) -> Option<String> {
    let header = parts.headers.get(header::AUTHORIZATION);
    let named = parts.uri.query().into_iter().flat_map(|query| query.split('&'));
    let mut named = named.filter_map(|pair| pair.strip_prefix("token="));
    match (header, named.next()) {
        (Some(value), _) => value.to_str().ok().and_then(sigma_app::bearer).map(str::to_owned),
        (None, Some(token)) => Some(token.to_owned()),
        (None, None) if inner.doorman.page(parts) == Page::Foreign => None,
        (None, None) => {
            let token = inner.doorman.cookie(&parts.headers, client)?;
            let mut bearer = HeaderValue::from_str(&format!("Bearer {token}")).ok()?;
            bearer.set_sensitive(true);
            parts.headers.insert(header::AUTHORIZATION, bearer);
            Some(token)
        }
    }
}
