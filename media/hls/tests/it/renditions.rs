//! Losses, returns, restarts and ends, one by one.

use sigma_hls::{Input, Place, Profile, Rendition, Resource, Timeline, View, playlist};
use sigma_log::Entry;
use sigma_packager::Output;

use crate::parsed::{Seg, check, parse};
use crate::stage::{NOON, Stage, init};

fn gaps(stage: &Stage) -> Vec<Seg> {
    stage.list().segments.into_iter().filter(|seg| seg.gap).collect()
}

fn total(segs: &[Seg]) -> f64 {
    segs.iter().map(|seg| seg.duration).sum()
}

#[test]
fn rule_21_gaps_add_up_to_the_hole() {
    for (mut stage, item) in [(Stage::ultra_low(), 0.5), (Stage::low(), 2.0), (Stage::normal(), 6.0)] {
        stage.segments(8);
        // Silence until the loss is noticed, then 20 s until the feed is back.
        stage.wait(5_000);
        stage.lose();
        let noticed = total(&gaps(&stage));
        assert!(noticed <= 5.0 && noticed + item > 4.0, "the silence is a gap at once: {noticed}");
        stage.wait(20_000);
        stage.back(0);
        stage.segment();
        let seconds = stage.gap_seconds();
        assert!((seconds - 25.0).abs() < 0.001, "{seconds}");
        let list = stage.list();
        let after = list.segments.iter().find(|seg| seg.discontinuity).unwrap();
        let before = list.segments.iter().rev().find(|seg| seg.gap).unwrap();
        assert_eq!(after.msn, before.msn + 1);
        assert_eq!(after.date_ms.unwrap() - before.date_ms.unwrap(), (before.duration * 1_000.0) as i64);
    }
}

#[test]
fn rule_21_gaps_come_in_wall_clock_time() {
    let mut stage = Stage::ultra_low();
    stage.segments(2);
    stage.lose();
    for step in 1..40 {
        stage.wait(500);
        let list = stage.list();
        assert_eq!(list.total(), 4.0 + f64::from(step) * 0.5);
        assert!(list.segments.last().unwrap().parts.iter().all(|part| part.gap));
    }
    let mut stage = Stage::normal();
    stage.segments(2);
    stage.lose();
    stage.wait(5_999);
    assert_eq!(gaps(&stage).len(), 0);
    stage.wait(1);
    assert_eq!(gaps(&stage).len(), 1);
}

#[test]
fn a_tick_before_its_time_brings_nothing() {
    let mut stage = Stage::low();
    stage.segment();
    assert_eq!(stage.rendition.next_tick_us(), None, "no ticks are needed on air");
    assert!(stage.act(Input::Tick { now_us: stage.now_us + 90_000_000 }).is_empty());
    stage.lose();
    let due = stage.rendition.next_tick_us().unwrap();
    assert!(stage.act(Input::Tick { now_us: due - 2 }).is_empty());
    assert_eq!(stage.act(Input::Tick { now_us: due }).len(), 1);
}

#[test]
fn a_segment_that_is_open_at_the_loss_is_closed_with_what_it_has() {
    let mut stage = Stage::ultra_low();
    stage.segment();
    stage.part(500, true, false);
    stage.part(500, false, false);
    let entries = stage.lose();
    assert!(matches!(
        entries[..],
        [Entry::Segment { msn: 1, duration: 90_000, parts: 2, independent: true, .. }]
    ));
}

#[test]
fn what_the_packager_still_held_is_listed_and_does_not_shorten_the_hole() {
    let mut stage = Stage::low();
    stage.segments(2);
    stage.part(1_000, true, false);
    stage.now_us += 5_000_000;
    let flushed = stage.outputs(400, false, true);
    stage.act(Input::FeedLost { at_us: stage.now_us, flushed });
    assert_eq!(stage.list().segments[2].duration, 1.4);
    stage.wait(10_000);
    stage.back(0);
    stage.segment();
    // 15 s without media, 0.4 s of which were in the packager.
    assert!((stage.gap_seconds() - 14.6).abs() < 0.001);
}

#[test]
fn gaps_hang_back_once_media_comes_again() {
    let mut stage = Stage::ultra_low();
    stage.segments(2);
    stage.lose();
    stage.wait(3_000);
    let listed = stage.list().total();
    stage.back(0);
    // The first part takes half a second; no gap covers its time.
    stage.wait(499);
    assert_eq!(stage.list().total(), listed);
    stage.now_us -= 499_000;
    stage.part(500, true, false);
    assert_eq!(stage.list().total(), listed + 0.5);
    // But a feed that only pretends to be back does not freeze the playlist.
    stage.lose();
    stage.back(0);
    let listed = stage.list().total();
    stage.wait(9_000);
    assert_eq!(stage.list().total(), listed + 8.0);
}

