//! Real players: ffprobe, GStreamer and Chromium.

use std::path::Path;
use std::process::{Command, Output};

use end_to_end::{Broadcast, Clip, Platform, Start};
use serde_json::{Value, json};

use crate::join;

/// Runs a player off the async threads, so that the test goes on serving its own clients.
async fn play(mut command: Command) -> Output {
    let name = format!("{command:?}");
    let run = tokio::task::spawn_blocking(move || command.output());
    run.await.expect("no panic").unwrap_or_else(|error| panic!("{name}: {error}"))
}

#[tokio::test]
async fn ffprobe_and_gstreamer_play_all_three_modes() {
    let platform = Platform::start(Start::default()).await;
    let mut on_air = Vec::new();
    for mode in ["ULTRA_LOW", "LOW", "NORMAL"] {
        let channel = platform.create_channel(mode, json!({ "latencyMode": mode })).await;
        on_air.push((Broadcast::push(&platform.push_url(&channel.key), Clip::default()), channel));
    }
    for (_, channel) in &on_air {
        join(&platform, &channel.playback_id).await;
        let url = platform.url(&format!("/live/{}/index.m3u8", channel.playback_id));
        let mut ffprobe = Command::new("ffprobe");
        ffprobe.args(["-v", "error", "-show_entries", "stream=codec_name", "-of", "csv=p=0", &url]);
        let output = play(ffprobe).await;
        let words = String::from_utf8_lossy(&output.stdout).into_owned();
        assert!(
            words.contains("h264") && words.contains("aac"),
            "{words} {}",
            String::from_utf8_lossy(&output.stderr)
        );

        let mut gstreamer = Command::new("timeout");
        gstreamer.args(["60", "gst-launch-1.0", "-q", "playbin3", &format!("uri={url}")]);
        gstreamer.args(["video-sink=fakesink num-buffers=30 sync=false", "audio-sink=fakesink sync=false"]);
        let output = play(gstreamer).await;
        assert!(output.status.success(), "playbin3: {}", String::from_utf8_lossy(&output.stderr));
    }
}

#[tokio::test]
async fn chromium_shows_our_watch_page_without_a_stall() {
    let platform = Platform::start(Start::default()).await;
    let channel = platform.create_channel("In a browser", json!({"latencyMode": "ULTRA_LOW"})).await;
    let _broadcast = Broadcast::push(&platform.push_url(&channel.key), Clip::default());
    join(&platform, &channel.playback_id).await;
    let scripts = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../services/dashboard/tests");
    let mut node = Command::new("node");
    node.arg(scripts.join("watch.mjs")).arg(platform.url(&format!("/watch/{}", channel.playback_id)));
    node.args(["--seconds", "8", "--json"]);
    let output = play(node).await;
    let words = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success(), "{words}\n{}", String::from_utf8_lossy(&output.stderr));
    let seen: Value = serde_json::from_str(words.trim()).expect("figures");
    assert_eq!(seen["page"]["state"], "playing", "{seen:#}");
    assert_eq!(seen["refused"], json!([]), "the page's own content policy stopped something");
    assert_eq!(seen["foreign"], json!([]), "the page asked a foreign host");
}
