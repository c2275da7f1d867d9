//! A file of the platform, written where it is wanted: whole or not at all.

use std::fs::File;
use std::io::{IsTerminal, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde_json::{Value, json};

use super::asset::size;
use super::connection::Client;
use crate::fault::Fault;
use crate::folder::plain;

/// How far it is, is told so often.
const TOLD_EVERY: Duration = Duration::from_millis(200);

/// Whether what is made is ready is asked so often.
const ASKED_EVERY: Duration = Duration::from_millis(500);

/// Has the files of an asset made, the first of which is at `first`; answers what is said of them once they are
/// (`download.json`).
pub(super) async fn made(client: &Client, first: &str) -> Result<Value, Fault> {
    let address = format!("{}.json", first.trim_end_matches(".mp4"));
    let shown = std::io::stderr().is_terminal();
    let clear = || {
        if shown {
            eprint!("\r\u{1b}[K");
        }
    };
    loop {
        let asked = client.file(&address).await.inspect_err(|_| clear())?;
        let state: Value = asked.json().await.map_err(|error| client.unreachable(&error))?;
        match state["state"].as_str() {
            Some("MAKING") => {
                if shown {
                    eprint!("\rmade ready: {} %   ", state["percent"]);
                }
                sigma_clock::sleep(ASKED_EVERY).await;
            }
            Some("READY") => {
                clear();
                return Ok(state);
            }
            _ => {
                clear();
                let why = state["why"].as_str().unwrap_or("the server does not say why");
                let mend = state["mend"].as_str().unwrap_or("see the server's log");
                return Err(Fault::new(format!("the file cannot be made: {why}"), mend));
            }
        }
    }
}

/// Reads a file of the platform into one of this machine; answers how many bytes it has. What is begun stands beside it as
/// `FILE.part` until it is whole.
pub(super) async fn into_file(client: &Client, address: &str, file: &Path) -> Result<u64, Fault> {
    let mut response = client.file(address).await?;
    let length = response.content_length();
    let part = Part::begin(file)?;
    let mut progress = Progress::begin(length);
    let mut written = 0_u64;
    loop {
        let chunk = response.chunk().await.map_err(|error| client.unreachable(&error));
        let Some(chunk) = chunk.inspect_err(|_| progress.end())? else { break };
        part.write(&chunk).inspect_err(|_| progress.end())?;
        written += chunk.len() as u64;
        progress.tell(written);
    }
    progress.end();
    if length.is_some_and(|length| length != written) {
        let wrong =
            format!("{address} broke off after {} of {}", size(&json!(written)), size(&json!(length)));
        return Err(Fault::new(wrong, "try again: what is damaged is left out then"));
    }
    part.finish()?;
    Ok(written)
}

/// A file that is not whole yet. What is left of one that never becomes whole is removed.
struct Part {
    file: File,
    beside: PathBuf,
    wanted: PathBuf,
    whole: bool,
}

impl Part {
    fn begin(wanted: &Path) -> Result<Self, Fault> {
        let mut beside = wanted.as_os_str().to_owned();
        beside.push(".part");
        let beside = PathBuf::from(beside);
        let file = File::create(&beside).map_err(|error| unusable(&beside, &error))?;
        Ok(Self { file, beside, wanted: wanted.to_owned(), whole: false })
    }

    fn write(&self, bytes: &[u8]) -> Result<(), Fault> {
        (&self.file).write_all(bytes).map_err(|error| unusable(&self.beside, &error))
    }

    fn finish(mut self) -> Result<(), Fault> {
        self.file.sync_all().map_err(|error| unusable(&self.beside, &error))?;
        std::fs::rename(&self.beside, &self.wanted).map_err(|error| unusable(&self.wanted, &error))?;
        self.whole = true;
        Ok(())
    }
}

impl Drop for Part {
    fn drop(&mut self) {
        if !self.whole {
            // Nobody left to tell.
            let _ = std::fs::remove_file(&self.beside);
        }
    }
}

fn unusable(path: &Path, error: &std::io::Error) -> Fault {
    Fault::new(
        format!("{} cannot be written: {}", path.display(), plain(error)),
        "see that it may be written and that the disk has room",
    )
}

/// How far it is, on a terminal.
struct Progress {
    length: Option<u64>,
    shown: bool,
    told: sigma_clock::Instant,
}

impl Progress {
    fn begin(length: Option<u64>) -> Self {
        Self { length, shown: std::io::stderr().is_terminal(), told: sigma_clock::monotonic() }
    }

    fn tell(&mut self, written: u64) {
        if !self.shown || self.told.elapsed() < TOLD_EVERY {
            return;
        }
        self.told = sigma_clock::monotonic();
        let of = match self.length {
            Some(length) if length > 0 => {
                let percent = written.saturating_mul(100) / length;
                format!(" of {} ({percent} %)", size(&json!(length)))
            }
            _ => String::new(),
        };
        eprint!("\r{}{of}   ", size(&json!(written)));
    }

    fn end(&self) {
        if self.shown {
            eprint!("\r\u{1b}[K");
        }
    }
}
