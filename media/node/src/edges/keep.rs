//! The files of edges: written beside their session's segments and into the archive.

use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use aws_lc_rs::digest;
use bytes::{Bytes, BytesMut};
use sigma_hls::Span;
use sigma_hls::recording::{Edge, EdgeInit, EdgeName};
use sigma_log::MediaFile;

use super::make::{Init, Made};
use crate::core::Core;
use crate::session::LiveSession;

/// How long the archive may take: who cuts waits for it.
const ARCHIVED_WITHIN: Duration = Duration::from_secs(4);

/// What an edge's file is called while it is written.
pub(crate) const UNFINISHED: &str = ".part";

/// Keeps an edge: its media, and behind it the init section that is its own. The error is in words.
pub(super) async fn keep(
    core: &Core,
    live: &LiveSession,
    made: Made,
    span: Span,
    of: Span,
) -> Result<Edge, String> {
    let len: usize = made.media.iter().map(Bytes::len).sum();
    let own: &[u8] = match &made.init {
        Init::Session(_) => &[],
        Init::Own { bytes, .. } => bytes,
    };
    let mut bytes = BytesMut::with_capacity(len + own.len());
    made.media.iter().for_each(|slice| bytes.extend_from_slice(slice));
    let crc32 = crc32fast::hash(&bytes);
    bytes.extend_from_slice(own);
    let bytes = bytes.freeze();
    let name = name(&bytes);
    let file = MediaFile::Edge(name.0);
    let own_len = u32::try_from(own.len()).map_err(|_| "its init section is too long".to_owned())?;
    let init = match made.init {
        Init::Session(number) => EdgeInit::Session(number),
        Init::Own { codecs, .. } => EdgeInit::Own { len: own_len, codecs },
    };
    let folder = core.folder.join(&live.facts.session);
    let to_disk = bytes.clone();
    let written = tokio::task::spawn_blocking(move || write(&folder, file, &to_disk)).await;
    let is_here = written.map_err(|_| "the server stops".to_owned())?.map_err(|error| error.to_string())?;
    // What of a session is kept is read from the archive once its own folder is gone.
    let archive = core.settings.archive.as_ref().filter(|_| live.facts.keeps || !is_here);
    match archive {
        Some(archive) => {
            let put = archive.put_made(&live.facts.session, file, bytes);
            match sigma_clock::timeout(ARCHIVED_WITHIN, put).await {
                Ok(Ok(())) => {}
                Ok(Err(error)) => return Err(format!("the archive does not take it: {error}")),
                Err(_) => return Err("the archive does not answer".to_owned()),
            }
        }
        None if is_here => {}
        None => return Err("its session's folder is gone".to_owned()),
    }
    Ok(Edge { name, span, of, len: len as u64, crc32, init })
}

/// The first half of a hash of what is in it.
fn name(bytes: &[u8]) -> EdgeName {
    let hash = digest::digest(&digest::SHA256, bytes);
    let half = hash.as_ref().iter().take(16).fold(0, |name, byte| name << 8 | u128::from(*byte));
    EdgeName(half)
}

/// Whether it stands in the session's folder now: false where there is none.
fn write(folder: &Path, file: MediaFile, bytes: &[u8]) -> std::io::Result<bool> {
    if !folder.is_dir() {
        return Ok(false);
    }
    static NUMBER: AtomicU64 = AtomicU64::new(0);
    let to = folder.join(file.to_string());
    // Two may write the same at once.
    let number = NUMBER.fetch_add(1, Ordering::Relaxed);
    let unfinished = folder.join(format!("{file}.{number}{UNFINISHED}"));
    std::fs::write(&unfinished, bytes)?;
    std::fs::rename(&unfinished, &to)?;
    Ok(true)
}
