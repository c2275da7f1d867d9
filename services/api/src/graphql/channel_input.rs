//! What channels are made of and changed by, and what is answered to that.

use async_graphql::{InputObject, SimpleObject};
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
            ..Self::default()
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
            ..Self::default()
        }
    }
}
