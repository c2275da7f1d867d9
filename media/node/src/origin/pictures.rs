//! Pictures of what is on air and of what is recorded, made of key frames when they are asked for, and kept for a while.
//!
//! `/live/{playbackId}/thumbnail.jpg` and `/vod/{assetId}/thumbnail.jpg`, with `?width=` of a fixed list;
//! `/vod/{assetId}/storyboard.vtt`, which names `/vod/{assetId}/sheet-N.jpg`.

use std::collections::HashMap;
use std::fmt::Write as _;
use std::num::NonZeroUsize;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use http::header::{self, HeaderName, HeaderValue};
use http::{HeaderMap, StatusCode};
use lru::LruCache;
use sigma_clock::{Instant, monotonic};
use sigma_gst::{KeyFrame, PictureError, Pictures, Tile, Width};
use sigma_hls::{Recording, Resource, vod};
use sigma_packager::reader::VideoTrack;
use tracing::{debug, warn};

use super::recordings::Shown;
use super::respond::{self, Answer, Problem};
use super::{NO_STORE, Origin, unavailable};
use crate::session::LiveSession;

/// A thumbnail of what is on air is made anew no more often than this.
const RENEWED: Duration = Duration::from_secs(2);
/// Thumbnails that are kept.
const KEPT: usize = 1_024;
/// Sheets that are kept, of some 50 kB each.
const KEPT_SHEETS: NonZeroUsize = NonZeroUsize::new(512).unwrap();
/// What is asked for when no width is.
const USUAL_WIDTH: u32 = 640;

/// The size of a storyboard's pictures.
const TILE: (u32, u32) = (160, 90);
/// A sheet has so many rows and columns.
const SIDE: u32 = 5;
const TILES: usize = (SIDE * SIDE) as usize;
/// A storyboard has a picture for each so many microseconds …
const TILE_EVERY_US: u64 = 5_000_000;
/// … and no more than so many.
const MOST_TILES: u64 = 1_000;

/// How old the picture is, in seconds.
const PICTURE_AGE: HeaderName = HeaderName::from_static("picture-age");

/// Pictures that were made lately.
#[derive(Debug)]
pub(crate) struct Gallery {
    pictures: Option<Pictures>,
    thumbnails: Mutex<HashMap<(String, u32), Arc<Slot>>>,
    sheets: Mutex<LruCache<String, Bytes>>,
}

/// One picture: all who ask while it is made wait for the same.
type Slot = tokio::sync::Mutex<Option<Picture>>;

#[derive(Clone, Debug)]
struct Picture {
    jpeg: Bytes,
    /// The segment that it is of.
    msn: u64,
    made: Instant,
}

impl Gallery {
    pub(crate) fn new(pictures: Option<Pictures>) -> Self {
        Self { pictures, thumbnails: Mutex::default(), sheets: Mutex::new(LruCache::new(KEPT_SHEETS)) }
    }

    fn slot(&self, of: &str, width: Width) -> Arc<Slot> {
        let mut slots = self.thumbnails.lock().unwrap_or_else(PoisonError::into_inner);
        if slots.len() >= KEPT {
            // What is being made stays.
            slots.retain(|_, slot| Arc::strong_count(slot) > 1);
        }
        Arc::clone(slots.entry((of.to_owned(), width.pixels())).or_default())
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
        let newest = live.read_recording(newest_public).ok_or_else(super::not_on_air)?;
        self.thumbnail(&live, &live.facts.session, newest, width, "public, max-age=2", headers).await
    }

    /// `/vod/{assetId}/thumbnail.jpg`: of what is shown after a third of it, for a broadcast's first picture is rarely its
    /// best.
    pub(super) async fn asset_thumbnail(
        &self,
        asset: &str,
        query: &str,
        headers: &HeaderMap,
    ) -> Result<Answer, Problem> {
        let width = width(query)?;
        let shown = self.seen(asset, query, headers).await?;
        let segments = shown.live.read_recording(|recording| {
            let segments = vod::segments(recording, &shown.spans).filter(|(_, piece)| piece.independent);
            segments.map(|(msn, _)| msn).collect::<Vec<_>>()
        });
        let msn = segments.get(segments.len() / 3).copied().ok_or_else(no_picture)?;
        let of = format!("{asset}-{msn}");
        self.thumbnail(&shown.live, &of, msn, width, shown.picture_cache(), headers).await
    }

