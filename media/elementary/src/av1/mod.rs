//! AV1: the configuration record of "AV1 Codec ISO Media File Format Binding" §2.3 and OBUs in the low-overhead format.

mod sequence_header;

use bytes::Bytes;

use crate::bits::Bits;
use crate::{ConfigError, RandomAccess, VideoCodec, VideoConfig};
use sequence_header::SequenceHeader;

/// Bytes of av1C before the OBUs.
const HEADER: usize = 4;
/// Longest leb128 number, AV1 specification §4.10.5.
const MAX_LEB128: usize = 8;
/// OBU types, §6.2.2.
const SEQUENCE_HEADER: u8 = 1;
const FRAME_HEADER: u8 = 3;
const FRAME: u8 = 6;

pub(crate) fn parse(record: Bytes) -> Result<VideoConfig, ConfigError> {
    if record.len() < HEADER {
        return Err(ConfigError::Truncated);
    }
    if record[0] != 0x81 {
        return Err(ConfigError::Invalid("av1C is not of version 1"));
    }
    let sequence = Obus { rest: &record[HEADER..] }
        .find(|obu| obu.kind == SEQUENCE_HEADER)
        .ok_or(ConfigError::Unsupported("av1C without a sequence header"))?;
    let sequence = SequenceHeader::parse(sequence.payload)?;
    let (profile, level) = (record[1] >> 5, record[1] & 0x1f);
    let tier = if record[2] & 0x80 == 0 { 'M' } else { 'H' };
    let depth = match record[2] >> 5 & 3 {
        0 | 1 => 8,
        2 => 10,
        _ => 12,
    };
    Ok(VideoConfig {
        codec: VideoCodec::Av1,
        codec_string: format!("av01.{profile}.{level:02}{tier}.{depth:02}"),
        width: sequence.width,
        height: sequence.height,
        frame_rate_hint: sequence.frame_rate,
        interlaced: false,
        nal_length_size: 0,
        record,
    })
}

/// A key frame is a random access point when a sequence header comes with it (§7.6.2); one that is not shown at once
/// is a delayed one.
pub(crate) fn random_access(data: &[u8]) -> RandomAccess {
    let mut reduced = None;
    for obu in (Obus { rest: data }) {
        match obu.kind {
            SEQUENCE_HEADER => {
                reduced = SequenceHeader::parse(obu.payload).ok().map(|sequence| sequence.reduced);
            }
            FRAME_HEADER | FRAME => {
                return match reduced {
                    None => RandomAccess::No,
                    Some(true) => RandomAccess::Closed,
                    Some(false) => frame_access(obu.payload).unwrap_or(RandomAccess::No),
                };
            }
            _ => {}
        }
    }
    RandomAccess::No
}

/// The beginning of uncompressed_header(), §5.9.2.
fn frame_access(payload: &[u8]) -> Result<RandomAccess, ConfigError> {
    let mut bits = Bits::new(payload);
    if bits.flag()? || bits.read(2)? != 0 {
        return Ok(RandomAccess::No);
    }
    Ok(if bits.flag()? { RandomAccess::Closed } else { RandomAccess::Open })
}

struct Obu<'a> {
    kind: u8,
    payload: &'a [u8],
}

/// Open bitstream units, §5.3. Ends at the first that does not fit.
struct Obus<'a> {
    rest: &'a [u8],
}

impl<'a> Iterator for Obus<'a> {
    type Item = Obu<'a>;

    fn next(&mut self) -> Option<Obu<'a>> {
        let (header, mut rest) = self.rest.split_first()?;
        if header & 4 != 0 {
            rest = rest.get(1..)?;
        }
        let size = if header & 2 == 0 { rest.len() } else { leb128(&mut rest)? };
        let (payload, rest) = rest.split_at_checked(size)?;
        self.rest = rest;
        Some(Obu { kind: header >> 3 & 0xf, payload })
    }
}

fn leb128(bytes: &mut &[u8]) -> Option<usize> {
    let mut value = 0u64;
    for index in 0..MAX_LEB128 {
        let (byte, rest) = bytes.split_first()?;
        *bytes = rest;
        value |= u64::from(byte & 0x7f) << (7 * index);
        if byte & 0x80 == 0 {
            return usize::try_from(value).ok();
        }
    }
    None
}
