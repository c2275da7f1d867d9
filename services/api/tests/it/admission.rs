//! Bad company at the HTTP door, and who is let in beyond what the server has.

use std::sync::Arc;
use std::time::Duration;

use sigma_api::http::Limits;
use sigma_door::Pressure;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::platform::{LARGE, Platform, read};

const SOON: Duration = Duration::from_secs(10);

async fn figure(platform: &Platform, name: &str) -> u64 {
    let text = platform.get("/metrics").await.text();
    let line = text.lines().find(|line| line.strip_prefix(name).is_some_and(|rest| rest.starts_with(' ')));
    line.and_then(|line| line.rsplit(' ').next()?.parse().ok()).unwrap_or_else(|| panic!("{name}: {text}"))
}

#[tokio::test]
async fn a_thousand_heads_that_do_not_end_keep_no_viewer_out() {
    let platform = Platform::with(Limits { connections: 100, ..Limits::default() }).await;
    let mut watching = TcpStream::connect(platform.address).await.expect("a connection");
    watching.write_all(b"GET /live/slow HTTP/1.1\r\nhost: x\r\n\r\n").await.expect("written");
    platform.figure("sigma_http_requests_in_flight 2").await;
    let mut attackers = Vec::new();
    for _ in 0..10 {
        for _ in 0..100 {
            let mut slow = TcpStream::connect(platform.address).await.expect("a connection");
            let _ = slow.write_all(b"GET / HTTP/1.1\r\nhost: x\r\nx-").await;
            attackers.push(slow);
        }
        let asked = sigma_clock::timeout(SOON, platform.get("/live/x/index.m3u8")).await.expect("in time");
        assert_eq!(asked.status, 200);
    }
    assert!(figure(&platform, "sigma_http_connections_sent_away_total").await >= 800);
    assert_eq!(figure(&platform, "sigma_http_connections_refused_total").await, 0);
    let mut byte = [0];
    let quiet = sigma_clock::timeout(Duration::from_millis(50), watching.read(&mut byte)).await;
    assert!(quiet.is_err(), "who is being served stays");
}

#[tokio::test]
async fn one_address_has_its_share_of_connections_unless_it_is_a_trusted_proxy() {
    let limits = Limits { connections_address: 2, ..Limits::default() };
    for trusted in [false, true] {
        let platform = Platform::made(limits.clone(), |parts| {
            if trusted {
                parts.trusted_proxies = vec!["127.0.0.0/8".parse().expect("a network")];
            }
        })
        .await;
        let mut held = Vec::new();
        for in_flight in 2..4 {
            let mut stream = TcpStream::connect(platform.address).await.expect("a connection");
            stream.write_all(b"GET /live/slow HTTP/1.1\r\nhost: x\r\n\r\n").await.expect("written");
            held.push(stream);
            if in_flight == 2 {
                platform.figure("sigma_http_requests_in_flight 2").await;
            }
        }
        sigma_clock::sleep(Duration::from_millis(100)).await;
        let answer = platform.get("/healthz").await;
        assert_eq!(answer.status, if trusted { 200 } else { 503 }, "{}", answer.text());
        assert!(trusted || answer.text().contains("your address has as many"), "{}", answer.text());
    }
}

#[tokio::test]
async fn one_viewer_more_than_may_is_refused_with_the_reason_and_who_watches_goes_on() {
    let platform = Platform::with(Limits { viewers: 1, ..Limits::default() }).await;
    let ask =
        async |program: &str, path: &str| platform.send("GET", path, &[("user-agent", program)], b"").await;
    assert_eq!(ask("first", "/live/x/index.m3u8").await.status, 200);
    for path in ["/live/x/index.m3u8", "/media/x/1.m4s"] {
        let refused = ask("second", path).await;
        assert_eq!((refused.status, refused.header("retry-after")), (503, Some("10")));
        let error = &refused.json()["error"];
        assert_eq!(error["code"], "UNAVAILABLE");
        assert_eq!(error["message"], "as many watch here as may at once");
    }
    assert_eq!(ask("first", "/media/x/1.m4s").await.status, 200);
    assert_eq!(ask("second", "/healthz").await.status, 200, "pages and API are no media");
    assert_eq!(figure(&platform, "sigma_viewers").await, 1);
    platform.figure("sigma_viewers_refused_total{reason=\"viewers\"} 2").await;
}

#[tokio::test]
async fn new_viewers_are_refused_while_the_server_lacks_what_they_need() {
    let pressure: Arc<Pressure> = Arc::default();
    let handed = Arc::clone(&pressure);
    let platform = Platform::made(Limits::default(), |parts| parts.pressure = handed).await;
    let ask = async |program: &str| platform.send("GET", "/live/x", &[("user-agent", program)], b"").await;
    assert_eq!(ask("first").await.status, 200);
    pressure.set_bandwidth(true);
    assert!(ask("second").await.text().contains("as much goes out here as may"));
    pressure.set_memory(true);
    assert!(ask("second").await.text().contains("short of memory"));
    assert_eq!(ask("first").await.status, 200);
    pressure.set_memory(false);
    pressure.set_bandwidth(false);
    assert_eq!(ask("second").await.status, 200);
}

#[tokio::test]
async fn who_takes_next_to_nothing_of_his_answer_is_cut_and_who_is_merely_slow_is_not() {
    let limits = Limits { slow_span: Duration::from_secs(1), slowest: 200_000, ..Limits::default() };
    let platform = Platform::with(limits).await;
    let take = async |bytes_a_tick: usize| {
        let mut stream = TcpStream::connect(platform.address).await.expect("a connection");
        let request = b"GET /live/large HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n";
        stream.write_all(request).await.expect("written");
        let mut taken = 0;
        let mut bytes = vec![0; bytes_a_tick];
        while let Ok(read @ 1..) = stream.read(&mut bytes).await {
            taken += read;
            // What a connection that was cut leaves in the kernel is of no interest.
            if bytes_a_tick < 1_024 && figure(&platform, "sigma_http_slow_clients_cut_total").await == 1 {
                break;
            }
            sigma_clock::sleep(Duration::from_millis(10)).await;
        }
        taken
    };
    let slow = sigma_clock::timeout(SOON * 2, take(20));
    let (slow, merely) = tokio::join!(slow, take(256 * 1024));
    let slow = slow.expect("cut in time");
    assert!(merely > LARGE, "{merely}");
    assert!(slow < LARGE / 2, "{slow}");
    assert_eq!(figure(&platform, "sigma_http_slow_clients_cut_total").await, 1);
}

#[tokio::test]
async fn an_answer_goes_out_whole_in_pieces() {
    let platform = Platform::start().await;
    let answer = platform.get("/live/large").await;
    assert_eq!(answer.header("content-length"), Some(LARGE.to_string().as_str()));
    assert_eq!(answer.body.len(), LARGE);
    let head = platform.raw(b"HEAD /live/large HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n").await;
    assert_eq!(read(&head).status, 200);
}