    /// `/vod/{assetId}/storyboard.vtt`
    pub(super) async fn storyboard(
        &self,
        asset: &str,
        query: &str,
        headers: &HeaderMap,
    ) -> Result<Answer, Problem> {
        let shown = self.seen(asset, query, headers).await?;
        let tiles = shown.live.read_recording(|recording| tiles(recording, &shown));
        let text = Bytes::from(storyboard(&tiles));
        let mut answer = respond::playlist(
            headers,
            &text,
            &crate::session::gzip(&text),
            &shown.tag(asset, 'b'),
            shown.picture_cache(),
        );
        answer
            .headers_mut()
            .insert(header::CONTENT_TYPE, HeaderValue::from_static("text/vtt; charset=utf-8"));
        Ok(answer)
    }

    /// `/vod/{assetId}/sheet-N.jpg`
    pub(super) async fn sheet(
        &self,
        asset: &str,
        number: usize,
        query: &str,
        headers: &HeaderMap,
    ) -> Result<Answer, Problem> {
        let shown = self.seen(asset, query, headers).await?;
        let tiles = shown.live.read_recording(|recording| tiles(recording, &shown));
        let of_sheet = tiles.chunks(TILES).nth(number).ok_or_else(no_picture)?.to_vec();
        let tag = format!("{}-{number}-{}", shown.tag(asset, 't'), of_sheet.len());
        let known =
            self.core.gallery.sheets.lock().unwrap_or_else(PoisonError::into_inner).get(&tag).cloned();
        let jpeg = match known {
            Some(jpeg) => jpeg,
            None => {
                let mut frames = Vec::with_capacity(of_sheet.len());
                for tile in &of_sheet {
                    frames.push(key_frame(&shown.live, tile.msn).await?);
                }
                let tile = Tile::new(TILE.0, TILE.1, SIDE).ok_or_else(unavailable)?;
                let made = self.pictures()?.sheet(&shown.live.facts.channel, frames, tile).await;
                let jpeg = made.map_err(|error| told(&error))?;
                let mut sheets = self.core.gallery.sheets.lock().unwrap_or_else(PoisonError::into_inner);
                sheets.put(tag.clone(), jpeg.clone());
                jpeg
            }
        };
        Ok(jpeg_answer(headers, jpeg, &tag, shown.picture_cache()))
    }

    async fn thumbnail(
        &self,
        live: &LiveSession,
        of: &str,
        msn: u64,
        width: Width,
        cache: &str,
        headers: &HeaderMap,
    ) -> Result<Answer, Problem> {
        let slot = self.core.gallery.slot(of, width);
        let mut held = slot.lock().await;
        let is_fresh = |picture: &Picture| picture.msn == msn || picture.made.elapsed() < RENEWED;
        if !held.as_ref().is_some_and(is_fresh) {
            match self.make_thumbnail(live, msn, width).await {
                Ok(jpeg) => *held = Some(Picture { jpeg, msn, made: monotonic() }),
                // The last one is better than none; its age is told.
                Err(problem) if held.is_none() => return Err(problem),
                Err(problem) => {
                    debug!(session.id = %live.facts.session, why = problem.message, "an older picture is shown")
                }
            }
        }
        let picture = held.clone().ok_or_else(no_picture)?;
        drop(held);
        let mut answer =
            jpeg_answer(headers, picture.jpeg, &format!("{of}-{}-{}", picture.msn, width.pixels()), cache);
        if let Some(date) = live.read_recording(|recording| recording.date_us(picture.msn)) {
            let age = self.core.clock.now().micros().saturating_sub(date).max(0) / 1_000_000;
            answer.headers_mut().insert(PICTURE_AGE, HeaderValue::from(age));
        }
        Ok(answer)
    }

