use std::collections::BTreeMap;

use bytes::{BufMut, Bytes, BytesMut};
use proptest::prelude::*;

use super::{ChunkReader, EXTENDED};
use crate::{Limits, ProtocolError, chunk::ChunkWriter, message::Message, message::kind};

/// A client's side: writes chunks with the shortest header that a message allows, in any interleaving.
struct Client {
    chunk_size: usize,
    last: BTreeMap<u32, Last>,
    /// Whether extended timestamps stand in type 3 chunks within a message too, as §5.3.1.3 wants.
    repeats: bool,
}

#[derive(Clone, Copy)]
struct Last {
    timestamp: u32,
    delta: u32,
    length: usize,
    kind: u8,
    stream: u32,
}

/// A message with what of it is sent.
struct Sending {
    chunk_stream: u32,
    message: Message,
    sent: usize,
    extended: Option<u32>,
}

impl Client {
    fn new(chunk_size: usize) -> Self {
        Self { chunk_size, last: BTreeMap::new(), repeats: true }
    }

    fn basic(out: &mut BytesMut, format: u8, chunk_stream: u32) {
        match chunk_stream {
            2..=63 => out.put_u8(format << 6 | chunk_stream as u8),
            64..=319 => out.put_slice(&[format << 6, (chunk_stream - 64) as u8]),
            _ => {
                out.put_u8(format << 6 | 1);
                out.put_u16_le((chunk_stream - 64) as u16);
            }
        }
    }

    fn begin(&mut self, chunk_stream: u32, message: Message, longest: bool, out: &mut BytesMut) -> Sending {
        let (length, timestamp) = (message.payload.len(), message.timestamp);
        let mut now =
            Last { timestamp, delta: timestamp, length, kind: message.kind, stream: message.stream };
        let mut format = 0;
        if let Some(last) = self.last.get(&chunk_stream).filter(|last| !longest && last.stream == now.stream)
        {
            now.delta = timestamp.wrapping_sub(last.timestamp);
            format = match (last.length == length && last.kind == now.kind, last.delta == now.delta) {
                (true, true) => 3,
                (true, false) => 2,
                _ => 1,
            };
        }
        self.last.insert(chunk_stream, now);
        Self::basic(out, format, chunk_stream);
        let extended = (now.delta >= EXTENDED).then_some(now.delta);
        if format < 3 {
            out.put_uint(u64::from(now.delta.min(EXTENDED)), 3);
        }
        if format < 2 {
            out.put_uint(length as u64, 3);
            out.put_u8(now.kind);
        }
        if format == 0 {
            out.put_u32_le(now.stream);
        }
        if let Some(extended) = extended {
            out.put_u32(extended);
        }
        let mut sending = Sending { chunk_stream, message, sent: 0, extended };
        self.payload(&mut sending, out);
        sending
    }

    fn go_on(&self, sending: &mut Sending, out: &mut BytesMut) {
        Self::basic(out, 3, sending.chunk_stream);
        if let Some(extended) = sending.extended.filter(|_| self.repeats) {
            out.put_u32(extended);
        }
        self.payload(sending, out);
    }

    fn payload(&self, sending: &mut Sending, out: &mut BytesMut) {
        let rest = &sending.message.payload[sending.sent..];
        let chunk = &rest[..rest.len().min(self.chunk_size)];
        out.put_slice(chunk);
        sending.sent += chunk.len();
    }

    fn whole(&mut self, chunk_stream: u32, message: Message, out: &mut BytesMut) {
        let mut sending = self.begin(chunk_stream, message, false, out);
        while sending.sent < sending.message.payload.len() {
            self.go_on(&mut sending, out);
        }
    }
}

fn message(kind: u8, timestamp: u32, length: usize) -> Message {
    let payload: Bytes = (0..length).map(|index| (index * 7 + length) as u8).collect();
    Message { kind, timestamp, stream: 1, payload }
}

