//! Blocking reload and its directives (§6.2.5.2): rules 24 to 31.

use std::sync::Arc;

use super::{NO_BLOCKING, NO_PARTS};
use crate::case::{Case, Line, Load};
use crate::finding::{Exhibit, Finding, Trial, beyond, seconds};
use crate::observation::{Answer, Body, Directives, Exchange, Probe, Purpose};
use crate::playlist::{MediaPlaylist, Micros, Reached};

/// What is answered this much before the bound may have been counted from another moment.
const ABOUT: Micros = 250_000;

fn playlist(answer: &Answer) -> Option<&Arc<MediaPlaylist>> {
    match &answer.body {
        Body::Playlist(Ok(playlist)) => Some(playlist),
        _ => None,
    }
}

fn shown(exchange: &Exchange, answer: &Answer) -> Exhibit {
    match &answer.body {
        Body::Playlist(Ok(playlist)) => Exhibit::playlist(exchange, &playlist.text),
        _ => Exhibit::new(format!("the answer to {}", exchange.url), &format!("status {}", answer.status)),
    }
}

/// The blocking requests of a line, with their directives.
fn blocking<'a>(
    case: &Case<'a>,
    line: &Line<'_>,
) -> impl Iterator<Item = (&'a Exchange, &'a Answer, u64, Option<u64>)> {
    case.answered(line).filter_map(|(exchange, answer)| {
        let directives = match &exchange.purpose {
            Purpose::Follow(directives) | Purpose::Probe(Probe::WholeSegment, directives) => directives,
            _ => return None,
        };
        Some((exchange, answer, directives.msn?, directives.part))
    })
}

/// The blocking requests of a line for a part, and how far their playlists reach.
fn for_parts<'a>(
    case: &Case<'a>,
    line: &Line<'_>,
) -> impl Iterator<Item = (&'a Exchange, &'a Answer, (u64, u64), Option<Reached>)> {
    blocking(case, line).filter_map(|(exchange, answer, msn, part)| {
        let part = part?;
        let reached = playlist(answer).map(|playlist| playlist.answers(msn, Some(part)));
        Some((exchange, answer, (msn, part), reached))
    })
}

/// Why rules on blocking for a part do not apply, where they do not.
fn no_blocking_for_parts(case: &Case<'_>) -> Option<Finding> {
    let reason = match (case.has_parts(), case.can_block()) {
        (false, _) => NO_PARTS,
        (true, false) => NO_BLOCKING,
        (true, true) => return None,
    };
    Some(Finding::not_applicable(reason))
}

/// The probes of one kind of a line.
fn probes<'a>(case: &Case<'a>, line: &Line<'_>, kind: Probe) -> Vec<(&'a Exchange, &'a Answer, Directives)> {
    let of = |exchange: &Exchange| match exchange.purpose {
        Purpose::Probe(probe, directives) if probe == kind => Some(directives),
        _ => None,
    };
    case.answered(line).filter_map(|(exchange, answer)| Some((exchange, answer, of(exchange)?))).collect()
}

/// Whether so much time has gone by that rule 30 has the word.
fn is_over(line: &Line<'_>, exchange: &Exchange, answer: &Answer) -> bool {
    answer.head - exchange.asked + ABOUT >= 3 * line.target()
}

pub(super) fn whole_segment(case: &Case<'_>) -> Finding {
    if !case.can_block() {
        return Finding::not_applicable(NO_BLOCKING);
    }
    let mut trial = Trial::new();
    for line in &case.lines {
        for (exchange, answer, msn, _) in blocking(case, line).filter(|(_, _, _, part)| part.is_none()) {
            match playlist(answer).map(|playlist| playlist.answers(msn, None)) {
                Some(Reached::Yes) => trial.timed(case.waited(exchange, answer)),
                Some(_) if !is_over(line, exchange, answer) => {
                    trial.breach(
                        format!("segment {msn} was asked for and is not whole"),
                        [shown(exchange, answer)],
                    );
                }
                None if answer.status != 503 && answer.status < 500 => {
                    let said = format!("the next segment, {msn}, was asked for and gives {}", answer.status);
                    trial.breach(said, [shown(exchange, answer)]);
                }
                _ => {}
            }
        }
    }
    trial.end("answered with the whole segment", "no such request was answered")
}

