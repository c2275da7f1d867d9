//! What is kept of sessions: begun, ready, given up, expired, erased; clips and trims; what must be kept of the media.

use sigma_app::{
    Access, AppError, AssetKind, AssetRow, AssetState, ClipOf, ClipRange, Cut, CutError, CutPoint, CutRange,
    Edge, EdgeInit, EventFilter, EventRange, Extent, FeedFacts, LossCause, MediaError, NewApiToken,
    NewChannel, NewClip, Recorded, Report, Scope, Shown, Span, Wanted,
};

use crate::world::{Made, World, caller, facts, input, named, with_key};

const SECOND: u64 = 1_000_000;

/// A cut of whole seconds.
pub(crate) fn cut(spans: &[(u64, u64)]) -> Cut {
    let Extent { spans, duration_ms, bytes, gaps_ms, files } = extent(spans);
    Cut { spans, edges: None, duration_ms, bytes, gaps_ms, files }
}

fn span(from: u64, to: u64) -> Span {
    Span { from_us: from * SECOND, to_us: to * SECOND }
}

fn extent(spans: &[(u64, u64)]) -> Extent {
    let seconds: u64 = spans.iter().map(|(from, to)| to - from).sum();
    Extent {
        spans: spans.iter().map(|(from, to)| span(*from, *to)).collect(),
        duration_ms: seconds * 1000,
        bytes: seconds * 300_000,
        gaps_ms: 0,
        files: 1,
    }
}

/// A minute, of which viewers saw all but the first two seconds.
pub(crate) fn a_minute() -> Option<Recorded> {
    Some(Recorded { all: extent(&[(0, 60)]), public: Some(extent(&[(2, 60)])) })
}

/// A session that was live and has ended.
pub(crate) async fn ended(world: &World, made: &Made) -> String {
    let grant = world.live(&made.stream_key).await;
    world.settle().await;
    world.report(&grant, Report::Left).await;
    grant.session.session
}

async fn states(world: &World, session: &str) -> Vec<(AssetKind, AssetState)> {
    world.assets(session).await.into_iter().map(|row| (row.kind, row.state)).collect()
}

use AssetKind::{Catchup, Source};
use AssetState::{Deleted, Expired, Failed, Ready, Started};

#[tokio::test]
async fn a_source_begins_with_the_media_and_a_catchup_with_the_public() {
    let world = World::new().await;
    let made = world.channel_with(NewChannel { auto_go_live: Some(false), ..named("x") }).await;
    let grant = world.feed(&made.stream_key, false).await.unwrap();
    assert_eq!((grant.session.dvr_window_s, grant.session.keeps), (7_200, true));
    let session = &grant.session.session;
    world.settle().await;
    assert_eq!(states(&world, session).await, [], "no media yet");
    world.report(&grant, Report::Processing(input())).await;
    world.settle().await;
    assert_eq!(states(&world, session).await, [(Source, Started)]);
    world.app.go_live(&caller(), session).await.unwrap();
    world.settle().await;
    world.settle().await;
    assert_eq!(states(&world, session).await, [(Source, Started), (Catchup, Started)]);
    let rows = world.assets(session).await;
    assert!(rows.iter().all(|row| row.channel == made.channel.id && row.project == "pr_default"));
    for row in rows {
        assert_eq!(world.events("asset", &row.id).await, ["asset.started"], "once");
    }
}

#[tokio::test]
async fn nothing_is_begun_where_the_channel_wants_none() {
    let world = World::new().await;
    for (source, catchup) in [(false, false), (true, false), (false, true)] {
        let recording = NewChannel { record_source: Some(source), catchup: Some(catchup), ..named("x") };
        let made = world.channel_with(NewChannel { dvr_window: Some(0), ..recording }).await;
        let grant = world.live(&made.stream_key).await;
        assert_eq!((grant.session.dvr_window_s, grant.session.keeps), (0, source || catchup));
        world.settle().await;
        let kinds: Vec<_> =
            states(&world, &grant.session.session).await.into_iter().map(|(k, _)| k).collect();
        let wanted = [(Source, source), (Catchup, catchup)].into_iter().filter_map(|(k, w)| w.then_some(k));
        assert_eq!(kinds, wanted.collect::<Vec<_>>());
        world.report(&grant, Report::Left).await;
        world.app.recorded(&grant.session.session, a_minute()).await.unwrap();
        assert_eq!(states(&world, &grant.session.session).await.len(), kinds.len());
    }
}

