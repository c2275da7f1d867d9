use std::{collections::BTreeMap, fmt};

use bytes::BytesMut;

use super::{DEFAULT_CHUNK_SIZE, EXTENDED, HEADER_SIZES};
use crate::{Limits, ProtocolError, message::Message, message::kind};

/// Basic header, message header, extended timestamp (§5.3.1).
const MAX_HEADER: usize = 3 + 11 + 4;
/// §5.4.1: "no message is longer than 16777215 bytes".
const MAX_MESSAGE: u32 = 0xFF_FFFF;
/// Memory taken for a message before its bytes come. More is taken as they do.
const FIRST_ALLOCATION: usize = 64 << 10;
/// Memory is taken for media in blocks of so much, in which one message lies behind the other: what is kept of a feed is let
/// go in the order in which it came, so that blocks of one size come and go and leave no holes. A size that the allocator has (`sigma`), or
/// each would take the next greater.
const BLOCK: usize = 128 << 10;
/// Messages of which a block takes several. A longer one has memory of its own; so has a shorter one, which may be a
/// decoder's configuration: that is kept for as long as the feed, and would keep its block.
const IN_BLOCK: std::ops::RangeInclusive<usize> = 128..=(24 << 10);

/// Puts messages together from chunks that come in any interleaving, cut anywhere.
pub(crate) struct ChunkReader {
    limits: Limits,
    chunk_size: u32,
    streams: BTreeMap<u32, ChunkStream>,
    header: [u8; MAX_HEADER],
    header_length: usize,
    /// The chunk whose payload is being read.
    chunk: Option<Chunk>,
    /// Lengths of all messages under way together.
    promised: u32,
    /// Messages without a payload since the last one with some.
    empty: u32,
    /// What is left of the newest block. None is taken before media comes.
    block: BytesMut,
}

struct Chunk {
    chunk_stream: u32,
    left: usize,
}

/// What the next header on the chunk stream may leave out, and the message under way.
#[derive(Default)]
struct ChunkStream {
    timestamp: u32,
    /// What a type 3 header that begins a message adds (§5.3.1.2.4).
    delta: u32,
    length: u32,
    kind: u8,
    stream: u32,
    /// The extended timestamp of the last header that had one, as it stood there.
    extended: Option<u32>,
    /// The client does not repeat it in type 3 chunks of this message, as §5.3.1.3 wants (older encoders).
    unrepeated: bool,
    /// Bytes of the message under way.
    message: Option<BytesMut>,
}

/// Without bytes of messages: one of them may be the stream key.
impl fmt::Debug for ChunkReader {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ChunkReader")
            .field("chunk_size", &self.chunk_size)
            .field("chunk_streams", &self.streams.len())
            .field("promised", &self.promised)
            .finish_non_exhaustive()
    }
}

impl ChunkStream {
    fn left(&self) -> usize {
        self.message.as_ref().map_or(0, |message| self.length as usize - message.len())
    }
}

impl ChunkReader {
    pub(crate) fn new(limits: Limits) -> Self {
        Self {
            limits,
            chunk_size: DEFAULT_CHUNK_SIZE,
            streams: BTreeMap::new(),
            header: [0; MAX_HEADER],
            header_length: 0,
            chunk: None,
            promised: 0,
            empty: 0,
            block: BytesMut::new(),
        }
    }

    /// Set Chunk Size (§5.4.1): at least 1, and the top bit must be zero.
    pub(crate) fn set_chunk_size(&mut self, size: u32) -> Result<(), ProtocolError> {
        let limit = self.limits.chunk_size;
        // "Sizes of 16777215 (0xFFFFFF) or greater are equivalent": some encoders turn chunking off with 0x7FFFFFFF.
        let effective = size.min(MAX_MESSAGE);
        if size == 0 || size & 1 << 31 != 0 || effective > limit {
            return Err(ProtocolError::ChunkSize { size, limit });
        }
        self.chunk_size = effective;
        Ok(())
    }

    /// Abort Message (§5.4.2): what is there of the chunk stream's message is dropped.
    pub(crate) fn abort(&mut self, chunk_stream: u32) {
        if let Some(state) = self.streams.get_mut(&chunk_stream)
            && state.message.take().is_some()
        {
            self.promised -= state.length;
        }
    }

