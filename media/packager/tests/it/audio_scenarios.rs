//! Sound: alone, late, missing, drifting.

use sigma_elementary::{AccessUnit, Media};
use sigma_packager::{Dropped, Output, Packager, Settings, Warning};

use crate::feed::{Broadcast, MS, SECOND, aac, audio, h264, opus, package, push_all};
use crate::inspect::{Read, assert_rules, moov, read};

const PART: u64 = 45_000;

fn is_video(media: &Media) -> bool {
    matches!(media, Media::Video(_) | Media::VideoConfig(_))
}

fn run(media: Vec<Media>) -> Read {
    let read = read(&package(Settings::ULTRA_LOW, media));
    assert_rules(&read, PART);
    read
}

#[test]
fn both_tracks_keep_their_offset() {
    for lead in [-80 * MS, -7 * MS, 0, 13 * MS, 300 * MS] {
        let mut media = Broadcast::new((30, 1), 30).lasting(5 * SECOND).media();
        for media in &mut media {
            if let Media::Audio(unit) = media {
                unit.dts += lead + 1_000 * SECOND;
                unit.pts = unit.dts;
            } else if let Media::Video(unit) = media {
                unit.dts += 1_000 * SECOND;
                unit.pts += 1_000 * SECOND;
            }
        }
        let read = run(media);
        let span = &read.spans[0];
        for sample in span.audio() {
            let truth = i64::from(sample.number()) * 1_024 * SECOND / 48_000 + lead;
            let found = sample.dts * SECOND / 48_000;
            assert!((found - truth).abs() <= 2 * MS, "audio {} ms off", (found - truth) / MS);
        }
        assert_eq!(span.video()[0].dts, 0);
    }
}

#[test]
fn jitter_of_whole_milliseconds_makes_no_gap_in_audio() {
    for rate in [48_000, 44_100, 32_000] {
        let broadcast = Broadcast { audio_rate: Some(rate), ..Broadcast::new((30, 1), 30) };
        let read = run(broadcast.media());
        let samples = read.spans[0].audio();
        assert!(samples.iter().all(|sample| sample.duration == 1_024));
        for pair in samples.windows(2) {
            assert_eq!(pair[0].dts + pair[0].duration, pair[1].dts);
        }
        assert_eq!(read.spans[0].audio_rate, rate);
        assert!(read.warnings.is_empty());
    }
}

#[test]
fn audio_and_video_of_a_part_are_of_the_same_time() {
    let read = run(Broadcast::new((30, 1), 30).media());
    let mut start = 0;
    for part in read.spans[0].parts() {
        let end = start + part.part.duration_ticks as i64;
        for sample in part.audio() {
            let at = sample.dts * SECOND / 48_000;
            assert!((start - 1..=end).contains(&at), "audio at {at} in a part from {start} to {end}");
        }
        assert!(part.video().all(|sample| (start..end).contains(&sample.dts)));
        start = end;
    }
}

#[test]
fn a_part_waits_for_no_sound_that_is_not_its_own() {
    let mut packager = Packager::new(Settings::ULTRA_LOW);
    let mut parts = 0;
    for media in Broadcast::new((30, 1), 30).lasting(10 * SECOND).media() {
        let is_picture = is_video(&media);
        let outputs = push_all(&mut packager, [media]);
        if outputs.iter().any(|output| matches!(output, Output::Part(_))) {
            parts += 1;
            // The sound that reaches into the next part came before that part's first picture.
            assert!(is_picture, "part {parts} came with a sound");
        }
    }
    assert_eq!(parts, 19);
}

#[test]
fn drifting_audio_is_followed_within_20_ms() {
    let mut media = Broadcast::new((30, 1), 60).lasting(600 * SECOND).media();
    for media in &mut media {
        if let Media::Audio(unit) = media {
            // The sound card runs 300 ppm slow: 180 ms in ten minutes.
            unit.dts += unit.dts * 3 / 10_000 / MS * MS;
            unit.pts = unit.dts;
        }
    }
    let truth: Vec<i64> = media
        .iter()
        .filter_map(|media| match media {
            Media::Audio(unit) => Some(unit.pts),
            _ => None,
        })
        .collect();
    let read = run(media);
    for (sample, truth) in read.spans[0].audio().iter().zip(truth) {
        let found = sample.dts * SECOND / 48_000;
        assert!((found - truth).abs() <= 20 * MS, "audio {} ms off", (found - truth) / MS);
    }
    assert!(read.warnings.is_empty(), "{:?}", read.warnings);
}

