//! When a request is answered: rules 24 to 31, 14, 18, 35 and 36.

use sigma_hls::request::{Reason, Resolution, resolve};
use sigma_hls::{Input, Place, Profile, Resource, View};
use sigma_log::{EntryRef, MediaFile};

use crate::stage::Stage;

const NOW: Resolution = Resolution::Now { delta: false };

fn wait(msn: u64, part: Option<u32>) -> Resolution {
    Resolution::Wait { msn, part, delta: false }
}

fn ask(stage: &Stage, query: &str) -> Resolution {
    resolve(query, View::Preview, &stage.timeline)
}

/// Segments 0 to 2 whole, two parts of 3.
fn on_air() -> Stage {
    let mut stage = Stage::ultra_low();
    stage.segments(3);
    stage.part(500, true, false);
    stage.part(500, false, false);
    stage
}

#[test]
fn without_directives_the_current_playlist_comes_at_once() {
    let stage = on_air();
    for query in ["", "token=abc", "_HLS_push=1", "_hls_msn=99", "x=_HLS_msn=99", "_HLS_other=%00&&=&"] {
        assert_eq!(ask(&stage, query), NOW, "{query}");
    }
}

#[test]
fn rule_24_an_msn_alone_waits_for_the_whole_segment() {
    let mut stage = on_air();
    assert_eq!(ask(&stage, "_HLS_msn=3"), wait(3, None));
    assert_eq!(ask(&stage, "_HLS_msn=4"), wait(4, None));
    stage.part(500, false, false);
    assert_eq!(ask(&stage, "_HLS_msn=3"), wait(3, None));
    stage.part(500, false, true);
    assert_eq!(ask(&stage, "_HLS_msn=3"), NOW);
    let mut stage = Stage::low();
    stage.segment();
    stage.part(1_000, true, false);
    assert_eq!(ask(&stage, "_HLS_msn=1"), wait(1, None));
    assert_eq!(ask(&stage, "_HLS_msn=1&_HLS_part=0"), wait(1, None), "without parts, a part is its segment");
    stage.part(1_000, false, true);
    assert_eq!(ask(&stage, "_HLS_msn=1"), NOW);
}

#[test]
fn rule_25_an_msn_and_a_part_wait_for_that_part() {
    let mut stage = on_air();
    assert_eq!(ask(&stage, "_HLS_msn=3&_HLS_part=1"), NOW);
    assert_eq!(ask(&stage, "_HLS_msn=3&_HLS_part=2"), wait(3, Some(2)));
    assert_eq!(ask(&stage, "_HLS_part=3&x=y&_HLS_msn=3"), wait(3, Some(3)));
    assert_eq!(ask(&stage, "_HLS_msn=4&_HLS_part=0"), wait(4, Some(0)));
    stage.part(500, false, false);
    assert_eq!(ask(&stage, "_HLS_msn=3&_HLS_part=2"), NOW);
    assert_eq!(ask(&stage, "_HLS_msn=3&_HLS_part=3"), wait(3, Some(3)));
    stage.part(500, false, true);
    assert_eq!(ask(&stage, "_HLS_msn=3&_HLS_part=3"), NOW);
}

#[test]
fn rule_26_a_part_beyond_the_last_is_the_first_of_the_next_segment() {
    let mut stage = on_air();
    for part in 0..2 {
        stage.part(500, false, part == 1);
    }
    assert_eq!(ask(&stage, "_HLS_msn=3&_HLS_part=3"), NOW);
    assert_eq!(ask(&stage, "_HLS_msn=3&_HLS_part=4"), wait(4, Some(0)));
    assert_eq!(ask(&stage, "_HLS_msn=3&_HLS_part=99"), wait(4, Some(0)));
    stage.part(500, true, false);
    assert_eq!(ask(&stage, "_HLS_msn=3&_HLS_part=4"), NOW);
}

#[test]
fn rule_27_what_is_past_comes_at_once_as_a_delta_when_asked_for() {
    let stage = on_air();
    assert_eq!(ask(&stage, "_HLS_msn=0"), NOW);
    assert_eq!(ask(&stage, "_HLS_msn=1&_HLS_part=77"), NOW);
    assert_eq!(ask(&stage, "_HLS_msn=2&_HLS_skip=YES"), Resolution::Now { delta: true });
    assert_eq!(ask(&stage, "_HLS_skip=v2"), Resolution::Now { delta: true });
    assert_eq!(
        ask(&stage, "_HLS_msn=3&_HLS_part=2&_HLS_skip=YES"),
        Resolution::Wait { msn: 3, part: Some(2), delta: true }
    );
}

