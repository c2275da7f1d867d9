//! Shapes of values inside events. Changing one changes every event that holds it: add another beside it instead.

use serde::{Deserialize, Serialize};
use sigma_domain::{
    AudioCodec, AudioFormat, ChannelSettings, IngestFault, IngestProtocol, InputFormat, LatencyMode,
    LossCause, LossEnd, Personal, Retention, Scope, SealedText, SessionSettings, ValueError, VideoCodec,
    VideoFormat,
};

use crate::error::Flaw;

/// The stored names of a domain enum, apart from the domain's own names for it.
macro_rules! stored_enum {
    ($shape:ident of $domain:ident { $($variant:ident = $stored:literal),* $(,)? }) => {
        #[derive(Debug, Clone, Copy, Serialize, Deserialize)]
        pub(super) enum $shape {
            $(#[serde(rename = $stored)] $variant,)*
        }

        impl From<$domain> for $shape {
            fn from(value: $domain) -> Self {
                match value {
                    $($domain::$variant => Self::$variant,)*
                }
            }
        }

        impl From<$shape> for $domain {
            fn from(shape: $shape) -> Self {
                match shape {
                    $($shape::$variant => Self::$variant,)*
                }
            }
        }
    };
}

pub(super) use stored_enum;

stored_enum!(LatencyModeV1 of LatencyMode { Normal = "NORMAL", Low = "LOW", UltraLow = "ULTRA_LOW" });
stored_enum!(IngestProtocolV1 of IngestProtocol { Rtmp = "RTMP" });
stored_enum!(VideoCodecV1 of VideoCodec { H264 = "H264", Hevc = "HEVC", Av1 = "AV1" });
stored_enum!(AudioCodecV1 of AudioCodec { Aac = "AAC", Opus = "OPUS" });
stored_enum!(LossCauseV1 of LossCause {
    ConnectionBroken = "CONNECTION_BROKEN",
    Silence = "SILENCE",
    Unpublished = "UNPUBLISHED",
    NodeStopped = "NODE_STOPPED",
    NodeRestarted = "NODE_RESTARTED",
});
stored_enum!(LossEndV1 of LossEnd { BroadcasterLeft = "BROADCASTER_LEFT", NodeLost = "NODE_LOST" });
stored_enum!(IngestFaultV1 of IngestFault {
    NoMedia = "NO_MEDIA",
    VideoCodec = "VIDEO_CODEC",
    AudioCodec = "AUDIO_CODEC",
    Malformed = "MALFORMED",
});

/// The scopes that there were while `api_token.created` stood in its first version: read to be taken for what they are.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub(crate) enum ScopeV1 {
    #[serde(rename = "channels:read")]
    ChannelsRead,
    #[serde(rename = "channels:write")]
    ChannelsWrite,
    #[serde(rename = "channels:secrets")]
    ChannelsSecrets,
    #[serde(rename = "sessions:read")]
    SessionsRead,
    #[serde(rename = "sessions:write")]
    SessionsWrite,
    #[serde(rename = "events:read")]
    EventsRead,
    #[serde(rename = "health:read")]
    HealthRead,
    #[serde(rename = "tokens:admin")]
    TokensAdmin,
    #[serde(rename = "platform:admin")]
    PlatformAdmin,
}

stored_enum!(ScopeV2 of Scope {
    ChannelsRead = "channels:read",
    ChannelsWrite = "channels:write",
    ChannelsSecrets = "channels:secrets",
    SessionsRead = "sessions:read",
    SessionsWrite = "sessions:write",
    AssetsRead = "assets:read",
    AssetsWrite = "assets:write",
    EventsRead = "events:read",
    HealthRead = "health:read",
    TokensAdmin = "tokens:admin",
    PlatformAdmin = "platform:admin",
});

/// `{"plain":"…"}`, or `{"sealed":{"keyId":"…","text":"…"}}`.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) enum PersonalV1 {
    Plain(String),
    #[serde(rename_all = "camelCase")]
    Sealed {
        key_id: String,
        text: String,
    },
}

impl<T: std::fmt::Display> From<&Personal<T>> for PersonalV1 {
    fn from(value: &Personal<T>) -> Self {
        match value {
            Personal::Plain(name) => Self::Plain(name.to_string()),
            Personal::Sealed(SealedText { key_id, sealed }) => {
                Self::Sealed { key_id: key_id.clone(), text: sealed.clone() }
            }
        }
    }
}

impl<T: std::str::FromStr<Err = ValueError>> TryFrom<PersonalV1> for Personal<T> {
    type Error = Flaw;

    fn try_from(shape: PersonalV1) -> Result<Self, Flaw> {
        Ok(match shape {
            PersonalV1::Plain(name) => Self::Plain(name.parse()?),
            PersonalV1::Sealed { key_id, text } => Self::Sealed(SealedText { key_id, sealed: text }),
        })
    }
}

/// Settings that came later are left out where they say what held before they were there: these stay what they are, whatever
/// the domain's defaults become.
mod unsaid {
    pub(super) const DVR_WINDOW: u32 = 7_200;

    pub(super) fn dvr_window() -> u32 {
        DVR_WINDOW
    }

    pub(super) fn is_dvr_window(seconds: &u32) -> bool {
        *seconds == DVR_WINDOW
    }

    pub(super) fn yes() -> bool {
        true
    }

    pub(super) fn is_yes(value: &bool) -> bool {
        *value
    }
}

/// Whole seconds; 0: until it is deleted.
pub(super) fn retention_from(seconds: u32) -> Result<Retention, Flaw> {
    Ok(Retention::try_from((seconds > 0).then_some(i64::from(seconds)))?)
}

