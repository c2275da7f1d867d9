//! Pictures of what is on air and of what is recorded, made of key frames when they are asked for, and kept for a while.
//!
//! `/live/{playbackId}/thumbnail.jpg` and `/vod/{assetId}/thumbnail.jpg`, with `?width=` of a fixed list.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::Duration;

use bytes::Bytes;
use http::header::{self, HeaderName, HeaderValue};
use http::{HeaderMap, StatusCode};
use sigma_clock::{Instant, monotonic};
use sigma_gst::{KeyFrame, PictureError, Pictures, Width};
use sigma_hls::recording::{Edge, EdgeInit, Item, Piece};
use sigma_hls::{CLOCK, Recording, Resource};
use sigma_log::{EntryRef, MediaFile};
use sigma_packager::reader::VideoTrack;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tracing::{debug, warn};

use super::recordings::Shown;
use super::respond::{self, Answer, Problem};
use super::shelf::Shelf;
use super::{NO_STORE, Origin, unavailable};
use crate::session::LiveSession;

/// A thumbnail of what is on air is made anew no more often than this.
const RENEWED: Duration = Duration::from_secs(2);
/// What is asked for when no width is.
const USUAL_WIDTH: u32 = 640;
/// So many pictures of what a channel recorded are made at once; the others wait. A page that shows many recordings asks for
/// all of their pictures at one stroke, and has none of them shed by it, nor those of other channels.
const AT_ONCE: usize = 4;
/// Channels whose turns are remembered.
const CHANNELS: usize = 1_024;
/// That there are no pictures, and why, is written to the log no more often than this.
const COMPLAINS: Duration = Duration::from_secs(60);

/// How old the picture is, in seconds.
const PICTURE_AGE: HeaderName = HeaderName::from_static("picture-age");

/// Who makes pictures, and those that were made lately.
#[derive(Debug)]
pub(crate) struct Gallery {
    pictures: Option<Pictures>,
    pub(super) shelf: Shelf,
    turns: Mutex<HashMap<String, Weak<Semaphore>>>,
    complained: Mutex<Option<Instant>>,
}

impl Gallery {
    pub(crate) fn new(pictures: Option<Pictures>) -> Self {
        Self { pictures, shelf: Shelf::default(), turns: Mutex::default(), complained: Mutex::default() }
    }

    /// A turn among those who want pictures of what a channel recorded.
    pub(super) async fn turn(&self, channel: &str) -> Result<OwnedSemaphorePermit, Problem> {
        let turns = {
            let mut of_channels = self.turns.lock().unwrap_or_else(PoisonError::into_inner);
            if of_channels.len() >= CHANNELS {
                of_channels.retain(|_, turns| turns.strong_count() > 0);
            }
            let known = of_channels.get(channel).and_then(Weak::upgrade);
            known.unwrap_or_else(|| {
                let turns = Arc::new(Semaphore::new(AT_ONCE));
                of_channels.insert(channel.to_owned(), Arc::downgrade(&turns));
                turns
            })
        };
        turns.acquire_owned().await.map_err(|_| unavailable())
    }

    /// What a viewer is told where no picture is made. The reason names places of ours and what the worker said of others'
    /// media: it is the operator's.
    pub(super) fn told(&self, channel: &str, error: &PictureError) -> Problem {
        match error {
            PictureError::Broken(_) | PictureError::TooMuch { .. } => {
                debug!(channel.id = channel, %error, "a picture cannot be made");
                no_picture()
            }
            PictureError::Shed | PictureError::Resting => {
                debug!(channel.id = channel, %error, "a picture is not made now");
                not_now()
            }
            PictureError::Unavailable(_) => {
                let mut complained = self.complained.lock().unwrap_or_else(PoisonError::into_inner);
                if complained.is_none_or(|at| at.elapsed() >= COMPLAINS) {
                    *complained = Some(monotonic());
                    warn!(%error, "pictures are asked for and there are none");
                }
                not_now()
            }
        }
    }
}

