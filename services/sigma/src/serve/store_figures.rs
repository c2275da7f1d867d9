//! The event store's figures: what was asked of it, how it went and how long it took, measured at its door.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use sigma_api::http::{Exposition, MetricSource};
use sigma_store::{
    CommandRecord, Commit, Committed, Identity, Journal, RecordedEvent, SecretRow, SecretWrite, StoreError,
};
use sigma_store_postgres::PostgresStore;

/// Upper bounds of the histograms, in microseconds: a commit ends with an fsync.
const BOUNDS_US: [u64; 9] = [500, 1_000, 2_500, 5_000, 10_000, 25_000, 50_000, 100_000, 1_000_000];

/// A journal that counts.
pub(crate) struct Measured {
    journal: Arc<dyn Journal>,
    figures: Arc<StoreFigures>,
}

/// What was counted.
#[derive(Debug, Default)]
pub(crate) struct StoreFigures {
    files: Vec<(&'static str, PathBuf)>,
    events: AtomicU64,
    committed: AtomicU64,
    repeated: AtomicU64,
    conflicts: AtomicU64,
    failures: AtomicU64,
    commits: Durations,
    loads: Durations,
}

#[derive(Debug, Default)]
struct Durations {
    /// How many took no longer than each bound, and longer than the one before.
    buckets: [AtomicU64; BOUNDS_US.len()],
    count: AtomicU64,
    sum_us: AtomicU64,
}

impl Durations {
    fn took(&self, span: Duration) {
        let micros = u64::try_from(span.as_micros()).unwrap_or(u64::MAX);
        if let Some(bucket) = BOUNDS_US.iter().position(|bound| micros <= *bound) {
            self.buckets[bucket].fetch_add(1, Ordering::Relaxed);
        }
        self.count.fetch_add(1, Ordering::Relaxed);
        self.sum_us.fetch_add(micros, Ordering::Relaxed);
    }