#[test]
fn a_takeover_is_a_loss_and_a_return_at_once() {
    let mut stage = Stage::ultra_low();
    stage.segments(2);
    stage.wait(2_200);
    stage.lose();
    stage.back(1);
    stage.part(500, true, false);
    let list = stage.list();
    assert!((total(&gaps(&stage)) - 2.2).abs() < 0.001);
    let newest = list.segments.last().unwrap();
    assert!(newest.discontinuity);
    assert_eq!(newest.map.as_deref(), Some("i1.mp4"));
}

#[test]
fn the_same_init_section_is_not_written_twice() {
    let mut stage = Stage::low();
    stage.segment();
    stage.lose();
    stage.wait(4_000);
    stage.back(0);
    stage.segment();
    assert!(stage.list().segments.iter().all(|seg| seg.map.as_deref() == Some("i0.mp4")));
    assert_eq!(stage.entries.iter().filter(|entry| matches!(entry, Entry::Init { .. })).count(), 1);
}

#[test]
fn a_loss_before_any_media_leaves_no_gap() {
    let mut stage = Stage::low();
    stage.act(Input::Packaged { now_us: NOON, outputs: vec![Output::Init(init(0))] });
    stage.lose();
    stage.wait(30_000);
    assert!(!stage.rendition.is_lost());
    stage.before = vec![Output::TargetDuration(2)];
    stage.segment();
    let list = stage.list();
    assert_eq!(list.segments.len(), 1);
    assert!(!list.segments[0].discontinuity);
}

#[test]
fn a_loss_before_the_target_duration_is_known_fixes_it() {
    for (profile, lived, target) in
        [(Profile::LOW, 1_000, 2), (Profile::LOW, 5_300, 6), (Profile::NORMAL, 1_000, 6)]
    {
        let mut stage = Stage::new(profile, 0);
        stage.before.remove(0);
        stage.part(lived, true, false);
        assert!(!stage.timeline.is_playable(View::Preview));
        stage.lose();
        assert_eq!(stage.list().target, target);
    }
}

#[test]
fn rule_5_the_target_duration_outlives_a_reconnect_with_longer_gops() {
    let mut stage = Stage::ultra_low();
    stage.segments(2);
    stage.lose();
    stage.wait(3_000);
    stage.back(1);
    stage.before.push(Output::TargetDuration(9));
    for part in 0..20 {
        stage.part(500, part == 0, part == 19);
    }
    let list = stage.list();
    assert_eq!(list.target, 2);
    assert!(!list.independent);
    assert!(list.segments.iter().all(|seg| seg.duration.round() <= 2.0));
}

#[test]
fn rule_23_dates_follow_the_media_not_the_clock() {
    let mut stage = Stage::low();
    stage.segment();
    // The clock steps forward by an hour and back by two; the span goes on.
    stage.now_us += 3_600_000_000;
    stage.segment();
    stage.now_us -= 7_200_000_000;
    stage.segment();
    let dates: Vec<i64> = stage.list().segments.iter().map(|seg| seg.date_ms.unwrap()).collect();
    assert_eq!([dates[1] - dates[0], dates[2] - dates[1]], [2_000, 2_000]);
    // A new span's date is the clock's, but never before the end of what is listed.
    stage.before.push(Output::Discontinuity);
    stage.new_span = true;
    stage.segment();
    assert_eq!(stage.list().segments[3].date_ms.unwrap(), dates[2] + 2_000);
    stage.now_us += 7_200_000_000;
    stage.before.push(Output::Discontinuity);
    stage.new_span = true;
    stage.segment();
    assert!(stage.list().segments[4].date_ms.unwrap() > dates[2] + 3_000_000);
}

#[test]
fn a_clock_that_was_set_meanwhile_does_not_lengthen_a_hole() {
    let mut stage = Stage::low();
    stage.segment();
    stage.now_us += 3_600_000_000;
    stage.segment();
    stage.lose();
    stage.wait(4_000);
    assert_eq!(total(&gaps(&stage)), 4.0);
}

