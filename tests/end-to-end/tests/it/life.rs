//! A session's life: on air, public, lost, back, ended.

use std::time::Duration;

use end_to_end::{Broadcast, Clip, Platform, Start, Viewer, eventually};
use serde_json::json;

use crate::{SOON, join, session_is};

#[tokio::test]
async fn a_broadcast_goes_live_by_itself_and_ends_when_its_broadcaster_leaves() {
    let platform = Platform::start(Start::default()).await;
    let channel = platform.create_channel("Morning show", json!({"latencyMode": "ULTRA_LOW"})).await;
    let none = platform.client().get(platform.url(&format!("/live/{}/index.m3u8", channel.playback_id)));
    let none = none.send().await.expect("an answer");
    assert_eq!(none.status(), 404);
    let problem: serde_json::Value = none.json().await.expect("JSON");
    assert_eq!(problem["error"]["code"], "NOT_ON_AIR");

    let broadcast = Broadcast::push(&platform.push_url(&channel.key), Clip::default());
    let mut viewer = join(&platform, &channel.playback_id).await;
    session_is(&platform, &channel.id, "LIVE").await;
    let session = platform.sessions(&channel.id).await.remove(0);
    let input = &session["input"];
    assert_eq!(input["videoCodec"], "H264", "{session:#}");
    assert_eq!((&input["width"], &input["height"]), (&json!(640), &json!(360)));
    assert_eq!(input["audioCodec"], "AAC");
    viewer.follow(SOON, |viewer| viewer.seen.len() >= 4).await;

    broadcast.stop();
    let left = sigma_clock::monotonic();
    viewer.follow(SOON, |viewer| viewer.playlist.ended).await;
    assert!(left.elapsed() < Duration::from_secs(5), "ENDLIST came after {:?}", left.elapsed());
    session_is(&platform, &channel.id, "ENDED").await;
    assert_eq!(platform.sessions(&channel.id).await[0]["endReason"], "BROADCASTER_LEFT");
    // What is listed stays there with its ENDLIST, and the last picture is no gap.
    for segment in viewer.unbroken() {
        assert!(!segment.gap, "{segment:?}");
        viewer.fetch(&segment.uri).await.expect("a listed segment of an ended session");
    }
    viewer.fetch(&viewer.playlist.segments[0].map).await.expect("its init section");
    assert!(Viewer::join(&platform, &channel.playback_id).await.is_none(), "nothing is on air any more");
}

#[tokio::test]
async fn a_broadcaster_whose_encoder_crashed_comes_back_into_the_same_session() {
    let platform = Platform::start(Start::default()).await;
    let channel = platform.create_channel("Match", json!({"latencyMode": "ULTRA_LOW"})).await;
    let broadcast = Broadcast::push(&platform.push_url(&channel.key), Clip::default());
    let mut viewer = join(&platform, &channel.playback_id).await;
    viewer.follow(SOON, |viewer| viewer.seen.len() >= 2).await;
    let before = platform.sessions(&channel.id).await;

    broadcast.crash();
    session_is(&platform, &channel.id, "ERROR").await;
    viewer.follow(SOON, |viewer| viewer.seen.values().filter(|segment| segment.gap).count() >= 2).await;

    let _back = Broadcast::push(&platform.push_url(&channel.key), Clip { gop: 60, ..Clip::default() });
    session_is(&platform, &channel.id, "LIVE").await;
    viewer.follow(SOON, |viewer| viewer.playlist.segments.last().is_some_and(|last| !last.gap)).await;
    let after = platform.sessions(&channel.id).await;
    assert_eq!(after.len(), 1);
    assert_eq!(after[0]["id"], before[0]["id"]);
    let seen = viewer.unbroken();
    let returned = seen.iter().rposition(|segment| segment.gap).expect("gaps") + 1;
    assert!(seen[returned].discontinuity, "{:#?}", seen[returned]);
}

