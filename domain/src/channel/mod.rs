//! A channel: the gate that lets at most one session be on air.
//!
//! ```text
//!            AttachSession              Stop (ending: none)
//!   (none) ── Create ──▶ IDLE ──────────────────▶ STOP ── Start ──▶ IDLE
//!                         ▲ │                      ▲
//!           DetachSession │ ▼ AttachSession        │ Stop (ending: the session)
//!                        ACTIVE ───────────────────┘   DetachSession: ending: none
//! ```

mod command;
mod event;
mod refusal;

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

pub use command::{ChannelChanges, ChannelCommand};
pub use event::ChannelEvent;
pub use refusal::ChannelRefusal;

use crate::{
    ChannelId, ChannelName, ChannelSettings, Personal, PlaybackId, ProjectId, SessionId, Timestamp,
    aggregate::cqrs_aggregate, value::coded,
};

coded! {
    /// What people see of a channel's phase. A deleted channel has none: it is gone.
    "the channel's state" pub enum ChannelState {
        Idle = "IDLE": "Nothing on air; a feed would be let in.",
        Active = "ACTIVE": "A session is on air.",
        Stop = "STOP": "Stopped by its owner; feeds are refused.",
    }
}

/// A channel, from its events.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[expect(clippy::large_enum_variant, reason = "there is one, which is known as soon as it has an event")]
pub enum Channel {
    /// Never made.
    #[default]
    Unknown,
    /// Made, and perhaps deleted since.
    Known(ChannelFacts),
}

/// What is known of a channel.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ChannelFacts {
    /// Its id.
    pub id: ChannelId,
    /// The project it belongs to.
    pub project: ProjectId,
    /// Its name.
    pub name: Personal<ChannelName>,
    /// Its public name in viewers' addresses.
    pub playback_id: PlaybackId,
    /// What its owner set.
    pub settings: ChannelSettings,
    /// When it was made.
    pub created_at: Timestamp,
    /// Where it is in its life.
    pub phase: ChannelPhase,
    /// Every session that was ever attached: an id is used once.
    pub sessions: BTreeSet<SessionId>,
    /// Whether a name of it ever stood in an event in clear, where no loss of a key makes it forgotten.
    pub named_in_clear: bool,
}

/// Where a channel is in its life.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum ChannelPhase {
    /// Nothing on air.
    Idle,
    /// A session is on air.
    Active {
        /// Which.
        session: SessionId,
    },
    /// Stopped by its owner.
    Stopped {
        /// The session that was on air and has not been seen to end yet.
        ending: Option<SessionId>,
    },
    /// Gone.
    Deleted {
        /// When.
        at: Timestamp,
        /// Whether what was personal about it is forgotten too.
        erased: bool,
    },
}

impl Channel {
    /// The facts, once it was made.
    pub fn facts(&self) -> Option<&ChannelFacts> {
        match self {
            Self::Unknown => None,
            Self::Known(facts) => Some(facts),
        }
    }

    /// What people see of its phase; none before it was made and after it was deleted.
    pub fn state(&self) -> Option<ChannelState> {
        match self.facts()?.phase {
            ChannelPhase::Idle => Some(ChannelState::Idle),
            ChannelPhase::Active { .. } => Some(ChannelState::Active),
            ChannelPhase::Stopped { .. } => Some(ChannelState::Stop),
            ChannelPhase::Deleted { .. } => None,
        }
    }

    /// Whether all that is personal about it was forgotten.
    pub fn is_erased(&self) -> bool {
        self.facts().is_some_and(|facts| matches!(facts.phase, ChannelPhase::Deleted { erased: true, .. }))
    }

    /// The session that is attached: on air, or ending after a stop.
    pub fn attached_session(&self) -> Option<&SessionId> {
        match &self.facts()?.phase {
            ChannelPhase::Active { session } | ChannelPhase::Stopped { ending: Some(session) } => {
                Some(session)
            }
            ChannelPhase::Idle | ChannelPhase::Stopped { ending: None } | ChannelPhase::Deleted { .. } => {
                None
            }
        }
    }

    /// What follows from the command, or why nothing does. No events: all is as it was wanted already.
    pub fn decide(&self, command: ChannelCommand) -> Result<Vec<ChannelEvent>, ChannelRefusal> {
        match (self, command) {
            (Self::Unknown, ChannelCommand::Create { id, project, name, playback_id, settings, at }) => {
                Ok(vec![ChannelEvent::Created { id, project, name, playback_id, settings, at }])
            }
            (Self::Unknown, _) => Err(ChannelRefusal::Unknown),
            (Self::Known(facts), command) => facts.decide(command),
        }
    }

