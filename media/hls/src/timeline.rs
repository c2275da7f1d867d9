//! The fold of a rendition's entries: what is listed, what can still be fetched, and from when to when.

mod reading;
mod segment;

use std::collections::VecDeque;

use sigma_log::Entry;

use crate::bandwidth::Rates;
use crate::{CLOCK, Profile, ticks_of_ms, us_of_ticks};

pub use segment::{Init, Part, Segment, View};

/// How many segments with media the live window keeps at least (rule 15; HAS 8.11). Gaps do not count, so that a
/// long loss of the feed leaves something to play and, at its end, something to close with.
const MIN_SEGMENTS: usize = 6;
/// Whole segments whose parts are listed, beside the one being written: three target durations as the strictest reader
/// counts them (hls-parser takes each segment for one, that being written too).
pub const SEGMENTS_WITH_PARTS: u64 = 2;
/// The most segments that are ever listed, whatever the window.
pub(crate) const MAX_LISTED: usize = 4_096;
/// The most segments that are remembered, listed or not. Older ones are the log's.
const MAX_KEPT: usize = 2 * MAX_LISTED;

/// A rendition as its log tells it. Memory holds the live window and what was listed so lately that it must stay
/// fetchable (rules 14 and 18).
#[derive(Clone, Debug)]
pub struct Timeline {
    profile: Profile,
    version: u64,
    /// When it last changed, by the clock of [`Timeline::apply`].
    changed_us: i64,
    target: Option<u32>,
    inits: VecDeque<Init>,
    used_init: Option<u32>,
    /// Whole segments, oldest first; those before `listed` were removed from the window.
    segments: VecDeque<Segment>,
    listed: usize,
    listed_ticks: u64,
    listed_media: usize,
    longest_ticks: u64,
    open: Option<Segment>,
    next_msn: u64,
    /// Ticks of all whole segments of the session, gaps included.
    position: u64,
    /// The first segment whose parts are still listed.
    parts_from: u64,
    discontinuities: u64,
    discontinuity_next: bool,
    anchor_us: Option<i64>,
    since_anchor: u64,
    live_from: Option<u64>,
    independent: bool,
    rates: Rates,
    ended: bool,
}

impl Timeline {
    /// The timeline of an empty log.
    pub fn new(profile: Profile) -> Self {
        Self {
            profile,
            version: 0,
            changed_us: i64::MIN,
            target: None,
            inits: VecDeque::new(),
            used_init: None,
            segments: VecDeque::new(),
            listed: 0,
            listed_ticks: 0,
            listed_media: 0,
            longest_ticks: 0,
            open: None,
            next_msn: 0,
            position: 0,
            parts_from: 0,
            discontinuities: 0,
            discontinuity_next: false,
            anchor_us: None,
            since_anchor: 0,
            live_from: None,
            independent: true,
            rates: Rates::default(),
            ended: false,
        }
    }

    /// The timeline of a log that was read back at `now_us` (any clock that only goes forward, as for
    /// [`Timeline::apply`]).
    pub fn fold(profile: Profile, entries: &[Entry], now_us: i64) -> Self {
        let mut timeline = Self::new(profile);
        for entry in entries {
            timeline.apply(entry, now_us);
        }
        timeline.date_back(now_us);
        timeline
    }

    /// A log has no times of listing. Media came in as fast as it plays, so a segment is at least as old as the media behind
    /// the next one (which may have been written and never shown); a gap may have been filled at one stroke, and says nothing.
    fn date_back(&mut self, now_us: i64) {
        let mut behind = self.open.as_ref().filter(|open| !open.gap).map_or(0, |open| open.duration);
        let mut behind_next = 0;
        for segment in self.segments.iter_mut().rev() {
            segment.listed_at_us = now_us.saturating_sub(us_of_ticks(behind_next));
            behind_next = behind;
            behind += if segment.gap { 0 } else { segment.duration };
        }
    }

