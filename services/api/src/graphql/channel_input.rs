//! What channels are made of and changed by, and what is answered to that.

use async_graphql::{InputObject, MaybeUndefined, SimpleObject};
use sigma_app::{ChannelRow, ChannelUpdate, ChannelWithKey, Done, NewChannel};

use super::channel::{Channel, LatencyMode};

/// What a new channel is to be. The name suffices.
#[derive(InputObject)]
pub(crate) struct CreateChannelInput {
    /// Its name: 1 to 100 characters.
    name: String,
    /// How far behind the camera viewers are: `LOW` unless told.
    latency_mode: Option<LatencyMode>,
    /// Go live with the first playable playlist: true unless told.
    auto_go_live: Option<bool>,
    /// Seconds that a session may last, 60 to 604800: 43200 unless told.
    max_session_duration: Option<i32>,
    /// Seconds that a session whose feed was lost waits, 0 to 3600: 60 unless told.
    reconnect_window: Option<i32>,
    /// Whether an orderly unpublish ends the session at once: true unless told.
    end_on_unpublish: Option<bool>,
    /// Seconds that viewers may rewind, 0 (not at all) to 86400: 7200 unless told.
    dvr_window: Option<i32>,
    /// Whether what the broadcaster sends is kept: true unless told.
    record_source: Option<bool>,
    /// Whether what viewers saw can be seen again after a session's end: true unless told.
    catchup: Option<bool>,
    /// Seconds that source records are kept, 60 to 315360000: until they are deleted unless told.
    source_retention: Option<i32>,
    /// Seconds that catchups are kept, 60 to 315360000: until they are deleted unless told.
    catchup_retention: Option<i32>,
}

/// What is to change of a channel. What is not given stays as it is.
#[derive(InputObject)]
pub(crate) struct UpdateChannelInput {
    /// Its name: 1 to 100 characters.
    name: Option<String>,
    /// How far behind the camera viewers are. Refused while the channel is on air.
    latency_mode: Option<LatencyMode>,
    /// Go live with the first playable playlist. For sessions to come.
    auto_go_live: Option<bool>,
    /// Seconds that a session may last, 60 to 604800. For sessions to come.
    max_session_duration: Option<i32>,
    /// Seconds that a session whose feed was lost waits, 0 to 3600. For sessions to come.
    reconnect_window: Option<i32>,
    /// Whether an orderly unpublish ends the session at once. For sessions to come.
    end_on_unpublish: Option<bool>,
    /// Seconds that viewers may rewind, 0 (not at all) to 86400. For sessions to come.
    dvr_window: Option<i32>,
    /// Whether what the broadcaster sends is kept. Refused while the channel is on air.
    record_source: Option<bool>,
    /// Whether what viewers saw can be seen again after a session's end. For sessions to come.
    catchup: Option<bool>,
    /// Seconds that source records are kept, 60 to 315360000; null: until they are deleted. For those that become READY from
    /// now on.
    source_retention: MaybeUndefined<i32>,
    /// Seconds that catchups are kept, 60 to 315360000; null: until they are deleted. For those that become READY from now on.
    catchup_retention: MaybeUndefined<i32>,
}

/// What became of a channel.
#[derive(SimpleObject)]
pub(crate) struct ChannelPayload {
    /// The channel as it is now; after `deleteChannel`, as it was.
    channel: Channel,
    /// The stream key: only from `createChannel` and `rotateStreamKey`, and only for a token with the scope
    /// `channels:secrets`.
    stream_key: Option<String>,
}

impl ChannelPayload {
    pub(crate) fn plain(done: Done<ChannelRow>) -> Self {
        Self { channel: done.value.into(), stream_key: None }
    }

    /// With the stream key, where the caller may see it.
    pub(crate) fn with_key(done: Done<ChannelWithKey>) -> Self {
        let ChannelWithKey { channel, stream_key } = done.value;
        Self { channel: channel.into(), stream_key: stream_key.map(|key| key.expose().to_owned()) }
    }
}

impl From<CreateChannelInput> for NewChannel {
    fn from(input: CreateChannelInput) -> Self {
        Self {
            name: input.name,
            latency_mode: input.latency_mode.map(Into::into),
            auto_go_live: input.auto_go_live,
            max_session_duration: input.max_session_duration.map(i64::from),
            reconnect_window: input.reconnect_window.map(i64::from),
            end_on_unpublish: input.end_on_unpublish,
            dvr_window: input.dvr_window.map(i64::from),
            record_source: input.record_source,
            catchup: input.catchup,
            source_retention: input.source_retention.map(i64::from),
            catchup_retention: input.catchup_retention.map(i64::from),
        }
    }
}

impl From<UpdateChannelInput> for ChannelUpdate {
    fn from(input: UpdateChannelInput) -> Self {
        Self {
            name: input.name,
            latency_mode: input.latency_mode.map(Into::into),
            auto_go_live: input.auto_go_live,
            max_session_duration: input.max_session_duration.map(i64::from),
            reconnect_window: input.reconnect_window.map(i64::from),
            end_on_unpublish: input.end_on_unpublish,
            dvr_window: input.dvr_window.map(i64::from),
            record_source: input.record_source,
            catchup: input.catchup,
            source_retention: changed(input.source_retention),
            catchup_retention: changed(input.catchup_retention),
        }
    }
}

/// What was said of a setting that may be none: nothing, or what it is to be.
fn changed(said: MaybeUndefined<i32>) -> Option<Option<i64>> {
    match said {
        MaybeUndefined::Undefined => None,
        MaybeUndefined::Null => Some(None),
        MaybeUndefined::Value(seconds) => Some(Some(i64::from(seconds))),
    }
}
