//! What a recording's files are made of.

use std::collections::BTreeSet;

use aws_lc_rs::digest::{Context, SHA256};
use sigma_hls::{Recording, Span, vod};

/// Another one where heads are made otherwise: those that were made before are not taken for the new ones.
const FORMAT: u8 = 1;

/// A segment of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Planned {
    pub(super) msn: u64,
    /// Bytes of its media.
    pub(super) len: u64,
    pub(super) duration_ticks: u64,
    pub(super) crc32: Option<u32>,
    pub(super) starts_with_key: bool,
    /// Whether its times go on where those of the one before end.
    pub(super) follows: bool,
}

/// A file: segments of one format, one after the other.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct PlannedFile {
    /// The init section's number, and its bytes.
    pub(super) init: u32,
    pub(super) init_len: u64,
    pub(super) segments: Vec<Planned>,
}

/// The files of a recording, in order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Plan {
    pub(super) files: Vec<PlannedFile>,
}

impl Plan {
    /// Of these stretches. A break is where a playlist has a discontinuity; another init section begins another file.
    pub(super) fn of(recording: &Recording, spans: &[Span]) -> Self {
        let mut files: Vec<PlannedFile> = Vec::new();
        let mut before: Option<u64> = None;
        for (msn, piece) in vod::segments(recording, spans) {
            let follows = before.is_some_and(|last| last + 1 == msn) && !piece.discontinuity;
            before = Some(msn);
            let planned = Planned {
                msn,
                len: piece.len,
                duration_ticks: piece.duration,
                crc32: piece.crc32,
                starts_with_key: piece.independent,
                follows,
            };
            match files.last_mut().filter(|file| file.init == piece.init) {
                Some(file) => file.segments.push(planned),
                None => files.push(PlannedFile {
                    init: piece.init,
                    init_len: recording.init(piece.init).map_or(0, |init| init.len),
                    segments: vec![planned],
                }),
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
            digest.update(&file.init.to_be_bytes());
            for segment in &file.segments {
                digest.update(&[1, u8::from(segment.follows), u8::from(damaged.contains(&segment.msn))]);
                digest.update(&segment.msn.to_be_bytes());
                digest.update(&segment.len.to_be_bytes());
            }
        }
        digest.finish().as_ref()[..16].iter().map(|byte| format!("{byte:02x}")).collect()
    }
}
