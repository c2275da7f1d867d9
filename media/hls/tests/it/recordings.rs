//! Views of all of a session: rewind, catchup, cuts.

use sigma_hls::recording::{
    CutError, CutPoint, CutRange, Edge, EdgeInit, EdgeName, Edit, Extent, NotCut, Planned, Stretch,
};
use sigma_hls::vod::{self, Closing};
use sigma_hls::{CLOCK, Input, KeyFrameName, Profile, Recording, Span, View, playlist};
use sigma_log::Entry;

use crate::parsed::parse;
use crate::stage::{NOON, Stage};

const S: u64 = 1_000_000;

/// Five segments, an outage of 10 s, five more in another format.
fn with_an_outage() -> Stage {
    let mut stage = Stage::low();
    stage.segments(5);
    stage.act(Input::GoLive { from_start: true });
    stage.lose();
    stage.wait(10_000);
    stage.back(1);
    stage.segments(5);
    stage
}

fn all(stage: &Stage) -> Vec<Span> {
    stage.recording.public().into_iter().collect()
}

#[test]
fn the_rewind_window_holds_what_the_live_window_has_lost() {
    let mut stage = Stage::ultra_low();
    stage.segments(40);
    stage.act(Input::GoLive { from_start: true });
    stage.part(500, true, false);
    let live = parse(&stage.text(View::Public));
    assert!(live.msn > 0);
    insta::assert_snapshot!(stage.rewind(View::Public, false));
    insta::assert_snapshot!(stage.rewind(View::Public, true));
}

#[test]
fn the_rewind_window_has_a_playlist_of_its_key_frames() {
    let mut stage = Stage::ultra_low();
    stage.segments(2);
    stage.act(Input::GoLive { from_start: true });
    // A segment that begins without a key frame.
    stage.part(500, false, false);
    stage.part(500, false, true);
    stage.lose();
    stage.wait(6_000);
    stage.back(1);
    stage.segments(2);
    stage.part(500, true, false);
    let text = playlist::rewind_key_frames(&stage.timeline, &stage.recording, View::Public, 3_600_000, false);
    insta::assert_snapshot!(text);
    let line = playlist::key_frame_stream(&stage.timeline, &stage.recording, "dvr-iframes.m3u8").unwrap();
    assert!(line.starts_with("#EXT-X-I-FRAME-STREAM-INF:BANDWIDTH="), "{line}");
    assert!(line.ends_with(",URI=\"dvr-iframes.m3u8\"\n") && !line.contains("mp4a"), "{line}");
}

#[test]
fn the_rewind_window_slides_by_whole_steps() {
    let mut stage = Stage::low();
    let mut first = Vec::new();
    for _ in 0..140 {
        stage.segment();
        first.push(parse(&stage.rewind(View::Preview, false)).msn);
    }
    first.dedup();
    assert_eq!(first, [0, 10, 20, 30, 40, 50, 60]);
}

/// 12 h of 2 s segments: what players load again and again, and what they load once.
#[test]
fn twelve_hours_of_rewind_are_small() {
    for (profile, parts) in [(Profile::ULTRA_LOW, 4), (Profile::LOW, 2)] {
        let mut stage = Stage::unchecked(profile, 2);
        stage.segments(12 * 1_800);
        stage.part(2_000 / parts, true, false);
        let text =
            |delta| playlist::rewind(&stage.timeline, &stage.recording, View::Preview, 12 * 3_600_000, delta);
        let (full, delta) = (text(false), text(true));
        assert!(delta.len() <= 10_000, "a delta has {} bytes", delta.len());
        let frames = playlist::rewind_key_frames(
            &stage.timeline,
            &stage.recording,
            View::Preview,
            12 * 3_600_000,
            true,
        );
        assert!(frames.len() <= 10_000, "a delta of key frames has {} bytes", frames.len());
        let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        std::io::Write::write_all(&mut gzip, full.as_bytes()).unwrap();
        let zipped = gzip.finish().unwrap().len();
        assert!(zipped <= 150_000, "the full one has {zipped} bytes");
        assert_eq!(parse(&full).segments.len(), 12 * 1_800 + usize::from(profile.part_target_ms.is_some()));
    }
}

