//! The fold of a rendition's entries: what is listed, what can still be fetched, and from when to when.

use std::collections::VecDeque;

use sigma_log::{Entry, EntryRef, MediaFile};

use crate::{CLOCK, Place, Profile, Resource, ticks_of_ms, us_of_ticks};

/// How many segments with media the live window keeps at least (rule 15; HAS 8.11). Gaps do not count, so that a
/// long loss of the feed leaves something to play and, at its end, something to close with.
const MIN_SEGMENTS: usize = 6;
/// The most segments that are ever listed, whatever the window.
const MAX_LISTED: usize = 4_096;
/// The most segments that are remembered, listed or not. Older ones are the log's.
const MAX_KEPT: usize = 2 * MAX_LISTED;

/// Whose playlist it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum View {
    /// All of a session on air.
    Preview,
    /// From the first segment after the session went live.
    Public,
}

/// An initialisation section.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Init {
    /// Its number.
    pub init: u32,
    /// Bytes.
    pub len: u64,
    /// RFC 6381.
    pub codecs: String,
    /// Pixels; 0 without video.
    pub width: u32,
    /// Pixels; 0 without video.
    pub height: u32,
    /// Thousandths of a frame a second, where known.
    pub frame_rate_milli: Option<u32>,
}

/// A part of a segment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Part {
    /// Where it begins in the segment's file.
    pub offset: u64,
    /// Bytes; 0 for a gap.
    pub len: u64,
    /// Ticks.
    pub duration: u64,
    /// Whether it holds a frame that needs no other.
    pub independent: bool,
    /// Whether there is no media.
    pub gap: bool,
}

/// A segment, whole or being written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Segment {
    /// Media sequence number.
    pub msn: u64,
    /// Ticks; so far, while it is being written.
    pub duration: u64,
    /// Bytes; so far, while it is being written.
    pub len: u64,
    /// Whether it begins with a key frame, or is a gap.
    pub independent: bool,
    /// Whether there is no media.
    pub gap: bool,
    /// Whether it begins a new span.
    pub discontinuity: bool,
    /// How many discontinuities of the session come up to its beginning, its own included.
    pub discontinuities: u64,
    /// Its init section's number.
    pub init: u32,
    /// When its media begins: microseconds since the Unix epoch.
    pub date_us: i64,
    /// Its parts; in the modes without parts, the fragments in which it was written.
    pub parts: Vec<Part>,
    /// Ticks of everything before it in the session, gaps included.
    start: u64,
    removed_at_us: Option<i64>,
}

/// Bit rates over the session's segments.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Bandwidth {
    /// The greatest of a segment of at least half a target duration, in bits a second (§4.4.6.2).
    pub peak: u64,
    /// Over all, in bits a second.
    pub average: u64,
}

/// A rendition as its log tells it. Memory holds the live window and what was listed so lately that it must stay
/// fetchable (rules 14 and 18).
#[derive(Clone, Debug)]
pub struct Timeline {
    profile: Profile,
    version: u64,
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
    bytes: u64,
    media_ticks: u64,
    peak: u64,
    ended: bool,
}

