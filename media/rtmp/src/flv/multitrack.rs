//! What E-RTMP v2 put in front of audio and video alike: ModEx prefixes and several tracks in one message.

use bytes::Bytes;

use super::{Track, body::Body};
use crate::FlvError;

/// Packet type of a prefix that changes the packet behind it ("ModEx").
const MOD_EX: u8 = 7;
/// ModEx type: a UI24 of nanoseconds to add to the message's time.
const TIMESTAMP_OFFSET_NANO: u8 = 0;

/// AvMultitrackType.
const ONE_TRACK: u8 = 0;
const MANY_TRACKS: u8 = 1;
const MANY_TRACKS_MANY_CODECS: u8 = 2;

/// The track that stands for the whole feed: "it is RECOMMENDED to use trackId set to zero" for the default one.
const DEFAULT_TRACK: u8 = 0;

/// Reads the ModEx prefixes. Answers the packet type behind them and the nanosecond offset.
///
/// Each prefix takes at least three bytes, so the message's length bounds their number.
pub(super) fn mod_ex(body: &mut Body, mut packet_type: u8) -> Result<(u8, u32), FlvError> {
    let mut nanoseconds = 0;
    while packet_type == MOD_EX {
        let mut size = usize::from(body.byte("ModEx size")?) + 1;
        if size == 256 {
            size = usize::from(body.unsigned16("ModEx size")?) + 1;
        }
        let data = body.take(size, "ModEx data")?;
        let byte = body.byte("ModEx type")?;
        if byte >> 4 == TIMESTAMP_OFFSET_NANO
            && let [high, middle, low, ..] = data[..]
        {
            nanoseconds = u32::from_be_bytes([0, high, middle, low]);
        }
        packet_type = byte & 0x0F;
    }
    Ok((packet_type, nanoseconds))
}

/// The default track of a multitrack message.
pub(super) struct DefaultTrack {
    pub(super) packet_type: u8,
    pub(super) fourcc: [u8; 4],
    pub(super) body: Body,
}

/// Finds the default track of a multitrack message. None: it carries others only.
pub(super) fn default_track(track: Track, mut body: Body) -> Result<Option<DefaultTrack>, FlvError> {
    let byte = body.byte("multitrack type")?;
    let (kind, packet_type) = (byte >> 4, byte & 0x0F);
    let common = match kind {
        ONE_TRACK | MANY_TRACKS => Some(body.fourcc()?),
        MANY_TRACKS_MANY_CODECS => None,
        value => return Err(FlvError::Undefined { track: track.name(), field: "multitrack type", value }),
    };
    while !body.is_empty() {
        let fourcc = match common {
            Some(fourcc) => fourcc,
            None => body.fourcc()?,
        };
        let id = body.byte("track id")?;
        let payload: Bytes = if kind == ONE_TRACK {
            body.rest()
        } else {
            let size = body.unsigned24("track size")?;
            body.take(size as usize, "track")?
        };
        if id == DEFAULT_TRACK {
            return Ok(Some(DefaultTrack { packet_type, fourcc, body: Body::new(track, payload) }));
        }
    }
    Ok(None)
}
