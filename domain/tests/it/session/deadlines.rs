use super::*;

#[test]
fn thirty_seconds_without_media_are_an_ingest_error() {
    let no_media = EndReason::IngestError(IngestFault::NoMedia);
    given::<Session>([opened()])
        .when(expire(Deadline::FirstMedia, 29))
        .then_nothing()
        .and_it_is(SessionState::Init);
    given::<Session>([opened()]).when(expire(Deadline::FirstMedia, 30)).then([ended(no_media, 30)]);
    given::<Session>([opened(), processing()]).when(expire(Deadline::FirstMedia, 30)).then_nothing();
}

#[test]
fn a_takeover_in_init_does_not_put_that_deadline_off() {
    let no_media = EndReason::IngestError(IngestFault::NoMedia);
    given::<Session>([opened(), taken_over_by(2, 29)])
        .when(expire(Deadline::FirstMedia, 30))
        .then([ended(no_media, 30)]);
}

#[test]
fn what_was_lost_in_init_waits_for_the_window_instead() {
    let history = [opened(), lost(1, LossCause::ConnectionBroken, 10)];
    given::<Session>(history.clone()).when(expire(Deadline::FirstMedia, 40)).then_nothing();
    given::<Session>(history)
        .when(expire(Deadline::ReconnectWindow, 70))
        .then([ended(EndReason::BroadcasterLeft, 70)]);
}

#[test]
fn who_is_not_back_in_the_window_has_left() {
    for cause in [LossCause::ConnectionBroken, LossCause::Silence, LossCause::Unpublished] {
        let history = lost_on_air(cause);
        given::<Session>(history.clone()).when(expire(Deadline::ReconnectWindow, 69)).then_nothing();
        given::<Session>(history)
            .when(expire(Deadline::ReconnectWindow, 70))
            .then([ended(EndReason::BroadcasterLeft, 70)])
            .and_it_is(SessionState::Ended);
    }
}

#[test]
fn who_is_not_back_after_a_start_of_the_node_is_lost_with_it() {
    let history = [on_air(), vec![lost_with_node(1, LossCause::NodeRestarted, 1000)]].concat();
    given::<Session>(history)
        .when(expire(Deadline::ReconnectWindow, 1060))
        .then([ended(EndReason::NodeLost, 1060)]);
}

#[test]
fn a_window_that_has_closed_by_a_recovery_does_not_end_it() {
    let history =
        [lost_on_air(LossCause::ConnectionBroken), vec![back_with(2, 20), recovered(2, 21)]].concat();
    given::<Session>(history)
        .when(expire(Deadline::ReconnectWindow, 70))
        .then_nothing()
        .and_it_is(SessionState::Live);
}

#[test]
fn a_silent_feed_that_comes_to_life_after_the_window_is_too_late() {
    given::<Session>(lost_on_air(LossCause::Silence))
        .when(report_processing(1, 70))
        .then([ended(EndReason::BroadcasterLeft, 70)]);
}

#[test]
fn it_lasts_as_long_as_it_may_from_wherever_it_is() {
    for (state, history) in not_ended() {
        given::<Session>(history.clone())
            .when(expire(Deadline::MaxDuration, 43_199))
            .then_nothing()
            .and_it_is(state);
        given::<Session>(history)
            .when(expire(Deadline::MaxDuration, 43_200))
            .then([ended(EndReason::MaxDuration, 43_200)])
            .and_it_is(SessionState::Ended);
    }
}

#[test]
fn it_is_counted_from_the_start_and_not_from_going_live() {
    let settings = SessionSettings { max_session_duration: 60_u32.try_into().unwrap(), ..defaults() };
    let history = [opened_with(settings), processing(), live_at(55)];
    given::<Session>(history)
        .when(expire(Deadline::MaxDuration, 60))
        .then([ended(EndReason::MaxDuration, 60)]);
}

#[test]
fn what_is_over_has_no_deadlines() {
    assert_eq!(given::<Session>(over()).aggregate().deadlines(), []);
    for deadline in Deadline::ALL {
        given::<Session>(over()).when(expire(*deadline, 99_999)).then_nothing();
    }
}
