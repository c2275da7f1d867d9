use serde::{Deserialize, Serialize};

use super::ValueError;

/// A range of a session's media time: microseconds from the first segment of its log, gaps included. Never empty.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Span {
    from_us: u64,
    to_us: u64,
}

impl Span {
    /// The latest moment that a span may name: 31 years from a session's start; stored numbers have 63 bits.
    pub const LAST_US: u64 = 1_000_000_000_000_000;

    /// From a moment up to another, which is later.
    pub fn new(from_us: u64, to_us: u64) -> Result<Self, ValueError> {
        if from_us < to_us && to_us <= Self::LAST_US {
            Ok(Self { from_us, to_us })
        } else {
            Err(ValueError::Form {
                what: "a span",
                wanted: "a range of media time that ends after it begins",
            })
        }
    }

    /// Where it begins.
    pub const fn from_us(self) -> u64 {
        self.from_us
    }

    /// Where it ends; what is there is no part of it.
    pub const fn to_us(self) -> u64 {
        self.to_us
    }

    /// How long it is.
    pub const fn length_us(self) -> u64 {
        self.to_us - self.from_us
    }

    /// Whether a moment lies in it.
    pub const fn holds_moment(self, us: u64) -> bool {
        self.from_us <= us && us < self.to_us
    }

    /// Whether all of another lies in it.
    pub const fn holds(self, other: Self) -> bool {
        self.from_us <= other.from_us && other.to_us <= self.to_us
    }
}

/// What an asset is made of: spans of its session's media, one at least, in the order in which they are shown. A highlight may go
/// back, and show the same twice.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "Vec<Span>", into = "Vec<Span>")]
pub struct Spans(Vec<Span>);

impl Spans {
    /// The most spans: a session of two hundred reconnects has room, and an event stays short.
    pub const MAX: usize = 1_000;

    /// The spans, in order.
    pub fn as_slice(&self) -> &[Span] {
        &self.0
    }

    /// How long all of them are, joined.
    pub fn length_us(&self) -> u64 {
        self.0.iter().map(|span| span.length_us()).sum()
    }

    /// Whether a moment lies in one of them.
    pub fn hold_moment(&self, us: u64) -> bool {
        self.0.iter().any(|span| span.holds_moment(us))
    }

    /// Whether all of the others lie in these, each in one of them.
    pub fn hold(&self, others: &Self) -> bool {
        others.0.iter().all(|other| self.0.iter().any(|span| span.holds(*other)))
    }
}

impl TryFrom<Vec<Span>> for Spans {
    type Error = ValueError;

    fn try_from(spans: Vec<Span>) -> Result<Self, ValueError> {
        if !(1..=Self::MAX).contains(&spans.len()) {
            let (what, found) = ("the spans of an asset", spans.len());
            return Err(ValueError::Count { what, min: 1, max: Self::MAX, found });
        }
        Ok(Self(spans))
    }
}

impl From<Spans> for Vec<Span> {
    fn from(spans: Spans) -> Self {
        spans.0
    }
}
