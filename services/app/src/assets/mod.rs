//! What is kept of sessions: source records, catchups and clips.
//!
//! Source records and catchups begin with their session, by the process managers (`process/recordings.rs`), and are ready when
//! the media plane says what its log holds ([`crate::App::recorded`]). A clip is cut by its owner. No media is copied for any of
//! them: an asset names spans of its session's media time, and whoever keeps the media asks what is still named
//! ([`crate::App::wanted`]).

mod cutting;
pub(crate) mod fold;
mod media;
mod recordings;
mod timing;
mod titles;
mod use_cases;

use sigma_domain::{Asset, AssetCommand, AssetEvent, AssetId, AssetKind, AssetRefusal, SessionId};
use uuid::Uuid;

pub use cutting::{ClipOf, ClipRange, MOST_RANGES, NewClip};
pub use media::{AssetPlayback, Extent, Recorded, Wanted};
pub(crate) use media::{is_long_over, kinds_of};
pub use recordings::{Cut, CutError, CutPoint, CutRange, NotCut, Recordings, Run, Shown, Span};
pub use timing::Chapter;

use crate::executor::Decider;
use crate::vault::{Hash, Vault, VaultError};

/// So long after a session's end its node has to say what it kept. A node that is lost may come back later still.
pub(crate) const TOLD_WITHIN_MS: i64 = 3_600_000;

impl Decider for Asset {
    fn decide_on(&self, command: AssetCommand) -> Result<Vec<AssetEvent>, AssetRefusal> {
        self.decide(command)
    }

    fn code(refusal: &AssetRefusal) -> &'static str {
        refusal.code()
    }

    fn placement(&self) -> Option<(String, String)> {
        self.facts().map(|facts| (facts.of.channel.to_string(), facts.of.project.to_string()))
    }
}

/// The id of a session's source record or catchup: always the same, so that whoever begins it twice does nothing twice; and
/// nobody who knows the session can guess it.
pub(crate) fn asset_id(vault: &Vault, session: &SessionId, kind: AssetKind) -> Result<AssetId, VaultError> {
    let hash = vault.hash(Hash::AssetId, &[session.as_str().as_bytes(), kind.code().as_bytes()])?;
    let bytes = hash.first_chunk::<16>().ok_or(VaultError::Failed)?;
    // RFC 9562 §5.8: bytes of one's own making.
    Ok(AssetId::from_uuid(uuid::Builder::from_custom_bytes(*bytes).into_uuid()))
}

/// A new id of a clip.
fn new_clip_id() -> AssetId {
    AssetId::from_uuid(Uuid::now_v7())
}
