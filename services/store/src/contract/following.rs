//! Following the log: order, wake-up, places to go on from.

use std::collections::BTreeMap;

use futures_util::FutureExt;

use super::{Adapter, by_line, commit, read_all};
use crate::{Cursor, EventLog, Journal, LogError, Seen};

/// Three lines, each with a channel and two sessions, committed turn by turn. Answers the order within each line.
async fn fill(store: &(impl Journal + EventLog), rounds: usize) -> BTreeMap<String, Vec<(String, u64)>> {
    let mut lines: BTreeMap<String, Vec<(String, u64)>> = BTreeMap::new();
    for round in 0..rounds {
        for channel in ["ch_a", "ch_b", "ch_c"] {
            // Which of the line's aggregates writes next changes in no simple rhythm.
            let aggregate = match (round * round + channel.len() + round / 3) % 3 {
                0 => channel.to_owned(),
                n => format!("se_{n}_of_{channel}"),
            };
            let last = store.load("thing", &aggregate).await.unwrap().len() as u64;
            let count = 1 + round % 2;
            let command = format!("{channel}-{round}");
            store.commit(commit(channel, &aggregate, last, count, &command)).await.unwrap();
            let made = (1..=count as u64).map(|n| (aggregate.clone(), last + n));
            lines.entry(channel.to_owned()).or_default().extend(made);
        }
    }
    store.settle().await.unwrap();
    lines
}

#[expect(missing_docs, reason = "the name is the sentence")]
pub async fn it_delivers_in_order_within_a_line<A: Adapter>(adapter: &A) {
    let store = adapter.fresh().await;
    let wanted = fill(&store, 20).await;
    for limit in [1, 2, 7, 1_000] {
        let events = read_all(&store, Cursor::start(), limit, &mut Seen::new()).await;
        assert_eq!(by_line(&events), wanted, "in batches of {limit}");
    }
    let events = read_all(&store, Cursor::start(), 5, &mut Seen::new()).await;
    for event in &events {
        let loaded = store.load(&event.aggregate_type, &event.aggregate_id).await.unwrap();
        let at = usize::try_from(event.sequence).unwrap() - 1;
        assert_eq!((&loaded[at].event_id, &loaded[at].data), (&event.event_id, &event.data));
        assert_eq!(loaded[at].metadata, event.metadata);
    }
}

#[expect(missing_docs, reason = "the name is the sentence")]
pub async fn it_delivers_no_more_than_was_asked<A: Adapter>(adapter: &A) {
    let store = adapter.fresh().await;
    let empty = store.read_after(&Cursor::start(), 10).await.unwrap();
    assert!(empty.events.is_empty());
    fill(&store, 4).await;
    for limit in [1, 3] {
        let mut after = Cursor::start();
        loop {
            let batch = store.read_after(&after, limit).await.unwrap();
            assert!(batch.events.len() <= limit as usize);
            if batch.events.is_empty() {
                assert_eq!(batch.next, after, "nothing read: the place stays");
                break;
            }
            after = batch.next;
        }
    }
}

#[expect(missing_docs, reason = "the name is the sentence")]
pub async fn it_shows_what_it_answered_once_it_settled<A: Adapter>(adapter: &A) {
    let store = adapter.fresh().await;
    let (mut seen, mut after) = (Seen::new(), Cursor::start());
    for n in 0..30 {
        let committed = store.commit(commit("ch_1", "ch_1", n, 1, &format!("c{n}"))).await.unwrap();
        let events = read_all(&store, after, 10, &mut seen).await;
        assert_eq!(events.len(), 1, "round {n}");
        after = committed.cursor;
        assert!(store.read_after(&after, 10).await.unwrap().events.is_empty());
    }
}

#[expect(missing_docs, reason = "the name is the sentence")]
pub async fn it_starts_at_the_head_with_what_is_new<A: Adapter>(adapter: &A) {
    let store = adapter.fresh().await;
    let empty = store.head().await.unwrap();
    store.commit(commit("ch_1", "ch_1", 0, 1, "c0")).await.unwrap();
    assert_eq!(read_all(&store, empty, 10, &mut Seen::new()).await.len(), 1);
    fill(&store, 3).await;
    let head = store.head().await.unwrap();
    assert!(store.read_after(&head, 10).await.unwrap().events.is_empty());
    store.commit(commit("ch_9", "ch_9", 0, 2, "new")).await.unwrap();
    let events = read_all(&store, head, 10, &mut Seen::new()).await;
    assert_eq!(events.iter().map(|e| e.aggregate_id.as_str()).collect::<Vec<_>>(), ["ch_9", "ch_9"]);
}

