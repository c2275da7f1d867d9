//! What a publisher does, and what of it must come out at the other end.

use std::time::Duration;

use bytes::Bytes;
use sigma_elementary::{AccessUnit, AudioCodec, AudioConfig, Media, VideoCodec, VideoConfig};
use sigma_rtmp::amf::Value;
use simulation::{
    Dice,
    publisher::{AUDIO_CONFIG, Chunker, Message, VIDEO_CONFIG, encode, handshake, interleave, kind},
};

/// The key that the control plane knows.
pub(crate) const KEY: &str = "the-key";
/// What the server sends of a handshake.
const SERVER_HANDSHAKE: usize = 1 + 2 * 1536;

/// One step of a publisher.
#[derive(Debug, Clone)]
pub(crate) enum Step {
    Send(Vec<u8>),
    /// Goes on once so many bytes have come.
    AwaitBytes(usize),
    /// Goes on once this stands in what has come since the step before.
    Await(&'static str),
    Pause(Duration),
}

/// A publisher from its first byte to its last.
#[derive(Debug, Clone)]
pub(crate) struct Script {
    pub(crate) steps: Vec<Step>,
    /// The media that it sends, in order.
    pub(crate) media: Vec<Media>,
    /// Whether it unpublishes before it goes.
    pub(crate) leaves: bool,
    /// The longest pause before it is on air, and while it is.
    pub(crate) waits: [Duration; 2],
}

/// A script of a seed.
pub(crate) fn script(dice: &mut Dice) -> Script {
    let mut writing = Writing::new(dice.apart());
    writing.introduce(dice.once_in(3));
    let on_air_from = writing.steps.len();
    writing.broadcast();
    let leaves = !dice.once_in(4);
    if leaves {
        writing.leave();
    }
    let longest = |steps: &[Step]| {
        let pauses =
            steps.iter().filter_map(|step| if let Step::Pause(pause) = step { Some(*pause) } else { None });
        pauses.max().unwrap_or_default()
    };
    let waits = [longest(&writing.steps[..on_air_from]), longest(&writing.steps[on_air_from..])];
    Script { steps: writing.steps, media: writing.media, leaves, waits }
}

struct Writing {
    dice: Dice,
    chunker: Chunker,
    steps: Vec<Step>,
    media: Vec<Media>,
    /// Where the broadcast's milliseconds begin: some cross what a header can say, or roll over.
    start: i64,
}

impl Writing {
    fn new(mut dice: Dice) -> Self {
        let start = dice.one_of([0, 0xFF_FF00, 0xFFFF_FF00, 77]);
        Self { dice, chunker: Chunker::default(), steps: Vec::new(), media: Vec::new(), start }
    }

    fn send(&mut self, bytes: Vec<u8>) {
        self.steps.push(Step::Send(bytes));
    }

    fn message(&mut self, chunk_stream: u32, message: &Message) -> Vec<u8> {
        let most = self.dice.within(0..4) as u8;
        self.chunker.chunks(chunk_stream, message, most).concat()
    }

    /// Handshake and commands; a client in a hurry waits for nothing but the answer to `publish`.
    fn introduce(&mut self, hurried: bool) {
        let greeting = handshake();
        let (first, second) = greeting.split_at(1 + 1536);
        self.send(first.to_vec());
        if !hurried {
            self.steps.push(Step::AwaitBytes(SERVER_HANDSHAKE));
        }
        self.send(second.to_vec());
        if self.dice.once_in(2) {
            let size = self.dice.one_of([64, 129, 1_000, 4_096, 65_536]);
            let bytes = self.chunker.set_size(size);
            self.send(bytes);
        }
        if self.dice.once_in(10) {
            let seconds = self.dice.within(8..14);
            self.steps.push(Step::Pause(Duration::from_secs(seconds)));
        }
        let calls = [
            (Message::connect("live"), "NetConnection.Connect.Success"),
            (Message::call(0, "releaseStream", 2, &[Value::string(KEY)]), "_result"),
            (Message::call(0, "createStream", 4, &[]), "_result"),
            (Message::publish(1, KEY), "NetStream.Publish.Start"),
        ];
        let last = calls.len() - 1;
        for (index, (message, answer)) in calls.into_iter().enumerate() {
            let bytes = self.message(3, &message);
            self.send(bytes);
            if !hurried || index == last {
                self.steps.push(Step::Await(answer));
            }
        }
    }

