//! A session's media: on this node's disk, or in the archive.

use std::io;

use bytes::Bytes;
use sigma_archive::{Archive, ArchiveError};
use sigma_log::{EntryRef, LogError, LogReader, MediaFile};

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
    /// The runtime ends.
    #[error("the server stops")]
    Stopping,
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
