use super::*;

#[test]
fn an_orderly_unpublish_ends_it_at_once() {
    for history in [vec![opened()], vec![opened(), processing()], on_air()] {
        given::<Session>(history)
            .when(report_left(1, 10))
            .then([ended(EndReason::BroadcasterLeft, 10)])
            .and_it_is(SessionState::Ended);
    }
}

#[test]
fn an_orderly_unpublish_in_error_ends_it_too() {
    given::<Session>(lost_on_air(LossCause::Silence))
        .when(report_left(1, 20))
        .then([ended(EndReason::BroadcasterLeft, 20)]);
    let back = [lost_on_air(LossCause::ConnectionBroken), vec![back_with(2, 20)]].concat();
    given::<Session>(back.clone()).when(report_left(2, 21)).then([ended(EndReason::BroadcasterLeft, 21)]);
    given::<Session>(back).when(report_left(1, 21)).then_nothing();
}

#[test]
fn an_orderly_unpublish_opens_the_window_where_it_is_not_to_end_it() {
    let settings = SessionSettings { end_on_unpublish: false, ..defaults() };
    given::<Session>([opened_with(settings), processing()])
        .when(report_left(1, 10))
        .then([lost(1, LossCause::Unpublished, 10)])
        .and_it_is(SessionState::Error)
        .when(open_feed(20))
        .then([back_with(2, 20)])
        .when(report_left(2, 21))
        .then([lost_until(2, LossCause::Unpublished, 21, 70, LossEnd::BroadcasterLeft)]);
}

#[test]
fn what_cannot_be_packaged_ends_it() {
    for fault in IngestFault::ALL {
        for history in [vec![opened()], vec![opened(), processing()], on_air()] {
            given::<Session>(history)
                .when(report_unusable(1, *fault, 10))
                .then([ended(EndReason::IngestError(*fault), 10)])
                .and_it_is(SessionState::Ended);
        }
    }
}

#[test]
fn a_feed_that_comes_back_and_cannot_be_packaged_ends_it() {
    let back = [lost_on_air(LossCause::ConnectionBroken), vec![back_with(2, 20)]].concat();
    given::<Session>(back)
        .when(report_unusable(2, IngestFault::AudioCodec, 21))
        .then([ended(EndReason::IngestError(IngestFault::AudioCodec), 21)]);
    given::<Session>(lost_on_air(LossCause::ConnectionBroken))
        .when(report_unusable(1, IngestFault::AudioCodec, 21))
        .then_nothing();
}

#[test]
fn its_owner_ends_it_from_wherever_it_is() {
    for (_, history) in not_ended() {
        given::<Session>(history)
            .when(end(EndedBy::User, 25))
            .then([ended(EndReason::SessionEndedByUser, 25)])
            .and_it_is(SessionState::Ended);
    }
}

#[test]
fn a_stop_of_its_channel_ends_it_from_wherever_it_is() {
    for (_, history) in not_ended() {
        given::<Session>(history)
            .when(end(EndedBy::ChannelStopped, 25))
            .then([ended(EndReason::ChannelStopped, 25)])
            .and_it_is(SessionState::Ended);
    }
}

#[test]
fn what_is_over_cannot_be_ended_by_its_owner_again() {
    given::<Session>(over()).when(end(EndedBy::User, 25)).then_refused(already_ended());
}

#[test]
fn a_stop_of_the_channel_finds_what_it_wants_in_what_is_over() {
    given::<Session>(over()).when(end(EndedBy::ChannelStopped, 25)).then_nothing();
}

#[test]
fn the_first_end_stands() {
    let session = given::<Session>([over(), vec![ended(EndReason::NodeLost, 99)]].concat()).aggregate();
    assert_eq!(session.facts().unwrap().ended(), Some((EndReason::BroadcasterLeft, at(10))));
}

#[test]
fn every_reason_has_the_contracts_name() {
    let names = [
        (EndReason::BroadcasterLeft, "BROADCASTER_LEFT"),
        (EndReason::ChannelStopped, "CHANNEL_STOPPED"),
        (EndReason::SessionEndedByUser, "SESSION_ENDED_BY_USER"),
        (EndReason::MaxDuration, "MAX_DURATION"),
        (EndReason::NodeLost, "NODE_LOST"),
        (EndReason::IngestError(IngestFault::NoMedia), "INGEST_ERROR"),
    ];
    for (reason, name) in names {
        assert_eq!(reason.code(), name);
    }
}
