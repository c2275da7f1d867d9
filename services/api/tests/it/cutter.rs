//! Media that is a minute long, to be cut anywhere.

use async_trait::async_trait;
use sigma_app::{Cut, CutError, CutPoint, CutRange, NotCut, Recordings, Run, SessionId, Shown, Span};

const MINUTE_US: u64 = 60_000_000;

#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Cutter;

#[async_trait]
impl Recordings for Cutter {
    async fn cut(
        &self,
        _session: &SessionId,
        ranges: &[CutRange],
        within: Option<&Shown>,
    ) -> Result<Cut, NotCut> {
        let begin = within.and_then(|within| within.spans.first()).map_or(0, |span| span.from_us);
        let at = |point| match point {
            CutPoint::FromStart(us) => us,
            CutPoint::BackFromNow(us) => MINUTE_US.saturating_sub(us),
        };
        let mut spans = Vec::new();
        for (range, CutRange { from, to }) in ranges.iter().enumerate() {
            let (from_us, to_us) = (begin + at(*from), begin + at(*to));
            if to_us <= from_us {
                return Err(NotCut { range, why: CutError::Backwards });
            }
            if to_us > MINUTE_US {
                return Err(NotCut { range, why: CutError::Outside { length_us: MINUTE_US - begin } });
            }
            spans.push(Span { from_us, to_us });
        }
        let duration_ms = spans.iter().map(|span| (span.to_us - span.from_us) / 1000).sum();
        Ok(Cut { spans, edges: None, duration_ms, bytes: duration_ms * 300, gaps_ms: 0, files: 1 })
    }

    async fn cut_exactly(
        &self,
        session: &SessionId,
        ranges: &[CutRange],
        within: Option<&Shown>,
    ) -> Result<Cut, NotCut> {
        Ok(Cut { edges: Some(Vec::new()), ..self.cut(session, ranges, within).await? })
    }

    /// Half a minute without a break, an absence that is not there, and the other half.
    async fn runs(&self, _session: &SessionId, within: &Shown) -> Result<Vec<Run>, CutError> {
        let halves = [(0, MINUTE_US / 2, "The first half"), (MINUTE_US / 2, MINUTE_US, "The other half")];
        let mut at_us = 0;
        let parts = within.spans.iter().flat_map(|span| halves.map(|half| (span, half)));
        let runs = parts.filter_map(|(span, (from, to, title))| {
            let (from_us, to_us) = (from.max(span.from_us), to.min(span.to_us));
            let run = (from_us < to_us).then(|| {
                let (length_us, chapter) = (to_us - from_us, Some(title.to_owned()));
                Run { at_us, from_us, length_us, chapter }
            })?;
            at_us += run.length_us;
            Some(run)
        });
        Ok(runs.collect())
    }
}
