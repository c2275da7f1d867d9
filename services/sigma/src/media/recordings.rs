//! Where recordings' media lies, for the application layer.

use std::sync::OnceLock;

use async_trait::async_trait;
use sigma_app::{Cut, CutError, CutPoint, CutRange, NotCut, Run, Span};
use sigma_archive::Archive;
use sigma_node::{CutError as Refused, Extent, Node, Recording};

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
        within: Option<&[sigma_node::Span]>,
    ) -> Result<Extent, NotCut> {
        let recording = self.archived(session).await.map_err(|why| NotCut { range: 0, why })?;
        recording.cut(ranges, within, LONGEST_CUT_US).map_err(refused)
    }

    async fn archived(&self, session: &str) -> Result<Recording, CutError> {
        let loaded = self.archive.load(session).await;
        let loaded = loaded.map_err(|error| CutError::Unavailable(error.to_string()))?;
        Ok(Recording::fold(&loaded.ok_or(CutError::Unknown)?.entries))
    }
}

#[async_trait]
impl sigma_app::Recordings for Recordings {
    async fn cut(
        &self,
        session: &sigma_app::SessionId,
        ranges: &[CutRange],
        within: Option<&[Span]>,
    ) -> Result<Cut, NotCut> {
        let within: Option<Vec<sigma_node::Span>> = within.map(|spans| spans.iter().map(to_media).collect());
        let ranges: Vec<_> = ranges.iter().map(range).collect();
        let within = within.as_deref();
        let here = match self.node.get() {
            Some(node) => node.cut(session.as_str(), &ranges, within, LONGEST_CUT_US).await,
            None => None,
        };
        let extent = match here {
            Some(cut) => cut.map_err(refused)?,
            None => self.of_archive(session.as_str(), &ranges, within).await?,
        };
        let Extent { spans, duration_ms, bytes, gaps_ms, files } = extent;
        Ok(Cut { spans: spans.iter().map(from_media).collect(), duration_ms, bytes, gaps_ms, files })
    }

    async fn runs(&self, session: &sigma_app::SessionId, within: &[Span]) -> Result<Vec<Run>, CutError> {
        let within: Vec<sigma_node::Span> = within.iter().map(to_media).collect();
        let here = match self.node.get() {
            Some(node) => node.runs(session.as_str(), &within).await,
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

fn point(point: CutPoint) -> sigma_node::CutPoint {
    match point {
        CutPoint::FromStart(us) => sigma_node::CutPoint::FromStart(us),
        CutPoint::BackFromNow(us) => sigma_node::CutPoint::BackFromNow(us),
    }
}

fn range(range: &CutRange) -> sigma_node::CutRange {
    sigma_node::CutRange { from: point(range.from), to: point(range.to) }
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
    let Extent { spans, duration_ms, bytes, gaps_ms, files } = extent;
    sigma_app::Extent { spans: spans.iter().map(from_media).collect(), duration_ms, bytes, gaps_ms, files }
}
