//! An asset: what is kept of a session. Its source record and its catchup begin with the session and are ready when it has
//! ended; a clip is ready at once.
//!
//! ```text
//!   (none) ── Start ──▶ STARTED ── Finish ──▶ READY ◀─▶ trimmed      Clip: STARTED and READY at once
//!                          │ ▲                  │
//!                     Fail ▼ │ Finish, where the node came back
//!                        FAILED ◀── Fail: its media was lost
//!
//!   from each of them ── Delete ──▶ DELETED       from READY, when its time is up ── Expire ──▶ EXPIRED
//! ```
//!
//! It holds no media: it names spans of its session's media time. What was READY is named for ever, so that a trim cuts
//! nothing away.

mod command;
mod edge;
mod event;
mod refusal;

use serde::{Deserialize, Serialize};

pub use command::AssetCommand;
pub use edge::{Edge, EdgeInit, EdgeName, Edges};
pub use event::AssetEvent;
pub use refusal::AssetRefusal;

use crate::{
    AssetId, AssetTitle, ChannelId, Personal, ProjectId, SessionId, Spans, Timestamp,
    aggregate::cqrs_aggregate, value::coded,
};

coded! {
    /// What an asset is of.
    "the asset's kind" pub enum AssetKind {
        Source = "SOURCE": "What the broadcaster sent, as it was sent.",
        Catchup = "CATCHUP": "What viewers saw, to be seen again.",
        Clip = "CLIP": "A piece of a session that somebody cut.",
    }
}

coded! {
    /// What people see of an asset's phase.
    "the asset's state" pub enum AssetState {
        Started = "STARTED": "Being recorded.",
        Ready = "READY": "All of it is there.",
        Failed = "FAILED": "There was nothing to keep, or it is lost.",
        Deleted = "DELETED": "Somebody deleted it.",
        Expired = "EXPIRED": "Its time was up.",
    }
}

coded! {
    /// Why there is nothing to keep.
    "the asset's failure" pub enum AssetFailure {
        NoMedia = "NO_MEDIA": "The session had no media that could be kept.",
        NodeLost = "NODE_LOST": "The node that has the media is gone. It may come back.",
        MediaLost = "MEDIA_LOST": "The media is lost.",
    }
}

/// What is to be kept, of what.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct NewAsset {
    /// Its id, made by the caller: of a source record and of a catchup always the same for the same session.
    pub id: AssetId,
    /// Its channel's project.
    pub project: ProjectId,
    /// Its session's channel.
    pub channel: ChannelId,
    /// The session that it is of.
    pub session: SessionId,
    /// What it is of it.
    pub kind: AssetKind,
    /// What its owner calls it, sealed by the caller under the channel's own key.
    pub title: Option<Personal<AssetTitle>>,
    /// The asset that it was cut from; none: from the session itself.
    pub parent: Option<AssetId>,
}

/// Media of a session: where it stands, and how much that is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Extent {
    /// The media, aligned to what can be played from but where there are edges, in the order in which it is shown.
    pub spans: Spans,
    /// Where it is exact to the picture: what is shown for spans that no segments fill. None: it is aligned.
    pub edges: Option<Edges>,
    /// How long it plays, milliseconds.
    pub duration_ms: u64,
    /// How much it is, bytes.
    pub bytes: u64,
    /// How much of the duration is missing, milliseconds.
    pub gaps_ms: u64,
}

/// An asset, from its events.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[expect(clippy::large_enum_variant, reason = "there is one, which is known as soon as it has an event")]
pub enum Asset {
    /// Never begun.
    #[default]
    Unknown,
    /// Begun, and perhaps gone since.
    Known(AssetFacts),
}

/// What is known of an asset.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AssetFacts {
    /// What it was begun as.
    pub of: NewAsset,
    /// When it was begun.
    pub started_at: Timestamp,
    /// Where it is in its life.
    pub phase: AssetPhase,
}

/// Where an asset is in its life. Each phase carries only its own facts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum AssetPhase {
    /// Being recorded.
    Started,
    /// All of it is there.
    Ready(Recording),
    /// There is nothing.
    Failed {
        /// Why.
        reason: AssetFailure,
    },
    /// Deleted, for ever.
    Deleted,
    /// Gone when its time was up.
    Expired,
}