    fn write(&self, name: &str, help: &str, out: &mut Exposition) {
        out.family(name, "histogram", help);
        let mut below = 0;
        for (bucket, bound) in self.buckets.iter().zip(BOUNDS_US) {
            below += bucket.load(Ordering::Relaxed);
            out.sample(&format!("{name}_bucket"), &[("le", &seconds(bound))], below);
        }
        // Read last: while others count on, the whole is never less than its parts.
        let count = self.count.load(Ordering::Relaxed).max(below);
        out.sample(&format!("{name}_bucket"), &[("le", "+Inf")], count);
        out.sample(&format!("{name}_sum"), &[], seconds(self.sum_us.load(Ordering::Relaxed)));
        out.sample(&format!("{name}_count"), &[], count);
    }
}

/// Microseconds as decimal seconds, without floating point.
pub(super) fn seconds(micros: u64) -> String {
    let text = format!("{}.{:06}", micros / 1_000_000, micros % 1_000_000);
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

impl Measured {
    /// Measures `journal`; `files` are the databases whose sizes are told, by the label of each.
    pub(crate) fn new(
        journal: Arc<dyn Journal>,
        files: Vec<(&'static str, PathBuf)>,
    ) -> (Self, Arc<StoreFigures>) {
        let figures = Arc::new(StoreFigures { files, ..StoreFigures::default() });
        (Self { journal, figures: Arc::clone(&figures) }, figures)
    }

    fn told<T>(&self, result: Result<T, StoreError>) -> Result<T, StoreError> {
        match &result {
            Err(StoreError::Conflict { .. }) => self.figures.conflicts.fetch_add(1, Ordering::Relaxed),
            Err(_) => self.figures.failures.fetch_add(1, Ordering::Relaxed),
            Ok(_) => 0,
        };
        result
    }
}

#[async_trait]
impl Journal for Measured {
    async fn load_after(
        &self,
        aggregate_type: &str,
        aggregate_id: &str,
        after: u64,
    ) -> Result<Vec<RecordedEvent>, StoreError> {
        let began = sigma_clock::monotonic();
        let loaded = self.journal.load_after(aggregate_type, aggregate_id, after).await;
        self.figures.loads.took(began.elapsed());
        self.told(loaded)
    }

    async fn commit(&self, commit: Commit) -> Result<Committed, StoreError> {
        let events = commit.events.len() as u64;
        let began = sigma_clock::monotonic();
        let committed = self.journal.commit(commit).await;
        self.figures.commits.took(began.elapsed());
        match &committed {
            Ok(committed) if committed.repeated.is_some() => {
                self.figures.repeated.fetch_add(1, Ordering::Relaxed);
            }
            Ok(_) => {
                self.figures.committed.fetch_add(1, Ordering::Relaxed);
                self.figures.events.fetch_add(events, Ordering::Relaxed);
            }
            Err(_) => {}
        }
        self.told(committed)
    }

    async fn command(&self, id: &str) -> Result<Option<CommandRecord>, StoreError> {
        self.told(self.journal.command(id).await)
    }

    async fn record_command(&self, record: CommandRecord) -> Result<Option<CommandRecord>, StoreError> {
        self.told(self.journal.record_command(record).await)
    }

    async fn forget_commands(&self, before_ms: i64) -> Result<u64, StoreError> {
        self.told(self.journal.forget_commands(before_ms).await)
    }

    async fn find_secret(&self, kind: &str, lookup: &[u8]) -> Result<Vec<SecretRow>, StoreError> {
        self.told(self.journal.find_secret(kind, lookup).await)
    }

    async fn secrets_of_each(&self, kind: &str, owners: &[&str]) -> Result<Vec<SecretRow>, StoreError> {
        self.told(self.journal.secrets_of_each(kind, owners).await)
    }

    async fn write_secrets(&self, writes: Vec<SecretWrite>) -> Result<(), StoreError> {
        self.told(self.journal.write_secrets(writes).await)
    }

    async fn identity(&self) -> Result<Identity, StoreError> {
        self.told(self.journal.identity().await)
    }

    async fn bind_master_key(&self, fingerprint: &str) -> Result<Identity, StoreError> {
        self.told(self.journal.bind_master_key(fingerprint).await)
    }

    async fn remove_traces(&self) -> Result<(), StoreError> {
        self.told(self.journal.remove_traces().await)
    }
}

#[async_trait]
impl MetricSource for StoreFigures {
    async fn collect(&self, out: &mut Exposition) {
        let name = "sigma_store_commits_total";
        out.family(name, "counter", "Commits of the event store by how they went.");
        for (outcome, count) in
            [("committed", &self.committed), ("repeated", &self.repeated), ("conflict", &self.conflicts)]
        {
            out.sample(name, &[("outcome", outcome)], count.load(Ordering::Relaxed));
        }
        let failures = self.failures.load(Ordering::Relaxed);
        out.single(
            "sigma_store_failures_total",
            "counter",
            "Questions that the event store could not answer.",
            failures,
        );
        let events = self.events.load(Ordering::Relaxed);
        out.single("sigma_store_events_total", "counter", "Events committed by this process.", events);
        self.commits.write(
            "sigma_store_commit_duration_seconds",
            "From a commit's beginning until it is safe on the disk.",
            out,
        );
        self.loads.write("sigma_store_load_duration_seconds", "Reading the events of one aggregate.", out);
        let name = "sigma_store_file_bytes";
        out.family(name, "gauge", "Size of the databases, with what waits in their write-ahead logs.");
        for (label, path) in &self.files {
            let mut bytes = 0;
            for path in [path.clone(), beside(path, "-wal")] {
                bytes += tokio::fs::metadata(path).await.map_or(0, |metadata| metadata.len());
            }
            out.sample(name, &[("file", label)], bytes);
        }
    }
}

/// What only a database has to tell.
pub(crate) struct Database(pub(crate) PostgresStore);

#[async_trait]
impl MetricSource for Database {
    async fn collect(&self, out: &mut Exposition) {
        let held_up = self.0.held_up().map_or(Duration::ZERO, |held_up| held_up.since);
        out.single(
            "sigma_store_readers_held_up_seconds",
            "gauge",
            "For how long committed events have reached no reader because another transaction does not end.",
            seconds(u64::try_from(held_up.as_micros()).unwrap_or(u64::MAX)),
        );
        let (open, idle) = self.0.connections();
        let name = "sigma_store_connections";
        out.family(name, "gauge", "Connections to PostgreSQL that decide on commands.");
        for (state, count) in [("busy", open.saturating_sub(idle)), ("idle", idle)] {
            out.sample(name, &[("state", state)], count);
        }
    }
}

fn beside(path: &std::path::Path, ending: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(ending);
    PathBuf::from(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_add_up_from_bucket_to_bucket() {
        let durations = Durations::default();
        for micros in [400, 900, 900, 2_000_000] {
            durations.took(Duration::from_micros(micros));
        }
        let mut out = Exposition::default();
        durations.write("x_seconds", "X.", &mut out);
        let text = out.into_text();
        for line in [
            "x_seconds_bucket{le=\"0.0005\"} 1\n",
            "x_seconds_bucket{le=\"0.001\"} 3\n",
            "x_seconds_bucket{le=\"1\"} 3\n",
            "x_seconds_bucket{le=\"+Inf\"} 4\n",
            "x_seconds_sum 2.0022\n",
            "x_seconds_count 4\n",
        ] {
            assert!(text.contains(line), "{line}{text}");
        }
    }

    #[tokio::test]
    async fn a_store_that_is_asked_is_counted() {
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("events.sqlite");
        std::fs::write(&file, "12345").expect("written");
        std::fs::write(folder.path().join("events.sqlite-wal"), "123").expect("written");
        let store = sigma_store::memory::MemoryStore::new(1);
        let (measured, figures) = Measured::new(Arc::new(store), vec![("events", file)]);
        measured.load("channel", "ch_1").await.expect("nothing");
        measured.identity().await.expect("an identity");
        let mut out = Exposition::default();
        figures.collect(&mut out).await;
        let text = out.into_text();
        assert!(text.contains("sigma_store_load_duration_seconds_count 1\n"), "{text}");
        assert!(text.contains("sigma_store_failures_total 0\n"), "{text}");
        assert!(text.contains("sigma_store_file_bytes{file=\"events\"} 8\n"), "{text}");
    }
}
