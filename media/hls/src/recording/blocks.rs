//! Where an exact cut goes through segments, and which it leaves whole.

use super::cut::Stretch;
use super::{Recording, Span, us};
use crate::CLOCK;

/// Times within half a millisecond of a border are that border: what a player tells is rounded.
pub const ROUNDED: u64 = CLOCK / 2_000;

/// Segments that decode by themselves, one behind the other: the first begins with a key frame, none of the others does.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Block {
    /// The first one's number.
    pub first: u64,
    /// The last one's.
    pub last: u64,
    /// The segment that goes on behind them, where there is one.
    pub after: Option<u64>,
    /// Their init section's number.
    pub init: u32,
    /// Where they begin, in ticks of the session's media time.
    pub from: u64,
    /// Where they end.
    pub to: u64,
    /// Whether decoding can begin with them.
    pub independent: bool,
    /// Bytes.
    pub len: u64,
}

/// What a cut shows, in order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Planned {
    /// Whole segments.
    Whole(Span),
    /// A part of a block.
    Part {
        /// The block.
        block: Block,
        /// What is kept of it: from its own beginning or to its own end where these are the block's.
        keep: Stretch,
    },
}

impl Recording {
    /// What whole segments, and which parts of others, a stretch without a gap is shown by.
    pub fn plan(&self, stretch: &Stretch) -> Vec<Planned> {
        let mut planned: Vec<Planned> = Vec::new();
        let mut at = stretch.from;
        while let Some(block) = self.block(at).filter(|_| at < stretch.to) {
            let reached = block.to.max(at + 1);
            let near_begin = at <= block.from + ROUNDED;
            let near_end = stretch.to + ROUNDED >= block.to;
            let from = if near_begin { block.from } else { at };
            let to = if near_end { block.to } else { stretch.to };
            at = reached;
            // What is left over by rounding is shown by nobody.
            if from + ROUNDED >= to {
                continue;
            }
            if near_begin && near_end {
                let span = Span { from_us: us(block.from), to_us: us(block.to) };
                match planned.last_mut() {
                    Some(Planned::Whole(before)) if before.to_us == span.from_us => before.to_us = span.to_us,
                    _ => planned.push(Planned::Whole(span)),
                }
            } else {
                planned.push(Planned::Part { block, keep: Stretch { from, to } });
            }
        }
        planned
    }

    /// The block that a moment lies in; none in a gap, or where there is nothing.
    fn block(&self, ticks: u64) -> Option<Block> {
        let number = self.at(ticks)?;
        let piece = self.piece(number).filter(|piece| !piece.gap)?;
        let goes_on = |number: u64| {
            let next = self.piece(number)?;
            (!next.gap && !next.discontinuity && next.init == piece.init).then_some(next)
        };
        let mut first = number;
        while let Some(this) = self.piece(first).filter(|this| !this.independent && !this.discontinuity) {
            let before = first.checked_sub(1).and_then(|before| self.piece(before));
            if !before.is_some_and(|before| !before.gap && before.init == this.init) {
                break;
            }
            first -= 1;
        }
        let mut last = number;
        while goes_on(last + 1).is_some_and(|next| !next.independent) {
            last += 1;
        }
        let (begin, end) = (self.piece(first)?, self.piece(last)?);
        Some(Block {
            first,
            last,
            after: goes_on(last + 1).map(|_| last + 1),
            init: piece.init,
            from: begin.start,
            to: end.end(),
            independent: begin.independent,
            len: (first..=last).filter_map(|number| self.piece(number)).map(|piece| piece.len).sum(),
        })
    }
}