fn read_all(reader: &mut ChunkReader, mut bytes: &[u8]) -> Result<Vec<Message>, ProtocolError> {
    let mut messages = Vec::new();
    while let Some(message) = reader.read(&mut bytes)? {
        messages.push(message);
    }
    assert!(bytes.is_empty());
    Ok(messages)
}

fn reader() -> ChunkReader {
    ChunkReader::new(Limits::default())
}

/// `rml_rtmp` 0.8 panicked here.
#[test]
fn it_reads_interleaved_chunk_streams() {
    let mut client = Client::new(128);
    let mut out = BytesMut::new();
    let mut video = client.begin(6, message(kind::VIDEO, 40, 300), false, &mut out);
    let mut audio = client.begin(4, message(kind::AUDIO, 40, 200), false, &mut out);
    client.go_on(&mut video, &mut out);
    client.go_on(&mut audio, &mut out);
    client.go_on(&mut video, &mut out);
    let messages = read_all(&mut reader(), &out).unwrap();
    assert_eq!(messages, [audio.message, video.message]);
}

/// `scuffle-rtmp` 0.2.3 refused chunk sizes above 64 KiB.
#[test]
fn it_reads_chunks_above_64_kib() {
    let mut reader = reader();
    reader.set_chunk_size(1 << 20).unwrap();
    let mut client = Client::new(1 << 20);
    let mut out = BytesMut::new();
    client.whole(6, message(kind::VIDEO, 0, 1_500_000), &mut out);
    assert_eq!(read_all(&mut reader, &out).unwrap(), [message(kind::VIDEO, 0, 1_500_000)]);
}

#[test]
fn it_takes_any_chunk_size_of_the_specification() {
    let mut reader = reader();
    for size in [1, 128, 65_537, 0xFF_FFFF, 0x7FFF_FFFF] {
        assert_eq!(reader.set_chunk_size(size), Ok(()));
    }
    for size in [0, 0x8000_0000, u32::MAX] {
        assert_eq!(reader.set_chunk_size(size), Err(ProtocolError::ChunkSize { size, limit: 0xFF_FFFF }));
    }
    let mut reader = ChunkReader::new(Limits { chunk_size: 4096, ..Limits::default() });
    assert_eq!(reader.set_chunk_size(4097), Err(ProtocolError::ChunkSize { size: 4097, limit: 4096 }));
}

#[test]
fn it_repeats_the_extended_timestamp_in_type_3_chunks() {
    let mut client = Client::new(128);
    let mut out = BytesMut::new();
    client.whole(6, message(kind::VIDEO, 0x0100_0000, 400), &mut out);
    client.whole(6, message(kind::VIDEO, 0x0100_0028, 400), &mut out);
    client.whole(6, message(kind::VIDEO, 0x0100_0050, 400), &mut out);
    let times: Vec<_> =
        read_all(&mut reader(), &out).unwrap().iter().map(|message| message.timestamp).collect();
    assert_eq!(times, [0x0100_0000, 0x0100_0028, 0x0100_0050]);
}

#[test]
fn it_reads_encoders_that_do_not_repeat_the_extended_timestamp() {
    // The last chunk is shorter than the four bytes looked for.
    for length in [400, 128 * 3 + 2, 128 * 2 + 4, 128 + 1] {
        let mut client = Client { repeats: false, ..Client::new(128) };
        let mut out = BytesMut::new();
        client.whole(6, message(kind::VIDEO, 0x0100_0000, length.max(260)), &mut out);
        client.whole(4, message(kind::AUDIO, 5, 10), &mut out);
        assert_eq!(
            read_all(&mut reader(), &out).unwrap(),
            [message(kind::VIDEO, 0x0100_0000, length.max(260)), message(kind::AUDIO, 5, 10)]
        );
    }
}

