//! The storyboard of what is on air: pictures of all that can be rewound to.
//!
//! `/live/{playbackId}/storyboard.vtt` names sheets, and of the sheet that is not full yet each picture by itself, under the
//! session's own path: `/media/SESSION~TOKEN/sheet-N.jpg` and `tile-N.jpg`. Both are numbered from the session's first public
//! segment on and never change, so that they are kept for ever; nothing is made twice while a sheet fills up.

use std::fmt::Write as _;
use std::time::Duration;

use bytes::Bytes;
use http::HeaderMap;
use sigma_hls::{CLOCK, Date, Recording, cache};

use super::pictures::{Still, jpeg_answer, no_picture};
use super::respond::{Answer, Problem};
use super::shelf::Picture;
use super::storyboard::{SIDE, TILE, TILES, name_of, number_of};
use super::webvtt::{self, Cue};
use super::{NOT_ON_AIR, Origin, not_on_air};
use crate::paths::Audience;
use crate::session::LiveSession;

/// There is a picture for each so many seconds …
const TILE_EVERY_S: u64 = 5;
/// … and no more than so many in the whole window.
const MOST_TILES: u64 = 720;
/// It is written anew no more often than this.
const RENEWED: Duration = Duration::from_secs(2);
/// It may be kept for so long: by then there is one picture more.
const KEPT: &str = "public, max-age=5";

/// A picture: its segment, and when it begins to stand, in microseconds from the beginning of the first one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct LiveTile {
    msn: u64,
    from_us: u64,
}

/// What stands in a session's folder beside its media.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum LivePicture {
    /// A whole sheet.
    Sheet(usize),
    /// A picture that is on no whole sheet yet.
    Tile(usize),
}

impl LivePicture {
    /// `sheet-N.jpg` or `tile-N.jpg`.
    pub(super) fn parse(name: &str) -> Option<Self> {
        number_of(name, "sheet-").map(Self::Sheet).or_else(|| number_of(name, "tile-").map(Self::Tile))
    }
}

impl Origin {
    /// `/live/{playbackId}/storyboard.vtt`
    pub(super) async fn live_storyboard(
        &self,
        playback_id: &str,
        headers: &HeaderMap,
    ) -> Result<Answer, Problem> {
        let live = self.on_air(playback_id).await?;
        if live.facts.rewind.is_zero() {
            return Err(Problem::not_found(
                "nothing can be rewound to here",
                "the channel's owner sets how far back viewers may go: dvrWindow",
                NOT_ON_AIR.to_owned(),
            ));
        }
        let folder = self.core.paths.folder(&live.facts.session, Audience::Public);
        let upto = live.read_recording(Recording::next_msn);
        let name = format!("{}-board", live.facts.session);
        let fresh = |board: &Picture| board.of == upto || board.made.elapsed() < RENEWED;
        let make = async {
            let window = live.facts.rewind;
            let text = live.read_recording(|recording| storyboard(recording, upto, window, &folder));
            text.map(Bytes::from).ok_or_else(not_on_air)
        };
        let board = self.core.gallery.shelf.picture(&name, upto, fresh, make).await?;
        Ok(webvtt::answer(headers, board.file, &format!("{name}-{}", board.of), KEPT))
    }

    /// `/media/SESSION~TOKEN/sheet-N.jpg`, `tile-N.jpg`
    pub(super) async fn live_picture(
        &self,
        live: &LiveSession,
        picture: LivePicture,
        headers: &HeaderMap,
    ) -> Result<Answer, Problem> {
        let upto = live.read_recording(Recording::next_msn);
        let tiles = live.read_recording(|recording| tiles(recording, upto, live.facts.rewind));
        let of_picture = match picture {
            LivePicture::Sheet(number) => tiles.chunks_exact(TILES).nth(number),
            LivePicture::Tile(number) => tiles.chunks(1).nth(number),
        };
        let of_picture = of_picture.ok_or_else(no_picture)?.iter();
        let stills: Vec<Still> = of_picture.map(|tile| Still::first(tile.msn)).collect();
        let name = name_of(&live.facts.session, &stills);
        let made = self.make_sheet(live, &stills);
        let picture = self.core.gallery.shelf.picture(&name, 0, |_| true, made).await?;
        Ok(jpeg_answer(headers, picture.file, &name, cache::media()))
    }
}

