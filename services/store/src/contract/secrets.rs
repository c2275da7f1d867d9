//! Secrets stand beside the events, with them or not at all.

use super::{Adapter, commit};
use crate::{Journal, SecretRow, SecretScope, SecretWrite};

fn put(owner: &str, n: u8, expires_at_ms: Option<i64>) -> SecretWrite {
    let (kind, owner) = ("stream_key".to_owned(), owner.to_owned());
    SecretWrite::Put { kind, owner, lookup: Some(vec![n; 32]), sealed: vec![n, n], expires_at_ms }
}

fn row(owner: &str, n: u8, expires_at_ms: Option<i64>) -> SecretRow {
    let (kind, owner) = ("stream_key".to_owned(), owner.to_owned());
    SecretRow { kind, owner, lookup: Some(vec![n; 32]), sealed: vec![n, n], expires_at_ms }
}

fn expire(owner: &str, scope: SecretScope, at_ms: i64) -> SecretWrite {
    SecretWrite::Expire { kind: "stream_key".into(), owner: owner.into(), scope, at_ms }
}

fn delete(owner: &str, scope: SecretScope) -> SecretWrite {
    SecretWrite::Delete { kind: "stream_key".into(), owner: owner.into(), scope }
}

#[expect(missing_docs, reason = "the name is the sentence")]
pub async fn it_finds_secrets_by_hash_and_by_owner<A: Adapter>(adapter: &A) {
    let store = adapter.fresh().await;
    let unhashed = SecretWrite::Put {
        kind: "feed_facts".into(),
        owner: "ch_1".into(),
        lookup: None,
        sealed: vec![0, 255],
        expires_at_ms: None,
    };
    let writes = vec![put("ch_1", 1, None), put("ch_1", 2, Some(99)), put("ch_2", 3, None), unhashed];
    store.write_secrets(writes).await.unwrap();
    let store = adapter.reopen(store).await;
    assert_eq!(store.find_secret("stream_key", &[2; 32]).await.unwrap(), [row("ch_1", 2, Some(99))]);
    assert!(store.find_secret("stream_key", &[9; 32]).await.unwrap().is_empty());
    assert!(store.find_secret("passphrase", &[2; 32]).await.unwrap().is_empty());
    let of_one = store.secrets_of("stream_key", "ch_1").await.unwrap();
    assert_eq!(of_one, [row("ch_1", 1, None), row("ch_1", 2, Some(99))]);
    let mut of_each = store.secrets_of_each("stream_key", &["ch_2", "ch_1", "ch_0"]).await.unwrap();
    of_each.sort_by(|a, b| a.owner.cmp(&b.owner));
    assert_eq!(of_each, [of_one.clone(), vec![row("ch_2", 3, None)]].concat());
    assert!(store.secrets_of_each("stream_key", &[]).await.unwrap().is_empty());
    assert_eq!(store.secrets_of("feed_facts", "ch_1").await.unwrap()[0].sealed, [0, 255]);
    assert!(of_one[1].is_valid_at(98) && !of_one[1].is_valid_at(99) && of_one[0].is_valid_at(i64::MAX));
}

#[expect(missing_docs, reason = "the name is the sentence")]
pub async fn it_expires_and_deletes_the_secrets_that_are_meant<A: Adapter>(adapter: &A) {
    let store = adapter.fresh().await;
    let of = async |owner: &'static str| store.secrets_of("stream_key", owner).await.unwrap();
    store
        .write_secrets(vec![put("ch_1", 1, None), put("ch_1", 2, Some(50)), put("ch_2", 3, None)])
        .await
        .unwrap();
    // A rotation: what stands ends at 70 (or earlier already), the new one stays.
    store.write_secrets(vec![expire("ch_1", SecretScope::All, 70), put("ch_1", 4, None)]).await.unwrap();
    assert_eq!(of("ch_1").await, [row("ch_1", 1, Some(70)), row("ch_1", 2, Some(50)), row("ch_1", 4, None)]);
    assert_eq!(of("ch_2").await, [row("ch_2", 3, None)]);

    store.write_secrets(vec![expire("ch_1", SecretScope::Lookup(vec![1; 32]), 60)]).await.unwrap();
    assert_eq!(of("ch_1").await[0], row("ch_1", 1, Some(60)));
    store.write_secrets(vec![delete("ch_1", SecretScope::ExpiredBy(59))]).await.unwrap();
    assert_eq!(of("ch_1").await, [row("ch_1", 1, Some(60)), row("ch_1", 4, None)]);
    store.write_secrets(vec![delete("ch_1", SecretScope::Lookup(vec![4; 32]))]).await.unwrap();
    assert_eq!(of("ch_1").await, [row("ch_1", 1, Some(60))]);
    store.write_secrets(vec![delete("ch_1", SecretScope::All)]).await.unwrap();
    assert_eq!((of("ch_1").await.len(), of("ch_2").await.len()), (0, 1));
}

#[expect(missing_docs, reason = "the name is the sentence")]
pub async fn it_keeps_secrets_with_their_events_or_not_at_all<A: Adapter>(adapter: &A) {
    let store = adapter.fresh().await;
    let mut first = commit("ch_1", "ch_1", 0, 1, "c1");
    first.secrets = vec![put("ch_1", 1, None)];
    store.commit(first).await.unwrap();
    // A conflict, and a copy of a command: neither touches the secrets.
    for (expected, command) in [(0, "c2"), (1, "c1")] {
        let mut refused = commit("ch_1", "ch_1", expected, 1, command);
        refused.secrets = vec![delete("ch_1", SecretScope::All), put("ch_1", 2, None)];
        let _ = store.commit(refused).await;
        assert_eq!(store.secrets_of("stream_key", "ch_1").await.unwrap(), [row("ch_1", 1, None)]);
    }
    let mut second = commit("ch_1", "ch_1", 1, 0, "c3");
    second.secrets = vec![expire("ch_1", SecretScope::All, 9), put("ch_1", 2, None)];
    store.commit(second).await.unwrap();
    let store = adapter.reopen(store).await;
    let kept = store.secrets_of("stream_key", "ch_1").await.unwrap();
    assert_eq!(kept, [row("ch_1", 1, Some(9)), row("ch_1", 2, None)]);
}
