//! `Idempotency-Key`: the same again gives the first answer and nothing new.

use serde_json::{Value, json};

use super::platform::Platform;

const CREATE: &str =
    "mutation($name: String!) { createChannel(input: { name: $name }) { channel { id name } streamKey } }";

async fn create(platform: &Platform, key: &str, name: &str) -> Value {
    let body = json!({ "query": CREATE, "variables": { "name": name } });
    let answer = platform.post(&[("idempotency-key", key)], &body).await;
    assert_eq!(answer.status, 200);
    answer.json()
}

async fn names(platform: &Platform) -> Value {
    platform.data("{ channels { nodes { name } } }", json!({})).await["channels"]["nodes"].take()
}

#[tokio::test]
async fn the_same_key_and_body_give_the_first_answer_with_its_secret() {
    let platform = Platform::start().await;
    let first = create(&platform, "k1", "a").await;
    assert!(first["data"]["createChannel"]["streamKey"].is_string(), "{first}");
    assert_eq!(create(&platform, "k1", "a").await, first);
    assert_ne!(create(&platform, "k2", "a").await, first);
    assert_eq!(names(&platform).await, json!([{ "name": "a" }, { "name": "a" }]));
}

#[tokio::test]
async fn copies_that_arrive_together_make_one_channel() {
    let platform = Platform::start().await;
    let (a, b, c) =
        tokio::join!(create(&platform, "k", "a"), create(&platform, "k", "a"), create(&platform, "k", "a"));
    assert!(a == b && b == c, "{a}\n{b}\n{c}");
    assert_eq!(names(&platform).await, json!([{ "name": "a" }]));
}

#[tokio::test]
async fn the_same_key_with_another_body_is_a_conflict() {
    let platform = Platform::start().await;
    create(&platform, "k", "a").await;
    let answer = create(&platform, "k", "b").await;
    assert_eq!(answer["errors"][0]["extensions"]["code"], "CONFLICT", "{answer}");
    assert_eq!(names(&platform).await, json!([{ "name": "a" }]));
}

#[tokio::test]
async fn a_request_with_a_key_holds_one_mutation_field() {
    let platform = Platform::start().await;
    let two = "mutation { a: createChannel(input: { name: \"a\" }) { streamKey } ...M } \
        fragment M on Mutation { b: createChannel(input: { name: \"b\" }) { streamKey } }";
    let answer = platform.post(&[("idempotency-key", "k")], &json!({ "query": two })).await.json();
    assert_eq!(answer["errors"][0]["extensions"]["code"], "BAD_INPUT", "{answer}");
    assert_eq!(names(&platform).await, json!([]));
    let query = json!({ "query": "{ channels { nodes { name } } }" });
    assert_eq!(platform.post(&[("idempotency-key", "k")], &query).await.json()["errors"], json!(null));
}

#[tokio::test]
async fn a_key_that_cannot_be_one_is_refused_by_name() {
    let platform = Platform::start().await;
    for key in ["", "a b", &"x".repeat(256)] {
        let answer = create(&platform, key, "a").await;
        assert_eq!(answer["errors"][0]["extensions"]["fields"][0]["path"], "Idempotency-Key", "{answer}");
    }
}

#[tokio::test]
async fn a_secret_that_is_shown_once_is_shown_again_to_who_asks_the_same_again() {
    let platform = Platform::start().await;
    let create = "mutation { createApiToken(input: { name: \"CI\", scopes: [\"channels:read\"] }) { secret token { id } } }";
    let body = json!({ "query": create });
    let first = platform.post(&[("idempotency-key", "k")], &body).await.json();
    assert!(first["data"]["createApiToken"]["secret"].is_string(), "{first}");
    assert_eq!(platform.post(&[("idempotency-key", "k")], &body).await.json(), first);
    let listed = platform.data("{ apiTokens { id } }", json!({})).await;
    assert_eq!(listed["apiTokens"].as_array().map(Vec::len), Some(1), "{listed}");
    let project = json!({ "query": "mutation { createProject(name: \"x\") { project { id } } }" });
    let first = platform.post(&[("idempotency-key", "p")], &project).await.json();
    assert_eq!(platform.post(&[("idempotency-key", "p")], &project).await.json(), first);
}

#[tokio::test]
async fn a_key_stands_for_its_own_token_only() {
    let platform = Platform::start().await;
    let token = platform.token(&["channels:write", "channels:secrets"], None).await;
    let authorization = format!("Bearer {token}");
    let body = json!({ "query": CREATE, "variables": { "name": "theirs" } });
    let theirs =
        platform.post(&[("idempotency-key", "k"), ("authorization", &authorization)], &body).await.json();
    let ours = create(&platform, "k", "theirs").await;
    assert!(theirs["data"].is_object() && ours["data"].is_object(), "{theirs} {ours}");
    assert_ne!(theirs, ours);
}

#[tokio::test]
async fn a_mutation_that_asks_twice_under_one_name_makes_nothing() {
    let platform = Platform::start().await;
    let twice = "mutation { ...M ...M } \
        fragment M on Mutation { createChannel(input: { name: \"a\" }) { channel { id } } }";
    for headers in [&[][..], &[("idempotency-key", "k")][..]] {
        let answer = platform.post(headers, &json!({ "query": twice })).await.json();
        assert_eq!(answer["errors"][0]["extensions"]["code"], "BAD_INPUT", "{answer}");
        assert_eq!(names(&platform).await, json!([]));
    }
}
