//! `POST /graphql` with `Accept: text/event-stream`: answers as server-sent events.

use serde_json::json;

use super::platform::{Answer, Platform, read};

const EVENTS: (&str, &str) = ("accept", "text/event-stream");

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

#[test]
fn a_chunked_body_is_read() {
    let answer = read(b"HTTP/1.1 200 OK\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n");
    assert_eq!(unchunked(&answer), "abcde");
}
