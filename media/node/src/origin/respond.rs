//! Answers of the origin: bodies without copies, errors in words, ranges and validators.

use std::collections::VecDeque;
use std::sync::Arc;

use bytes::Bytes;
use http::header::{self, HeaderName, HeaderValue};
use http::{HeaderMap, Method, Response, StatusCode};

use super::body::{self, Body, JoinedBody, Stretch};

/// Slices that belong together, as a part's do. Shared by all who are sent them: who counts the hands on each slice for
/// each viewer has no time for anything else.
pub(crate) type Run = Arc<[Bytes]>;

/// A body of slices, handed on as they are: all viewers share a part's payload.
#[derive(Debug, Default)]
pub struct SlicedBody(VecDeque<Run>);

impl SlicedBody {
    /// One piece.
    pub(super) fn whole(bytes: Bytes) -> Self {
        Self([Run::from([bytes])].into())
    }

    /// All of it, in order, to be written in one go.
    pub fn into_runs(self) -> VecDeque<Arc<[Bytes]>> {
        self.0
    }

    /// Its length in bytes.
    pub(super) fn length(&self) -> u64 {
        length(&self.0)
    }

    /// The bytes `from..=to` of `runs`.
    fn range(runs: &[Run], from: u64, to: u64) -> Self {
        let mut at = 0u64;
        let mut picked = Vec::new();
        for slice in runs.iter().flat_map(|run| run.iter()) {
            let (start, end) = (at, at + slice.len() as u64);
            at = end;
            let (first, last) = (from.max(start), (to + 1).min(end));
            if first < last {
                picked.push(slice.slice((first - start) as usize..(last - start) as usize));
            }
        }
        Self([Run::from(picked)].into())
    }
}

fn length<'a>(runs: impl IntoIterator<Item = &'a Run>) -> u64 {
    runs.into_iter().flat_map(|run| run.iter()).map(|slice| slice.len() as u64).sum()
}

/// An answer of the origin.
pub type Answer = Response<SlicedBody>;

/// The words and the code of an error answer.
#[derive(Debug, Clone)]
pub(super) struct Problem {
    /// HTTP status.
    pub(super) status: StatusCode,
    /// The contract's code.
    pub(super) code: &'static str,
    /// What is wrong.
    pub(super) message: String,
    /// What to do about it.
    pub(super) mend: &'static str,
    /// `Cache-Control`.
    pub(super) cache: String,
}

impl Problem {
    /// Nothing stands under this address.
    pub(super) fn not_found(message: impl Into<String>, mend: &'static str, cache: String) -> Self {
        Self { status: StatusCode::NOT_FOUND, code: "NOT_FOUND", message: message.into(), mend, cache }
    }

    /// As an HTTP answer: `{"error":{"code","message","mend"}}`.
    pub(super) fn answer(self) -> Answer {
        let body = serde_json::json!({
            "error": { "code": self.code, "message": self.message, "mend": self.mend }
        });
        let body = Bytes::from(body.to_string());
        let length = body.len();
        let mut answer = Response::new(SlicedBody::whole(body));
        *answer.status_mut() = self.status;
        let headers = answer.headers_mut();
        headers.insert(header::CONTENT_LENGTH, HeaderValue::from(length));
        if self.status == StatusCode::METHOD_NOT_ALLOWED {
            headers.insert(header::ALLOW, HeaderValue::from_static("GET, HEAD, OPTIONS"));
        }
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
        set(headers, header::CACHE_CONTROL, &self.cache);
        open_to_all(headers);
        answer
    }
}

/// Any page may play what this origin serves: tokens are in URLs or headers, never in cookies here.
pub(super) fn open_to_all(headers: &mut HeaderMap) {
    headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, HeaderValue::from_static("*"));
    headers.insert(
        header::ACCESS_CONTROL_EXPOSE_HEADERS,
        HeaderValue::from_static("content-length, content-range, date, etag"),
    );
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
}