#[test]
fn a_long_loss_leaves_something_to_play() {
    let mut stage = Stage::ultra_low();
    stage.segments(20);
    stage.lose();
    stage.wait(120_000);
    let list = stage.list();
    assert_eq!(list.whole().filter(|seg| !seg.gap).count(), 6);
    assert_eq!(list.total(), 6.0 * 2.0 + 120.0);
    stage.back(0);
    stage.segments(20);
    assert!(gaps(&stage).is_empty(), "the gaps leave the window like everything else");
}

/// VHS (video.js) knows no GAP: it asks the first gap again and again until that is no longer in the window.
#[test]
fn once_the_feed_is_back_what_was_before_the_hole_leaves_the_window() {
    for mut stage in [Stage::ultra_low(), Stage::low(), Stage::normal()] {
        stage.segments(12);
        stage.lose();
        stage.wait(60_000);
        let last = stage.list().segments.iter().rev().find(|seg| !seg.gap).unwrap().msn;
        stage.back(0);
        stage.segment();
        let list = stage.list();
        assert!(list.msn > last, "{} {last}", list.msn);
        assert!(list.whole().count() >= 6, "rule 15");
    }
}

/// Where the hole was short, so that much of what was before it still stands in the window, this takes a few segments.
#[test]
fn a_short_hole_leaves_the_window_as_soon_as_that_is_long_enough_without() {
    for (mut stage, seconds) in [(Stage::ultra_low(), 2.0), (Stage::low(), 2.0), (Stage::normal(), 6.0)] {
        stage.segments(30);
        stage.lose();
        stage.wait(5_000);
        stage.back(0);
        let mut listed = 0;
        while listed == 0 || !gaps(&stage).is_empty() {
            stage.segment();
            listed += 1;
            let list = stage.list();
            assert!(list.whole().count() >= 6, "rule 15");
            assert!(list.total() >= 8.0 * seconds, "no player stays further back");
        }
        assert!(listed <= 9, "{listed} segments");
        // From then on the window grows to its usual length.
        let short = stage.list().total();
        stage.segments(30);
        assert!(stage.list().total() > short);
    }
}

#[test]
fn at_the_end_trailing_gaps_are_dropped() {
    let mut stage = Stage::ultra_low();
    stage.segments(20);
    stage.lose();
    stage.wait(61_300);
    let before = stage.list();
    stage.stop();
    let list = stage.list();
    assert!(list.ended);
    assert_eq!(list.msn, before.msn, "rule 16");
    assert_eq!(list.segments.len(), 6);
    assert!(list.segments.iter().all(|seg| !seg.gap && seg.uri.is_some()));
}

#[test]
fn the_end_closes_what_is_open_and_nothing_follows() {
    let mut stage = Stage::ultra_low();
    stage.segment();
    stage.part(500, true, false);
    let flushed = stage.outputs(200, false, true);
    let entries = stage.act(Input::Stop { now_us: stage.now_us, flushed });
    assert!(matches!(
        entries[..],
        [Entry::Part { msn: 1, part: 1, .. }, Entry::Segment { msn: 1, parts: 2, .. }, Entry::Ended]
    ));
    assert!(stage.part(500, true, true).is_empty());
    assert!(stage.act(Input::GoLive { from_start: true }).is_empty());
    assert!(stage.timeline.is_ended() && stage.rendition.is_ended());
    assert!(stage.restart(5_000).is_empty());
}

#[test]
fn a_restart_closes_what_was_open_and_the_outage_is_a_gap() {
    let mut stage = Stage::ultra_low();
    stage.segments(3);
    stage.part(500, true, false);
    let entries = stage.restart(7_300);
    assert!(matches!(entries[0], Entry::Segment { msn: 3, duration: 45_000, parts: 1, .. }));
    assert_eq!(stage.list().total(), 6.5 + 7.0);
    stage.wait(1_200);
    stage.back(0);
    stage.part(500, true, false);
    assert!((stage.gap_seconds() - 8.5).abs() < 0.001);
    let list = stage.list();
    assert!(list.segments.last().unwrap().discontinuity);
    assert_eq!(list.segments.last().unwrap().map.as_deref(), Some("i1.mp4"));
}

#[test]
fn a_restart_in_a_loss_goes_on_with_the_gap() {
    let mut stage = Stage::ultra_low();
    stage.segments(2);
    stage.lose();
    stage.wait(3_000);
    stage.restart(5_000);
    stage.wait(2_000);
    let gaps = gaps(&stage);
    assert_eq!(total(&gaps), 10.0);
    assert!(gaps.iter().all(|seg| seg.duration == 2.0 && !seg.discontinuity));
}

