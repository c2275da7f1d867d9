//! A session, a command a module, each in every state.

use sigma_domain::{
    Deadline, EndReason, EndedBy, FeedLine, IngestFault, LossCause, LossEnd, Session, SessionCommand,
    SessionEvent, SessionPhase, SessionRefusal, SessionSettings, SessionState,
};

use crate::{given::given, world::*};

type Refusal = SessionRefusal;

mod deadlines;
mod ending;
mod feeds;
mod going_live;
mod losing;
mod opening;

/// Every history that leads to a session which is not over, with what people see of it.
fn not_ended() -> Vec<(SessionState, Vec<SessionEvent>)> {
    let broken = || lost(1, LossCause::ConnectionBroken, 10);
    vec![
        (SessionState::Init, vec![opened()]),
        (SessionState::Processing, vec![opened(), processing()]),
        (SessionState::Live, on_air()),
        (SessionState::Error, vec![opened(), broken()]),
        (SessionState::Error, vec![opened(), processing(), broken()]),
        (SessionState::Error, [on_air(), vec![broken()]].concat()),
        (SessionState::Error, [on_air(), vec![lost(1, LossCause::Silence, 10)]].concat()),
        (SessionState::Error, [on_air(), vec![broken(), back_with(2, 20)]].concat()),
    ]
}

/// On air, then lost.
fn lost_on_air(cause: LossCause) -> Vec<SessionEvent> {
    [on_air(), vec![lost(1, cause, 10)]].concat()
}

fn over() -> Vec<SessionEvent> {
    [on_air(), vec![ended(EndReason::BroadcasterLeft, 10)]].concat()
}

fn already_ended() -> Refusal {
    Refusal::AlreadyEnded { reason: EndReason::BroadcasterLeft }
}

#[test]
fn every_history_above_leads_where_it_says() {
    for (state, history) in not_ended() {
        given::<Session>(history).and_it_is(state);
    }
}

#[test]
fn every_refusal_has_a_code_of_its_own_and_a_sentence() {
    let refusals = [
        Refusal::Unknown,
        Refusal::AlreadyOpened,
        Refusal::Abandoned,
        already_ended(),
        Refusal::DeadlinePassed { deadline: Deadline::MaxDuration },
        Refusal::NoMediaYet,
        Refusal::AlreadyLive,
        Refusal::FeedLost,
    ];
    let codes: std::collections::BTreeSet<_> = refusals.iter().map(Refusal::code).collect();
    assert_eq!(codes.len(), refusals.len());
    assert_eq!(
        already_ended().to_string(),
        "the session has ended (BROADCASTER_LEFT); push again to begin another"
    );
}