/// The answer to a preflight.
pub(super) fn preflight() -> Answer {
    let mut answer = Response::new(SlicedBody::default());
    *answer.status_mut() = StatusCode::NO_CONTENT;
    let headers = answer.headers_mut();
    open_to_all(headers);
    headers.insert(header::ACCESS_CONTROL_ALLOW_METHODS, HeaderValue::from_static("GET, HEAD, OPTIONS"));
    headers.insert(
        header::ACCESS_CONTROL_ALLOW_HEADERS,
        HeaderValue::from_static("authorization, range, if-none-match, cache-control, content-type"),
    );
    headers.insert(header::ACCESS_CONTROL_MAX_AGE, HeaderValue::from_static("86400"));
    answer
}

/// Whether `gzip` is among the codings that the client accepts (RFC 9110 §12.5.3).
pub(super) fn accepts_gzip(headers: &HeaderMap) -> bool {
    headers
        .get_all(header::ACCEPT_ENCODING)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .any(|coding| {
            let (name, weight) = coding.split_once(';').unwrap_or((coding, ""));
            let refused = matches!(weight.trim().strip_prefix("q="), Some("0" | "0.0" | "0.00" | "0.000"));
            matches!(name.trim().to_ascii_lowercase().as_str(), "gzip" | "*") && !refused
        })
}

/// An answer with room for all its headers, those of the door that it goes out by among them: a map that grows is made
/// twice, for each of very many requests.
fn roomy(body: SlicedBody) -> Answer {
    const HEADERS: usize = 12;
    let mut answer = Response::new(body);
    *answer.headers_mut() = HeaderMap::with_capacity(HEADERS);
    answer
}

/// A playlist: gzipped for who accepts it, validated by its tag.
pub fn playlist(headers: &HeaderMap, plain: &Bytes, gzip: &Bytes, tag: &str, cache: &str) -> Answer {
    let zipped = accepts_gzip(headers);
    let etag = if zipped { format!("\"{tag}-g\"") } else { format!("\"{tag}\"") };
    let matched = matches_tag(headers, &etag);
    let body = if zipped { gzip.clone() } else { plain.clone() };
    let length = body.len();
    let mut answer = roomy(if matched { SlicedBody::default() } else { SlicedBody::whole(body) });
    let out = answer.headers_mut();
    out.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/vnd.apple.mpegurl"));
    set(out, header::CACHE_CONTROL, cache);
    set(out, header::ETAG, &etag);
    out.insert(header::VARY, HeaderValue::from_static("accept-encoding"));
    if zipped {
        out.insert(header::CONTENT_ENCODING, HeaderValue::from_static("gzip"));
    }
    open_to_all(out);
    if matched {
        *answer.status_mut() = StatusCode::NOT_MODIFIED;
    } else {
        out.insert(header::CONTENT_LENGTH, HeaderValue::from(length));
    }
    answer
}

/// Media under an immutable address: a segment, a part or an init section, whole or a range of it (RFC 9110 §14).
pub fn media(headers: &HeaderMap, runs: Vec<Run>, tag: &str, cache: &str) -> Answer {
    let length = length(&runs);
    let etag = format!("\"{tag}\"");
    let mut answer = roomy(SlicedBody::default());
    if matches_tag(headers, &etag) {
        *answer.status_mut() = StatusCode::NOT_MODIFIED;
    } else {
        match range(headers, length, &etag) {
            Wanted::All => {
                answer.headers_mut().insert(header::CONTENT_LENGTH, HeaderValue::from(length));
                *answer.body_mut() = SlicedBody(runs.into());
            }
            Wanted::Range(from, to) => {
                *answer.status_mut() = StatusCode::PARTIAL_CONTENT;
                let out = answer.headers_mut();
                out.insert(header::CONTENT_LENGTH, HeaderValue::from(to - from + 1));
                set(out, header::CONTENT_RANGE, &format!("bytes {from}-{to}/{length}"));
                *answer.body_mut() = SlicedBody::range(&runs, from, to);
            }
            Wanted::Outside => {
                *answer.status_mut() = StatusCode::RANGE_NOT_SATISFIABLE;
                set(answer.headers_mut(), header::CONTENT_RANGE, &format!("bytes */{length}"));
            }
        }
    }
    media_headers(&mut answer, &etag, cache);
    answer
}

