//! `sigma hls-check`: the judge of LL-HLS in a terminal.

use std::io::{IsTerminal, Write};

use sigma_conformance::{Options, Progress, Report, Verdict, check};

use super::look::Look;
use super::print;
use super::table::{self, Column, extra, state, text, whole};
use crate::cli::HlsCheckArgs;
use crate::fault::Fault;

const COLUMNS: [Column; 4] = [whole("RULE"), state("VERDICT"), text("WHAT"), extra("FOUND")];

/// The most lines of a playlist that are shown as evidence.
const MOST_LINES: usize = 60;

pub(crate) async fn run(args: HlsCheckArgs) -> Result<(), Fault> {
    let options = Options { seconds: args.seconds, insecure: args.insecure };
    let shows = std::io::stderr().is_terminal();
    let report = check(&args.url, &options, |progress| {
        if shows {
            tell(&line(progress, args.seconds));
        }
    })
    .await;
    if shows {
        tell("");
    }
    let report = report.map_err(Fault::told)?;
    if args.json {
        print::json(&report.json())?;
    } else {
        print::lines(written(&report, Look::of_stdout()))?;
    }
    let broken: Vec<String> = report.numbers(Verdict::Broken).iter().map(u8::to_string).collect();
    match broken.len() {
        0 => Ok(()),
        1 => Err(Fault::new(format!("rule {} is broken", broken[0]), "its evidence says where")),
        _ => Err(Fault::new(format!("rules {} are broken", broken.join(", ")), "their evidence says where")),
    }
}

/// Writes over the one line of progress. Who cannot be told is not told.
fn tell(line: &str) {
    let mut out = std::io::stderr().lock();
    let _ = write!(out, "\r\u{1b}[2K{line}").and_then(|()| out.flush());
}

fn renditions(count: usize) -> String {
    if count == 1 { "1 rendition".to_owned() } else { format!("{count} renditions") }
}

fn line(progress: Progress, seconds: u64) -> String {
    let Progress { elapsed, playlists, media, ended, .. } = progress;
    let renditions = renditions(progress.renditions);
    let ended = if ended { ", it has ended" } else { "" };
    format!(
        "{} s of {seconds}: {renditions}, {playlists} playlists, {media} pieces of media{ended}",
        elapsed.as_secs()
    )
}

fn words(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Kept => "kept",
        Verdict::Broken => "broken",
        Verdict::NotSeen => "not seen",
        Verdict::NotApplicable => "not applicable",
    }
}

/// The table, the evidence of what is broken, and the sum.
fn written(report: &Report, look: Look) -> Vec<String> {
    let shown = |text: &str| print::cell(&text.into());
    let rows: Vec<Vec<String>> = report
        .findings
        .iter()
        .map(|(rule, finding)| {
            let verdict = words(finding.verdict).to_owned();
            vec![rule.number.to_string(), verdict, rule.title.to_owned(), shown(&finding.said)]
        })
        .collect();
    let mut out = table::table(&COLUMNS, &rows, look);
    for (rule, finding) in report.findings.iter().filter(|(_, finding)| finding.verdict == Verdict::Broken) {
        out.push(String::new());
        out.push(format!("Rule {} ({}): {}", rule.number, rule.clause, shown(&finding.said)));
        for exhibit in &finding.exhibits {
            out.push(format!("  {}", shown(&exhibit.name)));
            let lines: Vec<&str> = exhibit.text.lines().collect();
            out.extend(lines.iter().take(MOST_LINES).map(|line| format!("    {}", shown(line))));
            if lines.len() > MOST_LINES {
                out.push(format!("    … and {} lines more: --json has them", lines.len() - MOST_LINES));
            }
        }
    }
    let count = |verdict| report.numbers(verdict).len();
    out.push(String::new());
    out.push(format!(
        "{} kept, {} broken, {} not seen, {} not applicable: {}, {} answers in {} s",
        count(Verdict::Kept),
        count(Verdict::Broken),
        count(Verdict::NotSeen),
        count(Verdict::NotApplicable),
        renditions(report.renditions),
        report.answered,
        report.lasted / 1_000_000
    ));
    out
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use sigma_conformance::observation::Observation;
    use sigma_conformance::rules::RULES;

    use super::*;

    #[test]
    fn a_run_without_any_answer_is_written_as_a_table() {
        let report = Report::of(&Observation { lasted: 5_000_000, ..Observation::default() });
        let out = written(&report, Look { width: Some(80), colour: false });
        assert_eq!(out.len(), 1 + RULES.len() + 2);
        assert!(out[1].starts_with("1     not seen"), "{}", out[1]);
        assert!(out.last().is_some_and(|sum| sum.contains("0 kept, 0 broken")), "{out:?}");
    }

    #[test]
    fn the_progress_fits_one_line() {
        let progress = Progress {
            elapsed: Duration::from_secs(12),
            renditions: 1,
            playlists: 34,
            media: 51,
            ended: false,
        };
        assert_eq!(line(progress, 60), "12 s of 60: 1 rendition, 34 playlists, 51 pieces of media");
    }
}
