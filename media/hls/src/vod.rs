//! The playlists of what was recorded: runs of a session's segments, its gaps left out.

mod runs;

use std::fmt::{self, Write};

use crate::recording::{Piece, Recording, Span};
use crate::text::{Date, Seconds};
use crate::timeline::bits_a_second;
use crate::{Bandwidth, CLOCK, Init, Resource};

pub use runs::{Run, runs};

/// Whether something may follow.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Closing {
    /// All is there.
    Closed,
    /// It is being recorded still: what follows is appended.
    Open,
}

/// The media playlist (§4.4.3) of these stretches; none where there is no media in them. The same recording gives the same
/// text. Gaps are left out, with a discontinuity in their place: a player goes on behind them at once.
pub fn media(recording: &Recording, spans: &[Span], closing: Closing) -> Option<String> {
    let segments = segments(recording, spans);
    segments.clone().next()?;
    let mut text = String::with_capacity(512 + 40 * segments.clone().count());
    // Unwrap safety: writing to a String cannot fail.
    #[expect(clippy::expect_used, reason = "writing to a String cannot fail")]
    write_media(&mut text, recording, segments, closing).expect("a String takes all");
    Some(text)
}

/// The segments with media in these stretches, in order, each with its number.
pub fn segments<'a>(
    recording: &'a Recording,
    spans: &'a [Span],
) -> impl Iterator<Item = (u64, &'a Piece)> + Clone {
    recording.within(spans).filter(|(_, piece)| !piece.gap)
}

fn write_media<'a>(
    out: &mut String,
    recording: &Recording,
    segments: impl Iterator<Item = (u64, &'a Piece)> + Clone,
    closing: Closing,
) -> fmt::Result {
    // MAP in a playlist that is not of I-frames alone asks for 6 (§8).
    writeln!(out, "#EXTM3U\n#EXT-X-VERSION:6")?;
    writeln!(out, "#EXT-X-TARGETDURATION:{}", recording.target_duration().unwrap_or(1))?;
    let kind = match closing {
        Closing::Closed => "VOD",
        Closing::Open => "EVENT",
    };
    writeln!(out, "#EXT-X-PLAYLIST-TYPE:{kind}\n#EXT-X-MEDIA-SEQUENCE:0")?;
    if closing == Closing::Closed && segments.clone().all(|(_, piece)| piece.independent) {
        writeln!(out, "#EXT-X-INDEPENDENT-SEGMENTS")?;
    }
    let mut before: Option<(u64, u32)> = None;
    for (msn, piece) in segments {
        let breaks = before.is_some_and(|(last, _)| piece.discontinuity || last + 1 != msn);
        if breaks {
            writeln!(out, "#EXT-X-DISCONTINUITY")?;
        }
        if before.is_none_or(|(_, init)| init != piece.init) {
            writeln!(out, "#EXT-X-MAP:URI=\"{}\"", Resource::Init(piece.init))?;
        }
        if let Some(date) = recording.date_us(msn).filter(|_| breaks || before.is_none()) {
            writeln!(out, "#EXT-X-PROGRAM-DATE-TIME:{}", Date(date))?;
        }
        writeln!(out, "#EXTINF:{},\n{}", Seconds(piece.duration), Resource::Segment(msn))?;
        before = Some((msn, piece.init));
    }
    match closing {
        Closing::Closed => writeln!(out, "#EXT-X-ENDLIST"),
        Closing::Open => Ok(()),
    }
}

/// The multivariant playlist (§4.4.6) of these stretches, whose media playlist stands at `media_uri`; none without media.
pub fn multivariant(recording: &Recording, spans: &[Span], media_uri: &str) -> Option<String> {
    let bandwidth = bandwidth(recording, spans)?;
    let inits = used_inits(recording, spans);
    let largest = inits.iter().max_by_key(|init| u64::from(init.width) * u64::from(init.height))?;
    let mut codecs: Vec<&str> = Vec::new();
    for codec in inits.iter().flat_map(|init| init.codecs.split(',')) {
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
    if largest.width > 0 && largest.height > 0 {
        line.push_str(&format!(",RESOLUTION={}x{}", largest.width, largest.height));
    }
    if let Some(rate) = largest.frame_rate_milli.filter(|rate| *rate > 0) {
        line.push_str(&format!(",FRAME-RATE={}.{:03}", rate / 1_000, rate % 1_000));
    }
    Some(format!("{line}\n{media_uri}\n"))
}

/// The init sections of these stretches, in order, each once.
fn used_inits<'a>(recording: &'a Recording, spans: &[Span]) -> Vec<&'a Init> {
    let mut numbers: Vec<u32> = segments(recording, spans).map(|(_, piece)| piece.init).collect();
    numbers.sort_unstable();
    numbers.dedup();
    numbers.into_iter().filter_map(|number| recording.init(number)).collect()
}

fn bandwidth(recording: &Recording, spans: &[Span]) -> Option<Bandwidth> {
    let half_target = u64::from(recording.target_duration().unwrap_or(1)) * CLOCK / 2;
    let (mut bytes, mut ticks, mut peak) = (0, 0, 0);
    for (_, piece) in segments(recording, spans) {
        let duration = piece.duration;
        bytes += piece.len;
        ticks += duration;
        // §4.4.6.2: the greatest of any segment of at least half a target duration.
        if duration >= half_target {
            peak = peak.max(bits_a_second(piece.len, duration));
        }
    }
    let average = (ticks > 0).then(|| bits_a_second(bytes, ticks))?;
    Some(Bandwidth { peak: peak.max(average), average })
}
