//! What one request, one batch and one caller may ask, through the door.

use std::time::Duration;

use serde_json::{Value, json};
use sigma_api::http::{Limits, Parts};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::feeds::Held;
use super::platform::{Answer, Platform, TOKEN};

fn code(answer: &Value) -> &Value {
    &answer["errors"][0]["extensions"]["code"]
}

fn trust_this_machine(parts: &mut Parts) {
    parts.trusted_proxies = vec!["127.0.0.0/8".parse().expect("a network")];
}

#[tokio::test]
async fn what_costs_too_much_is_refused_with_its_reason_and_mend() {
    let platform = Platform::start().await;
    let aliases: String = (0..10_000).map(|n| format!("a{n}: __typename ")).collect();
    let deep = format!("{}x{}", "{ a ".repeat(50), " }".repeat(50));
    let lists = format!("{{ a(b: {}1{}) }}", "[".repeat(100_000), "]".repeat(100_000));
    let brackets = "{a".repeat(200_000);
    let schema = "{ __schema { types { fields { type { fields { type { fields { type { fields { name } } } } } } } } } }";
    for query in [format!("{{ {aliases} }}"), deep, lists, brackets, schema.to_owned()] {
        let answer = platform.ask(&query, json!({})).await;
        assert_eq!(code(&answer), "TOO_COMPLEX", "{answer}");
        let message = answer["errors"][0]["message"].as_str().expect("a message");
        assert!(message.contains("ask for less") && message.len() < 300, "{message}");
    }
    let circle = "{ ...F } fragment F on Query { channels { nodes { name } } ...F }";
    assert_eq!(code(&platform.ask(circle, json!({})).await), "BAD_INPUT");
    assert_eq!(platform.ask("{ __typename }", json!({})).await["data"], json!({ "__typename": "Query" }));
}

#[tokio::test]
async fn what_tools_ask_of_the_schema_is_answered() {
    let platform = Platform::start().await;
    let query = "{ __schema { types { kind name fields(includeDeprecated: true) { name args { name type { kind name \
        ofType { kind name ofType { kind name ofType { kind name } } } } } type { kind name ofType { kind name } } } } } }";
    let answer = platform.ask(query, json!({})).await;
    assert!(answer["data"]["__schema"]["types"].as_array().is_some_and(|types| types.len() > 20), "{answer}");
}

#[tokio::test]
async fn a_body_that_is_too_large_is_refused_whether_it_comes_or_not() {
    let limits = Limits { body_timeout: Duration::from_secs(2), ..Limits::default() };
    let platform = Platform::with(limits).await;
    let head = format!(
        "POST /graphql HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {TOKEN}\r\ncontent-type: application/json\r\n\
         content-length: 52428800\r\nconnection: close\r\n\r\n"
    );
    let answer = super::platform::read(&platform.raw(head.as_bytes()).await);
    assert_eq!((answer.status, code(&answer.json())), (413, &json!("TOO_LARGE")));
    let unannounced = format!(
        "POST /graphql HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {TOKEN}\r\ncontent-type: application/json\r\n\
         transfer-encoding: chunked\r\nconnection: close\r\n\r\n200000\r\n{}",
        " ".repeat(0x20_0000)
    );
    let answer = super::platform::read(&platform.raw(unannounced.as_bytes()).await);
    assert_eq!((answer.status, code(&answer.json())), (413, &json!("TOO_LARGE")));
}

#[tokio::test]
async fn who_sends_all_before_he_reads_hears_why_it_is_refused() {
    let platform = Platform::start().await;
    for (kind, status) in [("application/json", 413), ("text/plain", 400)] {
        let bearer = format!("Bearer {TOKEN}");
        let headers = [("content-type", kind), ("authorization", bearer.as_str())];
        // Fails where the other side closes before all is written.
        let answer = platform.send("POST", "/graphql", &headers, &vec![b' '; 52_428_800]).await;
        assert_eq!(answer.status, status, "{}", answer.text());
    }
}

