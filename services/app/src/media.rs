//! The media plane's side, in plain strings and numbers: may this key publish, and what happened.
//!
//! A node asks [`App::node_started`](crate::App::node_started) first and follows [`Orders`](crate::Orders) from there.

use std::collections::BTreeMap;

use sigma_domain::{IngestFault, LatencyMode};

use crate::read::InputRow;

/// Whose key it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyHolder {
    /// The channel's id.
    pub channel: String,
    /// The public name that viewers find it by.
    pub playback_id: String,
}

/// Where a feed comes from. Peer and encoder are kept sealed beside the session and never stand in an event.
#[derive(Clone)]
pub struct FeedFacts {
    /// The node that holds the feed.
    pub node: String,
    /// The broadcaster's network address.
    pub peer: String,
    /// What the encoder calls itself.
    pub encoder: Option<String>,
    /// Whether the feed on air has been quiet long enough to be taken over by this one.
    pub takeover_allowed: bool,
    /// Whether the node has room to record a session that begins with this feed.
    pub room_to_record: bool,
}

impl std::fmt::Debug for FeedFacts {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("FeedFacts")
            .field("node", &self.node)
            .field("takeover_allowed", &self.takeover_allowed)
            .finish_non_exhaustive()
    }
}

/// What a feed may do once it is let in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FeedGrant {
    /// What it delivers into.
    pub session: SessionOnAir,
    /// Its number; every report carries it.
    pub feed: u32,
    /// Whether a feed that was still connected is to be cut for it.
    pub takeover: bool,
    /// Whether the session was there before: its numbers and URIs go on.
    pub resumed: bool,
}

/// What a node must know of a session that has not ended. Times are milliseconds since the Unix epoch, UTC.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SessionOnAir {
    /// The session's id.
    pub session: String,
    /// The channel's id.
    pub channel: String,
    /// The public name that viewers find the channel by.
    pub playback_id: String,
    /// How far behind viewers are to be.
    pub latency_mode: LatencyMode,
    /// Public with the first playable playlist, without being told.
    pub auto_go_live: bool,
    /// Seconds that viewers may rewind; 0: not at all.
    pub dvr_window_s: u32,
    /// Whether all of its media is kept until it is known what is recorded of it.
    pub keeps: bool,
    /// Whether media of it was understood before.
    pub has_media: bool,
    /// Since when it is public.
    pub live_at_ms: Option<i64>,
    /// In ERROR: when it ends unless its broadcaster is back.
    pub deadline_ms: Option<i64>,
}

/// What happened to a feed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Report {
    /// Media is understood and packaged (also after a loss, and when the format changes). Codecs in upper or lower case.
    Processing(InputRow),
    /// There is a playlist that can be played.
    Playable,
    /// The feed is lost; it may come back.
    Lost(LossCause),
    /// The broadcaster unpublished in an orderly way.
    Left,
    /// What comes cannot be packaged.
    Unusable(IngestFault),
}

/// What the look at a feed's health came to. A name is of `A–Z` and `_`, up to 40; a message up to 500 characters.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum WarningReport {
    /// Something is to be mended by the broadcaster.
    Raised {
        /// Its name, as `NO_AUDIO`.
        name: String,
        /// What it says to the broadcaster, with the mend.
        message: String,
        /// The numbers that the message is made of, so that it can be said in another language.
        data: BTreeMap<String, i64>,
    },
    /// It is well again.
    Cleared {
        /// Its name.
        name: String,
    },
}

/// How a feed was lost.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LossCause {
    /// The connection broke, broke the protocol, or was closed without a goodbye.
    ConnectionBroken,
    /// Connected, and nothing comes.
    Silence,
    /// The node stops in order.
    NodeStopped,
}

/// What a report came to. A late report of an old feed is answered likewise: see `feed`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reported {
    /// The session's newest feed; another one than reported means that the report was late. 0 once it has ended.
    pub feed: u32,
    /// Since when the session is public.
    pub live_at_ms: Option<i64>,
    /// Whether the session is over: close the feed, write ENDLIST.
    pub ended: bool,
}

/// What a node's start came to.
#[derive(Clone, Debug)]
pub struct NodeStart {
    /// Sessions that were on air at the node and wait for their broadcasters now.
    pub on_air: Vec<SessionOnAir>,
    /// Sessions of the node that have ended, of which it is not known what was kept.
    pub untold: Vec<String>,
    /// Follow the orders from here.
    pub orders: sigma_store::Cursor,
}

/// What a media node learns from the log, in order within a channel, at least once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Order {
    /// The session.
    pub session: String,
    /// Its channel.
    pub channel: String,
    /// What.
    pub kind: OrderKind,
}

/// What a media node is to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum OrderKind {
    /// The session is public from now on.
    GoLive {
        /// Since when.
        at_ms: i64,
    },
    /// A newer feed was let in: cut those before it.
    FeedOpened {
        /// The newest feed.
        feed: u32,
        /// The node that holds it.
        node: String,
    },
    /// The session is over: cut its feed, write ENDLIST.
    End {
        /// Why.
        reason: sigma_domain::EndReason,
        /// When.
        at_ms: i64,
    },
}
