//! What players read, as snapshots, and the rules that can be seen in one playlist.

use sigma_hls::{Input, Profile, View, cache, playlist};
use sigma_packager::Output;

use crate::parsed::parse;
use crate::stage::{Stage, init};

fn delta(stage: &Stage) -> String {
    playlist::media(&stage.timeline, View::Preview, true)
}

#[test]
fn ultra_low_lists_parts_and_hints_the_next() {
    let mut stage = Stage::ultra_low();
    stage.segments(5);
    stage.part(500, true, false);
    stage.part(500, false, false);
    insta::assert_snapshot!(stage.text(View::Preview));
}

#[test]
fn low_lists_whole_segments_only() {
    let mut stage = Stage::low();
    stage.segments(3);
    stage.part(1_000, true, false);
    insta::assert_snapshot!(stage.text(View::Preview));
}

#[test]
fn normal_lists_whole_segments_only() {
    let mut stage = Stage::normal();
    stage.segments(2);
    insta::assert_snapshot!(stage.text(View::Preview));
}

#[test]
fn a_delta_skips_what_is_older_than_six_target_durations() {
    let mut stage = Stage::ultra_low();
    stage.segments(10);
    stage.part(500, true, false);
    insta::assert_snapshot!(delta(&stage));
}

#[test]
fn a_loss_and_a_return_as_players_see_them() {
    let mut stage = Stage::ultra_low();
    stage.segments(2);
    stage.part(500, true, false);
    stage.wait(1_000);
    stage.lose();
    stage.wait(2_300);
    stage.back(1);
    stage.part(500, true, false);
    insta::assert_snapshot!(stage.text(View::Preview));
}

#[test]
fn an_ended_playlist_says_so() {
    let mut stage = Stage::ultra_low();
    stage.segments(2);
    stage.part(500, true, false);
    stage.stop();
    insta::assert_snapshot!(stage.text(View::Preview));
}

#[test]
fn the_multivariant_playlist_measures() {
    let mut stage = Stage::low();
    stage.segments(2);
    insta::assert_snapshot!(playlist::multivariant(&stage.timeline, "../media/x/live.m3u8", None).unwrap());
}

#[test]
fn rule_1_server_control_is_the_same_in_every_playlist() {
    let control = |text: String| {
        text.lines().find(|line| line.starts_with("#EXT-X-SERVER-CONTROL")).unwrap().to_owned()
    };
    let mut stage = Stage::ultra_low();
    stage.segments(1);
    stage.act(Input::GoLive { from_start: true });
    let first = control(stage.text(View::Preview));
    stage.segments(12);
    assert!(delta(&stage).contains("#EXT-X-SKIP"));
    assert_eq!(control(delta(&stage)), first);
    assert_eq!(control(stage.text(View::Public)), first);
    stage.stop();
    assert_eq!(control(stage.text(View::Preview)), first);
}

#[test]
fn rules_2_to_4_hold_backs_and_skip_boundary_follow_the_targets() {
    let control = |stage: &Stage| {
        let list = stage.list();
        (list.target, list.part_hold_back, list.hold_back, list.can_skip_until)
    };
    let mut stage = Stage::ultra_low();
    stage.segments(1);
    assert_eq!(control(&stage), (2, Some(1.5), Some(6.0), Some(12.0)));
    let mut stage = Stage::new(Profile::ULTRA_LOW, 9);
    stage.segments(1);
    assert_eq!(control(&stage), (9, Some(1.5), Some(27.0), Some(54.0)));
    let mut stage = Stage::low();
    stage.segments(1);
    assert_eq!(control(&stage), (2, None, Some(7.0), Some(30.0)));
    let mut stage = Stage::new(Profile::LOW, 9);
    stage.segments(1);
    assert_eq!(control(&stage), (9, None, Some(27.0), Some(72.0)));
    let mut stage = Stage::normal();
    stage.segments(1);
    assert_eq!(control(&stage), (6, None, Some(24.0), Some(60.0)));
}

