//! What the origin serves of a session: its timeline, the newest media, rendered playlists and the wake-up.

use std::collections::HashMap;
use std::io::Write;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError, RwLock};

use bytes::Bytes;
use flate2::Compression;
use flate2::write::GzEncoder;
use sigma_hls::{Append, Place as Placed, Recording, Resource, Timeline, View, playlist};
use sigma_log::{Entry, EntryRef, MediaFile};

use super::edge::Edge;
use super::health::SessionHealth;
use super::shared_reads::SharedReads;
use super::store::MediaStore;
use super::waiters::{Place, Waiters};
use crate::control::SessionFacts;

/// A rendered playlist with its gzipped form. Shared by all who ask for the same.
#[derive(Debug, Clone)]
pub(crate) struct Rendered {
    pub(crate) plain: Bytes,
    pub(crate) gzip: Bytes,
    version: u64,
}

impl Rendered {
    /// A validator: the same session, view and version give the same text.
    pub(crate) fn tag(&self) -> u64 {
        self.version
    }
}

#[derive(Debug)]
struct Shown {
    timeline: Timeline,
    recording: Recording,
    edge: Edge,
}

/// How far back a playlist goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Window {
    /// As far as the live playlist.
    Live,
    /// As far as viewers may rewind.
    Rewind,
    /// The same, key frames alone.
    KeyFrames,
}

/// A session as readers see it. The session's actor is its one writer.
#[derive(Debug)]
pub(crate) struct LiveSession {
    pub(crate) facts: SessionFacts,
    shown: RwLock<Shown>,
    rendered: Mutex<HashMap<(View, Window, bool), Arc<Rendered>>>,
    waiters: Waiters,
    store: MediaStore,
    /// The first segment that is not in the archive.
    archived_to: AtomicU64,
    shared_reads: SharedReads,
    health: SessionHealth,
    /// Pictures in 1,000 s; 0 while not known.
    frame_rate_milli: AtomicU32,
}

impl LiveSession {
    /// A session whose timeline and recording are these, two folds of one log, and whose media stands in `store`.
    pub(super) fn new(
        facts: SessionFacts,
        timeline: Timeline,
        recording: Recording,
        store: MediaStore,
        health: SessionHealth,
    ) -> Self {
        let shown = RwLock::new(Shown { timeline, recording, edge: Edge::default() });
        Self {
            facts,
            shown,
            rendered: Mutex::default(),
            waiters: Waiters::default(),
            store,
            archived_to: AtomicU64::new(0),
            shared_reads: SharedReads::default(),
            health,
            frame_rate_milli: AtomicU32::new(0),
        }
    }

    /// Reads the timeline.
    pub(crate) fn read<T>(&self, look: impl FnOnce(&Timeline) -> T) -> T {
        look(&self.shown.read().unwrap_or_else(PoisonError::into_inner).timeline)
    }

    /// Reads the recording.
    pub(crate) fn read_recording<T>(&self, look: impl FnOnce(&Recording) -> T) -> T {
        look(&self.shown.read().unwrap_or_else(PoisonError::into_inner).recording)
    }

    /// Takes in what the rendition said, all at once, and calls all who wait.
    /// `unwritten`: the log did not take all of it, so that memory has the only copy.
    pub(super) fn publish(&self, steps: Vec<Append>, steady_us: i64, unwritten: bool) {
        let is_changed = {
            let mut shown = self.shown.write().unwrap_or_else(PoisonError::into_inner);
            let before = shown.timeline.version();
            for Append { entry, bytes } in steps {
                shown.timeline.apply(&entry, steady_us);
                shown.recording.apply(&entry);
                match entry {
                    Entry::Init { init, .. } => {
                        shown.edge.keep_init(init, bytes.into_iter().next().unwrap_or_default());
                    }
                    Entry::Part { msn, part, .. } => shown.edge.keep_part(msn, part, bytes, !unwritten),
                    Entry::Ended => shown.edge.keep_unwritten(),
                    _ => {}
                }
            }
            shown.timeline.version() != before
        };
        if is_changed {
            self.waiters.call();
        }
    }

    /// The log refused a part of segment `msn`: memory has the only copy.
    pub(super) fn refused(&self, msn: u64) {
        self.shown.write().unwrap_or_else(PoisonError::into_inner).edge.refused(msn);
    }

    /// All that was on its way to the log stands.
    pub(super) fn written(&self) {
        self.shown.write().unwrap_or_else(PoisonError::into_inner).edge.written();
    }

    /// Sets the frame rate, in pictures in 1,000 s.
    pub(super) fn set_frame_rate(&self, milli: Option<u32>) {
        self.frame_rate_milli.store(milli.unwrap_or(0), Ordering::Relaxed);
    }

    /// Pictures in 1,000 s, where known.
    pub(crate) fn frame_rate_milli(&self) -> Option<u32> {
        Some(self.frame_rate_milli.load(Ordering::Relaxed)).filter(|rate| *rate > 0)
    }

