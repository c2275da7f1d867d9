//! What every room of the node shares.

use std::collections::HashSet;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicUsize};
use std::sync::{Arc, Mutex};

use sigma_clock::Clock;

use crate::control::{Control, NodeSettings};
use crate::edges::Lately;
use crate::figures::Figures;
use crate::ingest::{Entrance, OnAir};
use crate::keeping::{ArchiveState, Gone, Room};
use crate::origin::downloads::Downloads;
use crate::origin::pictures::Gallery;
use crate::origin::recordings::Recordings;
use crate::paths::Paths;
use crate::session::{Scribe, Sessions};

/// The node's settings, its ports and its registers.
pub(crate) struct Core {
    pub(crate) settings: NodeSettings,
    pub(crate) control: Arc<dyn Control>,
    pub(crate) clock: Arc<dyn Clock>,
    /// `DATA_DIR/live`: a folder a session.
    pub(crate) folder: PathBuf,
    pub(crate) paths: Paths,
    pub(crate) on_air: OnAir,
    pub(crate) entrance: Entrance,
    pub(crate) sessions: Sessions,
    /// How the archive is doing.
    pub(crate) archived: ArchiveState,
    /// How much room recordings take.
    pub(crate) room: Room,
    /// Pictures that were made lately.
    pub(crate) gallery: Gallery,
    /// Recordings as plain files.
    pub(crate) downloads: Downloads,
    /// Sessions of this node whose logs are gone.
    pub(crate) gone: Gone,
    /// Recordings that were asked for lately.
    pub(crate) recordings: Recordings,
    /// Places for making edges of cuts.
    pub(crate) edges: tokio::sync::Semaphore,
    /// Edges that were made lately.
    pub(crate) edges_lately: Lately,
    /// Sessions of which edges were made since the sweeper looked last.
    pub(crate) edged: Mutex<HashSet<String>>,
    pub(crate) scribe: Scribe,
    /// Sessions whose segment log cannot be written at the moment.
    pub(crate) unwritten: AtomicUsize,
    pub(crate) figures: Figures,
    /// The server stops: nobody is let in any more.
    pub(crate) stopping: AtomicBool,
}
