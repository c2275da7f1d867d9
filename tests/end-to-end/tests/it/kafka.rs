//! PostgreSQL and Kafka: the same platform, whose events go to Kafka and whose read models follow them there.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use end_to_end::{Broadcast, Clip, Platform, Start, eventually};
use harness::postgres::Cluster;
use kafka_harness::Kafka;
use serde_json::{Value, json};
use sigma_relay::{Connection, EVENTS, KafkaLog};
use sigma_store::{Cursor, EventLog, RecordedEvent, Seen, Sighting};

use crate::crash::{Seeded, own};
use crate::{SOON, join, session_is};

/// How often the whole process is killed.
const KILLS: u32 = 10;

async fn on(cluster: &Cluster, kafka: &Kafka) -> Platform {
    let flags = ["--kafka".to_owned(), kafka.bootstrap(), "--kafka-partitions".to_owned(), "3".to_owned()];
    let database = Some(cluster.database().await);
    Platform::start(Start { database, flags: flags.into(), ..Start::default() }).await
}

async fn relayed(platform: &Platform) {
    eventually("all to be relayed", SOON, || async {
        (platform.figure("sigma_relay_lag_events").await == Some(0)).then_some(())
    })
    .await;
}

/// What an outsider finds in the topic: how much came, and what of it is new, in order.
pub(crate) async fn found(kafka: &Kafka) -> (usize, Vec<RecordedEvent>) {
    let log = KafkaLog::open(Connection::plain(kafka.bootstrap()), EVENTS).expect("a log");
    let (mut seen, mut after, mut all, mut new) = (Seen::new(), Cursor::start(), 0, Vec::new());
    loop {
        let batch = log.read_after(&after, 500).await.expect("a batch");
        if batch.events.is_empty() {
            return (all, new);
        }
        after = batch.next;
        all += batch.events.len();
        for event in batch.events {
            match seen.see(&event) {
                Sighting::New => new.push(event),
                Sighting::Duplicate => {}
                Sighting::Gap { expected } => panic!("{expected} is missing before {event:?}"),
            }
        }
    }
}

/// Names of a channel's events as an outsider reads them from the topic, in order.
pub(crate) async fn names(kafka: &Kafka, channel: &str) -> Vec<String> {
    let events = found(kafka).await.1.into_iter();
    events.filter(|event| event.line == channel).map(|event| event.name).collect()
}

/// All events that the platform tells of, or all of a channel, in order; of each what is `wanted`.
async fn events(platform: &Platform, channel: Option<&str>, wanted: &str) -> Vec<Value> {
    let query = format!(
        "query($id: ID, $after: String) {{ events(aggregateId: $id, first: 100, afterPosition: $after) \
         {{ nodes {{ position {wanted} }} }} }}"
    );
    let (mut after, mut all) = (Value::Null, Vec::new());
    loop {
        let answer = platform.graphql(&query, json!({ "id": channel, "after": after })).await;
        let page = answer.get("/events/nodes").as_array().expect("a list").clone();
        let Some(last) = page.last() else { return all };
        after = last["position"].clone();
        all.extend(page);
    }
}

/// The names that a channel had, in order, as the platform tells them.
async fn opened(platform: &Platform, channel: &str) -> Vec<String> {
    let events = events(platform, Some(channel), "data").await;
    let name = |event: &Value| {
        let data = &event["data"];
        let name = data.pointer("/name/plain").or_else(|| data.pointer("/changes/name/plain"));
        name.and_then(Value::as_str).map(str::to_owned)
    };
    events.iter().filter_map(name).collect()
}