impl Origin {
    /// `/live/{playbackId}/thumbnail.jpg`
    pub(super) async fn live_thumbnail(
        &self,
        playback_id: &str,
        query: &str,
        headers: &HeaderMap,
    ) -> Result<Answer, Problem> {
        let width = width(query)?;
        let live = self.on_air(playback_id).await?;
        let session = &live.facts.session;
        let newest = live.read_recording(newest_public).ok_or_else(super::not_on_air)?;
        let name = format!("{session}-w{}", width.pixels());
        let made = self.make_thumbnail(&live, session, Still::first(newest), width);
        // One that is new enough is as good as the newest.
        let fresh =
            |picture: &super::shelf::Picture| picture.of == newest || picture.made.elapsed() < RENEWED;
        let picture = self.core.gallery.shelf.picture(&name, newest, fresh, made).await?;
        let tag = format!("{name}-{}", picture.of);
        Ok(self.dated(jpeg_answer(headers, picture.file, &tag, "public, max-age=2"), &live, picture.of))
    }

    /// `/vod/{assetId}/thumbnail.jpg`: the poster that its owner chose; else of what is shown after a third of it, for a
    /// broadcast's first picture is rarely its best.
    pub(super) async fn asset_thumbnail(
        &self,
        asset: &str,
        query: &str,
        headers: &HeaderMap,
    ) -> Result<Answer, Problem> {
        let width = width(query)?;
        let shown = self.seen(asset, query, headers).await?;
        let (live, channel) = (&shown.live, &shown.live.facts.channel);
        let still = live.read_recording(|recording| still(recording, &shown)).ok_or_else(no_picture)?;
        let of = format!("{}-{}", live.facts.session, still.name());
        let name = format!("{of}-w{}", width.pixels());
        let made = async {
            let _turn = self.core.gallery.turn(channel).await?;
            self.make_thumbnail(live, &of, still, width).await
        };
        let picture = self.core.gallery.shelf.picture(&name, still.msn, |_| true, made).await?;
        Ok(self.dated(jpeg_answer(headers, picture.file, &name, shown.picture_cache()), live, still.msn))
    }

    /// `of`: what it is a thumbnail of, within the channel.
    async fn make_thumbnail(
        &self,
        live: &LiveSession,
        of: &str,
        still: Still,
        width: Width,
    ) -> Result<Bytes, Problem> {
        let frame = key_frame(live, still).await?;
        let channel = &live.facts.channel;
        let made = self.pictures()?.thumbnail(channel, of, frame, width).await;
        made.map_err(|error| self.core.gallery.told(channel, &error))
    }

    /// Says how old the picture of a segment is.
    fn dated(&self, mut answer: Answer, live: &LiveSession, msn: u64) -> Answer {
        if let Some(date) = live.read_recording(|recording| recording.date_us(msn)) {
            let age = self.core.clock.now().micros().saturating_sub(date).max(0) / 1_000_000;
            answer.headers_mut().insert(PICTURE_AGE, HeaderValue::from(age));
        }
        answer
    }

    pub(super) fn pictures(&self) -> Result<&Pictures, Problem> {
        self.core.gallery.pictures.as_ref().ok_or_else(unavailable)
    }
}

/// Which picture of a session: a key frame of a segment, or the first one of an edge.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Still {
    /// The segment that it is of, or at its time.
    pub(super) msn: u64,
    /// The last key frame up to so many ticks behind the segment's beginning.
    until: u64,
    edge: Option<EdgeStill>,
}

/// An edge, as far as a picture of it needs it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct EdgeStill {
    name: u128,
    len: u64,
    crc32: u32,
    /// Bytes of the init section that is its own.
    own_init: Option<u32>,
}

impl Still {
    /// The first key frame of a segment.
    pub(super) fn first(msn: u64) -> Self {
        Self { msn, until: 0, edge: None }
    }

    /// The first picture of what is shown.
    pub(super) fn of(recording: &Recording, item: &Item<'_>) -> Option<Self> {
        match item {
            Item::Segment(msn, _) => Some(Self::first(*msn)),
            Item::Edge(Edge { name, len, crc32, init, .. }) => {
                let own_init = match init {
                    EdgeInit::Own { len, .. } => Some(*len),
                    EdgeInit::Session(_) => None,
                };
                let edge = EdgeStill { name: name.0, len: *len, crc32: *crc32, own_init };
                Some(Self { edge: Some(edge), ..Self::first(recording.at(item.start())?) })
            }
        }
    }

    fn name(self) -> String {
        match self.edge {
            Some(edge) => format!("{:032x}", edge.name),
            None if self.until == 0 => self.msn.to_string(),
            None => format!("{}.{}", self.msn, self.until),
        }
    }

    /// What tells it from the other first pictures of its session.
    pub(super) fn number(self) -> u128 {
        self.edge.map_or(self.msn.into(), |edge| edge.name)
    }
}

