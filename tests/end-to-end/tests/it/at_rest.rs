//! No secret that a run made stands in clear in its data folder, nor in its log.

use std::fs;
use std::path::{Path, PathBuf};

use end_to_end::{Broadcast, Clip, Platform, Start};
use serde_json::json;

use crate::session_is;

fn files(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).expect("a folder").flatten() {
        let path = entry.path();
        if path.is_dir() { files(&path, found) } else { found.push(path) }
    }
}

fn holds(bytes: &[u8], secret: &str) -> bool {
    bytes.windows(secret.len()).any(|window| window == secret.as_bytes())
}

#[tokio::test]
async fn no_secret_of_a_whole_run_stands_in_clear_on_disk() {
    let mut platform =
        Platform::start(Start { flags: ["--log", "debug"].map(str::to_owned).to_vec(), ..Start::default() })
            .await;
    let mut secrets = vec![("the admin token", platform.admin_token())];
    let channel = platform.create_channel("Secretive", json!({"autoGoLive": false})).await;
    secrets.push(("a stream key", channel.key.clone()));
    let rotate = "mutation($id: ID!) { rotateStreamKey(channelId: $id, overlapSeconds: 600) { streamKey } }";
    let rotated =
        platform.graphql(rotate, json!({ "id": channel.id })).await.text("/rotateStreamKey/streamKey");
    secrets.push(("a rotated key", rotated.clone()));
    let (_, token) =
        platform.create_token("a token", json!({"scopes": ["sessions:read", "channels:read"]})).await;
    secrets.push(("an API token", token.clone()));
    let shown = "query($id: ID!) { channel(id: $id) { ingest { streamKey } } }";
    platform.graphql(shown, json!({ "id": channel.id })).await.get("/channel");

    // Doors that a secret is brought to: the right ones and the wrong ones.
    let _broadcast = Broadcast::push(&platform.push_url(&rotated), Clip::default());
    session_is(&platform, &channel.id, "PROCESSING").await;
    let session = platform.sessions(&channel.id).await.remove(0)["id"].as_str().expect("an id").to_owned();
    let preview = platform.url(&format!("/preview/{session}/index.m3u8?token={token}"));
    platform.client().get(preview).send().await.expect("an answer");
    let wrong = "wrong-stream-key-that-nobody-has";
    secrets.push(("a wrong key", wrong.to_owned()));
    Broadcast::push(&platform.push_url(wrong), Clip::default()).last_words();
    let sign_in = platform.client().post(platform.url("/auth/sign-in")).json(&json!({ "token": token }));
    let cookie = sign_in.send().await.expect("an answer");
    assert_eq!(cookie.status(), 204);
    let cookie = cookie.headers()["set-cookie"].to_str().expect("text").to_owned();
    let cookie =
        cookie.split(';').next().and_then(|pair| pair.split_once('=')).expect("a cookie").1.to_owned();
    secrets.push(("a cookie", cookie));
    platform.graphql_as(Some("sgm_notatokenatall0123456789"), "{ me { name } }", json!({})).await;
    let key = "an-idempotency-key";
    let again = platform
        .client()
        .post(platform.url("/graphql"))
        .bearer_auth(platform.admin_token())
        .header("idempotency-key", key);
    let again = again.json(&json!({"query": "mutation { createApiToken(input: {name: \"kept\", scopes: [\"channels:read\"]}) { secret } }"}));
    let answer: serde_json::Value = again.send().await.expect("an answer").json().await.expect("JSON");
    secrets.push((
        "a kept answer",
        answer["data"]["createApiToken"]["secret"].as_str().expect("a secret").to_owned(),
    ));
    platform.terminate().await;

    let log = platform.log();
    let mut kept = Vec::new();
    files(&platform.data_dir(), &mut kept);
    for (what, secret) in &secrets {
        assert!(!log.contains(secret.as_str()), "{what} stands in the log");
        for file in kept.iter().filter(|file| file.file_name().is_none_or(|name| name != "admin-token")) {
            assert!(!holds(&fs::read(file).expect("a file"), secret), "{what} stands in {}", file.display());
        }
    }
}