#[tokio::test]
async fn what_was_recorded_is_ready_with_the_end_and_told_twice_is_told_once() {
    let world = World::new().await;
    let made = world.channel().await;
    let session = ended(&world, &made).await;
    world.app.recorded(&session, a_minute()).await.unwrap();
    world.app.recorded(&session, a_minute()).await.unwrap();
    world.app.recorded(&session, None).await.unwrap();
    world.settle().await;
    let [source, catchup] = world.assets(&session).await.try_into().unwrap();
    assert_eq!((source.state, source.duration_ms(), source.expires_at_ms), (Ready, Some(60_000), None));
    assert_eq!((catchup.state, catchup.spans.clone()), (Ready, vec![span(2, 60)]));
    assert_eq!(world.events("asset", &source.id).await, ["asset.started", "asset.ready"]);
    let playback = world.app.asset_playback(&catchup.id).await.unwrap().unwrap();
    assert_eq!(
        (playback.session, playback.kind, playback.shown.spans),
        (session, Catchup, vec![span(2, 60)])
    );
    assert_eq!(world.app.asset_playback("as_nothing").await, Ok(None));
    assert_eq!(world.app.asset_playback("as_0190163d8694739bb9fe2b8f9c1f8f5a").await, Ok(None));
}

#[tokio::test]
async fn the_media_may_be_faster_than_the_process_managers() {
    let world = World::new().await;
    let made = world.channel().await;
    let grant = world.live(&made.stream_key).await;
    let session = &grant.session.session;
    let too_early = world.app.recorded(session, a_minute()).await;
    assert!(matches!(too_early, Err(MediaError::Unavailable(_))), "{too_early:?}");
    world.report(&grant, Report::Left).await;
    world.app.recorded(session, a_minute()).await.unwrap();
    world.settle().await;
    for row in world.assets(session).await {
        assert_eq!(world.events("asset", &row.id).await, ["asset.started", "asset.ready"]);
    }
    assert!(matches!(world.app.recorded("se_x", None).await, Err(MediaError::Refused(_))));
}

#[tokio::test]
async fn where_there_is_no_room_a_session_goes_on_air_and_is_not_recorded() {
    let world = World::new().await;
    let made = world.channel().await;
    let full = FeedFacts { room_to_record: false, ..facts(false) };
    let grant = world.app.open_feed(made.channel.id.as_str(), full).await.unwrap();
    assert!(!grant.session.keeps);
    world.report(&grant, Report::Processing(input())).await;
    world.report(&grant, Report::Playable).await;
    world.settle().await;
    let session = &grant.session.session;
    assert_eq!(states(&world, session).await, []);
    assert_eq!(world.app.wanted(session).await, Ok(Wanted { on_air: true, ..Wanted::default() }));
    // Its clips are kept all the same.
    world.recordings.answer(Ok(cut(&[(10, 40)])));
    world.app.create_clip(&caller(), clip_of(session, -30, 0)).await.unwrap();
    world.settle().await;
    let wanted = world.app.wanted(session).await.unwrap();
    assert_eq!(wanted, Wanted { on_air: true, spans: vec![span(10, 40)], ..Wanted::default() });
    // A feed of the next session finds room again.
    world.report(&grant, Report::Left).await;
    assert!(world.feed(&made.stream_key, false).await.unwrap().session.keeps);
}

