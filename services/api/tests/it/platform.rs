//! A platform without a media plane, on a free port.

use std::net::SocketAddr;
use std::sync::Arc;

use super::cutter::Cutter;
use super::feeds::Feeds;
use async_trait::async_trait;
use futures_util::StreamExt;
use futures_util::stream::BoxStream;
use serde_json::{Value, json};
use sigma_api::graphql::{
    Api, ApiParts, Ask, IngestHealth, PlatformFacts, ProjectionError, ProjectionRow, ProjectionState,
    Projections, QueryLimits, Request, SettingInForce,
};
use sigma_api::http::{self, Component, Condition, Limits, Parts, Shell};
use sigma_api::{Addresses, NodeRow, NodeState, Nodes};
use sigma_app::{AdminToken, App, FeedFacts, Report, Vault};
use sigma_clock::SystemClock;
use sigma_runner::{Runner, RunnerHandle};
use sigma_store::{EventLog, Journal};
use sigma_store_sqlite::SqliteStore;
use tempfile::TempDir;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio_util::sync::CancellationToken;

/// Bytes of `/live/large`.
pub(crate) const LARGE: usize = 32 * 1024 * 1024;
pub(crate) const TOKEN: &str = "the-admin-token-of-the-tests";

pub(crate) struct Platform {
    pub(crate) address: SocketAddr,
    pub(crate) app: Arc<App>,
    pub(crate) api: Api,
    pub(crate) feeds: Arc<Feeds>,
    pub(crate) stop: CancellationToken,
    pub(crate) served: tokio::task::JoinHandle<()>,
    _folder: TempDir,
}

/// One answer, read to its end.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
}

impl Answer {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(known, _)| known == name).map(|(_, text)| text.as_str())
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|_| panic!("no JSON: {}", self.text()))
    }

    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }
}

impl Platform {
    pub(crate) async fn start() -> Self {
        Self::with(Limits::default()).await
    }

    pub(crate) async fn with(limits: Limits) -> Self {
        Self::made(limits, |_| {}).await
    }

