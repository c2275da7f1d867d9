//! Consumers that share the work: partitions are dealt among them, and nothing is lost or out of order as they come and go.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use sigma_relay::GroupLog;
use sigma_store::memory::MemoryStore;
use sigma_store::{Batch, Cursor, EventLog, RecordedEvent, Seen, Sighting};
use tokio::sync::watch;
use tokio::task::JoinHandle;

use crate::desk::Desk;
use crate::{PATIENCE, by_line, caught_up, connection, fill, start, topic, wanted};

/// What all members together have done.
#[derive(Default)]
struct Ledger {
    seen: Seen,
    done: Vec<RecordedEvent>,
    by: BTreeSet<usize>,
}

/// A member that works until it is told to leave; it leaves as one that dies: what it has not said to be done is not.
fn work(
    number: usize,
    log: GroupLog,
    ledger: Arc<Mutex<Ledger>>,
    mut leave: watch::Receiver<bool>,
) -> JoinHandle<()> {
    tokio::spawn(async move {
        let mut after = Cursor::start();
        loop {
            let batch = tokio::select! {
                batch = log.read_after(&after, 7) => batch.unwrap(),
                _ = leave.wait_for(|leave| *leave) => return,
            };
            // The effect takes its time, and is there before it is said to be done.
            for event in batch.events {
                tokio::task::yield_now().await;
                let mut ledger = ledger.lock().unwrap();
                match ledger.seen.see(&event) {
                    Sighting::New => ledger.done.push(event),
                    Sighting::Duplicate => {}
                    Sighting::Gap { expected } => panic!("{expected} is missing before {event:?}"),
                }
                ledger.by.insert(number);
            }
            after = batch.next;
        }
    })
}

async fn until(what: &str, mut wanted: impl FnMut() -> bool) {
    let look = async {
        while !wanted() {
            sigma_clock::sleep(Duration::from_millis(5)).await;
        }
    };
    assert!(sigma_clock::timeout(PATIENCE, look).await.is_ok(), "it never came to this: {what}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn partitions_are_dealt_anew_as_members_come_and_go_and_nothing_is_lost() {
    let (store, topic) = (MemoryStore::new(61), topic());
    let relay = start(&connection(), &topic, &store, Desk::new());
    fill(&store, 6, 4).await;
    caught_up(&relay).await;
    let ledger = Arc::new(Mutex::new(Ledger::default()));
    let mut members = Vec::new();
    let join = |number: usize| {
        let log = GroupLog::join(&connection(), &topic.name, &format!("{}-group", topic.name)).unwrap();
        let (leave, left) = watch::channel(false);
        (log.clone(), leave, work(number, log, ledger.clone(), left))
    };
    let held = |members: &[(GroupLog, watch::Sender<bool>, JoinHandle<()>)]| {
        members.iter().map(|(log, ..)| log.held().len()).collect::<Vec<_>>()
    };
    for number in 0..3 {
        members.push(join(number));
        let wanted = vec![3 / (number + 1); number + 1];
        until("dealt evenly", || {
            let mut held = held(&members);
            held.sort_unstable();
            held.iter().sum::<usize>() == 3 && (number == 1 || held == wanted)
        })
        .await;
        fill(&store, 6, 4).await;
    }
    // Two go; the one that stays takes all.
    for _ in 0..2 {
        let (log, leave, member) = members.remove(0);
        leave.send(true).unwrap();
        drop(log);
        member.await.unwrap();
        fill(&store, 6, 4).await;
    }
    until("one holds all", || held(&members) == [3]).await;
    fill(&store, 6, 4).await;
    caught_up(&relay).await;
    let wanted = wanted(&store).await;
    let count: usize = wanted.values().map(Vec::len).sum();
    until("all is done", || {
        assert!(!members[0].2.is_finished(), "a member has ended");
        ledger.lock().unwrap().done.len() >= count
    })
    .await;
    let ledger = ledger.lock().unwrap();
    assert_eq!(by_line(&ledger.done), wanted);
    assert!(ledger.by.len() > 1, "one did it all");
}

/// Reads until something comes.
async fn some(log: &GroupLog, after: &Cursor, limit: u32) -> Batch {
    let look = async {
        loop {
            let batch = log.read_after(after, limit).await.unwrap();
            if !batch.events.is_empty() {
                return batch;
            }
        }
    };
    sigma_clock::timeout(PATIENCE, look).await.expect("something comes")
}

fn ids(batch: &Batch) -> Vec<String> {
    batch.events.iter().map(|event| event.event_id.clone()).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_not_said_to_be_done_comes_again() {
    let (store, topic) = (MemoryStore::new(62), topic());
    let relay = start(&connection(), &topic, &store, Desk::new());
    fill(&store, 1, 9).await;
    caught_up(&relay).await;
    let join = || GroupLog::join(&connection(), &topic.name, &format!("{}-group", topic.name)).unwrap();
    let log = join();
    let first = some(&log, &Cursor::start(), 3).await;
    // The effect failed: the same is asked for again.
    let again = some(&log, &Cursor::start(), 3).await;
    assert_eq!(ids(&first), ids(&again));
    let second = some(&log, &again.next, 3).await;
    let again = some(&log, &first.next, 3).await;
    assert_eq!(ids(&second), ids(&again));
    assert!(first.events.iter().all(|event| !ids(&second).contains(&event.event_id)));
    // In the midst of a batch, too.
    let from_second = some(&log, &second.events[0].cursor, 3).await;
    assert_eq!(ids(&from_second)[0], ids(&second)[1]);
    // It dies with the first three done, and one of the next.
    drop(log);
    let log = join();
    let taken_over = some(&log, &Cursor::start(), 3).await;
    assert_eq!(ids(&taken_over)[0], ids(&second)[1]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_place_that_is_not_a_groups_is_refused() {
    let log = GroupLog::join(&connection(), "nowhere", "nobody").unwrap();
    for text in ["lg_1.1,2,3", "group", "group.1", "group.a:1", "group.1:b"] {
        let read = log.read_after(&Cursor::from_text(text), 1).await;
        assert!(matches!(read, Err(sigma_store::LogError::ForeignCursor(_))), "{text}: {read:?}");
    }
}
