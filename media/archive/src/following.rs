//! One session's way into the archive: what its log has closed goes there, in order, behind the live path.

use std::collections::VecDeque;
use std::path::{Path, PathBuf};
use std::time::Duration;

use sigma_clock::{Instant, monotonic};
use sigma_log::{Entry, IndexTail, MediaFile, Meta};
use tracing::warn;

use crate::archive::Archive;
use crate::error::ArchiveError;

/// A piece of the index tells of so many segments …
const PIECE: usize = 64;
/// … or of so long.
const PIECE_AFTER: Duration = Duration::from_secs(60);

/// What a step came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// All that is closed is there; more may follow.
    UpToDate,
    /// The session has ended, and all of it is there.
    Whole,
}

/// Follows one session's log. Dropped and made anew it goes on where the archive ends.
#[derive(Debug)]
pub struct Following {
    archive: Archive,
    meta: Meta,
    folder: PathBuf,
    log: IndexTail,
    /// Entries that are not in the archive, oldest first; parts left out.
    waiting: VecDeque<Entry>,
    waiting_bytes: u64,
    /// What the next piece of the index tells.
    piece: Vec<Entry>,
    piece_segments: usize,
    piece_since: Option<Instant>,
    /// The first segment that no piece of the index tells of.
    told: u64,
    /// The first segment whose media is not in the archive.
    next: u64,
    is_whole: bool,
    archived_bytes: u64,
}

impl Following {
    /// Follows the log in `folder`.
    ///
    /// # Errors
    /// [`ArchiveError`] where the archive or the log does not answer.
    pub async fn begin(archive: &Archive, folder: &Path) -> Result<Self, ArchiveError> {
        let meta = Meta::read(folder)?;
        let archived = archive.load(&meta.session).await?;
        if archived.is_none() {
            archive.put_meta(&meta).await?;
        }
        if let Some(lost) = archived.as_ref().filter(|archived| archived.is_recovered) {
            archive.put_index(&meta.session, 0, &lost.entries).await?;
        }
        let entries = archived.map(|archived| archived.entries).unwrap_or_default();
        let next = entries.iter().rev().find_map(whole).map_or(0, |msn| msn + 1);
        let is_whole = entries.last() == Some(&Entry::Ended);
        Ok(Self {
            archive: archive.clone(),
            meta,
            folder: folder.to_owned(),
            log: IndexTail::new(folder),
            waiting: VecDeque::new(),
            waiting_bytes: 0,
            piece: Vec::new(),
            piece_segments: 0,
            piece_since: None,
            told: next,
            next,
            is_whole,
            archived_bytes: 0,
        })
    }

    /// The first segment that the archive does not have, told of in its index.
    pub fn archived_to(&self) -> u64 {
        self.told
    }

    /// Bytes of segments that wait for the archive.
    pub fn waiting_bytes(&self) -> u64 {
        self.waiting_bytes
    }

    /// Bytes of segments that went into the archive since this began.
    pub fn archived_bytes(&self) -> u64 {
        self.archived_bytes
    }

    /// Archives what has been closed since the last step. After an error it goes on where it was.
    ///
    /// # Errors
    /// [`ArchiveError`]
    pub async fn step(&mut self) -> Result<Step, ArchiveError> {
        if self.is_whole {
            return Ok(Step::Whole);
        }
        self.look()?;
        while let Some(entry) = self.waiting.front() {
            match entry {
                Entry::Init { init, .. } => {
                    let file = MediaFile::Init(*init);
                    self.archive.put_media(&self.meta.session, file, &self.local(file)).await?;
                }
                Entry::Segment { msn, len, .. } => {
                    let (msn, len) = (*msn, *len);
                    self.put_segment(msn).await?;
                    self.waiting_bytes -= len;
                    self.archived_bytes += len;
                }
                _ => {}
            }
            if let Some(entry) = self.waiting.pop_front() {
                self.tell(entry);
            }
            if self.piece_segments >= PIECE {
                self.write_piece().await?;
            }
        }
        let is_over = self.piece.last() == Some(&Entry::Ended);
        if is_over || self.piece_since.is_some_and(|since| since.elapsed() >= PIECE_AFTER) {
            self.write_piece().await?;
        }
        if is_over {
            self.is_whole = true;
            return Ok(Step::Whole);
        }
        Ok(Step::UpToDate)
    }

