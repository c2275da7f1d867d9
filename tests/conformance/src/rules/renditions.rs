//! Several renditions: rules 38 and 39.

use crate::case::{Case, Line};
use crate::finding::{Finding, Trial, beyond, seconds};
use crate::mp4::{Kind, micros};
use crate::playlist::{Micros, Report};

const ONE: &str = "there is one rendition";

pub(super) fn reports(case: &Case<'_>) -> Finding {
    if case.lines.len() < 2 {
        return Finding::not_applicable(ONE);
    }
    if !case.has_parts() {
        return Finding::not_applicable("reports serve low latency, and no parts are listed");
    }
    let mut trial = Trial::new();
    for line in &case.lines {
        for load in line.follows().filter(|load| !load.playlist.ended) {
            let Ok(base) = reqwest::Url::parse(line.url) else { continue };
            for other in case.lines.iter().filter(|other| other.index != line.index) {
                let names =
                    |report: &&Report| base.join(&report.uri).is_ok_and(|url| url.as_str() == other.url);
                let Some(report) = load.playlist.reports.iter().find(names) else {
                    trial.breach(format!("no report of {}", other.url), [load.exhibit()]);
                    continue;
                };
                if report.uri.contains("://") || report.uri.starts_with("//") {
                    trial.breach(
                        format!("the report's URI is not relative: {}", report.uri),
                        [load.exhibit()],
                    );
                }
                trial.saw();
                if let Err(said) = fresh(other, report, load.at) {
                    let newest = other.follows().rev().find(|other| other.at <= load.at);
                    let shows = [Some(load.exhibit()), newest.map(crate::case::Load::exhibit)];
                    trial.breach(said, shows.into_iter().flatten());
                }
            }
        }
    }
    trial.end("all are reported", "no playlist came")
}

/// Whether a report tells of the other rendition as it was about then.
fn fresh(other: &Line<'_>, report: &Report, at: Micros) -> Result<(), String> {
    let Some(msn) = report.msn else { return Err("a report without LAST-MSN".to_owned()) };
    let part = match (report.part, other.part_target()) {
        (None, Some(_)) => return Err("a report without LAST-PART of a rendition with parts".to_owned()),
        (part, _) => part,
    };
    let slack = beyond(other.part_target().unwrap_or(other.target()));
    let place = (msn, part.unwrap_or(0));
    let told = |load: &crate::case::Load<'_>| {
        let (segment, part) = load.playlist.edge();
        let between = seconds((at - load.at).abs());
        format!(
            "LAST-MSN={msn} LAST-PART={part:?}, and {between} from then segment {segment} part {part} was next"
        )
    };
    let older = other.follows().rev().find(|load| load.at <= at - slack).filter(|load| !load.playlist.ended);
    if let Some(older) = older.filter(|older| place < last(older.playlist.edge())) {
        return Err(format!("a stale report: {}", told(older)));
    }
    let newer = other.follows().find(|load| load.at >= at + slack);
    let ahead = |edge: (u64, u64)| if edge.1 == 0 { msn >= edge.0 } else { place > last(edge) };
    match newer.filter(|newer| ahead(newer.playlist.edge())) {
        Some(newer) => Err(format!("a report ahead of its time: {}", told(newer))),
        None => Ok(()),
    }
}

/// The place of the last part before an edge; of a whole segment, its first: how many it had is not said.
fn last((msn, parts): (u64, u64)) -> (u64, u64) {
    if parts == 0 { (msn.saturating_sub(1), 0) } else { (msn, parts - 1) }
}

pub(super) fn in_step(case: &Case<'_>) -> Finding {
    let [first, others @ ..] = case.lines.as_slice() else { return Finding::not_applicable(ONE) };
    if others.is_empty() {
        return Finding::not_applicable(ONE);
    }
    let mut trial = Trial::new();
    for other in others {
        let bound = first.part_target().max(other.part_target()).unwrap_or(first.target());
        for (msn, here) in &first.segments {
            let Some(there) = other.segments.get(msn) else { continue };
            let shows =
                || first.exhibits_at(&[here.first]).into_iter().chain(other.exhibits_at(&[there.first]));
            trial.saw();
            if here.what.discontinuities != there.what.discontinuities {
                trial.breach(format!("segment {msn} is of different discontinuities"), shows());
            }
            if let (Some(a), Some(b)) = (here.what.date, there.what.date)
                && (a - b).abs() > bound
            {
                trial.breach(
                    format!("the dates of segment {msn} differ by {}", seconds((a - b).abs())),
                    shows(),
                );
            }
            if let Some(apart) = timestamps(case, (first, other), *msn).filter(|apart| *apart > bound / 2) {
                trial
                    .breach(format!("the timestamps of segment {msn} differ by {}", seconds(apart)), shows());
            }
            if here.before.is_some() && there.before.is_some() {
                let (from, to) = (here.first.min(there.first), here.first.max(there.first));
                let apart = case.span(from, to);
                trial.timed(apart);
                if apart > beyond(bound) {
                    trial.breach(format!("segment {msn} came {} apart", seconds(apart)), shows());
                }
            }
        }
    }
    trial.end("in step", "no segment was in two renditions")
}

/// How far apart the first timestamps of two renditions' segments are.
fn timestamps(case: &Case<'_>, (a, b): (&Line<'_>, &Line<'_>), msn: u64) -> Option<Micros> {
    let start = |line: &Line<'_>| {
        let runs = case.segment_runs(line, msn)?;
        let run = runs.iter().find(|run| run.kind == Kind::Video).or(runs.first())?;
        Some(micros(run.start, run.timescale))
    };
    Some((start(a)? - start(b)?).abs())
}
