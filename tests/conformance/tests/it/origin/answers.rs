//! What the small origin answers.

use std::convert::Infallible;
use std::io::Write;
use std::sync::Arc;

use bytes::Bytes;
use http::{Request, Response, StatusCode, header};
use http_body_util::combinators::BoxBody;
use http_body_util::{BodyExt, Full};
use hyper::body::{Body, Frame, Incoming};
use tokio::sync::mpsc;

use super::script::{Item, State};
use super::server::Watch;
use super::text::Asked;
use super::{Origin, Side};

pub(super) type Answer = Response<BoxBody<Bytes, Infallible>>;

/// How long media stays after it was removed from the playlist.
const STAYS: u64 = 10_500;

/// The end of a range that nobody knows yet (RFC 8673).
const UNKNOWN_END: u64 = (1 << 53) - 1;

fn answer(status: u16, kind: &str, cache: &str, body: impl Into<Bytes>) -> Answer {
    Response::builder()
        .status(StatusCode::from_u16(status).expect("a status"))
        .header(header::CONTENT_TYPE, kind)
        .header(header::CACHE_CONTROL, cache)
        .body(Full::new(body.into()).boxed())
        .expect("an answer")
}

pub(super) fn playlist(text: String, cache: &str, gzip: bool) -> Answer {
    let kind = "application/vnd.apple.mpegurl";
    if !gzip {
        return answer(200, kind, cache, text);
    }
    let mut zipped = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    zipped.write_all(text.as_bytes()).expect("memory takes all");
    let mut answer = answer(200, kind, cache, zipped.finish().expect("memory takes all"));
    answer.headers_mut().insert(header::CONTENT_ENCODING, header::HeaderValue::from_static("gzip"));
    answer
}

pub(super) fn media(body: impl Into<Bytes>) -> Answer {
    answer(200, "video/mp4", "public, max-age=31536000, immutable", body)
}

pub(super) fn partial(from: usize, length: usize, all: usize, body: Bytes) -> Answer {
    let mut answer = media(body);
    *answer.status_mut() = StatusCode::PARTIAL_CONTENT;
    let range = format!("bytes {from}-{}/{all}", from + length - 1);
    answer.headers_mut().insert(header::CONTENT_RANGE, range.parse().expect("a header"));
    answer
}

/// The directives of a query.
#[derive(Clone, Copy, Debug, Default)]
struct Query {
    msn: Option<u64>,
    part: Option<usize>,
    delta: bool,
    v2: bool,
}

impl Query {
    fn parse(text: &str) -> Self {
        let of = |name: &str| text.split('&').find_map(|pair| pair.strip_prefix(name)?.strip_prefix('='));
        let number = |name| of(name).and_then(|value| value.parse().ok());
        let skip = of("_HLS_skip");
        Self {
            msn: number("_HLS_msn"),
            part: number("_HLS_part").and_then(|part| usize::try_from(part).ok()),
            delta: skip.is_some(),
            v2: skip == Some("v2"),
        }
    }
}

impl Origin {
    /// Answers a request, when there is something to answer.
    pub(crate) async fn answer(self: Arc<Self>, watch: Watch, request: Request<Incoming>) -> Answer {
        let path: Vec<&str> = request.uri().path().trim_start_matches('/').split('/').collect();
        let header = |name| request.headers().get(name).and_then(|value| value.to_str().ok()).unwrap_or("");
        let gzip = header(header::ACCEPT_ENCODING).contains("gzip");
        let range = header(header::RANGE).strip_prefix("bytes=").and_then(|range| {
            let (from, to) = range.split_once('-')?;
            Some((from.parse().ok()?, to.parse().ok()))
        });
        let query = Query::parse(request.uri().query().unwrap_or(""));
        match path.as_slice() {
            ["master.m3u8"] => {
                let text = self.multivariant(watch.now());
                answer(200, "application/vnd.apple.mpegurl", "max-age=0", text)
            }
            ["a", "index.m3u8"] => self.media_playlist(Side::A, watch, query, gzip).await,
            ["b", "index.m3u8"] => self.media_playlist(Side::B, watch, query, gzip).await,
            ["a", name] => self.file(Side::A, watch, name, None).await,
            ["b", name] => self.file(Side::B, watch, name, range).await,
            ["recording", name] => self.recorded(name, gzip, range).unwrap_or_else(|| self.missing()),
            _ => self.missing(),
        }
    }

    fn missing(&self) -> Answer {
        let cache = if self.breaks(42) { "max-age=31536000" } else { "max-age=1" };
        answer(if self.breaks(36) { 403 } else { 404 }, "text/plain", cache, "")
    }

    fn gone(&self) -> Answer {
        answer(404, "text/plain", "max-age=1", "")
    }

