use std::sync::Arc;

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use sigma_node::{Answer, respond};

use crate::draw::Draw;

const TAG: &str = "se_1-7.m4s";
const CACHE: &str = "public, max-age=60";
/// What the fuzzer writes into.
const ASKED: [HeaderName; 4] =
    [header::RANGE, header::IF_RANGE, header::IF_NONE_MATCH, header::ACCEPT_ENCODING];

/// Range, conditional and coding headers of any bytes, asked of media in slices of any lengths, and of a playlist.
///
/// A body is the very bytes that its status and headers say; a plain range is never refused nor widened (RFC 9110 §14).
pub fn ranges(data: &[u8]) {
    let mut draw = Draw::new(data);
    let mut headers = HeaderMap::new();
    for name in ASKED {
        let length = draw.below(64);
        let text = draw.bytes(length.into());
        if !text.is_empty()
            && let Ok(value) = HeaderValue::from_bytes(text)
        {
            headers.append(name, value);
        }
    }
    let lengths = draw.bytes(8);
    let whole: Vec<u8> =
        (0..lengths.iter().map(|length| usize::from(*length)).sum()).map(|at| at as u8).collect();
    let (whole, mut at) = (Bytes::from(whole), 0);
    let slices = lengths.iter().map(|length| {
        let slice = whole.slice(at..at + usize::from(*length));
        at += slice.len();
        slice
    });
    let slices: Vec<Bytes> = slices.collect();
    // As a segment is in parts.
    let runs = slices.chunks(3).map(Arc::from).collect();
    media(&headers, &whole, respond::media(&headers, runs, TAG, CACHE));
    let gzip = Bytes::from_static(b"zipped");
    playlist(&headers, &whole, &gzip, respond::playlist(&headers, &whole, &gzip, "t", CACHE));
}

fn media(headers: &HeaderMap, whole: &Bytes, answer: Answer) {
    let (length, asked) = (whole.len() as u64, plain_range(headers));
    let (status, out, body) = read(answer);
    let text = |name| out.get(name).and_then(|value: &HeaderValue| value.to_str().ok());
    assert_eq!(text(header::ETAG), Some("\"se_1-7.m4s\""));
    match status {
        StatusCode::OK => {
            assert_eq!((&body, text(header::CONTENT_RANGE)), (whole, None));
            assert!(asked.is_none(), "a plain range is answered with the whole");
        }
        StatusCode::NOT_MODIFIED => {
            assert!(body.is_empty() && headers.contains_key(header::IF_NONE_MATCH));
            return;
        }
        StatusCode::PARTIAL_CONTENT => {
            let range = text(header::CONTENT_RANGE).and_then(|range| range.strip_prefix("bytes "));
            let (range, of) = range.and_then(|range| range.split_once('/')).unwrap_or_default();
            let (from, to) = range.split_once('-').unwrap_or_default();
            let number = |text: &str| text.parse::<u64>().unwrap_or_else(|_| panic!("{range} of {of}"));
            let (from, to) = (number(from), number(to));
            assert_eq!(number(of), length);
            assert_eq!(body, whole[from as usize..=to as usize]);
            if let Some((first, last)) = asked {
                assert_eq!((from, to), (first, last.min(length.saturating_sub(1))));
            }
        }
        StatusCode::RANGE_NOT_SATISFIABLE => {
            assert_eq!(text(header::CONTENT_RANGE), Some(format!("bytes */{length}").as_str()));
            assert_eq!(text(header::CACHE_CONTROL), Some("no-store"));
            assert!(body.is_empty() && asked.is_none_or(|(first, _)| first >= length));
            return;
        }
        other => panic!("{other}"),
    }
    assert_eq!(text(header::CONTENT_LENGTH), Some(body.len().to_string().as_str()));
}

fn playlist(headers: &HeaderMap, plain: &Bytes, gzip: &Bytes, answer: Answer) {
    let (status, out, body) = read(answer);
    let zipped = out.get(header::CONTENT_ENCODING).is_some_and(|coding| coding == "gzip");
    assert!(!zipped || headers.contains_key(header::ACCEPT_ENCODING));
    assert_eq!(
        out.get(header::ETAG).map(HeaderValue::as_bytes),
        Some(if zipped { b"\"t-g\"" } else { &b"\"t\""[..] })
    );
    match status {
        StatusCode::OK => assert_eq!(&body, if zipped { gzip } else { plain }),
        StatusCode::NOT_MODIFIED => assert!(body.is_empty() && headers.contains_key(header::IF_NONE_MATCH)),
        other => panic!("{other}"),
    }
}

/// `bytes=FIRST-LAST` and `bytes=FIRST-` in digits and nothing else, with no condition beside it.
fn plain_range(headers: &HeaderMap) -> Option<(u64, u64)> {
    if headers.contains_key(header::IF_RANGE) {
        return None;
    }
    let (first, last) = headers.get(header::RANGE)?.to_str().ok()?.strip_prefix("bytes=")?.split_once('-')?;
    let number =
        |text: &str| text.bytes().all(|byte| byte.is_ascii_digit()).then(|| text.parse().ok()).flatten();
    let (first, last) = (number(first)?, if last.is_empty() { u64::MAX } else { number(last)? });
    (first <= last).then_some((first, last))
}

fn read(answer: Answer) -> (StatusCode, HeaderMap, Bytes) {
    let (parts, body) = answer.into_parts();
    let runs = body.into_runs();
    let bytes: Vec<u8> = runs.iter().flat_map(|run| run.iter()).flatten().copied().collect();
    (parts.status, parts.headers, bytes.into())
}
