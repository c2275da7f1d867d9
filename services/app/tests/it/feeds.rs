//! What a media node asks and reports.

use std::time::Duration;

use sigma_app::{
    ChannelState, Denied, FeedFacts, IngestFault, InputRow, LossCause, MediaError, NewChannel, OrderKind,
    Report, SessionState,
};
use sigma_clock::Clock;

use crate::world::{World, caller, facts, input, named};

#[tokio::test]
async fn the_first_feed_opens_a_session_and_its_reports_take_it_live() {
    let world = World::new().await;
    let made = world.channel().await;
    let grant = world.feed(&made.stream_key, false).await.unwrap();
    assert_eq!((grant.feed, grant.takeover, grant.resumed), (1, false, false));
    assert_eq!(grant.session.playback_id, made.channel.playback_id);
    let row = world.session_row(&grant.session.session).await;
    assert_eq!((row.state, row.node.as_str(), row.feed), (SessionState::Init, "node-1", 1));
    let processing = world.report(&grant, Report::Processing(input())).await;
    assert_eq!((processing.feed, processing.live_at_ms, processing.ended), (1, None, false));
    let live = world.report(&grant, Report::Playable).await;
    assert_eq!(live.live_at_ms, Some(world.clock.now().millis()));
    let row = world.session_row(&grant.session.session).await;
    assert_eq!(row.state, SessionState::Live);
    let expected = InputRow {
        protocol: "RTMP".into(),
        video_codec: Some("H264".into()),
        audio_codec: Some("AAC".into()),
        ..input()
    };
    assert_eq!(row.input, Some(expected));
    let channel = world.channel_row(&made.channel.id).await.unwrap();
    assert_eq!((channel.state, channel.current_session), (ChannelState::Active, Some(row.id)));
}

#[tokio::test]
async fn a_second_feed_is_refused_unless_the_first_is_quiet() {
    let world = World::new().await;
    let made = world.channel().await;
    let first = world.live(&made.stream_key).await;
    assert_eq!(world.feed(&made.stream_key, false).await, Err(Denied::OnAir));
    let second = world.feed(&made.stream_key, true).await.unwrap();
    assert_eq!(second.session.session, first.session.session);
    assert_eq!((second.feed, second.takeover, second.resumed), (2, true, true));
    // What is still said of the first is late and changes nothing.
    let before = world.session_row(&first.session.session).await;
    let late = world.report(&first, Report::Lost(LossCause::ConnectionBroken)).await;
    assert_eq!((late.feed, late.ended), (2, false));
    assert_eq!(world.session_row(&first.session.session).await, before);
}

#[tokio::test]
async fn a_broadcaster_back_inside_the_window_goes_on_in_the_same_session() {
    let world = World::new().await;
    let made = world.channel().await;
    let first = world.live(&made.stream_key).await;
    world.report(&first, Report::Lost(LossCause::ConnectionBroken)).await;
    assert_eq!(world.session_row(&first.session.session).await.state, SessionState::Error);
    world.later(59);
    world.settle().await;
    // The old connection is gone, so nobody need be asked whether it is quiet.
    let back = world.feed(&made.stream_key, false).await.unwrap();
    assert_eq!((back.session.session.as_str(), back.feed), (first.session.session.as_str(), 2));
    assert!(back.session.live_at_ms.is_some() && !back.takeover);
    // While its media is still to come, a third one is asked about.
    assert_eq!(world.feed(&made.stream_key, false).await, Err(Denied::OnAir));
    world.report(&back, Report::Processing(input())).await;
    assert_eq!(world.session_row(&first.session.session).await.state, SessionState::Live);
}

