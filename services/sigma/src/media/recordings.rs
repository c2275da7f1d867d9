//! Where recordings' media lies, for the application layer.

use std::sync::OnceLock;

use async_trait::async_trait;
use sigma_app::{Cut, CutError, CutPoint, CutRange, Edge, EdgeInit, NotCut, Run, Shown, Span};
use sigma_archive::{Archive, ArchiveError};
use sigma_node::{CutError as Refused, Edit, Extent, Node, NotExact, Recording};

/// The longest that is cut: as long as a session usually may be.
const LONGEST_CUT_US: u64 = 12 * 3_600 * 1_000_000;

/// Recordings of this process's media plane, and of the archive where this process has none.
#[derive(Debug)]
pub(crate) struct Recordings {
    archive: Archive,
    /// There once the node is open, which wants the application layer first.
    node: OnceLock<Node>,
}

impl Recordings {
    pub(crate) fn new(archive: Archive) -> Self {
        Self { archive, node: OnceLock::new() }
    }

    /// The node is open.
    pub(super) fn set_node(&self, node: &Node) {
        // Set once, at the start.
        let _ = self.node.set(node.clone());
    }

    pub(crate) fn archive(&self) -> &Archive {
        &self.archive
    }

    async fn of_archive(
        &self,
        session: &str,
        ranges: &[sigma_node::CutRange],
        within: Option<&Edit>,
    ) -> Result<Extent, NotCut> {
        let recording = self.archived(session).await.map_err(|why| NotCut { range: 0, why })?;
        recording.cut(ranges, within, LONGEST_CUT_US).map_err(refused)
    }

    async fn archived(&self, session: &str) -> Result<Recording, CutError> {
        let loaded = self.archive.load(session).await;
        let loaded = loaded.map_err(|error| away(&error))?;
        Ok(Recording::fold(&loaded.ok_or(CutError::Unknown)?.entries))
    }
}

#[async_trait]
impl sigma_app::Recordings for Recordings {
    async fn cut(
        &self,
        session: &sigma_app::SessionId,
        ranges: &[CutRange],
        within: Option<&Shown>,
    ) -> Result<Cut, NotCut> {
        let (ranges, within) = (to_media_ranges(ranges), within.map(edit));
        let here = match self.node.get() {
            Some(node) => {
                let cut = node.cut(session.as_str(), &ranges, within.as_ref(), LONGEST_CUT_US).await;
                cut.map_err(|error| NotCut { range: 0, why: away(&error) })?
            }
            None => None,
        };
        let extent = match here {
            Some(cut) => cut.map_err(refused)?,
            None => self.of_archive(session.as_str(), &ranges, within.as_ref()).await?,
        };
        let is_exact = !extent.edit.edges.is_empty();
        cut(extent, is_exact)
    }

    async fn cut_exactly(
        &self,
        session: &sigma_app::SessionId,
        ranges: &[CutRange],
        within: Option<&Shown>,
    ) -> Result<Cut, NotCut> {
        let not_cut = |why| NotCut { range: 0, why };
        let Some(node) = self.node.get() else {
            let words = "this server serves no media; ask one with the role ingest";
            return Err(not_cut(CutError::Unavailable(words.to_owned())));
        };
        let (ranges, within) = (to_media_ranges(ranges), within.map(edit));
        let made = node.cut_exactly(session.as_str(), &ranges, within.as_ref(), LONGEST_CUT_US).await;
        let made = made.map_err(|error| not_cut(away(&error)))?;
        let extent = made.ok_or(not_cut(CutError::Unknown))?.map_err(|error| match error {
            NotExact::NotCut(error) => refused(error),
            NotExact::Unsupported { range, why, from_us, to_us } => {
                NotCut { range, why: CutError::NotExact { why, from_us, to_us } }
            }
            NotExact::Unavailable(words) => not_cut(CutError::Unavailable(words)),
        })?;
        cut(extent, true)
    }

    async fn runs(&self, session: &sigma_app::SessionId, within: &Shown) -> Result<Vec<Run>, CutError> {
        let within = edit(within);
        let here = match self.node.get() {
            Some(node) => node.runs(session.as_str(), &within).await.map_err(|error| away(&error))?,
            None => None,
        };
        let runs = match here {
            Some(runs) => runs,
            None => sigma_node::runs(&self.archived(session.as_str()).await?, &within),
        };
        let as_told = |run: sigma_node::Run| {
            let sigma_node::Run { at_us, from_us, length_us, chapter } = run;
            Run { at_us, from_us, length_us, chapter }
        };
        Ok(runs.into_iter().map(as_told).collect())
    }
}

