//! What is asked of recordings: rules 45 to 50, the last of broadcasts too.

use super::delivery::{Measured, measure, variant_of};
use crate::case::{Case, Line};
use crate::finding::{Exhibit, Finding, Trial, seconds};
use crate::mp4::{Kind, Run, micros};
use crate::observation::{Body, Exchange, Purpose};
use crate::playlist::{MediaPlaylist, Micros};

/// Where the media does not tell how long a picture stands.
const USUAL_PICTURE: Micros = 41_708;

/// HAS 1.26 and 1.27: how far a rate may be from what is measured, per cent.
const OFF: u64 = 10;

pub(super) fn kind(case: &Case<'_>) -> Finding {
    let mut trial = Trial::new();
    for load in case.lines.iter().flat_map(|line| &line.loads) {
        trial.saw();
        let playlist = &load.playlist;
        if playlist.kind.as_deref() != Some("VOD") {
            let said = playlist.kind.as_deref().map_or("there is no PLAYLIST-TYPE".to_owned(), |kind| {
                format!("the PLAYLIST-TYPE is {kind}")
            });
            trial.breach(said, [load.exhibit()]);
        }
        if !playlist.ended {
            trial.breach("it has no end any more", [load.exhibit()]);
        }
        let is_waiting = playlist.part_target.is_some()
            || playlist.parts().next().is_some()
            || !playlist.hints.is_empty()
            || playlist.skip.is_some();
        if is_waiting {
            trial.breach("it has parts, hints or skips, for which nobody waits", [load.exhibit()]);
        }
    }
    trial.end("VOD, with its end", "no playlist came")
}

pub(super) fn unchanged(case: &Case<'_>) -> Finding {
    let mut trial = Trial::new();
    for line in &case.lines {
        for pair in line.loads.windows(2) {
            trial.saw();
            if pair[0].playlist.text != pair[1].playlist.text {
                trial.breach("the playlist is another one", [pair[0].exhibit(), pair[1].exhibit()]);
            }
        }
    }
    trial.end("the same each time", "no playlist came twice")
}

/// How long a picture of a track stands.
fn picture(run: &Run) -> Micros {
    match i64::from(run.samples) {
        0 => USUAL_PICTURE,
        samples => micros(run.duration, run.timescale) / samples,
    }
}

/// HAS 8.1: of each stretch of segments that go on from one to the next, all that were read.
pub(super) fn durations(case: &Case<'_>) -> Finding {
    let mut trial = Trial::new();
    for line in &case.lines {
        let (mut listed, mut plays, mut from): (Micros, Micros, Option<u64>) = (0, 0, None);
        for (msn, segment) in &line.segments {
            let runs = case.segment_runs(line, *msn);
            let video = runs.as_ref().and_then(|runs| runs.iter().find(|run| run.kind == Kind::Video));
            let Some(run) = video.filter(|_| !segment.what.gap) else {
                (listed, plays, from) = (0, 0, None);
                continue;
            };
            if segment.what.discontinuity {
                (listed, plays, from) = (0, 0, None);
            }
            let from = *from.get_or_insert(*msn);
            listed += segment.what.duration;
            plays += micros(run.duration, run.timescale);
            let off = (listed - plays).abs();
            trial.timed(off);
            if off > picture(run) {
                let said = format!(
                    "segments {from} to {msn} are listed with {} and play for {}",
                    seconds(listed),
                    seconds(plays)
                );
                trial.breach(said, line.exhibits_at(&[segment.first]));
                // What follows is as far off.
                break;
            }
        }
    }
    trial.end("within a picture", "no segment with pictures was read")
}

/// Whether all segments of a line were read.
fn is_whole(case: &Case<'_>, line: &Line<'_>) -> bool {
    let mut media = line.segments.iter().filter(|(_, listed)| !listed.what.gap);
    media.all(|(msn, _)| case.segment_runs(line, *msn).is_some())
}

pub(super) fn rates(case: &Case<'_>) -> Finding {
    if !case.log.has_multivariant {
        return Finding::not_applicable("a media playlist was given: there are no attributes");
    }
    let mut trial = Trial::new();
    for line in case.lines.iter().filter(|line| is_whole(case, line)) {
        let Some((exchange, all, variant)) = variant_of(case, line) else { continue };
        let Measured { peak, average, .. } = measure(case, line, |_| true);
        for (name, said, measured) in [
            ("BANDWIDTH", variant.bandwidth, peak),
            ("AVERAGE-BANDWIDTH", variant.average_bandwidth, average),
        ] {
            let (Some(said), Some(measured)) = (said, measured) else { continue };
            trial.saw();
            if said.abs_diff(measured) * 100 > measured * OFF {
                let shows = Exhibit::playlist(exchange, &all.text);
                trial.breach(format!("{name} is {said}, measured {measured} bit/s"), [shows]);
            }
        }
    }
    trial.end("as measured", "it is too long to be measured whole, or was not read to its end")
}