#[tokio::test]
async fn a_session_without_media_has_failed_assets_and_one_that_was_never_public_no_catchup() {
    let world = World::new().await;
    let made = world.channel().await;
    let session = ended(&world, &made).await;
    world.app.recorded(&session, None).await.unwrap();
    assert_eq!(states(&world, &session).await, [(Source, Failed), (Catchup, Failed)]);
    let reasons: Vec<_> =
        world.assets(&session).await.iter().map(|row| row.failure.unwrap().code()).collect();
    assert_eq!(reasons, ["NO_MEDIA", "NO_MEDIA"]);

    let grant = world.feed(&made.stream_key, false).await.unwrap();
    world.report(&grant, Report::Processing(input())).await;
    world.report(&grant, Report::Left).await;
    let all = Some(Recorded { public: None, ..a_minute().unwrap() });
    world.app.recorded(&grant.session.session, all).await.unwrap();
    assert_eq!(states(&world, &grant.session.session).await, [(Source, Ready)]);
}

#[tokio::test]
async fn what_nobody_speaks_of_for_an_hour_is_given_up_and_comes_back_with_its_node() {
    let world = World::new().await;
    let made = world.channel().await;
    let grant = world.live(&made.stream_key).await;
    let session = &grant.session.session;
    world.settle().await;
    world.app.node_started(crate::world::NODE).await.unwrap();
    world.later(60);
    world.settle().await;
    assert_eq!(world.session_row(session).await.end_reason.unwrap().code(), "NODE_LOST");
    world.later(3_599);
    world.settle().await;
    assert_eq!(states(&world, session).await, [(Source, Started), (Catchup, Started)]);
    world.later(1);
    world.settle().await;
    assert_eq!(states(&world, session).await, [(Source, Failed), (Catchup, Failed)]);
    let everything = Wanted { on_air: false, everything: true, ..Wanted::default() };
    assert_eq!(world.app.wanted(session).await, Ok(everything), "its node may still come back");
    world.app.recorded(session, a_minute()).await.unwrap();
    assert_eq!(states(&world, session).await, [(Source, Ready), (Catchup, Ready)]);
}

#[tokio::test]
async fn sessions_of_before_there_were_assets_get_none() {
    let world = World::new().await;
    let made = world.channel().await;
    let grant = world.live(&made.stream_key).await;
    world.report(&grant, Report::Left).await;
    world.later(3_600);
    world.settle().await;
    assert_eq!(states(&world, &grant.session.session).await, []);
    assert_eq!(world.app.wanted(&grant.session.session).await, Ok(Wanted::default()));
}

#[tokio::test]
async fn what_is_kept_for_a_time_expires_when_that_is_up_and_not_before() {
    for lose_file in [false, true] {
        let mut world = World::new().await;
        let kept = NewChannel { source_retention: Some(60), catchup_retention: Some(600), ..named("x") };
        let made = world.channel_with(kept).await;
        let session = ended(&world, &made).await;
        world.app.recorded(&session, a_minute()).await.unwrap();
        world.settle().await;
        // It is as it was when it became ready.
        let update = sigma_app::ChannelUpdate { source_retention: Some(None), ..Default::default() };
        world.app.update_channel(&caller(), &made.channel.id, update).await.unwrap();
        world.settle().await;
        if lose_file {
            std::fs::remove_file(world.folder.path().join("process.sqlite")).unwrap();
        }
        world = world.restarted().await;
        world.later(59);
        world.settle().await;
        assert_eq!(states(&world, &session).await, [(Source, Ready), (Catchup, Ready)]);
        world.later(1);
        world.settle().await;
        assert_eq!(states(&world, &session).await, [(Source, Expired), (Catchup, Ready)]);
        let kept = world.app.wanted(&session).await.unwrap();
        assert_eq!(kept.spans, [span(2, 60)], "of the catchup alone");
        world.later(540);
        world.settle().await;
        assert_eq!(states(&world, &session).await, [(Source, Expired), (Catchup, Expired)]);
        assert_eq!(world.app.wanted(&session).await, Ok(Wanted::default()));
    }
}