#[test]
fn rules_5_and_7_decimals_never_round_over_a_target() {
    // A third of a second, in frames of 1/29.97 s: 10 × 3003 ticks are 0.33367 s, over a target of 0.333.
    let mut stage = Stage::new(Profile { part_target_ms: Some(334), ..Profile::ULTRA_LOW }, 2);
    for part in 0..6 {
        stage.now_us += 333_667;
        let mut outputs = stage.outputs(334, part == 0, part == 5);
        for output in &mut outputs {
            if let Output::Part(part) = output {
                part.duration_ticks = 30_030;
            }
        }
        stage.act(Input::Packaged { now_us: stage.now_us, outputs });
    }
    let list = stage.list();
    assert_eq!(list.part_target, Some(0.334));
    assert!(list.segments[0].parts.iter().all(|part| part.duration == 0.333_67));
    assert_eq!(list.segments[0].duration, 2.002);
}

#[test]
fn rule_9_parts_with_key_frames_say_so_and_a_forced_cut_claims_nothing() {
    let mut stage = Stage::ultra_low();
    stage.segment();
    assert!(stage.list().independent);
    let independent = |stage: &Stage| {
        stage.list().segments.last().unwrap().parts.iter().map(|part| part.independent).collect::<Vec<_>>()
    };
    assert_eq!(independent(&stage), [true, false, false, false]);
    // Cut without a key frame.
    stage.part(500, false, false);
    stage.part(500, true, false);
    assert_eq!(independent(&stage), [false, true]);
    assert!(!stage.list().independent, "the claim ends with the first part that breaks it");
    stage.part(500, false, true);
    stage.segments(30);
    assert!(!stage.list().independent, "and is not made again");
}

#[test]
fn rule_10_tags_of_a_segment_stand_before_its_first_part() {
    let mut stage = Stage::ultra_low();
    stage.segment();
    stage.lose();
    stage.wait(1_000);
    stage.back(1);
    stage.part(500, true, false);
    let text = stage.text(View::Preview);
    let at = |what: &str| text.rfind(what).unwrap_or_else(|| panic!("{what} in {text}"));
    let part = text.find("URI=\"2.0.m4s\",INDEPENDENT").unwrap();
    for tag in ["#EXT-X-DISCONTINUITY\n", "#EXT-X-MAP:URI=\"i1.mp4\"", "#EXT-X-PROGRAM-DATE-TIME"] {
        assert!(at(tag) < part && at(tag) > text.find("1.m4s\n").unwrap(), "{tag}");
    }
}

#[test]
fn rule_13_parts_older_than_three_target_durations_are_dropped() {
    let mut stage = Stage::ultra_low();
    stage.segments(8);
    let with_parts = |stage: &Stage| {
        let list = stage.list();
        list.segments.iter().filter(|seg| !seg.parts.is_empty()).map(|seg| seg.msn).collect::<Vec<_>>()
    };
    assert_eq!(with_parts(&stage), [6, 7]);
    stage.part(500, true, false);
    // Three, as the strictest reader counts them: the one being written is one of them.
    assert_eq!(with_parts(&stage), [6, 7, 8]);
    stage.part(500, false, false);
    assert_eq!(with_parts(&stage), [6, 7, 8]);
}

#[test]
fn rule_15_the_window_holds_six_segments_and_three_target_durations_and_no_more_than_it_needs() {
    for (mut stage, window) in [
        (Stage::ultra_low(), 30.0),
        (Stage::low(), 30.0),
        (Stage::normal(), 60.0),
        (Stage::new(Profile::LOW, 9), 72.0),
    ] {
        let longest = f64::from(stage.profile.segment_target_ms) / 1_000.0;
        for count in 1..60 {
            stage.segment();
            let list = stage.list();
            assert!(list.whole().count() >= count.min(6));
            assert!(list.total() >= window || list.msn == 0, "the window is as long as it may be");
            assert!(list.total() < window + longest);
        }
    }
}

