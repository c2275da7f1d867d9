//! Delta updates (§6.2.5.1): rules 32 and 33.

use std::collections::BTreeSet;

use crate::case::{Case, Line, Load};
use crate::finding::{Finding, Trial, beyond, seconds};
use crate::observation::Skipping;
use crate::playlist::{MediaPlaylist, Micros, Segment, merge};

/// The segments of a full playlist that lie before the skip boundary: counted from the end of the last whole segment, what
/// is listed of the next one is not in it (§6.2.5.1).
fn skippable(playlist: &MediaPlaylist) -> impl Iterator<Item = &Segment> {
    let until = playlist.control.as_ref().and_then(|control| control.skip_until).unwrap_or(Micros::MAX);
    let total: Micros = playlist.segments.iter().map(|segment| segment.duration).sum();
    let mut end = 0;
    playlist.segments.iter().take_while(move |segment| {
        end += segment.duration;
        total - end >= until
    })
}

/// How many segments a delta must skip at least, where this full playlist came instead. §6.2.5.1 wants all that lie before the
/// boundary to be skipped; but what came at one stroke (a silence found out, an outage) must not be, for who asks with a
/// playlist half a boundary old (§6.3.7), and was blocked after that (§6.2.5.2), never saw it. So those count that were seen
/// to be listed for a whole boundary.
pub(super) fn owed(line: &Line<'_>, full: &Load<'_>) -> usize {
    let until = full.playlist.control.as_ref().and_then(|control| control.skip_until).unwrap_or(0);
    let is_old = |segment: &&Segment| {
        line.segments
            .get(&segment.msn)
            .is_some_and(|listed| listed.first + until + beyond(0) <= full.exchange.asked)
    };
    skippable(&full.playlist).take_while(is_old).count()
}

/// The older playlists that a client may hold when it asks for a delta: no older than half the skip boundary then
/// (§6.3.7), however long it is blocked. The newest and the oldest of them.
fn bases<'l, 'a>(line: &'l Line<'a>, delta: &Load<'_>) -> Vec<&'l Load<'a>> {
    let half = delta.playlist.control.as_ref().and_then(|control| control.skip_until).unwrap_or(0) / 2;
    let asked = delta.exchange.asked;
    let may_hold = |load: &&Load<'_>| load.at <= asked && asked - load.at <= half;
    let held: Vec<&Load<'_>> = line.follows().filter(|load| !load.playlist.ended).filter(may_hold).collect();
    let newest = held.last().copied();
    held.first().copied().into_iter().chain(newest).collect()
}

/// A full playlist of the same state.
fn full<'l, 'a>(line: &'l Line<'a>, delta: &MediaPlaylist) -> Option<&'l Load<'a>> {
    let same = |load: &&Load<'_>| load.playlist.edge() == delta.edge() && load.playlist.ended == delta.ended;
    line.follows().find(same)
}

/// Where two playlists of one state differ; none where they do not.
fn difference(merged: &MediaPlaylist, full: &MediaPlaylist) -> Option<String> {
    let differs = |what: &str| Some(format!("{what} differs"));
    if merged.media_sequence != full.media_sequence {
        return differs("MEDIA-SEQUENCE");
    }
    if (merged.target, merged.part_target) != (full.target, full.part_target) {
        return differs("a target duration");
    }
    if merged.control != full.control {
        return differs("SERVER-CONTROL");
    }
    if merged.segments.len() != full.segments.len() {
        return Some(format!("there are {} segments, not {}", merged.segments.len(), full.segments.len()));
    }
    // Discontinuity numbers are rule 17's.
    let numbered =
        |a: &Segment, b: &Segment| Segment { discontinuities: b.discontinuities, ..a.clone() } == *b;
    let other = merged.all().zip(full.all()).find(|(merged, full)| !numbered(merged, full));
    if let Some((merged, _)) = other {
        return Some(format!("segment {} differs", merged.msn));
    }
    if merged.open.is_some() != full.open.is_some() {
        return differs("the open segment");
    }
    (merged.hint("PART") != full.hint("PART")).then(|| "the hint differs".to_owned())
}

fn ids(playlist: &MediaPlaylist) -> BTreeSet<&str> {
    playlist.date_ranges.iter().map(|range| range.id.as_str()).collect()
}

