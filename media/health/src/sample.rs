//! One second of a feed.

use crate::TICKS_A_MS;

/// What a feed was like in one second, for charts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Sample {
    /// The second's end: microseconds since 1970.
    pub at_us: i64,
    /// Video that arrived, bit/s.
    pub video_bitrate: u64,
    /// Audio that arrived, bit/s.
    pub audio_bitrate: u64,
    /// Pictures in 1,000 s by their timestamps, over the last 3 s. None: there is no video, or too little yet.
    pub frame_rate_milli: Option<u32>,
    /// From key frame to key frame: the latest interval, or the one that runs where it is longer already. None: not
    /// known yet.
    pub key_frame_interval_ms: Option<u32>,
    /// Decoding time of the audio minus that of the video that arrives with it, smoothed. As EBU R37 has it, positive:
    /// sound is ahead of its pictures. None: there are not both.
    pub av_offset_ms: Option<i32>,
    /// How far the media clock has fallen behind the wall clock since the feed began.
    pub behind_ms: u32,
    /// How long media waited between the socket and the packager, at most.
    pub queue_ms: u32,
    /// The largest step of decoding time from one unit to the next of its track.
    pub largest_gap_ms: u32,
    /// Pictures missing by the timestamps since the feed began.
    pub dropped_frames: u64,
}

/// One second as the rules want to know it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Observed {
    /// For the charts.
    pub sample: Sample,
    /// How long it was, in microseconds.
    pub elapsed_us: i64,
    /// None: no feed is there.
    pub(crate) feed: Option<FeedSeen>,
}

/// What the rules know of the feed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct FeedSeen {
    /// The first second since it began.
    pub(crate) first: bool,
    pub(crate) age_us: i64,
    pub(crate) video: Option<VideoSeen>,
    pub(crate) audio: Option<AudioSeen>,
}

impl FeedSeen {
    /// For how long nothing at all has come.
    pub(crate) fn quiet_us(&self) -> i64 {
        let video = self.video.map_or(self.age_us, |video| video.quiet_us);
        let audio = self.audio.map_or(self.age_us, |audio| audio.quiet_us);
        video.min(audio)
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct VideoSeen {
    pub(crate) bytes: u64,
    pub(crate) pictures: u32,
    pub(crate) quiet_us: i64,
    pub(crate) irregular: Irregular,
    pub(crate) largest_gap_ms: u32,
    pub(crate) reorder_ms: u32,
    pub(crate) key_interval_ms: Option<u32>,
    pub(crate) rate_milli: Option<u32>,
    pub(crate) own_rate_milli: Option<u32>,
    pub(crate) unusual: Option<UnusualVideo>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct AudioSeen {
    pub(crate) bytes: u64,
    pub(crate) frames: u32,
    pub(crate) silent: u32,
    pub(crate) quiet_us: i64,
    pub(crate) irregular: Irregular,
    pub(crate) largest_gap_ms: u32,
    pub(crate) opus: bool,
}

/// Video that many players cannot show. The numbers stand in warnings' data.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum UnusualVideo {
    Hevc = 1,
    Av1 = 2,
    TenBit = 3,
    Chroma422 = 4,
    Chroma444 = 5,
    Interlaced = 6,
    OpenGop = 7,
}

/// Steps of the timestamps that the wall clock did not make with them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Irregular {
    /// The largest one forward, beyond what the wall clock moved.
    pub(crate) ahead_ms: i64,
    /// The largest one back.
    pub(crate) back_ms: i64,
}

impl Irregular {
    /// A unit came `ticks` after the one before on its own clock, and `waited` ticks after it on ours.
    pub(crate) fn stepped(&mut self, ticks: i64, waited: i64) {
        if ticks < 0 {
            self.back_ms = self.back_ms.max(-ticks / TICKS_A_MS);
        } else {
            self.ahead_ms = self.ahead_ms.max((ticks - waited) / TICKS_A_MS);
        }
    }

    /// The same for a unit of nowhere near.
    pub(crate) fn jumped(&mut self, by: i64, waited: i64) {
        self.stepped(by.clamp(-i64::MAX / 2, i64::MAX / 2), waited);
    }

    /// The larger of both tracks' steps.
    pub(crate) fn or(self, other: Self) -> Self {
        Self { ahead_ms: self.ahead_ms.max(other.ahead_ms), back_ms: self.back_ms.max(other.back_ms) }
    }
}
