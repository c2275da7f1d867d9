//! Clients that are none, or mean harm.

use bytes::Bytes;
use proptest::prelude::*;
use sigma_rtmp::{
    Action, AmfError, CloseReason, Input, Limits, ProtocolError,
    amf::{self, MAX_DEPTH, MAX_VALUES, Value},
    flv::Demuxer,
};

use crate::client::{AUDIO, COMMAND, Connection, DATA, VIDEO, chunked, connect, encode, handshake, message};

fn fault(actions: &[Action]) -> ProtocolError {
    match actions {
        [.., Action::Close { reason: CloseReason::Protocol(fault) }] => fault.clone(),
        other => panic!("{other:?}"),
    }
}

#[test]
fn it_recognises_what_is_not_rtmp() {
    for (first, hint) in [
        (&b"\x16\x03\x01\x02\x00\x01"[..], "it looks like TLS, use rtmp:// instead of rtmps://"),
        (b"GET / HTTP/1.1\r\nHost: x\r\n\r\n", "it looks like HTTP"),
        (b"PRI * HTTP/2.0\r\n", "it looks like HTTP"),
        (b"\x06", "it looks like encrypted RTMP"),
        (b"\x00garbage", "publish with rtmp://"),
    ] {
        let (actions, _) = Connection::raw(Limits::default()).send(first);
        let said = fault(&actions).to_string();
        assert!(said.contains(hint) && said.contains("§5.2.2"), "{said}");
        let (actions, _) = Connection::raw(Limits::default()).send(&first[..1]);
        assert_eq!(fault(&actions).to_string(), said, "the first byte is enough");
    }
}

#[test]
fn it_accepts_a_digest_client_with_an_echo() {
    let mut connection = Connection::raw(Limits::default());
    let client = handshake();
    let actions = connection.session.handle(connection.now, Input::Bytes(&client[..1537]));
    let [Action::Send(answer)] = &actions[..] else { panic!("{actions:?}") };
    assert_eq!(answer.len(), 1 + 1536 + 1536);
    assert_eq!((answer[0], &answer[1..9]), (3, &[0; 8][..]));
    assert_eq!(answer[1537..], client[1..1537]);
    assert_eq!(connection.session.handle(connection.now, Input::Bytes(&client[1537..])), []);
}

#[test]
fn it_refuses_chunk_sizes_of_nothing_and_too_much() {
    const SET_CHUNK_SIZE: u8 = 1;
    for size in [0, 0x8000_0000, u32::MAX] {
        let (actions, _) = Connection::new().send(&message(SET_CHUNK_SIZE, 0, 0, &size.to_be_bytes()));
        assert_eq!(fault(&actions), ProtocolError::ChunkSize { size, limit: 0xFF_FFFF });
    }
}

#[test]
fn it_takes_chunks_above_64_kib() {
    const SET_CHUNK_SIZE: u8 = 1;
    let mut connection = Connection::on_air();
    connection.send(&message(SET_CHUNK_SIZE, 0, 0, &200_000u32.to_be_bytes()));
    connection.send(&chunked(200_000, 6, VIDEO, 0, 1, &crate::client::video_config()));
    let data = vec![7; 150_000];
    let picture = crate::client::picture(true, 0, &data);
    let (actions, _) = connection.send(&chunked(200_000, 6, VIDEO, 0, 1, &picture));
    assert!(
        matches!(&actions[..], [Action::Media(sigma_elementary::Media::Video(unit))] if unit.data == data)
    );
}

#[test]
fn it_refuses_empty_and_short_messages() {
    for kind in [1, 2, 3, 4, 5, 6, 17, COMMAND] {
        let (actions, _) = Connection::connected().send(&message(kind, 0, 0, &[]));
        assert_eq!(fault(&actions), ProtocolError::MessageTooShort { message_type: kind, length: 0 });
    }
    let (actions, _) = Connection::connected().send(&message(1, 0, 0, &[0, 0, 1]));
    assert_eq!(fault(&actions), ProtocolError::MessageTooShort { message_type: 1, length: 3 });
}

/// Some encoders send them for silence.
#[test]
fn it_bears_some_empty_media_messages() {
    let mut connection = Connection::on_air();
    for _ in 0..1000 {
        assert_eq!(connection.send(&message(AUDIO, 0, 1, &[])).0, []);
        assert_eq!(connection.send(&message(VIDEO, 0, 1, &[0x57])).0, []);
    }
    let (actions, _) = connection.send(&message(AUDIO, 0, 1, &[]).repeat(257));
    assert_eq!(fault(&actions), ProtocolError::EmptyMessages { limit: 256 });
}

