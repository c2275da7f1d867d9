//! One client's connection from the handshake to its close.

mod address;
mod commands;
mod control;
mod reply;

use std::time::Duration;

use bytes::{Buf, Bytes};

use self::address::Address;
use crate::{
    Action, CloseReason, Input, Limits, Metadata, ProtocolError, PublishRefusal,
    amf::{self, Value},
    chunk::{ChunkReader, ChunkWriter},
    flv::{Demuxed, Demuxer},
    handshake::{Handshake, Progress},
    message::{Message, kind},
};

/// The window after which we acknowledge until the client names its own (RTMP 1.0 §5.4.4 leaves the start open).
const FIRST_WINDOW: u32 = 2_500_000;
/// A client's window is taken as no smaller than this, or acknowledgements would outweigh what they acknowledge.
const MIN_WINDOW: u32 = 256;

/// The server's side of one RTMP connection: inputs in, actions out.
///
/// The same bytes give the same actions however they are cut. After [`Action::Close`] nothing is answered any more.
#[derive(Debug)]
pub struct Session {
    limits: Limits,
    /// None once it is done.
    handshake: Option<Handshake>,
    reader: ChunkReader,
    writer: ChunkWriter,
    /// Bytes received behind the handshake, and how many of them are acknowledged (RTMP 1.0 §5.4.3).
    received: u64,
    acknowledged: u64,
    window: u32,
    /// Known from `connect` on.
    address: Option<Address>,
    publishing: Publishing,
    demuxer: Demuxer,
    message_streams: u32,
    /// When bytes came last, and when a ping went out last.
    heard: Duration,
    pinged: Duration,
    /// Since when nothing is published.
    idle_since: Duration,
    closed: bool,
}

/// How far the client is with publishing, and on which message stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Publishing {
    /// Not asked yet.
    No,
    /// [`Action::Publish`] waits for its answer.
    Asked { stream: u32 },
    /// Accepted.
    OnAir { stream: u32 },
    /// It was on air, or asked to be, and left in order. Media that still comes is dropped.
    Left,
}

impl Session {
    /// A session for a connection that begins now, at time zero.
    pub fn new(limits: Limits) -> Self {
        Self {
            limits,
            handshake: Some(Handshake::new()),
            reader: ChunkReader::new(limits),
            writer: ChunkWriter::new(),
            received: 0,
            acknowledged: 0,
            window: FIRST_WINDOW,
            address: None,
            publishing: Publishing::No,
            demuxer: Demuxer::new(),
            message_streams: 0,
            heard: Duration::ZERO,
            pinged: Duration::ZERO,
            idle_since: Duration::ZERO,
            closed: false,
        }
    }

    /// Takes one input at `now`, the time since the connection began, and answers what to do.
    ///
    /// A client's faults come as [`Action::Close`], behind whatever its bytes brought before the fault.
    pub fn handle(&mut self, now: Duration, input: Input<'_>) -> Vec<Action> {
        let mut out = Vec::new();
        if self.closed {
            return out;
        }
        let done = match input {
            Input::Bytes(bytes) => self.bytes(now, bytes, &mut out),
            Input::Accept => {
                self.accept(&mut out);
                Ok(())
            }
            Input::Refuse { code, description } => self.refuse(code, description, &mut out),
            Input::Tick => self.tick(now, &mut out),
            Input::Close { reason } => Err(self.leave(reason, &mut out)),
        };
        if let Err(reason) = done {
            self.closed = true;
            out.push(Action::Close { reason });
        }
        out
    }

    /// Whether a publish is accepted and not ended.
    pub fn is_on_air(&self) -> bool {
        matches!(self.publishing, Publishing::OnAir { .. })
    }

