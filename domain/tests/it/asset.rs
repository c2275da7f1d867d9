//! What is kept of a session, a command a module, each in every state.

use proptest::prelude::*;
use sigma_domain::{
    Asset, AssetCommand, AssetEvent, AssetFailure, AssetKind, AssetRefusal as Refusal, AssetState as State,
    Extent, Recording,
};

use crate::{given::given, world::*};

fn deleted_at(when: i64) -> AssetEvent {
    AssetEvent::Deleted { at: at(when) }
}

fn expired_at(when: i64) -> AssetEvent {
    AssetEvent::Expired { at: at(when) }
}

fn ready() -> Vec<AssetEvent> {
    vec![asset_started(), asset_ready(10)]
}

fn gone() -> [(Vec<AssetEvent>, State); 2] {
    let deleted = [ready(), vec![deleted_at(20)]].concat();
    let expired = [ready(), vec![expired_at(3_610)]].concat();
    [(deleted, State::Deleted), (expired, State::Expired)]
}

mod start {
    use super::*;

    #[test]
    fn it_begins_to_record() {
        given::<Asset>([]).when(start_asset()).then([asset_started()]).and_it_is(State::Started);
    }

    #[test]
    fn it_says_nothing_more_where_the_same_was_begun() {
        given::<Asset>([asset_started()]).when(start_asset()).then_nothing();
        given::<Asset>(ready()).when(start_asset()).then_nothing();
        for (history, state) in gone() {
            given::<Asset>(history).when(start_asset()).then_nothing().and_it_is(state);
        }
    }

    #[test]
    fn it_is_refused_where_the_id_is_anothers() {
        given::<Asset>([asset_started()]).when(start_another_asset()).then_refused(Refusal::AlreadyStarted);
        given::<Asset>([asset_started()]).when(clip()).then_refused(Refusal::AlreadyStarted);
    }

    #[test]
    fn a_clip_is_ready_at_once_and_never_expires_by_itself() {
        let asset = new_asset(AssetKind::Clip);
        let extent = extent(&[(10, 20)]);
        let ready = AssetEvent::Ready { extent, files: 1, expires_at: None, at: at(30) };
        given::<Asset>([])
            .when(clip())
            .then([AssetEvent::Started { asset, at: at(30) }, ready])
            .and_it_is(State::Ready)
            .when(AssetCommand::Expire { at: at(1_000_000_000) })
            .then_nothing();
    }

    #[test]
    fn nothing_else_is_asked_of_what_was_never_begun() {
        for command in [finish_asset(1), trim(1), AssetCommand::Delete { at: at(1) }] {
            given::<Asset>([]).when(command).then_refused(Refusal::Unknown);
        }
    }
}

mod finish {
    use super::*;

    #[test]
    fn it_is_ready_with_its_media_and_the_end_of_its_time() {
        let asset = given::<Asset>([asset_started()])
            .when(finish_asset(10))
            .then([asset_ready(10)])
            .and_it_is(State::Ready)
            .aggregate();
        let recording = asset.facts().unwrap().recording().unwrap();
        assert_eq!((recording.shown(), recording.files, recording.edition), (&the_media(), 2, 1));
        assert_eq!((recording.since, recording.expires_at), (at(10), Some(at(3_610))));
    }

    #[test]
    fn a_late_report_changes_nothing() {
        given::<Asset>(ready()).when(finish_asset(20)).then_nothing();
        for (history, state) in gone() {
            given::<Asset>(history).when(finish_asset(5_000)).then_nothing().and_it_is(state);
        }
        given::<Asset>([asset_started(), asset_failed(AssetFailure::NoMedia, 5)])
            .when(finish_asset(20))
            .then_nothing();
    }

    #[test]
    fn it_follows_the_failure_of_a_node_that_came_back() {
        given::<Asset>([asset_started(), asset_failed(AssetFailure::NodeLost, 5)])
            .when(finish_asset(10))
            .then([asset_ready(10)])
            .and_it_is(State::Ready);
    }
}

mod fail {
    use super::*;

    fn fail(reason: AssetFailure) -> AssetCommand {
        AssetCommand::Fail { reason, at: at(20) }
    }

    #[test]
    fn what_is_recorded_fails_for_any_reason_once() {
        for &reason in AssetFailure::ALL {
            given::<Asset>([asset_started()])
                .when(fail(reason))
                .then([asset_failed(reason, 20)])
                .and_it_is(State::Failed)
                .when(fail(reason))
                .then_nothing();
        }
    }