#[tokio::test]
async fn who_waits_to_be_told_to_go_on_is_refused_at_once() {
    let limits = Limits { body_timeout: Duration::from_secs(600), ..Limits::default() };
    let platform = Platform::with(limits).await;
    let head = format!(
        "POST /graphql HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {TOKEN}\r\ncontent-type: application/json\r\n\
         content-length: 52428800\r\nexpect: 100-continue\r\n\r\n"
    );
    let answer = sigma_clock::timeout(Duration::from_secs(20), platform.raw(head.as_bytes())).await;
    let answer = super::platform::read(&answer.expect("no wait for a body that does not come"));
    assert_eq!((answer.status, answer.header("connection")), (413, Some("close")));
}

#[tokio::test]
async fn bodies_have_a_common_bound() {
    let limits = Limits { body_bytes: 1_000, bodies_bytes: 1_000, ..Limits::default() };
    let platform = Platform::with(limits).await;
    let query = json!({ "query": "{ __typename }", "extensions": "x".repeat(200) });
    let part = format!(
        "POST /graphql HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {TOKEN}\r\ncontent-type: application/json\r\n\
         content-length: 1000\r\n\r\n{}",
        " ".repeat(900)
    );
    let mut held = TcpStream::connect(platform.address).await.expect("a connection");
    held.write_all(part.as_bytes()).await.expect("written");
    let mut answer = platform.post(&[], &query).await;
    for _ in 0..400 {
        if answer.status == 503 {
            break;
        }
        answer = platform.post(&[], &query).await;
    }
    assert_eq!((answer.status, answer.header("retry-after")), (503, Some("1")));
    assert_eq!(code(&answer.json()), "UNAVAILABLE");
    drop(held);
    for _ in 0..400 {
        answer = platform.post(&[], &query).await;
        if answer.status == 200 {
            return;
        }
    }
    panic!("the room of a body that broke off was not given back");
}

#[tokio::test]
async fn a_request_is_counted_before_its_body_is_read() {
    let platform = Platform::with(Limits { requests_token: 1, ..Limits::default() }).await;
    let head = format!(
        "POST /graphql HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {TOKEN}\r\ncontent-type: application/json\r\n\
         content-length: 1000\r\nexpect: 100-continue\r\n\r\n"
    );
    let (mut held, mut refused) = (Vec::new(), 0);
    for _ in 0..10 {
        let mut stream = TcpStream::connect(platform.address).await.expect("a connection");
        stream.write_all(head.as_bytes()).await.expect("written");
        let mut status = [0; 12];
        stream.read_exact(&mut status).await.expect("a status");
        refused += usize::from(&status == b"HTTP/1.1 429");
        held.push(stream);
    }
    assert!((5..=8).contains(&refused), "{refused}");
}

#[tokio::test]
async fn an_address_that_sent_too_much_waits_with_all_that_was_not_good_of_late() {
    let limits = Limits { requests_address: 1, ..Limits::default() };
    let platform = Platform::made(limits, trust_this_machine).await;
    let token = platform.token(&["channels:read"], None).await;
    let bearer = format!("Bearer {token}");
    let as_from = |address: &'static str| [("authorization", bearer.as_str()), ("x-forwarded-for", address)];
    let wrong = [("authorization", "Bearer wrong"), ("x-forwarded-for", "192.0.2.1")];
    let ask = json!({ "query": "{ __typename }" });
    assert!(refused(&platform, &wrong, 10).await.0 >= 5);
    let answer = platform.post(&as_from("192.0.2.1"), &ask).await;
    assert_eq!((answer.status, code(&answer.json())), (429, &json!("RATE_LIMITED")));
    // Overdrawn anew, for a second gives one request back.
    assert!(refused(&platform, &wrong, 10).await.0 >= 5);
    let path = format!("/preview/ss_1/index.m3u8?token={token}");
    let preview = platform.send("GET", &path, &[("x-forwarded-for", "192.0.2.1")], b"").await;
    assert_eq!((preview.status, preview.header("retry-after")), (429, Some("1")));
    assert_eq!(platform.post(&as_from("192.0.2.2"), &ask).await.status, 200);
    assert!(refused(&platform, &wrong, 10).await.0 >= 5);
    assert_eq!(platform.post(&as_from("192.0.2.1"), &ask).await.status, 200);
    assert_eq!(platform.send("GET", &path, &[("x-forwarded-for", "192.0.2.1")], b"").await.status, 200);
}

