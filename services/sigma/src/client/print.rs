//! What goes to stdout: JSON for programs, tables and lines for people.

use std::io::{self, Write};

use serde_json::Value;

use crate::fault::Fault;

/// Writes lines to stdout. Who closed it (as `head` does) has read enough.
pub(crate) fn lines<S: AsRef<str>>(lines: impl IntoIterator<Item = S>) -> Result<(), Fault> {
    let mut out = io::stdout().lock();
    let written = lines.into_iter().try_for_each(|line| writeln!(out, "{}", line.as_ref()));
    match written.and_then(|()| out.flush()) {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
            Err(Fault::new(format!("the output cannot be written: {error}"), "see where it goes"))
        }
        _ => Ok(()),
    }
}

/// The object as it stands.
pub(crate) fn json(value: &Value) -> Result<(), Fault> {
    lines([serde_json::to_string_pretty(value).unwrap_or_default()])
}

/// Rows under a heading, in columns.
pub(crate) fn table(heading: &[&str], rows: &[Vec<String>]) -> Vec<String> {
    let width = |column: usize| {
        let cells = rows.iter().filter_map(|row| row.get(column)).map(|cell| cell.chars().count());
        cells.max().unwrap_or(0).max(heading[column].len())
    };
    let widths: Vec<usize> = (0..heading.len()).map(width).collect();
    let line = |cells: Vec<&str>| {
        let padded = cells.iter().zip(&widths).map(|(cell, width)| format!("{cell:width$}"));
        padded.collect::<Vec<_>>().join("  ").trim_end().to_owned()
    };
    let rows = rows.iter().map(|row| line(row.iter().map(String::as_str).collect()));
    std::iter::once(line(heading.to_vec())).chain(rows).collect()
}

/// Names and what they stand for, one a line; what is not there is left out.
pub(crate) fn facts(facts: &[(&str, String)]) -> Vec<String> {
    let there = facts.iter().filter(|(_, text)| !text.is_empty());
    let width = there.clone().map(|(name, _)| name.len()).max().unwrap_or(0);
    there.map(|(name, text)| format!("{name:width$}  {text}")).collect()
}

/// A JSON value as a cell: without quotes, without what moves a terminal's cursor.
pub(crate) fn cell(value: &Value) -> String {
    let text = match value {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        other => other.to_string(),
    };
    text.chars().map(|c| if c.is_control() { '?' } else { c }).collect()
}

/// A moment of the API to the second.
pub(crate) fn moment(value: &Value) -> String {
    let text = cell(value);
    match text.split_once('.') {
        Some((to_the_second, _)) => format!("{}Z", to_the_second.replace('T', " ")),
        None => text,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn columns_are_as_wide_as_their_widest_cell() {
        let rows = [vec!["a".to_owned(), "ENDED".to_owned()], vec!["öäü".to_owned(), "x".to_owned()]];
        assert_eq!(table(&["ID", "STATE"], &rows), ["ID   STATE", "a    ENDED", "öäü  x"]);
    }

    #[test]
    fn a_cell_cannot_move_the_cursor() {
        assert_eq!(cell(&json!("a\u{1b}[2Jb\n")), "a?[2Jb?");
    }

    #[test]
    fn what_is_not_there_is_left_out() {
        assert_eq!(facts(&[("id", "1".into()), ("liveAt", String::new())]), ["id  1"]);
    }

    #[test]
    fn moments_are_told_to_the_second() {
        assert_eq!(moment(&json!("2026-11-24T17:30:00.250Z")), "2026-11-24 17:30:00Z");
        assert_eq!(moment(&Value::Null), "");
    }
}