#[test]
fn rule_28_a_part_without_an_msn_is_bad() {
    assert_eq!(ask(&on_air(), "_HLS_part=2"), Resolution::Bad(Reason::PartWithoutMsn));
    assert_eq!(ask(&on_air(), "_HLS_part=2&_HLS_skip=YES"), Resolution::Bad(Reason::PartWithoutMsn));
}

#[test]
fn rule_29_what_is_too_far_ahead_is_bad() {
    let stage = on_air();
    assert_eq!(ask(&stage, "_HLS_msn=5"), Resolution::Bad(Reason::MsnTooFar));
    assert_eq!(ask(&stage, "_HLS_msn=18446744073709551615"), Resolution::Bad(Reason::MsnTooFar));
    // 3 s are 6 parts: up to part 7, the last being 1.
    assert_eq!(ask(&stage, "_HLS_msn=3&_HLS_part=7"), wait(3, Some(7)));
    assert_eq!(ask(&stage, "_HLS_msn=3&_HLS_part=8"), Resolution::Bad(Reason::PartTooFar));
    assert_eq!(ask(&stage, "_HLS_msn=4&_HLS_part=6"), Resolution::Bad(Reason::PartTooFar));
    let mut stage = Stage::new(Profile { part_target_ms: Some(1_000), ..Profile::ULTRA_LOW }, 2);
    stage.segment();
    assert_eq!(ask(&stage, "_HLS_msn=1&_HLS_part=2"), wait(1, Some(2)));
    assert_eq!(ask(&stage, "_HLS_msn=1&_HLS_part=3"), Resolution::Bad(Reason::PartTooFar));
}

#[test]
fn a_directive_that_cannot_be_read_is_bad() {
    let stage = on_air();
    for value in ["", "-1", "+1", "01", "1.0", "x", "%31", "18446744073709551616", " 1", "1 "] {
        let query = format!("_HLS_msn={value}");
        assert_eq!(ask(&stage, &query), Resolution::Bad(Reason::Value("_HLS_msn")), "{query}");
        let query = format!("_HLS_msn=1&_HLS_part={value}");
        assert_eq!(ask(&stage, &query), Resolution::Bad(Reason::Value("_HLS_part")), "{query}");
    }
    assert_eq!(ask(&stage, "_HLS_msn"), Resolution::Bad(Reason::Value("_HLS_msn")));
    for value in ["", "NO", "yes", "v3"] {
        let query = format!("_HLS_skip={value}");
        assert_eq!(ask(&stage, &query), Resolution::Bad(Reason::Value("_HLS_skip")), "{query}");
    }
    assert_eq!(ask(&stage, "_HLS_msn=1&_HLS_msn=1"), Resolution::Bad(Reason::Twice("_HLS_msn")));
}

#[test]
fn rule_30_a_request_blocks_for_three_target_durations() {
    assert_eq!(on_air().timeline.block_limit_ms(), 6_000);
}

#[test]
fn rule_31_after_the_end_directives_are_ignored() {
    let mut stage = on_air();
    stage.stop();
    for query in ["_HLS_msn=999", "_HLS_part=2", "_HLS_msn=1&_HLS_skip=YES", "_HLS_msn=x"] {
        assert_eq!(ask(&stage, query), NOW, "{query}");
    }
}

#[test]
fn public_requests_count_from_the_public_beginning() {
    let mut stage = on_air();
    stage.act(Input::GoLive { from_start: false });
    let public = |stage: &Stage, query: &str| resolve(query, View::Public, &stage.timeline);
    assert_eq!(public(&stage, "_HLS_msn=4&_HLS_part=0"), wait(4, Some(0)));
    assert_eq!(public(&stage, "_HLS_msn=5"), wait(5, None));
    assert_eq!(public(&stage, "_HLS_msn=6"), Resolution::Bad(Reason::MsnTooFar));
}

#[test]
fn a_loss_wakes_who_waits() {
    let mut stage = on_air();
    assert_eq!(ask(&stage, "_HLS_msn=3&_HLS_part=2"), wait(3, Some(2)));
    stage.lose();
    // The segment closed with two parts: the third is now part 0 of the next, a gap that comes with time.
    assert_eq!(ask(&stage, "_HLS_msn=3&_HLS_part=2"), wait(4, Some(0)));
    stage.wait(500);
    assert_eq!(ask(&stage, "_HLS_msn=3&_HLS_part=2"), NOW);
}

fn part(msn: u64, part: u32) -> Resource {
    Resource::Part { msn, part }
}

fn place(stage: &Stage, resource: Resource) -> Place {
    stage.timeline.locate(View::Preview, resource)
}

