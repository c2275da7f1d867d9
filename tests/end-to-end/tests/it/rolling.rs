//! A platform of several nodes goes on while its nodes are restarted one by one, and while any piece of it is killed.
#![allow(clippy::print_stdout, reason = "figures, for who runs it with --nocapture")]

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use end_to_end::{Broadcast, Channel, Clip, Codecs, Keys, Platform, Start, Viewer, eventually};
use harness::postgres::Cluster;
use kafka_harness::Kafka;
use serde_json::{Value, json};
use tokio::task::JoinHandle;

use crate::crash::{Ledger, Seeded, logged, own, shown, shown_at_rest};
use crate::kafka::{found, names};
use crate::{SOON, from_environment, join};

/// Pieces that are killed; 200 in the long form (docs/reliability.md), as `SIGMA_TEST_KILLS=200`.
const KILLS: u32 = 10;

/// Broadcasts meanwhile; ten in the long form, as `SIGMA_TEST_BROADCASTS=10`.
const BROADCASTS: u32 = 2;

/// Nodes of Kafka, one or three; three as `SIGMA_TEST_KAFKA_NODES=3`.
const BROKERS: u32 = 1;

/// After the last kill: a broker of a loaded machine takes its time, a lease changes hands, feeds come back.
const HEALED: Duration = Duration::from_secs(90);

const SMALL: Clip = Clip {
    size: "320x180",
    rate: 30,
    gop: 30,
    seconds: 30,
    bitrate: 200,
    b_frames: 0,
    codecs: Codecs::H264Aac,
};

/// Two API nodes, two for the rest, a media node; by their names.
struct Fleet {
    nodes: BTreeMap<&'static str, Platform>,
}

impl Fleet {
    async fn start(database: &str, flags: &[String]) -> Self {
        let start = async |name: &'static str, roles: &str| {
            let mut all =
                vec!["--roles".to_owned(), roles.to_owned(), "--node-id".to_owned(), name.to_owned()];
            all.extend_from_slice(flags);
            let database = Some(database.to_owned());
            let keys = Some(Keys::default());
            (name, Platform::start(Start { flags: all, database, keys, ..Start::default() }).await)
        };
        let mut nodes = BTreeMap::from([start("rest-1", "projections").await]);
        let others = tokio::join!(
            start("rest-2", "projections"),
            start("media", "ingest"),
            start("api-1", "api"),
            start("api-2", "api")
        );
        nodes.extend([others.0, others.1, others.2, others.3]);
        Self { nodes }
    }

    fn node(&mut self, name: &str) -> &mut Platform {
        self.nodes.get_mut(name).expect("a node of the fleet")
    }

    fn api(&self) -> &Platform {
        &self.nodes["api-1"]
    }

    fn media(&self) -> &Platform {
        &self.nodes["media"]
    }

    fn urls(&self) -> Vec<String> {
        ["api-1", "api-2"].map(|name| self.nodes[name].url("/graphql")).to_vec()
    }
}

/// A broadcaster whose encoder is started again whenever it ends.
struct Stubborn {
    wanted: Arc<AtomicBool>,
    task: JoinHandle<()>,
}

impl Stubborn {
    fn push(url: String) -> Self {
        let wanted = Arc::new(AtomicBool::new(true));
        let still = Arc::clone(&wanted);
        let task = tokio::spawn(async move {
            while still.load(Ordering::Relaxed) {
                let mut broadcast = Broadcast::push(&url, SMALL);
                while still.load(Ordering::Relaxed) && broadcast.is_running() {
                    sigma_clock::sleep(Duration::from_millis(100)).await;
                }
                // An encoder does not call again at once.
                sigma_clock::sleep(Duration::from_millis(300)).await;
            }
        });
        Self { wanted, task }
    }

    async fn stop(self) {
        self.wanted.store(false, Ordering::Relaxed);
        self.task.await.expect("the broadcaster ends");
    }
}

/// The newest session's state and how many there are that have not ended; what cannot be asked is nothing.
async fn standing(platform: &Platform, channel: &str) -> Option<(String, usize)> {
    let asked = json!({
        "query": "query($id: ID!) { sessions(channelId: $id, first: 100) { nodes { state } } }",
        "variables": { "id": channel },
    });
    let request =
        platform.client().post(platform.url("/graphql")).bearer_auth(platform.admin_token()).json(&asked);
    let answer: Value = request.send().await.ok()?.json().await.ok()?;
    let sessions = answer.pointer("/data/sessions/nodes")?.as_array()?;
    let open = sessions.iter().filter(|session| session["state"] != "ENDED").count();
    Some((sessions.first()?["state"].as_str()?.to_owned(), open))
}