    fn bytes(&mut self, now: Duration, mut bytes: &[u8], out: &mut Vec<Action>) -> Result<(), CloseReason> {
        if !bytes.is_empty() {
            self.heard = now;
        }
        while let Some(handshake) = &mut self.handshake {
            match handshake.advance(&mut bytes)? {
                Progress::Waiting => return Ok(()),
                Progress::Answer(answer) => out.push(Action::Send(answer)),
                Progress::Done => self.handshake = None,
            }
        }
        while !bytes.is_empty() {
            // Cut where an acknowledgement is due, so that it stands at the same place however the bytes arrive.
            let until_due = (self.acknowledged + u64::from(self.window)).saturating_sub(self.received);
            let part = bytes.len().min(usize::try_from(until_due).unwrap_or(usize::MAX));
            let mut rest = &bytes[..part];
            let message = self.reader.read(&mut rest)?;
            let taken = part - rest.len();
            self.received += taken as u64;
            bytes.advance(taken);
            if let Some(message) = message {
                self.message(now, message, out)?;
            }
            if self.received >= self.acknowledged + u64::from(self.window) {
                self.acknowledge(out);
            }
        }
        Ok(())
    }

    /// RTMP 1.0 §7.1.
    fn message(&mut self, now: Duration, message: Message, out: &mut Vec<Action>) -> Result<(), CloseReason> {
        let data = &message.payload[..];
        match message.kind {
            kind::SET_CHUNK_SIZE
            | kind::ABORT
            | kind::ACKNOWLEDGEMENT
            | kind::USER_CONTROL
            | kind::WINDOW_ACKNOWLEDGEMENT_SIZE
            | kind::SET_PEER_BANDWIDTH => self.control(&message, out)?,
            kind::AUDIO | kind::VIDEO => self.media(message.kind, message.timestamp, message.payload, out)?,
            kind::AGGREGATE => self.aggregate(&message, out)?,
            kind::COMMAND_AMF0 => self.command(now, message.stream, required(&message, data)?, out)?,
            kind::DATA_AMF0 => self.data(data, out)?,
            // §7.1.1 and §7.1.2: type 17 and 15 are AMF 3's; a zero byte goes ahead, then come AMF 0 values, each of which
            // may switch to AMF 3.
            kind::COMMAND_AMF3 => {
                let data = data.strip_prefix(&[0]).unwrap_or(data);
                self.command(now, message.stream, required(&message, data)?, out)?;
            }
            kind::DATA_AMF3 => self.data(data.strip_prefix(&[0]).unwrap_or(data), out)?,
            // Shared objects and what is not defined.
            _ => {}
        }
        Ok(())
    }

    fn media(
        &mut self,
        kind: u8,
        timestamp: u32,
        payload: Bytes,
        out: &mut Vec<Action>,
    ) -> Result<(), ProtocolError> {
        match self.publishing {
            Publishing::OnAir { .. } => {}
            Publishing::Left => return Ok(()),
            Publishing::No | Publishing::Asked { .. } => return Err(ProtocolError::MediaBeforePublish),
        }
        let demuxed = match kind {
            kind::AUDIO => self.demuxer.audio(timestamp, payload)?,
            _ => self.demuxer.video(timestamp, payload)?,
        };
        match demuxed {
            Some(Demuxed::Media(media)) => out.push(Action::Media(media)),
            Some(Demuxed::Unsupported(unsupported)) => out.push(Action::Unsupported(unsupported)),
            None => {}
        }
        Ok(())
    }

    /// RTMP 1.0 §7.1.6: FLV tags one behind the other, their times relative to the first one's.
    fn aggregate(&mut self, message: &Message, out: &mut Vec<Action>) -> Result<(), ProtocolError> {
        const TAG_HEADER: usize = 11;
        const BACK_POINTER: usize = 4;
        let short =
            || ProtocolError::MessageTooShort { message_type: message.kind, length: message.payload.len() };
        let mut rest = message.payload.clone();
        let mut first = None;
        while !rest.is_empty() {
            if rest.len() < TAG_HEADER {
                return Err(short());
            }
            let header = rest.split_to(TAG_HEADER);
            let length = u32::from_be_bytes([0, header[1], header[2], header[3]]) as usize;
            let time = u32::from_be_bytes([header[7], header[4], header[5], header[6]]);
            if rest.len() < length {
                return Err(short());
            }
            let payload = rest.split_to(length);
            rest.advance(rest.len().min(BACK_POINTER));
            let offset = time.wrapping_sub(*first.get_or_insert(time));
            let timestamp = message.timestamp.wrapping_add(offset);
            match header[0] {
                kind @ (kind::AUDIO | kind::VIDEO) => self.media(kind, timestamp, payload, out)?,
                kind::DATA_AMF0 => self.data(&payload, out)?,
                _ => {}
            }
        }
        Ok(())
    }