#[test]
fn a_gap_in_audio_is_followed_and_said() {
    let mut media = Broadcast::new((30, 1), 30).lasting(10 * SECOND).media();
    media
        .retain(|media| !matches!(media, Media::Audio(unit) if (4 * SECOND..5 * SECOND).contains(&unit.dts)));
    let read = run(media);
    assert_eq!(read.spans.len(), 1);
    for sample in read.spans[0].audio() {
        let truth = i64::from(sample.number()) * 1_024 * SECOND / 48_000;
        assert!((sample.dts * SECOND / 48_000 - truth).abs() <= 2 * MS);
    }
    assert!(matches!(read.warnings[..], [Warning::AudioReanchored { by_ticks }] if by_ticks > 80_000));
}

#[test]
fn audio_alone_makes_independent_parts() {
    for rate in [48_000, 44_100] {
        let broadcast = Broadcast { rate: None, audio_rate: Some(rate), ..Broadcast::new((1, 1), 1) };
        let read = run(broadcast.media());
        assert_eq!(read.target, Some(2));
        let span = &read.spans[0];
        assert!(!span.init.video && span.init.audio);
        assert_eq!(span.init.codecs, "mp4a.40.2");
        let numbers = read.audio_numbers();
        assert!(numbers.iter().copied().eq(0..numbers.len() as u32));
        let ticks = numbers.len() as u64 * 1_024 * 90_000 / u64::from(rate);
        assert!(span.duration().abs_diff(ticks) <= 1);
        let short = span.segments.iter().filter(|segment| segment.end.duration_ticks < 170_000).count();
        assert!(short <= 1, "only the last segment is short");
    }
}

#[test]
fn audio_alone_without_parts_makes_segments_of_the_modes_length() {
    for (settings, target) in [(Settings::LOW, 2), (Settings::NORMAL, 6)] {
        let broadcast = Broadcast { rate: None, ..Broadcast::new((1, 1), 1) };
        let read = read(&package(settings, broadcast.media()));
        assert_eq!(read.target, Some(target));
        let segments = &read.spans[0].segments;
        for segment in &segments[..segments.len() - 1] {
            let ticks = segment.end.duration_ticks;
            assert!((u64::from(target) * 90_000).abs_diff(ticks) < 25_000, "{ticks}");
        }
    }
}

#[test]
fn video_alone_needs_no_audio() {
    let broadcast = Broadcast { audio_rate: None, ..Broadcast::new((30, 1), 30) };
    let read = run(broadcast.media());
    assert_eq!(read.spans.len(), 1);
    assert!(read.spans[0].init.video && !read.spans[0].init.audio);
    assert_eq!(read.spans[0].init.codecs, "avc1.42c01f");
    assert!(read.warnings.is_empty());
    assert!(read.video_numbers().into_iter().eq(0..900));
}

#[test]
fn announced_audio_that_never_comes_is_not_waited_for_for_ever() {
    let mut media = Broadcast::new((30, 1), 30).media();
    media.retain(|media| !matches!(media, Media::Audio(_)));
    let mut packager = sigma_packager::Packager::new(Settings::ULTRA_LOW);
    let mut first = None;
    let mut outputs = Vec::new();
    for media in media {
        let at = if let Media::Video(unit) = &media { unit.dts } else { 0 };
        outputs.extend(packager.push(0, media));
        if outputs.iter().any(|output| matches!(output, Output::Part(_))) {
            first.get_or_insert(at);
        }
    }
    outputs.extend(packager.finish());
    assert!(first.unwrap() <= 1_100 * MS, "the first part came at {first:?}");
    let read = read(&outputs);
    assert_rules(&read, PART);
    assert!(!read.spans[0].init.audio, "players stop where an announced track has nothing");
    assert_eq!(read.warnings, [Warning::AudioMissing]);
    assert!(read.video_numbers().into_iter().eq(0..900));
}

#[test]
fn audio_that_starts_late_joins_at_a_key_frame() {
    let mut media = Broadcast::new((30, 1), 30).media();
    media.retain(|media| !matches!(media, Media::Audio(unit) if unit.dts < 5_500 * MS));
    let read = run(media);
    assert_eq!(read.spans.len(), 2);
    assert!(!read.spans[0].init.audio && read.spans[1].init.audio);
    assert_eq!(read.spans[1].video()[0].number(), 180);
    assert_eq!(read.spans[1].video()[0].dts, 180 * 3_000);
    for sample in read.spans[1].audio() {
        let truth = i64::from(sample.number()) * 1_024 * SECOND / 48_000;
        assert!((sample.dts * SECOND / 48_000 - truth).abs() <= 2 * MS);
    }
    assert!(read.video_numbers().into_iter().eq(0..900));
}

#[test]
fn audio_that_stops_is_left_out_from_a_key_frame_on_and_comes_back() {
    let mut media = Broadcast::new((30, 1), 30).media();
    media.retain(
        |media| !matches!(media, Media::Audio(unit) if (5 * SECOND..20 * SECOND).contains(&unit.dts)),
    );
    let read = run(media);
    let tracks: Vec<bool> = read.spans.iter().map(|span| span.init.audio).collect();
    assert_eq!(tracks, [true, false, true]);
    assert!(read.video_numbers().into_iter().eq(0..900));
    let last = read.spans[2].audio();
    for sample in last {
        let truth = i64::from(sample.number()) * 1_024 * SECOND / 48_000;
        assert!((sample.dts * SECOND / 48_000 - truth).abs() <= 2 * MS);
    }
}

