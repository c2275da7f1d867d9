//! A tiny RTMP client: makes the bytes that a publisher sends, and reads what the server answers.

use bytes::{Buf, BufMut, Bytes, BytesMut};
use sigma_rtmp::{
    Action, Input, Limits, Session,
    amf::{self, Value},
};
use std::{collections::BTreeMap, time::Duration};

pub(crate) const AUDIO: u8 = 8;
pub(crate) const VIDEO: u8 = 9;
pub(crate) const DATA: u8 = 18;
pub(crate) const COMMAND: u8 = 20;

/// AAC-LC, 48 kHz, stereo.
pub(crate) const AAC_CONFIG: &[u8] = &[0xAF, 0, 0x11, 0x90];
/// 128×72, from x264.
pub(crate) const AVC_RECORD: &[u8] =
    b"\x01\x64\x00\x0a\xff\xe1\x00\x19\x67\x64\x00\x0a\xac\xd9\x42\x0b\xf9\x70\x11\x00\x00\x03\x00\x01\x00\x00\x03\x00\
      \x14\x0f\x12\x25\x96\x01\x00\x06\x68\xeb\xe3\xcb\x22\xc0\xfd\xf8\xf8\x00";

/// C0, C1 and C2 of a client that waits for nothing.
pub(crate) fn handshake() -> Vec<u8> {
    let mut bytes = vec![3];
    bytes.extend((0..1536).map(|index| (index % 251) as u8));
    bytes.extend([0; 1536]);
    bytes
}

/// One message in chunks of 128 bytes, each message with a whole header.
pub(crate) fn message(kind: u8, timestamp: u32, stream: u32, payload: &[u8]) -> Vec<u8> {
    chunked(128, 3, kind, timestamp, stream, payload)
}

/// One message in chunks of a size, on a chunk stream up to 63.
pub(crate) fn chunked(
    size: usize,
    chunk_stream: u8,
    kind: u8,
    timestamp: u32,
    stream: u32,
    payload: &[u8],
) -> Vec<u8> {
    let mut out = Vec::new();
    out.put_u8(chunk_stream);
    out.put_uint(timestamp.min(0xFF_FFFF).into(), 3);
    out.put_uint(payload.len() as u64, 3);
    out.put_u8(kind);
    out.put_u32_le(stream);
    for (index, chunk) in payload.chunks(size).enumerate() {
        if index > 0 {
            out.put_u8(0xC0 | chunk_stream);
        }
        if timestamp >= 0xFF_FFFF {
            out.put_u32(timestamp);
        }
        out.put_slice(chunk);
    }
    out
}

pub(crate) fn command(stream: u32, values: &[Value]) -> Vec<u8> {
    message(COMMAND, 0, stream, &encode(values))
}

pub(crate) fn encode(values: &[Value]) -> Vec<u8> {
    let mut payload = BytesMut::new();
    amf::encode(values, &mut payload);
    payload.to_vec()
}

pub(crate) fn call(name: &str, transaction: u32, arguments: &[Value]) -> Vec<u8> {
    call_on(0, name, transaction, arguments)
}

pub(crate) fn call_on(stream: u32, name: &str, transaction: u32, arguments: &[Value]) -> Vec<u8> {
    let head = [Value::string(name), Value::Number(transaction.into()), Value::Null];
    command(stream, &[&head[..], arguments].concat())
}

pub(crate) fn connect_with(properties: Vec<(&str, Value)>) -> Vec<u8> {
    let properties = properties.into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
    command(0, &[Value::string("connect"), Value::Number(1.0), Value::Object(properties)])
}

pub(crate) fn connect() -> Vec<u8> {
    connect_with(vec![("app", Value::string("live")), ("flashVer", Value::string("tiny/1.0"))])
}

pub(crate) fn publish(stream: u32, key: &str) -> Vec<u8> {
    call_on(stream, "publish", 5, &[Value::string(key), Value::string("live")])
}

pub(crate) fn video_config() -> Vec<u8> {
    [&[0x17, 0, 0, 0, 0], AVC_RECORD].concat()
}

/// One picture with a composition time in milliseconds.
pub(crate) fn picture(key: bool, composition: i32, data: &[u8]) -> Vec<u8> {
    let head = if key { 0x17 } else { 0x27 };
    [&[head, 1][..], &composition.to_be_bytes()[1..], data].concat()
}

/// What the server sent, whole messages.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Answer {
    pub(crate) kind: u8,
    pub(crate) stream: u32,
    pub(crate) payload: Bytes,
}

