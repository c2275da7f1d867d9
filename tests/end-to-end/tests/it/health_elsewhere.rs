//! Ingest health by way of Kafka: what a node measures is told there, and what other nodes tell is heard.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use end_to_end::{Broadcast, Clip, Platform, Start, Subscription, eventually};
use harness::postgres::Cluster;
use kafka_harness::Kafka;
use serde_json::{Value, json};
use sigma_clock::{Clock, SystemClock};
use sigma_relay::{Connection, INGEST_HEALTH, Received, Sample, SampleReader, SampleSender, Topic};

use crate::{SOON, join, session_is};

const WHOLE: &str = "at videoBitrate audioBitrate frameRate keyFrameInterval avOffsetMs behindMs queueMs largestGapMs \
    droppedFrames warnings { name message since data }";

async fn on(cluster: &Cluster, kafka: &Kafka) -> Platform {
    let flags = ["--kafka".to_owned(), kafka.bootstrap(), "--kafka-partitions".to_owned(), "3".to_owned()];
    let database = Some(cluster.database().await);
    Platform::start(Start { database, flags: flags.into(), ..Start::default() }).await
}

async fn newest_session(platform: &Platform, channel: &str) -> String {
    platform.sessions(channel).await[0]["id"].as_str().expect("an id").to_owned()
}

async fn latest(platform: &Platform, session: &str) -> Option<Value> {
    let query = format!("query($id: ID!) {{ session(id: $id) {{ health {{ {WHOLE} }} }} }}");
    let answer = platform.graphql(&query, json!({ "id": session })).await;
    let health = answer.get("/session/health").clone();
    (!health.is_null()).then_some(health)
}

/// The last seconds, by the moment of each.
async fn recent(platform: &Platform, session: &str) -> BTreeMap<String, Value> {
    let query =
        format!("query($id: ID!) {{ session(id: $id) {{ recentHealth(seconds: 900) {{ {WHOLE} }} }} }}");
    let answer = platform.graphql(&query, json!({ "id": session })).await;
    let samples = answer.get("/session/recentHealth").as_array().expect("samples").clone();
    samples.into_iter().map(|sample| (sample["at"].as_str().expect("a time").to_owned(), sample)).collect()
}

async fn follow(platform: &Platform, session: &str) -> Subscription {
    let query = format!("subscription($id: ID!) {{ sessionHealth(id: $id) {{ {WHOLE} }} }}");
    platform.subscribe(&platform.admin_token(), &query, json!({ "id": session })).await
}

async fn next(samples: &mut Subscription) -> Option<Value> {
    let answer = sigma_clock::timeout(SOON, samples.next()).await.expect("an answer in time")?;
    Some(answer["data"]["sessionHealth"].clone())
}

/// What stands in the topic, said as GraphQL says it.
fn as_told(sample: &Value) -> Value {
    let thousandth = |name: &str| sample[name].as_f64().map(|milli| milli / 1_000.0);
    let time = |milli: &Value| {
        let time = jiff::Timestamp::from_millisecond(milli.as_i64().expect("a time")).expect("a time");
        format!("{time:.3}")
    };
    let warnings = sample["warnings"].as_array().expect("warnings").iter().map(|warning| {
        json!({
            "name": warning["name"], "message": warning["message"], "since": time(&warning["sinceMs"]), "data": warning["data"]
        })
    });
    json!({
        "at": time(&sample["atMs"]),
        "videoBitrate": sample["videoBitrate"],
        "audioBitrate": sample["audioBitrate"],
        "frameRate": thousandth("frameRateMilli"),
        "keyFrameInterval": thousandth("keyFrameIntervalMs"),
        "avOffsetMs": sample["avOffsetMs"],
        "behindMs": sample["behindMs"],
        "queueMs": sample["queueMs"],
        "largestGapMs": sample["largestGapMs"],
        "droppedFrames": sample["droppedFrames"],
        "warnings": warnings.collect::<Vec<_>>(),
    })
}