#[test]
fn a_server_killed_between_a_gaps_last_part_and_its_end_ends_it_later() {
    let mut stage = Stage::ultra_low();
    stage.segments(2);
    stage.lose();
    stage.wait(2_000);
    assert!(matches!(stage.entries.pop(), Some(Entry::GapSegment { .. })));
    stage.timeline = Timeline::fold(stage.profile, &stage.entries, stage.now_us);
    stage.restart(2_000);
    assert!(gaps(&stage).iter().all(|seg| seg.duration == 2.0));
}

#[test]
fn an_outage_of_days_is_bounded() {
    let mut stage = Stage::ultra_low();
    stage.segments(3);
    let began = stage.list().segments[0].date_ms.unwrap();
    let entries = stage.restart(3 * 86_400_000);
    assert!(entries.len() < 20_000, "{}", entries.len());
    assert_eq!(stage.rendition.next_tick_us(), None);
    stage.back(0);
    stage.segment();
    let list = stage.list();
    assert!(list.segments.len() <= 4_096);
    assert!(list.segments[0].map.is_some());
    let date = list.segments.last().unwrap().date_ms.unwrap();
    assert_eq!(date, began + 6_000 + 3 * 86_400_000);
}

/// Found by fuzzing: each outage was bounded by itself, and together they took all media out of the longest list.
#[test]
fn outages_one_after_the_other_are_bounded_together() {
    for profile in [Profile::ULTRA_LOW, Profile::LOW, Profile::NORMAL] {
        for target in [1, 2] {
            let mut stage = Stage::unchecked(profile, target);
            stage.segments(3);
            for _ in 0..20 {
                stage.restart(1_800_000);
            }
            assert!(stage.timeline.is_playable(View::Preview), "{profile:?}");
            assert!(stage.gap_seconds() <= 7_300.0, "{profile:?}");
            let restarted = stage.now_us;
            stage.back(1);
            stage.segment();
            let list = stage.list();
            let last = list.whole().last().unwrap();
            assert!(!last.gap && stage.now_us >= restarted, "{profile:?} goes on");
        }
    }
}

#[test]
fn a_rendition_without_media_restarts_as_new() {
    let mut stage = Stage::ultra_low();
    assert!(stage.restart(5_000).is_empty());
    stage.before.insert(0, Output::TargetDuration(2));
    stage.segment();
    assert_eq!(stage.list().segments.len(), 1);
    assert!(Rendition::resume(&stage.timeline).target_duration() == Some(2));
}

#[test]
fn media_time_counts_media_only() {
    let mut stage = Stage::low();
    stage.segments(2);
    stage.lose();
    stage.wait(10_000);
    stage.back(0);
    stage.part(1_000, true, false);
    assert_eq!(stage.timeline.media_ticks(), 5 * 90_000);
}

#[test]
fn a_timeline_takes_the_first_word_on_what_never_changes() {
    let mut stage = Stage::low();
    stage.segments(3);
    for entry in [
        Entry::Target { seconds: 9 },
        Entry::Live { from_msn: 1 },
        Entry::Live { from_msn: 0 },
        // Entries that do not follow on the last.
        Entry::GapSegment { msn: 7, duration: 90_000 },
        Entry::Segment { msn: 1, duration: 90_000, parts: 0, independent: true, len: 0 },
        Entry::Part { msn: 9, part: 0, offset: 0, len: 0, duration: 90_000, independent: true },
        Entry::GapPart { msn: 3, part: 2, duration: 90_000 },
    ] {
        stage.timeline.apply(&entry, stage.now_us);
    }
    assert_eq!(stage.timeline.target_duration(), Some(2));
    assert_eq!(stage.timeline.live_from(), Some(1));
    assert_eq!(stage.list().segments.len(), 3);
}

#[test]
fn a_segment_that_a_full_disk_made_a_gap_is_one_after_the_restart() {
    let mut stage = Stage::ultra_low();
    stage.segments(2);
    let (msn, duration) = (1, 180_000);
    *stage.entries.last_mut().unwrap() = Entry::GapSegment { msn, duration };
    let timeline = Timeline::fold(stage.profile, &stage.entries, stage.now_us);
    let list = parse(&playlist::media(&timeline, View::Preview, false));
    check(&list);
    assert!(list.segments[1].gap && list.segments[1].parts.is_empty());
    for name in [Resource::Segment(1), Resource::Part { msn: 1, part: 0 }] {
        assert_eq!(timeline.locate(View::Preview, name), Place::Missing);
    }
}
