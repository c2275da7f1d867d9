//! A media plane that cuts by a script, and remembers what it was asked.

use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use sigma_app::{Cut, CutError, CutRange, NotCut, Recordings, Run, SessionId, Shown, Span};

/// What was asked: which ranges, within what.
pub(crate) type Asked = (Vec<CutRange>, Option<Vec<Span>>);

#[derive(Default)]
pub(crate) struct Script {
    runs: Mutex<Option<Result<Vec<Run>, CutError>>>,
    answer: Mutex<Option<Result<Cut, CutError>>>,
    asked: Mutex<Vec<Asked>>,
    exactly: Mutex<u32>,
}

impl Script {
    /// What is answered from now on; what is not cut is the last range.
    pub(crate) fn answer(&self, answer: Result<Cut, CutError>) {
        *self.answer.lock().unwrap() = Some(answer);
    }

    /// What is said to play from now on; before, what it is asked about, without a break.
    pub(crate) fn plays(&self, runs: Result<Vec<Run>, CutError>) {
        *self.runs.lock().unwrap() = Some(runs);
    }

    /// How often it was to be exact to the picture.
    pub(crate) fn exactly(&self) -> u32 {
        *self.exactly.lock().unwrap()
    }

    /// What was asked since this was asked last.
    pub(crate) fn asked(&self) -> Vec<Asked> {
        std::mem::take(&mut self.asked.lock().unwrap())
    }
}

#[async_trait]
impl Recordings for Script {
    async fn cut(
        &self,
        _session: &SessionId,
        ranges: &[CutRange],
        within: Option<&Shown>,
    ) -> Result<Cut, NotCut> {
        self.asked.lock().unwrap().push((ranges.to_vec(), within.map(|within| within.spans.clone())));
        let last = ranges.len() - 1;
        let answer = self.answer.lock().unwrap().clone().unwrap_or(Err(CutError::Unknown));
        answer.map_err(|why| NotCut { range: last, why })
    }

    async fn cut_exactly(
        &self,
        session: &SessionId,
        ranges: &[CutRange],
        within: Option<&Shown>,
    ) -> Result<Cut, NotCut> {
        *self.exactly.lock().unwrap() += 1;
        self.cut(session, ranges, within).await
    }

    async fn runs(&self, _session: &SessionId, within: &Shown) -> Result<Vec<Run>, CutError> {
        let told = self.runs.lock().unwrap().clone();
        told.unwrap_or_else(|| {
            let run = |span: &Span| Run {
                at_us: 0,
                from_us: span.from_us,
                length_us: span.to_us - span.from_us,
                chapter: None,
            };
            Ok(within.spans.iter().take(1).map(run).collect())
        })
    }
}

/// One for all that begin on the same stores.
pub(crate) fn script() -> Arc<Script> {
    Arc::default()
}
