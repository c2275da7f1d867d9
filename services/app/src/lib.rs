//! Use cases and process managers: what the platform does with its aggregates.
//!
//! Doors parse, call a use case and present its answer; media nodes ask whether a key may publish and report what
//! happened. Both end in the [`executor`]: load, decide, commit. What follows from an event (deadlines, the repair of
//! a crash between two steps) is done by the process managers that [`App::run`] runs.

mod access;
mod admin_token;
mod api_token;
mod app;
mod assets;
mod authentication;
mod caller;
mod changes;
mod channels;
mod error;
mod events;
pub mod executor;
mod feeds;
pub mod fold;
mod input;
mod key;
mod known;
mod known_feeds;
mod lost_nodes;
mod media;
mod orders;
mod process;
mod projects;
mod read;
mod secrets;
mod sessions;
mod subjects;
mod timeline;
mod tokens;
mod upkeep;
mod vault;
mod warnings;

pub use access::Access;
pub use admin_token::{AdminToken, bearer};
pub use api_token::{API_TOKEN_LENGTH, NoApiToken, Secret};
pub use app::{App, Parts, READ_YOUR_WRITES};
pub use assets::{
    AssetPlayback, Chapter, ClipOf, ClipRange, Cut, CutError, CutPoint, CutRange, Extent, MOST_RANGES,
    NewClip, NotCut, Recorded, Recordings, Run, Shown, Span, Wanted,
};
pub use authentication::Identity;
pub use caller::{Caller, Done, Idempotency, MAX_IDEMPOTENCY_KEY};
pub use changes::{Change, Changes, Lagged};
pub use channels::{ChannelUpdate, ChannelWithKey, NewChannel};
pub use error::{AppError, Denied, FieldError, MediaError, OpenError};
pub use events::{EventFeed, EventFilter, EventPage, EventRange};
pub use key::{NoStreamKey, STREAM_KEY_LENGTH, StreamKey};
pub use media::{
    FeedFacts, FeedGrant, KeyHolder, LossCause, NodeStart, Order, OrderKind, Report, Reported, SessionOnAir,
    WarningReport,
};
pub use orders::Orders;
pub use process::{ProcessError, carry_uses};
pub use read::{
    ApiTokenRow, AssetFilter, AssetRow, ChannelFilter, ChannelOrder, ChannelRow, InputRow, MAX_PAGE,
    MAX_SEARCH, PageKey, ProjectRow, ReadError, ReadModels, SessionFilter, SessionRow, StorageUse, TrimRow,
    Waited, folded_name,
};
pub use sigma_domain::{
    Actor, ActorKind, AssetFailure, AssetKind, AssetState, AssetTitle, ChannelState, Edge, EdgeInit,
    EdgeName, Edges, EndReason, IngestFault, LatencyMode, Personal, ProjectId, Scope, SessionId,
    SessionState, Span as MediaSpan, ValueError,
};
pub use subjects::Subjects;
pub use timeline::{MAX_TIMELINE, TimelineEntry};
pub use tokens::{ApiTokenWithSecret, NewApiToken};
pub use upkeep::COMMANDS_KEPT;
pub use vault::{MASTER_KEY_LENGTH, Vault, VaultError};
