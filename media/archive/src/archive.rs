//! The store of recordings.

use std::fs;
use std::ops::Range;
use std::path::{Path as FilePath, PathBuf};
use std::sync::Arc;

use bytes::Bytes;
use futures_util::{FutureExt, StreamExt, TryStreamExt, stream};
use object_store::path::Path;
use object_store::{GetOptions, GetRange, ObjectStore, ObjectStoreExt};
use sigma_log::{Entry, MediaFile, Meta};
use tracing::warn;

use crate::error::ArchiveError;
use crate::following::whole;
use crate::place::{Opened, Place};

/// Requests at once where many are made.
const AT_ONCE: usize = 16;
/// A segment's file tells of itself in its last bytes: more than a thousand gaps before it.
const TAIL: u64 = 256 * 1024;
/// The largest `meta.json` or piece of an index that is read.
const MAX_READ: u64 = 64 * 1024 * 1024;

/// What is archived of a session.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Archived {
    /// Whose it is.
    pub meta: Meta,
    /// Its entries, parts left out, with the segments' checksums.
    pub entries: Vec<Entry>,
    /// Whether its index was lost, so that the segments told them.
    pub is_recovered: bool,
}

/// The store of recordings. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Archive {
    store: Arc<dyn ObjectStore>,
    prefix: String,
    /// The store's folder, where it is one.
    folder: Option<Arc<FilePath>>,
}

impl Archive {
    /// Opens the store; whether it answers shows at the first request.
    ///
    /// # Errors
    /// [`ArchiveError`] where the setting cannot be a store.
    pub fn open(place: &Place) -> Result<Self, ArchiveError> {
        let Opened { store, prefix, folder } = place.open()?;
        Ok(Self { store, prefix, folder: folder.map(Arc::from) })
    }

    /// The folder on this machine in which each session has its own; none: the store is elsewhere.
    pub fn local_sessions(&self) -> Option<PathBuf> {
        self.folder.as_ref().map(|folder| folder.join("sessions"))
    }

    fn session(&self, session: &str) -> Path {
        let root = Path::from(self.prefix.as_str());
        root.join("sessions").join(session)
    }

    fn media(&self, session: &str, file: MediaFile) -> Path {
        self.session(session).join(file.to_string())
    }

    /// Keeps whose log it is.
    ///
    /// # Errors
    /// [`ArchiveError::Store`]
    pub async fn put_meta(&self, meta: &Meta) -> Result<(), ArchiveError> {
        let text = serde_json::to_vec_pretty(meta).map_err(|error| ArchiveError::Place(error.to_string()))?;
        self.store.put(&self.session(&meta.session).join("meta.json"), text.into()).await?;
        Ok(())
    }

    /// Keeps a media file, which stands whole in the file `local`. Doing it again changes nothing.
    ///
    /// # Errors
    /// [`ArchiveError::Store`], or [`ArchiveError::Log`] where `local` cannot be read.
    pub async fn put_media(
        &self,
        session: &str,
        file: MediaFile,
        local: &FilePath,
    ) -> Result<(), ArchiveError> {
        let key = self.media(session, file);
        if let Some(folder) = &self.folder {
            let (from, to) = (local.to_owned(), folder.join(key.as_ref()));
            let linked = tokio::task::spawn_blocking(move || link(&from, &to)).await;
            if linked.is_ok_and(|linked| linked) {
                return Ok(());
            }
            // Another disk, or one that knows no links: copied.
        }
        let bytes = tokio::fs::read(local)
            .await
            .map_err(|source| sigma_log::LogError::Io { path: local.to_owned(), source })?;
        self.store.put(&key, bytes.into()).await?;
        Ok(())
    }

    /// Keeps a media file of these bytes. Doing it again changes nothing.
    ///
    /// # Errors
    /// [`ArchiveError::Store`]
    pub async fn put_made(&self, session: &str, file: MediaFile, bytes: Bytes) -> Result<(), ArchiveError> {
        self.store.put(&self.media(session, file), bytes.into()).await?;
        Ok(())
    }

    /// Keeps a piece of a session's index, which begins with the segment `first`.
    ///
    /// # Errors
    /// [`ArchiveError::Store`]
    pub async fn put_index(&self, session: &str, first: u64, entries: &[Entry]) -> Result<(), ArchiveError> {
        let key = self.session(session).join("index").join(format!("{first:020}"));
        self.store.put(&key, sigma_log::write_index(entries).into()).await?;
        Ok(())
    }

