use super::{Deadline, EndReason};

/// Why a session refuses. The sentence says the mend.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SessionRefusal {
    /// There is no such session.
    #[error("there is no such session; push to its channel to begin one")]
    Unknown,
    /// The id is used.
    #[error("the session was opened before; a new broadcast wants a new session id")]
    AlreadyOpened,
    /// The id was given up before the session opened.
    #[error("the session was given up before it opened; push again to begin another")]
    Abandoned,
    /// It is over.
    #[error("the session has ended ({reason}); push again to begin another")]
    AlreadyEnded {
        /// Why it ended.
        reason: EndReason,
    },
    /// It is about to end: the deadline has passed and was not acted upon yet.
    #[error("the session's time is up ({deadline}); push again to begin another")]
    DeadlinePassed {
        /// Which deadline.
        deadline: Deadline,
    },
    /// `goLive` in INIT.
    #[error("no media has come yet; go live when the session is PROCESSING")]
    NoMediaYet,
    /// `goLive` in LIVE.
    #[error("the session is live already")]
    AlreadyLive,
    /// `goLive` in ERROR.
    #[error("the feed is lost; go live when it is back and the session is PROCESSING")]
    FeedLost,
}

impl SessionRefusal {
    /// The reason's name outside.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Unknown => "SESSION_UNKNOWN",
            Self::AlreadyOpened => "ALREADY_OPENED",
            Self::Abandoned => "SESSION_ABANDONED",
            Self::AlreadyEnded { .. } => "ALREADY_ENDED",
            Self::DeadlinePassed { .. } => "DEADLINE_PASSED",
            Self::NoMediaYet => "NO_MEDIA_YET",
            Self::AlreadyLive => "ALREADY_LIVE",
            Self::FeedLost => "FEED_LOST",
        }
    }
}