#[tokio::test]
async fn previews_that_are_refused_count_for_their_address() {
    let limits = Limits { requests_address: 1, ..Limits::default() };
    let platform = Platform::made(limits, trust_this_machine).await;
    let from = [("x-forwarded-for", "192.0.2.1"), ("authorization", "Bearer wrong")];
    let mut statuses = Vec::new();
    for _ in 0..6 {
        statuses.push(platform.send("GET", "/preview/none/index.m3u8", &from, b"").await.status);
    }
    assert!(statuses.starts_with(&[401, 401]) && statuses.contains(&429), "{statuses:?}");
}

#[tokio::test]
async fn a_body_that_does_not_come_is_given_up() {
    let platform =
        Platform::with(Limits { body_timeout: Duration::from_millis(200), ..Limits::default() }).await;
    let head = format!(
        "POST /graphql HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {TOKEN}\r\ncontent-type: application/json\r\n\
         content-length: 100\r\nconnection: close\r\n\r\n{{"
    );
    let answer = super::platform::read(&platform.raw(head.as_bytes()).await);
    assert_eq!((answer.status, code(&answer.json())), (400, &json!("BAD_INPUT")));
}

#[tokio::test]
async fn a_batch_is_answered_in_order_and_no_longer_than_its_limit() {
    let platform = Platform::start().await;
    let create = |name: &str| json!({ "query": "mutation($n: String!) { createChannel(input: { name: $n }) { channel { name } } }", "variables": { "n": name } });
    let list =
        json!([create("a"), { "query": "{ nothing }" }, { "query": "{ channels { nodes { name } } }" }]);
    let answer = platform.post(&[], &list).await;
    assert_eq!(answer.status, 200);
    let answers = answer.json();
    assert_eq!(answers[0]["data"]["createChannel"]["channel"]["name"], "a");
    assert_eq!(code(&answers[1]), "BAD_INPUT");
    assert_eq!(answers[2]["data"]["channels"]["nodes"], json!([{ "name": "a" }]));
    for (count, status) in [(10, 200), (11, 413), (1_000, 413)] {
        let list = json!(vec![json!({ "query": "{ __typename }" }); count]);
        let answer = platform.post(&[], &list).await;
        assert_eq!(answer.status, status, "{count}");
        if status != 200 {
            assert_eq!(code(&answer.json()), "TOO_COMPLEX", "{count}");
        }
    }
    assert_eq!(platform.post(&[], &json!([])).await.status, 400);
}

#[tokio::test]
async fn an_idempotency_key_stands_for_no_batch() {
    let platform = Platform::start().await;
    let list = json!([{ "query": "mutation { createChannel(input: { name: \"a\" }) { streamKey } }" }]);
    let answer = platform.post(&[("idempotency-key", "k")], &list).await.json();
    assert_eq!(answer["errors"][0]["extensions"]["fields"][0]["path"], "Idempotency-Key");
    let names = platform.data("{ channels { nodes { name } } }", json!({})).await;
    assert_eq!(names["channels"]["nodes"], json!([]));
}

