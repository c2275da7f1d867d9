//! The log's writer.

use std::collections::{HashMap, VecDeque};
use std::fs::{self, File, OpenOptions};
use std::io::{Read, Write};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use bytes::Bytes;

use crate::entry::Entry;
use crate::error::LogError;
use crate::index::{self, INDEX, Tail};
use crate::media::{self, EntryRef, LogReader, MediaFile};
use crate::meta::Meta;
use crate::trailer;

/// How many entries the log owes to a disk that refuses them before it gives up: some 7 h of 0.5 s parts.
const MAX_OWED: usize = 65_536;
/// How much of a segment that was being written is read at once.
const READ: usize = 256 * 1024;
/// How many segments back, at opening, the media is held against the index: what a power cut can have lost.
const PROVEN_SEGMENTS: usize = 64;

/// The writer of a rendition's segment log. One to a folder. Its calls block on the file system.
#[derive(Debug)]
pub struct SegmentLog {
    dir: PathBuf,
    index: File,
    index_len: u64,
    media: Option<OpenMedia>,
    /// The file of the segment that ended last: its descriptor is given back only for the next segment's, so that a process
    /// that has none left goes on writing.
    ended: Option<File>,
    spoiled: Option<u64>,
    /// The entries since the last whole segment, parts left out: what the next segment's file tells.
    untold: Vec<Entry>,
    owed: VecDeque<Owed>,
    gave_up: bool,
}

#[derive(Debug)]
struct OpenMedia {
    msn: u64,
    file: File,
    len: u64,
    sum: crc32fast::Hasher,
}

/// An entry that the disk refused; an init section keeps its bytes, for nothing plays without it.
#[derive(Debug)]
struct Owed {
    entry: Entry,
    bytes: Vec<Bytes>,
}

/// A log read back from disk.
#[derive(Debug)]
pub struct Opened {
    /// The writer, which goes on at the log's end.
    pub log: SegmentLog,
    /// Whose log it is.
    pub meta: Meta,
    /// All entries, oldest first.
    pub entries: Vec<Entry>,
    /// How many bytes of the index were cut because they, or the media they speak of, were not written whole.
    pub cut: u64,
}

impl SegmentLog {
    /// Makes a log in the folder `dir`, which is made too and must hold none.
    ///
    /// # Errors
    /// [`LogError::Full`] or [`LogError::Io`]; `AlreadyExists` where there is a log.
    pub fn create(dir: &Path, meta: &Meta) -> Result<Self, LogError> {
        fs::create_dir_all(dir).map_err(|error| LogError::io(dir, error))?;
        let path = dir.join(INDEX);
        let mut index = OpenOptions::new()
            .write(true)
            .create_new(true)
            .open(&path)
            .map_err(|error| LogError::io(&path, error))?;
        index.write_all(index::HEADER).map_err(|error| LogError::io(&path, error))?;
        meta.write(dir)?;
        Ok(Self::at(dir, index, index::HEADER.len() as u64))
    }

    /// Opens the log in `dir`, cutting what a crash left unfinished: a torn record at the index's end, media without
    /// its entry, and entries whose media is not there.
    ///
    /// # Errors
    /// [`LogError::Io`], or [`LogError::Foreign`] where the files are not a log of this version.
    pub fn open(dir: &Path) -> Result<Opened, LogError> {
        let meta = Meta::read(dir)?;
        let path = dir.join(INDEX);
        let fail = |error| LogError::io(path.clone(), error);
        let foreign = |reason: String| LogError::Foreign { path: path.clone(), reason };
        let mut index = OpenOptions::new().read(true).write(true).open(&path).map_err(fail)?;
        let mut bytes = Vec::new();
        index.read_to_end(&mut bytes).map_err(fail)?;
        if !bytes.starts_with(index::HEADER) {
            return Err(foreign("unknown header".into()));
        }
        let mut entries = Vec::new();
        let mut ends = Vec::new();
        let whole = match index::read(&bytes, |entry, end| {
            entries.push(entry);
            ends.push(end);
        }) {
            Tail::Torn { good } => good,
            Tail::Unknown { at } => return Err(foreign(format!("unknown entry at byte {at}"))),
        };
        // A log with its end was whole, and may have lost since what nobody needs.
        let has_end = entries.last() == Some(&Entry::Ended);
        let proven = if has_end { entries.len() } else { proven_entries(&LogReader::new(dir), &entries)? };
        entries.truncate(proven);
        let good = match proven.checked_sub(1).and_then(|last| ends.get(last)) {
            Some(&end) => end.min(whole),
            None => index::HEADER.len(),
        };
        let cut = (bytes.len() - good) as u64;
        if cut > 0 {
            index.set_len(good as u64).map_err(fail)?;
        }
        let mut log = Self::at(dir, index, good as u64);
        let told = entries.iter().rposition(|entry| matches!(entry, Entry::Segment { .. }));
        let since = &entries[told.map_or(0, |last| last + 1)..];
        log.untold = since.iter().filter(|entry| is_told(entry)).cloned().collect();
        log.resume_open_segment(&entries)?;
        Ok(Opened { log, meta, entries, cut })
    }

