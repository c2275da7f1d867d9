//! `kill -9` at moments drawn from a seed, under broadcasts and an owner who gives commands without a pause: what was
//! answered stands once, what was listed stands, and the read models are the fold of the log. The long form with 200 kills,
//! ten broadcasts and exports of the log is `tests/acceptance/run crash`.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use end_to_end::{Broadcast, Channel, Clip, Platform, Start, Viewer, eventually, told_to_wait};
use serde_json::{Value, json};

use crate::{SOON, join, session_is};

const KILLS: u32 = 10;
const BROADCASTS: usize = 3;

/// Draws the moments (a 64-bit linear congruential generator, Knuth's constants).
pub(crate) struct Seeded(pub(crate) u64);

impl Seeded {
    pub(crate) fn below(&mut self, limit: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % limit
    }
}

/// What an owner was answered: for each of his channels the names that it was given, in order.
pub(crate) type Ledger = Vec<(String, Vec<String>)>;

/// Sends one command until it is answered, now to one node and now to the next.
async fn command(client: &reqwest::Client, urls: &[String], token: &str, key: &str, body: &Value) -> Value {
    for url in urls.iter().cycle() {
        let request = client.post(url).bearer_auth(token).header("idempotency-key", key).json(body);
        let answer = request.timeout(Duration::from_secs(10)).send().await;
        if let Some(wait) = answer.as_ref().ok().and_then(told_to_wait) {
            sigma_clock::sleep(wait).await;
            continue;
        }
        if let Ok(answer) = answer
            && let Ok(answer) = answer.json::<Value>().await
            && answer.pointer("/errors/0/extensions/code") != Some(&json!("UNAVAILABLE"))
        {
            assert!(answer.get("errors").is_none(), "{key}: {answer:#}");
            return answer;
        }
        sigma_clock::sleep(Duration::from_millis(20)).await;
    }
    unreachable!("there is a node to ask")
}

/// Makes channels named after himself and renames each twice, until he is stopped; every tenth command is given again after its answer.
pub(crate) async fn own(
    client: reqwest::Client,
    urls: Vec<String>,
    token: String,
    wanted: Arc<AtomicBool>,
    who: &'static str,
) -> Ledger {
    let mut ledger = Ledger::new();
    while wanted.load(Ordering::Relaxed) {
        let number = ledger.len();
        let name = format!("{who} {number}");
        let create = json!({
            "query": "mutation($name: String!) { createChannel(input: { name: $name }) { channel { id } streamKey } }",
            "variables": { "name": name },
        });
        let key = format!("create-{who}-{number}");
        let answer = command(&client, &urls, &token, &key, &create).await;
        if number.is_multiple_of(10) {
            assert_eq!(command(&client, &urls, &token, &key, &create).await, answer, "asked again");
        }
        let id = answer["data"]["createChannel"]["channel"]["id"].as_str().expect("an id").to_owned();
        let mut names = vec![name];
        for change in 1..3 {
            let name = format!("{who} {number}.{change}");
            let update = json!({
                "query": "mutation($id: ID!, $name: String!) { updateChannel(id: $id, input: { name: $name }) { channel { id } } }",
                "variables": { "id": id, "name": name },
            });
            command(&client, &urls, &token, &format!("update-{who}-{number}-{change}"), &update).await;
            names.push(name);
        }
        ledger.push((id, names));
    }
    ledger
}

/// The names that the log holds of a channel, in order.
pub(crate) async fn logged(platform: &Platform, channel: &str) -> Vec<String> {
    let query = "query($id: ID!) { events(aggregateId: $id, first: 100) { nodes { type data } } }";
    let answer = platform.graphql(query, json!({ "id": channel })).await;
    let events = answer.get("/events/nodes").as_array().expect("a list");
    let named = events.iter().filter(|event| event["type"] != "channel.key_shown").map(|event| {
        let name = event.pointer("/data/name/plain").or_else(|| event.pointer("/data/changes/name/plain"));
        name.and_then(Value::as_str).expect("a name").to_owned()
    });
    named.collect()
}

/// Everything that the read models say.
pub(crate) async fn shown(platform: &Platform) -> Value {
    let query = "{ channels(first: 100) { nodes { id name state currentSession { id state } } } \
                 sessions(first: 100) { nodes { id state startedAt liveAt endedAt endReason } } }";
    platform.graphql(query, json!({})).await.body
}

/// The same, once no channel holds a session any more: it lets go of one in a step of its own.
pub(crate) async fn shown_at_rest(platform: &Platform, within: Duration) -> Value {
    eventually("no channel to be on air", within, || async {
        let now = shown(platform).await;
        let channels = now["data"]["channels"]["nodes"].as_array().expect("a list").clone();
        let rests = |channel: &Value| channel["state"] == "IDLE" && channel["currentSession"].is_null();
        channels.iter().all(rests).then_some(now)
    })
    .await
}

