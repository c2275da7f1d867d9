//! What a recording shows of a session: segments, and media made for the edges of an exact cut, in order.

use std::fmt;
use std::str::FromStr;

use super::{Piece, Recording, Span, us};

/// An edge's file: named by what is in it, so that what is in a file of this name never changes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct EdgeName(pub u128);

/// 32 lower-case hexadecimal digits.
impl fmt::Display for EdgeName {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{:032x}", self.0)
    }
}

impl FromStr for EdgeName {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        let is_ours = text.len() == 32 && text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
        is_ours.then(|| u128::from_str_radix(text, 16).ok()).flatten().map(Self).ok_or(())
    }
}

/// What decodes an edge.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum EdgeInit {
    /// The session's init section of this number: its pictures are those that were sent.
    Session(u32),
    /// One of its own, behind the media in its file: its pictures were coded anew.
    Own {
        /// Bytes.
        len: u32,
        /// RFC 6381.
        codecs: String,
    },
}

/// Media that is shown in the place of a part of some segments.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Edge {
    /// Its file.
    pub name: EdgeName,
    /// What it shows of the session's media time.
    pub span: Span,
    /// The segments that it was made of.
    pub of: Span,
    /// Bytes of its media, which stands first in its file.
    pub len: u64,
    /// Their CRC-32.
    pub crc32: u32,
    /// What decodes it.
    pub init: EdgeInit,
}

impl Edge {
    /// Where it begins on the session's media time, in ticks.
    pub fn start(&self) -> u64 {
        ticks(self.span.from_us)
    }

    /// How long it is, in ticks.
    pub fn duration(&self) -> u64 {
        ticks(self.span.to_us).saturating_sub(self.start())
    }
}

/// What a recording shows: stretches of the session's media time in order. One for which there is an edge is shown from that,
/// every other one from the segments in it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Edit {
    /// The stretches.
    pub spans: Vec<Span>,
    /// The edges, each for a stretch of its own.
    pub edges: Vec<Edge>,
}

impl From<Vec<Span>> for Edit {
    fn from(spans: Vec<Span>) -> Self {
        Self { spans, edges: Vec::new() }
    }
}

impl Edit {
    /// The edge that is shown for a stretch.
    pub fn edge(&self, span: &Span) -> Option<&Edge> {
        self.edges.iter().find(|edge| edge.span == *span)
    }
}

/// What is shown one after the other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Item<'a> {
    /// A segment and its number.
    Segment(u64, &'a Piece),
    /// An edge.
    Edge(&'a Edge),
}

impl Item<'_> {
    /// Where it begins on the session's media time, in ticks.
    pub fn start(&self) -> u64 {
        match self {
            Self::Segment(_, piece) => piece.start,
            Self::Edge(edge) => edge.start(),
        }
    }

    /// How long it is, in ticks.
    pub fn duration(&self) -> u64 {
        match self {
            Self::Segment(_, piece) => piece.duration,
            Self::Edge(edge) => edge.duration(),
        }
    }

    /// Where it ends on the session's media time, in ticks.
    pub fn end(&self) -> u64 {
        self.start() + self.duration()
    }

    /// Bytes of its media.
    pub fn len(&self) -> u64 {
        match self {
            Self::Segment(_, piece) => piece.len,
            Self::Edge(edge) => edge.len,
        }
    }

    /// Whether it has no media.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Whether decoding can begin with it.
    pub fn independent(&self) -> bool {
        match self {
            Self::Segment(_, piece) => piece.independent,
            Self::Edge(_) => true,
        }
    }

    /// The session's init section that decodes it; none where it has one of its own.
    pub fn session_init(&self) -> Option<u32> {
        match self {
            Self::Segment(_, piece) => Some(piece.init),
            Self::Edge(Edge { init: EdgeInit::Session(number), .. }) => Some(*number),
            Self::Edge(Edge { init: EdgeInit::Own { .. }, .. }) => None,
        }
    }
}

impl Recording {
    /// What an edit shows, without gaps, in order.
    pub fn items<'a>(&'a self, edit: &'a Edit) -> impl Iterator<Item = Item<'a>> + Clone {
        self.placed(edit).map(|(_, item)| item)
    }

