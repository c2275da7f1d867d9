//! Whose log it is: what a node needs to find its sessions again.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::error::LogError;

/// The meta file's name.
const FILE: &str = "meta.json";
/// The largest meta file that is read.
const MAX_META: u64 = 64 * 1024;

/// The facts of a session's log that never change, kept as `meta.json` beside the index.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Meta {
    /// The session.
    pub session: String,
    /// Its channel.
    pub channel: String,
    /// The channel's playback id.
    pub playback_id: String,
    /// The latency mode, as the control plane names it.
    pub mode: String,
    /// The part target in milliseconds; none where the playlist lists no parts.
    pub part_target_ms: Option<u32>,
    /// The segment length aimed at, in milliseconds.
    pub segment_target_ms: u32,
    /// When the log was made: microseconds since the Unix epoch.
    pub created_us: i64,
    /// How far back viewers may go, in milliseconds.
    #[serde(default)]
    pub rewind_ms: Option<u64>,
    /// Whether all of it is kept.
    #[serde(default)]
    pub keeps: bool,
    /// Whatever else the node wants to find again (the unguessable path, for one).
    #[serde(default)]
    pub extra: BTreeMap<String, String>,
}

impl Meta {
    /// Writes the meta file whole or not at all.
    pub(crate) fn write(&self, dir: &Path) -> Result<(), LogError> {
        let path = dir.join(FILE);
        let draft = dir.join("meta.json.new");
        let text = serde_json::to_vec_pretty(self)
            .map_err(|error| LogError::Io { path: path.clone(), source: error.into() })?;
        fs::write(&draft, text).map_err(|error| LogError::io(&draft, error))?;
        fs::rename(&draft, &path).map_err(|error| LogError::io(&path, error))
    }

    /// Whether there is a meta file in `dir`, readable or not.
    pub fn is_in(dir: &Path) -> bool {
        dir.join(FILE).exists()
    }

    /// Reads the meta file of the log in `dir`.
    ///
    /// # Errors
    /// [`LogError::Io`] where it cannot be read, [`LogError::Foreign`] where it is none.
    pub fn read(dir: &Path) -> Result<Self, LogError> {
        let path = dir.join(FILE);
        let size = fs::metadata(&path).map_err(|error| LogError::io(&path, error))?.len();
        if size > MAX_META {
            return Err(LogError::Foreign { path, reason: format!("{size} bytes") });
        }
        let text = fs::read(&path).map_err(|error| LogError::io(&path, error))?;
        serde_json::from_slice(&text).map_err(|error| LogError::Foreign { path, reason: error.to_string() })
    }
}

/// A log's folder, and its meta or what is wrong with it.
pub type Found = (PathBuf, Result<Meta, LogError>);

/// The logs in the folders of `root`, each with its meta or what is wrong with it, by folder name. A folder without
/// a meta file (its making was cut short, nothing was listed from it) is no log. No `root` means no logs.
///
/// # Errors
/// [`LogError::Io`] where `root` cannot be read.
pub fn discover(root: &Path) -> Result<Vec<Found>, LogError> {
    let entries = match fs::read_dir(root) {
        Ok(entries) => entries,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(LogError::io(root, error)),
    };
    let mut found = Vec::new();
    for entry in entries {
        let dir = entry.map_err(|error| LogError::io(root, error))?.path();
        if dir.join(FILE).is_file() {
            let meta = Meta::read(&dir);
            found.push((dir, meta));
        }
    }
    found.sort_by(|left, right| left.0.cmp(&right.0));
    Ok(found)
}
