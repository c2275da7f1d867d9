//! Storyboards: many small pictures of a recording on few sheets, for players that show where one would seek to.
//!
//! `/vod/{assetId}/storyboard.vtt` names `/vod/{assetId}/sheet-N.jpg`.

use std::fmt::Write as _;

use bytes::Bytes;
use http::{HeaderMap, header};
use sigma_gst::{KeyFrame, Tile};
use sigma_hls::Recording;

use super::pictures::{Still, jpeg_answer, key_frame, no_picture};
use super::recordings::{Shown, short_hash};
use super::respond::{Answer, Problem};
use super::webvtt::{self, Cue};
use super::{Origin, unavailable};
use crate::session::LiveSession;

/// The size of a storyboard's pictures.
pub(super) const TILE: (u32, u32) = (160, 90);
/// A sheet has so many rows and columns.
pub(super) const SIDE: u32 = 5;
pub(super) const TILES: usize = (SIDE * SIDE) as usize;
/// A storyboard has a picture for each so many microseconds …
const TILE_EVERY_US: u64 = 5_000_000;
/// … and no more than so many.
const MOST_TILES: u64 = 1_000;

/// What has its owner's token in it stays with him alone.
const SECRET: &str = "private, no-store";

/// A picture of a storyboard: from when to when it stands, and the segment that it is of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct BoardTile {
    from_us: u64,
    to_us: u64,
    still: Still,
}

impl Origin {
    /// `/vod/{assetId}/storyboard.vtt`
    pub(super) async fn storyboard(
        &self,
        asset: &str,
        query: &str,
        headers: &HeaderMap,
    ) -> Result<Answer, Problem> {
        let shown = self.seen(asset, query, headers).await?;
        let tiles = shown.live.read_recording(|recording| tiles(recording, &shown));
        // A player cannot send a header with what it is named: whoever came with his token in the address goes on so.
        let token = shown.is_owners().then(|| token_of_address(query, headers)).flatten();
        let cache = if token.is_some() { SECRET } else { shown.picture_cache() };
        let query = token.map(|token| format!("?token={token}")).unwrap_or_default();
        Ok(webvtt::answer(headers, storyboard(&tiles, &query), &shown.tag(asset, 'b'), cache))
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
        let of_sheet = tiles.chunks(TILES).nth(number).ok_or_else(no_picture)?;
        let stills: Vec<Still> = of_sheet.iter().map(|tile| tile.still).collect();
        let name = name_of(&shown.live.facts.session, &stills);
        let made = self.make_sheet(&shown.live, &stills);
        let picture = self.core.gallery.shelf.picture(&name, 0, |_| true, made).await?;
        Ok(jpeg_answer(headers, picture.file, &name, shown.picture_cache()))
    }

    /// These pictures, row by row. One whose media is not there any more shows the one before it, else the
    /// one after: so old, it is not sought to, and the others keep their places.
    pub(super) async fn make_sheet(&self, live: &LiveSession, stills: &[Still]) -> Result<Bytes, Problem> {
        let _turn = self.core.gallery.turn(&live.facts.channel).await?;
        let mut frames = Vec::with_capacity(stills.len());
        let mut missing = 0;
        for still in stills {
            match (key_frame(live, *still).await, frames.last()) {
                (Ok(frame), _) => {
                    frames.extend(std::iter::repeat_n(frame, missing + 1));
                    missing = 0;
                }
                (Err(_), Some(before)) => frames.push(KeyFrame::clone(before)),
                (Err(_), None) => missing += 1,
            }
        }
        if frames.is_empty() {
            return Err(no_picture());
        }
        let tile = Tile::new(TILE.0, TILE.1, SIDE).ok_or_else(unavailable)?;
        let made = self.pictures()?.sheet(&live.facts.channel, frames, tile).await;
        made.map_err(|error| self.core.gallery.told(&live.facts.channel, &error))
    }
}

/// The same pictures of a session make the same sheet, whatever recording shows them.
pub(super) fn name_of(session: &str, stills: &[Still]) -> String {
    let hash = short_hash(stills.iter().flat_map(|still| still.number().to_be_bytes()));
    format!("{session}-t{hash}")
}

/// The token that stands in the address, where no header has one.
fn token_of_address<'a>(query: &'a str, headers: &HeaderMap) -> Option<&'a str> {
    super::named_token(query).filter(|_| !headers.contains_key(header::AUTHORIZATION))
}

