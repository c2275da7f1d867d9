//! RTMP 1.0 §5.2. The plain handshake: C2 is not compared with S1, since encoders differ in what they put there, and clients
//! of the digest variant (Flash Player 9 and later, librtmp) are content with an echo of what they sent.

use bytes::{BufMut, Bytes, BytesMut};

use crate::ProtocolError;

/// §5.2.2.
const VERSION: u8 = 3;
/// §5.2.3: C1, S1, C2 and S2.
const PACKET: usize = 1536;

/// The client's handshake as it comes.
#[derive(Debug)]
pub(crate) struct Handshake {
    received: BytesMut,
    answered: bool,
}

/// How far the handshake is.
#[derive(Debug)]
pub(crate) enum Progress {
    /// More bytes are needed.
    Waiting,
    /// C0 and C1 are here: these are S0, S1 and S2.
    Answer(Bytes),
    /// C2 is here: chunks follow.
    Done,
}

impl Handshake {
    pub(crate) fn new() -> Self {
        Self { received: BytesMut::new(), answered: false }
    }

    /// Takes from the front of `input` what it needs for the next step.
    pub(crate) fn advance(&mut self, input: &mut &[u8]) -> Result<Progress, ProtocolError> {
        let wanted = if self.answered { PACKET } else { 1 + PACKET };
        let (taken, rest) = input.split_at(input.len().min(wanted - self.received.len()));
        self.received.extend_from_slice(taken);
        *input = rest;
        if !self.answered
            && let Some(&byte) = self.received.first()
            && byte != VERSION
        {
            return Err(ProtocolError::NotRtmp { byte, hint: hint(byte) });
        }
        if self.received.len() < wanted {
            return Ok(Progress::Waiting);
        }
        let whole = self.received.split();
        if self.answered {
            return Ok(Progress::Done);
        }
        self.answered = true;
        let mut answer = BytesMut::with_capacity(1 + 2 * PACKET);
        answer.put_u8(VERSION);
        put_server_packet(&mut answer);
        answer.extend_from_slice(&whole[1..]);
        Ok(Progress::Answer(answer.freeze()))
    }
}

/// S1 (§5.2.3): time 0, the zero field, then filler. The zero field is where the digest variant has a version: 0 says that we
/// speak the plain one. "Random data" serves to tell connections of one peer apart, which a fixed pattern does for a server.
fn put_server_packet(out: &mut BytesMut) {
    out.put_u64(0);
    out.extend((8..PACKET).map(|index| (index.wrapping_mul(31) >> 3) as u8));
}

/// What a first byte that is no RTMP version looks like, and what to do.
fn hint(byte: u8) -> &'static str {
    match byte {
        0x16 | 0x80 => "it looks like TLS, use rtmp:// instead of rtmps://",
        b'A'..=b'Z' => "it looks like HTTP or another text protocol, this port takes RTMP only",
        6 | 8 => "it looks like encrypted RTMP (rtmpe://), use rtmp://",
        _ => "publish with rtmp:// to this port",
    }
}