#[tokio::test]
async fn a_broadcaster_who_is_late_gets_a_new_session_even_before_the_deadline_is_fired() {
    let world = World::new().await;
    let made = world.channel().await;
    let first = world.live(&made.stream_key).await;
    world.report(&first, Report::Lost(LossCause::ConnectionBroken)).await;
    world.later(60);
    let second = world.feed(&made.stream_key, false).await.unwrap();
    assert_ne!(second.session.session, first.session.session);
    assert_eq!(second.feed, 1);
    let old = world.session_row(&first.session.session).await;
    assert_eq!(old.end_reason.map(|reason| reason.code()), Some("BROADCASTER_LEFT"));
}

#[tokio::test]
async fn two_feeds_at_once_are_one_session_with_one_feed() {
    for round in 0..20 {
        let world = World::new().await;
        let made = world.channel().await;
        let (one, two) =
            tokio::join!(world.feed(&made.stream_key, false), world.feed(&made.stream_key, false));
        let let_in = [&one, &two].into_iter().filter(|answer| answer.is_ok()).count();
        assert_eq!(let_in, 1, "round {round}: {one:?} {two:?}");
        assert!([&one, &two].into_iter().any(|answer| *answer == Err(Denied::OnAir)), "{one:?} {two:?}");
        let channel = world.events("channel", &made.channel.id).await;
        assert_eq!(channel, ["channel.created", "channel.session_attached"]);
    }
}

#[tokio::test]
async fn of_two_who_come_back_at_once_one_is_let_in() {
    let world = World::new().await;
    let made = world.channel().await;
    let first = world.live(&made.stream_key).await;
    world.report(&first, Report::Lost(LossCause::ConnectionBroken)).await;
    let (one, two) = tokio::join!(world.feed(&made.stream_key, false), world.feed(&made.stream_key, false));
    assert_eq!([&one, &two].into_iter().filter(|answer| answer.is_ok()).count(), 1, "{one:?} {two:?}");
}

#[tokio::test]
async fn an_orderly_unpublish_ends_the_session_and_frees_the_channel_at_once() {
    let world = World::new().await;
    let made = world.channel().await;
    let first = world.live(&made.stream_key).await;
    let left = world.report(&first, Report::Left).await;
    assert_eq!((left.ended, left.feed), (true, 0));
    let channel = world.channel_row(&made.channel.id).await.unwrap();
    assert_eq!(
        (channel.state, channel.last_session),
        (ChannelState::Idle, Some(first.session.session.clone()))
    );
    let next = world.feed(&made.stream_key, false).await.unwrap();
    assert_ne!(next.session.session, first.session.session);
}

#[tokio::test]
async fn where_the_owner_wants_it_an_unpublish_waits_for_the_window() {
    let world = World::new().await;
    let made = world.channel_with(NewChannel { end_on_unpublish: Some(false), ..named("x") }).await;
    let grant = world.live(&made.stream_key).await;
    assert!(!world.report(&grant, Report::Left).await.ended);
    assert_eq!(world.feed(&made.stream_key, false).await.unwrap().feed, 2);
}

#[tokio::test]
async fn media_that_cannot_be_packaged_ends_the_session() {
    let world = World::new().await;
    let made = world.channel().await;
    let grant = world.feed(&made.stream_key, false).await.unwrap();
    assert!(world.report(&grant, Report::Unusable(IngestFault::VideoCodec)).await.ended);
    let row = world.session_row(&grant.session.session).await;
    assert_eq!(row.end_reason.map(|reason| reason.code()), Some("INGEST_ERROR"));
}

#[tokio::test]
async fn silence_is_a_loss_that_the_same_feed_recovers_from() {
    let world = World::new().await;
    let made = world.channel().await;
    let grant = world.live(&made.stream_key).await;
    world.report(&grant, Report::Lost(LossCause::Silence)).await;
    assert_eq!(world.session_row(&grant.session.session).await.state, SessionState::Error);
    world.report(&grant, Report::Processing(input())).await;
    assert_eq!(world.session_row(&grant.session.session).await.state, SessionState::Live);
    // A silent feed may be taken over by whoever comes.
    world.report(&grant, Report::Lost(LossCause::Silence)).await;
    let next = world.feed(&made.stream_key, false).await.unwrap();
    assert_eq!((next.feed, next.takeover), (2, true));
}

