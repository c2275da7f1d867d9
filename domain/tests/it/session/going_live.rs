use super::*;

fn by_hand() -> SessionSettings {
    SessionSettings { auto_go_live: false, ..defaults() }
}

#[test]
fn the_first_playable_playlist_takes_it_live() {
    let session = given::<Session>([opened(), processing()])
        .when(report_playable(1, 2))
        .then([live()])
        .and_it_is(SessionState::Live)
        .aggregate();
    assert_eq!(session.facts().unwrap().live_at(), Some(at(2)));
}

#[test]
fn it_waits_for_its_owner_where_he_wants_to_be_asked() {
    given::<Session>([opened_with(by_hand()), processing()])
        .when(report_playable(1, 2))
        .then_nothing()
        .and_it_is(SessionState::Processing)
        .when(go_live(9))
        .then([live_at(9)])
        .and_it_is(SessionState::Live);
}

#[test]
fn its_owner_may_be_quicker_than_the_first_playlist() {
    given::<Session>([opened(), processing()])
        .when(go_live(2))
        .then([live()])
        .when(report_playable(1, 3))
        .then_nothing();
}

#[test]
fn a_playable_playlist_is_no_news_elsewhere() {
    given::<Session>([opened()]).when(report_playable(1, 2)).then_nothing().and_it_is(SessionState::Init);
    given::<Session>(on_air()).when(report_playable(1, 3)).then_nothing();
    given::<Session>(lost_on_air(LossCause::Silence)).when(report_playable(1, 20)).then_nothing();
    let back = [lost_on_air(LossCause::ConnectionBroken), vec![back_with(2, 20)]].concat();
    given::<Session>(back).when(report_playable(2, 21)).then_nothing().and_it_is(SessionState::Error);
}

#[test]
fn going_live_is_refused_outside_processing() {
    given::<Session>([opened()]).when(go_live(1)).then_refused(Refusal::NoMediaYet);
    given::<Session>(on_air()).when(go_live(3)).then_refused(Refusal::AlreadyLive);
    given::<Session>([opened(), processing(), lost(1, LossCause::Silence, 10)])
        .when(go_live(11))
        .then_refused(Refusal::FeedLost);
    given::<Session>(lost_on_air(LossCause::Silence)).when(go_live(11)).then_refused(Refusal::FeedLost);
    given::<Session>(over()).when(go_live(11)).then_refused(already_ended());
}
