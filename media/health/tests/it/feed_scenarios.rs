//! What a feed is like, as its sample says.

use sigma_elementary::{AccessUnit, Media};
use sigma_health::{Meter, Mode, Sample, Thresholds};

use crate::studio::{Shape, Studio, opus};

/// The last sample after `ms` of this feed, its timestamps beginning anywhere.
fn sample_of(ms: i64, shape: &Shape, epoch_ticks: i64) -> Sample {
    let mut studio = Studio::of(Mode::Low);
    studio.epoch_ticks = epoch_ticks;
    studio.begin(shape);
    studio.play(ms, shape);
    studio.last()
}

#[test]
fn a_good_feed_has_a_sample_a_second_with_what_was_sent() {
    let mut studio = Studio::of(Mode::Low);
    studio.begin(&Shape::good());
    studio.play(20_000, &Shape::good());
    assert!((19..=20).contains(&studio.samples.len()));
    for pair in studio.samples.windows(2) {
        assert!((900_000..1_150_000).contains(&(pair[1].at_us - pair[0].at_us)));
    }
    let sample = studio.last();
    assert!(sample.video_bitrate.abs_diff(2_400_000) < 130_000, "{sample:?}");
    assert!(sample.audio_bitrate.abs_diff(127_875) < 9_000, "{sample:?}");
    assert!(sample.frame_rate_milli.unwrap().abs_diff(30_000) < 100, "{sample:?}");
    assert_eq!(sample.key_frame_interval_ms, Some(1_000));
    assert!(sample.av_offset_ms.unwrap().abs() < 30, "{sample:?}");
    assert!(sample.behind_ms < 50, "{sample:?}");
    assert!((33..=34).contains(&sample.largest_gap_ms), "{sample:?}");
    assert_eq!(sample.dropped_frames, 0);
}

#[test]
fn no_feed_has_a_sample_a_second_of_nothing() {
    let mut studio = Studio::of(Mode::Low);
    studio.wait(5_000);
    assert_eq!(studio.samples.len(), 5);
    assert_eq!(studio.last(), Sample { at_us: studio.now_us, ..Sample::default() });
}

#[test]
fn audio_alone_has_no_pictures_and_no_offset() {
    let sample = sample_of(10_000, &Shape { video: None, ..Shape::good() }, 0);
    assert_eq!(
        (sample.video_bitrate, sample.frame_rate_milli, sample.key_frame_interval_ms),
        (0, None, None)
    );
    assert_eq!(sample.av_offset_ms, None);
    assert!(sample.audio_bitrate > 100_000);
}

#[test]
fn video_alone_has_no_sound_and_no_offset() {
    let sample = sample_of(10_000, &Shape { audio: None, ..Shape::good() }, 0);
    assert_eq!((sample.audio_bitrate, sample.av_offset_ms), (0, None));
    assert_eq!(sample.key_frame_interval_ms, Some(1_000));
}

#[test]
fn b_frames_change_neither_rate_nor_gaps_nor_offset() {
    let shape = Shape { composition_ms: |number| [33, 133, 66, 0][(number % 4) as usize], ..Shape::good() };
    let (with, without) = (sample_of(15_000, &shape, 0), sample_of(15_000, &Shape::good(), 0));
    assert_eq!(with, without);
}

#[test]
fn a_counter_that_rolls_over_changes_nothing() {
    let plain = sample_of(20_000, &Shape::good(), 0);
    for period in [(1i64 << 32) * 90, 1 << 33, 1 << 32] {
        let mut studio = Studio::of(Mode::Low);
        studio.epoch_ticks = period - 10 * 90_000;
        studio.begin(&Shape::good());
        studio.play(10_000, &Shape::good());
        studio.epoch_ticks -= period;
        studio.play(10_000, &Shape::good());
        assert_eq!(studio.last(), plain, "{period}");
        studio.play(30_000, &Shape::good());
        assert_eq!(studio.said, [], "{period}");
    }
}

#[test]
fn timestamps_that_jump_disturb_one_second_at_most() {
    for jump in [-3_600_000, -5_000, 15_000, 3_600_000] {
        let mut studio = Studio::of(Mode::Low);
        studio.begin(&Shape::good());
        studio.play(15_000, &Shape::good());
        studio.jump(jump);
        studio.play(5_000, &Shape::good());
        let sample = studio.last();
        assert_eq!((sample.dropped_frames, sample.key_frame_interval_ms), (0, Some(1_000)), "{jump}");
        assert!(sample.behind_ms < 60 && sample.av_offset_ms.unwrap().abs() < 40, "{jump}: {sample:?}");
        assert!(sample.frame_rate_milli.unwrap().abs_diff(30_000) < 100, "{jump}: {sample:?}");
    }
}

