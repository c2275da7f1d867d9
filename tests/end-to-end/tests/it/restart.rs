//! The server dies or stops on air: nothing listed is lost, nothing stays on air that is not.

use std::time::Duration;

use end_to_end::{Broadcast, Clip, Platform, Start};
use serde_json::json;

use crate::recordings::decoded;
use crate::{SOON, join, session_is};

#[tokio::test]
async fn a_session_survives_kill_nine_with_its_numbers_and_addresses() {
    let mut platform = Platform::start(Start::default()).await;
    let channel = platform.create_channel("Survivor", json!({"latencyMode": "ULTRA_LOW"})).await;
    let mut broadcast = Broadcast::push(&platform.push_url(&channel.key), Clip::default());
    let mut viewer = join(&platform, &channel.playback_id).await;
    let session = platform.sessions(&channel.id).await[0]["id"].clone();
    for _ in 1..=3 {
        let reached = viewer.playlist.last_msn().unwrap_or(0) + 2;
        viewer.follow(SOON, |viewer| viewer.playlist.last_msn() >= Some(reached)).await;
        platform.kill();
        drop(broadcast);
        platform.launch().await;
        session_is(&platform, &channel.id, "ERROR").await;
        // The same address goes on where it was, and what was listed is there.
        viewer.reload(None).await.expect("the playlist under its old address");
        for segment in viewer.playlist.segments.iter().filter(|segment| !segment.gap) {
            viewer.fetch(&segment.uri).await.expect("a segment that was listed");
        }
        broadcast = Broadcast::push(&platform.push_url(&channel.key), Clip::default());
        session_is(&platform, &channel.id, "LIVE").await;
        viewer.follow(SOON, |viewer| viewer.playlist.segments.last().is_some_and(|last| !last.gap)).await;
    }
    let sessions = platform.sessions(&channel.id).await;
    assert_eq!(sessions.len(), 1);
    assert_eq!(sessions[0]["id"], session);
    let seen = viewer.unbroken();
    assert!(seen.iter().any(|segment| segment.gap), "the outage is a gap");

    // The views say the same when they are built anew from the log.
    let query = "{ channels { nodes { id name state currentSession { id state } } } sessions { nodes { id state endReason liveAt } } }";
    let before = platform.graphql(query, json!({})).await.body;
    for name in ["channels", "sessions"] {
        let rebuild = "mutation($name: String!) { rebuildProjection(name: $name) { projection { name } } }";
        platform.graphql(rebuild, json!({ "name": name })).await.get("/rebuildProjection");
    }
    end_to_end::eventually("the rebuilds to be over", SOON, || async {
        let answer = platform.graphql("{ projections { name rebuildProgress } }", json!({})).await;
        let all = answer.get("/projections").as_array().expect("a list").clone();
        all.iter().all(|projection| projection["rebuildProgress"].is_null()).then_some(())
    })
    .await;
    assert_eq!(platform.graphql(query, json!({})).await.body, before);
}

#[tokio::test]
async fn a_session_whose_broadcaster_does_not_return_ends_as_node_lost() {
    let mut platform = Platform::start(Start::default()).await;
    let settings = json!({"latencyMode": "ULTRA_LOW", "reconnectWindow": 3});
    let channel = platform.create_channel("Lost", settings).await;
    let broadcast = Broadcast::push(&platform.push_url(&channel.key), Clip::default());
    let mut viewer = join(&platform, &channel.playback_id).await;
    platform.kill();
    drop(broadcast);
    platform.launch().await;
    let back = sigma_clock::monotonic();
    session_is(&platform, &channel.id, "ENDED").await;
    assert!(back.elapsed() < Duration::from_secs(3 + 5), "it took {:?}", back.elapsed());
    assert_eq!(platform.sessions(&channel.id).await[0]["endReason"], "NODE_LOST");
    viewer.follow(SOON, |viewer| viewer.playlist.ended).await;
    // The channel lets its ended session go in a step of its own.
    end_to_end::eventually("the channel to be idle", SOON, || async {
        let state = "query($id: ID!) { channel(id: $id) { state } }";
        let answer = platform.graphql(state, json!({ "id": channel.id })).await;
        (answer.text("/channel/state") == "IDLE").then_some(())
    })
    .await;
}