#[expect(missing_docs, reason = "the name is the sentence")]
pub async fn it_knows_how_far_behind_a_cursor_is<A: Adapter>(adapter: &A) {
    let store = adapter.fresh().await;
    assert_eq!(store.lag(&Cursor::start()).await.unwrap(), 0);
    store.commit(commit("ch_1", "ch_1", 0, 3, "c1")).await.unwrap();
    assert!(store.lag(&Cursor::start()).await.unwrap() > 0);
    assert_eq!(store.lag(&store.head().await.unwrap()).await.unwrap(), 0);
}

#[expect(missing_docs, reason = "the name is the sentence")]
pub async fn it_wakes_who_waits<A: Adapter>(adapter: &A) {
    let store = adapter.fresh().await;
    store.commit(commit("ch_1", "ch_1", 0, 1, "c1")).await.unwrap();
    let head = store.head().await.unwrap();
    let mut waits = tokio::task::JoinSet::new();
    for _ in 0..8 {
        let (store, head) = (store.clone(), head.clone());
        waits.spawn(async move { store.wait_after(&head).await });
    }
    tokio::task::yield_now().await;
    store.commit(commit("ch_2", "ch_2", 0, 1, "c2")).await.unwrap();
    while let Some(woken) = waits.join_next().await {
        woken.unwrap().unwrap();
    }
}

#[expect(missing_docs, reason = "the name is the sentence")]
pub async fn it_wakes_at_once_when_something_is_there<A: Adapter>(adapter: &A) {
    let store = adapter.fresh().await;
    assert!(store.wait_after(&Cursor::start()).now_or_never().is_none(), "there is nothing yet");
    store.commit(commit("ch_1", "ch_1", 0, 1, "c1")).await.unwrap();
    store.wait_after(&Cursor::start()).await.unwrap();
    let store = adapter.reopen(store).await;
    store.wait_after(&Cursor::start()).await.unwrap();
}

#[expect(missing_docs, reason = "the name is the sentence")]
pub async fn it_loses_no_wake_up_between_read_and_wait<A: Adapter>(adapter: &A) {
    const EVENTS: u64 = 100;
    let store = adapter.fresh().await;
    let reader = tokio::spawn({
        let store = store.clone();
        async move {
            let (mut seen, mut after) = (Seen::new(), Cursor::start());
            while seen.last("thing", "ch_1") < EVENTS {
                let batch = store.read_after(&after, 10).await.unwrap();
                for event in &batch.events {
                    seen.see(event);
                }
                if batch.events.is_empty() {
                    store.wait_after(&after).await.unwrap();
                }
                after = batch.next;
            }
        }
    });
    for n in 0..EVENTS {
        store.commit(commit("ch_1", "ch_1", n, 1, &format!("c{n}"))).await.unwrap();
        if n % 3 == 0 {
            tokio::task::yield_now().await;
        }
    }
    reader.await.unwrap();
}

#[expect(missing_docs, reason = "the name is the sentence")]
pub async fn it_resumes_from_each_cursor_after_a_restart<A: Adapter>(adapter: &A) {
    let mut store = adapter.fresh().await;
    let wanted = fill(&store, 8).await;
    let total: usize = wanted.values().map(Vec::len).sum();
    let (mut seen, mut all, mut after) = (Seen::new(), Vec::new(), Cursor::start());
    while all.len() < total {
        let batch = store.read_after(&after, 4).await.unwrap();
        assert!(!batch.events.is_empty(), "{} of {total}", all.len());
        // The consumer is killed somewhere in the batch: it goes on from the last event that it kept.
        let kept = 1 + all.len() % batch.events.len();
        for event in &batch.events[..kept] {
            if seen.see(event) == crate::Sighting::New {
                all.push(event.clone());
            }
        }
        let text = batch.events[kept - 1].cursor.as_str().to_owned();
        store = adapter.reopen(store).await;
        after = Cursor::from_text(text);
    }
    assert_eq!(by_line(&all), wanted);
    assert!(
        store
            .read_after(&after, 4)
            .await
            .unwrap()
            .events
            .iter()
            .all(|e| e.sequence <= seen.last("thing", &e.aggregate_id))
    );
}

#[expect(missing_docs, reason = "the name is the sentence")]
pub async fn it_refuses_a_cursor_of_another_store<A: Adapter>(adapter: &A) {
    let (one, two) = (adapter.fresh().await, adapter.fresh().await);
    let elsewhere = one.commit(commit("ch_1", "ch_1", 0, 1, "c1")).await.unwrap().cursor;
    two.commit(commit("ch_1", "ch_1", 0, 2, "c1")).await.unwrap();
    for cursor in [elsewhere, Cursor::from_text("no cursor at all"), Cursor::from_text("1")] {
        let read = two.read_after(&cursor, 1).await;
        assert!(matches!(read, Err(LogError::ForeignCursor(_))), "{cursor:?}: {read:?}");
        let waited = two.wait_after(&cursor).await;
        assert!(matches!(waited, Err(LogError::ForeignCursor(_))), "{cursor:?}: {waited:?}");
        assert!(matches!(two.lag(&cursor).await, Err(LogError::ForeignCursor(_))));
    }
}
