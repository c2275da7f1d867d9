//! A publisher's side of RTMP as bytes: handshake, commands, and messages in chunks of any size with every kind of header,
//! several under way at once.

use std::collections::BTreeMap;

use bytes::{BufMut, BytesMut};
use sigma_rtmp::amf::{self, Value};

use crate::Dice;

/// Message type ids (RTMP 1.0 §5.4, §7.1).
pub mod kind {
    /// Set Chunk Size.
    pub const SET_CHUNK_SIZE: u8 = 1;
    /// Abort Message.
    pub const ABORT: u8 = 2;
    /// Acknowledgement.
    pub const ACKNOWLEDGEMENT: u8 = 3;
    /// User control.
    pub const USER_CONTROL: u8 = 4;
    /// Window Acknowledgement Size.
    pub const WINDOW: u8 = 5;
    /// Audio.
    pub const AUDIO: u8 = 8;
    /// Video.
    pub const VIDEO: u8 = 9;
    /// Data in AMF 0.
    pub const DATA: u8 = 18;
    /// A command in AMF 0.
    pub const COMMAND: u8 = 20;
}

/// A decoder configuration from x264, 128×72, as an FLV video message.
pub const VIDEO_CONFIG: &[u8] =
    b"\x17\x00\x00\x00\x00\x01\x64\x00\x0a\xff\xe1\x00\x19\x67\x64\x00\x0a\xac\xd9\x42\x0b\xf9\x70\x11\x00\x00\x03\x00\
      \x01\x00\x00\x03\x00\x14\x0f\x12\x25\x96\x01\x00\x06\x68\xeb\xe3\xcb\x22\xc0\xfd\xf8\xf8\x00";

/// AAC-LC, 48 kHz, stereo, as an FLV audio message.
pub const AUDIO_CONFIG: &[u8] = &[0xAF, 0, 0x11, 0x90];

/// C0, C1 and C2 of a client that waits for nothing (RTMP 1.0 §5.2).
pub fn handshake() -> Vec<u8> {
    let mut bytes = vec![3];
    bytes.extend((0..1536).map(|index| (index % 251) as u8));
    bytes.extend([0; 1536]);
    bytes
}

/// A message before it is cut into chunks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Message {
    /// One of [`kind`].
    pub kind: u8,
    /// Milliseconds.
    pub timestamp: u32,
    /// Message stream.
    pub stream: u32,
    /// Its payload.
    pub payload: Vec<u8>,
}

impl Message {
    /// A control message.
    pub fn control(kind: u8, number: u32) -> Self {
        Self { kind, timestamp: 0, stream: 0, payload: number.to_be_bytes().to_vec() }
    }

    /// A command's values.
    pub fn command(stream: u32, values: &[Value]) -> Self {
        Self { kind: kind::COMMAND, timestamp: 0, stream, payload: encode(values) }
    }

    /// A call without a command object.
    pub fn call(stream: u32, name: &str, transaction: u32, arguments: &[Value]) -> Self {
        let head = [Value::string(name), Value::Number(transaction.into()), Value::Null];
        Self::command(stream, &[&head[..], arguments].concat())
    }

    /// `connect` to an application.
    pub fn connect(application: &str) -> Self {
        let object = Value::object([
            ("app", Value::string(application)),
            ("flashVer", Value::string("simulation/1.0")),
        ]);
        Self::command(0, &[Value::string("connect"), Value::Number(1.0), object])
    }

    /// `publish` with a key.
    pub fn publish(stream: u32, key: &str) -> Self {
        Self::call(stream, "publish", 5, &[Value::string(key), Value::string("live")])
    }

    /// One H.264 picture as an FLV video message; the composition time is in milliseconds.
    pub fn picture(timestamp: u32, key: bool, composition: i32, data: &[u8]) -> Self {
        let head = if key { 0x17 } else { 0x27 };
        let payload = [&[head, 1][..], &composition.to_be_bytes()[1..], data].concat();
        Self { kind: kind::VIDEO, timestamp, stream: 1, payload }
    }

    /// One AAC frame as an FLV audio message.
    pub fn sound(timestamp: u32, data: &[u8]) -> Self {
        Self { kind: kind::AUDIO, timestamp, stream: 1, payload: [&[0xAF, 1][..], data].concat() }
    }
}

