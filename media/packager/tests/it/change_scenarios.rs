//! Formats that change in mid-stream, feeds that come back.

use sigma_elementary::{AccessUnit, Media};
use sigma_packager::{Output, Packager, Settings};

use crate::feed::{Broadcast, EPOCH_US, MS, SECOND, aac, av1, h264, h264_small, hevc, package, push_all};
use crate::inspect::{Read, assert_rules, read};

const PART: u64 = 45_000;

fn rules(outputs: &[Output]) -> Read {
    let read = read(outputs);
    assert_rules(&read, PART);
    read
}

/// Ten seconds, then another ten after `config`.
fn changed(config: Media) -> Vec<Media> {
    let mut media = Broadcast::new((30, 1), 30).lasting(10 * SECOND).media();
    media.push(config);
    media.extend(Broadcast::new((30, 1), 30).starting(10 * SECOND).lasting(10 * SECOND).units());
    media
}

fn assert_whole(read: &Read, frames: usize) {
    assert_eq!(read.video_numbers().len(), frames);
    assert_eq!(read.audio_numbers().len(), 2 * 469);
}

#[test]
fn a_new_resolution_is_a_new_init_section_behind_a_discontinuity() {
    let read = rules(&package(Settings::ULTRA_LOW, changed(Media::VideoConfig(h264_small()))));
    assert_eq!(read.spans.len(), 2);
    assert!(read.spans[1].new_init);
    assert_eq!((read.spans[1].init.width, read.spans[1].init.height), (640, 360));
    assert_whole(&read, 600);
    // Time goes on without a hole.
    assert_eq!(read.spans[1].video()[0].dts, 10 * SECOND);
    assert!(read.spans[1].segments[0].end.starts_with_key);
    assert_eq!(read.spans[0].duration(), 10 * 90_000);
}

#[test]
fn sound_that_came_early_belongs_to_the_span_of_its_time() {
    let mut media = changed(Media::VideoConfig(h264_small()));
    media.sort_by_key(|media| match media {
        Media::Audio(unit) => unit.dts - 90 * MS,
        Media::Video(unit) => unit.dts,
        // With the key frame that it is for.
        Media::VideoConfig(config) => {
            if config.width == 640 {
                10 * SECOND
            } else {
                i64::MIN
            }
        }
        Media::AudioConfig(_) => i64::MIN,
    });
    let config = media.iter().rposition(|media| matches!(media, Media::VideoConfig(_))).unwrap();
    let key = media.iter().position(|media| matches!(media, Media::Video(unit) if unit.dts == 10 * SECOND));
    let config = media.remove(config);
    media.insert(key.unwrap() - 1, config);
    let read = rules(&package(Settings::ULTRA_LOW, media));
    assert_eq!(read.spans.len(), 2);
    assert!(read.spans[0].audio().iter().all(|sample| sample.dts < 10 * 48_000));
    assert_whole(&read, 600);
}

#[test]
fn a_new_configuration_waits_for_its_key_frame() {
    let mut media = Broadcast::new((30, 1), 30).lasting(10 * SECOND).media();
    let config = media.len() - 60;
    media.insert(config, Media::VideoConfig(h264_small()));
    media.extend(Broadcast::new((30, 1), 30).starting(10 * SECOND).lasting(10 * SECOND).units());
    let read = rules(&package(Settings::ULTRA_LOW, media));
    assert_eq!(read.spans.len(), 2);
    assert!(read.spans[1].video()[0].sync);
    assert_eq!(read.spans[1].video()[0].number(), 0);
}

#[test]
fn a_new_codec_is_a_new_init_section_behind_a_discontinuity() {
    let mut media = Broadcast::new((30, 1), 30).lasting(4 * SECOND).media();
    let hevc_picture = |number: u32, start: i64| {
        let kind: u8 = if number.is_multiple_of(30) { 19 } else { 1 };
        let mut data = vec![0, 0, 0, 6, kind << 1, 1];
        data.extend_from_slice(&number.to_be_bytes());
        let dts = start + i64::from(number) * 3_000;
        Media::Video(AccessUnit { dts, pts: dts, key: number.is_multiple_of(30), data: data.into() })
    };
    let av1_picture = |number: u32, start: i64| {
        let key = number.is_multiple_of(30);
        let mut data = Vec::new();
        if key {
            data.extend_from_slice(&av1().record[4..]);
        }
        data.extend_from_slice(&[6 << 3 | 2, 5, if key { 0x10 } else { 0x30 }]);
        data.extend_from_slice(&number.to_be_bytes());
        let dts = start + i64::from(number) * 3_000;
        Media::Video(AccessUnit { dts, pts: dts, key, data: data.into() })
    };
    media.push(Media::VideoConfig(hevc()));
    media.extend((0..120).map(|number| hevc_picture(number, 4 * SECOND)));
    media.push(Media::VideoConfig(av1()));
    media.extend((0..120).map(|number| av1_picture(number, 8 * SECOND)));
    media.retain(|media| !matches!(media, Media::Audio(_) | Media::AudioConfig(_)));
    let read = rules(&package(Settings::ULTRA_LOW, media));
    let codecs: Vec<&str> = read.spans.iter().map(|span| span.init.codecs.as_str()).collect();
    assert_eq!(codecs, ["avc1.42c01f", "hvc1.1.6.L123.90", "av01.0.01M.08"]);
    assert_eq!(read.video_numbers().len(), 360);
}

