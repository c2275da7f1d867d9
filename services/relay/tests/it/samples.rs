//! Samples: said in passing, heard by who listens.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use kafka_harness::Kafka;
use sigma_clock::{SystemClock, monotonic};
use sigma_relay::{Connection, Received, Sample, SampleReader, SampleSender, SenderStatus, Topic};

use crate::topics::{delete, make};
use crate::{PATIENCE, connection, topic};

/// What a reader was given: key, what it was, whether it was there before.
type Heard = Arc<Mutex<Vec<(String, String, bool)>>>;

fn listen(connection: &Connection, topic: &Topic, own: &str, look_back: Duration) -> (SampleReader, Heard) {
    let heard = Heard::default();
    let notes = Arc::clone(&heard);
    let take = move |received: Received<'_>| {
        assert_eq!(received.shape, ("test", 3));
        let note =
            (received.key.to_owned(), String::from_utf8(received.body.to_vec()).unwrap(), received.is_past);
        notes.lock().unwrap_or_else(PoisonError::into_inner).push(note);
    };
    let reader = SampleReader::start(connection, &topic.name, own, look_back, Arc::new(SystemClock), take);
    (reader.unwrap(), heard)
}

fn say(sender: &SampleSender, key: &str, body: &str) {
    let subject = format!("session/{key}");
    sender.send(&Sample {
        key,
        subject: &subject,
        name: "test",
        version: 3,
        at_ms: 1,
        body: body.as_bytes(),
    });
}

async fn until<T>(what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    let begun = monotonic();
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(begun.elapsed() < PATIENCE, "waited in vain for {what}");
        sigma_clock::sleep(Duration::from_millis(2)).await;
    }
}

/// Says `hello` until one of them has arrived: the topic is there.
async fn greeted(sender: &SampleSender) -> SenderStatus {
    let before = sender.status().sent;
    until("a sample to be taken", || {
        say(sender, "hello", "hello");
        let status = sender.status();
        (status.sent > before).then_some(status)
    })
    .await
}

fn settled(status: &SenderStatus) -> u64 {
    let dropped = status.dropped;
    status.sent + dropped.no_topic + dropped.full + dropped.not_taken
}

/// By key, without greetings.
fn by_key(heard: &Heard) -> BTreeMap<String, Vec<String>> {
    let mut keys = BTreeMap::<String, Vec<String>>::new();
    for (key, body, _) in heard.lock().unwrap().iter().filter(|(key, ..)| key != "hello") {
        keys.entry(key.clone()).or_default().push(body.clone());
    }
    keys
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn samples_come_in_order_to_who_listens_and_to_who_looks_back() {
    let (connection, topic) =
        (connection(), Topic { retention: Some(Duration::from_secs(3_600)), ..topic() });
    // It listens before there is a topic.
    let (_early, heard) = listen(&connection, &topic, "another", Duration::ZERO);
    let (_own, own) = listen(&connection, &topic, "node-1", Duration::from_secs(60));
    let sender = SampleSender::start(&connection, &topic, "node-1").unwrap();
    assert_eq!(greeted(&sender).await.complaints, Vec::<String>::new());
    until("the early one to listen", || {
        say(&sender, "hello", "hello");
        (!heard.lock().unwrap().is_empty()).then_some(())
    })
    .await;
    let mut wanted = BTreeMap::<String, Vec<String>>::new();
    for number in 0..200 {
        let (key, body) = (format!("se_{}", number % 7), number.to_string());
        say(&sender, &key, &body);
        wanted.entry(key).or_default().push(body);
    }
    until("all to be heard", || (by_key(&heard) == wanted).then_some(())).await;
    assert!(heard.lock().unwrap().iter().rev().take(200).all(|(.., is_past)| !is_past));

    let (_late, late) = listen(&connection, &topic, "another", Duration::from_secs(120));
    until("all to be looked back at", || (by_key(&late) == wanted).then_some(())).await;
    assert!(late.lock().unwrap().iter().all(|(.., is_past)| *is_past));
    let (_last, last) = listen(&connection, &topic, "another", Duration::ZERO);
    until("the last one to listen", || {
        say(&sender, "hello", "hello");
        (!last.lock().unwrap().is_empty()).then_some(())
    })
    .await;
    assert_eq!(by_key(&last), BTreeMap::new(), "what was before he listened");
    assert_eq!(own.lock().unwrap().len(), 0, "what a node says itself it need not be told");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn while_kafka_is_away_nothing_waits_and_each_sample_that_is_dropped_is_counted() {
    /// More than may wait.
    const MANY: u64 = 40_000;
    let mut kafka = Kafka::start(1);
    let connection = Connection::plain(kafka.bootstrap());
    let topic = topic();
    let sender = SampleSender::start(&connection, &topic, "node-1").unwrap();
    let (_reader, heard) = listen(&connection, &topic, "another", Duration::ZERO);
    say(&sender, "early", "lost");
    greeted(&sender).await;
    assert!(sender.status().dropped.no_topic > 0, "before there was a topic");
    until("the listener to hear", || {
        say(&sender, "hello", "hello");
        (!heard.lock().unwrap().is_empty()).then_some(())
    })
    .await;

    kafka.kill(0);
    let (before, body, begun) = (sender.status(), "x".repeat(600), monotonic());
    for _ in 0..MANY {
        say(&sender, "se_1", &body);
    }
    let took = begun.elapsed();
    assert!(took < Duration::from_secs(10), "{MANY} samples for nobody took {took:?}");
    let full = sender.status().dropped.full - before.dropped.full;
    assert!(full >= MANY - 8_192, "{full} of {MANY} were dropped at once: more wait than may");
    let status = until("what waits to be given up", || {
        let status = sender.status();
        (settled(&status) >= settled(&before) + MANY).then_some(status)
    })
    .await;
    assert!(status.dropped.not_taken > 0, "{status:?}");

    kafka.restart(0);
    greeted(&sender).await;
    say(&sender, "se_1", "after");
    until("the listener to hear again", || {
        by_key(&heard).get("se_1").filter(|said| said.last().is_some_and(|last| last == "after")).map(drop)
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_topic_that_is_other_than_wanted_is_told_of_and_one_that_is_gone_is_made_anew() {
    let (connection, topic) =
        (connection(), Topic { retention: Some(Duration::from_secs(86_400)), ..topic() });
    make(&topic.name, 3, &[("retention.ms", "60000"), ("message.timestamp.type", "LogAppendTime")]).await;
    let sender = SampleSender::start(&connection, &topic, "node-1").unwrap();
    let (_reader, heard) = listen(&connection, &topic, "another", Duration::ZERO);
    let complaints = greeted(&sender).await.complaints;
    let wanted = format!("the topic {} has retention.ms 60000, wanted is 86400000: set it there", topic.name);
    assert_eq!(complaints, [wanted]);
    delete(&topic.name).await;
    let made_anew = until("the topic to be made anew", || {
        say(&sender, "hello", "hello");
        let status = sender.status();
        status.complaints.is_empty().then_some(status.sent)
    })
    .await;
    until("samples to be taken", || {
        say(&sender, "se_1", "anew");
        (sender.status().sent > made_anew).then_some(())
    })
    .await;
    until("them to be heard", || {
        say(&sender, "se_1", "anew");
        by_key(&heard).get("se_1").map(drop)
    })
    .await;
}