    /// Whether a state has what a blocking request waits for.
    fn reached(&self, state: &State<'_>, msn: u64, part: Option<usize>) -> bool {
        if state.ended {
            return true;
        }
        let next = state.whole.len() as u64;
        let Some(part) = part.filter(|_| self.has_parts()) else {
            // Rule 24: the first part will do.
            let early = self.breaks(24) && state.open.is_some_and(|(item, _)| item.msn >= msn);
            return next > msn || early;
        };
        if next <= msn {
            // Rule 25: whoever asks for a part of the open segment is answered at once.
            return state.open.is_some_and(|(item, parts)| item.msn == msn && parts > part)
                || (self.breaks(25) && next == msn);
        }
        let count = state.whole.get(usize::try_from(msn).unwrap_or(0)).map_or(0, |item| item.parts.len());
        if part < count || self.breaks(26) {
            return true;
        }
        next > msn + 1 || state.open.is_some()
    }

    async fn media_playlist(&self, side: Side, watch: Watch, query: Query, gzip: bool) -> Answer {
        let target = self.target(side) / 1_000;
        let (error, plain) = (format!("s-maxage={}", target * 4), format!("max-age={target}"));
        let now = watch.now();
        let state = self.script.at(now);
        let bad = |cache: &str| answer(400, "text/plain", cache, "");
        if !state.ended {
            if query.part.is_some() && query.msn.is_none() && !self.breaks(28) {
                return bad(&plain);
            }
            let (next, parts) = state.edge();
            let far = query.msn.is_some_and(|msn| {
                let there = if msn == next { parts } else { 0 };
                let part = query.part.filter(|_| self.has_parts() && msn >= next);
                msn > next + 1 || part.is_some_and(|part| part > there + 6)
            });
            if far {
                if self.breaks(29) {
                    return self.rendered(side, &state, query, gzip);
                }
                return bad(&error);
            }
        } else if self.breaks(31) && query.part.is_some() && query.msn.is_none() {
            return bad(&plain);
        }
        let Some(msn) = query.msn else { return self.rendered(side, &state, query, gzip) };
        if self.breaks(27) && msn + 1 < state.whole.len() as u64 && query.part.is_none() {
            watch.until(now + 1_000).await;
        }
        let limit = now + 3 * self.target(side);
        match self.script.when(now, |state| self.reached(state, msn, query.part)) {
            Some(at) if at <= limit => watch.until(at).await,
            _ => {
                watch.until(limit).await;
                if !self.breaks(30) {
                    return answer(503, "text/plain", &error, "");
                }
            }
        }
        self.rendered(side, &self.script.at(watch.now()), query, gzip)
    }

    fn rendered(&self, side: Side, state: &State<'_>, query: Query, gzip: bool) -> Answer {
        let delta = query.delta && !state.ended;
        let asked = Asked { delta, v2: query.v2 && delta, blocking: query.msn.is_some() };
        let text = self.playlist(side, state, asked);
        let target = self.target(side) / 1_000;
        let cache = if query.msn.is_some() {
            format!("max-age=0, s-maxage={}", 6 * target)
        } else {
            "max-age=0".to_owned()
        };
        playlist(text, &cache, gzip && !self.breaks(40))
    }

    async fn file(
        &self,
        side: Side,
        watch: Watch,
        name: &str,
        range: Option<(usize, Option<usize>)>,
    ) -> Answer {
        let number = |text: &str| text.parse::<u64>().ok();
        let asked = watch.now();
        let is_listed = |answer: Answer| async {
            if self.breaks(19) && answer.status().is_success() {
                watch.until(asked + 1_000).await;
            }
            answer
        };
        if let Some(init) = name.strip_prefix('i').and_then(|name| number(name.strip_suffix(".mp4")?)) {
            let (width, height) = side.size(usize::try_from(init).unwrap_or(0));
            return is_listed(media(super::boxes::init(width, height))).await;
        }
        let place = name.strip_suffix(".m4s").unwrap_or("");
        if let Some(msn) = place.strip_prefix('s').and_then(number) {
            let Some(item) = self.item(msn) else { return self.missing() };
            return match (side, range) {
                (Side::B, Some((from, to))) => self.range(watch, item, from, to).await,
                _ if !self.is_there(item, asked) || item.whole_at > asked => self.gone(),
                _ => is_listed(media(self.segment(side, item))).await,
            };
        }
        let part =
            place.strip_prefix('p').filter(|_| self.has_parts()).and_then(|place| place.split_once('.'));
        let Some((msn, part)) = part.and_then(|(msn, part)| Some((number(msn)?, number(part)?))) else {
            return self.missing();
        };
        let part = usize::try_from(part).unwrap_or(usize::MAX);
        let Some(item) = self.item(msn).filter(|item| item.parts.len() > part) else { return self.missing() };
        if item.parts[part].listed_at <= asked {
            let is_there =
                self.is_there(item, asked) && !(self.breaks(14) && self.is_dropped(side, item, part, asked));
            let found = is_there.then(|| self.part_bytes(side, item, part));
            return match found {
                Some(bytes) => is_listed(media(bytes)).await,
                None => self.gone(),
            };
        }
        self.hinted(side, watch, item, part).await
    }

    fn item(&self, msn: u64) -> Option<&Item> {
        self.script.items.get(usize::try_from(msn).ok()?)
    }

