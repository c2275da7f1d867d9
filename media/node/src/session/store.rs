//! A session's media: on this node's disk, or in the archive.

use std::io;

use bytes::Bytes;
use sigma_archive::{Archive, ArchiveError};
use sigma_log::{Entry, EntryRef, LogError, LogReader, MediaFile};
use sigma_packager::reader::{self, Fragment, Skim};

/// How much is read at once of a segment whose fragments alone are wanted: a `moof` of usual size, with the head of the box
/// behind it.
const WINDOW: usize = 4 * 1024;
/// The same of an archive, where an answer costs the same whatever its length: fewer questions are asked of small segments.
const ARCHIVE_WINDOW: usize = 64 * 1024;

/// Reads a session's media from wherever it stands. Cheap to clone.
#[derive(Clone, Debug)]
pub(crate) struct MediaStore {
    session: String,
    log: LogReader,
    archive: Option<Archive>,
}

/// Media that cannot be read.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ReadError {
    /// From the disk.
    #[error(transparent)]
    Log(#[from] LogError),
    /// From the archive.
    #[error(transparent)]
    Archive(#[from] ArchiveError),
    /// It is not what was written.
    #[error(transparent)]
    Damaged(#[from] reader::ReadError),
    /// The runtime ends.
    #[error("the server stops")]
    Stopping,
}

impl ReadError {
    /// Whether it is not there any more, or not whole: asked for again it will not be better.
    pub(crate) fn is_lost(&self) -> bool {
        /// A sector that cannot be read, on Linux and everywhere else.
        const EIO: i32 = 5;
        match self {
            Self::Log(LogError::Io { source, .. }) => {
                let kind = source.kind();
                matches!(kind, io::ErrorKind::NotFound | io::ErrorKind::UnexpectedEof)
                    || source.raw_os_error() == Some(EIO)
            }
            Self::Log(_) | Self::Damaged(_) => true,
            Self::Archive(error) => error.is_lost(),
            Self::Stopping => false,
        }
    }
}

impl MediaStore {
    pub(crate) fn new(session: &str, log: LogReader, archive: Option<Archive>) -> Self {
        Self { session: session.to_owned(), log, archive }
    }

    /// Reads a range of a media file.
    pub(crate) async fn read(&self, range: EntryRef) -> Result<Bytes, ReadError> {
        match self.read_here(range).await? {
            Ok(bytes) => Ok(bytes),
            Err(missing) => match &self.archive {
                Some(archive) => {
                    let bytes = range.offset..range.offset + range.len;
                    Ok(archive.read(&self.session, range.file, bytes).await?)
                }
                None => Err(missing.into()),
            },
        }
    }

    /// Reads the first `len` bytes of a media file, its whole media, which is held against its checksum where it comes from
    /// the archive.
    pub(crate) async fn read_whole(
        &self,
        file: MediaFile,
        len: u64,
        crc32: Option<u32>,
    ) -> Result<Bytes, ReadError> {
        match self.read_here(EntryRef { file, offset: 0, len }).await? {
            Ok(bytes) => Ok(bytes),
            Err(missing) => match &self.archive {
                Some(archive) => Ok(archive.read_whole(&self.session, file, len, crc32).await?),
                None => Err(missing.into()),
            },
        }
    }

    /// The fragments of a segment of `len` bytes, without its media.
    pub(crate) async fn skim(&self, file: MediaFile, len: u64) -> Result<Vec<Fragment>, ReadError> {
        let length = usize::try_from(len).map_err(|_| reader::ReadError::Truncated)?;
        let log = self.log.clone();
        let here = tokio::task::spawn_blocking(move || {
            let mut skim = Skim::new(length, WINDOW);
            while let Some(wanted) = skim.wanted() {
                let range = EntryRef { file, offset: wanted.start as u64, len: wanted.len() as u64 };
                skim.take(&log.read(&range)?)?;
            }
            Ok::<_, ReadError>(skim.finish()?)
        });
        match (here.await.map_err(|_| ReadError::Stopping)?, &self.archive) {
            (Err(ReadError::Log(error)), Some(archive)) if is_missing(&error) => {
                let mut skim = Skim::new(length, ARCHIVE_WINDOW);
                while let Some(wanted) = skim.wanted() {
                    let range = wanted.start as u64..wanted.end as u64;
                    skim.take(&archive.read(&self.session, file, range).await?)?;
                }
                Ok(skim.finish()?)
            }
            (here, _) => here,
        }
    }

    /// The checksum of a segment's media as its file on this node's disk tells it, behind these `len` bytes; none where it
    /// tells none.
    pub(crate) async fn told_sum(&self, file: MediaFile, len: u64) -> Option<u32> {
        let log = self.log.clone();
        let told = tokio::task::spawn_blocking(move || {
            let whole = log.whole(file).ok()??;
            log.read(&whole.slice(len, whole.len)?).ok()
        });
        let entries = sigma_log::entries_in_tail(&told.await.ok()??)?;
        entries.into_iter().find_map(|entry| match entry {
            Entry::Sum { msn, crc32 } if file == MediaFile::Segment(msn) => Some(crc32),
            _ => None,
        })
    }

    /// From this node's disk; inner error: it is not there.
    async fn read_here(&self, range: EntryRef) -> Result<Result<Bytes, LogError>, ReadError> {
        let log = self.log.clone();
        let read = tokio::task::spawn_blocking(move || log.read(&range)).await;
        match read.map_err(|_| ReadError::Stopping)? {
            Err(error @ LogError::Io { .. }) if is_missing(&error) => Ok(Err(error)),
            read => Ok(Ok(read?)),
        }
    }
}

fn is_missing(error: &LogError) -> bool {
    matches!(error, LogError::Io { source, .. } if source.kind() == io::ErrorKind::NotFound)
}
