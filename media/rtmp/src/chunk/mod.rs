//! RTMP 1.0 §5.3: messages cut into chunks, several under way at once.

mod reader;
mod writer;

pub(crate) use reader::ChunkReader;
pub(crate) use writer::ChunkWriter;

/// §5.4.1: "The maximum chunk size defaults to 128 bytes".
const DEFAULT_CHUNK_SIZE: u32 = 128;
/// §5.3.1.3: a timestamp field that says that the timestamp follows in four bytes.
const EXTENDED: u32 = 0xFF_FFFF;
/// Bytes of a message header of type 0, 1, 2 and 3 (§5.3.1.2).
const HEADER_SIZES: [usize; 4] = [11, 7, 3, 0];
