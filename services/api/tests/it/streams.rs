//! `POST /graphql` with `Accept: text/event-stream`: answers as server-sent events.

use std::time::Duration;

use serde_json::{Value, json};
use sigma_api::http::Limits;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpSocket, TcpStream};

use super::platform::{Answer, Platform, TOKEN, read};

const LONG: Duration = Duration::from_secs(20);
const EVENTS: (&str, &str) = ("accept", "text/event-stream");

/// A stream that is still open.
struct Events {
    reader: BufReader<TcpStream>,
}

impl Events {
    async fn open(platform: &Platform, token: &str, query: &str) -> Self {
        Self::accepting(platform, token, query, "accept: text/event-stream").await
    }

    async fn accepting(platform: &Platform, token: &str, query: &str, accept: &str) -> Self {
        let body = json!({ "query": query }).to_string();
        let head = format!(
            "POST /graphql HTTP/1.1\r\nhost: {}\r\nauthorization: Bearer {token}\r\ncontent-type: application/json\r\n\
             {accept}\r\ncontent-length: {}\r\n\r\n{body}",
            platform.address,
            body.len()
        );
        // A small window, so that who reads nothing is soon known for it.
        let socket = TcpSocket::new_v4().expect("a socket");
        socket.set_recv_buffer_size(4 * 1024).expect("a small window");
        let mut stream = socket.connect(platform.address).await.expect("a connection");
        stream.write_all(head.as_bytes()).await.expect("written");
        let mut events = Self { reader: BufReader::new(stream) };
        assert_eq!(events.line().await, "HTTP/1.1 200 OK");
        while !events.line().await.is_empty() {}
        events
    }

    async fn line(&mut self) -> String {
        let mut line = String::new();
        sigma_clock::timeout(LONG, self.reader.read_line(&mut line)).await.expect("in time").expect("read");
        line.trim_end().to_owned()
    }

    /// The next event's name and data, comments and the lengths of chunks passed over.
    async fn event(&mut self) -> (String, Value) {
        loop {
            if let Some(name) = self.line().await.strip_prefix("event: ") {
                let data = self.line().await;
                let data = data.strip_prefix("data:").expect("data").trim().to_owned();
                return (name.to_owned(), serde_json::from_str(&data).unwrap_or_default());
            }
        }
    }
}

/// The data of a whole chunked body.
fn unchunked(answer: &Answer) -> String {
    let text = answer.text();
    let mut lines = text.split("\r\n");
    let mut whole = String::new();
    while let (Some(_), Some(data)) = (lines.next(), lines.next()) {
        whole.push_str(data);
    }
    whole
}

#[tokio::test]
async fn a_question_is_one_event_and_completed() {
    let platform = Platform::start().await;
    let answer = platform.post(&[EVENTS], &json!({ "query": "{ __typename }" })).await;
    assert_eq!(
        (answer.status, answer.header("content-type")),
        (200, Some("text/event-stream; charset=utf-8"))
    );
    assert_eq!(answer.header("cache-control"), Some("no-store"));
    assert_eq!(
        unchunked(&answer),
        "event: next\ndata: {\"data\":{\"__typename\":\"Query\"}}\n\nevent: complete\ndata:\n\n"
    );
}

/// What urql sends with each of its queries.
const URQL: (&str, &str) = (
    "accept",
    "application/graphql-response+json, application/graphql+json, application/json, text/event-stream, multipart/mixed",
);

#[tokio::test]
async fn who_takes_events_as_well_gets_json_where_there_is_one_answer() {
    let platform = Platform::start().await;
    let query = json!({ "query": "query Subscriptions_subscription { __typename }" });
    for accept in [URQL, ("accept", "text/event-stream;q=0")] {
        let answer = platform.post(&[accept], &query).await;
        assert_eq!((answer.status, answer.header("content-type")), (200, Some("application/json")));
        assert_eq!(answer.json(), json!({ "data": { "__typename": "Query" } }));
    }
    let list = platform.post(&[URQL], &json!([query])).await;
    assert_eq!((list.status, list.json()), (200, json!([{ "data": { "__typename": "Query" } }])));
    let accept = format!("accept: {}", URQL.1);
    let mut events =
        Events::accepting(&platform, TOKEN, "subscription { channelUpdated { name } }", &accept).await;
    platform.figure("sigma_graphql_subscriptions 1").await;
    platform.channel("show").await;
    assert_eq!(events.event().await.1, json!({ "data": { "channelUpdated": { "name": "show" } } }));
}

#[tokio::test]
async fn what_cannot_run_is_told_in_the_stream() {
    let platform = Platform::start().await;
    let answer = platform.post(&[EVENTS], &json!({ "query": "{ nothing }" })).await;
    let text = unchunked(&answer);
    assert!(
        text.contains("\"code\":\"BAD_INPUT\"") && text.ends_with("event: complete\ndata:\n\n"),
        "{text}"
    );
    let list = json!([{ "query": "{ __typename }" }]);
    assert_eq!(platform.post(&[EVENTS], &list).await.status, 400);
}

