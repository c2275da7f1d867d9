use serde::{Deserialize, Serialize};

use crate::{
    ChannelId, ChannelName, ChannelSettings, DvrWindow, KeyOverlap, LatencyMode, MaxSessionDuration,
    Personal, PlaybackId, ProjectId, ReconnectWindow, Retention, SessionId, Timestamp,
};

/// What may be asked of a channel. Each says when.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ChannelCommand {
    /// Make it. Ids are made by the caller.
    Create {
        /// Its id.
        id: ChannelId,
        /// The project it belongs to.
        project: ProjectId,
        /// Its name, sealed by the caller under the channel's own key.
        name: Personal<ChannelName>,
        /// Its public name in viewers' addresses.
        playback_id: PlaybackId,
        /// Its settings.
        settings: ChannelSettings,
        /// When.
        at: Timestamp,
    },
    /// Change name or settings.
    Update {
        /// What to change.
        changes: ChannelChanges,
        /// When.
        at: Timestamp,
    },
    /// From STOP to IDLE.
    Start {
        /// When.
        at: Timestamp,
    },
    /// Refuse feeds from now on, and end the session on air.
    Stop {
        /// When.
        at: Timestamp,
    },
    /// Remove it for ever.
    Delete {
        /// When.
        at: Timestamp,
    },
    /// Remove it for ever, or what an earlier removal left of it, and let all that is personal about it be forgotten. The
    /// caller destroys its key in the same commit.
    Erase {
        /// When.
        at: Timestamp,
    },
    /// Another stream key; the old one serves for `overlap` more. (The keys themselves are no matter of events.)
    RotateKey {
        /// How long the old key goes on serving.
        overlap: KeyOverlap,
        /// When.
        at: Timestamp,
    },
    /// Somebody with the right to asked for the stream key and is to be shown it: kept, so that it can be said who saw it.
    ShowKey {
        /// When.
        at: Timestamp,
    },
    /// The gate: a feed came while nothing was on air; this session is to begin.
    AttachSession {
        /// The new session, its id never used before.
        session: SessionId,
        /// When.
        at: Timestamp,
    },
    /// The session ended, or never came to open.
    DetachSession {
        /// Which.
        session: SessionId,
        /// When.
        at: Timestamp,
    },
}

/// What to change, or what changed, of a channel: what is none stays as it is.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ChannelChanges {
    /// The name.
    pub name: Option<Personal<ChannelName>>,
    /// Refused by name while on air.
    pub latency_mode: Option<LatencyMode>,
    /// Go live without being asked.
    pub auto_go_live: Option<bool>,
    /// For sessions to come.
    pub max_session_duration: Option<MaxSessionDuration>,
    /// For sessions to come.
    pub reconnect_window: Option<ReconnectWindow>,
    /// For sessions to come.
    pub end_on_unpublish: Option<bool>,
    /// For sessions to come.
    pub dvr_window: Option<DvrWindow>,
    /// Refused by name while on air.
    pub record_source: Option<bool>,
    /// For sessions to come.
    pub catchup: Option<bool>,
    /// For source records to come.
    pub source_retention: Option<Retention>,
    /// For catchups to come.
    pub catchup_retention: Option<Retention>,
}

impl ChannelChanges {
    /// Whether nothing is to change.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}