    /// With the shell's parts as a test wants them.
    pub(crate) async fn made(limits: Limits, adjust: impl FnOnce(&mut Parts)) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let store = SqliteStore::open(folder.path().join("events.sqlite")).await.expect("a store");
        let journal: Arc<dyn Journal> = Arc::new(store.clone());
        let log: Arc<dyn EventLog> = Arc::new(store.clone());
        let views = folder.path().join("views");
        let vault = Arc::new(Vault::new([7; 32]).expect("a vault"));
        let subjects = Arc::new(sigma_app::Subjects::new(Arc::clone(&journal), Arc::clone(&vault)));
        let projections = sigma_views::projections(&subjects);
        let runner = Runner::start(Arc::clone(&log), views, projections).await.expect("a runner");
        let app = App::open(sigma_app::Parts {
            journal,
            log,
            history: Arc::new(store),
            views: Arc::new(sigma_views::Views::new(runner.clone())),
            clock: Arc::new(SystemClock),
            vault,
            admin_token: AdminToken::new(TOKEN),
            recordings: Arc::new(Cutter),
            process: folder.path().join("process.sqlite").into(),
            cluster: sigma_cluster::Cluster::alone(sigma_cluster::Me::named("node-1"), 0),
        })
        .await
        .expect("an application");
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("an address");
        let feeds = Arc::new(Feeds::default());
        let api = Api::new(ApiParts {
            app: Arc::clone(&app),
            reads: Arc::clone(app.views()),
            projections: Arc::new(Running(runner)),
            health: Arc::clone(&feeds) as Arc<dyn IngestHealth>,
            components: components(),
            nodes: Arc::new(TwoNodes),
            facts: facts(),
            limits: QueryLimits::default(),
        });
        let mut parts = Parts {
            api: api.clone(),
            addresses: Addresses {
                public_url: None,
                public_rtmp: None,
                public_rtmps: None,
                https: false,
                listening_on: address.to_string(),
                rtmp_port: Some(1935),
                rtmps_port: None,
            },
            admin_token_place: Some("/data/admin-token".to_owned()),
            nodes: Arc::new(TwoNodes),
            serves_api: true,
            components: components(),
            sources: Vec::new(),
            fallback: http::fallback(Media),
            limits: limits.clone(),
            pressure: Arc::default(),
            traces: Arc::new(http::NoTraces),
            cookie_key: http::CookieKey::new([9; 32]),
            trusted_proxies: Vec::new(),
            cors_origins: Vec::new(),
        };
        adjust(&mut parts);
        let shell = Shell::new(parts);
        let stop = CancellationToken::new();
        tokio::spawn(Arc::clone(&app).run(stop.clone().cancelled_owned()));
        let served = tokio::spawn(http::serve(listener, shell, limits, stop.clone()));
        Self { address, app, api, feeds, stop, served, _folder: folder }
    }

    /// Sends bytes as they are and reads until the other side closes.
    pub(crate) async fn raw(&self, bytes: &[u8]) -> Vec<u8> {
        let mut stream = TcpStream::connect(self.address).await.expect("a connection");
        stream.write_all(bytes).await.expect("written");
        let mut answer = Vec::new();
        // A reset is an end as well.
        let _ = stream.read_to_end(&mut answer).await;
        answer
    }

    pub(crate) async fn send(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: &[u8],
    ) -> Answer {
        let mut request = format!("{method} {path} HTTP/1.1\r\nconnection: close\r\n");
        if !headers.iter().any(|(name, _)| *name == "host") {
            request.push_str(&format!("host: {}\r\n", self.address));
        }
        for (name, text) in headers {
            request.push_str(&format!("{name}: {text}\r\n"));
        }
        request.push_str(&format!("content-length: {}\r\n\r\n", body.len()));
        read(&self.raw(&[request.as_bytes(), body].concat()).await)
    }

    pub(crate) async fn get(&self, path: &str) -> Answer {
        self.send("GET", path, &[], b"").await
    }

    pub(crate) async fn post(&self, headers: &[(&str, &str)], body: &Value) -> Answer {
        let authorization = format!("Bearer {TOKEN}");
        let mut all = vec![("content-type", "application/json")];
        if !headers.iter().any(|(name, _)| *name == "authorization") {
            all.push(("authorization", &authorization));
        }
        all.extend_from_slice(headers);
        self.send("POST", "/graphql", &all, body.to_string().as_bytes()).await
    }

    /// The whole answer to an operation, HTTP 200 taken for granted.
    pub(crate) async fn ask(&self, query: &str, variables: Value) -> Value {
        let answer = self.post(&[], &json!({ "query": query, "variables": variables })).await;
        assert_eq!(answer.status, 200, "{}", answer.text());
        answer.json()
    }

    /// The `data` of an operation that has no error.
    pub(crate) async fn data(&self, query: &str, variables: Value) -> Value {
        let mut answer = self.ask(query, variables).await;
        assert_eq!(answer.get("errors"), None, "{answer}");
        answer["data"].take()
    }

    /// The cookie of who has signed in with the admin token, as a browser sends it back.
    pub(crate) async fn signed_in(&self) -> String {
        let body = json!({ "token": TOKEN }).to_string();
        let json = ("content-type", "application/json");
        let answer = self.send("POST", "/auth/sign-in", &[json], body.as_bytes()).await;
        assert_eq!(answer.status, 204, "{}", answer.text());
        let cookie = answer.header("set-cookie").expect("a cookie");
        cookie.split(';').next().expect("a pair").to_owned()
    }

    /// Waits until a line stands in the figures.
    pub(crate) async fn figure(&self, line: &str) {
        let mut text = String::new();
        for _ in 0..400 {
            text = self.get("/metrics").await.text();
            if text.lines().any(|known| known == line) {
                return;
            }
            sigma_clock::sleep(std::time::Duration::from_millis(25)).await;
        }
        panic!("{line} never stood there:\n{text}")
    }

    /// The whole answer to an operation that another token asks.
    pub(crate) async fn ask_as(&self, token: &str, query: &str, variables: Value) -> Value {
        let authorization = format!("Bearer {token}");
        let body = json!({ "query": query, "variables": variables });
        let answer = self.post(&[("authorization", &authorization)], &body).await;
        assert_eq!(answer.status, 200, "{}", answer.text());
        answer.json()
    }

    /// Makes an API token of the project `default` and gives its text.
    pub(crate) async fn token(&self, scopes: &[&str], channels: Option<&[&str]>) -> String {
        self.token_of(scopes, channels, None).await
    }

    /// Makes an API token of a project and gives its text.
    pub(crate) async fn token_of(
        &self,
        scopes: &[&str],
        channels: Option<&[&str]>,
        project: Option<&str>,
    ) -> String {
        let create = "mutation($input: ApiTokenInput!) { createApiToken(input: $input) { secret } }";
        let input =
            json!({ "name": "a token", "scopes": scopes, "channelIds": channels, "projectId": project });
        let payload = self.data(create, json!({ "input": input })).await;
        payload["createApiToken"]["secret"].as_str().expect("a secret").to_owned()
    }

    /// Makes a project and gives its id.
    pub(crate) async fn project(&self, name: &str) -> String {
        let create = "mutation($name: String!) { createProject(name: $name) { project { id } } }";
        let payload = self.data(create, json!({ "name": name })).await;
        payload["createProject"]["project"]["id"].as_str().expect("an id").to_owned()
    }

    /// What a subscription is told, answer by answer.
    pub(crate) async fn follow(&self, token: &str, query: &str, variables: Value) -> Followed {
        let identity = self.app.authenticate(token).await.expect("looked up").expect("a valid token");
        let request = Request::new(query).variables(async_graphql::Variables::from_json(variables));
        let addresses = Addresses {
            public_url: Some("http://sigma.test".to_owned()),
            public_rtmp: None,
            public_rtmps: None,
            https: false,
            listening_on: self.address.to_string(),
            rtmp_port: Some(1935),
            rtmps_port: None,
        };
        let origin = addresses.seen_by(&http_uri(), &axum::http::HeaderMap::new(), || None);
        let ask = Ask {
            request,
            body: bytes::Bytes::new(),
            identity,
            idempotency_key: None,
            origin,
            request_id: "the-request".to_owned(),
        };
        let answers = self.api.subscribe(ask).answers;
        Followed(answers.map(|answer| serde_json::to_value(answer).expect("JSON")).boxed())
    }

    /// Makes a channel and gives its id and its key.
    pub(crate) async fn channel(&self, name: &str) -> (String, String) {
        let create = "mutation($name: String!) { createChannel(input: { name: $name, autoGoLive: false }) { channel { id } streamKey } }";
        let payload = &self.data(create, json!({ "name": name })).await["createChannel"];
        let text = |value: &Value| value.as_str().expect("a text").to_owned();
        (text(&payload["channel"]["id"]), text(&payload["streamKey"]))
    }

    /// Makes a channel and gives the name that viewers find it by.
    pub(crate) async fn playback_id(&self) -> String {
        let (id, _) = self.channel("watched").await;
        let read = "query($id: ID!) { channel(id: $id) { playbackId } }";
        let data = self.data(read, json!({ "id": id })).await;
        data["channel"]["playbackId"].as_str().expect("an id").to_owned()
    }

    /// A feed of the channel that is understood: a session in PROCESSING.
    pub(crate) async fn on_air(&self, key: &str) -> String {
        let holder = self.app.resolve_key(key).await.expect("a holder");
        let facts = FeedFacts {
            node: "node-1".to_owned(),
            peer: "192.0.2.7:5".to_owned(),
            encoder: Some("obs-output module (libobs version 29)".to_owned()),
            takeover_allowed: false,
            room_to_record: true,
        };
        let grant = self.app.open_feed(&holder.channel, facts).await.expect("a grant");
        let input = sigma_app::InputRow {
            protocol: "rtmp".to_owned(),
            video_codec: Some("h264".to_owned()),
            width: Some(1280),
            height: Some(720),
            frame_rate_milli: Some(29_970),
            audio_codec: Some("aac".to_owned()),
            sample_rate: Some(48_000),
            channels: Some(2),
            bitrate: Some(3_000_000),
        };
        let session = grant.session.session;
        for report in [Report::Processing(input), Report::Playable] {
            let at = sigma_clock::Clock::now(&SystemClock);
            self.app.report(&session, grant.feed, at, report).await.expect("reported");
        }
        session
    }

    /// Asks again until the answer is as wanted; the views follow what media reports.
    pub(crate) async fn until(
        &self,
        query: &str,
        variables: Value,
        wanted: impl Fn(&Value) -> bool,
    ) -> Value {
        for _ in 0..200 {
            let data = self.data(query, variables.clone()).await;
            if wanted(&data) {
                return data;
            }
            sigma_clock::sleep(std::time::Duration::from_millis(25)).await;
        }
        panic!("the answer never became as wanted: {}", self.data(query, variables).await)
    }
}

