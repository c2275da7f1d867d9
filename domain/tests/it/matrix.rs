//! Every command in every state, at a glance: `matrix.txt` is the whole of it, and a change of any rule shows there.

use std::fmt::Write;

use sigma_domain::{
    ApiToken, ApiTokenCommand, ApiTokenEvent, Asset, AssetCommand, AssetEvent, AssetFailure, Channel,
    ChannelChanges, ChannelCommand, ChannelEvent, Deadline, EndReason, EndedBy, IngestFault, LatencyMode,
    LossCause, MAX_WARNINGS, Session, SessionCommand, SessionEvent, SessionHealth, SessionHealthCommand,
    SessionHealthEvent,
};

use crate::{
    given::{Subject, given},
    world::*,
};

/// A row: a state's name and what happened before.
type State<E> = (&'static str, Vec<E>);
/// A command's name, and the command.
type Asked<C> = (&'static str, C);

fn table<A: Subject>(
    text: &mut String,
    states: &[State<A::Event>],
    commands: &[Asked<A::Command>],
    event: impl Fn(&A::Event) -> &'static str,
    refusal: impl Fn(&A::Refusal) -> &'static str,
) where
    A::Command: Clone,
{
    for (command_name, command) in commands {
        writeln!(text, "{command_name}").unwrap();
        for (state_name, history) in states {
            let answer = match given::<A>(history.clone()).aggregate().decide(command.clone()) {
                Ok(events) if events.is_empty() => "-".to_owned(),
                Ok(events) => events.iter().map(&event).collect::<Vec<_>>().join(", "),
                Err(error) => format!("refused {}", refusal(&error)),
            };
            writeln!(text, "    {state_name:<22} {answer}").unwrap();
        }
    }
}

fn channel_states() -> Vec<State<ChannelEvent>> {
    vec![
        ("unknown", vec![]),
        ("IDLE", vec![created()]),
        ("ACTIVE", vec![created(), attached(1)]),
        ("STOP", vec![created(), stopped()]),
        ("STOP, session ending", vec![created(), attached(1), stopped_with(1)]),
        ("deleted", vec![created(), deleted()]),
        ("erased", vec![created(), deleted(), erased()]),
        ("named in clear", vec![created_in_clear()]),
    ]
}

fn channel_commands() -> Vec<Asked<ChannelCommand>> {
    let latency = ChannelChanges { latency_mode: Some(LatencyMode::Normal), ..Default::default() };
    let go_live = ChannelChanges { auto_go_live: Some(false), ..Default::default() };
    let record = ChannelChanges { record_source: Some(false), ..Default::default() };
    vec![
        ("create", create()),
        ("update latencyMode", update(latency)),
        ("update autoGoLive", update(go_live)),
        ("update recordSource", update(record)),
        ("start", start()),
        ("stop", stop()),
        ("delete", delete()),
        ("erase", erase()),
        ("rotate key", rotate_key(60)),
        ("show key", show_key()),
        ("attach session 1", attach(1)),
        ("attach session 2", attach(2)),
        ("detach session 1", detach(1)),
    ]
}

fn session_states() -> Vec<State<SessionEvent>> {
    let broken = || lost(1, LossCause::ConnectionBroken, 10);
    vec![
        ("unknown", vec![]),
        ("abandoned", vec![abandoned()]),
        ("INIT", vec![opened()]),
        ("PROCESSING", vec![opened(), processing()]),
        ("LIVE", on_air()),
        ("ERROR from INIT", vec![opened(), broken()]),
        ("ERROR from PROCESSING", vec![opened(), processing(), broken()]),
        ("ERROR from LIVE", [on_air(), vec![broken()]].concat()),
        ("ERROR, feed 1 silent", [on_air(), vec![lost(1, LossCause::Silence, 10)]].concat()),
        ("ERROR, feed 2 is back", [on_air(), vec![broken(), back_with(2, 15)]].concat()),
        ("ENDED", [on_air(), vec![ended(EndReason::BroadcasterLeft, 10)]].concat()),
    ]
}

fn session_commands() -> Vec<Asked<SessionCommand>> {
    let mut commands = vec![
        ("open", open()),
        ("abandon", abandon()),
        ("open feed", open_feed(20)),
        ("report processing 1", report_processing(1, 20)),
        ("report processing 2", report_processing(2, 20)),
        ("report playable 1", report_playable(1, 20)),
        ("go live", go_live(20)),
        ("report lost 1, broken", report_lost(1, LossCause::ConnectionBroken, 20)),
        ("report lost 2, broken", report_lost(2, LossCause::ConnectionBroken, 20)),
        ("report lost 1, silent", report_lost(1, LossCause::Silence, 20)),
        ("report left 1", report_left(1, 20)),
        ("report left 2", report_left(2, 20)),
        ("report unusable 1", report_unusable(1, IngestFault::VideoCodec, 20)),
        ("end, by the owner", end(EndedBy::User, 20)),
        ("end, channel stopped", end(EndedBy::ChannelStopped, 20)),
        ("end, node lost", end(EndedBy::NodeLost, 20)),
        ("node restarted", node_restarted(20)),
    ];
    let late = [
        ("expire first media, in time", Deadline::FirstMedia, 29),
        ("expire first media, due", Deadline::FirstMedia, 30),
        ("expire window, in time", Deadline::ReconnectWindow, 69),
        ("expire window, due", Deadline::ReconnectWindow, 70),
        ("expire duration, in time", Deadline::MaxDuration, 43_199),
        ("expire duration, due", Deadline::MaxDuration, 43_200),
    ];
    commands.extend(late.map(|(name, deadline, when)| (name, expire(deadline, when))));
    commands.push(("open feed, too late", open_feed(43_200)));
    commands
}

fn token_states() -> Vec<State<ApiTokenEvent>> {
    vec![
        ("unknown", vec![]),
        ("valid", vec![token_created(None)]),
        ("run out", vec![token_created(Some(1))]),
        ("revoked", vec![token_created(None), token_revoked(1)]),
    ]
}

fn token_commands() -> Vec<Asked<ApiTokenCommand>> {
    vec![
        ("create", create_token(None)),
        ("create, run out", create_token(Some(0))),
        ("revoke", revoke_token(20)),
    ]
}

fn health_states() -> Vec<State<SessionHealthEvent>> {
    let (up, down) = (|| raised("NO_AUDIO", 1), || cleared("NO_AUDIO", 2));
    let all = (1..MAX_WARNINGS).flat_map(|_| [up(), down()]);
    vec![
        ("untroubled", vec![]),
        ("standing", vec![up()]),
        ("cleared", vec![up(), down()]),
        ("another standing", vec![raised("AV_DRIFT", 1)]),
        ("all raised, standing", all.clone().chain([up()]).collect()),
        ("all raised, cleared", all.chain([up(), down()]).collect()),
    ]
}

fn health_commands() -> Vec<Asked<SessionHealthCommand>> {
    vec![("raise", raise("NO_AUDIO", 20)), ("clear", clear("NO_AUDIO", 20))]
}

fn asset_states() -> Vec<State<AssetEvent>> {
    let failed = |reason| vec![asset_started(), asset_failed(reason, 10)];
    let ready = || vec![asset_started(), asset_ready(10)];
    vec![
        ("unknown", vec![]),
        ("STARTED", vec![asset_started()]),
        ("READY", ready()),
        ("READY, trimmed", [ready(), vec![trimmed(20)]].concat()),
        ("FAILED, node lost", failed(AssetFailure::NodeLost)),
        ("FAILED, no media", failed(AssetFailure::NoMedia)),
        ("DELETED", [ready(), vec![AssetEvent::Deleted { at: at(20) }]].concat()),
        ("EXPIRED", [ready(), vec![AssetEvent::Expired { at: at(3_610) }]].concat()),
    ]
}

fn asset_commands() -> Vec<Asked<AssetCommand>> {
    let fail = |reason| AssetCommand::Fail { reason, at: at(30) };
    vec![
        ("start", start_asset()),
        ("start another by this id", start_another_asset()),
        ("clip", clip()),
        ("finish", finish_asset(30)),
        ("fail, node lost", fail(AssetFailure::NodeLost)),
        ("fail, no media", fail(AssetFailure::NoMedia)),
        ("fail, media lost", fail(AssetFailure::MediaLost)),
        ("trim", trim(30)),
        ("untrim", AssetCommand::Untrim { at: at(30) }),
        ("set poster", AssetCommand::SetPoster { moment_us: 12_000_000, at: at(30) }),
        ("delete", AssetCommand::Delete { at: at(30) }),
        ("expire too early", AssetCommand::Expire { at: at(30) }),
        ("expire", AssetCommand::Expire { at: at(4_000) }),
    ]
}

#[test]
fn every_command_in_every_state_is_answered_as_the_matrix_says() {
    let mut text = String::new();
    writeln!(text, "# A channel").unwrap();
    table::<Channel>(
        &mut text,
        &channel_states(),
        &channel_commands(),
        |event| event.name(),
        |refusal| refusal.code(),
    );
    writeln!(text, "\n# A session").unwrap();
    table::<Session>(
        &mut text,
        &session_states(),
        &session_commands(),
        |event| event.name(),
        |refusal| refusal.code(),
    );
    writeln!(text, "\n# An API token").unwrap();
    table::<ApiToken>(
        &mut text,
        &token_states(),
        &token_commands(),
        |event| event.name(),
        |refusal| refusal.code(),
    );
    writeln!(text, "\n# A session's health").unwrap();
    table::<SessionHealth>(
        &mut text,
        &health_states(),
        &health_commands(),
        |event| event.name(),
        |refusal| refusal.code(),
    );
    writeln!(text, "\n# An asset").unwrap();
    table::<Asset>(
        &mut text,
        &asset_states(),
        &asset_commands(),
        |event| event.name(),
        |refusal| refusal.code(),
    );
    let stands = include_str!("matrix.txt");
    for (line, (now, before)) in text.lines().zip(stands.lines()).enumerate() {
        assert_eq!(now, before, "matrix.txt, line {}; the whole of it now:\n{text}", line + 1);
    }
    assert_eq!(text.lines().count(), stands.lines().count(), "matrix.txt; the whole of it now:\n{text}");
}
