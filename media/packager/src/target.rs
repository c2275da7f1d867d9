//! The rendition's target duration: fixed once, for ever (RFC 8216bis §6.2.1).

use sigma_elementary::CLOCK;

use crate::Settings;

/// What it becomes when key frames are too far apart to wait for the second one, and the most it can be, in seconds.
/// OBS's default are 250 frames: 8.3 s.
const LONGEST: u32 = 10;
/// An interval this much longer than a whole number of seconds counts as that number: 60 frames at 29.97 last 2.002 s.
const TOLERANCE: i64 = CLOCK as i64 / 10;
/// Where playlists have parts, they cannot wait long for the second key frame: this long beyond the segment's length.
const PATIENCE: i64 = CLOCK as i64 / 5;

/// The target duration was fixed at this many seconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Decided(pub(crate) u32);

#[derive(Debug)]
pub(crate) struct TargetDuration {
    decided: Option<u32>,
    /// The mode's segment length.
    least: u32,
    /// How long to wait for the second key frame, in ticks.
    wait: i64,
}

impl TargetDuration {
    pub(crate) fn new(settings: &Settings, decided: Option<u32>) -> Self {
        let segment = i64::from(settings.segment_target_ms) * i64::from(CLOCK) / 1_000;
        let longest = i64::from(LONGEST) * i64::from(CLOCK);
        let wait = if settings.part_target_ms.is_some() { segment + PATIENCE } else { longest };
        Self { decided, least: whole_seconds(segment), wait }
    }

    pub(crate) fn decided(&self) -> Option<u32> {
        self.decided
    }

    /// The longest segment whose duration still rounds to the target duration, in ticks.
    pub(crate) fn longest_segment(&self) -> i64 {
        let seconds = i64::from(self.decided.unwrap_or(LONGEST.max(self.least)));
        seconds * i64::from(CLOCK) + i64::from(CLOCK) / 2 - 1
    }

    /// The first key-frame interval is known. `open`: how long the open segment is by then, which may have begun without a
    /// key frame; it must round to the target duration too.
    pub(crate) fn first_interval(&mut self, ticks: i64, open: i64) -> Option<Decided> {
        let rounded = whole_seconds(open - i64::from(CLOCK) / 2 + 1);
        self.decide(whole_seconds(ticks - TOLERANCE).max(rounded).min(LONGEST))
    }

    /// There are no key frames to wait for.
    pub(crate) fn without_video(&mut self) -> Option<Decided> {
        self.decide(self.least)
    }

    /// This much media has come, and no second key frame.
    pub(crate) fn waited(&mut self, ticks: i64) -> Option<Decided> {
        if ticks >= self.wait { self.decide(LONGEST) } else { None }
    }

    /// The span ends before a second key frame came.
    pub(crate) fn span_ends(&mut self, ticks: i64) -> Option<Decided> {
        self.decide(whole_seconds(ticks).min(LONGEST))
    }

    fn decide(&mut self, seconds: u32) -> Option<Decided> {
        if self.decided.is_some() {
            return None;
        }
        let seconds = seconds.max(self.least);
        self.decided = Some(seconds);
        Some(Decided(seconds))
    }
}

/// Rounded up, at least 1.
fn whole_seconds(ticks: i64) -> u32 {
    let seconds = ticks.max(1).unsigned_abs().div_ceil(u64::from(CLOCK));
    u32::try_from(seconds).unwrap_or(u32::MAX)
}
