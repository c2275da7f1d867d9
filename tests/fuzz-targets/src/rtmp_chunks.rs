use std::time::Duration;

use sigma_elementary::Media;
use sigma_rtmp::{Action, Input, Limits, Session};
use simulation::publisher::{Chunker, Message, handshake};

use crate::draw::Draw;

/// So small that a short input meets each of them.
const TIGHT: Limits = Limits {
    media_message: 2_000,
    other_message: 500,
    buffered: 3_000,
    chunk_size: 1_000,
    chunk_streams: 4,
    message_streams: 2,
    empty_messages: 3,
    stream_key: 16,
    half_open: Duration::from_secs(10),
    ping_after: Duration::from_secs(5),
};

/// Any bytes as a client's: from the first one on, behind the handshake, or on air.
///
/// However they are cut they do the same; what is sent and taken is bounded by what came; media comes on air only, and
/// nothing after the close.
pub fn rtmp_chunks(data: &[u8]) {
    let mut draw = Draw::new(data);
    let (head, cut) = (draw.byte(), usize::from(draw.byte()) + 1);
    let limits = if head & 4 == 0 { Limits::default() } else { TIGHT };
    let bytes = draw.rest();
    let whole = play(limits, head & 3, bytes, usize::MAX);
    let split = play(limits, head & 3, bytes, cut);
    assert!(whole == split, "cut every {cut}: {split:?}\nat once: {whole:?}");
    check(&whole, bytes.len());
}

/// A session at one of four stages takes the bytes in pieces.
fn play(limits: Limits, stage: u8, bytes: &[u8], piece: usize) -> Vec<Action> {
    let mut session = Session::new(limits);
    let mut before = if stage > 0 { handshake() } else { Vec::new() };
    let mut chunker = Chunker::default();
    if stage > 1 {
        before.extend(chunker.chunks(3, &Message::connect("live"), 0).concat());
        before.extend(chunker.chunks(3, &Message::call(0, "createStream", 4, &[]), 0).concat());
    }
    if stage > 2 {
        before.extend(chunker.chunks(3, &Message::publish(1, "key"), 0).concat());
    }
    session.handle(Duration::ZERO, Input::Bytes(&before));
    session.handle(Duration::ZERO, Input::Accept);
    assert_eq!(session.is_on_air(), stage > 2);
    bytes.chunks(piece).flat_map(|piece| session.handle(Duration::ZERO, Input::Bytes(piece))).collect()
}

fn check(actions: &[Action], came: usize) {
    let (mut sent, mut taken) = (0, 0);
    for (index, action) in actions.iter().enumerate() {
        match action {
            Action::Send(bytes) => sent += bytes.len(),
            Action::Media(Media::Video(unit) | Media::Audio(unit)) => taken += unit.data.len(),
            Action::Close { .. } => assert_eq!(index + 1, actions.len(), "something comes after the close"),
            _ => {}
        }
    }
    assert!(taken <= came, "{taken} bytes of media out of {came}");
    // The handshake's answer and connect's once; a call of some twenty bytes is answered with some two hundred.
    assert!(sent <= 6_000 + 20 * came, "{sent} bytes sent for {came}");
}
