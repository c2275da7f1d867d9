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
    /// The segments from the one that holds `from` to the one that holds `to`, which begins to play: a segment that
    /// needs what is before it brings that along. Counted in what `within` shows; without it, in what is public.
    ///
    /// # Errors
    /// [`CutError`], where the words are for who asked.
    pub fn cut(
        &self,
        from: CutPoint,
        to: CutPoint,
        within: Option<&[Span]>,
        limit_us: u64,
    ) -> Result<Cut, CutError> {
        let public: Vec<Span> = self.public().into_iter().collect();
        let within = within.unwrap_or(&public);
        let media: Vec<(u64, &Piece)> = self.within(within).filter(|(_, piece)| !piece.gap).collect();
        let length_us = us(media.iter().map(|(_, piece)| piece.duration).sum());
        if media.is_empty() {
            return Err(CutError::Empty);
        }
        let (from, to) = (self.point(from, length_us)?, self.point(to, length_us)?);
        if from >= to {
            return Err(CutError::Backwards);
        }
        if from >= length_us || to > length_us + TOLERANCE_US {
            return Err(CutError::Outside { length_us });
        }
        if to - from > limit_us {
            return Err(CutError::TooLong { limit_us });
        }
        let mut at = 0u64;
        let (mut first, mut last) = (None, 0);
        for (index, (_, piece)) in media.iter().enumerate() {
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
        while first > 0 && !media[first].1.independent && media[first].0 == media[first - 1].0 + 1 {
            first -= 1;
        }
        Ok(self.extent(&runs(within, media[first].1, media[last].1)))
    }

    fn point(&self, point: CutPoint, length_us: u64) -> Result<u64, CutError> {
        match point {
            CutPoint::FromStart(us) => Ok(us),
            CutPoint::BackFromNow(_) if self.is_ended() => Err(CutError::NotOnAir),
            CutPoint::BackFromNow(us) => Ok(length_us.saturating_sub(us)),
        }
    }
}

/// The stretches of `within` from the beginning of `first` to the end of `last`.
fn runs(within: &[Span], first: &Piece, last: &Piece) -> Vec<Span> {
    let (from, to) = (us(first.start), us(last.end()));
    let holds =
        |span: &Span, piece: &Piece| span.from_us <= piece.middle_us() && piece.middle_us() < span.to_us;
    let begins = within.iter().position(|span| holds(span, first)).unwrap_or(0);
    let ends = within.iter().rposition(|span| holds(span, last)).unwrap_or(begins);
    let of_cut = within.iter().enumerate().take(ends + 1).skip(begins);
    of_cut
        .map(|(index, span)| Span {
            from_us: if index == begins { from } else { span.from_us },
            to_us: if index == ends { to } else { span.to_us },
        })
        .collect()
}
