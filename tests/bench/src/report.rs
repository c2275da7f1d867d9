//! Writes what was measured into the pages, between marks that stand there.

use std::io;
use std::path::Path;
use std::process::Command;

use crate::figures::{Aim, Figure, Row, number};

/// Replaces what stands in `page` between `<!-- bench:NAME -->` and `<!-- /bench:NAME -->`.
pub(crate) fn write_between(page: &Path, name: &str, text: &str) -> io::Result<()> {
    let old = std::fs::read_to_string(page)?;
    let (begin, end) = (format!("<!-- bench:{name} -->"), format!("<!-- /bench:{name} -->"));
    let missing = || io::Error::other(format!("{} has no {begin}", page.display()));
    let from = old.find(&begin).ok_or_else(missing)? + begin.len();
    let to = old[from..].find(&end).ok_or_else(missing)? + from;
    std::fs::write(page, format!("{}\n\n{}\n\n{}", &old[..from], text.trim(), &old[to..]))
}

/// Where, when and of what.
pub(crate) fn stamp(quick: bool) -> String {
    let said = |program: &str, arguments: &[&str]| {
        let output = Command::new(program).args(arguments).output().ok();
        output.map(|output| String::from_utf8_lossy(&output.stdout).trim().to_owned()).unwrap_or_default()
    };
    let commit = said("git", &["rev-parse", "--short", "HEAD"]);
    let changed = if said("git", &["status", "--porcelain", "--untracked-files=no"]).is_empty() {
        ""
    } else {
        " with changes"
    };
    let date = said("date", &["-u", "+%Y-%m-%dT%H:%MZ"]);
    let processor = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = processor
        .lines()
        .find_map(|line| line.strip_prefix("model name")?.split_once(": "))
        .map_or("unknown processor", |(_, model)| model);
    let load = std::fs::read_to_string("/proc/loadavg").unwrap_or_default();
    let load = load.split(' ').next().unwrap_or("?");
    let command = if quick { "make bench-quick" } else { "make bench" };
    format!(
        "`{command}` · commit {commit}{changed} · {date} · {} cores of {model} · load before it began {load}",
        crate::process::cores_of_machine()
    )
}

/// Glass to glass is measured in Chromium by `make acceptance PIECE=glass`; its figures stand in docs/acceptance.md.
pub(crate) fn glass(acceptance: &str) -> Vec<Row> {
    let players = [("our watch page", 1.6), ("bare hls.js", 2.3), ("shaka", 1.9), ("video", 2.0)];
    let section =
        acceptance.split("\n## ").find(|section| section.starts_with("glass\n")).unwrap_or_default();
    let rows = players.map(|(player, bound)| {
        let line = section.lines().find(|line| line.starts_with(&format!("| {player} plays |")));
        let p95 = line
            .and_then(|line| line.split_once("p95 "))
            .and_then(|(_, rest)| rest.split_once(" ms"))
            .and_then(|(millis, _)| millis.parse::<f64>().ok());
        Row {
            what: format!("glass to glass, p95: {player} (docs/acceptance.md)"),
            unit: "s",
            peer: None,
            ours: p95.and_then(|millis| Figure::of(&[millis / 1_000.0])),
            aims: vec![Aim::AtMost(bound)],
        }
    });
    rows.to_vec()
}

/// The points of the plot as a table.
pub(crate) fn points(what: &str, points: &[(f64, f64)]) -> String {
    let mut text = format!("| {what} | cores | microseconds of CPU a second for each |\n|---|---|---|\n");
    for (count, cores) in points {
        text.push_str(&format!("| {count} | {} | {} |\n", number(*cores), number(cores / count * 1e6)));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_stands_between_the_marks_is_replaced() {
        let folder = tempfile::tempdir().unwrap();
        let page = folder.path().join("page.md");
        std::fs::write(&page, "a\n<!-- bench:t -->\nold\n<!-- /bench:t -->\nb\n").unwrap();
        write_between(&page, "t", "new\n").unwrap();
        let text = std::fs::read_to_string(&page).unwrap();
        assert_eq!(text, "a\n<!-- bench:t -->\n\nnew\n\n<!-- /bench:t -->\nb\n");
        assert!(write_between(&page, "other", "new").is_err());
    }

    #[test]
    fn glass_is_read_from_the_acceptance_page() {
        let page = "# x\n\n## glass\n\n| our watch page plays | kept | glass to glass p50 1584 ms, p95 1605 ms, max 1626 ms |\n\n## next\n";
        let rows = glass(page);
        assert_eq!(rows[0].ours.as_ref().map(|figure| figure.median), Some(1.605));
        assert!(rows[1].ours.is_none());
    }
}