impl Timeline {
    /// The timeline of an empty log.
    pub fn new(profile: Profile) -> Self {
        Self {
            profile,
            version: 0,
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
            bytes: 0,
            media_ticks: 0,
            peak: 0,
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
        timeline
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
                self.measure(*len, *duration);
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
                self.close(segment, now_us);
            }
            Entry::Live { from_msn } => {
                self.live_from.get_or_insert(*from_msn);
            }
            Entry::Ended => self.end(),
        }
        self.drop_old_parts();
        self.version += 1;
    }

    /// Rules 13 and 14. All of a segment's parts go together, with the oldest: players count them from the first that
    /// is listed. They never come back, not even when gaps at the end are dropped.
    fn drop_old_parts(&mut self) {
        let span = 3 * u64::from(self.target.unwrap_or(u32::MAX)) * CLOCK;
        let end = self.position + self.open.as_ref().map_or(0, |open| open.duration);
        while self.parts_from < self.next_msn {
            if let Ok(segment) = self.kept(self.parts_from) {
                let oldest = segment.start + segment.parts.first().map_or(0, |part| part.duration);
                if end.saturating_sub(oldest) <= span {
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

    fn measure(&mut self, len: u64, duration: u64) {
        self.bytes += len;
        self.media_ticks += duration;
        let half_target = u64::from(self.target.unwrap_or(1)) * CLOCK / 2;
        if duration >= half_target {
            self.peak = self.peak.max(bits_a_second(len, duration));
        }
    }

    fn close(&mut self, segment: Segment, now_us: i64) {
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
        while let Some(first) = self.segments.get(self.listed) {
            let rest_ticks = self.listed_ticks - first.duration;
            let rest_media = self.listed_media - usize::from(!first.gap);
            let spare = rest_ticks >= window && rest_media >= MIN_SEGMENTS;
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
                self.next_msn = gap.msn;
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

    fn window_ticks(&self) -> u64 {
        let target = u64::from(self.target.unwrap_or(0));
        ticks_of_ms(u64::from(self.profile.window_ms)).max(8 * target * CLOCK)
    }

    /// The mode's numbers.
    pub fn profile(&self) -> &Profile {
        &self.profile
    }

    /// Changes with everything that a playlist shows: a key for caches.
    pub fn version(&self) -> u64 {
        self.version
    }

    /// The target duration in seconds; never changes once it is there (rule 5).
    pub fn target_duration(&self) -> Option<u32> {
        self.target
    }

    /// Whether a playlist may be served: there is a segment with media to begin with.
    pub fn is_playable(&self, view: View) -> bool {
        self.target.is_some() && self.listed(view).any(|segment| !segment.gap)
    }

    /// Whether nothing follows any more.
    pub fn is_ended(&self) -> bool {
        self.ended
    }

    /// The first public segment, once the session is live.
    pub fn live_from(&self) -> Option<u64> {
        self.live_from
    }

    /// The number of the segment that is being written or will be next.
    pub fn next_msn(&self) -> u64 {
        self.next_msn
    }

    /// How long a blocked request waits before it is answered 503, in milliseconds: 3 target durations (rule 30).
    pub fn block_limit_ms(&self) -> u64 {
        u64::from(self.target.unwrap_or(1)) * 3_000
    }

    /// The whole segments in a view's window, oldest first.
    pub fn listed(&self, view: View) -> impl DoubleEndedIterator<Item = &Segment> + Clone {
        let from = self.first_visible(view);
        let listed = self.segments.range(self.listed.min(self.segments.len())..);
        listed.filter(move |segment| from.is_some_and(|from| segment.msn >= from))
    }

    /// The segment that is being written, where the view may see it.
    pub fn open(&self, view: View) -> Option<&Segment> {
        self.open.as_ref().filter(|open| self.may_see(view, open.msn))
    }

    /// Whether the parts of a segment are listed.
    pub(crate) fn lists_parts_of(&self, segment: &Segment) -> bool {
        self.profile.part_target_ms.is_some() && segment.msn >= self.parts_from
    }

    /// Whether a view may see a segment of this number.
    pub fn may_see(&self, view: View, msn: u64) -> bool {
        self.first_visible(view).is_some_and(|from| msn >= from)
    }

    fn first_visible(&self, view: View) -> Option<u64> {
        match view {
            View::Preview => Some(0),
            View::Public => self.live_from,
        }
    }

    /// The wall-clock time at which the next segment's media begins: the end of what is whole. None before any media.
    pub fn edge_date_us(&self) -> Option<i64> {
        Some(self.anchor_us? + us_of_ticks(self.since_anchor))
    }

    /// Whether every segment so far begins with a key frame. Once false, false for ever: the claim covers whatever a
    /// player still holds.
    pub fn is_independent(&self) -> bool {
        self.independent
    }

    /// Ticks of media (gaps not counted) in the session so far.
    pub fn media_ticks(&self) -> u64 {
        self.media_ticks + self.open.as_ref().filter(|open| !open.gap).map_or(0, |open| open.duration)
    }

    /// The latest init section.
    pub fn latest_init(&self) -> Option<&Init> {
        self.inits.back()
    }

    /// The init section with this number, where it is still remembered.
    pub fn init(&self, init: u32) -> Option<&Init> {
        self.inits.iter().find(|known| known.init == init)
    }

    /// The measured bit rates; none before any media.
    pub fn bandwidth(&self) -> Option<Bandwidth> {
        let open = self.open.as_ref().filter(|open| !open.gap);
        let (bytes, ticks) = match open {
            Some(open) if self.media_ticks == 0 => (open.len, open.duration),
            _ => (self.bytes, self.media_ticks),
        };
        if ticks == 0 {
            return None;
        }
        let average = bits_a_second(bytes, ticks);
        Some(Bandwidth { peak: self.peak.max(average), average })
    }

    /// The part that is next, and hinted (rule 34): none where there are no parts or nothing follows.
    pub fn hinted_part(&self) -> Option<(u64, u32)> {
        self.profile.part_target_ms?;
        if self.ended {
            return None;
        }
        let part = self.open.as_ref().map_or(0, |open| open.parts.len());
        Some((self.next_msn, u32::try_from(part).ok()?))
    }

    /// Where a resource of the session's folder is to be had.
    pub fn locate(&self, view: View, resource: Resource) -> Place {
        match resource {
            Resource::Playlist => Place::Missing,
            Resource::Init(number) => match self.init(number) {
                Some(init) => {
                    Place::Ready(EntryRef { file: MediaFile::Init(number), offset: 0, len: init.len })
                }
                None if self.inits.front().is_some_and(|first| number < first.init) => Place::Older,
                None => Place::Missing,
            },
            Resource::Segment(msn) | Resource::Part { msn, .. } if !self.may_see(view, msn) => Place::Missing,
            Resource::Segment(msn) => match self.kept(msn) {
                Ok(segment) if segment.gap => Place::Missing,
                Ok(segment) => {
                    Place::Ready(EntryRef { file: MediaFile::Segment(msn), offset: 0, len: segment.len })
                }
                Err(place) => place,
            },
            Resource::Part { .. } if self.profile.part_target_ms.is_none() => Place::Missing,
            Resource::Part { msn, part } if self.hinted_part() == Some((msn, part)) => Place::Hinted,
            Resource::Part { msn, part } => {
                let open = self.open.as_ref().filter(|open| open.msn == msn);
                let segment = match open.map_or_else(|| self.kept(msn), Ok) {
                    Ok(segment) => segment,
                    Err(_) => return Place::Missing,
                };
                match segment.parts.get(part as usize) {
                    Some(part) if !part.gap => Place::Ready(EntryRef {
                        file: MediaFile::Segment(msn),
                        offset: part.offset,
                        len: part.len,
                    }),
                    _ => Place::Missing,
                }
            }
        }
    }

    fn kept(&self, msn: u64) -> Result<&Segment, Place> {
        let Some(first) = self.segments.front() else { return Err(Place::Missing) };
        let Some(index) = msn.checked_sub(first.msn) else { return Err(Place::Older) };
        usize::try_from(index).ok().and_then(|index| self.segments.get(index)).ok_or(Place::Missing)
    }

    /// How many parts the whole segment `msn` has, where it is remembered.
    pub(crate) fn parts_of(&self, msn: u64) -> Option<usize> {
        self.kept(msn).ok().map(|segment| segment.parts.len())
    }
}

/// Rounded up: a bandwidth is a promise.
fn bits_a_second(bytes: u64, ticks: u64) -> u64 {
    let bits = u128::from(bytes) * 8 * u128::from(CLOCK);
    u64::try_from(bits.div_ceil(u128::from(ticks.max(1)))).unwrap_or(u64::MAX)
}
