//! The playlists of a session on air: the live window, and the rewind window behind it.

mod rewind;

use std::fmt::{self, Write};

use crate::key_frames::stream_line;
use crate::text::{Date, Millis, Seconds};
use crate::{Recording, Resource, Segment, Timeline, View, ticks_of_ms};

pub use rewind::{rewind, rewind_key_frames};

/// The name of the media playlist in its session's folder.
pub const MEDIA_PLAYLIST: &str = "live.m3u8";

/// The name of the rewind window's I-frame playlist there.
pub const REWIND_KEY_FRAMES: &str = "dvr-iframes.m3u8";

/// Room for a window's worth of lines.
const USUAL_LENGTH: usize = 4_096;

/// The media playlist (§4.4.3) of a view that is playable. With `delta`, older segments are skipped where there are
/// any to skip (§6.2.5.1). The same timeline gives the same text: cache it by view, version and delta.
pub fn media(timeline: &Timeline, view: View, delta: bool) -> String {
    let mut text = String::with_capacity(USUAL_LENGTH);
    // Unwrap safety: writing to a String cannot fail.
    #[expect(clippy::expect_used, reason = "writing to a String cannot fail")]
    write_media(&mut text, timeline, view, delta).expect("a String takes all");
    text
}

/// How far from its end a playlist may be skipped, in milliseconds: 6 target durations (rule 4); without parts, the window.
///
/// VHS (video.js) counts a delta's segments before it adds the skipped ones: where they are as many as it holds, and none has
/// left the window since, it takes the playlist for unchanged and stands still. With parts it compares these too. So without
/// them nothing is skipped as long as a broadcast's first segments are listed; a longer playlist than the window has deltas.
fn skip_until_ms(timeline: &Timeline, target: u64) -> u64 {
    match timeline.profile().part_target_ms {
        Some(_) => target * 6_000,
        None => timeline.window_ms().max(target * 6_000),
    }
}

fn write_media(out: &mut String, timeline: &Timeline, view: View, delta: bool) -> fmt::Result {
    let target = u64::from(timeline.target_duration().unwrap_or(1));
    let open = open_with_parts(timeline, view);
    let skipped = if delta { skippable(timeline, view, target) } else { 0 };

    let gaps = timeline.listed(view).any(|segment| segment.gap);
    let first = timeline.listed(view).next().or(open);
    let head = Head {
        has_gaps: gaps,
        skip_until_ms: skip_until_ms(timeline, target),
        first_msn: first.map_or(timeline.next_msn(), |first| first.msn),
        discontinuities: first.map_or(0, |first| first.discontinuities - u64::from(first.discontinuity)),
        skipped,
        kind: Kind::Media,
    };
    write_top(out, timeline, &head)?;
    let mut init = None;
    for (index, segment) in timeline.listed(view).enumerate() {
        if index >= skipped {
            write_head(out, segment, init)?;
            if timeline.lists_parts_of(segment) {
                write_parts(out, segment)?;
            }
            if segment.gap {
                writeln!(out, "#EXT-X-GAP")?;
            }
            writeln!(out, "#EXTINF:{},\n{}", Seconds(segment.duration), Resource::Segment(segment.msn))?;
        }
        init = Some(segment.init);
    }
    if let Some(open) = open {
        write_head(out, open, init)?;
        write_parts(out, open)?;
        init = Some(open.init);
    }
    write_end(out, timeline, init)
}

/// The segment that is being written, where its parts are listed.
fn open_with_parts(timeline: &Timeline, view: View) -> Option<&Segment> {
    timeline.open(view).filter(|_| timeline.profile().part_target_ms.is_some())
}

/// What stands before a playlist's segments.
struct Head {
    has_gaps: bool,
    skip_until_ms: u64,
    first_msn: u64,
    /// Before the first segment.
    discontinuities: u64,
    skipped: usize,
    kind: Kind,
}

/// What a playlist lists.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Media,
    /// One key frame a segment.
    KeyFrames,
}

fn write_top(out: &mut String, timeline: &Timeline, head: &Head) -> fmt::Result {
    let profile = timeline.profile();
    let part_target_ms = profile.part_target_ms.filter(|_| head.kind == Kind::Media);
    let target = u64::from(timeline.target_duration().unwrap_or(1));
    // Rule 44: MAP asks for 6, SKIP for 9 (§8), GAP for 8 (Apple's "About the EXT-X-VERSION tag"; hls-parser refuses less).
    let version = match (head.skipped, head.has_gaps) {
        (1.., _) => 9,
        (0, true) => 8,
        (0, false) => 6,
    };
    writeln!(out, "#EXTM3U\n#EXT-X-VERSION:{version}")?;
    writeln!(out, "#EXT-X-TARGETDURATION:{target}")?;
    write!(out, "#EXT-X-SERVER-CONTROL:CAN-BLOCK-RELOAD=YES,CAN-SKIP-UNTIL={}", Millis(head.skip_until_ms))?;
    if let Some(part_target) = part_target_ms {
        write!(out, ",PART-HOLD-BACK={}", Millis(u64::from(part_target) * 3))?;
    }
    writeln!(out, ",HOLD-BACK={}", Millis(u64::from(profile.hold_back_ms).max(target * 3_000)))?;
    if let Some(part_target) = part_target_ms {
        writeln!(out, "#EXT-X-PART-INF:PART-TARGET={}", Millis(u64::from(part_target)))?;
    }
    writeln!(out, "#EXT-X-MEDIA-SEQUENCE:{}", head.first_msn)?;
    writeln!(out, "#EXT-X-DISCONTINUITY-SEQUENCE:{}", head.discontinuities)?;
    match head.kind {
        Kind::KeyFrames => writeln!(out, "#EXT-X-I-FRAMES-ONLY")?,
        Kind::Media if timeline.is_independent() => writeln!(out, "#EXT-X-INDEPENDENT-SEGMENTS")?,
        Kind::Media => {}
    }
    if head.skipped > 0 {
        writeln!(out, "#EXT-X-SKIP:SKIPPED-SEGMENTS={}", head.skipped)?;
    }
    Ok(())
}

