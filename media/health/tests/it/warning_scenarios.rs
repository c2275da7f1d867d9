//! What is warned of, when, and in which words.

use sigma_health::{Change, MAX_RAISED, Meter, Mode, Note, Rules, Thresholds, WarningName};

use crate::studio::{Shape, Studio, h264_of_profile, hevc, interlaced, opus, sound};

/// A session of one feed.
fn broadcast(mode: Mode, ms: i64, shape: &Shape) -> Studio {
    let mut studio = Studio::of(mode);
    studio.begin(shape);
    studio.play(ms, shape);
    studio
}

/// Raised by a bad feed, cleared by a good one after it.
fn assert_raised_and_cleared(name: WarningName, mode: Mode, bad: &Shape) -> Studio {
    let mut studio = broadcast(mode, 90_000, bad);
    assert_eq!(studio.standing(), [name], "{:?}", studio.said);
    studio.describe(&Shape::good());
    studio.play(25_000, &Shape::good());
    assert!(studio.standing().contains(&name), "cleared too early: {:?}", studio.said);
    studio.play(90_000, &Shape::good());
    assert_eq!(studio.standing(), [], "{:?}", studio.said);
    studio
}

#[test]
fn a_good_feed_is_never_warned_of() {
    for mode in [Mode::Normal, Mode::Low, Mode::UltraLow] {
        for frames in [15, 24, 25, 30, 50, 60] {
            let shape = Shape { frames, key_every_ms: 2_000, ..Shape::good() };
            assert_eq!(broadcast(mode, 60_000, &shape).said, [], "{mode:?} {frames}");
        }
    }
}

#[test]
fn key_frames_that_are_too_far_apart_are_said_with_the_setting_that_mends_it() {
    let obs = Shape { key_every_ms: 8_333, ..Shape::good() };
    let studio = assert_raised_and_cleared(WarningName::KeyFrameIntervalLong, Mode::UltraLow, &obs);
    assert_eq!(
        studio.messages(),
        [
            "Key frames come every 8.3 s; ultra-low latency needs 2 s or less: in OBS set Keyframe Interval to 1 s"
        ]
    );
    // The first interval ends after 8.3 s, and must stand for 10 s.
    let raised = studio.raised_at(WarningName::KeyFrameIntervalLong).unwrap();
    assert!((18..=20).contains(&raised), "{raised}");
}

#[test]
fn how_far_key_frames_may_be_apart_follows_the_mode() {
    let four = Shape { key_every_ms: 4_000, ..Shape::good() };
    assert_eq!(broadcast(Mode::Normal, 60_000, &four).standing(), []);
    // 29.97 frames a second, and encoders that count in whole frames.
    assert_eq!(broadcast(Mode::Low, 60_000, &Shape { key_every_ms: 2_050, ..Shape::good() }).said, []);
    assert_eq!(broadcast(Mode::Low, 60_000, &four).standing(), [WarningName::KeyFrameIntervalLong]);
    let thresholds = Thresholds { key_frame_interval_s: Some(5), ..Thresholds::default() };
    let mut studio = Studio::with(Mode::Low, thresholds);
    studio.begin(&four);
    studio.play(60_000, &four);
    assert_eq!(studio.standing(), []);
}

#[test]
fn key_frames_that_never_come_again_are_warned_of_too() {
    let refresh = Shape { key_every_ms: 1_000_000, ..Shape::good() };
    assert_eq!(broadcast(Mode::Low, 40_000, &refresh).standing(), [WarningName::KeyFrameIntervalLong]);
}

#[test]
fn a_bitrate_that_swings_is_unstable() {
    let swings =
        Shape { picture: |second| if second / 5 % 2 == 0 { 4_000 } else { 20_000 }, ..Shape::good() };
    let mut studio = broadcast(Mode::Low, 60_000, &swings);
    assert_eq!(studio.standing(), [WarningName::BitrateUnstable], "{:?}", studio.said);
    assert!(studio.messages()[0].starts_with("The bitrate swings between "), "{:?}", studio.messages());
    studio.play(80_000, &Shape::good());
    assert_eq!(studio.standing(), []);
}

#[test]
fn key_frames_and_a_single_change_of_scene_are_no_swing() {
    let step = Shape { picture: |second| if second < 40 { 5_000 } else { 9_000 }, ..Shape::good() };
    assert_eq!(broadcast(Mode::Low, 90_000, &step).said, []);
    let large_keys = Shape {
        key_every_ms: 2_000,
        picture: |second| if second % 2 == 0 { 15_000 } else { 6_000 },
        ..Shape::good()
    };
    assert_eq!(broadcast(Mode::Low, 90_000, &large_keys).said, []);
    let still = Shape { picture: |second| if second / 5 % 2 == 0 { 100 } else { 600 }, ..Shape::good() };
    assert_eq!(broadcast(Mode::Low, 90_000, &still).said, []);
}

