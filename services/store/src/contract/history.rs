//! Looking back: by filter, in both directions, in the order of commits.

use super::{Adapter, commit};
use crate::{
    Cursor, EventLog, History, HistoryFilter, HistoryPage, HistoryRange, Journal, LogError, MAX_BATCH,
    NameFilter, RecordedEvent,
};

/// Rounds of [`fill`]; each makes some nine events.
const ROUNDS: usize = 30;

/// Two projects with lines of their own, several aggregates a line, names of three families: answers all, as committed.
async fn fill(store: &(impl Journal + EventLog), rounds: usize) -> Vec<RecordedEvent> {
    let mut all = Vec::new();
    for round in 0..rounds {
        for (number, line) in ["ch_a", "ch_b", "ch_c", "ch_d", "ch_e", "ch_f"].into_iter().enumerate() {
            let aggregate = match (round + number * number) % 3 {
                0 => line.to_owned(),
                n => format!("se_{n}_of_{line}"),
            };
            let before = store.load("thing", &aggregate).await.unwrap().len();
            let count = 1 + (round * 7 + number) % 2;
            let mut commit = commit(line, &aggregate, before as u64, count, &format!("{line}-{round}"));
            // Clocks of several nodes: later commits may have been decided earlier.
            commit.metadata.at_ms = moment(round) - [0, 1_500][number % 2];
            commit.project_id = if number < 4 { "pr_default" } else { "pr_other" }.into();
            let names = ["channel.created", "channel.updated", "channels.moved", "session.opened", "channel"];
            for (n, event) in commit.events.iter_mut().enumerate() {
                event.name = names[(round + number + n * 3) % names.len()].into();
            }
            store.commit(commit).await.unwrap();
            all.extend(store.load("thing", &aggregate).await.unwrap().split_off(before));
        }
    }
    store.settle().await.unwrap();
    all
}

/// When a round's events were decided, at the latest.
fn moment(round: usize) -> i64 {
    1_700_000_000_000 + 1_000 * i64::try_from(round).unwrap()
}

fn filters() -> Vec<HistoryFilter> {
    let text = |text: &str| Some(text.to_owned());
    let lines = |lines: &[&str]| Some(lines.iter().map(ToString::to_string).collect());
    let exact = || Some(NameFilter::Exact("channel.created".into()));
    let family = || Some(NameFilter::Family("channel".into()));
    let all = HistoryFilter::default;
    vec![
        all(),
        HistoryFilter { project: text("pr_default"), ..all() },
        HistoryFilter { project: text("pr_other"), name: exact(), ..all() },
        HistoryFilter { project: text("pr_nobody"), ..all() },
        HistoryFilter { lines: lines(&["ch_b"]), ..all() },
        HistoryFilter { lines: lines(&["ch_e", "ch_a", "ch_none", "ch_a"]), ..all() },
        HistoryFilter { project: text("pr_default"), lines: lines(&["ch_a", "ch_e"]), ..all() },
        HistoryFilter { lines: lines(&["ch_a", "ch_b", "ch_c"]), name: family(), ..all() },
        HistoryFilter { lines: lines(&[]), ..all() },
        HistoryFilter { aggregate_id: text("se_1_of_ch_c"), ..all() },
        HistoryFilter { aggregate_id: text("ch_c"), project: text("pr_other"), ..all() },
        HistoryFilter { aggregate_id: text("ch_c"), lines: lines(&["ch_c", "ch_d"]), name: exact(), ..all() },
        HistoryFilter { aggregate_id: text("ch_c"), lines: lines(&["ch_d"]), ..all() },
        HistoryFilter { name: exact(), ..all() },
        HistoryFilter { name: family(), ..all() },
        HistoryFilter { name: Some(NameFilter::Family("channel.".into())), ..all() },
        HistoryFilter { project: text("pr_default"), name: family(), ..all() },
        HistoryFilter { from_ms: Some(moment(7)), ..all() },
        HistoryFilter { until_ms: Some(moment(7)), project: text("pr_default"), ..all() },
        HistoryFilter { from_ms: Some(moment(7)), until_ms: Some(moment(9)), name: family(), ..all() },
        HistoryFilter {
            from_ms: Some(moment(7)),
            until_ms: Some(moment(9)),
            lines: lines(&["ch_a", "ch_b"]),
            ..all()
        },
        HistoryFilter { from_ms: Some(moment(3)), aggregate_id: text("ch_c"), ..all() },
        HistoryFilter { until_ms: Some(i64::MIN), ..all() },
    ]
}

fn ids(events: &[RecordedEvent]) -> Vec<&str> {
    events.iter().map(|event| event.event_id.as_str()).collect()
}

/// Reads page after page until there is no more, each page checked, and answers all in the log's order.
async fn walk(
    store: &impl History,
    filter: &HistoryFilter,
    mut range: HistoryRange,
    limit: u32,
) -> Vec<RecordedEvent> {
    let mut all = Vec::new();
    loop {
        let HistoryPage { events, more, next } = store.page(filter, &range, limit).await.unwrap();
        assert!(events.len() <= limit as usize, "{} of {limit}", events.len());
        range = match range {
            HistoryRange::After(_) => {
                all.extend(events);
                HistoryRange::After(next)
            }
            HistoryRange::Before(_) => {
                all.splice(0..0, events);
                HistoryRange::Before(Some(next))
            }
        };
        if !more {
            return all;
        }
    }
}

