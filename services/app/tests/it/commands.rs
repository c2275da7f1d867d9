//! Use cases: what they answer, refuse, and honour once.

use std::sync::atomic::Ordering;

use sigma_app::{
    AppError, ChannelState, ChannelUpdate, LatencyMode, NewChannel, ProjectId, Report, SessionState,
};

use crate::world::{World, caller, input, named, with_key};

fn refused(error: AppError) -> String {
    match error {
        AppError::Refused { code, .. } => code,
        other => panic!("not a refusal: {other:?}"),
    }
}

#[tokio::test]
async fn a_new_channel_has_all_that_a_broadcaster_needs() {
    let world = World::new().await;
    let done = world.app.create_channel(&caller(), named("  Evening show ")).await.unwrap();
    let row = &done.value.channel;
    assert_eq!(
        (row.name.as_str(), row.state, row.latency_mode),
        ("Evening show", ChannelState::Idle, LatencyMode::Low)
    );
    assert_eq!((row.max_session_duration, row.reconnect_window), (43_200, 60));
    assert!(row.auto_go_live && row.end_on_unpublish && !done.repeated);
    assert_eq!((row.project.as_str(), row.playback_id.len(), done.sequence), ("pr_default", 20, 1));
    let key = world.app.show_stream_key(&caller(), &row.id).await.unwrap();
    assert_eq!(Some(key), done.value.stream_key);
}

#[tokio::test]
async fn every_wrong_field_is_named_at_once() {
    let world = World::new().await;
    let input = NewChannel {
        name: " ".into(),
        max_session_duration: Some(59),
        reconnect_window: Some(-1),
        ..NewChannel::default()
    };
    let Err(AppError::BadInput { fields }) = world.app.create_channel(&caller(), input).await else {
        panic!("taken");
    };
    let paths: Vec<&str> = fields.iter().map(|field| field.path.as_str()).collect();
    assert_eq!(paths, ["name", "maxSessionDuration", "reconnectWindow"]);

    let id = world.channel().await.channel.id;
    let update =
        ChannelUpdate { name: Some("x".repeat(101)), reconnect_window: Some(3_601), ..Default::default() };
    let Err(AppError::BadInput { fields }) = world.app.update_channel(&caller(), &id, update).await else {
        panic!("taken");
    };
    assert_eq!(fields.len(), 2);
    let Err(AppError::BadInput { fields }) = world.app.rotate_stream_key(&caller(), &id, Some(-5)).await
    else {
        panic!("taken");
    };
    assert_eq!(fields[0].path, "overlapSeconds");
}

#[tokio::test]
async fn an_update_changes_what_it_names_and_nothing_else() {
    let world = World::new().await;
    let before = world.channel().await.channel;
    let update = ChannelUpdate {
        name: Some("Morning show".into()),
        latency_mode: Some(LatencyMode::UltraLow),
        ..Default::default()
    };
    let after = world.app.update_channel(&caller(), &before.id, update.clone()).await.unwrap();
    let mut expected = before;
    expected.name = "Morning show".into();
    expected.latency_mode = LatencyMode::UltraLow;
    expected.sequence = 2;
    assert_eq!(after.value, expected);
    // The same again changes nothing and is no event.
    let again = world.app.update_channel(&caller(), &expected.id, update).await.unwrap();
    assert_eq!((again.sequence, again.value), (2, expected));
}

#[tokio::test]
async fn another_projects_things_are_not_found() {
    let world = World::new().await;
    let made = world.channel().await;
    let session = world.live(&made.stream_key).await.session.session;
    let id = made.channel.id;
    let mut stranger = caller();
    stranger.project = ProjectId::from_uuid(uuid::Uuid::from_u128(5));
    let app = &world.app;
    let answers = [
        app.update_channel(&stranger, &id, ChannelUpdate::default()).await.map(drop),
        app.start_channel(&stranger, &id).await.map(drop),
        app.stop_channel(&stranger, &id).await.map(drop),
        app.delete_channel(&stranger, &id).await.map(drop),
        app.rotate_stream_key(&stranger, &id, None).await.map(drop),
        app.show_stream_key(&stranger, &id).await.map(drop),
        app.go_live(&stranger, &session).await.map(drop),
        app.end_session(&stranger, &session).await.map(drop),
        app.session_encoder(&stranger, &session).await.map(drop),
        app.start_channel(&caller(), "nonsense").await.map(drop),
    ];
    for (number, answer) in answers.into_iter().enumerate() {
        assert!(matches!(answer, Err(AppError::NotFound { .. })), "{number}: {answer:?}");
    }
    assert_eq!(world.session_row(&session).await.state, SessionState::Live);
}