    /// Gives up the oldest segments that wait, until no more than `bytes` wait, and says how many: they are gaps in what is
    /// kept. The newest `spare` segments stay: viewers have them.
    pub fn give_up(&mut self, bytes: u64, spare: u64) -> u64 {
        let newest = self.waiting.iter().rev().find_map(whole).unwrap_or(0);
        let mut given_up = 0;
        for entry in &mut self.waiting {
            if self.waiting_bytes <= bytes {
                break;
            }
            if let Entry::Segment { msn, duration, len, .. } = entry
                && *msn + spare < newest
            {
                let file = MediaFile::Segment(*msn);
                self.waiting_bytes -= *len;
                given_up += 1;
                *entry = Entry::GapSegment { msn: *msn, duration: *duration };
                // What cannot be removed is swept with its folder.
                let _ = std::fs::remove_file(self.folder.join(file.to_string()));
            }
        }
        given_up
    }

    /// Takes in what is new in the log.
    fn look(&mut self) -> Result<(), ArchiveError> {
        for entry in self.log.read()? {
            let is_known = match &entry {
                Entry::Part { .. } | Entry::GapPart { .. } => true,
                Entry::Segment { msn, .. } | Entry::GapSegment { msn, .. } => *msn < self.next,
                _ => false,
            };
            if is_known {
                // Its own entries, up to it, are in the archive too.
                if whole(&entry).is_some() {
                    self.waiting.clear();
                }
                continue;
            }
            if let Entry::Segment { len, .. } = &entry {
                self.waiting_bytes += len;
            }
            self.waiting.push_back(entry);
        }
        Ok(())
    }

    async fn put_segment(&mut self, msn: u64) -> Result<(), ArchiveError> {
        let file = MediaFile::Segment(msn);
        let local = self.local(file);
        if !local.exists() {
            // Swept, or lost with the disk: what is missing is told.
            warn!(session.id = %self.meta.session, msn, "a segment is gone before it was archived");
            if let Some(entry @ Entry::Segment { .. }) = self.waiting.front_mut()
                && let Entry::Segment { msn, duration, .. } = *entry
            {
                *entry = Entry::GapSegment { msn, duration };
            }
            return Ok(());
        }
        self.archive.put_media(&self.meta.session, file, &local).await
    }

    /// Puts an entry, which stands in the archive now, into the next piece of the index.
    fn tell(&mut self, entry: Entry) {
        if let Entry::Segment { msn, .. } = &entry {
            let told = sigma_log::read_tail(&self.local(MediaFile::Segment(*msn)));
            let sum = told.into_iter().flatten().find(|told| matches!(told, Entry::Sum { .. }));
            self.piece.extend(sum);
        }
        if let Some(msn) = whole(&entry) {
            self.next = msn + 1;
            self.piece_segments += 1;
            self.piece_since.get_or_insert_with(monotonic);
        }
        self.piece.push(entry);
    }

    /// Writes the piece of the index, all of whose media stands. What follows the last whole segment waits for the next.
    async fn write_piece(&mut self) -> Result<(), ArchiveError> {
        self.archive.put_index(&self.meta.session, self.told, &self.piece).await?;
        self.piece.clear();
        (self.piece_segments, self.piece_since, self.told) = (0, None, self.next);
        Ok(())
    }

    fn local(&self, file: MediaFile) -> PathBuf {
        self.folder.join(file.to_string())
    }
}

/// The segment that an entry closes.
pub(crate) fn whole(entry: &Entry) -> Option<u64> {
    match entry {
        Entry::Segment { msn, .. } | Entry::GapSegment { msn, .. } => Some(*msn),
        _ => None,
    }
}
