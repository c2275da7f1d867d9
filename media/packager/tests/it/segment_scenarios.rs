//! Where parts and segments end: key-frame intervals, frame rates, modes.

use sigma_elementary::{AccessUnit, Media};
use sigma_packager::{Output, Settings, Warning};

use crate::feed::{Broadcast, MS, Picture, SECOND, h264, hevc, package, picture, video};
use crate::inspect::{Read, assert_rules, read};

const PART: u64 = 45_000;

fn run(settings: Settings, broadcast: Broadcast) -> Read {
    let read = read(&package(settings, broadcast.media()));
    if settings.part_target_ms.is_some() {
        assert_rules(&read, PART);
    }
    assert_eq!(read.spans.len(), 1);
    read
}

/// All segments but the last, which ends with the broadcast.
fn whole_segments(read: &Read) -> Vec<u64> {
    let segments = &read.spans[0].segments;
    segments[..segments.len() - 1].iter().map(|segment| segment.end.duration_ticks).collect()
}

#[test]
fn one_second_key_frames_give_two_second_segments_of_four_parts() {
    let read = run(Settings::ULTRA_LOW, Broadcast::new((30, 1), 30));
    assert_eq!(read.target, Some(2));
    assert!(whole_segments(&read).iter().all(|ticks| *ticks == 180_000));
    for segment in &read.spans[0].segments[..14] {
        let parts: Vec<u64> = segment.parts.iter().map(|part| part.part.duration_ticks).collect();
        assert_eq!(parts, [45_000; 4]);
        let independent: Vec<bool> = segment.parts.iter().map(|part| part.part.independent).collect();
        assert_eq!(independent, [true, false, true, false]);
        assert!(segment.end.starts_with_key);
    }
    assert!(read.warnings.is_empty(), "{:?}", read.warnings);
}

#[test]
fn two_second_key_frames_give_segments_of_one_gop() {
    let read = run(Settings::ULTRA_LOW, Broadcast::new((30, 1), 60));
    assert_eq!(read.target, Some(2));
    assert!(whole_segments(&read).iter().all(|ticks| *ticks == 180_000));
}

#[test]
fn four_second_key_frames_make_ultra_low_decide_for_ten_seconds() {
    let media = Broadcast::new((30, 1), 120).media();
    let outputs = package(Settings::ULTRA_LOW, media);
    let read = read(&outputs);
    assert_rules(&read, PART);
    assert_eq!(read.target, Some(10));
    assert!(whole_segments(&read).iter().all(|ticks| *ticks == 360_000));
    // It did not wait for the second key frame.
    let before = outputs.iter().take_while(|output| !matches!(output, Output::TargetDuration(_)));
    let parts = before.filter(|output| matches!(output, Output::Part(_))).count();
    assert!((4..=5).contains(&parts), "{parts} parts before the target duration");
}

#[test]
fn obs_default_of_250_frames_gives_segments_of_whole_gops_in_every_mode() {
    for (settings, target) in [(Settings::ULTRA_LOW, 10), (Settings::LOW, 9), (Settings::NORMAL, 9)] {
        let read = run(settings, Broadcast::new((30, 1), 250));
        assert_eq!(read.target, Some(target));
        let segments = whole_segments(&read);
        assert!(segments.iter().all(|ticks| ticks.abs_diff(750_000) <= 90), "{segments:?}");
        assert!(read.warnings.is_empty());
    }
}

#[test]
fn without_any_second_key_frame_segments_are_cut_and_claim_nothing() {
    for settings in [Settings::ULTRA_LOW, Settings::LOW, Settings::NORMAL] {
        let broadcast = Broadcast { gop: None, ..Broadcast::new((30, 1), 1).lasting(45 * SECOND) };
        let read = run(settings, broadcast);
        assert_eq!(read.target, Some(10));
        let segments = &read.spans[0].segments;
        assert!((4..=5).contains(&segments.len()));
        assert!(segments[0].end.starts_with_key);
        assert!(segments[1..].iter().all(|segment| !segment.end.starts_with_key));
        assert!(segments[1..].iter().all(|segment| !segment.parts[0].part.independent));
        assert_eq!(read.warnings, [Warning::KeyFramesTooFarApart { target_duration: 10 }]);
    }
}