#[tokio::test]
async fn killed_ten_times_nothing_answered_is_lost_or_doubled_and_no_playlist_goes_back() {
    let mut platform = Platform::start(Start::default()).await;
    let small = Clip { size: "320x180", bitrate: 200, ..Clip::default() };
    let settings = json!({"latencyMode": "ULTRA_LOW", "reconnectWindow": 60});
    let mut on_air: Vec<(Channel, Broadcast, Viewer)> = Vec::new();
    for number in 0..BROADCASTS {
        let channel = platform.create_channel(&format!("On air {number}"), settings.clone()).await;
        let broadcast = Broadcast::push(&platform.push_url(&channel.key), small);
        let viewer = join(&platform, &channel.playback_id).await;
        on_air.push((channel, broadcast, viewer));
    }
    let mut sessions = Vec::new();
    for (channel, ..) in &on_air {
        session_is(&platform, &channel.id, "LIVE").await;
        sessions.push(platform.sessions(&channel.id).await[0]["id"].clone());
    }
    let wanted = Arc::new(AtomicBool::new(true));
    let (client, urls) = (platform.client().clone(), vec![platform.url("/graphql")]);
    let owner = tokio::spawn(own(client, urls, platform.admin_token(), Arc::clone(&wanted), "Owned"));

    let mut moments = Seeded(1126);
    for kill in 1..=KILLS {
        // Every third while it starts and takes up what it left.
        let (up, early) =
            if kill % 3 == 0 { (moments.below(150), true) } else { (moments.below(2_000), false) };
        if early {
            platform.kill();
            platform.spawn();
        }
        sigma_clock::sleep(Duration::from_millis(up)).await;
        platform.kill();
        platform.launch().await;
        for (channel, broadcast, viewer) in &mut on_air {
            // Held to its word by `check`: numbers, addresses, target duration, what was listed.
            viewer.reload(None).await.unwrap_or_else(|error| panic!("kill {kill}: {error}"));
            for segment in viewer.playlist.segments.iter().rev().filter(|segment| !segment.gap).take(2) {
                viewer.fetch(&segment.uri).await.unwrap_or_else(|error| panic!("{}: {error}", segment.uri));
            }
            // Until its loss is told, what is told is of before the kill.
            session_is(&platform, &channel.id, "ERROR").await;
            *broadcast = Broadcast::push(&platform.push_url(&channel.key), small);
        }
    }
    for ((channel, _, viewer), session) in on_air.iter_mut().zip(&sessions) {
        session_is(&platform, &channel.id, "LIVE").await;
        viewer.follow(SOON, |viewer| viewer.playlist.segments.last().is_some_and(|last| !last.gap)).await;
        viewer.unbroken();
        let all = platform.sessions(&channel.id).await;
        assert_eq!((all.len(), &all[0]["id"]), (1, session), "it resumed as itself");
    }
    wanted.store(false, Ordering::Relaxed);
    let ledger = owner.await.expect("the owner was answered as he should be");
    assert!(ledger.len() >= KILLS as usize, "the owner was hardly heard: {}", ledger.len());
    for (channel, names) in &ledger {
        assert_eq!(&logged(&platform, channel).await, names, "{channel}");
    }
    let count = "query($name: String!) { channels(first: 100, search: $name) { nodes { id } } }";
    let doubled = platform.graphql(count, json!({ "name": "Owned" })).await;
    let listed = doubled.get("/channels/nodes").as_array().expect("a list").len();
    assert_eq!(listed, ledger.len().min(100), "a channel was made twice");

    drop(on_air);
    for session in sessions.iter().filter_map(Value::as_str) {
        let end = "mutation($id: ID!) { endSession(sessionId: $id) { session { state } } }";
        platform.graphql(end, json!({ "id": session })).await.get("/endSession");
    }
    let before = shown_at_rest(&platform, SOON).await;
    for name in ["channels", "sessions"] {
        let rebuild = "mutation($name: String!) { rebuildProjection(name: $name) { projection { name } } }";
        platform.graphql(rebuild, json!({ "name": name })).await.get("/rebuildProjection");
    }
    eventually("the rebuilds to be over", SOON, || async {
        let answer = platform.graphql("{ projections { rebuildProgress } }", json!({})).await;
        let all = answer.get("/projections").as_array().expect("a list").clone();
        all.iter().all(|projection| projection["rebuildProgress"].is_null()).then_some(())
    })
    .await;
    assert_eq!(shown(&platform).await, before, "the read models are the fold of the log");
}
