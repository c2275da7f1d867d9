//! What is written is read the same, and what is none is refused.

#![allow(clippy::unwrap_used, reason = "a test that unwraps nothing fails, as it should")]

use bytes::Bytes;
use proptest::prelude::*;
use sigma_elementary::{VideoCodec, VideoConfig};
use sigma_gst::protocol::{
    Answer, Hello, LENGTH, MAX_WORDS, Order, ProtocolError, decode_answer, decode_recoded, decode_request,
    encode_answer, encode_recoded, encode_request,
};
use sigma_gst::{Gop, KeyFrame, MAX_FRAMES, Picture, Recoded, Tile, Width};

const AVC: &[u8] =
    b"\x01\x42\xc0\x1f\xff\xe1\x00\x17\x67\x42\xc0\x1f\xda\x01\x40\x16\xec\x04\x40\x00\x00\x03\x00\
    \x40\x00\x00\x0f\x03\xc6\x0c\xa8\x01\x00\x04\x68\xce\x0f\xc8";
const AV1: &[u8] = b"\x81\x01\x0c\x00\x0a\x0b\x00\x00\x00\x0c\xc4\xff\x67\x00\xbe\x00\x10";

fn frames(most: usize) -> impl Strategy<Value = Vec<KeyFrame>> {
    let frame = (any::<bool>(), prop::collection::vec(any::<u8>(), 0..200)).prop_map(|(avc, data)| {
        let (codec, record) = if avc { (VideoCodec::H264, AVC) } else { (VideoCodec::Av1, AV1) };
        let config = VideoConfig::parse(codec, Bytes::from_static(record)).unwrap();
        KeyFrame { config, data: data.into() }
    });
    prop::collection::vec(frame, 1..=most)
}

fn order() -> impl Strategy<Value = Order> {
    let width = (0..Width::ALL.len()).prop_map(|number| Width::ALL[number]);
    let tile = (16u32..=320, 16u32..=320, 1u32..=12).prop_map(|(w, h, c)| Tile::new(w, h, c).unwrap());
    prop_oneof![
        (frames(1), width.clone())
            .prop_map(|(mut frames, width)| Order::Thumbnail { frame: frames.remove(0), width }),
        (frames(20), tile).prop_map(|(frames, tile)| Order::Sheet { frames, tile }),
        (pictures(), any::<i64>(), any::<i64>()).prop_map(|(pictures, from, to)| Order::Recode(Gop {
            config: avc(),
            pictures,
            keep: from..to
        })),
        (frames(9), width, 0u32..=30_000).prop_map(|(frames, width, length_ms)| Order::Preview {
            frames,
            width,
            length_ms
        }),
    ]
}

fn pictures() -> impl Strategy<Value = Vec<Picture>> {
    let picture = (any::<i64>(), prop::collection::vec(any::<u8>(), 0..99))
        .prop_map(|(pts, data)| Picture { pts, data: data.into() });
    prop::collection::vec(picture, 0..20)
}

fn avc() -> VideoConfig {
    VideoConfig::parse(VideoCodec::H264, Bytes::from_static(AVC)).unwrap()
}

fn answer() -> impl Strategy<Value = Answer> {
    let bytes = prop::collection::vec(any::<u8>(), 0..200).prop_map(Bytes::from);
    let decoders =
        prop::sample::subsequence(vec![VideoCodec::H264, VideoCodec::Hevc, VideoCodec::Av1], 0..=3);
    prop_oneof![
        (any::<u32>(), "[a-zA-Z0-9. ]{0,40}", decoders)
            .prop_map(|(version, gstreamer, decoders)| Answer::Hello(Hello { version, gstreamer, decoders })),
        (any::<u64>(), any::<u32>(), bytes).prop_map(|(id, broken, picture)| Answer::Done {
            id,
            broken,
            picture
        }),
        (any::<u64>(), "\\PC{0,100}").prop_map(|(id, why)| Answer::Refused { id, why }),
    ]
}

/// The message behind its length, which is true.
fn body(message: &Bytes) -> Bytes {
    let length = u32::from_be_bytes(message[..LENGTH].try_into().unwrap()) as usize;
    assert_eq!(length, message.len() - LENGTH);
    message.slice(LENGTH..)
}

proptest! {
    #[test]
    fn a_request_is_read_as_it_was_written(id in any::<u64>(), order in order()) {
        let message = body(&encode_request(id, &order));
        prop_assert_eq!(decode_request(&message), Ok((id, order)));
        for length in 0..message.len().min(300) {
            prop_assert!(decode_request(&message.slice(..length)).is_err());
        }
        let longer = Bytes::from([&message[..], &[0]].concat());
        prop_assert_eq!(decode_request(&longer), Err(ProtocolError::Length));
    }

    #[test]
    fn an_answer_is_read_as_it_was_written(answer in answer()) {
        prop_assert_eq!(decode_answer(&body(&encode_answer(&answer))), Ok(answer));
    }

    #[test]
    fn any_bytes_are_a_message_or_none(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
        let bytes = Bytes::from(bytes);
        let _ = (decode_answer(&bytes), decode_request(&bytes));
    }
}

#[test]
fn words_are_cut_where_a_letter_ends() {
    let answer = Answer::Refused { id: 1, why: "ấ".repeat(MAX_WORDS) };
    let Ok(Answer::Refused { why, .. }) = decode_answer(&body(&encode_answer(&answer))) else {
        panic!("{answer:?}")
    };
    assert_eq!(why, "ấ".repeat(MAX_WORDS / 3));
}

#[test]
fn more_frames_than_are_allowed_are_refused_before_they_are_read() {
    let config = VideoConfig::parse(VideoCodec::H264, Bytes::from_static(AVC)).unwrap();
    let frames = vec![KeyFrame { config, data: Bytes::new() }; MAX_FRAMES + 1];
    let order = Order::Sheet { frames, tile: Tile::new(160, 90, 5).unwrap() };
    let found = decode_request(&body(&encode_request(1, &order)));
    assert_eq!(found, Err(ProtocolError::TooLarge("the number of frames")));
}

proptest! {
    #[test]
    fn what_was_coded_anew_is_read_the_same_and_torn_it_is_none(pictures in pictures(), cut in 1usize..40) {
        let recoded = Recoded { config: avc(), pictures };
        let bytes = encode_recoded(&recoded);
        prop_assert_eq!(decode_recoded(&bytes), Ok(recoded));
        let torn = bytes.slice(..bytes.len().saturating_sub(cut));
        prop_assert!(decode_recoded(&torn).is_err());
    }
}