#[test]
fn an_interval_that_grows_in_mid_session_is_cut_at_the_target_duration() {
    let mut media = Broadcast::new((30, 1), 30).lasting(6 * SECOND).media();
    media.extend(Broadcast::new((30, 1), 250).starting(6 * SECOND).lasting(25 * SECOND).units());
    let read = read(&package(Settings::ULTRA_LOW, media));
    assert_rules(&read, PART);
    assert_eq!(read.target, Some(2));
    assert_eq!(read.spans.len(), 1);
    assert_eq!(read.warnings, [Warning::KeyFramesTooFarApart { target_duration: 2 }]);
    // Each key frame still begins a segment, so that viewers can join there.
    let keyed = read.spans[0].segments.iter().filter(|segment| segment.end.starts_with_key).count();
    assert_eq!(keyed, 3 + 3);
    for part in read.spans[0].parts().filter(|part| part.part.independent).skip(6) {
        assert!(part.video().next().unwrap().sync);
    }
}

#[test]
fn an_interval_that_grows_but_still_rounds_to_the_target_duration_stays_whole() {
    for settings in [Settings::ULTRA_LOW, Settings::LOW] {
        let mut media = Broadcast::new((30, 1), 30).lasting(6 * SECOND).media();
        // 2.4 s.
        media.extend(Broadcast::new((30, 1), 72).starting(6 * SECOND).lasting(24 * SECOND).units());
        let read = read(&package(settings, media));
        assert_eq!(read.target, Some(2));
        assert!(read.warnings.is_empty(), "{:?}", read.warnings);
        assert!(read.spans[0].segments.iter().all(|segment| segment.end.starts_with_key));
        assert_eq!(read.spans[0].segments.len(), 3 + 10);
    }
}

#[test]
fn modes_without_parts_take_their_segment_length_or_the_first_interval() {
    for (settings, gop, target, ticks) in [
        (Settings::LOW, 30, 2, 180_000),
        (Settings::LOW, 60, 2, 180_000),
        (Settings::LOW, 120, 4, 360_000),
        (Settings::NORMAL, 30, 6, 540_000),
        (Settings::NORMAL, 60, 6, 540_000),
        (Settings::NORMAL, 120, 6, 360_000),
    ] {
        let read = run(settings, Broadcast::new((30, 1), gop));
        assert_eq!(read.target, Some(target), "every {gop} frames");
        let segments = whole_segments(&read);
        assert!(segments.iter().all(|found| *found == ticks), "every {gop} frames: {segments:?}");
    }
}

#[test]
fn odd_frame_rates_obey_the_rules_on_parts() {
    for (rate, gop) in [
        ((24_000, 1_001), 48),
        ((24, 1), 24),
        ((25, 1), 25),
        ((25, 1), 50),
        ((30_000, 1_001), 30),
        ((30_000, 1_001), 60),
        ((50, 1), 100),
        ((60_000, 1_001), 60),
        ((60_000, 1_001), 120),
        ((60, 1), 60),
        ((10, 1), 10),
        ((6, 1), 12),
        ((11, 2), 11),
        ((1, 1), 2),
    ] {
        for milliseconds in [true, false] {
            let broadcast = Broadcast { milliseconds, ..Broadcast::new(rate, gop) };
            let read = run(Settings::ULTRA_LOW, broadcast);
            assert_eq!(read.target, Some(2), "{rate:?} every {gop}");
            assert!(read.warnings.is_empty(), "{rate:?} every {gop}: {:?}", read.warnings);
            let numbers = read.video_numbers();
            assert!(numbers.iter().copied().eq(0..numbers.len() as u32));
        }
    }
}

