//! H.264: the configuration record of ISO/IEC 14496-15 §5.3.3 and the parameter sets of ISO/IEC 14496-10.

mod sps;

use bytes::Bytes;

use crate::nal::{NalUnits, RandomAccess, unescape};
use crate::{ConfigError, VideoCodec, VideoConfig};

/// Bytes before the first sequence parameter set's length.
const HEADER: usize = 6;
/// NAL unit types, ISO/IEC 14496-10 table 7-1.
const SLICE_IDR: u8 = 5;
const SEI: u8 = 6;
const SPS: u8 = 7;
/// SEI payload type of a recovery point, §D.1.8.
const RECOVERY_POINT: u8 = 6;

pub(crate) fn parse(record: Bytes) -> Result<VideoConfig, ConfigError> {
    if record.len() < HEADER {
        return Err(ConfigError::Truncated);
    }
    if record[0] != 1 {
        return Err(ConfigError::Invalid("avcC is not of version 1"));
    }
    let nal_length_size = (record[4] & 3) + 1;
    if nal_length_size == 3 {
        return Err(ConfigError::Invalid("a NAL unit's length has three bytes"));
    }
    if record[5] & 0x1f == 0 {
        return Err(ConfigError::Invalid("avcC holds no sequence parameter set"));
    }
    let mut sets = NalUnits::new(&record[HEADER..], 2);
    let first = sets.next().ok_or(ConfigError::Truncated)?;
    if first.first().is_none_or(|header| header & 0x1f != SPS) {
        return Err(ConfigError::Invalid("avcC does not begin with a sequence parameter set"));
    }
    let sps = sps::parse(&unescape(&first[1..]))?;
    Ok(VideoConfig {
        codec: VideoCodec::H264,
        codec_string: format!("avc1.{:02x}{:02x}{:02x}", record[1], record[2], record[3]),
        width: sps.width,
        height: sps.height,
        frame_rate_hint: sps.frame_rate,
        interlaced: sps.interlaced,
        nal_length_size,
        record,
    })
}

pub(crate) fn random_access(data: &[u8], length_size: u8) -> RandomAccess {
    let mut found = RandomAccess::No;
    for unit in NalUnits::new(data, length_size) {
        match unit.first().map(|header| header & 0x1f) {
            Some(SLICE_IDR) => return RandomAccess::Closed,
            Some(SEI) if has_recovery_point(&unit[1..]) => found = RandomAccess::Open,
            _ => {}
        }
    }
    found
}

/// Walks over the messages of an SEI unit (§7.3.2.3). Escaped bytes do not matter: recovery points come early and short.
fn has_recovery_point(mut sei: &[u8]) -> bool {
    fn varint(sei: &mut &[u8]) -> Option<usize> {
        let mut value = 0usize;
        loop {
            let (first, rest) = sei.split_first()?;
            *sei = rest;
            value += usize::from(*first);
            if *first != 0xff {
                return Some(value);
            }
        }
    }
    while sei.len() > 2 {
        let (Some(kind), Some(size)) = (varint(&mut sei), varint(&mut sei)) else { return false };
        if kind == usize::from(RECOVERY_POINT) {
            return true;
        }
        let Some(rest) = sei.get(size..) else { return false };
        sei = rest;
    }
    false
}
