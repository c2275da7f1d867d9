//! An answered command survives `kill -9`.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Write};
use std::process::{Command, Stdio};

use sigma_store::{Cursor, EventLog, Journal, Seen, Sighting};
use sigma_store_sqlite::SqliteStore;

use crate::commit;

const STORE: &str = "SIGMA_TEST_KILL_STORE";
const ROUNDS: usize = 6;
const WRITERS: usize = 8;

/// Not a test of its own: the child that commits until it is killed, and prints each answer.
#[test]
#[ignore = "the child of an_answered_command_survives_kill_9"]
fn child_that_commits_until_it_is_killed() {
    let Ok(path) = std::env::var(STORE) else { return };
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    runtime.block_on(async {
        let store = SqliteStore::open(path).await.unwrap();
        let mut writers = tokio::task::JoinSet::new();
        for writer in 0..WRITERS {
            let store = store.clone();
            writers.spawn(async move {
                let aggregate = format!("a{writer}");
                let mut last = store.load("thing", &aggregate).await.unwrap().len() as u64;
                loop {
                    let command = format!("{aggregate}-{last}");
                    last = store.commit(commit(&aggregate, last, 2, &command)).await.unwrap().last_sequence;
                    // One write a line: what the parent reads whole was answered whole.
                    let line = format!("answered {command} {aggregate} {last}\n");
                    std::io::stdout().write_all(line.as_bytes()).unwrap();
                }
            });
        }
        writers.join_next().await
    });
}

#[tokio::test]
async fn an_answered_command_survives_kill_9() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("store.sqlite");
    let mut last_of: BTreeMap<String, u64> = BTreeMap::new();
    for round in 0..ROUNDS {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "kill::child_that_commits_until_it_is_killed", "--ignored", "--nocapture"])
            .env(STORE, &path)
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        // Where it is killed differs from round to round, and by what the scheduler does in each.
        let until = 40 + round * 53;
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let mut answered = Vec::new();
        let mut note = |line: std::io::Result<String>| {
            if let Some(answer) = line.unwrap_or_default().split_once("answered ") {
                answered.push(answer.1.split(' ').map(str::to_owned).collect::<Vec<_>>());
            }
            answered.len()
        };
        while let Some(line) = lines.next()
            && note(line) < until
        {}
        child.kill().unwrap();
        for line in lines {
            note(line);
        }
        child.wait().unwrap();
        assert!(answered.len() >= until, "the child did not get so far: {}", answered.len());

        let store = SqliteStore::open(&path).await.unwrap();
        for answer in answered {
            // The last line may be torn by the kill.
            let [command, aggregate, sequence] = answer.as_slice() else { continue };
            let record = store.command(command).await.unwrap();
            assert!(record.is_some(), "{command} was answered and is lost");
            let last = last_of.entry(aggregate.clone()).or_default();
            *last = (*last).max(sequence.parse().unwrap());
        }
        for (aggregate, last) in &mut last_of {
            let events = store.load("thing", aggregate).await.unwrap();
            assert!(events.len() as u64 >= *last, "{aggregate}: {} of {last}", events.len());
            assert!(events.iter().map(|e| e.sequence).eq(1..=events.len() as u64), "{aggregate} has a hole");
            assert_eq!(events.len() % 2, 0, "half a commit stands in {aggregate}");
            *last = events.len() as u64;
        }
        let (mut seen, mut after) = (Seen::new(), Cursor::start());
        loop {
            let batch = store.read_after(&after, 1_000).await.unwrap();
            if batch.events.is_empty() {
                break;
            }
            assert!(batch.events.iter().all(|event| seen.see(event) == Sighting::New));
            after = batch.next;
        }
        store.close().await;
    }
}
