//! A session: one broadcast, from its first feed to its one end.
//!
//! ```text
//!   Open ──▶ INIT ──▶ PROCESSING ──▶ LIVE          ReportProcessing, then ReportPlayable or GoLive
//!             │ ▲         │ ▲         │ ▲
//!             ▼ │         ▼ │         ▼ │           ReportLost, NodeRestarted; back by OpenFeed and ReportProcessing
//!             └──────── ERROR ──────────┘
//!                         │
//!   from each of them ────┴──▶ ENDED                once, with its reason
//! ```

mod command;
mod decide;
mod event;
mod phase;
mod refusal;

use serde::{Deserialize, Serialize};

pub use command::{EndedBy, SessionCommand};
pub use decide::FIRST_MEDIA;
pub use event::SessionEvent;
pub use phase::{
    BeforeLoss, Deadline, EndReason, Feed, FeedLine, IngestFault, LossCause, LossEnd, Lost, SessionPhase,
    SessionState,
};
pub use refusal::SessionRefusal;

use crate::{
    ChannelId, PlaybackId, ProjectId, SessionId, SessionSettings, Timestamp, aggregate::cqrs_aggregate,
};

/// A session, from its events.
#[expect(clippy::large_enum_variant, reason = "held one at a time, while a command is decided")]
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Session {
    /// Never opened.
    #[default]
    Unknown,
    /// Given up before it opened.
    Abandoned {
        /// When.
        at: Timestamp,
    },
    /// Opened, and perhaps ended since.
    Known(SessionFacts),
}

/// What is known of a session.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SessionFacts {
    /// Its id.
    pub id: SessionId,
    /// Its channel.
    pub channel: ChannelId,
    /// Its channel's project.
    pub project: ProjectId,
    /// Its channel's public name.
    pub playback_id: PlaybackId,
    /// What it lives by.
    pub settings: SessionSettings,
    /// When its first feed was let in; `startedAt`.
    pub opened_at: Timestamp,
    /// The longest it may last.
    pub max_until: Timestamp,
    /// When media was understood first; none: it never was.
    pub media_since: Option<Timestamp>,
    /// Where it is in its life.
    pub phase: SessionPhase,
}

impl Session {
    /// The facts, once it was opened.
    pub fn facts(&self) -> Option<&SessionFacts> {
        match self {
            Self::Unknown | Self::Abandoned { .. } => None,
            Self::Known(facts) => Some(facts),
        }
    }

    /// What people see of its phase, once it was opened.
    pub fn state(&self) -> Option<SessionState> {
        self.facts().map(SessionFacts::state)
    }

    /// Each deadline that stands now, with its moment: what rows are to be kept. None once it has ended.
    pub fn deadlines(&self) -> Vec<(Deadline, Timestamp)> {
        self.facts().map(SessionFacts::deadlines).unwrap_or_default()
    }

    /// Folds one event. An event that cannot follow changes nothing.
    pub fn apply(&mut self, event: &SessionEvent) {
        match (&mut *self, event) {
            (Self::Unknown, SessionEvent::Abandoned { at, .. }) => *self = Self::Abandoned { at: *at },
            (
                Self::Unknown,
                SessionEvent::Opened {
                    id,
                    channel,
                    project,
                    playback_id,
                    node,
                    feed,
                    settings,
                    media_until,
                    max_until,
                    at,
                },
            ) => {
                let feed = Feed { number: *feed, node: node.clone() };
                *self = Self::Known(SessionFacts {
                    id: id.clone(),
                    channel: channel.clone(),
                    project: project.clone(),
                    playback_id: playback_id.clone(),
                    settings: *settings,
                    opened_at: *at,
                    max_until: *max_until,
                    media_since: None,
                    phase: SessionPhase::Init { feed, media_until: *media_until },
                });
            }
            (Self::Known(facts), event) => {
                if let SessionEvent::Processing { at, .. } = event {
                    facts.media_since.get_or_insert(*at);
                }
                facts.phase.apply(event);
            }
            (Self::Unknown | Self::Abandoned { .. }, _) => {}
        }
    }
}

impl SessionFacts {
    /// What people see of its phase.
    pub fn state(&self) -> SessionState {
        match self.phase {
            SessionPhase::Init { .. } => SessionState::Init,
            SessionPhase::Processing { .. } => SessionState::Processing,
            SessionPhase::Live { .. } => SessionState::Live,
            SessionPhase::Lost(_) => SessionState::Error,
            SessionPhase::Ended { .. } => SessionState::Ended,
        }
    }

    /// Its newest feed, connected or not; none once it has ended.
    pub fn feed(&self) -> Option<&Feed> {
        self.phase.feed()
    }

    /// When it went live, if it did.
    pub fn live_at(&self) -> Option<Timestamp> {
        self.phase.live_since()
    }