#[test]
fn a_catchup_leaves_the_gap_out() {
    let mut stage = with_an_outage();
    stage.stop();
    let text = vod::media(&stage.recording, &Edit::from(all(&stage)), Closing::Closed).unwrap();
    insta::assert_snapshot!(text);
    insta::assert_snapshot!(
        vod::multivariant(&stage.recording, &Edit::from(all(&stage)), "vod.m3u8", None).unwrap()
    );
    let extent = stage.recording.extent(&all(&stage));
    assert_eq!((extent.duration_ms, extent.gaps_ms, extent.files), (20_000, 10_000, 2));
}

#[test]
fn what_plays_without_a_break_is_a_run_and_a_chapter_where_the_feed_was_away() {
    let stage = with_an_outage();
    let runs = vod::runs(&stage.recording, &Edit::from(all(&stage)));
    let at: Vec<_> = runs.iter().map(|run| (run.at_us, run.length_us)).collect();
    assert_eq!(at, [(0, 10 * S), (10 * S, 10 * S)], "gaps are left out");
    assert_eq!(runs[0].from_us, 0);
    assert!(runs[1].from_us >= 19 * S, "and counted in media time: {}", runs[1].from_us);
    let titles: Vec<_> = runs.iter().filter_map(|run| run.chapter.as_deref()).collect();
    assert!(titles.len() == 2 && titles.iter().all(|title| title.ends_with(" UTC")), "{titles:?}");
    // A part of it begins where it is cut.
    let part = [Span { from_us: 4 * S, to_us: runs[1].from_us + 2 * S }];
    let of_part = vod::runs(&stage.recording, &Edit::from(part.to_vec()));
    let at: Vec<_> = of_part.iter().map(|run| (run.at_us, run.from_us, run.length_us)).collect();
    assert_eq!(at, [(0, 4 * S, 6 * S), (6 * S, runs[1].from_us, 2 * S)]);
    assert!(vod::runs(&stage.recording, &Edit::default()).is_empty());
}

#[test]
fn another_format_at_once_is_another_run_of_the_same_chapter() {
    let mut stage = Stage::low();
    stage.segments(2);
    stage.act(Input::GoLive { from_start: true });
    stage.format(1);
    stage.segments(2);
    let runs = vod::runs(&stage.recording, &Edit::from(all(&stage)));
    let chapters: Vec<_> = runs.iter().map(|run| run.chapter.is_some()).collect();
    assert_eq!(chapters, [true, false]);
}

#[test]
fn a_catchup_has_a_playlist_of_its_key_frames() {
    let mut stage = with_an_outage();
    stage.stop();
    let edit = Edit::from(all(&stage));
    insta::assert_snapshot!(vod::iframes(&stage.recording, &edit).unwrap());
    let text = vod::multivariant(&stage.recording, &edit, "vod.m3u8", Some("iframes.m3u8")).unwrap();
    let line = text.lines().last().unwrap();
    assert!(
        line.starts_with("#EXT-X-I-FRAME-STREAM-INF:BANDWIDTH=") && line.contains("URI=\"iframes.m3u8\""),
        "{text}"
    );
    assert!(!line.contains("mp4a"), "sound is no part of it: {line}");
}

/// Seconds of all segments of a playlist, by run.
fn runs(text: &str) -> Vec<f64> {
    let of_run = |run: &str| {
        let lines = run
            .lines()
            .filter_map(|line| line.strip_prefix("#EXTINF:")?.trim_end_matches(',').parse::<f64>().ok());
        (lines.sum::<f64>() * 1_000.0).round() / 1_000.0
    };
    text.split("#EXT-X-DISCONTINUITY\n").map(of_run).collect()
}