#[test]
fn a_new_sample_rate_is_a_new_init_section_behind_a_discontinuity() {
    let mut media = Broadcast::new((30, 1), 30).lasting(10 * SECOND).media();
    media.push(Media::AudioConfig(aac(44_100)));
    let after = Broadcast { audio_rate: Some(44_100), ..Broadcast::new((30, 1), 30) };
    media.extend(after.starting(10 * SECOND).lasting(10 * SECOND).units());
    let read = rules(&package(Settings::ULTRA_LOW, media));
    assert_eq!(read.spans.len(), 2);
    assert_eq!((read.spans[0].audio_rate, read.spans[1].audio_rate), (48_000, 44_100));
    assert_eq!(read.video_numbers().len(), 600);
    assert_eq!(read.audio_numbers().len(), 469 + 431);
    assert!(read.spans[1].audio_offset().abs() < 40 * MS);
}

#[test]
fn a_configuration_that_is_only_repeated_changes_nothing() {
    let read = rules(&package(Settings::ULTRA_LOW, changed(Media::VideoConfig(h264()))));
    assert_eq!(read.spans.len(), 1);
    assert_whole(&read, 600);
}

#[test]
fn a_reconnect_goes_on_behind_a_discontinuity_with_the_target_duration_as_it_was() {
    let mut packager = Packager::new(Settings::ULTRA_LOW);
    let first = Broadcast::new((30, 1), 30).starting(77 * SECOND).lasting(5 * SECOND + 1_000);
    let mut outputs = push_all(&mut packager, first.media());
    outputs.extend(packager.finish());
    // Key frames are further apart now.
    outputs.extend(push_all(&mut packager, Broadcast::new((30, 1), 120).lasting(12 * SECOND).media()));
    outputs.extend(packager.finish());
    let read = rules(&outputs);
    assert_eq!(read.target, Some(2));
    assert_eq!(read.spans.len(), 2);
    assert!(!read.spans[1].new_init, "the same encoder needs no other init section");
    assert_eq!(read.video_numbers().len(), 151 + 360);
    let last = read.spans[0].video().last().unwrap().clone();
    assert!(read.spans[1].video()[0].dts >= last.dts + last.duration);
    let anchor = read.spans[1].parts().next().unwrap().part.first_of_span_anchor_us;
    assert_eq!(anchor, Some(EPOCH_US));
}

#[test]
fn the_date_anchor_is_the_arrival_of_the_first_access_unit() {
    let mut packager = Packager::new(Settings::ULTRA_LOW);
    let mut outputs = Vec::new();
    for (index, media) in Broadcast::new((30, 1), 30).lasting(4 * SECOND).media().into_iter().enumerate() {
        outputs.extend(packager.push(1_000_000 + index as i64, media));
    }
    outputs.extend(packager.finish());
    let read = rules(&outputs);
    // Two configurations came before.
    assert_eq!(read.spans[0].parts().next().unwrap().part.first_of_span_anchor_us, Some(1_000_002));
}

#[test]
fn nothing_in_nothing_out() {
    let mut packager = Packager::new(Settings::LOW);
    assert_eq!(packager.finish(), []);
    assert_eq!(packager.push(0, Media::VideoConfig(h264())), []);
    assert_eq!(packager.finish(), []);
    assert_eq!(packager.finish(), []);
}

#[test]
fn a_broadcast_of_one_frame_comes_out_at_the_end() {
    for settings in [Settings::ULTRA_LOW, Settings::LOW, Settings::NORMAL] {
        let read = read(&package(settings, Broadcast::new((30, 1), 30).lasting(1).media()));
        assert_eq!(read.video_numbers(), [0]);
        assert_eq!(read.audio_numbers(), [0]);
        assert!(read.target.is_some());
    }
}

#[test]
fn payloads_are_not_copied() {
    let media = Broadcast::new((30, 1), 30).lasting(4 * SECOND).media();
    let pushed: Vec<*const u8> = media
        .iter()
        .filter_map(|media| match media {
            Media::Video(unit) | Media::Audio(unit) => Some(unit.data.as_ptr()),
            _ => None,
        })
        .collect();
    let mut given = 0;
    for output in package(Settings::ULTRA_LOW, media) {
        if let Output::Part(part) = output {
            assert!(part.bytes[1..].iter().all(|slice| pushed.contains(&slice.as_ptr())));
            given += part.bytes.len() - 1;
        }
    }
    assert_eq!(given, pushed.len());
}