#[tokio::test]
async fn assets_outlive_their_channel_until_it_is_erased() {
    let world = World::new().await;
    let made = world.channel().await;
    let session = ended(&world, &made).await;
    world.app.recorded(&session, a_minute()).await.unwrap();
    let other = ended(&world, &made).await;
    world.app.delete_channel(&caller(), &made.channel.id).await.unwrap();
    world.settle().await;
    assert_eq!(states(&world, &session).await, [(Source, Ready), (Catchup, Ready)]);
    world.app.erase_channel(&caller(), &made.channel.id).await.unwrap();
    world.settle().await;
    assert_eq!(states(&world, &session).await, [(Source, Deleted), (Catchup, Deleted)]);
    assert_eq!(
        states(&world, &other).await,
        [(Source, Deleted), (Catchup, Deleted)],
        "also what was recorded"
    );
    // What is told of it afterwards comes too late.
    world.app.recorded(&other, a_minute()).await.unwrap();
    assert_eq!(states(&world, &other).await, [(Source, Deleted), (Catchup, Deleted)]);
}

fn clip_of(session: &str, from: i64, to: i64) -> NewClip {
    NewClip { session_id: Some(session.to_owned()), of: ClipOf::One(range(from, to)), ..NewClip::default() }
}

fn range(from: i64, to: i64) -> ClipRange {
    ClipRange { from_us: from * 1_000_000, to_us: to * 1_000_000 }
}

/// A range of whole seconds, as the media is asked for it.
fn from_start(from: u64, to: u64) -> CutRange {
    CutRange { from: CutPoint::FromStart(from * SECOND), to: CutPoint::FromStart(to * SECOND) }
}

async fn titles(world: &World, rows: &[&AssetRow]) -> Vec<Option<String>> {
    let titles = rows.iter().filter_map(|row| Some((row.channel.as_str(), row.title.as_ref()?)));
    world.app.asset_titles(&titles.collect::<Vec<_>>()).await.unwrap()
}

#[tokio::test]
async fn a_clip_of_a_session_on_air_is_ready_at_once_and_its_title_is_sealed() {
    let world = World::new().await;
    let made = world.channel().await;
    let grant = world.live(&made.stream_key).await;
    let session = &grant.session.session;
    world.recordings.answer(Ok(cut(&[(10, 40)])));
    let input = NewClip { title: Some(" Zanzibar scores ".into()), ..clip_of(session, -30, 0) };
    let clip = world.app.create_clip(&caller(), input).await.unwrap().value;
    assert_eq!((clip.kind, clip.state, clip.duration_ms()), (AssetKind::Clip, Ready, Some(30_000)));
    assert_eq!((clip.expires_at_ms, clip.parent.as_deref()), (None, None));
    let back = |seconds: u64| CutPoint::BackFromNow(seconds * SECOND);
    assert_eq!(world.recordings.asked(), [(vec![CutRange { from: back(30), to: back(0) }], None)]);
    let stored = format!("{:?}", world.store.load("asset", &clip.id).await.unwrap());
    assert!(stored.contains("sealed") && !stored.contains("Zanzibar"), "{stored}");
    assert_eq!(titles(&world, &[&clip]).await, [Some("Zanzibar scores".to_owned())]);
    let filter = EventFilter { aggregate_id: Some(clip.id.clone()), ..EventFilter::default() };
    let events = world.app.events_page(&caller(), filter, EventRange::After(None), 9).await.unwrap().events;
    assert_eq!(events[0].data["title"], serde_json::json!({ "plain": "Zanzibar scores" }));
    // A clip made beside the recordings keeps its part of the media.
    world.settle().await;
    let wanted = world.app.wanted(session).await.unwrap();
    assert_eq!(wanted, Wanted { on_air: true, everything: true, spans: vec![span(10, 40)], edges: vec![] });

    world.report(&grant, Report::Left).await;
    world.app.erase_channel(&caller(), &made.channel.id).await.unwrap();
    world.settle().await;
    let row = world.assets(session).await.pop().unwrap();
    assert_eq!((row.id.as_str(), row.state), (clip.id.as_str(), Deleted));
    assert_eq!(titles(&world, &[&row]).await, [None]);
    world.recordings.answer(Ok(cut(&[(10, 40)])));
    let late = NewClip { title: Some("Zanzibar again".into()), ..clip_of(session, 10, 40) };
    let late = world.app.create_clip(&caller(), late).await;
    assert!(matches!(&late, Err(AppError::NotFound { kind: "session", .. })), "{late:?}");
    assert!(world.store.secrets_of("subject_key", &made.channel.id).await.unwrap().is_empty());
}

