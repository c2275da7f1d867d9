//! `/graphql/ws`, as clients of the `graphql-transport-ws` protocol meet it.

use std::time::Duration;

use futures_util::{SinkExt, StreamExt};
use serde_json::{Value, json};
use sigma_api::http::Limits;
use tokio::net::TcpStream;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;

use super::platform::{Platform, TOKEN};

/// Longer than anything here may take.
const LONG: Duration = Duration::from_secs(20);

pub(crate) struct Socket(WebSocketStream<TcpStream>);

impl Socket {
    async fn open(platform: &Platform, headers: &[(&'static str, &str)]) -> Self {
        let url = format!("ws://{}/graphql/ws", platform.address);
        let mut request = url.into_client_request().expect("a request");
        for (name, text) in headers {
            request.headers_mut().insert(*name, text.parse().expect("a value"));
        }
        let stream = TcpStream::connect(platform.address).await.expect("a connection");
        let (socket, _) = tokio_tungstenite::client_async(request, stream).await.expect("a socket");
        Self(socket)
    }

    /// Speaks the protocol, and has not introduced itself.
    pub(crate) async fn fresh(platform: &Platform) -> Self {
        Self::open(platform, &[("sec-websocket-protocol", "graphql-transport-ws")]).await
    }

    /// Has introduced itself with this token.
    pub(crate) async fn with_token(platform: &Platform, token: &str) -> Self {
        let mut socket = Self::fresh(platform).await;
        socket.init(token).await;
        assert_eq!(socket.hear().await, json!({ "type": "connection_ack" }));
        socket
    }

    pub(crate) async fn ready(platform: &Platform) -> Self {
        Self::with_token(platform, TOKEN).await
    }

    async fn init(&mut self, token: &str) {
        let payload = json!({ "authorization": format!("Bearer {token}") });
        self.say(json!({ "type": "connection_init", "payload": payload })).await;
    }

    pub(crate) async fn say(&mut self, message: Value) {
        self.0.send(Message::text(message.to_string())).await.expect("sent");
    }

    pub(crate) async fn subscribe(&mut self, id: &str, query: &str) {
        self.say(json!({ "type": "subscribe", "id": id, "payload": { "query": query } })).await;
    }

    /// Asks this so often, and hears nothing of it, that the answers are more than the system's buffers take.
    async fn ask_much(&mut self, query: &str) {
        for id in 0..200 {
            let payload = json!({ "query": query });
            let text = json!({ "type": "subscribe", "id": id.to_string(), "payload": payload }).to_string();
            // The other side does not read any more either, or has gone.
            let sent = sigma_clock::timeout(Duration::from_secs(5), self.0.send(Message::text(text)));
            if !matches!(sent.await, Ok(Ok(()))) {
                return;
            }
        }
    }

    async fn message(&mut self) -> Option<Message> {
        sigma_clock::timeout(LONG, self.0.next()).await.expect("in time").and_then(Result::ok)
    }

    pub(crate) async fn hear(&mut self) -> Value {
        loop {
            match self.message().await {
                Some(Message::Text(text)) => return serde_json::from_str(&text).expect("JSON"),
                Some(Message::Ping(_) | Message::Pong(_)) => {}
                other => panic!("no message: {other:?}"),
            }
        }
    }

    /// The code and the reason it is closed with, whatever is said before.
    pub(crate) async fn closed(&mut self) -> (u16, String) {
        let closing = async {
            loop {
                match self.message().await {
                    Some(Message::Close(Some(frame))) => {
                        return (frame.code.into(), frame.reason.to_string());
                    }
                    Some(_) => {}
                    None => return (1006, String::new()),
                }
            }
        };
        // The other side's pings go on for as long as it does not close.
        sigma_clock::timeout(LONG, closing).await.expect("closed in time")
    }
}

fn code(message: &Value) -> &Value {
    &message["payload"][0]["extensions"]["code"]
}

#[tokio::test]
async fn questions_and_commands_are_answered_once_and_completed() {
    let platform = Platform::start().await;
    let mut socket = Socket::ready(&platform).await;
    let create = "mutation { createChannel(input: { name: \"show\" }) { channel { name } } }";
    for (id, query, data) in [
        ("1", create, json!({ "createChannel": { "channel": { "name": "show" } } })),
        ("2", "{ channels { nodes { name } } }", json!({ "channels": { "nodes": [{ "name": "show" }] } })),
        ("1", "{ __typename }", json!({ "__typename": "Query" })),
    ] {
        socket.subscribe(id, query).await;
        assert_eq!(socket.hear().await, json!({ "type": "next", "id": id, "payload": { "data": data } }));
        assert_eq!(socket.hear().await, json!({ "type": "complete", "id": id }));
    }
}

#[tokio::test]
async fn variables_and_the_operations_name_come_with_the_request() {
    let platform = Platform::start().await;
    let mut socket = Socket::ready(&platform).await;
    let payload = json!({ "query": "query A { __typename } query B($id: ID!) { channel(id: $id) { id } }",
        "operationName": "B", "variables": { "id": "ch_none" }, "extensions": {} });
    socket.say(json!({ "type": "subscribe", "id": "1", "payload": payload })).await;
    assert_eq!(socket.hear().await["payload"]["data"], json!({ "channel": null }));
}

#[tokio::test]
async fn a_request_that_cannot_run_is_an_error_of_its_own_and_the_socket_goes_on() {
    let platform = Platform::start().await;
    let mut socket = Socket::ready(&platform).await;
    let deep = format!("{}x{}", "{ a ".repeat(30), " }".repeat(30));
    for (query, wanted) in [("{ nothing }", "BAD_INPUT"), ("{ channels", "BAD_INPUT"), (&deep, "TOO_COMPLEX")]
    {
        socket.subscribe("1", query).await;
        let error = socket.hear().await;
        assert_eq!(
            (&error["type"], &error["id"], code(&error)),
            (&json!("error"), &json!("1"), &json!(wanted))
        );
    }
    socket.subscribe("1", "{ __typename }").await;
    assert_eq!(socket.hear().await["type"], "next");
}

#[tokio::test]
async fn pings_are_answered_with_what_they_hold() {
    let platform = Platform::start().await;
    let mut socket = Socket::fresh(&platform).await;
    socket.say(json!({ "type": "ping", "payload": { "n": 1 } })).await;
    assert_eq!(socket.hear().await, json!({ "type": "pong", "payload": { "n": 1 } }));
    socket.say(json!({ "type": "pong" })).await;
    socket.say(json!({ "type": "ping" })).await;
    assert_eq!(socket.hear().await, json!({ "type": "pong" }));
}

#[tokio::test]
async fn each_breach_of_the_protocol_has_its_code() {
    let limits = Limits { init_timeout: Duration::from_millis(500), ..Limits::default() };
    let hurried = Platform::with(limits).await;
    let mut silent = Socket::fresh(&hurried).await;
    assert_eq!(silent.closed().await.0, 4408);

    let platform = Platform::start().await;
    let mut nonsense = Socket::fresh(&platform).await;
    nonsense.0.send(Message::text("nonsense")).await.expect("sent");
    assert_eq!(nonsense.closed().await.0, 4400);

    let mut binary = Socket::fresh(&platform).await;
    binary.0.send(Message::binary(vec![1])).await.expect("sent");
    assert_eq!(binary.closed().await.0, 4400);

    let mut hasty = Socket::fresh(&platform).await;
    hasty.subscribe("1", "{ __typename }").await;
    assert_eq!(hasty.closed().await, (4401, "Unauthorized".to_owned()));

    let mut wrong = Socket::fresh(&platform).await;
    wrong.init("wrong").await;
    assert_eq!(wrong.closed().await, (4403, "Forbidden".to_owned()));

    let mut nobody = Socket::fresh(&platform).await;
    nobody.say(json!({ "type": "connection_init" })).await;
    assert_eq!(nobody.closed().await.0, 4403);

    let mut twice = Socket::ready(&platform).await;
    twice.init(TOKEN).await;
    assert_eq!(twice.closed().await.0, 4429);

    let mut stranger = Socket::open(&platform, &[]).await;
    assert_eq!(stranger.closed().await.0, 4406);
}

#[tokio::test]
async fn an_authorization_header_serves_as_well() {
    let platform = Platform::start().await;
    let bearer = format!("Bearer {TOKEN}");
    let headers = [("sec-websocket-protocol", "graphql-transport-ws"), ("authorization", bearer.as_str())];
    let mut socket = Socket::open(&platform, &headers).await;
    socket.say(json!({ "type": "connection_init" })).await;
    assert_eq!(socket.hear().await, json!({ "type": "connection_ack" }));
}

#[tokio::test]
async fn the_cookie_opens_a_socket_for_our_own_pages_only() {
    let platform = Platform::start().await;
    let cookie = platform.signed_in().await;
    let host = format!("http://{}", platform.address);
    for (origin, opened) in [(host.as_str(), true), ("http://evil.example", false)] {
        let headers = [
            ("sec-websocket-protocol", "graphql-transport-ws"),
            ("cookie", cookie.as_str()),
            ("origin", origin),
        ];
        let mut socket = Socket::open(&platform, &headers).await;
        socket.say(json!({ "type": "connection_init" })).await;
        if opened {
            assert_eq!(socket.hear().await, json!({ "type": "connection_ack" }));
        } else {
            assert_eq!(socket.closed().await.0, 4403);
        }
    }
}

#[tokio::test]
async fn a_message_has_a_bound() {
    let platform = Platform::with(Limits { body_bytes: 2_000, ..Limits::default() }).await;
    let mut socket = Socket::ready(&platform).await;
    socket.subscribe("1", &format!("{{ __typename {} }}", " ".repeat(3_000))).await;
    assert_eq!(socket.closed().await.0, 1009);
}

#[tokio::test]
async fn sockets_of_one_token_are_counted_and_given_back() {
    let platform = Platform::with(Limits { sockets_token: 2, ..Limits::default() }).await;
    let (first, _second) = (Socket::ready(&platform).await, Socket::ready(&platform).await);
    let mut third = Socket::fresh(&platform).await;
    third.init(TOKEN).await;
    // Clients come again after it, as they do not after 4429.
    assert_eq!(third.closed().await.0, 1013);
    drop(first);
    for _ in 0..200 {
        let mut next = Socket::fresh(&platform).await;
        next.init(TOKEN).await;
        match next.message().await {
            Some(Message::Text(_)) => return,
            _ => sigma_clock::sleep(Duration::from_millis(20)).await,
        }
    }
    panic!("the seat of a closed socket was not given back");
}

#[tokio::test]
async fn operations_are_limited_as_they_are_over_post() {
    let platform = Platform::with(Limits { requests_token: 1, ..Limits::default() }).await;
    let mut socket = Socket::ready(&platform).await;
    for id in 0..20 {
        socket.subscribe(&id.to_string(), "{ __typename }").await;
    }
    let mut refused = 0;
    let mut answered = 0;
    while refused + answered < 20 {
        let message = socket.hear().await;
        match message["type"].as_str() {
            Some("next") => answered += 1,
            Some("error") => {
                assert_eq!(code(&message), "RATE_LIMITED");
                refused += 1;
            }
            _ => {}
        }
    }
    assert!(refused >= 10 && answered >= 2, "{refused} {answered}");
}

#[tokio::test]
async fn a_socket_that_answers_no_ping_is_cut_and_one_that_does_stays() {
    let limits = Limits {
        ping_interval: Duration::from_secs(1),
        idle_timeout: Duration::from_secs(2),
        head_timeout: Duration::from_secs(2),
        ..Limits::default()
    };
    let platform = Platform::with(limits).await;
    let dead = Socket::ready(&platform).await;
    let mut live = Socket::ready(&platform).await;
    // The library answers pings whenever it is asked for a message; nobody asks the dead one.
    tokio::select! {
        () = platform.figure("sigma_graphql_sockets 1") => {}
        heard = live.hear() => panic!("nothing was asked: {heard}"),
    }
    live.subscribe("1", "{ __typename }").await;
    assert_eq!(live.hear().await["type"], "next");
    drop(dead);
}

#[tokio::test]
async fn who_closes_is_answered_with_a_close() {
    let platform = Platform::start().await;
    let mut socket = Socket::ready(&platform).await;
    socket.0.send(Message::Close(None)).await.expect("sent");
    let answer = socket.message().await;
    assert!(matches!(answer, Some(Message::Close(_))), "{answer:?}");
}

#[tokio::test]
async fn the_protocol_is_named_in_the_letters_that_it_was_asked_for_in() {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    let platform = Platform::start().await;
    let mut stream = TcpStream::connect(platform.address).await.expect("a connection");
    let request = "GET /graphql/ws HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\
        Sec-WebSocket-Version: 13\r\nSec-WebSocket-Protocol: graphql-ws, graphql-transport-ws\r\n\r\n";
    stream.write_all(request.as_bytes()).await.expect("sent");
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(sigma_clock::timeout(LONG, stream.read_u8()).await.expect("in time").expect("a byte"));
    }
    let head = String::from_utf8(head).expect("text");
    assert!(head.contains("\r\nSec-WebSocket-Protocol: graphql-transport-ws\r\n"), "{head}");
}

#[tokio::test]
async fn a_stop_closes_sockets_with_1001() {
    let platform = Platform::with(Limits { drain: LONG, ..Limits::default() }).await;
    let mut socket = Socket::ready(&platform).await;
    platform.stop.cancel();
    assert_eq!(socket.closed().await.0, 1001);
    drop(socket);
    sigma_clock::timeout(LONG, platform.served).await.expect("ended").expect("no panic");
}

#[tokio::test]
async fn who_reads_nothing_is_cut_and_costs_a_bounded_queue() {
    let platform = Platform::with(Limits { stall: Duration::from_millis(300), ..Limits::default() }).await;
    let query = wide(&platform).await;
    let mut socket = Socket::ready(&platform).await;
    socket.ask_much(&query).await;
    platform.figure("sigma_graphql_sockets 0").await;
}

/// A query with an answer of 100 kB and more.
async fn wide(platform: &Platform) -> String {
    for _ in 0..20 {
        platform.channel(&"n".repeat(100)).await;
    }
    let fields: String = (0..50).map(|n| format!("f{n}: name ")).collect();
    format!("{{ channels(first: 20) {{ nodes {{ {fields} }} }} }}")
}

#[tokio::test]
async fn who_reads_nothing_is_held_to_his_token_all_the_same() {
    let platform = Platform::with(Limits { stall: LONG * 3, ..Limits::default() }).await;
    let query = wide(&platform).await;
    let secret = platform.token(&["channels:read"], None).await;
    let id = platform.ask_as(&secret, "{ me { tokenId } }", json!({})).await["data"]["me"]["tokenId"].take();
    let mut socket = Socket::with_token(&platform, &secret).await;
    socket.ask_much(&query).await;
    let revoke = "mutation($id: ID!) { revokeApiToken(id: $id) { token { id } } }";
    platform.data(revoke, json!({ "id": id })).await;
    let began = sigma_clock::monotonic();
    platform.figure("sigma_graphql_sockets 0").await;
    assert!(began.elapsed() < Duration::from_secs(5), "{:?}", began.elapsed());
}

#[tokio::test]
async fn who_has_not_introduced_himself_is_heard_in_short() {
    let platform = Platform::start().await;
    let mut guest = Socket::fresh(&platform).await;
    guest.say(json!({ "type": "pong", "payload": { "x": "x".repeat(9_000) } })).await;
    assert_eq!(guest.closed().await.0, 4400);
    let mut known = Socket::ready(&platform).await;
    known.say(json!({ "type": "pong", "payload": { "x": "x".repeat(9_000) } })).await;
    known.subscribe("1", "{ __typename }").await;
    assert_eq!(known.hear().await["type"], "next");
}

#[tokio::test]
async fn pings_are_short_and_messages_are_counted() {
    let platform = Platform::with(Limits { messages_socket: 5, ..Limits::default() }).await;
    let mut long = Socket::ready(&platform).await;
    long.say(json!({ "type": "ping", "payload": { "x": "x".repeat(5_000) } })).await;
    assert_eq!(long.closed().await.0, 4400);
    let mut often = Socket::fresh(&platform).await;
    for _ in 0..200 {
        // It may be closed by then.
        let _ = often.0.send(Message::text(json!({ "type": "ping" }).to_string())).await;
    }
    assert_eq!(often.closed().await.0, 4429);
}

#[tokio::test]
async fn without_an_upgrade_the_address_says_what_it_is() {
    let platform = Platform::start().await;
    let answer = platform.get("/graphql/ws").await;
    assert_eq!((answer.status, answer.header("upgrade")), (426, Some("websocket")));
    assert!(answer.json()["error"]["mend"].is_string());
}

#[tokio::test]
async fn two_operations_cannot_have_one_id() {
    let platform = Platform::start().await;
    let mut socket = Socket::ready(&platform).await;
    let lasts = "subscription { channelUpdated { id } }";
    socket.subscribe("1", lasts).await;
    socket.subscribe("1", lasts).await;
    assert_eq!(socket.closed().await, (4409, "Subscriber for 1 already exists".to_owned()));
}

#[tokio::test]
async fn subscriptions_of_one_socket_are_counted_and_ended_by_the_client() {
    let platform = Platform::with(Limits { subscriptions_socket: 2, ..Limits::default() }).await;
    let mut socket = Socket::ready(&platform).await;
    let lasts = "subscription { channelUpdated { name } }";
    for id in ["1", "2", "3"] {
        socket.subscribe(id, lasts).await;
    }
    let error = socket.hear().await;
    assert_eq!(
        (&error["type"], &error["id"], code(&error)),
        (&json!("error"), &json!("3"), &json!("RATE_LIMITED"))
    );
    platform.figure("sigma_graphql_subscriptions 2").await;
    socket.say(json!({ "type": "complete", "id": "1" })).await;
    platform.figure("sigma_graphql_subscriptions 1").await;
    socket.subscribe("1", lasts).await;
    platform.figure("sigma_graphql_subscriptions 2").await;
    platform.channel("show").await;
    let mut told = [socket.hear().await, socket.hear().await];
    told.sort_by_key(|message| message["id"].to_string());
    let next = |id| json!({ "type": "next", "id": id, "payload": { "data": { "channelUpdated": { "name": "show" } } } });
    assert_eq!(told, [next("1"), next("2")]);
    drop(socket);
    platform.figure("sigma_graphql_subscriptions 0").await;
}

/// The tokens of open sockets are looked at from time to time; what they ask is not to wait for that.
#[tokio::test]
async fn a_revoked_token_does_nothing_more_over_a_socket_that_is_open() {
    let platform = Platform::with(Limits { recheck: LONG * 3, ..Limits::default() }).await;
    let secret = platform.token(&["tokens:admin", "channels:read"], None).await;
    let id = platform.ask_as(&secret, "{ me { tokenId } }", json!({})).await["data"]["me"]["tokenId"].take();
    let (mut socket, mut other) =
        (Socket::with_token(&platform, &secret).await, Socket::with_token(&platform, &secret).await);
    let make = |name: &str| {
        format!(
            "mutation {{ createApiToken(input: {{ name: \"{name}\", scopes: [\"channels:read\"] }}) {{ secret }} }}"
        )
    };
    socket.subscribe("1", &make("before")).await;
    assert_eq!(socket.hear().await["type"], "next");
    assert_eq!(socket.hear().await["type"], "complete");
    let revoke = "mutation($id: ID!) { revokeApiToken(id: $id) { token { id } } }";
    platform.data(revoke, json!({ "id": id })).await;
    socket.subscribe("2", &make("after")).await;
    assert_eq!(socket.closed().await.0, 4401);
    // All that was open with it is over.
    assert_eq!(other.closed().await.0, 4401);
    let tokens = platform.data("{ apiTokens { name } }", json!({})).await;
    assert!(tokens.to_string().contains("before") && !tokens.to_string().contains("after"), "{tokens}");
}

#[tokio::test]
async fn a_revoked_token_ends_its_subscriptions_and_sockets_within_5_s() {
    let platform = Platform::start().await;
    let secret = platform.token(&["channels:read"], None).await;
    let id = platform.ask_as(&secret, "{ me { tokenId } }", json!({})).await["data"]["me"]["tokenId"].take();
    let mut socket = Socket::with_token(&platform, &secret).await;
    socket.subscribe("1", "subscription { channelUpdated { id } }").await;
    platform.figure("sigma_graphql_subscriptions 1").await;
    let revoke = "mutation($id: ID!) { revokeApiToken(id: $id) { token { id } } }";
    platform.data(revoke, json!({ "id": id })).await;
    let began = sigma_clock::monotonic();
    let error = socket.hear().await;
    assert_eq!((&error["type"], code(&error)), (&json!("error"), &json!("UNAUTHENTICATED")));
    assert_eq!(socket.closed().await.0, 4401);
    assert!(began.elapsed() < Duration::from_secs(5), "{:?}", began.elapsed());
}
