//! What each rule says of a second, and what it must remember for that.

use std::collections::VecDeque;

use super::bitrate::History;
use super::{Note, Verdict};
use crate::sample::{FeedSeen, UnusualVideo};
use crate::warning::{Data, WarningName};
use crate::{Mode, Observed, SECOND_US, Sample, Thresholds};

/// A feed of which nothing came for so long cannot be judged, in microseconds.
const QUIET: i64 = 2 * SECOND_US;
/// What happens at a moment counts as standing for so long, in microseconds.
const HOLDS: i64 = 20 * SECOND_US;
/// Seconds of which the longest key-frame interval counts: a scene cut between two key frames is none that helps.
const KEY_FRAME_SECONDS: usize = 10;
/// Key-frame intervals may be longer than the limit by a twentieth: 2.002 s at 29.97 frames a second.
const KEY_FRAME_SLACK: u32 = 20;
/// A feed's first seconds in which its frame rate is not judged, in microseconds.
const FRAMES_SETTLE: i64 = 10 * SECOND_US;
/// A step back of the timestamps that is more than disorder, in milliseconds.
const BACK_MS: i64 = 100;
/// Seconds in which a feed that is behind must fall further back to be one that cannot keep up: a single stall that is never
/// made up for harms nobody.
const BEHIND_SECONDS: usize = 60;
/// By how much it must, in milliseconds: 1/300 of the time.
const FALLS_MS: u32 = 200;
/// Of the frames of a silent second at least this share, in hundredths, is silent.
const SILENT_SHARE: u32 = 95;

/// What happened at a moment, with its number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Event {
    since_us: i64,
    number: i64,
}

/// The judge of a session's seconds.
#[derive(Debug, Clone)]
pub(super) struct Judge {
    mode: Mode,
    thresholds: Thresholds,
    bitrates: History,
    key_intervals: VecDeque<u32>,
    behind: VecDeque<u32>,
    silent_us: i64,
    jumped: Option<Event>,
    reanchored: Option<Event>,
    cut: Option<Event>,
    open_gop: bool,
    /// Microseconds of seconds that were judged: events count by it, so that they wait while nothing comes.
    judged_us: i64,
}

impl Judge {
    pub(super) fn new(mode: Mode, thresholds: Thresholds) -> Self {
        Self {
            mode,
            thresholds,
            bitrates: History::default(),
            key_intervals: VecDeque::new(),
            behind: VecDeque::new(),
            silent_us: 0,
            jumped: None,
            reanchored: None,
            cut: None,
            open_gop: false,
            judged_us: 0,
        }
    }

    pub(super) fn note(&mut self, note: Note) {
        let event = |number: i64| Some(Event { since_us: self.judged_us, number });
        match note {
            Note::KeyFramesTooFarApart { limit_ms } => self.cut = event(limit_ms.into()),
            Note::OpenGop => self.open_gop = true,
            Note::TimestampsJumped { by_ms } => self.jumped = event(by_ms),
            Note::AudioReanchored { by_ms } => self.reanchored = event(by_ms),
        }
    }

    /// The verdicts, in the order of [`WarningName::ALL`].
    pub(super) fn second(&mut self, observed: &Observed) -> [Verdict; WarningName::ALL.len()] {
        let Some(feed) = observed.feed else { return [const { Verdict::Unknown }; WarningName::ALL.len()] };
        if feed.first {
            self.forget_feed();
        }
        if feed.quiet_us() >= QUIET {
            return [const { Verdict::Unknown }; WarningName::ALL.len()];
        }
        self.judged_us += observed.elapsed_us;
        self.remember(observed, &feed);
        let sample = &observed.sample;
        WarningName::ALL.map(|name| match name {
            WarningName::KeyFrameIntervalLong => self.key_frames(&feed),
            WarningName::BitrateUnstable => {
                verdict(self.bitrates.swing(self.thresholds.bitrate_swing_percent))
            }
            WarningName::BitrateFalling => verdict(self.bitrates.fall(self.thresholds.bitrate_fall_percent)),
            WarningName::FrameRateLow => self.frame_rate(&feed, sample),
            WarningName::TimestampsJump => {
                verdict(self.lately(self.jumped).map(|by_ms| Data::from([("byMs", by_ms)])))
            }
            WarningName::NoAudio => self.no_audio(&feed),
            WarningName::AudioSilent => self.silent(&feed),
            WarningName::AvDrift => self.drift(&feed, sample),
            WarningName::BFrames => self.b_frames(&feed),
            WarningName::FallingBehind => self.falling_behind(sample),
            WarningName::UnusualCodec => self.unusual(&feed),
        })
    }