pub(crate) fn read(bytes: &[u8]) -> Answer {
    let end = bytes.windows(4).position(|four| four == b"\r\n\r\n");
    let end = end.unwrap_or_else(|| panic!("no head: {}", String::from_utf8_lossy(bytes)));
    let head = String::from_utf8_lossy(&bytes[..end]).into_owned();
    let mut lines = head.split("\r\n");
    let status = lines.next().and_then(|line| line.split(' ').nth(1)).and_then(|status| status.parse().ok());
    let headers = lines.filter_map(|line| line.split_once(": "));
    Answer {
        status: status.expect("a status"),
        headers: headers.map(|(name, text)| (name.to_ascii_lowercase(), text.to_owned())).collect(),
        body: bytes[end + 4..].to_vec(),
    }
}

fn http_uri() -> axum::http::Uri {
    axum::http::Uri::from_static("/graphql")
}

/// A subscription's answers.
pub(crate) struct Followed(pub(crate) BoxStream<'static, Value>);

impl Followed {
    /// The next answer; none at the end. A test that waits for what never comes fails.
    pub(crate) async fn next(&mut self) -> Option<Value> {
        let next = sigma_clock::timeout(std::time::Duration::from_secs(20), self.0.next()).await;
        next.expect("an answer within 20 s")
    }

    /// The `data` of the next answer, which has no error.
    pub(crate) async fn data(&mut self) -> Value {
        let mut answer = self.next().await.expect("an answer");
        assert_eq!(answer.get("errors"), None, "{answer}");
        answer["data"].take()
    }

    /// Answers up to the one that is as wanted.
    pub(crate) async fn until(&mut self, wanted: impl Fn(&Value) -> bool) -> Value {
        loop {
            let data = self.data().await;
            if wanted(&data) {
                return data;
            }
        }
    }
}

fn components() -> Vec<Arc<dyn Component>> {
    vec![Arc::new(Fine), Arc::new(Lame)]
}

/// This process, and one that takes feeds elsewhere.
struct TwoNodes;

impl Nodes for TwoNodes {
    fn nodes(&self) -> Vec<NodeRow> {
        let here = NodeRow {
            id: "node-here".to_owned(),
            state: NodeState::Up,
            roles: vec!["api".to_owned()],
            version: "1.2.3".to_owned(),
            url: "http://here.test".to_owned(),
            rtmp: None,
            started_at_ms: 1_700_000_000_000,
            silent_seconds: 0,
            sessions: 0,
            leases: vec!["projection/channels".to_owned()],
        };
        let media = NodeRow {
            id: "node-media".to_owned(),
            roles: vec!["ingest".to_owned()],
            url: "http://media.test:8080".to_owned(),
            rtmp: Some("rtmp://media.test:1935/live".to_owned()),
            sessions: 3,
            leases: Vec::new(),
            ..here.clone()
        };
        let gone = NodeRow {
            id: "node-gone".to_owned(),
            state: NodeState::Lost,
            url: "http://gone.test".to_owned(),
            silent_seconds: 40,
            ..media.clone()
        };
        // What a node says of itself must not end the directive of a policy.
        let odd = NodeRow {
            id: "node-odd".to_owned(),
            url: "http://odd.test; script-src *".to_owned(),
            ..media.clone()
        };
        vec![here, media, gone, odd]
    }
}

fn facts() -> PlatformFacts {
    let setting = |name: &str, value: &str, source: &str| SettingInForce {
        name: name.to_owned(),
        value: value.to_owned(),
        source: source.to_owned(),
    };
    PlatformFacts {
        version: "1.2.3".to_owned(),
        started_at_ms: 1_700_000_000_000,
        settings: vec![
            setting("http", "127.0.0.1:8080", "default"),
            setting("limit-depth", "20", "--limit-depth"),
        ],
    }
}

struct Fine;

#[async_trait]
impl Component for Fine {
    fn name(&self) -> &'static str {
        "store"
    }

    async fn check(&self) -> Condition {
        Condition::Ready
    }
}