    fn broadcast(&mut self) {
        let metadata = [Value::string("@setDataFrame"), Value::string("onMetaData"), Value::object([])];
        let metadata = Message { kind: kind::DATA, timestamp: 0, stream: 1, payload: encode(&metadata) };
        let mut bytes = self.message(4, &metadata);
        if self.dice.once_in(2) {
            let window = self.dice.within(1..3_000) as u32;
            bytes.extend(self.message(2, &Message::control(kind::WINDOW, window)));
        }
        self.send(bytes);
        self.configurations();
        let frames = self.dice.within(4..40);
        for frame in 0..frames {
            self.frame(frame);
            match self.dice.within(0..40) {
                0 => self.give_up_a_message(),
                1 => {
                    let size = self.dice.within(1..5_000) as u32;
                    let bytes = self.chunker.set_size(size);
                    self.send(bytes);
                }
                2 => {
                    let ping = Message {
                        payload: vec![0, 6, 0, 0, 0, 9],
                        ..Message::control(kind::USER_CONTROL, 0)
                    };
                    let bytes = self.message(2, &ping);
                    self.send(bytes);
                }
                3 => self.steps.push(Step::Pause(Duration::from_secs(7))),
                4 => self.steps.push(Step::Pause(Duration::from_secs(25))),
                _ => {}
            }
        }
    }

    fn configurations(&mut self) {
        let timestamp = self.start as u32;
        let message =
            |kind, payload: &[u8]| Message { kind, timestamp, stream: 1, payload: payload.to_vec() };
        let mut bytes = self.message(6, &message(kind::VIDEO, VIDEO_CONFIG));
        bytes.extend(self.message(4, &message(kind::AUDIO, AUDIO_CONFIG)));
        self.send(bytes);
        let record = Bytes::from_static(&VIDEO_CONFIG[5..]);
        let video = VideoConfig::parse(VideoCodec::H264, record).expect("a configuration");
        let audio = AudioConfig::parse(AudioCodec::Aac, Bytes::from_static(&AUDIO_CONFIG[2..]))
            .expect("a configuration");
        self.media.extend([Media::VideoConfig(video), Media::AudioConfig(audio)]);
    }

    /// A picture of 40 ms with the sound beside it, their chunks mixed.
    fn frame(&mut self, frame: u64) {
        let time = self.start + frame as i64 * 40;
        let key = frame.is_multiple_of(12);
        let composition = self.dice.one_of([0, 40, 80, -40]);
        let length = if key { self.dice.within(500..9_000) } else { self.dice.within(1..1_500) };
        let mut picture = vec![0, 0, 0, 5, if key { 0x65 } else { 0x41 }];
        picture.extend((0..length).map(|at| (at ^ frame) as u8));
        let sound = vec![frame as u8; self.dice.within(1..400) as usize];

        let parts =
            [Message::picture(time as u32, key, composition, &picture), Message::sound(time as u32, &sound)];
        let dts = time * 90;
        let units = [
            Media::Video(AccessUnit {
                dts,
                pts: dts + i64::from(composition) * 90,
                key,
                data: picture.into(),
            }),
            Media::Audio(AccessUnit { dts, pts: dts, key: true, data: sound.into() }),
        ];
        let most = self.dice.within(0..4) as u8;
        let chunks = parts.iter().zip([6, 4]).map(|(part, on)| self.chunker.chunks(on, part, most)).collect();
        let (bytes, order) = interleave(&mut self.dice, chunks);
        self.send(bytes);
        self.media.extend(order.into_iter().map(|place| units[place].clone()));
    }

    /// A message of which only the beginning comes, then word that the rest does not (RTMP 1.0 §5.4.2).
    fn give_up_a_message(&mut self) {
        let message = Message::picture(self.start as u32, false, 0, &[7; 9_000]);
        let mut chunks = self.chunker.chunks(7, &message, 0);
        chunks.pop();
        if chunks.is_empty() {
            // It fits one chunk: it is whole or not there.
            return;
        }
        let mut bytes = chunks.concat();
        bytes.extend(self.message(2, &Message::control(kind::ABORT, 7)));
        self.send(bytes);
    }

    fn leave(&mut self) {
        let mut bytes = self.message(3, &Message::call(0, "FCUnpublish", 6, &[Value::string(KEY)]));
        if self.dice.once_in(2) {
            // Some encoders still send what they have; it belongs to nothing any more.
            bytes.extend(self.message(4, &Message::sound(self.start as u32, b"late")));
        }
        bytes.extend(self.message(3, &Message::call(0, "deleteStream", 7, &[Value::Number(1.0)])));
        self.send(bytes);
    }
}
