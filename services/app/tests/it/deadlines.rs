//! What happens without anybody asking: deadlines, on a clock in hand.

use std::time::Duration;

use sigma_app::{ChannelState, LossCause, NewChannel, Report, SessionState};
use sigma_store::Journal;
use sigma_store::memory::MemoryStore;

use crate::world::{NODE, World, caller, input, named};

async fn reason(world: &World, session: &str) -> Option<&'static str> {
    let row = world.session_row(session).await;
    assert_eq!(row.end_reason.is_some(), row.state == SessionState::Ended);
    row.end_reason.map(|reason| reason.code())
}

#[tokio::test]
async fn a_feed_without_media_is_ended_after_30_s() {
    let world = World::new().await;
    let made = world.channel().await;
    let grant = world.feed(&made.stream_key, false).await.unwrap();
    world.settle().await;
    world.later(29);
    world.settle().await;
    assert_eq!(reason(&world, &grant.session.session).await, None);
    world.later(1);
    world.settle().await;
    assert_eq!(reason(&world, &grant.session.session).await, Some("INGEST_ERROR"));
    assert_eq!(world.channel_row(&made.channel.id).await.unwrap().state, ChannelState::Idle);
}

#[tokio::test]
async fn a_lost_feed_that_does_not_come_back_ends_its_session_with_the_window() {
    let world = World::new().await;
    let made = world.channel().await;
    let grant = world.live(&made.stream_key).await;
    world.later(1_000);
    world.settle().await;
    world.report(&grant, Report::Lost(LossCause::ConnectionBroken)).await;
    world.settle().await;
    world.later(59);
    world.settle().await;
    assert_eq!(reason(&world, &grant.session.session).await, None);
    world.later(1);
    world.settle().await;
    assert_eq!(reason(&world, &grant.session.session).await, Some("BROADCASTER_LEFT"));
    assert_eq!(world.channel_row(&made.channel.id).await.unwrap().state, ChannelState::Idle);
}

#[tokio::test]
async fn a_feed_that_came_back_is_not_ended_by_the_old_deadline() {
    let world = World::new().await;
    let made = world.channel().await;
    let grant = world.live(&made.stream_key).await;
    world.report(&grant, Report::Lost(LossCause::ConnectionBroken)).await;
    world.settle().await;
    let back = world.feed(&made.stream_key, false).await.unwrap();
    world.report(&back, Report::Processing(input())).await;
    world.later(3_600);
    world.settle().await;
    assert_eq!(reason(&world, &grant.session.session).await, None);
}

#[tokio::test]
async fn the_longest_duration_ends_a_session_on_air() {
    let world = World::new().await;
    let made = world.channel_with(NewChannel { max_session_duration: Some(60), ..named("x") }).await;
    let grant = world.live(&made.stream_key).await;
    world.settle().await;
    world.later(60);
    world.settle().await;
    assert_eq!(reason(&world, &grant.session.session).await, Some("MAX_DURATION"));
}

#[tokio::test]
async fn deadlines_survive_a_restart_and_the_loss_of_their_file() {
    for lose_file in [false, true] {
        let world = World::new().await;
        let made = world.channel().await;
        let grant = world.live(&made.stream_key).await;
        world.report(&grant, Report::Lost(LossCause::ConnectionBroken)).await;
        world.settle().await;
        if lose_file {
            for entry in std::fs::read_dir(world.folder.path()).unwrap() {
                std::fs::remove_file(entry.unwrap().path()).unwrap();
            }
        }
        let world = world.restarted().await;
        world.later(60);
        world.settle().await;
        assert_eq!(reason(&world, &grant.session.session).await, Some("BROADCASTER_LEFT"), "{lose_file}");
    }
}

#[tokio::test]
async fn a_process_file_of_another_store_is_derived_anew() {
    let world = World::new().await;
    let made = world.channel().await;
    world.live(&made.stream_key).await;
    world.settle().await;
    // The data folder is the same; the store behind it is another one now.
    let other = world.restarted_over(MemoryStore::new(9)).await;
    assert!(other.app.node_started(NODE).await.unwrap().on_air.is_empty());
    let made = other.channel().await;
    let grant = other.feed(&made.stream_key, false).await.unwrap();
    other.settle().await;
    other.later(30);
    other.settle().await;
    assert_eq!(reason(&other, &grant.session.session).await, Some("INGEST_ERROR"));
}

#[tokio::test]
async fn a_restarted_node_gives_its_broadcasters_a_full_window() {
    let world = World::new().await;
    let made = world.channel().await;
    let grant = world.live(&made.stream_key).await;
    world.settle().await;
    world.later(600);
    let world = world.restarted().await;
    let start = world.app.node_started(NODE).await.unwrap();
    assert_eq!(start.on_air.len(), 1);
    let held = &start.on_air[0];
    assert_eq!((&held.session, &held.channel), (&grant.session.session, &made.channel.id));
    assert!(held.live_at_ms.is_some());
    let now = sigma_clock::Clock::now(&*world.clock).millis();
    assert_eq!(held.deadline_ms, Some(now + 60_000));
    world.settle().await;
    world.later(59);
    world.settle().await;
    assert_eq!(reason(&world, &grant.session.session).await, None);
    world.later(1);
    world.settle().await;
    assert_eq!(reason(&world, &grant.session.session).await, Some("NODE_LOST"));
}