    /// Takes in the next entry, at `now_us` microseconds of any clock that only goes forward. Entries that belong
    /// together (those of one call of the rendition) are to be applied before anyone reads. An entry that does not
    /// follow on the last changes nothing.
    pub fn apply(&mut self, entry: &Entry, now_us: i64) {
        if self.ended {
            return;
        }
        match entry {
            Entry::Target { seconds } => {
                self.target.get_or_insert(*seconds);
            }
            Entry::Init { init, len, codecs, width, height, frame_rate_milli } => {
                self.inits.push_back(Init {
                    init: *init,
                    len: *len,
                    codecs: codecs.clone(),
                    width: *width,
                    height: *height,
                    frame_rate_milli: *frame_rate_milli,
                });
            }
            Entry::Discontinuity => self.discontinuity_next = true,
            Entry::Anchor { wall_us } => {
                self.anchor_us = Some(*wall_us);
                self.since_anchor = 0;
            }
            Entry::Part { msn, part, offset, len, duration, independent } => {
                let part_is = Part {
                    offset: *offset,
                    len: *len,
                    duration: *duration,
                    independent: *independent,
                    gap: false,
                };
                if !self.add_part(*msn, *part, part_is) || self.profile.part_target_ms.is_none() {
                    return;
                }
                if *part == 0 && self.is_back() {
                    self.slide(now_us);
                }
            }
            Entry::GapPart { msn, part, duration } => {
                let part_is = Part { offset: 0, len: 0, duration: *duration, independent: false, gap: true };
                if !self.add_part(*msn, *part, part_is) {
                    return;
                }
            }
            Entry::Segment { msn, duration, independent, len, .. } => {
                let Some(mut segment) = self.take_open(*msn, false) else { return };
                segment.duration = *duration;
                segment.len = *len;
                segment.independent = *independent;
                self.rates.add(*len, *duration, self.target.unwrap_or(1));
                self.close(segment, now_us);
            }
            Entry::GapSegment { msn, duration } => {
                let Some(mut segment) = self.take_open(*msn, true) else { return };
                if !segment.gap {
                    // Parts were written, but the segment could not be: a log from a disk that was full.
                    segment.parts.clear();
                    segment.len = 0;
                    segment.gap = true;
                }
                segment.duration = *duration;
                segment.independent = true;
                self.rates.gap();
                self.close(segment, now_us);
            }
            Entry::Live { from_msn } => {
                self.live_from.get_or_insert(*from_msn);
            }
            Entry::Sum { .. } | Entry::KeyFrame { .. } => return,
            Entry::Ended => self.end(),
        }
        self.drop_old_parts();
        self.version += 1;
        self.changed_us = self.changed_us.max(now_us);
    }

    /// Rules 13 and 14. All of a segment's parts go together, with the oldest: players count them from the first that
    /// is listed. They never come back, not even when gaps at the end are dropped.
    fn drop_old_parts(&mut self) {
        let span = 3 * u64::from(self.target.unwrap_or(u32::MAX)) * CLOCK;
        let end = self.position + self.open.as_ref().map_or(0, |open| open.duration);
        while self.parts_from < self.next_msn {
            if let Ok(segment) = self.kept(self.parts_from) {
                let oldest = segment.start + segment.parts.first().map_or(0, |part| part.duration);
                let newest = self.parts_from + SEGMENTS_WITH_PARTS >= self.next_msn;
                if newest && end.saturating_sub(oldest) <= span {
                    break;
                }
            }
            self.parts_from += 1;
        }
    }

    /// Begins a segment where `msn` is the next.
    fn begin(&mut self, msn: u64, gap: bool) -> Option<Segment> {
        if msn != self.next_msn {
            return None;
        }
        let discontinuity = std::mem::take(&mut self.discontinuity_next);
        self.discontinuities += u64::from(discontinuity);
        // A gap decodes nothing: it stays with the init section before it.
        let latest = self.inits.back().map(|init| init.init);
        let init = if gap { self.used_init.or(latest) } else { latest };
        self.used_init = init;
        Some(Segment {
            msn,
            duration: 0,
            len: 0,
            independent: true,
            gap,
            discontinuity,
            discontinuities: self.discontinuities,
            init: init.unwrap_or(0),
            date_us: self.edge_date_us().unwrap_or(0),
            parts: Vec::new(),
            start: self.position,
            listed_at_us: i64::MAX,
            removed_at_us: None,
        })
    }

    fn add_part(&mut self, msn: u64, index: u32, part: Part) -> bool {
        let mut segment = match self.open.take() {
            Some(open) => open,
            None => match self.begin(msn, part.gap) {
                Some(segment) => segment,
                None => return false,
            },
        };
        let follows = segment.msn == msn && segment.gap == part.gap && segment.parts.len() == index as usize;
        if follows {
            if segment.parts.is_empty() && !part.gap {
                segment.independent = part.independent;
                // Where parts are not listed, what is being written shows nowhere yet.
                self.independent &= part.independent || self.profile.part_target_ms.is_none();
            }
            segment.duration += part.duration;
            segment.len += part.len;
            segment.parts.push(part);
        }
        self.open = Some(segment);
        follows
    }

