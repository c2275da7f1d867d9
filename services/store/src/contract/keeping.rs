//! What was answered is kept, whole and numbered.

use super::{Adapter, commit, record};
use crate::{Journal, SecretWrite, StoreError};

#[expect(missing_docs, reason = "the name is the sentence")]
pub async fn it_loads_what_it_committed<A: Adapter>(adapter: &A) {
    let store = adapter.fresh().await;
    let wanted = commit("ch_1", "se_1", 0, 2, "c1");
    let committed = store.commit(wanted.clone()).await.unwrap();
    assert_eq!((committed.last_sequence, committed.repeated), (2, None));
    assert!(!committed.cursor.is_start());

    let loaded = store.load("thing", "se_1").await.unwrap();
    assert_eq!(loaded.len(), 2);
    for (recorded, (event, sequence)) in loaded.iter().zip(wanted.events.iter().zip(1..)) {
        assert_eq!(recorded.aggregate_type, "thing");
        assert_eq!(recorded.aggregate_id, "se_1");
        assert_eq!(recorded.line, "ch_1");
        assert_eq!(recorded.project_id, "pr_default");
        assert_eq!(recorded.sequence, sequence);
        assert_eq!((&recorded.name, recorded.version), (&event.name, event.version));
        assert_eq!(recorded.data, event.data);
        assert_eq!(recorded.metadata, wanted.metadata);
    }
    assert_ne!(loaded[0].event_id, loaded[1].event_id);
    assert_ne!(loaded[0].cursor, loaded[1].cursor);
    assert!(store.load("thing", "se_2").await.unwrap().is_empty());
    assert!(store.load("other", "se_1").await.unwrap().is_empty());
}

#[expect(missing_docs, reason = "the name is the sentence")]
pub async fn it_numbers_events_of_an_aggregate_without_gaps<A: Adapter>(adapter: &A) {
    let store = adapter.fresh().await;
    let mut last = 0;
    for (n, count) in [1, 3, 1, 5, 2].into_iter().enumerate() {
        last =
            store.commit(commit("ch_1", "ch_1", last, count, &format!("c{n}"))).await.unwrap().last_sequence;
    }
    store.commit(commit("ch_1", "se_1", 0, 1, "other")).await.unwrap();
    let sequences: Vec<u64> = store.load("thing", "ch_1").await.unwrap().iter().map(|e| e.sequence).collect();
    assert_eq!(sequences, (1..=12).collect::<Vec<u64>>());
}

#[expect(missing_docs, reason = "the name is the sentence")]
pub async fn it_loads_what_is_behind_a_sequence<A: Adapter>(adapter: &A) {
    let store = adapter.fresh().await;
    store.commit(commit("ch_1", "ch_1", 0, 2, "c1")).await.unwrap();
    store.commit(commit("ch_1", "se_1", 0, 9, "other")).await.unwrap();
    store.commit(commit("ch_1", "ch_1", 2, 3, "c2")).await.unwrap();
    let all = store.load("thing", "ch_1").await.unwrap();
    for after in 0..=5 {
        assert_eq!(store.load_after("thing", "ch_1", after).await.unwrap(), all[after as usize..]);
    }
    assert_eq!(store.load_after("thing", "ch_1", u64::MAX).await.unwrap(), []);
    assert_eq!(store.load_after("thing", "ch_2", 0).await.unwrap(), []);
}

#[expect(missing_docs, reason = "the name is the sentence")]
pub async fn it_takes_a_commit_without_events<A: Adapter>(adapter: &A) {
    let store = adapter.fresh().await;
    store.commit(commit("ch_1", "ch_1", 0, 2, "c1")).await.unwrap();
    let answered = store.commit(commit("ch_1", "ch_1", 2, 0, "c2")).await.unwrap();
    assert_eq!((answered.last_sequence, answered.repeated), (2, None));
    assert_eq!(store.load("thing", "ch_1").await.unwrap().len(), 2);
    assert_eq!(store.command("c2").await.unwrap(), Some(record("c2")));
    let late = store.commit(commit("ch_1", "ch_1", 1, 0, "c3")).await;
    assert!(matches!(late, Err(StoreError::Conflict { expected: 1, found: 2, .. })), "{late:?}");
}

