//! What holds for every stream, however odd.

use proptest::prelude::*;
use sigma_elementary::{AccessUnit, Media};
use sigma_packager::{Output, Packager, Settings};

use crate::feed::{MS, Picture, SECOND, aac, audio, h264, h264_small, package, picture, video};
use crate::inspect::{assert_rules, read};

const PART: u64 = 45_000;

#[derive(Debug, Clone)]
pub(crate) struct Stream {
    /// Milliseconds from frame to frame, and whether the frame is a key frame.
    frames: Vec<(u16, u8)>,
    /// Milliseconds by which audio is delivered late, or early.
    skew: i16,
    with_audio: bool,
    offset: i64,
}

pub(crate) fn stream() -> impl Strategy<Value = Stream> {
    let pace = prop_oneof![
        6 => Just((10u16, 45u16)),
        2 => Just((1, 200)),
        1 => Just((300, 1_500)),
        1 => Just((0, 3)),
    ];
    let frames = pace.prop_flat_map(|(least, most)| {
        prop::collection::vec(
            (least..=most, prop_oneof![12 => Just(0u8), 1 => Just(1), 1 => Just(2)]),
            1..400,
        )
    });
    (frames, -400i16..400, any::<bool>(), prop_oneof![Just(0i64), -(1i64 << 40)..(1 << 40)])
        .prop_map(|(frames, skew, with_audio, offset)| Stream { frames, skew, with_audio, offset })
}

/// The stream in order of arrival, and how long its video lasts.
pub(crate) fn media(stream: &Stream) -> (Vec<Media>, i64) {
    let mut units = Vec::new();
    let mut dts = stream.offset;
    for (number, (step, kind)) in stream.frames.iter().enumerate() {
        let kind = match (number, kind) {
            (0, _) | (_, 1) => Picture::Idr,
            (_, 2) => Picture::Recovery,
            _ => Picture::Inter,
        };
        units.push((dts, video(dts, dts + 6_000, kind, number as u32)));
        dts += i64::from(*step).max(1) * MS;
    }
    let length = dts - stream.offset;
    if stream.with_audio {
        for number in 0.. {
            let at = i64::from(number) * 1_024 * SECOND / 48_000;
            if at > length {
                break;
            }
            let pts = stream.offset + at;
            units.push((pts + i64::from(stream.skew) * MS, audio(pts, number)));
        }
    }
    units.sort_by_key(|(at, _)| *at);
    let mut media = vec![Media::VideoConfig(h264())];
    if stream.with_audio {
        media.push(Media::AudioConfig(aac(48_000)));
    }
    media.extend(units.into_iter().map(|(_, media)| media));
    (media, length)
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(300) })]

    #[test]
    fn every_access_unit_comes_out_once_in_order_and_parts_obey_the_rules(stream in stream()) {
        let (media, length) = media(&stream);
        let read = read(&package(Settings::ULTRA_LOW, media.clone()));
        assert_rules(&read, PART);
        prop_assert_eq!(read.spans.len(), 1, "{:?}", read.warnings);
        let frames = stream.frames.len() as u32;
        prop_assert!(read.video_numbers().into_iter().eq(0..frames));
        let pushed = media.iter().filter(|media| matches!(media, Media::Audio(_))).count() as u32;
        prop_assert!(read.audio_numbers().into_iter().eq(0..pushed));
        // Media time is the video's, but for how long the last frame is taken to last.
        let video = read.spans[0].video();
        let last_start = length - i64::from(stream.frames.last().unwrap().0.max(1)) * MS;
        let sum = read.spans[0].duration() as i64;
        let end = last_start + video.last().unwrap().duration;
        prop_assert!(sum >= last_start && (sum - end).abs() <= 2 * SECOND, "{} of {}", sum, end);
        for pair in video.windows(2) {
            prop_assert!(pair[1].dts > pair[0].dts);
        }
    }

    #[test]
    fn modes_without_parts_lose_nothing_either(stream in stream(), normal in any::<bool>()) {
        let (media, _) = media(&stream);
        let settings = if normal { Settings::NORMAL } else { Settings::LOW };
        let read = read(&package(settings, media.clone()));
        let frames = stream.frames.len() as u32;
        prop_assert!(read.video_numbers().into_iter().eq(0..frames));
        let target = u64::from(read.target.unwrap());
        prop_assert!(read.segment_seconds().into_iter().all(|seconds| seconds <= target));
    }

    // Sections last 150 ms at least: a format that holds for less may get no sound.
    #[test]
    fn changes_at_key_frames_lose_no_frame_and_hardly_a_sound(
        sections in prop::collection::vec((0u8..5, 30u32..200, 1u32..40, 5i64..60), 1..7),
    ) {
        let mut media = vec![Media::VideoConfig(h264()), Media::AudioConfig(aac(48_000))];
        let (mut time, mut shift, mut frames, mut sounds, mut small) = (0, 0, 0u32, 0u32, false);
        let mut next_sound = 0;
        for (change, length, gop, step) in &sections {
            match change {
                0 => {
                    small = !small;
                    media.push(Media::VideoConfig(if small { h264_small() } else { h264() }));
                }
                1 => shift += 3_600 * SECOND,
                2 => shift -= 100 * SECOND,
                _ => {}
            }
            for frame in 0..*length {
                let kind = if frame % gop == 0 { Picture::Idr } else { Picture::Inter };
                media.push(video(time + shift, time + shift, kind, frames));
                frames += 1;
                time += step * MS;
                while next_sound < time {
                    media.push(audio(next_sound + shift, sounds));
                    sounds += 1;
                    next_sound = i64::from(sounds) * 1_920;
                }
            }
        }
        let read = read(&package(Settings::ULTRA_LOW, media));
        assert_rules(&read, PART);
        prop_assert!(read.video_numbers().into_iter().eq(0..frames), "{:?}", read.warnings);
        let numbers = read.audio_numbers();
        prop_assert!(numbers.windows(2).all(|pair| pair[0] < pair[1]));
        let lost = sounds as usize - numbers.len();
        prop_assert!(lost <= sections.len(), "{lost} audio frames are lost in {} sections", sections.len());
    }

    #[test]
    fn garbage_never_brings_it_down(
        steps in prop::collection::vec((0u8..9, any::<i64>(), any::<i64>(), any::<u32>()), 0..200),
        part in prop_oneof![Just(None), (1u32..5_000).prop_map(Some)],
    ) {
        let mut packager = Packager::new(Settings { part_target_ms: part, segment_target_ms: 2_000 });
        let mut outputs = Vec::new();
        for (kind, time, other, number) in steps {
            let media = match kind {
                0 => Media::VideoConfig(if number % 2 == 0 { h264() } else { h264_small() }),
                1 => Media::AudioConfig(aac([48_000, 44_100][number as usize % 2])),
                2 => { outputs.extend(packager.finish()); continue }
                3 => audio(time, number),
                4 => audio(time % (20 * SECOND), number),
                5 => Media::Video(AccessUnit { dts: time, pts: other, key: true, data: picture(Picture::Idr, number) }),
                6 => video(time % (20 * SECOND), other % SECOND, Picture::Idr, number),
                7 => video(time % (20 * SECOND), other % (20 * SECOND), Picture::Inter, number),
                _ => Media::Video(AccessUnit { dts: other, pts: time, key: false, data: vec![1, 2, 3].into() }),
            };
            outputs.extend(packager.push(time, media));
        }
        outputs.extend(packager.finish());
        let targets = outputs.iter().filter(|output| matches!(output, Output::TargetDuration(_))).count();
        prop_assert!(targets <= 1);
        read(&outputs);
    }
}
