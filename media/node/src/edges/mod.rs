//! Cuts that are exact to the picture: whole segments as they are, and what is made for their edges.
//!
//! A file of an edge is written, here and into the archive, before anybody names it. Its name is a hash of what is in it, so
//! that the same cut made again writes the same file, and one that is named never changes.

mod keep;
mod lately;
mod make;

pub(crate) use keep::UNFINISHED;
pub(crate) use lately::Lately;

use std::sync::{Arc, PoisonError};

use sigma_gst::{PictureError, Pictures};
use sigma_hls::recording::{Block, CutError, CutRange, Edge, Edit, Extent, NotCut, Planned, Stretch, span};
use sigma_hls::{Recording, Span};
use tracing::warn;

use crate::core::Core;
use crate::session::{LiveSession, ReadError};

/// The most bytes of segments that are read for one edge.
const MAX_BLOCK: u64 = 48 * 1024 * 1024;
/// The longest group of pictures that is taken apart, in ticks: half a minute.
const MAX_BLOCK_TICKS: u64 = 30 * sigma_hls::CLOCK;
/// Edges that are made at once: each holds its segments in memory.
pub(crate) const AT_ONCE: usize = 2;

/// Why nothing is cut to the picture.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotExact {
    /// There is no such range.
    #[error(transparent)]
    NotCut(#[from] NotCut),
    /// This media cannot be; aligned to segments it can.
    #[error("{why}")]
    Unsupported {
        /// Its place among the ranges.
        range: usize,
        /// Why, in words.
        why: String,
        /// Where the aligned cut begins, in microseconds of what is shown.
        from_us: u64,
        /// Where it ends.
        to_us: u64,
    },
    /// Not now. In words.
    #[error("{0}")]
    Unavailable(String),
}

/// Why an edge is not made.
#[derive(Debug)]
enum NoEdge {
    /// It never will be.
    Unsupported(String),
    /// Not now.
    Unavailable(String),
}

impl From<ReadError> for NoEdge {
    fn from(error: ReadError) -> Self {
        Self::Unavailable(format!("its media cannot be read: {error}"))
    }
}

impl From<PictureError> for NoEdge {
    fn from(error: PictureError) -> Self {
        match error {
            PictureError::Broken(_) | PictureError::TooMuch { .. } => Self::Unsupported(error.to_string()),
            PictureError::Unavailable(_) | PictureError::Shed | PictureError::Resting => {
                Self::Unavailable(error.to_string())
            }
        }
    }
}

impl NoEdge {
    fn unpackaged<E: std::fmt::Display>(error: E) -> Self {
        Self::Unsupported(format!("it cannot be packaged: {error}"))
    }
}

/// Cuts ranges of a session's media to the picture, in their order.
pub(crate) async fn cut(
    core: &Arc<Core>,
    live: &Arc<LiveSession>,
    ranges: &[CutRange],
    within: Option<&Edit>,
    limit_us: u64,
) -> Result<Extent, NotExact> {
    let stretches = live.read_recording(|recording| recording.stretches(ranges, within, limit_us))?;
    let mut edit = Edit::default();
    for (range, stretches) in stretches.iter().enumerate() {
        let before = edit.spans.len();
        for stretch in stretches {
            let planned = live.read_recording(|recording| recording.plan(stretch));
            for planned in planned {
                match planned {
                    Planned::Whole(whole) => append(&mut edit, whole),
                    Planned::Part { block, keep } => match edges(core, live, &block, &keep).await {
                        Ok(edges) => edges.into_iter().for_each(|edge| show(&mut edit, edge)),
                        Err(NoEdge::Unavailable(words)) => return Err(NotExact::Unavailable(words)),
                        Err(NoEdge::Unsupported(why)) => {
                            let aligned = |recording: &Recording| recording.aligned(&ranges[range], within);
                            let aligned = live.read_recording(aligned);
                            let (from_us, to_us) = aligned.map_err(|why| NotCut { range, why })?;
                            return Err(NotExact::Unsupported { range, why, from_us, to_us });
                        }
                    },
                }
            }
        }
        if edit.spans.len() == before {
            return Err(NotCut { range, why: CutError::Empty }.into());
        }
    }
    Ok(live.read_recording(|recording| recording.extent_of(&edit)))
}

/// Whole segments behind what there is.
fn append(edit: &mut Edit, whole: Span) {
    let is_edge = edit.spans.last().is_some_and(|last| edit.edge(last).is_some());
    match edit.spans.last_mut().filter(|last| !is_edge && last.to_us == whole.from_us) {
        Some(last) => last.to_us = whole.to_us,
        None => edit.spans.push(whole),
    }
}

fn show(edit: &mut Edit, edge: Edge) {
    edit.spans.push(edge.span);
    if edit.edge(&edge.span).is_none() {
        edit.edges.push(edge);
    }
}

/// The edges that show a part of a block, made and kept.
async fn edges(
    core: &Arc<Core>,
    live: &Arc<LiveSession>,
    block: &Block,
    keep: &Stretch,
) -> Result<Vec<Edge>, NoEdge> {
    let unsupported = |words: &str| Err(NoEdge::Unsupported(words.to_owned()));
    if !block.independent {
        return unsupported("its media does not begin with a key frame there");
    }
    if block.len > MAX_BLOCK || block.to - block.from > MAX_BLOCK_TICKS {
        return unsupported("its key frames are too far apart there");
    }
    let session = &live.facts.session;
    if let Some(edges) = core.edges_lately.find(session, block, keep) {
        return Ok(edges);
    }
    // It is never closed.
    let _place =
        core.edges.acquire().await.map_err(|_| NoEdge::Unavailable("the server stops".to_owned()))?;
    let read = make::read(live, block, keep).await?;
    let pictures: Option<&Pictures> = core.settings.pictures.as_ref();
    let made = make::make(&read, keep, pictures, &live.facts.channel).await?;
    let mut edges = Vec::with_capacity(made.len());
    for made in made {
        let shown = span(made.shown.from, made.shown.to);
        let of = span(block.from, read.reaches);
        let kept = keep::keep(core, live, made, shown, of).await;
        // Whatever came of it, a file may stand there that nobody is going to name.
        core.edged.lock().unwrap_or_else(PoisonError::into_inner).insert(session.clone());
        edges.push(kept.map_err(|error| {
            warn!(session.id = %live.facts.session, error, "an edge of a cut cannot be kept");
            NoEdge::Unavailable(error)
        })?);
    }
    core.edges_lately.note(session, block, keep, &edges);
    Ok(edges)
}
