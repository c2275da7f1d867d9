//! The port to the recordings' media, which the media plane keeps.

use async_trait::async_trait;
use sigma_domain::{Edge, SessionId};

/// A range of a session's media time: microseconds from the first segment of its log, gaps included.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Span {
    /// Where it begins.
    pub from_us: u64,
    /// Where it ends.
    pub to_us: u64,
}

/// What is shown of a session's media.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Shown {
    /// The spans, in order.
    pub spans: Vec<Span>,
    /// What is shown for some of them in the place of segments.
    pub edges: Vec<Edge>,
}

/// Where recordings' media lies.
#[async_trait]
pub trait Recordings: Send + Sync {
    /// What these ranges come to, one behind the other in their order, each aligned to what can be played from: of what viewers
    /// of the session see, or of what is shown `within`, joined. Nothing is copied or kept by it.
    ///
    /// # Errors
    /// [`NotCut`].
    async fn cut(
        &self,
        session: &SessionId,
        ranges: &[CutRange],
        within: Option<&Shown>,
    ) -> Result<Cut, NotCut>;

    /// The same, exact to the picture. What it needs beside the session's own media is made, and kept before this answers.
    ///
    /// # Errors
    /// [`NotCut`]; [`CutError::NotExact`] where this media cannot be cut so.
    async fn cut_exactly(
        &self,
        session: &SessionId,
        ranges: &[CutRange],
        within: Option<&Shown>,
    ) -> Result<Cut, NotCut>;

    /// What plays without a break of what is shown of a session, in order.
    ///
    /// # Errors
    /// [`CutError::Unknown`], [`CutError::Unavailable`].
    async fn runs(&self, session: &SessionId, within: &Shown) -> Result<Vec<Run>, CutError>;
}

/// A stretch of media that plays without a break.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Run {
    /// When it begins, in microseconds of what is played: media alone, gaps left out.
    pub at_us: u64,
    /// Where it begins in the session's media time, in microseconds: gaps counted.
    pub from_us: u64,
    /// How long it is, in microseconds.
    pub length_us: u64,
    /// What the chapter that begins with it is called; none where it goes on with the one before.
    pub chapter: Option<String>,
}

/// A point to cut at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CutPoint {
    /// Microseconds from the beginning of what viewers see of the session, or of the spans that are cut, joined.
    FromStart(u64),
    /// Microseconds back from now, of a session on air.
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

/// A range that cannot be cut.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{why}")]
pub struct NotCut {
    /// Its place among those that were asked for.
    pub range: usize,
    /// Why.
    pub why: CutError,
}

/// A cut.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cut {
    /// The media, in order.
    pub spans: Vec<Span>,
    /// Where it is exact to the picture: its edges.
    pub edges: Option<Vec<Edge>>,
    /// How long it plays.
    pub duration_ms: u64,
    /// How much it is.
    pub bytes: u64,
    /// How much of the duration is missing.
    pub gaps_ms: u64,
    /// In how many files it stands.
    pub files: u32,
}

/// Why nothing is cut.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CutError {
    /// There is no media of that session here.
    #[error("there is no media of this session")]
    Unknown,
    /// It would end before it begins, or where it begins.
    #[error("it ends before it begins")]
    Backwards,
    /// A point lies outside of the media.
    #[error("it lies outside of the media, which is {length_us} µs long")]
    Outside {
        /// How long the media is.
        length_us: u64,
    },
    /// There are only gaps.
    #[error("there is nothing but a gap")]
    Empty,
    /// Too much at once.
    #[error("it is longer than {limit_us} µs")]
    TooLong {
        /// The most.
        limit_us: u64,
    },
    /// Back from now, and the session is over.
    #[error("the session is not on air")]
    NotOnAir,
    /// It can be cut, but not to the picture.
    #[error("{why}")]
    NotExact {
        /// Why, in words.
        why: String,
        /// Where it begins when it is aligned, in microseconds of what is cut from.
        from_us: u64,
        /// Where it ends then.
        to_us: u64,
    },
    /// The media cannot be looked at now.
    #[error("{0}")]
    Unavailable(String),
}
