//! Init sections: `ftyp` and `moov`.

use super::boxes::{Atom, array, atoms, child, path, u16_at, u32_at};

/// What a track carries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Pictures.
    Video,
    /// Sound.
    Audio,
    /// Anything else.
    Other,
}

/// A track of an init section.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Track {
    /// `track_ID`
    pub id: u32,
    /// What it carries.
    pub kind: Kind,
    /// Ticks a second.
    pub timescale: u32,
    /// The sample entry's name: `avc1`, `mp4a` …
    pub entry: String,
    /// As CODECS would say it, where the reader knows how.
    pub codec: Option<String>,
    /// Pixels, for pictures.
    pub size: (u16, u16),
    /// Bytes before each NAL unit, for H.264 and HEVC.
    pub nal_length: Option<usize>,
    /// `trex`: default duration and flags of a sample.
    pub default_duration: u32,
    /// `trex`: default size of a sample.
    pub default_size: u32,
    /// `trex`: default flags of a sample.
    pub default_flags: u32,
    /// The whole sample entry: a change of it is a change of format.
    pub description: Vec<u8>,
}

/// An init section.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Init {
    /// Its tracks.
    pub tracks: Vec<Track>,
}

impl Init {
    /// The first track with pictures.
    pub fn video(&self) -> Option<&Track> {
        self.tracks.iter().find(|track| track.kind == Kind::Video)
    }

    /// Whether a player would have to set itself up anew to go from one to the other.
    pub fn same_format(&self, other: &Self) -> bool {
        let of = |init: &Self| -> Vec<_> {
            init.tracks.iter().map(|track| (track.id, track.timescale, track.description.clone())).collect()
        };
        of(self) == of(other)
    }
}

/// Reads an init section.
///
/// # Errors
/// What is missing, in words.
pub fn read(bytes: &[u8]) -> Result<Init, String> {
    let moov = path(bytes, &[b"moov"])?;
    let mut tracks = Vec::new();
    for trak in atoms(moov.body)?.into_iter().filter(|atom| atom.name == *b"trak") {
        tracks.push(track(trak)?);
    }
    if let Some(mvex) = child(moov.body, b"mvex")? {
        for trex in atoms(mvex.body)?.into_iter().filter(|atom| atom.name == *b"trex") {
            let id = u32_at(trex.body, 4)?;
            if let Some(track) = tracks.iter_mut().find(|track| track.id == id) {
                track.default_duration = u32_at(trex.body, 12)?;
                track.default_size = u32_at(trex.body, 16)?;
                track.default_flags = u32_at(trex.body, 20)?;
            }
        }
    }
    if tracks.is_empty() { Err("no track".to_owned()) } else { Ok(Init { tracks }) }
}

fn track(trak: Atom<'_>) -> Result<Track, String> {
    let tkhd = path(trak.body, &[b"tkhd"])?.body;
    let id = u32_at(tkhd, if tkhd.first() == Some(&1) { 20 } else { 12 })?;
    let mdia = path(trak.body, &[b"mdia"])?.body;
    let mdhd = path(mdia, &[b"mdhd"])?.body;
    let timescale = u32_at(mdhd, if mdhd.first() == Some(&1) { 20 } else { 12 })?;
    let handler: [u8; 4] = array(path(mdia, &[b"hdlr"])?.body, 8)?;
    let kind = match &handler {
        b"vide" => Kind::Video,
        b"soun" => Kind::Audio,
        _ => Kind::Other,
    };
    let stsd = path(mdia, &[b"minf", b"stbl", b"stsd"])?.body;
    let entries = atoms(stsd.get(8..).ok_or("stsd is cut off")?)?;
    let entry = entries.first().ok_or("stsd is empty")?;
    let mut track = Track {
        id,
        kind,
        timescale,
        entry: String::from_utf8_lossy(&entry.name).into_owned(),
        codec: None,
        size: (0, 0),
        nal_length: None,
        default_duration: 0,
        default_size: 0,
        default_flags: 0,
        description: entry.body.to_vec(),
    };
    match kind {
        // §12.1.3: 78 bytes of fields before the boxes.
        Kind::Video => {
            track.size = (u16_at(entry.body, 24)?, u16_at(entry.body, 26)?);
            let inner = entry.body.get(78..).ok_or("a sample entry is cut off")?;
            if let Some(avcc) = child(inner, b"avcC")? {
                let [_, profile, constraints, level, length] = array(avcc.body, 0)?;
                track.codec = Some(format!("{}.{profile:02x}{constraints:02x}{level:02x}", track.entry));
                track.nal_length = Some(usize::from(length & 3) + 1);
            } else if let Some(hvcc) = child(inner, b"hvcC")? {
                track.nal_length = Some(usize::from(array::<1>(hvcc.body, 21)?[0] & 3) + 1);
            }
        }
        Kind::Audio => {
            let inner = entry.body.get(28..).ok_or("a sample entry is cut off")?;
            track.codec = match entry.name {
                [b'O', b'p', b'u', b's'] => Some("opus".to_owned()),
                _ => child(inner, b"esds")?.and_then(|esds| audio_object(esds.body)),
            };
        }
        Kind::Other => {}
    }
    Ok(track)
}

/// `mp4a.OO.A` of an `esds` box (ISO/IEC 14496-1 §7.2.6): the object type, and for MPEG-4 audio its own.
fn audio_object(esds: &[u8]) -> Option<String> {
    let mut rest = esds.get(4..)?;
    loop {
        let (tag, body) = rest.split_first()?;
        // The length is in up to four groups of seven bits.
        let groups = body.iter().take(4).position(|byte| byte & 0x80 == 0)? + 1;
        let body = body.get(groups..)?;
        rest = match tag {
            3 => {
                let flags = *body.get(2)?;
                let more = 2 * usize::from(flags >> 7) + 2 * usize::from(flags >> 5 & 1);
                body.get(3 + more..)?
            }
            4 => {
                let object = *body.first()?;
                if object != 0x40 {
                    return Some(format!("mp4a.{object:02x}"));
                }
                body.get(13..)?
            }
            5 => return Some(format!("mp4a.40.{}", body.first()? >> 3)),
            _ => return None,
        };
    }
}
