//! What `/readyz` asks, beside projections and media.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use sigma_api::http::{Component, Condition};
use sigma_app::App;
use sigma_clock::{Clock, Instant, SteadyClock, monotonic};
use sigma_store::Journal;
use sigma_store_postgres::PostgresStore;
use tokio::sync::oneshot;
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

/// Less room than this on the data folder's disk is said.
pub(crate) const ROOM_BYTES: u64 = 1024 * 1024 * 1024;

/// The event store, and the disk of the data folder.
pub(crate) struct Store {
    pub(crate) journal: Arc<dyn Journal>,
    /// Where it is a database.
    pub(crate) database: Option<PostgresStore>,
    pub(crate) disk: Disk,
}

#[async_trait]
impl Component for Store {
    fn name(&self) -> &'static str {
        "store"
    }

    async fn check(&self) -> Condition {
        if let Some(away) = self.database.as_ref().and_then(PostgresStore::away) {
            return Condition::NotReady(away);
        }
        if let Err(error) = self.journal.identity().await {
            return Condition::NotReady(error.to_string());
        }
        if let Some(held_up) = self.database.as_ref().and_then(PostgresStore::held_up) {
            let seconds = held_up.since.as_secs();
            return Condition::Degraded(format!(
                "committed events have reached no reader for {seconds} s, held up by {}; end that transaction \
                 (pg_terminate_backend)",
                held_up.by
            ));
        }
        match self.disk.ask().await {
            Ok(room) if room < ROOM_BYTES => {
                let megabytes = room / (1024 * 1024);
                Condition::Degraded(format!(
                    "only {megabytes} MB are left on the data folder's disk; make room"
                ))
            }
            Ok(_) => Condition::Ready,
            Err(amiss) => Condition::Degraded(amiss),
        }
    }
}

/// A disk that does not answer a question within this is said to hang.
const DISK_ANSWERS_WITHIN: Duration = Duration::from_millis(1_500);

/// What is written to see whether the disk takes it.
const PROBE: &str = "probe";

/// The data folder's disk, which is asked by writing to it. One question at a time: a disk that hangs holds up one thread.
#[derive(Debug)]
pub(crate) struct Disk {
    folder: PathBuf,
    asked: Arc<Mutex<Option<Instant>>>,
}

impl Disk {
    pub(crate) fn of(folder: &Path) -> Self {
        Self { folder: folder.to_owned(), asked: Arc::default() }
    }

    /// The room that is left, or what is amiss.
    async fn ask(&self) -> Result<u64, String> {
        let hangs = |since: Instant| {
            let seconds = since.elapsed().as_secs();
            format!("the data folder's disk has not answered for {seconds} s; look after the disk (dmesg)")
        };
        let began = monotonic();
        {
            let mut asked = self.asked.lock().unwrap_or_else(PoisonError::into_inner);
            if let Some(since) = *asked {
                return Err(hangs(since));
            }
            *asked = Some(began);
        }
        let (folder, asked) = (self.folder.clone(), Arc::clone(&self.asked));
        let (answer, answered) = oneshot::channel();
        tokio::task::spawn_blocking(move || {
            let found = write_probe(&folder).and_then(|()| room(&folder));
            *asked.lock().unwrap_or_else(PoisonError::into_inner) = None;
            // Who asked may have gone.
            let _ = answer.send(found);
        });
        match sigma_clock::timeout(DISK_ANSWERS_WITHIN, answered).await {
            Ok(Ok(Ok(room))) => Ok(room),
            Ok(Ok(Err(error))) if error.kind() == std::io::ErrorKind::StorageFull => Ok(0),
            Ok(Ok(Err(error))) => Err(format!(
                "the data folder cannot be written: {}; see that its disk is mounted writable and sound",
                crate::folder::plain(&error)
            )),
            Ok(Err(_)) => Err("the data folder's disk could not be asked".to_owned()),
            Err(_) => Err(hangs(began)),
        }
    }
}

fn write_probe(folder: &Path) -> std::io::Result<()> {
    std::fs::write(folder.join(PROBE), b"the disk takes writes\n")
}

/// A clock that was set forward is said for so long.
const SAID_FOR: Duration = Duration::from_secs(60);

/// How often the clock is looked at.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// The wall clock.
pub(crate) struct WallClock {
    clock: Arc<SteadyClock>,
    set_forward: Mutex<Option<(Instant, i64)>>,
}

impl WallClock {
    pub(crate) fn new(clock: Arc<SteadyClock>) -> Self {
        Self { clock, set_forward: Mutex::default() }
    }