    /// Reads the entries of the log in `dir` as they stand, oldest first, and changes nothing: also of one that is being
    /// written.
    ///
    /// # Errors
    /// [`LogError::Io`], or [`LogError::Foreign`] where the file is no index of this version.
    pub fn read(dir: &Path) -> Result<Vec<Entry>, LogError> {
        let path = dir.join(INDEX);
        let bytes = fs::read(&path).map_err(|error| LogError::io(&path, error))?;
        let foreign = |reason: String| LogError::Foreign { path: path.clone(), reason };
        if !bytes.starts_with(index::HEADER) {
            return Err(foreign("unknown header".into()));
        }
        let mut entries = Vec::new();
        match index::read(&bytes, |entry, _| entries.push(entry)) {
            Tail::Torn { .. } => Ok(entries),
            Tail::Unknown { at } => Err(foreign(format!("unknown entry at byte {at}"))),
        }
    }

    fn at(dir: &Path, index: File, index_len: u64) -> Self {
        Self {
            dir: dir.to_owned(),
            index,
            index_len,
            media: None,
            ended: None,
            spoiled: None,
            untold: Vec::new(),
            owed: VecDeque::new(),
            gave_up: false,
        }
    }

    /// A reader of this log's media.
    pub fn reader(&self) -> LogReader {
        LogReader::new(&self.dir)
    }

    /// The log's folder.
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// Appends an entry: its media first, then its line of the index. When it returns `Ok` the entry may be listed.
    /// `bytes` is an init section's or a part's media and empty for every other entry; the answer says where it stands.
    ///
    /// # Errors
    /// [`LogError::Full`] and [`LogError::Io`] when the disk refuses; the entry is then kept and written later (its
    /// media, but for an init section, is not: that segment becomes a gap in the log, and its later parts are
    /// answered [`LogError::Incomplete`]). [`LogError::GaveUp`] when that has gone on for too long.
    pub fn append(&mut self, entry: &Entry, bytes: &[Bytes]) -> Result<Option<EntryRef>, LogError> {
        if self.gave_up {
            return Err(LogError::GaveUp { path: self.dir.clone() });
        }
        let settled = self.settle();
        match entry {
            Entry::Part { msn, part, offset, len, .. } => {
                if self.spoiled == Some(*msn) {
                    return Err(LogError::Incomplete { msn: *msn });
                }
                let written = settled.and_then(|()| self.write_part(*msn, *part, *offset, bytes));
                if let Err(error) = written.and_then(|()| self.write_entry(entry)) {
                    self.spoil(*msn);
                    return Err(error);
                }
                Ok(Some(EntryRef { file: MediaFile::Segment(*msn), offset: *offset, len: *len }))
            }
            Entry::Init { init, len, .. } => {
                let written = settled
                    .and_then(|()| self.write_init(*init, bytes))
                    .and_then(|()| self.write_entry(entry));
                if let Err(error) = written {
                    self.owe(entry.clone(), bytes.to_vec());
                    return Err(error);
                }
                Ok(Some(EntryRef { file: MediaFile::Init(*init), offset: 0, len: *len }))
            }
            Entry::Segment { msn, duration, .. } if self.spoiled == Some(*msn) => {
                let gap = Entry::GapSegment { msn: *msn, duration: *duration };
                self.spoiled = None;
                if let Err(error) = settled.and_then(|()| self.write_entry(&gap)) {
                    self.owe(gap, Vec::new());
                    return Err(error);
                }
                Err(LogError::Incomplete { msn: *msn })
            }
            Entry::Segment { msn, len, .. } => {
                let written = settled
                    .and_then(|()| self.write_trailer(*msn, entry))
                    .and_then(|()| self.write_entry(entry));
                if let Err(error) = written {
                    self.owe(entry.clone(), Vec::new());
                    return Err(error);
                }
                self.ended = self.media.take().map(|media| media.file);
                Ok(Some(EntryRef { file: MediaFile::Segment(*msn), offset: 0, len: *len }))
            }
            _ => {
                if let Err(error) = settled.and_then(|()| self.write_entry(entry)) {
                    self.owe(entry.clone(), Vec::new());
                    return Err(error);
                }
                Ok(None)
            }
        }
    }