    /// A new feed: what the one before did says nothing of it. Its standing warnings stay until this one did better.
    fn forget_feed(&mut self) {
        *self = Self { judged_us: self.judged_us, ..Self::new(self.mode, self.thresholds) };
    }

    fn remember(&mut self, observed: &Observed, feed: &FeedSeen) {
        let sample = &observed.sample;
        self.bitrates.second(sample.video_bitrate.saturating_add(sample.audio_bitrate) / 1_000);
        if let Some(interval) = sample.key_frame_interval_ms {
            push(&mut self.key_intervals, interval, KEY_FRAME_SECONDS);
        }
        push(&mut self.behind, sample.behind_ms, BEHIND_SECONDS);
        let irregular = match (feed.video, feed.audio) {
            (Some(video), Some(audio)) => video.irregular.or(audio.irregular),
            (video, audio) => {
                let audio = audio.map(|audio| audio.irregular);
                video.map(|video| video.irregular).or(audio).unwrap_or_default()
            }
        };
        let jumped_ms = if irregular.back_ms > BACK_MS {
            Some(-irregular.back_ms)
        } else {
            Some(irregular.ahead_ms).filter(|ahead| *ahead >= self.thresholds.timestamp_gap_ms.into())
        };
        if let Some(number) = jumped_ms {
            self.jumped = Some(Event { since_us: self.judged_us, number });
        }
        if let Some(audio) = feed.audio.filter(|audio| audio.frames > 0) {
            let silent = u64::from(audio.silent) * 100 >= u64::from(audio.frames) * u64::from(SILENT_SHARE);
            self.silent_us = if silent { self.silent_us + observed.elapsed_us } else { 0 };
        }
    }

    /// The number of what happened lately.
    fn lately(&self, event: Option<Event>) -> Option<i64> {
        event.filter(|event| self.judged_us - event.since_us < HOLDS).map(|event| event.number)
    }

    fn key_frames(&self, feed: &FeedSeen) -> Verdict {
        if feed.video.is_none() {
            return Verdict::Well;
        }
        let allowed = self.thresholds.key_frame_interval_s.unwrap_or(self.mode.key_frame_interval_s());
        let allowed_ms = allowed.saturating_mul(1_000);
        let cut = self.lately(self.cut);
        let Some(longest) = self.key_intervals.iter().copied().max().map(i64::from).max(cut) else {
            return Verdict::Unknown;
        };
        let limit = i64::from(allowed_ms);
        if longest <= limit + limit / i64::from(KEY_FRAME_SLACK) && cut.is_none() {
            return Verdict::Well;
        }
        let suggest = match self.mode {
            Mode::UltraLow => 1,
            Mode::Normal | Mode::Low => i64::from(allowed.clamp(1, 2)),
        };
        Verdict::Bad(Data::from([
            ("intervalMs", longest),
            ("limitMs", limit),
            ("suggestSeconds", suggest),
            ("mode", self.mode as i64),
        ]))
    }

