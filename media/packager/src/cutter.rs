//! Where parts and segments end. Knows of time and key frames only, not of bytes.

use std::collections::VecDeque;

use sigma_elementary::RandomAccess;

use crate::target::{Decided, TargetDuration};
use crate::{Settings, Warning};

/// Ticks a millisecond.
const MS: i64 = 90;
/// Parts last at least this much of the part target (RFC 8216bis §4.4.4.9), in hundredths.
const LEAST_PART_PERCENT: i64 = 85;
/// How long fragments are where the mode has no parts.
const FRAGMENT_MS: i64 = 1_000;
/// Timestamps in whole milliseconds make frames look this much longer or shorter.
const JITTER: i64 = 2 * MS;
/// A segment that has less room than this before it is too long ends.
const LEAST_ROOM: i64 = 100 * MS;
/// How many of the last key-frame intervals foretell the next one.
const REMEMBERED_INTERVALS: usize = 8;

/// A part ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Cut {
    /// The end of the part: the next one begins here.
    pub(crate) at: i64,
    /// Duration, in ticks.
    pub(crate) duration: i64,
    /// Whether the segment ends as well.
    pub(crate) segment: Option<SegmentCut>,
}

/// A segment ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct SegmentCut {
    pub(crate) duration: i64,
    pub(crate) starts_with_key: bool,
    /// Whether a key frame comes next. False: cut for want of one, or the span ends.
    pub(crate) before_key: bool,
}

/// What the cutter found out from one frame.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Decision {
    Target(u32),
    Cut(Cut),
    Warning(Warning),
}

/// Decides for one span. All times are source ticks.
#[derive(Debug)]
pub(crate) struct Cutter {
    /// Longest part.
    part: i64,
    /// Shortest part that needs no excuse; 0 where the mode has no parts.
    least_part: i64,
    segment_target: i64,
    /// No pictures: every frame is a key frame, segments end by the clock.
    audio_only: bool,
    segment_start: i64,
    segment_key: bool,
    part_start: i64,
    part_key: bool,
    /// The latest frame's start.
    last: i64,
    last_key: Option<i64>,
    intervals: VecDeque<i64>,
    warned_far: bool,
    warned_open: bool,
}

impl Cutter {
    /// `start`: where the span begins; `first`: its first frame's start.
    pub(crate) fn new(
        settings: &Settings,
        start: i64,
        first: i64,
        access: RandomAccess,
        audio_only: bool,
    ) -> Self {
        let part = settings.part_target_ms.map_or(FRAGMENT_MS, i64::from) * MS;
        let closed = access == RandomAccess::Closed;
        Self {
            part,
            least_part: settings.part_target_ms.map_or(0, |_| (part * LEAST_PART_PERCENT + 99) / 100),
            segment_target: i64::from(settings.segment_target_ms) * MS,
            audio_only,
            segment_start: start,
            segment_key: closed,
            part_start: start,
            part_key: closed,
            last: first,
            last_key: closed.then_some(first),
            intervals: VecDeque::new(),
            warned_far: false,
            warned_open: false,
        }
    }

    /// A frame starts at `at`, later than the one before.
    pub(crate) fn frame(
        &mut self,
        at: i64,
        access: RandomAccess,
        target: &mut TargetDuration,
        decisions: &mut Vec<Decision>,
    ) {
        self.advance(at, target, decisions);
        if self.audio_only || access == RandomAccess::No {
            self.cut_early(at, target, decisions);
        } else {
            self.key_frame(at, access == RandomAccess::Closed, target, decisions);
        }
        self.last = self.last.max(at);
    }

    /// Media time has come to `now`, be there a frame or not: ends what cannot reach that far.
    pub(crate) fn advance(&mut self, now: i64, target: &mut TargetDuration, decisions: &mut Vec<Decision>) {
        if let Some(Decided(seconds)) = target.waited(now - self.segment_start) {
            decisions.push(Decision::Target(seconds));
        }
        loop {
            let segment_limit = self.segment_start + target.longest_segment();
            let limit = segment_limit.min(self.part_start + self.part);
            if now <= limit {
                return;
            }
            let frame = self.last > self.part_start && self.last <= limit;
            let long_enough =
                self.last - self.part_start >= self.least_part || self.forced(self.last, target);
            let at = if frame && long_enough {
                self.last
            } else if self.least_part == 0 && limit < segment_limit {
                // No parts in the playlist: a fragment may be as long as its frame.
                if now <= segment_limit {
                    return;
                }
                segment_limit
            } else {
                limit
            };
            self.cut_without_key(at, target, decisions);
        }
    }