pub(super) fn merges(case: &Case<'_>) -> Finding {
    let offered =
        |load: &Load<'_>| load.playlist.control.as_ref().is_some_and(|control| control.skip_until.is_some());
    if !case.loads().any(|(_, load)| offered(load)) {
        return Finding::not_applicable("no delta updates are offered");
    }
    let mut trial = Trial::new();
    let mut kinds = (0, 0);
    for line in &case.lines {
        for (directives, delta) in &line.deltas {
            let Some(full) = full(line, &delta.playlist) else { continue };
            if full.playlist.ended {
                continue;
            }
            let Some(skip) = &delta.playlist.skip else {
                let count = owed(line, delta);
                if count > 0 {
                    trial.breach(
                        format!("a full playlist came where {count} segments could be skipped"),
                        [delta.exhibit()],
                    );
                }
                continue;
            };
            trial.saw();
            match directives.skip {
                Some(Skipping::V2) => kinds.1 += 1,
                _ => kinds.0 += 1,
            }
            // Fewer than may be skipped harms nobody: all the same they give the full playlist.
            let most = skippable(&full.playlist).count() as u64;
            if skip.segments > most {
                let until: Micros =
                    full.playlist.control.as_ref().and_then(|control| control.skip_until).unwrap_or(0);
                let said = format!(
                    "{} segments are skipped, {most} are as old as the skip boundary of {}",
                    skip.segments,
                    seconds(until)
                );
                trial.breach(said, [delta.exhibit(), full.exhibit()]);
            }
            for base in bases(line, delta) {
                let judged = merge(&base.playlist, &delta.playlist).and_then(|merged| {
                    let same_ranges =
                        directives.skip == Some(Skipping::V2) || ids(&merged) == ids(&full.playlist);
                    let ranges = (!same_ranges).then(|| "the date ranges differ".to_owned());
                    difference(&merged, &full.playlist).or(ranges).map_or(Ok(()), Err)
                });
                if let Err(said) = judged {
                    let said = format!("the delta does not give the full playlist: {said}");
                    trial.breach(said, [base.exhibit(), delta.exhibit(), full.exhibit()]);
                }
            }
        }
    }
    let kept = format!("the same as the full one, {} times by YES, {} by v2", kinds.0, kinds.1);
    trial.end(&kept, "no playlist was long enough to skip segments of it")
}

pub(super) fn removed_date_ranges(case: &Case<'_>) -> Finding {
    let offered =
        |load: &Load<'_>| load.playlist.control.as_ref().is_some_and(|control| control.skip_date_ranges);
    if !case.loads().any(|(_, load)| !load.playlist.date_ranges.is_empty()) {
        return Finding::not_applicable("there are no date ranges");
    }
    if !case.loads().any(|(_, load)| offered(load)) {
        return Finding::not_applicable("skipping date ranges is not offered");
    }
    let mut trial = Trial::new();
    for line in &case.lines {
        for (directives, delta) in &line.deltas {
            let (Some(full), Some(skip)) = (full(line, &delta.playlist), &delta.playlist.skip) else {
                continue;
            };
            if directives.skip != Some(Skipping::V2) {
                continue;
            }
            for base in bases(line, delta) {
                let now = ids(&full.playlist);
                let gone: Vec<&str> = ids(&base.playlist).difference(&now).copied().collect();
                let named =
                    |id: &&str| skip.removed.as_ref().is_some_and(|removed| removed.iter().any(|r| r == id));
                let Some(first) = gone.first() else { continue };
                trial.saw();
                let shows = || [base.exhibit(), delta.exhibit(), full.exhibit()];
                if let Some(unnamed) = gone.iter().find(|id| !named(id)) {
                    trial.breach(format!("date range {unnamed} was removed and is not named"), shows());
                } else if let Ok(merged) = merge(&base.playlist, &delta.playlist)
                    && ids(&merged) != now
                {
                    trial.breach(
                        format!("date range {first} is named, but others than the full playlist's are left"),
                        shows(),
                    );
                }
            }
        }
    }
    trial.end("named, and what is left is right", "no date range was removed while the judge looked")
}
