//! What an operator sees: readiness, figures, log lines that belong together.

use std::process::Command;

use end_to_end::{Broadcast, Clip, Platform, Start, binary, eventually};
use serde_json::{Value, json};

use crate::{SOON, join, session_is};

#[tokio::test]
async fn a_request_is_found_in_the_log_by_its_trace() {
    let flags = ["--log-format", "json"].map(str::to_owned).to_vec();
    let mut platform = Platform::start(Start { flags, ..Start::default() }).await;
    let trace = "4bf92f3577b34da6a3ce929d0e0e4736";
    let request = platform
        .client()
        .post(platform.url("/graphql"))
        .bearer_auth(platform.admin_token())
        .header("traceparent", format!("00-{trace}-00f067aa0ba902b7-01"))
        .json(&json!({"query": "query Mine { me { name } }"}));
    let answer = request.send().await.expect("an answer");
    let id = answer.headers()["x-request-id"].to_str().expect("text").to_owned();
    platform.terminate().await;
    let log = platform.log();
    let lines: Vec<Value> = log
        .lines()
        .map(|line| serde_json::from_str(line).unwrap_or_else(|_| panic!("no JSON: {line}")))
        .collect();
    let line = lines.iter().find(|line| line.to_string().contains(&id)).expect("a line of the request");
    let text = line.to_string();
    assert!(text.contains(trace), "{line:#}");
    assert!(text.contains("Mine"), "{line:#}");
}

#[tokio::test]
async fn settings_are_told_with_where_they_came_from_and_without_secrets() {
    let folder = tempfile::tempdir().expect("a folder");
    std::fs::write(folder.path().join("sigma.toml"), "ingest-silence = 7\n").expect("written");
    let output = std::process::Command::new(binary())
        .args(["serve", "--print-config", "--http", "127.0.0.1:9999"])
        .env("SIGMA_ADMIN_TOKEN", "a-secret-of-an-operator")
        .current_dir(folder.path())
        .output()
        .expect("it runs");
    let words = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success(), "{words}{}", String::from_utf8_lossy(&output.stderr));
    let line = |name: &str| {
        words
            .lines()
            .find(|line| line.trim_start().starts_with(name))
            .unwrap_or_else(|| panic!("{name} is not told:\n{words}"))
    };
    assert!(line("http ").contains("127.0.0.1:9999") && line("http ").contains("--http"), "{words}");
    assert!(line("ingest-silence").contains('7') && line("ingest-silence").contains("sigma.toml"), "{words}");
    assert!(line("rtmp ").contains("default"), "{words}");
    assert!(!words.contains("a-secret-of-an-operator"), "{words}");
}

#[tokio::test]
async fn the_platforms_own_health_is_the_same_in_the_api_and_at_readyz() {
    let platform = Platform::start(Start::default()).await;
    let (_, ready) = platform.readiness().await;
    let health = platform
        .graphql("{ health { status version components { name status } projections { name lag parked } settings { name value source } } }", json!({}))
        .await;
    let named = |list: &Value| -> Vec<String> {
        list.as_array()
            .expect("a list")
            .iter()
            .map(|one| one["name"].as_str().expect("a name").to_owned())
            .collect()
    };
    assert_eq!(named(health.get("/health/components")), named(&ready["components"]));
    assert_eq!(health.get("/health/status"), &json!("READY"));
    assert!(!health.body.to_string().contains(&platform.admin_token()));
    let settings = named(health.get("/health/settings"));
    assert!(settings.iter().any(|name| name == "http"), "{settings:?}");
}

#[tokio::test]
async fn where_recordings_have_used_up_their_room_a_broadcast_goes_on_air_and_is_not_recorded() {
    let flags = ["--recordings-limit", "1"].map(str::to_owned).to_vec();
    let mut platform = Platform::start(Start { flags, ..Start::default() }).await;
    assert_eq!(platform.readiness().await.1["status"], "ready");
    let old = platform.data_dir().join("live/se_old");
    std::fs::create_dir_all(&old).expect("a folder");
    let reserve = |bytes: &str| {
        let status = Command::new("fallocate").arg("-l").arg(bytes).arg(old.join("0.m4s")).status();
        assert!(status.expect("fallocate").success());
    };
    for (bytes, percent, told) in [("850MB", "85", "at 100 %"), ("1GB", "100", "not recorded")] {
        reserve(bytes);
        platform.kill();
        platform.launch().await;
        let media = eventually("the media component to tell", SOON, || async {
            let (_, told) = platform.readiness().await;
            let parts = told["components"].as_array().expect("a list").clone();
            parts.into_iter().find(|part| part["name"] == "media" && part["status"] == "degraded")
        })
        .await;
        let message = media["message"].as_str().expect("text");
        assert!(message.contains(&format!("{percent} %")) && message.contains(told), "{message}");
    }
    assert!(platform.figure("sigma_recordings_bytes").await.expect("a figure") >= 1_000_000_000);
    let channel = platform.create_channel("Full", json!({"latencyMode": "ULTRA_LOW"})).await;
    let broadcast = Broadcast::push(&platform.push_url(&channel.key), Clip::default());
    let mut viewer = join(&platform, &channel.playback_id).await;
    viewer.follow(SOON, |viewer| viewer.seen.len() >= 2).await;
    broadcast.stop();
    session_is(&platform, &channel.id, "ENDED").await;
    let asked = "query($id: ID!) { assets(channelId: $id) { nodes { kind } } }";
    assert_eq!(platform.graphql(asked, json!({ "id": channel.id })).await.get("/assets/nodes"), &json!([]));
}
