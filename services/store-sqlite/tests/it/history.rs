//! Looking back where SQLite has choices of its own: spans, indexes, a store of before the indexes; and forgetting by steps.

use std::pin::pin;

use sigma_store::{Cursor, History, HistoryFilter, HistoryRange, Journal, NameFilter};
use sigma_store_sqlite::{SqliteOptions, SqliteStore};
use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{ConnectOptions, Executor};

use crate::commit;

/// One call looks at no more spans than this.
const SPANS: u64 = 16;

/// Where the events of line `rare` stand: at the ends, and on both sides of where a call stops looking, either way.
const RARE: [u64; 6] = [1, 160, 161, 840, 841, 1_000];

/// A store that looks at ten places with one statement, with a thousand events.
async fn sparse(folder: &tempfile::TempDir) -> SqliteStore {
    let options = SqliteOptions { history_span: 10, ..SqliteOptions::default() };
    let store = SqliteStore::open_with(folder.path().join("store.sqlite"), &options).await.unwrap();
    let (mut position, mut common) = (1, 0);
    for (number, rare) in (0..).zip(RARE) {
        let between = usize::try_from(rare - position).unwrap();
        if between > 0 {
            store.commit(commit("common", common, between, &format!("c{rare}"))).await.unwrap();
        }
        store.commit(commit("rare", number, 1, &format!("r{rare}"))).await.unwrap();
        (position, common) = (rare + 1, common + between as u64);
    }
    store
}

#[tokio::test]
async fn a_filter_that_finds_little_tells_how_far_it_looked() {
    let folder = tempfile::tempdir().unwrap();
    let store = sparse(&folder).await;
    let rare = HistoryFilter { lines: Some(vec!["rare".into()]), ..HistoryFilter::default() };
    for (begin, wanted) in [
        (HistoryRange::After(Cursor::start()), [1, 2, 3, 4, 5, 6]),
        (HistoryRange::Before(None), [6, 5, 4, 3, 2, 1]),
    ] {
        let (mut range, mut found, mut calls) = (begin, Vec::new(), 0);
        loop {
            let page = store.page(&rare, &range, 5).await.unwrap();
            calls += 1;
            let sequences = page.events.iter().map(|event| event.sequence);
            range = match range {
                HistoryRange::After(_) => {
                    found.extend(sequences);
                    HistoryRange::After(page.next)
                }
                HistoryRange::Before(_) => {
                    found.extend(sequences.rev());
                    HistoryRange::Before(Some(page.next))
                }
            };
            if !page.more {
                break;
            }
        }
        assert_eq!(found, wanted);
        assert_eq!(calls, 1_000_u64.div_ceil(10 * SPANS), "each call looks at {SPANS} spans of ten");
    }
}

#[tokio::test]
async fn a_page_is_filled_across_spans() {
    let folder = tempfile::tempdir().unwrap();
    let store = sparse(&folder).await;
    let all = HistoryFilter::default();
    let page = store.page(&all, &HistoryRange::After(Cursor::start()), 25).await.unwrap();
    assert!(page.events.len() == 25 && page.more);
    let page = store.page(&all, &HistoryRange::Before(None), 25).await.unwrap();
    assert!(page.events.len() == 25 && page.more);
    assert_eq!(page.events.last().unwrap().aggregate_id, "rare");
    // A page that the log's end fills to the last place has nothing beyond it.
    let last = HistoryRange::After(page.events[4].cursor.clone());
    let page = store.page(&all, &last, 20).await.unwrap();
    assert!(page.events.len() == 20 && !page.more);
}

#[tokio::test]
async fn a_store_of_before_is_looked_back_into() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("store.sqlite");
    let store = SqliteStore::open(&path).await.unwrap();
    store.commit(commit("a", 0, 3, "c1")).await.unwrap();
    store.close().await;
    let mut shell = SqliteConnectOptions::new().filename(&path).connect().await.unwrap();
    let back = "drop index events_of_project; drop index events_of_line; drop index events_of_id; \
                pragma user_version = 1";
    shell.execute(back).await.unwrap();
    drop(shell);
    let store = SqliteStore::open(&path).await.unwrap();
    for filter in [
        HistoryFilter { project: Some("pr_default".into()), ..HistoryFilter::default() },
        HistoryFilter { lines: Some(vec!["a".into()]), ..HistoryFilter::default() },
        HistoryFilter { aggregate_id: Some("a".into()), ..HistoryFilter::default() },
        HistoryFilter { name: Some(NameFilter::Family("thing".into())), ..HistoryFilter::default() },
    ] {
        let page = store.page(&filter, &HistoryRange::Before(None), 10).await.unwrap();
        assert_eq!(page.events.len(), 3, "{filter:?}");
    }
}

#[tokio::test]
async fn a_commit_does_not_wait_until_all_old_commands_are_forgotten() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("store.sqlite");
    let store = SqliteStore::open(&path).await.unwrap();
    let mut shell = SqliteConnectOptions::new().filename(&path).connect().await.unwrap();
    let many = "insert into commands (id, fingerprint, answer, at_ms, last_sequence, position) \
                with recursive n(n) as (select 1 union all select n + 1 from n where n < 20500) \
                select 'old' || n, '', x'', n, 0, 0 from n";
    shell.execute(many).await.unwrap();
    let mut forgetting = pin!(store.forget_commands(20_501));
    let mut committing = pin!(store.commit(commit("a", 0, 1, "new")));
    tokio::select! {
        biased;
        forgotten = &mut forgetting => panic!("{forgotten:?} while a commit waited"),
        committed = &mut committing => drop(committed.unwrap()),
    }
    assert_eq!(forgetting.await.unwrap(), 20_500);
    assert!(store.command("new").await.unwrap().is_some(), "it is not old");
    assert_eq!(store.forget_commands(20_501).await.unwrap(), 0);
}

#[tokio::test]
async fn old_commands_are_found_by_their_time() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("store.sqlite");
    SqliteStore::open(&path).await.unwrap().close().await;
    let mut shell = SqliteConnectOptions::new().filename(&path).connect().await.unwrap();
    let forget = include_str!("../../src/sql/forget_commands.sql");
    let plan: Vec<(i64, i64, i64, String)> = sqlx::query_as(&format!("explain query plan {forget}"))
        .bind(5)
        .bind(5)
        .fetch_all(&mut shell)
        .await
        .unwrap();
    let plan: Vec<_> = plan.into_iter().map(|(.., step)| step).collect();
    assert!(plan.iter().any(|step| step.contains("INDEX commands_by_time (at_ms<?)")), "{plan:?}");
    assert!(
        !plan.iter().any(|step| step.starts_with("SCAN commands") || step.contains("TEMP B-TREE")),
        "{plan:?}"
    );
}