#[tokio::test]
async fn who_leaves_and_publishes_again_at_once_gets_a_session_of_its_own() {
    let platform = Platform::start(Start::default()).await;
    let channel = platform.create_channel("Encore", json!({"latencyMode": "ULTRA_LOW"})).await;
    let broadcast = Broadcast::push(&platform.push_url(&channel.key), Clip::default());
    session_is(&platform, &channel.id, "LIVE").await;
    broadcast.stop();
    let mut encore = Broadcast::push(&platform.push_url(&channel.key), Clip::default());
    eventually("the encore to be on air", SOON, || async {
        let sessions = platform.sessions(&channel.id).await;
        (sessions.len() == 2 && sessions[0]["state"] == "LIVE").then_some(())
    })
    .await;
    assert!(encore.is_running());
    assert_eq!(platform.sessions(&channel.id).await[1]["endReason"], "BROADCASTER_LEFT");
}

#[tokio::test]
async fn a_frozen_encoder_is_an_error_until_it_goes_on() {
    let platform = Platform::start(Start::default()).await;
    let channel = platform.create_channel("Freeze", json!({"latencyMode": "LOW"})).await;
    let broadcast = Broadcast::push(&platform.push_url(&channel.key), Clip::default());
    session_is(&platform, &channel.id, "LIVE").await;
    broadcast.freeze();
    session_is(&platform, &channel.id, "ERROR").await;
    broadcast.thaw();
    session_is(&platform, &channel.id, "LIVE").await;
    assert_eq!(platform.sessions(&channel.id).await.len(), 1);
}

#[tokio::test]
async fn a_feed_whose_network_was_cut_takes_its_session_over() {
    let platform = Platform::start(Start::default()).await;
    let channel = platform.create_channel("Takeover", json!({"latencyMode": "ULTRA_LOW"})).await;
    let cut = Broadcast::push(&platform.push_url(&channel.key), Clip::default());
    let mut viewer = join(&platform, &channel.playback_id).await;
    // A frozen process is what a cut network looks like from here: the connection stands and nothing comes.
    cut.freeze();
    let mut back = Broadcast::push(&platform.push_url(&channel.key), Clip::default());
    // While the old feed counts as on air the new one is refused; an encoder tries again.
    eventually("the new feed to be let in", SOON, || {
        if !back.is_running() {
            back = Broadcast::push(&platform.push_url(&channel.key), Clip::default());
        }
        let log = platform.log();
        async move { log.contains("takeover=true").then_some(()) }
    })
    .await;
    viewer
        .follow(SOON, |viewer| viewer.playlist.segments.last().is_some_and(|last| last.msn > 4 && !last.gap))
        .await;
    session_is(&platform, &channel.id, "LIVE").await;
    assert_eq!(platform.sessions(&channel.id).await.len(), 1);
    viewer.unbroken();
}

#[tokio::test]
async fn the_owner_sees_the_preview_and_goes_live_when_he_likes() {
    let platform = Platform::start(Start::default()).await;
    let settings = json!({"latencyMode": "ULTRA_LOW", "autoGoLive": false});
    let channel = platform.create_channel("Premiere", settings).await;
    let _broadcast = Broadcast::push(&platform.push_url(&channel.key), Clip::default());
    session_is(&platform, &channel.id, "PROCESSING").await;
    let session = platform.sessions(&channel.id).await.remove(0);
    let id = session["id"].as_str().expect("an id");

    let preview = platform.url(&format!("/preview/{id}/index.m3u8"));
    let closed = platform.client().get(&preview).send().await.expect("an answer");
    assert_eq!(closed.status(), 401);
    let with_token = format!("{preview}?token={}", platform.admin_token());
    let owner =
        eventually("the preview", SOON, || Viewer::open(platform.client().clone(), &with_token)).await;
    assert!(Viewer::join(&platform, &channel.playback_id).await.is_none(), "it is not public yet");

    let live = platform
        .graphql("mutation($id: ID!) { goLive(sessionId: $id) { session { state } } }", json!({ "id": id }))
        .await;
    assert_eq!(live.text("/goLive/session/state"), "LIVE");
    let public = join(&platform, &channel.playback_id).await;
    assert_ne!(public.url, owner.url);
    let first = public.playlist.media_sequence;
    assert!(first > 0, "the public playlist begins after liveAt:\n{}", public.playlist.text);
    // What was before stays under the preview's path.
    public.fetch(&format!("{}.m4s", first - 1)).await.expect_err("a segment from before the start");
    owner.fetch(&format!("{}.m4s", first - 1)).await.expect("the same segment for the owner");
}