#[test]
fn it_adds_a_type_0_timestamp_again_for_a_type_3_message() {
    // §5.3.1.2.4: "If a Type 3 chunk follows a Type 0 chunk, then the timestamp delta for this Type 3 chunk is the same as
    // the timestamp of the Type 0 chunk." ffmpeg counts on it.
    let mut out = BytesMut::new();
    let mut client = Client::new(128);
    client.whole(4, message(kind::AUDIO, 23, 10), &mut out);
    client.whole(4, message(kind::AUDIO, 46, 10), &mut out);
    assert_eq!(out.len(), 12 + 10 + 1 + 10);
    let messages = read_all(&mut reader(), &out).unwrap();
    assert_eq!(messages[1].timestamp, 46);
}

#[test]
fn it_lets_a_fresh_chunk_stream_begin_with_type_1() {
    let bytes = [0x42, 0, 0, 0, 0, 0, 6, kind::USER_CONTROL, 0, 7, 0, 0, 0, 9];
    let messages = read_all(&mut reader(), &bytes).unwrap();
    assert_eq!((messages[0].stream, messages[0].payload.len()), (0, 6));
}

#[test]
fn it_refuses_headers_that_lean_on_nothing() {
    for format in [2, 3] {
        let bytes = [format << 6 | 5, 0, 0, 0, 0];
        let refused = ProtocolError::NoEarlierHeader { chunk_stream: 5, format };
        assert_eq!(read_all(&mut reader(), &bytes), Err(refused));
    }
}

#[test]
fn it_refuses_a_message_inside_another() {
    let mut client = Client::new(128);
    let mut out = BytesMut::new();
    client.begin(6, message(kind::VIDEO, 0, 300), false, &mut out);
    client.begin(6, message(kind::VIDEO, 40, 300), true, &mut out);
    let refused = ProtocolError::MessageInsideMessage { chunk_stream: 6 };
    assert_eq!(read_all(&mut reader(), &out), Err(refused));
}

#[test]
fn it_drops_an_aborted_message() {
    let mut client = Client::new(128);
    let mut reader = reader();
    let mut out = BytesMut::new();
    client.begin(6, message(kind::VIDEO, 0, 300), false, &mut out);
    assert_eq!(read_all(&mut reader, &out).unwrap(), []);
    assert_eq!(reader.promised, 300);
    reader.abort(6);
    reader.abort(6);
    reader.abort(7);
    assert_eq!(reader.promised, 0);
    out.clear();
    client.begin(6, message(kind::VIDEO, 40, 100), true, &mut out);
    assert_eq!(read_all(&mut reader, &out).unwrap(), [message(kind::VIDEO, 40, 100)]);
}

fn announce(chunk_stream: u8, message_kind: u8, length: u32) -> Vec<u8> {
    let mut header = vec![chunk_stream, 0, 0, 0];
    header.extend_from_slice(&length.to_be_bytes()[1..]);
    header.push(message_kind);
    header.extend_from_slice(&[1, 0, 0, 0]);
    header
}

#[test]
fn it_refuses_absurd_lengths_before_taking_memory() {
    let limits = Limits::default();
    for (message_type, limit) in [
        (kind::VIDEO, limits.media_message),
        (kind::COMMAND_AMF0, limits.other_message),
        (99, limits.other_message),
    ] {
        let refused = ProtocolError::MessageTooLong { message_type, length: 0xFF_FFFF, limit };
        assert_eq!(read_all(&mut reader(), &announce(5, message_type, 0xFF_FFFF)), Err(refused));
        let refused = ProtocolError::MessageTooLong { message_type, length: limit + 1, limit };
        assert_eq!(read_all(&mut reader(), &announce(5, message_type, limit + 1)), Err(refused));
        assert_eq!(read_all(&mut reader(), &announce(5, message_type, limit)), Ok(vec![]));
    }
}