/// The media of an asset that is ready.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Recording {
    /// All of it.
    pub whole: Extent,
    /// In how many files it stands.
    pub files: u32,
    /// The part that is shown; none: all of it.
    pub trimmed: Option<Extent>,
    /// The moment whose picture its owner chose, microseconds of the session's media time; none: he chose none.
    pub chosen: Option<u64>,
    /// Counts what was shown so far: what plays it knows by this that it changed.
    pub edition: u32,
    /// When it became ready.
    pub since: Timestamp,
    /// When its time is up; none: never by itself.
    pub expires_at: Option<Timestamp>,
}

impl Recording {
    /// What is shown of it.
    pub fn shown(&self) -> &Extent {
        self.trimmed.as_ref().unwrap_or(&self.whole)
    }

    /// The moment whose picture stands for it, microseconds of the session's media time. One that a trim left out is none; it
    /// is there again when the trim is undone.
    pub fn poster_us(&self) -> Option<u64> {
        self.chosen.filter(|moment| self.shown().spans.hold_moment(*moment))
    }
}

type Decision = Result<Vec<AssetEvent>, AssetRefusal>;

impl Asset {
    /// The facts, once it was begun.
    pub fn facts(&self) -> Option<&AssetFacts> {
        match self {
            Self::Unknown => None,
            Self::Known(facts) => Some(facts),
        }
    }

    /// What people see of its phase.
    pub fn state(&self) -> Option<AssetState> {
        self.facts().map(AssetFacts::state)
    }

    /// What follows from the command, or why nothing does. No events: all is as it was wanted already, or the report is late.
    pub fn decide(&self, command: AssetCommand) -> Decision {
        match (self, command) {
            (Self::Unknown, AssetCommand::Start { asset, at }) => Ok(vec![AssetEvent::Started { asset, at }]),
            (Self::Unknown, AssetCommand::Clip { asset, extent, files, at }) => Ok(vec![
                AssetEvent::Started { asset, at },
                AssetEvent::Ready { extent, files, expires_at: None, at },
            ]),
            (Self::Unknown, _) => Err(AssetRefusal::Unknown),
            (Self::Known(facts), command) => facts.decide(command),
        }
    }

    /// Folds one event. An event that cannot follow changes nothing.
    pub fn apply(&mut self, event: &AssetEvent) {
        match (&mut *self, event) {
            (Self::Unknown, AssetEvent::Started { asset, at }) => {
                let (of, started_at, phase) = (asset.clone(), *at, AssetPhase::Started);
                *self = Self::Known(AssetFacts { of, started_at, phase });
            }
            (Self::Known(facts), event) => facts.phase.apply(event),
            (Self::Unknown, _) => {}
        }
    }
}

impl AssetFacts {
    /// What people see of its phase.
    pub fn state(&self) -> AssetState {
        match self.phase {
            AssetPhase::Started => AssetState::Started,
            AssetPhase::Ready(_) => AssetState::Ready,
            AssetPhase::Failed { .. } => AssetState::Failed,
            AssetPhase::Deleted => AssetState::Deleted,
            AssetPhase::Expired => AssetState::Expired,
        }
    }

    /// Its media, while it is ready.
    pub fn recording(&self) -> Option<&Recording> {
        match &self.phase {
            AssetPhase::Ready(recording) => Some(recording),
            _ => None,
        }
    }

    /// Whether its media may still come: it is being recorded, or the node that has it may come back.
    pub fn may_become_ready(&self) -> bool {
        self.phase.may_become_ready()
    }

    fn decide(&self, command: AssetCommand) -> Decision {
        use AssetCommand as Command;
        match (&self.phase, command) {
            (_, Command::Start { asset, .. }) if asset == self.of => Ok(vec![]),
            (_, Command::Start { .. } | Command::Clip { .. }) => Err(AssetRefusal::AlreadyStarted),

            (_, Command::Finish { extent, files, expires_at, at }) if self.may_become_ready() => {
                Ok(vec![AssetEvent::Ready { extent, files, expires_at, at }])
            }
            (_, Command::Finish { .. }) => Ok(vec![]),

            (phase, Command::Fail { reason, at }) if phase.may_fail(reason) => {
                Ok(vec![AssetEvent::Failed { reason, at }])
            }
            (_, Command::Fail { .. }) => Ok(vec![]),

            (AssetPhase::Deleted | AssetPhase::Expired, Command::Expire { .. }) => Ok(vec![]),
            (AssetPhase::Deleted | AssetPhase::Expired, _) => Err(AssetRefusal::Gone { state: self.state() }),
            (_, Command::Delete { at }) => Ok(vec![AssetEvent::Deleted { at }]),

            (AssetPhase::Ready(recording), command) => recording.decide(command),
            (_, Command::Expire { .. }) => Ok(vec![]),
            (_, Command::Trim { .. } | Command::Untrim { .. } | Command::SetPoster { .. }) => {
                Err(AssetRefusal::NotReady { state: self.state() })
            }
        }
    }
}