pub(super) fn part(case: &Case<'_>) -> Finding {
    if let Some(finding) = no_blocking_for_parts(case) {
        return finding;
    }
    let mut trial = Trial::new();
    for line in &case.lines {
        for (exchange, answer, (msn, part), reached) in for_parts(case, line) {
            match reached {
                Some(Reached::Yes) => trial.timed(case.waited(exchange, answer)),
                Some(Reached::No) if !is_over(line, exchange, answer) => {
                    trial.breach(
                        format!("part {msn}.{part} was asked for and is not there"),
                        [shown(exchange, answer)],
                    );
                }
                None if answer.status == 400 => {
                    trial.breach(
                        format!("the next part, {msn}.{part}, was asked for and gives 400"),
                        [shown(exchange, answer)],
                    );
                }
                _ => {}
            }
        }
    }
    trial.end("answered with the part", "no such request was answered")
}

pub(super) fn next_part(case: &Case<'_>) -> Finding {
    if let Some(finding) = no_blocking_for_parts(case) {
        return finding;
    }
    let mut trial = Trial::new();
    for line in &case.lines {
        for (exchange, answer, (msn, part), reached) in for_parts(case, line) {
            match reached {
                Some(Reached::YesInTheNext) => trial.timed(case.waited(exchange, answer)),
                Some(Reached::NotInTheNext) if !is_over(line, exchange, answer) => {
                    let said = format!(
                        "part {msn}.{part} is beyond its segment's last, and the answer has no part of the next"
                    );
                    trial.breach(said, [shown(exchange, answer)]);
                }
                _ => {}
            }
        }
    }
    trial.end("answered with the next segment's first part", "no part beyond the last was asked for")
}

/// What must be answered at once: the fastest answer of all renditions counts.
fn at_once(case: &Case<'_>, trial: &mut Trial, kind: Probe, what: &str) {
    let asked = case.lines.iter().flat_map(|line| probes(case, line, kind));
    let fastest = asked.map(|(exchange, answer, _)| (case.waited(exchange, answer), exchange, answer));
    let Some((waited, exchange, answer)) = fastest.min_by_key(|(waited, ..)| *waited) else { return };
    trial.timed(waited);
    if waited > beyond(0) {
        trial.breach(format!("{what} took {} at least", seconds(waited)), [shown(exchange, answer)]);
    }
}

pub(super) fn past(case: &Case<'_>) -> Finding {
    if !case.can_block() {
        return Finding::not_applicable(NO_BLOCKING);
    }
    let mut trial = Trial::new();
    for line in &case.lines {
        let plain = probes(case, line, Probe::Past);
        let deltas = probes(case, line, Probe::PastDelta);
        for (exchange, answer, _) in plain.iter().chain(&deltas) {
            if playlist(answer).is_none() {
                trial.breach(format!("a past msn gives {}", answer.status), [shown(exchange, answer)]);
            }
        }
        let gives_deltas = line.deltas.iter().any(|(_, load)| load.playlist.skip.is_some());
        for (exchange, answer, _) in deltas {
            let Some(playlist) = playlist(answer).filter(|playlist| gives_deltas && !playlist.ended) else {
                continue;
            };
            let playlist = Arc::clone(playlist);
            let load = Load { exchange, playlist, at: answer.head, followed: false };
            if load.playlist.skip.is_none() && super::delta::owed(line, &load) > 0 {
                trial.breach("a past msn with _HLS_skip gives a full playlist", [shown(exchange, answer)]);
            }
        }
    }
    at_once(case, &mut trial, Probe::Past, "a past msn");
    at_once(case, &mut trial, Probe::PastDelta, "a past msn with _HLS_skip");
    trial.end("answered at once", "no past msn was asked for")
}