#[tokio::test]
async fn a_clip_of_an_asset_is_cut_from_what_is_shown_of_it() {
    let world = World::new().await;
    let made = world.channel().await;
    let session = ended(&world, &made).await;
    let catchup = world.assets(&session).await.pop().unwrap().id;
    let of = |from: i64, to: i64| NewClip {
        session_id: None,
        asset_id: Some(catchup.clone()),
        ..clip_of("", from, to)
    };
    let early = world.app.create_clip(&caller(), of(0, 1)).await;
    assert!(matches!(&early, Err(AppError::Refused { code, .. }) if code == "NOT_READY"), "{early:?}");
    world.app.recorded(&session, a_minute()).await.unwrap();
    world.recordings.answer(Ok(cut(&[(12, 32)])));
    world.app.trim_asset(&caller(), &catchup, 10_000_000, 30_000_000, false).await.unwrap();
    world.recordings.answer(Ok(cut(&[(14, 16)])));
    let clip = world.app.create_clip(&caller(), of(2, 4)).await.unwrap().value;
    assert_eq!((clip.parent, clip.session), (Some(catchup.clone()), session.clone()));
    assert_eq!(
        world.recordings.asked(),
        [
            (vec![from_start(10, 30)], Some(vec![span(2, 60)])),
            (vec![from_start(2, 4)], Some(vec![span(12, 32)]))
        ]
    );
    // A negative point is back from now, and an asset has no now.
    let fields = |answer: Result<_, AppError>| match answer.map(drop) {
        Err(AppError::BadInput { fields }) => fields.into_iter().map(|field| field.path).collect::<Vec<_>>(),
        other => panic!("{other:?}"),
    };
    assert_eq!(fields(world.app.create_clip(&caller(), of(-5, -1)).await), ["from", "to"]);
    let both = NewClip { session_id: Some(session), ..of(1, 2) };
    assert_eq!(fields(world.app.create_clip(&caller(), both).await), ["sessionId"]);
    assert_eq!(fields(world.app.create_clip(&caller(), NewClip::default()).await), ["sessionId"]);
    let long = NewClip { title: Some("x".repeat(101)), ..of(1, 2) };
    assert_eq!(fields(world.app.create_clip(&caller(), long).await), ["title"]);
    assert_eq!(world.recordings.asked(), [], "nothing is cut for what is wrong");
}

#[tokio::test]
async fn what_the_media_says_no_to_names_the_field_and_the_mend() {
    let world = World::new().await;
    let made = world.channel().await;
    let grant = world.live(&made.stream_key).await;
    let cases = [
        (CutError::Unknown, "sessionId", "no media of this session"),
        (CutError::Backwards, "to", "later moment"),
        (CutError::Outside { length_us: 12_500_000 }, "to", "12.5 s long"),
        (CutError::Empty, "from", "nothing but a gap"),
        (CutError::TooLong { limit_us: 3_600_000_000 }, "to", "longer than 3600 s"),
        (CutError::NotOnAir, "from", "not on air"),
        (
            CutError::NotExact { why: "this is AV1".into(), from_us: 2_000_000, to_us: 6_500_000 },
            "exact",
            "this is AV1; leave `exact` out, and it is cut from 2 s to 6.5 s",
        ),
    ];
    for (error, path, words) in cases {
        world.recordings.answer(Err(error));
        match world.app.create_clip(&caller(), clip_of(&grant.session.session, 1, 2)).await.map(drop) {
            Err(AppError::BadInput { fields }) => {
                assert_eq!(fields.len(), 1);
                assert_eq!(fields[0].path, path);
                assert!(fields[0].message.contains(words), "{}", fields[0].message);
            }
            other => panic!("{other:?}"),
        }
    }
    world.recordings.answer(Err(CutError::Unavailable("the disk hangs".into())));
    let away = world.app.create_clip(&caller(), clip_of(&grant.session.session, 1, 2)).await.map(drop);
    assert!(
        matches!(&away, Err(AppError::Unavailable { message, .. }) if message.contains("the disk hangs"))
    );
}

