//! The fold of a whole log: every segment of a session, small enough to be held in memory for all of it.
//!
//! Rewind, catchup, source record and clips are views of it: runs of its pieces. The live window, with parts and the
//! segment that is being written, is the [`crate::Timeline`]'s.

mod blocks;
mod cut;
mod edit;
mod extent;

use sigma_log::Entry;

use crate::key_frames::KeyFrameRates;
use crate::{Init, us_of_ticks};

pub use blocks::{Block, Planned, ROUNDED};
pub use cut::{Cut, CutError, CutPoint, CutRange, NotCut, Stretch};
pub use edit::{Edge, EdgeInit, EdgeName, Edit, Item, span};
pub use extent::Extent;

/// The most segments that are held: three days of 1 s, in 8 MB. What is beyond stays in the log and is in no view.
pub const MAX_PIECES: usize = 259_200;

/// A stretch of a session's media time, in microseconds from the beginning of its log, gaps counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Span {
    /// Where it begins.
    pub from_us: u64,
    /// Where it ends.
    pub to_us: u64,
}

impl Span {
    /// Whether a segment is in it: its middle is.
    fn holds(&self, piece: &Piece) -> bool {
        (self.from_us..self.to_us).contains(&piece.middle_us())
    }
}

/// A whole segment. Its media sequence number is its place among the pieces, counted from the first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Piece {
    /// Ticks of everything before it, gaps included.
    pub start: u64,
    /// Bytes; 0 for a gap.
    pub len: u64,
    /// Ticks.
    pub duration: u64,
    /// Its init section's number.
    pub init: u32,
    /// CRC-32 of its media, where the log has it.
    pub crc32: Option<u32>,
    /// Where the key frame ends with which it begins, in bytes from its beginning; none where it begins with none, or where
    /// that is not known.
    pub key_frame_end: Option<u32>,
    /// Whether it begins with a key frame, or is a gap.
    pub independent: bool,
    /// Whether there is no media.
    pub gap: bool,
    /// Whether it begins a new span: other timestamps or another format.
    pub discontinuity: bool,
}

impl Piece {
    /// Ticks to its end.
    pub fn end(&self) -> u64 {
        self.start + self.duration
    }

    /// The microsecond in its middle: where it is wherever borders are rounded to.
    fn middle_us(&self) -> u64 {
        us_of_ticks(self.start + self.duration / 2).unsigned_abs()
    }
}

/// What is fixed when a segment begins.
#[derive(Clone, Copy, Debug)]
struct Begun {
    msn: u64,
    gap: bool,
    discontinuity: bool,
    init: u32,
}

/// All whole segments of a session.
#[derive(Clone, Debug, Default)]
pub struct Recording {
    target: Option<u32>,
    inits: Vec<Init>,
    used_init: Option<u32>,
    pieces: Vec<Piece>,
    begun: Option<Begun>,
    /// The checksum of the segment that is whole next.
    sum: Option<(u64, u32)>,
    /// The same of its key frame.
    key_frame: Option<(u64, u32)>,
    key_frame_rates: KeyFrameRates,
    discontinuity_next: bool,
    /// Of each span with a date of its own: its first piece, and when that begins, in microseconds since the Unix epoch.
    dates: Vec<(usize, i64)>,
    /// The pieces that begin a new span.
    breaks: Vec<usize>,
    live_from: Option<u64>,
    /// Ticks of all whole segments there ever were: gaps that are dropped at the end count.
    reached: u64,
    ended: bool,
}