/// Probes that must give 400, unless the broadcast has ended or come so far meanwhile.
fn refused(case: &Case<'_>, trial: &mut Trial, line: &Line<'_>, kind: Probe, what: &str) {
    for (exchange, answer, directives) in probes(case, line, kind) {
        let came_so_far =
            |playlist: &MediaPlaylist| directives.msn.is_some_and(|msn| playlist.next_msn() >= msn);
        if playlist(answer).is_some_and(|playlist| playlist.ended || came_so_far(playlist)) {
            continue;
        }
        trial.saw();
        if answer.status != 400 {
            trial.breach(format!("{what} gives {}", answer.status), [shown(exchange, answer)]);
        }
    }
}

pub(super) fn part_alone(case: &Case<'_>) -> Finding {
    if !case.can_block() {
        return Finding::not_applicable(NO_BLOCKING);
    }
    let mut trial = Trial::new();
    for line in &case.lines {
        refused(case, &mut trial, line, Probe::PartAlone, "_HLS_part without _HLS_msn");
    }
    trial.end("it does", "no such request was answered")
}

pub(super) fn far_ahead(case: &Case<'_>) -> Finding {
    if !case.can_block() {
        return Finding::not_applicable(NO_BLOCKING);
    }
    let mut trial = Trial::new();
    for line in &case.lines {
        refused(case, &mut trial, line, Probe::FarSegment, "an msn far ahead");
        refused(case, &mut trial, line, Probe::FarPart, "a part far ahead");
    }
    at_once(case, &mut trial, Probe::FarSegment, "an msn far ahead");
    trial.end("it does, at once", "no such request was answered")
}

pub(super) fn too_long(case: &Case<'_>) -> Finding {
    if !case.can_block() {
        return Finding::not_applicable(NO_BLOCKING);
    }
    let mut trial = Trial::new();
    for line in &case.lines {
        let bound = 3 * line.target();
        for (exchange, answer, msn, part) in blocking(case, line) {
            let (waited, over) = (case.waited(exchange, answer), is_over(line, exchange, answer));
            let told =
                || format!("a request blocked for {} (the bound is {})", seconds(waited), seconds(bound));
            if waited > beyond(bound) {
                trial.breach(told(), [shown(exchange, answer)]);
            } else if answer.status == 503 {
                if over {
                    trial.timed(waited);
                } else {
                    trial.breach(format!("{} and gives 503 already", told()), [shown(exchange, answer)]);
                }
            } else if over {
                let reached = playlist(answer).map(|playlist| playlist.answers(msn, part));
                if !matches!(reached, Some(Reached::Yes | Reached::YesInTheNext)) {
                    let said = format!("{} and gives {} without what was asked for", told(), answer.status);
                    trial.breach(said, [shown(exchange, answer)]);
                }
            }
        }
        // A request that was never answered at all.
        let given_up = case.log.exchanges.iter().filter(|exchange| {
            exchange.rendition == Some(line.index)
                && matches!(&exchange.purpose, Purpose::Follow(directives) if directives.msn.is_some())
                && exchange.outcome.is_err()
        });
        for exchange in given_up.filter(|exchange| case.span(exchange.asked, exchange.done) > beyond(bound)) {
            let said = format!("a request was not answered in {}", seconds(exchange.done - exchange.asked));
            trial.breach(said, [Exhibit::new(exchange.url.clone(), &exchange.came())]);
        }
    }
    trial.end("503 then", "no request was blocked so long: the feed did not stop")
}

pub(super) fn after_the_end(case: &Case<'_>) -> Finding {
    if !case.lines.iter().any(|line| line.end().is_some()) {
        return Finding::not_seen("the broadcast did not end");
    }
    let mut trial = Trial::new();
    for line in &case.lines {
        let asked = probes(case, line, Probe::AfterEnd);
        for (exchange, answer, directives) in &asked {
            trial.saw();
            let sound = playlist(answer).is_some_and(|playlist| playlist.ended && playlist.skip.is_none());
            if !sound {
                let said = format!(
                    "after ENDLIST {} gives {}, not the full ended playlist",
                    directives.query(),
                    answer.status
                );
                trial.breach(said, [shown(exchange, answer)]);
            }
        }
    }
    at_once(case, &mut trial, Probe::AfterEnd, "a request after ENDLIST");
    trial.end("answered at once with the ended playlist", "nothing was asked after the end")
}