#[tokio::test]
async fn highlights_are_ranges_in_the_order_in_which_they_were_named() {
    let world = World::new().await;
    let made = world.channel().await;
    let session = world.live(&made.stream_key).await.session.session;
    let of = |ranges: &[(i64, i64)]| NewClip {
        of: ClipOf::Many(ranges.iter().map(|(from, to)| range(*from, *to)).collect()),
        ..clip_of(&session, 0, 0)
    };
    world.recordings.answer(Ok(cut(&[(20, 30), (4, 8), (6, 10)])));
    let clip = world.app.create_clip(&caller(), of(&[(20, 30), (4, 8), (6, 10)])).await.unwrap().value;
    assert_eq!(clip.spans, [span(20, 30), span(4, 8), span(6, 10)], "backwards, and some of it twice");
    let asked = vec![from_start(20, 30), from_start(4, 8), from_start(6, 10)];
    assert_eq!(world.recordings.asked(), [(asked, None)]);
    let playback = world.app.asset_playback(&clip.id).await.unwrap().unwrap();
    assert_eq!(playback.shown.spans, clip.spans);

    let fields = |answer: Result<_, AppError>| match answer.map(drop) {
        Err(AppError::BadInput { fields }) => fields.into_iter().map(|field| field.path).collect::<Vec<_>>(),
        other => panic!("{other:?}"),
    };
    assert_eq!(fields(world.app.create_clip(&caller(), of(&[])).await), ["ranges"]);
    assert_eq!(fields(world.app.create_clip(&caller(), of(&[(0, 1); 51])).await), ["ranges"]);
    assert_eq!(world.recordings.asked(), []);
    let exact = NewClip { exact: true, ..of(&[(0, 1); 11]) };
    assert_eq!(fields(world.app.create_clip(&caller(), exact).await), ["ranges"]);
    world.recordings.answer(Err(CutError::Backwards));
    assert_eq!(fields(world.app.create_clip(&caller(), of(&[(0, 1), (3, 2)])).await), ["ranges.1.to"]);
    let many: Vec<_> = (0..1_001).map(|second| (2 * second, 2 * second + 1)).collect();
    world.recordings.answer(Ok(cut(&many)));
    assert_eq!(fields(world.app.create_clip(&caller(), of(&[(0, 1)])).await), ["ranges"]);
}

fn edge(name: char, shows: (u64, u64), of: (u64, u64)) -> Edge {
    let span = |(from, to): (u64, u64)| sigma_app::MediaSpan::new(from, to).unwrap();
    let name = std::iter::repeat_n(name, 32).collect::<String>().try_into().unwrap();
    let init = EdgeInit::Own { bytes: 800, codecs: "avc1.64001f,mp4a.40.2".into() };
    Edge { name, span: span(shows), of: span(of), bytes: 90_000, crc32: 7, init }
}

#[tokio::test]
async fn an_exact_cut_names_its_edges_and_what_they_were_made_of_until_it_is_taken_back() {
    let world = World::new().await;
    let made = world.channel().await;
    let session = ended(&world, &made).await;
    world.app.recorded(&session, a_minute()).await.unwrap();
    let id = world.assets(&session).await.pop().unwrap().id;
    let part = edge('a', (3_500_000, 4_000_000), (2_000_000, 4_000_000));
    let spans = vec![Span { from_us: 3_500_000, to_us: 4_000_000 }, span(4, 10)];
    let exact = Cut { spans: spans.clone(), edges: Some(vec![part.clone()]), ..cut(&[(4, 10)]) };
    world.recordings.answer(Ok(exact));
    let row = world.app.trim_asset(&caller(), &id, 1_500_000, 8_000_000, true).await.unwrap().value;
    assert!(row.is_exact());
    assert_eq!(world.recordings.exactly(), 1);
    let playback = world.app.asset_playback(&id).await.unwrap().unwrap();
    assert_eq!(playback.shown, Shown { spans, edges: vec![part.clone()] });
    let wanted = world.app.wanted(&session).await.unwrap();
    assert_eq!(wanted.edges, ["a".repeat(32)]);
    assert!(wanted.spans.contains(&span(2, 4)), "it may be cut again: {wanted:?}");

    // A clip of it is cut from what is shown, its edge included.
    world.recordings.asked();
    world.recordings.answer(Ok(Cut { edges: Some(vec![]), ..cut(&[(4, 6)]) }));
    let of = NewClip { session_id: None, asset_id: Some(id.clone()), exact: true, ..clip_of("", 1, 2) };
    let clip = world.app.create_clip(&caller(), of).await.unwrap().value;
    assert!(clip.is_exact(), "on key frames it needs no edge");
    assert_eq!(world.recordings.exactly(), 2);

    let row = world.app.untrim_asset(&caller(), &id).await.unwrap().value;
    assert!(!row.is_exact());
    assert_eq!(world.app.wanted(&session).await.unwrap().edges, Vec::<String>::new());
    let many = Cut { edges: Some(vec![part; 201]), ..cut(&[(4, 10)]) };
    world.recordings.answer(Ok(many));
    let refused = world.app.trim_asset(&caller(), &id, 0, 1_000_000, true).await;
    assert!(matches!(refused, Err(AppError::BadInput { .. })), "{refused:?}");
}

