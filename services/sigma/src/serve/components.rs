//! What `/readyz` asks, beside projections and media.

use std::path::PathBuf;
use std::sync::Arc;

use async_trait::async_trait;
use sigma_api::http::{Component, Condition};
use sigma_app::App;
use sigma_store::Journal;

/// Less room than this on the data folder's disk is said.
pub(crate) const ROOM_BYTES: u64 = 1024 * 1024 * 1024;

/// The event store and the disk that it stands on.
pub(crate) struct Store {
    pub(crate) journal: Arc<dyn Journal>,
    pub(crate) folder: PathBuf,
}

#[async_trait]
impl Component for Store {
    fn name(&self) -> &'static str {
        "store"
    }

    async fn check(&self) -> Condition {
        if let Err(error) = self.journal.identity().await {
            return Condition::NotReady(error.to_string());
        }
        let folder = self.folder.clone();
        let room = tokio::task::spawn_blocking(move || room(&folder)).await;
        match room {
            Ok(Ok(room)) if room < ROOM_BYTES => {
                let megabytes = room / (1024 * 1024);
                Condition::Degraded(format!(
                    "only {megabytes} MB are left on the data folder's disk; make room"
                ))
            }
            Ok(Err(error)) => Condition::Degraded(format!("the data folder's disk cannot be asked: {error}")),
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
            Some(why) => Condition::NotReady(format!("deadlines and repairs are late: {why}")),
        }
    }
}
