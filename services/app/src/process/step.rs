//! What is to be done about a channel's line: a pure function of how its aggregates stand.

use std::str::FromStr;

use cqrs_es::Aggregate;
use sigma_domain::{
    Asset, AssetKind, AssetPhase, AssetState, Channel, ChannelPhase, Deadline, Session, SessionHealth,
    SessionId, Timestamp,
};

use crate::assets::TOLD_WITHIN_MS;

/// A session that its channel attached has so long to open before it is given up: its feed crashed between the two steps.
pub(super) const OPEN_WITHIN_MS: i64 = 5_000;

/// A line that could not be read is looked at again after so long.
pub(super) const LOOK_AGAIN_MS: i64 = 60_000;

/// Due at once, whenever it is seen. A moment that never changes, so that seeing it again is not a new step.
const AT_ONCE: i64 = 0;

/// What to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum StepKind {
    /// Give up a session that never opened.
    Abandon,
    /// End a session whose channel was stopped or deleted.
    End,
    /// Detach a session that is over from its channel.
    Detach,
    /// Fire a deadline.
    Expire(Deadline),
    /// Delete stream keys whose overlap is over.
    ForgetKeys,
    /// Remove the traces of what was erased.
    RemoveTraces,
    /// Begin to keep what a session's broadcaster sends.
    KeepSource,
    /// Begin to keep what a session's viewers see.
    KeepCatchup,
    /// An asset's time is up.
    ExpireAsset,
    /// Nobody has said what became of an asset's media: its node is lost.
    GiveUpAsset,
    /// Delete an asset whose channel was erased.
    DeleteAsset,
    /// Look at the line again.
    Look,
}

impl StepKind {
    pub(super) const fn code(self) -> &'static str {
        match self {
            Self::Abandon => "abandon",
            Self::End => "end",
            Self::Detach => "detach",
            Self::Expire(deadline) => deadline.code(),
            Self::ForgetKeys => "forget_keys",
            Self::RemoveTraces => "remove_traces",
            Self::KeepSource => "keep_source",
            Self::KeepCatchup => "keep_catchup",
            Self::ExpireAsset => "expire_asset",
            Self::GiveUpAsset => "give_up_asset",
            Self::DeleteAsset => "delete_asset",
            Self::Look => "look",
        }
    }
}

impl FromStr for StepKind {
    type Err = sigma_domain::ValueError;

    fn from_str(code: &str) -> Result<Self, Self::Err> {
        Ok(match code {
            "abandon" => Self::Abandon,
            "end" => Self::End,
            "detach" => Self::Detach,
            "forget_keys" => Self::ForgetKeys,
            "remove_traces" => Self::RemoveTraces,
            "keep_source" => Self::KeepSource,
            "keep_catchup" => Self::KeepCatchup,
            "expire_asset" => Self::ExpireAsset,
            "give_up_asset" => Self::GiveUpAsset,
            "delete_asset" => Self::DeleteAsset,
            "look" => Self::Look,
            deadline => Self::Expire(deadline.parse()?),
        })
    }
}

/// A step of a line, with the moment from which on it is due (milliseconds since the Unix epoch).
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Step {
    pub(super) kind: StepKind,
    /// The session, the asset, or the channel for its keys.
    pub(super) subject: String,
    pub(super) due_ms: i64,
}

/// Whether an event may change what is to be done about its line: not what a channel is called, nor how well a feed arrives.
pub(super) fn matters(aggregate_type: &str, event: &str) -> bool {
    aggregate_type != SessionHealth::TYPE && !matches!(event, "channel.updated" | "channel.key_shown")
}

/// How a line stands.
pub(super) struct Line<'a> {
    pub(super) channel: &'a Channel,
    /// The session attached, and those that were seen on air; loaded after the channel.
    pub(super) sessions: &'a [(SessionId, Session)],
    /// What of those sessions is to be kept and was not begun.
    pub(super) to_keep: &'a [(SessionId, AssetKind)],
    /// When the first of the channel's stream keys becomes void.
    pub(super) key_expiry_ms: Option<i64>,
    /// Whether it was erased and its traces still stand in files.
    pub(super) leaves_traces: bool,
}

