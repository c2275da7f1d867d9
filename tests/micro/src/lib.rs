//! Small fixed works of the live path, each of which does the same every time: for the micro-benches (`benches/micro.rs`,
//! wall time) and for the count of instructions (`sigma-count`, which says whether one has become dearer).

mod feed;

use bytes::{BufMut, Bytes, BytesMut};
use sigma_elementary::Media;
use sigma_hls::{Input as Step, Profile, Rendition, Timeline, View, playlist, request};
use sigma_packager::{Packager, Settings};
use sigma_rtmp::amf::{self, Value};
use sigma_rtmp::{Input, Limits, Session};

use std::time::Duration;

/// One work: what is made ready is not measured, what is done is.
pub struct Work {
    /// Its name.
    pub name: &'static str,
    /// Makes it ready.
    pub prepare: fn() -> Box<dyn FnMut() -> usize>,
}

/// All works.
pub const ALL: [Work; 5] = [
    Work { name: "chunk_parser", prepare: chunk_parser },
    Work { name: "packager", prepare: packager },
    Work { name: "playlist", prepare: || written(false) },
    Work { name: "delta", prepare: || written(true) },
    Work { name: "directives", prepare: directives },
];

/// Chunks of OBS's size.
const CHUNK: usize = 4_096;

/// What one read of a socket gives.
const READ: usize = 16 * 1_024;

/// Two seconds of a 720p30 broadcast through the RTMP session, read by read.
fn chunk_parser() -> Box<dyn FnMut() -> usize> {
    const CHUNK_SIZE: u8 = 1;
    const COMMAND: u8 = 20;
    let mut bytes = BytesMut::new();
    bytes.put_u8(3);
    bytes.put_bytes(0, 2 * 1_536);
    message(&mut bytes, CHUNK_SIZE, 0, 0, &(CHUNK as u32).to_be_bytes());
    let connect = Value::object([("app", Value::string("live"))]);
    let name = |name: &str, number: f64| vec![Value::string(name), Value::Number(number)];
    let mut command = |stream: u32, values: Vec<Value>| {
        let mut payload = BytesMut::new();
        amf::encode(&values, &mut payload);
        message(&mut bytes, COMMAND, 0, stream, &payload);
    };
    command(0, [name("connect", 1.0), vec![connect]].concat());
    command(0, [name("createStream", 2.0), vec![Value::Null]].concat());
    command(
        1,
        [name("publish", 3.0), vec![Value::Null, Value::string("key"), Value::string("live")]].concat(),
    );
    let opening = bytes.split().freeze();
    for (kind, at_ms, body) in feed::messages(2) {
        message(&mut bytes, kind, at_ms, 1, &body);
    }
    let feed = bytes.freeze();
    Box::new(move || {
        let mut session = Session::new(Limits::default());
        session.handle(Duration::ZERO, Input::Bytes(&opening));
        session.handle(Duration::ZERO, Input::Accept);
        feed.chunks(READ).map(|read| session.handle(Duration::ZERO, Input::Bytes(read)).len()).sum()
    })
}

/// RTMP 1.0 §5.3.1: a type 0 header, then type 3 for each further chunk.
fn message(out: &mut BytesMut, kind: u8, at_ms: u32, stream: u32, payload: &[u8]) {
    out.put_u8(4);
    out.put_uint(at_ms.into(), 3);
    out.put_uint(payload.len() as u64, 3);
    out.put_u8(kind);
    out.put_u32_le(stream);
    for (index, chunk) in payload.chunks(CHUNK).enumerate() {
        if index > 0 {
            out.put_u8(0xC4);
        }
        out.put_slice(chunk);
    }
}

/// Ten seconds of access units in, parts and segments out.
fn packager() -> Box<dyn FnMut() -> usize> {
    let media = feed::media(10);
    Box::new(move || {
        let mut packager = Packager::new(Settings::ULTRA_LOW);
        let mut made = 0;
        for (at_us, media) in media.iter().cloned() {
            made += packager.push(at_us, media).len();
        }
        made + packager.finish().len()
    })
}

/// A whole window of a low-latency stream.
fn timeline() -> Timeline {
    const SECONDS: u32 = 60;
    let mut packager = Packager::new(Settings::ULTRA_LOW);
    let (mut rendition, mut timeline) =
        (Rendition::new(Profile::ULTRA_LOW), Timeline::new(Profile::ULTRA_LOW));
    let mut take = |step: Step, now_us: i64| {
        for append in rendition.handle(step) {
            timeline.apply(&append.entry, now_us);
        }
        timeline.forget(now_us);
    };
    for (now_us, media) in feed::media(SECONDS) {
        let first = matches!(media, Media::VideoConfig(_));
        let outputs = packager.push(now_us, media);
        if !outputs.is_empty() {
            take(Step::Packaged { now_us, outputs }, now_us);
        }
        if first {
            take(Step::GoLive { from_start: true }, now_us);
        }
    }
    timeline
}

/// The media playlist, whole or as a delta.
fn written(delta: bool) -> Box<dyn FnMut() -> usize> {
    let timeline = timeline();
    Box::new(move || (0..20).map(|_| playlist::media(&timeline, View::Preview, delta).len()).sum())
}

/// What becomes of a blocking request.
fn directives() -> Box<dyn FnMut() -> usize> {
    let timeline = timeline();
    let (msn, part) = timeline.hinted_part().unwrap_or_default();
    let asked = [
        String::new(),
        format!("_HLS_msn={msn}&_HLS_part={part}"),
        format!("_HLS_msn={}&_HLS_part=0&_HLS_skip=YES", msn.saturating_sub(1)),
        format!("token=abc&_HLS_msn={}", msn + 40),
    ];
    Box::new(move || {
        let resolved = |query: &String| request::resolve(query, View::Preview, &timeline);
        (0..50)
            .flat_map(|_| asked.iter())
            .filter(|query| matches!(resolved(query), request::Resolution::Now { .. }))
            .count()
    })
}

/// Bytes that are alike every time and compress like none.
pub(crate) fn noise(length: usize, seed: u32) -> Bytes {
    let mut state = seed | 1;
    let bytes = std::iter::repeat_with(|| {
        state ^= state << 13;
        state ^= state >> 17;
        state ^= state << 5;
        state as u8
    });
    bytes.take(length).collect()
}