    /// What is archived of a session; none where nothing is.
    ///
    /// # Errors
    /// [`ArchiveError::Store`]
    pub async fn load(&self, session: &str) -> Result<Option<Archived>, ArchiveError> {
        let meta = match self.get(&self.session(session).join("meta.json"), None).await {
            Ok(text) => text,
            Err(error) if error.is_missing() => return Ok(None),
            Err(error) => return Err(error),
        };
        let meta: Meta = serde_json::from_slice(&meta)
            .map_err(|error| ArchiveError::Place(format!("meta.json of session {session}: {error}")))?;
        let mut pieces = self.list(&self.session(session).join("index")).await?;
        pieces.sort();
        let pieces = self.get_all(pieces, None).await?;
        let whole: Option<Vec<Vec<Entry>>> =
            pieces.iter().map(|piece| sigma_log::read_index(piece)).collect();
        let entries = whole.map(|whole| in_order(whole.into_iter().flatten()));
        Ok(Some(match entries {
            Some(entries) if !entries.is_empty() => Archived { meta, entries, is_recovered: false },
            _ => {
                let entries = self.recover(session).await?;
                if !entries.is_empty() {
                    warn!(session.id = session, "an archived index is lost: the segments tell it");
                }
                Archived { meta, is_recovered: !entries.is_empty(), entries }
            }
        }))
    }

    /// Gives what is archived of a session its end, whose log is gone; answers all entries.
    ///
    /// # Errors
    /// [`ArchiveError::Store`]
    pub async fn end(&self, archived: Archived) -> Result<Vec<Entry>, ArchiveError> {
        let Archived { meta, mut entries, is_recovered } = archived;
        if entries.last() == Some(&Entry::Ended) {
            return Ok(entries);
        }
        let next = entries.iter().rev().find_map(whole).map_or(0, |msn| msn + 1);
        let told = entries.len();
        // The newest segments come before the index tells of them.
        entries.extend(self.recover_from(&meta.session, next).await?);
        entries.push(Entry::Ended);
        let (first, untold) = if is_recovered { (0, &entries[..]) } else { (next, &entries[told..]) };
        self.put_index(&meta.session, first, untold).await?;
        Ok(entries)
    }

    /// The entries of a session as its segments alone tell them.
    ///
    /// # Errors
    /// [`ArchiveError::Store`]
    pub async fn recover(&self, session: &str) -> Result<Vec<Entry>, ArchiveError> {
        self.recover_from(session, 0).await
    }

    async fn recover_from(&self, session: &str, first: u64) -> Result<Vec<Entry>, ArchiveError> {
        let files = self.list(&self.session(session)).await?;
        let mut segments: Vec<u64> = files.iter().filter_map(|key| msn(key.filename()?)).collect();
        segments.retain(|msn| *msn >= first);
        segments.sort_unstable();
        let keys = segments.into_iter().map(|msn| self.media(session, MediaFile::Segment(msn))).collect();
        let tails = self.get_all(keys, Some(GetRange::Suffix(TAIL))).await?;
        Ok(in_order(tails.iter().filter_map(|tail| sigma_log::entries_in_tail(tail)).flatten()))
    }

    /// Reads a range of a media file.
    ///
    /// # Errors
    /// [`ArchiveError::Store`]; [`ArchiveError::is_missing`] where there is no such file.
    pub async fn read(
        &self,
        session: &str,
        file: MediaFile,
        range: Range<u64>,
    ) -> Result<Bytes, ArchiveError> {
        Ok(self.store.get_range(&self.media(session, file), range).await?)
    }

    /// The first `len` bytes of a media file, held against their checksum.
    ///
    /// # Errors
    /// [`ArchiveError::Store`], or [`ArchiveError::Bent`].
    pub async fn read_whole(
        &self,
        session: &str,
        file: MediaFile,
        len: u64,
        crc32: Option<u32>,
    ) -> Result<Bytes, ArchiveError> {
        let bytes = self.read(session, file, 0..len).await?;
        if bytes.len() as u64 == len && crc32.is_none_or(|sum| crc32fast::hash(&bytes) == sum) {
            return Ok(bytes);
        }
        Err(ArchiveError::Bent { session: session.to_owned(), file: file.to_string() })
    }

