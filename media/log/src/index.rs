//! The framing of the index file: a header, then records of length, checksum and entry.

use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};

use crate::entry::Entry;
use crate::error::LogError;

/// The index's name.
pub(crate) const INDEX: &str = "index";

/// The first bytes of an index; the digit is the version of the framing.
pub(crate) const HEADER: &[u8; 8] = b"sigmlog1";

/// Length (2 bytes) and CRC-32 (4 bytes), little-endian, before each entry.
const FRAME: usize = 6;

/// The longest entry that is written or believed: an init section's, whose codecs string is short.
pub(crate) const MAX_ENTRY: usize = 4_096;

/// Appends one record. `false`, and nothing appended, where the entry is longer than [`MAX_ENTRY`].
pub(crate) fn write(entry: &Entry, out: &mut Vec<u8>) -> bool {
    let start = out.len();
    out.extend_from_slice(&[0; FRAME]);
    entry.encode(out);
    let payload = &out[start + FRAME..];
    let (Ok(len), true) = (u16::try_from(payload.len()), payload.len() <= MAX_ENTRY) else {
        out.truncate(start);
        return false;
    };
    let sum = crc32fast::hash(payload);
    out[start..start + 2].copy_from_slice(&len.to_le_bytes());
    out[start + 2..start + FRAME].copy_from_slice(&sum.to_le_bytes());
    true
}

/// Reads an index as it grows, holding no file open.
#[derive(Debug)]
pub struct IndexTail {
    path: PathBuf,
    at: u64,
}

impl IndexTail {
    /// From the first entry of the log in `dir`.
    pub fn new(dir: &Path) -> Self {
        Self { path: dir.join(INDEX), at: HEADER.len() as u64 }
    }

    /// The entries that are whole and were not read yet.
    ///
    /// # Errors
    /// [`LogError::Io`], or [`LogError::Foreign`] at an entry that this version does not know.
    pub fn read(&mut self) -> Result<Vec<Entry>, LogError> {
        let fail = |error| LogError::io(self.path.clone(), error);
        let mut file = File::open(&self.path).map_err(fail)?;
        // The walk steps over the header, so that one stands before what is read.
        let mut bytes = HEADER.to_vec();
        file.seek(SeekFrom::Start(self.at)).map_err(fail)?;
        file.read_to_end(&mut bytes).map_err(fail)?;
        let mut entries = Vec::new();
        match read(&bytes, |entry, _| entries.push(entry)) {
            Tail::Torn { good } => {
                self.at += (good - HEADER.len()) as u64;
                Ok(entries)
            }
            Tail::Unknown { at } => Err(LogError::Foreign {
                path: self.path.clone(),
                reason: format!("unknown entry at byte {}", self.at + (at - HEADER.len()) as u64),
            }),
        }
    }
}

/// Why a walk over the records ended.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Tail {
    /// At the end of the file, or at a record that was not written whole: all before `good` holds.
    Torn {
        /// How many bytes are whole records.
        good: usize,
    },
    /// At a whole record that this version does not know.
    Unknown {
        /// Where it begins.
        at: usize,
    },
}

/// The bytes of an index of its own with these entries.
pub fn write_all<'a>(entries: impl IntoIterator<Item = &'a Entry>) -> Vec<u8> {
    let mut bytes = HEADER.to_vec();
    for entry in entries {
        write(entry, &mut bytes);
    }
    bytes
}

/// The entries of an index, as far as they are whole; none where it is no index of this version.
pub fn read_all(bytes: &[u8]) -> Option<Vec<Entry>> {
    let mut entries = Vec::new();
    if !bytes.starts_with(HEADER) {
        return None;
    }
    match read(bytes, |entry, _| entries.push(entry)) {
        Tail::Torn { .. } => Some(entries),
        Tail::Unknown { .. } => None,
    }
}

/// Walks the records of an index (header included), handing each entry and the offset behind it to `each`.
pub(crate) fn read(bytes: &[u8], mut each: impl FnMut(Entry, usize)) -> Tail {
    let mut at = HEADER.len();
    loop {
        let Some((frame, rest)) = bytes.get(at..).and_then(|rest| rest.split_first_chunk::<FRAME>()) else {
            return Tail::Torn { good: at };
        };
        let len = usize::from(u16::from_le_bytes([frame[0], frame[1]]));
        let sum = u32::from_le_bytes([frame[2], frame[3], frame[4], frame[5]]);
        let Some(payload) = rest.get(..len) else { return Tail::Torn { good: at } };
        if len == 0 || len > MAX_ENTRY || crc32fast::hash(payload) != sum {
            return Tail::Torn { good: at };
        }
        let Some(entry) = Entry::decode(payload) else { return Tail::Unknown { at } };
        at += FRAME + len;
        each(entry, at);
    }
}