    async fn make_thumbnail(&self, live: &LiveSession, msn: u64, width: Width) -> Result<Bytes, Problem> {
        let frame = key_frame(live, msn).await?;
        let made = self.pictures()?.thumbnail(&live.facts.channel, frame, width).await;
        made.map_err(|error| told(&error))
    }

    fn pictures(&self) -> Result<&Pictures, Problem> {
        self.core.gallery.pictures.as_ref().ok_or_else(unavailable)
    }
}

/// The newest segment that a picture can be made of.
fn newest_public(recording: &Recording) -> Option<u64> {
    let from = recording.live_from()?;
    let pieces = recording.pieces().iter().enumerate().rev();
    let mut fit = pieces.filter(|(_, piece)| !piece.gap && piece.independent).map(|(index, _)| index as u64);
    fit.next().filter(|msn| *msn >= from)
}

/// The first key frame of a segment, copied out of it.
async fn key_frame(live: &LiveSession, msn: u64) -> Result<KeyFrame, Problem> {
    let range = live.range_of(Resource::Segment(msn)).ok_or_else(no_picture)?;
    let number = live.read_recording(|recording| recording.piece(msn).map(|piece| piece.init));
    let init = live.range_of(Resource::Init(number.ok_or_else(no_picture)?)).ok_or_else(no_picture)?;
    let unreadable = |error: &dyn std::fmt::Display| {
        warn!(session.id = %live.facts.session, msn, %error, "no picture can be made of a segment");
        no_picture()
    };
    let init = live.store().read(init).await.map_err(|error| unreadable(&error))?;
    let read = live.store().read_whole(range.file, range.len, live.sum_of(msn)).await;
    let segment = read.map_err(|error| unreadable(&error))?;
    let track = VideoTrack::read(&init).map_err(|error| unreadable(&error))?.ok_or_else(no_picture)?;
    let frames = track.key_frames(&segment).map_err(|error| unreadable(&error))?;
    let bytes = frames.first().map(|frame| frame.bytes.clone()).ok_or_else(no_picture)?;
    // A slice would keep the whole segment in memory while others' pictures are made.
    let data = Bytes::copy_from_slice(&segment[bytes]);
    Ok(KeyFrame { config: track.config, data })
}

/// A picture of a storyboard: from when to when it stands, and the segment that it is of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct BoardTile {
    from_us: u64,
    to_us: u64,
    msn: u64,
}

/// The pictures of a storyboard, on the time that a player counts: media, without the gaps.
fn tiles(recording: &Recording, shown: &Shown) -> Vec<BoardTile> {
    let us = |ticks: u64| ticks * 100 / 9;
    let segments: Vec<(u64, u64, bool)> = vod::segments(recording, &shown.spans)
        .map(|(msn, piece)| (msn, piece.duration, piece.independent))
        .collect();
    let total: u64 = segments.iter().map(|(_, duration, _)| duration).sum();
    let every = TILE_EVERY_US.max(us(total) / MOST_TILES);
    let (mut at, mut tiles): (u64, Vec<BoardTile>) = (0, Vec::new());
    for (msn, duration, independent) in segments {
        let begins = us(at);
        at += duration;
        let is_due = tiles.last().is_none_or(|last| begins >= last.from_us + every);
        if is_due && independent {
            if let Some(last) = tiles.last_mut() {
                last.to_us = begins;
            }
            tiles.push(BoardTile { from_us: begins, to_us: begins, msn });
        }
    }
    if let Some(last) = tiles.last_mut() {
        last.to_us = us(at);
    }
    tiles
}