#[test]
fn it_refuses_nested_amf_bombs() {
    let too_deep = AmfError::TooDeep;
    let strict = |depth: usize| [&b"\x0a\x00\x00\x00\x01"[..].repeat(depth), &b"\x05"[..]].concat();
    let object = |depth: usize| b"\x03\x00\x01a".repeat(depth);
    let amf3 = |depth: usize| [&b"\x11"[..], &b"\x09\x03\x01".repeat(depth), b"\x01"].concat();
    for bomb in [strict(MAX_DEPTH), object(60_000), amf3(MAX_DEPTH), strict(50_000), amf3(60_000)] {
        assert_eq!(amf::decode(&bomb), Err(too_deep));
        let command = [encode(&[Value::string("connect"), Value::Number(1.0)]), bomb.clone()].concat();
        let (actions, _) = Connection::new().send(&message(COMMAND, 0, 0, &command));
        assert_eq!(fault(&actions), too_deep.into());
        let data = [encode(&[Value::string("onMetaData")]), bomb].concat();
        let (actions, _) = Connection::on_air().send(&message(DATA, 0, 1, &data));
        assert_eq!(fault(&actions), too_deep.into());
    }
    assert!(amf::decode(&strict(MAX_DEPTH - 1)).is_ok());
    assert!(amf::decode(&amf3(MAX_DEPTH - 1)).is_ok());
}

#[test]
fn it_refuses_wide_amf_bombs() {
    assert_eq!(amf::decode(&vec![5; MAX_VALUES + 1]), Err(AmfError::TooMany));
    assert_eq!(amf::decode(&vec![5; MAX_VALUES]).map(|values| values.len()), Ok(MAX_VALUES));
    // A count of four thousand million and nothing behind it.
    assert_eq!(amf::decode(b"\x0a\xff\xff\xff\xff"), Err(AmfError::Truncated));
    assert_eq!(amf::decode(b"\x0c\xff\xff\xff\xffx"), Err(AmfError::Truncated));
    // AMF 3: a text of 16 000 bytes, repeated by reference.
    let text = [&b"\x06\x81\xfa\x01"[..], &[b'x'; 16_000]].concat();
    let bomb = [&b"\x11\x09\x81\x01\x01"[..], &text, &b"\x06\x00".repeat(63)].concat();
    assert_eq!(amf::decode(&bomb), Err(AmfError::TooMany));
    let few = [&b"\x11\x09\x07\x01"[..], &text, &b"\x06\x00".repeat(2)].concat();
    assert!(amf::decode(&few).is_ok());
}

#[test]
fn it_reads_every_amf_value_that_it_writes() {
    let values = [
        Value::Number(-1.5),
        Value::Boolean(true),
        Value::string("text"),
        Value::String("long".repeat(20_000)),
        Value::object([("a", Value::Null), ("b", Value::object([]))]),
        Value::EcmaArray(vec![("key".into(), Value::Undefined)]),
        Value::StrictArray(vec![Value::Date(1e12), Value::Null]),
    ];
    assert_eq!(amf::decode(&encode(&values)).as_deref(), Ok(&values[..]));
    assert_eq!(amf::decode(b"\x0d"), Ok(vec![Value::Undefined]));
    assert_eq!(amf::decode(b"\x10\x00\x01C\x00\x00\x09"), Ok(vec![Value::object([])]));
    assert_eq!(amf::decode(b"\x0f\x00\x00\x00\x01x"), Ok(vec![Value::string("x")]));
    assert_eq!(amf::decode(b"\x02\x00\x01\xff"), Ok(vec![Value::string("\u{fffd}")]));
    for (marker, bytes) in [(4, b"\x04"), (7, b"\x07"), (0x0e, b"\x0e"), (0x12, b"\x12")] {
        assert_eq!(amf::decode(bytes), Err(AmfError::Marker { version: 0, marker }));
    }
}

#[test]
fn it_reads_amf3_values() {
    let read = |bytes: &[u8]| amf::decode(&[b"\x11", bytes].concat());
    assert_eq!(read(b"\x00"), Ok(vec![Value::Undefined]));
    assert_eq!(read(b"\x01"), Ok(vec![Value::Null]));
    assert_eq!(read(b"\x02"), Ok(vec![Value::Boolean(false)]));
    assert_eq!(read(b"\x03"), Ok(vec![Value::Boolean(true)]));
    assert_eq!(read(b"\x04\x81\x00"), Ok(vec![Value::Number(128.0)]));
    assert_eq!(read(b"\x04\xff\xff\xff\xff"), Ok(vec![Value::Number(-1.0)]));
    assert_eq!(read(b"\x05\x3f\xf8\0\0\0\0\0\0"), Ok(vec![Value::Number(1.5)]));
    assert_eq!(read(b"\x06\x05hi"), Ok(vec![Value::string("hi")]));
    assert_eq!(read(b"\x08\x01\x3f\xf8\0\0\0\0\0\0"), Ok(vec![Value::Date(1.5)]));
    assert_eq!(read(b"\x0c\x05hi"), Ok(vec![Value::string("hi")]));
    assert_eq!(
        read(b"\x09\x05\x01\x06\x05hi\x06\x00"),
        Ok(vec![Value::StrictArray(vec![Value::string("hi"), Value::string("hi")])])
    );
    assert_eq!(
        read(b"\x09\x03\x03k\x01\x01\x02"),
        Ok(vec![Value::EcmaArray(vec![("k".into(), Value::Null), ("0".into(), Value::Boolean(false))])])
    );
    // An array of two objects of one class, the second by reference to the traits; sealed `a`, dynamic `b`.
    assert_eq!(
        read(b"\x09\x05\x01\x0a\x1b\x03C\x03a\x01\x03b\x02\x01\x0a\x01\x03\x01"),
        Ok(vec![Value::StrictArray(vec![
            Value::object([("a", Value::Null), ("b", Value::Boolean(false))]),
            Value::object([("a", Value::Boolean(true))]),
        ])])
    );
    for reference in [&b"\x06\x00"[..], b"\x0a\x00", b"\x0a\x01", b"\x09\x00", b"\x08\x00"] {
        assert_eq!(read(reference), Err(AmfError::Reference), "{reference:?}");
    }
    assert_eq!(read(b"\x0a\x07\x03C"), Err(AmfError::Marker { version: 3, marker: 0x0a }), "externalizable");
    assert_eq!(read(b"\x0d"), Err(AmfError::Marker { version: 3, marker: 0x0d }), "vector");
    assert_eq!(read(b"\x06\x7f"), Err(AmfError::Truncated));
}

