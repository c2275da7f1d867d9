//! What was asked, what came back, and when: all that the rules are judged by.

use std::sync::Arc;

use crate::mp4::{Init, Run};
use crate::playlist::{ByteRange, MediaPlaylist, Micros};

/// Everything of one run.
#[derive(Clone, Debug, Default)]
pub struct Observation {
    /// The address that was given.
    pub address: String,
    /// Whether a multivariant playlist stood there.
    pub has_multivariant: bool,
    /// Whether it had ended before the judge came: a recording, which is looked through and not followed.
    pub recorded: bool,
    /// The media playlists that were followed, by their addresses.
    pub renditions: Vec<String>,
    /// All requests, in the order of their ends.
    pub exchanges: Vec<Exchange>,
    /// When the judge itself was held up, from and to: what took its time then is not held against the origin.
    pub held_up: Vec<(Micros, Micros)>,
    /// How long it lasted.
    pub lasted: Micros,
}

impl Observation {
    /// How much of the time from `from` to `to` the judge itself was held up.
    pub fn held_up_in(&self, from: Micros, to: Micros) -> Micros {
        self.held_up.iter().map(|(begin, end)| (*end.min(&to) - *begin.max(&from)).max(0)).sum()
    }
}

/// One request and what came of it.
#[derive(Clone, Debug)]
pub struct Exchange {
    /// Which media playlist it belongs to.
    pub rendition: Option<usize>,
    /// What it was for.
    pub purpose: Purpose,
    /// The address.
    pub url: String,
    /// The sub-range that was asked for: first byte and, where it was said, last.
    pub range: Option<(u64, Option<u64>)>,
    /// When it was asked.
    pub asked: Micros,
    /// When it was over.
    pub done: Micros,
    /// What came back.
    pub outcome: Result<Answer, String>,
}

impl Exchange {
    /// The answer, where there was one.
    pub fn answer(&self) -> Option<&Answer> {
        self.outcome.as_ref().ok()
    }

    /// The status; 0 where nothing came.
    pub fn status(&self) -> u16 {
        self.answer().map_or(0, |answer| answer.status)
    }

    /// 200 or 206.
    pub fn is_good(&self) -> bool {
        matches!(self.status(), 200 | 206)
    }

    /// The status or the words of the failure.
    pub fn came(&self) -> String {
        match &self.outcome {
            Ok(answer) => answer.status.to_string(),
            Err(error) => error.clone(),
        }
    }
}

/// An answer.
#[derive(Clone, Debug, Default)]
pub struct Answer {
    /// HTTP status, after redirects.
    pub status: u16,
    /// Whether it came by HTTP/2 (or later).
    pub http2: bool,
    /// Where redirects led to; empty where there were none.
    pub redirects: Vec<String>,
    /// `Content-Type`
    pub content_type: String,
    /// `Content-Encoding`
    pub content_encoding: String,
    /// `Content-Range`
    pub content_range: String,
    /// `Cache-Control`; none where it is missing.
    pub cache_control: Option<String>,
    /// When the head was there.
    pub head: Micros,
    /// When the first byte of the body was there.
    pub first_byte: Option<Micros>,
    /// How long the body was.
    pub length: u64,
    /// What the body was.
    pub body: Body,
}

/// What of a body is kept.
#[derive(Clone, Debug, Default)]
pub enum Body {
    /// Nothing.
    #[default]
    None,
    /// A multivariant playlist's text, decoded.
    Text(Arc<str>),
    /// A media playlist, decoded and read.
    Playlist(Result<Arc<MediaPlaylist>, Torn>),
    /// An init section.
    Init(Result<Arc<Init>, String>),
    /// A segment or part, and the init section that it was read with.
    Media(Result<Vec<Run>, String>),
    /// What of a segment is said to be its key frame, and whether it is.
    KeyFrame(Result<(), String>),
}

/// What should be a media playlist and cannot be read as one.
#[derive(Clone, Debug)]
pub struct Torn {
    /// Where it fails.
    pub error: String,
    /// What came.
    pub text: Arc<str>,
}

/// The directives of a request (§6.2.5).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Directives {
    /// `_HLS_msn`
    pub msn: Option<u64>,
    /// `_HLS_part`
    pub part: Option<u64>,
    /// `_HLS_skip`
    pub skip: Option<Skipping>,
}

/// `_HLS_skip`
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Skipping {
    /// `YES`
    Yes,
    /// `v2`
    V2,
}

impl Directives {
    /// As a query string, empty where there are none.
    pub fn query(&self) -> String {
        let mut pairs = Vec::new();
        pairs.extend(self.msn.map(|msn| format!("_HLS_msn={msn}")));
        pairs.extend(self.part.map(|part| format!("_HLS_part={part}")));
        pairs.extend(self.skip.map(|skip| match skip {
            Skipping::Yes => "_HLS_skip=YES".to_owned(),
            Skipping::V2 => "_HLS_skip=v2".to_owned(),
        }));
        pairs.join("&")
    }
}

/// What a request was for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// The multivariant playlist.
    Multivariant,
    /// The next playlist, by blocking reload where the origin can.
    Follow(Directives),
    /// A playlist without directives, gzip accepted.
    Plain,
    /// A delta, beside a request of the same directives without `_HLS_skip`.
    Delta(Directives),
    /// A media playlist request that shows one rule.
    Probe(Probe, Directives),
    /// A recording's I-frame playlist.
    KeyFrames,
    /// What an I-frame playlist lists with this number.
    KeyFrame(u64),
    /// An init section.
    Init,
    /// A listed part.
    Part(u64, u64),
    /// A listed segment.
    Segment(u64),
    /// The part that was hinted, from its hint on.
    Hint(u64, u64),
    /// A part that is listed no more: it was last seen then.
    OldPart(u64, u64),
    /// A segment that is listed no more.
    OldSegment(u64),
    /// What is listed after the end.
    AfterEnd(u64),
    /// A hint that was given up.
    GivenUp,
    /// An address that nobody ever named.
    Unknown,
}

/// Playlist requests that show one rule each.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Probe {
    /// The next msn, without a part (24).
    WholeSegment,
    /// An msn that is past (27).
    Past,
    /// The same, with a delta (27).
    PastDelta,
    /// A part without an msn (28).
    PartAlone,
    /// An msn far ahead (29).
    FarSegment,
    /// A part far ahead (29).
    FarPart,
    /// Directives after ENDLIST (31).
    AfterEnd,
}

/// The sub-range of a byte range.
pub(crate) fn range_of(range: Option<ByteRange>) -> Option<(u64, Option<u64>)> {
    range.map(|range| {
        let first = range.offset.unwrap_or(0);
        (first, Some((first + range.length).saturating_sub(1)))
    })
}