#[test]
fn rules_16_and_17_sequence_numbers_rise_with_each_removed_segment() {
    let mut stage = Stage::low();
    stage.segments(2);
    stage.before.push(Output::Discontinuity);
    stage.before.push(Output::Init(init(1)));
    stage.new_span = true;
    stage.segments(13);
    let list = stage.list();
    assert_eq!((list.msn, list.dsn), (0, Some(0)));
    assert!(list.segments[2].discontinuity);
    stage.segments(2);
    let list = stage.list();
    assert_eq!((list.msn, list.dsn), (2, Some(0)));
    assert!(list.segments[0].discontinuity, "the tag stays as long as its segment");
    stage.segment();
    let list = stage.list();
    assert_eq!((list.msn, list.dsn), (3, Some(1)));
    assert_eq!(list.segments[0].map.as_deref(), Some("i1.mp4"));
}

#[test]
fn rule_20_no_playlist_type_is_claimed() {
    let mut stage = Stage::low();
    stage.segments(2);
    assert!(!stage.text(View::Preview).contains("PLAYLIST-TYPE"));
    stage.stop();
    assert!(!stage.text(View::Preview).contains("PLAYLIST-TYPE"));
}

#[test]
fn rule_22_a_change_of_format_is_a_discontinuity_with_its_own_map() {
    let mut stage = Stage::low();
    stage.segment();
    stage.before.extend([Output::Discontinuity, Output::Init(init(1))]);
    stage.new_span = true;
    stage.segment();
    let list = stage.list();
    assert!(!list.segments[0].discontinuity && list.segments[1].discontinuity);
    assert_eq!(list.segments[1].map.as_deref(), Some("i1.mp4"));
}

#[test]
fn rule_32_a_delta_with_nothing_to_skip_is_the_full_playlist() {
    let mut stage = Stage::ultra_low();
    stage.segments(6);
    assert_eq!(delta(&stage), stage.text(View::Preview));
    stage.segment();
    stage.part(500, true, false);
    assert_eq!(parse(&delta(&stage)).skipped, 1);
}

/// VHS (video.js) takes a delta that lists as many segments as it holds for no news, as long as none has left the window.
#[test]
fn without_parts_a_delta_never_lists_as_many_segments_as_its_reader_holds() {
    for mut stage in [Stage::low(), Stage::normal()] {
        for _ in 0..2 {
            for _ in 0..20 {
                let held = stage.list();
                stage.segment();
                let news = parse(&delta(&stage));
                assert!(
                    news.msn > held.msn || news.whole().count() != held.whole().count(),
                    "{} listed, {} skipped, {} held",
                    news.whole().count(),
                    news.skipped,
                    held.whole().count()
                );
            }
            stage.lose();
            stage.wait(5_000);
            stage.back(0);
        }
    }
}

#[test]
fn rule_34_a_map_hint_when_the_init_section_changes() {
    let mut stage = Stage::ultra_low();
    stage.segment();
    assert_eq!(stage.list().hints, [("PART".to_owned(), "1.0.m4s".to_owned())]);
    // The configuration is there before its first part is whole.
    stage.act(Input::Packaged {
        now_us: stage.now_us,
        outputs: vec![Output::Discontinuity, Output::Init(init(1))],
    });
    assert_eq!(
        stage.list().hints,
        [("MAP".to_owned(), "i1.mp4".to_owned()), ("PART".to_owned(), "1.0.m4s".to_owned())]
    );
    stage.new_span = true;
    stage.part(500, true, false);
    assert_eq!(stage.list().hints, [("PART".to_owned(), "1.1.m4s".to_owned())]);
}

