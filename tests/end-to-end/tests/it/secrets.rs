//! No secret in any log: a whole run at its most talkative, searched for every secret that it made.

use std::time::Duration;

use end_to_end::{Broadcast, Clip, Platform, Start, Viewer};
use serde_json::{Value, json};

use crate::{SOON, join, session_is, spoiled};

async fn post(platform: &Platform, path: &str, bearer: &str, body: &Value) -> Value {
    let request = platform.client().post(platform.url(path)).bearer_auth(bearer).json(body);
    request.send().await.expect("an answer").json().await.unwrap_or_default()
}

#[tokio::test]
async fn a_whole_run_logs_none_of_its_secrets() {
    let flags = ["--log", "trace", "--log-format", "json"].map(str::to_owned).to_vec();
    let mut platform = Platform::start(Start { flags, ..Start::default() }).await;
    let mut secrets = vec![platform.admin_token()];
    let master = std::fs::read_to_string(platform.data_dir().join("master-key")).expect("the master key");
    secrets.push(master.trim().to_owned());

    // Keys: made, shown, rotated; published with, rightly and wrongly.
    let channel = platform.create_channel("Secret", json!({ "latencyMode": "ULTRA_LOW" })).await;
    secrets.push(channel.key.clone());
    let shown = "query($id: ID!) { channel(id: $id) { ingest { streamKey } } }";
    assert_eq!(
        platform.graphql(shown, json!({ "id": channel.id })).await.text("/channel/ingest/streamKey"),
        channel.key
    );
    let rotate = "mutation($id: ID!) { rotateStreamKey(channelId: $id, overlapSeconds: 600) { streamKey } }";
    secrets
        .push(platform.graphql(rotate, json!({ "id": channel.id })).await.text("/rotateStreamKey/streamKey"));
    let wrong = "wrong-key-that-nobody-knows-0123456789".to_owned();
    let _refused = Broadcast::push(&platform.push_url(&wrong), Clip::default());
    secrets.push(wrong);
    let broadcast = Broadcast::push(&platform.push_url(&channel.key), Clip::default());
    let mut viewer: Viewer = join(&platform, &channel.playback_id).await;
    viewer.follow(SOON, |viewer| viewer.seen.len() >= 2).await;

    // Tokens: made, used, used wrongly, in a header and in an address.
    let make = "mutation { createApiToken(input: { name: \"x\", scopes: [\"sessions:read\"] }) { secret } }";
    let token = platform.graphql(make, json!({})).await.text("/createApiToken/secret");
    let body = json!({ "query": "{ sessions { nodes { id } } }" });
    let answer = post(&platform, "/graphql", &token, &body).await;
    let session = answer["data"]["sessions"]["nodes"][0]["id"].as_str().expect("a session").to_owned();
    let preview = platform.url(&format!("/preview/{session}/index.m3u8?token={token}"));
    let preview = platform.client().get(preview).send().await.expect("an answer");
    assert_eq!(preview.status(), 200);
    let spoiled = spoiled(&token);
    assert!(post(&platform, "/graphql", &spoiled, &body).await["errors"].is_array());
    secrets.push(token.clone());
    secrets.push(spoiled);

    // A cookie.
    let signed_in = platform.client().post(platform.url("/auth/sign-in")).json(&json!({ "token": token }));
    let signed_in = signed_in.send().await.expect("an answer");
    let cookie = signed_in.headers()["set-cookie"].to_str().expect("a cookie").to_owned();
    let cookie = cookie.split(';').next().and_then(|pair| pair.split_once('=')).expect("a pair").1.to_owned();
    let with_cookie = platform.client().get(platform.url(&format!("/preview/{session}/index.m3u8")));
    let with_cookie = with_cookie.header("cookie", format!("sigma_session={cookie}")).send().await;
    assert_eq!(with_cookie.expect("an answer").status(), 200);
    secrets.push(cookie);

    broadcast.stop();
    session_is(&platform, &channel.id, "ENDED").await;
    let (status, took) = platform.terminate().await;
    assert!(status.success() && took < Duration::from_secs(5), "{status} after {took:?}");

    let log = platform.log();
    assert!(log.lines().count() > 40, "it was talkative:\n{log}");
    for secret in secrets {
        let line = log.lines().find(|line| line.contains(&secret));
        assert!(line.is_none(), "a secret stands in the log: {}", line.unwrap_or_default());
    }
}