#[test]
fn a_bitrate_that_fell_is_said_with_what_was_usual_and_forgotten_once_it_is_usual_itself() {
    let falls = Shape { picture: |second| if second < 60 { 20_000 } else { 5_000 }, ..Shape::good() };
    let mut studio = broadcast(Mode::Low, 100_000, &falls);
    assert_eq!(studio.standing(), [WarningName::BitrateFalling], "{:?}", studio.said);
    let message = &studio.messages()[0];
    assert!(message.contains("where 4.9 Mbit/s was usual"), "{message}");
    studio.play(400_000, &falls);
    assert_eq!(studio.standing(), []);
}

#[test]
fn another_feed_is_not_held_against_the_bitrate_of_the_one_before() {
    let mut studio = broadcast(Mode::Low, 60_000, &Shape { picture: |_| 20_000, ..Shape::good() });
    let small = Shape { picture: |_| 5_000, ..Shape::good() };
    studio.begin(&small);
    studio.play(60_000, &small);
    assert_eq!(studio.said, []);
}

#[test]
fn an_overloaded_encoder_has_a_low_frame_rate() {
    let overloaded = Shape { keeps: |number| number < 300 || number % 3 != 1, ..Shape::good() };
    let mut studio = broadcast(Mode::Low, 60_000, &overloaded);
    assert_eq!(studio.standing(), [WarningName::FrameRateLow], "{:?}", studio.said);
    assert!(
        studio.messages()[0].contains(" frames a second come instead of 30: "),
        "{:?}",
        studio.messages()
    );
    studio.play(50_000, &Shape::good());
    assert_eq!(studio.standing(), []);
}

#[test]
fn half_the_frame_rate_is_low_too() {
    let mut studio = broadcast(Mode::Low, 20_000, &Shape::good());
    studio.play(40_000, &Shape { frames: 15, ..Shape::good() });
    assert_eq!(studio.standing(), [WarningName::FrameRateLow]);
    // Another format is another rate.
    studio.describe(&Shape { video: Some(interlaced()), ..Shape::good() });
    studio.describe(&Shape::good());
    studio.play(60_000, &Shape { frames: 15, ..Shape::good() });
    assert_eq!(studio.standing(), []);
}

#[test]
fn slides_and_screens_that_change_have_no_rate_to_be_below() {
    let slides = Shape { keeps: |_| false, key_every_ms: 4_000, ..Shape::good() };
    let studio = broadcast(Mode::Normal, 120_000, &slides);
    assert_eq!(studio.said, []);
    // 100 pictures a second at irregular moments, none of which rules.
    let screen = Shape { frames: 100, keeps: |number| number * 7_919 % 13 == number % 5, ..Shape::good() };
    assert!(!broadcast(Mode::Normal, 60_000, &screen).standing().contains(&WarningName::TimestampsJump));
}

#[test]
fn timestamps_that_jump_are_warned_of_for_a_while() {
    for (jump, words) in [
        (-3_600_000, "back by 3600 s"),
        (15_000, "ahead by 15 s"),
        (-500, "back by 0.5 s"),
        (4_000, "ahead by 4 s"),
    ] {
        let mut studio = broadcast(Mode::Low, 20_000, &Shape::good());
        studio.jump(jump);
        studio.play(19_000, &Shape::good());
        assert_eq!(studio.standing(), [WarningName::TimestampsJump], "{jump}");
        assert!(studio.messages()[0].contains(words), "{jump}: {:?}", studio.messages());
        studio.play(45_000, &Shape::good());
        assert_eq!(studio.standing(), [], "{jump}");
    }
}

#[test]
fn pictures_without_sound_are_warned_of() {
    let mute = Shape { audio: None, ..Shape::good() };
    let studio = broadcast(Mode::Low, 30_000, &mute);
    assert_eq!(studio.standing(), [WarningName::NoAudio]);
    assert!(studio.messages()[0].starts_with("No sound comes with the pictures: in OBS"));
    let raised = studio.raised_at(WarningName::NoAudio).unwrap();
    assert!((12..=14).contains(&raised), "{raised}");
}

#[test]
fn sound_that_ends_is_warned_of_and_cleared_when_it_is_back() {
    let mute = Shape { audio: None, ..Shape::good() };
    let mut studio = broadcast(Mode::Low, 20_000, &Shape::good());
    studio.play(20_000, &mute);
    assert_eq!(studio.standing(), [WarningName::NoAudio]);
    assert!(studio.messages()[0].starts_with("No sound has come for 1"), "{:?}", studio.messages());
    studio.play(40_000, &Shape::good());
    assert_eq!(studio.standing(), []);
}

