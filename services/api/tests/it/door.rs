//! The door itself: limits, time-outs, faults, and the way out.

use std::io::Write;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use sigma_api::http::Limits;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::platform::{Platform, read};

async fn connect(platform: &Platform) -> TcpStream {
    TcpStream::connect(platform.address).await.expect("a connection")
}

async fn closed_within(stream: &mut TcpStream, span: Duration) -> Vec<u8> {
    let mut answer = Vec::new();
    sigma_clock::timeout(span, stream.read_to_end(&mut answer)).await.expect("closed in time").expect("read");
    answer
}

#[tokio::test]
async fn what_no_route_knows_goes_to_the_media_plane_with_the_peer() {
    let platform = Platform::start().await;
    for path in ["/live/x/index.m3u8", "/media/x/1.m4s", "/preview/x", "/favicon.none"] {
        let answer = platform.get(path).await;
        assert_eq!((answer.status, answer.text()), (200, format!("media {path} local=true")));
    }
}

#[tokio::test]
async fn errors_say_what_is_wrong_and_how_to_mend_it() {
    let platform = Platform::start().await;
    let answer = platform.send("DELETE", "/graphql", &[], b"").await;
    assert_eq!(answer.status, 405);
    let error = &answer.json()["error"];
    assert_eq!(error["code"], "METHOD_NOT_ALLOWED");
    assert!(error["message"].is_string() && error["mend"].is_string(), "{error}");
}

#[tokio::test]
async fn a_handler_that_panics_is_answered_500_and_harms_nobody() {
    let platform = Platform::start().await;
    let answer = platform.get("/live/panic").await;
    assert_eq!((answer.status, answer.json()["error"]["code"].as_str()), (500, Some("INTERNAL")));
    assert_eq!(platform.get("/healthz").await.status, 200);
}

#[tokio::test]
async fn each_request_has_an_id_and_a_plain_one_of_the_callers_own_is_kept() {
    let platform = Platform::start().await;
    let ours = platform.get("/healthz").await;
    assert_eq!(ours.header("x-request-id").map(str::len), Some(32));
    let kept = platform.send("GET", "/healthz", &[("x-request-id", "mine-1.2_3")], b"").await;
    assert_eq!(kept.header("x-request-id"), Some("mine-1.2_3"));
    for theirs in ["a b", "<x>", &"x".repeat(65)] {
        let made = platform.send("GET", "/healthz", &[("x-request-id", theirs)], b"").await;
        assert_eq!(made.header("x-request-id").map(str::len), Some(32), "{theirs}");
    }
}