    fn frame_rate(&self, feed: &FeedSeen, sample: &Sample) -> Verdict {
        let Some(video) = feed.video else { return Verdict::Well };
        if feed.age_us < FRAMES_SETTLE {
            return Verdict::Unknown;
        }
        // Who shows slides, or what changes, has no rate of his own.
        let Some(own) = video.own_rate_milli else { return Verdict::Well };
        let Some(rate) = sample.frame_rate_milli else { return Verdict::Unknown };
        let least = u64::from(own) * u64::from(100 - self.thresholds.frame_rate_loss_percent.min(100)) / 100;
        if u64::from(rate) >= least {
            return Verdict::Well;
        }
        Verdict::Bad(Data::from([
            ("rateMilli", rate.into()),
            ("ownMilli", own.into()),
            ("droppedFrames", i64::try_from(sample.dropped_frames).unwrap_or(i64::MAX)),
        ]))
    }

    fn no_audio(&self, feed: &FeedSeen) -> Verdict {
        let without_us = feed.audio.map_or(feed.age_us, |audio| audio.quiet_us);
        if without_us < i64::from(self.thresholds.no_audio_s) * SECOND_US {
            // A feed that has begun just now is not known to have sound.
            return if feed.audio.is_some() { Verdict::Well } else { Verdict::Unknown };
        }
        let heard = i64::from(feed.audio.is_some());
        Verdict::Bad(Data::from([("seconds", without_us / SECOND_US), ("heard", heard)]))
    }

    fn silent(&self, feed: &FeedSeen) -> Verdict {
        match feed.audio {
            Some(audio) if audio.frames > 0 && self.silent_us > 0 => {
                Verdict::Bad(Data::from([("seconds", self.silent_us / SECOND_US)]))
            }
            Some(audio) if audio.frames > 0 => Verdict::Well,
            _ => Verdict::Unknown,
        }
    }

    fn drift(&self, feed: &FeedSeen, sample: &Sample) -> Verdict {
        let offset = sample.av_offset_ms.map(i64::from);
        let far = offset.filter(|offset| offset.abs() > self.thresholds.av_offset_ms.into());
        match far.or(self.lately(self.reanchored)) {
            Some(offset) => Verdict::Bad(Data::from([("offsetMs", offset)])),
            None if offset.is_some() || feed.video.is_none() || feed.audio.is_none() => Verdict::Well,
            None => Verdict::Unknown,
        }
    }

    fn b_frames(&self, feed: &FeedSeen) -> Verdict {
        match feed.video {
            Some(video) if self.mode == Mode::UltraLow && video.reorder_ms >= self.thresholds.reorder_ms => {
                Verdict::Bad(Data::from([("reorderMs", video.reorder_ms.into())]))
            }
            // The order of a picture or two a second tells nothing.
            Some(video) if video.pictures < 3 => Verdict::Unknown,
            _ => Verdict::Well,
        }
    }

    fn falling_behind(&self, sample: &Sample) -> Verdict {
        let nearest = self.behind.iter().copied().min().unwrap_or(0);
        let falls = sample.behind_ms.saturating_sub(nearest) >= FALLS_MS;
        if sample.behind_ms < self.thresholds.behind_ms || !falls {
            return Verdict::Well;
        }
        let arrives = i64::try_from(self.bitrates.now()).unwrap_or(i64::MAX);
        Verdict::Bad(Data::from([
            ("behindMs", sample.behind_ms.into()),
            ("arrivesKbps", arrives),
            ("suggestKbps", arrives / 5 * 4),
        ]))
    }

    fn unusual(&self, feed: &FeedSeen) -> Verdict {
        let open_gop = self.open_gop.then_some(UnusualVideo::OpenGop);
        let video = feed.video.and_then(|video| video.unusual.or(open_gop));
        let audio = i64::from(feed.audio.is_some_and(|audio| audio.opus));
        let video = video.map_or(0, |video| video as i64);
        if !self.thresholds.unusual_codec || (video, audio) == (0, 0) {
            return Verdict::Well;
        }
        Verdict::Bad(Data::from([("video", video), ("audio", audio)]))
    }
}

fn verdict(found: Option<Data>) -> Verdict {
    found.map_or(Verdict::Well, Verdict::Bad)
}

fn push(seconds: &mut VecDeque<u32>, second: u32, most: usize) {
    if seconds.len() >= most {
        seconds.pop_front();
    }
    seconds.push_back(second);
}