/// Who follows the topic, as an outsider does, and what he heard of a session.
fn listen(kafka: &Kafka, session: &str) -> (SampleReader, Arc<Mutex<Vec<Value>>>) {
    let (heard, session) = (Arc::<Mutex<Vec<Value>>>::default(), session.to_owned());
    let notes = Arc::clone(&heard);
    let take = move |received: Received<'_>| {
        assert_eq!(received.shape, ("ingest_health", 1));
        if received.key == session {
            let sample = serde_json::from_slice(received.body).expect("JSON");
            notes.lock().expect("whole").push(sample);
        }
    };
    let (connection, clock) = (Connection::plain(kafka.bootstrap()), Arc::new(SystemClock));
    let reader =
        SampleReader::start(&connection, INGEST_HEALTH, "an outsider", Duration::from_secs(60), clock, take);
    (reader.expect("a reader"), heard)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_topic_holds_what_graphql_tells_and_a_broadcast_goes_on_while_kafka_is_away() {
    let (cluster, mut kafka) = (Cluster::quick(&[]), Kafka::start(1));
    let platform = on(&cluster, &kafka).await;
    let channel = platform.create_channel("Measured", json!({"latencyMode": "ULTRA_LOW"})).await;
    let broadcast = Broadcast::push(&platform.push_url(&channel.key), Clip::default());
    let mut viewer = join(&platform, &channel.playback_id).await;
    session_is(&platform, &channel.id, "LIVE").await;
    let session = newest_session(&platform, &channel.id).await;
    let (_reader, heard) = listen(&kafka, &session);
    let count = || heard.lock().expect("whole").len();
    eventually("five seconds to be told", SOON, || async { (count() >= 5).then_some(()) }).await;
    let heard_so_far = heard.lock().expect("whole").clone();
    let told = recent(&platform, &session).await;
    for sample in &heard_so_far {
        assert_eq!(sample["channelId"], json!(channel.id));
        let sample = as_told(sample);
        assert_eq!(told.get(sample["at"].as_str().expect("a time")), Some(&sample));
    }
    assert!(heard_so_far.iter().any(|sample| sample["videoBitrate"].as_u64() > Some(100_000)));

    // Kafka is away: the broadcast goes on, what is measured is dropped and counted, and no more waits than may.
    kafka.kill(0);
    let dropped = "sigma_health_samples_dropped_total{why=\"not_taken\"}";
    eventually("samples to be dropped", SOON, || async {
        platform.figure(dropped).await.filter(|count| *count >= 3)
    })
    .await;
    let waiting = "sigma_kafka_queued_records{client=\"health_sender\"}";
    let waiting = platform.figure(waiting).await.expect("a figure");
    assert!(waiting <= 10, "{waiting} samples wait");
    assert!(latest(&platform, &session).await.is_some());
    let reached = viewer.seen.len() + 2;
    viewer.follow(SOON, |viewer| viewer.seen.len() >= reached).await;

    kafka.restart(0);
    let before = count();
    eventually("samples to come again", SOON, || async { (count() >= before + 3).then_some(()) }).await;
    let told = recent(&platform, &session).await;
    for sample in heard.lock().expect("whole").iter().map(as_told) {
        let same = told.get(sample["at"].as_str().expect("a time"));
        // What was measured since it was asked is not among them yet.
        assert!(same.is_none_or(|same| *same == sample), "{sample:#}\n{same:#?}");
    }
    broadcast.stop();
    session_is(&platform, &channel.id, "ENDED").await;
}