#[test]
fn it_reads_aggregates_and_refuses_broken_ones() {
    const AGGREGATE: u8 = 22;
    let tag = |kind: u8, time: u32, payload: &[u8]| {
        let [high, t2, t1, t0] = time.to_be_bytes();
        let size = &(payload.len() as u32).to_be_bytes()[1..];
        [&[kind], size, &[t2, t1, t0, high, 0, 0, 0], payload, &[0; 4]].concat()
    };
    let payload = [
        tag(VIDEO, 1000, &crate::client::video_config()),
        tag(VIDEO, 1000, &crate::client::picture(true, 0, b"a")),
        tag(VIDEO, 1040, &crate::client::picture(false, 0, b"b")),
    ]
    .concat();
    let (actions, _) = Connection::on_air().send(&message(AGGREGATE, 200, 1, &payload));
    let times: Vec<_> = actions
        .iter()
        .filter_map(|action| match action {
            Action::Media(sigma_elementary::Media::Video(unit)) => Some(unit.dts / 90),
            _ => None,
        })
        .collect();
    assert_eq!(times, [200, 240]);
    let (actions, _) = Connection::on_air().send(&message(AGGREGATE, 0, 1, &payload[..20]));
    assert_eq!(fault(&actions), ProtocolError::MessageTooShort { message_type: AGGREGATE, length: 20 });
    let (actions, _) = Connection::connected().send(&message(AGGREGATE, 0, 1, &payload));
    assert_eq!(fault(&actions), ProtocolError::MediaBeforePublish);
}

#[test]
fn it_says_what_came_before_a_fault() {
    let mut connection = Connection::new();
    let (actions, answers) = connection.send(&[connect(), message(1, 0, 0, &[0; 4])].concat());
    assert_eq!(answers.len(), 4);
    assert_eq!(fault(&actions), ProtocolError::ChunkSize { size: 0, limit: 0xFF_FFFF });
}

proptest! {
    #[test]
    fn random_bytes_never_panic(bytes in prop::collection::vec(any::<u8>(), 0..4000)) {
        Connection::raw(Limits::default()).send(&bytes);
        Connection::raw(Limits::default()).send(&[&[3], &bytes[..]].concat());
        Connection::new().send(&bytes);
        Connection::on_air().send(&bytes);
    }

    #[test]
    fn random_messages_never_panic(
        messages in prop::collection::vec((0u8..24, any::<u32>(), 0u32..3, prop::collection::vec(any::<u8>(), 0..300)), 0..30),
    ) {
        let bytes: Vec<u8> = messages
            .iter()
            .flat_map(|(kind, time, stream, payload)| message(*kind, *time, *stream, payload))
            .collect();
        Connection::connected().send(&bytes);
        Connection::on_air().send(&bytes);
    }

    #[test]
    fn random_amf_never_panics(bytes in prop::collection::vec(any::<u8>(), 0..2000)) {
        let _ = amf::decode(&bytes);
        let _ = amf::decode(&[b"\x11", &bytes[..]].concat());
    }

    #[test]
    fn random_payloads_never_panic(
        heads in prop::collection::vec(prop_oneof![any::<u8>(), Just(0x17), Just(0x90), Just(0x96), Just(0x97), Just(0xAF)], 1..9),
        bytes in prop::collection::vec(any::<u8>(), 0..300),
        time in any::<u32>(),
    ) {
        let mut demuxer = Demuxer::new();
        for fourcc in [&b""[..], b"avc1", b"hvc1", b"av01", b"Opus", b"mp4a"] {
            let payload = Bytes::from([&heads[..], fourcc, &bytes].concat());
            let _ = demuxer.video(time, payload.clone());
            let _ = demuxer.audio(time, payload);
        }
    }
}
