//! What is measured: each module gives rows of the table.

pub(crate) mod backbone;
pub(crate) mod control;
pub(crate) mod ingest;
pub(crate) mod recording;
pub(crate) mod viewing;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use crate::feed::Clip;

/// What all measurements need.
#[derive(Clone)]
pub(crate) struct Bench {
    /// The binary under measurement.
    pub(crate) binary: PathBuf,
    /// 2.5 Mbit/s of video.
    pub(crate) clip: Arc<Clip>,
    /// About 345 kB in 2 s.
    pub(crate) small_clip: Arc<Clip>,
    /// Fewer seconds and fewer runs.
    pub(crate) quick: bool,
    /// Whether nginx is there to be measured too.
    pub(crate) peer: bool,
}

impl Bench {
    /// Runs of each figure.
    pub(crate) fn runs(&self) -> usize {
        if self.quick { 3 } else { 5 }
    }

    /// A span in the long form and in the quick one.
    pub(crate) fn span(&self, long: u64, quick: u64) -> Duration {
        Duration::from_millis(if self.quick { quick } else { long })
    }
}
