//! Topics are made or looked at, and a topic that does not fit is not filled on.

use std::time::Duration;

use kafka_harness::Kafka;
use rdkafka::ClientConfig;
use rdkafka::admin::{AdminClient, AdminOptions, NewTopic, TopicReplication};
use rdkafka::client::DefaultClientContext;
use sigma_relay::{Connection, RelayState, Topic, TopicError};
use sigma_store::memory::MemoryStore;
use sigma_store::{Cursor, EventLog, LogError};

use crate::desk::Desk;
use crate::{
    by_line, caught_up, connection, fill, kafka, open, read_all, relay, start, topic, until, wanted,
};

fn admin() -> AdminClient<DefaultClientContext> {
    ClientConfig::new().set("bootstrap.servers", kafka().bootstrap()).create().unwrap()
}

pub async fn make(name: &str, partitions: i32, settings: &[(&str, &str)]) {
    let mut topic = NewTopic::new(name, partitions, TopicReplication::Fixed(1));
    for (key, value) in settings {
        topic = topic.set(key, value);
    }
    let wait = AdminOptions::new().operation_timeout(Some(Duration::from_secs(10)));
    admin().create_topics([&topic], &wait).await.unwrap().remove(0).unwrap();
}

pub async fn delete(name: &str) {
    let wait = AdminOptions::new().operation_timeout(Some(Duration::from_secs(10)));
    admin().delete_topics(&[name], &wait).await.unwrap().remove(0).unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_topic_is_made_as_it_should_be_and_found_so() {
    let topic = Topic { retention: Some(Duration::from_secs(86_400)), partitions: 5, ..topic() };
    let made = topic.ensure(&connection()).await.unwrap();
    assert_eq!((made.made, made.partitions, made.complaints), (true, 5, vec![]));
    let found = topic.ensure(&connection()).await.unwrap();
    assert_eq!((found.made, found.partitions, found.complaints), (false, 5, vec![]));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_other_than_wanted_is_complained_about_and_used() {
    let topic = topic();
    make(&topic.name, 2, &[("retention.ms", "60000"), ("message.timestamp.type", "LogAppendTime")]).await;
    let store = MemoryStore::new(31);
    fill(&store, 2, 2).await;
    let relay = start(&connection(), &topic, &store, Desk::new());
    caught_up(&relay).await;
    let name = &topic.name;
    let wanted = [
        format!(
            "the topic {name} has 2 partitions, the settings say 3: they are fixed when it is made; set --kafka-partitions 2"
        ),
        format!("the topic {name} has retention.ms 60000, wanted is -1: set it there"),
    ];
    assert_eq!(relay.status().complaints, wanted);
    assert_eq!(read_all(&open(&connection(), &topic)).await.new.len(), 4);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_compacted_topic_is_not_filled() {
    let topic = topic();
    make(&topic.name, 3, &[("cleanup.policy", "compact")]).await;
    let refused = topic.ensure(&connection()).await.unwrap_err();
    assert!(matches!(&refused, TopicError::Unfit(why) if why.contains("compacted")), "{refused:?}");
    let relay = start(&connection(), &topic, &MemoryStore::new(32), Desk::new());
    let status = until(&relay, |status| status.state == RelayState::Blocked).await;
    assert_eq!((status.published, status.trouble), (0, Some(refused.to_string())));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn copies_without_brokers_for_them_are_told_of() {
    let topic = Topic { copies: 3, ..topic() };
    let refused = topic.ensure(&connection()).await.unwrap_err();
    assert!(matches!(&refused, TopicError::Away(why) if why.contains("not 3 brokers")), "{refused:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_topic_that_was_lost_is_filled_anew_when_somebody_says_so() {
    let (store, topic, desk) = (MemoryStore::new(33), topic(), Desk::new());
    fill(&store, 3, 4).await;
    let log = open(&connection(), &topic);
    let relay = start(&connection(), &topic, &store, desk.clone());
    caught_up(&relay).await;
    let before = log.head().await.unwrap();
    drop(relay);
    delete(&topic.name).await;

    let relay = start(&connection(), &topic, &store, desk.clone());
    let status = until(&relay, |status| status.state == RelayState::Blocked).await;
    let told = status.trouble.unwrap();
    assert!(told.contains("lost what was in it") && told.contains("sigma relay replay"), "{told}");

    relay.replay().await.unwrap();
    caught_up(&relay).await;
    // Readers of the old log are told, so that what they made of it is made anew, and find all in the new one.
    let look = async {
        loop {
            match log.read_after(&before, 10).await {
                Err(LogError::ForeignCursor(_)) => return,
                Ok(batch) => assert_eq!(batch.events, [], "an old place is taken for one of the new log"),
                Err(_) => {}
            }
            // A log that has grown as long as the old one was is known by its next record.
            fill(&store, 1, 1).await;
            caught_up(&relay).await;
        }
    };
    sigma_clock::timeout(crate::PATIENCE, look).await.unwrap();
    assert_eq!(by_line(&read_all(&log).await.new), wanted(&store).await);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_replay_into_what_stands_only_repeats() {
    let (store, topic) = (MemoryStore::new(34), topic());
    fill(&store, 3, 4).await;
    let relay = start(&connection(), &topic, &store, Desk::new());
    caught_up(&relay).await;
    let log = open(&connection(), &topic);
    let (place, published) = (log.head().await.unwrap(), relay.status().published);
    relay.replay().await.unwrap();
    until(&relay, |status| status.published >= 2 * published).await;
    caught_up(&relay).await;
    let batch = log.read_after(&place, 1).await.unwrap();
    assert_eq!(batch.events.len(), 1, "a place from before is one of this log still");
    let read = read_all(&log).await;
    assert_eq!(by_line(&read.new), wanted(&store).await);
    assert!(read.all >= 2 * read.new.len());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_topic_of_another_store_is_not_mixed_into() {
    let (store, topic) = (MemoryStore::new(35), topic());
    fill(&store, 1, 2).await;
    let relay_of_one = start(&connection(), &topic, &store, Desk::new());
    caught_up(&relay_of_one).await;
    drop(relay_of_one);
    let mut other = relay(&connection(), &topic);
    other.store = "store-2".to_owned();
    let other = other.start(std::sync::Arc::new(store.clone()), std::sync::Arc::new(Desk::new()));
    let status = until(&other, |status| status.state == RelayState::Blocked).await;
    assert!(status.trouble.unwrap().contains("another store"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn records_that_are_not_ours_hold_nobody_back() {
    use rdkafka::producer::{FutureProducer, FutureRecord};
    let (store, topic) = (MemoryStore::new(36), topic());
    fill(&store, 2, 2).await;
    let relay = start(&connection(), &topic, &store, Desk::new());
    caught_up(&relay).await;
    let log_id = log_id(&open(&connection(), &topic)).await;
    let stranger: FutureProducer =
        ClientConfig::new().set("bootstrap.servers", kafka().bootstrap()).create().unwrap();
    let headers = rdkafka::message::OwnedHeaders::new()
        .insert(rdkafka::message::Header { key: "ce_logid", value: Some(&log_id) });
    let record = FutureRecord::to(&topic.name).key("ch_0").payload("hello").headers(headers);
    stranger.send(record, Duration::from_secs(10)).await.unwrap();
    fill(&store, 2, 2).await;
    caught_up(&relay).await;
    let read = read_all(&open(&connection(), &topic)).await;
    assert_eq!(by_line(&read.new), wanted(&store).await);
}

/// The log's id is what stands before the offsets of a cursor.
async fn log_id(log: &impl EventLog) -> String {
    let head = log.head().await.unwrap();
    assert_ne!(head, Cursor::start());
    head.as_str().rsplit_once('.').unwrap().0.to_owned()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn three_nodes_go_on_without_one_of_them() {
    let mut kafka = Kafka::start(3);
    let connection = Connection::plain(kafka.bootstrap());
    let topic = Topic { copies: 3, ..topic() };
    let store = MemoryStore::new(37);
    let relay = start(&connection, &topic, &store, Desk::new());
    fill(&store, 4, 4).await;
    caught_up(&relay).await;
    let log = open(&connection, &topic);
    kafka.kill(0);
    fill(&store, 4, 4).await;
    caught_up(&relay).await;
    let read = read_all(&log).await;
    assert_eq!(by_line(&read.new), wanted(&store).await);
}
