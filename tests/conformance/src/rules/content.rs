//! What the media itself says: rules 9, 21 and 22.

use crate::case::{Case, Line, Listed};
use crate::finding::{Exhibit, Finding, Trial, beyond, seconds};
use crate::mp4::{Kind, Run, micros};
use crate::playlist::{Micros, Segment};

/// Timestamps that go on within this go on: an encoder's jitter, a rounded frame.
const JITTER: Micros = 150_000;

fn video(runs: &[Run]) -> Option<&Run> {
    runs.iter().find(|run| run.kind == Kind::Video)
}

pub(super) fn independent(case: &Case<'_>) -> Finding {
    let mut trial = Trial::new();
    for line in &case.lines {
        for ((msn, index), listed) in &line.parts {
            let Some(run) = case.part_runs(line, *msn, *index).and_then(video) else { continue };
            trial.saw();
            let shows =
                || line.exhibits_at(&[listed.first]).into_iter().chain([shown(&listed.what.uri, run)]);
            match (listed.what.independent, run.is_independent()) {
                (true, false) => {
                    trial.breach(
                        format!("part {msn}.{index} claims INDEPENDENT and has no IDR picture"),
                        shows(),
                    );
                }
                (false, true) => {
                    trial.breach(
                        format!("part {msn}.{index} has an IDR picture and no INDEPENDENT=YES"),
                        shows(),
                    );
                }
                _ => {}
            }
        }
        for (msn, listed) in line.segments.iter().filter(|(_, listed)| !listed.what.gap) {
            let Some(runs) = case.segment_runs(line, *msn) else { continue };
            let Some(run) = video(&runs) else { continue };
            trial.saw();
            if run.begins_independently() {
                continue;
            }
            let shows =
                || line.exhibits_at(&[listed.first]).into_iter().chain([shown(&listed.what.uri, run)]);
            if run.is_independent() {
                trial.breach(format!("segment {msn} has an IDR picture that is not its first"), shows());
            }
            let last = line.follows().rev().find(|load| load.playlist.segment(*msn).is_some());
            if last.is_some_and(|load| load.playlist.independent_segments) {
                let said =
                    format!("segment {msn} has no IDR picture and EXT-X-INDEPENDENT-SEGMENTS is claimed");
                trial.breach(said, shows());
            }
        }
    }
    trial.end("as the media has it", "no pictures were read")
}

/// What was read of a track.
fn shown(uri: &str, run: &Run) -> Exhibit {
    let said = format!(
        "track {} from {} ({} ticks a second), {} samples; the first is sync: {}, IDR: {:?}; some is sync: {}, IDR: {:?}",
        run.track,
        run.start,
        run.timescale,
        run.samples,
        run.first_sync,
        run.first_idr,
        run.any_sync,
        run.any_idr
    );
    Exhibit::new(format!("the media of {uri}"), &said)
}

/// Each segment with its date: its own, else as the one before it has it.
fn dated<'a>(line: &'a Line<'_>) -> Vec<(&'a Segment, Option<Micros>, Micros)> {
    let mut end: Option<Micros> = None;
    let mut before = None;
    let mut out = Vec::new();
    for (msn, listed) in &line.segments {
        if before.is_some_and(|before: u64| before + 1 != *msn) {
            end = None;
        }
        let date = listed.what.date.or(end.filter(|_| !listed.what.discontinuity));
        out.push((&listed.what, date, listed.first));
        end = date.map(|date| date + listed.what.duration);
        before = Some(*msn);
    }
    out
}

pub(super) fn holes(case: &Case<'_>) -> Finding {
    let mut trial = Trial::new();
    for line in &case.lines {
        let bound = beyond(line.part_target().unwrap_or(line.target()));
        let mut gaps: Micros = 0;
        let mut last: Option<(&Segment, Option<Micros>, Micros)> = None;
        for (segment, date, first) in dated(line) {
            if segment.gap {
                gaps += segment.duration;
                continue;
            }
            if let Some((before, before_date, seen)) = last {
                let hole =
                    date.zip(before_date).map(|(date, before_date)| date - before_date - before.duration);
                let shows = || line.exhibits_at(&[seen, first]);
                let (a, b) = (before.msn, segment.msn);
                match hole {
                    Some(hole) if gaps == 0 && hole > bound => {
                        trial.breach(
                            format!("between segments {a} and {b} {} are missing", seconds(hole)),
                            shows(),
                        );
                    }
                    Some(hole) if gaps > 0 && (hole - gaps).abs() > bound => {
                        let said = format!(
                            "gaps of {} between segments {a} and {b}, where {} are missing",
                            seconds(gaps),
                            seconds(hole)
                        );
                        trial.breach(said, shows());
                    }
                    _ if gaps > 0 && !segment.discontinuity => {
                        trial
                            .breach(format!("segment {b} comes after gaps without a discontinuity"), shows());
                    }
                    Some(_) if gaps > 0 => trial.saw(),
                    _ => {}
                }
            }
            gaps = 0;
            last = Some((segment, date, first));
        }
    }
    trial.end("gaps add up to the hole", "no feed was lost, or it has not come back")
}

pub(super) fn changes(case: &Case<'_>) -> Finding {
    let mut trial = Trial::new();
    for line in &case.lines {
        let mut gaps: Micros = 0;
        let mut before: Option<(u64, &Listed<Segment>)> = None;
        let mut expected = None;
        for (msn, after) in &line.segments {
            if expected.is_some_and(|expected: u64| expected != *msn) {
                before = None;
            }
            expected = Some(msn + 1);
            if after.what.gap {
                gaps += after.what.duration;
                continue;
            }
            let what = before
                .and_then(|(a, before)| change(case, line, (a, &before.what), (*msn, &after.what), gaps));
            if let (Some(what), Some((_, before))) = (what, before) {
                trial.saw();
                if !after.what.discontinuity {
                    let said = format!("segment {msn} comes without a discontinuity, and {what}");
                    trial.breach(said, line.exhibits_at(&[before.first, after.first]));
                }
            }
            before = Some((*msn, after));
            gaps = 0;
        }
    }
    trial.end("each has its DISCONTINUITY", "neither format nor timestamps changed")
}

/// What changes from one segment to the next behind `gaps`; none where nothing does or nothing is known.
fn change(
    case: &Case<'_>,
    line: &Line<'_>,
    before: (u64, &Segment),
    after: (u64, &Segment),
    gaps: Micros,
) -> Option<String> {
    let format = |segment: &Segment| segment.map.as_ref().and_then(|map| case.init(line, map));
    if let (Some(old), Some(new)) = (format(before.1), format(after.1))
        && !old.same_format(new)
    {
        return Some("its init section is for another format".to_owned());
    }
    let (old, new) = (case.segment_runs(line, before.0)?, case.segment_runs(line, after.0)?);
    old.iter().find_map(|old| {
        let new = new.iter().find(|new| new.track == old.track && new.timescale == old.timescale)?;
        let end = micros(old.start + old.duration, old.timescale);
        let jump = micros(new.start, new.timescale) - end - gaps;
        let said = format!("track {} goes on {} from where it was", old.track, seconds(jump));
        (jump.abs() > JITTER).then_some(said)
    })
}
