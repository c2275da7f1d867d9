use super::{Deadline, IngestFault, LossCause};
use crate::{
    ChannelId, FeedNumber, InputFormat, NodeId, PlaybackId, ProjectId, SessionId, SessionSettings, Timestamp,
    value::coded,
};

coded! {
    /// Who asks for a session's end.
    "who ends the session" pub enum EndedBy {
        User = "USER": "Somebody with the right to, by `endSession`.",
        ChannelStopped = "CHANNEL_STOPPED": "Its channel was stopped.",
        NodeLost = "NODE_LOST": "Its node has nothing of it any more.",
    }
}

/// What may be asked of, or reported to, a session. Each says when.
///
/// Reports carry the number of the feed they are about. A report of a feed that is not the session's own any more is late:
/// it makes no event and is no refusal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SessionCommand {
    /// Begin, with feed number 1. The channel's gate attached this id before.
    Open {
        /// Its id, never used before.
        id: SessionId,
        /// Its channel.
        channel: ChannelId,
        /// Its channel's project.
        project: ProjectId,
        /// Its channel's public name.
        playback_id: PlaybackId,
        /// The node that holds the feed.
        node: NodeId,
        /// What it lives by, to its end.
        settings: SessionSettings,
        /// When.
        at: Timestamp,
    },
    /// Give the id up, because it was attached and never opened: the repair of a crash between the two, or of a stop that
    /// came between them. An `Open` that comes after all is refused then. Nothing on what was opened.
    Abandon {
        /// Its id.
        id: SessionId,
        /// Its channel.
        channel: ChannelId,
        /// Its channel's project.
        project: ProjectId,
        /// When.
        at: Timestamp,
    },
    /// Another feed on the same key: the broadcaster is back, or takes over a feed that has gone quiet. Whether the one on
    /// air is quiet enough is known to the node, and was looked at before.
    OpenFeed {
        /// The node that holds the new feed.
        node: NodeId,
        /// When.
        at: Timestamp,
    },
    /// Media is understood and packaged. From ERROR the session recovers by it.
    ReportProcessing {
        /// Of which feed.
        feed: FeedNumber,
        /// What it delivers.
        input: InputFormat,
        /// When.
        at: Timestamp,
    },
    /// There is a playlist that can be played.
    ReportPlayable {
        /// Of which feed.
        feed: FeedNumber,
        /// When.
        at: Timestamp,
    },
    /// The owner shows it to the public.
    GoLive {
        /// When.
        at: Timestamp,
    },
    /// The feed is lost or has gone silent.
    ReportLost {
        /// Of which feed.
        feed: FeedNumber,
        /// How.
        cause: LossCause,
        /// When.
        at: Timestamp,
    },
    /// An orderly unpublish.
    ReportLeft {
        /// Of which feed.
        feed: FeedNumber,
        /// When.
        at: Timestamp,
    },
    /// The feed is there and cannot be packaged.
    ReportUnusable {
        /// Of which feed.
        feed: FeedNumber,
        /// Why.
        fault: IngestFault,
        /// When.
        at: Timestamp,
    },
    /// End it.
    End {
        /// Who asks.
        by: EndedBy,
        /// When.
        at: Timestamp,
    },
    /// A node started, or the others took it for lost: whatever it held before is gone. To be sent before any deadline that passed meanwhile is fired.
    NodeRestarted {
        /// Which node.
        node: NodeId,
        /// When it started, or was taken for lost.
        at: Timestamp,
    },
    /// A deadline may have come. Nothing where it is not due, or not any more.
    Expire {
        /// Which.
        deadline: Deadline,
        /// When.
        at: Timestamp,
    },
}
