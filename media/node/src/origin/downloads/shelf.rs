//! The heads that were made, kept on disk: a folder for each recording as it is cut now, with a file for each of its files.
//!
//! A folder is made under another name and gets its own once all is in it: one that is there is whole, whatever was killed.
//! It is only ever a copy of what can be made again: where the shelf is full, what was not asked for longest goes.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime};

use serde_json::{Value, json};
use sigma_clock::Clock;
use tracing::warn;

/// How much the heads may take, in bytes: dozens of those of 12 hours, which have some 40 MB, or hundreds of usual ones.
pub(super) const LIMIT: u64 = 2 << 30;

/// What all folders that are being filled begin with.
const DRAFT: &str = ".draft-";

/// Says what a folder's heads are.
const INDEX: &str = "index.json";

/// A segment that is not in its file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Missing {
    /// The file's place among the recording's.
    pub(super) file: usize,
    /// Its place in it: a recording of several ranges may show a segment twice.
    pub(super) place: usize,
    pub(super) msn: u64,
    pub(super) ms: u64,
    /// In words.
    pub(super) why: String,
}

/// How long a file is: what stands before its segments, and these. Nothing, where nothing is left of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Lengths {
    pub(super) head: u64,
    pub(super) media: u64,
}

/// What is said of the heads in a folder.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Index {
    pub(super) files: Vec<Lengths>,
    pub(super) missing: Vec<Missing>,
}

/// Heads that are there.
#[derive(Debug)]
pub(super) struct Found {
    folder: PathBuf,
    pub(super) index: Index,
}

impl Found {
    /// Opens a file's head, which stays there for who has it open.
    pub(super) fn open(&self, number: usize) -> io::Result<Arc<File>> {
        let file = File::open(self.folder.join(head_name(number)))?;
        let wanted = self.index.files.get(number).map(|lengths| lengths.head);
        if wanted == Some(file.metadata()?.len()) {
            Ok(Arc::new(file))
        } else {
            Err(io::ErrorKind::InvalidData.into())
        }
    }
}

/// The shelf.
pub(super) struct Shelf {
    folder: PathBuf,
    limit: u64,
    clock: Arc<dyn Clock>,
    drafts: AtomicU64,
}

/// A folder that is being filled. It goes, unless it is kept.
#[derive(Debug)]
pub(super) struct Draft {
    pub(super) folder: PathBuf,
}

impl Drop for Draft {
    fn drop(&mut self) {
        // It is not there any more where it was kept; what stays is removed at the next start.
        let _ = fs::remove_dir_all(&self.folder);
    }
}

/// The name of the head of a recording's file, counted from 0.
pub(super) fn head_name(number: usize) -> String {
    format!("{}.head", number + 1)
}

impl Shelf {
    pub(super) fn new(folder: PathBuf, limit: u64, clock: Arc<dyn Clock>) -> Self {
        Self { folder, limit, clock, drafts: AtomicU64::new(0) }
    }

    /// Makes the shelf, and removes what was not finished when the server went down. It blocks, as all that follows.
    pub(super) fn tidy_up(&self) -> io::Result<()> {
        fs::create_dir_all(&self.folder)?;
        for entry in fs::read_dir(&self.folder)? {
            let entry = entry?;
            if entry.file_name().to_string_lossy().starts_with(DRAFT) {
                fs::remove_dir_all(entry.path())?;
            }
        }
        Ok(())
    }

    fn place(&self, asset: &str, key: &str) -> PathBuf {
        self.folder.join(format!("{asset}.{key}"))
    }

    /// The heads of a recording as it is cut now. They count as asked for now.
    pub(super) fn find(&self, asset: &str, key: &str) -> Option<Found> {
        let folder = self.place(asset, key);
        let text = fs::read(folder.join(INDEX)).ok()?;
        let found = read_index(&text).map(|index| Found { folder: folder.clone(), index });
        if found.is_none() {
            warn!(folder = %folder.display(), "a download's index cannot be read: it is made anew");
            let _ = fs::remove_dir_all(&folder);
        }
        let since = Duration::from_micros(self.clock.now().micros().unsigned_abs());
        // Where the disk takes no time, they go in the order in which they were made.
        let _ = File::open(&folder).and_then(|folder| folder.set_modified(SystemTime::UNIX_EPOCH + since));
        found
    }

