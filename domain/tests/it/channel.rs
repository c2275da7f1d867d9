//! A channel, a command a module, each in every state.

use sigma_domain::{
    Channel, ChannelChanges, ChannelCommand, ChannelEvent, ChannelRefusal, ChannelState, LatencyMode,
    Retention,
};

use crate::{given::given, world::*};

type Refusal = ChannelRefusal;

fn on_air() -> Refusal {
    Refusal::OnAir { session: session(1) }
}

mod create {
    use super::*;

    #[test]
    fn it_makes_a_channel_with_nothing_on_air() {
        let channel =
            given::<Channel>([]).when(create()).then([created()]).and_it_is(ChannelState::Idle).aggregate();
        let facts = channel.facts().unwrap();
        assert_eq!((&facts.id, &facts.project), (&the_channel(), &the_project()));
        assert_eq!(facts.playback_id, the_playback_id());
        assert_eq!(facts.created_at, at(0));
        assert_eq!(channel.attached_session(), None);
    }

    #[test]
    fn it_is_refused_for_an_id_that_is_taken_even_by_what_was_deleted() {
        for history in [vec![created()], vec![created(), attached(1)], vec![created(), stopped()]] {
            given::<Channel>(history).when(create()).then_refused(Refusal::AlreadyCreated);
        }
        given::<Channel>([created(), deleted()]).when(create()).then_refused(Refusal::AlreadyCreated);
    }
}

mod attach {
    use super::*;

    #[test]
    fn it_puts_the_session_on_air() {
        let channel = given::<Channel>([created()])
            .when(attach(1))
            .then([attached(1)])
            .and_it_is(ChannelState::Active)
            .aggregate();
        assert_eq!(channel.attached_session(), Some(&session(1)));
    }

    #[test]
    fn it_lets_no_second_session_in_while_one_is_on_air() {
        given::<Channel>([created(), attached(1)]).when(attach(2)).then_refused(on_air());
    }

    #[test]
    fn it_says_nothing_to_the_session_that_is_on_air_already() {
        given::<Channel>([created(), attached(1)])
            .when(attach(1))
            .then_nothing()
            .and_it_is(ChannelState::Active);
    }

    #[test]
    fn it_lets_the_next_session_in_when_the_last_is_over() {
        given::<Channel>([created(), attached(1), detached(1)]).when(attach(2)).then([attached(2)]);
    }

    #[test]
    fn it_uses_a_session_id_once() {
        let history = [created(), attached(1), detached(1), attached(2), detached(2)];
        for n in [1, 2] {
            given::<Channel>(history.clone())
                .when(attach(n))
                .then_refused(Refusal::SessionIdUsed { session: session(n) });
        }
    }

    #[test]
    fn it_lets_nothing_in_while_stopped() {
        given::<Channel>([created(), stopped()]).when(attach(1)).then_refused(Refusal::Stopped);
        let ending = [created(), attached(1), stopped_with(1)];
        given::<Channel>(ending.clone()).when(attach(1)).then_refused(Refusal::Stopped);
        given::<Channel>(ending).when(attach(2)).then_refused(Refusal::Stopped);
    }

    #[test]
    fn it_lets_feeds_in_again_after_a_start() {
        given::<Channel>([created(), stopped(), started()]).when(attach(1)).then([attached(1)]);
    }

    #[test]
    fn it_is_refused_where_there_is_no_channel_or_none_any_more() {
        given::<Channel>([]).when(attach(1)).then_refused(Refusal::Unknown);
        given::<Channel>([created(), deleted()]).when(attach(1)).then_refused(Refusal::Deleted);
    }
}

mod detach {
    use super::*;

    #[test]
    fn it_takes_the_channel_back_to_idle() {
        given::<Channel>([created(), attached(1)])
            .when(detach(1))
            .then([detached(1)])
            .and_it_is(ChannelState::Idle);
    }

    #[test]
    fn it_leaves_a_stopped_channel_stopped() {
        let channel = given::<Channel>([created(), attached(1), stopped_with(1)])
            .when(detach(1))
            .then([detached(1)])
            .and_it_is(ChannelState::Stop)
            .aggregate();
        assert_eq!(channel.attached_session(), None);
    }

    #[test]
    fn it_says_nothing_of_a_session_that_is_not_on_air() {
        given::<Channel>([created()]).when(detach(1)).then_nothing();
        given::<Channel>([created(), attached(1), detached(1)]).when(detach(1)).then_nothing();
        given::<Channel>([created(), stopped()]).when(detach(1)).then_nothing();
        let next = [created(), attached(1), detached(1), attached(2)];
        given::<Channel>(next).when(detach(1)).then_nothing().and_it_is(ChannelState::Active);
        given::<Channel>([created(), attached(1), stopped_with(1)]).when(detach(2)).then_nothing();
    }