    /// Folds one event. An event that cannot follow changes nothing.
    pub fn apply(&mut self, event: &ChannelEvent) {
        match (&mut *self, event) {
            (Self::Unknown, ChannelEvent::Created { id, project, name, playback_id, settings, at }) => {
                *self = Self::Known(ChannelFacts {
                    id: id.clone(),
                    project: project.clone(),
                    name: name.clone(),
                    playback_id: playback_id.clone(),
                    settings: *settings,
                    created_at: *at,
                    phase: ChannelPhase::Idle,
                    sessions: BTreeSet::new(),
                    named_in_clear: name.plain().is_some(),
                });
            }
            (Self::Known(facts), event) => facts.apply(event),
            (Self::Unknown, _) => {}
        }
    }
}

impl ChannelFacts {
    fn decide(&self, command: ChannelCommand) -> Result<Vec<ChannelEvent>, ChannelRefusal> {
        use ChannelCommand as Command;
        match (&self.phase, command) {
            (_, Command::Create { .. }) => Err(ChannelRefusal::AlreadyCreated),

            // A session that ends after its channel was deleted is nobody's mistake.
            (ChannelPhase::Deleted { .. }, Command::DetachSession { .. }) => Ok(vec![]),
            (ChannelPhase::Deleted { erased: false, .. }, Command::Erase { at }) => self.erase(vec![], at),
            (ChannelPhase::Deleted { .. }, _) => Err(ChannelRefusal::Deleted),

            (_, Command::Update { changes, at }) => self.update(changes, at),

            (ChannelPhase::Stopped { ending: None }, Command::Start { at }) => {
                Ok(vec![ChannelEvent::Started { at }])
            }
            (ChannelPhase::Stopped { ending: Some(session) }, Command::Start { .. }) => {
                Err(ChannelRefusal::StillEnding { session: session.clone() })
            }
            (_, Command::Start { .. }) => Err(ChannelRefusal::NotStopped),

            (ChannelPhase::Stopped { .. }, Command::Stop { .. }) => Err(ChannelRefusal::AlreadyStopped),
            (ChannelPhase::Active { session }, Command::Stop { at }) => {
                Ok(vec![ChannelEvent::Stopped { session: Some(session.clone()), at }])
            }
            (ChannelPhase::Idle, Command::Stop { at }) => {
                Ok(vec![ChannelEvent::Stopped { session: None, at }])
            }

            (ChannelPhase::Active { session }, Command::Delete { .. } | Command::Erase { .. }) => {
                Err(ChannelRefusal::OnAir { session: session.clone() })
            }
            (_, Command::Delete { at }) => Ok(vec![ChannelEvent::Deleted { at }]),

            (_, Command::Erase { at }) => self.erase(vec![ChannelEvent::Deleted { at }], at),

            (_, Command::RotateKey { overlap, at }) => {
                let overlap_until = (overlap.seconds() > 0).then(|| at.plus_seconds(overlap.seconds()));
                Ok(vec![ChannelEvent::KeyRotated { overlap_until, at }])
            }

            (_, Command::ShowKey { at }) => Ok(vec![ChannelEvent::KeyShown { at }]),

            (_, Command::AttachSession { session, at }) => self.attach(session, at),
            (
                ChannelPhase::Active { session: attached } | ChannelPhase::Stopped { ending: Some(attached) },
                Command::DetachSession { session, at },
            ) if *attached == session => Ok(vec![ChannelEvent::SessionDetached { session, at }]),
            (_, Command::DetachSession { .. }) => Ok(vec![]),
        }
    }

    fn erase(
        &self,
        mut events: Vec<ChannelEvent>,
        at: Timestamp,
    ) -> Result<Vec<ChannelEvent>, ChannelRefusal> {
        if self.named_in_clear {
            return Err(ChannelRefusal::NamedInClear);
        }
        events.push(ChannelEvent::Erased { at });
        Ok(events)
    }

    fn attach(&self, session: SessionId, at: Timestamp) -> Result<Vec<ChannelEvent>, ChannelRefusal> {
        match &self.phase {
            ChannelPhase::Active { session: attached } if *attached == session => Ok(vec![]),
            ChannelPhase::Active { session } => Err(ChannelRefusal::OnAir { session: session.clone() }),
            ChannelPhase::Stopped { .. } => Err(ChannelRefusal::Stopped),
            ChannelPhase::Deleted { .. } => Err(ChannelRefusal::Deleted),
            ChannelPhase::Idle if self.sessions.contains(&session) => {
                Err(ChannelRefusal::SessionIdUsed { session })
            }
            ChannelPhase::Idle => Ok(vec![ChannelEvent::SessionAttached { session, at }]),
        }
    }