#[test]
fn it_takes_memory_only_as_bytes_come() {
    let mut reader = reader();
    read_all(&mut reader, &announce(5, kind::VIDEO, 8 << 20)).unwrap();
    let taken = |reader: &ChunkReader| reader.streams[&5].message.as_ref().map(BytesMut::capacity);
    assert!(taken(&reader).is_some_and(|bytes| bytes <= 64 << 10));
    reader.chunk.as_mut().unwrap().left = 1 << 20;
    read_all(&mut reader, &vec![0; 200 << 10]).unwrap();
    assert!(taken(&reader).is_some_and(|bytes| bytes <= 512 << 10));
}

#[test]
fn it_bounds_what_all_chunk_streams_promise_together() {
    let limits = Limits { buffered: 1000, ..Limits::default() };
    let mut reader = ChunkReader::new(limits);
    let mut client = Client::new(128);
    let mut out = BytesMut::new();
    let mut first = client.begin(4, message(kind::AUDIO, 0, 600), false, &mut out);
    client.begin(5, message(kind::VIDEO, 0, 400), false, &mut out);
    assert_eq!(read_all(&mut reader, &out), Ok(vec![]));
    assert_eq!(
        read_all(&mut reader, &announce(6, kind::VIDEO, 1)),
        Err(ProtocolError::TooMuchBuffered { limit: 1000 })
    );
    // What is whole no longer counts.
    let mut reader = ChunkReader::new(limits);
    read_all(&mut reader, &out).unwrap();
    out.clear();
    while first.sent < 600 {
        client.go_on(&mut first, &mut out);
    }
    assert_eq!(read_all(&mut reader, &out).unwrap().len(), 1);
    assert_eq!(read_all(&mut reader, &announce(6, kind::VIDEO, 600)), Ok(vec![]));
}

#[test]
fn it_bounds_chunk_streams_and_empty_messages() {
    let limits = Limits { chunk_streams: 3, empty_messages: 4, ..Limits::default() };
    let mut bytes: Vec<u8> = (3..6).flat_map(|id| announce(id, kind::AUDIO, 0)).collect();
    assert_eq!(read_all(&mut ChunkReader::new(limits), &bytes).unwrap().len(), 3);
    let mut more = bytes.clone();
    more.extend(announce(6, kind::AUDIO, 0));
    let refused = ProtocolError::TooManyChunkStreams { limit: 3 };
    assert_eq!(read_all(&mut ChunkReader::new(limits), &more), Err(refused));
    bytes.extend([0xC3, 0xC3]);
    assert_eq!(
        read_all(&mut ChunkReader::new(limits), &bytes),
        Err(ProtocolError::EmptyMessages { limit: 4 })
    );
}

#[test]
fn it_writes_what_it_reads() {
    let mut writer = ChunkWriter::new();
    let mut out = BytesMut::new();
    writer.write(ChunkWriter::COMMANDS, kind::COMMAND_AMF0, 7, &[5; 300], &mut out);
    writer.set_chunk_size(4096, &mut out);
    writer.write(ChunkWriter::COMMANDS, kind::COMMAND_AMF0, 7, &[6; 5000], &mut out);
    let mut reader = reader();
    let mut bytes = &out[..];
    let first = reader.read(&mut bytes).unwrap().unwrap();
    assert_eq!((first.stream, &first.payload[..]), (7, &[5; 300][..]));
    let size = reader.read(&mut bytes).unwrap().unwrap();
    assert_eq!((size.kind, &size.payload[..]), (kind::SET_CHUNK_SIZE, &4096u32.to_be_bytes()[..]));
    reader.set_chunk_size(4096).unwrap();
    assert_eq!(reader.read(&mut bytes).unwrap().unwrap().payload, [6; 5000][..]);
}

const CHUNK_STREAMS: [u32; 8] = [2, 3, 63, 64, 319, 320, 400, 65_599];

fn any_message() -> impl Strategy<Value = (usize, Message)> {
    let step =
        prop_oneof![4 => 0u32..50, 1 => Just(40u32), 1 => Just(0xFF_FFFEu32), 1 => 0xFF_FFFFu32..0x0200_0000];
    let length = prop_oneof![1 => Just(0usize), 3 => Just(77usize), 6 => 0usize..700];
    (0..CHUNK_STREAMS.len(), step, length, prop_oneof![Just(8u8), Just(9), Just(20)], 0u32..3).prop_map(
        |(chunk_stream, step, length, kind, stream)| {
            (chunk_stream, Message { stream, ..message(kind, step, length) })
        },
    )
}