#[test]
fn clips_in_a_loop_that_come_in_bursts_do_not_move_sound_from_its_pictures() {
    let mut studio = Studio::of(Mode::Low);
    studio.begin(&Shape::good());
    for _ in 0..60 {
        studio.play(1_000, &Shape { speed: 2_000, ..Shape::good() });
        studio.wait(950);
        studio.jump(-60_000);
    }
    let offset = studio.last().av_offset_ms.unwrap_or(0);
    assert!(offset.abs() < 100, "{offset}");
}

#[test]
fn two_tracks_of_different_clocks_are_laid_together_as_they_arrive() {
    let shape = Shape { audio_off_ms: 86_400_000, ..Shape::good() };
    let sample = sample_of(15_000, &shape, 0);
    assert!(sample.av_offset_ms.unwrap().abs() < 40, "{sample:?}");
}

#[test]
fn sound_that_comes_late_shows_as_an_offset() {
    let late = sample_of(20_000, &Shape { audio_off_ms: -700, ..Shape::good() }, 5_000_000);
    assert!(late.av_offset_ms.unwrap().abs_diff(-700) < 30, "{late:?}");
    let early = sample_of(20_000, &Shape { audio_off_ms: 700, ..Shape::good() }, 5_000_000);
    assert!(early.av_offset_ms.unwrap().abs_diff(700) < 30, "{early:?}");
}

#[test]
fn a_feed_that_cannot_keep_up_falls_behind_by_what_is_missing() {
    let shape = Shape { speed: 80, ..Shape::good() };
    // 40 s of media in 50 s.
    let sample = sample_of(40_000, &shape, 0);
    assert!(sample.behind_ms.abs_diff(9_800) < 300, "{sample:?}");
}

#[test]
fn a_feed_that_begins_with_a_burst_is_not_behind_later() {
    let mut studio = Studio::of(Mode::Low);
    studio.begin(&Shape::good());
    studio.play(4_000, &Shape { speed: 2_000, ..Shape::good() });
    studio.play(20_000, &Shape::good());
    assert!(studio.last().behind_ms < 60, "{:?}", studio.last());
}

#[test]
fn a_stall_shows_as_time_behind_until_it_is_made_up_for() {
    let mut studio = Studio::of(Mode::Low);
    studio.begin(&Shape::good());
    studio.play(10_000, &Shape::good());
    studio.wait(3_000);
    assert!(studio.last().behind_ms.abs_diff(3_000) < 150, "{:?}", studio.last());
    studio.play(6_100, &Shape { speed: 200, ..Shape::good() });
    studio.play(2_000, &Shape::good());
    assert!(studio.last().behind_ms < 100, "{:?}", studio.last());
}

#[test]
fn an_encoder_with_a_slow_quartz_is_not_behind_after_a_day() {
    let mut meter = Meter::new(&Thresholds::default(), 0);
    meter.feed_began(0);
    let mut behind = 0;
    for second in 0..86_400i64 {
        // 100 ppm slow.
        let time = second * 90_000 - second * 9;
        let unit = AccessUnit { dts: time, pts: time, key: true, data: bytes::Bytes::from_static(&[1]) };
        meter.push(second * 1_000_000, &Media::Video(unit));
        if let Some(observed) = meter.tick(second * 1_000_000, 0) {
            behind = behind.max(observed.sample.behind_ms);
        }
    }
    assert!(behind < 50, "{behind}");
}

#[test]
fn pictures_that_are_missing_are_counted_since_the_feed_began() {
    let shape = Shape { keeps: |number| number < 150 || number % 10 != 5, ..Shape::good() };
    let mut studio = Studio::of(Mode::Low);
    studio.begin(&shape);
    studio.play(20_000, &shape);
    let dropped = studio.last().dropped_frames;
    assert!((40..=45).contains(&dropped), "{dropped}");
    let rate = studio.last().frame_rate_milli.unwrap();
    assert!(rate.abs_diff(27_000) < 500, "{rate}");
    studio.meter.feed_gone();
    studio.begin(&Shape::good());
    studio.play(5_000, &Shape::good());
    assert_eq!(studio.last().dropped_frames, 0);
}

#[test]
fn pictures_as_a_screen_changes_are_not_missing() {
    let shape = Shape { frames: 60, keeps: |number| number * number % 7 < 2, ..Shape::good() };
    let sample = sample_of(30_000, &shape, 0);
    assert!(sample.frame_rate_milli.is_some_and(|rate| rate < 40_000), "{sample:?}");
}

#[test]
fn a_key_frame_interval_is_told_once_it_has_ended_or_is_long() {
    let long = Shape { key_every_ms: 60_000, ..Shape::good() };
    assert_eq!(sample_of(9_000, &long, 0).key_frame_interval_ms, None);
    let running = sample_of(15_500, &long, 0).key_frame_interval_ms.unwrap();
    assert!((14_000..=15_500).contains(&running), "{running}");
    let ended = sample_of(26_000, &Shape { key_every_ms: 8_333, ..Shape::good() }, 0);
    assert!(ended.key_frame_interval_ms.unwrap().abs_diff(8_333) < 40);
}