    #[test]
    fn it_says_nothing_on_a_deleted_channel_whose_last_session_ends_late() {
        given::<Channel>([created(), attached(1), stopped_with(1), deleted()]).when(detach(1)).then_nothing();
    }

    #[test]
    fn it_is_refused_where_there_is_no_channel() {
        given::<Channel>([]).when(detach(1)).then_refused(Refusal::Unknown);
    }
}

mod stop {
    use super::*;

    #[test]
    fn it_stops_a_channel_with_nothing_on_air() {
        given::<Channel>([created()]).when(stop()).then([stopped()]).and_it_is(ChannelState::Stop);
    }

    #[test]
    fn it_names_the_session_that_is_to_be_ended() {
        let channel = given::<Channel>([created(), attached(1)])
            .when(stop())
            .then([stopped_with(1)])
            .and_it_is(ChannelState::Stop)
            .aggregate();
        assert_eq!(channel.attached_session(), Some(&session(1)), "until it has ended");
    }

    #[test]
    fn it_is_refused_when_stopped_already() {
        given::<Channel>([created(), stopped()]).when(stop()).then_refused(Refusal::AlreadyStopped);
        let ending = [created(), attached(1), stopped_with(1)];
        given::<Channel>(ending).when(stop()).then_refused(Refusal::AlreadyStopped);
    }

    #[test]
    fn it_is_refused_where_there_is_no_channel_or_none_any_more() {
        given::<Channel>([]).when(stop()).then_refused(Refusal::Unknown);
        given::<Channel>([created(), deleted()]).when(stop()).then_refused(Refusal::Deleted);
    }
}

mod start {
    use super::*;

    #[test]
    fn it_takes_a_stopped_channel_to_idle() {
        given::<Channel>([created(), stopped()])
            .when(start())
            .then([started()])
            .and_it_is(ChannelState::Idle);
    }

    #[test]
    fn it_waits_for_the_stopped_session_to_end() {
        let ending = vec![created(), attached(1), stopped_with(1)];
        given::<Channel>(ending.clone())
            .when(start())
            .then_refused(Refusal::StillEnding { session: session(1) });
        let over = [ending, vec![detached(1)]].concat();
        given::<Channel>(over).when(start()).then([started()]).and_it_is(ChannelState::Idle);
    }

    #[test]
    fn it_is_refused_on_what_is_not_stopped() {
        given::<Channel>([created()]).when(start()).then_refused(Refusal::NotStopped);
        given::<Channel>([created(), attached(1)]).when(start()).then_refused(Refusal::NotStopped);
    }

    #[test]
    fn it_is_refused_where_there_is_no_channel_or_none_any_more() {
        given::<Channel>([]).when(start()).then_refused(Refusal::Unknown);
        given::<Channel>([created(), deleted()]).when(start()).then_refused(Refusal::Deleted);
    }
}

mod delete {
    use super::*;

    #[test]
    fn it_is_refused_on_air() {
        given::<Channel>([created(), attached(1)]).when(delete()).then_refused(on_air());
    }

    #[test]
    fn it_removes_an_idle_or_a_stopped_channel() {
        let gone = given::<Channel>([created()]).when(delete()).then([deleted()]).aggregate();
        assert_eq!(gone.state(), None);
        given::<Channel>([created(), stopped()]).when(delete()).then([deleted()]);
    }

    #[test]
    fn it_need_not_wait_for_the_stopped_session_to_end() {
        given::<Channel>([created(), attached(1), stopped_with(1)]).when(delete()).then([deleted()]);
    }

    #[test]
    fn it_is_refused_where_there_is_no_channel_or_none_any_more() {
        given::<Channel>([]).when(delete()).then_refused(Refusal::Unknown);
        given::<Channel>([created(), deleted()]).when(delete()).then_refused(Refusal::Deleted);
    }
}

mod erase {
    use super::*;

    #[test]
    fn it_removes_the_channel_and_what_was_personal_about_it() {
        let gone = given::<Channel>([created()]).when(erase()).then([deleted(), erased()]).aggregate();
        assert_eq!(gone.state(), None);
        given::<Channel>([created(), stopped()]).when(erase()).then([deleted(), erased()]);
    }

    #[test]
    fn it_goes_for_what_was_deleted_before() {
        given::<Channel>([created(), deleted()]).when(erase()).then([erased()]);
    }

    #[test]
    fn it_is_refused_on_air_where_there_is_no_channel_and_the_second_time() {
        given::<Channel>([created(), attached(1)]).when(erase()).then_refused(on_air());
        given::<Channel>([]).when(erase()).then_refused(Refusal::Unknown);
        given::<Channel>([created(), deleted(), erased()]).when(erase()).then_refused(Refusal::Deleted);
    }

