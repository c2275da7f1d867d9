use std::time::Duration;

use sigma_elementary::Media;
use sigma_rtmp::{Action, CloseReason, Input, Limits, PublishRefusal, Session, amf::Value};
use simulation::publisher::{AUDIO_CONFIG, Chunker, Message, VIDEO_CONFIG, encode, handshake, kind};

use crate::draw::Draw;

/// Commands that a client may call.
const CALLS: [&str; 16] = [
    "connect",
    "createStream",
    "publish",
    "FCPublish",
    "FCUnpublish",
    "deleteStream",
    "closeStream",
    "play",
    "play2",
    "getStreamLength",
    "releaseStream",
    "_checkbw",
    "_result",
    "onStatus",
    "whatever",
    "@setDataFrame",
];
const TEXTS: [&str; 12] = [
    "live",
    "live/key",
    "backup",
    "",
    "key",
    "live/key?x=/y",
    "rtmp://host/live",
    "onMetaData",
    "@setDataFrame",
    "app",
    "objectEncoding",
    "a stream key that is longer than it may be",
];

/// A whole session: commands, media and control messages in any order, time going by, and the platform's answers whenever.
///
/// Each action has its place: a key is asked about once a publish, media comes between acceptance and end, a half-open
/// connection is closed in its time and one on air is not, and nothing comes after the close.
pub fn rtmp_session(data: &[u8]) {
    let mut draw = Draw::new(data);
    let mut story = Story::new();
    story.input(Input::Bytes(&handshake()));
    let mut chunker = Chunker::default();
    while !draw.is_empty() && !story.closed {
        let step = draw.byte();
        match step % 16 {
            0 => story.input(Input::Accept),
            1 => story.input(Input::Refuse { code: PublishRefusal::Denied, description: "no".into() }),
            2 => story.tick(Duration::from_millis(draw.short().into())),
            3 if draw.below(8) == 0 => story.input(Input::Close { reason: "enough".into() }),
            4 => {
                let size = u32::from(draw.short()) + 1;
                story.input(Input::Bytes(&chunker.set_size(size)));
            }
            _ => {
                let message = message(step % 16, &mut draw);
                let chunk_stream = draw.one_of([3, 4, 6, 64, 320]);
                let bytes = chunker.chunks(chunk_stream, &message, step >> 6).concat();
                let piece = usize::from(draw.byte()) + 1;
                for piece in bytes.chunks(piece) {
                    story.input(Input::Bytes(piece));
                }
            }
        }
    }
}

fn message(step: u8, draw: &mut Draw<'_>) -> Message {
    let timestamp = if draw.flag() { draw.word() } else { draw.byte().into() };
    let stream = draw.below(3).into();
    let media = |kind, payload: &[u8]| Message { kind, timestamp, stream, payload: payload.to_vec() };
    match step {
        5 => media(kind::VIDEO, VIDEO_CONFIG),
        6 => media(kind::AUDIO, AUDIO_CONFIG),
        7 => Message::picture(timestamp, draw.flag(), draw.short().into(), draw.bytes(9)),
        8 => Message::sound(timestamp, draw.bytes(9)),
        9 => Message::control(draw.below(7), draw.word()),
        10 => media(kind::DATA, &encode(&values(draw, 3))),
        11 => {
            let length = draw.byte();
            media(draw.below(24), draw.bytes(length.into()))
        }
        12 => Message::connect("live"),
        13 => Message::publish(1, "key"),
        _ => {
            let mut all = vec![Value::string(draw.one_of(CALLS)), Value::Number(draw.below(4).into())];
            all.extend(values(draw, 4));
            Message { timestamp, ..Message::command(stream, &all) }
        }
    }
}

fn values(draw: &mut Draw<'_>, most: u8) -> Vec<Value> {
    (0..draw.below(most + 1)).map(|_| value(draw, 3)).collect()
}

fn value(draw: &mut Draw<'_>, depth: u8) -> Value {
    match draw.below(if depth == 0 { 5 } else { 8 }) {
        0 => Value::Null,
        1 => Value::string(draw.one_of(TEXTS)),
        2 => Value::Number(f64::from_bits(draw.long() as u64)),
        3 => Value::Number(draw.byte().into()),
        4 => Value::Boolean(draw.flag()),
        5 => Value::StrictArray((0..draw.below(4)).map(|_| value(draw, depth - 1)).collect()),
        kind => {
            let properties =
                (0..draw.below(4)).map(|_| (draw.one_of(TEXTS).to_owned(), value(draw, depth - 1))).collect();
            if kind == 6 { Value::Object(properties) } else { Value::EcmaArray(properties) }
        }
    }
}

/// A session with what must hold of it.
struct Story {
    session: Session,
    limits: Limits,
    now: Duration,
    /// A publish waits for its answer.
    asked: bool,
    configured: [bool; 2],
    idle_since: Duration,
    closed: bool,
}

impl Story {
    fn new() -> Self {
        let limits = Limits { half_open: Duration::from_secs(100), ..Limits::default() };
        Self {
            session: Session::new(limits),
            limits,
            now: Duration::ZERO,
            asked: false,
            configured: [false; 2],
            idle_since: Duration::ZERO,
            closed: false,
        }
    }

    fn tick(&mut self, by: Duration) {
        self.now += by;
        let late = self.now - self.idle_since >= self.limits.half_open;
        let was_on_air = self.session.is_on_air();
        self.input(Input::Tick);
        assert_eq!(
            self.closed,
            late && !was_on_air,
            "half-open connections are closed in their time, others are not"
        );
    }

    fn input(&mut self, input: Input<'_>) {
        let (accepts, answers) =
            (input == Input::Accept, matches!(input, Input::Accept | Input::Refuse { .. }));
        let was_on_air = self.session.is_on_air();
        for action in self.session.handle(self.now, input) {
            assert!(!self.closed, "{action:?} after the close");
            match action {
                Action::Publish { app, key, .. } => {
                    assert!(!std::mem::replace(&mut self.asked, true), "asked twice at once");
                    assert!(!was_on_air || !self.session.is_on_air());
                    assert_eq!(app, "live");
                    assert!((1..=self.limits.stream_key).contains(&key.expose().len()));
                }
                Action::Media(media) => {
                    assert!(was_on_air, "media before acceptance");
                    let video = matches!(media, Media::Video(_) | Media::VideoConfig(_));
                    let known = &mut self.configured[usize::from(video)];
                    *known |= matches!(media, Media::VideoConfig(_) | Media::AudioConfig(_));
                    assert!(*known, "media before its configuration");
                }
                Action::Metadata(_) | Action::Unsupported(_) => assert!(was_on_air, "before acceptance"),
                Action::Unpublish => {
                    assert!(was_on_air || std::mem::take(&mut self.asked), "left what it never had");
                    self.configured = [false; 2];
                    self.idle_since = self.now;
                }
                Action::Close { reason } => {
                    assert!(!matches!(reason, CloseReason::HalfOpen { .. }) || !was_on_air);
                    self.closed = true;
                }
                Action::Send(bytes) => assert!(!bytes.is_empty()),
            }
        }
        if answers {
            assert!(!accepts || !self.asked || self.session.is_on_air(), "an accepted publisher is on air");
            self.asked = false;
        }
    }
}