    /// The sessions of which something is archived.
    ///
    /// # Errors
    /// [`ArchiveError::Store`]
    pub async fn sessions(&self) -> Result<Vec<String>, ArchiveError> {
        let root = Path::from(self.prefix.as_str()).join("sessions");
        let listed = self.store.list_with_delimiter(Some(&root)).await?;
        let names = listed.common_prefixes.iter().filter_map(|prefix| prefix.filename());
        Ok(names.map(str::to_owned).collect())
    }

    /// Removes a session's segments, and what was made for edges of cuts, but for those that `is_kept` names: it is told of
    /// each when it was written, in microseconds since the Unix epoch. All of the session goes where it keeps none. Answers
    /// how many files went.
    ///
    /// # Errors
    /// [`ArchiveError::Store`]: the next time the rest goes.
    pub async fn thin_out(
        &self,
        session: &str,
        is_kept: impl Fn(MediaFile, i64) -> bool,
        all: bool,
    ) -> Result<usize, ArchiveError> {
        let prefix = self.session(session);
        let files: Vec<_> = self.store.list(Some(&prefix)).try_collect().await?;
        let doomed = files.into_iter().filter(|object| {
            let file = object.location.filename().and_then(|name| name.parse::<MediaFile>().ok());
            let written = object.last_modified.timestamp_micros();
            let may_go = file.filter(|file| !matches!(file, MediaFile::Init(_)));
            all || may_go.is_some_and(|file| !is_kept(file, written))
        });
        let doomed: Vec<_> = doomed.map(|object| Ok(object.location)).collect();
        let gone = self.store.delete_stream(stream::iter(doomed).boxed());
        let gone: Vec<_> = gone.collect().await;
        let mut removed = 0;
        for one in gone {
            match one {
                Ok(_) => removed += 1,
                Err(object_store::Error::NotFound { .. }) => {}
                Err(error) => return Err(error.into()),
            }
        }
        Ok(removed)
    }

    async fn get(&self, key: &Path, range: Option<GetRange>) -> Result<Bytes, ArchiveError> {
        let result = self.store.get_opts(key, GetOptions { range, ..GetOptions::default() }).await?;
        let length = result.range.end - result.range.start;
        if length > MAX_READ {
            return Err(ArchiveError::Place(format!("{key} has {length} bytes: that is none of ours")));
        }
        Ok(result.bytes().await?)
    }

    /// Many, in their order.
    async fn get_all(&self, keys: Vec<Path>, range: Option<GetRange>) -> Result<Vec<Bytes>, ArchiveError> {
        let mut all = Vec::with_capacity(keys.len());
        // Boxed: of a closure that borrows, the compiler does not see that what it makes may be sent.
        let asked = keys.into_iter().map(|key| {
            let (archive, range) = (self.clone(), range.clone());
            async move { archive.get(&key, range).await }.boxed()
        });
        let mut answers = stream::iter(asked.collect::<Vec<_>>()).buffered(AT_ONCE);
        while let Some(answer) = answers.next().await {
            all.push(answer?);
        }
        Ok(all)
    }

    async fn list(&self, prefix: &Path) -> Result<Vec<Path>, ArchiveError> {
        Ok(self.store.list(Some(prefix)).map_ok(|object| object.location).try_collect().await?)
    }
}

/// The number of a segment's file.
fn msn(name: &str) -> Option<u64> {
    name.strip_suffix(".m4s")?.parse().ok()
}

/// Entries that came twice, for a piece was written again after a crash, are there once.
fn in_order(entries: impl Iterator<Item = Entry>) -> Vec<Entry> {
    let (mut next, mut kept, mut run) = (0, Vec::new(), Vec::new());
    for entry in entries {
        let whole = whole(&entry);
        run.push(entry);
        if let Some(msn) = whole {
            if msn >= next {
                next = msn + 1;
                kept.append(&mut run);
            }
            run.clear();
        }
    }
    kept.append(&mut run);
    kept
}

/// Makes a second name for a file; false where that cannot be.
fn link(from: &PathBuf, to: &PathBuf) -> bool {
    let has_folder = to.parent().is_some_and(|folder| fs::create_dir_all(folder).is_ok());
    has_folder
        && match fs::hard_link(from, to) {
            Ok(()) => true,
            Err(error) => error.kind() == std::io::ErrorKind::AlreadyExists,
        }
}
