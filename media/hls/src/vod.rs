//! The playlists of what was recorded: runs of a session's segments, its gaps left out.

mod iframes;
mod runs;

use std::fmt::{self, Write};

use crate::bandwidth::{Bandwidth, Rates};
use crate::recording::{EdgeInit, EdgeName, Edit, Item, Recording};
use crate::text::{Date, Seconds};
use crate::{CLOCK, Init, Resource};

pub use iframes::{iframes, key_frame};
pub use runs::{Run, runs};

/// Whether something may follow.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Closing {
    /// All is there.
    Closed,
    /// It is being recorded still: what follows is appended.
    Open,
}

/// The media playlist (§4.4.3) of an edit; none where there is no media in it. The same recording gives the same
/// text. Gaps are left out, with a discontinuity in their place: a player goes on behind them at once.
pub fn media(recording: &Recording, edit: &Edit, closing: Closing) -> Option<String> {
    let items = recording.items(edit);
    items.clone().next()?;
    let mut text = String::with_capacity(512 + 40 * items.clone().count());
    // Unwrap safety: writing to a String cannot fail.
    #[expect(clippy::expect_used, reason = "writing to a String cannot fail")]
    write_media(&mut text, recording, items, closing).expect("a String takes all");
    Some(text)
}

/// The names of an edge's media and of its own init section in playlists.
pub fn edge_names(name: EdgeName) -> [String; 2] {
    [format!("{name}.m4s"), format!("{name}.mp4")]
}

fn write_media<'a>(
    out: &mut String,
    recording: &Recording,
    items: impl Iterator<Item = Item<'a>> + Clone,
    closing: Closing,
) -> fmt::Result {
    // MAP in a playlist that is not of I-frames alone asks for 6 (§8).
    writeln!(out, "#EXTM3U\n#EXT-X-VERSION:6")?;
    writeln!(out, "#EXT-X-TARGETDURATION:{}", target_duration(recording, items.clone()))?;
    let kind = match closing {
        Closing::Closed => "VOD",
        Closing::Open => "EVENT",
    };
    writeln!(out, "#EXT-X-PLAYLIST-TYPE:{kind}\n#EXT-X-MEDIA-SEQUENCE:0")?;
    if closing == Closing::Closed && items.clone().all(|item| item.independent()) {
        writeln!(out, "#EXT-X-INDEPENDENT-SEGMENTS")?;
    }
    let mut mapped = None;
    for (index, Laid { item, map, breaks }) in laid(recording, items).enumerate() {
        if breaks {
            writeln!(out, "#EXT-X-DISCONTINUITY")?;
        }
        if mapped.as_ref() != Some(&map) {
            writeln!(out, "#EXT-X-MAP:URI=\"{map}\"")?;
        }
        if let Some(date) = recording.date_at(item.start()).filter(|_| breaks || index == 0) {
            writeln!(out, "#EXT-X-PROGRAM-DATE-TIME:{}", Date(date))?;
        }
        writeln!(out, "#EXTINF:{},\n{}", Seconds(item.duration()), uri(&item))?;
        mapped = Some(map);
    }
    match closing {
        Closing::Closed => writeln!(out, "#EXT-X-ENDLIST"),
        Closing::Open => Ok(()),
    }
}

/// An item at its place in a playlist.
struct Laid<'a> {
    item: Item<'a>,
    /// Its init section's name.
    map: String,
    /// Whether it begins anew: other timestamps, or another format.
    breaks: bool,
}

/// The items of an edit as every playlist of it lays them out.
fn laid<'a>(recording: &Recording, items: impl Iterator<Item = Item<'a>>) -> impl Iterator<Item = Laid<'a>> {
    let mut before: Option<(Item<'a>, String)> = None;
    items.map(move |item| {
        let map = match (item, item.session_init()) {
            (_, Some(init)) => Resource::Init(init).to_string(),
            (Item::Edge(edge), None) => edge_names(edge.name)[1].clone(),
            (Item::Segment(_, piece), None) => Resource::Init(piece.init).to_string(),
        };
        let breaks = before.as_ref().is_some_and(|(last, mapped)| {
            let begins_anew = recording.begins_span(item.start());
            // §4.4.4.3: what was coded anew has other parameters.
            begins_anew || last.end() != item.start() || (*mapped != map && is_recoded(last, &item))
        });
        before = Some((item, map.clone()));
        Laid { item, map, breaks }
    })
}

