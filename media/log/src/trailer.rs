//! What a segment's file says of itself, behind its media: with it an index can be made anew from the segments alone.
//!
//! A box that players skip (`uuid`, ISO/IEC 14496-12 §11.1): all entries since the segment before, parts left out, and the
//! segment's own. It is no part of the segment that viewers are sent, whose length stands in the index.

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

/// The entries that a segment's whole file tells, oldest first; none where it tells none.
pub fn entries_in(file: &[u8]) -> Option<Vec<Entry>> {
    let mut rest = file;
    while let Some((head, _)) = rest.split_first_chunk::<16>() {
        let size = u32::from_be_bytes([head[0], head[1], head[2], head[3]]);
        let size = match size {
            1 => u64::from_be_bytes([
                head[8], head[9], head[10], head[11], head[12], head[13], head[14], head[15],
            ]),
            size => u64::from(size),
        };
        let size = usize::try_from(size).ok().filter(|size| *size >= 8 && *size <= rest.len())?;
        let whole = &rest[..size];
        if &head[4..8] == b"uuid" && whole.get(8..HEAD) == Some(&KIND[..]) {
            return index::read_all(&whole[HEAD..]);
        }
        rest = &rest[size..];
    }
    None
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
        assert_eq!(entries_in(&file), None);
        file.extend_from_slice(&write(&told()));
        assert_eq!(entries_in(&file), Some(told()));
    }

    #[test]
    fn rubbish_tells_nothing_and_never_panics() {
        let mut file = write(&told());
        for at in 0..file.len() {
            let _ = entries_in(&file[..at]);
            file[at] ^= 0x5a;
            let _ = entries_in(&file);
            file[at] ^= 0x5a;
        }
    }
}
