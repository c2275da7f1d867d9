use crate::SessionId;

/// Why a channel refuses. The sentence says the mend.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ChannelRefusal {
    /// There is no such channel.
    #[error("there is no such channel; create it first")]
    Unknown,
    /// The id is taken.
    #[error("the channel is there already; take another id")]
    AlreadyCreated,
    /// It is gone.
    #[error("the channel was deleted; create another")]
    Deleted,
    /// A session is on air.
    #[error("session {session} is on air; end it, or stop the channel, and try again")]
    OnAir {
        /// Which session.
        session: SessionId,
    },
    /// Feeds are refused while it is stopped.
    #[error("the channel is stopped; start it, and push again")]
    Stopped,
    /// `stop` on what is stopped.
    #[error("the channel is stopped already; `start` takes it back to IDLE")]
    AlreadyStopped,
    /// `start` on what is not stopped.
    #[error("the channel is not stopped; it takes a feed as it is")]
    NotStopped,
    /// `start` before the stopped session has ended.
    #[error("session {session} of before the stop is still ending; start again in a moment")]
    StillEnding {
        /// Which session.
        session: SessionId,
    },
    /// A setting that is fixed while on air.
    #[error("{setting} cannot be changed while the channel is on air; end the session first")]
    FixedOnAir {
        /// The setting's name outside, as `latencyMode`.
        setting: &'static str,
    },
    /// Its name stands in clear in its own events, which are never rewritten.
    #[error(
        "an older version wrote the channel's name into its events in clear, and events are never rewritten: it cannot be \
         erased; delete it without `erase`"
    )]
    NamedInClear,
    /// A session's id is used once.
    #[error("session {session} was on this channel before; a new broadcast wants a new session id")]
    SessionIdUsed {
        /// Which session.
        session: SessionId,
    },
}

impl ChannelRefusal {
    /// The reason's name outside.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Unknown => "CHANNEL_UNKNOWN",
            Self::AlreadyCreated => "ALREADY_CREATED",
            Self::Deleted => "CHANNEL_DELETED",
            Self::OnAir { .. } => "ON_AIR",
            Self::Stopped => "CHANNEL_STOPPED",
            Self::AlreadyStopped => "ALREADY_STOPPED",
            Self::NotStopped => "NOT_STOPPED",
            Self::StillEnding { .. } => "STILL_ENDING",
            Self::FixedOnAir { .. } => "FIXED_ON_AIR",
            Self::NamedInClear => "NAMED_IN_CLEAR",
            Self::SessionIdUsed { .. } => "SESSION_ID_USED",
        }
    }

    /// The setting that was refused by name, where it was one.
    pub fn setting(&self) -> Option<&'static str> {
        match self {
            Self::FixedOnAir { setting } => Some(setting),
            _ => None,
        }
    }
}
