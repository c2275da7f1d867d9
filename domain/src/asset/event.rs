use cqrs_es::DomainEvent;
use serde::{Deserialize, Serialize};

use super::{AssetFailure, Extent, NewAsset};
use crate::Timestamp;

/// What happened to an asset.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum AssetEvent {
    /// `asset.started`: something of a session is kept from now on.
    Started {
        /// What.
        asset: NewAsset,
        /// When.
        at: Timestamp,
    },
    /// `asset.ready`: all of it is there. It may follow a failure of a node that came back.
    Ready {
        /// Of which media.
        extent: Extent,
        /// In how many files its media stands.
        files: u32,
        /// When its time is up; none: never by itself.
        expires_at: Option<Timestamp>,
        /// When.
        at: Timestamp,
    },
    /// `asset.failed`
    Failed {
        /// Why.
        reason: AssetFailure,
        /// When.
        at: Timestamp,
    },
    /// `asset.trimmed`: only this part of it is shown.
    Trimmed {
        /// The part.
        extent: Extent,
        /// When.
        at: Timestamp,
    },
    /// `asset.untrimmed`: all of it is shown again.
    Untrimmed {
        /// When.
        at: Timestamp,
    },
    /// `asset.poster_set`: the picture of this moment stands for it, as long as the moment is shown.
    PosterSet {
        /// The moment: microseconds of the session's media time.
        moment_us: u64,
        /// When.
        at: Timestamp,
    },
    /// `asset.deleted`
    Deleted {
        /// When.
        at: Timestamp,
    },
    /// `asset.expired`
    Expired {
        /// When.
        at: Timestamp,
    },
}

impl AssetEvent {
    /// Every event's name outside.
    pub const NAMES: &'static [&'static str] = &[
        "asset.started",
        "asset.ready",
        "asset.failed",
        "asset.trimmed",
        "asset.untrimmed",
        "asset.poster_set",
        "asset.deleted",
        "asset.expired",
    ];

    /// The event's name outside.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Started { .. } => "asset.started",
            Self::Ready { .. } => "asset.ready",
            Self::Failed { .. } => "asset.failed",
            Self::Trimmed { .. } => "asset.trimmed",
            Self::Untrimmed { .. } => "asset.untrimmed",
            Self::PosterSet { .. } => "asset.poster_set",
            Self::Deleted { .. } => "asset.deleted",
            Self::Expired { .. } => "asset.expired",
        }
    }

    /// When it happened.
    pub fn at(&self) -> Timestamp {
        match self {
            Self::Started { at, .. }
            | Self::Ready { at, .. }
            | Self::Failed { at, .. }
            | Self::Trimmed { at, .. }
            | Self::Untrimmed { at }
            | Self::PosterSet { at, .. }
            | Self::Deleted { at }
            | Self::Expired { at } => *at,
        }
    }
}

impl DomainEvent for AssetEvent {
    fn event_type(&self) -> String {
        self.name().to_owned()
    }

    fn event_version(&self) -> String {
        "1".to_owned()
    }
}