    /// Takes account of an entry whose media memory could not hold for a disk that hangs, as if the disk had refused it.
    ///
    /// # Errors
    /// [`LogError::Incomplete`] of a part, whose segment becomes a gap; else as [`SegmentLog::append`].
    pub fn forgo(&mut self, entry: &Entry, bytes: &[Bytes]) -> Result<(), LogError> {
        match entry {
            Entry::Part { msn, .. } => {
                if self.spoiled != Some(*msn) {
                    self.spoil(*msn);
                }
                Err(LogError::Incomplete { msn: *msn })
            }
            _ => self.append(entry, bytes).map(|_| ()),
        }
    }

    /// Tries to write what the disk refused before. Every append does so too.
    fn settle(&mut self) -> Result<(), LogError> {
        while let Some(owed) = self.owed.pop_front() {
            let written = match &owed.entry {
                Entry::Init { init, .. } => self.write_init(*init, &owed.bytes),
                _ => Ok(()),
            };
            if let Err(error) = written.and_then(|()| self.write_entry(&owed.entry)) {
                self.owed.push_front(owed);
                return Err(error);
            }
        }
        Ok(())
    }

    fn owe(&mut self, entry: Entry, bytes: Vec<Bytes>) {
        if self.owed.len() >= MAX_OWED {
            self.gave_up = true;
            self.owed.clear();
        } else {
            self.owed.push_back(Owed { entry, bytes });
        }
    }

    /// Gives a segment up. Its file goes, so that nobody takes half of it for the whole, and the disk gets room.
    fn spoil(&mut self, msn: u64) {
        self.spoiled = Some(msn);
        (self.media, self.ended) = (None, None);
        // Best effort: a file that stays is ignored, since the index calls the segment a gap.
        let _ = fs::remove_file(self.reader().path(MediaFile::Segment(msn)));
    }

    fn write_part(&mut self, msn: u64, part: u32, offset: u64, bytes: &[Bytes]) -> Result<(), LogError> {
        // Its name is made where it is needed: once a segment, not with each part.
        let fail = |error| LogError::io(self.dir.join(MediaFile::Segment(msn).to_string()), error);
        let mut media = match self.media.take().filter(|media| media.msn == msn) {
            Some(media) => media,
            None => {
                self.ended = None;
                let path = self.dir.join(MediaFile::Segment(msn).to_string());
                let file =
                    OpenOptions::new().write(true).create(true).truncate(true).open(path).map_err(fail)?;
                OpenMedia { msn, file, len: 0, sum: crc32fast::Hasher::new() }
            }
        };
        if media.len != offset {
            return Err(LogError::Misplaced { msn, part, offset, end: media.len });
        }
        media::write_all(&mut media.file, bytes).map_err(fail)?;
        for slice in bytes {
            media.len += slice.len() as u64;
            media.sum.update(slice);
        }
        self.media = Some(media);
        Ok(())
    }

    fn write_init(&self, init: u32, bytes: &[Bytes]) -> Result<(), LogError> {
        let path = self.reader().path(MediaFile::Init(init));
        let fail = |error| LogError::io(path.clone(), error);
        let mut file = File::create(&path).map_err(fail)?;
        media::write_all(&mut file, bytes).map_err(fail)
    }

    /// Behind the media of a segment that is whole: all entries since the last one, and its checksum.
    fn write_trailer(&self, msn: u64, segment: &Entry) -> Result<(), LogError> {
        let Some(media) = self.media.as_ref().filter(|media| media.msn == msn) else { return Ok(()) };
        let mut told = self.untold.clone();
        told.extend([Entry::Sum { msn, crc32: media.sum.clone().finalize() }, segment.clone()]);
        let fail = |error| LogError::io(self.reader().path(MediaFile::Segment(msn)), error);
        media.file.write_all_at(&trailer::write(&told), media.len).map_err(fail)
    }

