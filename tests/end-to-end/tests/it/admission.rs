//! Bad company at the RTMP door, and who is let in beyond what the server has.

use std::time::Duration;

use end_to_end::{Broadcast, Clip, Platform, Start, Viewer, clip, eventually};
use serde_json::{Value, json};
use tokio::io::AsyncReadExt;
use tokio::net::TcpStream;

use crate::{SOON, join, session_is};

async fn with(flags: &[&str]) -> Platform {
    Platform::start(Start {
        flags: flags.iter().map(|flag| (*flag).to_owned()).collect(),
        ..Start::default()
    })
    .await
}

pub(crate) async fn figure(platform: &Platform, name: &str) -> u64 {
    platform.figure(name).await.unwrap_or_else(|| panic!("{name} is not told"))
}

#[tokio::test]
async fn silent_connections_keep_no_broadcaster_out() {
    let platform = with(&["--limit-ingest-connections", "200", "--limit-ingest-strangers", "50"]).await;
    let channel = platform.create_channel("Crowded", json!({"latencyMode": "ULTRA_LOW"})).await;
    let mut silent = Vec::new();
    for _ in 0..600 {
        silent.push(TcpStream::connect(&platform.rtmp).await.expect("the door is open"));
    }
    // Made before time is taken, where it is not there yet.
    clip(Clip::default());
    let began = sigma_clock::monotonic();
    let _broadcast = Broadcast::push(&platform.push_url(&channel.key), Clip::default());
    session_is(&platform, &channel.id, "LIVE").await;
    // They would be given up after 10 s by themselves.
    assert!(began.elapsed() < Duration::from_secs(9), "{:?}", began.elapsed());
    assert!(figure(&platform, "sigma_ingest_connections_sent_away_total").await >= 500);
    assert_eq!(figure(&platform, "sigma_ingest_connections_refused_total").await, 0);
    // The newest of the silent are there still: they harm nobody.
    let mut byte = [0];
    let newest = silent.last_mut().expect("a connection").read(&mut byte);
    assert!(sigma_clock::timeout(Duration::from_millis(50), newest).await.is_err());
    let mut viewer = join(&platform, &channel.playback_id).await;
    viewer.follow(SOON, |viewer| viewer.seen.len() >= 2).await;
}

#[tokio::test]
async fn who_guesses_keys_waits_and_a_broadcaster_of_the_same_address_does_not() {
    let platform = with(&["--limit-wrong-keys", "2"]).await;
    let channel = platform.create_channel("Neighbour", json!({"latencyMode": "ULTRA_LOW"})).await;
    let broadcast = Broadcast::push(&platform.push_url(&channel.key), Clip::default());
    session_is(&platform, &channel.id, "LIVE").await;
    broadcast.stop();
    session_is(&platform, &channel.id, "ENDED").await;
    let wrong = "zzzz2345678923456789abcdefgh";
    let mut words = String::new();
    for _ in 0..10 {
        words = Broadcast::push(&platform.push_url(wrong), Clip::default()).last_words();
        if words.contains("too many wrong stream keys came from your address") {
            break;
        }
        assert!(words.contains("no channel has this stream key"), "{words}");
    }
    assert!(words.contains("too many wrong stream keys"), "{words}");
    let _broadcast = Broadcast::push(&platform.push_url(&channel.key), Clip::default());
    eventually("the broadcaster to be let in", SOON, || async {
        (platform.session_state(&channel.id).await == "LIVE").then_some(())
    })
    .await;
    let told = platform.log().matches("stream keys are guessed").count();
    assert_eq!(told, 1, "once a minute");
    assert!(!platform.log().contains(wrong));
}

#[tokio::test]
async fn one_broadcast_more_than_may_is_refused_and_those_on_air_come_back() {
    let platform = with(&["--limit-sessions", "1"]).await;
    let on_air = platform.create_channel("On air", json!({"latencyMode": "ULTRA_LOW"})).await;
    let other = platform.create_channel("One more", json!({})).await;
    let broadcast = Broadcast::push(&platform.push_url(&on_air.key), Clip::default());
    session_is(&platform, &on_air.id, "LIVE").await;
    let refused = || Broadcast::push(&platform.push_url(&other.key), Clip::default()).last_words();
    assert!(refused().contains("as many broadcasts as it may"));
    broadcast.crash();
    session_is(&platform, &on_air.id, "ERROR").await;
    // Its place is kept for who is to come back.
    assert!(refused().contains("as many broadcasts as it may"));
    let _broadcast = Broadcast::push(&platform.push_url(&on_air.key), Clip::default());
    session_is(&platform, &on_air.id, "LIVE").await;
    assert_eq!(figure(&platform, "sigma_ingest_publishes_refused_total{reason=\"full\"}").await, 2);
}

