//! Watches a session's feeds, one after the other, and tells each second what it was like.

use sigma_elementary::{CLOCK, Media};

use crate::audio::Audio;
use crate::sample::{FeedSeen, Observed, Sample};
use crate::video::Video;
use crate::{SECOND_US, TICKS_A_MS, Thresholds, millis_of_micros};

/// The other track's time is compared while it is this fresh, in microseconds.
const TOGETHER_US: i64 = SECOND_US;
/// A track from which nothing came for so long is not there to be compared.
const QUIET_TRACK_US: i64 = 3 * SECOND_US;
/// How much a second moves the smoothed A/V offset: a quarter of the way.
const SMOOTHING: i64 = 4;
/// The largest A/V offset that is told, in ticks.
const MAX_AV_OFFSET: i64 = 3_600 * CLOCK as i64;

/// The meter of one session. Cheap enough to see every access unit: a few integer operations each.
///
/// It gives a sample a second also while no feed is there, or a feed is silent: with bitrates of nothing.
#[derive(Debug, Clone)]
pub struct Meter {
    silent_bytes: u32,
    feed: Option<Box<Feed>>,
    sampled_us: i64,
    due_us: i64,
}

#[derive(Debug, Clone, Default)]
struct Feed {
    began_us: i64,
    told: bool,
    video: Video,
    audio: Audio,
    offsets: i64,
    compared: i64,
    av_offset: Option<i64>,
}

impl Meter {
    /// A meter without a feed; its first sample comes a second from `now_us`.
    pub fn new(thresholds: &Thresholds, now_us: i64) -> Self {
        Self {
            silent_bytes: thresholds.silent_frame_bytes,
            feed: None,
            sampled_us: now_us,
            due_us: now_us.saturating_add(SECOND_US),
        }
    }

    /// A feed begins; whatever was there before is over. Its timestamps may be of any clock.
    pub fn feed_began(&mut self, now_us: i64) {
        self.feed = Some(Box::new(Feed { began_us: now_us, ..Feed::default() }));
        self.sampled_us = now_us;
        self.due_us = now_us.saturating_add(SECOND_US);
    }

    /// The feed is gone.
    pub fn feed_gone(&mut self) {
        self.feed = None;
    }

    /// Takes what arrived at `arrival_us`. Without a feed it is not counted.
    pub fn push(&mut self, arrival_us: i64, media: &Media) {
        let Some(feed) = &mut self.feed else { return };
        match media {
            Media::VideoConfig(config) => feed.video.configured(config),
            Media::AudioConfig(config) => feed.audio.configured(config),
            Media::Video(unit) => {
                feed.video.picture(unit, arrival_us, &feed.audio.clock);
                feed.compare(arrival_us);
            }
            Media::Audio(unit) => {
                feed.audio.frame(unit, arrival_us, &feed.video.clock, self.silent_bytes);
                feed.compare(arrival_us);
            }
        }
    }

    /// Time passed: an observed second, once one is over. `queue_ms`: how long media waited for the packager in it, at
    /// most.
    pub fn tick(&mut self, now_us: i64, queue_ms: u32) -> Option<Observed> {
        if now_us < self.sampled_us {
            // A clock that went back: what is left of the second is not known.
            self.sampled_us = now_us;
            self.due_us = now_us.saturating_add(SECOND_US);
        }
        if now_us < self.due_us {
            return None;
        }
        let elapsed_us = now_us.saturating_sub(self.sampled_us).max(1);
        self.sampled_us = now_us;
        self.due_us = self.due_us.saturating_add(SECOND_US);
        if self.due_us <= now_us {
            self.due_us = now_us.saturating_add(SECOND_US);
        }
        let mut sample = Sample { at_us: now_us, queue_ms, ..Sample::default() };
        let feed = self.feed.as_mut().map(|feed| feed.second(now_us, elapsed_us, &mut sample));
        Some(Observed { sample, elapsed_us, feed })
    }
}

impl Feed {
    /// Notes how far apart the tracks' decoding times are that arrive together.
    fn compare(&mut self, arrival_us: i64) {
        let (video, audio) = (&self.video.clock, &self.audio.clock);
        if let (Some(picture), Some(frame)) = (video.last(), audio.last())
            && arrival_us.saturating_sub(video.arrived_us().min(audio.arrived_us())) <= TOGETHER_US
        {
            self.offsets += (frame - picture).clamp(-MAX_AV_OFFSET, MAX_AV_OFFSET);
            self.compared += 1;
        }
    }

    fn second(&mut self, now_us: i64, elapsed_us: i64, sample: &mut Sample) -> FeedSeen {
        let video = self.video.second(now_us);
        let audio = self.audio.second(now_us);
        let compared = std::mem::take(&mut self.compared);
        if let Some(mean) = std::mem::take(&mut self.offsets).checked_div(compared) {
            let smoothed = self.av_offset.map_or(mean, |before| before + (mean - before) / SMOOTHING);
            self.av_offset = Some(smoothed);
        }
        let rate = |bytes: u64| bitrate(bytes, elapsed_us);
        sample.video_bitrate = video.map_or(0, |video| rate(video.bytes));
        sample.audio_bitrate = audio.map_or(0, |audio| rate(audio.bytes));
        sample.frame_rate_milli = video.and_then(|video| video.rate_milli);
        sample.key_frame_interval_ms = video.and_then(|video| video.key_interval_ms);
        sample.av_offset_ms = self
            .av_offset
            .filter(|_| video.is_some_and(|video| video.quiet_us <= QUIET_TRACK_US))
            .filter(|_| audio.is_some_and(|audio| audio.quiet_us <= QUIET_TRACK_US))
            .map(|offset| i32::try_from(offset / TICKS_A_MS).unwrap_or(0));
        sample.behind_ms = millis_of_micros(self.behind_us(now_us, elapsed_us));
        let gaps = (video.map_or(0, |seen| seen.largest_gap_ms), audio.map_or(0, |seen| seen.largest_gap_ms));
        sample.largest_gap_ms = gaps.0.max(gaps.1);
        sample.dropped_frames = self.video.cadence.missing();
        let first = !std::mem::replace(&mut self.told, true);
        FeedSeen { first, age_us: now_us.saturating_sub(self.began_us), video, audio }
    }

    /// As far as the track that is least behind: one that shows slides, or has ended, says nothing of the line.
    fn behind_us(&mut self, now_us: i64, elapsed_us: i64) -> i64 {
        let video = self.video.clock.last();
        let audio = self.audio.clock.last();
        let video = video.map(|latest| self.video.lag.behind_us(now_us, elapsed_us, latest));
        let audio = audio.map(|latest| self.audio.lag.behind_us(now_us, elapsed_us, latest));
        video.into_iter().chain(audio).min().unwrap_or(0)
    }
}

fn bitrate(bytes: u64, elapsed_us: i64) -> u64 {
    let bits = u128::from(bytes) * 8 * SECOND_US.unsigned_abs() as u128;
    u64::try_from(bits / u128::from(elapsed_us.unsigned_abs().max(1))).unwrap_or(u64::MAX)
}
