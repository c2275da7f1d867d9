//! Media that is a minute long, to be cut anywhere.

use async_trait::async_trait;
use sigma_app::{Cut, CutError, CutPoint, CutRange, NotCut, Recordings, SessionId, Span};

const MINUTE_US: u64 = 60_000_000;

#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Cutter;

#[async_trait]
impl Recordings for Cutter {
    async fn cut(
        &self,
        _session: &SessionId,
        ranges: &[CutRange],
        within: Option<&[Span]>,
    ) -> Result<Cut, NotCut> {
        let begin = within.and_then(|spans| spans.first()).map_or(0, |span| span.from_us);
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
        Ok(Cut { spans, duration_ms, bytes: duration_ms * 300, gaps_ms: 0, files: 1 })
    }
}