    fn take_open(&mut self, msn: u64, gap: bool) -> Option<Segment> {
        match self.open.take() {
            Some(open) if open.msn == msn => Some(open),
            Some(open) => {
                self.open = Some(open);
                None
            }
            None => self.begin(msn, gap),
        }
    }

    fn close(&mut self, mut segment: Segment, now_us: i64) {
        segment.listed_at_us = now_us;
        self.independent &= segment.independent;
        self.next_msn = segment.msn + 1;
        self.since_anchor += segment.duration;
        self.position += segment.duration;
        self.listed_ticks += segment.duration;
        self.listed_media += usize::from(!segment.gap);
        self.longest_ticks = self.longest_ticks.max(self.listed_ticks);
        self.segments.push_back(segment);
        self.slide(now_us);
        while self.segments.len() > MAX_KEPT {
            self.drop_oldest();
        }
    }

    /// Removes segments from the window's front (rules 15 to 17).
    fn slide(&mut self, now_us: i64) {
        let window = self.window_ticks();
        let back = self.is_back();
        while let Some(first) = self.segments.get(self.listed) {
            let rest_ticks = self.listed_ticks - first.duration;
            let rest_media = self.listed_media - usize::from(!first.gap);
            let rest = self.segments.len() - self.listed - 1;
            let usual = rest_ticks >= window && rest_media >= MIN_SEGMENTS;
            // Players that know no gap (video.js), or that stop at one that came last (shaka-player), stand at its
            // beginning until it is out of the window: with a gap listed, the window is as short as it may be.
            let spare = usual
                || (back
                    && self.lists_gaps()
                    && rest >= MIN_SEGMENTS
                    && rest_ticks >= self.least_window_ticks());
            if !spare && self.segments.len() - self.listed <= MAX_LISTED {
                break;
            }
            self.listed_ticks = rest_ticks;
            self.listed_media = rest_media;
            if let Some(first) = self.segments.get_mut(self.listed) {
                first.removed_at_us = Some(now_us);
            }
            self.listed += 1;
        }
    }

    /// Whether the newest that is listed, a whole segment or parts, is media: if gaps are listed too, the feed is back.
    fn is_back(&self) -> bool {
        let lists_open = self.profile.part_target_ms.is_some();
        let open = self.open.as_ref().filter(|open| lists_open && !open.gap);
        open.is_some() || self.segments.back().is_some_and(|last| !last.gap)
    }

    fn lists_gaps(&self) -> bool {
        self.segments.len() - self.listed > self.listed_media
    }

    fn drop_oldest(&mut self) {
        if self.segments.pop_front().is_some() {
            self.listed = self.listed.saturating_sub(1);
            let used = self.segments.front().map_or(0, |first| first.init);
            while self.inits.len() > 1 && self.inits.front().is_some_and(|init| init.init < used) {
                self.inits.pop_front();
            }
        }
    }

    /// Drops the gaps at the end, as long as the window has media to end with; nothing is open any more.
    fn end(&mut self) {
        self.ended = true;
        self.open = None;
        while self.listed_media > 0 && self.segments.back().is_some_and(|last| last.gap) {
            if let Some(gap) = self.segments.pop_back() {
                self.listed_ticks -= gap.duration;
            }
        }
    }

    /// Forgets the segments that need not be fetchable any more at `now_us` (the clock of [`Timeline::apply`]):
    /// those removed from the window as long ago as they, and the longest playlist that listed them, last
    /// (rule 18). The log still has them.
    pub fn forget(&mut self, now_us: i64) {
        while self.listed > 0
            && self.segments.front().is_some_and(|first| {
                first.removed_at_us.is_some_and(|removed| {
                    now_us >= removed.saturating_add(us_of_ticks(first.duration + self.longest_ticks))
                })
            })
        {
            self.drop_oldest();
        }
    }

    /// The usual length of the live window, in milliseconds.
    pub(crate) fn window_ms(&self) -> u64 {
        u64::from(self.profile.window_ms).max(8_000 * u64::from(self.target.unwrap_or(0)))
    }

    fn window_ticks(&self) -> u64 {
        ticks_of_ms(self.window_ms())
    }

    /// Further back than any player stays: also what is left when a feed is back.
    fn least_window_ticks(&self) -> u64 {
        8 * u64::from(self.target.unwrap_or(0)) * CLOCK
    }
}