    /// Why and when it ended, if it did.
    pub fn ended(&self) -> Option<(EndReason, Timestamp)> {
        match self.phase {
            SessionPhase::Ended { reason, at, .. } => Some((reason, at)),
            _ => None,
        }
    }

    /// Each deadline that stands now, with its moment.
    pub fn deadlines(&self) -> Vec<(Deadline, Timestamp)> {
        let max = (Deadline::MaxDuration, self.max_until);
        match &self.phase {
            SessionPhase::Init { media_until, .. } => vec![max, (Deadline::FirstMedia, *media_until)],
            SessionPhase::Processing { .. } | SessionPhase::Live { .. } => vec![max],
            SessionPhase::Lost(lost) => vec![max, (Deadline::ReconnectWindow, lost.deadline())],
            SessionPhase::Ended { .. } => vec![],
        }
    }
}

impl SessionPhase {
    fn feed(&self) -> Option<&Feed> {
        match self {
            Self::Init { feed, .. } | Self::Processing { feed, .. } | Self::Live { feed, .. } => Some(feed),
            Self::Lost(lost) => Some(lost.line.feed()),
            Self::Ended { .. } => None,
        }
    }

    fn live_since(&self) -> Option<Timestamp> {
        match self {
            Self::Live { since, .. } | Self::Lost(Lost { from: BeforeLoss::Live { since, .. }, .. }) => {
                Some(*since)
            }
            Self::Ended { live_since, .. } => *live_since,
            Self::Init { .. } | Self::Processing { .. } | Self::Lost(_) => None,
        }
    }

    fn apply(&mut self, event: &SessionEvent) {
        match event {
            SessionEvent::Opened { .. } | SessionEvent::Abandoned { .. } => {}
            SessionEvent::FeedOpened { feed, node, media_until, .. } => {
                self.take_feed(Feed { number: *feed, node: node.clone() }, *media_until);
            }
            SessionEvent::Processing { input, .. } => {
                if let Self::Init { feed, .. } = self {
                    *self = Self::Processing { feed: feed.clone(), input: *input };
                }
            }
            SessionEvent::InputChanged { input: changed, .. } => {
                if let Self::Processing { input, .. } | Self::Live { input, .. } = self {
                    *input = *changed;
                }
            }
            SessionEvent::Live { at } => {
                if let Self::Processing { feed, input } = self {
                    *self = Self::Live { feed: feed.clone(), input: *input, since: *at };
                }
            }
            SessionEvent::Error { cause, until, ends_as, .. } => self.lose(*cause, *until, *ends_as),
            SessionEvent::Recovered { .. } => self.recover(),
            SessionEvent::Ended { reason, at } => {
                // Final: the first end stands, whatever is read after it.
                if !matches!(self, Self::Ended { .. }) {
                    *self = Self::Ended { reason: *reason, at: *at, live_since: self.live_since() };
                }
            }
        }
    }

    fn take_feed(&mut self, newcomer: Feed, media_until: Option<Timestamp>) {
        match self {
            Self::Init { feed, .. } | Self::Processing { feed, .. } | Self::Live { feed, .. } => {
                *feed = newcomer
            }
            Self::Lost(lost) => {
                let media_until = media_until.unwrap_or(lost.until);
                lost.line = FeedLine::Returning { feed: newcomer, media_until };
            }
            Self::Ended { .. } => {}
        }
    }

    fn lose(&mut self, cause: LossCause, until: Timestamp, ends_as: LossEnd) {
        let (from, feed) = match self {
            Self::Init { feed, media_until } => {
                (BeforeLoss::Init { media_until: *media_until }, feed.clone())
            }
            Self::Processing { feed, input } => (BeforeLoss::Processing { input: *input }, feed.clone()),
            Self::Live { feed, input, since } => {
                (BeforeLoss::Live { input: *input, since: *since }, feed.clone())
            }
            Self::Lost(lost) => (lost.from.clone(), lost.line.feed().clone()),
            Self::Ended { .. } => return,
        };
        let line = match cause {
            LossCause::Silence => FeedLine::Quiet(feed),
            _ => FeedLine::Gone(feed),
        };
        *self = Self::Lost(Lost { from, line, cause, until, ends_as });
    }

    fn recover(&mut self) {
        if let Self::Lost(lost) = self {
            let feed = lost.line.feed().clone();
            *self = match &lost.from {
                BeforeLoss::Init { media_until } => Self::Init { feed, media_until: *media_until },
                BeforeLoss::Processing { input } => Self::Processing { feed, input: *input },
                BeforeLoss::Live { input, since } => Self::Live { feed, input: *input, since: *since },
            };
        }
    }
}

cqrs_aggregate! {
    Session as "session" { SessionCommand, SessionEvent, SessionRefusal }
}
