use super::*;

#[test]
fn a_broken_connection_opens_the_window() {
    for history in [vec![opened()], vec![opened(), processing()], on_air()] {
        let session = given::<Session>(history)
            .when(report_lost(1, LossCause::ConnectionBroken, 10))
            .then([lost(1, LossCause::ConnectionBroken, 10)])
            .and_it_is(SessionState::Error)
            .aggregate();
        assert_eq!(
            session.deadlines(),
            [(Deadline::MaxDuration, at(43_200)), (Deadline::ReconnectWindow, at(70))]
        );
    }
}

#[test]
fn the_window_is_as_long_as_the_settings_say() {
    let settings = SessionSettings { reconnect_window: 5_u32.try_into().unwrap(), ..defaults() };
    given::<Session>([opened_with(settings), processing()])
        .when(report_lost(1, LossCause::ConnectionBroken, 10))
        .then([lost_until(1, LossCause::ConnectionBroken, 10, 15, LossEnd::BroadcasterLeft)]);
}

#[test]
fn without_a_window_a_loss_is_the_end() {
    let settings = SessionSettings { reconnect_window: 0_u32.try_into().unwrap(), ..defaults() };
    let history = [opened_with(settings), processing()];
    given::<Session>(history.clone())
        .when(report_lost(1, LossCause::ConnectionBroken, 10))
        .then([ended(EndReason::BroadcasterLeft, 10)]);
    given::<Session>(history).when(node_restarted(10)).then([ended(EndReason::NodeLost, 10)]);
}

#[test]
fn silence_is_a_loss_of_what_was_delivered() {
    for history in [vec![opened(), processing()], on_air()] {
        given::<Session>(history)
            .when(report_lost(1, LossCause::Silence, 10))
            .then([lost(1, LossCause::Silence, 10)])
            .and_it_is(SessionState::Error);
    }
}

#[test]
fn who_has_not_begun_to_deliver_cannot_fall_silent() {
    given::<Session>([opened()])
        .when(report_lost(1, LossCause::Silence, 10))
        .then_nothing()
        .and_it_is(SessionState::Init);
    let back = [lost_on_air(LossCause::ConnectionBroken), vec![back_with(2, 20)]].concat();
    given::<Session>(back).when(report_lost(2, LossCause::Silence, 25)).then_nothing();
}

#[test]
fn a_loss_told_twice_is_told_once() {
    for cause in [LossCause::ConnectionBroken, LossCause::Silence] {
        given::<Session>(lost_on_air(cause)).when(report_lost(1, cause, 20)).then_nothing();
    }
}

#[test]
fn a_silent_feed_whose_connection_breaks_keeps_its_deadline() {
    given::<Session>(lost_on_air(LossCause::Silence))
        .when(report_lost(1, LossCause::ConnectionBroken, 35))
        .then([lost_until(1, LossCause::ConnectionBroken, 35, 70, LossEnd::BroadcasterLeft)])
        .when(report_processing(1, 36))
        .then_nothing()
        .and_it_is(SessionState::Error);
}

#[test]
fn a_feed_that_came_back_and_broke_again_keeps_the_first_deadline() {
    let back = [lost_on_air(LossCause::ConnectionBroken), vec![back_with(2, 60)]].concat();
    let again = lost_until(2, LossCause::ConnectionBroken, 65, 70, LossEnd::BroadcasterLeft);
    let session = given::<Session>(back.clone())
        .when(report_lost(2, LossCause::ConnectionBroken, 65))
        .then([again])
        .aggregate();
    assert_eq!(session.deadlines()[1], (Deadline::ReconnectWindow, at(70)));
    given::<Session>(back)
        .when(report_lost(2, LossCause::ConnectionBroken, 75))
        .then([ended(EndReason::BroadcasterLeft, 75)]);
}

#[test]
fn a_loss_after_a_recovery_has_a_window_of_its_own() {
    let history =
        [lost_on_air(LossCause::ConnectionBroken), vec![back_with(2, 20), recovered(2, 21)]].concat();
    given::<Session>(history).when(report_lost(2, LossCause::ConnectionBroken, 100)).then([lost(
        2,
        LossCause::ConnectionBroken,
        100,
    )]);
}

#[test]
fn a_node_that_starts_has_lost_what_it_held() {
    for history in [vec![opened()], vec![opened(), processing()], on_air()] {
        given::<Session>(history)
            .when(node_restarted(1000))
            .then([lost_with_node(1, LossCause::NodeRestarted, 1000)])
            .and_it_is(SessionState::Error)
            .when(report_processing(1, 1001))
            .then_nothing();
    }
}

#[test]
fn what_another_node_holds_goes_on() {
    let command = || SessionCommand::NodeRestarted { node: other_node(), at: at(10) };
    for (state, history) in not_ended() {
        given::<Session>(history).when(command()).then_nothing().and_it_is(state);
    }
}

#[test]
fn what_was_lost_before_the_start_keeps_its_deadline_and_its_reason() {
    given::<Session>(lost_on_air(LossCause::ConnectionBroken)).when(node_restarted(30)).then_nothing();
    let twice = [on_air(), vec![lost_with_node(1, LossCause::NodeRestarted, 10)]].concat();
    given::<Session>(twice).when(node_restarted(30)).then_nothing();
}

#[test]
fn a_start_ends_the_connections_that_were_left_in_a_window() {
    let gone = || lost_until(1, LossCause::NodeRestarted, 30, 70, LossEnd::BroadcasterLeft);
    given::<Session>(lost_on_air(LossCause::Silence)).when(node_restarted(30)).then([gone()]);
    let back = [lost_on_air(LossCause::ConnectionBroken), vec![back_with(2, 65)]].concat();
    let session = given::<Session>(back.clone())
        .when(node_restarted(66))
        .then([lost_until(2, LossCause::NodeRestarted, 66, 70, LossEnd::BroadcasterLeft)])
        .aggregate();
    assert_eq!(session.deadlines()[1], (Deadline::ReconnectWindow, at(70)));
    given::<Session>(back).when(node_restarted(72)).then([ended(EndReason::BroadcasterLeft, 72)]);
}

#[test]
fn an_orderly_stop_of_the_node_leaves_the_session_to_be_taken_up() {
    let stopped = lost_with_node(1, LossCause::NodeStopped, 10);
    given::<Session>(on_air()).when(report_lost(1, LossCause::NodeStopped, 10)).then([stopped.clone()]);
    let once = [on_air(), vec![stopped]].concat();
    given::<Session>(once)
        .when(node_restarted(500))
        .then([lost_with_node(1, LossCause::NodeRestarted, 500)])
        .when(node_restarted(530))
        .then_nothing()
        .when(open_feed(540))
        .then([back_with(2, 540)]);
}

#[test]
fn a_stop_of_the_node_gives_a_silent_feed_no_second_window() {
    let history = [
        lost_on_air(LossCause::Silence),
        vec![lost_until(1, LossCause::NodeStopped, 20, 70, LossEnd::BroadcasterLeft)],
    ]
    .concat();
    given::<Session>(lost_on_air(LossCause::Silence))
        .when(report_lost(1, LossCause::NodeStopped, 20))
        .then([lost_until(1, LossCause::NodeStopped, 20, 70, LossEnd::BroadcasterLeft)]);
    given::<Session>(history).when(node_restarted(30)).then_nothing();
}