/// AMF 0 values one behind the other.
pub fn encode(values: &[Value]) -> Vec<u8> {
    let mut payload = BytesMut::new();
    amf::encode(values, &mut payload);
    payload.to_vec()
}

/// What a chunk stream's last header said.
#[derive(Debug, Clone, Copy)]
struct Last {
    timestamp: u32,
    delta: u32,
    length: usize,
    kind: u8,
    stream: u32,
}

/// Cuts messages into chunks (RTMP 1.0 §5.3).
#[derive(Debug)]
pub struct Chunker {
    size: usize,
    last: BTreeMap<u32, Last>,
}

impl Default for Chunker {
    /// §5.4.1: 128 bytes until the client says otherwise.
    fn default() -> Self {
        Self { size: 128, last: BTreeMap::new() }
    }
}

impl Chunker {
    /// Announces another chunk size and uses it from then on.
    pub fn set_size(&mut self, size: u32) -> Vec<u8> {
        let chunks = self.chunks(2, &Message::control(kind::SET_CHUNK_SIZE, size), 0);
        self.size = size as usize;
        chunks.concat()
    }

    /// The chunks of a message on a chunk stream, whose header leaves out as much as it may, up to `most` (0 to 3,
    /// §5.3.1.2). What else is under way on that chunk stream must be whole.
    pub fn chunks(&mut self, chunk_stream: u32, message: &Message, most: u8) -> Vec<Vec<u8>> {
        let length = message.payload.len();
        let before = self.last.get(&chunk_stream).copied();
        let since = |last: Last| message.timestamp.wrapping_sub(last.timestamp);
        let format = match before {
            Some(last) if last.stream == message.stream && since(last) < 1 << 31 => {
                let same = last.length == length && last.kind == message.kind;
                let steady = same && since(last) == last.delta;
                most.min(if steady { 3 } else { 1 + u8::from(same) })
            }
            _ => 0,
        };
        let time = match before {
            Some(last) if format > 0 => since(last),
            _ => message.timestamp,
        };
        let extended = (time >= 0xFF_FFFF).then_some(time);
        self.last.insert(
            chunk_stream,
            Last {
                timestamp: message.timestamp,
                delta: time,
                length,
                kind: message.kind,
                stream: message.stream,
            },
        );
        let mut chunks = Vec::new();
        let mut pieces = message.payload.chunks(self.size);
        let mut piece = pieces.next();
        let mut first = true;
        while first || piece.is_some() {
            let mut out = Vec::new();
            basic_header(if first { format } else { 3 }, chunk_stream, &mut out);
            if first && format < 3 {
                out.put_uint(time.min(0xFF_FFFF).into(), 3);
            }
            if first && format < 2 {
                out.put_uint(length as u64, 3);
                out.put_u8(message.kind);
            }
            if first && format == 0 {
                out.put_u32_le(message.stream);
            }
            if let Some(time) = extended {
                out.put_u32(time);
            }
            out.put_slice(piece.unwrap_or_default());
            chunks.push(out);
            first = false;
            piece = pieces.next();
        }
        chunks
    }
}

/// §5.3.1.1: one byte, or two or three for ids beyond 63.
fn basic_header(format: u8, chunk_stream: u32, out: &mut Vec<u8>) {
    let format = format << 6;
    match chunk_stream {
        ..64 => out.put_u8(format | chunk_stream as u8),
        64..320 => out.put_slice(&[format, (chunk_stream - 64) as u8]),
        _ => {
            out.put_u8(format | 1);
            out.put_u16_le((chunk_stream - 64) as u16);
        }
    }
}

/// Shuffles the chunks of messages on several chunk streams among each other; each message's stay in order. Answers the
/// bytes, and in which order the messages, by their places, come to their end.
pub fn interleave(dice: &mut Dice, messages: Vec<Vec<Vec<u8>>>) -> (Vec<u8>, Vec<usize>) {
    let mut left: Vec<_> = messages.into_iter().map(Vec::into_iter).enumerate().collect();
    let (mut out, mut order) = (Vec::new(), Vec::new());
    while !left.is_empty() {
        let index = dice.index(left.len());
        let (place, chunks) = &mut left[index];
        out.extend(chunks.next().unwrap_or_default());
        if chunks.len() == 0 {
            order.push(*place);
            left.remove(index);
        }
    }
    (out, order)
}
