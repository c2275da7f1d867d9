//! The same on SQLite and on PostgreSQL, with process managers running.

use std::time::Duration;

use sigma_app::{ChannelState, LossCause, Report, SessionState};

use crate::world::{Made, NODE, World, input, named, with_key};

#[tokio::test]
async fn a_broadcast_lives_through_a_restart_and_ends_on_sqlite() {
    let folder = tempfile::tempdir().unwrap();
    a_broadcast_lives_through_a_restart_and_ends(World::on_sqlite(&folder).await).await;
}

#[tokio::test]
async fn a_broadcast_lives_through_a_restart_and_ends_on_postgresql() {
    a_broadcast_lives_through_a_restart_and_ends(World::on_postgresql().await).await;
}

async fn a_broadcast_lives_through_a_restart_and_ends(world: World) {
    let running = tokio::spawn(world.app.clone().run(std::future::pending()));
    let key = with_key("k", "");
    let made = world.app.create_channel(&key, named("x")).await.unwrap().value;
    assert_eq!(world.app.create_channel(&key, named("x")).await.unwrap().value, made);
    let made = Made::from(made);
    let grant = world.live(&made.stream_key).await;
    running.abort();

    let world = world.restarted().await;
    assert_eq!(world.app.node_started(NODE).await.unwrap().on_air.len(), 1);
    let running = tokio::spawn(world.app.clone().run(std::future::pending()));
    let back = world.feed(&made.stream_key, false).await.unwrap();
    assert_eq!((&back.session.session, back.feed), (&grant.session.session, 2));
    world.report(&back, Report::Processing(input())).await;
    assert_eq!(world.session_row(&back.session.session).await.state, SessionState::Live);
    world.report(&back, Report::Lost(LossCause::ConnectionBroken)).await;
    world.later(60);
    let idle = async {
        while world.channel_row(&made.channel.id).await.unwrap().state != ChannelState::Idle {
            sigma_clock::sleep(Duration::from_millis(20)).await;
        }
    };
    sigma_clock::timeout(Duration::from_secs(20), idle).await.expect("the window ends the session");
    running.abort();
}