#[tokio::test]
async fn who_is_not_known_gets_no_stream() {
    let platform = Platform::start().await;
    let headers = [EVENTS, ("authorization", "Bearer wrong")];
    let answer = platform.post(&headers, &json!({ "query": "{ __typename }" })).await;
    assert_eq!(answer.header("content-type"), Some("application/json"));
    assert_eq!(answer.json()["errors"][0]["extensions"]["code"], "UNAUTHENTICATED");
}

#[tokio::test]
async fn a_subscription_goes_on_with_comments_while_nothing_happens() {
    let limits = Limits {
        ping_interval: Duration::from_millis(500),
        idle_timeout: Duration::from_secs(2),
        head_timeout: Duration::from_secs(2),
        ..Limits::default()
    };
    let platform = Platform::with(limits).await;
    let mut events = Events::open(&platform, TOKEN, "subscription { channelUpdated { name } }").await;
    let mut comments = 0;
    while comments < 6 {
        comments += usize::from(events.line().await.starts_with(": "));
    }
    platform.channel("show").await;
    let data = json!({ "data": { "channelUpdated": { "name": "show" } } });
    assert_eq!(events.event().await, ("next".to_owned(), data));
    platform.figure("sigma_graphql_event_streams 1").await;
    drop(events);
    platform.figure("sigma_graphql_event_streams 0").await;
    platform.figure("sigma_graphql_subscriptions 0").await;
}

#[tokio::test]
async fn streams_count_as_sockets_do() {
    let platform = Platform::with(Limits { sockets_token: 1, ..Limits::default() }).await;
    let _first = Events::open(&platform, TOKEN, "subscription { channelUpdated { name } }").await;
    let second = platform.post(&[EVENTS], &json!({ "query": "{ __typename }" })).await;
    assert_eq!((second.status, second.header("retry-after")), (429, Some("1")));
    let second = second.json();
    let extensions = &second["errors"][0]["extensions"];
    assert_eq!(
        (&extensions["code"], &extensions["reason"]),
        (&json!("RATE_LIMITED"), &json!("TOO_MANY_SOCKETS"))
    );
}

#[tokio::test]
async fn a_revoked_token_ends_its_stream_within_5_s() {
    let platform = Platform::start().await;
    let secret = platform.token(&["channels:read"], None).await;
    let id = platform.ask_as(&secret, "{ me { tokenId } }", json!({})).await["data"]["me"]["tokenId"].take();
    let mut events = Events::open(&platform, &secret, "subscription { channelUpdated { name } }").await;
    let revoke = "mutation($id: ID!) { revokeApiToken(id: $id) { token { id } } }";
    platform.data(revoke, json!({ "id": id })).await;
    let began = sigma_clock::monotonic();
    let (name, data) = events.event().await;
    assert_eq!(
        (name.as_str(), &data["errors"][0]["extensions"]["code"]),
        ("next", &json!("UNAUTHENTICATED"))
    );
    assert_eq!(events.event().await.0, "complete");
    assert!(began.elapsed() < Duration::from_secs(5), "{:?}", began.elapsed());
}

#[tokio::test]
async fn who_reads_nothing_is_held_to_his_token_all_the_same() {
    let platform = Platform::with(Limits { stall: LONG * 3, ..Limits::default() }).await;
    let secret = platform.token(&["channels:read"], None).await;
    let id = platform.ask_as(&secret, "{ me { tokenId } }", json!({})).await["data"]["me"]["tokenId"].take();
    // Small windows, so that little is on its way.
    let io = hyper_util::rt::TokioIo::new(TcpStream::connect(platform.address).await.expect("a connection"));
    let mut client = hyper::client::conn::http2::Builder::new(hyper_util::rt::TokioExecutor::new());
    client.initial_stream_window_size(16 * 1024).initial_connection_window_size(64 * 1024);
    let (mut sender, connection) = client.handshake(io).await.expect("a handshake");
    tokio::spawn(connection);
    let fields: String = (0..55).map(|n| format!("f{n}: name ")).collect();
    let query = json!({ "query": format!("subscription {{ channelUpdated {{ {fields} }} }}") });
    let request = axum::http::Request::post(format!("http://{}/graphql", platform.address))
        .header("authorization", format!("Bearer {secret}"))
        .header("content-type", "application/json")
        .header("accept", "text/event-stream")
        .body(axum::body::Body::from(query.to_string()))
        .expect("a request");
    let answer = sender.send_request(request).await.expect("an answer");
    platform.figure("sigma_graphql_subscriptions 1").await;
    let (channel, _) = platform.channel(&"n".repeat(100)).await;
    let update = "mutation($id: ID!, $window: Int!) { updateChannel(id: $id, input: { reconnectWindow: $window }) { channel { id } } }";
    let told = 200;
    for window in 0..told {
        platform.data(update, json!({ "id": channel, "window": 30 + window % 2 })).await;
    }
    let revoke = "mutation($id: ID!) { revokeApiToken(id: $id) { token { id } } }";
    platform.data(revoke, json!({ "id": id })).await;
    let began = sigma_clock::monotonic();
    platform.figure("sigma_graphql_subscriptions_cut_total{reason=\"unauthenticated\"} 1").await;
    assert!(began.elapsed() < Duration::from_secs(5), "{:?}", began.elapsed());
    // Who reads on after that gets what was on its way, and the last word.
    let body = http_body_util::BodyExt::collect(answer.into_body());
    let body = sigma_clock::timeout(LONG, body).await.expect("in time").expect("read").to_bytes();
    let text = String::from_utf8_lossy(&body);
    let events: Vec<&str> = text.split("\n\n").filter(|event| event.starts_with("event: next")).collect();
    assert!(events.len() < told as usize, "{}", events.len());
    assert!(events.last().is_some_and(|last| last.contains("UNAUTHENTICATED")), "{:?}", events.last());
}