    /// Takes bytes from the front of `input` up to the end of the next message. None: all are taken and it is not whole.
    pub(crate) fn read(&mut self, input: &mut &[u8]) -> Result<Option<Message>, ProtocolError> {
        loop {
            let Some(chunk) = &mut self.chunk else {
                if !self.read_header(input)? {
                    return Ok(None);
                }
                let begun = self.begin_chunk()?;
                if begun.is_some() {
                    return Ok(begun);
                }
                continue;
            };
            let (taken, rest) = input.split_at(input.len().min(chunk.left));
            *input = rest;
            chunk.left -= taken.len();
            let (chunk_stream, more) = (chunk.chunk_stream, chunk.left > 0);
            if let Some(state) = self.streams.get_mut(&chunk_stream) {
                append(state, taken);
            }
            if more {
                return Ok(None);
            }
            self.chunk = None;
            let message = self.finish(chunk_stream)?;
            if message.is_some() {
                return Ok(message);
            }
        }
    }

    /// Gathers a chunk header. False: more bytes are needed.
    fn read_header(&mut self, input: &mut &[u8]) -> Result<bool, ProtocolError> {
        loop {
            let wanted = self.header_wanted()?;
            if wanted == self.header_length {
                return Ok(true);
            }
            let (taken, rest) = input.split_at(input.len().min(wanted - self.header_length));
            if taken.is_empty() {
                return Ok(false);
            }
            self.header[self.header_length..][..taken.len()].copy_from_slice(taken);
            self.header_length += taken.len();
            *input = rest;
        }
    }

    /// How long the header is as far as its bytes so far tell.
    fn header_wanted(&self) -> Result<usize, ProtocolError> {
        let header = &self.header[..self.header_length];
        let Some(&first) = header.first() else { return Ok(1) };
        let basic = basic_size(first);
        if header.len() < basic {
            return Ok(basic);
        }
        let format = first >> 6;
        let wanted = basic + HEADER_SIZES[usize::from(format)];
        if header.len() < wanted {
            return Ok(wanted);
        }
        let extended = if format == 3 {
            let chunk_stream = chunk_stream_id(header);
            let state = self
                .streams
                .get(&chunk_stream)
                .ok_or(ProtocolError::NoEarlierHeader { chunk_stream, format })?;
            state.extended.is_some() && !(state.message.is_some() && state.unrepeated)
        } else {
            unsigned24(&header[basic..]) == EXTENDED
        };
        Ok(wanted + if extended { 4 } else { 0 })
    }

    /// A header is whole: a message begins or goes on. Some: a message without a payload.
    fn begin_chunk(&mut self) -> Result<Option<Message>, ProtocolError> {
        let length = std::mem::take(&mut self.header_length);
        let header = &self.header[..length];
        let (format, chunk_stream) = (header[0] >> 6, chunk_stream_id(header));
        let (fields, extension) = header[basic_size(header[0])..].split_at(HEADER_SIZES[usize::from(format)]);
        let extension = extension.first_chunk().map(|bytes| u32::from_be_bytes(*bytes));

        if !self.streams.contains_key(&chunk_stream) {
            // §5.3.1.2.2: type 1 needs an earlier header too, for the stream id and a time to add to. librtmp begins its
            // control stream with one all the same; stream 0 and time 0 serve.
            if format == 2 {
                return Err(ProtocolError::NoEarlierHeader { chunk_stream, format });
            }
            if self.streams.len() >= self.limits.chunk_streams {
                return Err(ProtocolError::TooManyChunkStreams { limit: self.limits.chunk_streams });
            }
        }
        let state = self.streams.entry(chunk_stream).or_default();
        let continues = state.message.is_some();
        if continues && format != 3 {
            return Err(ProtocolError::MessageInsideMessage { chunk_stream });
        }
        if continues {
            let size = state.left().min(self.chunk_size as usize);
            self.chunk = Some(Chunk { chunk_stream, left: size });
            if let (Some(extended), Some(repeated)) = (state.extended, extension)
                && repeated != extended
                && repeated != state.timestamp
                && size >= 4
            {
                // §5.3.1.3 wants the extended timestamp here; these four bytes are another thing, so they are payload.
                state.unrepeated = true;
                append(state, &repeated.to_be_bytes());
                self.chunk = Some(Chunk { chunk_stream, left: size - 4 });
                if size == 4 {
                    self.chunk = None;
                    return self.finish(chunk_stream);
                }
            }
            return Ok(None);
        }
        if format < 3 {
            state.extended = extension;
            state.delta = extension.unwrap_or(unsigned24(fields));
        } else if let Some(extended) = extension {
            state.extended = extension;
            state.delta = extended;
        }
        state.timestamp = if format == 0 { state.delta } else { state.timestamp.wrapping_add(state.delta) };
        if format < 2 {
            state.length = unsigned24(&fields[3..]);
            state.kind = fields[6];
        }
        if format == 0 {
            state.stream = u32::from_le_bytes([fields[7], fields[8], fields[9], fields[10]]);
        }
        self.begin_message(chunk_stream)
    }

