use cqrs_es::DomainEvent;
use serde::{Deserialize, Serialize};

use super::ChannelChanges;
use crate::{ChannelId, ChannelName, ChannelSettings, Personal, PlaybackId, ProjectId, SessionId, Timestamp};

/// What happened to a channel.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum ChannelEvent {
    /// `channel.created`
    Created {
        /// Its id.
        id: ChannelId,
        /// The project it belongs to.
        project: ProjectId,
        /// Its name.
        name: Personal<ChannelName>,
        /// Its public name in viewers' addresses.
        playback_id: PlaybackId,
        /// Its settings.
        settings: ChannelSettings,
        /// When.
        at: Timestamp,
    },
    /// `channel.updated`
    Updated {
        /// Only what changed.
        changes: ChannelChanges,
        /// When.
        at: Timestamp,
    },
    /// `channel.started`
    Started {
        /// When.
        at: Timestamp,
    },
    /// `channel.stopped`
    Stopped {
        /// The session that was on air and is to be ended.
        session: Option<SessionId>,
        /// When.
        at: Timestamp,
    },
    /// `channel.deleted`
    Deleted {
        /// When.
        at: Timestamp,
    },
    /// `channel.erased`: the key of what was personal about it is destroyed. Follows `channel.deleted`, at once or later.
    Erased {
        /// When.
        at: Timestamp,
    },
    /// `channel.key_rotated`
    KeyRotated {
        /// Until when the old key serves; none: it does not.
        overlap_until: Option<Timestamp>,
        /// When.
        at: Timestamp,
    },
    /// `channel.key_shown`: somebody was shown the stream key.
    KeyShown {
        /// When.
        at: Timestamp,
    },
    /// `channel.session_attached`
    SessionAttached {
        /// The session that is to begin.
        session: SessionId,
        /// When.
        at: Timestamp,
    },
    /// `channel.session_detached`
    SessionDetached {
        /// The session that is over.
        session: SessionId,
        /// When.
        at: Timestamp,
    },
}

impl ChannelEvent {
    /// Every event's name outside.
    pub const NAMES: &'static [&'static str] = &[
        "channel.created",
        "channel.updated",
        "channel.started",
        "channel.stopped",
        "channel.deleted",
        "channel.erased",
        "channel.key_rotated",
        "channel.key_shown",
        "channel.session_attached",
        "channel.session_detached",
    ];

    /// The event's name outside.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Created { .. } => "channel.created",
            Self::Updated { .. } => "channel.updated",
            Self::Started { .. } => "channel.started",
            Self::Stopped { .. } => "channel.stopped",
            Self::Deleted { .. } => "channel.deleted",
            Self::Erased { .. } => "channel.erased",
            Self::KeyRotated { .. } => "channel.key_rotated",
            Self::KeyShown { .. } => "channel.key_shown",
            Self::SessionAttached { .. } => "channel.session_attached",
            Self::SessionDetached { .. } => "channel.session_detached",
        }
    }

    /// When it happened.
    pub fn at(&self) -> Timestamp {
        match self {
            Self::Created { at, .. }
            | Self::Updated { at, .. }
            | Self::Started { at }
            | Self::Stopped { at, .. }
            | Self::Deleted { at }
            | Self::Erased { at }
            | Self::KeyRotated { at, .. }
            | Self::KeyShown { at }
            | Self::SessionAttached { at, .. }
            | Self::SessionDetached { at, .. } => *at,
        }
    }
}

impl DomainEvent for ChannelEvent {
    fn event_type(&self) -> String {
        self.name().to_owned()
    }

    fn event_version(&self) -> String {
        "1".to_owned()
    }
}
