//! A packager made anew for a session that went before.

use sigma_packager::{Output, Packager, Settings};

use crate::feed::{Broadcast, SECOND, push_all};

#[test]
fn a_resumed_packager_keeps_target_duration_and_timeline() {
    let mut packager = Packager::resume(Settings::ULTRA_LOW, Some(2), 1_000 * 90_000);
    let outputs = push_all(&mut packager, Broadcast::new((30, 1), 30).lasting(4 * SECOND).media());
    assert!(matches!(outputs[..], [Output::Discontinuity, Output::Init(_), Output::Part(_), ..]));
    assert!(!outputs.iter().any(|output| matches!(output, Output::TargetDuration(_))));
    let part = outputs.iter().find_map(|output| match output {
        Output::Part(part) => Some(part),
        _ => None,
    });
    let read = crate::inspect::read_part(part.unwrap());
    assert_eq!(read.video().next().unwrap().dts, 1_000 * SECOND);
    assert_eq!(read.audio().next().unwrap().dts, 1_000 * 48_000);
}

#[test]
fn a_session_that_had_no_target_duration_yet_gets_one() {
    let mut packager = Packager::resume(Settings::ULTRA_LOW, None, 0);
    let outputs = push_all(&mut packager, Broadcast::new((30, 1), 30).lasting(4 * SECOND).media());
    assert!(outputs.contains(&Output::TargetDuration(2)));
}

/// Found by fuzzing: parts without end and without length, where the mode's segments are longer than the target duration.
#[test]
fn sound_alone_keeps_to_a_target_duration_that_is_shorter_than_the_modes_segments() {
    for settings in [Settings::ULTRA_LOW, Settings::LOW, Settings::NORMAL] {
        let mut packager = Packager::resume(settings, Some(1), 0);
        let sound = Broadcast { rate: None, ..Broadcast::new((30, 1), 30) };
        let mut outputs = push_all(&mut packager, sound.lasting(20 * SECOND).media());
        outputs.extend(packager.finish());
        let (mut ticks, mut segments) = (0, 0);
        for output in &outputs {
            if let Output::SegmentEnd(end) = output {
                assert!((1..135_000).contains(&end.duration_ticks), "{} ticks", end.duration_ticks);
                (ticks, segments) = (ticks + end.duration_ticks, segments + 1);
            }
        }
        assert!(segments >= 13 && ticks.abs_diff(20 * 90_000) < 3_000, "{segments} segments, {ticks} ticks");
    }
}
