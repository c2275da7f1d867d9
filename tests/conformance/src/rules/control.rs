//! What the origin says of itself: rules 1 to 4 and 44.

use super::NO_PARTS;
use crate::case::Case;
use crate::finding::{Exhibit, Finding, Trial, seconds};
use crate::playlist::{Micros, ServerControl};

pub(super) fn server_control(case: &Case<'_>) -> Finding {
    let mut trial = Trial::new();
    let mut first: Option<(&str, Exhibit)> = None;
    for (_, load) in case.loads() {
        let Some(control) = load.playlist.control.as_ref().filter(|control| control.can_block) else {
            if !load.playlist.ended {
                trial.breach("CAN-BLOCK-RELOAD=YES is missing", [load.exhibit()]);
            }
            continue;
        };
        trial.saw();
        match &first {
            None => first = Some((&control.line, load.exhibit())),
            Some((line, _)) if *line == control.line => {}
            Some((line, exhibit)) => trial.breach(
                format!("SERVER-CONTROL differs: {line} and {}", control.line),
                [exhibit.clone(), load.exhibit()],
            ),
        }
    }
    trial.end("the same in every playlist", "no playlist came")
}

/// Judges one number of SERVER-CONTROL in every playlist.
fn number(
    case: &Case<'_>,
    name: &str,
    of: fn(&ServerControl) -> Option<Micros>,
    least: Micros,
    absent: Option<&str>,
) -> Finding {
    let mut trial = Trial::new();
    let mut said = String::new();
    for (_, load) in case.loads() {
        let Some(control) = &load.playlist.control else { continue };
        match (of(control), absent) {
            (Some(value), _) if value >= least => {
                said = format!("{name} is {}, the least {}", seconds(value), seconds(least));
                trial.saw();
            }
            (Some(value), _) => trial.breach(
                format!("{name} is {}, less than {}", seconds(value), seconds(least)),
                [load.exhibit()],
            ),
            (None, Some(absent)) => {
                absent.clone_into(&mut said);
                trial.saw();
            }
            (None, None) => trial.breach(format!("{name} is missing"), [load.exhibit()]),
        }
    }
    trial.end(&said, "no SERVER-CONTROL came")
}

fn longest_target(case: &Case<'_>) -> Micros {
    case.lines.iter().map(crate::case::Line::target).max().unwrap_or(0)
}

pub(super) fn part_hold_back(case: &Case<'_>) -> Finding {
    let Some(longest) = case.lines.iter().filter_map(crate::case::Line::part_target).max() else {
        return Finding::not_applicable(NO_PARTS);
    };
    number(case, "PART-HOLD-BACK", |control| control.part_hold_back, 3 * longest, None)
}

pub(super) fn hold_back(case: &Case<'_>) -> Finding {
    let absent = Some("HOLD-BACK is not there and counts as 3 target durations");
    number(case, "HOLD-BACK", |control| control.hold_back, 3 * longest_target(case), absent)
}

pub(super) fn skip_until(case: &Case<'_>) -> Finding {
    let offered = |load: &crate::case::Load<'_>| {
        load.playlist.control.as_ref().is_some_and(|control| control.skip_until.is_some())
    };
    if !case.loads().any(|(_, load)| offered(load)) {
        return Finding::not_applicable("no delta updates are offered");
    }
    number(case, "CAN-SKIP-UNTIL", |control| control.skip_until, 6 * longest_target(case), None)
}

pub(super) fn version(case: &Case<'_>) -> Finding {
    let mut trial = Trial::new();
    let mut judge = |playlist: &crate::playlist::MediaPlaylist, exhibit: &dyn Fn() -> Exhibit, v2: bool| {
        let least = playlist.version_needed;
        // §6.2.1: it should be no greater than what the tags want by §8. That names no version for EXT-X-GAP, Apple's page
        // "About the EXT-X-VERSION tag" says 8, and hls-parser refuses less (its pull request 149): both will do where there
        // are gaps, and nothing between them. An answer to `v2` may have skipped date ranges, which want 10, where the origin
        // skips any.
        let ranges = playlist.control.as_ref().is_some_and(|control| control.skip_date_ranges);
        let also = match least {
            9 if v2 && ranges => 10,
            ..=8 if playlist.has_gaps => 8,
            least => least,
        };
        trial.saw();
        if ![least, also].contains(&playlist.version) {
            let said = format!(
                "EXT-X-VERSION is {}, what stands in the playlist asks for {least}",
                playlist.version
            );
            trial.breach(said, [exhibit()]);
        }
    };
    for line in &case.lines {
        for load in &line.loads {
            judge(&load.playlist, &|| load.exhibit(), false);
        }
        for (directives, load) in &line.deltas {
            let v2 = directives.skip == Some(crate::observation::Skipping::V2);
            judge(&load.playlist, &|| load.exhibit(), v2);
        }
    }
    trial.end("the lowest that fits", "no playlist came")
}
