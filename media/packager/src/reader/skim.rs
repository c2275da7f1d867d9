//! What must be read of a segment to know its samples: the heads of its boxes and each `moof`, and no media.

use std::ops::Range;

use bytes::Bytes;

use super::ReadError;

/// The largest `moof` that is read, in bytes: more than its most samples, with all that can be said of each.
pub const MAX_MOOF: usize = 8 * 1024 * 1024;

/// The longest head of a box (§4.2.2): a length of 64 bits.
const HEAD: usize = 16;

/// A `moof` (§8.8.4), and where the media that it speaks of lies.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fragment {
    /// Where the `moof` begins, in bytes from the segment's beginning.
    pub at: usize,
    /// The box.
    pub moof: Bytes,
    /// What is in the `mdat` behind it.
    pub media: Range<usize>,
}

/// Walks over a segment from box to box, and asks for the bytes that it wants to see: [`Self::wanted`], then
/// [`Self::take`], until nothing is wanted.
#[derive(Debug)]
pub struct Skim {
    len: usize,
    window: usize,
    wanted: Range<usize>,
    moof: Option<(usize, Bytes)>,
    fragments: Vec<Fragment>,
}

impl Skim {
    /// Of a segment of `len` bytes; asks for `window` bytes at once where it does not know how many it wants.
    pub fn new(len: usize, window: usize) -> Self {
        let window = window.max(HEAD);
        Self { len, window, wanted: 0..window.min(len), moof: None, fragments: Vec::new() }
    }

    /// The bytes to be read next; none where all is known.
    pub fn wanted(&self) -> Option<Range<usize>> {
        (!self.wanted.is_empty()).then(|| self.wanted.clone())
    }

    /// Takes the bytes that were wanted.
    ///
    /// # Errors
    /// The segment is damaged.
    pub fn take(&mut self, bytes: &Bytes) -> Result<(), ReadError> {
        let from = self.wanted.start;
        if bytes.len() != self.wanted.len() {
            return Err(ReadError::Truncated);
        }
        let mut at = from;
        while at < self.len {
            let seen = bytes.get(at - from..).unwrap_or_default();
            let left = self.len - at;
            let Some(head) = Head::read(seen) else {
                if left <= seen.len() {
                    return Err(ReadError::Truncated);
                }
                self.wanted = at..self.len.min(at + self.window);
                return Ok(());
            };
            if head.length > left {
                return Err(ReadError::Truncated);
            }
            match &head.name {
                b"moof" if head.length > MAX_MOOF => return Err(ReadError::TooManySamples),
                b"moof" if head.length > seen.len() => {
                    // With the head of what is behind it.
                    self.wanted = at..self.len.min(at + head.length + HEAD);
                    return Ok(());
                }
                b"moof" => {
                    let moof = bytes.slice(at - from..at - from + head.length);
                    if self.moof.replace((at, moof)).is_some() {
                        return Err(ReadError::Invalid("a fragment without its media"));
                    }
                }
                b"mdat" => {
                    let media = at + head.size..at + head.length;
                    let fragment = self.moof.take().map(|(at, moof)| Fragment { at, moof, media });
                    self.fragments.extend(fragment);
                }
                _ => {}
            }
            at += head.length;
        }
        self.wanted = self.len..self.len;
        Ok(())
    }

    /// What was found.
    ///
    /// # Errors
    /// The segment ends within a fragment, or was not walked over to its end.
    pub fn finish(self) -> Result<Vec<Fragment>, ReadError> {
        if self.moof.is_some() || !self.wanted.is_empty() {
            return Err(ReadError::Truncated);
        }
        Ok(self.fragments)
    }
}

/// What stands before a box's body.
struct Head {
    name: [u8; 4],
    /// Of the box.
    length: usize,
    /// Of this.
    size: usize,
}

impl Head {
    /// None where not all of it is there. A box without end (length 0) or one shorter than its head is one of no length that
    /// can be gone on from: taken for longer than any segment.
    fn read(bytes: &[u8]) -> Option<Self> {
        let (length, rest) = bytes.split_first_chunk::<4>()?;
        let (name, rest) = rest.split_first_chunk::<4>()?;
        let (length, size) = match u32::from_be_bytes(*length) {
            1 => (u64::from_be_bytes(*rest.first_chunk::<8>()?), HEAD),
            length => (u64::from(length), HEAD / 2),
        };
        let length = usize::try_from(length).ok().filter(|length| *length >= size).unwrap_or(usize::MAX);
        Some(Self { name: *name, length, size })
    }
}