#[expect(missing_docs, reason = "the name is the sentence")]
pub async fn it_looks_back_by_filter_in_the_order_of_commits<A: Adapter>(adapter: &A) {
    let store = adapter.fresh().await;
    let all = fill(&store, ROUNDS).await;
    for filter in filters() {
        let wanted: Vec<_> = all.iter().filter(|event| filter.matches(event)).cloned().collect();
        for limit in [1, 7, 1_000] {
            let forwards = walk(&store, &filter, HistoryRange::After(Cursor::start()), limit).await;
            assert_eq!(ids(&forwards), ids(&wanted), "forwards, {limit} at once: {filter:?}");
            let backwards = walk(&store, &filter, HistoryRange::Before(None), limit).await;
            assert_eq!(ids(&backwards), ids(&wanted), "backwards, {limit} at once: {filter:?}");
        }
        let whole = store.page(&filter, &HistoryRange::After(Cursor::start()), 1_000).await.unwrap();
        assert_eq!(whole.events, wanted, "as it was loaded, its place included");
    }
}

#[expect(missing_docs, reason = "the name is the sentence")]
pub async fn it_looks_before_and_after_any_event<A: Adapter>(adapter: &A) {
    let store = adapter.fresh().await;
    let all = fill(&store, 6).await;
    let filter = HistoryFilter {
        lines: Some(vec!["ch_a".into(), "ch_b".into(), "ch_f".into()]),
        ..Default::default()
    };
    for (at, event) in all.iter().enumerate() {
        // The place need not be one of an event that matches.
        let here = event.cursor.clone();
        let after: Vec<_> = all[at + 1..].iter().filter(|event| filter.matches(event)).cloned().collect();
        let before: Vec<_> = all[..at].iter().filter(|event| filter.matches(event)).cloned().collect();
        let page = store.page(&filter, &HistoryRange::After(here.clone()), 3).await.unwrap();
        assert_eq!(ids(&page.events), ids(&after[..after.len().min(3)]));
        assert_eq!(page.more, after.len() > 3);
        let page = store.page(&filter, &HistoryRange::Before(Some(here)), 3).await.unwrap();
        assert_eq!(ids(&page.events), ids(&before[before.len().saturating_sub(3)..]));
        assert_eq!(page.more, before.len() > 3);
    }
    let start = HistoryRange::Before(Some(Cursor::start()));
    assert!(
        store.page(&filter, &start, 3).await.unwrap().events.is_empty(),
        "nothing stands before the begin"
    );
}

#[expect(missing_docs, reason = "the name is the sentence")]
pub async fn it_reads_on_where_it_looked_last_also_when_nothing_matched<A: Adapter>(adapter: &A) {
    let store = adapter.fresh().await;
    let of_new = HistoryFilter { lines: Some(vec!["ch_new".into()]), ..Default::default() };
    let empty = store.page(&of_new, &HistoryRange::After(Cursor::start()), 5).await.unwrap();
    assert!(empty.events.is_empty() && !empty.more);
    fill(&store, 3).await;
    let looked = store.page(&of_new, &HistoryRange::After(empty.next), 5).await.unwrap();
    assert!(looked.events.is_empty() && !looked.more);
    // All that stood is looked at: without a filter nothing comes after that place, until something is committed.
    let all = HistoryFilter::default();
    let after = HistoryRange::After(looked.next.clone());
    assert!(store.page(&all, &after, 5).await.unwrap().events.is_empty());
    store.commit(commit("ch_new", "ch_new", 0, 2, "new")).await.unwrap();
    store.settle().await.unwrap();
    let page = store.page(&of_new, &after, 5).await.unwrap();
    assert_eq!(page.events.iter().map(|event| event.sequence).collect::<Vec<_>>(), [1, 2]);
    let more = store.page(&all, &HistoryRange::After(page.next), 5).await.unwrap();
    assert!(more.events.is_empty() && !more.more);
    let store = adapter.reopen(store).await;
    let again = store.page(&of_new, &after, 1).await.unwrap();
    assert!(again.events.len() == 1 && again.more, "a place outlives the process");
}

#[expect(missing_docs, reason = "the name is the sentence")]
pub async fn it_looks_back_at_no_more_than_a_batch<A: Adapter>(adapter: &A) {
    let store = adapter.fresh().await;
    for round in 0..2 {
        let first = round * 900;
        store.commit(commit("ch_1", "ch_1", first, 900, &format!("c{round}"))).await.unwrap();
    }
    store.settle().await.unwrap();
    let all = HistoryFilter::default();
    for range in [HistoryRange::After(Cursor::start()), HistoryRange::Before(None)] {
        let page = store.page(&all, &range, u32::MAX).await.unwrap();
        assert_eq!(page.events.len(), MAX_BATCH as usize);
        assert!(page.more);
        let page = store.page(&all, &range, 0).await.unwrap();
        assert_eq!(page.events.len(), 1, "no page is empty while there is something");
    }
}

#[expect(missing_docs, reason = "the name is the sentence")]
pub async fn it_refuses_to_look_from_a_place_of_another_store<A: Adapter>(adapter: &A) {
    let (one, two) = (adapter.fresh().await, adapter.fresh().await);
    let elsewhere = one.commit(commit("ch_1", "ch_1", 0, 1, "c1")).await.unwrap().cursor;
    two.commit(commit("ch_1", "ch_1", 0, 2, "c1")).await.unwrap();
    for cursor in [elsewhere, Cursor::from_text("no cursor at all"), Cursor::from_text("1")] {
        for range in [HistoryRange::After(cursor.clone()), HistoryRange::Before(Some(cursor))] {
            let read = two.page(&HistoryFilter::default(), &range, 1).await;
            assert!(matches!(read, Err(LogError::ForeignCursor(_))), "{range:?}: {read:?}");
        }
    }
}