    #[test]
    fn it_is_refused_where_a_name_ever_stood_in_an_event_in_clear() {
        given::<Channel>([created_in_clear()]).when(erase()).then_refused(Refusal::NamedInClear);
        given::<Channel>([created_in_clear(), deleted()]).when(erase()).then_refused(Refusal::NamedInClear);
        let renamed = |name| updated(ChannelChanges { name: Some(name), ..Default::default() });
        let once_in_clear = renamed("Morning news".parse::<sigma_domain::ChannelName>().unwrap().into());
        given::<Channel>([created(), once_in_clear, renamed(sealed("Night"))])
            .when(erase())
            .then_refused(Refusal::NamedInClear);
    }
}

mod rotate_key {
    use super::*;

    fn rotated(until: Option<i64>) -> ChannelEvent {
        ChannelEvent::KeyRotated { overlap_until: until.map(at), at: at(1) }
    }

    #[test]
    fn it_lets_the_old_key_serve_for_the_overlap() {
        given::<Channel>([created()]).when(rotate_key(600)).then([rotated(Some(601))]);
    }

    #[test]
    fn it_ends_the_old_key_at_once_without_an_overlap() {
        given::<Channel>([created()]).when(rotate_key(0)).then([rotated(None)]);
    }

    #[test]
    fn it_leaves_the_channel_where_it_is() {
        let active = [created(), attached(1)];
        given::<Channel>(active).when(rotate_key(0)).then([rotated(None)]).and_it_is(ChannelState::Active);
        let stop = [created(), stopped()];
        given::<Channel>(stop).when(rotate_key(0)).then([rotated(None)]).and_it_is(ChannelState::Stop);
    }

    #[test]
    fn it_is_refused_where_there_is_no_channel_or_none_any_more() {
        given::<Channel>([]).when(rotate_key(0)).then_refused(Refusal::Unknown);
        given::<Channel>([created(), deleted()]).when(rotate_key(0)).then_refused(Refusal::Deleted);
    }
}

mod show_key {
    use super::*;

    #[test]
    fn it_keeps_that_the_key_was_shown_and_changes_nothing() {
        let before = given::<Channel>([created()]).aggregate();
        let after = given::<Channel>([created()]).when(show_key()).then([key_shown()]).aggregate();
        assert_eq!(after, before);
        let active = [created(), attached(1)];
        given::<Channel>(active).when(show_key()).then([key_shown()]).and_it_is(ChannelState::Active);
        let stop = [created(), stopped()];
        given::<Channel>(stop).when(show_key()).then([key_shown()]).and_it_is(ChannelState::Stop);
    }

    #[test]
    fn it_is_kept_each_time() {
        given::<Channel>([created(), key_shown()]).when(show_key()).then([key_shown()]);
    }

    #[test]
    fn it_is_refused_where_there_is_no_channel_or_none_any_more() {
        given::<Channel>([]).when(show_key()).then_refused(Refusal::Unknown);
        given::<Channel>([created(), deleted()]).when(show_key()).then_refused(Refusal::Deleted);
    }
}

mod update {
    use super::*;

    fn everything() -> ChannelChanges {
        ChannelChanges {
            name: Some("Morning news".parse::<sigma_domain::ChannelName>().unwrap().into()),
            latency_mode: Some(LatencyMode::UltraLow),
            auto_go_live: Some(false),
            max_session_duration: Some(3600_u32.try_into().unwrap()),
            reconnect_window: Some(0_u32.try_into().unwrap()),
            end_on_unpublish: Some(false),
            dvr_window: Some(0_u32.try_into().unwrap()),
            record_source: Some(false),
            catchup: Some(false),
            source_retention: Some(Retention::For(86_400_u32.try_into().unwrap())),
            catchup_retention: Some(Retention::For(60_u32.try_into().unwrap())),
        }
    }

    #[test]
    fn it_changes_name_and_settings() {
        let channel = given::<Channel>([created()])
            .when(update(everything()))
            .then([updated(everything())])
            .aggregate();
        let facts = channel.facts().unwrap();
        assert_eq!(facts.name.plain().unwrap().as_str(), "Morning news");
        assert_eq!(facts.settings.latency_mode, LatencyMode::UltraLow);
        assert!(!facts.settings.auto_go_live && !facts.settings.end_on_unpublish);
        assert_eq!(facts.settings.max_session_duration.seconds(), 3600);
        assert_eq!(facts.settings.reconnect_window.seconds(), 0);
        assert_eq!(facts.settings.dvr_window.seconds(), 0);
        assert!(!facts.settings.record_source && !facts.settings.catchup);
        assert!(!facts.settings.for_session().keeps());
        assert_eq!(facts.settings.source_retention.seconds(), Some(86_400));
        assert_eq!(facts.settings.catchup_retention.seconds(), Some(60));
    }

