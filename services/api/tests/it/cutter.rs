//! Media that is a minute long, to be cut anywhere.

use async_trait::async_trait;
use sigma_app::{Cut, CutError, CutPoint, Recordings, SessionId, Span};

const MINUTE_US: u64 = 60_000_000;

#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Cutter;

#[async_trait]
impl Recordings for Cutter {
    async fn cut(
        &self,
        _session: &SessionId,
        from: CutPoint,
        to: CutPoint,
        within: Option<&[Span]>,
    ) -> Result<Cut, CutError> {
        let begin = within.and_then(|spans| spans.first()).map_or(0, |span| span.from_us);
        let at = |point| match point {
            CutPoint::FromStart(us) => us,
            CutPoint::BackFromNow(us) => MINUTE_US.saturating_sub(us),
        };
        let (from_us, to_us) = (begin + at(from), begin + at(to));
        if to_us <= from_us {
            return Err(CutError::Backwards);
        }
        if to_us > MINUTE_US {
            return Err(CutError::Outside { length_us: MINUTE_US - begin });
        }
        let (spans, duration_ms) = (vec![Span { from_us, to_us }], (to_us - from_us) / 1000);
        Ok(Cut { spans, duration_ms, bytes: duration_ms * 300, gaps_ms: 0, files: 1 })
    }
}
