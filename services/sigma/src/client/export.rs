//! `sigma events export`: the log as a file, a JSON object a line, gone on with where it broke off.

use std::fs::{File, OpenOptions};
use std::io::{IsTerminal, Read, Seek, SeekFrom, Write};
use std::path::Path;

use serde_json::Value;

use super::connection::Client;
use super::events::{Found, newest, page};
use super::print;
use crate::cli::{ConnectArgs, EventFilterArgs};
use crate::fault::Fault;
use crate::folder::plain;

/// A file's end is looked at in steps of this, until its last line is whole.
const STEP: u64 = 64 * 1024;

pub(crate) async fn run(
    connect: &ConnectArgs,
    filter: &EventFilterArgs,
    after: Option<String>,
    output: Option<&Path>,
) -> Result<(), Fault> {
    let client = Client::connect(connect)?;
    let mut out = match output {
        Some(path) => Out::File(Kept::open(path)?),
        None => Out::Stdout,
    };
    let mut after = match &mut out {
        Out::File(kept) => kept.position.take(),
        Out::Stdout => after,
    };
    // Up to now: what comes while it is written is for the next time.
    let end = newest(&client, &EventFilterArgs::default(), 1).await?;
    let end = end.last().map(|event| event["position"].clone());
    let mut written = 0u64;
    loop {
        let Found { mut events, next } = page(&client, filter, after.as_deref()).await?;
        let last = events.iter().position(|event| Some(&event["position"]) == end.as_ref());
        if let Some(last) = last {
            events.truncate(last + 1);
        }
        if let Some(position) = events.last().and_then(|event| event["position"].as_str()) {
            after = Some(position.to_owned());
        }
        if !out.write(&events)? {
            return Ok(());
        }
        written += events.len() as u64;
        if last.is_some() || next.is_none() {
            break;
        }
        after = next;
    }
    out.finish()?;
    if std::io::stderr().is_terminal() {
        let on = after.map(|position| format!("; go on with --after {position}")).unwrap_or_default();
        eprintln!("{written} events{on}");
    }
    Ok(())
}

enum Out {
    Stdout,
    File(Kept),
}

impl Out {
    /// Writes a page; false when nobody reads any more.
    fn write(&mut self, events: &[Value]) -> Result<bool, Fault> {
        match self {
            Self::Stdout => print::still_read(events.iter().map(Value::to_string)),
            Self::File(kept) => kept.write(events).map(|()| true),
        }
    }

    fn finish(self) -> Result<(), Fault> {
        match self {
            Self::Stdout => Ok(()),
            Self::File(kept) => kept.file.sync_all().map_err(|error| unusable(&kept.name, "written", &error)),
        }
    }
}

/// A file of events that is gone on with.
struct Kept {
    file: File,
    name: String,
    /// That of its last whole line.
    position: Option<String>,
}

fn unusable(name: &str, what: &str, error: &std::io::Error) -> Fault {
    Fault::new(
        format!("{name} cannot be {what}: {}", plain(error)),
        "see that it may be written and that the disk has room",
    )
}

impl Kept {
    fn open(path: &Path) -> Result<Self, Fault> {
        let name = path.display().to_string();
        let opened = OpenOptions::new().read(true).write(true).create(true).truncate(false).open(path);
        let mut file = opened.map_err(|error| unusable(&name, "opened", &error))?;
        let (whole, last) = last_line(&mut file).map_err(|error| unusable(&name, "read", &error))?;
        let foreign = || {
            Fault::new(format!("{name} holds what is no export of events"), "name another file with --output")
        };
        let position = match last {
            None if begins_otherwise(&mut file).map_err(|error| unusable(&name, "read", &error))? => {
                return Err(foreign());
            }
            None => None,
            Some(line) => {
                let event: Option<Value> = serde_json::from_slice(&line).ok();
                let position = event.and_then(|event| Some(event["position"].as_str()?.to_owned()));
                Some(position.ok_or_else(foreign)?)
            }
        };
        // What was cut off while it was written is written anew.
        let cut = file.set_len(whole).and_then(|()| file.seek(SeekFrom::End(0)));
        cut.map_err(|error| unusable(&name, "written", &error))?;
        Ok(Self { file, name, position })
    }

    fn write(&mut self, events: &[Value]) -> Result<(), Fault> {
        let text: String = events.iter().map(|event| format!("{event}\n")).collect();
        self.file.write_all(text.as_bytes()).map_err(|error| unusable(&self.name, "written", &error))
    }
}

/// Whether the file's first bytes are none that an export begins with.
fn begins_otherwise(file: &mut File) -> std::io::Result<bool> {
    file.seek(SeekFrom::Start(0))?;
    let mut beginning = Vec::new();
    file.take(2).read_to_end(&mut beginning)?;
    Ok(!b"{\"".starts_with(&beginning))
}

/// Where the last whole line ends, and that line.
fn last_line(file: &mut File) -> std::io::Result<(u64, Option<Vec<u8>>)> {
    let size = file.seek(SeekFrom::End(0))?;
    let mut from = size;
    loop {
        from = from.saturating_sub(STEP.max(size - from));
        file.seek(SeekFrom::Start(from))?;
        let mut end = Vec::new();
        file.take(size - from).read_to_end(&mut end)?;
        let Some(last) = end.iter().rposition(|byte| *byte == b'\n') else {
            if from == 0 {
                return Ok((0, None));
            }
            continue;
        };
        let before = end[..last].iter().rposition(|byte| *byte == b'\n');
        if before.is_some() || from == 0 {
            let line = end[before.map_or(0, |before| before + 1)..last].to_vec();
            return Ok((from + last as u64 + 1, Some(line)));
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_file_is_gone_on_with_after_its_last_whole_line() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("events.ndjson");
        let mut kept = Kept::open(&path).expect("a new file");
        assert_eq!(kept.position, None);
        kept.write(&[json!({ "position": "p1" }), json!({ "position": "p2", "data": "x".repeat(200_000) })])
            .expect("written");
        kept.file.write_all(b"{\"position\": \"p3\", \"da").expect("written");
        let mut kept = Kept::open(&path).expect("the file");
        assert_eq!(kept.position.as_deref(), Some("p2"));
        kept.write(&[json!({ "position": "p3" })]).expect("written");
        let text = std::fs::read_to_string(&path).expect("the file");
        let positions: Vec<Value> = text
            .lines()
            .map(|line| serde_json::from_str::<Value>(line).expect("a whole line")["position"].clone())
            .collect();
        assert_eq!(positions, ["p1", "p2", "p3"]);
    }

    #[test]
    fn a_file_that_holds_something_else_is_left_alone() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("letter.txt");
        for letter in ["Dear all\nno newline", "Dear all"] {
            std::fs::write(&path, letter).expect("written");
            let line = Kept::open(&path).map(|_| ()).expect_err("refused").to_string();
            assert!(
                line.ends_with("holds what is no export of events; name another file with --output"),
                "{line}"
            );
            assert_eq!(std::fs::read_to_string(&path).expect("the file"), letter);
        }
    }

    #[test]
    fn a_file_whose_first_line_was_cut_off_begins_anew() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("events.ndjson");
        std::fs::write(&path, "{\"position\": \"p").expect("written");
        assert_eq!(Kept::open(&path).expect("the file").position, None);
        assert_eq!(std::fs::metadata(&path).expect("the file").len(), 0);
    }
}
