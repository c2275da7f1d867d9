//! What readers of a timeline ask.

use sigma_log::{EntryRef, MediaFile};

use super::{Init, Segment, Timeline, View};
use crate::bandwidth::{Bandwidth, bits_a_second};
use crate::{Place, Profile, Resource, us_of_ticks};

impl Timeline {
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
        let mut listed = self.listed(view);
        // Right after a loss of the feed all whole segments may be gaps: the parts behind them are media.
        let parts = self.open(view).is_some_and(|open| !open.gap && self.lists_parts_of(open));
        self.target.is_some()
            && (listed.clone().any(|segment| !segment.gap) || (parts && listed.next().is_some()))
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

    /// Whether a segment was listed already in every playlist that was answered in the last `us` microseconds. Counted from
    /// the last change, as if it were now: what is rendered of one version is the same whenever it is asked for.
    pub(crate) fn is_listed_since(&self, segment: &Segment, us: i64) -> bool {
        segment.listed_at_us.saturating_add(us) < self.changed_us
    }

    /// The first segment that may be missing in a playlist that was answered in the last `us` microseconds. All that was
    /// forgotten is older.
    pub(crate) fn first_listed_within(&self, us: i64) -> u64 {
        let old = self.segments.partition_point(|segment| self.is_listed_since(segment, us));
        self.segments.get(old).map_or(self.next_msn, |segment| segment.msn)
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
        self.rates.ticks() + self.open.as_ref().filter(|open| !open.gap).map_or(0, |open| open.duration)
    }

    /// Ticks of the gaps behind all media.
    pub(crate) fn gap_at_end(&self) -> u64 {
        let open = self.open.iter();
        open.chain(self.segments.iter().rev()).take_while(|last| last.gap).map(|gap| gap.duration).sum()
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
        self.rates.bandwidth().or_else(|| {
            let open = self.open.as_ref().filter(|open| !open.gap && open.duration > 0)?;
            let average = bits_a_second(open.len, open.duration);
            Some(Bandwidth { peak: average, average })
        })
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
            Resource::Playlist | Resource::Rewind => Place::Missing,
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

    pub(super) fn kept(&self, msn: u64) -> Result<&Segment, Place> {
        let Some(first) = self.segments.front() else { return Err(Place::Missing) };
        let Some(index) = msn.checked_sub(first.msn) else { return Err(Place::Older) };
        usize::try_from(index).ok().and_then(|index| self.segments.get(index)).ok_or(Place::Missing)
    }

    /// How many parts the whole segment `msn` has, where it is remembered.
    pub(crate) fn parts_of(&self, msn: u64) -> Option<usize> {
        self.kept(msn).ok().map(|segment| segment.parts.len())
    }
}
