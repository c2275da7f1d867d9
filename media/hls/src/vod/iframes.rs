//! The I-frame playlists (§4.4.3.6) of recordings: of each segment the key frame with which it begins, for players that wind and
//! show pictures meanwhile.

use std::fmt::{self, Write};

use super::{Laid, laid};
use crate::key_frames::{KeyFrameRates, stream_line};
use crate::recording::{Edit, Item, Recording};
use crate::text::{Date, Seconds};
use crate::{CLOCK, KeyFrame, KeyFrameName};

/// The key frame with which a segment begins that an edit shows.
pub fn key_frame(recording: &Recording, edit: &Edit, msn: u64) -> Option<KeyFrame> {
    let is_it = |item: &Item<'_>| matches!(item, Item::Segment(number, _) if *number == msn);
    let from_it = recording.items(edit).skip_while(|item| !is_it(item));
    let mut from_it = laid(recording, from_it);
    let Item::Segment(_, piece) = from_it.next()?.item else { return None };
    let with_it = from_it.take_while(|laid| !laid.breaks && key_frame_end(&laid.item).is_none());
    let stands = piece.duration + with_it.map(|laid| laid.item.duration()).sum::<u64>();
    Some(KeyFrame { init: piece.init, end: piece.key_frame_end?, stands })
}

/// Where an item's key frame ends. Of an edge it is noted nowhere.
fn key_frame_end(item: &Item<'_>) -> Option<u32> {
    match item {
        Item::Segment(_, piece) => piece.key_frame_end,
        Item::Edge(_) => None,
    }
}

/// A key frame, and how long it stands: until the next one.
#[derive(Clone, Debug)]
struct Standing {
    /// Its segment, and the number of its init section; none where a run of segments begins without a key frame that is known.
    picture: Option<(u64, u32)>,
    /// Where it ends in its segment, in bytes.
    end: Option<u32>,
    /// When it begins, in ticks of the session's media time.
    start: u64,
    duration: u64,
    /// Whether it begins a new run: other timestamps, or another format.
    breaks: bool,
}

/// The I-frame playlist of an edit, which is all there is; none where no key frame is known. The same recording
/// gives the same text.
///
/// Every run of segments has its discontinuity and its length, as in the media playlist: what is before a run's first known key
/// frame is a gap.
pub fn iframes(recording: &Recording, edit: &Edit) -> Option<String> {
    let standing = standing(recording, edit);
    standing.iter().find(|one| one.end.is_some())?;
    let mut text = String::with_capacity(256 + 64 * standing.len());
    // Unwrap safety: writing to a String cannot fail.
    #[expect(clippy::expect_used, reason = "writing to a String cannot fail")]
    write_iframes(&mut text, recording, &standing).expect("a String takes all");
    Some(text)
}

/// The line of the multivariant playlist that names it at `uri`.
pub(super) fn stream(
    recording: &Recording,
    edit: &Edit,
    size: Option<(u32, u32)>,
    codecs: &[&str],
    uri: &str,
) -> Option<String> {
    let mut rates = KeyFrameRates::default();
    for one in standing(recording, edit) {
        if let Some(bytes) = one.end {
            rates.add(bytes, one.duration);
        }
    }
    stream_line(rates, size, codecs, uri)
}

fn standing(recording: &Recording, edit: &Edit) -> Vec<Standing> {
    let mut all: Vec<Standing> = Vec::new();
    for Laid { item, breaks, .. } in laid(recording, recording.items(edit)) {
        let end = key_frame_end(&item);
        let picture = match item {
            Item::Segment(msn, piece) => end.map(|_| (msn, piece.init)),
            Item::Edge(_) => None,
        };
        let (start, duration) = (item.start(), item.duration());
        let one = Standing { picture, end, start, duration, breaks };
        match all.last_mut() {
            Some(last) if !breaks && one.end.is_none() => last.duration += one.duration,
            _ => all.push(one),
        }
    }
    all
}

fn write_iframes(out: &mut String, recording: &Recording, standing: &[Standing]) -> fmt::Result {
    let has_gaps = standing.iter().any(|one| one.end.is_none());
    // Beside I-frames alone MAP asks for 5 (§8). GAP asks for 8 (Apple's "About the EXT-X-VERSION tag").
    writeln!(out, "#EXTM3U\n#EXT-X-VERSION:{}", if has_gaps { 8 } else { 5 })?;
    let clock = CLOCK;
    let longest = standing.iter().map(|one| (one.duration + clock / 2) / clock).max();
    writeln!(out, "#EXT-X-TARGETDURATION:{}", longest.unwrap_or(1).max(1))?;
    writeln!(out, "#EXT-X-PLAYLIST-TYPE:VOD\n#EXT-X-MEDIA-SEQUENCE:0\n#EXT-X-I-FRAMES-ONLY")?;
    let mut init = None;
    for (index, one) in standing.iter().enumerate() {
        if one.breaks {
            writeln!(out, "#EXT-X-DISCONTINUITY")?;
        }
        if let Some((_, number)) = one.picture
            && init.replace(number) != Some(number)
        {
            writeln!(out, "#EXT-X-MAP:URI=\"{}\"", KeyFrameName::Init(number))?;
        }
        if let Some(date) = recording.date_at(one.start).filter(|_| one.breaks || index == 0) {
            writeln!(out, "#EXT-X-PROGRAM-DATE-TIME:{}", Date(date))?;
        }
        writeln!(out, "#EXTINF:{},", Seconds(one.duration))?;
        match one.picture {
            Some((msn, _)) => writeln!(out, "{}", KeyFrameName::Picture(msn))?,
            // Nobody asks for it.
            None => writeln!(out, "#EXT-X-GAP\ngap.m4s")?,
        }
    }
    writeln!(out, "#EXT-X-ENDLIST")
}