async fn is_live(platform: &Platform, channel: &str) {
    eventually("the broadcast to be live again", HEALED, || async {
        (standing(platform, channel).await? == ("LIVE".to_owned(), 1)).then_some(())
    })
    .await;
}

async fn is_ready(platform: &Platform) {
    eventually("a node to be ready", HEALED, || async { platform.is_ready().await.then_some(()) }).await;
}

/// What the read models say is what they say when they are filled anew from the log.
async fn views_are_the_fold(platform: &Platform) {
    let before = shown_at_rest(platform, HEALED).await;
    for name in ["channels", "sessions"] {
        let rebuild = "mutation($name: String!) { rebuildProjection(name: $name) { projection { name } } }";
        platform.graphql(rebuild, json!({ "name": name })).await.get("/rebuildProjection");
    }
    eventually("the rebuilds to be over", HEALED, || async {
        let answer = platform.graphql("{ projections { rebuildProgress } }", json!({})).await;
        let all = answer.get("/projections").as_array().expect("a list").clone();
        all.iter().all(|projection| projection["rebuildProgress"].is_null()).then_some(())
    })
    .await;
    assert_eq!(shown(platform).await, before, "the read models are the fold of the log");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn any_piece_is_killed_and_nothing_answered_is_lost_or_doubled() {
    let kills = from_environment("SIGMA_TEST_KILLS", KILLS);
    let broadcasts = from_environment("SIGMA_TEST_BROADCASTS", BROADCASTS);
    let brokers = from_environment("SIGMA_TEST_KAFKA_NODES", BROKERS);
    let (cluster, mut kafka) = (Cluster::durable(), Kafka::start(brokers as usize));
    let (bootstrap, copies) = (kafka.bootstrap(), brokers.to_string());
    // At the end all is asked for at once, more often than an owner may.
    let flags = [
        ["--kafka", &bootstrap],
        ["--kafka-partitions", "3"],
        ["--kafka-copies", &copies],
        ["--limit-requests-token", "100000"],
    ];
    let flags = flags.concat().into_iter().map(str::to_owned).collect::<Vec<_>>();
    let mut fleet = Fleet::start(&cluster.database().await, &flags).await;
    let settings = json!({"latencyMode": "ULTRA_LOW", "reconnectWindow": 120});
    let mut on_air: Vec<(Channel, Stubborn, Viewer)> = Vec::new();
    for number in 0..broadcasts {
        let channel = fleet.api().create_channel(&format!("On air {number}"), settings.clone()).await;
        let broadcast = Stubborn::push(fleet.media().push_url(&channel.key));
        let viewer = join(fleet.media(), &channel.playback_id).await;
        on_air.push((channel, broadcast, viewer));
    }
    let wanted = Arc::new(AtomicBool::new(true));
    let (client, token) = (fleet.api().client().clone(), fleet.api().admin_token());
    let owners: Vec<JoinHandle<Ledger>> = ["Owned", "Held", "Kept"]
        .map(|who| tokio::spawn(own(client.clone(), fleet.urls(), token.clone(), Arc::clone(&wanted), who)))
        .into();

    let victims = ["rest-1", "kafka", "api-1", "postgres", "rest-2", "media", "api-2"];
    let mut moments = Seeded(1127);
    let mut killed: BTreeMap<&str, u32> = BTreeMap::new();
    for kill in 0..kills {
        // Each of them in the first round, then as the dice say.
        let drawn = usize::try_from(moments.below(victims.len() as u64)).expect("small");
        let victim = victims.get(kill as usize).copied().unwrap_or(victims[drawn]);
        let broker = if brokers > 1 { moments.below(u64::from(brokers)) as usize } else { 0 };
        *killed.entry(victim).or_default() += 1;
        sigma_clock::sleep(Duration::from_millis(moments.below(1_500))).await;
        match victim {
            "kafka" => kafka.kill(broker),
            "postgres" => cluster.kill(),
            node => fleet.node(node).kill(),
        }
        sigma_clock::sleep(Duration::from_millis(moments.below(1_000))).await;
        match victim {
            "kafka" => tokio::task::block_in_place(|| kafka.restart(broker)),
            "postgres" => tokio::task::block_in_place(|| cluster.resume()),
            // The next kill may meet it while it starts.
            node => fleet.node(node).spawn(),
        }
        // As a service manager does with what ended by itself: the database went while it started.
        for node in fleet.nodes.values_mut() {
            node.revive();
        }
        if victim == "media" {
            is_ready(fleet.media()).await;
            for (_, _, viewer) in &mut on_air {
                // Held to its word by `check`: numbers, addresses, target duration, what was listed.
                viewer.reload(None).await.unwrap_or_else(|error| panic!("kill {kill}: {error}"));
            }
        }
    }
    for node in fleet.nodes.values_mut() {
        while !node.is_ready().await {
            node.revive();
            sigma_clock::sleep(Duration::from_millis(100)).await;
        }
    }
    for (channel, _, viewer) in &mut on_air {
        is_live(fleet.api(), &channel.id).await;
        viewer.reload(None).await.expect("the playlist under its old address");
    }
    wanted.store(false, Ordering::Relaxed);
    let mut ledger = Ledger::new();
    for owner in owners {
        ledger.extend(owner.await.expect("an owner was answered as he should be"));
    }
    for (channel, names) in &ledger {
        assert_eq!(&logged(fleet.api(), channel).await, names, "{channel}");
    }
    for (_, broadcast, _) in &mut on_air {
        broadcast.wanted.store(false, Ordering::Relaxed);
    }
    for (channel, broadcast, _) in on_air {
        broadcast.stop().await;
        let session = fleet.api().sessions(&channel.id).await[0]["id"].clone();
        let end = "mutation($id: ID!) { endSession(sessionId: $id) { session { state } } }";
        let _ = fleet.api().graphql(end, json!({ "id": session })).await;
        eventually("every session to have ended", HEALED, || async {
            (standing(fleet.api(), &channel.id).await?.1 == 0).then_some(())
        })
        .await;
        let in_topic = async || names(&kafka, &channel.id).await;
        let of_sessions = "query($id: ID!) { events(channelId: $id, first: 100) { nodes { type } } }";
        eventually("the topic to hold what the store holds", HEALED, || async {
            let told = fleet.api().graphql(of_sessions, json!({ "id": channel.id })).await;
            let stored: Vec<String> = told
                .get("/events/nodes")
                .as_array()?
                .iter()
                .filter_map(|event| Some(event["type"].as_str()?.to_owned()))
                .collect();
            // A page at most; the topic's order within a channel is the store's.
            in_topic().await.starts_with(&stored).then_some(())
        })
        .await;
    }
    // Each event once and in order within its key, after what came twice was dropped.
    let (all, new) = found(&kafka).await;
    views_are_the_fold(fleet.api()).await;
    let commands: usize = ledger.iter().map(|(_, names)| names.len()).sum();
    println!(
        "{kills} kills ({killed:?}), {brokers} nodes of Kafka, {broadcasts} broadcasts, {commands} commands answered: none lost, none doubled; \
         {} events in the topic, {} of them again",
        new.len(),
        all - new.len()
    );
    assert!(commands as u32 >= kills, "the owners were hardly heard: {commands}");
}

/// A client that asks one node, and where that fails the other one, once.
async fn asks_until(
    client: reqwest::Client,
    urls: Vec<String>,
    token: String,
    wanted: Arc<AtomicBool>,
    (asked, healed): (Arc<AtomicU64>, Arc<AtomicU64>),
) -> Vec<String> {
    let mut failures = Vec::new();
    for number in 0_usize.. {
        if !wanted.load(Ordering::Relaxed) {
            break;
        }
        let body = match number % 5 {
            0 => {
                json!({ "query": "mutation { createChannel(input: { name: \"Rolling\" }) { channel { id } } }" })
            }
            _ => json!({ "query": "{ channels(first: 5) { nodes { id name state } } }" }),
        };
        let key = format!("rolling-{number}");
        let mut told = String::new();
        for at in 0..2 {
            let request = client.post(&urls[(number + at) % urls.len()]).bearer_auth(&token);
            let request = if number % 5 == 0 { request.header("idempotency-key", &key) } else { request };
            let answer = request.timeout(Duration::from_secs(15)).json(&body).send().await;
            let answer = match answer {
                Ok(answer) => answer.text().await.map_err(|error| error.to_string()),
                Err(error) => Err(error.to_string()),
            };
            match answer {
                Ok(text) if !text.contains("\"errors\"") => {
                    told.clear();
                    healed.fetch_add(at as u64, Ordering::Relaxed);
                    break;
                }
                Ok(text) => told = text,
                Err(error) => told = error,
            }
        }
        asked.fetch_add(1, Ordering::Relaxed);
        if !told.is_empty() {
            failures.push(told);
        }
    }
    failures
}

/// Follows events over one node or the other, from where it was cut; answers their positions.
async fn follows(
    platforms: Vec<(reqwest::Client, String)>,
    token: String,
    wanted: Arc<AtomicBool>,
) -> Vec<String> {
    let mut seen: Vec<String> = Vec::new();
    let mut at = 0;
    while wanted.load(Ordering::Relaxed) {
        let (client, url) = &platforms[at % platforms.len()];
        at += 1;
        let body = json!({
            "query": "subscription($after: String) { events(afterPosition: $after) { position } }",
            "variables": { "after": seen.last().cloned().unwrap_or_default() },
        });
        let request = client.post(url).bearer_auth(&token).header("accept", "text/event-stream").json(&body);
        let Ok(mut answer) = request.send().await else {
            sigma_clock::sleep(Duration::from_millis(50)).await;
            continue;
        };
        let mut arrived = String::new();
        while wanted.load(Ordering::Relaxed) {
            match sigma_clock::timeout(Duration::from_millis(500), answer.chunk()).await {
                Err(_) => continue,
                Ok(Ok(Some(bytes))) => arrived.push_str(&String::from_utf8_lossy(&bytes)),
                Ok(_) => break,
            }
            while let Some((message, rest)) = arrived.split_once("\n\n") {
                let data = message.lines().find_map(|line| line.strip_prefix("data:"));
                let position = data.and_then(|data| serde_json::from_str::<Value>(data).ok());
                let position = position
                    .and_then(|data| Some(data.pointer("/data/events/position")?.as_str()?.to_owned()));
                seen.extend(position);
                arrived = rest.to_owned();
            }
        }
    }
    seen
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nodes_are_restarted_one_by_one_and_one_retry_heals_all_that_failed() {
    let cluster = Cluster::quick(&[]);
    let mut fleet = Fleet::start(&cluster.database().await, &[]).await;
    let channel = fleet.api().create_channel("Goes on", json!({"latencyMode": "ULTRA_LOW"})).await;
    let _broadcast = Broadcast::push(&fleet.media().push_url(&channel.key), SMALL);
    let mut viewer = join(fleet.api(), &channel.playback_id).await;
    let wanted = Arc::new(AtomicBool::new(true));
    let (asked, healed) = (Arc::<AtomicU64>::default(), Arc::<AtomicU64>::default());
    let (client, token) = (fleet.api().client().clone(), fleet.api().admin_token());
    let counts = (Arc::clone(&asked), Arc::clone(&healed));
    let asking =
        tokio::spawn(asks_until(client.clone(), fleet.urls(), token.clone(), Arc::clone(&wanted), counts));
    let nodes = fleet.urls().into_iter().map(|url| (client.clone(), url)).collect();
    let following = tokio::spawn(follows(nodes, token, Arc::clone(&wanted)));

    for name in ["api-1", "rest-1", "api-2", "rest-2", "api-1"] {
        let before = asked.load(Ordering::Relaxed);
        let (status, _) = fleet.node(name).terminate().await;
        assert!(status.success(), "{name}: {status}\n{}", fleet.node(name).log());
        fleet.node(name).launch().await;
        eventually("some more to be asked", SOON, || async {
            (asked.load(Ordering::Relaxed) > before + 10).then_some(())
        })
        .await;
    }
    let reached = viewer.seen.len() + 2;
    viewer.follow(SOON, |viewer| viewer.seen.len() >= reached).await;
    assert!(viewer.unbroken().iter().all(|segment| !segment.gap), "who watches noticed nothing");
    wanted.store(false, Ordering::Relaxed);
    let failures = asking.await.expect("the client ends");
    assert!(failures.is_empty(), "{} of {asked:?} failed twice: {failures:?}", failures.len());
    assert!(healed.load(Ordering::Relaxed) > 0, "nothing had to be retried: was anything restarted?");

    // What was followed is what stands in the log, each event once.
    let followed = following.await.expect("the follower ends");
    let all = "query($after: String) { events(afterPosition: $after, first: 100) { nodes { position } pageInfo { hasNextPage endCursor } } }";
    let (mut stored, mut after) = (Vec::new(), Value::Null);
    loop {
        let page = fleet.api().graphql(all, json!({ "after": after })).await;
        let nodes = page.get("/events/nodes").as_array().expect("a list").clone();
        stored.extend(nodes.iter().filter_map(|event| event["position"].as_str().map(str::to_owned)));
        if page.get("/events/pageInfo/hasNextPage") == &json!(false) {
            break;
        }
        after = page.get("/events/pageInfo/endCursor").clone();
    }
    assert!(followed.len() > 20, "{}", followed.len());
    assert_eq!(
        followed[..],
        stored[..followed.len()],
        "a subscription that is resumed misses none and tells none twice"
    );
    println!("{asked:?} asked, {healed:?} healed by one retry, {} events followed", followed.len());
}