    /// Lets go of what need not be fetchable any more.
    pub(super) fn forget(&self, steady_us: i64) {
        let mut shown = self.shown.write().unwrap_or_else(PoisonError::into_inner);
        let Shown { timeline, edge, .. } = &mut *shown;
        timeline.forget(steady_us);
        edge.forget_inits(|init| {
            matches!(timeline.locate(View::Preview, Resource::Init(init)), Placed::Older)
        });
    }

    /// A place among those who wait for the timeline's next change: take it, then look.
    pub(crate) fn place(&self) -> Place {
        self.waiters.place()
    }

    /// The media playlist as it is now, rendered once for all who ask.
    pub(crate) fn playlist(&self, view: View, window: Window, delta: bool) -> Arc<Rendered> {
        let shown = self.shown.read().unwrap_or_else(PoisonError::into_inner);
        let version = shown.timeline.version();
        let mut rendered = self.rendered.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = rendered.get(&(view, window, delta))
            && known.version == version
        {
            return Arc::clone(known);
        }
        let plain = Bytes::from(match window {
            Window::Live => playlist::media(&shown.timeline, view, delta),
            Window::Rewind => {
                playlist::rewind(&shown.timeline, &shown.recording, view, self.rewind_ms(), delta)
            }
            Window::KeyFrames => {
                playlist::rewind_key_frames(&shown.timeline, &shown.recording, view, self.rewind_ms(), delta)
            }
        });
        let fresh = Arc::new(Rendered { gzip: gzip(&plain), plain, version });
        rendered.insert((view, window, delta), Arc::clone(&fresh));
        fresh
    }

    fn rewind_ms(&self) -> u64 {
        u64::try_from(self.facts.rewind.as_millis()).unwrap_or(u64::MAX)
    }

    /// The line of the multivariant playlist that names the rewind window's I-frame playlist at `uri`.
    pub(crate) fn key_frame_stream(&self, uri: &str) -> Option<String> {
        let shown = self.shown.read().unwrap_or_else(PoisonError::into_inner);
        playlist::key_frame_stream(&shown.timeline, &shown.recording, uri)
    }

    /// The slices of an init section, segment or part, if they are in memory.
    pub(crate) fn in_memory(&self, resource: Resource) -> Option<Vec<Arc<[Bytes]>>> {
        let shown = self.shown.read().unwrap_or_else(PoisonError::into_inner);
        match resource {
            Resource::Playlist | Resource::Rewind => None,
            Resource::Init(init) => shown.edge.init(init).map(|bytes| vec![Arc::from([bytes])]),
            Resource::Segment(msn) => shown.edge.segment(msn),
            Resource::Part { msn, part } => shown.edge.part(msn, part).map(|part| vec![part]),
        }
    }

    /// Where in the log something stands that is whole, or listed.
    pub(crate) fn range_of(&self, resource: Resource) -> Option<EntryRef> {
        let shown = self.shown.read().unwrap_or_else(PoisonError::into_inner);
        let (file, len) = match resource {
            Resource::Init(init) => (MediaFile::Init(init), shown.recording.init(init)?.len),
            Resource::Segment(msn) => {
                let piece = shown.recording.piece(msn).filter(|piece| !piece.gap)?;
                (MediaFile::Segment(msn), piece.len)
            }
            Resource::Part { .. } => match shown.timeline.locate(View::Preview, resource) {
                Placed::Ready(range) => return Some(range),
                _ => return None,
            },
            Resource::Playlist | Resource::Rewind => return None,
        };
        Some(EntryRef { file, offset: 0, len })
    }

    /// What its feed is like.
    pub(crate) fn health(&self) -> &SessionHealth {
        &self.health
    }

    /// The session's media.
    pub(crate) fn store(&self) -> &MediaStore {
        &self.store
    }

    /// Everything before this segment is in the archive.
    pub(crate) fn archived_to(&self) -> u64 {
        self.archived_to.load(Ordering::Relaxed)
    }

    pub(crate) fn set_archived_to(&self, msn: u64) {
        self.archived_to.store(msn, Ordering::Relaxed);
    }

    /// The checksum of a whole segment, where it is known.
    pub(crate) fn sum_of(&self, msn: u64) -> Option<u32> {
        self.read_recording(|recording| recording.piece(msn)?.crc32)
    }

    /// What is being read from the log, or still held.
    pub(crate) fn shared_reads(&self) -> &SharedReads {
        &self.shared_reads
    }
}

/// Playlists compress to a tenth at any level; the quickest costs least.
pub(crate) fn gzip(plain: &[u8]) -> Bytes {
    let mut encoder = GzEncoder::new(Vec::with_capacity(plain.len() / 4), Compression::fast());
    // Writing to memory does not fail.
    let written = encoder.write_all(plain).and_then(|()| encoder.finish());
    Bytes::from(written.unwrap_or_default())
}
