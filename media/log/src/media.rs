//! The media files: names, ranges and reading.

use std::fmt;
use std::fs::File;
use std::io::{self, IoSlice, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::sync::Arc;

use bytes::Bytes;

use crate::error::LogError;

/// The most that one read brings into memory. Larger segments are read in ranges.
const MAX_READ: u64 = 256 * 1024 * 1024;

/// A media file of the log; its name on disk is its name in playlists.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum MediaFile {
    /// `iN.mp4`
    Init(u32),
    /// `N.m4s`, of the segment with this media sequence number
    Segment(u64),
    /// `eNAME.mp4`, media that was made for an edge of a cut; its name is a hash of what is in it
    Edge(u128),
}

impl FromStr for MediaFile {
    type Err = ();

    fn from_str(name: &str) -> Result<Self, ()> {
        let file = if let Some(msn) = name.strip_suffix(".m4s") {
            Self::Segment(msn.parse().map_err(|_| ())?)
        } else if let Some(init) = name.strip_prefix('i').and_then(|rest| rest.strip_suffix(".mp4")) {
            Self::Init(init.parse().map_err(|_| ())?)
        } else {
            let edge = name.strip_prefix('e').and_then(|rest| rest.strip_suffix(".mp4")).ok_or(())?;
            Self::Edge(u128::from_str_radix(edge, 16).map_err(|_| ())?)
        };
        // One file has one name.
        if file.to_string() == name { Ok(file) } else { Err(()) }
    }
}

impl fmt::Display for MediaFile {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Init(init) => write!(out, "i{init}.mp4"),
            Self::Segment(msn) => write!(out, "{msn}.m4s"),
            Self::Edge(name) => write!(out, "e{name:032x}.mp4"),
        }
    }
}

/// Where an entry's media stands: a range of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct EntryRef {
    /// The file.
    pub file: MediaFile,
    /// Where the range begins, in bytes.
    pub offset: u64,
    /// How many bytes it has.
    pub len: u64,
}

impl EntryRef {
    /// The bytes `start..end` of this range; `None` where they are not in it.
    pub fn slice(self, start: u64, end: u64) -> Option<Self> {
        (start <= end && end <= self.len).then_some(Self {
            file: self.file,
            offset: self.offset + start,
            len: end - start,
        })
    }
}

/// Reads a log's media; cheap to clone, holds no file open. Reading blocks.
#[derive(Clone, Debug)]
pub struct LogReader {
    dir: Arc<Path>,
}

impl LogReader {
    /// Reads the media in `dir`, as far as there is any.
    pub fn new(dir: &Path) -> Self {
        Self { dir: dir.into() }
    }

    /// The path of a media file.
    pub fn path(&self, file: MediaFile) -> PathBuf {
        self.dir.join(file.to_string())
    }

    /// The whole of a media file as it is now on disk; `None` where there is none. Whether the segment is closed, and
    /// may be seen, is the timeline's to say.
    ///
    /// # Errors
    /// [`LogError::Io`] where the file system fails.
    pub fn whole(&self, file: MediaFile) -> Result<Option<EntryRef>, LogError> {
        let path = self.path(file);
        match std::fs::metadata(&path) {
            Ok(meta) => Ok(Some(EntryRef { file, offset: 0, len: meta.len() })),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(LogError::io(path, error)),
        }
    }

    /// Reads a range.
    ///
    /// # Errors
    /// [`LogError::Io`] where the file is missing, shorter than the range, or the range longer than 256 MiB.
    pub fn read(&self, range: &EntryRef) -> Result<Bytes, LogError> {
        let path = self.path(range.file);
        let fail = |error| LogError::io(path.clone(), error);
        let len = usize::try_from(range.len).ok().filter(|_| range.len <= MAX_READ).ok_or_else(|| {
            fail(io::Error::new(io::ErrorKind::InvalidInput, "range too long for one read"))
        })?;
        let mut file = File::open(&path).map_err(fail)?;
        file.seek(SeekFrom::Start(range.offset)).map_err(fail)?;
        let mut bytes = Vec::with_capacity(len);
        file.take(range.len).read_to_end(&mut bytes).map_err(fail)?;
        if bytes.len() < len {
            return Err(fail(io::ErrorKind::UnexpectedEof.into()));
        }
        Ok(bytes.into())
    }
}

/// Writes slices without joining them first.
pub(crate) fn write_all(file: &mut File, slices: &[Bytes]) -> io::Result<()> {
    /// Well below Linux's IOV_MAX.
    const MANY: usize = 512;
    for chunk in slices.chunks(MANY) {
        let mut vectors: Vec<IoSlice<'_>> =
            chunk.iter().filter(|slice| !slice.is_empty()).map(|slice| IoSlice::new(slice)).collect();
        let mut left = vectors.as_mut_slice();
        while !left.is_empty() {
            match file.write_vectored(left) {
                Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
                Ok(written) => IoSlice::advance_slices(&mut left, written),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
    }
    Ok(())
}
