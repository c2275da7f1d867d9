//! Timestamps as strangers write them.

use sigma_elementary::Media;
use sigma_packager::{Output, Packager, Settings, Warning};

use crate::feed::{Broadcast, MS, Picture, SECOND, aac, audio, h264, package, video};
use crate::inspect::{Read, assert_rules, read};

const PART: u64 = 45_000;

fn run(media: Vec<Media>) -> Read {
    let read = read(&package(Settings::ULTRA_LOW, media));
    assert_rules(&read, PART);
    read
}

fn part_ticks(output: &Output) -> i64 {
    match output {
        Output::Part(part) => part.duration_ticks as i64,
        _ => 0,
    }
}

fn shift(media: &mut Media, change: impl Fn(i64) -> i64) {
    if let Media::Video(unit) | Media::Audio(unit) = media {
        unit.dts = change(unit.dts);
        unit.pts = change(unit.pts);
    }
}

/// Every frame came out, once, in order, without a hole in its track.
fn assert_whole(read: &Read, frames: u32) {
    assert!(read.video_numbers().into_iter().eq(0..frames));
    let numbers = read.audio_numbers();
    assert!(numbers.iter().copied().eq(0..numbers.len() as u32));
}

fn assert_even(read: &Read) {
    for span in &read.spans {
        for pair in span.video().windows(2) {
            assert_eq!(pair[0].dts + pair[0].duration, pair[1].dts);
        }
    }
}

#[test]
fn timestamps_that_roll_over_go_on() {
    for period in [(1i64 << 32) * 90, 1 << 33, 1 << 32] {
        let mut media = Broadcast::new((30, 1), 30).lasting(20 * SECOND).media();
        for media in &mut media {
            shift(media, |time| (time + period - 7 * SECOND - 1_000).rem_euclid(period));
        }
        let read = run(media);
        assert_eq!(read.spans.len(), 1, "no discontinuity where a counter of {period} rolls over");
        assert!(read.warnings.is_empty(), "{:?}", read.warnings);
        assert_whole(&read, 600);
        assert_even(&read);
        assert!(read.spans[0].video().iter().all(|sample| sample.offset == 6_000));
        assert_eq!(read.spans[0].duration().abs_diff(20 * 90_000) / 9_000, 0);
    }
}

#[test]
fn a_jump_forward_or_back_of_more_than_ten_seconds_begins_a_span() {
    for jump in [3_600 * SECOND, -3_600 * SECOND, 11 * SECOND, -11 * SECOND] {
        let mut media = Broadcast::new((30, 1), 30).starting(5_000 * SECOND).lasting(20 * SECOND).media();
        for media in &mut media {
            shift(media, |time| if time >= 5_010 * SECOND { time + jump } else { time });
        }
        let read = run(media);
        assert_eq!(read.spans.len(), 2, "a jump of {} s", jump / SECOND);
        assert!(!read.spans[1].new_init, "the format is the same");
        assert_whole(&read, 600);
        assert!(
            matches!(read.warnings[..], [Warning::TimestampsJumped { by_ticks }] if (by_ticks - jump).abs() < SECOND),
            "{:?}",
            read.warnings
        );
        // The timeline goes on, and sound and picture keep their offset.
        let (before, after) = (read.spans[0].video(), read.spans[1].video());
        let end = before.last().unwrap().dts + before.last().unwrap().duration;
        assert!((0..SECOND).contains(&(after[0].dts - end)));
        let number = read.spans[1].audio()[0].number();
        let truth = i64::from(number) * 1_024 * SECOND / 48_000 - i64::from(after[0].number()) * 3_000;
        assert!((read.spans[1].audio_offset() - truth).abs() <= 2 * MS);
    }
}

#[test]
fn tracks_that_jump_at_different_moments_of_arrival_are_one_new_span() {
    for late in [-200 * MS, 200 * MS] {
        let mut media = Broadcast::new((30, 1), 30).lasting(20 * SECOND).media();
        for media in &mut media {
            match media {
                Media::Audio(_) => {
                    shift(media, |time| time + if time > 10 * SECOND { 500 * SECOND } else { 0 })
                }
                _ => shift(media, |time| time + if time > 10 * SECOND + late { 500 * SECOND } else { 0 }),
            }
        }
        let read = run(media);
        assert_eq!(read.spans.len(), 2);
        assert_whole(&read, 600);
    }
}

#[test]
fn small_jumps_are_absorbed() {
    for jump in [2 * SECOND, 9 * SECOND, -300 * MS, -900 * MS] {
        let mut media = Broadcast::new((30, 1), 30).starting(100 * SECOND).lasting(20 * SECOND).media();
        for media in &mut media {
            shift(media, |time| if time >= 110 * SECOND { time + jump } else { time });
        }
        let read = run(media);
        assert_eq!(read.spans.len(), 1, "a jump of {} ms", jump / MS);
        assert_whole(&read, 600);
        assert_even(&read);
    }
}

