//! Boxes, ISO/IEC 14496-12 §4.2, and the numbers in them.

use std::ops::Range;

use super::ReadError;

/// One box.
#[derive(Debug, Clone)]
pub(crate) struct Boxed<'a> {
    pub(crate) name: [u8; 4],
    /// What is behind its header.
    pub(crate) body: &'a [u8],
    /// Where the box begins, in bytes from the beginning of what was walked.
    pub(crate) at: usize,
    /// Where its body lies, from there too.
    pub(crate) range: Range<usize>,
}

/// Walks over boxes that fill `bytes`.
pub(crate) struct Boxes<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Boxes<'a> {
    pub(crate) fn new(bytes: &'a [u8]) -> Self {
        Self { bytes, at: 0 }
    }

    /// The next box.
    pub(crate) fn next(&mut self) -> Result<Option<Boxed<'a>>, ReadError> {
        let at = self.at;
        if at == self.bytes.len() {
            return Ok(None);
        }
        let mut head = Fields(&self.bytes[at..]);
        let (length, name) = (head.u32()?, head.number()?);
        let length = if length == 1 { head.u64()? } else { length.into() };
        let header = self.bytes.len() - at - head.0.len();
        let length = usize::try_from(length).map_err(|_| ReadError::Truncated)?;
        if length < header {
            return Err(ReadError::Invalid("a box is shorter than its header"));
        }
        if length > self.bytes.len() - at {
            return Err(ReadError::Truncated);
        }
        self.at = at + length;
        let range = at + header..self.at;
        Ok(Some(Boxed { name, body: &self.bytes[range.clone()], at, range }))
    }

    /// The body of the first box with this name, if there is one.
    pub(crate) fn find(bytes: &'a [u8], name: &[u8; 4]) -> Result<Option<&'a [u8]>, ReadError> {
        let mut boxes = Self::new(bytes);
        while let Some(found) = boxes.next()? {
            if found.name == *name {
                return Ok(Some(found.body));
            }
        }
        Ok(None)
    }

    /// The body of the box that is there by these steps, one inside the other.
    pub(crate) fn path(mut bytes: &'a [u8], path: &[&[u8; 4]]) -> Result<&'a [u8], ReadError> {
        for name in path {
            bytes = Self::find(bytes, name)?.ok_or(ReadError::Invalid("a box is missing"))?;
        }
        Ok(bytes)
    }
}

/// Reads numbers one after the other.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Fields<'a>(pub(crate) &'a [u8]);

impl Fields<'_> {
    pub(crate) fn number<const N: usize>(&mut self) -> Result<[u8; N], ReadError> {
        let (number, rest) = self.0.split_first_chunk::<N>().ok_or(ReadError::Truncated)?;
        self.0 = rest;
        Ok(*number)
    }

    pub(crate) fn u32(&mut self) -> Result<u32, ReadError> {
        self.number().map(u32::from_be_bytes)
    }

    pub(crate) fn i32(&mut self) -> Result<i32, ReadError> {
        self.number().map(i32::from_be_bytes)
    }

    pub(crate) fn u64(&mut self) -> Result<u64, ReadError> {
        self.number().map(u64::from_be_bytes)
    }

    pub(crate) fn skip(&mut self, length: usize) -> Result<(), ReadError> {
        self.0 = self.0.get(length..).ok_or(ReadError::Truncated)?;
        Ok(())
    }

    /// §4.2.2: version and flags.
    pub(crate) fn version_and_flags(&mut self) -> Result<(u8, u32), ReadError> {
        let word = self.u32()?;
        Ok(((word >> 24) as u8, word & 0x00ff_ffff))
    }

    /// A field that is there when `flags` has the bit.
    pub(crate) fn optional(&mut self, flags: u32, bit: u32) -> Result<Option<u32>, ReadError> {
        (flags & bit != 0).then(|| self.u32()).transpose()
    }
}