    fn update(&self, wanted: ChannelChanges, at: Timestamp) -> Result<Vec<ChannelEvent>, ChannelRefusal> {
        let changes = self.real_changes(wanted);
        if let ChannelPhase::Active { .. } = &self.phase {
            let fixed = [
                ("latencyMode", changes.latency_mode.is_some()),
                ("recordSource", changes.record_source.is_some()),
            ];
            if let Some((setting, _)) = fixed.into_iter().find(|(_, changed)| *changed) {
                return Err(ChannelRefusal::FixedOnAir { setting });
            }
        }
        Ok(if changes.is_empty() { vec![] } else { vec![ChannelEvent::Updated { changes, at }] })
    }

    /// Only what would change anything: a form sent back as it came is no event, and no refusal on air.
    fn real_changes(&self, wanted: ChannelChanges) -> ChannelChanges {
        fn differs<T: PartialEq>(wanted: Option<T>, now: &T) -> Option<T> {
            wanted.filter(|value| value != now)
        }
        let now = &self.settings;
        ChannelChanges {
            name: differs(wanted.name, &self.name),
            latency_mode: differs(wanted.latency_mode, &now.latency_mode),
            auto_go_live: differs(wanted.auto_go_live, &now.auto_go_live),
            max_session_duration: differs(wanted.max_session_duration, &now.max_session_duration),
            reconnect_window: differs(wanted.reconnect_window, &now.reconnect_window),
            end_on_unpublish: differs(wanted.end_on_unpublish, &now.end_on_unpublish),
            dvr_window: differs(wanted.dvr_window, &now.dvr_window),
            record_source: differs(wanted.record_source, &now.record_source),
            catchup: differs(wanted.catchup, &now.catchup),
            source_retention: differs(wanted.source_retention, &now.source_retention),
            catchup_retention: differs(wanted.catchup_retention, &now.catchup_retention),
        }
    }

    fn apply(&mut self, event: &ChannelEvent) {
        match event {
            ChannelEvent::Created { .. }
            | ChannelEvent::KeyRotated { .. }
            | ChannelEvent::KeyShown { .. } => {}
            ChannelEvent::Updated { changes, .. } => self.take(changes),
            ChannelEvent::Started { .. } => self.phase = ChannelPhase::Idle,
            ChannelEvent::Stopped { session, .. } => {
                self.phase = ChannelPhase::Stopped { ending: session.clone() }
            }
            ChannelEvent::Deleted { at } => {
                self.phase = ChannelPhase::Deleted { at: *at, erased: false };
            }
            ChannelEvent::Erased { .. } => {
                if let ChannelPhase::Deleted { erased, .. } = &mut self.phase {
                    *erased = true;
                }
            }
            ChannelEvent::SessionAttached { session, .. } => {
                self.sessions.insert(session.clone());
                self.phase = ChannelPhase::Active { session: session.clone() };
            }
            ChannelEvent::SessionDetached { .. } => match self.phase {
                ChannelPhase::Active { .. } => self.phase = ChannelPhase::Idle,
                ChannelPhase::Stopped { .. } => self.phase = ChannelPhase::Stopped { ending: None },
                ChannelPhase::Idle | ChannelPhase::Deleted { .. } => {}
            },
        }
    }

    fn take(&mut self, changes: &ChannelChanges) {
        let ChannelChanges {
            name,
            latency_mode,
            auto_go_live,
            max_session_duration,
            reconnect_window,
            end_on_unpublish,
            dvr_window,
            record_source,
            catchup,
            source_retention,
            catchup_retention,
        } = changes;
        if let Some(name) = name {
            self.named_in_clear |= name.plain().is_some();
            self.name = name.clone();
        }
        let now = &mut self.settings;
        now.latency_mode = latency_mode.unwrap_or(now.latency_mode);
        now.auto_go_live = auto_go_live.unwrap_or(now.auto_go_live);
        now.max_session_duration = max_session_duration.unwrap_or(now.max_session_duration);
        now.reconnect_window = reconnect_window.unwrap_or(now.reconnect_window);
        now.end_on_unpublish = end_on_unpublish.unwrap_or(now.end_on_unpublish);
        now.dvr_window = dvr_window.unwrap_or(now.dvr_window);
        now.record_source = record_source.unwrap_or(now.record_source);
        now.catchup = catchup.unwrap_or(now.catchup);
        now.source_retention = source_retention.unwrap_or(now.source_retention);
        now.catchup_retention = catchup_retention.unwrap_or(now.catchup_retention);
    }
}

cqrs_aggregate! {
    Channel as "channel" { ChannelCommand, ChannelEvent, ChannelRefusal }
}