#[tokio::test]
async fn stop_start_and_delete_keep_to_the_rules() {
    let world = World::new().await;
    let made = world.channel().await;
    let id = &made.channel.id;
    let app = &world.app;
    assert_eq!(refused(app.start_channel(&caller(), id).await.unwrap_err()), "NOT_STOPPED");
    let grant = world.live(&made.stream_key).await;
    assert_eq!(refused(app.delete_channel(&caller(), id).await.unwrap_err()), "ON_AIR");
    let stopped = app.stop_channel(&caller(), id).await.unwrap();
    assert_eq!(stopped.value.state, ChannelState::Stop);
    assert_eq!(refused(app.stop_channel(&caller(), id).await.unwrap_err()), "ALREADY_STOPPED");
    let session = world.session_row(&grant.session.session).await;
    assert_eq!(session.end_reason.map(|reason| reason.code()), Some("CHANNEL_STOPPED"));
    // Its session ended with it, so it may start again at once.
    assert_eq!(app.start_channel(&caller(), id).await.unwrap().value.state, ChannelState::Idle);
    let deleted = app.delete_channel(&caller(), id).await.unwrap();
    assert_eq!((deleted.value.id.as_str(), world.channel_row(id).await), (id.as_str(), None));
    assert!(matches!(app.start_channel(&caller(), id).await, Err(AppError::NotFound { .. })));
}

#[tokio::test]
async fn a_session_goes_live_by_its_owner_and_ends_by_him() {
    let world = World::new().await;
    let made = world.channel_with(NewChannel { auto_go_live: Some(false), ..named("Quiet") }).await;
    let grant = world.feed(&made.stream_key, false).await.unwrap();
    let session = &grant.session.session;
    assert_eq!(refused(world.app.go_live(&caller(), session).await.unwrap_err()), "NO_MEDIA_YET");
    world.report(&grant, Report::Processing(input())).await;
    assert_eq!(world.report(&grant, Report::Playable).await.live_at_ms, None);
    let live = world.app.go_live(&caller(), session).await.unwrap();
    assert_eq!(live.value.state, SessionState::Live);
    let ended = world.app.end_session(&caller(), session).await.unwrap();
    assert_eq!(ended.value.end_reason.map(|reason| reason.code()), Some("SESSION_ENDED_BY_USER"));
    // The channel is free at once.
    assert_eq!(world.channel_row(&made.channel.id).await.unwrap().state, ChannelState::Idle);
    assert_eq!(refused(world.app.end_session(&caller(), session).await.unwrap_err()), "ALREADY_ENDED");
}

#[tokio::test]
async fn the_same_command_again_gives_the_first_answer_and_no_event() {
    let world = World::new().await;
    let key = with_key("k1", "body");
    let first = world.app.create_channel(&key, named("Once")).await.unwrap();
    world
        .app
        .update_channel(
            &caller(),
            &first.aggregate_id,
            ChannelUpdate { name: Some("Later".into()), ..Default::default() },
        )
        .await
        .unwrap();
    // Also after a restart.
    let world = world.restarted().await;
    let second = world.app.create_channel(&key, named("Once")).await.unwrap();
    assert!(second.repeated);
    assert_eq!((second.value, second.sequence), (first.value, first.sequence));
    assert_eq!(world.events("channel", &first.aggregate_id).await, ["channel.created", "channel.updated"]);
}

#[tokio::test]
async fn an_idempotency_key_used_for_something_else_is_a_conflict() {
    let world = World::new().await;
    let made = world.app.create_channel(&with_key("k1", "body"), named("Once")).await.unwrap();
    let id = made.aggregate_id;
    let conflicts = [
        world.app.create_channel(&with_key("k1", "another body"), named("Once")).await.map(drop),
        world.app.create_channel(&with_key("k1", "body"), named("Twice")).await.map(drop),
        world.app.stop_channel(&with_key("k1", "body"), &id).await.map(drop),
    ];
    for conflict in conflicts {
        assert!(matches!(conflict, Err(AppError::Conflict(_))), "{conflict:?}");
    }
    // Another actor's same key is another key.
    let mut other = with_key("k1", "body");
    other.actor = sigma_app::Actor::new(sigma_app::ActorKind::Admin, "another").unwrap();
    assert!(!world.app.create_channel(&other, named("Once")).await.unwrap().repeated);
}

#[tokio::test]
async fn two_copies_that_arrive_together_are_one_command() {
    let world = World::new().await;
    let key = with_key("k1", "body");
    let (one, two) = tokio::join!(
        world.app.create_channel(&key, named("Once")),
        world.app.create_channel(&key, named("Once")),
    );
    let (one, two) = (one.unwrap(), two.unwrap());
    assert_eq!(one.value, two.value);
    let id = &one.aggregate_id;
    let rotate = with_key("k2", "");
    let (one, two) = tokio::join!(
        world.app.rotate_stream_key(&rotate, id, None),
        world.app.rotate_stream_key(&rotate, id, None),
    );
    assert_eq!(one.unwrap().value.stream_key, two.unwrap().value.stream_key);
    assert_eq!(world.events("channel", id).await, ["channel.created", "channel.key_rotated"]);
}

