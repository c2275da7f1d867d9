//! A session's health, a command a module, each in every state.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;
use sigma_domain::{
    MAX_WARNINGS, SessionHealth, SessionHealthCommand, SessionHealthEvent, SessionHealthRefusal,
};

use crate::{given::given, world::*};

type Refusal = SessionHealthRefusal;

const SOUND: &str = "NO_AUDIO";
const DRIFT: &str = "AV_DRIFT";

fn standing(names: &[&str]) -> Vec<String> {
    names.iter().map(ToString::to_string).collect()
}

/// So many raised and cleared, one after the other.
fn to_and_fro(times: u32) -> Vec<SessionHealthEvent> {
    (0..times).flat_map(|_| [raised(SOUND, 1), cleared(SOUND, 2)]).collect()
}

mod raise {
    use super::*;

    #[test]
    fn it_makes_a_warning_stand() {
        let health = given::<SessionHealth>([])
            .when(raise(SOUND, 10))
            .then([raised(SOUND, 10)])
            .and_it_is(standing(&[SOUND]))
            .aggregate();
        let facts = health.facts().unwrap();
        assert_eq!((&facts.session, &facts.channel), (&session(1), &the_channel()));
        assert_eq!((&facts.project, facts.raised), (&the_project(), 1));
        let warning = &facts.standing[&SOUND.parse().unwrap()];
        assert_eq!((warning.since, &warning.data), (at(10), &two_numbers()));
        assert!(warning.message.as_str().starts_with("key frames"));
    }

    #[test]
    fn it_is_refused_while_it_stands() {
        let refusal = Refusal::AlreadyRaised { name: SOUND.parse().unwrap() };
        given::<SessionHealth>([raised(SOUND, 1)]).when(raise(SOUND, 2)).then_refused(refusal);
    }

    #[test]
    fn it_stands_beside_others() {
        given::<SessionHealth>([raised(SOUND, 1)])
            .when(raise(DRIFT, 2))
            .then([raised(DRIFT, 2)])
            .and_it_is(standing(&[DRIFT, SOUND]));
    }

    #[test]
    fn it_comes_again_after_it_was_cleared() {
        given::<SessionHealth>(to_and_fro(1)).when(raise(SOUND, 3)).then([raised(SOUND, 3)]);
    }

    #[test]
    fn it_is_refused_when_enough_was_raised() {
        let last = to_and_fro(MAX_WARNINGS - 1);
        given::<SessionHealth>(last).when(raise(SOUND, 3)).then([raised(SOUND, 3)]);
        let full = to_and_fro(MAX_WARNINGS);
        given::<SessionHealth>(full).when(raise(DRIFT, 3)).then_refused(Refusal::TooManyWarnings);
    }
}

mod clear {
    use super::*;

    #[test]
    fn it_takes_the_warning_away() {
        given::<SessionHealth>([raised(SOUND, 1), raised(DRIFT, 2)])
            .when(clear(SOUND, 9))
            .then([cleared(SOUND, 9)])
            .and_it_is(standing(&[DRIFT]));
    }

    #[test]
    fn it_is_refused_for_what_does_not_stand() {
        let refusal = || Refusal::NotRaised { name: SOUND.parse().unwrap() };
        given::<SessionHealth>([]).when(clear(SOUND, 9)).then_refused(refusal());
        given::<SessionHealth>([raised(DRIFT, 1)]).when(clear(SOUND, 9)).then_refused(refusal());
        given::<SessionHealth>(to_and_fro(1)).when(clear(SOUND, 9)).then_refused(refusal());
    }

    #[test]
    fn it_serves_when_enough_was_raised() {
        let mut full = to_and_fro(MAX_WARNINGS);
        full.pop();
        given::<SessionHealth>(full).when(clear(SOUND, 9)).then([cleared(SOUND, 9)]).and_it_is(standing(&[]));
    }
}

#[test]
fn every_refusal_has_a_code_of_its_own_and_names_the_warning() {
    let name = || SOUND.parse().unwrap();
    let named = [Refusal::AlreadyRaised { name: name() }, Refusal::NotRaised { name: name() }];
    assert!(named.iter().all(|refusal| refusal.to_string().contains(SOUND)));
    let codes: BTreeSet<_> = named.iter().chain([&Refusal::TooManyWarnings]).map(Refusal::code).collect();
    assert_eq!(codes, ["ALREADY_RAISED", "NOT_RAISED", "TOO_MANY_WARNINGS"].into());
}

/// As in a store that somebody mended by hand.
#[test]
fn an_event_that_cannot_follow_changes_nothing() {
    for history in [vec![raised(SOUND, 1)], vec![raised(SOUND, 1), cleared(DRIFT, 2)]] {
        let before = given::<SessionHealth>(history.clone()).aggregate();
        let again = [history, vec![raised(SOUND, 5), cleared(DRIFT, 6)]].concat();
        assert_eq!(given::<SessionHealth>(again).aggregate(), before);
    }
    assert_eq!(given::<SessionHealth>([cleared(SOUND, 1)]).aggregate(), SessionHealth::Untroubled);
}

proptest! {
    /// Whatever is asked in whatever order, with as many askings as a bad day has.
    #[test]
    fn whatever_happens_the_laws_hold(
        asked in proptest::collection::vec((0..3_usize, prop_oneof![2 => Just(true), 1 => Just(false)]), 0..900),
    ) {
        let names = [SOUND, DRIFT, "FALLING_BEHIND"];
        let (mut health, mut log) = (SessionHealth::default(), Vec::new());
        for (now, (which, up)) in asked.into_iter().enumerate() {
            let command: SessionHealthCommand =
                if up { raise(names[which], now as i64) } else { clear(names[which], now as i64) };
            if let Ok(events) = health.decide(command) {
                prop_assert_eq!(events.len(), 1);
                prop_assert_eq!(events[0].at(), at(now as i64));
                events.iter().for_each(|event| health.apply(event));
                log.extend(events);
            }
        }
        prop_assert_eq!(given::<SessionHealth>(log.clone()).aggregate(), health, "the fold of its log");
        let (mut count, mut stands) = (0_u32, BTreeMap::new());
        for event in &log {
            match event {
                SessionHealthEvent::WarningRaised { name, .. } => {
                    count += 1;
                    prop_assert!(!stands.insert(name.clone(), true).unwrap_or(false), "stands once at a time");
                }
                SessionHealthEvent::WarningCleared { name, .. } => {
                    prop_assert_eq!(stands.insert(name.clone(), false), Some(true), "cleared is what stands");
                }
            }
        }
        prop_assert!(count <= MAX_WARNINGS && log.len() <= 2 * MAX_WARNINGS as usize);
    }
}