    /// The span ends at `end`: so do its last part and segment.
    pub(crate) fn finish(&mut self, end: i64, target: &mut TargetDuration, decisions: &mut Vec<Decision>) {
        self.advance(end, target, decisions);
        let end = end.max(self.part_start);
        self.push_cut(end, true, false, decisions);
    }

    /// Where the open part began.
    pub(crate) fn part_start(&self) -> i64 {
        self.part_start
    }

    /// Where the open segment began.
    pub(crate) fn segment_start(&self) -> i64 {
        self.segment_start
    }

    /// Ends the part at `at` because it holds as much as a part may.
    pub(crate) fn cut_full(&mut self, at: i64, target: &TargetDuration, decisions: &mut Vec<Decision>) {
        if at > self.part_start {
            self.cut_without_key(at, target, decisions);
        }
    }

    /// Whether the segment must end at `at`, key frame or not.
    fn forced(&self, at: i64, target: &TargetDuration) -> bool {
        if self.audio_only {
            // The next part would pass the segment's length, or what the target duration allows: one that another mode fixed.
            let segment = self.segment_target.min(target.longest_segment());
            return at + self.part > self.segment_start + segment;
        }
        at + LEAST_ROOM > self.segment_start + target.longest_segment()
    }

    fn cut_without_key(&mut self, at: i64, target: &TargetDuration, decisions: &mut Vec<Decision>) {
        let segment = self.forced(at, target);
        self.push_cut(at, segment, false, decisions);
        if segment && !self.audio_only && !self.warned_far {
            self.warned_far = true;
            let target_duration = target.decided().unwrap_or_default();
            decisions.push(Decision::Warning(Warning::KeyFramesTooFarApart { target_duration }));
        }
    }

    fn push_cut(&mut self, at: i64, segment: bool, key: bool, decisions: &mut Vec<Decision>) {
        let segment_cut = segment.then(|| SegmentCut {
            duration: at - self.segment_start,
            starts_with_key: self.segment_key,
            before_key: key,
        });
        decisions.push(Decision::Cut(Cut { at, duration: at - self.part_start, segment: segment_cut }));
        let key = key || self.audio_only;
        self.part_start = at;
        self.part_key = key;
        if segment {
            self.segment_start = at;
            self.segment_key = key;
        }
    }

    /// The next frame would not fit any more, as far as frames last as long as the one before: ends the part with no
    /// need to see it.
    fn cut_early(&mut self, at: i64, target: &TargetDuration, decisions: &mut Vec<Decision>) {
        let limit = (self.segment_start + target.longest_segment()).min(self.part_start + self.part);
        let next = at + (at - self.last) - JITTER;
        if at > self.part_start && at - self.part_start >= self.least_part.max(self.part / 2) && next > limit
        {
            self.cut_without_key(at, target, decisions);
        }
    }

    fn key_frame(
        &mut self,
        at: i64,
        closed: bool,
        target: &mut TargetDuration,
        decisions: &mut Vec<Decision>,
    ) {
        if let Some(before) = self.last_key {
            self.intervals.push_back(at - before);
            if self.intervals.len() > REMEMBERED_INTERVALS {
                self.intervals.pop_front();
            }
            if let Some(Decided(seconds)) = target.first_interval(at - before, at - self.segment_start) {
                decisions.push(Decision::Target(seconds));
            }
        }
        self.last_key = Some(at);
        if !closed && !self.warned_open {
            self.warned_open = true;
            decisions.push(Decision::Warning(Warning::OpenGop));
        }
        if at <= self.part_start {
            // It came later than the cut that was made without it.
            self.part_key |= closed && at == self.part_start;
            self.segment_key |= closed && at == self.segment_start;
            return;
        }
        let length = at - self.part_start;
        let longest = self.intervals.iter().copied().max().unwrap_or(0);
        let overshoots = at + longest > self.segment_start + target.longest_segment();
        // (So a segment that was cut for want of a key frame ends at the next one: that interval is remembered.)
        let due = at - self.segment_start >= self.segment_target || overshoots;
        let excused = length >= self.least_part || self.part_key;
        if target.decided().is_some() && (due || (closed && !excused)) {
            self.push_cut(at, true, closed, decisions);
        } else if !closed {
            self.cut_early(at, target, decisions);
        } else if !self.part_key || length >= self.part / 2 {
            self.push_cut(at, false, true, decisions);
        }
    }
}
