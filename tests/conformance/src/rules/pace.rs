//! When things come: rules 11, 12 and 19.

use super::NO_PARTS;
use crate::case::{Case, Line};
use crate::finding::{Exhibit, Finding, Trial, beyond, seconds};
use crate::observation::{Exchange, Purpose};
use crate::playlist::Micros;

/// How long a playlist may stand still because the feed does. §6.2.1 has no leave for that; but an origin cannot tell a feed
/// that is lost from one that hesitates, and nobody outside sees when it could. From then on gaps come in time, as media does,
/// and so does the media after them.
const STANDSTILL: Micros = 10_000_000;

/// Bytes a second below which a link is not the origin's.
const SLOW_LINK: u64 = 1_000_000;

pub(super) fn next_part(case: &Case<'_>) -> Finding {
    if !case.has_parts() {
        return Finding::not_applicable(NO_PARTS);
    }
    if !case.can_block() {
        return Finding::not_seen("without blocking reload nobody knows when a part is there");
    }
    let mut trial = Trial::new();
    for line in &case.lines {
        let Some(bound) = line.part_target() else { continue };
        for ((place, part), (next, after)) in line.parts.iter().zip(line.parts.iter().skip(1)) {
            let follows = *next == (place.0, place.1 + 1) || *next == (place.0 + 1, 0);
            if !follows || part.before.is_none() {
                continue;
            }
            let took = case.span(part.first, after.first);
            let lost = if after.what.gap { !part.what.gap } else { ends_feed(line, *next, after.first) };
            if !lost {
                trial.timed(took);
            }
            if took > allowed(bound, lost) {
                let said = format!(
                    "part {}.{} came {} after the one before it, the part target is {}",
                    next.0,
                    next.1,
                    seconds(took),
                    seconds(bound)
                );
                trial.breach(said, line.exhibits_at(&[part.first, after.first]));
            }
        }
    }
    trial.end("each came in time", "no two parts came")
}

/// From when on something is late. `lost`: it shows that the feed was found to be lost.
fn allowed(bound: Micros, lost: bool) -> Micros {
    if lost { beyond(bound).max(STANDSTILL) } else { beyond(bound) }
}

/// Whether what came at `first` came because the feed was found to be lost: a gap came with it, or a new span.
fn ends_feed(line: &Line<'_>, (msn, part): (u64, u64), first: Micros) -> bool {
    let next =
        line.parts.get(&(msn, part.saturating_add(1))).filter(|next| next.what.gap).map(|next| next.first);
    let behind = line.segments.get(&(msn + 1)).filter(|next| next.what.gap || next.what.discontinuity);
    let behind = behind.map(|behind| behind.first);
    let first_behind = line.parts.get(&(msn + 1, 0)).filter(|next| next.what.gap).map(|next| next.first);
    [next, behind, first_behind].into_iter().flatten().any(|at| at == first)
}

pub(super) fn next_segment(case: &Case<'_>) -> Finding {
    let mut trial = Trial::new();
    for line in &case.lines {
        let bound = line.target() * 3 / 2;
        for ((msn, segment), (next, after)) in line.segments.iter().zip(line.segments.iter().skip(1)) {
            if *next != msn + 1 || segment.before.is_none() {
                continue;
            }
            let took = case.span(segment.first, after.first);
            let ends = || ends_feed(line, (*next, u64::MAX), after.first);
            let lost = if after.what.gap { !segment.what.gap } else { ends() };
            if !lost {
                trial.timed(took);
            }
            if took > allowed(bound, lost) {
                let said = format!(
                    "segment {next} came {} after the one before it, 1.5 target durations are {}",
                    seconds(took),
                    seconds(bound)
                );
                trial.breach(said, line.exhibits_at(&[segment.first, after.first]));
            }
        }
        let last = line.segments.values().map(|segment| segment.first).max();
        if let Some(last) = last.filter(|_| line.end().is_none()) {
            let stood = case.span(last, case.log.lasted);
            if stood > allowed(bound, true) {
                let said = format!("nothing came in the last {} of the run", seconds(stood));
                trial.breach(said, line.exhibits_at(&[last]));
            }
        }
    }
    trial.end("each came in time", "no two segments came")
}

pub(super) fn listed_is_there(case: &Case<'_>) -> Finding {
    let mut trial = Trial::new();
    let mut slow: Vec<(Micros, &Exchange)> = Vec::new();
    let mut good = 0;
    for line in &case.lines {
        for (exchange, answer) in case.answered(line) {
            let last = match &exchange.purpose {
                Purpose::Part(msn, part) => line.parts.get(&(*msn, *part)).map(|listed| listed.last),
                Purpose::Segment(msn) => line.segments.get(msn).map(|listed| listed.last),
                Purpose::Init => Some(exchange.done),
                _ => continue,
            };
            // What failed must have been listed still when it did.
            if last.is_none_or(|last| last < exchange.done && !exchange.is_good()) {
                continue;
            }
            if !exchange.is_good() {
                let said = format!("{} is listed and gives {}", exchange.url, answer.status);
                trial.breach(said, shows(line, exchange));
                continue;
            }
            good += 1;
            let head = case.waited(exchange, answer);
            let body = case.span(answer.head, exchange.done);
            let allowed = Micros::try_from(answer.length * 1_000_000 / SLOW_LINK).unwrap_or(Micros::MAX);
            trial.timed(head);
            if head > beyond(0) || body > beyond(0) + allowed {
                slow.push((head.max(body), exchange));
            }
        }
    }
    // One in twenty may have met something on the way.
    if slow.len() >= 2 && slow.len() * 20 > good {
        slow.sort_by_key(|(took, _)| -took);
        for (took, exchange) in slow {
            let line = &case.lines[exchange.rendition.unwrap_or(0)];
            trial.breach(
                format!("{} is listed and took {}", exchange.url, seconds(took)),
                shows(line, exchange),
            );
        }
    }
    trial.end("all of it was", "no media was asked for")
}

/// The newest playlist that came before a request.
fn shows(line: &Line<'_>, exchange: &Exchange) -> Option<Exhibit> {
    line.follows().rev().find(|load| load.at <= exchange.asked).map(crate::case::Load::exhibit)
}