#[tokio::test]
async fn a_stop_ends_streams_without_calling_them_complete() {
    let platform = Platform::with(Limits { drain: LONG, ..Limits::default() }).await;
    let mut events = Events::open(&platform, TOKEN, "subscription { channelUpdated { name } }").await;
    platform.figure("sigma_graphql_subscriptions 1").await;
    platform.stop.cancel();
    let mut rest = Vec::new();
    sigma_clock::timeout(LONG, events.reader.read_to_end(&mut rest)).await.expect("in time").expect("read");
    assert!(!String::from_utf8_lossy(&rest).contains("complete"));
    sigma_clock::timeout(LONG, platform.served).await.expect("ended").expect("no panic");
}

#[tokio::test]
async fn who_reads_nothing_of_a_stream_is_cut() {
    // The connection itself is not cut first, however slowly the queue fills.
    let limits = Limits { stall: Duration::from_millis(300), unacknowledged: LONG * 6, ..Limits::default() };
    let platform = Platform::with(limits).await;
    // Many fields, so that each event is long.
    let fields: String = (0..55).map(|n| format!("f{n}: name ")).collect();
    let query = format!("subscription {{ channelUpdated {{ {fields} }} }}");
    let events = Events::open(&platform, TOKEN, &query).await;
    platform.figure("sigma_graphql_subscriptions 1").await;
    let (id, _) = platform.channel(&"n".repeat(100)).await;
    let update = "mutation($id: ID!, $window: Int!) { updateChannel(id: $id, input: { reconnectWindow: $window }) { channel { id } } }";
    for window in 0..3_000 {
        let text = platform.get("/metrics").await.text();
        if text.lines().any(|line| line == "sigma_graphql_subscriptions 0") {
            assert!(text.contains("sigma_graphql_subscriptions_cut_total{reason=\"too_slow\"} 1"), "{text}");
            return;
        }
        platform.data(update, json!({ "id": id, "window": 30 + window % 2 })).await;
    }
    drop(events);
    panic!("a stream that nobody reads was never cut");
}

#[tokio::test]
async fn streams_are_spoken_over_http_2() {
    let platform = Platform::start().await;
    let stream = TcpStream::connect(platform.address).await.expect("a connection");
    let io = hyper_util::rt::TokioIo::new(stream);
    let executor = hyper_util::rt::TokioExecutor::new();
    let (mut sender, connection) =
        hyper::client::conn::http2::handshake(executor, io).await.expect("a handshake");
    tokio::spawn(connection);
    let request = axum::http::Request::post(format!("http://{}/graphql", platform.address))
        .header("authorization", format!("Bearer {TOKEN}"))
        .header("content-type", "application/json")
        .header("accept", "text/event-stream");
    let body =
        axum::body::Body::from(json!({ "query": "subscription { channelUpdated { name } }" }).to_string());
    let answer = sender.send_request(request.body(body).expect("a request")).await.expect("an answer");
    assert_eq!(answer.status(), 200);
    platform.figure("sigma_graphql_subscriptions 1").await;
    platform.channel("show").await;
    let mut body = answer.into_body();
    let frame = http_body_util::BodyExt::frame(&mut body).await.expect("a frame").expect("data");
    let data = frame.into_data().expect("data");
    assert_eq!(data, "event: next\ndata: {\"data\":{\"channelUpdated\":{\"name\":\"show\"}}}\n\n");
}

#[test]
fn a_chunked_body_is_read() {
    let answer = read(b"HTTP/1.1 200 OK\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n");
    assert_eq!(unchunked(&answer), "abcde");
}