    #[test]
    fn what_is_ready_fails_only_where_its_media_is_lost() {
        given::<Asset>(ready()).when(fail(AssetFailure::NodeLost)).then_nothing();
        given::<Asset>(ready()).when(fail(AssetFailure::NoMedia)).then_nothing();
        given::<Asset>(ready())
            .when(fail(AssetFailure::MediaLost))
            .then([asset_failed(AssetFailure::MediaLost, 20)])
            .when(trim(30))
            .then_refused(Refusal::NotReady { state: State::Failed });
    }

    #[test]
    fn a_node_that_comes_back_may_have_nothing() {
        given::<Asset>([asset_started(), asset_failed(AssetFailure::NodeLost, 5)])
            .when(fail(AssetFailure::NoMedia))
            .then([asset_failed(AssetFailure::NoMedia, 20)])
            .when(finish_asset(30))
            .then_nothing();
    }

    #[test]
    fn what_is_gone_does_not_fail() {
        for (history, _) in gone() {
            given::<Asset>(history).when(fail(AssetFailure::MediaLost)).then_nothing();
        }
    }
}

mod trim {
    use super::*;

    fn to(spans: &[(u64, u64)]) -> AssetCommand {
        AssetCommand::Trim { extent: extent(spans), at: at(30) }
    }

    #[test]
    fn it_shows_a_part_and_keeps_the_whole() {
        let asset = given::<Asset>(ready())
            .when(to(&[(10, 20)]))
            .then([trimmed(30)])
            .and_it_is(State::Ready)
            .aggregate();
        let recording = asset.facts().unwrap().recording().unwrap();
        assert_eq!((recording.shown(), &recording.whole), (&extent(&[(10, 20)]), &the_media()));
        assert_eq!(recording.edition, 2, "what plays it knows that it changed");
    }

    #[test]
    fn it_may_be_wider_than_the_trim_before() {
        let wider = AssetEvent::Trimmed { extent: extent(&[(5, 25), (30, 40)]), at: at(30) };
        let trimmed = [ready(), vec![trimmed(20)]].concat();
        given::<Asset>(trimmed.clone()).when(to(&[(5, 25), (30, 40)])).then([wider]);
        given::<Asset>(trimmed).when(to(&[(10, 20)])).then_nothing();
    }

    #[test]
    fn it_is_refused_outside_of_what_was_ready() {
        for spans in [&[(0, 61)][..], &[(20, 35)], &[(26, 29)], &[(10, 20), (70, 80)]] {
            given::<Asset>(ready()).when(to(spans)).then_refused(Refusal::OutsideMedia);
        }
    }

    #[test]
    fn it_is_refused_of_what_has_no_media() {
        let refused = |state| Refusal::NotReady { state };
        given::<Asset>([asset_started()]).when(to(&[(1, 2)])).then_refused(refused(State::Started));
        for (history, state) in gone() {
            given::<Asset>(history).when(to(&[(1, 2)])).then_refused(Refusal::Gone { state });
        }
    }

    #[test]
    fn it_is_taken_back() {
        let untrim = || AssetCommand::Untrim { at: at(40) };
        let asset = given::<Asset>([ready(), vec![trimmed(20)]].concat())
            .when(untrim())
            .then([AssetEvent::Untrimmed { at: at(40) }])
            .aggregate();
        let recording = asset.facts().unwrap().recording().unwrap();
        assert_eq!((recording.shown(), recording.edition), (&the_media(), 3));
        given::<Asset>(ready()).when(untrim()).then_refused(Refusal::NotTrimmed);
    }
}

mod poster {
    use super::*;

    fn poster(second: u64) -> AssetCommand {
        AssetCommand::SetPoster { moment_us: second * 1_000_000, at: at(30) }
    }

    fn poster_set(second: u64) -> AssetEvent {
        AssetEvent::PosterSet { moment_us: second * 1_000_000, at: at(30) }
    }

    fn poster_of(asset: &Asset) -> Option<u64> {
        asset.facts().unwrap().recording().unwrap().poster_us()
    }

    #[test]
    fn it_is_a_moment_of_what_is_shown() {
        let asset = given::<Asset>(ready()).when(poster(12)).then([poster_set(12)]).aggregate();
        assert_eq!(poster_of(&asset), Some(12_000_000));
        assert_eq!(asset.facts().unwrap().recording().unwrap().edition, 1, "the same is shown");
        let again = [ready(), vec![poster_set(12)]].concat();
        given::<Asset>(again.clone()).when(poster(12)).then_nothing();
        given::<Asset>(again).when(poster(15)).then([poster_set(15)]);
    }