/// How far apart pictures are, in ticks: the same for all of a session's life, so that none moves.
fn apart(window: Duration) -> u64 {
    TILE_EVERY_S.max(window.as_secs().div_ceil(MOST_TILES)) * CLOCK
}

/// All pictures of what is public, of the segments before `upto`. The first is of the first public segment, each other one of the
/// first that begins far enough behind the one before: what is added changes none.
fn tiles(recording: &Recording, upto: u64, window: Duration) -> Vec<LiveTile> {
    let Some(live_from) = recording.live_from() else { return Vec::new() };
    let Some(zero) = recording.date_us(live_from) else { return Vec::new() };
    let apart = apart(window);
    let mut due = 0;
    let mut tiles = Vec::new();
    for msn in live_from..upto {
        let Some(piece) = recording.piece(msn) else { break };
        if piece.gap || !piece.independent || piece.start < due {
            continue;
        }
        let Some(date) = recording.date_us(msn) else { continue };
        due = piece.start + apart;
        tiles.push(LiveTile { msn, from_us: u64::try_from(date - zero).unwrap_or(0) });
    }
    tiles
}

/// WebVTT as `storyboard::storyboard` writes it, of the pictures within the window; none before there is a date. Its cues count
/// from the first public segment, whose date it notes: a player knows the date of what it shows.
fn storyboard(recording: &Recording, upto: u64, window: Duration, folder: &str) -> Option<String> {
    let zero = recording.date_us(recording.live_from()?)?;
    let last = upto.checked_sub(1)?;
    let length_us = recording.piece(last)?.duration * 100 / 9;
    let end_us = u64::try_from(recording.date_us(last)? - zero).ok()? + length_us;
    let tiles = tiles(recording, upto, window);
    let window_us = u64::try_from(window.as_micros()).ok()?;
    let mut text = format!("WEBVTT\n\nNOTE 00:00:00.000 is {}\n", Date(zero));
    for (number, tile) in tiles.iter().enumerate() {
        let until_us = tiles.get(number + 1).map_or(end_us, |next| next.from_us);
        if until_us.saturating_add(window_us) <= end_us {
            continue;
        }
        let (from, to) = (Cue(tile.from_us), Cue(until_us));
        let (sheet, place) = (number / TILES, (number % TILES) as u32);
        let is_full = (sheet + 1) * TILES <= tiles.len();
        let (picture, x, y) = match is_full {
            true => (format!("sheet-{sheet}"), place % SIDE * TILE.0, place / SIDE * TILE.1),
            false => (format!("tile-{number}"), 0, 0),
        };
        // Writing to a String cannot fail.
        let _ =
            write!(text, "\n{from} --> {to}\n{folder}/{picture}.jpg#xywh={x},{y},{},{}\n", TILE.0, TILE.1);
    }
    Some(text)
}

#[cfg(test)]
mod tests {
    use sigma_log::Entry;

    use super::*;

    const NOON_US: i64 = 1_767_268_800_000_000;
    const HOUR: Duration = Duration::from_secs(3_600);

    /// Segments of 2 s, public from the third on, an absence of 30 s after the tenth.
    fn recording(segments: u64) -> Recording {
        let mut entries = vec![Entry::Target { seconds: 2 }, Entry::Anchor { wall_us: NOON_US }];
        let mut msn = 0;
        let mut segment = |entries: &mut Vec<Entry>, gap: bool| {
            let duration = 2 * CLOCK;
            entries.push(match gap {
                true => Entry::GapSegment { msn, duration },
                false => Entry::Segment { msn, duration, independent: true, parts: 1, len: 1_000 },
            });
            msn += 1;
        };
        for number in 0..segments {
            if number == 2 {
                entries.push(Entry::Live { from_msn: 2 });
            }
            if number == 10 {
                (0..15).for_each(|_| segment(&mut entries, true));
            }
            segment(&mut entries, false);
        }
        Recording::fold(&entries)
    }