    fn write_entry(&mut self, entry: &Entry) -> Result<(), LogError> {
        let mut record = Vec::with_capacity(64);
        if !index::write(entry, &mut record) {
            return Err(LogError::Foreign { path: self.dir.join(INDEX), reason: "entry too long".into() });
        }
        match self.index.write_all_at(&record, self.index_len) {
            Ok(()) => {
                self.index_len += record.len() as u64;
                match entry {
                    Entry::Segment { .. } => self.untold.clear(),
                    entry if is_told(entry) => self.untold.push(entry.clone()),
                    _ => {}
                }
                Ok(())
            }
            Err(error) => {
                // Best effort: half a record would be cut at the next opening anyway, and is overwritten before that.
                let _ = self.index.set_len(self.index_len);
                Err(LogError::io(self.dir.join(INDEX), error))
            }
        }
    }

    /// Makes the file of the segment that was being written end where the index says, ready to go on.
    fn resume_open_segment(&mut self, entries: &[Entry]) -> Result<(), LogError> {
        let open = entries.iter().rev().find_map(|entry| match entry {
            Entry::Part { msn, offset, len, .. } => Some(Some((*msn, offset + len))),
            Entry::Segment { .. } | Entry::GapSegment { .. } | Entry::GapPart { .. } | Entry::Ended => {
                Some(None)
            }
            _ => None,
        });
        let Some(Some((msn, len))) = open else { return Ok(()) };
        let path = self.reader().path(MediaFile::Segment(msn));
        let fail = |error| LogError::io(path.clone(), error);
        let mut file = OpenOptions::new().read(true).write(true).open(&path).map_err(fail)?;
        file.set_len(len).map_err(fail)?;
        let mut sum = crc32fast::Hasher::new();
        let mut bytes = vec![0; READ];
        loop {
            match file.read(&mut bytes).map_err(fail)? {
                0 => break,
                count => sum.update(&bytes[..count]),
            }
        }
        self.media = Some(OpenMedia { msn, file, len, sum });
        Ok(())
    }
}

/// Whether a segment's file tells of it: all that an index without parts has.
fn is_told(entry: &Entry) -> bool {
    !matches!(entry, Entry::Part { .. } | Entry::GapPart { .. })
}

/// How many entries, from the first, have their media whole on disk. Holds the last [`PROVEN_SEGMENTS`] and every init
/// section against their files.
fn proven_entries(reader: &LogReader, entries: &[Entry]) -> Result<usize, LogError> {
    let mut closed = 0;
    let from = entries
        .iter()
        .rposition(|entry| {
            closed += usize::from(matches!(entry, Entry::Segment { .. }));
            closed > PROVEN_SEGMENTS
        })
        .unwrap_or(0);
    // A segment that was given up has parts in the index and no file.
    let void: std::collections::HashSet<u64> = entries[from..]
        .iter()
        .filter_map(|entry| match entry {
            Entry::GapSegment { msn, .. } => Some(*msn),
            _ => None,
        })
        .collect();
    let mut sizes: HashMap<u64, u64> = HashMap::new();
    for (position, entry) in entries.iter().enumerate() {
        let whole = match entry {
            Entry::Init { init, len, .. } => {
                reader.whole(MediaFile::Init(*init))?.is_some_and(|file| file.len >= *len)
            }
            Entry::Part { msn, offset, len, .. } if position >= from && !void.contains(msn) => {
                let size = match sizes.get(msn) {
                    Some(&size) => size,
                    None => reader.whole(MediaFile::Segment(*msn))?.map_or(0, |file| file.len),
                };
                sizes.insert(*msn, size);
                size >= offset + len
            }
            _ => true,
        };
        if !whole {
            return Ok(position);
        }
    }
    Ok(entries.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_log_that_owes_too_much_gives_up() {
        let folder = tempfile::tempdir().unwrap();
        let meta = Meta {
            session: "se_1".into(),
            channel: "ch_1".into(),
            playback_id: "p".into(),
            mode: "LOW".into(),
            part_target_ms: None,
            segment_target_ms: 2_000,
            created_us: 0,
            rewind_ms: None,
            keeps: true,
            extra: Default::default(),
        };
        let mut log = SegmentLog::create(&folder.path().join("se_1"), &meta).unwrap();
        // An index that cannot be written, as on a disk gone read-only.
        log.index = File::open(log.dir().join(INDEX)).unwrap();
        let entry = Entry::GapSegment { msn: 0, duration: 1 };
        for _ in 0..=MAX_OWED {
            assert!(matches!(log.append(&entry, &[]), Err(LogError::Io { .. })));
        }
        assert!(matches!(log.append(&entry, &[]), Err(LogError::GaveUp { .. })));
    }
}
