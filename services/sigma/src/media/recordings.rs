//! Where recordings' media lies, for the application layer.

use async_trait::async_trait;
use sigma_app::{Cut, CutError, CutPoint, Span};

/// Recordings of this process's media plane.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Recordings;

#[async_trait]
impl sigma_app::Recordings for Recordings {
    async fn cut(
        &self,
        _session: &sigma_app::SessionId,
        _from: CutPoint,
        _to: CutPoint,
        _within: Option<&[Span]>,
    ) -> Result<Cut, CutError> {
        Err(CutError::Unavailable("this server cuts no recordings".to_owned()))
    }
}