    fn of(recording: &Recording) -> Vec<LiveTile> {
        tiles(recording, recording.next_msn(), HOUR)
    }

    #[test]
    fn pictures_stand_at_least_five_seconds_apart_and_over_an_absence() {
        let from: Vec<u64> = of(&recording(20)).iter().map(|tile| tile.from_us / 1_000_000).collect();
        assert_eq!(from, [0, 6, 12, 46, 52, 58, 64]);
    }

    #[test]
    fn what_is_added_changes_no_picture() {
        let all = of(&recording(200));
        for segments in 3..200 {
            let before = of(&recording(segments));
            assert_eq!(before, all[..before.len()], "{segments} segments");
        }
    }

    #[test]
    fn a_long_window_has_no_more_pictures_than_there_may_be() {
        for hours in [1, 2, 12, 24] {
            let window = HOUR * hours;
            assert!(window.as_secs() * CLOCK / apart(window) <= MOST_TILES);
        }
        assert_eq!((apart(HOUR), apart(2 * HOUR)), (5 * CLOCK, 10 * CLOCK));
    }

    #[test]
    fn it_notes_the_date_that_its_cues_count_from() {
        let recording = recording(20);
        let text = storyboard(&recording, recording.next_msn(), HOUR, "/media/se_1~x").expect("a storyboard");
        let begins = "WEBVTT\n\nNOTE 00:00:00.000 is 2026-01-01T12:00:04.000Z\n\n\
                      00:00:00.000 --> 00:00:06.000\n/media/se_1~x/tile-0.jpg#xywh=0,0,160,90\n";
        assert!(text.starts_with(begins), "{text}");
        assert!(text.contains("00:00:12.000 --> 00:00:46.000\n"), "over the absence: {text}");
        assert!(
            text.ends_with("00:01:04.000 --> 00:01:06.000\n/media/se_1~x/tile-6.jpg#xywh=0,0,160,90\n"),
            "{text}"
        );
    }

    #[test]
    fn a_sheet_is_named_once_it_is_full_and_only_what_can_be_rewound_to() {
        let recording = recording(200);
        let board =
            |window| storyboard(&recording, recording.next_msn(), window, "/media/m").expect("a storyboard");
        let text = board(HOUR);
        assert!(
            text.contains("\n/media/m/sheet-0.jpg#xywh=0,0,160,90\n") && !text.contains("tile-0.jpg"),
            "{text}"
        );
        assert!(text.contains("\n/media/m/sheet-1.jpg#xywh=640,360,160,90\n"), "{text}");
        assert!(
            text.contains("\n/media/m/tile-50.jpg#xywh=0,0,160,90\n") && !text.contains("sheet-2"),
            "{text}"
        );
        let minute = board(Duration::from_secs(60));
        assert_eq!(minute.matches(" --> ").count(), 11, "{minute}");
        assert!(!minute.contains("sheet-0.jpg"), "{minute}");
    }

    #[test]
    fn nothing_is_shown_of_what_is_not_public() {
        assert_eq!(of(&recording(2)), []);
        assert_eq!(storyboard(&recording(2), 2, HOUR, ""), None);
        assert_eq!(of(&recording(3)), [LiveTile { msn: 2, from_us: 0 }]);
    }

    #[test]
    fn each_picture_has_one_name() {
        assert_eq!(LivePicture::parse("sheet-3.jpg"), Some(LivePicture::Sheet(3)));
        assert_eq!(LivePicture::parse("tile-30.jpg"), Some(LivePicture::Tile(30)));
        for none in ["sheet-03.jpg", "tile-.jpg", "tile-1.png", "12.m4s"] {
            assert_eq!(LivePicture::parse(none), None, "{none}");
        }
    }
}