/// What stands behind a playlist's segments, the last of which has the init section `init`.
fn write_end(out: &mut String, timeline: &Timeline, init: Option<u32>) -> fmt::Result {
    if timeline.is_ended() {
        return writeln!(out, "#EXT-X-ENDLIST");
    }
    if let Some((msn, part)) = timeline.hinted_part() {
        if let Some(latest) =
            timeline.latest_init().filter(|latest| init.is_some_and(|init| init != latest.init))
        {
            writeln!(out, "#EXT-X-PRELOAD-HINT:TYPE=MAP,URI=\"{}\"", Resource::Init(latest.init))?;
        }
        writeln!(out, "#EXT-X-PRELOAD-HINT:TYPE=PART,URI=\"{}\"", Resource::Part { msn, part })?;
    }
    Ok(())
}

/// What comes before a segment's first part (rule 10). Every segment has its date (rule 23), so that none changes
/// when it becomes the first.
fn write_head(out: &mut String, segment: &Segment, init_before: Option<u32>) -> fmt::Result {
    if segment.discontinuity {
        writeln!(out, "#EXT-X-DISCONTINUITY")?;
    }
    if init_before != Some(segment.init) {
        writeln!(out, "#EXT-X-MAP:URI=\"{}\"", Resource::Init(segment.init))?;
    }
    writeln!(out, "#EXT-X-PROGRAM-DATE-TIME:{}", Date(segment.date_us))
}

fn write_parts(out: &mut String, segment: &Segment) -> fmt::Result {
    for (part, index) in segment.parts.iter().zip(0..) {
        let name = Resource::Part { msn: segment.msn, part: index };
        write!(out, "#EXT-X-PART:DURATION={},URI=\"{name}\"", Seconds(part.duration))?;
        if part.gap {
            write!(out, ",GAP=YES")?;
        } else if part.independent {
            write!(out, ",INDEPENDENT=YES")?;
        }
        writeln!(out)?;
    }
    Ok(())
}

/// How many segments lie wholly before the skip boundary, counted from the end of the last whole one (§6.2.5.1), and stood
/// in whatever the reader holds.
///
/// Who asks for a delta holds a playlist that is at most half a boundary old (§6.3.7), and may be blocked for as long as
/// rule 30 allows. Mostly that is less than the boundary; but a hole that is filled at one stroke, a silence found out or
/// an outage of the server, moves the end past segments that he never saw.
fn skippable(timeline: &Timeline, view: View, target: u64) -> usize {
    let until_ms = skip_until_ms(timeline, target);
    let (boundary, held_us) = (ticks_of_ms(until_ms), held_us(timeline, until_ms));
    let whole: u64 = timeline.listed(view).map(|segment| segment.duration).sum();
    let mut end = 0;
    timeline
        .listed(view)
        .take_while(|segment| {
            end += segment.duration;
            whole - end >= boundary && timeline.is_listed_since(segment, held_us)
        })
        .count()
}

/// How old the playlist that a delta is merged into may be when the delta is answered.
fn held_us(timeline: &Timeline, until_ms: u64) -> i64 {
    i64::try_from((until_ms / 2 + timeline.block_limit_ms()) * 1_000).unwrap_or(i64::MAX)
}

/// The multivariant playlist (§4.4.6): the one rendition, at `media_uri` (relative or absolute), with its frame rate as
/// measured (in 1,000 s) where it was; else as the init section has it. None before any
/// media is there to be measured (rule 43).
///
/// `EXT-X-INDEPENDENT-SEGMENTS` is left to the media playlist: here it would also promise for segments to come, and an
/// encoder can break that promise with one long GOP.
pub fn multivariant(timeline: &Timeline, media_uri: &str, frame_rate_milli: Option<u32>) -> Option<String> {
    let init = timeline.latest_init()?;
    let bandwidth = timeline.bandwidth()?;
    let mut line = format!(
        "#EXTM3U\n#EXT-X-VERSION:6\n#EXT-X-STREAM-INF:BANDWIDTH={},AVERAGE-BANDWIDTH={},CODECS=\"{}\"",
        bandwidth.peak, bandwidth.average, init.codecs
    );
    if init.width > 0 && init.height > 0 {
        line.push_str(&format!(",RESOLUTION={}x{}", init.width, init.height));
    }
    if let Some(rate) = frame_rate_milli.or(init.frame_rate_milli).filter(|rate| *rate > 0) {
        line.push_str(&format!(",FRAME-RATE={}.{:03}", rate / 1_000, rate % 1_000));
    }
    line.push('\n');
    line.push_str(media_uri);
    line.push('\n');
    Some(line)
}

/// The line of the multivariant playlist (§4.4.6.3) that names the rewind window's I-frame playlist at `uri`; none before there
/// is a key frame.
pub fn key_frame_stream(timeline: &Timeline, recording: &Recording, uri: &str) -> Option<String> {
    let init = timeline.latest_init()?;
    let codecs: Vec<&str> = init.codecs.split(',').collect();
    stream_line(recording.key_frame_rates(), Some((init.width, init.height)), &codecs, uri)
}