struct Lame;

#[async_trait]
impl Component for Lame {
    fn name(&self) -> &'static str {
        "media"
    }

    async fn check(&self) -> Condition {
        Condition::Degraded("one leg".to_owned())
    }
}

/// Stands for the media plane: knows `/live/slow`, `/live/panic` and who asks, and shows nobody `/preview/none`.
#[derive(Clone)]
struct Media;

impl tower::Service<axum::http::Request<axum::body::Body>> for Media {
    type Response = axum::http::Response<http::FromMedia>;
    type Error = std::convert::Infallible;
    type Future = std::pin::Pin<Box<dyn Future<Output = Result<Self::Response, Self::Error>> + Send>>;

    fn poll_ready(&mut self, _: &mut std::task::Context<'_>) -> std::task::Poll<Result<(), Self::Error>> {
        std::task::Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: axum::http::Request<axum::body::Body>) -> Self::Future {
        let peer = request.extensions().get::<http::Peer>().is_some_and(|peer| peer.0.ip().is_loopback());
        let path = request.uri().path().to_owned();
        let authorization = request.headers().get("authorization").cloned();
        Box::pin(async move {
            match path.as_str() {
                "/live/slow" => sigma_clock::sleep(std::time::Duration::from_secs(60)).await,
                "/live/brief" => sigma_clock::sleep(std::time::Duration::from_millis(300)).await,
                "/live/panic" => panic!("a handler's fault"),
                _ => {}
            }
            let said = match path.as_str() {
                // More than all buffers on the way hold.
                "/live/large" => vec![7; LARGE],
                _ => format!("media {path} local={peer}").into_bytes(),
            };
            let run = Arc::from([axum::body::Bytes::from(said)]);
            let mut response =
                axum::http::Response::new(http::FromMedia::Slices(http::Slices::new([run].into())));
            if path.starts_with("/preview/none/") {
                *response.status_mut() = axum::http::StatusCode::UNAUTHORIZED;
            }
            if let Some(authorization) = authorization {
                response.headers_mut().insert("x-authorization", authorization);
            }
            Ok(response)
        })
    }
}

struct Running(RunnerHandle);

#[async_trait]
impl Projections for Running {
    async fn status(&self) -> Result<Vec<ProjectionRow>, ProjectionError> {
        let rows = self.0.status().await.into_iter().map(|status| ProjectionRow {
            name: status.name,
            version: status.version,
            state: ProjectionState::Live,
            generation: status.generation,
            lag: status.lag,
            parked: Vec::new(),
            rebuild: status.rebuild.map(|rebuild| (rebuild.done, rebuild.total)),
            last_error: status.last_error,
            node: status.node,
        });
        Ok(rows.collect())
    }

    async fn rebuild(&self, name: &str) -> Result<(), ProjectionError> {
        self.0.rebuild(name).await.map(|_| ()).map_err(|_| ProjectionError::Unknown(name.to_owned()))
    }

    async fn retry_parked(&self, _: &str, _: &str) -> Result<(), ProjectionError> {
        Err(ProjectionError::Refused { reason: "NOTHING_PARKED", message: "nothing is parked".to_owned() })
    }

    async fn skip_parked(&self, _: &str, _: &str) -> Result<(), ProjectionError> {
        Err(ProjectionError::Refused { reason: "NOTHING_PARKED", message: "nothing is parked".to_owned() })
    }
}
