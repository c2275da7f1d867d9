//! The rules of Sigma Livestream, and nothing else: what may happen to a project, an API token, a channel, a session and
//! an asset, and what happened then.
//!
//! Each aggregate decides purely, `decide(&self, command) -> Result<Vec<Event>, Refusal>`, and folds its events with
//! `apply`; a thin [`cqrs_es::Aggregate`] stands on top. There is no clock here (every command says when), no I/O, and
//! nothing of ours below.
//!
//! - [`Channel`] is the gate: it knows which session is on air, so that there is at most one.
//! - [`Session`] is one broadcast from its first feed to its one end.
//! - [`SessionHealth`] is what was wrong with its feed, and when: a stream beside the session's, so that a long session stays
//!   short to load.
//! - [`Asset`] is what is kept of a session: its source record, its catchup, a clip.
//! - [`Project`] is what channels and API tokens belong to.
//! - [`ApiToken`] is who may do what in one project, until when.
//!
//! Values are parsed at the edge and are right from then on; an error of parsing names the mend. The `serde` of these
//! types serves cqrs-es's bounds only: what is stored has shapes of its own in `sigma-schema`.

mod aggregate;
mod api_token;
mod asset;
mod channel;
mod project;
mod session;
mod session_health;
mod value;

pub use api_token::{ApiToken, ApiTokenCommand, ApiTokenEvent, ApiTokenFacts, ApiTokenRefusal};
pub use asset::{
    Asset, AssetCommand, AssetEvent, AssetFacts, AssetFailure, AssetKind, AssetPhase, AssetRefusal,
    AssetState, Edge, EdgeInit, EdgeName, Edges, Extent, NewAsset, Recording,
};
pub use channel::{
    Channel, ChannelChanges, ChannelCommand, ChannelEvent, ChannelFacts, ChannelPhase, ChannelRefusal,
    ChannelState,
};
pub use project::{Project, ProjectCommand, ProjectEvent, ProjectFacts, ProjectRefusal};
pub use session::{
    BeforeLoss, Deadline, EndReason, EndedBy, FIRST_MEDIA, Feed, FeedLine, IngestFault, LossCause, LossEnd,
    Lost, Session, SessionCommand, SessionEvent, SessionFacts, SessionPhase, SessionRefusal, SessionState,
};
pub use session_health::{
    MAX_WARNINGS, SessionHealth, SessionHealthCommand, SessionHealthEvent, SessionHealthFacts,
    SessionHealthRefusal, StandingWarning,
};
pub use value::{
    Actor, ActorKind, ApiTokenGrant, ApiTokenId, ApiTokenName, ApiTokenPrefix, AssetId, AssetTitle,
    AudioCodec, AudioFormat, ChannelId, ChannelName, ChannelSettings, CommandId, CorrelationId, DvrWindow,
    FeedNumber, IngestProtocol, InputFormat, KeyOverlap, LatencyMode, MaxSessionDuration, NodeId, Personal,
    PlaybackId, ProjectId, ProjectName, ReconnectWindow, Retention, RetentionTime, Scope, SealedText,
    SessionId, SessionSettings, Span, Spans, Timestamp, ValueError, VideoCodec, VideoFormat, WarningData,
    WarningMessage, WarningName,
};

/// The names of all events, those of one aggregate together.
pub fn event_names() -> impl Iterator<Item = &'static str> {
    let all = [
        ChannelEvent::NAMES,
        SessionEvent::NAMES,
        AssetEvent::NAMES,
        SessionHealthEvent::NAMES,
        ApiTokenEvent::NAMES,
        ProjectEvent::NAMES,
    ];
    all.into_iter().flatten().copied()
}
