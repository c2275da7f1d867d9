//! I-frame playlists (§4.4.3.6): of each segment the key frame with which it begins, for players that wind and show pictures
//! meanwhile.

use std::fmt::{self, Write};

use super::{Laid, laid, uri};
use crate::CLOCK;
use crate::bandwidth::bits_a_second;
use crate::recording::{Edit, Item, Recording};
use crate::text::{Date, Seconds};

/// A key frame, and how long it stands: until the next one.
#[derive(Clone, Debug)]
struct Standing {
    uri: String,
    map: String,
    /// Where it ends in its segment; none where a run of segments begins without one that is known.
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

/// The line of the multivariant playlist (§4.4.6.3) that names it at `uri`, with the picture's size and the codecs among these
/// that are of pictures.
pub(super) fn stream(
    recording: &Recording,
    edit: &Edit,
    size: Option<(u32, u32)>,
    codecs: &[&str],
    uri: &str,
) -> Option<String> {
    let standing = standing(recording, edit);
    let known = standing.iter().filter_map(|one| Some((u64::from(one.end?), one.duration)));
    let peak = known.clone().map(|(bytes, ticks)| bits_a_second(bytes, ticks)).max()?;
    let (bytes, ticks) = known.fold((0, 0), |sum, one| (sum.0 + one.0, sum.1 + one.1));
    let of_pictures = |codec: &&&str| !codec.starts_with("mp4a") && !codec.eq_ignore_ascii_case("opus");
    let codecs: Vec<&str> = codecs.iter().filter(of_pictures).copied().collect();
    let mut line = format!(
        "#EXT-X-I-FRAME-STREAM-INF:BANDWIDTH={peak},AVERAGE-BANDWIDTH={},CODECS=\"{}\"",
        bits_a_second(bytes, ticks),
        codecs.join(",")
    );
    if let Some((width, height)) = size.filter(|(width, height)| *width > 0 && *height > 0) {
        line.push_str(&format!(",RESOLUTION={width}x{height}"));
    }
    Some(format!("{line},URI=\"{uri}\"\n"))
}

fn standing(recording: &Recording, edit: &Edit) -> Vec<Standing> {
    let mut all: Vec<Standing> = Vec::new();
    for Laid { item, map, breaks } in laid(recording, recording.items(edit)) {
        let end = match item {
            Item::Segment(_, piece) => piece.key_frame_end,
            // Where its key frame ends is noted nowhere.
            Item::Edge(_) => None,
        };
        let (start, duration) = (item.start(), item.duration());
        let one = Standing { uri: uri(&item), map, end, start, duration, breaks };
        match all.last_mut() {
            Some(last) if !breaks && one.end.is_none() => last.duration += one.duration,
            _ => all.push(one),
        }
    }
    all
}

fn write_iframes(out: &mut String, recording: &Recording, standing: &[Standing]) -> fmt::Result {
    let has_gaps = standing.iter().any(|one| one.end.is_none());
    // As in the media playlist; beside I-frames alone MAP asks for 5 (§8). GAP asks for 8 (Apple's "About the EXT-X-VERSION tag").
    writeln!(out, "#EXTM3U\n#EXT-X-VERSION:{}", if has_gaps { 8 } else { 6 })?;
    let clock = CLOCK;
    let longest = standing.iter().map(|one| (one.duration + clock / 2) / clock).max();
    writeln!(out, "#EXT-X-TARGETDURATION:{}", longest.unwrap_or(1).max(1))?;
    writeln!(out, "#EXT-X-PLAYLIST-TYPE:VOD\n#EXT-X-MEDIA-SEQUENCE:0\n#EXT-X-I-FRAMES-ONLY")?;
    let mut init = None;
    for (index, one) in standing.iter().enumerate() {
        if one.breaks {
            writeln!(out, "#EXT-X-DISCONTINUITY")?;
        }
        if init.replace(&one.map) != Some(&one.map) {
            writeln!(out, "#EXT-X-MAP:URI=\"{}\"", one.map)?;
        }
        if let Some(date) = recording.date_at(one.start).filter(|_| one.breaks || index == 0) {
            writeln!(out, "#EXT-X-PROGRAM-DATE-TIME:{}", Date(date))?;
        }
        writeln!(out, "#EXTINF:{},", Seconds(one.duration))?;
        match one.end {
            Some(end) => writeln!(out, "#EXT-X-BYTERANGE:{end}@0")?,
            None => writeln!(out, "#EXT-X-GAP")?,
        }
        writeln!(out, "{}", one.uri)?;
    }
    writeln!(out, "#EXT-X-ENDLIST")
}
