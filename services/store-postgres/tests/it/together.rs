//! Commits that come together go to the server together, and what becomes of one is nobody else's concern.

use std::collections::BTreeSet;

use futures_util::future::join_all;
use sigma_store::{Committed, Journal, StoreError};

use crate::{commit, fresh};

/// Commits of each kind.
const EACH: u64 = 12;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    /// Of an aggregate of its own.
    Done,
    /// Under an id that was honoured before.
    Repeated,
    /// Of an aggregate that stands elsewhere.
    Overtaken,
    /// All of one aggregate: one of them is first.
    AtOneGate,
    /// The server does not take it.
    Broken,
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_many_that_come_at_once_each_is_answered_rightly() {
    let (_, store) = fresh().await;
    for n in 0..EACH {
        store.commit(commit(&format!("old{n}"), 0, 2, &format!("first{n}"))).await.unwrap();
    }
    let kinds = [Kind::Done, Kind::Repeated, Kind::Overtaken, Kind::AtOneGate, Kind::Done, Kind::Broken];
    let asked = (0..EACH).flat_map(|n| kinds.iter().enumerate().map(move |(place, kind)| (n, place, *kind)));
    let answers = join_all(asked.map(|(n, place, kind)| {
        let store = store.clone();
        async move {
            let count = usize::try_from(1 + n % 3).unwrap();
            let asked = match kind {
                Kind::Done => commit(&format!("new{n}-{place}"), 0, count, &format!("done{n}-{place}")),
                Kind::Repeated => commit(&format!("old{n}"), 2, 1, &format!("first{n}")),
                Kind::Overtaken => commit(&format!("old{n}"), 1, 1, &format!("late{n}")),
                Kind::AtOneGate => commit("gate", 0, count, &format!("gate{n}")),
                Kind::Broken => {
                    let mut broken = commit(&format!("broken{n}"), 0, 1, &format!("broken{n}"));
                    broken.line.push('\0');
                    broken
                }
            };
            (kind, count, asked.aggregate_id.clone(), store.commit(asked).await)
        }
    }))
    .await;
    let mut through = 0;
    for (kind, count, aggregate, answer) in &answers {
        match (kind, answer) {
            (Kind::Done, Ok(Committed { last_sequence, repeated: None, .. })) => {
                assert_eq!(*last_sequence, *count as u64);
                assert_eq!(store.load("thing", aggregate).await.unwrap().len(), *count);
            }
            (Kind::Repeated, Ok(Committed { last_sequence: 2, repeated: Some(record), .. })) => {
                assert!(record.id.starts_with("first"));
            }
            (Kind::Overtaken, Err(StoreError::Conflict { expected: 1, found: 2, .. })) => {}
            (Kind::AtOneGate, Ok(Committed { repeated: None, .. })) => through += 1,
            (Kind::AtOneGate, Err(StoreError::Conflict { expected: 0, .. })) => {}
            (Kind::Broken, Err(StoreError::Corrupt(_))) => {}
            wrong => panic!("{wrong:?}"),
        }
    }
    assert_eq!(through, 1, "of those at one gate one comes through");
    for n in 0..EACH {
        assert_eq!(store.load("thing", &format!("old{n}")).await.unwrap().len(), 2);
        assert_eq!(store.load("thing", &format!("broken{n}")).await.unwrap().len(), 0);
    }

    // Where nothing is in the way they share transactions.
    let more = (0..200).map(|n| store.commit(commit(&format!("more{n}"), 0, 1, &format!("more{n}"))));
    let places = join_all(more).await;
    let of = |place: &Result<Committed, _>| {
        let place: &Committed = place.as_ref().unwrap();
        place.cursor.as_str().split('.').nth(1).unwrap().to_owned()
    };
    let shared: BTreeSet<String> = places.iter().map(of).collect();
    assert!(shared.len() < 50, "200 commits at once were {} transactions", shared.len());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_asks_for_secrets_at_the_same_time_gets_his_own() {
    let (_, store) = fresh().await;
    let put = |n: u8| sigma_store::SecretWrite::Put {
        kind: format!("kind{}", n % 2),
        owner: format!("owner{n}"),
        lookup: None,
        sealed: vec![n],
        expires_at_ms: None,
    };
    store.write_secrets((0..100).map(put).collect()).await.unwrap();
    let answers = join_all((0..100_u8).map(|n| {
        let store = store.clone();
        async move { store.secrets_of(&format!("kind{}", n % 2), &format!("owner{n}")).await.unwrap() }
    }));
    for (n, answer) in (0_u8..).zip(answers.await) {
        assert_eq!(answer.iter().map(|row| row.sealed.clone()).collect::<Vec<_>>(), [vec![n]]);
    }
    assert!(store.secrets_of("kind1", "owner0").await.unwrap().is_empty());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_asks_for_what_the_server_does_not_take_is_refused_alone() {
    let (_, store) = fresh().await;
    let key = sigma_store::SecretWrite::Put {
        kind: "kind".to_owned(),
        owner: "owner".to_owned(),
        lookup: None,
        sealed: vec![7],
        expires_at_ms: None,
    };
    store.write_secrets(vec![key]).await.unwrap();
    let answers = join_all((0..100).map(|n| {
        let store = store.clone();
        let owner = if n % 10 == 0 { "ow\0ner" } else { "owner" };
        async move { (n, store.secrets_of("kind", owner).await) }
    }));
    for (n, answer) in answers.await {
        match answer {
            Ok(rows) => assert!(n % 10 != 0 && rows.len() == 1, "{n}: {rows:?}"),
            Err(error) => assert!(n % 10 == 0 && matches!(error, StoreError::Corrupt(_)), "{n}: {error}"),
        }
    }
}