    /// A folder to be filled.
    pub(super) fn begin(&self) -> io::Result<Draft> {
        let number = self.drafts.fetch_add(1, Ordering::Relaxed);
        let folder = self.folder.join(format!("{DRAFT}{number}"));
        fs::create_dir_all(&folder)?;
        Ok(Draft { folder })
    }

    /// Keeps what was filled, in the place of what there was of this recording, and makes room for it.
    pub(super) fn keep(&self, draft: Draft, asset: &str, key: &str, index: &Index) -> io::Result<()> {
        let path = draft.folder.join(INDEX);
        fs::write(&path, write_index(index))?;
        File::open(&path)?.sync_all()?;
        let place = self.place(asset, key);
        self.remove(asset);
        fs::rename(&draft.folder, &place)?;
        // The new name is on the disk before anybody relies on it; where that fails, it is made again after a power cut.
        let _ = File::open(&self.folder).and_then(|folder| folder.sync_all());
        self.make_room(&place);
        Ok(())
    }

    /// Removes all that is there of a recording.
    pub(super) fn remove(&self, asset: &str) {
        for (of, folder) in self.folders() {
            if of == asset {
                remove(&folder);
            }
        }
    }

    /// The recordings of which there is something, each once.
    pub(super) fn assets(&self) -> Vec<String> {
        let mut assets: Vec<String> = self.folders().into_iter().map(|(asset, _)| asset).collect();
        assets.sort_unstable();
        assets.dedup();
        assets
    }

    fn folders(&self) -> Vec<(String, PathBuf)> {
        let entries = fs::read_dir(&self.folder).into_iter().flatten().flatten();
        let named = entries.filter_map(|entry| {
            let name = entry.file_name().into_string().ok()?;
            let (asset, _) = name.split_once('.').filter(|(asset, _)| !asset.is_empty())?;
            Some((asset.to_owned(), entry.path()))
        });
        named.collect()
    }

    /// Removes what was not asked for longest, but for `newest`, until the rest is within the limit.
    fn make_room(&self, newest: &Path) {
        let mut all: Vec<(SystemTime, u64, PathBuf)> = self
            .folders()
            .into_iter()
            .map(|(_, folder)| {
                let asked = fs::metadata(&folder)
                    .and_then(|facts| facts.modified())
                    .unwrap_or(SystemTime::UNIX_EPOCH);
                (asked, size(&folder), folder)
            })
            .collect();
        all.sort();
        let mut sum: u64 = all.iter().map(|(_, size, _)| size).sum();
        for (_, size, folder) in all {
            if sum <= self.limit {
                return;
            }
            if folder != newest {
                remove(&folder);
                sum -= size;
            }
        }
    }
}

fn remove(folder: &Path) {
    if let Err(error) = fs::remove_dir_all(folder) {
        warn!(folder = %folder.display(), %error, "a download's head cannot be removed");
    }
}

fn size(folder: &Path) -> u64 {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    entries.filter_map(|entry| entry.metadata().ok()).map(|facts| facts.len()).sum()
}

fn write_index(index: &Index) -> String {
    let files = index.files.iter().map(|file| json!({ "head": file.head, "media": file.media }));
    let missing = index.missing.iter().map(|missing| {
        json!({ "file": missing.file, "place": missing.place, "segment": missing.msn, "ms": missing.ms, "why": missing.why })
    });
    json!({ "files": files.collect::<Value>(), "missing": missing.collect::<Value>() }).to_string()
}

fn read_index(text: &[u8]) -> Option<Index> {
    let value: Value = serde_json::from_slice(text).ok()?;
    let file = |file: &Value| Some(Lengths { head: file["head"].as_u64()?, media: file["media"].as_u64()? });
    let missing = |missing: &Value| {
        Some(Missing {
            file: usize::try_from(missing["file"].as_u64()?).ok()?,
            place: usize::try_from(missing["place"].as_u64()?).ok()?,
            msn: missing["segment"].as_u64()?,
            ms: missing["ms"].as_u64()?,
            why: missing["why"].as_str()?.to_owned(),
        })
    };
    Some(Index {
        files: value["files"].as_array()?.iter().map(file).collect::<Option<_>>()?,
        missing: value["missing"].as_array()?.iter().map(missing).collect::<Option<_>>()?,
    })
}

