//! A media plane that cuts by a script, and remembers what it was asked.

use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use sigma_app::{Cut, CutError, CutRange, NotCut, Recordings, SessionId, Span};

/// What was asked: which ranges, within what.
pub(crate) type Asked = (Vec<CutRange>, Option<Vec<Span>>);

#[derive(Default)]
pub(crate) struct Script {
    answer: Mutex<Option<Result<Cut, CutError>>>,
    asked: Mutex<Vec<Asked>>,
}

impl Script {
    /// What is answered from now on; what is not cut is the last range.
    pub(crate) fn answer(&self, answer: Result<Cut, CutError>) {
        *self.answer.lock().unwrap() = Some(answer);
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
        within: Option<&[Span]>,
    ) -> Result<Cut, NotCut> {
        self.asked.lock().unwrap().push((ranges.to_vec(), within.map(<[Span]>::to_vec)));
        let last = ranges.len() - 1;
        let answer = self.answer.lock().unwrap().clone().unwrap_or(Err(CutError::Unknown));
        answer.map_err(|why| NotCut { range: last, why })
    }
}

/// One for all that begin on the same stores.
pub(crate) fn script() -> Arc<Script> {
    Arc::default()
}
