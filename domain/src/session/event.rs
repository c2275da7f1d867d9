use cqrs_es::DomainEvent;
use serde::{Deserialize, Serialize};

use super::{EndReason, LossCause, LossEnd};
use crate::{
    ChannelId, FeedNumber, InputFormat, NodeId, PlaybackId, ProjectId, SessionId, SessionSettings, Timestamp,
};

/// What happened to a session.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum SessionEvent {
    /// `session.opened`: its first feed was let in.
    Opened {
        /// Its id.
        id: SessionId,
        /// Its channel.
        channel: ChannelId,
        /// Its channel's project.
        project: ProjectId,
        /// Its channel's public name.
        playback_id: PlaybackId,
        /// The node that holds the feed.
        node: NodeId,
        /// The first feed's number.
        feed: FeedNumber,
        /// What it lives by, to its end.
        settings: SessionSettings,
        /// Ended by then with `INGEST_ERROR`, if no media is understood.
        media_until: Timestamp,
        /// Ended by then with `MAX_DURATION` at the latest.
        max_until: Timestamp,
        /// When; the session's `startedAt`.
        at: Timestamp,
    },
    /// `session.abandoned`: attached to its channel, and never opened.
    Abandoned {
        /// Its id.
        id: SessionId,
        /// Its channel.
        channel: ChannelId,
        /// Its channel's project.
        project: ProjectId,
        /// When.
        at: Timestamp,
    },
    /// `session.feed_opened`: another feed was let in.
    FeedOpened {
        /// Its number.
        feed: FeedNumber,
        /// The node that holds it.
        node: NodeId,
        /// It took over from a feed that was still connected, whose socket is to be closed.
        takeover: bool,
        /// In ERROR: the session waits for this feed's media until then, or to the window's end where that is later.
        media_until: Option<Timestamp>,
        /// When.
        at: Timestamp,
    },
    /// `session.processing`: media is understood and packaged.
    Processing {
        /// Of which feed.
        feed: FeedNumber,
        /// What it delivers.
        input: InputFormat,
        /// When.
        at: Timestamp,
    },
    /// `session.input_changed`: the feed delivers another format than before.
    InputChanged {
        /// Of which feed.
        feed: FeedNumber,
        /// What it delivers now.
        input: InputFormat,
        /// When.
        at: Timestamp,
    },
    /// `session.live`: public.
    Live {
        /// When; the session's `liveAt`.
        at: Timestamp,
    },
    /// `session.error`: the feed is lost. Once more while in ERROR when what is known of it changes, as a silent feed whose
    /// connection breaks.
    Error {
        /// Which feed.
        feed: FeedNumber,
        /// How.
        cause: LossCause,
        /// The window's end.
        until: Timestamp,
        /// The end that comes then.
        ends_as: LossEnd,
        /// When.
        at: Timestamp,
    },
    /// `session.recovered`: back where it was before the loss.
    Recovered {
        /// By which feed.
        feed: FeedNumber,
        /// When.
        at: Timestamp,
    },
    /// `session.ended`: over, once.
    Ended {
        /// Why.
        reason: EndReason,
        /// When.
        at: Timestamp,
    },
}

impl SessionEvent {
    /// Every event's name outside.
    pub const NAMES: &'static [&'static str] = &[
        "session.opened",
        "session.abandoned",
        "session.feed_opened",
        "session.processing",
        "session.input_changed",
        "session.live",
        "session.error",
        "session.recovered",
        "session.ended",
    ];

    /// The event's name outside.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Opened { .. } => "session.opened",
            Self::Abandoned { .. } => "session.abandoned",
            Self::FeedOpened { .. } => "session.feed_opened",
            Self::Processing { .. } => "session.processing",
            Self::InputChanged { .. } => "session.input_changed",
            Self::Live { .. } => "session.live",
            Self::Error { .. } => "session.error",
            Self::Recovered { .. } => "session.recovered",
            Self::Ended { .. } => "session.ended",
        }
    }

    /// When it happened.
    pub fn at(&self) -> Timestamp {
        match self {
            Self::Opened { at, .. }
            | Self::Abandoned { at, .. }
            | Self::FeedOpened { at, .. }
            | Self::Processing { at, .. }
            | Self::InputChanged { at, .. }
            | Self::Live { at }
            | Self::Error { at, .. }
            | Self::Recovered { at, .. }
            | Self::Ended { at, .. } => *at,
        }
    }
}

impl DomainEvent for SessionEvent {
    fn event_type(&self) -> String {
        self.name().to_owned()
    }

    fn event_version(&self) -> String {
        "1".to_owned()
    }
}