    /// Holds the announced length against the limits before memory is taken for it.
    fn begin_message(&mut self, chunk_stream: u32) -> Result<Option<Message>, ProtocolError> {
        let Some(state) = self.streams.get_mut(&chunk_stream) else { return Ok(None) };
        let (message_type, length) = (state.kind, state.length);
        let is_media = matches!(message_type, kind::AUDIO | kind::VIDEO | kind::AGGREGATE);
        let limit = if is_media { self.limits.media_message } else { self.limits.other_message };
        if length > limit {
            return Err(ProtocolError::MessageTooLong { message_type, length, limit });
        }
        if length > self.limits.buffered - self.promised {
            return Err(ProtocolError::TooMuchBuffered { limit: self.limits.buffered });
        }
        state.message = Some(memory(&mut self.block, length as usize, is_media));
        state.unrepeated = false;
        self.promised += length;
        if length == 0 {
            self.empty += 1;
            if self.empty > self.limits.empty_messages {
                return Err(ProtocolError::EmptyMessages { limit: self.limits.empty_messages });
            }
            return self.finish(chunk_stream);
        }
        self.empty = 0;
        self.chunk = Some(Chunk { chunk_stream, left: length.min(self.chunk_size) as usize });
        Ok(None)
    }

    /// The chunk is whole: so may be the message.
    fn finish(&mut self, chunk_stream: u32) -> Result<Option<Message>, ProtocolError> {
        let Some(state) = self.streams.get_mut(&chunk_stream) else { return Ok(None) };
        if state.left() > 0 {
            return Ok(None);
        }
        self.promised -= state.length;
        Ok(state.message.take().map(|payload| Message {
            kind: state.kind,
            timestamp: state.timestamp,
            stream: state.stream,
            payload: payload.freeze(),
        }))
    }
}

/// Memory for a message that begins.
fn memory(block: &mut BytesMut, length: usize, is_media: bool) -> BytesMut {
    if !is_media || !IN_BLOCK.contains(&length) {
        return BytesMut::with_capacity(length.min(FIRST_ALLOCATION));
    }
    if block.capacity() < length {
        *block = BytesMut::with_capacity(BLOCK);
    }
    let rest = block.split_off(length);
    std::mem::replace(block, rest)
}

/// Grows by what is there, never past the message's end: an announced length alone takes no memory, and none is left over.
fn append(state: &mut ChunkStream, bytes: &[u8]) {
    let left = state.left();
    let Some(message) = &mut state.message else { return };
    if message.capacity() - message.len() < bytes.len() {
        let more = message.len().max(bytes.len()).min(left);
        message.reserve(more);
    }
    message.extend_from_slice(bytes);
}

/// §5.3.1.1: one byte, or two or three for ids beyond 63.
fn basic_size(first: u8) -> usize {
    match first & 0x3F {
        0 => 2,
        1 => 3,
        _ => 1,
    }
}

/// §5.3.1.1: ids 2–63, 64–319, 64–65599. The header has its basic part.
fn chunk_stream_id(header: &[u8]) -> u32 {
    match (header[0] & 0x3F, header) {
        (0, [_, low, ..]) => 64 + u32::from(*low),
        (1, [_, low, high, ..]) => 64 + u32::from(*low) + 256 * u32::from(*high),
        (id, _) => u32::from(id),
    }
}

fn unsigned24(bytes: &[u8]) -> u32 {
    u32::from_be_bytes([0, bytes[0], bytes[1], bytes[2]])
}

#[cfg(test)]
mod tests;