#[test]
fn key_frames_stand_until_the_next_one_and_no_run_loses_time() {
    let mut stage = Stage::low();
    // A run that begins without a key frame, and segments between that have none.
    for (index, independent) in [false, true, false, false, true].into_iter().enumerate() {
        stage.part(1_000, independent, false);
        stage.part(1_000, false, true);
        if index == 0 {
            stage.act(Input::GoLive { from_start: true });
        }
    }
    stage.lose();
    stage.wait(6_000);
    stage.back(1);
    stage.segments(3);
    stage.stop();
    let edit = Edit::from(all(&stage));
    let media = vod::media(&stage.recording, &edit, Closing::Closed).unwrap();
    let frames = vod::iframes(&stage.recording, &edit).unwrap();
    assert_eq!(runs(&frames), runs(&media));
    assert_eq!(frames.matches("#EXT-X-GAP").count(), 1, "{frames}");
    assert_eq!(frames.matches("\nk").count(), 5, "{frames}");
    assert!(frames.contains("#EXTINF:6.00000,\nk1.m4s"), "{frames}");
    let stands = vod::key_frame(&stage.recording, &edit, 1).map(|frame| (frame.end, frame.stands));
    assert_eq!(stands, Some((60, 6 * CLOCK)));
    assert_eq!(vod::key_frame(&stage.recording, &edit, 2), None, "it begins without one");
    let target = frames.lines().find_map(|line| line.strip_prefix("#EXT-X-TARGETDURATION:"));
    assert_eq!(target, Some("6"));
}

#[test]
fn the_names_of_key_frames_are_read_as_they_are_written() {
    for name in [
        KeyFrameName::Init(0),
        KeyFrameName::Init(12),
        KeyFrameName::Picture(0),
        KeyFrameName::Picture(7_200),
    ] {
        assert_eq!(KeyFrameName::parse(&name.to_string()), Some(name));
    }
    for wrong in ["k", "k.m4s", "k1.2.m4s", "k01.m4s", "ki0.mp4", "k-1.mp4", "0.m4s", "klive.m3u8", "k1.mp4 "]
    {
        assert_eq!(KeyFrameName::parse(wrong), None, "{wrong}");
    }
}

#[test]
fn sound_alone_has_no_key_frames() {
    let mut stage = Stage::low();
    stage.part(2_000, false, true);
    stage.act(Input::GoLive { from_start: true });
    stage.stop();
    let edit = Edit::from(all(&stage));
    assert_eq!(vod::iframes(&stage.recording, &edit), None);
    let text = vod::multivariant(&stage.recording, &edit, "vod.m3u8", Some("iframes.m3u8")).unwrap();
    assert!(!text.contains("I-FRAME"), "{text}");
}

#[test]
fn what_is_being_recorded_grows_and_says_so() {
    let mut stage = Stage::low();
    stage.segments(3);
    let open = |stage: &Stage| {
        let whole: Vec<Span> = stage.recording.whole().into_iter().collect();
        vod::media(&stage.recording, &Edit::from(whole), Closing::Open).unwrap()
    };
    let before = open(&stage);
    stage.segments(1);
    assert!(open(&stage).starts_with(&before));
    assert!(!before.contains("ENDLIST"));
}

#[test]
fn every_segment_has_the_date_that_the_live_playlist_gave_it() {
    let mut stage = with_an_outage();
    stage.segments(30);
    let live = parse(&stage.text(View::Preview));
    for seg in live.whole() {
        let date_ms = stage.recording.date_us(seg.msn).map(|us| us.div_euclid(1_000));
        assert_eq!(date_ms.map(|ms| ms - NOON / 1_000), seg.date_ms.map(|ms| ms - noon_in_month_ms()));
    }
}

fn noon_in_month_ms() -> i64 {
    (5 * 24 + 12) * 3_600_000
}

fn cut_one(
    recording: &Recording,
    from: CutPoint,
    to: CutPoint,
    within: Option<&[Span]>,
    limit_us: u64,
) -> Result<Extent, CutError> {
    let within = within.map(|spans| Edit::from(spans.to_vec()));
    recording.cut(&[CutRange { from, to }], within.as_ref(), limit_us).map_err(|not_cut| not_cut.why)
}

