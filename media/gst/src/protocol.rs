//! What the supervisor and the worker say to each other: messages with their length before them, over one socket.
//!
//! The worker reads what strangers sent, so the supervisor trusts nothing that comes back: each length has a limit, and an
//! answer that is none ends the worker. The worker in turn is started by the supervisor of the same build; that it is,
//! [`Hello::version`] says.

use bytes::{BufMut, Bytes, BytesMut};
use sigma_elementary::{MAX_RECORD, VideoCodec, VideoConfig};

use crate::{Gop, KeyFrame, MAX_FRAMES, MAX_GOP, MAX_PREVIEW_MS, MAX_UNIT, Picture, Recoded, Tile, Width};

/// Grows with each change of the messages.
pub const VERSION: u32 = 2;
/// The longest request, in bytes.
pub const MAX_REQUEST: usize = 64 * 1024 * 1024;
/// The longest answer, in bytes: a sheet of 144 tiles of 320 by 320 pixels stays below.
pub const MAX_ANSWER: usize = 32 * 1024 * 1024;
/// The longest words of a refusal or a greeting, in bytes.
pub const MAX_WORDS: usize = 512;
/// Bytes of the length before each message.
pub const LENGTH: usize = 4;

const THUMBNAIL: u8 = 1;
const SHEET: u8 = 2;
const PREVIEW: u8 = 3;
const RECODE: u8 = 4;
const HELLO: u8 = 16;
const DONE: u8 = 17;
const REFUSED: u8 = 18;

/// A picture to be made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Order {
    /// One key frame as JPEG.
    Thumbnail {
        /// The frame.
        frame: KeyFrame,
        /// How wide.
        width: Width,
    },
    /// Many key frames on one JPEG. A frame that cannot be decoded leaves its tile the picture before it.
    Sheet {
        /// The frames, in order.
        frames: Vec<KeyFrame>,
        /// How they lie.
        tile: Tile,
    },
    /// Key frames one after the other as an animated WebP that plays for ever.
    Preview {
        /// The frames, in order.
        frames: Vec<KeyFrame>,
        /// How wide.
        width: Width,
        /// How long one round lasts, in milliseconds.
        length_ms: u32,
    },
    /// A part of a group of pictures, coded anew.
    Recode(Gop),
}

impl Order {
    /// Bytes of what it wants decoded.
    pub fn bytes(&self) -> usize {
        match self {
            Self::Recode(gop) => gop.bytes(),
            order => order.frames().iter().map(|frame| frame.data.len()).sum(),
        }
    }

    /// The key frames that it wants decoded, each by itself.
    pub fn frames(&self) -> &[KeyFrame] {
        match self {
            Self::Thumbnail { frame, .. } => std::slice::from_ref(frame),
            Self::Sheet { frames, .. } | Self::Preview { frames, .. } => frames,
            Self::Recode(_) => &[],
        }
    }
}

/// What the worker says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer {
    /// It is ready. Comes once, first.
    Hello(Hello),
    /// The picture.
    Done {
        /// The request's number.
        id: u64,
        /// How many of its frames could not be decoded.
        broken: u32,
        /// The file.
        picture: Bytes,
    },
    /// There is none.
    Refused {
        /// The request's number.
        id: u64,
        /// Why.
        why: String,
    },
}

/// What a worker is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hello {
    /// Its [`VERSION`].
    pub version: u32,
    /// GStreamer's own word on its version.
    pub gstreamer: String,
    /// What it can decode.
    pub decoders: Vec<VideoCodec>,
}