/// All that the store holds: aggregate and sequence.
async fn stored(platform: &Platform) -> BTreeSet<(String, u64)> {
    let events = events(platform, None, "aggregateId sequence").await;
    let place = |event: &Value| {
        let aggregate = event["aggregateId"].as_str().expect("an id").to_owned();
        (aggregate, event["sequence"].as_u64().expect("a number"))
    };
    events.iter().map(place).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn killed_at_random_moments_the_relay_leaves_nothing_out() {
    let (cluster, kafka) = (Cluster::durable(), Kafka::start(1));
    let mut platform = on(&cluster, &kafka).await;
    let wanted = Arc::new(AtomicBool::new(true));
    let (client, url) = (platform.client().clone(), platform.url("/graphql"));
    let owner = tokio::spawn(own(client, vec![url], platform.admin_token(), Arc::clone(&wanted), "Owned"));
    let mut moments = Seeded(1127);
    for _ in 0..KILLS {
        sigma_clock::sleep(Duration::from_millis(moments.below(1_200))).await;
        platform.kill();
        platform.launch().await;
    }
    wanted.store(false, Ordering::Relaxed);
    let ledger = owner.await.expect("the owner ends");
    assert!(ledger.len() > 3, "{ledger:?}");
    relayed(&platform).await;

    let (came, new) = found(&kafka).await;
    let told: BTreeSet<(String, u64)> =
        new.iter().map(|event| (event.aggregate_id.clone(), event.sequence)).collect();
    assert_eq!(told, stored(&platform).await, "{came} came");
    for (channel, named) in &ledger {
        let of_it = new.iter().filter(|event| event.line == *channel);
        // A name stands in the topic sealed; the platform itself opens it.
        let sealed = |event: &&RecordedEvent| {
            let name = event.data.pointer("/name").or_else(|| event.data.pointer("/changes/name"));
            name.is_some_and(|name| name.get("sealed").is_some() && name.get("plain").is_none())
        };
        assert_eq!(of_it.filter(sealed).count(), named.len());
        assert_eq!(opened(&platform, channel).await, *named);
    }
    // And the read models follow it.
    let (channel, named) = ledger.last().expect("a channel");
    let query = "query($id: ID!) { channel(id: $id) { name } }";
    eventually("the last name to be shown", SOON, || async {
        let answer = platform.graphql(query, json!({ "id": channel })).await;
        (answer.text("/channel/name") == *named.last()?).then_some(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_broadcast_goes_through_postgresql_and_kafka() {
    let (cluster, kafka) = (Cluster::quick(&[]), Kafka::start(1));
    let mut platform = on(&cluster, &kafka).await;
    let channel = platform.create_channel("Through Kafka", json!({"latencyMode": "ULTRA_LOW"})).await;
    let broadcast = Broadcast::push(&platform.push_url(&channel.key), Clip::default());
    let mut viewer = join(&platform, &channel.playback_id).await;
    session_is(&platform, &channel.id, "LIVE").await;
    viewer.follow(SOON, |viewer| viewer.seen.len() >= 2).await;

    // The node is killed, and its broadcaster comes back into his session.
    platform.kill();
    drop(broadcast);
    platform.launch().await;
    // After a start the views may be a moment behind.
    session_is(&platform, &channel.id, "ERROR").await;
    let broadcast = Broadcast::push(&platform.push_url(&channel.key), Clip::default());
    session_is(&platform, &channel.id, "LIVE").await;
    broadcast.stop();
    session_is(&platform, &channel.id, "ENDED").await;
    relayed(&platform).await;
    let told = names(&kafka, &channel.id).await;
    let life = [
        "session.opened",
        "session.processing",
        "session.live",
        "session.error",
        "session.recovered",
        "session.ended",
    ];
    let of_life: Vec<&str> = told.iter().map(String::as_str).filter(|name| life.contains(name)).collect();
    assert_eq!(of_life, life, "{told:?}");
    assert_eq!(told[0], "channel.created");

    // Filled from the first event on, it says the same.
    let published = platform.figure("sigma_relay_published_total").await.expect("a figure");
    let output = std::process::Command::new(end_to_end::binary())
        .args([
            "relay",
            "replay",
            "--kafka",
            &kafka.bootstrap(),
            "--event-store",
            &platform.database().expect("one"),
        ])
        .output()
        .expect("the binary runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    eventually("all to be relayed again", SOON, || async {
        let now = platform.figure("sigma_relay_published_total").await.expect("a figure");
        (now > published + told.len() as u64).then_some(())
    })
    .await;
    relayed(&platform).await;
    assert_eq!(names(&kafka, &channel.id).await, told);
    session_is(&platform, &channel.id, "ENDED").await;
    let (status, ready) = platform.readiness().await;
    let ready = ready.to_string();
    assert!(status == 200 && ready.contains("kafka"), "{status} {ready}");

    // Asked from outside, who fills it and how far is told.
    let asked = std::process::Command::new(end_to_end::binary())
        .args(["doctor", "--kafka", &kafka.bootstrap(), "--kafka-partitions", "3"])
        .args(["--event-store", &platform.database().expect("one")])
        .output()
        .expect("the binary runs");
    let told = String::from_utf8_lossy(&asked.stdout);
    let line = |what: &str| told.lines().find(|line| line.contains(what)).unwrap_or_default().to_owned();
    assert!(line(" kafka ").starts_with("ok") && line(" kafka ").ends_with("has 3 partitions"), "{told}");
    assert!(line(" relay ").contains("leads") && line(" relay ").ends_with("0 events wait"), "{told}");
}

/// Gives one command after the other; answers how long the slowest took.
async fn slowest_command(platform: &Platform, span: Duration) -> Duration {
    let (begun, mut slowest) = (sigma_clock::monotonic(), Duration::ZERO);
    while begun.elapsed() < span {
        let given = sigma_clock::monotonic();
        platform.create_channel("At that moment", json!({})).await;
        slowest = slowest.max(given.elapsed());
    }
    slowest
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn while_kafka_is_away_broadcasts_begin_and_go_on_and_all_is_shown_later() {
    let (cluster, mut kafka) = (Cluster::quick(&[]), Kafka::start(1));
    let platform = on(&cluster, &kafka).await;
    let before = platform.create_channel("Before", json!({"latencyMode": "ULTRA_LOW"})).await;
    let other = platform.create_channel("Meanwhile", json!({"latencyMode": "ULTRA_LOW"})).await;
    let one = Broadcast::push(&platform.push_url(&before.key), Clip::default());
    let mut viewer = join(&platform, &before.playback_id).await;
    viewer.follow(SOON, |viewer| viewer.seen.len() >= 2).await;

    // Who gives a command at that very moment is not kept waiting.
    let (slowest, killed) = tokio::join!(
        slowest_command(&platform, Duration::from_secs(2)),
        tokio::task::spawn_blocking(move || {
            kafka.kill(0);
            kafka
        }),
    );
    kafka = killed.expect("killed");
    // A command that waits for the views would wait for 5 s.
    assert!(slowest < Duration::from_secs(4), "a command took {slowest:?}");
    let two = Broadcast::push(&platform.push_url(&other.key), Clip::default());
    let mut second = join(&platform, &other.playback_id).await;
    second.follow(SOON, |viewer| viewer.seen.len() >= 2).await;
    let made = platform.create_channel("Made meanwhile", json!({})).await;
    two.stop();
    second.follow(SOON, |viewer| viewer.playlist.ended).await;
    let reached = viewer.seen.len() + 2;
    viewer.follow(SOON, |viewer| viewer.seen.len() >= reached).await;
    let (status, told) = eventually("the platform to tell of it", SOON, || async {
        let (status, told) = platform.readiness().await;
        let told = told.to_string();
        told.contains("Kafka acknowledges nothing").then_some((status, told))
    })
    .await;
    assert_eq!(status, 200, "{told}");
    assert!(told.contains("events wait for it") && !told.contains("; 0 events"), "{told}");
    let lag = platform.figure("sigma_relay_lag_events").await.expect("a figure");
    assert!(lag > 5, "two broadcasts and a channel are not {lag} events");

    kafka.restart(0);
    session_is(&platform, &other.id, "ENDED").await;
    session_is(&platform, &before.id, "LIVE").await;
    relayed(&platform).await;
    assert_eq!(names(&kafka, &made.id).await[0], "channel.created");
    one.stop();
    session_is(&platform, &before.id, "ENDED").await;
    let told: BTreeSet<String> = names(&kafka, &other.id).await.into_iter().collect();
    assert!(told.contains("session.live") && told.contains("session.ended"), "{told:?}");
}

/// How often a text stands in the files of all topics of ours.
fn written(kafka: &Kafka, text: &str) -> usize {
    let bytes = kafka.bytes_of("sigma.");
    bytes.windows(text.len()).filter(|window| *window == text.as_bytes()).count()
}

/// Ids of the events in whose records a text stands; a record names its id behind what it says. The relay may send one twice.
fn holders(kafka: &Kafka, text: &str) -> BTreeSet<String> {
    let bytes = kafka.bytes_of("sigma.");
    let found = bytes.windows(text.len()).enumerate().filter(|(_, window)| *window == text.as_bytes());
    let id = |at: usize| {
        let id = bytes[at..].windows(3).position(|window| window == b"ev_").expect("an event's id");
        String::from_utf8_lossy(&bytes[at + id..][.."ev_".len() + 32]).into_owned()
    };
    found.map(|(at, _)| id(at)).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn names_of_an_erased_channel_stand_nowhere_in_the_brokers_files_before_and_after() {
    const NAMES: [&str; 2] = ["Wunderhorn of Ottilie", "Nachtigall of Ottilie"];
    const TOKEN: &str = "Token of Ottokar";
    let (cluster, kafka) = (Cluster::quick(&[]), Kafka::start_legible());
    let platform = on(&cluster, &kafka).await;
    let (_, token) = platform
        .create_token(TOKEN, json!({"scopes": ["channels:read", "channels:write", "channels:secrets"]}))
        .await;
    let make = "mutation($name: String!) { createChannel(input: {name: $name, latencyMode: ULTRA_LOW}) { streamKey channel { id } } }";
    let made = platform.graphql_as(Some(&token), make, json!({ "name": NAMES[0] })).await;
    let (channel, key) = (made.text("/createChannel/channel/id"), made.text("/createChannel/streamKey"));
    let rename = "mutation($id: ID!, $name: String!) { updateChannel(id: $id, input: {name: $name}) { channel { name } } }";
    let renamed = platform.graphql_as(Some(&token), rename, json!({ "id": channel, "name": NAMES[1] })).await;
    assert_eq!(renamed.text("/updateChannel/channel/name"), NAMES[1]);
    let broadcast = Broadcast::push(&platform.push_url(&key), Clip::default());
    session_is(&platform, &channel, "LIVE").await;
    let asked = "query($id: ID!) { sessions(channelId: $id) { nodes { input { encoder } } } }";
    let encoder =
        platform.graphql(asked, json!({ "id": channel })).await.text("/sessions/nodes/0/input/encoder");
    broadcast.stop();
    session_is(&platform, &channel, "ENDED").await;

    let look = async |when: &str| {
        relayed(&platform).await;
        assert!(written(&kafka, &channel) > 5, "{when}: the files cannot be read so");
        let made = holders(&kafka, TOKEN);
        assert_eq!(made.len(), 1, "{when}: a token's name stands in the event of its making alone: {made:?}");
        for secret in [NAMES[0], NAMES[1], "Ottilie", &key, &encoder] {
            assert_eq!(written(&kafka, secret), 0, "{when}: {secret}");
        }
    };
    look("before").await;
    let erase = "mutation($id: ID!) { deleteChannel(id: $id, erase: true) { channel { id } } }";
    platform.graphql_as(Some(&token), erase, json!({ "id": channel })).await.get("/deleteChannel");
    look("after").await;
    assert!(written(&kafka, "sigma.channel.erased.v1") > 0, "the erasure is told");
    let health = eventually("samples of health", SOON, || async {
        let bytes = kafka.bytes_of("sigma.ingest-health.v1");
        (!bytes.is_empty()).then_some(bytes)
    })
    .await;
    assert!(
        health.windows(13).any(|window| window == b"\"videoBitrate"),
        "samples are among what was looked through"
    );
}
