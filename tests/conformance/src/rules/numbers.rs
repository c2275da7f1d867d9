//! Sequence numbers: rules 16 and 17.

use std::collections::HashMap;

use crate::case::{Case, Line, Load};
use crate::finding::{Finding, Trial};
use crate::playlist::Segment;

/// Calls `changed` where a segment, known by its URI, has another number than before.
fn each_changed<'l, 'a>(
    line: &'l Line<'a>,
    number: fn(&Segment) -> u64,
    mut changed: impl FnMut(&Segment, (u64, &'l Load<'a>), (u64, &'l Load<'a>)),
) {
    let mut known: HashMap<&str, (u64, &Load<'_>)> = HashMap::new();
    for load in &line.loads {
        // Gaps need no address of their own, and byte ranges share one.
        let named =
            load.playlist.segments.iter().filter(|segment| !segment.gap && segment.byte_range.is_none());
        for segment in named {
            let now = (number(segment), load);
            let before = *known.entry(segment.uri.as_str()).or_insert(now);
            if before.0 != now.0 {
                changed(segment, before, now);
                known.insert(segment.uri.as_str(), now);
            }
        }
    }
}

pub(super) fn media_sequence(case: &Case<'_>) -> Finding {
    let mut trial = Trial::new();
    for line in &case.lines {
        let follows: Vec<&Load<'_>> = line.follows().collect();
        for pair in follows.windows(2) {
            let (a, b) = (pair[0].playlist.media_sequence, pair[1].playlist.media_sequence);
            if a < b {
                trial.saw();
            }
            if b < a {
                trial.breach(format!("it fell from {a} to {b}"), [pair[0].exhibit(), pair[1].exhibit()]);
            }
        }
        each_changed(
            line,
            |segment| segment.msn,
            |segment, before, now| {
                let said = format!("segment {} had number {} and has {}", segment.uri, before.0, now.0);
                trial.breach(said, [before.1.exhibit(), now.1.exhibit()]);
            },
        );
    }
    trial.end("every segment kept its number", "no segment was removed while the judge looked")
}

pub(super) fn discontinuity_sequence(case: &Case<'_>) -> Finding {
    let mut trial = Trial::new();
    for line in &case.lines {
        let needed = line.loads.iter().any(|load| load.playlist.all().any(|segment| segment.discontinuity));
        for load in &line.loads {
            match load.playlist.discontinuity_sequence {
                Some(_) => trial.saw(),
                None if needed => {
                    trial.breach("there are discontinuities and no DISCONTINUITY-SEQUENCE", [load.exhibit()])
                }
                None => {}
            }
        }
        let follows: Vec<&Load<'_>> = line.follows().collect();
        for pair in follows.windows(2) {
            let of = |load: &Load<'_>| load.playlist.discontinuity_sequence.unwrap_or(0);
            if of(pair[1]) < of(pair[0]) {
                let said = format!("it fell from {} to {}", of(pair[0]), of(pair[1]));
                trial.breach(said, [pair[0].exhibit(), pair[1].exhibit()]);
            }
        }
        each_changed(
            line,
            |segment| segment.discontinuities,
            |segment, before, now| {
                let said =
                    format!("segment {} was of discontinuity {} and is of {}", segment.uri, before.0, now.0);
                trial.breach(said, [before.1.exhibit(), now.1.exhibit()]);
            },
        );
    }
    trial.end("every segment kept its number", "there was no discontinuity")
}