/// A second as another node tells it.
fn second(session: &str, at_ms: i64) -> Value {
    json!({
        "sessionId": session, "channelId": "ch_elsewhere", "atMs": at_ms, "videoBitrate": 2_500_000, "audioBitrate": 128_000,
        "frameRateMilli": 29_970, "keyFrameIntervalMs": 2_002, "avOffsetMs": -12, "behindMs": 40, "queueMs": 3,
        "largestGapMs": 34, "droppedFrames": 7, "warnings": [{
            "name": "B_FRAMES", "message": "Set B-frames to 0.", "sinceMs": at_ms - 9_000, "data": { "reorderMs": 66 }
        }]
    })
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_session_that_another_node_holds_is_told_of_from_the_topic() {
    let (cluster, kafka) = (Cluster::quick(&[]), Kafka::start(1));
    let mut platform = on(&cluster, &kafka).await;
    let channel = platform.create_channel("Elsewhere", json!({"latencyMode": "ULTRA_LOW"})).await;
    let broadcast = Broadcast::push(&platform.push_url(&channel.key), Clip::default());
    session_is(&platform, &channel.id, "LIVE").await;
    broadcast.stop();
    session_is(&platform, &channel.id, "ENDED").await;
    // This node has forgotten it.
    let session = newest_session(&platform, &channel.id).await;
    platform.terminate().await;
    platform.launch().await;
    assert_eq!(latest(&platform, &session).await, None);

    let topic = Topic {
        name: INGEST_HEALTH.to_owned(),
        partitions: 3,
        copies: 1,
        retention: Some(Duration::from_secs(86_400)),
    };
    let other =
        SampleSender::start(&Connection::plain(kafka.bootstrap()), &topic, "another-node").expect("a sender");
    let at = AtomicMillis::default();
    let say = || {
        let sample = second(&session, at.next());
        let (subject, body) = (format!("session/{session}"), sample.to_string());
        let at_ms = sample["atMs"].as_i64().expect("a time");
        other.send(&Sample {
            key: &session,
            subject: &subject,
            name: "ingest_health",
            version: 1,
            at_ms,
            body: body.as_bytes(),
        });
        as_told(&sample)
    };
    let told = eventually("it to be told", SOON, || async {
        say();
        latest(&platform, &session).await
    })
    .await;
    let mut followed = follow(&platform, &session).await;
    assert!(next(&mut followed).await.is_some(), "the newest comes first");
    let said: BTreeMap<String, Value> = (0..5)
        .map(|_| say())
        .map(|sample| (sample["at"].as_str().expect("a time").to_owned(), sample))
        .collect();
    let last = said.keys().next_back().expect("some").clone();
    while next(&mut followed).await.expect("it is on air")["at"] != json!(last) {}
    let heard = recent(&platform, &session).await;
    assert!(said.iter().all(|(at, sample)| heard.get(at) == Some(sample)), "{said:#?}\n{heard:#?}");
    assert!(heard.contains_key(told["at"].as_str().expect("a time")));

    // It is silent: nothing is known of it now, what was stays, and who follows is told that it is over.
    assert_eq!(next(&mut followed).await, None);
    assert_eq!(latest(&platform, &session).await, None);
    assert_eq!(recent(&platform, &session).await, heard);

    // Who has just started knows what was, and takes it for no sign of life.
    platform.kill();
    platform.launch().await;
    eventually("what was to be known", SOON, || async {
        (recent(&platform, &session).await.len() == heard.len()).then_some(())
    })
    .await;
    assert_eq!(recent(&platform, &session).await, heard);
    assert_eq!(latest(&platform, &session).await, None);
    let sample = eventually("it to be told again", SOON, || async {
        say();
        latest(&platform, &session).await
    })
    .await;
    assert_eq!(sample["warnings"][0]["name"], json!("B_FRAMES"));
}

/// Seconds, each later than the one before.
#[derive(Default)]
struct AtomicMillis(std::sync::atomic::AtomicI64);

impl AtomicMillis {
    fn next(&self) -> i64 {
        let number = self.0.fetch_add(1, std::sync::atomic::Ordering::SeqCst);
        SystemClock.now().millis() + number
    }
}
