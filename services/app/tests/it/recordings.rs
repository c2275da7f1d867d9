//! A media plane that cuts by a script, and remembers what it was asked.

use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use sigma_app::{Cut, CutError, CutPoint, Recordings, SessionId, Span};

/// What was asked: from, to, within.
pub(crate) type Asked = (CutPoint, CutPoint, Option<Vec<Span>>);

#[derive(Default)]
pub(crate) struct Script {
    answer: Mutex<Option<Result<Cut, CutError>>>,
    asked: Mutex<Vec<Asked>>,
}

impl Script {
    /// What is answered from now on.
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
        from: CutPoint,
        to: CutPoint,
        within: Option<&[Span]>,
    ) -> Result<Cut, CutError> {
        self.asked.lock().unwrap().push((from, to, within.map(<[Span]>::to_vec)));
        self.answer.lock().unwrap().clone().unwrap_or(Err(CutError::Unknown))
    }
}

/// One for all that begin on the same stores.
pub(crate) fn script() -> Arc<Script> {
    Arc::default()
}