#[test]
fn a_variable_frame_rate_obeys_the_rules_on_parts() {
    let mut media = vec![Media::VideoConfig(h264())];
    let mut dts = 0;
    for number in 0..600u32 {
        let kind = if number % 20 == 0 { Picture::Idr } else { Picture::Inter };
        media.push(video(dts, dts, kind, number));
        dts += [20, 70, 33, 150, 8, 200, 41][number as usize % 7] * MS;
    }
    let read = read(&package(Settings::ULTRA_LOW, media));
    assert_rules(&read, PART);
    assert!(read.video_numbers().into_iter().eq(0..600));
    let samples = read.spans[0].video();
    for pair in samples.windows(2) {
        assert_eq!(pair[0].dts + pair[0].duration, pair[1].dts);
    }
}

#[test]
fn a_frame_longer_than_a_part_is_one_sample_and_several_parts() {
    for audio_rate in [None, Some(48_000)] {
        let broadcast = Broadcast { audio_rate, ..Broadcast::new((5, 6), 5).lasting(24 * SECOND) };
        let read = run(Settings::ULTRA_LOW, broadcast);
        assert!(read.video_numbers().into_iter().eq(0..20));
        for sample in &read.spans[0].video()[..19] {
            assert_eq!(sample.duration, 108_000);
        }
        assert!(read.spans[0].parts().any(|part| part.part.video_units == 0));
        assert_eq!(read.spans[0].parts().any(|part| part.part.audio_units == 0), audio_rate.is_none());
    }
}

#[test]
fn scene_cuts_begin_parts_and_break_no_rule() {
    let mut media = vec![Media::VideoConfig(h264())];
    let keys = [0, 4, 5, 60, 75, 100, 101, 120, 180, 200, 240, 300, 307, 360, 420, 480, 540];
    for number in 0..600u32 {
        let kind = if keys.contains(&number) { Picture::Idr } else { Picture::Inter };
        let dts = i64::from(number) * 3_000;
        media.push(video(dts, dts, kind, number));
    }
    let read = read(&package(Settings::ULTRA_LOW, media));
    assert_rules(&read, PART);
    assert!(read.video_numbers().into_iter().eq(0..600));
    assert!(read.warnings.is_empty(), "{:?}", read.warnings);
    assert!(read.spans[0].segments.iter().all(|segment| segment.end.starts_with_key));
}

#[test]
fn pictures_that_are_all_key_frames_still_fill_parts() {
    let read = run(Settings::ULTRA_LOW, Broadcast::new((25, 1), 1));
    let parts = read.spans[0].parts().count();
    assert!(parts <= 30 * 4, "{parts} parts in 30 s");
    assert!(read.spans[0].parts().all(|part| part.part.independent));
}

#[test]
fn b_frames_keep_their_composition_offsets() {
    // Decoding order I P B B, shown I B B P, two frames of delay; one offset is negative.
    let mut media = vec![Media::VideoConfig(h264())];
    let offsets = [2, 4, 1, 1];
    let mut expected = Vec::new();
    for number in 0..240u32 {
        let kind = if number % 60 == 0 { Picture::Idr } else { Picture::Inter };
        let dts = i64::from(number) * 3_000;
        let offset = if number == 7 { -3_000 } else { offsets[number as usize % 4] * 3_000 };
        expected.push(offset);
        media.push(video(dts, dts + offset, kind, number));
    }
    let read = read(&package(Settings::ULTRA_LOW, media));
    assert_rules(&read, PART);
    let found: Vec<i64> = read.spans[0].video().iter().map(|sample| sample.offset).collect();
    assert_eq!(found, expected);
}