impl Recording {
    /// What is asked of what is ready, and of nothing else.
    fn decide(&self, command: AssetCommand) -> Decision {
        match command {
            AssetCommand::Trim { extent, .. } if extent == *self.shown() => Ok(vec![]),
            AssetCommand::Trim { extent, .. } if !self.whole.spans.hold(&extent.spans) => {
                Err(AssetRefusal::OutsideMedia)
            }
            AssetCommand::Trim { extent, at } => Ok(vec![AssetEvent::Trimmed { extent, at }]),
            AssetCommand::Untrim { .. } if self.trimmed.is_none() => Err(AssetRefusal::NotTrimmed),
            AssetCommand::Untrim { at } => Ok(vec![AssetEvent::Untrimmed { at }]),
            AssetCommand::SetPoster { moment_us, .. } if !self.shown().spans.hold_moment(moment_us) => {
                Err(AssetRefusal::PosterNotShown)
            }
            AssetCommand::SetPoster { moment_us, .. } if self.chosen == Some(moment_us) => Ok(vec![]),
            AssetCommand::SetPoster { moment_us, at } => Ok(vec![AssetEvent::PosterSet { moment_us, at }]),
            AssetCommand::Expire { at } if self.expires_at.is_some_and(|due| at >= due) => {
                Ok(vec![AssetEvent::Expired { at }])
            }
            _ => Ok(vec![]),
        }
    }
}

impl AssetPhase {
    fn may_become_ready(&self) -> bool {
        matches!(self, Self::Started | Self::Failed { reason: AssetFailure::NodeLost })
    }

    fn may_fail(&self, reason: AssetFailure) -> bool {
        match self {
            Self::Started => true,
            Self::Ready(_) => reason == AssetFailure::MediaLost,
            // The node came back, and has nothing.
            Self::Failed { reason: AssetFailure::NodeLost } => reason != AssetFailure::NodeLost,
            Self::Failed { .. } | Self::Deleted | Self::Expired => false,
        }
    }

    fn apply(&mut self, event: &AssetEvent) {
        match (&mut *self, event) {
            (phase, AssetEvent::Ready { extent, files, expires_at, at }) if phase.may_become_ready() => {
                let (whole, trimmed, chosen, edition) = (extent.clone(), None, None, 1);
                let (files, since, expires_at) = (*files, *at, *expires_at);
                *phase = Self::Ready(Recording { whole, files, trimmed, chosen, edition, since, expires_at });
            }
            (phase, AssetEvent::Failed { reason, .. }) if phase.may_fail(*reason) => {
                *phase = Self::Failed { reason: *reason };
            }
            (Self::Ready(recording), AssetEvent::Trimmed { extent, .. }) => {
                recording.show(Some(extent.clone()));
            }
            (Self::Ready(recording), AssetEvent::Untrimmed { .. }) => recording.show(None),
            (Self::Ready(recording), AssetEvent::PosterSet { moment_us, .. }) => {
                recording.chosen = Some(*moment_us);
            }
            // Final, whatever is read after it.
            (Self::Deleted | Self::Expired, _) => {}
            (phase, AssetEvent::Deleted { .. }) => *phase = Self::Deleted,
            (phase @ Self::Ready(_), AssetEvent::Expired { .. }) => *phase = Self::Expired,
            _ => {}
        }
    }
}

impl Recording {
    fn show(&mut self, part: Option<Extent>) {
        self.trimmed = part;
        self.edition = self.edition.saturating_add(1);
    }
}

cqrs_aggregate! {
    Asset as "asset" { AssetCommand, AssetEvent, AssetRefusal }
}