#[tokio::test]
async fn http2_without_tls_is_spoken() {
    let platform = Platform::start().await;
    let mut stream = connect(&platform).await;
    // RFC 9113 §3.4: the preface and an empty SETTINGS frame; the server's first frame is SETTINGS, type 4.
    stream.write_all(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0").await.expect("written");
    let mut frame = [0; 9];
    stream.read_exact(&mut frame).await.expect("a frame");
    assert_eq!(frame[3], 4);
}

#[tokio::test]
async fn a_head_that_does_not_end_and_a_silent_connection_are_closed() {
    let limits = Limits {
        head_timeout: Duration::from_millis(300),
        idle_timeout: Duration::from_millis(300),
        ..Limits::default()
    };
    let platform = Platform::with(limits).await;
    let mut slow = connect(&platform).await;
    slow.write_all(b"GET / HTTP/1.1\r\nhost: x\r\nx-").await.expect("written");
    let mut silent = connect(&platform).await;
    let mut idle = connect(&platform).await;
    idle.write_all(b"GET /healthz HTTP/1.1\r\nhost: x\r\n\r\n").await.expect("written");
    let span = Duration::from_secs(4);
    closed_within(&mut slow, span).await;
    assert_eq!(closed_within(&mut silent, span).await, b"");
    assert_eq!(read(&closed_within(&mut idle, span).await).status, 200);
    // One that waits for its answer is not idle.
    assert_eq!(platform.get("/live/brief").await.status, 200);
}

#[tokio::test]
async fn a_head_that_is_too_large_is_refused() {
    let platform = Platform::start().await;
    let head = format!("GET / HTTP/1.1\r\nhost: x\r\nx-large: {}\r\n\r\n", "x".repeat(40 * 1024));
    assert_eq!(read(&platform.raw(head.as_bytes()).await).status, 431);
    let many: String = (0..70).map(|n| format!("x-{n}: 1\r\n")).collect();
    let head = format!("GET / HTTP/1.1\r\nhost: x\r\n{many}\r\n");
    assert_eq!(read(&platform.raw(head.as_bytes()).await).status, 431);
}

#[tokio::test]
async fn one_connection_too_many_is_told_so() {
    let platform = Platform::with(Limits { connections: 2, ..Limits::default() }).await;
    let mut served = [connect(&platform).await, connect(&platform).await];
    for stream in &mut served {
        stream.write_all(b"GET /live/slow HTTP/1.1\r\nhost: x\r\n\r\n").await.expect("written");
    }
    // Until both are in flight, a third gets the place of one that does nothing.
    let mut answer = None;
    for _ in 0..100 {
        let mut third = connect(&platform).await;
        third
            .write_all(b"GET /healthz HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n")
            .await
            .expect("written");
        let mut bytes = Vec::new();
        if third.read_to_end(&mut bytes).await.is_ok() && bytes.starts_with(b"HTTP/1.1 503") {
            answer = Some(read(&bytes));
            break;
        }
        for stream in &mut served {
            let mut byte = [0];
            if stream.try_read(&mut byte).is_ok() {
                *stream = connect(&platform).await;
                stream.write_all(b"GET /live/slow HTTP/1.1\r\nhost: x\r\n\r\n").await.expect("written");
            }
        }
        sigma_clock::sleep(Duration::from_millis(20)).await;
    }
    let answer = answer.expect("a third is turned away");
    assert_eq!((answer.status, answer.header("retry-after")), (503, Some("5")));
    assert_eq!(answer.json()["error"]["code"], "UNAVAILABLE");
    drop(served);
    let mut freed = false;
    for _ in 0..100 {
        let mut fourth = connect(&platform).await;
        fourth
            .write_all(b"GET /healthz HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n")
            .await
            .expect("written");
        let mut answer = Vec::new();
        let read_all = fourth.read_to_end(&mut answer).await.is_ok();
        if read_all && answer.starts_with(b"HTTP/1.1 200") {
            freed = true;
            break;
        }
        sigma_clock::sleep(Duration::from_millis(20)).await;
    }
    assert!(freed, "the room of a closed connection was not given back");
}

#[tokio::test]
async fn a_stop_lets_what_is_in_flight_end_and_cuts_what_does_not() {
    let platform = Platform::with(Limits { drain: Duration::from_secs(1), ..Limits::default() }).await;
    let mut brief = connect(&platform).await;
    let mut slow = connect(&platform).await;
    brief.write_all(b"GET /live/brief HTTP/1.1\r\nhost: x\r\n\r\n").await.expect("written");
    slow.write_all(b"GET /live/slow HTTP/1.1\r\nhost: x\r\n\r\n").await.expect("written");
    // Both are in flight once a third has been answered.
    assert_eq!(platform.get("/healthz").await.status, 200);
    sigma_clock::sleep(Duration::from_millis(50)).await;
    platform.stop.cancel();
    assert_eq!(read(&closed_within(&mut brief, Duration::from_secs(2)).await).status, 200);
    let mut nothing = Vec::new();
    let _ = sigma_clock::timeout(Duration::from_secs(3), slow.read_to_end(&mut nothing))
        .await
        .expect("cut in time");
    assert_eq!(nothing, b"");
    sigma_clock::timeout(Duration::from_secs(1), platform.served).await.expect("ended").expect("no panic");
    assert!(TcpStream::connect(platform.address).await.is_err());
}

#[tokio::test]
async fn a_stop_closes_connections_that_only_wait_for_more_at_once() {
    let platform = Platform::with(Limits { drain: Duration::from_secs(60), ..Limits::default() }).await;
    let mut kept = connect(&platform).await;
    kept.write_all(b"GET /healthz HTTP/1.1\r\nhost: x\r\n\r\n").await.expect("written");
    let mut some = [0; 12];
    kept.read_exact(&mut some).await.expect("an answer");
    platform.stop.cancel();
    closed_within(&mut kept, Duration::from_secs(2)).await;
    sigma_clock::timeout(Duration::from_secs(2), platform.served).await.expect("ended").expect("no panic");
}

#[tokio::test]
async fn every_answer_tells_browsers_what_they_must_not_do() {
    let platform = Platform::start().await;
    for path in
        ["/", "/graphql", "/healthz", "/metrics", "/assets/none.js", "/public/live", "/live/x/index.m3u8"]
    {
        let answer = platform.get(path).await;
        assert_eq!(answer.header("x-content-type-options"), Some("nosniff"), "{path}");
        assert_eq!(answer.header("referrer-policy"), Some("no-referrer"), "{path}");
        assert_eq!(answer.header("strict-transport-security"), None, "{path}");
        let media = path.starts_with("/live") || path.starts_with("/public");
        let resource = if media { "cross-origin" } else { "same-origin" };
        assert_eq!(answer.header("cross-origin-resource-policy"), Some(resource), "{path}");
        assert_eq!(answer.header("x-frame-options"), (!media).then_some("DENY"), "{path}");
    }
}

#[tokio::test]
async fn pages_of_other_sites_read_what_is_public_and_the_api_where_they_are_named() {
    let platform = Platform::made(Limits::default(), |parts| {
        parts.cors_origins = vec!["https://studio.example".to_owned()];
    })
    .await;
    assert_eq!(platform.get("/public/live").await.header("access-control-allow-origin"), Some("*"));
    let preflight = |origin: &'static str| [("origin", origin), ("access-control-request-method", "POST")];
    let named = platform.send("OPTIONS", "/graphql", &preflight("https://studio.example"), b"").await;
    assert_eq!(
        (named.status, named.header("access-control-allow-origin")),
        (204, Some("https://studio.example"))
    );
    let allowed = named.header("access-control-allow-headers").expect("headers");
    assert!(["authorization", "content-type", "idempotency-key"].iter().all(|name| allowed.contains(name)));
    let other = platform.send("OPTIONS", "/graphql", &preflight("https://evil.example"), b"").await;
    assert_eq!(other.header("access-control-allow-origin"), None);
    let body = serde_json::json!({ "query": "{ __typename }" });
    let read = platform.post(&[("origin", "https://studio.example")], &body).await;
    assert_eq!(read.header("access-control-allow-origin"), Some("https://studio.example"));
    assert_eq!(read.header("vary"), Some("origin"));
    let plain = Platform::start().await;
    let read = plain.post(&[("origin", "https://studio.example")], &body).await;
    assert_eq!((read.status, read.header("access-control-allow-origin")), (200, None));
}

/// Where a test's log goes.
#[derive(Clone, Default)]
struct Written(Arc<Mutex<Vec<u8>>>);

impl Write for Written {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().expect("a lock").extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

#[tokio::test]
async fn no_token_stands_in_any_line_of_the_log() {
    let written = Written::default();
    let writer = written.clone();
    let log = tracing_subscriber::fmt().with_max_level(tracing::Level::TRACE).with_ansi(false);
    let _log = tracing::subscriber::set_default(log.with_writer(move || writer.clone()).finish());
    // While it knows of one subscriber only, tracing asks the thread that comes first to a line whether anybody wants it, and
    // keeps the answer: another test's thread says no.
    let _another = tracing::Dispatch::new(tracing::subscriber::NoSubscriber::new());
    let platform = Platform::start().await;
    let secret = "a-secret-that-nobody-may-read";
    let cookie = platform.signed_in().await;
    platform.get(&format!("/preview/s/index.m3u8?token={secret}")).await;
    platform.get(&format!("/live/s/index.m3u8?token={secret}")).await;
    platform.get(&format!("/graphql/ws?token={secret}")).await;
    platform.get(&format!("/media/s~{secret}/video.m3u8")).await;
    let bearer = format!("Bearer {secret}");
    platform.post(&[("authorization", &bearer)], &serde_json::json!({ "query": "{ __typename }" })).await;
    platform.post(&[], &serde_json::json!({ "query": "{ __typename }", "variables": { "x": secret } })).await;
    platform.send("GET", "/preview/s/index.m3u8", &[("cookie", &cookie)], b"").await;
    let json = [("content-type", "application/json")];
    let body = serde_json::json!({ "token": secret }).to_string();
    platform.send("POST", "/auth/sign-in", &json, body.as_bytes()).await;
    platform.send("POST", "/auth/sign-in", &json, format!("{{\"token\": {secret}").as_bytes()).await;
    let mut socket = super::sockets::Socket::ready(&platform).await;
    socket.subscribe("1", "{ __typename }").await;
    socket.hear().await;
    let mut socket = super::sockets::Socket::fresh(&platform).await;
    let payload = serde_json::json!({ "authorization": bearer });
    socket.say(serde_json::json!({ "type": "connection_init", "payload": payload })).await;
    socket.closed().await;
    platform.figure("sigma_graphql_sockets 1").await;
    let text = String::from_utf8(written.0.lock().expect("a lock").clone()).expect("text");
    assert!(text.contains("path=/preview/s/index.m3u8") && text.contains("a socket is closed"), "{text}");
    let sealed = cookie.split_once('=').expect("a pair").1;
    // What the library under the WebSocket says at its innermost level is no log that anybody keeps.
    let lines = text.lines().filter(|line| !line.contains(" TRACE tungstenite"));
    for line in lines {
        for secret in [secret, super::platform::TOKEN, sealed] {
            assert!(!line.contains(secret), "{line}");
        }
    }
}