#[test]
fn media_lies_in_blocks_and_what_is_kept_for_long_does_not() {
    let mut reader = reader();
    let writer = ChunkWriter::new();
    let mut out = BytesMut::new();
    for (kind, length) in [
        (kind::VIDEO, 50),
        (kind::VIDEO, 10_000),
        (kind::AUDIO, 400),
        (kind::DATA_AMF0, 400),
        (kind::VIDEO, 1 << 20),
        (kind::VIDEO, 300),
    ] {
        writer.write(4, kind, 1, &vec![7; length], &mut out);
    }
    let mut rest = &out[..];
    let messages: Vec<Bytes> =
        std::iter::from_fn(|| reader.read(&mut rest).unwrap()).map(|message| message.payload).collect();
    let place = |at: usize| messages[at].as_ptr() as usize;
    assert_eq!((place(2), place(5)), (place(1) + 10_000, place(1) + 10_400));
    for own in [0, 3, 4] {
        assert!(!(place(1)..place(1) + super::BLOCK).contains(&place(own)), "message {own}");
    }
    drop(messages);
    assert!(reader.block.capacity() < super::BLOCK && reader.promised == 0);
}

proptest! {
    #[test]
    fn any_interleaving_cut_anywhere_gives_the_messages(
        messages in prop::collection::vec(any_message(), 1..40),
        chunk_size in 1usize..300,
        choices in prop::collection::vec(any::<u16>(), 64),
        cuts in prop::collection::vec(1usize..90, 16),
    ) {
        let mut choices = choices.into_iter().cycle();
        let mut client = Client::new(chunk_size);
        let mut waiting = std::collections::VecDeque::from(messages);
        let mut times = [0u32; CHUNK_STREAMS.len()];
        let (mut under_way, mut whole, mut out) = (Vec::<Sending>::new(), Vec::new(), BytesMut::new());
        while !waiting.is_empty() || !under_way.is_empty() {
            let choice = usize::from(choices.next().unwrap());
            let free = waiting.front().is_some_and(|(index, _)| {
                under_way.iter().all(|sending| sending.chunk_stream != CHUNK_STREAMS[*index])
            });
            let index = if free && (choice % 2 == 0 || under_way.is_empty()) {
                let (index, mut message) = waiting.pop_front().unwrap();
                times[index] = times[index].wrapping_add(message.timestamp);
                message.timestamp = times[index];
                let longest = choice % 5 == 0;
                under_way.push(client.begin(CHUNK_STREAMS[index], message, longest, &mut out));
                under_way.len() - 1
            } else {
                let index = choice / 2 % under_way.len();
                client.go_on(&mut under_way[index], &mut out);
                index
            };
            if under_way[index].sent == under_way[index].message.payload.len() {
                whole.push(under_way.remove(index).message);
            }
        }
        let mut reader = reader();
        reader.set_chunk_size(chunk_size as u32).unwrap();
        let (mut read, mut rest, mut cuts) = (Vec::new(), &out[..], cuts.into_iter().cycle());
        while !rest.is_empty() {
            let (part, next) = rest.split_at(rest.len().min(cuts.next().unwrap()));
            read.extend(read_all(&mut reader, part)?);
            rest = next;
        }
        prop_assert_eq!(read, whole);
        prop_assert_eq!(reader.promised, 0);
    }

    #[test]
    fn garbage_gives_messages_or_an_error(bytes in prop::collection::vec(any::<u8>(), 0..3000)) {
        let mut reader = reader();
        let mut rest = &bytes[..];
        while let Ok(Some(_)) = reader.read(&mut rest) {}
    }
}