    /// Rule 18: a removed segment stays for a while.
    fn is_there(&self, item: &Item, now: u64) -> bool {
        let stays = if self.breaks(18) { 0 } else { STAYS };
        !item.gap && self.script.removed_at(item.msn).is_none_or(|removed| now < removed + stays)
    }

    /// Rule 14: whether a part is listed no more.
    fn is_dropped(&self, side: Side, item: &Item, part: usize, now: u64) -> bool {
        let state = self.script.at(now);
        let text = self.playlist(side, &state, Asked::default());
        !state.ended && !text.contains(&format!("\"p{}.{part}.m4s\"", item.msn))
    }

    /// The next part waits until it is complete; any other is not known yet.
    async fn hinted(&self, side: Side, watch: Watch, item: &Item, part: usize) -> Answer {
        let now = watch.now();
        let (msn, next) = self.script.at(now).edge();
        let at = item.parts[part].listed_at;
        if !((item.msn == msn && part == next) || (item.msn == msn + 1 && part == 0)) {
            return self.missing();
        }
        let limit = now + 3 * self.target(side);
        if at > limit {
            watch.until(limit).await;
            return answer(503, "text/plain", "no-store", "");
        }
        if self.breaks(35) && !item.gap {
            let bytes = self.part_bytes(side, item, part);
            let (sender, body) = Channel::open();
            tokio::spawn(async move {
                let _ = sender.send(bytes.slice(..8));
                watch.until(at).await;
                let _ = sender.send(bytes.slice(8..));
            });
            let mut answer = media("");
            *answer.body_mut() = body;
            return answer;
        }
        watch.until(at).await;
        if item.gap { self.gone() } else { media(self.part_bytes(side, item, part)) }
    }

    /// A range of a segment: of what is there, or open, of what is still being made.
    async fn range(&self, watch: Watch, item: &Item, from: usize, to: Option<usize>) -> Answer {
        let now = watch.now();
        if item.gap || !self.is_there(item, now) {
            return self.gone();
        }
        let all = self.segment(Side::B, item);
        let made = |now: u64| -> usize {
            let there = item.parts.iter().take_while(|part| part.listed_at <= now).count();
            (0..there).map(|part| self.part_bytes(Side::B, item, part).len()).sum()
        };
        let dropped = |part| self.breaks(14) && self.is_range_dropped(item, part, now);
        if let Some(to) = to {
            let first = (0..item.parts.len()).find(|part| {
                (0..*part).map(|part| self.part_bytes(Side::B, item, part).len()).sum::<usize>() == from
            });
            if to >= made(now) || first.is_some_and(dropped) {
                return self.gone();
            }
            if self.breaks(19) {
                watch.until(now + 1_000).await;
            }
            return partial(from, to + 1 - from, all.len(), all.slice(from..=to));
        }
        if made(now) >= all.len() && item.whole_at <= now {
            return partial(from, all.len() - from, all.len(), all.slice(from..));
        }
        if self.breaks(37) {
            return answer(416, "text/plain", "no-store", "");
        }
        let (msn, _) = self.script.at(now).edge();
        if item.msn > msn + 1 || from > made(now) {
            return self.missing();
        }
        let moments: Vec<(u64, usize)> = item
            .parts
            .iter()
            .map(|part| (part.listed_at, made(part.listed_at)))
            .filter(|(_, end)| *end > from)
            .collect();
        watch.until(moments.first().map_or(now, |(at, _)| *at)).await;
        let (sender, body) = Channel::open();
        let bytes = all.clone();
        tokio::spawn(async move {
            let mut sent = from;
            for (at, end) in moments {
                watch.until(at).await;
                let _ = sender.send(bytes.slice(sent..end));
                sent = end;
            }
        });
        let mut answer = media("");
        *answer.status_mut() = StatusCode::PARTIAL_CONTENT;
        let range = format!("bytes {from}-{UNKNOWN_END}/*");
        answer.headers_mut().insert(header::CONTENT_RANGE, range.parse().expect("a header"));
        *answer.body_mut() = body;
        answer
    }

    fn is_range_dropped(&self, item: &Item, part: usize, now: u64) -> bool {
        let state = self.script.at(now);
        let before: usize = (0..part).map(|part| self.part_bytes(Side::B, item, part).len()).sum();
        let length = self.part_bytes(Side::B, item, part).len();
        let text = self.playlist(Side::B, &state, Asked::default());
        !state.ended && !text.contains(&format!("URI=\"s{}.m4s\",BYTERANGE=\"{length}@{before}\"", item.msn))
    }
}

/// A body whose pieces are sent one after the other.
struct Channel(mpsc::UnboundedReceiver<Bytes>);

impl Channel {
    fn open() -> (mpsc::UnboundedSender<Bytes>, BoxBody<Bytes, Infallible>) {
        let (sender, receiver) = mpsc::unbounded_channel();
        (sender, Self(receiver).boxed())
    }
}

impl Body for Channel {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: std::pin::Pin<&mut Self>,
        context: &mut std::task::Context<'_>,
    ) -> std::task::Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        self.0.poll_recv(context).map(|piece| piece.map(|piece| Ok(Frame::data(piece))))
    }
}