#[test]
fn sound_without_pictures_is_a_radio() {
    assert_eq!(broadcast(Mode::Low, 60_000, &Shape { video: None, ..Shape::good() }).said, []);
}

#[test]
fn digital_silence_is_silent_however_it_is_filled_up() {
    let mut filled = vec![0x21, 0x10, 0x04, 0x60, 0x8c, 0x1c];
    let short = Shape { frame: filled.clone().into(), ..Shape::good() };
    let studio = assert_raised_and_cleared(WarningName::AudioSilent, Mode::Low, &short);
    assert!(studio.messages()[0].starts_with("The sound has been silent for 1"), "{:?}", studio.messages());
    filled.resize(341, 0);
    let long = Shape { frame: filled.into(), ..Shape::good() };
    assert_raised_and_cleared(WarningName::AudioSilent, Mode::Low, &long);
    // Opus has no more to say of silence than three bytes.
    let opus = Shape { audio: Some(opus()), frame: sound(3), ..Shape::good() };
    assert!(broadcast(Mode::Low, 30_000, &opus).standing().contains(&WarningName::AudioSilent));
}

#[test]
fn soft_sound_is_not_silent() {
    assert_eq!(broadcast(Mode::Low, 60_000, &Shape { frame: sound(40), ..Shape::good() }).said, []);
}

#[test]
fn sound_that_does_not_go_with_its_pictures_drifts() {
    let late = Shape { audio_off_ms: -800, ..Shape::good() };
    let studio = broadcast(Mode::Low, 30_000, &late);
    assert_eq!(studio.standing(), [WarningName::AvDrift]);
    assert!(
        studio.messages()[0].starts_with("Sound comes 0.8 s after the pictures it belongs to"),
        "{:?}",
        studio.messages()
    );
    let early = broadcast(Mode::Low, 30_000, &Shape { audio_off_ms: 800, ..Shape::good() });
    assert!(
        early.messages()[0].starts_with("Sound comes 0.8 s before the pictures"),
        "{:?}",
        early.messages()
    );
    assert_eq!(broadcast(Mode::Low, 30_000, &Shape { audio_off_ms: -300, ..Shape::good() }).said, []);
}

#[test]
fn b_frames_matter_in_ultra_low_alone() {
    let reordered = Shape { composition_ms: |number| [33, 99, 0, 0][(number % 4) as usize], ..Shape::good() };
    assert_eq!(broadcast(Mode::Low, 60_000, &reordered).said, []);
    assert_eq!(broadcast(Mode::Normal, 60_000, &reordered).said, []);
    let studio = assert_raised_and_cleared(WarningName::BFrames, Mode::UltraLow, &reordered);
    assert!(studio.messages()[0].contains("set Max B-frames to 0"));
    // A constant offset is no reordering, nor is what milliseconds round.
    let constant = Shape { composition_ms: |number| 66 + number % 2, ..Shape::good() };
    assert_eq!(broadcast(Mode::UltraLow, 60_000, &constant).said, []);
}

#[test]
fn a_bitrate_above_what_the_network_carries_falls_behind() {
    let slow = Shape { speed: 90, ..Shape::good() };
    let mut studio = broadcast(Mode::Low, 60_000, &slow);
    assert_eq!(studio.standing(), [WarningName::FallingBehind], "{:?}", studio.said);
    let message = &studio.messages()[0];
    assert!(message.contains("2.3 Mbit/s arrive, so set 1.8 Mbit/s or less"), "{message}");
    // What is never made up for harms nobody once it grows no more.
    studio.play(120_000, &Shape::good());
    assert_eq!(studio.standing(), []);
    assert!(studio.last().behind_ms > 5_000);
}

#[test]
fn codecs_that_many_players_cannot_decode_are_named() {
    let words = |shape: &Shape| {
        let studio = broadcast(Mode::Low, 30_000, shape);
        assert_eq!(studio.standing(), [WarningName::UnusualCodec]);
        studio.messages()[0].clone()
    };
    assert!(words(&Shape { video: Some(hevc()), ..Shape::good() }).starts_with("HEVC plays in few browsers"));
    assert!(
        words(&Shape { audio: Some(opus()), ..Shape::good() }).starts_with("Opus is silent in some players")
    );
    assert!(words(&Shape { video: Some(interlaced()), ..Shape::good() }).contains("interlaced"));
    let both = words(&Shape { video: Some(hevc()), audio: Some(opus()), ..Shape::good() });
    assert!(both.contains("H.264. Opus is"), "{both}");
    for (profile, named) in [(110, "10 bits"), (122, "4:2:2"), (244, "4:4:4")] {
        let message = words(&Shape { video: Some(h264_of_profile(profile)), ..Shape::good() });
        assert!(message.contains(named), "{message}");
    }
}

