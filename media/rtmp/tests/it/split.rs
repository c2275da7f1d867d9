//! The same bytes give the same actions however they are cut.

use proptest::prelude::*;
use sigma_rtmp::{Action, Input, Limits, Session, amf::Value};
use std::time::Duration;

use crate::client::{
    AAC_CONFIG, AUDIO, DATA, VIDEO, call, chunked, connect, encode, handshake, message, picture, publish,
    video_config,
};

/// A client's bytes, with places where it waits for the server: publish is answered there.
pub(crate) fn replay(parts: &[&[u8]], mut cut: impl FnMut() -> usize) -> Vec<Action> {
    let mut session = Session::new(Limits::default());
    let mut actions = Vec::new();
    for part in parts {
        let mut rest = *part;
        while !rest.is_empty() {
            let (now, later) = rest.split_at(rest.len().min(cut()));
            rest = later;
            for action in session.handle(Duration::ZERO, Input::Bytes(now)) {
                let asked = matches!(action, Action::Publish { .. });
                actions.push(action);
                if asked {
                    actions.extend(session.handle(Duration::ZERO, Input::Accept));
                }
            }
        }
    }
    actions
}

/// A broadcast that uses what there is: chunk sizes, a small window, extended times, pings, an abort, all kinds of media.
fn broadcast() -> [Vec<u8>; 2] {
    let before = [handshake(), connect(), call("createStream", 4, &[]), publish(1, "key")].concat();
    let metadata = [Value::string("@setDataFrame"), Value::string("onMetaData"), Value::object([])];
    let mut after = message(DATA, 0, 1, &encode(&metadata));
    after.extend(message(5, 0, 0, &700u32.to_be_bytes()));
    after.extend(message(VIDEO, 0, 1, &video_config()));
    after.extend(message(AUDIO, 0, 1, AAC_CONFIG));
    for index in 0..6u32 {
        let time = 0xFF_FFF0 + index * 40;
        after.extend(message(VIDEO, time, 1, &picture(index == 0, 80, &[index as u8; 333])));
        after.extend(message(AUDIO, time, 1, &[0xAF, 1, 2, 3]));
        after.extend(message(4, 0, 0, &[0, 6, 0, 0, 0, 9]));
    }
    // A message that is given up after its first chunk.
    after.extend(&chunked(128, 7, VIDEO, 0, 1, &[0; 200])[..12 + 128]);
    after.extend(message(2, 0, 0, &7u32.to_be_bytes()));
    after.extend(message(1, 0, 0, &4000u32.to_be_bytes()));
    after.extend(chunked(4000, 6, VIDEO, 0xFF_FFF0 + 300, 1, &picture(false, 0, &[9; 9000])));
    after.extend(chunked(
        4000,
        3,
        20,
        0,
        0,
        &encode(&[Value::string("FCUnpublish"), Value::Number(9.0), Value::Null]),
    ));
    after.extend([0x42, 0, 0]);
    after.extend([3, 0]);
    [before, after]
}

#[test]
fn every_single_cut_gives_the_same_actions() {
    let [before, after] = broadcast();
    let whole = replay(&[&before, &after], || usize::MAX);
    let kinds = |wanted: fn(&Action) -> bool| whole.iter().filter(|action| wanted(action)).count();
    assert_eq!(kinds(|action| matches!(action, Action::Media(_))), 2 + 12 + 1);
    assert_eq!(kinds(|action| matches!(action, Action::Unpublish)), 1);
    assert!(kinds(|action| matches!(action, Action::Send(_))) > 20, "with acknowledgements");
    for cut in 1..before.len() {
        assert!(replay(&[&before[..cut], &before[cut..], &after], || usize::MAX) == whole, "cut at {cut}");
    }
    for cut in 1..after.len() {
        assert!(replay(&[&before, &after[..cut], &after[cut..]], || usize::MAX) == whole, "cut at {cut}");
    }
    for size in [1, 2, 3, 5, 7, 11, 127, 128, 129] {
        assert!(replay(&[&before, &after], || size) == whole, "cut every {size}");
    }
}

proptest! {
    #[test]
    fn any_cuts_give_the_same_actions(cuts in prop::collection::vec(1usize..600, 1..40)) {
        let [before, after] = broadcast();
        let mut cuts = cuts.into_iter().cycle();
        let whole = replay(&[&before, &after], || usize::MAX);
        prop_assert_eq!(replay(&[&before, &after], || cuts.next().unwrap_or(1)), whole);
    }
}