#[test]
fn equal_decoding_times_stay_in_order() {
    let mut media = vec![Media::VideoConfig(h264())];
    for number in 0..300u32 {
        let kind = if number % 30 == 0 { Picture::Idr } else { Picture::Inter };
        let dts = i64::from(number / 3) * 9_000;
        media.push(video(dts, dts, kind, number));
    }
    let read = run(media);
    assert!(read.video_numbers().into_iter().eq(0..300));
    assert_even(&read);
    assert!(read.spans[0].video().iter().all(|sample| (sample.dts + sample.offset) % 9_000 == 0));
}

#[test]
fn decoding_times_that_step_back_a_little_are_set_right() {
    let mut media = vec![Media::VideoConfig(h264())];
    for number in 0..300u32 {
        let kind = if number % 30 == 0 { Picture::Idr } else { Picture::Inter };
        let back = if number % 7 == 3 { 50 * MS } else { 0 };
        let time = i64::from(number) * 3_000 + SECOND;
        media.push(video(time - back, time, kind, number));
    }
    let read = run(media);
    assert!(read.video_numbers().into_iter().eq(0..300));
    assert_even(&read);
    assert!(read.spans[0].video().iter().all(|sample| sample.duration > 0));
    for sample in read.spans[0].video() {
        assert_eq!(
            sample.dts + sample.offset,
            i64::from(sample.number()) * 3_000,
            "it is shown when it was meant"
        );
    }
}

/// Found by fuzzing: pictures whose times stand still are spread over a tick each, and may so have come further than the
/// sound by which the span ends.
#[test]
fn pictures_do_not_go_back_where_the_sound_changes_its_format_under_them() {
    let mut media = vec![Media::VideoConfig(h264()), Media::AudioConfig(aac(48_000))];
    media.push(video(SECOND, SECOND, Picture::Idr, 0));
    media.push(audio(SECOND, 0));
    media.extend((1..400).map(|number| video(SECOND, SECOND, Picture::Inter, number)));
    media.push(Media::AudioConfig(aac(44_100)));
    media.push(audio(SECOND + 90, 1));
    for number in 400..520 {
        let time = SECOND + i64::from(number - 399) * 100;
        media.push(video(time, time, Picture::Inter, number));
    }
    media.push(audio(2 * SECOND, 2));
    let read = run(media);
    assert_eq!(read.spans.len(), 2);
    assert!(read.video_numbers().into_iter().eq(0..520));
}

#[test]
fn absurd_presentation_times_are_taken_for_none() {
    for pts in [i64::MAX, i64::MIN, 3_600 * SECOND, -3_600 * SECOND] {
        let mut media = Broadcast::new((30, 1), 30).lasting(4 * SECOND).media();
        let mut pictures = media.iter_mut().filter_map(|media| match media {
            Media::Video(unit) => Some(unit),
            _ => None,
        });
        pictures.nth(17).unwrap().pts = pts;
        let read = run(media);
        assert_whole(&read, 120);
        assert!(read.spans[0].video().iter().all(|sample| [0, 6_000].contains(&sample.offset)));
    }
}

#[test]
fn tracks_of_different_clocks_are_laid_together_as_they_arrive() {
    let mut media = Broadcast::new((30, 1), 30).lasting(10 * SECOND).media();
    for media in &mut media {
        if matches!(media, Media::Audio(_)) {
            shift(media, |time| time + 86_400 * SECOND);
        }
    }
    let read = run(media);
    assert_eq!(read.spans.len(), 1);
    assert_whole(&read, 300);
    assert!(read.spans[0].audio_offset().abs() < 50 * MS, "{}", read.spans[0].audio_offset());
}

#[test]
fn audio_delivered_late_delays_no_part_for_ever() {
    // Sound arrives 700 ms behind the picture.
    let mut media = Broadcast::new((30, 1), 30).lasting(10 * SECOND).units();
    media.sort_by_key(|media| match media {
        Media::Audio(unit) => unit.dts + 700 * MS,
        Media::Video(unit) => unit.dts,
        _ => 0,
    });
    let mut all = vec![Media::VideoConfig(h264()), Media::AudioConfig(crate::feed::aac(48_000))];
    all.extend(media);
    let mut packager = Packager::new(Settings::ULTRA_LOW);
    let (mut outputs, mut shown, mut given) = (Vec::new(), 0, 0);
    for media in all {
        if let Media::Video(unit) = &media {
            shown = unit.dts;
        }
        let new = packager.push(0, media);
        given += new.iter().map(part_ticks).sum::<i64>();
        outputs.extend(new);
        // At most a part of 500 ms is open, and the one before waited for its sound. (At first all sound is awaited.)
        assert!(shown < SECOND || shown - given <= 700 * MS, "{} ms are held back", (shown - given) / MS);
    }
    outputs.extend(packager.finish());
    let read = read(&outputs);
    assert_rules(&read, PART);
    assert_eq!(read.spans.len(), 1);
    assert_whole(&read, 300);
}