#[tokio::test]
async fn a_feed_above_its_bit_rate_is_closed() {
    let platform = with(&["--limit-feed-bitrate", "1"]).await;
    let channel = platform.create_channel("Too much", json!({})).await;
    let broadcast =
        Broadcast::push(&platform.push_url(&channel.key), Clip { bitrate: 2_500, ..Clip::default() });
    broadcast.last_words();
    assert!(platform.log().contains("a feed is above its bit rate"), "{}", platform.log());
    assert_eq!(figure(&platform, "sigma_ingest_feeds_ended_total{how=\"cut\"}").await, 1);
}

#[tokio::test]
async fn beyond_the_bandwidth_new_viewers_are_refused_and_others_go_on() {
    let platform = with(&["--limit-egress", "1"]).await;
    let channel = platform.create_channel("Wide", json!({"latencyMode": "ULTRA_LOW"})).await;
    let _broadcast = Broadcast::push(&platform.push_url(&channel.key), Clip::default());
    let mut viewer = join(&platform, &channel.playback_id).await;
    viewer.follow(SOON, |viewer| viewer.seen.len() >= 2).await;
    let segment = viewer.playlist.segments[0].uri.clone();
    let url = platform.url(&format!("/live/{}/index.m3u8", channel.playback_id));
    // One viewer loads segments as fast as he can until somebody else is refused; who was let in is no newcomer any more.
    let newcomers = std::cell::Cell::new(0);
    let newcomer = || {
        newcomers.set(newcomers.get() + 1);
        let program = format!("newcomer {}", newcomers.get());
        reqwest::Client::builder().user_agent(program).build().expect("a client")
    };
    let refused = eventually("a newcomer to be refused", SOON, || async {
        for _ in 0..20 {
            viewer.fetch(&segment).await.expect("who watches goes on");
        }
        let answer = newcomer().get(&url).send().await.expect("an answer");
        (answer.status() == 503).then_some(answer)
    })
    .await;
    assert_eq!(refused.headers()["retry-after"], "10");
    let error: Value = refused.json().await.expect("JSON");
    assert_eq!(error["error"]["message"], "as much goes out here as may");
    let (_, ready) = platform.readiness().await;
    assert_eq!(ready["status"], "degraded", "{ready:#}");
    eventually("a newcomer to be let in again", SOON, || Viewer::open(newcomer(), &url)).await;
}

#[tokio::test]
async fn beyond_the_memory_new_feeds_and_viewers_are_refused_and_those_on_air_go_on() {
    let wide = Clip { size: "1280x720", bitrate: 8_000, seconds: 10, ..Clip::default() };
    // A debug build and a release build need not the same.
    let idle = figure(&with(&[]).await, "process_resident_memory_bytes").await / (1 << 20);
    let platform = with(&["--limit-memory", &(idle + 24).max(64).to_string()]).await;
    let first = platform.create_channel("First", json!({"latencyMode": "ULTRA_LOW"})).await;
    let broadcast = Broadcast::push(&platform.push_url(&first.key), wide);
    session_is(&platform, &first.id, "LIVE").await;
    let mut viewer = join(&platform, &first.playback_id).await;
    let mut on_air = Vec::new();
    let words = loop {
        assert!(on_air.len() < 12, "as many as there is memory for");
        let channel = platform.create_channel("One more", json!({"latencyMode": "ULTRA_LOW"})).await;
        let mut more = Broadcast::push(&platform.push_url(&channel.key), wide);
        let is_in = session_is(&platform, &channel.id, "LIVE");
        let is_refused = async {
            while more.is_running() {
                sigma_clock::sleep(Duration::from_millis(50)).await;
            }
        };
        tokio::select! {
            () = is_in => on_air.push((more, channel)),
            () = is_refused => break more.last_words(),
        }
    };
    assert!(words.contains("short of memory and takes no new broadcast"), "{words}");
    assert!(figure(&platform, "sigma_ingest_publishes_refused_total{reason=\"no_memory\"}").await >= 1);
    let url = platform.url(&format!("/live/{}/index.m3u8", first.playback_id));
    let refused = eventually("a new viewer to be refused", SOON, || async {
        let newcomer = reqwest::Client::builder().user_agent(format!("{:?}", sigma_clock::monotonic()));
        let answer = newcomer.build().expect("a client").get(&url).send().await.expect("an answer");
        (answer.status() == 503).then_some(answer)
    })
    .await;
    assert!(refused.headers().contains_key("retry-after"));
    // All others go on: who broadcasts, who watches, and who comes back.
    let reached = viewer.playlist.last_msn().unwrap_or(0) + 2;
    viewer.follow(SOON, |viewer| viewer.playlist.last_msn() >= Some(reached)).await;
    assert!(viewer.unbroken().into_iter().all(|segment| !segment.gap));
    for (_, channel) in &on_air {
        assert_eq!(platform.session_state(&channel.id).await, "LIVE");
    }
    broadcast.crash();
    session_is(&platform, &first.id, "ERROR").await;
    let _back = Broadcast::push(&platform.push_url(&first.key), wide);
    session_is(&platform, &first.id, "LIVE").await;
    assert_eq!(platform.sessions(&first.id).await.len(), 1);
    assert!(platform.log().contains("memory is at its limit"), "{}", platform.log());
}