/// The archive does not answer.
fn away(error: &ArchiveError) -> CutError {
    CutError::Unavailable(error.to_string())
}

/// What was cut, as the application layer has it.
fn cut(extent: Extent, is_exact: bool) -> Result<Cut, NotCut> {
    let Extent { edit, duration_ms, bytes, gaps_ms, files } = extent;
    let edges: Result<Vec<_>, _> = edit.edges.iter().map(from_media_edge).collect();
    let edges = edges.map_err(|error| NotCut { range: 0, why: CutError::Unavailable(error.to_string()) })?;
    let spans = edit.spans.iter().map(from_media).collect();
    Ok(Cut { spans, edges: is_exact.then_some(edges), duration_ms, bytes, gaps_ms, files })
}

fn from_media_edge(edge: &sigma_node::Edge) -> Result<Edge, sigma_app::ValueError> {
    let init = match &edge.init {
        sigma_node::EdgeInit::Session(number) => EdgeInit::Session(*number),
        sigma_node::EdgeInit::Own { len, codecs } => EdgeInit::Own { bytes: *len, codecs: codecs.clone() },
    };
    Ok(Edge {
        name: edge.name.to_string().try_into()?,
        span: sigma_app::MediaSpan::new(edge.span.from_us, edge.span.to_us)?,
        of: sigma_app::MediaSpan::new(edge.of.from_us, edge.of.to_us)?,
        bytes: edge.len,
        crc32: edge.crc32,
        init,
    })
}

/// What is shown of a session, as the media plane has it. An edge of another name than ours is none: its span has no media.
pub(super) fn edit(shown: &Shown) -> Edit {
    let edge = |edge: &Edge| {
        let init = match &edge.init {
            EdgeInit::Session(number) => sigma_node::EdgeInit::Session(*number),
            EdgeInit::Own { bytes, codecs } => {
                sigma_node::EdgeInit::Own { len: *bytes, codecs: codecs.clone() }
            }
        };
        let span =
            |span: &sigma_app::MediaSpan| sigma_node::Span { from_us: span.from_us(), to_us: span.to_us() };
        Some(sigma_node::Edge {
            name: edge.name.as_str().parse().ok()?,
            span: span(&edge.span),
            of: span(&edge.of),
            len: edge.bytes,
            crc32: edge.crc32,
            init,
        })
    };
    Edit {
        spans: shown.spans.iter().map(to_media).collect(),
        edges: shown.edges.iter().filter_map(edge).collect(),
    }
}

fn to_media_ranges(ranges: &[CutRange]) -> Vec<sigma_node::CutRange> {
    ranges.iter().map(|range| sigma_node::CutRange { from: point(range.from), to: point(range.to) }).collect()
}

fn point(point: CutPoint) -> sigma_node::CutPoint {
    match point {
        CutPoint::FromStart(us) => sigma_node::CutPoint::FromStart(us),
        CutPoint::BackFromNow(us) => sigma_node::CutPoint::BackFromNow(us),
    }
}

fn refused(refused: sigma_node::NotCut) -> NotCut {
    let why = match refused.why {
        Refused::NotOnAir => CutError::NotOnAir,
        Refused::Backwards => CutError::Backwards,
        Refused::Outside { length_us } => CutError::Outside { length_us },
        Refused::Empty => CutError::Empty,
        Refused::TooLong { limit_us } => CutError::TooLong { limit_us },
    };
    NotCut { range: refused.range, why }
}

/// A stretch of a session, as the media plane has it.
pub(super) fn to_media(span: &Span) -> sigma_node::Span {
    sigma_node::Span { from_us: span.from_us, to_us: span.to_us }
}

/// A stretch of a session, as the application layer has it.
fn from_media(span: &sigma_node::Span) -> Span {
    Span { from_us: span.from_us, to_us: span.to_us }
}

/// What a log holds, as the application layer has it.
pub(super) fn extent(extent: Extent) -> sigma_app::Extent {
    let Extent { edit, duration_ms, bytes, gaps_ms, files } = extent;
    sigma_app::Extent {
        spans: edit.spans.iter().map(from_media).collect(),
        duration_ms,
        bytes,
        gaps_ms,
        files,
    }
}