#[test]
fn a_cut_has_the_segments_that_hold_it() {
    let stage = with_an_outage();
    let cut = |from, to| {
        cut_one(&stage.recording, CutPoint::FromStart(from), CutPoint::FromStart(to), None, 3_600 * S)
    };
    let spans = |from, to| {
        let cut = cut(from, to).unwrap();
        (
            cut.edit.spans.iter().map(|span| (span.from_us / S, span.to_us / S)).collect::<Vec<_>>(),
            cut.duration_ms,
        )
    };
    assert_eq!(spans(2 * S, 6 * S), (vec![(2, 6)], 4_000), "on the borders");
    assert_eq!(spans(3 * S, 5 * S), (vec![(2, 6)], 4_000), "within");
    assert_eq!(spans(2 * S - 15_000, 6 * S + 15_000), (vec![(2, 6)], 4_000), "as near as a player tells");
    assert_eq!(spans(9 * S, 11 * S), (vec![(8, 22)], 4_000), "across the outage, which is no media");
    assert_eq!(cut(9 * S, 11 * S).unwrap().gaps_ms, 10_000);
    assert_eq!(spans(0, 20 * S), (vec![(0, 30)], 20_000));
    let back =
        cut_one(&stage.recording, CutPoint::BackFromNow(4 * S), CutPoint::BackFromNow(0), None, 60 * S)
            .unwrap();
    assert_eq!(back.edit.spans, [Span { from_us: 26 * S, to_us: 30 * S }]);
}

#[test]
fn a_cut_of_a_cut_stays_in_it() {
    let stage = with_an_outage();
    let within = [Span { from_us: 4 * S, to_us: 8 * S }, Span { from_us: 22 * S, to_us: 26 * S }];
    let cut = |from, to| {
        cut_one(&stage.recording, CutPoint::FromStart(from), CutPoint::FromStart(to), Some(&within), 60 * S)
    };
    assert_eq!(cut(0, 8 * S).unwrap().edit.spans, within);
    assert_eq!(
        cut(2 * S, 6 * S).unwrap().edit.spans,
        [Span { from_us: 6 * S, to_us: 8 * S }, Span { from_us: 22 * S, to_us: 24 * S }]
    );
    assert_eq!(cut(2 * S, 9 * S), Err(CutError::Outside { length_us: 8 * S }));
}

#[test]
fn what_cannot_be_cut_is_told_apart() {
    let mut stage = with_an_outage();
    let at = CutPoint::FromStart;
    let cut = |stage: &Stage, from, to| cut_one(&stage.recording, from, to, None, 8 * S);
    assert_eq!(cut(&stage, at(4 * S), at(4 * S)), Err(CutError::Backwards));
    assert_eq!(cut(&stage, at(6 * S), at(4 * S)), Err(CutError::Backwards));
    assert_eq!(cut(&stage, at(18 * S), at(21 * S)), Err(CutError::Outside { length_us: 20 * S }));
    assert_eq!(cut(&stage, at(20 * S), at(21 * S)), Err(CutError::Outside { length_us: 20 * S }));
    assert_eq!(cut(&stage, at(0), at(9 * S)), Err(CutError::TooLong { limit_us: 8 * S }));
    stage.stop();
    assert_eq!(cut(&stage, CutPoint::BackFromNow(S), CutPoint::BackFromNow(0)), Err(CutError::NotOnAir));
    let empty = Stage::low();
    assert_eq!(cut(&empty, at(0), at(S)), Err(CutError::Empty));
}

#[test]
fn a_cut_begins_where_decoding_can() {
    let mut stage = Stage::low();
    stage.segments(3);
    // A GOP that is too long: cut without a key frame.
    stage.part(2_000, false, true);
    stage.part(2_000, false, true);
    stage.segments(1);
    stage.act(Input::GoLive { from_start: true });
    for entry in &mut stage.entries {
        if let Entry::Segment { msn: 3 | 4, independent, .. } = entry {
            *independent = false;
        }
    }
    let recording = Recording::fold(&stage.entries);
    let cut =
        cut_one(&recording, CutPoint::FromStart(9 * S), CutPoint::FromStart(10 * S), None, 60 * S).unwrap();
    assert_eq!(cut.edit.spans, [Span { from_us: 4 * S, to_us: 10 * S }]);
}

