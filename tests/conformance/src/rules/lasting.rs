//! How long things stay: rules 13, 14, 15 and 18.

use super::NO_PARTS;
use crate::case::Case;
use crate::finding::{Finding, Trial, seconds};
use crate::observation::Purpose;
use crate::playlist::Micros;

pub(super) fn old_parts_are_dropped(case: &Case<'_>) -> Finding {
    if !case.has_parts() {
        return Finding::not_applicable(NO_PARTS);
    }
    let mut trial = Trial::new();
    for (line, load) in case.loads() {
        let span = 3 * line.target();
        let end = load.playlist.duration();
        if end <= span + line.target() {
            continue;
        }
        trial.saw();
        let mut at: Micros = 0;
        for segment in load.playlist.all() {
            let mut part_end = at;
            for (part, index) in segment.parts.iter().zip(0..) {
                part_end += part.duration;
                if end - part_end > span {
                    let said = format!(
                        "part {}.{index} is listed {} from the end, the bound is {}",
                        segment.msn,
                        seconds(end - part_end),
                        seconds(span)
                    );
                    trial.breach(said, [load.exhibit()]);
                }
            }
            at += segment.duration;
        }
    }
    trial.end("none older than 3 target durations is listed", "no playlist was long enough")
}

pub(super) fn dropped_parts_stay(case: &Case<'_>) -> Finding {
    if !case.has_parts() {
        return Finding::not_applicable(NO_PARTS);
    }
    let mut trial = Trial::new();
    for line in &case.lines {
        let span = 3 * line.target();
        for (exchange, answer) in case.answered(line) {
            let Purpose::OldPart(msn, part) = exchange.purpose else { continue };
            let Some(listed) = line.parts.get(&(msn, part)) else { continue };
            let age = exchange.asked - listed.last;
            if age > span || age <= 0 {
                continue;
            }
            trial.timed(age);
            if !exchange.is_good() {
                let said = format!(
                    "part {msn}.{part} gives {} {} after it was last listed, the bound is {}",
                    answer.status,
                    seconds(age),
                    seconds(span)
                );
                trial.breach(said, line.exhibits_at(&[listed.last]));
            }
        }
    }
    trial.end("they are still there", "no part was dropped in time")
}

pub(super) fn window(case: &Case<'_>) -> Finding {
    let mut trial = Trial::new();
    for line in &case.lines {
        let first = line.loads.iter().map(|load| load.playlist.media_sequence).min();
        for load in line.follows().filter(|load| Some(load.playlist.media_sequence) > first) {
            trial.saw();
            let (count, long) = (load.playlist.segments.len(), load.playlist.duration());
            if count < 6 || long < 3 * line.target() {
                let said =
                    format!("a window of {count} segments and {} after segments were removed", seconds(long));
                trial.breach(said, [load.exhibit()]);
            }
        }
    }
    trial.end("never shorter after a removal", "no segment was removed while the judge looked")
}

pub(super) fn removed_segments_stay(case: &Case<'_>) -> Finding {
    let mut trial = Trial::new();
    for line in &case.lines {
        for (exchange, answer) in case.answered(line) {
            let msn = match exchange.purpose {
                Purpose::OldSegment(msn) | Purpose::AfterEnd(msn) => msn,
                _ => continue,
            };
            let Some(listed) = line.segments.get(&msn) else { continue };
            let ended = matches!(exchange.purpose, Purpose::AfterEnd(_));
            let with = line.loads.iter().filter(|load| load.playlist.segment(msn).is_some());
            let longest = with.map(|load| load.playlist.duration()).max().unwrap_or(0);
            // What is certain: it was first listed after the last playlist without it.
            let bound = listed.before.map(|before| before + listed.what.duration + longest);
            let still = listed.last >= exchange.asked;
            if !ended && !still && bound.is_none_or(|bound| exchange.asked > bound) {
                continue;
            }
            trial.saw();
            if !exchange.is_good() {
                let said = format!(
                    "segment {msn} gives {} {} after it was last listed; its own and the longest playlist's duration are {}",
                    answer.status,
                    seconds(exchange.asked - listed.last),
                    seconds(listed.what.duration + longest)
                );
                trial.breach(said, line.exhibits_at(&[listed.first, listed.last]));
            }
        }
    }
    trial.end("they are still there", "no segment was removed while the judge looked")
}