#[tokio::test]
async fn the_owner_ends_a_session_and_stops_the_channel() {
    let platform = Platform::start(Start::default()).await;
    let channel = platform.create_channel("Short", json!({"latencyMode": "ULTRA_LOW"})).await;
    let broadcast = Broadcast::push(&platform.push_url(&channel.key), Clip::default());
    session_is(&platform, &channel.id, "LIVE").await;
    let id = platform.sessions(&channel.id).await[0]["id"].clone();
    let end = "mutation($id: ID!) { endSession(sessionId: $id) { session { state endReason } } }";
    let ended = platform.graphql(end, json!({ "id": id })).await;
    assert_eq!(ended.text("/endSession/session/endReason"), "SESSION_ENDED_BY_USER");
    broadcast.last_words();
    assert_eq!(platform.graphql(end, json!({ "id": id })).await.code(), "REFUSED");

    let broadcast = Broadcast::push(&platform.push_url(&channel.key), Clip::default());
    session_is(&platform, &channel.id, "LIVE").await;
    let stop = "mutation($id: ID!) { stopChannel(id: $id) { channel { state } } }";
    let stopped = platform.graphql(stop, json!({ "id": channel.id })).await;
    assert_eq!(stopped.text("/stopChannel/channel/state"), "STOP");
    broadcast.last_words();
    session_is(&platform, &channel.id, "ENDED").await;
    let sessions = platform.sessions(&channel.id).await;
    assert_eq!(sessions.len(), 2, "the next broadcast gets a session of its own");
    assert_eq!(sessions[0]["endReason"], "CHANNEL_STOPPED");
}

#[tokio::test]
async fn the_old_key_serves_its_overlap_and_the_feed_on_air_is_not_cut() {
    let platform = Platform::start(Start::default()).await;
    let channel = platform.create_channel("Keys", json!({"latencyMode": "ULTRA_LOW"})).await;
    let mut broadcast = Broadcast::push(&platform.push_url(&channel.key), Clip::default());
    let mut viewer = join(&platform, &channel.playback_id).await;
    let rotate = "mutation($id: ID!, $overlap: Int) { rotateStreamKey(channelId: $id, overlapSeconds: $overlap) { streamKey } }";
    let rotated = platform.graphql(rotate, json!({ "id": channel.id, "overlap": 0 })).await;
    let new_key = rotated.text("/rotateStreamKey/streamKey");
    assert_ne!(new_key, channel.key);
    let reached = viewer.seen.len() + 2;
    viewer.follow(SOON, |viewer| viewer.seen.len() >= reached).await;
    assert!(broadcast.is_running(), "the feed on air was cut");
    broadcast.stop();
    session_is(&platform, &channel.id, "ENDED").await;
    let refused = Broadcast::push(&platform.push_url(&channel.key), Clip::default()).last_words();
    assert!(refused.contains("no channel has this stream key"), "{refused}");

    let rotated = platform.graphql(rotate, json!({ "id": channel.id, "overlap": 60 })).await;
    let newest = rotated.text("/rotateStreamKey/streamKey");
    for key in [&new_key, &newest] {
        let broadcast = Broadcast::push(&platform.push_url(key), Clip::default());
        session_is(&platform, &channel.id, "LIVE").await;
        broadcast.stop();
        session_is(&platform, &channel.id, "ENDED").await;
    }
}
