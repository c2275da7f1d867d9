//! The thin cqrs-es aggregates say what `decide` and `apply` say.

use std::{
    pin::pin,
    task::{Context, Poll, Waker},
};

use cqrs_es::{Aggregate, DomainEvent, event_sink::EventSink};
use sigma_domain::{ApiToken, Asset, Channel, ChannelRefusal, Project, Session, SessionHealth, SessionState};

use crate::{given::given, world::*};

/// Nothing here waits: what is polled once is done.
fn now<T>(future: impl Future<Output = T>) -> T {
    match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(value) => value,
        Poll::Pending => panic!("an aggregate waited for something"),
    }
}

#[test]
fn a_handled_command_writes_its_events_and_applies_them_once() {
    let mut session = given::<Session>([opened(), processing()]).aggregate();
    let sink = EventSink::default();
    now(session.handle(go_live(2), &(), &sink)).unwrap();
    assert_eq!(now(sink.collect()), [live()]);
    assert_eq!(session.state(), Some(SessionState::Live));
}

#[test]
fn a_refused_command_writes_nothing() {
    let mut channel = given::<Channel>([created()]).aggregate();
    let before = channel.clone();
    let sink = EventSink::default();
    assert_eq!(now(channel.handle(start(), &(), &sink)), Err(ChannelRefusal::NotStopped));
    assert_eq!(now(sink.collect()), []);
    assert_eq!(channel, before);
}

#[test]
fn types_and_names_are_those_of_the_contract() {
    assert_eq!((Channel::TYPE, Session::TYPE, Project::TYPE), ("channel", "session", "project"));
    assert_eq!((ApiToken::TYPE, SessionHealth::TYPE), ("api_token", "session_health"));
    assert_eq!(Asset::TYPE, "asset");
    assert_eq!(
        (created().event_type(), created().event_version()),
        ("channel.created".to_owned(), "1".to_owned())
    );
    assert_eq!(lost(1, sigma_domain::LossCause::Silence, 9).event_type(), "session.error");
}

#[test]
fn an_asset_handles_as_it_decides() {
    let mut asset = Asset::default();
    let sink = EventSink::default();
    now(asset.handle(start_asset(), &(), &sink)).unwrap();
    now(asset.handle(finish_asset(10), &(), &sink)).unwrap();
    assert_eq!(now(sink.collect()), [asset_started(), asset_ready(10)]);
    assert_eq!(asset, given::<Asset>([asset_started(), asset_ready(10)]).aggregate());
}

#[test]
fn a_token_and_a_sessions_health_handle_as_they_decide() {
    let mut token = given::<ApiToken>([token_created(None)]).aggregate();
    let sink = EventSink::default();
    now(token.handle(revoke_token(2), &(), &sink)).unwrap();
    assert_eq!(now(sink.collect()), [token_revoked(2)]);
    assert_eq!(token, given::<ApiToken>([token_created(None), token_revoked(2)]).aggregate());

    let mut health = SessionHealth::default();
    let sink = EventSink::default();
    now(health.handle(raise("NO_AUDIO", 1), &(), &sink)).unwrap();
    assert_eq!(now(sink.collect()), [raised("NO_AUDIO", 1)]);
    assert_eq!(health, given::<SessionHealth>([raised("NO_AUDIO", 1)]).aggregate());
}