#[test]
fn video_that_stops_is_left_out_and_comes_back_with_a_key_frame() {
    let mut media = Broadcast::new((30, 1), 30).lasting(60 * SECOND).media();
    media.retain(
        |media| !matches!(media, Media::Video(unit) if (5 * SECOND..40 * SECOND).contains(&unit.dts)),
    );
    let read = run(media);
    let tracks: Vec<bool> = read.spans.iter().map(|span| span.init.video).collect();
    assert_eq!(tracks, [true, false, true]);
    let numbers = read.audio_numbers();
    assert!(numbers.iter().copied().eq(0..numbers.len() as u32), "not one audio frame is lost");
    assert!(read.warnings.contains(&Warning::VideoMissing));
}

#[test]
fn an_audio_stream_becomes_video_when_a_late_configuration_comes() {
    let all = Broadcast::new((30, 1), 30).lasting(20 * SECOND).media();
    let mut media: Vec<Media> =
        all.iter().filter(|media| !is_video(media) && before(media, 8 * SECOND)).cloned().collect();
    media.push(Media::VideoConfig(h264()));
    media.extend(all.iter().filter(|media| !before(media, 8 * SECOND)).cloned());
    let read = run(media);
    let tracks: Vec<(bool, bool)> =
        read.spans.iter().map(|span| (span.init.video, span.init.audio)).collect();
    assert_eq!(tracks, [(false, true), (true, true)]);
    assert_eq!(read.spans[1].init.codecs, "avc1.42c01f,mp4a.40.2");
    assert_eq!(read.video_numbers()[0], 240);
    let numbers = read.audio_numbers();
    // At most the frame across the border is lost.
    let missing = (0..*numbers.last().unwrap()).filter(|number| !numbers.contains(number)).count();
    assert!(missing <= 1, "{missing} audio frames are lost");
}

fn before(media: &Media, time: i64) -> bool {
    match media {
        Media::Video(unit) | Media::Audio(unit) => unit.dts < time,
        _ => true,
    }
}

#[test]
fn opus_is_timed_by_its_packets() {
    let mut media = vec![Media::AudioConfig(opus())];
    for number in 0..1_000u32 {
        // 20 ms, one frame.
        let mut data = vec![31 << 3 | 4];
        data.extend_from_slice(&number.to_be_bytes());
        let pts = i64::from(number) * 20 * MS;
        media.push(Media::Audio(AccessUnit { dts: pts, pts, key: true, data: data.into() }));
    }
    let broken = AccessUnit { dts: 0, pts: 0, key: true, data: vec![31 << 3 | 3].into() };
    media.insert(500, Media::Audio(broken));
    let read = run(media);
    let samples = read.spans[0].audio();
    assert!(samples.iter().all(|sample| sample.duration == 960));
    assert!(samples.iter().map(|sample| sample.number()).eq(0..1_000));
    assert_eq!(read.spans[0].init.codecs, "opus");
    assert_eq!(read.warnings, [Warning::Dropped(Dropped::Malformed)]);
}

#[test]
fn units_without_configuration_or_content_are_left_out_and_said_once() {
    let mut media = vec![audio(0, 0), audio(100, 1), Media::AudioConfig(aac(48_000))];
    let empty = AccessUnit { dts: 0, pts: 0, key: true, data: bytes::Bytes::new() };
    media.extend([Media::Audio(empty.clone()), Media::Audio(empty)]);
    media.extend((0..100).map(|number| audio(i64::from(number) * 1_920, number)));
    let read = run(media);
    assert_eq!(
        read.warnings,
        [Warning::Dropped(Dropped::BeforeConfiguration), Warning::Dropped(Dropped::Size)]
    );
    assert!(read.audio_numbers().into_iter().eq(0..100));
}

#[test]
fn init_sections_hold_the_configurations_word_for_word() {
    let read = run(Broadcast::new((30, 1), 30).lasting(4 * SECOND).media());
    let init = &read.spans[0].init;
    assert_eq!((init.width, init.height, init.frame_rate_milli), (1280, 720, Some(30_000)));
    let bytes = &init.bytes;
    for record in [h264().record, aac(48_000).record] {
        assert!(bytes.windows(record.len()).any(|window| window == &record[..]));
    }
    let moov = moov(init);
    assert_eq!(moov.trak.len(), 2);
    assert_eq!(moov.mvex.unwrap().trex.len(), 2);
    assert_eq!(moov.trak[0].mdia.mdhd.timescale, 90_000);
    assert_eq!(moov.trak[1].mdia.mdhd.timescale, 48_000);
}
