//! What recordings need of a session's media, and what was made for edges of cuts that nobody named.

use std::collections::HashSet;
use std::path::Path;
use std::time::{Duration, UNIX_EPOCH};

use sigma_hls::recording::EdgeName;
use sigma_hls::{Recording, Span};
use sigma_log::MediaFile;

use super::sweep::remove;
use crate::control::Wanted;
use crate::core::Core;
use crate::edges::UNFINISHED;

/// Stretches of a session, and edges of cuts.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Needed {
    pub(super) spans: Vec<Span>,
    pub(super) edges: Vec<EdgeName>,
}

impl From<Wanted> for Needed {
    fn from(Wanted { spans, edges, .. }: Wanted) -> Self {
        Self { spans, edges }
    }
}

impl Needed {
    pub(super) fn is_nothing(&self) -> bool {
        self.spans.is_empty() && self.edges.is_empty()
    }

    /// The segments that are needed: stretches come in any order and may overlap.
    pub(super) fn segments(&self, recording: &Recording) -> HashSet<u64> {
        recording.within(&self.spans).map(|(msn, _)| msn).collect()
    }

    /// Removes the edges from an ended session's folder that are not needed and were written before this moment. Answers how
    /// many went, and whether there are others that are too new to be judged.
    pub(super) fn remove_edges(&self, folder: &Path, before_us: i64) -> std::io::Result<(u64, bool)> {
        let (mut removed, mut has_fresh) = (0, false);
        for entry in std::fs::read_dir(folder)? {
            let path = entry?.path();
            let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
            let is_needed = match name.parse() {
                Ok(MediaFile::Edge(name)) => self.edges.contains(&EdgeName(name)),
                // What a crash left while it was written.
                _ => !name.ends_with(UNFINISHED),
            };
            match written_us(&path).filter(|_| !is_needed) {
                Some(written) if written < before_us => removed += u64::from(remove(&path)?),
                Some(_) => has_fresh = true,
                None => {}
            }
        }
        Ok((removed, has_fresh))
    }
}

/// What was made for an edge before this moment, in microseconds since the Unix epoch, is named by now, or by nobody.
pub(super) fn judged_before(core: &Core, grace: Duration) -> i64 {
    let grace = i64::try_from(grace.as_micros()).unwrap_or(i64::MAX);
    core.clock.now().micros().saturating_sub(grace)
}

/// When a file was written, in microseconds since the Unix epoch; none where it is gone.
fn written_us(path: &Path) -> Option<i64> {
    let written = std::fs::metadata(path).and_then(|found| found.modified()).ok()?;
    i64::try_from(written.duration_since(UNIX_EPOCH).ok()?.as_micros()).ok()
}
