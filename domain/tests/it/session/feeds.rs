use super::*;

#[test]
fn media_takes_the_session_to_processing() {
    given::<Session>([opened()])
        .when(report_processing(1, 1))
        .then([processing()])
        .and_it_is(SessionState::Processing);
}

#[test]
fn the_same_format_again_is_no_news() {
    given::<Session>([opened(), processing()]).when(report_processing(1, 5)).then_nothing();
    given::<Session>(on_air()).when(report_processing(1, 5)).then_nothing();
}

#[test]
fn a_changed_format_is_recorded_where_it_changes() {
    let full_hd = picture_and_sound(1080);
    for history in [vec![opened(), processing()], on_air()] {
        let after = given::<Session>(history)
            .when(report_input(1, full_hd, 5))
            .then([input_changed(1, full_hd, 5)])
            .when(report_input(1, full_hd, 6))
            .then_nothing()
            .aggregate();
        let (SessionPhase::Processing { input, .. } | SessionPhase::Live { input, .. }) =
            after.facts().unwrap().phase
        else {
            panic!("{after:?}")
        };
        assert_eq!(input, full_hd);
    }
}

#[test]
fn a_bitrate_that_wanders_is_no_change_of_format() {
    let thinner = sigma_domain::InputFormat::new(
        hd().protocol(),
        hd().video().copied(),
        hd().audio().copied(),
        Some(9),
    )
    .unwrap();
    given::<Session>(on_air()).when(report_input(1, thinner, 5)).then_nothing();
}

#[test]
fn a_second_feed_takes_the_session_over_where_it_stands() {
    for (state, history) in not_ended().into_iter().filter(|(state, _)| *state != SessionState::Error) {
        given::<Session>(history).when(open_feed(10)).then([taken_over_by(2, 10)]).and_it_is(state);
    }
}

#[test]
fn each_feed_has_the_next_number_and_its_own_node() {
    let command = SessionCommand::OpenFeed { node: other_node(), at: at(11) };
    let third = SessionEvent::FeedOpened {
        feed: feed(3),
        node: other_node(),
        takeover: true,
        media_until: None,
        at: at(11),
    };
    let session = given::<Session>([on_air(), vec![taken_over_by(2, 10)]].concat())
        .when(command)
        .then([third])
        .aggregate();
    assert_eq!(session.facts().unwrap().feed().unwrap().node, other_node());
}

#[test]
fn after_a_takeover_the_old_feed_is_not_heard_any_more() {
    let history = [on_air(), vec![taken_over_by(2, 10)]].concat();
    for command in [
        report_input(1, picture_and_sound(1080), 11),
        report_playable(1, 11),
        report_lost(1, LossCause::ConnectionBroken, 11),
        report_lost(1, LossCause::Silence, 11),
        report_left(1, 11),
        report_unusable(1, IngestFault::Malformed, 11),
    ] {
        given::<Session>(history.clone()).when(command).then_nothing().and_it_is(SessionState::Live);
    }
    given::<Session>(history).when(report_lost(2, LossCause::ConnectionBroken, 11)).then([lost(
        2,
        LossCause::ConnectionBroken,
        11,
    )]);
}

#[test]
fn a_feed_that_never_was_is_not_heard() {
    given::<Session>(on_air()).when(report_left(7, 11)).then_nothing();
}

#[test]
fn a_feed_that_is_back_inside_the_window_goes_on_in_the_same_session() {
    given::<Session>(lost_on_air(LossCause::ConnectionBroken))
        .when(open_feed(30))
        .then([back_with(2, 30)])
        .and_it_is(SessionState::Error)
        .when(report_processing(2, 31))
        .then([recovered(2, 31)])
        .and_it_is(SessionState::Live);
}

#[test]
fn what_was_lost_goes_back_to_where_it_was() {
    let broken = lost(1, LossCause::ConnectionBroken, 10);
    given::<Session>([opened(), processing(), broken.clone(), back_with(2, 20)])
        .when(report_processing(2, 21))
        .then([recovered(2, 21)])
        .and_it_is(SessionState::Processing);
    given::<Session>([opened(), broken, back_with(2, 20)])
        .when(report_processing(2, 21))
        .then([recovered(2, 21), processing_of(2, 21)])
        .and_it_is(SessionState::Processing);
}

#[test]
fn it_stays_live_since_it_first_went_live() {
    let history =
        [lost_on_air(LossCause::ConnectionBroken), vec![back_with(2, 20), recovered(2, 21)]].concat();
    for history in [lost_on_air(LossCause::ConnectionBroken), history, over()] {
        assert_eq!(given::<Session>(history).aggregate().facts().unwrap().live_at(), Some(at(2)));
    }
}

#[test]
fn a_feed_that_comes_back_with_another_format_recovers_and_tells_it() {
    let full_hd = picture_and_sound(1080);
    given::<Session>([lost_on_air(LossCause::ConnectionBroken), vec![back_with(2, 20)]].concat())
        .when(report_input(2, full_hd, 21))
        .then([recovered(2, 21), input_changed(2, full_hd, 21)]);
}

