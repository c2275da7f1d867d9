//! Settings: flag wins, then environment, then `sigma.toml`. Every bad one is named, with where it came from and what
//! would be right.

mod parse;
mod sources;

use std::path::PathBuf;
use std::time::Duration;

pub(crate) use sources::{Flags, Sources};

use crate::fault::Fault;

/// The platform's settings, understood.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Settings {
    pub(crate) data_dir: PathBuf,
    /// `HOST:PORT` of the HTTP door; port 0 takes a free one.
    pub(crate) http: String,
    /// `HOST:PORT` of the RTMP door; port 0 takes a free one.
    pub(crate) rtmp: String,
    /// Without a slash at its end.
    pub(crate) public_url: Option<String>,
    /// Ends in `/live`.
    pub(crate) public_rtmp: Option<String>,
    /// A feed that delivers nothing for this long is lost.
    pub(crate) ingest_silence: Duration,
    /// This node's name; made at first start where it is not set.
    pub(crate) node_id: Option<String>,
    /// What is logged, as `info` or `info,sigma_node=debug`.
    pub(crate) log: String,
    /// How it is logged.
    pub(crate) log_format: LogFormat,
    pub(crate) admin_token: Option<Secret>,
    pub(crate) master_key: Option<Secret>,
}

/// How the log is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum LogFormat {
    Text,
    Json,
}

/// Something that is never printed.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Secret(String);

impl Secret {
    pub(crate) fn expose(&self) -> &str {
        &self.0
    }
}

impl std::fmt::Debug for Secret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Secret(…)")
    }
}

/// The least characters of an admin token that is brought along.
const ADMIN_TOKEN_LEAST: usize = 16;

impl Settings {
    /// Reads all settings.
    ///
    /// # Errors
    /// The first bad one, named.
    pub(crate) fn read(sources: &Sources) -> Result<Self, Fault> {
        Ok(Self {
            data_dir: data_dir(sources)?,
            http: sources.parsed("http", "127.0.0.1:8080", parse::address)?,
            rtmp: sources.parsed("rtmp", "127.0.0.1:1935", parse::address)?,
            public_url: sources.optional("public-url", parse::public_url)?,
            public_rtmp: sources.optional("public-rtmp", parse::public_rtmp)?,
            ingest_silence: sources.parsed("ingest-silence", "5", parse::ingest_silence)?,
            node_id: sources.optional("node-id", parse::node_id)?,
            log: sources.parsed("log", "info", parse::log)?,
            log_format: sources.parsed("log-format", "text", parse::log_format)?,
            admin_token: sources.secret("SIGMA_ADMIN_TOKEN", admin_token)?,
            master_key: sources.secret("SIGMA_MASTER_KEY", |text| parse::master_key(text).map(|_| ()))?,
        })
    }
}

/// Only where the data folder is: all that client commands need.
pub(crate) fn data_dir(sources: &Sources) -> Result<PathBuf, Fault> {
    sources.parsed("data-dir", "./data", |text| {
        if text.is_empty() { Err("name a folder, as ./data".to_owned()) } else { Ok(PathBuf::from(text)) }
    })
}

fn admin_token(text: &str) -> Result<(), String> {
    if text.len() < ADMIN_TOKEN_LEAST || !text.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Err(format!("use at least {ADMIN_TOKEN_LEAST} visible ASCII characters, without blanks"));
    }
    Ok(())
}

pub(crate) use parse::master_key;

#[cfg(test)]
mod tests;
