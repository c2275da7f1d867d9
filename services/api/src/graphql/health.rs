//! What a session's feed is like, second by second, and the port through which the media plane tells it.

use std::collections::BTreeMap;
use std::sync::Arc;

use async_graphql::{Json, Object, SimpleObject};
use futures_util::stream::BoxStream;

use super::errors::Fault;
use super::scalars::{DateTime, Long};

/// Seconds that `recentHealth` looks back unless told.
const RECENT: i32 = 300;
/// Seconds that `recentHealth` looks back at most.
const MOST_RECENT: i32 = 900;

/// One second of a feed, as the media plane measured it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HealthSample {
    /// The end of the second: milliseconds since the Unix epoch.
    pub at_ms: i64,
    /// Bit/s.
    pub video_bitrate: u64,
    /// Bit/s.
    pub audio_bitrate: u64,
    /// Frames in 1,000 seconds; none without video.
    pub frame_rate_milli: Option<u32>,
    /// From key frame to key frame: the latest interval, or the one that runs where it is longer already; none while it is
    /// not known.
    pub key_frame_interval_ms: Option<u32>,
    /// How far audio runs ahead of video (positive) or behind it (negative).
    pub av_offset_ms: Option<i32>,
    /// How far the media has fallen behind the wall clock since the feed began.
    pub behind_ms: u32,
    /// How long media waited between the socket and the packager, at most.
    pub queue_ms: u32,
    /// The largest step between the decode times of two neighbouring frames.
    pub largest_gap_ms: u32,
    /// Frames that are missing by the timestamps, since the feed began.
    pub dropped_frames: u64,
    /// Warnings that stand now.
    pub warnings: Arc<[StandingWarning]>,
}

/// A warning that was raised and not cleared yet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StandingWarning {
    /// As one word, `KEY_FRAME_INTERVAL_LONG`.
    pub name: String,
    /// What is wrong and how to mend it, in English.
    pub message: String,
    /// When it was raised: milliseconds since the Unix epoch.
    pub since_ms: i64,
    /// The numbers that the message is made of.
    pub data: BTreeMap<String, i64>,
}

/// The health of feeds, as the media plane knows it. The binary fits the node to it.
pub trait IngestHealth: Send + Sync {
    /// The newest sample of a session that is on air here.
    fn latest(&self, session: &str) -> Option<HealthSample>;

    /// The samples of a session's last seconds, oldest first; after its end for as long as the node remembers it.
    fn recent(&self, session: &str, seconds: u32) -> Vec<HealthSample>;

    /// Samples as they are measured, beginning with the newest that there is, until the session leaves this node.
    /// A follower that does not keep up misses samples; it is never sent old ones. None where it is not on air here.
    fn follow(&self, session: &str) -> Option<BoxStream<'static, HealthSample>>;
}

/// For a process without a media plane: nothing is ever on air.
#[derive(Clone, Copy, Debug, Default)]
pub struct NothingOnAir;

impl IngestHealth for NothingOnAir {
    fn latest(&self, _session: &str) -> Option<HealthSample> {
        None
    }

    fn recent(&self, _session: &str, _seconds: u32) -> Vec<HealthSample> {
        Vec::new()
    }

    fn follow(&self, _session: &str) -> Option<BoxStream<'static, HealthSample>> {
        None
    }
}

/// What a feed is like: one second of it.
pub(crate) struct Health(pub(crate) HealthSample);

/// What a feed is like: one second of it.
#[Object(name = "IngestHealth")]
impl Health {
    /// The end of the second that was measured.
    async fn at(&self) -> DateTime {
        DateTime::from_millis(self.0.at_ms)
    }

    /// Video that came in, in bit/s.
    async fn video_bitrate(&self) -> Long {
        self.0.video_bitrate.into()
    }

    /// Audio that came in, in bit/s.
    async fn audio_bitrate(&self) -> Long {
        self.0.audio_bitrate.into()
    }

    /// Frames a second; null without video.
    async fn frame_rate(&self) -> Option<f64> {
        self.0.frame_rate_milli.map(thousandths)
    }

    /// Seconds from key frame to key frame: the latest interval, or the one that runs where it is longer already. Null while it
    /// is not known.
    async fn key_frame_interval(&self) -> Option<f64> {
        self.0.key_frame_interval_ms.map(thousandths)
    }

    /// Milliseconds that audio runs ahead of video; less than 0 where it lags. Null unless both come.
    async fn av_offset_ms(&self) -> Option<i32> {
        self.0.av_offset_ms
    }

    /// Milliseconds that the media has fallen behind the clock since the feed began: it grows where the network carries
    /// less than the encoder sends.
    async fn behind_ms(&self) -> u32 {
        self.0.behind_ms
    }

    /// Milliseconds that media waited to be packaged, at most.
    async fn queue_ms(&self) -> u32 {
        self.0.queue_ms
    }

    /// The largest step between two neighbouring frames' decode times, in milliseconds.
    async fn largest_gap_ms(&self) -> u32 {
        self.0.largest_gap_ms
    }

    /// Frames that are missing by their timestamps, since the feed began.
    async fn dropped_frames(&self) -> Long {
        self.0.dropped_frames.into()
    }

    /// The warnings that stand now, the oldest first.
    async fn warnings(&self) -> Vec<IngestWarning> {
        self.0.warnings.iter().map(IngestWarning::from).collect()
    }
}

/// Something that a broadcaster should mend, while it lasts.
#[derive(SimpleObject)]
pub(crate) struct IngestWarning {
    /// What it is, as one word: `KEY_FRAME_INTERVAL_LONG`, `BITRATE_UNSTABLE`, `BITRATE_FALLING`, `FRAME_RATE_LOW`,
    /// `TIMESTAMPS_JUMP`, `NO_AUDIO`, `AUDIO_SILENT`, `AV_DRIFT`, `B_FRAMES`, `FALLING_BEHIND` or `UNUSUAL_CODEC`. More may
    /// come: show the message of one that you do not know.
    name: String,
    /// What is wrong and how to mend it, in English.
    message: String,
    /// When it was raised.
    since: DateTime,
    /// The numbers that the message is made of, by name: for who says it in another language.
    data: Json<BTreeMap<String, i64>>,
}

impl From<&StandingWarning> for IngestWarning {
    fn from(warning: &StandingWarning) -> Self {
        let StandingWarning { name, message, since_ms, data } = warning.clone();
        Self { name, message, since: DateTime::from_millis(since_ms), data: Json(data) }
    }
}

/// Thousandths of a unit are as much as is measured.
fn thousandths(milli: u32) -> f64 {
    f64::from(milli) / 1_000.0
}

/// How far `recentHealth` looks back.
pub(crate) fn recent_seconds(asked: Option<i32>) -> Result<u32, Fault> {
    match asked.unwrap_or(RECENT) {
        fit @ 1..=MOST_RECENT => Ok(fit.unsigned_abs()),
        other => Err(Fault::field("seconds", format!("seconds must be 1 to {MOST_RECENT}, not {other}"))),
    }
}

/// How much that counts for in a request's complexity: samples lie in memory, ten for the price of one row.
pub(crate) fn recent_weight(asked: Option<i32>) -> usize {
    usize::try_from(asked.unwrap_or(RECENT).clamp(1, MOST_RECENT) / 10).unwrap_or(1).max(1)
}
