//! The relay dies, at the worst moments, and another goes on.

use sigma_relay::RelayState;
use sigma_store::memory::MemoryStore;

use crate::desk::Desk;
use crate::{PATIENCE, by_line, caught_up, connection, fill, open, read_all, start, topic, until, wanted};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_sent_stands_in_order_and_whole() {
    let (store, topic) = (MemoryStore::new(11), topic());
    fill(&store, 5, 12).await;
    let relay = start(&connection(), &topic, &store, Desk::new());
    caught_up(&relay).await;
    fill(&store, 5, 3).await;
    caught_up(&relay).await;
    let read = read_all(&open(&connection(), &topic)).await;
    assert_eq!(by_line(&read.new), wanted(&store).await);
    let status = relay.status();
    assert_eq!((status.state, status.trouble, status.complaints), (RelayState::Leading, None, vec![]));
    assert_eq!(status.published, read.all as u64);
    let told = async {
        while relay.link().figures().sent < status.published {
            sigma_clock::sleep(std::time::Duration::from_millis(20)).await;
        }
        relay.link().figures()
    };
    let told = sigma_clock::timeout(PATIENCE, told).await.expect("the client tells its figures");
    assert!(told.brokers.len() == 1 && told.brokers.values().all(|broker| broker.is_up), "{told:?}");
    for event in &read.new {
        let loaded =
            sigma_store::Journal::load(&store, &event.aggregate_type, &event.aggregate_id).await.unwrap();
        let stored = &loaded[usize::try_from(event.sequence).unwrap() - 1];
        let read = sigma_store::RecordedEvent { cursor: stored.cursor.clone(), ..event.clone() };
        assert_eq!(&read, stored);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_relay_that_dies_between_send_and_checkpoint_loses_nothing() {
    let (store, topic, desk) = (MemoryStore::new(12), topic(), Desk::new());
    let mut unheard = 0;
    for round in 0..4 {
        fill(&store, 4, 6).await;
        let relay = start(&connection(), &topic, &store, desk.clone());
        if round > 0 {
            // It has begun the topic in the first round.
            until(&relay, |status| status.cursor.is_some()).await;
        } else {
            caught_up(&relay).await;
        }
        desk.be_deaf(true);
        fill(&store, 4, 6).await;
        // All of a batch is acknowledged, and its place is not kept: here it is killed.
        let stands = async {
            while desk.unheard() == unheard {
                tokio::task::yield_now().await;
            }
        };
        sigma_clock::timeout(PATIENCE, stands).await.unwrap();
        unheard = desk.unheard();
        drop(relay);
        desk.be_deaf(false);
    }
    let relay = start(&connection(), &topic, &store, desk.clone());
    caught_up(&relay).await;
    let read = read_all(&open(&connection(), &topic)).await;
    assert_eq!(by_line(&read.new), wanted(&store).await);
    assert!(read.all > read.new.len(), "nothing came twice: it was not killed where it should be");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_leads_and_another_takes_over_where_it_stopped() {
    let (store, topic, desk) = (MemoryStore::new(13), topic(), Desk::new());
    fill(&store, 3, 5).await;
    let first = start(&connection(), &topic, &store, desk.clone());
    caught_up(&first).await;
    let second = start(&connection(), &topic, &store, desk.clone());
    fill(&store, 3, 5).await;
    caught_up(&first).await;
    assert_eq!((second.status().state, second.status().published), (RelayState::Standby, 0));
    assert_eq!(second.lag().await, None, "it does not know how far another got");
    let place = desk.kept().unwrap();
    drop(first);
    until(&second, |status| status.state == RelayState::Leading).await;
    fill(&store, 3, 5).await;
    caught_up(&second).await;
    assert_eq!(desk.kept().unwrap().log, place.log);
    let read = read_all(&open(&connection(), &topic)).await;
    assert_eq!(by_line(&read.new), wanted(&store).await);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_leader_that_was_taken_for_dead_steps_back_and_does_no_harm() {
    let (store, topic, desk) = (MemoryStore::new(14), topic(), Desk::new());
    fill(&store, 3, 5).await;
    let first = start(&connection(), &topic, &store, desk.clone());
    caught_up(&first).await;
    let second = start(&connection(), &topic, &store, desk.clone());
    for _ in 0..4 {
        // The one who waits leads now, while the other sends what it has read.
        fill(&store, 3, 4).await;
        desk.take_for_dead();
        fill(&store, 3, 4).await;
    }
    let both = async {
        while first.lag().await != Some(0) && second.lag().await != Some(0) {
            tokio::task::yield_now().await;
        }
    };
    sigma_clock::timeout(PATIENCE, both).await.unwrap();
    let read = read_all(&open(&connection(), &topic)).await;
    assert_eq!(by_line(&read.new), wanted(&store).await);
}
