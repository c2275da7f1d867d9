//! The suite that each adapter passes.
//!
//! An adapter's tests implement [`Adapter`] and call [`contract_suite!`](crate::contract_suite): each promise of the
//! ports becomes a test of its own there.
#![expect(clippy::unwrap_used, reason = "a test suite: it panics where a promise is broken")]

use std::collections::BTreeMap;
use std::time::Duration;

use async_trait::async_trait;
use serde_json::json;

use crate::{
    CommandRecord, Commit, Cursor, EventLog, EventMetadata, History, Journal, NewEvent, RecordedEvent, Seen,
    Sighting,
};

mod aggregates;
mod commands;
mod following;
mod history;
mod keeping;
mod secrets;
mod writers;

pub use aggregates::*;
pub use commands::*;
pub use following::*;
pub use history::*;
pub use keeping::*;
pub use secrets::*;
pub use writers::*;

/// Makes the stores under test.
#[async_trait]
pub trait Adapter: Send + Sync {
    /// The store. Clones are hands on the same store.
    type Store: Journal + EventLog + History + Clone + Send + Sync + 'static;

    /// A store with nothing in it.
    async fn fresh(&self) -> Self::Store;

    /// The same store after its process is gone and another one opened it.
    async fn reopen(&self, store: Self::Store) -> Self::Store;
}

/// Runs the whole contract against an [`Adapter`]: `contract_suite!(MyAdapter);`
#[macro_export]
macro_rules! contract_suite {
    ($adapter:expr) => {
        $crate::contract_tests!($adapter;
            it_loads_what_it_committed,
            it_numbers_events_of_an_aggregate_without_gaps,
            it_loads_what_is_behind_a_sequence,
            it_takes_a_commit_without_events,
            it_refuses_a_writer_who_was_overtaken,
            it_refuses_a_writer_who_is_ahead,
            it_keeps_nothing_of_a_commit_that_it_refused,
            it_keeps_all_over_a_restart,
            it_keeps_who_it_is_over_a_restart,
            it_binds_to_one_master_key,
            it_loses_no_update_of_32_writers_on_one_aggregate,
            it_loses_no_update_of_32_writers_on_many_aggregates,
            it_honours_a_command_id_once,
            it_honours_two_copies_that_arrive_together_once,
            it_never_calls_a_repeated_command_a_conflict,
            it_never_calls_a_conflict_a_repeated_command,
            it_honours_a_command_without_events_once,
            it_honours_two_copies_without_events_that_arrive_together_once,
            it_honours_a_command_that_made_no_event_before_it_would_make_one,
            it_forgets_commands_of_long_ago,
            it_delivers_in_order_within_a_line,
            it_delivers_no_more_than_was_asked,
            it_shows_what_it_answered_once_it_settled,
            it_starts_at_the_head_with_what_is_new,
            it_knows_how_far_behind_a_cursor_is,
            it_wakes_who_waits,
            it_wakes_at_once_when_something_is_there,
            it_loses_no_wake_up_between_read_and_wait,
            it_resumes_from_each_cursor_after_a_restart,
            it_refuses_a_cursor_of_another_store,
            it_looks_back_by_filter_in_the_order_of_commits,
            it_looks_before_and_after_any_event,
            it_reads_on_where_it_looked_last_also_when_nothing_matched,
            it_looks_back_at_no_more_than_a_batch,
            it_refuses_to_look_from_a_place_of_another_store,
            it_finds_secrets_by_hash_and_by_owner,
            it_expires_and_deletes_the_secrets_that_are_meant,
            it_keeps_secrets_with_their_events_or_not_at_all,
            it_carries_a_cqrs_es_aggregate,
            it_lets_cqrs_es_writers_race_without_loss,
            it_answers_a_repeated_cqrs_es_commit_with_what_was_made,
        );
    };
}

/// One test for each name: see [`contract_suite!`](crate::contract_suite).
#[doc(hidden)]
#[macro_export]
macro_rules! contract_tests {
    ($adapter:expr; $($name:ident),+ $(,)?) => {
        $(
            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $name() {
                $crate::contract::in_time($crate::contract::$name(&$adapter)).await;
            }
        )+
    };
}

/// A promise that is not kept within this time is broken: a lost wake-up shows as a wait without end.
const PATIENCE: Duration = Duration::from_secs(60);

/// Ends a test that would wait for ever.
#[doc(hidden)]
pub async fn in_time(test: impl Future<Output = ()>) {
    let ended = tokio::time::timeout(PATIENCE, test).await;
    assert!(ended.is_ok(), "nothing came of it in {PATIENCE:?}: was a wake-up lost?");
}

/// A commit of `count` events to `aggregate` in `line`, under the command id `command`.
fn commit(line: &str, aggregate: &str, expected: u64, count: usize, command: &str) -> Commit {
    let event =
        |n| NewEvent { name: "thing.happened".into(), version: 1, data: json!({ "by": command, "n": n }) };
    Commit {
        aggregate_type: "thing".into(),
        aggregate_id: aggregate.into(),
        line: line.into(),
        project_id: "pr_default".into(),
        expected,
        events: (0..count).map(event).collect(),
        metadata: EventMetadata {
            actor: r#"{"kind":"admin","id":"ada"}"#.into(),
            command_id: command.into(),
            causation_id: Some("ev_cause".into()),
            correlation_id: "co_1".into(),
            at_ms: 1_700_000_000_123,
        },
        command: record(command),
        secrets: Vec::new(),
    }
}

fn record(id: &str) -> CommandRecord {
    let answer = format!("answer to {id}").into_bytes();
    CommandRecord { id: id.into(), fingerprint: format!("print of {id}"), answer, at_ms: 1_700_000_000_123 }
}

/// Waits until all that was answered can be read, then reads until nothing more comes, drops what came before, and panics where the order is broken.
async fn read_all(log: &impl EventLog, mut after: Cursor, limit: u32, seen: &mut Seen) -> Vec<RecordedEvent> {
    let mut all = Vec::new();
    log.settle().await.unwrap();
    loop {
        let batch = log.read_after(&after, limit).await.unwrap();
        if batch.events.is_empty() {
            return all;
        }
        after = batch.next;
        for event in batch.events {
            match seen.see(&event) {
                Sighting::New => all.push(event),
                Sighting::Duplicate => {}
                Sighting::Gap { expected } => panic!("{expected} is missing before {event:?}"),
            }
        }
    }
}

/// Events by line, in the order of their delivery, as (aggregate, sequence).
fn by_line(events: &[RecordedEvent]) -> BTreeMap<String, Vec<(String, u64)>> {
    let mut lines: BTreeMap<String, Vec<(String, u64)>> = BTreeMap::new();
    for event in events {
        lines.entry(event.line.clone()).or_default().push((event.aggregate_id.clone(), event.sequence));
    }
    lines
}