#[tokio::test]
async fn a_refusal_is_an_answer_too() {
    let world = World::new().await;
    let id = world.channel().await.channel.id;
    let key = with_key("k1", "");
    assert_eq!(refused(world.app.start_channel(&key, &id).await.unwrap_err()), "NOT_STOPPED");
    world.app.stop_channel(&caller(), &id).await.unwrap();
    // It would be taken now; but this command was answered.
    assert_eq!(refused(world.app.start_channel(&key, &id).await.unwrap_err()), "NOT_STOPPED");
    // So is one that changed nothing.
    let quiet = with_key("k2", "");
    let update = ChannelUpdate::default();
    let first = world.app.update_channel(&quiet, &id, update.clone()).await.unwrap();
    let again = world.app.update_channel(&quiet, &id, update).await.unwrap();
    assert!(!first.repeated && again.repeated && first.value == again.value);
    // And a deletion, though there is no channel to be found any more.
    let delete = with_key("k3", "");
    let first = world.app.delete_channel(&delete, &id).await.unwrap();
    assert_eq!(world.app.delete_channel(&delete, &id).await.unwrap().value, first.value);
}

#[tokio::test]
async fn an_overlong_or_empty_idempotency_key_is_bad_input() {
    let world = World::new().await;
    for key in ["", &"k".repeat(256)] {
        let answer = world.app.create_channel(&with_key(key, ""), named("x")).await;
        assert!(matches!(answer, Err(AppError::BadInput { .. })), "{answer:?}");
    }
}

#[tokio::test]
async fn a_conflict_is_decided_again_and_answered_when_it_does_not_end() {
    let world = World::new().await;
    let id = world.channel().await.channel.id;
    tokio::time::pause();
    world.switch.conflicts.store(7, Ordering::SeqCst);
    assert!(world.app.stop_channel(&caller(), &id).await.is_ok());
    world.switch.conflicts.store(8, Ordering::SeqCst);
    let answer = world.app.start_channel(&caller(), &id).await;
    assert!(matches!(answer, Err(AppError::Conflict(_))), "{answer:?}");
}

#[tokio::test]
async fn a_store_that_is_away_is_neither_refusal_nor_conflict() {
    let world = World::new().await;
    let id = world.channel().await.channel.id;
    world.switch.off();
    let answer = world.app.stop_channel(&caller(), &id).await;
    assert!(matches!(answer, Err(AppError::Unavailable { .. })), "{answer:?}");
    world.switch.on();
    assert!(world.app.stop_channel(&caller(), &id).await.is_ok());
}

#[tokio::test]
async fn who_did_it_and_by_which_request_stands_on_the_event() {
    let world = World::new().await;
    let mut by = caller();
    by.correlation = Some("req-9".into());
    let id = world.app.create_channel(&by, named("x")).await.unwrap().aggregate_id;
    let event = world.store.load("channel", &id).await.unwrap().remove(0);
    assert_eq!(event.metadata.correlation_id, "req-9");
    assert_eq!(event.metadata.actor, r#"{"kind":"ADMIN","id":"admin"}"#);
    assert_eq!((event.project_id.as_str(), event.line.as_str()), ("pr_default", id.as_str()));
}

#[tokio::test]
async fn the_default_project_is_made_once() {
    let world = World::new().await.restarted().await;
    assert_eq!(world.events("project", "pr_default").await, ["project.created"]);
}

fn renamed(name: &str) -> ChannelUpdate {
    ChannelUpdate { name: Some(name.into()), ..ChannelUpdate::default() }
}

#[tokio::test]
async fn two_nodes_over_one_store_decide_on_what_the_other_did() {
    let one = World::new().await;
    let id = one.channel().await.channel.id;
    let other = one.restarted().await;
    assert_eq!(one.app.update_channel(&caller(), &id, renamed("One")).await.unwrap().sequence, 2);
    assert_eq!(other.app.stop_channel(&caller(), &id).await.unwrap().sequence, 3);
    assert_eq!(one.app.start_channel(&caller(), &id).await.unwrap().sequence, 4, "it was stopped elsewhere");
    assert_eq!(
        other.app.update_channel(&caller(), &id, renamed("One")).await.unwrap().sequence,
        4,
        "no news"
    );
}

#[tokio::test]
async fn a_store_that_lost_its_last_commits_is_decided_on_as_it_stands() {
    let world = World::new().await;
    let id = world.channel().await.channel.id;
    for name in ["A", "B", "C"] {
        world.app.update_channel(&caller(), &id, renamed(name)).await.unwrap();
    }
    world.switch.fail_over(2).await;
    for (name, sequence) in [("D", 3), ("E", 4), ("F", 5)] {
        let done = world.app.update_channel(&caller(), &id, renamed(name)).await.unwrap();
        assert_eq!((done.sequence, done.value.name.as_str()), (sequence, name));
    }
}