    #[test]
    fn it_is_refused_of_a_moment_that_is_not_shown() {
        for second in [26, 60, 90] {
            given::<Asset>(ready()).when(poster(second)).then_refused(Refusal::PosterNotShown);
        }
        let part = [ready(), vec![trimmed(20)]].concat();
        given::<Asset>(part.clone()).when(poster(20)).then_refused(Refusal::PosterNotShown);
        given::<Asset>(part).when(poster(19)).then([poster_set(19)]);
    }

    #[test]
    fn a_trim_keeps_it_or_leaves_it_out_until_it_is_undone() {
        let history = |second| [ready(), vec![poster_set(second), trimmed(40)]].concat();
        assert_eq!(poster_of(&given::<Asset>(history(12)).aggregate()), Some(12_000_000));
        let left_out = given::<Asset>(history(40));
        assert_eq!(poster_of(&left_out.aggregate()), None);
        let undone = [history(40), vec![AssetEvent::Untrimmed { at: at(50) }]].concat();
        assert_eq!(poster_of(&given::<Asset>(undone).aggregate()), Some(40_000_000));
    }

    #[test]
    fn it_is_refused_of_what_has_no_media() {
        let refused = Refusal::NotReady { state: State::Started };
        given::<Asset>([asset_started()]).when(poster(1)).then_refused(refused);
        for (history, state) in gone() {
            given::<Asset>(history).when(poster(1)).then_refused(Refusal::Gone { state });
        }
    }
}

mod going {
    use super::*;

    #[test]
    fn it_is_deleted_from_each_state_once() {
        let delete = || AssetCommand::Delete { at: at(20) };
        let failed = vec![asset_started(), asset_failed(AssetFailure::NoMedia, 5)];
        for history in [vec![asset_started()], ready(), failed] {
            given::<Asset>(history).when(delete()).then([deleted_at(20)]).and_it_is(State::Deleted);
        }
        for (history, state) in gone() {
            given::<Asset>(history).when(delete()).then_refused(Refusal::Gone { state });
        }
    }

    #[test]
    fn it_expires_when_its_time_is_up_and_not_before() {
        let expire = |when| AssetCommand::Expire { at: at(when) };
        given::<Asset>(ready()).when(expire(3_609)).then_nothing();
        given::<Asset>(ready()).when(expire(3_610)).then([expired_at(3_610)]).and_it_is(State::Expired);
        given::<Asset>([asset_started()]).when(expire(9_000)).then_nothing();
        for (history, _) in gone() {
            given::<Asset>(history).when(expire(9_000)).then_nothing();
        }
    }
}

#[test]
fn every_refusal_has_a_code_of_its_own() {
    let state = State::Deleted;
    let refusals = [
        Refusal::Unknown,
        Refusal::AlreadyStarted,
        Refusal::Gone { state },
        Refusal::NotReady { state },
        Refusal::NotTrimmed,
        Refusal::OutsideMedia,
        Refusal::PosterNotShown,
    ];
    let codes: std::collections::BTreeSet<_> = refusals.iter().map(Refusal::code).collect();
    assert_eq!(codes.len(), refusals.len());
    assert!(Refusal::Gone { state }.to_string().contains("DELETED"));
}

/// As in a store that somebody mended by hand.
#[test]
fn an_event_that_cannot_follow_changes_nothing() {
    for event in [asset_ready(1), trimmed(1), deleted_at(1)] {
        assert_eq!(given::<Asset>([event]).aggregate(), Asset::Unknown);
    }
    let cannot = [
        (
            vec![asset_started()],
            vec![
                trimmed(2),
                AssetEvent::Untrimmed { at: at(2) },
                AssetEvent::PosterSet { moment_us: 1, at: at(2) },
                expired_at(2),
            ],
        ),
        (ready(), vec![asset_started(), asset_ready(50), asset_failed(AssetFailure::NodeLost, 60)]),
        (
            vec![asset_started(), asset_failed(AssetFailure::NoMedia, 1)],
            vec![asset_ready(50), trimmed(51), asset_failed(AssetFailure::NodeLost, 52), expired_at(53)],
        ),
        (gone()[0].0.clone(), vec![asset_ready(50), trimmed(51), expired_at(52)]),
        (gone()[1].0.clone(), vec![asset_ready(50), deleted_at(52)]),
    ];
    for (history, late) in cannot {
        let before = given::<Asset>(history.clone()).aggregate();
        assert_eq!(given::<Asset>([history, late].concat()).aggregate(), before);
    }
}

/// Any part of the media, and some that is none of it.
fn any_part() -> impl Strategy<Value = Extent> {
    proptest::collection::btree_set(0..70_u64, 2..7).prop_filter_map("pairs", |seconds| {
        let seconds: Vec<_> = seconds.into_iter().collect();
        let pairs: Vec<_> = seconds.chunks_exact(2).map(|pair| (pair[0], pair[1])).collect();
        (!pairs.is_empty()).then(|| extent(&pairs))
    })
}

