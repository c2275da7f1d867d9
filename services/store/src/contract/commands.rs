//! A command id is honoured once.

use super::{Adapter, commit, record};
use crate::{CommandRecord, Journal, StoreError};

#[expect(missing_docs, reason = "the name is the sentence")]
pub async fn it_honours_a_command_id_once<A: Adapter>(adapter: &A) {
    let store = adapter.fresh().await;
    let first = store.commit(commit("ch_1", "ch_1", 0, 2, "c1")).await.unwrap();
    store.commit(commit("ch_1", "ch_1", 2, 1, "c2")).await.unwrap();
    let mut copy = commit("ch_1", "ch_1", 3, 2, "c1");
    copy.command.answer = b"another answer".to_vec();
    let second = store.commit(copy).await.unwrap();
    assert_eq!(second.repeated, Some(record("c1")));
    assert_eq!((second.last_sequence, second.cursor), (first.last_sequence, first.cursor));
    assert_eq!(store.load("thing", "ch_1").await.unwrap().len(), 3);
}

#[expect(missing_docs, reason = "the name is the sentence")]
pub async fn it_honours_two_copies_that_arrive_together_once<A: Adapter>(adapter: &A) {
    let store = adapter.fresh().await;
    for round in 0..20u64 {
        let command = format!("c{round}");
        let (one, two) = tokio::join!(
            store.commit(commit("ch_1", "ch_1", round, 1, &command)),
            store.commit(commit("ch_1", "ch_1", round, 1, &command)),
        );
        let (one, two) = (one.unwrap(), two.unwrap());
        assert_ne!(one.repeated.is_some(), two.repeated.is_some(), "one copy is the first: {one:?} {two:?}");
        assert_eq!((one.last_sequence, one.cursor), (two.last_sequence, two.cursor));
        assert_eq!(store.load("thing", "ch_1").await.unwrap().len() as u64, round + 1);
    }
}

#[expect(missing_docs, reason = "the name is the sentence")]
pub async fn it_never_calls_a_repeated_command_a_conflict<A: Adapter>(adapter: &A) {
    let store = adapter.fresh().await;
    store.commit(commit("ch_1", "ch_1", 0, 1, "c1")).await.unwrap();
    // The copy loaded before the first one was kept, or is about another aggregate altogether.
    let same = store.commit(commit("ch_1", "ch_1", 0, 1, "c1")).await.unwrap();
    assert_eq!(same.repeated, Some(record("c1")));
    let other = store.commit(commit("ch_2", "ch_2", 0, 1, "c1")).await.unwrap();
    assert_eq!(other.repeated, Some(record("c1")));
    assert!(store.load("thing", "ch_2").await.unwrap().is_empty());
}

#[expect(missing_docs, reason = "the name is the sentence")]
pub async fn it_never_calls_a_conflict_a_repeated_command<A: Adapter>(adapter: &A) {
    let store = adapter.fresh().await;
    let (one, two) = tokio::join!(
        store.commit(commit("ch_1", "ch_1", 0, 1, "c1")),
        store.commit(commit("ch_1", "ch_1", 0, 1, "c2")),
    );
    let conflicts = [&one, &two].iter().filter(|r| matches!(r, Err(StoreError::Conflict { .. }))).count();
    assert_eq!(conflicts, 1, "{one:?} {two:?}");
    assert_eq!(store.load("thing", "ch_1").await.unwrap().len(), 1);
}

#[expect(missing_docs, reason = "the name is the sentence")]
pub async fn it_honours_a_command_without_events_once<A: Adapter>(adapter: &A) {
    let store = adapter.fresh().await;
    assert_eq!(store.command("c1").await.unwrap(), None);
    assert_eq!(store.record_command(record("c1")).await.unwrap(), None);
    let copy = CommandRecord { answer: b"another answer".to_vec(), ..record("c1") };
    assert_eq!(store.record_command(copy).await.unwrap(), Some(record("c1")));
    assert_eq!(store.command("c1").await.unwrap(), Some(record("c1")));
    let store = adapter.reopen(store).await;
    assert_eq!(store.command("c1").await.unwrap(), Some(record("c1")));
}

#[expect(missing_docs, reason = "the name is the sentence")]
pub async fn it_honours_two_copies_without_events_that_arrive_together_once<A: Adapter>(adapter: &A) {
    let store = adapter.fresh().await;
    for round in 0..20 {
        let wanted = record(&format!("c{round}"));
        let (one, two) =
            tokio::join!(store.record_command(wanted.clone()), store.record_command(wanted.clone()));
        let (one, two) = (one.unwrap(), two.unwrap());
        assert!(one.is_none() != two.is_none(), "one copy is the first: {one:?} {two:?}");
        assert_eq!(one.or(two), Some(wanted));
    }
}

#[expect(missing_docs, reason = "the name is the sentence")]
pub async fn it_honours_a_command_that_made_no_event_before_it_would_make_one<A: Adapter>(adapter: &A) {
    let store = adapter.fresh().await;
    store.record_command(record("c1")).await.unwrap();
    let copy = store.commit(commit("ch_1", "ch_1", 0, 1, "c1")).await.unwrap();
    assert_eq!(copy.repeated, Some(record("c1")));
    assert!(store.load("thing", "ch_1").await.unwrap().is_empty());
    // And the other way round.
    store.commit(commit("ch_1", "ch_1", 0, 1, "c2")).await.unwrap();
    assert_eq!(store.record_command(record("c2")).await.unwrap(), Some(record("c2")));
}

#[expect(missing_docs, reason = "the name is the sentence")]
pub async fn it_forgets_commands_of_long_ago<A: Adapter>(adapter: &A) {
    let store = adapter.fresh().await;
    for (id, at_ms) in [("old", 10), ("edge", 20), ("new", 30)] {
        store.record_command(CommandRecord { at_ms, ..record(id) }).await.unwrap();
    }
    assert_eq!(store.forget_commands(20).await.unwrap(), 1);
    assert_eq!(store.command("old").await.unwrap(), None);
    assert!(store.command("edge").await.unwrap().is_some());
    assert!(store.command("new").await.unwrap().is_some());
}