#[test]
fn silence_on_a_standing_connection_shows_as_nothing_and_the_feed_goes_on_from_there() {
    let mut studio = Studio::of(Mode::Low);
    studio.begin(&Shape::good());
    studio.play(15_000, &Shape::good());
    studio.wait(12_000);
    let quiet = studio.last();
    assert_eq!((quiet.video_bitrate, quiet.audio_bitrate, quiet.av_offset_ms), (0, 0, None));
    assert!(quiet.frame_rate_milli.is_some_and(|rate| rate <= 1_000));
    // The encoder's clock went on.
    studio.jump(12_000);
    studio.play(10_000, &Shape::good());
    let sample = studio.last();
    assert!(sample.behind_ms < 100 && sample.video_bitrate > 2_000_000, "{sample:?}");
    assert_eq!(studio.standing(), []);
}

#[test]
fn a_reconnect_begins_anew_whatever_its_timestamps() {
    let mut studio = Studio::of(Mode::Low);
    studio.begin(&Shape::good());
    studio.play(15_000, &Shape { speed: 75, ..Shape::good() });
    assert!(studio.last().behind_ms > 4_000);
    studio.meter.feed_gone();
    studio.wait(5_000);
    studio.epoch_ticks = -77_000_000;
    studio.begin(&Shape::good());
    studio.play(10_000, &Shape::good());
    let sample = studio.last();
    assert!(sample.behind_ms < 60 && sample.dropped_frames == 0, "{sample:?}");
    assert_eq!(sample.key_frame_interval_ms, Some(1_000));
}

#[test]
fn opus_is_counted_as_aac_is() {
    let sample = sample_of(10_000, &Shape { audio: Some(opus()), ..Shape::good() }, 0);
    assert!(sample.audio_bitrate > 100_000 && sample.av_offset_ms.is_some());
}

#[test]
fn an_encoder_that_describes_itself_with_every_key_frame_keeps_its_rhythm() {
    let mut studio = Studio::of(Mode::Low);
    let shape = Shape { keeps: |number| number < 150 || number % 10 != 5, ..Shape::good() };
    studio.begin(&shape);
    for _ in 0..20 {
        studio.describe(&shape);
        studio.play(1_000, &shape);
    }
    assert!(studio.last().dropped_frames >= 40, "{:?}", studio.last());
}

#[test]
fn a_meter_that_is_asked_at_odd_moments_still_gives_a_sample_a_second() {
    let mut meter = Meter::new(&Thresholds::default(), 0);
    let samples = (0..60_000_000).step_by(300_000).filter_map(|now_us| meter.tick(now_us, 0)).count();
    assert_eq!(samples, 59);
}

#[test]
fn what_came_early_once_is_what_a_feed_is_held_against() {
    let mut studio = Studio::of(Mode::Low);
    studio.begin(&Shape::good());
    studio.play(3_000, &Shape::good());
    studio.play(4_000, &Shape { speed: 2_000, ..Shape::good() });
    studio.play(3_000, &Shape::good());
    studio.wait(3_000);
    assert!((2_000..3_100).contains(&studio.last().behind_ms), "{:?}", studio.last());
}

#[test]
fn pictures_that_wait_for_one_that_was_lost_on_the_way_are_not_behind() {
    let mut studio = Studio::of(Mode::Low);
    studio.begin(&Shape::good());
    for _ in 0..20 {
        studio.play(700, &Shape::good());
        studio.wait(285);
        studio.play(300, &Shape { speed: 2_000, ..Shape::good() });
    }
    let behind = studio.samples.iter().map(|sample| sample.behind_ms).max();
    assert!(behind < Some(100), "{behind:?}");
}

#[test]
fn sound_that_moves_away_from_its_pictures_is_followed() {
    let mut studio = Studio::of(Mode::Low);
    studio.begin(&Shape::good());
    studio.play(10_000, &Shape::good());
    studio.play(20_000, &Shape { audio_off_ms: -700, ..Shape::good() });
    assert!(studio.last().av_offset_ms.unwrap().abs_diff(-700) < 40, "{:?}", studio.last());
}

#[test]
fn key_frames_that_stay_away_show_before_the_next_one_comes() {
    let mut studio = Studio::of(Mode::Low);
    studio.begin(&Shape::good());
    studio.play(10_000, &Shape::good());
    studio.play(8_000, &Shape { key_every_ms: 60_000, ..Shape::good() });
    let interval = studio.last().key_frame_interval_ms.unwrap();
    assert!((7_000..=8_000).contains(&interval), "{interval}");
    // A hole may have swallowed one: what was known before it still is.
    studio.jump(60_000);
    studio.play(1_200, &Shape::good());
    assert!(studio.last().key_frame_interval_ms.is_some());
}