#[test]
fn an_open_gop_begins_segments_that_claim_nothing() {
    // H.264 with recovery points, and HEVC whose key frames are CRA after one IDR.
    let hevc_picture = |number: u32| {
        let kind = if number == 0 {
            19u8
        } else if number.is_multiple_of(60) {
            21
        } else {
            1
        };
        let mut data = vec![0, 0, 0, 6, kind << 1, 1];
        data.extend_from_slice(&number.to_be_bytes());
        data
    };
    let avc_picture = |number: u32| {
        let kind = if number == 0 {
            Picture::Idr
        } else if number.is_multiple_of(60) {
            Picture::Recovery
        } else {
            Picture::Inter
        };
        picture(kind, number).to_vec()
    };
    let feeds: [(_, &dyn Fn(u32) -> Vec<u8>); 2] = [(h264(), &avc_picture), (hevc(), &hevc_picture)];
    for (config, data) in feeds {
        let mut media = vec![Media::VideoConfig(config)];
        for number in 0..600u32 {
            let dts = i64::from(number) * 3_000;
            let key = number.is_multiple_of(60);
            media.push(Media::Video(AccessUnit { dts, pts: dts, key, data: data(number).into() }));
        }
        let read = read(&package(Settings::ULTRA_LOW, media));
        assert_rules(&read, PART);
        assert_eq!(read.warnings, [Warning::OpenGop]);
        assert_eq!(read.target, Some(2));
        assert!(whole_segments(&read).iter().all(|ticks| *ticks == 180_000));
        let claimed: Vec<bool> =
            read.spans[0].segments.iter().map(|segment| segment.end.starts_with_key).collect();
        assert!(claimed[0] && !claimed[1..].contains(&true));
        assert!(read.video_numbers().into_iter().eq(0..600));
    }
}

#[test]
fn frames_before_the_first_key_frame_are_dropped() {
    let mut media = Broadcast::new((30, 1), 60).lasting(10 * SECOND).media();
    // It joins a second before a key frame.
    media.retain(|media| match media {
        Media::Video(unit) => unit.dts >= SECOND,
        Media::Audio(unit) => unit.dts >= SECOND,
        _ => true,
    });
    let read = read(&package(Settings::ULTRA_LOW, media));
    assert_rules(&read, PART);
    assert_eq!(read.video_numbers()[0], 60);
    assert_eq!(read.spans[0].video()[0].dts, 0);
    assert!(read.spans[0].audio_offset().abs() < 1_920, "{}", read.spans[0].audio_offset());
    assert_eq!(read.warnings, [Warning::Dropped(sigma_packager::Dropped::BeforeKeyFrame)]);
}

#[test]
fn parts_come_out_as_soon_as_they_are_complete() {
    // A part of 500 ms at 30 frames a second is out when the frame at 500 ms and audio beyond it have come.
    let mut packager = sigma_packager::Packager::new(Settings::ULTRA_LOW);
    let mut seen = Vec::new();
    for media in Broadcast::new((30, 1), 30).lasting(5 * SECOND).media() {
        let at = match &media {
            Media::Video(unit) | Media::Audio(unit) => unit.dts,
            _ => 0,
        };
        let parts = packager.push(0, media).into_iter().filter(|output| matches!(output, Output::Part(_)));
        seen.extend(parts.map(|_| at));
    }
    for (index, at) in seen.iter().enumerate() {
        let end = (index as i64 + 1) * 45_000;
        assert!(*at <= end + 30 * MS, "part {index} came {} ms late", (at - end) / MS);
    }
    assert!(seen.len() >= 9);
}

/// Found by fuzzing: the first interval said 1 s where the segment that was open, and had begun with no key frame, had 6 s.
#[test]
fn a_first_segment_without_a_key_frame_counts_for_the_target_duration() {
    for settings in [Settings::ULTRA_LOW, Settings::LOW, Settings::NORMAL] {
        let mut media = vec![Media::VideoConfig(h264())];
        for number in 0..600u32 {
            let kind = match number {
                0 => Picture::Recovery,
                180.. if number % 30 == 0 => Picture::Idr,
                _ => Picture::Inter,
            };
            let time = i64::from(number) * 3_000;
            media.push(video(time, time, kind, number));
        }
        let read = read(&package(settings, media));
        let target = u64::from(read.target.unwrap());
        assert!(read.segment_seconds().iter().all(|seconds| *seconds <= target), "{settings:?}: {target}");
        assert!(read.video_numbers().into_iter().eq(0..600));
    }
}