/// What is read from the disk as it goes out, whole or a range of it.
pub(super) fn joined(headers: &HeaderMap, stretches: Vec<Stretch>, tag: &str, cache: &str) -> Response<Body> {
    let length = body::length(&stretches);
    let etag = format!("\"{tag}\"");
    let mut answer = Response::new(Body::Slices(SlicedBody::default()));
    if matches_tag(headers, &etag) {
        *answer.status_mut() = StatusCode::NOT_MODIFIED;
    } else {
        match range(headers, length, &etag) {
            Wanted::All => {
                answer.headers_mut().insert(header::CONTENT_LENGTH, HeaderValue::from(length));
                *answer.body_mut() = Body::Joined(JoinedBody::new(stretches, 0, length));
            }
            Wanted::Range(from, to) => {
                *answer.status_mut() = StatusCode::PARTIAL_CONTENT;
                let out = answer.headers_mut();
                out.insert(header::CONTENT_LENGTH, HeaderValue::from(to - from + 1));
                set(out, header::CONTENT_RANGE, &format!("bytes {from}-{to}/{length}"));
                *answer.body_mut() = Body::Joined(JoinedBody::new(stretches, from, to + 1));
            }
            Wanted::Outside => {
                *answer.status_mut() = StatusCode::RANGE_NOT_SATISFIABLE;
                set(answer.headers_mut(), header::CONTENT_RANGE, &format!("bytes */{length}"));
            }
        }
    }
    media_headers(&mut answer, &etag, cache);
    answer
}

/// The headers that every answer with media has.
fn media_headers<B>(answer: &mut Response<B>, etag: &str, cache: &str) {
    let outside = answer.status() == StatusCode::RANGE_NOT_SATISFIABLE;
    let out = answer.headers_mut();
    out.insert(header::CONTENT_TYPE, HeaderValue::from_static("video/mp4"));
    out.insert(header::ACCEPT_RANGES, HeaderValue::from_static("bytes"));
    set(out, header::CACHE_CONTROL, if outside { "no-store" } else { cache });
    set(out, header::ETAG, etag);
    open_to_all(out);
}

/// What of a representation a request wants.
#[derive(Debug, PartialEq, Eq)]
enum Wanted {
    All,
    Range(u64, u64),
    Outside,
}

/// Reads a single range; several ranges, other units and nonsense are answered with the whole, as the RFC allows.
fn range(headers: &HeaderMap, length: u64, etag: &str) -> Wanted {
    let Some(value) = headers.get(header::RANGE).and_then(|value| value.to_str().ok()) else {
        return Wanted::All;
    };
    if headers.get(header::IF_RANGE).is_some_and(|tag| tag.as_bytes() != etag.as_bytes()) {
        return Wanted::All;
    }
    let Some((first, last)) = value.strip_prefix("bytes=").and_then(|spec| spec.split_once('-')) else {
        return Wanted::All;
    };
    let number = |text: &str| text.trim().parse::<u64>().ok();
    match (first.trim(), last.trim()) {
        ("", suffix) => match number(suffix) {
            Some(0) => Wanted::Outside,
            Some(_) if length == 0 => Wanted::Outside,
            Some(suffix) => Wanted::Range(length.saturating_sub(suffix), length - 1),
            None => Wanted::All,
        },
        (first, last) => match (number(first), last.is_empty().then_some(u64::MAX).or(number(last))) {
            (Some(from), Some(to)) if from > to => Wanted::All,
            (Some(from), Some(_)) if from >= length => Wanted::Outside,
            (Some(from), Some(to)) => Wanted::Range(from, to.min(length - 1)),
            _ => Wanted::All,
        },
    }
}

