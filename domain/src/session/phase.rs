use std::fmt;

use serde::{Deserialize, Serialize};

use crate::{FeedNumber, InputFormat, NodeId, Timestamp, value::coded};

coded! {
    /// What people see of a session's phase.
    "the session's state" pub enum SessionState {
        Init = "INIT": "A feed was let in; no media is understood yet.",
        Processing = "PROCESSING": "Media is packaged; the owner can preview.",
        Live = "LIVE": "Public.",
        Error = "ERROR": "The feed is lost; the window runs.",
        Ended = "ENDED": "Over.",
    }
}
coded! {
    /// How a feed was lost.
    "the cause of a loss" pub enum LossCause {
        ConnectionBroken = "CONNECTION_BROKEN": "The connection broke, or was closed without a goodbye.",
        Silence = "SILENCE": "Connected, and nothing comes: the same feed may come to life again.",
        Unpublished = "UNPUBLISHED": "An orderly unpublish, where that does not end a session.",
        NodeStopped = "NODE_STOPPED": "The node was told to stop, and stopped in order.",
        NodeRestarted = "NODE_RESTARTED": "The node started anew, or the others took it for lost: whatever it held is gone.",
    }
}
coded! {
    /// The end that comes when a lost feed does not come back.
    "the end of a loss" pub enum LossEnd {
        BroadcasterLeft = "BROADCASTER_LEFT": "The broadcaster went.",
        NodeLost = "NODE_LOST": "The node went.",
    }
}
coded! {
    /// Why a feed cannot be packaged.
    "the ingest fault" pub enum IngestFault {
        NoMedia = "NO_MEDIA": "Nothing that is understood came in time.",
        VideoCodec = "VIDEO_CODEC": "A video codec, or a profile of one, that is not packaged.",
        AudioCodec = "AUDIO_CODEC": "An audio codec, or a profile of one, that is not packaged.",
        Malformed = "MALFORMED": "The codec is known; what came is none of it.",
    }
}
coded! {
    /// A moment at which a session ends unless something comes before it. Kept as rows outside, and sent back as `Expire`.
    "the deadline" pub enum Deadline {
        ReconnectWindow = "RECONNECT_WINDOW": "In ERROR: the feed is to be back.",
        MaxDuration = "MAX_DURATION": "The longest a session may last.",
        FirstMedia = "FIRST_MEDIA": "In INIT: media is to be understood.",
    }
}

impl LossCause {
    /// The end that a loss on air comes to.
    pub(super) fn ends_as(self) -> LossEnd {
        match self {
            Self::ConnectionBroken | Self::Silence | Self::Unpublished => LossEnd::BroadcasterLeft,
            Self::NodeStopped | Self::NodeRestarted => LossEnd::NodeLost,
        }
    }
}

/// Why a session ended. Every end has exactly one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum EndReason {
    /// An orderly unpublish, or a feed that was lost and did not come back.
    BroadcasterLeft,
    /// Its channel was stopped.
    ChannelStopped,
    /// `endSession`.
    SessionEndedByUser,
    /// It lasted as long as it may.
    MaxDuration,
    /// The node that held it went, and the broadcaster did not come back.
    NodeLost,
    /// What came in could not be packaged.
    IngestError(IngestFault),
}

impl EndReason {
    /// The reason's name outside: the contract's `SessionEndReason`.
    pub const fn code(self) -> &'static str {
        match self {
            Self::BroadcasterLeft => "BROADCASTER_LEFT",
            Self::ChannelStopped => "CHANNEL_STOPPED",
            Self::SessionEndedByUser => "SESSION_ENDED_BY_USER",
            Self::MaxDuration => "MAX_DURATION",
            Self::NodeLost => "NODE_LOST",
            Self::IngestError(_) => "INGEST_ERROR",
        }
    }

    /// What was wrong with the feed, where that is the reason.
    pub const fn fault(self) -> Option<IngestFault> {
        match self {
            Self::IngestError(fault) => Some(fault),
            _ => None,
        }
    }
}

impl fmt::Display for EndReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.code())
    }
}

impl From<LossEnd> for EndReason {
    fn from(end: LossEnd) -> Self {
        match end {
            LossEnd::BroadcasterLeft => Self::BroadcasterLeft,
            LossEnd::NodeLost => Self::NodeLost,
        }
    }
}

/// A feed and the node that holds it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Feed {
    /// Which feed of the session.
    pub number: FeedNumber,
    /// The node that holds it.
    pub node: NodeId,
}

/// Where a session is in its life. Each phase carries only its own facts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum SessionPhase {
    /// A feed was let in.
    Init {
        /// The feed.
        feed: Feed,
        /// Ended by then, if no media is understood.
        media_until: Timestamp,
    },
    /// Media is packaged.
    Processing {
        /// The feed.
        feed: Feed,
        /// What it delivers.
        input: InputFormat,
    },
    /// Public.
    Live {
        /// The feed.
        feed: Feed,
        /// What it delivers.
        input: InputFormat,
        /// Since when.
        since: Timestamp,
    },
    /// The feed is lost; people see ERROR.
    Lost(Lost),
    /// Over.
    Ended {
        /// Why.
        reason: EndReason,
        /// When.
        at: Timestamp,
        /// When it had gone live, if it had.
        live_since: Option<Timestamp>,
    },
}

/// The facts of a loss.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Lost {
    /// Where to go back to.
    pub from: BeforeLoss,
    /// What became of the feed.
    pub line: FeedLine,
    /// How it was lost, as last known.
    pub cause: LossCause,
    /// The window's end.
    pub until: Timestamp,
    /// The end that comes then.
    pub ends_as: LossEnd,
}

impl Lost {
    /// When the session ends: at the window's end, or a little later where a feed came back inside the window and its media
    /// is still to come.
    pub fn deadline(&self) -> Timestamp {
        match &self.line {
            FeedLine::Returning { media_until, .. } => self.until.max(*media_until),
            FeedLine::Quiet(_) | FeedLine::Gone(_) => self.until,
        }
    }
}

/// Where a session was before its feed was lost.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum BeforeLoss {
    /// In INIT.
    Init {
        /// Ended by then, if no media is understood.
        media_until: Timestamp,
    },
    /// In PROCESSING.
    Processing {
        /// What the feed delivered.
        input: InputFormat,
    },
    /// In LIVE.
    Live {
        /// What the feed delivered.
        input: InputFormat,
        /// Since when.
        since: Timestamp,
    },
}

/// What became of a lost feed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum FeedLine {
    /// Connected and silent: it may come to life.
    Quiet(Feed),
    /// Not connected: whatever is still said of it is late.
    Gone(Feed),
    /// A new feed is connected; its media is still to come.
    Returning {
        /// The new feed.
        feed: Feed,
        /// How long its media is waited for, at least.
        media_until: Timestamp,
    },
}

impl FeedLine {
    /// The session's newest feed, connected or not.
    pub fn feed(&self) -> &Feed {
        match self {
            Self::Quiet(feed) | Self::Gone(feed) | Self::Returning { feed, .. } => feed,
        }
    }

    /// The feed, where it is connected.
    pub fn connected(&self) -> Option<&Feed> {
        match self {
            Self::Quiet(feed) | Self::Returning { feed, .. } => Some(feed),
            Self::Gone(_) => None,
        }
    }
}