/// The picture that stands for a recording.
fn still(recording: &Recording, shown: &Shown) -> Option<Still> {
    let items: Vec<Item<'_>> = recording.items(&shown.edit).collect();
    let chosen = shown.poster_us.and_then(|moment_us| {
        // An edge is short: its first picture is near enough.
        let of_edge = shown
            .edit
            .edges
            .iter()
            .find(|edge| edge.span.from_us <= moment_us && moment_us < edge.span.to_us);
        let of_segments = || {
            let segments = items.iter().filter_map(|item| match item {
                Item::Segment(msn, piece) => Some((*msn, *piece)),
                Item::Edge(_) => None,
            });
            poster(&segments.collect::<Vec<_>>(), moment_us)
        };
        of_edge.map(Item::Edge).and_then(|item| Still::of(recording, &item)).or_else(of_segments)
    });
    chosen.or_else(|| {
        let fit: Vec<&Item<'_>> = items.iter().filter(|item| item.independent()).collect();
        fit.get(fit.len() / 3).and_then(|item| Still::of(recording, item))
    })
}

/// The key frame at a moment or before it, in the segment that holds it or in one before, if one of these begins with one.
fn poster(segments: &[(u64, &Piece)], moment_us: u64) -> Option<Still> {
    // 100 µs are 9 ticks; rounded up, for microseconds were rounded down.
    let moment = u64::try_from((u128::from(moment_us) * 9).div_ceil(100)).ok()?;
    // Ranges may be shown in any order.
    let holds = segments.iter().rposition(|(_, piece)| piece.start <= moment && moment <= piece.end())?;
    let (msn, piece) = segments[..=holds].iter().rev().find(|(_, piece)| piece.independent)?;
    // No further than the segment goes.
    Some(Still { until: (moment - piece.start).min(piece.duration), ..Still::first(*msn) })
}

/// The newest segment that a picture can be made of.
fn newest_public(recording: &Recording) -> Option<u64> {
    let from = recording.live_from()?;
    let pieces = recording.pieces().iter().enumerate().rev();
    let mut fit = pieces.filter(|(_, piece)| !piece.gap && piece.independent).map(|(index, _)| index as u64);
    fit.next().filter(|msn| *msn >= from)
}

/// A key frame, copied out of its segment.
pub(super) async fn key_frame(live: &LiveSession, still: Still) -> Result<KeyFrame, Problem> {
    let Still { msn, until, edge } = still;
    let number = live.read_recording(|recording| recording.piece(msn).map(|piece| piece.init));
    let of_session = live.range_of(Resource::Init(number.ok_or_else(no_picture)?)).ok_or_else(no_picture)?;
    let (range, sum, init) = match edge {
        Some(EdgeStill { name, len, crc32, own_init }) => {
            let file = MediaFile::Edge(name);
            let own = own_init.map(|own| EntryRef { file, offset: len, len: own.into() });
            (EntryRef { file, offset: 0, len }, Some(crc32), own.unwrap_or(of_session))
        }
        None => {
            let range = live.range_of(Resource::Segment(msn)).ok_or_else(no_picture)?;
            (range, live.sum_of(msn), of_session)
        }
    };
    let unreadable = |error: &dyn std::fmt::Display| {
        warn!(session.id = %live.facts.session, msn, %error, "no picture can be made of a segment");
        no_picture()
    };
    let init = live.store().read(init).await.map_err(|error| unreadable(&error))?;
    let read = live.store().read_whole(range.file, range.len, sum).await;
    let segment = read.map_err(|error| unreadable(&error))?;
    let track = VideoTrack::read(&init).map_err(|error| unreadable(&error))?.ok_or_else(no_picture)?;
    let frames = track.key_frames(&segment).map_err(|error| unreadable(&error))?;
    let first = frames.first().ok_or_else(no_picture)?;
    let until = i128::from(until) * i128::from(track.timescale) / i128::from(CLOCK);
    let is_before = |time: i64| i128::from(time) - i128::from(first.presentation_time) <= until;
    let frame = frames.iter().rev().find(|frame| is_before(frame.presentation_time)).unwrap_or(first);
    // A slice would keep the whole segment in memory while others' pictures are made.
    let data = Bytes::copy_from_slice(&segment[frame.bytes.clone()]);
    Ok(KeyFrame { config: track.config, data })
}

