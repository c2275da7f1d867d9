//! What an init section says of its tracks, as far as a plain file says the same.

use crate::reader::{Boxes, Fields, ReadError, Track};

/// A track of an init section.
#[derive(Debug)]
pub(super) struct Described {
    pub(super) track: Track,
    /// §8.3.2: what follows the duration in `tkhd`.
    pub(super) header: Vec<u8>,
    pub(super) flags: u32,
    /// §8.4.2: the language and what follows it in `mdhd`.
    pub(super) language: Vec<u8>,
    /// §8.4.3, with its head.
    pub(super) handler: Vec<u8>,
    /// What stands in `minf` beside the sample table: `vmhd` or `smhd`, and `dinf`.
    pub(super) information: Vec<u8>,
    /// §8.5.2, with its head.
    pub(super) samples: Vec<u8>,
}

/// An init section's tracks.
#[derive(Debug)]
pub(super) struct Description {
    pub(super) tracks: Vec<Described>,
    /// §8.2.2: what follows the duration in `mvhd`.
    pub(super) movie: Vec<u8>,
}

impl Description {
    pub(super) fn read(init: &[u8]) -> Result<Self, ReadError> {
        let moov = Boxes::path(init, &[b"moov"])?;
        let read = Track::read_all(init)?;
        let mut tracks = Vec::with_capacity(read.len());
        let (mut boxes, mut read) = (Boxes::new(moov), read.into_iter());
        while let Some(found) = boxes.next()? {
            if found.name == *b"trak" {
                let track = read.next().ok_or(ReadError::Invalid("a box is missing"))?;
                tracks.push(Described::read(track, found.body)?);
            }
        }
        if tracks.is_empty() {
            return Err(ReadError::Invalid("there is no track"));
        }
        let (_, movie) = behind_duration(Boxes::path(moov, &[b"mvhd"])?, 4)?;
        Ok(Self { tracks, movie })
    }
}

impl Described {
    fn read(track: Track, trak: &[u8]) -> Result<Self, ReadError> {
        // The track's number and a reserved field.
        let (flags, header) = behind_duration(Boxes::path(trak, &[b"tkhd"])?, 8)?;
        let mdia = Boxes::path(trak, &[b"mdia"])?;
        let (_, language) = behind_duration(Boxes::path(mdia, &[b"mdhd"])?, 4)?;
        let minf = Boxes::path(mdia, &[b"minf"])?;
        Ok(Self {
            track,
            header,
            flags,
            language,
            handler: with_head(mdia, b"hdlr")?,
            information: beside(minf, b"stbl")?,
            samples: with_head(Boxes::path(minf, &[b"stbl"])?, b"stsd")?,
        })
    }
}

/// The flags of a header, and what is behind its duration, before which stand two times and `between` bytes.
fn behind_duration(body: &[u8], between: usize) -> Result<(u32, Vec<u8>), ReadError> {
    let mut fields = Fields(body);
    let (version, flags) = fields.version_and_flags()?;
    let times = if version == 1 { 8 + 8 + between + 8 } else { 4 + 4 + between + 4 };
    fields.skip(times)?;
    Ok((flags, fields.0.to_vec()))
}

fn with_head(bytes: &[u8], name: &[u8; 4]) -> Result<Vec<u8>, ReadError> {
    let mut boxes = Boxes::new(bytes);
    while let Some(found) = boxes.next()? {
        if found.name == *name {
            return Ok(bytes[found.at..found.range.end].to_vec());
        }
    }
    Err(ReadError::Invalid("a box is missing"))
}

/// All boxes but those of this name.
fn beside(bytes: &[u8], name: &[u8; 4]) -> Result<Vec<u8>, ReadError> {
    let (mut boxes, mut others) = (Boxes::new(bytes), Vec::new());
    while let Some(found) = boxes.next()? {
        if found.name != *name {
            others.extend_from_slice(&bytes[found.at..found.range.end]);
        }
    }
    Ok(others)
}
