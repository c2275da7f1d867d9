//! Bodies of the origin's answers.

use std::collections::VecDeque;
use std::io;

use bytes::Bytes;
use sigma_log::{EntryRef, MediaFile};

use super::respond::SlicedBody;
use crate::session::MediaStore;

/// How much of a file is read at once.
const READ: u64 = 1024 * 1024;

/// An answer's body.
#[derive(Debug)]
pub enum Body {
    /// All of it is in memory.
    Slices(SlicedBody),
    /// It is read from the disk as it goes out.
    Joined(JoinedBody),
}

impl From<SlicedBody> for Body {
    fn from(slices: SlicedBody) -> Self {
        Self::Slices(slices)
    }
}

impl Body {
    /// Its length in bytes.
    pub(super) fn length(&self) -> u64 {
        match self {
            Self::Slices(slices) => slices.length(),
            Self::Joined(joined) => joined.left,
        }
    }
}

/// A stretch of what is joined.
#[derive(Debug, Clone)]
pub(super) enum Stretch {
    /// Bytes that are there.
    Bytes(Bytes),
    /// The first `len` bytes of a media file.
    Media {
        /// Where it stands.
        store: MediaStore,
        /// The file.
        file: MediaFile,
        /// Bytes of it.
        len: u64,
    },
}

impl Stretch {
    fn len(&self) -> u64 {
        match self {
            Self::Bytes(bytes) => bytes.len() as u64,
            Self::Media { len, .. } => *len,
        }
    }
}

/// Stretches of files, one after the other, as one body of a known length.
#[derive(Debug, Default)]
pub struct JoinedBody {
    stretches: VecDeque<Stretch>,
    /// How much of the first stretch is gone.
    gone: u64,
    left: u64,
}

/// How long stretches are together.
pub(super) fn length(stretches: &[Stretch]) -> u64 {
    stretches.iter().map(Stretch::len).sum()
}

impl JoinedBody {
    /// The bytes `from..to` of these.
    pub(super) fn new(stretches: Vec<Stretch>, from: u64, to: u64) -> Self {
        let mut joined = Self { stretches: stretches.into(), gone: from, left: to.saturating_sub(from) };
        joined.skip();
        joined
    }

    /// Lets go of what is gone.
    fn skip(&mut self) {
        while let Some(first) = self.stretches.front().filter(|first| first.len() <= self.gone) {
            self.gone -= first.len();
            self.stretches.pop_front();
        }
    }

    /// The next bytes; none at the end.
    ///
    /// # Errors
    /// Where a file is missing or shorter than it was: the answer cannot be completed.
    pub async fn next(&mut self) -> io::Result<Option<Bytes>> {
        let Some(first) = self.stretches.front().filter(|_| self.left > 0) else { return Ok(None) };
        let count = (first.len() - self.gone).min(self.left).min(READ);
        let bytes = match first {
            Stretch::Bytes(bytes) => {
                let from = usize::try_from(self.gone).map_err(io::Error::other)?;
                bytes.slice(from..from + usize::try_from(count).map_err(io::Error::other)?)
            }
            Stretch::Media { store, file, .. } => {
                let range = EntryRef { file: *file, offset: self.gone, len: count };
                store.read(range).await.map_err(io::Error::other)?
            }
        };
        self.gone += count;
        self.left -= count;
        self.skip();
        Ok(Some(bytes))
    }
}

#[cfg(test)]
mod tests {
    use sigma_log::LogReader;

    use super::*;

    #[tokio::test]
    async fn every_range_of_what_is_joined_is_that_of_the_whole() {
        let folder = tempfile::tempdir().unwrap();
        let store = MediaStore::new("se_1", LogReader::new(folder.path()), None);
        let file = |msn: u64, text: &str| {
            let file = MediaFile::Segment(msn);
            let whole = format!("{text}and a tail that is not part of it");
            std::fs::write(folder.path().join(file.to_string()), whole).unwrap();
            Stretch::Media { store: store.clone(), file, len: text.len() as u64 }
        };
        let stretches =
            [Stretch::Bytes(Bytes::from_static(b"head")), file(0, "first"), file(1, ""), file(2, "second")];
        let whole = b"headfirstsecond";
        assert_eq!(length(&stretches), whole.len() as u64);
        for from in 0..=whole.len() {
            for to in from..=whole.len() {
                let mut body = JoinedBody::new(stretches.to_vec(), from as u64, to as u64);
                let mut seen = Vec::new();
                while let Some(bytes) = body.next().await.unwrap() {
                    seen.extend_from_slice(&bytes);
                }
                assert_eq!(seen, &whole[from..to]);
            }
        }
    }

    #[tokio::test]
    async fn a_file_that_has_lost_its_end_is_an_error_and_no_shorter_answer() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("0.m4s"), b"short").unwrap();
        let store = MediaStore::new("se_1", LogReader::new(folder.path()), None);
        let stretch = Stretch::Media { store, file: MediaFile::Segment(0), len: 9 };
        let mut body = JoinedBody::new(vec![stretch], 0, 9);
        assert!(body.next().await.is_err());
    }
}