#[expect(missing_docs, reason = "the name is the sentence")]
pub async fn it_refuses_a_writer_who_was_overtaken<A: Adapter>(adapter: &A) {
    let store = adapter.fresh().await;
    store.commit(commit("ch_1", "ch_1", 0, 3, "c1")).await.unwrap();
    let refused = store.commit(commit("ch_1", "ch_1", 1, 1, "c2")).await.unwrap_err();
    let conflict = StoreError::Conflict {
        aggregate_type: "thing".into(),
        aggregate_id: "ch_1".into(),
        expected: 1,
        found: 3,
    };
    assert_eq!(refused, conflict);
    store.commit(commit("ch_1", "ch_1", 3, 1, "c2")).await.unwrap();
}

#[expect(missing_docs, reason = "the name is the sentence")]
pub async fn it_refuses_a_writer_who_is_ahead<A: Adapter>(adapter: &A) {
    let store = adapter.fresh().await;
    store.commit(commit("ch_1", "ch_1", 0, 1, "c1")).await.unwrap();
    let refused = store.commit(commit("ch_1", "ch_1", 5, 1, "c2")).await;
    assert!(matches!(refused, Err(StoreError::Conflict { expected: 5, found: 1, .. })), "{refused:?}");
}

#[expect(missing_docs, reason = "the name is the sentence")]
pub async fn it_keeps_nothing_of_a_commit_that_it_refused<A: Adapter>(adapter: &A) {
    let store = adapter.fresh().await;
    store.commit(commit("ch_1", "ch_1", 0, 1, "c1")).await.unwrap();
    let mut refused = commit("ch_1", "ch_1", 0, 2, "c2");
    refused.secrets = vec![SecretWrite::Put {
        kind: "stream_key".into(),
        owner: "ch_1".into(),
        lookup: Some(vec![7]),
        sealed: vec![1],
        expires_at_ms: None,
    }];
    store.commit(refused).await.unwrap_err();
    assert_eq!(store.load("thing", "ch_1").await.unwrap().len(), 1);
    assert_eq!(store.command("c2").await.unwrap(), None);
    assert!(store.find_secret("stream_key", &[7]).await.unwrap().is_empty());
}

#[expect(missing_docs, reason = "the name is the sentence")]
pub async fn it_keeps_all_over_a_restart<A: Adapter>(adapter: &A) {
    let store = adapter.fresh().await;
    let first = store.commit(commit("ch_1", "ch_1", 0, 2, "c1")).await.unwrap();
    let before = store.load("thing", "ch_1").await.unwrap();
    let store = adapter.reopen(store).await;
    assert_eq!(store.load("thing", "ch_1").await.unwrap(), before);
    assert_eq!(store.command("c1").await.unwrap(), Some(record("c1")));
    let again = store.commit(commit("ch_1", "ch_1", 0, 2, "c1")).await.unwrap();
    assert_eq!((again.last_sequence, again.cursor), (2, first.cursor));
    assert_eq!(store.commit(commit("ch_1", "ch_1", 2, 1, "c2")).await.unwrap().last_sequence, 3);
}

#[expect(missing_docs, reason = "the name is the sentence")]
pub async fn it_keeps_who_it_is_over_a_restart<A: Adapter>(adapter: &A) {
    let store = adapter.fresh().await;
    let identity = store.bind_master_key("print").await.unwrap();
    let store = adapter.reopen(store).await;
    assert_eq!(store.identity().await.unwrap(), identity);
    let other = adapter.fresh().await.identity().await.unwrap();
    assert_ne!(other.incarnation, identity.incarnation);
}

#[expect(missing_docs, reason = "the name is the sentence")]
pub async fn it_binds_to_one_master_key<A: Adapter>(adapter: &A) {
    let store = adapter.fresh().await;
    assert_eq!(store.identity().await.unwrap().master_key_fingerprint, None);
    let bound = store.bind_master_key("first").await.unwrap();
    assert_eq!(bound.master_key_fingerprint.as_deref(), Some("first"));
    assert_eq!(store.bind_master_key("second").await.unwrap(), bound);
    assert_eq!(store.identity().await.unwrap(), bound);
}