#[test]
fn a_silent_feed_recovers_by_coming_to_life() {
    given::<Session>(lost_on_air(LossCause::Silence))
        .when(report_processing(1, 20))
        .then([recovered(1, 20)])
        .and_it_is(SessionState::Live);
}

#[test]
fn a_feed_whose_connection_broke_does_not_come_to_life() {
    for cause in [LossCause::ConnectionBroken, LossCause::NodeStopped, LossCause::Unpublished] {
        given::<Session>(lost_on_air(cause))
            .when(report_processing(1, 20))
            .then_nothing()
            .and_it_is(SessionState::Error);
    }
}

#[test]
fn a_new_feed_takes_a_silent_one_over() {
    let takeover = SessionEvent::FeedOpened {
        feed: feed(2),
        node: this_node(),
        takeover: true,
        media_until: Some(at(50)),
        at: at(20),
    };
    given::<Session>(lost_on_air(LossCause::Silence))
        .when(open_feed(20))
        .then([takeover])
        .when(report_processing(1, 21))
        .then_nothing()
        .and_it_is(SessionState::Error);
}

#[test]
fn who_is_back_after_the_window_gets_another_session() {
    let refusal = || Refusal::DeadlinePassed { deadline: Deadline::ReconnectWindow };
    given::<Session>(lost_on_air(LossCause::ConnectionBroken)).when(open_feed(70)).then_refused(refusal());
    given::<Session>(lost_on_air(LossCause::ConnectionBroken))
        .when(SessionCommand::OpenFeed {
            node: this_node(),
            at: sigma_domain::Timestamp::from_millis(at(70).as_millis() - 1),
        })
        .then([SessionEvent::FeedOpened {
            feed: feed(2),
            node: this_node(),
            takeover: false,
            media_until: Some(sigma_domain::Timestamp::from_millis(at(100).as_millis() - 1)),
            at: sigma_domain::Timestamp::from_millis(at(70).as_millis() - 1),
        }]);
}

#[test]
fn no_feed_is_let_in_when_the_sessions_time_is_up() {
    let max = || Refusal::DeadlinePassed { deadline: Deadline::MaxDuration };
    given::<Session>(on_air()).when(open_feed(43_200)).then_refused(max());
    let first_media = Refusal::DeadlinePassed { deadline: Deadline::FirstMedia };
    given::<Session>([opened()]).when(open_feed(30)).then_refused(first_media);
}

#[test]
fn no_feed_is_let_in_when_it_is_over() {
    given::<Session>(over()).when(open_feed(11)).then_refused(already_ended());
}

#[test]
fn what_is_over_hears_no_report() {
    for command in [
        report_processing(1, 11),
        report_playable(1, 11),
        report_lost(1, LossCause::ConnectionBroken, 11),
        report_left(1, 11),
        report_unusable(1, IngestFault::VideoCodec, 11),
        node_restarted(11),
    ] {
        given::<Session>(over()).when(command).then_nothing().and_it_is(SessionState::Ended);
    }
}

#[test]
fn media_of_a_feed_that_came_back_at_the_windows_end_is_waited_for() {
    let history = [lost_on_air(LossCause::ConnectionBroken), vec![back_with(2, 69)]].concat();
    let session = given::<Session>(history.clone()).aggregate();
    assert_eq!(session.deadlines()[1], (Deadline::ReconnectWindow, at(99)));
    given::<Session>(history.clone()).when(report_processing(2, 98)).then([recovered(2, 98)]);
    given::<Session>(history).when(report_processing(2, 99)).then([ended(EndReason::BroadcasterLeft, 99)]);
}

#[test]
fn coming_and_going_without_media_does_not_put_the_end_off_for_ever() {
    let history = [lost_on_air(LossCause::ConnectionBroken), vec![back_with(2, 69)]].concat();
    let later = SessionEvent::FeedOpened {
        feed: feed(3),
        node: this_node(),
        takeover: true,
        media_until: Some(at(100)),
        at: at(98),
    };
    let session = given::<Session>(history).when(open_feed(98)).then([later]).aggregate();
    assert_eq!(
        session.deadlines()[1],
        (Deadline::ReconnectWindow, at(100)),
        "30 s after the window at the latest"
    );
    let refusal = Refusal::DeadlinePassed { deadline: Deadline::ReconnectWindow };
    assert_eq!(session.decide(open_feed(100)), Err(refusal));
}

#[test]
fn a_loss_keeps_the_feed_it_lost() {
    let facts = given::<Session>(lost_on_air(LossCause::Silence)).aggregate();
    let SessionPhase::Lost(lost) = &facts.facts().unwrap().phase else { panic!("{facts:?}") };
    assert!(matches!(&lost.line, FeedLine::Quiet(quiet) if quiet.number == feed(1)));
}