#[tokio::test]
async fn a_session_lost_before_the_restart_keeps_its_deadline_and_reason() {
    let world = World::new().await;
    let made = world.channel().await;
    let grant = world.live(&made.stream_key).await;
    world.report(&grant, Report::Lost(LossCause::ConnectionBroken)).await;
    world.later(50);
    let world = world.restarted().await;
    assert_eq!(world.app.node_started(NODE).await.unwrap().on_air.len(), 1);
    world.settle().await;
    world.later(10);
    world.settle().await;
    assert_eq!(reason(&world, &grant.session.session).await, Some("BROADCASTER_LEFT"));
}

#[tokio::test]
async fn a_node_starts_with_its_own_sessions_only_and_without_those_that_ended() {
    let world = World::new().await;
    let (one, two) = (world.channel().await, world.channel().await);
    let ended = world.live(&one.stream_key).await;
    world.report(&ended, Report::Left).await;
    let held = world.live(&two.stream_key).await;
    let elsewhere = world.app.node_started("node-2").await.unwrap();
    assert!(elsewhere.on_air.is_empty());
    assert_eq!(world.session_row(&held.session.session).await.state, SessionState::Live);
    let here = world.app.node_started(NODE).await.unwrap();
    assert_eq!(here.on_air.iter().map(|held| &held.session).collect::<Vec<_>>(), [&held.session.session]);
}

#[tokio::test]
async fn what_was_due_during_an_outage_is_done_after_it() {
    let world = World::new().await;
    let made = world.channel().await;
    let grant = world.live(&made.stream_key).await;
    world.report(&grant, Report::Lost(LossCause::ConnectionBroken)).await;
    world.settle().await;
    world.switch.off();
    world.later(300);
    assert!(world.app.run_once().await.is_err());
    world.switch.on();
    world.settle().await;
    assert_eq!(reason(&world, &grant.session.session).await, Some("BROADCASTER_LEFT"));
}

#[tokio::test]
async fn a_line_that_cannot_be_read_does_not_hold_up_the_others() {
    let world = World::new().await;
    let (broken, sound) = (world.channel().await, world.channel().await);
    world.store.commit(unreadable(&broken.channel.id)).await.unwrap();
    let grant = world.feed(&sound.stream_key, false).await.unwrap();
    world.settle().await;
    world.later(30);
    world.settle().await;
    assert_eq!(reason(&world, &grant.session.session).await, Some("INGEST_ERROR"));
}

fn unreadable(channel: &str) -> sigma_store::Commit {
    sigma_store::Commit {
        aggregate_type: "channel".into(),
        aggregate_id: channel.into(),
        line: channel.into(),
        project_id: "pr_default".into(),
        expected: 1,
        events: vec![sigma_store::NewEvent {
            name: "channel.of_the_future".into(),
            version: 1,
            data: serde_json::json!({}),
        }],
        metadata: Default::default(),
        command: sigma_store::CommandRecord {
            id: "x".into(),
            fingerprint: String::new(),
            answer: Vec::new(),
            at_ms: 0,
        },
        secrets: Vec::new(),
    }
}

#[tokio::test]
async fn a_session_of_a_deleted_channel_does_not_stay_on_air() {
    let world = World::new().await;
    let made = world.channel().await;
    let grant = world.live(&made.stream_key).await;
    // Stopped, and deleted before the session was ended: the crash comes right after the stop.
    let dying = world.restarted_on(crate::world::Switch::until(world.store.clone(), 1, false)).await;
    let _ = dying.app.stop_channel(&caller(), &made.channel.id).await;
    assert_eq!(reason(&world, &grant.session.session).await, None, "the crash came before the end");
    world.app.delete_channel(&caller(), &made.channel.id).await.unwrap();
    world.settle().await;
    assert_eq!(reason(&world, &grant.session.session).await, Some("CHANNEL_STOPPED"));
}

#[tokio::test]
async fn the_running_process_managers_need_no_push() {
    let world = World::new().await;
    let made = world.channel().await;
    let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
    let running = tokio::spawn(world.app.clone().run(async {
        let _ = stopped.await;
    }));
    let grant = world.feed(&made.stream_key, false).await.unwrap();
    world.later(30);
    let ended = async {
        while world.session_row(&grant.session.session).await.state != SessionState::Ended {
            sigma_clock::sleep(Duration::from_millis(10)).await;
        }
    };
    sigma_clock::timeout(Duration::from_secs(20), ended).await.expect("the deadline is fired");
    assert_eq!(world.app.process_failure(), None);
    stop.send(()).unwrap();
    running.await.unwrap();
}
