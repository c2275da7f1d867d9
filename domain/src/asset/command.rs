use super::{AssetFailure, Extent, NewAsset};
use crate::Timestamp;

/// What may be asked of an asset. Each says when.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AssetCommand {
    /// Something of a session is to be kept from now on. Asked again for the same of the same session, nothing happens.
    Start {
        /// What.
        asset: NewAsset,
        /// When.
        at: Timestamp,
    },
    /// A clip of what is there already: made and ready at once.
    Clip {
        /// What.
        asset: NewAsset,
        /// Of which media.
        extent: Extent,
        /// In how many files its media stands.
        files: u32,
        /// When.
        at: Timestamp,
    },
    /// All of it is there. A late report: of what is ready, deleted or expired by then nothing is said again.
    Finish {
        /// Of which media.
        extent: Extent,
        /// In how many files its media stands.
        files: u32,
        /// When its time is up; none: never by itself.
        expires_at: Option<Timestamp>,
        /// When.
        at: Timestamp,
    },
    /// There is nothing to keep, or it is lost.
    Fail {
        /// Why.
        reason: AssetFailure,
        /// When.
        at: Timestamp,
    },
    /// Show only a part of it. Nothing is cut away: trimmed again, all of it is there to choose from.
    Trim {
        /// The part.
        extent: Extent,
        /// When.
        at: Timestamp,
    },
    /// Show all of it again.
    Untrim {
        /// When.
        at: Timestamp,
    },
    /// Let the picture of this moment stand for it.
    SetPoster {
        /// The moment: microseconds of the session's media time.
        moment_us: u64,
        /// When.
        at: Timestamp,
    },
    /// Let it go, for ever.
    Delete {
        /// When.
        at: Timestamp,
    },
    /// A timer fires: its time is up, unless the timer is of another time.
    Expire {
        /// When.
        at: Timestamp,
    },
}