    /// Says each step of the machine's clock, until `stop`.
    pub(crate) async fn watch(self: Arc<Self>, stop: CancellationToken) {
        let mut looks = sigma_clock::interval(LOOK_EVERY);
        let mut was_ahead = false;
        loop {
            tokio::select! {
                _ = looks.tick() => {}
                () = stop.cancelled() => return,
            }
            self.clock.now();
            if let Some(step) = self.clock.take_step() {
                let by_ms = step.by_ms;
                if by_ms < 0 {
                    warn!(
                        by_ms,
                        "the machine's clock was set back; the platform's goes on and draws near it"
                    );
                } else {
                    warn!(by_ms, "the machine's clock was set forward; deadlines that it went past are due");
                    *self.set_forward.lock().unwrap_or_else(PoisonError::into_inner) =
                        Some((monotonic(), by_ms));
                }
            }
            let is_ahead = !self.clock.ahead().is_zero();
            if was_ahead && !is_ahead {
                info!("the platform's clock is the machine's again");
            }
            was_ahead = is_ahead;
        }
    }
}

#[async_trait]
impl Component for WallClock {
    fn name(&self) -> &'static str {
        "clock"
    }

    async fn check(&self) -> Condition {
        let ahead = self.clock.ahead().as_secs();
        if ahead > 0 {
            return Condition::Degraded(format!(
                "the machine's clock was set back: the platform's is {ahead} s ahead of it and draws near"
            ));
        }
        match *self.set_forward.lock().unwrap_or_else(PoisonError::into_inner) {
            Some((at, by_ms)) if at.elapsed() < SAID_FOR => Condition::Degraded(format!(
                "the machine's clock was set forward by {} s a moment ago: deadlines that it went past are due",
                by_ms / 1_000
            )),
            _ => Condition::Ready,
        }
    }
}

/// Bytes that we may still write to the disk under `folder`.
pub(crate) fn room(folder: &std::path::Path) -> std::io::Result<u64> {
    let disk = rustix::fs::statvfs(folder)?;
    Ok(disk.f_bavail.saturating_mul(disk.f_frsize))
}

/// Deadlines and repairs.
pub(crate) struct ProcessManagers(pub(crate) Arc<App>);

#[async_trait]
impl Component for ProcessManagers {
    fn name(&self) -> &'static str {
        "process"
    }

    async fn check(&self) -> Condition {
        match self.0.process_failure() {
            None => Condition::Ready,
            Some(why) if self.0.manages_here() => {
                Condition::NotReady(format!("deadlines and repairs are late: {why}"))
            }
            // Requests are answered all the same; another node may be well, or take over.
            Some(why) => Condition::Degraded(format!("deadlines and repairs are late: {why}")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_disk_that_takes_no_writes_is_told_from_one_that_does() {
        let folder = tempfile::tempdir().expect("a folder");
        let disk = Disk::of(folder.path());
        assert!(disk.ask().await.is_ok_and(|room| room > 0));
        // Something that is no file stands where the probe goes: not even root can write there.
        std::fs::remove_file(folder.path().join(PROBE)).expect("removed");
        std::fs::create_dir(folder.path().join(PROBE)).expect("made");
        let amiss = disk.ask().await.expect_err("it cannot be written");
        assert!(amiss.contains("cannot be written") && amiss.contains("mounted writable"), "{amiss}");
        std::fs::remove_dir(folder.path().join(PROBE)).expect("removed");
        assert!(disk.ask().await.is_ok(), "it heals");
    }

    #[tokio::test]
    async fn a_disk_that_hangs_holds_up_one_question() {
        let folder = tempfile::tempdir().expect("a folder");
        let disk = Disk::of(folder.path());
        // A pipe that nobody reads: who opens it to write waits, as on a disk that hangs.
        let pipe = folder.path().join(PROBE);
        let made = std::process::Command::new("mkfifo").arg(&pipe).status().expect("mkfifo");
        assert!(made.success());
        let amiss = disk.ask().await.expect_err("it hangs");
        assert!(amiss.contains("has not answered for"), "{amiss}");
        let began = monotonic();
        let amiss = disk.ask().await.expect_err("it still hangs");
        assert!(amiss.contains("has not answered"), "{amiss}");
        assert!(began.elapsed() < DISK_ANSWERS_WITHIN, "the second question is answered by the first");
        // Somebody reads: the write goes through.
        drop(std::fs::File::open(&pipe).expect("opened"));
        while disk.asked.lock().expect("whole").is_some() {
            sigma_clock::sleep(Duration::from_millis(1)).await;
        }
    }
}
