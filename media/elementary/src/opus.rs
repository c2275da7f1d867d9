//! Opus: RFC 6716 packets, RFC 7845 headers, and "Encapsulation of Opus in ISO BMFF" §4.3.2.

use bytes::{BufMut, Bytes, BytesMut};

use crate::{AudioCodec, AudioConfig, ConfigError};

/// What an identification header begins with, RFC 7845 §5.1.
const MAGIC: &[u8] = b"OpusHead";
/// Bytes of `dOps` before the channel mapping table.
const DOPS_HEADER: usize = 11;
/// Opus is always decoded at this rate.
const SAMPLE_RATE: u32 = 48_000;
/// The longest packet, 120 ms at 48 kHz (RFC 6716 §3.2.5).
const MAX_PACKET_SAMPLES: u32 = 5_760;

pub(crate) fn parse(record: Bytes) -> Result<AudioConfig, ConfigError> {
    let dops = match record.strip_prefix(MAGIC) {
        Some(head) => from_head(head)?,
        None => record,
    };
    if dops.len() < DOPS_HEADER {
        return Err(ConfigError::Truncated);
    }
    if dops[0] != 0 {
        return Err(ConfigError::Invalid("dOps is not of version 0"));
    }
    let channels = dops[1];
    if dops[10] == 0 && channels > 2 {
        return Err(ConfigError::Invalid("more than two Opus channels without a mapping"));
    }
    if dops[10] != 0 && dops.len() < DOPS_HEADER + 2 + usize::from(channels) {
        return Err(ConfigError::Truncated);
    }
    Ok(AudioConfig {
        codec: AudioCodec::Opus,
        sample_rate: SAMPLE_RATE,
        channels,
        frame_samples: 0,
        object_type: 0,
        record: dops,
    })
}

/// An identification header holds the same fields as `dOps`, little endian and with version 1.
fn from_head(head: &[u8]) -> Result<Bytes, ConfigError> {
    if head.len() < DOPS_HEADER {
        return Err(ConfigError::Truncated);
    }
    if head[0] >> 4 != 0 {
        return Err(ConfigError::Unsupported("a new major version of OpusHead"));
    }
    let mut dops = BytesMut::with_capacity(head.len());
    dops.put_u8(0);
    dops.put_u8(head[1]);
    dops.put_u16(u16::from_le_bytes([head[2], head[3]]));
    dops.put_u32(u32::from_le_bytes([head[4], head[5], head[6], head[7]]));
    dops.put_u16(u16::from_le_bytes([head[8], head[9]]));
    dops.put_slice(&head[10..]);
    Ok(dops.freeze())
}

/// Samples at 48 kHz that an Opus packet lasts, by its table-of-contents byte (RFC 6716 §3.1). None: not valid.
pub fn packet_samples(packet: &[u8]) -> Option<u32> {
    let toc = *packet.first()?;
    let frame = match toc >> 3 {
        config @ 0..=11 => [480, 960, 1_920, 2_880][usize::from(config & 3)],
        config @ 12..=15 => [480, 960][usize::from(config & 1)],
        config => [120, 240, 480, 960][usize::from(config & 3)],
    };
    let frames = match toc & 3 {
        0 => 1,
        1 | 2 => 2,
        _ => u32::from(packet.get(1)? & 0x3f),
    };
    let samples = frame * frames;
    (samples > 0 && samples <= MAX_PACKET_SAMPLES).then_some(samples)
}