    /// The same, each with the place of its stretch.
    pub(super) fn placed<'a>(&'a self, edit: &'a Edit) -> impl Iterator<Item = (usize, Item<'a>)> + Clone {
        edit.spans.iter().enumerate().flat_map(move |(place, span)| {
            let edge = edit.edge(span);
            let none: &[Span] = &[];
            let segments = if edge.is_some() { none } else { std::slice::from_ref(span) };
            let segments = self.within(segments).filter(|(_, piece)| !piece.gap);
            let segments = segments.map(|(msn, piece)| Item::Segment(msn, piece));
            edge.map(Item::Edge).into_iter().chain(segments).map(move |item| (place, item))
        })
    }

    /// Whether an edit shows this segment itself, and nothing in its place.
    pub fn shows(&self, edit: &Edit, msn: u64) -> bool {
        let Some(piece) = self.piece(msn).filter(|piece| !piece.gap) else { return false };
        edit.spans.iter().any(|span| span.holds(piece) && edit.edge(span).is_none())
    }

    /// The number of the segment in which a moment of the session's media time lies, in ticks.
    pub fn at(&self, ticks: u64) -> Option<u64> {
        let number = self.pieces.partition_point(|piece| piece.end() <= ticks);
        self.pieces.get(number).filter(|piece| piece.start <= ticks).map(|_| number as u64)
    }

    /// Whether a new span begins at a moment: other timestamps or another format.
    pub fn begins_span(&self, ticks: u64) -> bool {
        let piece = self.at(ticks).and_then(|msn| self.piece(msn));
        piece.is_some_and(|piece| piece.discontinuity && piece.start == ticks)
    }

    /// Whether one item's media stands right behind another's in a file: the same decodes both, and their timestamps, which
    /// count no gaps, go on.
    pub fn goes_on(&self, before: &Item<'_>, next: &Item<'_>) -> bool {
        let (end, start) = (before.end(), next.start());
        let is_gap = |msn: u64| self.piece(msn).is_some_and(|piece| piece.gap);
        let only_gaps = || match (self.at(end), self.at(start)) {
            (Some(first), Some(next)) => {
                let is_its_beginning = self.piece(next).is_some_and(|piece| piece.start == start);
                first < next && (first..next).all(is_gap) && is_its_beginning
            }
            _ => false,
        };
        before.session_init().is_some()
            && before.session_init() == next.session_init()
            && (end == start || (end < start && only_gaps()))
    }

    /// The timestamp of a moment of the session's media time, in ticks: gaps are not counted in it.
    pub fn timestamp(&self, ticks: u64) -> u64 {
        let before = self.pieces.iter().take_while(|piece| piece.start < ticks);
        before.filter(|piece| !piece.gap).map(|piece| piece.end().min(ticks) - piece.start).sum()
    }

    /// When a moment of the session's media time was, in microseconds since the Unix epoch; none where no date is known.
    pub fn date_at(&self, ticks: u64) -> Option<i64> {
        let msn = self.at(ticks)?;
        let since = ticks - self.piece(msn)?.start;
        Some(self.date_us(msn)? + crate::us_of_ticks(since))
    }
}

/// The ticks that these microseconds were made of by rounding down.
pub(super) fn ticks(us: u64) -> u64 {
    us.saturating_mul(9).div_ceil(100)
}

/// A stretch of the session's media time, from one tick to another.
pub fn span(from_ticks: u64, to_ticks: u64) -> Span {
    Span { from_us: us(from_ticks), to_us: us(to_ticks) }
}

#[cfg(test)]
mod tests {
    use sigma_log::Entry;

    use super::*;
    use crate::CLOCK;

    #[test]
    fn microseconds_are_the_ticks_again_that_they_were_made_of() {
        for number in (0..1_000).chain(123_456_789_000..123_456_789_100) {
            assert_eq!(ticks(us(number)), number);
        }
    }

    #[test]
    fn an_edge_has_one_name() {
        let name = EdgeName(0xab);
        assert_eq!(name.to_string().parse(), Ok(name));
        for wrong in ["ab", "000000000000000000000000000000AB", "+00000000000000000000000000000ab", ""] {
            assert_eq!(wrong.parse::<EdgeName>(), Err(()), "{wrong}");
        }
    }

    #[test]
    fn a_segment_is_shown_where_an_edit_has_it_and_no_edge_in_its_place() {
        let entries: Vec<Entry> = (0..12)
            .map(|msn| match msn {
                5 => Entry::GapSegment { msn, duration: 2 * CLOCK },
                _ => Entry::Segment { msn, duration: 2 * CLOCK, parts: 1, independent: true, len: 9 },
            })
            .collect();
        let recording = Recording::fold(&entries);
        let seconds = |from: u64, to: u64| span(from * CLOCK, to * CLOCK);
        let edge = Edge {
            name: EdgeName(1),
            span: seconds(2, 4),
            of: seconds(2, 4),
            len: 9,
            crc32: 0,
            init: EdgeInit::Session(0),
        };
        for edges in [Vec::new(), vec![edge]] {
            let edit = Edit { spans: vec![seconds(8, 14), seconds(2, 4), seconds(2, 3)], edges };
            let shown: Vec<u64> = (0..20).filter(|msn| recording.shows(&edit, *msn)).collect();
            let mut listed: Vec<u64> = recording
                .items(&edit)
                .filter_map(|item| match item {
                    Item::Segment(msn, _) => Some(msn),
                    Item::Edge(_) => None,
                })
                .collect();
            listed.sort_unstable();
            assert_eq!(shown, listed);
            assert_eq!(shown.contains(&1), edit.edges.is_empty());
        }
    }
}
