use bytes::{Buf, Bytes};

use super::Track;
use crate::FlvError;

/// A message's payload, read from the front without copying.
#[derive(Debug)]
pub(super) struct Body {
    track: Track,
    bytes: Bytes,
}

impl Body {
    pub(super) fn new(track: Track, bytes: Bytes) -> Self {
        Self { track, bytes }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }

    fn cut(&self, field: &'static str) -> FlvError {
        FlvError::Truncated { track: self.track.name(), field }
    }

    /// UI8.
    pub(super) fn byte(&mut self, field: &'static str) -> Result<u8, FlvError> {
        self.bytes.try_get_u8().map_err(|_| self.cut(field))
    }

    /// UI16.
    pub(super) fn unsigned16(&mut self, field: &'static str) -> Result<u16, FlvError> {
        self.bytes.try_get_u16().map_err(|_| self.cut(field))
    }

    /// UI24.
    pub(super) fn unsigned24(&mut self, field: &'static str) -> Result<u32, FlvError> {
        let high = self.byte(field)?;
        let low = self.unsigned16(field)?;
        Ok(u32::from(high) << 16 | u32::from(low))
    }

    /// SI24: composition times are signed (FLV 10.1 §E.4.3.2).
    pub(super) fn signed24(&mut self, field: &'static str) -> Result<i32, FlvError> {
        Ok((self.unsigned24(field)? << 8) as i32 >> 8)
    }

    /// FOURCC.
    pub(super) fn fourcc(&mut self) -> Result<[u8; 4], FlvError> {
        Ok(self.bytes.try_get_u32().map_err(|_| self.cut("FourCC"))?.to_be_bytes())
    }

    /// The next `length` bytes.
    pub(super) fn take(&mut self, length: usize, field: &'static str) -> Result<Bytes, FlvError> {
        if self.bytes.len() < length { Err(self.cut(field)) } else { Ok(self.bytes.split_to(length)) }
    }

    /// All that is left.
    pub(super) fn rest(&mut self) -> Bytes {
        std::mem::take(&mut self.bytes)
    }
}
