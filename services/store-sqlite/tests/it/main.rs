//! The contract held against SQLite, and what only SQLite can break.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

use serde_json::json;
use sigma_store::{CommandRecord, Commit, EventMetadata, NewEvent};

mod backup;
mod contract;
mod faults;
mod history;
mod kill;
mod speed;

/// A commit of `count` events to `aggregate`, under the command id `command`.
fn commit(aggregate: &str, expected: u64, count: usize, command: &str) -> Commit {
    let event = NewEvent { name: "thing.happened".into(), version: 1, data: json!({ "by": command }) };
    let at_ms = 1_700_000_000_000;
    Commit {
        aggregate_type: "thing".into(),
        aggregate_id: aggregate.into(),
        line: aggregate.into(),
        project_id: "pr_default".into(),
        expected,
        events: vec![event; count],
        metadata: EventMetadata { command_id: command.into(), at_ms, ..EventMetadata::default() },
        command: CommandRecord { id: command.into(), fingerprint: String::new(), answer: vec![1], at_ms },
        secrets: Vec::new(),
    }
}
