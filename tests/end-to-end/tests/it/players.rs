//! Real players: ffprobe, GStreamer and Chromium.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use end_to_end::{Broadcast, Clip, Platform, Start, signal};
use serde_json::{Value, json};

use crate::{SOON, join};

/// Runs a player off the async threads, so that the test goes on serving its own clients.
async fn play(mut command: Command) -> Output {
    let name = format!("{command:?}");
    let run = tokio::task::spawn_blocking(move || command.output());
    run.await.expect("no panic").unwrap_or_else(|error| panic!("{name}: {error}"))
}

/// How long a player may take to show what a test wants to see, on a busy machine.
const PLAYS_WITHIN: Duration = Duration::from_secs(60);

/// Lets playbin3 play until it has shown `wanted` pictures; answers how many it showed before it gave up.
fn pictures_of_playbin(url: &str, wanted: usize) -> usize {
    let mut player = Command::new("gst-launch-1.0")
        .args(["-v", "playbin3", &format!("uri={url}")])
        .args(["video-sink=fakesink name=picture silent=false sync=false", "audio-sink=fakesink sync=false"])
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .expect("gst-launch-1.0 starts");
    let words = BufReader::new(player.stdout.take().expect("its words"));
    let pid = player.id();
    let (shown, all_shown) = mpsc::channel();
    let watchdog = thread::spawn(move || {
        if all_shown.recv_timeout(PLAYS_WITHIN).is_err() {
            signal("KILL", pid);
        }
    });
    // It prints the raw bytes of some headers too: no text to rely on.
    let lines =
        words.split(b'\n').map_while(Result::ok).map(|line| String::from_utf8_lossy(&line).into_owned());
    let pictures = lines.filter(|line| line.contains("chain") && line.contains("(picture:sink)"));
    let count = pictures.take(wanted).count();
    // The watchdog may have given up already.
    let _ = shown.send(());
    watchdog.join().expect("the watchdog ends");
    let _ = player.kill();
    player.wait().expect("it ends");
    count
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
        // GStreamer 1.22 stands still when a live playlist has but one segment at the start.
        let mut viewer = join(&platform, &channel.playback_id).await;
        viewer.follow(SOON, |viewer| viewer.seen.len() >= 3).await;
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

        let uri = url.clone();
        let shown =
            tokio::task::spawn_blocking(move || pictures_of_playbin(&uri, 30)).await.expect("no panic");
        assert_eq!(shown, 30, "playbin3 on {url}");
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
