use super::*;

#[test]
fn a_session_opens_with_its_first_feed_and_its_deadlines() {
    let session =
        given::<Session>([]).when(open()).then([opened()]).and_it_is(SessionState::Init).aggregate();
    let facts = session.facts().unwrap();
    assert_eq!(facts.feed().map(|feed| (feed.number, &feed.node)), Some((feed(1), &this_node())));
    assert_eq!((facts.opened_at, facts.live_at(), facts.ended()), (at(0), None, None));
    assert_eq!(session.deadlines(), [(Deadline::MaxDuration, at(43_200)), (Deadline::FirstMedia, at(30))]);
}

#[test]
fn a_session_id_is_used_once() {
    for (_, history) in not_ended() {
        given::<Session>(history).when(open()).then_refused(Refusal::AlreadyOpened);
    }
    given::<Session>(over()).when(open()).then_refused(Refusal::AlreadyOpened);
}

#[test]
fn what_was_never_opened_is_given_up_and_cannot_open_late() {
    let session = given::<Session>([]).when(abandon()).then([abandoned()]).aggregate();
    assert_eq!((session.state(), session.deadlines()), (None, vec![]));
    given::<Session>([abandoned()]).when(open()).then_refused(Refusal::Abandoned);
    given::<Session>([abandoned()]).when(open_feed(1)).then_refused(Refusal::Abandoned);
    given::<Session>([abandoned()]).when(go_live(1)).then_refused(Refusal::Abandoned);
    given::<Session>([abandoned()]).when(end(EndedBy::User, 1)).then_refused(Refusal::Abandoned);
}

#[test]
fn what_was_given_up_takes_repeated_repairs_and_late_reports_in_silence() {
    for command in [
        abandon(),
        end(EndedBy::ChannelStopped, 1),
        report_processing(1, 1),
        report_playable(1, 1),
        report_lost(1, LossCause::ConnectionBroken, 1),
        report_left(1, 1),
        report_unusable(1, IngestFault::VideoCodec, 1),
        node_restarted(1),
        expire(Deadline::FirstMedia, 99),
    ] {
        given::<Session>([abandoned()]).when(command).then_nothing();
    }
}

#[test]
fn what_was_opened_cannot_be_given_up() {
    for (state, history) in not_ended() {
        given::<Session>(history).when(abandon()).then_nothing().and_it_is(state);
    }
    given::<Session>(over()).when(abandon()).then_nothing().and_it_is(SessionState::Ended);
}

#[test]
fn what_was_never_opened_knows_nothing() {
    for command in [
        open_feed(1),
        report_processing(1, 1),
        report_playable(1, 1),
        go_live(1),
        report_lost(1, LossCause::ConnectionBroken, 1),
        report_left(1, 1),
        report_unusable(1, IngestFault::VideoCodec, 1),
        end(EndedBy::User, 1),
        end(EndedBy::ChannelStopped, 1),
        node_restarted(1),
        expire(Deadline::MaxDuration, 99_999),
    ] {
        given::<Session>([]).when(command).then_refused(Refusal::Unknown);
    }
}