pub(super) fn independent(case: &Case<'_>) -> Finding {
    let mut trial = Trial::new();
    let claimed = case.multivariants.last().is_some_and(|(_, all)| all.independent_segments);
    for line in case.lines.iter().filter(|line| is_whole(case, line)) {
        let Some(load) = line.follows().next_back() else { continue };
        let all_are = line.segments.iter().filter(|(_, listed)| !listed.what.gap).all(|(msn, _)| {
            let runs = case.segment_runs(line, *msn).unwrap_or_default();
            let mut video = runs.iter().filter(|run| run.kind == Kind::Video);
            video.all(Run::begins_independently)
        });
        if !all_are {
            continue;
        }
        trial.saw();
        if !claimed && !load.playlist.independent_segments {
            trial.breach("every segment begins with an IDR picture and nothing says so", [load.exhibit()]);
        }
    }
    trial.end("said", "not every segment begins with an IDR picture, or not every one was read")
}

/// How far the I-frames may be from standing as long as the media plays, for their durations are rounded one by one.
const ROUNDED: Micros = 100_000;

pub(super) fn key_frames(case: &Case<'_>) -> Finding {
    let Some((exchange, all)) = case.multivariants.last() else {
        return Finding::not_applicable("a media playlist was given: it names no others");
    };
    let is_of_pictures = |line: &Line<'_>| {
        let runs = line.segments.keys().filter_map(|msn| case.segment_runs(line, *msn));
        runs.flatten().any(|run| run.kind == Kind::Video)
    };
    if !case.lines.iter().any(is_of_pictures) {
        return Finding::not_applicable("there are no pictures");
    }
    if !case.log.recorded && all.key_frames.is_empty() {
        return Finding::not_applicable("this is live, and names no I-frames");
    }
    let mut trial = Trial::new();
    trial.saw();
    if all.key_frames.is_empty() {
        trial.breach("no EXT-X-I-FRAME-STREAM-INF", [Exhibit::playlist(exchange, &all.text)]);
    }
    for exchange in &case.log.exchanges {
        for said in said_of_key_frames(case, exchange) {
            let shows = match exchange.answer().map(|answer| &answer.body) {
                Some(Body::Playlist(Ok(read))) => Exhibit::playlist(exchange, &read.text),
                _ => Exhibit::new(exchange.url.clone(), &exchange.came()),
            };
            trial.breach(said, [shows]);
        }
    }
    trial.end("each a picture, for as long as the media", "")
}

/// What is wrong with an I-frame playlist, or with what it lists.
fn said_of_key_frames(case: &Case<'_>, exchange: &Exchange) -> Vec<String> {
    let body = exchange.answer().map(|answer| &answer.body);
    match (&exchange.purpose, body) {
        (Purpose::KeyFrames, Some(Body::Playlist(Ok(read)))) => {
            let mut wrong = Vec::new();
            if !read.key_frames_only {
                wrong.push("there is no EXT-X-I-FRAMES-ONLY".to_owned());
            }
            if !case.log.recorded {
                // Its window moves between two looks.
                return wrong;
            }
            if !read.ended {
                wrong.push("the I-frames have no end".to_owned());
            }
            let length = |playlist: &MediaPlaylist| -> Micros {
                playlist.segments.iter().map(|segment| segment.duration).sum()
            };
            let plays = case.lines.first().and_then(|line| line.follows().next());
            let plays = plays.map_or(0, |load| length(&load.playlist));
            let stand = length(read);
            if (stand - plays).abs() > ROUNDED {
                wrong.push(format!(
                    "the I-frames stand for {} and the media plays for {}",
                    seconds(stand),
                    seconds(plays)
                ));
            }
            wrong
        }
        (Purpose::KeyFrame(_), Some(Body::KeyFrame(read))) => read.clone().err().into_iter().collect(),
        (Purpose::KeyFrames | Purpose::KeyFrame(_), _) => {
            vec![format!("an I-frame, or their playlist, is not to be had: {}", exchange.came())]
        }
        _ => Vec::new(),
    }
}