#[tokio::test]
async fn a_request_that_finds_no_turn_in_time_is_given_up_and_nothing_of_it_runs() {
    let limits = Limits { executions: 1, request_timeout: Duration::from_secs(2), ..Limits::default() };
    let platform = Platform::with(limits).await;
    let (_, key) = platform.channel("ours").await;
    let session = platform.on_air(&key).await;
    let processing = |data: &Value| data["sessions"]["nodes"][0]["state"] == "PROCESSING";
    platform.until("{ sessions { nodes { state } } }", json!({}), processing).await;
    let Held { came, release } = platform.feeds.hold();
    let first =
        platform.ask("query($id: ID!) { session(id: $id) { health { at } } }", json!({ "id": session }));
    let second = async {
        came.await.expect("the first has its turn");
        platform.ask("mutation { createChannel(input: { name: \"late\" }) { streamKey } }", json!({})).await
    };
    let (first, second) = tokio::join!(first, second);
    for answer in [first, second] {
        assert_eq!(code(&answer), "UNAVAILABLE", "{answer}");
        let message = answer["errors"][0]["message"].as_str().expect("a message");
        assert!(message.ends_with("took longer than 2 s and was given up"), "{message}");
    }
    drop(release);
    let names = platform.data("{ channels { nodes { name } } }", json!({})).await;
    assert_eq!(names["channels"]["nodes"], json!([{ "name": "ours" }]));
}

/// How many of `count` requests at once are refused for their rate.
async fn refused(platform: &Platform, headers: &[(&str, &str)], count: usize) -> (usize, Vec<Answer>) {
    let asks =
        (0..count).map(|_| async { platform.post(headers, &json!({ "query": "{ __typename }" })).await });
    let answers = futures_util::future::join_all(asks).await;
    let (refused, rest): (Vec<Answer>, Vec<Answer>) =
        answers.into_iter().partition(|answer| answer.status == 429);
    for answer in &refused {
        assert_eq!(code(&answer.json()), "RATE_LIMITED");
        let wait: u64 = answer.header("retry-after").and_then(|text| text.parse().ok()).expect("seconds");
        assert!((1..=2).contains(&wait), "{wait}");
    }
    (refused.len(), rest)
}

#[tokio::test]
async fn each_token_may_ask_so_often_and_twice_in_a_burst() {
    let platform = Platform::with(Limits { requests_token: 2, ..Limits::default() }).await;
    let (limited, rest) = refused(&platform, &[], 40).await;
    assert!(limited >= 20 && rest.len() >= 4, "{limited}");
    assert!(rest.iter().all(|answer| answer.json()["data"]["__typename"] == "Query"));
    let text = platform.get("/metrics").await.text();
    assert!(text.contains(&format!("sigma_http_rate_limited_total{{by=\"token\"}} {limited}\n")), "{text}");
}

#[tokio::test]
async fn who_has_no_token_is_counted_by_his_address() {
    let limits = Limits { requests_address: 2, ..Limits::default() };
    let platform = Platform::made(limits, trust_this_machine).await;
    let from = |address: &'static str| [("authorization", "Bearer wrong"), ("x-forwarded-for", address)];
    let (limited, rest) = refused(&platform, &from("192.0.2.1"), 40).await;
    assert!(limited >= 20 && rest.len() >= 4, "{limited}");
    assert!(rest.iter().all(|answer| code(&answer.json()) == "UNAUTHENTICATED"));
    assert_eq!(refused(&platform, &from("192.0.2.2"), 2).await.0, 0);
    // A good token is not held back by what others at its address do.
    assert_eq!(refused(&platform, &[("x-forwarded-for", "192.0.2.1")], 10).await.0, 0);
}

#[tokio::test]
async fn a_batch_counts_as_the_requests_that_it_holds() {
    let platform = Platform::with(Limits { requests_token: 1, ..Limits::default() }).await;
    let list = json!(vec![json!({ "query": "{ __typename }" }); 10]);
    let answers = platform.post(&[], &list).await.json();
    let answers = answers.as_array().expect("answers");
    let limited = answers.iter().filter(|answer| code(answer) == "RATE_LIMITED").count();
    assert!((5..=8).contains(&limited), "{limited}");
}
