//! The runner against a log that shuffles lines and delivers some events again.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use serde_json::{Value, json};
use sigma_runner::{ApplyError, Home, Projection, ProjectionStatus, Runner, RunnerHandle, Waited};
use sigma_store::{CommandRecord, Commit, EventLog, EventMetadata, Journal, NewEvent, RecordedEvent};
use sigma_tables::{Rows, query};
use tokio::sync::Semaphore;

mod crashes;
mod following;
mod nodes;
mod parking;
mod postgres;
mod rebuilding;

/// Long enough for a busy machine; a test that waits so long has failed.
const PATIENCE: Duration = Duration::from_secs(30);

/// Appends what each event says to its aggregate's row, so that order, loss and repetition show in the text.
struct Texts {
    version: u32,
    schema: &'static str,
    /// Poison is applied once it is cured.
    cured: AtomicU64,
    /// How often apply was called.
    applied: AtomicU64,
    /// Faults of the database to come, one for each event of the name `trouble`.
    troubles: AtomicU64,
    /// Apply waits for ever when it has no permit left.
    permits: Semaphore,
}

const SCHEMA: &str = "create table texts (aggregate_id text primary key, text text not null)";

impl Texts {
    fn new() -> Arc<Self> {
        Self::of(1, SCHEMA, Semaphore::MAX_PERMITS)
    }

    fn of(version: u32, schema: &'static str, permits: usize) -> Arc<Self> {
        Arc::new(Self {
            version,
            schema,
            cured: AtomicU64::new(0),
            applied: AtomicU64::new(0),
            troubles: AtomicU64::new(0),
            permits: Semaphore::new(permits),
        })
    }
}

#[async_trait]
impl Projection for Texts {
    fn name(&self) -> &str {
        "texts"
    }

    fn version(&self) -> u32 {
        self.version
    }

    fn schema_sql(&self) -> &str {
        self.schema
    }

    fn concerns(&self, _aggregate_type: &str) -> bool {
        true
    }

    async fn apply(&self, mut rows: Rows<'_>, events: &[&RecordedEvent]) -> Result<(), ApplyError> {
        for event in events {
            self.apply_event(Rows::from(&mut rows), event).await?;
        }
        Ok(())
    }
}

impl Texts {
    async fn apply_event(&self, mut rows: Rows<'_>, event: &RecordedEvent) -> Result<(), ApplyError> {
        self.permits.acquire().await.unwrap().forget();
        self.applied.fetch_add(1, Ordering::SeqCst);
        let text = event.data["text"].as_str().unwrap_or_default();
        query(
            "insert into texts (aggregate_id, text) values ($1, $2)
             on conflict (aggregate_id) do update set text = texts.text || excluded.text",
        )
        .bind(&event.aggregate_id)
        .bind(text)
        .execute(&mut rows)
        .await?;
        let is_cured = self.cured.load(Ordering::SeqCst) > 0;
        match event.name.as_str() {
            "poison" if !is_cured => Err(ApplyError::Poison("it tastes bitter".into())),
            "panic" if !is_cured => panic!("on purpose"),
            "constraint" if !is_cured => {
                let twice = query("insert into texts values ($1, '')").bind(&event.aggregate_id);
                twice.execute(rows).await?;
                Ok(())
            }
            "trouble" if self.troubles.load(Ordering::SeqCst) > 0 => {
                self.troubles.fetch_sub(1, Ordering::SeqCst);
                Err(ApplyError::Database(sqlx::Error::PoolTimedOut))
            }
            _ => Ok(()),
        }
    }
}

/// Commits one event after what stands; answers its sequence.
async fn say(store: &impl Journal, line: &str, aggregate: &str, name: &str, text: &str) -> u64 {
    let last = store.load("thing", aggregate).await.unwrap().len() as u64;
    commit(store, line, aggregate, last, vec![(name.to_owned(), json!({ "text": text }))]).await
}

async fn commit(
    store: &impl Journal,
    line: &str,
    aggregate: &str,
    last: u64,
    events: Vec<(String, Value)>,
) -> u64 {
    let id = format!("{aggregate}-{last}");
    let new = |(name, data)| NewEvent { name, version: 1, data };
    let commit = Commit {
        aggregate_type: "thing".into(),
        aggregate_id: aggregate.into(),
        line: line.into(),
        project_id: "pr_default".into(),
        expected: last,
        events: events.into_iter().map(new).collect(),
        metadata: EventMetadata { command_id: id.clone(), ..EventMetadata::default() },
        command: CommandRecord { id, fingerprint: String::new(), answer: Vec::new(), at_ms: 0 },
        secrets: Vec::new(),
    };
    store.commit(commit).await.unwrap().last_sequence
}

/// `aggregates` with `each` events a piece, committed turn by turn in four lines; answers the texts to come.
async fn fill(store: &impl Journal, aggregates: u64, each: u64) -> BTreeMap<String, String> {
    let mut texts: BTreeMap<String, String> = BTreeMap::new();
    for n in 0..each {
        for aggregate in 0..aggregates {
            let id = format!("a{aggregate}");
            let text = format!("{n};");
            let line = format!("l{}", aggregate % 4);
            commit(store, &line, &id, n, vec![("said".into(), json!({ "text": text }))]).await;
            texts.entry(id).or_default().push_str(&text);
        }
    }
    texts
}

async fn start(log: impl EventLog + 'static, home: impl Into<Home>, projection: Arc<Texts>) -> RunnerHandle {
    Runner::start(Arc::new(log), home, vec![projection]).await.unwrap()
}

/// The texts that the view has.
async fn texts(runner: &RunnerHandle) -> BTreeMap<String, String> {
    let mut rows = runner.reader("texts").unwrap().acquire().await.unwrap();
    let all = query("select aggregate_id, text from texts").fetch_all(&mut rows).await.unwrap();
    all.iter().map(|row| (row.try_get("aggregate_id").unwrap(), row.try_get("text").unwrap())).collect()
}

/// Waits until the view has an event.
async fn reach(runner: &RunnerHandle, aggregate: &str, sequence: u64) {
    let waited = runner.wait_for("texts", "thing", aggregate, sequence, PATIENCE).await.unwrap();
    assert_eq!(waited, Waited::Reached, "{aggregate} {sequence}: {:?}", runner.status().await);
}

/// Waits until the status is as wanted.
async fn until(runner: &RunnerHandle, wanted: impl Fn(&ProjectionStatus) -> bool) -> ProjectionStatus {
    let look = async {
        loop {
            let status = runner.status().await.swap_remove(0);
            if wanted(&status) {
                return status;
            }
            sigma_clock::sleep(Duration::from_millis(2)).await;
        }
    };
    match sigma_clock::timeout(PATIENCE, look).await {
        Ok(status) => status,
        Err(_) => panic!("it stays {:?}", runner.status().await),
    }
}

/// The view's files, without what SQLite keeps beside them.
fn files(folder: &Path) -> Vec<String> {
    let names = std::fs::read_dir(folder).unwrap().map(|e| e.unwrap().file_name().into_string().unwrap());
    let mut names: Vec<String> = names.filter(|name| name.ends_with(".sqlite")).collect();
    names.sort();
    names
}
