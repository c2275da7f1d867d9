//! How much room recordings take on this node's disk, and how much they may.

use std::collections::HashMap;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::SystemTime;

/// A file's blocks are counted in these, whatever the disk's are (`stat(2)`).
const BLOCK: u64 = 512;

/// Of the limit so much may be used before it is told, in per cent.
const TOLD_FROM: u64 = 80;

/// The room of recordings, as it was last measured.
#[derive(Debug, Default)]
pub(crate) struct Room {
    limit: Option<u64>,
    used: AtomicU64,
}

/// What of the room is used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RoomUse {
    /// Bytes of all sessions' media, those on air included.
    pub used: u64,
    /// Bytes that it may be; none: as much as the disk holds.
    pub limit: Option<u64>,
}

impl RoomUse {
    /// Whether nothing more may be recorded.
    pub fn is_full(&self) -> bool {
        self.limit.is_some_and(|limit| self.used >= limit)
    }

    /// How much of the limit is used, in per cent, where that is worth a word.
    pub fn scarce(&self) -> Option<u64> {
        let limit = self.limit.filter(|limit| *limit > 0)?;
        let percent = u64::try_from(u128::from(self.used) * 100 / u128::from(limit)).unwrap_or(u64::MAX);
        (percent >= TOLD_FROM).then_some(percent)
    }
}

impl Room {
    pub(crate) fn new(limit: Option<u64>) -> Self {
        Self { limit, used: AtomicU64::new(0) }
    }

    pub(crate) fn now(&self) -> RoomUse {
        RoomUse { used: self.used.load(Ordering::Relaxed), limit: self.limit }
    }

    pub(super) fn measured(&self, used: u64) {
        self.used.store(used, Ordering::Relaxed);
    }
}

/// Adds up what stands in sessions' folders, and looks only into those that have changed since.
#[derive(Debug, Default)]
pub(super) struct Tally(HashMap<PathBuf, (SystemTime, u64)>);

impl Tally {
    /// Bytes of all sessions whose folders stand in one of `roots`. Of a session with a folder in several the greatest counts:
    /// the archive's files are the log's own under another name.
    pub(super) fn count(&mut self, roots: &[PathBuf]) -> u64 {
        let mut known = HashMap::new();
        let mut sessions = HashMap::new();
        for folder in roots.iter().filter_map(|root| std::fs::read_dir(root).ok()).flatten().flatten() {
            let path = folder.path();
            // What goes while it is looked at takes no room.
            let Ok((changed, bytes)) = self.of_folder(&path) else { continue };
            known.insert(path, (changed, bytes));
            let of_session: &mut u64 = sessions.entry(folder.file_name()).or_default();
            *of_session = bytes.max(*of_session);
        }
        self.0 = known;
        sessions.values().sum()
    }

    fn of_folder(&self, path: &Path) -> io::Result<(SystemTime, u64)> {
        let changed = std::fs::metadata(path)?.modified()?;
        if let Some(known) = self.0.get(path).filter(|(since, _)| *since == changed) {
            return Ok(*known);
        }
        let files = std::fs::read_dir(path)?.flatten();
        Ok((changed, files.filter_map(|file| file.metadata().ok()).map(|file| file.blocks() * BLOCK).sum()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const KB: u64 = 1 << 10;

    fn file(folder: &Path, name: &str, kilobytes: u64) {
        std::fs::create_dir_all(folder).unwrap();
        std::fs::write(folder.join(name), vec![7; usize::try_from(kilobytes * KB).unwrap()]).unwrap();
    }

    #[test]
    fn what_stands_under_two_names_counts_once_and_what_goes_no_more() {
        let folder = tempfile::tempdir().unwrap();
        let roots = ["live", "objects/sessions", "absent"].map(|root| folder.path().join(root));
        let mut tally = Tally::default();
        assert_eq!(tally.count(&roots), 0);
        file(&roots[0].join("se_1"), "0.m4s", 64);
        file(&roots[0].join("se_2"), "0.m4s", 128);
        assert_eq!(tally.count(&roots), 192 * KB);
        file(&roots[1].join("se_1"), "0.m4s", 64);
        file(&roots[1].join("se_1"), "1.m4s", 64);
        file(&roots[1].join("se_3"), "0.m4s", 256);
        let all = (128 + 128 + 256) * KB;
        assert_eq!(tally.count(&roots), all);
        assert_eq!(tally.count(&roots), all, "as it was known");
        std::fs::remove_dir_all(roots[1].join("se_3")).unwrap();
        assert_eq!(tally.count(&roots), 256 * KB);
    }

    #[test]
    fn scarce_room_is_told_before_it_is_full() {
        let used = |used, limit| RoomUse { used, limit };
        let cases = [(79, None), (80, Some(80)), (99, Some(99)), (100, Some(100)), (250, Some(250))];
        for (bytes, told) in cases {
            assert_eq!(used(bytes, Some(100)).scarce(), told);
            assert_eq!(used(bytes, Some(100)).is_full(), bytes >= 100);
            assert_eq!(used(bytes, None).scarce(), None);
            assert!(!used(bytes, None).is_full());
        }
    }
}