#[test]
fn ranges_are_cut_in_their_order_and_shown_as_often_as_they_were_asked_for() {
    let stage = with_an_outage();
    let ranges = |seconds: &[(u64, u64)]| -> Vec<CutRange> {
        let at = |second: u64| CutPoint::FromStart(second * S);
        seconds.iter().map(|(from, to)| CutRange { from: at(*from), to: at(*to) }).collect()
    };
    let cut = |seconds: &[(u64, u64)]| {
        let cut = stage.recording.cut(&ranges(seconds), None, 20 * S)?;
        let spans = cut.edit.spans.iter().map(|span| (span.from_us / S, span.to_us / S)).collect::<Vec<_>>();
        Ok::<_, NotCut>((spans, cut.duration_ms / 1_000, cut.files))
    };
    assert_eq!(cut(&[(2, 4), (6, 8)]), Ok((vec![(2, 4), (6, 8)], 4, 2)), "a file goes on, or is another");
    assert_eq!(cut(&[(6, 8), (2, 4)]), Ok((vec![(6, 8), (2, 4)], 4, 2)), "backwards");
    assert_eq!(cut(&[(2, 6), (4, 8)]), Ok((vec![(2, 6), (4, 8)], 8, 2)), "what is shared, twice");
    assert_eq!(cut(&[(2, 4), (4, 8)]), Ok((vec![(2, 8)], 6, 1)), "one behind the other");
    assert_eq!(cut(&[(2, 3), (3, 5)]), Ok((vec![(2, 6)], 4, 1)), "what only the alignment shares, once");
    assert_eq!(
        cut(&[(3, 4), (8, 11), (0, 1)]),
        Ok((vec![(2, 4), (8, 22), (0, 2)], 8, 4)),
        "another format, too"
    );
    let not = |range, why| Err(NotCut { range, why });
    assert_eq!(cut(&[(2, 4), (5, 5)]), not(1, CutError::Backwards));
    assert_eq!(cut(&[(0, 12), (0, 4), (0, 6)]), not(2, CutError::TooLong { limit_us: 20 * S }));
    assert_eq!(cut(&[]), not(0, CutError::Empty));

    // A cut of what was joined counts what is shown, and stays in it.
    let within = [(6, 8), (2, 6), (4, 8)].map(|(from, to)| Span { from_us: from * S, to_us: to * S });
    let of = stage.recording.cut(&ranges(&[(1, 8)]), Some(&Edit::from(within.to_vec())), 60 * S).unwrap();
    let spans: Vec<_> = of.edit.spans.iter().map(|span| (span.from_us / S, span.to_us / S)).collect();
    assert_eq!(spans, [(6, 8), (2, 6), (4, 6)]);
    let text = vod::media(&stage.recording, &of.edit, Closing::Closed).unwrap();
    let uris: Vec<_> = text.lines().filter(|line| line.ends_with(".m4s")).collect();
    assert_eq!(uris, ["3.m4s", "1.m4s", "2.m4s", "2.m4s"]);
    assert_eq!(text.matches("#EXT-X-DISCONTINUITY").count(), 2, "{text}");
}

/// A cut of 20 s of segments of 2 s, from 3.5 s to 17.25 s: the first part of its beginning coded anew, its end taken as it is.
fn exact() -> Edit {
    let span = |from_us: u64, to_us: u64| Span { from_us, to_us };
    let edge =
        |name, shows, of, init| Edge { name: EdgeName(name), span: shows, of, len: 1_000, crc32: 1, init };
    let own = EdgeInit::Own { len: 700, codecs: "avc1.640028,mp4a.40.2".to_owned() };
    let begins = edge(0xb, span(3_500_000, 4 * S), span(2 * S, 4 * S), own);
    let ends = edge(0xe, span(16 * S, 17_250_000), span(16 * S, 18 * S), EdgeInit::Session(0));
    let spans = vec![begins.span, span(4 * S, 16 * S), ends.span];
    Edit { spans, edges: vec![begins, ends] }
}

fn twenty_seconds() -> Stage {
    let mut stage = Stage::low();
    stage.segments(10);
    stage.act(Input::GoLive { from_start: true });
    stage
}

