use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// A second of a session's feed as it stands in `sigma.ingest-health.v1`. It is no event: nothing follows from one that is lost.
///
/// A field may be added that can be left out; whatever else changes is another version, with another type beside this one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct IngestHealth {
    /// The session.
    pub session_id: String,
    /// Its channel.
    pub channel_id: String,
    /// The second's end.
    pub at_ms: i64,
    /// Bit/s.
    pub video_bitrate: u64,
    /// Bit/s.
    pub audio_bitrate: u64,
    /// Frames in 1,000 seconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub frame_rate_milli: Option<u32>,
    /// From key frame to key frame.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub key_frame_interval_ms: Option<u32>,
    /// How far audio runs ahead of video.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub av_offset_ms: Option<i32>,
    /// How far the media has fallen behind the clock.
    pub behind_ms: u32,
    /// How long media waited to be packaged.
    pub queue_ms: u32,
    /// The largest step between two frames.
    pub largest_gap_ms: u32,
    /// Frames that are missing.
    pub dropped_frames: u64,
    /// The warnings that stand, oldest first.
    pub warnings: Vec<IngestWarning>,
}

/// A warning that stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct IngestWarning {
    /// As one word.
    pub name: String,
    /// What is wrong and how to mend it.
    pub message: String,
    /// When it was raised.
    pub since_ms: i64,
    /// The numbers that the message is made of.
    pub data: BTreeMap<String, i64>,
}

impl IngestHealth {
    /// The name in `ce_type`.
    pub const NAME: &'static str = "ingest_health";
    /// The version of this shape.
    pub const VERSION: u16 = 1;
}