fn width(query: &str) -> Result<Width, Problem> {
    let asked = query.split('&').find_map(|pair| pair.strip_prefix("width="));
    let pixels = match asked {
        Some(text) => text.parse().ok(),
        None => Some(USUAL_WIDTH),
    };
    pixels.and_then(Width::new).ok_or_else(|| Problem {
        status: StatusCode::BAD_REQUEST,
        code: "BAD_INPUT",
        message: "width is none of those that pictures have".to_owned(),
        mend: "use width=160, 320, 640 or 1280, or leave it out for 640",
        cache: NO_STORE.to_owned(),
    })
}

pub(super) fn jpeg_answer(headers: &HeaderMap, jpeg: Bytes, tag: &str, cache: &str) -> Answer {
    let mut answer = respond::media(headers, vec![[jpeg].into()], tag, cache);
    answer.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("image/jpeg"));
    answer
}

pub(super) fn no_picture() -> Problem {
    Problem::not_found(
        "there is no picture of this yet",
        "ask again a few seconds after the broadcast has begun",
        "public, max-age=2".to_owned(),
    )
}

fn not_now() -> Problem {
    Problem {
        status: StatusCode::SERVICE_UNAVAILABLE,
        code: "UNAVAILABLE",
        message: "pictures cannot be made at the moment".to_owned(),
        mend: "try again in a few seconds; the operator finds the reason with sigma doctor and at /readyz",
        cache: NO_STORE.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_width_is_one_of_the_list() {
        assert_eq!(width("").ok(), Width::new(640));
        assert_eq!(width("token=x&width=160").ok(), Width::new(160));
        for none in ["width=", "width=161", "width=-1", "width=99999999999"] {
            assert_eq!(width(none).map_err(|problem| problem.status), Err(StatusCode::BAD_REQUEST));
        }
    }

    #[test]
    fn a_poster_is_the_key_frame_at_its_moment_or_before_it() {
        let piece = |number: u64, independent| Piece {
            start: number * 2 * CLOCK,
            len: 1,
            duration: 2 * CLOCK,
            init: 0,
            key_frame_end: None,
            crc32: None,
            independent,
            gap: false,
            discontinuity: false,
        };
        let pieces = [piece(3, false), piece(4, true), piece(5, false), piece(6, true)];
        let segments: Vec<(u64, &Piece)> = pieces.iter().zip(3..).map(|(piece, msn)| (msn, piece)).collect();
        let at = |seconds: u64| poster(&segments, seconds * 1_000_000);
        assert_eq!(at(9), Some(Still { until: CLOCK, ..Still::first(4) }));
        assert_eq!(
            at(11),
            Some(Still { until: 2 * CLOCK, ..Still::first(4) }),
            "it goes back to where decoding can begin"
        );
        assert_eq!(at(12), Some(Still { until: 0, ..Still::first(6) }));
        assert_eq!((at(7), at(5)), (None, None), "nothing can be decoded there");
        let turned: Vec<(u64, &Piece)> = segments[2..].iter().chain(&segments[..2]).copied().collect();
        assert_eq!(
            poster(&turned, 9_000_000),
            Some(Still { until: CLOCK, ..Still::first(4) }),
            "shown later, and earlier by its date"
        );
    }

    #[test]
    fn viewers_are_told_nothing_of_the_server_or_of_what_the_worker_said() {
        let gallery = Gallery::new(None);
        let secret = || "/srv/sigma/worker: thread 'main' panicked".to_owned();
        for error in [
            PictureError::Unavailable(secret()),
            PictureError::Broken(secret()),
            PictureError::Shed,
            PictureError::Resting,
        ] {
            let told = gallery.told("ch_1", &error);
            let words = format!("{} {}", told.message, told.mend);
            assert!(!words.contains("/srv") && !words.contains("panicked"), "{words}");
            assert!(!words.contains(&error.to_string()), "{words}");
        }
    }

    #[tokio::test]
    async fn a_channel_waits_for_its_own_turns_and_for_no_others() {
        let gallery = Gallery::new(None);
        let mut held = Vec::new();
        for _ in 0..AT_ONCE {
            held.push(gallery.turn("a").await.expect("a turn"));
        }
        let mut next = Box::pin(gallery.turn("a"));
        assert!(futures_util::poll!(&mut next).is_pending());
        assert!(gallery.turn("b").await.is_ok());
        held.pop();
        assert!(next.await.is_ok());
    }
}