/// What is to be done about a line. Nothing where all is as it should be.
pub(super) fn steps(line: &Line<'_>, now: Timestamp) -> Vec<Step> {
    let mut steps = Vec::new();
    for (id, session) in line.sessions {
        steps_of_session(&mut steps, line.channel, id, session, now);
    }
    for (session, kind) in line.to_keep {
        let kind = match kind {
            AssetKind::Source => StepKind::KeepSource,
            AssetKind::Catchup => StepKind::KeepCatchup,
            // Its owner makes it.
            AssetKind::Clip => continue,
        };
        steps.push(Step { kind, subject: session.to_string(), due_ms: AT_ONCE });
    }
    if let (Some(due_ms), Some(facts)) = (line.key_expiry_ms, line.channel.facts()) {
        steps.push(Step { kind: StepKind::ForgetKeys, subject: facts.id.to_string(), due_ms });
    }
    if let (true, Some(facts)) = (line.leaves_traces, line.channel.facts()) {
        steps.push(Step { kind: StepKind::RemoveTraces, subject: facts.id.to_string(), due_ms: AT_ONCE });
    }
    steps
}

fn steps_of_session(
    steps: &mut Vec<Step>,
    channel: &Channel,
    id: &SessionId,
    session: &Session,
    now: Timestamp,
) {
    let attached = channel.attached_session() == Some(id);
    let open_to_feeds =
        attached && channel.facts().is_some_and(|facts| matches!(facts.phase, ChannelPhase::Active { .. }));
    let mut step = |kind, due_ms| steps.push(Step { kind, subject: id.to_string(), due_ms });
    match session {
        Session::Unknown if open_to_feeds => {
            step(StepKind::Abandon, now.as_millis().saturating_add(OPEN_WITHIN_MS));
        }
        Session::Unknown => {
            if attached {
                step(StepKind::Abandon, AT_ONCE);
            }
        }
        Session::Known(facts) if facts.ended().is_none() => {
            if !open_to_feeds {
                step(StepKind::End, AT_ONCE);
            }
            for (deadline, due) in facts.deadlines() {
                step(StepKind::Expire(deadline), due.as_millis());
            }
        }
        Session::Abandoned { .. } | Session::Known(_) => {
            if attached {
                step(StepKind::Detach, AT_ONCE);
            }
        }
    }
}

/// How an asset stands. Assets are looked at one by one, apart from their channel's line: there may be thousands of them.
pub(super) struct Kept<'a> {
    pub(super) asset: &'a Asset,
    pub(super) session: &'a Session,
    pub(super) channel: &'a Channel,
}

impl Kept<'_> {
    /// Whether anything may still become of it.
    pub(super) fn is_there(&self) -> bool {
        !matches!(self.asset.state(), None | Some(AssetState::Deleted | AssetState::Expired))
    }
}

/// What is to be done about an asset.
pub(super) fn steps_of_asset(kept: &Kept<'_>) -> Vec<Step> {
    let Some(facts) = kept.asset.facts().filter(|_| kept.is_there()) else { return Vec::new() };
    let step = |kind, due_ms| Step { kind, subject: facts.of.id.to_string(), due_ms };
    if kept.channel.is_erased() {
        return vec![step(StepKind::DeleteAsset, AT_ONCE)];
    }
    let ended = kept.session.facts().and_then(|session| session.ended());
    let due = match &facts.phase {
        AssetPhase::Started => {
            ended.map(|(_, at)| (StepKind::GiveUpAsset, at.as_millis().saturating_add(TOLD_WITHIN_MS)))
        }
        AssetPhase::Ready(recording) => {
            recording.expires_at.map(|at| (StepKind::ExpireAsset, at.as_millis()))
        }
        AssetPhase::Failed { .. } | AssetPhase::Deleted | AssetPhase::Expired => None,
    };
    due.map(|(kind, due_ms)| step(kind, due_ms)).into_iter().collect()
}
