//! Where a clip lies: the segments that hold what was asked for.

use thiserror::Error;

use super::edit::{Edge, Edit, Item, ticks};
use super::{Extent, Recording, Span, us};

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

/// A stretch of the session's media time without a gap, in ticks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Stretch {
    /// Where it begins.
    pub from: u64,
    /// Where it ends.
    pub to: u64,
}

impl Recording {
    /// Of each range the segments from the one that holds its beginning to the one that holds its end, in the order of the
    /// ranges; what they have in common is there as often as it was asked for. Each begins to play: a segment that needs what
    /// is before it brings that along. Counted in what `within` shows; without it, in what is public.
    ///
    /// # Errors
    /// [`NotCut`], where the words are for who asked. No ranges are [`CutError::Empty`]; all together are held against the limit.
    pub fn cut(&self, ranges: &[CutRange], within: Option<&Edit>, limit_us: u64) -> Result<Cut, NotCut> {
        let public = Edit::from(self.public().into_iter().collect::<Vec<_>>());
        let whole = Whole::new(self, within.unwrap_or(&public));
        let points = whole.all_points(ranges, limit_us)?;
        let mut runs: Vec<(usize, Span)> = Vec::new();
        let mut before: Option<(u64, usize)> = None;
        for (from, to) in points {
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
        let is_shown = |edge: &&Edge| spans.contains(&edge.span);
        let edges = whole.edit.edges.iter().filter(is_shown).cloned().collect();
        match spans.is_empty() {
            true => Err(NotCut { range: 0, why: CutError::Empty }),
            false => Ok(self.extent_of(&Edit { spans, edges })),
        }
    }

    /// Where a range that is aligned to segments begins and ends, in microseconds of what is shown.
    ///
    /// # Errors
    /// As [`Self::cut`].
    pub fn aligned(&self, range: &CutRange, within: Option<&Edit>) -> Result<(u64, u64), CutError> {
        let public = Edit::from(self.public().into_iter().collect::<Vec<_>>());
        let whole = Whole::new(self, within.unwrap_or(&public));
        let (from, to) = whole.points(range)?;
        let (first, last) = whole.around(from, to);
        let until = |count: usize| us(whole.media.iter().take(count).map(|(_, item)| item.duration()).sum());
        Ok((until(first), until(last + 1)))
    }

    /// Of each range just what it names, whatever segments that lies in: stretches without a gap, in order.
    ///
    /// # Errors
    /// As [`Self::cut`].
    pub fn stretches(
        &self,
        ranges: &[CutRange],
        within: Option<&Edit>,
        limit_us: u64,
    ) -> Result<Vec<Vec<Stretch>>, NotCut> {
        let public = Edit::from(self.public().into_iter().collect::<Vec<_>>());
        let whole = Whole::new(self, within.unwrap_or(&public));
        let points = whole.all_points(ranges, limit_us)?;
        Ok(points.into_iter().map(|(from, to)| whole.stretches(from, to)).collect())
    }
}

/// What is cut from.
struct Whole<'a> {
    recording: &'a Recording,
    edit: &'a Edit,
    /// What it shows, each with the place of its stretch.
    media: Vec<(usize, Item<'a>)>,
    length_us: u64,
}

impl<'a> Whole<'a> {
    fn new(recording: &'a Recording, edit: &'a Edit) -> Self {
        let media: Vec<_> = recording.placed(edit).collect();
        let length_us = us(media.iter().map(|(_, item)| item.duration()).sum());
        Self { recording, edit, media, length_us }
    }

    /// The ranges in microseconds of what is shown; held against the limit all together.
    fn all_points(&self, ranges: &[CutRange], limit_us: u64) -> Result<Vec<(u64, u64)>, NotCut> {
        let mut length_us = 0u64;
        let point = |(range, asked): (usize, &CutRange)| {
            let not_cut = |why| NotCut { range, why };
            let (from, to) = self.points(asked).map_err(not_cut)?;
            length_us = length_us.saturating_add(to - from);
            if length_us > limit_us {
                return Err(not_cut(CutError::TooLong { limit_us }));
            }
            Ok((from, to))
        };
        ranges.iter().enumerate().map(point).collect()
    }

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

    /// The first and the last item that are needed for a range.
    fn around(&self, from: u64, to: u64) -> (usize, usize) {
        let mut at = 0u64;
        let (mut first, mut last) = (None, 0);
        for (index, (_, item)) in self.media.iter().enumerate() {
            let begins = us(at);
            at += item.duration();
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
            let (item, before) = (&self.media[first].1, &self.media[first - 1].1);
            if item.independent() || item.start() != before.end() {
                break;
            }
            first -= 1;
        }
        (first, last)
    }

    /// The stretches from the beginning of one item to the end of another, each with its place in what is cut from; none
    /// where that is before it.
    fn runs(&self, first: usize, last: usize) -> Vec<(usize, Span)> {
        let Some(of_cut) = self.media.get(first..=last) else { return Vec::new() };
        let runs = of_cut.chunk_by(|(one, _), (other, _)| one == other);
        let places = runs.filter_map(|run| run.first()).map(|(place, _)| *place);
        let mut spans: Vec<_> = places.map(|place| (place, self.edit.spans[place])).collect();
        if let (Some((_, span)), Some((_, item))) = (spans.first_mut(), of_cut.first()) {
            span.from_us = us(item.start());
        }
        if let (Some((_, span)), Some((_, item))) = (spans.last_mut(), of_cut.last()) {
            span.to_us = us(item.end());
        }
        spans
    }

    /// Where on the session's media time a range lies.
    fn stretches(&self, from: u64, to: u64) -> Vec<Stretch> {
        let (from, to) = (ticks(from), ticks(to));
        let mut at = 0u64;
        let mut stretches: Vec<Stretch> = Vec::new();
        for (_, item) in &self.media {
            let (begins, ends) = (at, at + item.duration());
            at = ends;
            let (from, to) = (from.max(begins), to.min(ends));
            if from >= to {
                continue;
            }
            let of_item = Stretch { from: item.start() + from - begins, to: item.start() + to - begins };
            match stretches.last_mut().filter(|before| before.to == of_item.from) {
                Some(before) => before.to = of_item.to,
                None => stretches.push(of_item),
            }
        }
        stretches
    }
}
