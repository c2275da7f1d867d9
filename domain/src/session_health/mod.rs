//! What was wrong with a session's feed, and when: warnings that are raised and cleared, in a stream of their own beside the
//! session's, so that a session of many hours stays short to load. Its id is the session's.
//!
//! What is a warning, and for how long it must last to be one, is decided by whoever looks at the feed; here is only that
//! a warning stands once at a time, and that a feed that goes to and fro for hours makes no endless stream.

use std::collections::BTreeMap;

use cqrs_es::DomainEvent;
use serde::{Deserialize, Serialize};

use crate::{
    ChannelId, ProjectId, SessionId, Timestamp, WarningData, WarningMessage, WarningName,
    aggregate::cqrs_aggregate,
};

/// The most warnings that are raised in a session's life; each may be cleared once.
pub const MAX_WARNINGS: u32 = 200;

/// What may be asked of a session's health. Each says when.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SessionHealthCommand {
    /// Something is wrong from now on.
    Raise {
        /// The session.
        session: SessionId,
        /// Its channel.
        channel: ChannelId,
        /// Its channel's project.
        project: ProjectId,
        /// What is wrong, by its name.
        name: WarningName,
        /// The same for people, with the mend.
        message: WarningMessage,
        /// The numbers in the message.
        data: WarningData,
        /// When.
        at: Timestamp,
    },
    /// It is right again.
    Clear {
        /// What was wrong.
        name: WarningName,
        /// When.
        at: Timestamp,
    },
}

/// What happened to a session's health.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum SessionHealthEvent {
    /// `health.warning_raised`
    WarningRaised {
        /// The session.
        session: SessionId,
        /// Its channel.
        channel: ChannelId,
        /// Its channel's project.
        project: ProjectId,
        /// What is wrong, by its name.
        name: WarningName,
        /// The same for people, with the mend.
        message: WarningMessage,
        /// The numbers in the message.
        data: WarningData,
        /// When.
        at: Timestamp,
    },
    /// `health.warning_cleared`
    WarningCleared {
        /// What was wrong.
        name: WarningName,
        /// When.
        at: Timestamp,
    },
}

impl SessionHealthEvent {
    /// Every event's name outside.
    pub const NAMES: &'static [&'static str] = &["health.warning_raised", "health.warning_cleared"];

    /// The event's name outside.
    pub fn name(&self) -> &'static str {
        match self {
            Self::WarningRaised { .. } => "health.warning_raised",
            Self::WarningCleared { .. } => "health.warning_cleared",
        }
    }

    /// When it happened.
    pub fn at(&self) -> Timestamp {
        match self {
            Self::WarningRaised { at, .. } | Self::WarningCleared { at, .. } => *at,
        }
    }
}

impl DomainEvent for SessionHealthEvent {
    fn event_type(&self) -> String {
        self.name().to_owned()
    }

    fn event_version(&self) -> String {
        "1".to_owned()
    }
}

/// Why a session's health refuses. The sentence says the mend.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SessionHealthRefusal {
    /// It stands already.
    #[error("the warning {name} stands already; clear it before it is raised again")]
    AlreadyRaised {
        /// Which.
        name: WarningName,
    },
    /// Enough was said.
    #[error("{MAX_WARNINGS} warnings were raised in this session already; no more are kept")]
    TooManyWarnings,
    /// It does not stand.
    #[error("the warning {name} does not stand; there is nothing to clear")]
    NotRaised {
        /// Which.
        name: WarningName,
    },
}

impl SessionHealthRefusal {
    /// The reason's name outside.
    pub fn code(&self) -> &'static str {
        match self {
            Self::AlreadyRaised { .. } => "ALREADY_RAISED",
            Self::TooManyWarnings => "TOO_MANY_WARNINGS",
            Self::NotRaised { .. } => "NOT_RAISED",
        }
    }
}

/// A session's health, from its events.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum SessionHealth {
    /// No warning was ever raised.
    #[default]
    Untroubled,
    /// One was, at least.
    Known(SessionHealthFacts),
}

/// What is known of a session's health.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SessionHealthFacts {
    /// The session.
    pub session: SessionId,
    /// Its channel.
    pub channel: ChannelId,
    /// Its channel's project.
    pub project: ProjectId,
    /// How many warnings were raised so far, standing ones included.
    pub raised: u32,
    /// The warnings that stand now.
    pub standing: BTreeMap<WarningName, StandingWarning>,
}

/// A warning that was raised and not cleared yet.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StandingWarning {
    /// What it says to people.
    pub message: WarningMessage,
    /// The numbers in the message.
    pub data: WarningData,
    /// Since when.
    pub since: Timestamp,
}

impl SessionHealth {
    /// The facts, once a warning was raised.
    pub fn facts(&self) -> Option<&SessionHealthFacts> {
        match self {
            Self::Untroubled => None,
            Self::Known(facts) => Some(facts),
        }
    }

    fn stands(&self, name: &WarningName) -> bool {
        self.facts().is_some_and(|facts| facts.standing.contains_key(name))
    }

    /// What follows from the command, or why nothing does.
    pub fn decide(
        &self,
        command: SessionHealthCommand,
    ) -> Result<Vec<SessionHealthEvent>, SessionHealthRefusal> {
        use {SessionHealthCommand as Command, SessionHealthEvent as Event, SessionHealthRefusal as Refusal};
        match command {
            Command::Raise { name, .. } if self.stands(&name) => Err(Refusal::AlreadyRaised { name }),
            Command::Raise { .. } if self.facts().is_some_and(|facts| facts.raised >= MAX_WARNINGS) => {
                Err(Refusal::TooManyWarnings)
            }
            Command::Raise { session, channel, project, name, message, data, at } => {
                Ok(vec![Event::WarningRaised { session, channel, project, name, message, data, at }])
            }
            Command::Clear { name, .. } if !self.stands(&name) => Err(Refusal::NotRaised { name }),
            Command::Clear { name, at } => Ok(vec![Event::WarningCleared { name, at }]),
        }
    }

    /// Folds one event. An event that cannot follow changes nothing.
    pub fn apply(&mut self, event: &SessionHealthEvent) {
        match event {
            SessionHealthEvent::WarningRaised { session, channel, project, name, message, data, at } => {
                if let Self::Untroubled = self {
                    *self = Self::Known(SessionHealthFacts {
                        session: session.clone(),
                        channel: channel.clone(),
                        project: project.clone(),
                        raised: 0,
                        standing: BTreeMap::new(),
                    });
                }
                if let Self::Known(facts) = self
                    && !facts.standing.contains_key(name)
                {
                    let (message, data) = (message.clone(), data.clone());
                    facts.raised = facts.raised.saturating_add(1);
                    facts.standing.insert(name.clone(), StandingWarning { message, data, since: *at });
                }
            }
            SessionHealthEvent::WarningCleared { name, .. } => {
                if let Self::Known(facts) = self {
                    facts.standing.remove(name);
                }
            }
        }
    }
}

cqrs_aggregate! {
    SessionHealth as "session_health" { SessionHealthCommand, SessionHealthEvent, SessionHealthRefusal }
}