#[tokio::test]
async fn the_same_idempotency_key_makes_one_clip() {
    let world = World::new().await;
    let made = world.channel().await;
    let session = world.live(&made.stream_key).await.session.session;
    world.recordings.answer(Ok(cut(&[(0, 5)])));
    let make = async || {
        let input = NewClip { title: Some("x".into()), ..clip_of(&session, 0, 5) };
        world.app.create_clip(&with_key("k", "body"), input).await.unwrap()
    };
    let (first, again) = (make().await, make().await);
    assert_eq!((first.aggregate_id.clone(), again.repeated), (again.aggregate_id, true));
    assert_eq!(first.value, again.value);
    assert_eq!(world.recordings.asked().len(), 1);
}

#[tokio::test]
async fn a_trim_shows_a_part_and_is_taken_back() {
    let world = World::new().await;
    let made = world.channel().await;
    let session = ended(&world, &made).await;
    world.app.recorded(&session, a_minute()).await.unwrap();
    let id = world.assets(&session).await.pop().unwrap().id;
    let shown = async || world.app.asset_playback(&id).await.unwrap().unwrap();
    let whole = shown().await;
    world.recordings.answer(Ok(cut(&[(10, 20)])));
    let row = world.app.trim_asset(&caller(), &id, 8_000_000, 18_000_000, false).await.unwrap().value;
    assert_eq!((row.duration_ms(), row.whole_duration_ms), (Some(10_000), Some(58_000)));
    let part = shown().await;
    assert_eq!(part.shown.spans, [span(10, 20)]);
    assert!(part.version != whole.version);
    let wanted = world.app.wanted(&session).await.unwrap();
    assert!(wanted.spans.contains(&span(2, 60)), "what is trimmed away is kept");
    let row = world.app.untrim_asset(&caller(), &id).await.unwrap().value;
    assert_eq!((row.duration_ms(), row.trim), (Some(58_000), None));
    assert_eq!(shown().await.shown, whole.shown);
    assert!(shown().await.version != part.version);
    let again = world.app.untrim_asset(&caller(), &id).await;
    assert!(matches!(&again, Err(AppError::Refused { code, .. }) if code == "NOT_TRIMMED"), "{again:?}");
}

#[tokio::test]
async fn what_is_deleted_is_gone_also_while_it_is_recorded() {
    let world = World::new().await;
    let made = world.channel().await;
    let grant = world.live(&made.stream_key).await;
    let session = &grant.session.session;
    world.settle().await;
    let source = world.assets(session).await.remove(0).id;
    let row = world.app.delete_asset(&caller(), &source).await.unwrap().value;
    assert_eq!(row.state, Deleted);
    world.settle().await;
    assert_eq!(states(&world, session).await, [(Source, Deleted), (Catchup, Started)], "not begun again");
    world.report(&grant, Report::Lost(LossCause::ConnectionBroken)).await;
    world.app.end_session(&caller(), session).await.unwrap();
    world.app.recorded(session, a_minute()).await.unwrap();
    assert_eq!(states(&world, session).await, [(Source, Deleted), (Catchup, Ready)]);
    assert_eq!(world.app.wanted(session).await.unwrap().spans, [span(2, 60)]);
    let again = world.app.delete_asset(&caller(), &source).await;
    assert!(matches!(&again, Err(AppError::Refused { code, .. }) if code == "ASSET_GONE"), "{again:?}");
    let unknown = world.app.delete_asset(&caller(), "as_0190163d8694739bb9fe2b8f9c1f8f5a").await;
    assert!(matches!(unknown, Err(AppError::NotFound { kind: "asset", .. })));
}