fn any_command() -> impl Strategy<Value = (i64, AssetCommand)> {
    let command = prop_oneof![
        2 => Just(start_asset()),
        1 => Just(start_another_asset()),
        1 => Just(clip()),
        3 => Just(finish_asset(0)),
        3 => proptest::sample::select(AssetFailure::ALL)
            .prop_map(|reason| AssetCommand::Fail { reason, at: at(0) }),
        6 => any_part().prop_map(|extent| AssetCommand::Trim { extent, at: at(0) }),
        3 => Just(AssetCommand::Untrim { at: at(0) }),
        3 => (0..70_u64).prop_map(|second| AssetCommand::SetPoster { moment_us: second * 1_000_000, at: at(0) }),
        1 => prop_oneof![2 => Just(AssetCommand::Untrim { at: at(0) }), 1 => Just(AssetCommand::Delete { at: at(0) })],
        2 => Just(AssetCommand::Expire { at: at(0) }),
    ];
    (prop_oneof![4 => 0..10_i64, 1 => 0..4_000_i64], command)
}

/// The command, asked at another moment.
fn asked(command: AssetCommand, when: i64) -> AssetCommand {
    let at = at(when);
    use AssetCommand as Command;
    match command {
        Command::Start { asset, .. } => Command::Start { asset, at },
        Command::Clip { asset, extent, files, .. } => Command::Clip { asset, extent, files, at },
        Command::Finish { extent, files, .. } => {
            Command::Finish { extent, files, expires_at: Some(at.plus_seconds(3_600)), at }
        }
        Command::Fail { reason, .. } => Command::Fail { reason, at },
        Command::Trim { extent, .. } => Command::Trim { extent, at },
        Command::Untrim { .. } => Command::Untrim { at },
        Command::SetPoster { moment_us, .. } => Command::SetPoster { moment_us, at },
        Command::Delete { .. } => Command::Delete { at },
        Command::Expire { .. } => Command::Expire { at },
    }
}

proptest! {
    /// Whatever is asked in whatever order.
    #[test]
    fn whatever_happens_the_laws_hold(steps in proptest::collection::vec(any_command(), 0..60)) {
        let (mut asset, mut log, mut now) = (Asset::default(), Vec::<AssetEvent>::new(), 0);
        for (wait, command) in steps {
            now += wait;
            let before = asset.clone();
            let Ok(events) = before.decide(asked(command, now)) else { continue };
            for event in &events {
                prop_assert_eq!(event.at(), at(now));
                let is_over = matches!(asset.state(), Some(State::Deleted | State::Expired));
                prop_assert!(!is_over, "what is gone stays gone");
                let unchanged = asset.clone();
                asset.apply(event);
                prop_assert!(asset != unchanged, "each event changes something: {:?}", event);
                if let AssetEvent::Expired { at } = event {
                    let due = before.facts().unwrap().recording().unwrap().expires_at.unwrap();
                    prop_assert!(*at >= due, "nothing expires before its time");
                }
                if let Some(recording) = asset.facts().and_then(|facts| facts.recording()) {
                    prop_assert!(recording.whole.spans.hold(&recording.shown().spans), "a trim is a part");
                    let was = before.facts().and_then(|facts| facts.recording());
                    prop_assert!(was.is_none_or(|was| was.whole == recording.whole), "nothing is cut away");
                    let is_newer = |was: &Recording| was.edition < recording.edition;
                    prop_assert!(was.is_none_or(|was| is_newer(was) || was.shown() == recording.shown()));
                    let poster = recording.poster_us();
                    let is_shown = |us| recording.shown().spans.hold_moment(us);
                    prop_assert!(poster.is_none_or(is_shown), "a poster is of what is shown");
                }
            }
            log.extend(events);
        }
        prop_assert_eq!(given::<Asset>(log.clone()).aggregate(), asset.clone(), "the fold of its log");
        let begun = log.iter().filter(|event| matches!(event, AssetEvent::Started { .. })).count();
        let was_ready = log.iter().filter(|event| matches!(event, AssetEvent::Ready { .. })).count();
        prop_assert!(begun <= 1 && was_ready <= 1);
        // Asked again for what is there, it says nothing.
        if let Some(facts) = asset.facts() {
            let again = AssetCommand::Start { asset: facts.of.clone(), at: at(now) };
            prop_assert_eq!(asset.decide(again), Ok(vec![]));
        }
    }
}