/// The name of an item's media.
fn uri(item: &Item<'_>) -> String {
    match item {
        Item::Segment(msn, _) => Resource::Segment(*msn).to_string(),
        Item::Edge(edge) => edge_names(edge.name)[0].clone(),
    }
}

/// Whether one of them was coded anew.
fn is_recoded(one: &Item<'_>, other: &Item<'_>) -> bool {
    one.session_init().is_none() || other.session_init().is_none()
}

/// The multivariant playlist (§4.4.6) of an edit, whose media playlist stands at `media_uri` and whose I-frame playlist at
/// `iframes_uri`, where it has one; none without media.
pub fn multivariant(
    recording: &Recording,
    edit: &Edit,
    media_uri: &str,
    iframes_uri: Option<&str>,
) -> Option<String> {
    let bandwidth = bandwidth(recording, edit)?;
    let inits = used_inits(recording, edit);
    let largest = inits.iter().max_by_key(|init| u64::from(init.width) * u64::from(init.height));
    let own = edit.edges.iter().filter_map(|edge| match &edge.init {
        EdgeInit::Own { codecs, .. } => Some(codecs.as_str()),
        EdgeInit::Session(_) => None,
    });
    let used = inits.iter().map(|init| init.codecs.as_str()).chain(own);
    let mut codecs: Vec<&str> = Vec::new();
    for codec in used.flat_map(|codecs| codecs.split(',')) {
        if !codecs.contains(&codec) {
            codecs.push(codec);
        }
    }
    let mut line = format!(
        "#EXTM3U\n#EXT-X-VERSION:6\n#EXT-X-STREAM-INF:BANDWIDTH={},AVERAGE-BANDWIDTH={},CODECS=\"{}\"",
        bandwidth.peak,
        bandwidth.average,
        codecs.join(",")
    );
    if let Some(largest) = largest.filter(|largest| largest.width > 0 && largest.height > 0) {
        line.push_str(&format!(",RESOLUTION={}x{}", largest.width, largest.height));
    }
    if let Some(rate) = largest.and_then(|largest| largest.frame_rate_milli).filter(|rate| *rate > 0) {
        line.push_str(&format!(",FRAME-RATE={}.{:03}", rate / 1_000, rate % 1_000));
    }
    line.push_str(&format!("\n{media_uri}\n"));
    let size = largest.map(|largest| (largest.width, largest.height));
    if let Some(iframes) = iframes_uri.and_then(|uri| iframes::stream(recording, edit, size, &codecs, uri)) {
        line.push_str(&iframes);
    }
    Some(line)
}

/// The session's init sections of what an edit shows, or was made of, in order, each once.
fn used_inits<'a>(recording: &'a Recording, edit: &Edit) -> Vec<&'a Init> {
    let of_item = |item: Item<'_>| {
        item.session_init().or_else(|| recording.piece(recording.at(item.start())?).map(|piece| piece.init))
    };
    let mut numbers: Vec<u32> = recording.items(edit).filter_map(of_item).collect();
    numbers.sort_unstable();
    numbers.dedup();
    numbers.into_iter().filter_map(|number| recording.init(number)).collect()
}

fn bandwidth(recording: &Recording, edit: &Edit) -> Option<Bandwidth> {
    let items = recording.items(edit);
    let target = target_duration(recording, items.clone());
    let mut rates = Rates::default();
    items.for_each(|item| rates.add(item.len(), item.duration(), target));
    rates.bandwidth()
}

/// §4.4.3.1, in seconds: what was made for an edge may be longer than what the session's segments were held to.
fn target_duration<'a>(recording: &Recording, items: impl Iterator<Item = Item<'a>>) -> u32 {
    let longest = items.map(|item| (item.duration() + CLOCK / 2) / CLOCK).max().unwrap_or(1);
    recording.target_duration().unwrap_or(1).max(u32::try_from(longest).unwrap_or(u32::MAX))
}
