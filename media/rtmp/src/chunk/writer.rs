use bytes::{BufMut, BytesMut};

use super::DEFAULT_CHUNK_SIZE;
use crate::message::kind;

/// Cuts what we send. All of it is short and without time, so each message begins with a type 0 header at timestamp 0.
#[derive(Debug)]
pub(crate) struct ChunkWriter {
    chunk_size: u32,
}

impl ChunkWriter {
    /// §5.4: control messages go on chunk stream 2.
    pub(crate) const CONTROL: u8 = 2;
    /// Commands go on another one.
    pub(crate) const COMMANDS: u8 = 3;

    pub(crate) fn new() -> Self {
        Self { chunk_size: DEFAULT_CHUNK_SIZE }
    }

    /// Tells the client of a greater chunk size, and keeps it from then on.
    pub(crate) fn set_chunk_size(&mut self, size: u32, out: &mut BytesMut) {
        self.write(Self::CONTROL, kind::SET_CHUNK_SIZE, 0, &size.to_be_bytes(), out);
        self.chunk_size = size;
    }

    /// Writes one message.
    pub(crate) fn write(&self, chunk_stream: u8, kind: u8, stream: u32, payload: &[u8], out: &mut BytesMut) {
        out.put_u8(chunk_stream);
        out.put_uint(0, 3);
        out.put_uint(payload.len() as u64, 3);
        out.put_u8(kind);
        out.put_u32_le(stream);
        for (index, chunk) in payload.chunks(self.chunk_size as usize).enumerate() {
            if index > 0 {
                out.put_u8(0b1100_0000 | chunk_stream);
            }
            out.put_slice(chunk);
        }
    }
}
