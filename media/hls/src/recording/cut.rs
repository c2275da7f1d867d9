//! Where a clip lies: the segments that hold what was asked for.

use thiserror::Error;

use super::{Extent, Piece, Recording, Span, us};

/// Times within a frame of a border are that border: what a player tells is rounded.
const TOLERANCE_US: u64 = 20_000;

/// A point in what a viewer sees of a recording: media, with the gaps left out, in microseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CutPoint {
    /// From its beginning.
    FromStart(u64),
    /// Back from the end of what is whole by now. Only of a session on air.
    BackFromNow(u64),
}

/// From one point to another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CutRange {
    /// Where it begins.
    pub from: CutPoint,
    /// Where it ends.
    pub to: CutPoint,
}

/// A range that cannot be cut, and why.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("{why}")]
pub struct NotCut {
    /// Its place among those that were asked for.
    pub range: usize,
    /// Why.
    pub why: CutError,
}

/// A cut that can be played.
pub type Cut = Extent;

/// Why there is no such cut.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum CutError {
    /// The session has ended: there is no "now" to count back from.
    #[error("the session has ended: count from its start")]
    NotOnAir,
    /// It ends before it begins, or where it begins.
    #[error("it ends before it begins")]
    Backwards,
    /// It begins or ends where there is no media.
    #[error("there are {length_us} microseconds of media")]
    Outside {
        /// How much there is.
        length_us: u64,
    },
    /// There is no media yet.
    #[error("there is no media yet")]
    Empty,
    /// It is longer than a cut may be.
    #[error("a cut may be {limit_us} microseconds long")]
    TooLong {
        /// How long it may be.
        limit_us: u64,
    },
}

impl Recording {
    /// Of each range the segments from the one that holds its beginning to the one that holds its end, in the order of the
    /// ranges; what they have in common is there as often as it was asked for. Each begins to play: a segment that needs what
    /// is before it brings that along. Counted in what `within` shows; without it, in what is public.
    ///
    /// # Errors
    /// [`NotCut`], where the words are for who asked. No ranges are [`CutError::Empty`]; all together are held against the limit.
    pub fn cut(&self, ranges: &[CutRange], within: Option<&[Span]>, limit_us: u64) -> Result<Cut, NotCut> {
        let public: Vec<Span> = self.public().into_iter().collect();
        let whole = Whole::new(self, within.unwrap_or(&public));
        let mut length_us = 0u64;
        let (mut runs, mut before): (Vec<(usize, Span)>, Option<(u64, usize)>) = (Vec::new(), None);
        for (range, asked) in ranges.iter().enumerate() {
            let not_cut = |why| NotCut { range, why };
            let (from, to) = whole.points(asked).map_err(not_cut)?;
            length_us = length_us.saturating_add(to - from);
            if length_us > limit_us {
                return Err(not_cut(CutError::TooLong { limit_us }));
            }
            let (mut first, last) = whole.around(from, to);
            if let Some((_, shown)) = before.filter(|(ended, _)| from + TOLERANCE_US >= *ended) {
                // What only the alignment of both would show twice is shown once.
                first = first.max(shown + 1);
            }
            before = Some((to, last));
            for (place, span) in whole.runs(first, last) {
                match runs.last_mut().filter(|(of, run)| *of == place && run.to_us == span.from_us) {
                    Some((_, run)) => run.to_us = span.to_us,
                    None => runs.push((place, span)),
                }
            }
        }
        let spans: Vec<Span> = runs.into_iter().map(|(_, span)| span).collect();
        match spans.is_empty() {
            true => Err(NotCut { range: 0, why: CutError::Empty }),
            false => Ok(self.extent(&spans)),
        }
    }
}

/// What is cut from.
struct Whole<'a> {
    recording: &'a Recording,
    within: &'a [Span],
    /// The span that each segment with media is of, its number, and itself.
    media: Vec<(usize, u64, &'a Piece)>,
    length_us: u64,
}

impl<'a> Whole<'a> {
    fn new(recording: &'a Recording, within: &'a [Span]) -> Self {
        let placed = within.iter().enumerate().flat_map(|(place, span)| {
            recording.within(std::slice::from_ref(span)).map(move |(msn, piece)| (place, msn, piece))
        });
        let media: Vec<_> = placed.filter(|(_, _, piece)| !piece.gap).collect();
        let length_us = us(media.iter().map(|(_, _, piece)| piece.duration).sum());
        Self { recording, within, media, length_us }
    }

    /// A range in microseconds of what is shown.
    fn points(&self, range: &CutRange) -> Result<(u64, u64), CutError> {
        let length_us = self.length_us;
        if self.media.is_empty() {
            return Err(CutError::Empty);
        }
        let (from, to) = (self.point(range.from)?, self.point(range.to)?);
        if from >= to {
            return Err(CutError::Backwards);
        }
        if from >= length_us || to > length_us + TOLERANCE_US {
            return Err(CutError::Outside { length_us });
        }
        Ok((from, to))
    }

    fn point(&self, point: CutPoint) -> Result<u64, CutError> {
        match point {
            CutPoint::FromStart(us) => Ok(us),
            CutPoint::BackFromNow(_) if self.recording.is_ended() => Err(CutError::NotOnAir),
            CutPoint::BackFromNow(us) => Ok(self.length_us.saturating_sub(us)),
        }
    }

    /// The first and the last segment that are needed for a range.
    fn around(&self, from: u64, to: u64) -> (usize, usize) {
        let mut at = 0u64;
        let (mut first, mut last) = (None, 0);
        for (index, (_, _, piece)) in self.media.iter().enumerate() {
            let begins = us(at);
            at += piece.duration;
            if begins + TOLERANCE_US >= to && index > 0 {
                break;
            }
            if first.is_none() && us(at) > from + TOLERANCE_US {
                first = Some(index);
            }
            last = index;
        }
        let mut first = first.unwrap_or(last).min(last);
        // What needs the frames before it: back to where decoding can begin, in the same span.
        while first > 0 {
            let ((_, msn, piece), (_, before, _)) = (self.media[first], self.media[first - 1]);
            if piece.independent || msn != before + 1 {
                break;
            }
            first -= 1;
        }
        (first, last)
    }

    /// The stretches from the beginning of one segment to the end of another, each with its place in what is cut from; none
    /// where that is before it.
    fn runs(&self, first: usize, last: usize) -> Vec<(usize, Span)> {
        let Some(of_cut) = self.media.get(first..=last) else { return Vec::new() };
        let runs = of_cut.chunk_by(|(one, ..), (other, ..)| one == other);
        let places = runs.filter_map(|run| run.first()).map(|(place, ..)| *place);
        let mut spans: Vec<_> = places.map(|place| (place, self.within[place])).collect();
        if let (Some((_, span)), Some((.., piece))) = (spans.first_mut(), of_cut.first()) {
            span.from_us = us(piece.start);
        }
        if let (Some((_, span)), Some((.., piece))) = (spans.last_mut(), of_cut.last()) {
            span.to_us = us(piece.end());
        }
        spans
    }
}