#[cfg(test)]
mod tests {
    use sigma_clock::SystemClock;

    use super::*;

    fn index(head: u64) -> Index {
        let missing =
            Missing { file: 0, place: 3, msn: 7, ms: 2_000, why: "its checksum is another".to_owned() };
        Index { files: vec![Lengths { head, media: 99 }], missing: vec![missing] }
    }

    fn shelf(folder: &Path, limit: u64) -> Shelf {
        let shelf = Shelf::new(folder.to_owned(), limit, Arc::new(SystemClock));
        shelf.tidy_up().unwrap();
        shelf
    }

    fn put(shelf: &Shelf, asset: &str, key: &str, bytes: usize) {
        let draft = shelf.begin().unwrap();
        fs::write(draft.folder.join(head_name(0)), vec![0; bytes]).unwrap();
        shelf.keep(draft, asset, key, &index(bytes as u64)).unwrap();
    }

    #[test]
    fn what_is_kept_is_found_until_something_else_of_the_same_recording_is() {
        let folder = tempfile::tempdir().unwrap();
        let shelf = shelf(&folder.path().join("downloads"), LIMIT);
        put(&shelf, "as_1", "aa", 10);
        put(&shelf, "as_2", "aa", 10);
        let found = shelf.find("as_1", "aa").unwrap();
        assert_eq!(found.index, index(10));
        found.open(0).unwrap();
        assert!(shelf.find("as_1", "bb").is_none());
        put(&shelf, "as_1", "bb", 10);
        assert!(shelf.find("as_1", "aa").is_none(), "it was trimmed since");
        assert_eq!(shelf.assets(), ["as_1", "as_2"]);
        shelf.remove("as_1");
        assert_eq!(shelf.assets(), ["as_2"]);
    }

    #[test]
    fn a_folder_that_was_not_finished_is_no_download_and_goes_at_the_next_start() {
        let folder = tempfile::tempdir().unwrap();
        let shelf = shelf(folder.path(), LIMIT);
        let draft = shelf.begin().unwrap();
        fs::write(draft.folder.join(head_name(0)), b"half a he").unwrap();
        // As `kill -9` leaves it.
        std::mem::forget(draft);
        assert!(shelf.assets().is_empty());
        shelf.tidy_up().unwrap();
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
    }

    #[test]
    fn a_head_that_lost_its_end_is_not_served() {
        let folder = tempfile::tempdir().unwrap();
        let shelf = shelf(folder.path(), LIMIT);
        put(&shelf, "as_1", "aa", 10);
        let found = shelf.find("as_1", "aa").unwrap();
        File::options().write(true).open(folder.path().join("as_1.aa/1.head")).unwrap().set_len(9).unwrap();
        assert!(found.open(0).is_err());
        fs::write(folder.path().join("as_1.aa").join(INDEX), b"{").unwrap();
        assert!(shelf.find("as_1", "aa").is_none());
        assert!(shelf.assets().is_empty());
    }

    #[test]
    fn what_was_not_asked_for_longest_makes_room() {
        let folder = tempfile::tempdir().unwrap();
        let shelf = shelf(folder.path(), 3_000);
        let old = SystemTime::UNIX_EPOCH + Duration::from_secs(1_000);
        for (age, asset) in ["as_1", "as_2"].into_iter().enumerate() {
            put(&shelf, asset, "aa", 1_000);
            let folder = File::open(folder.path().join(format!("{asset}.aa"))).unwrap();
            folder.set_modified(old + Duration::from_secs(age as u64)).unwrap();
        }
        assert!(shelf.find("as_1", "aa").is_some());
        put(&shelf, "as_3", "aa", 1_000);
        assert_eq!(shelf.assets(), ["as_1", "as_3"], "as_2 was asked for longest ago");
        put(&shelf, "as_4", "aa", 9_000);
        assert_eq!(shelf.assets(), ["as_4"], "what is larger than the shelf is there for who asked for it");
    }
}
