//! How fast commits are answered. Not part of the usual run: it wants the machine for itself.

use std::time::Duration;

use sigma_store::Journal;
use sigma_store_sqlite::SqliteStore;

use crate::commit;

const WRITERS: usize = 16;
const EACH: u64 = 400;

/// `cargo test -p sigma-store-sqlite -- --ignored --nocapture speed`
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "wants the machine for itself"]
async fn it_answers_a_thousand_durable_commands_a_second() {
    let folder = tempfile::tempdir().unwrap();
    let store = SqliteStore::open(folder.path().join("store.sqlite")).await.unwrap();
    let begun = sigma_clock::monotonic();
    let mut writers = tokio::task::JoinSet::new();
    for writer in 0..WRITERS {
        let store = store.clone();
        writers.spawn(async move {
            let aggregate = format!("a{writer}");
            let mut took = Vec::new();
            for n in 0..EACH {
                let asked = sigma_clock::monotonic();
                store.commit(commit(&aggregate, n, 1, &format!("{aggregate}-{n}"))).await.unwrap();
                took.push(asked.elapsed());
            }
            took
        });
    }
    let mut took: Vec<Duration> = writers.join_all().await.into_iter().flatten().collect();
    let all = begun.elapsed();
    took.sort();
    let rate = u128::from(WRITERS as u64 * EACH) * 1_000_000 / all.as_micros();
    let p99 = took[took.len() * 99 / 100];
    eprintln!(
        "{rate} commands/s, p50 {:?}, p99 {p99:?}, slowest {:?}",
        took[took.len() / 2],
        took[took.len() - 1]
    );
    assert!(rate >= 1_000 && p99 <= Duration::from_millis(25), "{rate}/s, p99 {p99:?}");
}
