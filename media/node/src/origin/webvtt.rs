//! WebVTT: cues that say what stands from when to when in what a player plays.

use std::fmt;

use http::HeaderMap;
use http::header::{self, HeaderValue};

use bytes::Bytes;

use super::respond::{self, Answer};
use crate::session::gzip;

/// A time of a cue (WebVTT §3.3), from microseconds.
pub(super) struct Cue(pub(super) u64);

impl fmt::Display for Cue {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ms = self.0 / 1_000;
        let (hours, minutes) = (ms / 3_600_000, ms / 60_000 % 60);
        write!(out, "{hours:02}:{minutes:02}:{:02}.{:03}", ms / 1_000 % 60, ms % 1_000)
    }
}

/// A file of cues: gzipped for who accepts it, validated by its tag.
pub(super) fn answer(headers: &HeaderMap, text: impl Into<Bytes>, tag: &str, cache: &str) -> Answer {
    let text = text.into();
    let mut answer = respond::playlist(headers, &text, &gzip(&text), tag, cache);
    answer.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("text/vtt; charset=utf-8"));
    answer
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_hours_minutes_and_seconds() {
        assert_eq!(Cue(3_723_004_000).to_string(), "01:02:03.004");
        assert_eq!(Cue(360_000_000_000).to_string(), "100:00:00.000");
    }
}