#[tokio::test]
async fn orders_tell_what_was_decided_elsewhere_in_order() {
    let world = World::new().await;
    let made = world.channel_with(NewChannel { auto_go_live: Some(false), ..named("x") }).await;
    let start = world.app.node_started("node-1").await.unwrap();
    assert!(start.on_air.is_empty());
    let mut orders = world.app.orders(start.orders);
    let first = world.feed(&made.stream_key, false).await.unwrap();
    let session = first.session.session.clone();
    world.report(&first, Report::Processing(input())).await;
    world.app.go_live(&caller(), &session).await.unwrap();
    world.feed(&made.stream_key, true).await.unwrap();
    let waiting = async {
        let mut kinds = Vec::new();
        while !matches!(kinds.last(), Some(OrderKind::End { .. })) {
            let order = orders.next().await;
            assert_eq!((&order.session, &order.channel), (&session, &made.channel.id));
            // At least once: the log in memory repeats itself.
            if !kinds.contains(&order.kind) {
                kinds.push(order.kind);
            }
        }
        kinds
    };
    let ending = async {
        tokio::task::yield_now().await;
        world.app.end_session(&caller(), &session).await.unwrap()
    };
    let (kinds, _) = tokio::join!(waiting, ending);
    assert!(matches!(
        kinds.as_slice(),
        [OrderKind::GoLive { .. }, OrderKind::FeedOpened { feed: 2, .. }, OrderKind::End { .. }]
    ));
}

#[tokio::test]
async fn a_report_waits_out_an_outage_of_the_store() {
    let world = World::new().await;
    let made = world.channel().await;
    let grant = world.feed(&made.stream_key, false).await.unwrap();
    tokio::time::pause();
    world.switch.off();
    let back = async {
        sigma_clock::sleep(Duration::from_secs(20)).await;
        world.switch.on();
    };
    let (reported, ()) = tokio::join!(world.report(&grant, Report::Processing(input())), back);
    assert_eq!(reported.feed, 1);
    assert_eq!(world.session_row(&grant.session.session).await.state, SessionState::Processing);
    // One that lasts is told, so that the node goes on asking.
    world.switch.off();
    let at = world.clock.now();
    let answer = world.app.report(&grant.session.session, 1, at, Report::Playable).await;
    assert!(matches!(answer, Err(MediaError::Unavailable(_))), "{answer:?}");
    let stranger = world.app.open_feed("ch_nothing", facts(true)).await;
    assert!(matches!(stranger, Err(Denied::Unavailable { .. })), "{stranger:?}");
}

#[tokio::test]
async fn what_makes_no_sense_is_refused_and_not_tried_for_ever() {
    let world = World::new().await;
    let made = world.channel().await;
    let grant = world.feed(&made.stream_key, false).await.unwrap();
    let (session, at) = (grant.session.session.as_str(), world.clock.now());
    let strange = InputRow { video_codec: Some("vp6".into()), ..input() };
    for (session, feed, report) in [
        (session, 1, Report::Processing(strange)),
        (session, 1, Report::Processing(InputRow::default())),
        (session, 0, Report::Playable),
        ("se_nothing", 1, Report::Playable),
        ("se_00000000000000000000000000000000", 1, Report::Playable),
    ] {
        let answer = world.app.report(session, feed, at, report).await;
        assert!(matches!(answer, Err(MediaError::Refused(_))), "{answer:?}");
    }
    assert!(world.app.node_started("no such node!").await.is_err());
    let strange = FeedFacts { node: "no such node!".into(), ..facts(true) };
    assert!(world.app.open_feed(&made.channel.id, strange).await.is_err());
    assert_eq!(world.app.open_feed("ch_nothing", facts(true)).await, Err(Denied::UnknownKey));
}
