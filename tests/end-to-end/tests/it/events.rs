//! The log of events as integrators read it: none lost, none twice, also across a crash of the server.

use std::collections::BTreeSet;
use std::time::Duration;

use end_to_end::{Broadcast, Clip, Platform, Start};
use serde_json::{Value, json};

use crate::{SOON, session_is};

const FEED: &str = "subscription($after: String) { events(afterPosition: $after) { id position type sequence aggregateId } }";

#[tokio::test]
async fn a_client_that_resumes_after_a_crash_of_the_server_misses_nothing_and_sees_nothing_twice() {
    let mut platform = Platform::start(Start::default()).await;
    let token = platform.admin_token();
    let mut seen: Vec<Value> = Vec::new();
    // Nobody is told when a subscription has begun: from a known place on it does not matter.
    let newest = platform.graphql("{ events(last: 1) { nodes { position } } }", json!({})).await;
    let newest = newest.text("/events/nodes/0/position");
    let mut feed = platform.subscribe(&token, FEED, json!({ "after": newest })).await;
    let channel = platform.create_channel("First", json!({})).await;
    seen.push(feed.next().await.expect("an event")["data"]["events"].clone());
    for round in 0..3 {
        platform.kill();
        // What was on its way still counts; then the connection breaks.
        while let Ok(Some(answer)) = sigma_clock::timeout(Duration::from_secs(5), feed.next()).await {
            seen.push(answer["data"]["events"].clone());
        }
        platform.launch().await;
        for name in ["a", "b"] {
            let name = format!("{name}{round}");
            platform
                .graphql(
                    "mutation($id: ID!, $name: String!) { updateChannel(id: $id, input: {name: $name}) { channel { id } } }",
                    json!({ "id": channel.id, "name": name }),
                )
                .await
                .get("/updateChannel");
        }
        let after = seen.last().expect("some")["position"].clone();
        feed = platform.subscribe(&token, FEED, json!({ "after": after })).await;
        for _ in 0..2 {
            seen.push(feed.next().await.expect("an event")["data"]["events"].clone());
        }
    }
    let of_channel: Vec<u64> = seen
        .iter()
        .filter(|event| event["aggregateId"] == json!(channel.id))
        .map(|event| {
            event["sequence"].as_u64().or_else(|| event["sequence"].as_str()?.parse().ok()).expect("a number")
        })
        .collect();
    assert_eq!(of_channel, (1..=7).collect::<Vec<_>>(), "{seen:#?}");
    let ids: BTreeSet<&str> = seen.iter().filter_map(|event| event["id"].as_str()).collect();
    assert_eq!(ids.len(), seen.len(), "none twice");
}

#[tokio::test]
async fn a_sessions_life_is_seen_as_it_happens_and_stands_in_its_timeline() {
    let platform = Platform::start(Start::default()).await;
    let channel = platform.create_channel("Watched", json!({})).await;
    let follow = "subscription($id: ID!) { sessionUpdated(channelId: $id) { id state } }";
    let mut updates = platform.subscribe(&platform.admin_token(), follow, json!({ "id": channel.id })).await;
    let broadcast = Broadcast::push(&platform.push_url(&channel.key), Clip::default());
    let mut states = Vec::new();
    let live = async {
        while states.last().is_none_or(|state| state != "LIVE") {
            let update = updates.next().await.expect("an update");
            states.push(update["data"]["sessionUpdated"]["state"].as_str().expect("a state").to_owned());
        }
    };
    sigma_clock::timeout(SOON, live).await.expect("the session goes live");
    broadcast.stop();
    session_is(&platform, &channel.id, "ENDED").await;
    let timeline = "query($id: ID!) { sessions(channelId: $id) { nodes { timeline { type message at actor { kind } } } } }";
    let timeline = platform.graphql(timeline, json!({ "id": channel.id })).await;
    let entries = timeline.get("/sessions/nodes/0/timeline").as_array().expect("entries").clone();
    let types: Vec<&str> = entries.iter().filter_map(|entry| entry["type"].as_str()).collect();
    for wanted in ["session.opened", "session.processing", "session.live", "session.ended"] {
        assert!(types.contains(&wanted), "{wanted} is missing: {types:?}");
    }
    assert!(
        entries.iter().all(|entry| entry["message"].as_str().is_some_and(|text| text.len() > 10)),
        "{entries:#?}"
    );
    assert!(states.first().is_some_and(|state| state != "LIVE"), "{states:?}");
}