/// Why bytes are no message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ProtocolError {
    /// It ends before what it promises, or goes on after it.
    #[error("a message of another length than it says")]
    Length,
    /// No such thing.
    #[error("a message with {0} that does not exist")]
    Unknown(&'static str),
    /// More than is accepted.
    #[error("{0} of a message is too large")]
    TooLarge(&'static str),
}

/// The message with its length before it.
pub fn encode_request(id: u64, order: &Order) -> Bytes {
    message(|message| match order {
        Order::Thumbnail { frame, width } => {
            message.put_u8(THUMBNAIL);
            message.put_u64(id);
            message.put_u32(width.pixels());
            put_frame(message, frame);
        }
        Order::Sheet { frames, tile } => {
            message.put_u8(SHEET);
            message.put_u64(id);
            message.put_u32(tile.width());
            message.put_u32(tile.height());
            message.put_u32(tile.columns());
            put_frames(message, frames);
        }
        Order::Preview { frames, width, length_ms } => {
            message.put_u8(PREVIEW);
            message.put_u64(id);
            message.put_u32(width.pixels());
            message.put_u32(*length_ms);
            put_frames(message, frames);
        }
        Order::Recode(Gop { config, pictures, keep }) => {
            message.put_u8(RECODE);
            message.put_u64(id);
            message.put_i64(keep.start);
            message.put_i64(keep.end);
            put_bytes(message, &config.record);
            put_pictures(message, pictures);
        }
    })
}

/// Pictures that were coded anew, as the worker gives them back.
pub fn encode_recoded(recoded: &Recoded) -> Bytes {
    let mut bytes = BytesMut::new();
    put_bytes(&mut bytes, &recoded.config.record);
    put_pictures(&mut bytes, &recoded.pictures);
    bytes.freeze()
}

/// Reads them.
///
/// # Errors
/// It is none.
pub fn decode_recoded(bytes: &Bytes) -> Result<Recoded, ProtocolError> {
    let mut rest = Rest(bytes.clone());
    let recoded = Recoded { config: rest.h264()?, pictures: rest.pictures()? };
    rest.end()?;
    Ok(recoded)
}

/// Reads a request, without its length.
///
/// # Errors
/// It is none. The decoder configurations in it were parsed before it was written, and are again.
pub fn decode_request(message: &Bytes) -> Result<(u64, Order), ProtocolError> {
    let mut rest = Rest(message.clone());
    let kind = rest.u8()?;
    let id = rest.u64()?;
    let order = match kind {
        THUMBNAIL => {
            let width = rest.width()?;
            Order::Thumbnail { width, frame: rest.frame()? }
        }
        SHEET => {
            let (width, height, columns) = (rest.u32()?, rest.u32()?, rest.u32()?);
            let tile = Tile::new(width, height, columns).ok_or(ProtocolError::Unknown("a tile"))?;
            Order::Sheet { tile, frames: rest.frames()? }
        }
        PREVIEW => {
            let (width, length_ms) = (rest.width()?, rest.u32()?);
            if length_ms > MAX_PREVIEW_MS {
                return Err(ProtocolError::TooLarge("the length"));
            }
            Order::Preview { width, length_ms, frames: rest.frames()? }
        }
        RECODE => {
            let keep = rest.i64()?..rest.i64()?;
            Order::Recode(Gop { keep, config: rest.h264()?, pictures: rest.pictures()? })
        }
        _ => return Err(ProtocolError::Unknown("a kind")),
    };
    rest.end()?;
    Ok((id, order))
}

/// The message with its length before it. Words beyond [`MAX_WORDS`] are cut off.
pub fn encode_answer(answer: &Answer) -> Bytes {
    message(|message| match answer {
        Answer::Hello(hello) => {
            message.put_u8(HELLO);
            message.put_u32(hello.version);
            message.put_u8(hello.decoders.iter().fold(0, |bits, codec| bits | 1 << codec_number(*codec)));
            put_words(message, &hello.gstreamer);
        }
        Answer::Done { id, broken, picture } => {
            message.put_u8(DONE);
            message.put_u64(*id);
            message.put_u32(*broken);
            message.put_slice(picture);
        }
        Answer::Refused { id, why } => {
            message.put_u8(REFUSED);
            message.put_u64(*id);
            put_words(message, why);
        }
    })
}

/// Reads an answer, without its length.
///
/// # Errors
/// It is none.
pub fn decode_answer(message: &Bytes) -> Result<Answer, ProtocolError> {
    let mut rest = Rest(message.clone());
    Ok(match rest.u8()? {
        HELLO => {
            let (version, bits) = (rest.u32()?, rest.u8()?);
            let known = [VideoCodec::H264, VideoCodec::Hevc, VideoCodec::Av1].into_iter();
            let decoders = known.filter(|codec| bits & 1 << codec_number(*codec) != 0).collect();
            Answer::Hello(Hello { version, decoders, gstreamer: rest.words()? })
        }
        DONE => Answer::Done { id: rest.u64()?, broken: rest.u32()?, picture: rest.0 },
        REFUSED => Answer::Refused { id: rest.u64()?, why: rest.words()? },
        _ => return Err(ProtocolError::Unknown("a kind")),
    })
}

fn message(write: impl FnOnce(&mut BytesMut)) -> Bytes {
    let mut message = BytesMut::new();
    message.put_u32(0);
    write(&mut message);
    let length = u32::try_from(message.len() - LENGTH).unwrap_or(u32::MAX);
    message[..LENGTH].copy_from_slice(&length.to_be_bytes());
    message.freeze()
}

fn put_frames(message: &mut BytesMut, frames: &[KeyFrame]) {
    message.put_u32(u32::try_from(frames.len()).unwrap_or(u32::MAX));
    frames.iter().for_each(|frame| put_frame(message, frame));
}

fn put_frame(message: &mut BytesMut, frame: &KeyFrame) {
    message.put_u8(codec_number(frame.config.codec));
    put_bytes(message, &frame.config.record);
    put_bytes(message, &frame.data);
}

fn put_pictures(message: &mut BytesMut, pictures: &[Picture]) {
    message.put_u32(u32::try_from(pictures.len()).unwrap_or(u32::MAX));
    for picture in pictures {
        message.put_i64(picture.pts);
        put_bytes(message, &picture.data);
    }
}

fn put_bytes(message: &mut BytesMut, bytes: &[u8]) {
    message.put_u32(u32::try_from(bytes.len()).unwrap_or(u32::MAX));
    message.put_slice(bytes);
}

fn put_words(message: &mut BytesMut, words: &str) {
    message.put_slice(&words.as_bytes()[..words.floor_char_boundary(MAX_WORDS)]);
}

const fn codec_number(codec: VideoCodec) -> u8 {
    match codec {
        VideoCodec::H264 => 0,
        VideoCodec::Hevc => 1,
        VideoCodec::Av1 => 2,
    }
}

/// What is still unread of a message.
struct Rest(Bytes);

impl Rest {
    fn take(&mut self, length: usize) -> Result<Bytes, ProtocolError> {
        if length > self.0.len() { Err(ProtocolError::Length) } else { Ok(self.0.split_to(length)) }
    }

    fn number<const N: usize>(&mut self) -> Result<[u8; N], ProtocolError> {
        let taken = self.take(N)?;
        taken[..].try_into().map_err(|_| ProtocolError::Length)
    }

    fn u8(&mut self) -> Result<u8, ProtocolError> {
        self.number().map(u8::from_be_bytes)
    }

    fn u32(&mut self) -> Result<u32, ProtocolError> {
        self.number().map(u32::from_be_bytes)
    }

    fn u64(&mut self) -> Result<u64, ProtocolError> {
        self.number().map(u64::from_be_bytes)
    }

    fn i64(&mut self) -> Result<i64, ProtocolError> {
        self.number().map(i64::from_be_bytes)
    }

    fn bytes(&mut self, what: &'static str, limit: usize) -> Result<Bytes, ProtocolError> {
        let length = self.u32()? as usize;
        if length > limit { Err(ProtocolError::TooLarge(what)) } else { self.take(length) }
    }

    fn words(&mut self) -> Result<String, ProtocolError> {
        if self.0.len() > MAX_WORDS {
            return Err(ProtocolError::TooLarge("the words"));
        }
        let words = std::mem::take(&mut self.0);
        Ok(String::from_utf8_lossy(&words).into_owned())
    }

    fn width(&mut self) -> Result<Width, ProtocolError> {
        Width::new(self.u32()?).ok_or(ProtocolError::Unknown("a width"))
    }

    fn frames(&mut self) -> Result<Vec<KeyFrame>, ProtocolError> {
        let count = self.u32()? as usize;
        if count > MAX_FRAMES {
            return Err(ProtocolError::TooLarge("the number of frames"));
        }
        (0..count).map(|_| self.frame()).collect()
    }

    fn frame(&mut self) -> Result<KeyFrame, ProtocolError> {
        let codec = match self.u8()? {
            0 => VideoCodec::H264,
            1 => VideoCodec::Hevc,
            2 => VideoCodec::Av1,
            _ => return Err(ProtocolError::Unknown("a codec")),
        };
        let record = self.bytes("the decoder configuration", MAX_RECORD)?;
        let data = self.bytes("the access unit", MAX_UNIT)?;
        let config = VideoConfig::parse(codec, record);
        let config = config.map_err(|_| ProtocolError::Unknown("a decoder configuration"))?;
        Ok(KeyFrame { config, data })
    }

    fn h264(&mut self) -> Result<VideoConfig, ProtocolError> {
        let record = self.bytes("the decoder configuration", MAX_RECORD)?;
        let config = VideoConfig::parse(VideoCodec::H264, record);
        config.map_err(|_| ProtocolError::Unknown("a decoder configuration"))
    }

    fn pictures(&mut self) -> Result<Vec<Picture>, ProtocolError> {
        let count = self.u32()? as usize;
        if count > MAX_GOP {
            return Err(ProtocolError::TooLarge("the number of pictures"));
        }
        let picture = |rest: &mut Self| {
            let pts = rest.i64()?;
            Ok(Picture { pts, data: rest.bytes("the access unit", MAX_UNIT)? })
        };
        (0..count).map(|_| picture(self)).collect()
    }

    fn end(&self) -> Result<(), ProtocolError> {
        if self.0.is_empty() { Ok(()) } else { Err(ProtocolError::Length) }
    }
}
