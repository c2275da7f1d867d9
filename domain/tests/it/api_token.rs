//! An API token, a command a module, each in every state.

use std::collections::BTreeSet;

use proptest::prelude::*;
use sigma_domain::{ApiToken, ApiTokenCommand, ApiTokenEvent, ApiTokenRefusal};

use crate::{given::given, world::*};

type Refusal = ApiTokenRefusal;

mod create {
    use super::*;

    #[test]
    fn it_makes_a_token_that_opens_what_it_was_given() {
        let token = given::<ApiToken>([])
            .when(create_token(None))
            .then([token_created(None)])
            .and_it_is(false)
            .aggregate();
        let facts = token.facts().unwrap();
        assert_eq!((&facts.id, &facts.project), (&the_token(), &the_project()));
        assert_eq!((facts.name.as_str(), facts.prefix.as_str()), ("A watcher's", "sgm_0aZ9bY8c"));
        assert_eq!(facts.grant, a_viewers_grant());
        assert_eq!((facts.created_at, facts.expires_at, facts.revoked_at), (at(0), None, None));
    }

    #[test]
    fn it_is_refused_for_a_token_that_would_have_run_out() {
        for expires in [-1, 0] {
            given::<ApiToken>([]).when(create_token(Some(expires))).then_refused(Refusal::RunOut);
        }
        given::<ApiToken>([]).when(create_token(Some(1))).then([token_created(Some(1))]);
    }

    #[test]
    fn it_is_refused_for_an_id_that_is_taken_even_by_what_was_revoked() {
        for history in [vec![token_created(None)], vec![token_created(None), token_revoked(1)]] {
            given::<ApiToken>(history).when(create_token(None)).then_refused(Refusal::AlreadyCreated);
        }
    }
}

mod revoke {
    use super::*;

    #[test]
    fn it_ends_a_token_for_ever() {
        let token = given::<ApiToken>([token_created(None)])
            .when(revoke_token(5))
            .then([token_revoked(5)])
            .and_it_is(true)
            .aggregate();
        assert_eq!(token.facts().unwrap().revoked_at, Some(at(5)));
    }

    #[test]
    fn it_is_refused_the_second_time() {
        let revoked = [token_created(None), token_revoked(5)];
        given::<ApiToken>(revoked).when(revoke_token(6)).then_refused(Refusal::AlreadyRevoked);
    }

    #[test]
    fn it_serves_on_a_token_that_has_run_out_too() {
        given::<ApiToken>([token_created(Some(1))]).when(revoke_token(5)).then([token_revoked(5)]);
    }

    #[test]
    fn it_is_refused_where_there_is_no_token() {
        given::<ApiToken>([]).when(revoke_token(5)).then_refused(Refusal::Unknown);
    }
}

#[test]
fn a_token_opens_until_it_runs_out_or_is_revoked() {
    let valid = |history: &[ApiTokenEvent], when| {
        let token = given::<ApiToken>(history.to_vec()).aggregate();
        token.facts().unwrap().is_valid_at(at(when))
    };
    assert!(valid(&[token_created(None)], i64::from(u32::MAX)));
    assert!(valid(&[token_created(Some(60))], 59));
    assert!(!valid(&[token_created(Some(60))], 60), "at the moment itself it has run out");
    assert!(!valid(&[token_created(None), token_revoked(5)], 5));
}

#[test]
fn every_refusal_has_a_code_of_its_own() {
    let refusals = [Refusal::Unknown, Refusal::AlreadyCreated, Refusal::RunOut, Refusal::AlreadyRevoked];
    let codes: BTreeSet<_> = refusals.iter().map(Refusal::code).collect();
    assert_eq!(codes.len(), refusals.len());
    assert!(codes.iter().all(|code| code.bytes().all(|b| b.is_ascii_uppercase() || b == b'_')));
}

#[test]
fn a_commands_moment_is_its_events_moment() {
    assert_eq!(ApiToken::default().decide(create_token(None)).unwrap()[0].at(), at(0));
    let token = given::<ApiToken>([token_created(None)]).aggregate();
    assert_eq!(token.decide(revoke_token(7)).unwrap()[0].at(), at(7));
}

proptest! {
    /// Whatever is asked in whatever order: made once, revoked once, and nothing is valid again that was not.
    #[test]
    fn whatever_happens_the_laws_hold(asked in proptest::collection::vec(any::<Option<i8>>(), 0..12)) {
        let (mut token, mut log) = (ApiToken::default(), Vec::new());
        let mut was_revoked = false;
        for (now, asked) in asked.into_iter().enumerate() {
            let command = match asked {
                Some(expires) => create_token(Some(expires.into())),
                None => revoke_token(now as i64),
            };
            let is_create = matches!(command, ApiTokenCommand::Create { .. });
            if let Ok(events) = token.decide(command) {
                prop_assert_eq!(events.len(), 1, "a token never says nothing");
                prop_assert_eq!(is_create, log.is_empty(), "first it is made, once");
                events.iter().for_each(|event| token.apply(event));
                log.extend(events);
            }
            let revoked = token.facts().is_some_and(|facts| facts.revoked_at.is_some());
            prop_assert!(revoked || !was_revoked);
            prop_assert!(!revoked || !token.facts().unwrap().is_valid_at(at(-1)));
            was_revoked = revoked;
        }
        prop_assert_eq!(given::<ApiToken>(log.clone()).aggregate(), token, "a token is the fold of its log");
        let names: Vec<_> = log.iter().map(ApiTokenEvent::name).collect();
        prop_assert_eq!(&names[..], &ApiTokenEvent::NAMES[..names.len()]);
    }

    /// What cannot follow, as in a store that somebody mended by hand, changes nothing.
    #[test]
    fn an_event_that_cannot_follow_changes_nothing(order in Just(vec![
        token_created(Some(9)), token_revoked(5), token_created(None), token_revoked(7),
    ]).prop_shuffle()) {
        let mut token = ApiToken::default();
        for event in &order {
            let before = token.clone();
            token.apply(event);
            let follows = match (before.facts(), event) {
                (None, ApiTokenEvent::Created { .. }) => true,
                (Some(facts), ApiTokenEvent::Revoked { .. }) => facts.revoked_at.is_none(),
                _ => false,
            };
            prop_assert_eq!(token != before, follows);
        }
    }
}
