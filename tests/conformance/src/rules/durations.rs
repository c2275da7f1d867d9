//! Target durations and what keeps to them: rules 5 to 8.

use super::NO_PARTS;
use crate::case::Case;
use crate::finding::{Exhibit, Finding, Trial, seconds};
use crate::mp4::{Kind, Run, micros};
use crate::playlist::Micros;

/// How far what is measured in the media may be beyond what the playlist says: a frame of sound, a picture.
const FRAME: Micros = 50_000;

/// How long media plays: its pictures, else its longest track.
fn length(runs: &[Run]) -> Option<Micros> {
    let of = |run: &Run| micros(run.duration, run.timescale);
    let video = runs.iter().filter(|run| run.kind == Kind::Video).map(of).max();
    video.or_else(|| runs.iter().map(of).max())
}

pub(super) fn target(case: &Case<'_>) -> Finding {
    let mut trial = Trial::new();
    for line in &case.lines {
        let Some(first) = line.loads.first() else { continue };
        let target = first.playlist.target;
        for load in &line.loads {
            if load.playlist.target != target {
                let said = format!("the target duration changed to {}", seconds(load.playlist.target));
                trial.breach(said, [first.exhibit(), load.exhibit()]);
            }
            // §4.4.3.1: rounded to the nearest second.
            let long = load.playlist.segments.iter().find(|segment| segment.duration >= target + 500_000);
            if let Some(long) = long {
                let said =
                    format!("segment {} of {} is longer than the target", long.msn, seconds(long.duration));
                trial.breach(said, [load.exhibit()]);
            }
        }
        for (msn, listed) in line.segments.iter().filter(|(_, listed)| !listed.what.gap) {
            trial.saw();
            let measured = case.segment_runs(line, *msn).and_then(|runs| length(&runs));
            if let Some(measured) = measured.filter(|measured| *measured >= target + 500_000 + FRAME) {
                let said = format!(
                    "segment {msn} has {} of media, its target is {}",
                    seconds(measured),
                    seconds(target)
                );
                trial.breach(said, line.exhibits_at(&[listed.first]));
            }
        }
    }
    trial.end("no segment is longer", "no segment came")
}

pub(super) fn same_target(case: &Case<'_>) -> Finding {
    if case.lines.len() < 2 {
        return Finding::not_applicable("there is one rendition");
    }
    let mut trial = Trial::new();
    let mut first: Option<(Micros, Exhibit)> = None;
    for line in &case.lines {
        let Some(load) = line.loads.first() else { continue };
        trial.saw();
        match &first {
            None => first = Some((load.playlist.target, load.exhibit())),
            Some((target, exhibit)) if *target != load.playlist.target => trial.breach(
                format!("target durations of {} and {}", seconds(*target), seconds(load.playlist.target)),
                [exhibit.clone(), load.exhibit()],
            ),
            Some(_) => {}
        }
    }
    trial.end("all have the same", "no playlist came")
}

pub(super) fn longest_part(case: &Case<'_>) -> Finding {
    if !case.has_parts() {
        return Finding::not_applicable(NO_PARTS);
    }
    let mut trial = Trial::new();
    for line in &case.lines {
        let Some(most) = line.part_target() else { continue };
        for ((msn, index), listed) in &line.parts {
            trial.saw();
            let said = listed.what.duration;
            if said > most {
                let said =
                    format!("part {msn}.{index} of {} is longer than {}", seconds(said), seconds(most));
                trial.breach(said, line.exhibits_at(&[listed.first]));
            }
            let measured = case.part_runs(line, *msn, *index).and_then(length);
            if let Some(measured) = measured.filter(|measured| *measured > most + FRAME) {
                let said = format!("part {msn}.{index} has {} of media", seconds(measured));
                trial.breach(said, line.exhibits_at(&[listed.first]));
            }
        }
    }
    trial.end("no part is longer", "no part came")
}

pub(super) fn shortest_part(case: &Case<'_>) -> Finding {
    if !case.has_parts() {
        return Finding::not_applicable(NO_PARTS);
    }
    let mut trial = Trial::new();
    for line in &case.lines {
        let Some(target) = line.part_target() else { continue };
        for ((msn, index), listed) in &line.parts {
            let part = &listed.what;
            // The last of its segment, or not known yet to be another.
            let Some(next) = line.parts.get(&(*msn, index + 1)) else { continue };
            if part.independent || part.gap || next.what.gap {
                continue;
            }
            trial.saw();
            if part.duration * 100 < target * 85 {
                let said = format!(
                    "part {msn}.{index} of {} is short of 85 % of {}",
                    seconds(part.duration),
                    seconds(target)
                );
                trial.breach(said, line.exhibits_at(&[next.first]));
            }
        }
    }
    trial.end("none is shorter", "no part came that would have to be as long")
}
