//! Bodies of the origin's answers.

use std::collections::VecDeque;
use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::sync::Arc;

use bytes::Bytes;
use sigma_log::{EntryRef, MediaFile};

use super::downloads::Damaged;
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
        /// What it is held against where all of it goes out.
        proof: Option<Proof>,
    },
    /// The first `len` bytes of a file that is open.
    File {
        /// The file.
        file: Arc<File>,
        /// Bytes of it.
        len: u64,
    },
}

/// Holds a segment against its checksum as it goes out. One that is not what was written ends the answer before its own end,
/// and is left out of the next one.
#[derive(Debug, Clone)]
pub(super) struct Proof {
    /// The checksum, where the index has it; else the segment's file may tell it.
    pub(super) crc32: Option<u32>,
    /// Where it is told.
    pub(super) damaged: Arc<Damaged>,
    /// Whose media it is.
    pub(super) session: Arc<str>,
}

impl Proof {
    async fn hold(&self, found: u32, store: &MediaStore, file: MediaFile, len: u64) -> io::Result<()> {
        let wanted = match self.crc32 {
            Some(crc32) => Some(crc32),
            None => store.told_sum(file, len).await,
        };
        if wanted.is_none_or(|wanted| wanted == found) {
            return Ok(());
        }
        if let MediaFile::Segment(msn) = file {
            self.damaged.note(&self.session, msn);
        }
        Err(io::Error::new(io::ErrorKind::InvalidData, format!("{file} is damaged")))
    }
}

impl Stretch {
    fn len(&self) -> u64 {
        match self {
            Self::Bytes(bytes) => bytes.len() as u64,
            Self::Media { len, .. } | Self::File { len, .. } => *len,
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
    /// The checksum of what went out of the first stretch, where all of it did.
    sum: crc32fast::Hasher,
    /// Whether that is all that is gone of it.
    is_summed: bool,
}

/// How long stretches are together.
pub(super) fn length(stretches: &[Stretch]) -> u64 {
    stretches.iter().map(Stretch::len).sum()
}

impl JoinedBody {
    /// The bytes `from..to` of these.
    pub(super) fn new(stretches: Vec<Stretch>, from: u64, to: u64) -> Self {
        let left = to.saturating_sub(from);
        let mut joined = Self { stretches: stretches.into(), gone: from, left, ..Self::default() };
        joined.skip();
        joined.is_summed = joined.gone == 0;
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
            Stretch::Media { store, file, len, proof } => {
                let range = EntryRef { file: *file, offset: self.gone, len: count };
                let bytes = store.read(range).await.map_err(io::Error::other)?;
                if let Some(proof) = proof.as_ref().filter(|_| self.is_summed) {
                    self.sum.update(&bytes);
                    if self.gone + count == *len {
                        proof.hold(self.sum.clone().finalize(), store, *file, *len).await?;
                    }
                }
                bytes
            }
            Stretch::File { file, .. } => {
                let (file, from) = (Arc::clone(file), self.gone);
                let len = usize::try_from(count).map_err(io::Error::other)?;
                let read = tokio::task::spawn_blocking(move || {
                    let mut bytes = vec![0; len];
                    file.read_exact_at(&mut bytes, from).map(|()| Bytes::from(bytes))
                });
                read.await.map_err(io::Error::other)??
            }
        };
        self.gone += count;
        self.left -= count;
        if self.gone == first.len() {
            self.sum.reset();
            self.is_summed = true;
        }
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
            Stretch::Media { store: store.clone(), file, len: text.len() as u64, proof: None }
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
        let stretch = Stretch::Media { store, file: MediaFile::Segment(0), len: 9, proof: None };
        let mut body = JoinedBody::new(vec![stretch], 0, 9);
        assert!(body.next().await.is_err());
    }
}
