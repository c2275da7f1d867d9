//! Preload hints: rules 34 to 37.

use super::NO_PARTS;
use crate::case::{Case, Line, Listed, Load};
use crate::finding::{Exhibit, Finding, Trial, beyond, seconds};
use crate::observation::Purpose;
use crate::playlist::{Hint, Part};

/// The part that came where a hint stood: at its place, or first in the next segment. Where that begins after a
/// discontinuity the hint was given up, which is no breach.
fn came<'l>(line: &'l Line<'_>, (msn, part): (u64, u64)) -> Option<&'l Listed<Part>> {
    line.parts.get(&(msn, part)).or_else(|| {
        let closed = line.segments.contains_key(&msn) && part > 0;
        let goes_on = line.segments.get(&(msn + 1)).is_some_and(|next| !next.what.discontinuity);
        line.parts.get(&(msn + 1, 0)).filter(|_| closed && goes_on)
    })
}

fn names(hint: &Hint, part: &Part) -> bool {
    hint.uri == part.uri
        && hint.start.unwrap_or(0) == part.byte_range.and_then(|range| range.offset).unwrap_or(0)
}

pub(super) fn truth(case: &Case<'_>) -> Finding {
    if !case.has_parts() {
        return Finding::not_applicable(NO_PARTS);
    }
    let mut trial = Trial::new();
    for line in case.lines.iter().filter(|line| line.has_parts()) {
        for load in line.follows().filter(|load| !load.playlist.ended) {
            let count = |kind: &str| load.playlist.hints.iter().filter(|hint| hint.kind == kind).count();
            if count("PART") > 1 || count("MAP") > 1 {
                trial.breach("more than one hint of a type", [load.exhibit()]);
            }
            let Some(hint) = load.playlist.hint("PART") else {
                trial.breach("a live playlist without a hint of the next part", [load.exhibit()]);
                continue;
            };
            if let Some(listed) = came(line, load.playlist.edge()).filter(|listed| !listed.what.gap) {
                trial.saw();
                if !names(hint, &listed.what) {
                    let said = format!("{} was hinted and {} came", hint.uri, listed.what.uri);
                    trial.breach(said, [load.exhibit()].into_iter().chain(line.exhibits_at(&[listed.first])));
                }
            }
            let said = load.playlist.hint("MAP");
            if let Some((said, next)) = said.and_then(|said| Some((said, next_map(line, load)?)))
                && said.uri != next
            {
                trial.breach(
                    format!("init section {} was hinted and {next} came", said.uri),
                    [load.exhibit()],
                );
            }
        }
    }
    trial.end("what was hinted came", "no hinted part came")
}

/// The next init section that came in after a playlist.
fn next_map<'l>(line: &'l Line<'_>, load: &Load<'_>) -> Option<&'l str> {
    let newest = load.playlist.all().next_back()?;
    let mut later = line.segments.range(newest.msn..).map(|(_, listed)| listed.what.map.as_ref());
    later.find(|map| *map != newest.map.as_ref()).flatten().map(|map| map.uri.as_str())
}

pub(super) fn whole_answers(case: &Case<'_>) -> Finding {
    if !case.has_parts() {
        return Finding::not_applicable(NO_PARTS);
    }
    let mut trial = Trial::new();
    for line in &case.lines {
        for (exchange, answer) in case.answered(line) {
            let Purpose::Hint(msn, part) = exchange.purpose else { continue };
            // Open ranges are rule 37's.
            let listed = came(line, (msn, part)).filter(|listed| !listed.what.gap);
            let (Some(listed), None) = (listed, exchange.range) else { continue };
            let name = format!("part {msn}.{part}");
            let shows = || line.exhibits_at(&[listed.first]);
            if answer.status == 404 {
                trial.breach(format!("{name} was hinted, gave 404 and came"), shows());
            }
            let Some(first) = answer.first_byte.filter(|_| exchange.is_good()) else { continue };
            trial.saw();
            let spread = case.span(first, exchange.done);
            let early = listed.first - first;
            if spread > beyond(0) && early > beyond(0) {
                let said = format!(
                    "{name}: its first byte came {} before it was listed, its last {} after the first",
                    seconds(early),
                    seconds(spread)
                );
                trial.breach(said, shows());
            }
        }
    }
    trial.end("answered when it was whole", "no hinted part was had")
}

pub(super) fn unknown(case: &Case<'_>) -> Finding {
    let mut trial = Trial::new();
    for line in &case.lines {
        for (exchange, answer) in case.answered(line) {
            let what = match exchange.purpose {
                Purpose::Unknown => "an address that was never named",
                Purpose::GivenUp => "a hint that was given up",
                _ => continue,
            };
            trial.saw();
            if answer.status != 404 {
                let shows = Exhibit::new(exchange.url.clone(), &format!("status {}", answer.status));
                trial.breach(format!("{what} gives {}", answer.status), [shows]);
            }
        }
        let hinted = line.loads.iter().find(|load| load.playlist.ended && !load.playlist.hints.is_empty());
        if let Some(load) = hinted {
            trial.breach("a hint with ENDLIST", [load.exhibit()]);
        }
    }
    trial.end("404", "nothing unknown was asked for")
}

pub(super) fn byte_ranges(case: &Case<'_>) -> Finding {
    let used = |line: &Line<'_>| line.parts.values().any(|listed| listed.what.byte_range.is_some());
    if !case.lines.iter().any(used) {
        return Finding::not_applicable("no parts are byte ranges");
    }
    let mut trial = Trial::new();
    for line in &case.lines {
        for (exchange, answer) in case.answered(line) {
            let Some((first, last)) = exchange.range else { continue };
            let listed = match exchange.purpose {
                Purpose::Hint(msn, part) => came(line, (msn, part)),
                Purpose::Part(msn, part) => line.parts.get(&(msn, part)),
                _ => continue,
            };
            let Some(listed) = listed.filter(|listed| !listed.what.gap) else { continue };
            let length = listed.what.byte_range.map_or(0, |range| range.length);
            let what = match last {
                Some(last) => format!("bytes {first}-{last} of {}", exchange.url),
                None => format!("bytes {first}- of {}", exchange.url),
            };
            let sound = answer.status == 206 || (answer.status == 200 && first == 0);
            let enough = if last.is_some() { answer.length == length } else { answer.length >= length };
            if last.is_none() && sound && enough {
                trial.saw();
            }
            let still_listed = last.is_none() || listed.last >= exchange.done;
            if !(sound && enough) && answer.status != 503 && still_listed {
                let said = format!(
                    "{what} give {} with {} bytes, the part has {length}",
                    answer.status, answer.length
                );
                trial.breach(said, line.exhibits_at(&[listed.first]));
            }
        }
    }
    trial.end("they do", "no open range was asked for")
}