impl Recording {
    /// The recording of a log that was read back.
    pub fn fold<'a>(entries: impl IntoIterator<Item = &'a Entry>) -> Self {
        let mut recording = Self::default();
        entries.into_iter().for_each(|entry| recording.apply(entry));
        recording
    }

    /// Takes in the next entry. One that does not follow on the last changes nothing.
    pub fn apply(&mut self, entry: &Entry) {
        if self.ended {
            return;
        }
        match entry {
            Entry::Target { seconds } => {
                self.target.get_or_insert(*seconds);
            }
            Entry::Init { init, len, codecs, width, height, frame_rate_milli } => self.inits.push(Init {
                init: *init,
                len: *len,
                codecs: codecs.clone(),
                width: *width,
                height: *height,
                frame_rate_milli: *frame_rate_milli,
            }),
            Entry::Discontinuity => self.discontinuity_next = true,
            Entry::Anchor { wall_us } => {
                // What is open ends before it: the date is the next segment's.
                let next = self.pieces.len() + usize::from(self.begun.is_some());
                self.dates.push((next, *wall_us));
            }
            Entry::Part { msn, .. } => self.begin(*msn, false),
            Entry::GapPart { msn, .. } => self.begin(*msn, true),
            Entry::Sum { msn, crc32 } => self.sum = Some((*msn, *crc32)),
            Entry::KeyFrame { msn, end } => {
                self.key_frame = u32::try_from(*end).ok().map(|end| (*msn, end));
            }
            Entry::Segment { msn, duration, independent, len, .. } => {
                self.close(*msn, false, *duration, *len, *independent);
            }
            Entry::GapSegment { msn, duration } => self.close(*msn, true, *duration, 0, true),
            Entry::Live { from_msn } => {
                self.live_from.get_or_insert(*from_msn);
            }
            Entry::Ended => {
                self.ended = true;
                self.begun = None;
                while self.pieces.last().is_some_and(|last| last.gap) {
                    self.pieces.pop();
                }
            }
        }
    }

    fn begin(&mut self, msn: u64, gap: bool) {
        if self.begun.is_some() || msn != self.next_msn() {
            return;
        }
        let latest = self.inits.last().map(|init| init.init);
        // A gap decodes nothing: it stays with the init section before it.
        let init = if gap { self.used_init.or(latest) } else { latest };
        self.used_init = init;
        let discontinuity = std::mem::take(&mut self.discontinuity_next);
        self.begun = Some(Begun { msn, gap, discontinuity, init: init.unwrap_or(0) });
    }

    fn close(&mut self, msn: u64, gap: bool, duration: u64, len: u64, independent: bool) {
        self.begin(msn, gap);
        let Some(begun) = self.begun.filter(|begun| begun.msn == msn && (gap || !begun.gap)) else { return };
        self.begun = None;
        if self.pieces.len() >= MAX_PIECES {
            return;
        }
        if begun.discontinuity {
            self.breaks.push(self.pieces.len());
        }
        let key_frame = self.key_frame.take().filter(|(of, _)| *of == msn && !gap).map(|(_, end)| end);
        if let Some(end) = key_frame {
            self.key_frame_rates.add(end, duration);
        }
        self.pieces.push(Piece {
            start: self.reached,
            len,
            duration,
            init: begun.init,
            crc32: self.sum.take().filter(|(of, _)| *of == msn).map(|(_, crc32)| crc32),
            key_frame_end: key_frame,
            independent,
            gap,
            discontinuity: begun.discontinuity,
        });
        self.reached += duration;
    }

    /// Ticks of all whole segments there ever were: never goes back.
    pub(crate) fn reached(&self) -> u64 {
        self.reached
    }

    /// What the key frames of all whole segments take.
    pub(crate) fn key_frame_rates(&self) -> KeyFrameRates {
        self.key_frame_rates
    }

    /// The number of the segment that is being written or will be next.
    pub fn next_msn(&self) -> u64 {
        self.pieces.len() as u64
    }

    /// All whole segments, oldest first: the first has the media sequence number 0.
    pub fn pieces(&self) -> &[Piece] {
        &self.pieces
    }

    /// The whole segment of this number.
    pub fn piece(&self, msn: u64) -> Option<&Piece> {
        usize::try_from(msn).ok().and_then(|index| self.pieces.get(index))
    }

    /// The target duration in seconds.
    pub fn target_duration(&self) -> Option<u32> {
        self.target
    }

    /// Whether nothing follows any more.
    pub fn is_ended(&self) -> bool {
        self.ended
    }

    /// The first public segment, once the session is live.
    pub fn live_from(&self) -> Option<u64> {
        self.live_from
    }

    /// Every init section, oldest first.
    pub fn inits(&self) -> &[Init] {
        &self.inits
    }

    /// An init section.
    pub fn init(&self, number: u32) -> Option<&Init> {
        let index = self.inits.binary_search_by_key(&number, |init| init.init).ok()?;
        self.inits.get(index)
    }

    /// When a segment begins, in microseconds since the Unix epoch; none where no date is known.
    pub fn date_us(&self, msn: u64) -> Option<i64> {
        let index = usize::try_from(msn).ok()?;
        let piece = self.pieces.get(index)?;
        let known = self.dates.partition_point(|(first, _)| *first <= index).checked_sub(1)?;
        let (first, date) = self.dates[known];
        let since = piece.start - self.pieces.get(first)?.start;
        Some(date + us_of_ticks(since))
    }

    /// How many discontinuities come up to the beginning of a segment, its own included.
    pub(crate) fn discontinuities(&self, msn: u64) -> u64 {
        self.breaks.partition_point(|index| *index as u64 <= msn) as u64
    }

    /// All of it; none before any segment is whole.
    pub fn whole(&self) -> Option<Span> {
        self.all_since(0)
    }

    /// What viewers may see; none before the session is live and a public segment is whole.
    pub fn public(&self) -> Option<Span> {
        self.all_since(self.live_from?)
    }

    fn all_since(&self, msn: u64) -> Option<Span> {
        let first = self.piece(msn)?;
        let last = self.pieces.last()?;
        Some(Span { from_us: us(first.start), to_us: us(last.end()) })
    }

    /// The segments in these stretches, in their order, each with its number.
    pub fn within<'a>(&'a self, spans: &'a [Span]) -> impl Iterator<Item = (u64, &'a Piece)> + Clone {
        spans.iter().flat_map(|span| {
            let first = self.pieces.partition_point(|piece| piece.middle_us() < span.from_us);
            let of_span = self.pieces[first..].iter().zip(first as u64..);
            of_span.take_while(|(piece, _)| span.holds(piece)).map(|(piece, msn)| (msn, piece))
        })
    }
}

/// Whole microseconds in `ticks`.
fn us(ticks: u64) -> u64 {
    us_of_ticks(ticks).unsigned_abs()
}
