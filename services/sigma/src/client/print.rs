//! What goes to stdout: JSON for programs, tables and lines for people.

use std::io::{self, Write};

use serde_json::Value;

use super::look::Look;
use super::table::{self, Column};
use crate::fault::Fault;

/// Writes lines to stdout. Who closed it (as `head` does) has read enough.
pub(crate) fn lines<S: AsRef<str>>(lines: impl IntoIterator<Item = S>) -> Result<(), Fault> {
    still_read(lines).map(|_| ())
}

/// Writes lines to stdout; false when nobody reads them any more.
pub(crate) fn still_read<S: AsRef<str>>(lines: impl IntoIterator<Item = S>) -> Result<bool, Fault> {
    let mut out = io::stdout().lock();
    let written = lines.into_iter().try_for_each(|line| writeln!(out, "{}", line.as_ref()));
    match written.and_then(|()| out.flush()) {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(false),
        Err(error) => Err(Fault::new(format!("the output cannot be written: {error}"), "see where it goes")),
    }
}

/// The object as it stands.
pub(crate) fn json(value: &Value) -> Result<(), Fault> {
    lines([serde_json::to_string_pretty(value).unwrap_or_default()])
}

/// Rows under a heading, in columns that fit.
pub(crate) fn table(columns: &[Column], rows: &[Vec<String>]) -> Vec<String> {
    table::table(columns, rows, Look::of_stdout())
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

/// A list as a cell.
pub(crate) fn cells(value: &Value) -> String {
    let all = value.as_array().map(Vec::as_slice).unwrap_or_default();
    all.iter().map(cell).collect::<Vec<_>>().join(" ")
}

/// A moment of the API to the second.
pub(crate) fn moment(value: &Value) -> String {
    let text = cell(value);
    match text.split_once('.') {
        Some((to_the_second, _)) => format!("{}Z", to_the_second.replace('T', " ")),
        None => text.replace('T', " "),
    }
}

/// Who did something: a token by its name, else what he is.
pub(crate) fn actor(actor: &Value) -> String {
    match (cell(&actor["kind"]).as_str(), cell(&actor["name"]).as_str(), cell(&actor["id"]).as_str()) {
        ("", ..) => String::new(),
        (kind, "", "") => kind.to_lowercase(),
        (kind, "", id) => format!("{} {id}", kind.to_lowercase()),
        (kind, name, _) => format!("{} {name}", kind.to_lowercase()),
    }
}

/// The rows of a list of the API.
pub(crate) fn nodes(connection: &Value) -> &[Value] {
    connection["nodes"].as_array().map(Vec::as_slice).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

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
        assert_eq!(moment(&json!("2026-11-24T17:30:00Z")), "2026-11-24 17:30:00Z");
        assert_eq!(moment(&Value::Null), "");
    }

    #[test]
    fn who_did_it_is_told_by_name_where_there_is_one() {
        assert_eq!(actor(&json!({ "kind": "TOKEN", "id": "tk_1", "name": "studio" })), "token studio");
        assert_eq!(actor(&json!({ "kind": "TOKEN", "id": "tk_1", "name": null })), "token tk_1");
        assert_eq!(actor(&Value::Null), "");
    }
}