/// The pictures of a storyboard, on the time that a player counts: media, without the gaps.
fn tiles(recording: &Recording, shown: &Shown) -> Vec<BoardTile> {
    let us = |ticks: u64| ticks * 100 / 9;
    let total: u64 = recording.items(&shown.edit).map(|item| item.duration()).sum();
    let every = TILE_EVERY_US.max(us(total) / MOST_TILES);
    let (mut at, mut tiles): (u64, Vec<BoardTile>) = (0, Vec::new());
    for item in recording.items(&shown.edit) {
        let begins = us(at);
        at += item.duration();
        let is_due = tiles.last().is_none_or(|last| begins >= last.from_us + every);
        if let Some(still) = Still::of(recording, &item).filter(|_| is_due && item.independent()) {
            if let Some(last) = tiles.last_mut() {
                last.to_us = begins;
            }
            tiles.push(BoardTile { from_us: begins, to_us: begins, still });
        }
    }
    if let Some(last) = tiles.last_mut() {
        last.to_us = us(at);
    }
    tiles
}

/// WebVTT, a cue a picture, each a region of a sheet (Media Fragments URI §4.2.2). `query` stands in the sheets' addresses.
fn storyboard(tiles: &[BoardTile], query: &str) -> String {
    let mut text = String::from("WEBVTT\n");
    for (number, tile) in tiles.iter().enumerate() {
        let (sheet, place) = (number / TILES, (number % TILES) as u32);
        let (x, y) = (place % SIDE * TILE.0, place / SIDE * TILE.1);
        let (from, to) = (Cue(tile.from_us), Cue(tile.to_us));
        // Writing to a String cannot fail.
        let _ =
            write!(text, "\n{from} --> {to}\nsheet-{sheet}.jpg{query}#xywh={x},{y},{},{}\n", TILE.0, TILE.1);
    }
    text
}

/// The number of `sheet-N.jpg`.
pub(super) fn sheet_number(name: &str) -> Option<usize> {
    number_of(name, "sheet-")
}

/// The number between a prefix and `.jpg`. Each has one name.
pub(super) fn number_of(name: &str, prefix: &str) -> Option<usize> {
    let digits = name.strip_prefix(prefix)?.strip_suffix(".jpg")?;
    let number: usize = digits.parse().ok()?;
    (number.to_string() == digits).then_some(number)
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    #[test]
    fn a_storyboard_names_regions_of_sheets() {
        let tile = |number: u64| BoardTile {
            from_us: number * 5_000_000,
            to_us: (number + 1) * 5_000_000,
            still: Still::first(number),
        };
        let text = storyboard(&(0..27).map(tile).collect::<Vec<_>>(), "");
        assert!(
            text.starts_with("WEBVTT\n\n00:00:00.000 --> 00:00:05.000\nsheet-0.jpg#xywh=0,0,160,90\n"),
            "{text}"
        );
        assert!(text.contains("00:00:30.000 --> 00:00:35.000\nsheet-0.jpg#xywh=160,90,160,90\n"), "{text}");
        assert!(text.ends_with("00:02:10.000 --> 00:02:15.000\nsheet-1.jpg#xywh=160,0,160,90\n"), "{text}");
        let owners = storyboard(&[tile(0)], "?token=secret");
        assert!(owners.ends_with("sheet-0.jpg?token=secret#xywh=0,0,160,90\n"), "{owners}");
    }

    #[test]
    fn a_token_goes_on_in_addresses_only_where_it_came_in_one() {
        let mut headers = HeaderMap::new();
        assert_eq!(token_of_address("a=b&token=t", &headers), Some("t"));
        assert_eq!(token_of_address("a=b", &headers), None);
        headers.insert(header::AUTHORIZATION, HeaderValue::from_static("Bearer other"));
        assert_eq!(token_of_address("a=b&token=t", &headers), None);
    }

    #[test]
    fn other_segments_are_another_sheet() {
        let name = |session: &str, segments: &[u64]| {
            name_of(session, &segments.iter().copied().map(Still::first).collect::<Vec<_>>())
        };
        assert_eq!(name("se_1", &[1, 2]), name("se_1", &[1, 2]));
        for other in [name("se_1", &[2, 1]), name("se_1", &[1]), name("se_2", &[1, 2])] {
            assert_ne!(other, name("se_1", &[1, 2]));
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