    /// RTMP 1.0 §7.1.2, FLV 10.1 §E.5. Only `onMetaData` concerns us, with `@setDataFrame` before it or without.
    fn data(&mut self, data: &[u8], out: &mut Vec<Action>) -> Result<(), ProtocolError> {
        if !self.is_on_air() {
            return Ok(());
        }
        let values = amf::decode(data)?;
        let values = match &values[..] {
            [Value::String(name), rest @ ..] if name == "@setDataFrame" => rest,
            all => all,
        };
        if let [Value::String(name), value, ..] = values
            && name == "onMetaData"
        {
            out.push(Action::Metadata(Metadata::read(value)));
        }
        Ok(())
    }

    fn tick(&mut self, now: Duration, out: &mut Vec<Action>) -> Result<(), CloseReason> {
        if !self.is_on_air() && now.saturating_sub(self.idle_since) >= self.limits.half_open {
            return Err(CloseReason::HalfOpen { seconds: self.limits.half_open.as_secs() });
        }
        let quiet_since = self.heard.max(self.pinged);
        if self.address.is_some() && now.saturating_sub(quiet_since) >= self.limits.ping_after {
            self.pinged = now;
            self.ping(now, out);
        }
        Ok(())
    }

    fn accept(&mut self, out: &mut Vec<Action>) {
        if let Publishing::Asked { stream } = self.publishing {
            self.publishing = Publishing::OnAir { stream };
            self.stream_begin(stream, out);
            self.status(stream, "status", "NetStream.Publish.Start", "the stream is on air", out);
        }
    }

    fn refuse(
        &mut self,
        code: PublishRefusal,
        description: String,
        out: &mut Vec<Action>,
    ) -> Result<(), CloseReason> {
        let (Publishing::Asked { stream } | Publishing::OnAir { stream }) = self.publishing else {
            return Ok(());
        };
        Err(self.refused(stream, code.code(), description, out))
    }

    /// Tells the client on its message stream why it is refused.
    fn refused(
        &mut self,
        stream: u32,
        code: &'static str,
        description: String,
        out: &mut Vec<Action>,
    ) -> CloseReason {
        self.status(stream, "error", code, &description, out);
        CloseReason::Refused { code, description }
    }

    /// The platform ends it: the client is told as far as it can be.
    fn leave(&mut self, reason: String, out: &mut Vec<Action>) -> CloseReason {
        if let Publishing::Asked { stream } | Publishing::OnAir { stream } = self.publishing {
            self.status(stream, "status", "NetStream.Unpublish.Success", &reason, out);
        }
        if self.address.is_some() {
            self.status(0, "status", "NetConnection.Connect.Closed", &reason, out);
        }
        CloseReason::Platform(reason)
    }

    /// The client left in order.
    fn unpublish(&mut self, now: Duration, out: &mut Vec<Action>) {
        let (Publishing::Asked { stream } | Publishing::OnAir { stream }) = self.publishing else { return };
        self.publishing = Publishing::Left;
        self.idle_since = now;
        self.demuxer = Demuxer::new();
        out.push(Action::Unpublish);
        self.status(stream, "status", "NetStream.Unpublish.Success", "the stream is off air", out);
    }
}

/// A command says something.
fn required<'a>(message: &Message, data: &'a [u8]) -> Result<&'a [u8], ProtocolError> {
    if data.is_empty() {
        return Err(ProtocolError::MessageTooShort {
            message_type: message.kind,
            length: message.payload.len(),
        });
    }
    Ok(data)
}