#[test]
fn the_warning_of_codecs_can_be_switched_off() {
    let thresholds = Thresholds { unusual_codec: false, ..Thresholds::default() };
    let mut studio = Studio::with(Mode::Low, thresholds);
    let shape = Shape { video: Some(hevc()), ..Shape::good() };
    studio.begin(&shape);
    studio.play(30_000, &shape);
    assert_eq!(studio.said, []);
}

#[test]
fn what_the_packager_saw_is_folded_in() {
    let notes = [
        (Note::KeyFramesTooFarApart { limit_ms: 2_000 }, WarningName::KeyFrameIntervalLong),
        (Note::OpenGop, WarningName::UnusualCodec),
        (Note::TimestampsJumped { by_ms: -40_000 }, WarningName::TimestampsJump),
        (Note::AudioReanchored { by_ms: 120 }, WarningName::AvDrift),
    ];
    for (note, name) in notes {
        let mut studio = broadcast(Mode::Low, 20_000, &Shape::good());
        studio.rules.note(note);
        studio.play(15_000, &Shape::good());
        assert_eq!(studio.standing(), [name]);
        if note != Note::OpenGop {
            studio.play(60_000, &Shape::good());
            assert_eq!(studio.standing(), []);
        }
    }
}

#[test]
fn what_is_wrong_for_less_than_ten_seconds_is_not_said() {
    let mut studio = broadcast(Mode::Low, 20_000, &Shape::good());
    studio.play(11_000, &Shape { audio: None, ..Shape::good() });
    studio.play(60_000, &Shape::good());
    for _ in 0..5 {
        studio.play(8_000, &Shape { audio: None, ..Shape::good() });
        studio.play(3_000, &Shape::good());
    }
    assert_eq!(studio.said, []);
}

#[test]
fn what_is_well_for_less_than_thirty_seconds_stays_said() {
    let mut studio = broadcast(Mode::Low, 30_000, &Shape { audio: None, ..Shape::good() });
    for _ in 0..5 {
        studio.play(25_000, &Shape::good());
        studio.play(8_000, &Shape { audio: None, ..Shape::good() });
    }
    assert_eq!(studio.said.len(), 1, "{:?}", studio.said);
    assert_eq!(studio.standing(), [WarningName::NoAudio]);
}

#[test]
fn a_loss_neither_raises_nor_clears() {
    let mute = Shape { audio: None, ..Shape::good() };
    let mut studio = broadcast(Mode::Low, 30_000, &mute);
    assert_eq!(studio.standing(), [WarningName::NoAudio]);
    studio.meter.feed_gone();
    studio.wait(60_000);
    assert_eq!((studio.standing(), studio.said.len()), (vec![WarningName::NoAudio], 1));
    // Who comes back with sound has mended it.
    studio.begin(&Shape::good());
    studio.play(20_000, &Shape::good());
    assert_eq!(studio.standing(), [WarningName::NoAudio]);
    studio.play(15_000, &Shape::good());
    assert_eq!(studio.standing(), []);
}

#[test]
fn silence_neither_raises_nor_clears() {
    let mut studio = broadcast(Mode::Low, 30_000, &Shape { audio: None, ..Shape::good() });
    studio.wait(60_000);
    assert_eq!((studio.standing(), studio.said.len()), (vec![WarningName::NoAudio], 1));
}

#[test]
fn after_a_restart_each_rule_that_is_kept_is_cleared_once() {
    let mut studio = Studio::of(Mode::Low);
    studio.rules = Rules::resume(Mode::Low, Thresholds::default());
    studio.begin(&Shape { audio: None, ..Shape::good() });
    studio.play(100_000, &Shape { audio: None, ..Shape::good() });
    let cleared = studio.said.iter().filter(|(_, change)| matches!(change, Change::Cleared(_))).count();
    // Silent sound cannot be judged without sound.
    assert_eq!(cleared, WarningName::ALL.len() - 2, "{:?}", studio.said);
    assert!(studio.raised_at(WarningName::NoAudio).is_some_and(|second| second <= 14));
    assert_eq!(studio.cleared_at(WarningName::NoAudio), None);
}

#[test]
fn at_most_two_hundred_warnings_are_raised() {
    let thresholds = Thresholds { raise_after_s: 1, clear_after_s: 1, ..Thresholds::default() };
    let mut studio = Studio::with(Mode::Low, thresholds);
    studio.meter = Meter::new(&thresholds, studio.now_us);
    studio.begin(&Shape::good());
    for _ in 0..MAX_RAISED + 50 {
        studio.play(5_000, &Shape { audio: None, ..Shape::good() });
        studio.play(3_000, &Shape::good());
    }
    let raised = studio.said.iter().filter(|(_, change)| matches!(change, Change::Raised(_))).count();
    assert_eq!(raised, MAX_RAISED as usize);
    assert_eq!(studio.standing(), []);
}