#[test]
fn rule_42_cache_control() {
    assert_eq!(cache::blocking_playlist(2), "public, max-age=0, s-maxage=12");
    assert_eq!(cache::blocking_playlist_error(2), "public, max-age=0, s-maxage=8");
    assert_eq!(cache::plain_playlist(2), "public, max-age=1");
    assert_eq!(cache::plain_playlist(9), "public, max-age=4");
    assert_eq!(cache::plain_playlist_error(2), "public, max-age=2");
    assert_eq!(cache::missing_media(2), "public, max-age=2");
    assert_eq!(cache::media(), "public, max-age=31536000, immutable");
}

#[test]
fn rule_43_bandwidth_is_measured() {
    let mut stage = Stage::ultra_low();
    assert_eq!(playlist::multivariant(&stage.timeline, "live.m3u8", None), None);
    // 600 bytes in half a second.
    stage.part(500, true, false);
    let bandwidth = stage.timeline.bandwidth().unwrap();
    assert_eq!((bandwidth.peak, bandwidth.average), (9_600, 9_600));
    for part in 0..3 {
        stage.part(500, false, part == 2);
    }
    // Twice as much in the next segment; then a scrap, which is no peak.
    for part in 0..4 {
        stage.now_us += 500_000;
        let mut outputs = stage.outputs(500, part == 0, part == 3);
        for output in &mut outputs {
            if let Output::Part(part) = output {
                part.bytes.push(vec![0; 600].into());
            }
        }
        stage.act(Input::Packaged { now_us: stage.now_us, outputs });
    }
    stage.part(100, true, true);
    let bandwidth = stage.timeline.bandwidth().unwrap();
    assert_eq!(bandwidth.peak, 19_200);
    // 2,400 and 4,800 bytes, and 200 in the scrap, over 4.1 s.
    assert_eq!(bandwidth.average, (7_400_u64 * 8 * 10).div_ceil(41));
}

#[test]
fn rule_43_a_session_without_video_has_no_resolution() {
    let mut stage = Stage::low();
    let mut audio = init(0);
    (audio.width, audio.height, audio.frame_rate_milli, audio.video) = (0, 0, None, false);
    audio.codecs = "mp4a.40.2".into();
    stage.before[1] = Output::Init(audio);
    stage.segment();
    insta::assert_snapshot!(playlist::multivariant(&stage.timeline, "live.m3u8", None).unwrap());
}

#[test]
fn rule_44_the_version_is_the_lowest_that_fits() {
    let mut stage = Stage::ultra_low();
    stage.segments(10);
    assert_eq!(stage.list().version, 6);
    assert_eq!(parse(&delta(&stage)).version, 9);
}

#[test]
fn the_public_view_begins_at_the_first_segment_after_going_live() {
    let mut stage = Stage::ultra_low();
    stage.segments(2);
    stage.part(500, true, false);
    stage.act(Input::GoLive { from_start: false });
    assert!(!stage.timeline.is_playable(View::Public));
    for part in 0..3 {
        stage.part(500, false, part == 2);
    }
    assert!(!stage.timeline.is_playable(View::Public));
    stage.segment();
    let list = stage.public();
    assert_eq!((list.msn, list.segments.len()), (3, 1));
    assert_eq!(list.segments[0].map.as_deref(), Some("i0.mp4"));
    assert_eq!(stage.list().msn, 0);
    let live_from = stage.timeline.live_from();
    stage.act(Input::GoLive { from_start: true });
    assert_eq!(stage.timeline.live_from(), live_from, "a session goes live once");
}

#[test]
fn the_version_changes_with_the_text_and_only_then() {
    for mut stage in [Stage::ultra_low(), Stage::low()] {
        let has_parts = stage.profile.part_target_ms.is_some();
        stage.segments(2);
        let (version, text) = (stage.timeline.version(), stage.text(View::Preview));
        stage.part(500, false, false);
        assert_eq!(stage.timeline.version() != version, has_parts);
        assert_eq!(stage.text(View::Preview) != text, has_parts);
    }
}