#[test]
fn names_are_read_strictly() {
    for (name, resource) in [
        ("live.m3u8", Resource::Playlist),
        ("i0.mp4", Resource::Init(0)),
        ("i17.mp4", Resource::Init(17)),
        ("0.m4s", Resource::Segment(0)),
        ("1234.m4s", Resource::Segment(1_234)),
        ("12.3.m4s", part(12, 3)),
    ] {
        assert_eq!(Resource::parse(name), Some(resource));
        assert_eq!(resource.to_string(), name);
    }
    for name in [
        "",
        ".m4s",
        "01.m4s",
        "1.m4",
        "1.02.m4s",
        "1.2.3.m4s",
        "+1.m4s",
        "i.mp4",
        "i-1.mp4",
        "i4294967296.mp4",
    ] {
        assert_eq!(Resource::parse(name), None, "{name}");
    }
}

#[test]
fn rules_35_and_36_the_hinted_part_is_waited_for_and_nothing_else() {
    let mut stage = on_air();
    let second = Place::Ready(EntryRef { file: MediaFile::Segment(3), offset: 600, len: 600 });
    assert_eq!(place(&stage, part(3, 1)), second);
    assert_eq!(place(&stage, part(3, 2)), Place::Hinted);
    for missing in
        [part(3, 3), part(4, 0), Resource::Segment(3), Resource::Segment(9), Resource::Init(1), part(0, 4)]
    {
        assert_eq!(place(&stage, missing), Place::Missing, "{missing}");
    }
    stage.part(500, false, true);
    assert_eq!(place(&stage, part(4, 0)), Place::Hinted);
    assert_eq!(
        place(&stage, Resource::Segment(3)),
        Place::Ready(EntryRef { file: MediaFile::Segment(3), offset: 0, len: 1_800 })
    );
    assert_eq!(place(&stage, part(3, 1)), second, "a part stays where it is");
}

#[test]
fn rule_36_a_hint_that_was_given_up_is_missing() {
    let mut stage = on_air();
    assert_eq!(place(&stage, part(3, 2)), Place::Hinted);
    stage.lose();
    assert_eq!(place(&stage, part(3, 2)), Place::Missing);
    assert_eq!(place(&stage, part(4, 0)), Place::Hinted);
    stage.wait(500);
    assert_eq!(place(&stage, part(4, 0)), Place::Missing, "it became a gap");
    stage.stop();
    assert_eq!(place(&stage, part(4, 1)), Place::Missing);
}

#[test]
fn rule_14_parts_stay_fetchable_three_target_durations_after_their_tags_went() {
    let mut stage = Stage::ultra_low();
    stage.segments(8);
    while !stage.list().segments[5].parts.is_empty() {
        stage.segment();
    }
    let dropped = stage.now_us;
    while stage.now_us < dropped + 6_000_000 {
        assert!(matches!(place(&stage, part(5, 0)), Place::Ready(_)));
        stage.segment();
    }
}

#[test]
fn rule_18_a_segment_stays_fetchable_as_long_as_it_and_the_longest_playlist_last() {
    let mut stage = Stage::low();
    while stage.list().msn == 0 {
        stage.segment();
    }
    // Segment 0 has just been removed; 2 s and a playlist of 32 s to go.
    let removed = stage.now_us;
    while stage.now_us < removed + 34_000_000 {
        assert!(matches!(place(&stage, Resource::Segment(0)), Place::Ready(_)), "{}", stage.now_us - removed);
        stage.segment();
    }
    stage.segment();
    assert_eq!(place(&stage, Resource::Segment(0)), Place::Older, "memory is bounded; the log has it");
    assert!(matches!(place(&stage, Resource::Segment(5)), Place::Ready(_)));
}

#[test]
fn what_is_not_public_is_not_found_in_public() {
    let mut stage = on_air();
    let public = |stage: &Stage, resource| stage.timeline.locate(View::Public, resource);
    assert_eq!(public(&stage, Resource::Segment(0)), Place::Missing);
    stage.act(Input::GoLive { from_start: false });
    stage.part(500, false, true);
    stage.part(500, true, false);
    for hidden in [Resource::Segment(0), Resource::Segment(3), part(3, 0)] {
        assert_eq!(public(&stage, hidden), Place::Missing);
        assert!(matches!(place(&stage, hidden), Place::Ready(_)));
    }
    assert!(matches!(public(&stage, part(4, 0)), Place::Ready(_)));
    assert_eq!(public(&stage, part(4, 1)), Place::Hinted);
}

#[test]
fn fragments_are_no_parts_where_none_are_listed() {
    let mut stage = Stage::low();
    stage.segment();
    stage.part(1_000, true, false);
    for fragment in [part(0, 0), part(1, 0), part(1, 1)] {
        assert_eq!(place(&stage, fragment), Place::Missing);
    }
}
