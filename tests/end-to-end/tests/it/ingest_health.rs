//! What a broadcaster is told of his feed, seen with real encoders.

use end_to_end::{Broadcast, Clip, Platform, Start, eventually};
use serde_json::{Value, json};
use std::time::Duration;

use crate::{SOON, session_is};

/// 10 s until it counts, on a busy machine.
const RAISED: Duration = Duration::from_secs(60);

const SESSION: &str = "query($id: ID!) { sessions(channelId: $id, first: 1) { nodes { id \
    health { at videoBitrate audioBitrate frameRate keyFrameInterval behindMs queueMs droppedFrames warnings { name message since } } \
    recentHealth(seconds: 60) { at } timeline { type message data } } } }";

async fn session(platform: &Platform, channel: &str) -> Value {
    platform.graphql(SESSION, json!({ "id": channel })).await.get("/sessions/nodes/0").clone()
}

#[tokio::test]
async fn a_feed_whose_key_frames_are_too_far_apart_is_told_how_to_mend_it() {
    let platform = Platform::start(Start::default()).await;
    let channel = platform.create_channel("Long GOP", json!({"latencyMode": "ULTRA_LOW"})).await;
    let eight_seconds = Clip { gop: 240, ..Clip::default() };
    let _broadcast = Broadcast::push(&platform.push_url(&channel.key), eight_seconds);
    let warned = eventually("the warning", RAISED, || async {
        let found = platform.graphql(SESSION, json!({ "id": channel.id })).await;
        let health = found.body.pointer("/data/sessions/nodes/0/health")?.clone();
        let warnings = health["warnings"].as_array()?.clone();
        warnings.into_iter().find(|warning| warning["name"] == "KEY_FRAME_INTERVAL_LONG")
    })
    .await;
    let message = warned["message"].as_str().expect("a sentence");
    assert!(message.contains('8') && message.contains("Keyframe Interval"), "{message}");
    let after = eventually("the warning in the timeline", SOON, || async {
        let session = session(&platform, &channel.id).await;
        let entries = session["timeline"].as_array().expect("entries").clone();
        entries.into_iter().find(|entry| entry["type"] == "health.warning_raised")
    })
    .await;
    assert_eq!(after["data"]["name"], "KEY_FRAME_INTERVAL_LONG", "{after:#}");
    let events = "{ events(type: \"health.warning_raised\") { nodes { type aggregateId } } }";
    assert!(
        !platform
            .graphql(events, json!({}))
            .await
            .get("/events/nodes")
            .as_array()
            .expect("a list")
            .is_empty()
    );
}

#[tokio::test]
async fn a_good_feed_is_measured_every_second_and_not_warned_of() {
    let platform = Platform::start(Start::default()).await;
    let channel = platform.create_channel("Good", json!({"latencyMode": "ULTRA_LOW"})).await;
    let _broadcast = Broadcast::push(&platform.push_url(&channel.key), Clip::default());
    session_is(&platform, &channel.id, "LIVE").await;
    let id = session(&platform, &channel.id).await["id"].clone();
    let follow = "subscription($id: ID!) { sessionHealth(id: $id) { at videoBitrate audioBitrate frameRate keyFrameInterval droppedFrames warnings { name } } }";
    let mut samples = platform.subscribe(&platform.admin_token(), follow, json!({ "id": id })).await;
    let mut newest = Value::Null;
    for _ in 0..14 {
        let answer =
            sigma_clock::timeout(SOON, samples.next()).await.expect("a sample in time").expect("a sample");
        newest = answer["data"]["sessionHealth"].clone();
    }
    let frame_rate = newest["frameRate"].as_f64().expect("a rate");
    assert!((28.0..32.0).contains(&frame_rate), "{newest:#}");
    let interval = newest["keyFrameInterval"].as_f64().expect("an interval");
    assert!((0.9..1.1).contains(&interval), "{newest:#}");
    assert_eq!(newest["droppedFrames"], json!(0), "{newest:#}");
    assert_eq!(newest["warnings"], json!([]), "{newest:#}");
    let session = session(&platform, &channel.id).await;
    assert!(session["recentHealth"].as_array().expect("samples").len() >= 10, "{session:#}");
}
