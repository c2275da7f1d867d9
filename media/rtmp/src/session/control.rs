//! Protocol control and user control messages (RTMP 1.0 §5.4, §7.1.7).

use std::time::Duration;

use bytes::{BufMut, BytesMut};

use super::{MIN_WINDOW, Session};
use crate::{Action, ProtocolError, chunk::ChunkWriter, message::Message, message::kind};

/// What the client shall acknowledge after, and may send unacknowledged. Greater than 4096, or librtmp and `rtmp2sink` stall.
const WINDOW: u32 = 5_000_000;
/// §5.4.5: "2 - Dynamic".
const DYNAMIC: u8 = 2;
/// What we send comes in chunks of this size.
const CHUNK_SIZE: u32 = 4096;

/// User control event types (§7.1.7).
mod event {
    pub(super) const STREAM_BEGIN: u16 = 0;
    pub(super) const PING_REQUEST: u16 = 6;
    pub(super) const PING_RESPONSE: u16 = 7;
}

impl Session {
    pub(super) fn control(&mut self, message: &Message, out: &mut Vec<Action>) -> Result<(), ProtocolError> {
        let too_short =
            ProtocolError::MessageTooShort { message_type: message.kind, length: message.payload.len() };
        let Some(number) = message.payload.first_chunk().map(|bytes| u32::from_be_bytes(*bytes)) else {
            // A user control event may be as short as its type and, with some encoders, two bytes of data.
            let harmless = message.kind == kind::USER_CONTROL && message.payload.len() >= 2;
            return if harmless { Ok(()) } else { Err(too_short) };
        };
        match message.kind {
            kind::SET_CHUNK_SIZE => self.reader.set_chunk_size(number)?,
            kind::ABORT => self.reader.abort(number),
            kind::WINDOW_ACKNOWLEDGEMENT_SIZE if number > 0 => self.window = number.max(MIN_WINDOW),
            kind::USER_CONTROL => {
                let (event, data) = message.payload.split_at(2);
                if event == event::PING_REQUEST.to_be_bytes()
                    && let Some(timestamp) = data.first_chunk()
                {
                    self.user_control(event::PING_RESPONSE, u32::from_be_bytes(*timestamp), out);
                }
            }
            // Acknowledgements, and what the client wants to limit us to: we send next to nothing.
            _ => {}
        }
        Ok(())
    }

    /// What a server says first, before it answers `connect` (§7.2.1.1).
    pub(super) fn introduce(&mut self, out: &mut Vec<Action>) {
        let mut bytes = BytesMut::new();
        self.writer.write(
            ChunkWriter::CONTROL,
            kind::WINDOW_ACKNOWLEDGEMENT_SIZE,
            0,
            &WINDOW.to_be_bytes(),
            &mut bytes,
        );
        let mut bandwidth = BytesMut::new();
        bandwidth.put_u32(WINDOW);
        bandwidth.put_u8(DYNAMIC);
        self.writer.write(ChunkWriter::CONTROL, kind::SET_PEER_BANDWIDTH, 0, &bandwidth, &mut bytes);
        self.writer.set_chunk_size(CHUNK_SIZE, &mut bytes);
        out.push(Action::Send(bytes.freeze()));
    }

    /// §5.4.3: the sequence number is "the number of bytes received so far", and rolls over.
    pub(super) fn acknowledge(&mut self, out: &mut Vec<Action>) {
        self.acknowledged = self.received;
        let sequence = self.received as u32;
        let mut bytes = BytesMut::new();
        self.writer.write(
            ChunkWriter::CONTROL,
            kind::ACKNOWLEDGEMENT,
            0,
            &sequence.to_be_bytes(),
            &mut bytes,
        );
        out.push(Action::Send(bytes.freeze()));
    }

    pub(super) fn ping(&mut self, now: Duration, out: &mut Vec<Action>) {
        self.user_control(event::PING_REQUEST, now.as_millis() as u32, out);
    }

    pub(super) fn stream_begin(&mut self, stream: u32, out: &mut Vec<Action>) {
        self.user_control(event::STREAM_BEGIN, stream, out);
    }

    fn user_control(&mut self, event: u16, data: u32, out: &mut Vec<Action>) {
        let mut payload = BytesMut::new();
        payload.put_u16(event);
        payload.put_u32(data);
        let mut bytes = BytesMut::new();
        self.writer.write(ChunkWriter::CONTROL, kind::USER_CONTROL, 0, &payload, &mut bytes);
        out.push(Action::Send(bytes.freeze()));
    }
}
