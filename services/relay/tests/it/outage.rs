//! Kafka is away for a while.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use kafka_harness::Kafka;
use sigma_relay::{Connection, RelayState};
use sigma_store::memory::MemoryStore;
use sigma_store::{Cursor, EventLog};

use crate::desk::Desk;
use crate::{PATIENCE, by_line, caught_up, fill, open, read_all, say, start, topic, until, wanted};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_broker_that_is_killed_under_load_and_comes_back_loses_nothing() {
    let mut kafka = Kafka::start(1);
    let (connection, topic, desk) = (Connection::plain(kafka.bootstrap()), topic(), Desk::new());
    let store = MemoryStore::new(21);
    let relay = start(&connection, &topic, &store, desk.clone());
    let log = open(&connection, &topic);
    fill(&store, 4, 6).await;
    caught_up(&relay).await;
    let following = tokio::spawn({
        let log = log.clone();
        // A reader that follows throughout; it meets the outage as an error or as silence.
        async move {
            let (mut seen, mut after) = (sigma_store::Seen::new(), Cursor::start());
            while seen.last("thing", "last") == 0 {
                if let Ok(batch) = log.read_after(&after, 100).await {
                    for event in &batch.events {
                        let sighting = seen.see(event);
                        assert!(
                            !matches!(sighting, sigma_store::Sighting::Gap { .. }),
                            "{sighting:?} {event:?}"
                        );
                    }
                    after = batch.next;
                }
                let _ = sigma_clock::timeout(Duration::from_millis(200), log.wait_after(&after)).await;
            }
        }
    });
    let loading = Arc::new(AtomicBool::new(true));
    let load = tokio::spawn({
        let (store, loading) = (store.clone(), loading.clone());
        async move {
            while loading.load(Ordering::SeqCst) {
                fill(&store, 4, 1).await;
                sigma_clock::sleep(Duration::from_millis(1)).await;
            }
        }
    });
    let before = relay.status().published;
    until(&relay, |status| status.published > before + 50).await;
    kafka.kill(0);
    // Nothing of ours waits for it: the store takes commits, and the relay says what is in its way.
    let told = until(&relay, |status| status.state == RelayState::Waiting).await;
    assert!(told.trouble.as_ref().unwrap().contains("Kafka acknowledges nothing"), "{told:?}");
    say(&store, "ch_0", "meanwhile", "said", "x").await;

    // Who starts meanwhile waits for it.
    let (later_store, later_topic) = (MemoryStore::new(22), crate::topic());
    fill(&later_store, 2, 3).await;
    let later_relay = start(&connection, &later_topic, &later_store, Desk::new());
    let later_log = open(&connection, &later_topic);
    until(&later_relay, |status| status.state == RelayState::Waiting).await;
    let read = later_log.read_after(&Cursor::start(), 10).await;
    assert!(matches!(&read, Err(sigma_store::LogError::Unavailable { .. })), "{read:?}");

    kafka.restart(0);
    until(&relay, |status| status.state == RelayState::Leading && status.trouble.is_none()).await;
    caught_up(&later_relay).await;
    let read = read_all(&later_log).await;
    assert_eq!(by_line(&read.new), by_line(&read_all(&later_store).await.new));

    loading.store(false, Ordering::SeqCst);
    load.await.unwrap();
    say(&store, "ch_0", "last", "said", "x").await;
    caught_up(&relay).await;
    sigma_clock::timeout(PATIENCE, following).await.expect("the reader gets on again").unwrap();
    let read = read_all(&log).await;
    assert_eq!(by_line(&read.new), wanted(&store).await);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whoever_stood_at_the_end_is_given_what_came_while_he_was_on_his_way_back_to_the_broker() {
    let mut kafka = Kafka::start(1);
    let (connection, topic, desk) = (Connection::plain(kafka.bootstrap()), topic(), Desk::new());
    let store = MemoryStore::new(23);
    let relay = start(&connection, &topic, &store, desk);
    fill(&store, 4, 6).await;
    caught_up(&relay).await;
    // Several, each with clients of its own: how long one waits before it calls a broker again is drawn by chance.
    let mut standing = Vec::new();
    for _ in 0..8 {
        let log = open(&connection, &topic);
        let mut at = Cursor::start();
        while let Ok(batch) = log.read_after(&at, 500).await
            && batch.next != at
        {
            at = batch.next;
        }
        standing.push((log, at));
    }
    kafka.kill(0);
    for line in ["ch_0", "ch_1", "ch_2", "ch_3"] {
        say(&store, line, &format!("late-{line}"), "said", "x").await;
    }
    until(&relay, |status| status.state == RelayState::Waiting).await;
    kafka.restart(0);
    caught_up(&relay).await;
    let reading = standing.into_iter().map(async |(log, mut at)| {
        let (begun, mut given) = (sigma_clock::monotonic(), 0);
        while given < 4 {
            assert!(begun.elapsed() < PATIENCE, "{given} of 4 were given");
            if let Ok(batch) = log.read_after(&at, 500).await {
                assert!(
                    !batch.events.is_empty() || batch.next == at,
                    "passed over: {at:?} to {:?}",
                    batch.next
                );
                given += batch.events.iter().filter(|event| event.aggregate_id.starts_with("late-")).count();
                at = batch.next;
            }
        }
    });
    futures_util::future::join_all(reading).await;
}