/// WebVTT, a cue a picture, each a region of a sheet (Media Fragments URI §4.2.2).
fn storyboard(tiles: &[BoardTile]) -> String {
    let mut text = String::from("WEBVTT\n");
    for (number, tile) in tiles.iter().enumerate() {
        let (sheet, place) = (number / TILES, (number % TILES) as u32);
        let (x, y) = (place % SIDE * TILE.0, place / SIDE * TILE.1);
        let (from, to) = (Cue(tile.from_us), Cue(tile.to_us));
        // Writing to a String cannot fail.
        let _ = write!(text, "\n{from} --> {to}\nsheet-{sheet}.jpg#xywh={x},{y},{},{}\n", TILE.0, TILE.1);
    }
    text
}

/// A time of a cue.
struct Cue(u64);

impl std::fmt::Display for Cue {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let ms = self.0 / 1_000;
        let (hours, minutes) = (ms / 3_600_000, ms / 60_000 % 60);
        write!(out, "{hours:02}:{minutes:02}:{:02}.{:03}", ms / 1_000 % 60, ms % 1_000)
    }
}

/// The number of `sheet-N.jpg`.
pub(super) fn sheet_number(name: &str) -> Option<usize> {
    let digits = name.strip_prefix("sheet-")?.strip_suffix(".jpg")?;
    let number: usize = digits.parse().ok()?;
    (number.to_string() == digits).then_some(number)
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

fn jpeg_answer(headers: &HeaderMap, jpeg: Bytes, tag: &str, cache: &str) -> Answer {
    let mut answer = respond::media(headers, vec![[jpeg].into()], tag, cache);
    answer.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("image/jpeg"));
    answer
}

fn no_picture() -> Problem {
    Problem::not_found(
        "there is no picture of this yet",
        "ask again a few seconds after the broadcast has begun",
        "public, max-age=2".to_owned(),
    )
}

fn told(error: &PictureError) -> Problem {
    match error {
        PictureError::Broken(_) | PictureError::TooMuch { .. } => no_picture(),
        PictureError::Unavailable(_) | PictureError::Shed | PictureError::Resting => Problem {
            status: StatusCode::SERVICE_UNAVAILABLE,
            code: "UNAVAILABLE",
            message: error.to_string(),
            mend: "try again in a few seconds; the operator finds the reason with sigma doctor and at /readyz",
            cache: NO_STORE.to_owned(),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_storyboard_names_regions_of_sheets() {
        let tile = |number: u64| BoardTile {
            from_us: number * 5_000_000,
            to_us: (number + 1) * 5_000_000,
            msn: number,
        };
        let text = storyboard(&(0..27).map(tile).collect::<Vec<_>>());
        assert!(
            text.starts_with("WEBVTT\n\n00:00:00.000 --> 00:00:05.000\nsheet-0.jpg#xywh=0,0,160,90\n"),
            "{text}"
        );
        assert!(text.contains("00:00:30.000 --> 00:00:35.000\nsheet-0.jpg#xywh=160,90,160,90\n"), "{text}");
        assert!(text.ends_with("00:02:10.000 --> 00:02:15.000\nsheet-1.jpg#xywh=160,0,160,90\n"), "{text}");
        assert_eq!(Cue(3_723_004_000).to_string(), "01:02:03.004");
    }

    #[test]
    fn a_width_is_one_of_the_list() {
        assert_eq!(width("").ok(), Width::new(640));
        assert_eq!(width("token=x&width=160").ok(), Width::new(160));
        for none in ["width=", "width=161", "width=-1", "width=99999999999"] {
            assert_eq!(width(none).map_err(|problem| problem.status), Err(StatusCode::BAD_REQUEST));
        }
    }

    #[test]
    fn each_sheet_has_one_name() {
        assert_eq!(["sheet-0.jpg", "sheet-17.jpg"].map(sheet_number), [Some(0), Some(17)]);
        for none in ["sheet-00.jpg", "sheet-.jpg", "sheet-+1.jpg", "sheet-1.png", "1.jpg"] {
            assert_eq!(sheet_number(none), None);
        }
    }
}
