//! Use cases and process managers: what the platform does with its aggregates.
//!
//! Doors parse, call a use case and present its answer; media nodes ask whether a key may publish and report what
//! happened. Both end in the [`executor`]: load, decide, commit. What follows from an event (deadlines, the repair of
//! a crash between two steps) is the process managers' ([`process`]).

mod caller;
mod error;
mod key;
mod media;
mod read;

pub use caller::{Caller, Done, Idempotency, MAX_IDEMPOTENCY_KEY};
pub use error::{AppError, Denied, FieldError, MediaError, OpenError};
pub use key::{NoStreamKey, STREAM_KEY_LENGTH, StreamKey};
pub use media::{
    FeedFacts, FeedGrant, KeyHolder, LossCause, NodeStart, Order, OrderKind, Report, Reported, SessionOnAir,
};
pub use read::{
    ChannelFilter, ChannelRow, InputRow, MAX_PAGE, MAX_SEARCH, PageKey, ReadError, ReadModels, SessionFilter,
    SessionRow, Waited,
};
pub use sigma_domain::{Actor, ActorKind, ChannelState, EndReason, LatencyMode, ProjectId, SessionState};
