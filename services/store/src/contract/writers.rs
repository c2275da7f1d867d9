//! Many writers at once.

use std::collections::BTreeSet;

use super::{Adapter, commit, read_all};
use crate::{Cursor, EventLog, Journal, RecordedEvent, Seen, StoreError};

const WRITERS: usize = 32;
const EACH: usize = 12;

/// Commits under `command`, loading and trying again until nobody was faster.
async fn commit_until_kept(store: &impl Journal, line: &str, aggregate: &str, command: &str) {
    loop {
        let last = store.load("thing", aggregate).await.unwrap().last().map_or(0, |event| event.sequence);
        match store.commit(commit(line, aggregate, last, 1, command)).await {
            Ok(committed) => {
                assert_eq!((committed.last_sequence, committed.repeated), (last + 1, None));
                return;
            }
            Err(StoreError::Conflict { expected, found, .. }) => {
                assert_eq!(expected, last);
                assert!(found > last, "a conflict with nothing new: {found}");
            }
            Err(other) => panic!("{other}"),
        }
    }
}

fn assert_each_command_once(events: &[RecordedEvent], wanted: usize) {
    let commands: BTreeSet<&str> = events.iter().map(|e| e.metadata.command_id.as_str()).collect();
    let ids: BTreeSet<&str> = events.iter().map(|e| e.event_id.as_str()).collect();
    assert_eq!((events.len(), commands.len(), ids.len()), (wanted, wanted, wanted));
}

#[expect(missing_docs, reason = "the name is the sentence")]
pub async fn it_loses_no_update_of_32_writers_on_one_aggregate<A: Adapter>(adapter: &A) {
    let store = adapter.fresh().await;
    let mut writers = tokio::task::JoinSet::new();
    for writer in 0..WRITERS {
        let store = store.clone();
        writers.spawn(async move {
            for n in 0..EACH {
                commit_until_kept(&store, "ch_1", "ch_1", &format!("w{writer}-{n}")).await;
            }
        });
    }
    while let Some(done) = writers.join_next().await {
        done.unwrap();
    }
    let events = store.load("thing", "ch_1").await.unwrap();
    assert_each_command_once(&events, WRITERS * EACH);
    assert!(events.iter().map(|e| e.sequence).eq(1..=(WRITERS * EACH) as u64));
    assert_each_command_once(&read_all(&store, Cursor::start(), 64, &mut Seen::new()).await, WRITERS * EACH);
}

#[expect(missing_docs, reason = "the name is the sentence")]
pub async fn it_loses_no_update_of_32_writers_on_many_aggregates<A: Adapter>(adapter: &A) {
    let store = adapter.fresh().await;
    // A reader follows while they write: what it reads must come without a hole, or a later commit got before its cursor.
    let reader = tokio::spawn({
        let store = store.clone();
        async move {
            let (mut seen, mut all, mut after) = (Seen::new(), Vec::new(), Cursor::start());
            while all.len() < WRITERS * EACH {
                store.wait_after(&after).await.unwrap();
                let batch = store.read_after(&after, 7).await.unwrap();
                for event in batch.events {
                    match seen.see(&event) {
                        crate::Sighting::New => all.push(event),
                        crate::Sighting::Duplicate => {}
                        crate::Sighting::Gap { expected } => panic!("{expected} is missing before {event:?}"),
                    }
                }
                after = batch.next;
            }
            all
        }
    });
    let mut writers = tokio::task::JoinSet::new();
    for writer in 0..WRITERS {
        let store = store.clone();
        writers.spawn(async move {
            for n in 0..EACH {
                // Two writers share an aggregate, four aggregates a line.
                let (aggregate, line) = (writer / 2, writer / 8);
                let (aggregate, line) = (format!("se_{aggregate}"), format!("ch_{line}"));
                commit_until_kept(&store, &line, &aggregate, &format!("w{writer}-{n}")).await;
            }
        });
    }
    while let Some(done) = writers.join_next().await {
        done.unwrap();
    }
    assert_each_command_once(&reader.await.unwrap(), WRITERS * EACH);
    let again = read_all(&store, Cursor::start(), 1_000, &mut Seen::new()).await;
    assert_each_command_once(&again, WRITERS * EACH);
}
