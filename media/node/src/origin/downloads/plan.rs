//! What a recording's files are made of.

use std::collections::BTreeSet;

use aws_lc_rs::digest::{Context, SHA256};
use sigma_hls::Recording;
use sigma_hls::recording::{EdgeInit, Edit, Item};
use sigma_log::{EntryRef, MediaFile};

/// Another one where heads are made otherwise: those that were made before are not taken for the new ones.
const FORMAT: u8 = 1;

/// A segment of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Planned {
    pub(super) file: MediaFile,
    /// The segment's number; of an edge of a cut that of the segment at its time.
    pub(super) msn: u64,
    /// Bytes of its media.
    pub(super) len: u64,
    pub(super) duration_ticks: u64,
    pub(super) crc32: Option<u32>,
    pub(super) starts_with_key: bool,
    /// Whether its times go on where those of the one before end.
    pub(super) follows: bool,
}

impl Planned {
    /// Whether it is one of the segments that are known to be damaged.
    pub(super) fn is_damaged(&self, damaged: &BTreeSet<u64>) -> bool {
        matches!(self.file, MediaFile::Segment(msn) if damaged.contains(&msn))
    }
}

/// What decodes a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum PlannedInit {
    /// The session's init section of this number.
    Session(u32),
    /// What an edge's file has behind its media.
    Edge(EntryRef),
}

/// A file: segments of one format, one after the other.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct PlannedFile {
    pub(super) init: PlannedInit,
    pub(super) init_len: u64,
    pub(super) segments: Vec<Planned>,
}

/// The files of a recording, in order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Plan {
    pub(super) files: Vec<PlannedFile>,
}

impl Plan {
    /// Of an edit. A break is where a playlist has a discontinuity; another init section begins another file.
    pub(super) fn of(recording: &Recording, edit: &Edit) -> Self {
        let mut files: Vec<PlannedFile> = Vec::new();
        let mut before: Option<u64> = None;
        for item in recording.items(edit) {
            let msn = recording.at(item.start()).unwrap_or_default();
            let follows = before == Some(item.start()) && !recording.begins_span(item.start());
            before = Some(item.end());
            let (file, crc32, init) = match item {
                Item::Segment(msn, piece) => {
                    (MediaFile::Segment(msn), piece.crc32, PlannedInit::Session(piece.init))
                }
                Item::Edge(edge) => {
                    let file = MediaFile::Edge(edge.name.0);
                    let init = match edge.init {
                        EdgeInit::Session(number) => PlannedInit::Session(number),
                        EdgeInit::Own { len, .. } => {
                            PlannedInit::Edge(EntryRef { file, offset: edge.len, len: len.into() })
                        }
                    };
                    (file, Some(edge.crc32), init)
                }
            };
            let planned = Planned {
                file,
                msn,
                len: item.len(),
                duration_ticks: item.duration(),
                crc32,
                starts_with_key: item.independent(),
                follows,
            };
            let init_len = match init {
                PlannedInit::Session(number) => recording.init(number).map_or(0, |init| init.len),
                PlannedInit::Edge(range) => range.len,
            };
            match files.last_mut().filter(|file| file.init == init) {
                Some(file) => file.segments.push(planned),
                None => files.push(PlannedFile { init, init_len, segments: vec![planned] }),
            }
        }
        Self { files }
    }

    pub(super) fn segments(&self) -> usize {
        self.files.iter().map(|file| file.segments.len()).sum()
    }

    /// Bytes of media.
    pub(super) fn bytes(&self) -> u64 {
        self.files.iter().flat_map(|file| &file.segments).map(|segment| segment.len).sum()
    }

    /// A name for just this, without the segments that are known to be damaged: what is made of it is made once.
    pub(super) fn key(&self, damaged: &BTreeSet<u64>) -> String {
        let mut digest = Context::new(&SHA256);
        digest.update(&[FORMAT]);
        for file in &self.files {
            digest.update(&[0]);
            match file.init {
                PlannedInit::Session(number) => digest.update(&number.to_be_bytes()),
                PlannedInit::Edge(range) => digest.update(range.file.to_string().as_bytes()),
            }
            for segment in &file.segments {
                digest.update(&[1, u8::from(segment.follows), u8::from(segment.is_damaged(damaged))]);
                match segment.file {
                    MediaFile::Segment(msn) => digest.update(&msn.to_be_bytes()),
                    file => digest.update(file.to_string().as_bytes()),
                }
                digest.update(&segment.len.to_be_bytes());
            }
        }
        digest.finish().as_ref()[..16].iter().map(|byte| format!("{byte:02x}")).collect()
    }
}
