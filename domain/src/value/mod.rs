//! Values that are right by construction: parsed once, at the edge.

mod actor;
mod api_token;
mod coded;
mod duration;
mod error;
mod ids;
mod input;
mod name;
mod personal;
mod settings;
mod span;
mod time;
mod warning;

pub use actor::{Actor, ActorKind};
pub use api_token::{ApiTokenGrant, ApiTokenPrefix, Scope};
pub use duration::{DvrWindow, KeyOverlap, MaxSessionDuration, ReconnectWindow, Retention, RetentionTime};
pub use error::ValueError;
pub use ids::{
    ApiTokenId, AssetId, ChannelId, CommandId, CorrelationId, FeedNumber, NodeId, PlaybackId, ProjectId,
    SessionId,
};
pub use input::{AudioCodec, AudioFormat, IngestProtocol, InputFormat, VideoCodec, VideoFormat};
pub use name::{ApiTokenName, AssetTitle, ChannelName, ProjectName};
pub use personal::{Personal, SealedText};
pub use settings::{ChannelSettings, LatencyMode, SessionSettings};
pub use span::{Span, Spans};
pub use time::Timestamp;
pub use warning::{WarningData, WarningMessage, WarningName};

pub(crate) use coded::coded;