/// Caches that change the coding weaken tags; If-None-Match compares weakly (RFC 9110 §13.1.2).
fn weak(tag: &str) -> &str {
    tag.strip_prefix("W/").unwrap_or(tag)
}

fn matches_tag(headers: &HeaderMap, etag: &str) -> bool {
    headers
        .get(header::IF_NONE_MATCH)
        .and_then(|value| value.to_str().ok())
        .is_some_and(|tags| tags.split(',').map(str::trim).any(|tag| weak(tag) == etag || tag == "*"))
}

/// Inserts a header whose value is made here, of visible ASCII.
pub(super) fn set(headers: &mut HeaderMap, name: HeaderName, value: &str) {
    if let Ok(value) = HeaderValue::from_str(value) {
        headers.insert(name, value);
    }
}

/// A HEAD answer is the GET answer without its body; its length header stays.
pub(super) fn without_body_for_head(method: &Method, mut answer: Response<Body>) -> Response<Body> {
    if method == Method::HEAD {
        *answer.body_mut() = Body::Slices(SlicedBody::default());
    }
    answer
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with(name: HeaderName, value: &'static str) -> HeaderMap {
        HeaderMap::from_iter([(name, HeaderValue::from_static(value))])
    }

    #[test]
    fn ranges_are_read_as_the_rfc_has_them() {
        let wanted = |spec| range(&with(header::RANGE, spec), 100, "\"t\"");
        assert_eq!(wanted("bytes=0-9"), Wanted::Range(0, 9));
        assert_eq!(wanted("bytes=90-"), Wanted::Range(90, 99));
        assert_eq!(wanted("bytes=90-900"), Wanted::Range(90, 99));
        assert_eq!(wanted("bytes=-10"), Wanted::Range(90, 99));
        assert_eq!(wanted("bytes=-1000"), Wanted::Range(0, 99));
        assert_eq!(wanted("bytes=100-"), Wanted::Outside);
        assert_eq!(wanted("bytes=-0"), Wanted::Outside);
        assert_eq!(wanted("bytes=9-1"), Wanted::All);
        assert_eq!(wanted("bytes=0-1,4-5"), Wanted::All);
        assert_eq!(wanted("lines=0-1"), Wanted::All);
        assert_eq!(range(&HeaderMap::new(), 100, "\"t\""), Wanted::All);
    }

    #[test]
    fn a_range_of_slices_is_cut_across_their_borders() {
        let runs = [
            Run::from([Bytes::from_static(b"abc"), Bytes::new()]),
            Run::from([Bytes::from_static(b"def"), Bytes::from_static(b"g")]),
        ];
        let body = SlicedBody::range(&runs, 2, 4);
        assert_eq!(body.length(), 3);
        assert_eq!(body.0, [Run::from([Bytes::from_static(b"c"), Bytes::from_static(b"de")])]);
    }

    #[test]
    fn a_tag_that_a_cache_weakened_still_matches() {
        let known = |tags| matches_tag(&with(header::IF_NONE_MATCH, tags), "\"t\"");
        assert!(known("\"t\"") && known("W/\"t\"") && known("\"a\", W/\"t\"") && known("*"));
        assert!(!known("\"u\"") && !known("t"));
    }

    #[test]
    fn gzip_is_for_who_accepts_it() {
        let accepts = |value| accepts_gzip(&with(header::ACCEPT_ENCODING, value));
        assert!(accepts("gzip, deflate, br"));
        assert!(accepts("br;q=1.0, gzip;q=0.8"));
        assert!(accepts("*"));
        assert!(!accepts("br"));
        assert!(!accepts("gzip;q=0"));
        assert!(!accepts_gzip(&HeaderMap::new()));
    }
}