impl Answer {
    /// A command's values.
    pub(crate) fn values(&self) -> Vec<Value> {
        amf::decode(&self.payload).unwrap()
    }
}

/// A session with a client's view of it.
pub(crate) struct Connection {
    pub(crate) session: Session,
    pub(crate) now: Duration,
    handshake_left: usize,
    chunk_size: usize,
    inbox: BytesMut,
    partial: BTreeMap<u8, (u8, u32, usize, BytesMut)>,
}

impl Connection {
    /// A connection behind its handshake.
    pub(crate) fn new() -> Self {
        Self::with(Limits::default())
    }

    pub(crate) fn with(limits: Limits) -> Self {
        let mut connection = Self::raw(limits);
        let (actions, answers) = connection.send(&handshake());
        assert_eq!((actions, answers), (vec![], vec![]));
        assert_eq!(connection.handshake_left, 0);
        connection
    }

    /// A connection before its handshake.
    pub(crate) fn raw(limits: Limits) -> Self {
        Self {
            session: Session::new(limits),
            now: Duration::ZERO,
            handshake_left: 1 + 1536 + 1536,
            chunk_size: 128,
            inbox: BytesMut::new(),
            partial: BTreeMap::new(),
        }
    }

    /// A connection that has connected and created message stream 1.
    pub(crate) fn connected() -> Self {
        let mut connection = Self::new();
        connection.send(&connect());
        connection.send(&call("createStream", 4, &[]));
        connection
    }

    /// A connection on air on message stream 1.
    pub(crate) fn on_air() -> Self {
        let mut connection = Self::connected();
        connection.send(&publish(1, "key"));
        connection.input(Input::Accept);
        assert!(connection.session.is_on_air());
        connection
    }

    pub(crate) fn send(&mut self, bytes: &[u8]) -> (Vec<Action>, Vec<Answer>) {
        self.input(Input::Bytes(bytes))
    }

    pub(crate) fn tick(&mut self, now: Duration) -> (Vec<Action>, Vec<Answer>) {
        self.now = now;
        self.input(Input::Tick)
    }

    /// Actions other than `Send`, and what was sent.
    pub(crate) fn input(&mut self, input: Input<'_>) -> (Vec<Action>, Vec<Answer>) {
        let (mut actions, mut answers) = (Vec::new(), Vec::new());
        for action in self.session.handle(self.now, input) {
            match action {
                Action::Send(bytes) => self.inbox.extend_from_slice(&bytes),
                other => actions.push(other),
            }
        }
        let skipped = self.handshake_left.min(self.inbox.len());
        self.inbox.advance(skipped);
        self.handshake_left -= skipped;
        while !self.inbox.is_empty() {
            answers.extend(self.chunk());
        }
        (actions, answers)
    }

    /// The server writes whole chunks with type 0 and type 3 headers on small chunk streams.
    fn chunk(&mut self) -> Option<Answer> {
        let first = self.inbox.get_u8();
        let chunk_stream = first & 0x3F;
        if first >> 6 == 0 {
            assert_eq!(self.inbox.get_uint(3), 0);
            let length = self.inbox.get_uint(3) as usize;
            let kind = self.inbox.get_u8();
            let stream = self.inbox.get_u32_le();
            self.partial.insert(chunk_stream, (kind, stream, length, BytesMut::new()));
        } else {
            assert_eq!(first >> 6, 3);
        }
        let (kind, stream, length, payload) = self.partial.get_mut(&chunk_stream).unwrap();
        let size = (*length - payload.len()).min(self.chunk_size);
        payload.extend_from_slice(&self.inbox.split_to(size));
        if payload.len() < *length {
            return None;
        }
        let answer = Answer { kind: *kind, stream: *stream, payload: payload.split().freeze() };
        if answer.kind == 1 {
            self.chunk_size = answer.payload.clone().get_u32() as usize;
        }
        Some(answer)
    }
}

/// The (stream, code, description) of each `onStatus` and `_error`.
pub(crate) fn statuses(answers: &[Answer]) -> Vec<(u32, String, String)> {
    let text = |value: &Value, name| value.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
    answers
        .iter()
        .filter(|answer| answer.kind == COMMAND)
        .filter_map(|answer| match &answer.values()[..] {
            [Value::String(name), _, _, information] if name == "onStatus" || name == "_error" => {
                Some((answer.stream, text(information, "code"), text(information, "description")))
            }
            _ => None,
        })
        .collect()
}