/// See [`retention_from`].
pub(super) fn retention_to(retention: Retention) -> u32 {
    retention.seconds().unwrap_or(0)
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct ChannelSettingsV1 {
    latency_mode: LatencyModeV1,
    auto_go_live: bool,
    max_session_duration: u32,
    reconnect_window: u32,
    end_on_unpublish: bool,
    #[serde(default = "unsaid::dvr_window", skip_serializing_if = "unsaid::is_dvr_window")]
    dvr_window: u32,
    #[serde(default = "unsaid::yes", skip_serializing_if = "unsaid::is_yes")]
    record_source: bool,
    #[serde(default = "unsaid::yes", skip_serializing_if = "unsaid::is_yes")]
    catchup: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    source_retention: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    catchup_retention: Option<u32>,
}

impl From<&ChannelSettings> for ChannelSettingsV1 {
    fn from(settings: &ChannelSettings) -> Self {
        Self {
            latency_mode: settings.latency_mode.into(),
            auto_go_live: settings.auto_go_live,
            max_session_duration: settings.max_session_duration.seconds(),
            reconnect_window: settings.reconnect_window.seconds(),
            end_on_unpublish: settings.end_on_unpublish,
            dvr_window: settings.dvr_window.seconds(),
            record_source: settings.record_source,
            catchup: settings.catchup,
            source_retention: settings.source_retention.seconds(),
            catchup_retention: settings.catchup_retention.seconds(),
        }
    }
}

impl TryFrom<ChannelSettingsV1> for ChannelSettings {
    type Error = Flaw;

    fn try_from(shape: ChannelSettingsV1) -> Result<Self, Flaw> {
        Ok(Self {
            latency_mode: shape.latency_mode.into(),
            auto_go_live: shape.auto_go_live,
            max_session_duration: shape.max_session_duration.try_into()?,
            reconnect_window: shape.reconnect_window.try_into()?,
            end_on_unpublish: shape.end_on_unpublish,
            dvr_window: shape.dvr_window.try_into()?,
            record_source: shape.record_source,
            catchup: shape.catchup,
            source_retention: retention_from(shape.source_retention.unwrap_or(0))?,
            catchup_retention: retention_from(shape.catchup_retention.unwrap_or(0))?,
        })
    }
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct SessionSettingsV1 {
    latency_mode: LatencyModeV1,
    auto_go_live: bool,
    max_session_duration: u32,
    reconnect_window: u32,
    end_on_unpublish: bool,
    #[serde(default = "unsaid::dvr_window", skip_serializing_if = "unsaid::is_dvr_window")]
    dvr_window: u32,
    #[serde(default = "unsaid::yes", skip_serializing_if = "unsaid::is_yes")]
    record_source: bool,
    #[serde(default = "unsaid::yes", skip_serializing_if = "unsaid::is_yes")]
    catchup: bool,
}

impl From<&SessionSettings> for SessionSettingsV1 {
    fn from(settings: &SessionSettings) -> Self {
        Self {
            latency_mode: settings.latency_mode.into(),
            auto_go_live: settings.auto_go_live,
            max_session_duration: settings.max_session_duration.seconds(),
            reconnect_window: settings.reconnect_window.seconds(),
            end_on_unpublish: settings.end_on_unpublish,
            dvr_window: settings.dvr_window.seconds(),
            record_source: settings.record_source,
            catchup: settings.catchup,
        }
    }
}

impl TryFrom<SessionSettingsV1> for SessionSettings {
    type Error = Flaw;

    fn try_from(shape: SessionSettingsV1) -> Result<Self, Flaw> {
        Ok(Self {
            latency_mode: shape.latency_mode.into(),
            auto_go_live: shape.auto_go_live,
            max_session_duration: shape.max_session_duration.try_into()?,
            reconnect_window: shape.reconnect_window.try_into()?,
            end_on_unpublish: shape.end_on_unpublish,
            dvr_window: shape.dvr_window.try_into()?,
            record_source: shape.record_source,
            catchup: shape.catchup,
        })
    }
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct InputV1 {
    protocol: IngestProtocolV1,
    #[serde(skip_serializing_if = "Option::is_none")]
    video: Option<VideoV1>,
    #[serde(skip_serializing_if = "Option::is_none")]
    audio: Option<AudioV1>,
    #[serde(skip_serializing_if = "Option::is_none")]
    bitrate: Option<u64>,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct VideoV1 {
    codec: VideoCodecV1,
    width: u32,
    height: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    frame_rate_milli: Option<u32>,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct AudioV1 {
    codec: AudioCodecV1,
    sample_rate: u32,
    channels: u8,
}

impl From<&InputFormat> for InputV1 {
    fn from(input: &InputFormat) -> Self {
        Self {
            protocol: input.protocol().into(),
            video: input.video().map(|video| VideoV1 {
                codec: video.codec.into(),
                width: video.width,
                height: video.height,
                frame_rate_milli: video.frame_rate_milli,
            }),
            audio: input.audio().map(|audio| AudioV1 {
                codec: audio.codec.into(),
                sample_rate: audio.sample_rate,
                channels: audio.channels,
            }),
            bitrate: input.bitrate(),
        }
    }
}

impl TryFrom<InputV1> for InputFormat {
    type Error = Flaw;

    fn try_from(shape: InputV1) -> Result<Self, Flaw> {
        let video = shape.video.map(|video| VideoFormat {
            codec: video.codec.into(),
            width: video.width,
            height: video.height,
            frame_rate_milli: video.frame_rate_milli,
        });
        let audio = shape.audio.map(|audio| AudioFormat {
            codec: audio.codec.into(),
            sample_rate: audio.sample_rate,
            channels: audio.channels,
        });
        Ok(Self::new(shape.protocol.into(), video, audio, shape.bitrate)?)
    }
}
