//! What a segment's file says of itself, behind its media: with it an index can be made anew from the segments alone.
//!
//! A box that players skip (`uuid`, ISO/IEC 14496-12 §11.1): all entries since the segment before, parts left out, and the
//! segment's own. It is no part of the segment that viewers are sent, whose length stands in the index.

use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::path::Path;

use crate::entry::Entry;
use crate::index;

/// The box's kind, made once at random.
const KIND: [u8; 16] =
    [0x8e, 0x51, 0x0f, 0x5a, 0x2b, 0x6d, 0x4c, 0x0e, 0x9d, 0x27, 0x53, 0x69, 0x67, 0x6d, 0x61, 0x01];
/// Size, `uuid` and the kind.
const HEAD: usize = 8 + 16;

/// The box with these entries.
pub(crate) fn write(entries: &[Entry]) -> Vec<u8> {
    let records = index::write_all(entries);
    let size = u32::try_from(HEAD + records.len()).unwrap_or(u32::MAX);
    let mut trailer = Vec::with_capacity(HEAD + records.len());
    trailer.extend_from_slice(&size.to_be_bytes());
    trailer.extend_from_slice(b"uuid");
    trailer.extend_from_slice(&KIND);
    trailer.extend_from_slice(&records);
    trailer
}

/// How much of a file's end holds what it tells.
const TAIL: u64 = 256 * 1024;

/// The entries that a segment's file tells, oldest first, from its last bytes; none where it tells none.
pub fn entries_in_tail(tail: &[u8]) -> Option<Vec<Entry>> {
    let begins = |at: &usize| {
        let size = tail.get(*at..at + 4).and_then(|size| size.try_into().ok()).map_or(0, u32::from_be_bytes);
        tail.get(at + 4..at + 8) == Some(b"uuid")
            && tail.get(at + 8..at + HEAD) == Some(&KIND[..])
            && usize::try_from(size).is_ok_and(|size| at + size == tail.len())
    };
    let at = (0..tail.len().saturating_sub(HEAD - 1)).rev().find(begins)?;
    index::read_all(&tail[at + HEAD..])
}

/// The entries that a segment's file tells; none where there is no such file, or it tells none.
pub fn read_tail(path: &Path) -> Option<Vec<Entry>> {
    let mut file = File::open(path).ok()?;
    let length = file.metadata().ok()?.len();
    file.seek(SeekFrom::Start(length.saturating_sub(TAIL))).ok()?;
    let mut tail = Vec::new();
    file.take(TAIL).read_to_end(&mut tail).ok()?;
    entries_in_tail(&tail)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told() -> Vec<Entry> {
        vec![
            Entry::Discontinuity,
            Entry::Sum { msn: 7, crc32: 0xdead_beef },
            Entry::Segment { msn: 7, duration: 180_000, parts: 4, len: 99, independent: true },
        ]
    }

    #[test]
    fn what_a_file_tells_is_found_behind_its_media() {
        let mut file = [0, 0, 0, 12, b'm', b'o', b'o', b'f', 1, 2, 3, 4].to_vec();
        file.extend_from_slice(&[0, 0, 0, 1, b'm', b'd', b'a', b't', 0, 0, 0, 0, 0, 0, 0, 17, 9]);
        assert_eq!(entries_in_tail(&file), None);
        file.extend_from_slice(&write(&told()));
        assert_eq!(entries_in_tail(&file), Some(told()));
        assert_eq!(entries_in_tail(&file[20..]), Some(told()), "its last bytes are enough");
    }

    #[test]
    fn rubbish_tells_nothing_and_never_panics() {
        let mut file = write(&told());
        for at in 0..file.len() {
            let _ = entries_in_tail(&file[..at]);
            file[at] ^= 0x5a;
            let _ = entries_in_tail(&file);
            file[at] ^= 0x5a;
        }
    }
}