#[test]
fn an_exact_cut_shows_its_edges_in_the_place_of_segments() {
    let stage = twenty_seconds();
    let edit = exact();
    let extent = stage.recording.extent_of(&edit);
    assert_eq!((extent.duration_ms, extent.gaps_ms, extent.files), (13_750, 0, 2));
    insta::assert_snapshot!(vod::media(&stage.recording, &edit, Closing::Closed).unwrap());
    let multivariant = vod::multivariant(&stage.recording, &edit, "vod.m3u8", None).unwrap();
    assert!(multivariant.contains("avc1.640028"), "{multivariant}");
    assert_eq!(vod::edge_names(EdgeName(0xb))[1], format!("{:032x}.mp4", 0xb));
}

#[test]
fn a_cut_of_an_exact_cut_counts_what_it_shows() {
    let stage = twenty_seconds();
    let (recording, within) = (&stage.recording, exact());
    let at = |ms: u64| CutPoint::FromStart(ms * 1_000);
    let range = |from, to| CutRange { from: at(from), to: at(to) };
    let of = recording.cut(&[range(0, 4_500)], Some(&within), 60 * S).unwrap().edit;
    assert_eq!(of.spans, [within.spans[0], Span { from_us: 4 * S, to_us: 8 * S }], "aligned: with its edge");
    assert_eq!(of.edges, within.edges[..1]);
    assert_eq!(recording.aligned(&range(1_000, 3_000), Some(&within)), Ok((500_000, 4_500_000)));
    // Exact: of the session's own media again.
    let ticks = |ms: u64| ms * 90;
    let stretches = recording.stretches(&[range(250, 13_500)], Some(&within), 60 * S).unwrap();
    assert_eq!(stretches, [[Stretch { from: ticks(3_750), to: ticks(17_000) }]]);
}

#[test]
fn an_exact_cut_leaves_whole_what_lies_between_key_frames() {
    let stage = twenty_seconds();
    let plan = |from: u64, to: u64| stage.recording.plan(&Stretch { from: from * 90, to: to * 90 });
    let told = |planned: Vec<Planned>| -> Vec<(u64, u64, bool)> {
        let one = |planned| match planned {
            Planned::Whole(span) => (span.from_us / 1_000, span.to_us / 1_000, true),
            Planned::Part { keep, .. } => (keep.from / 90, keep.to / 90, false),
        };
        planned.into_iter().map(one).collect()
    };
    assert_eq!(
        told(plan(3_500, 9_000)),
        [(3_500, 4_000, false), (4_000, 8_000, true), (8_000, 9_000, false)]
    );
    assert_eq!(told(plan(4_000, 8_000)), [(4_000, 8_000, true)], "on key frames it is aligned");
    assert_eq!(told(plan(2_500, 3_000)), [(2_500, 3_000, false)], "both edges in one");
    assert_eq!(
        told(plan(3_900, 30_000)),
        [(3_900, 4_000, false), (4_000, 20_000, true)],
        "as far as there is"
    );
    let rounded = stage.recording.plan(&Stretch { from: 4_000 * 90 + 40, to: 8_000 * 90 - 40 });
    assert_eq!(told(rounded), [(4_000, 8_000, true)], "as near as a player tells");
    assert_eq!(told(plan(25_000, 26_000)), [], "there is nothing");
}

#[test]
fn a_group_of_pictures_over_several_segments_is_one_block() {
    let mut stage = twenty_seconds();
    for entry in &mut stage.entries {
        if let Entry::Segment { msn: 3 | 4, independent, .. } = entry {
            *independent = false;
        }
    }
    let recording = Recording::fold(&stage.entries);
    let planned = recording.plan(&Stretch { from: 7_000 * 90, to: 9_000 * 90 });
    let [Planned::Part { block, keep }] = planned.as_slice() else { panic!("{planned:?}") };
    assert_eq!((block.first, block.last, block.after, block.independent), (2, 4, Some(5), true));
    assert_eq!((block.from, block.to), (4_000 * 90, 10_000 * 90));
    assert_eq!(*keep, Stretch { from: 7_000 * 90, to: 9_000 * 90 });
}