#[tokio::test]
async fn sigterm_ends_within_five_seconds_and_leaves_the_session_resumable() {
    let mut platform = Platform::start(Start::default()).await;
    let channel = platform.create_channel("Maintenance", json!({"latencyMode": "ULTRA_LOW"})).await;
    let broadcast = Broadcast::push(&platform.push_url(&channel.key), Clip::default());
    let mut viewer = join(&platform, &channel.playback_id).await;
    let (status, took) = platform.terminate().await;
    assert!(status.success(), "{status}\n{}", platform.log());
    assert!(took < Duration::from_secs(5), "it took {took:?}");
    drop(broadcast);
    platform.launch().await;
    viewer.reload(None).await.expect("the playlist under its old address");
    assert!(!viewer.playlist.ended, "{}", viewer.playlist.text);
    let _back = Broadcast::push(&platform.push_url(&channel.key), Clip::default());
    session_is(&platform, &channel.id, "LIVE").await;
    assert_eq!(platform.sessions(&channel.id).await.len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_whose_log_is_gone_ends_and_what_was_archived_of_it_is_kept() {
    for keeps_archive in [true, false] {
        let mut platform = Platform::start(Start::default()).await;
        let channel = platform.create_channel("No disk", json!({"latencyMode": "ULTRA_LOW"})).await;
        let broadcast = Broadcast::push(&platform.push_url(&channel.key), Clip::default());
        let mut viewer = join(&platform, &channel.playback_id).await;
        session_is(&platform, &channel.id, "LIVE").await;
        viewer.follow(SOON, |viewer| viewer.playlist.last_msn() >= Some(4)).await;
        let session = platform.sessions(&channel.id).await[0]["id"].as_str().expect("an id").to_owned();
        end_to_end::eventually("some of it to be archived", SOON, || async {
            platform.figure("sigma_archive_bytes_total").await.filter(|bytes| *bytes > 400_000)
        })
        .await;
        platform.kill();
        drop(broadcast);
        std::fs::remove_dir_all(platform.data_dir().join("live").join(&session)).expect("it was there");
        if !keeps_archive {
            std::fs::remove_dir_all(platform.data_dir().join("objects")).expect("it was there");
        }
        platform.launch().await;

        session_is(&platform, &channel.id, "ENDED").await;
        assert_eq!(platform.sessions(&channel.id).await[0]["endReason"], "NODE_LOST");
        let asked = "query($id: ID!) { assets(sessionId: $id) { nodes { kind state failure durationSeconds playbackUrl } } }";
        let assets = end_to_end::eventually("to be known what is kept", SOON, || async {
            let told = platform.graphql(asked, json!({ "id": session })).await;
            let assets = told.get("/assets/nodes").as_array().expect("a list").clone();
            let all = assets.len() == 2 && assets.iter().all(|asset| asset["state"] != "STARTED");
            all.then_some(assets)
        })
        .await;
        for asset in &assets {
            if keeps_archive {
                assert_eq!(asset["state"], "READY", "{asset}");
                assert!(asset["durationSeconds"].as_f64() > Some(3.0), "{asset}");
            } else {
                assert_eq!((&asset["state"], &asset["failure"]), (&json!("FAILED"), &json!("MEDIA_LOST")));
            }
        }
        if keeps_archive {
            let catchup = assets.iter().find(|asset| asset["kind"] == "CATCHUP").expect("a catchup");
            let url = catchup["playbackUrl"].as_str().expect("an address").to_owned();
            tokio::task::spawn_blocking(move || decoded(&url)).await.expect("it plays");
        }

        // Who sends goes on in a session of its own, with numbers of its own.
        let _broadcast = Broadcast::push(&platform.push_url(&channel.key), Clip::default());
        session_is(&platform, &channel.id, "LIVE").await;
        let sessions = platform.sessions(&channel.id).await;
        assert!(sessions.len() == 2 && sessions[0]["id"] != session, "{sessions:?}");
    }
}