    #[test]
    fn it_tells_only_what_changes() {
        let wanted = ChannelChanges {
            latency_mode: Some(LatencyMode::Low),
            auto_go_live: Some(false),
            ..Default::default()
        };
        let told = ChannelChanges { auto_go_live: Some(false), ..Default::default() };
        given::<Channel>([created()]).when(update(wanted)).then([updated(told)]);
    }

    #[test]
    fn it_says_nothing_when_nothing_changes() {
        given::<Channel>([created()]).when(update(ChannelChanges::default())).then_nothing();
        given::<Channel>([created(), updated(everything())]).when(update(everything())).then_nothing();
    }

    #[test]
    fn a_retention_is_taken_back_and_that_is_a_change() {
        let kept =
            |retention| updated(ChannelChanges { source_retention: Some(retention), ..Default::default() });
        let ChannelEvent::Updated { changes, .. } = kept(Retention::UntilDeleted) else { unreachable!() };
        let a_day = Retention::For(86_400_u32.try_into().unwrap());
        given::<Channel>([created(), kept(a_day)])
            .when(update(changes.clone()))
            .then([kept(Retention::UntilDeleted)])
            .when(update(changes))
            .then_nothing();
    }

    #[test]
    fn it_refuses_to_begin_or_to_stop_recording_while_on_air_and_takes_the_rest() {
        let record = |record_source| ChannelChanges { record_source, ..Default::default() };
        given::<Channel>([created(), attached(1)])
            .when(update(record(Some(false))))
            .then_refused(Refusal::FixedOnAir { setting: "recordSource" });
        given::<Channel>([created(), attached(1)]).when(update(record(Some(true)))).then_nothing();
        let rest = ChannelChanges { latency_mode: None, record_source: None, ..everything() };
        given::<Channel>([created(), attached(1)]).when(update(rest.clone())).then([updated(rest)]);
    }

    #[test]
    fn it_refuses_another_latency_mode_by_name_while_on_air() {
        let refusal = Refusal::FixedOnAir { setting: "latencyMode" };
        assert_eq!(refusal.setting(), Some("latencyMode"));
        assert!(refusal.to_string().starts_with("latencyMode "));
        given::<Channel>([created(), attached(1)]).when(update(everything())).then_refused(refusal);
    }

    #[test]
    fn it_changes_all_else_on_air() {
        let on_air = ChannelChanges { latency_mode: None, record_source: None, ..everything() };
        given::<Channel>([created(), attached(1)])
            .when(update(on_air.clone()))
            .then([updated(on_air)])
            .and_it_is(ChannelState::Active);
    }

    #[test]
    fn it_takes_the_latency_mode_of_now_on_air_as_no_change() {
        let same = ChannelChanges { latency_mode: Some(LatencyMode::Low), ..Default::default() };
        given::<Channel>([created(), attached(1)]).when(update(same)).then_nothing();
    }

    #[test]
    fn it_changes_everything_while_stopped() {
        given::<Channel>([created(), stopped()]).when(update(everything())).then([updated(everything())]);
        let ending = [created(), attached(1), stopped_with(1)];
        given::<Channel>(ending).when(update(everything())).then([updated(everything())]);
    }

    #[test]
    fn it_is_refused_where_there_is_no_channel_or_none_any_more() {
        given::<Channel>([]).when(update(everything())).then_refused(Refusal::Unknown);
        given::<Channel>([created(), deleted()]).when(update(everything())).then_refused(Refusal::Deleted);
    }
}

#[test]
fn every_refusal_has_a_code_of_its_own_and_a_sentence() {
    let refusals = [
        Refusal::Unknown,
        Refusal::AlreadyCreated,
        Refusal::Deleted,
        on_air(),
        Refusal::Stopped,
        Refusal::AlreadyStopped,
        Refusal::NotStopped,
        Refusal::StillEnding { session: session(1) },
        Refusal::FixedOnAir { setting: "latencyMode" },
        Refusal::SessionIdUsed { session: session(1) },
        Refusal::NamedInClear,
    ];
    let codes: std::collections::BTreeSet<_> = refusals.iter().map(Refusal::code).collect();
    assert_eq!(codes.len(), refusals.len());
    assert!(codes.iter().all(|code| code.bytes().all(|b| b.is_ascii_uppercase() || b == b'_')));
}

#[test]
fn a_commands_moment_is_its_events_moment() {
    let event = Channel::default().decide(create()).unwrap().remove(0);
    assert_eq!(event.at(), at(0));
    let ChannelCommand::Stop { at: asked } = stop() else { unreachable!() };
    assert_eq!(given::<Channel>([created()]).aggregate().decide(stop()).unwrap()[0].at(), asked);
}