#[tokio::test]
async fn who_may_download_has_the_scope_and_sees_the_channel() {
    let world = World::new().await;
    let (made, other) = (world.channel().await, world.channel().await);
    let session = ended(&world, &made).await;
    let asset = world.assets(&session).await.remove(0).id;
    let token = async |scopes: &[&str], channel: Option<&Made>| {
        let input = NewApiToken {
            name: "x".into(),
            scopes: scopes.iter().map(|scope| (*scope).to_owned()).collect(),
            channel_ids: channel.map(|made| vec![made.channel.id.clone()]),
            ..NewApiToken::default()
        };
        let made = world.app.create_api_token(&caller(), input).await.unwrap().value;
        made.secret.expose().to_owned()
    };
    for (may, token) in [
        (true, token(&["assets:read"], None).await),
        (true, token(&["assets:read"], Some(&made)).await),
        (false, token(&["assets:read"], Some(&other)).await),
        (false, token(&["sessions:read", "assets:write"], None).await),
        (true, crate::world::ADMIN.to_owned()),
        (false, "sgm_wrong".to_owned()),
        (false, String::new()),
    ] {
        assert_eq!(world.app.may_download(&asset, &token).await, may, "{token}");
    }
    assert!(!world.app.may_download("as_x", crate::world::ADMIN).await);
}

/// A sweeper that asks is not told of less than there is.
#[tokio::test]
async fn while_the_view_lags_it_is_not_said_what_must_be_kept() {
    let world = World::new().await;
    let made = world.channel().await;
    let session = ended(&world, &made).await;
    world.app.recorded(&session, a_minute()).await.unwrap();
    world.shows.send(false).unwrap();
    let asked = world.app.wanted(&session);
    tokio::pin!(asked);
    let soon = sigma_clock::timeout(std::time::Duration::from_millis(200), &mut asked).await;
    assert!(soon.is_err(), "it waits for the view");
    world.shows.send(true).unwrap();
    assert_eq!(asked.await.unwrap().spans.len(), 2);
    assert_eq!(world.app.wanted("se_0190163d8694739bb9fe2b8f9c1f8f5a").await, Ok(Wanted::default()));
}

#[tokio::test]
async fn a_bad_retention_is_named() {
    let world = World::new().await;
    let wrong = NewChannel {
        dvr_window: Some(86_401),
        source_retention: Some(59),
        catchup_retention: Some(0),
        ..named("x")
    };
    match world.app.create_channel(&caller(), wrong).await.map(drop) {
        Err(AppError::BadInput { fields }) => {
            let paths: Vec<_> = fields.iter().map(|field| field.path.as_str()).collect();
            assert_eq!(paths, ["dvrWindow", "sourceRetention", "catchupRetention"]);
        }
        other => panic!("{other:?}"),
    }
}

/// Two that know the session do not know its assets.
#[tokio::test]
async fn ids_of_recordings_cannot_be_guessed_from_their_session() {
    let world = World::new().await;
    let made = world.channel().await;
    let session = ended(&world, &made).await;
    let rows: Vec<AssetRow> = world.assets(&session).await;
    let digits = session.trim_start_matches("se_");
    assert!(rows[0].id != rows[1].id && rows.iter().all(|row| !row.id.contains(&digits[16..])));
    let reader = sigma_app::Caller { access: Access::new([Scope::AssetsRead], None), ..caller() };
    let needs = Scope::AssetsWrite;
    assert_eq!(
        world.app.delete_asset(&reader, &rows[0].id).await.map(drop),
        Err(AppError::Forbidden { needs })
    );
}
