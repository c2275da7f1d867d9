//! What a projection tells about itself, and what its readers and waiters share with it.

use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use sigma_store::Cursor;
use sigma_tables::{Place, Pool};
use tokio::sync::watch;

use crate::seen::Seen;

/// How a projection is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ProjectionState {
    /// It serves and follows the log.
    Live,
    /// It does not serve yet: its first generation is being built.
    Building,
    /// It cannot get on now and tries again; see the last error. What serves goes on serving.
    Stalled,
}

/// A rebuild under way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rebuild {
    /// The generation that is being built.
    pub generation: u32,
    /// Events that were handled.
    pub done: u64,
    /// Events that there are, as far as is known now.
    pub total: u64,
}

/// What a projection tells about itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProjectionStatus {
    /// Its name.
    pub name: String,
    /// The version of its code.
    pub version: u32,
    /// How it is.
    pub state: ProjectionState,
    /// The generation that serves.
    pub generation: Option<u32>,
    /// Events that it handled, applied or parked.
    pub handled: u64,
    /// About how many events it is behind; none when the log cannot tell.
    pub lag: Option<u64>,
    /// Aggregates that are parked.
    pub parked_lines: u64,
    /// Events that are parked: the poison ones and those that wait behind them.
    pub parked_events: u64,
    /// The last thing that went wrong and still matters: trouble that it is in, or the last poison.
    pub last_error: Option<String>,
    /// A rebuild under way.
    pub rebuild: Option<Rebuild>,
    /// The node that runs it, or ran it last; none where no other one could, or none ever did.
    pub node: Option<String>,
}

/// The generation that serves.
#[derive(Clone, Debug)]
pub(crate) struct Serving {
    pub(crate) generation: u32,
    pub(crate) pool: Pool,
    pub(crate) seen: Arc<Seen>,
}

/// Connections that read a view at the same time.
const READERS: u32 = 4;

impl Serving {
    /// Of a generation that nobody was given yet.
    pub(crate) fn of(generation: u32, place: &Place) -> Self {
        Self { generation, pool: place.readers(READERS), seen: Arc::new(Seen::new()) }
    }
}

/// Where a generation is.
#[derive(Clone, Debug)]
pub(crate) struct Standing {
    pub(crate) generation: u32,
    pub(crate) cursor: Cursor,
    pub(crate) handled: u64,
    pub(crate) parked_lines: u64,
    pub(crate) parked_events: u64,
    pub(crate) poison: Option<String>,
}

#[derive(Clone, Debug, Default)]
pub(crate) struct Snapshot {
    pub(crate) serving: Option<Standing>,
    pub(crate) building: Option<Standing>,
    /// Trouble that it is in.
    pub(crate) trouble: Option<String>,
    /// Who runs it.
    pub(crate) node: Option<String>,
}

/// What a projection's task shares with readers and waiters.
#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) name: String,
    pub(crate) version: u32,
    snapshot: Mutex<Snapshot>,
    /// Whether it is run here: else its rows say how it stands.
    pub(crate) runs_here: AtomicBool,
    /// The generation that readers are given.
    pub(crate) serving: watch::Sender<Option<Serving>>,
    /// Counts the commits of what serves: waiters look again.
    pub(crate) ticks: watch::Sender<u64>,
}

impl Shared {
    pub(crate) fn new(name: &str, version: u32) -> Self {
        Self {
            name: name.to_owned(),
            version,
            snapshot: Mutex::default(),
            runs_here: AtomicBool::new(false),
            serving: watch::Sender::new(None),
            ticks: watch::Sender::new(0),
        }
    }

    pub(crate) fn snapshot(&self) -> MutexGuard<'_, Snapshot> {
        self.snapshot.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn tick(&self) {
        self.ticks.send_modify(|ticks| *ticks = ticks.wrapping_add(1));
    }
}
