//! HEVC: the configuration record of ISO/IEC 14496-15 §8.3.3 and the parameter sets of ISO/IEC 23008-2.

mod sps;

use bytes::Bytes;

use crate::nal::{NalUnits, RandomAccess, unescape};
use crate::{ConfigError, VideoCodec, VideoConfig};

/// Bytes before the first array.
const HEADER: usize = 23;
/// NAL unit types, ISO/IEC 23008-2 table 7-1.
const BLA_FIRST: u8 = 16;
const IDR_LAST: u8 = 20;
const CRA: u8 = 21;
const SPS: u8 = 33;
/// avgFrameRate counts frames in 256 s.
const AVERAGE_RATE_SECONDS: u32 = 256;

pub(crate) fn parse(record: Bytes) -> Result<VideoConfig, ConfigError> {
    if record.len() < HEADER {
        return Err(ConfigError::Truncated);
    }
    // Version 0 was written by encoders before the standard was done; it reads the same.
    if record[0] > 1 {
        return Err(ConfigError::Invalid("hvcC is not of version 1"));
    }
    let nal_length_size = (record[21] & 3) + 1;
    if nal_length_size == 3 {
        return Err(ConfigError::Invalid("a NAL unit's length has three bytes"));
    }
    let unit = first_sps(&record)?;
    let sps = sps::parse(&unescape(unit.get(2..).ok_or(ConfigError::Truncated)?))?;
    let average = u32::from(u16::from_be_bytes([record[19], record[20]]));
    let average = (average > 0).then_some((average, AVERAGE_RATE_SECONDS));
    Ok(VideoConfig {
        codec: VideoCodec::Hevc,
        codec_string: codec_string(&record[1..13]),
        width: sps.width,
        height: sps.height,
        frame_rate_hint: sps.frame_rate.or(average),
        interlaced: false,
        nal_length_size,
        record,
    })
}

fn first_sps(record: &[u8]) -> Result<&[u8], ConfigError> {
    let mut rest = &record[HEADER..];
    for _ in 0..record[22] {
        let (header, after) = rest.split_at_checked(3).ok_or(ConfigError::Truncated)?;
        rest = after;
        for _ in 0..u16::from_be_bytes([header[1], header[2]]) {
            let (length, after) = rest.split_at_checked(2).ok_or(ConfigError::Truncated)?;
            let length = usize::from(u16::from_be_bytes([length[0], length[1]]));
            let (unit, after) = after.split_at_checked(length).ok_or(ConfigError::Truncated)?;
            rest = after;
            if header[0] & 0x3f == SPS {
                return Ok(unit);
            }
        }
    }
    Err(ConfigError::Invalid("hvcC holds no sequence parameter set"))
}

/// ISO/IEC 14496-15 annex E.3. `general`: the record's profile, compatibility, constraints and level.
fn codec_string(general: &[u8]) -> String {
    let space = ["", "A", "B", "C"][usize::from(general[0] >> 6)];
    let tier = if general[0] & 0x20 == 0 { 'L' } else { 'H' };
    let compatibility = u32::from_be_bytes([general[1], general[2], general[3], general[4]]).reverse_bits();
    let mut text = format!("hvc1.{space}{}.{compatibility:X}.{tier}{}", general[0] & 0x1f, general[11]);
    let constraints = &general[5..11];
    let used = constraints.iter().rposition(|byte| *byte != 0).map_or(0, |last| last + 1);
    for byte in &constraints[..used] {
        text.push_str(&format!(".{byte:X}"));
    }
    text
}

pub(crate) fn random_access(data: &[u8], length_size: u8) -> RandomAccess {
    for unit in NalUnits::new(data, length_size) {
        match unit.first().map(|header| header >> 1 & 0x3f) {
            Some(BLA_FIRST..=IDR_LAST) => return RandomAccess::Closed,
            Some(CRA) => return RandomAccess::Open,
            _ => {}
        }
    }
    RandomAccess::No
}
