//! What the application does by itself while it runs.

use std::time::Duration;

use crate::world::{World, named, with_key};

#[tokio::test]
async fn the_answer_to_a_command_is_kept_for_a_day_and_then_forgotten() {
    let world = World::new().await;
    let first = world.app.create_channel(&with_key("k", ""), named("x")).await.unwrap();
    let event = world.store.load("channel", &first.aggregate_id).await.unwrap().remove(0);
    let kept = || world.store.command(&event.metadata.command_id);
    tokio::time::pause();
    let running = tokio::spawn(world.app.clone().run(std::future::pending()));
    let in_an_hour = || tokio::time::advance(Duration::from_secs(3_600));
    world.later(24 * 3_600);
    in_an_hour().await;
    tokio::task::yield_now().await;
    assert!(kept().await.unwrap().is_some(), "it is a day old, and no more");
    assert!(world.app.create_channel(&with_key("k", ""), named("x")).await.unwrap().repeated);
    world.clock.advance(Duration::from_millis(1));
    let forgotten = async {
        while kept().await.unwrap().is_some() {
            in_an_hour().await;
            tokio::task::yield_now().await;
        }
    };
    sigma_clock::timeout(Duration::from_secs(100 * 3_600), forgotten).await.unwrap();
    // The same key is a new command then.
    assert!(!world.app.create_channel(&with_key("k", ""), named("x")).await.unwrap().repeated);
    running.abort();
}

#[tokio::test]
async fn an_outage_puts_the_forgetting_off_by_a_minute() {
    let world = World::new().await;
    let first = world.app.create_channel(&with_key("k", ""), named("x")).await.unwrap();
    let event = world.store.load("channel", &first.aggregate_id).await.unwrap().remove(0);
    tokio::time::pause();
    world.later(24 * 3_600 + 1);
    world.switch.off();
    let running = tokio::spawn(world.app.clone().run(std::future::pending()));
    tokio::task::yield_now().await;
    world.switch.on();
    let begun = sigma_clock::monotonic();
    while world.store.command(&event.metadata.command_id).await.unwrap().is_some() {
        tokio::time::advance(Duration::from_secs(1)).await;
        tokio::task::yield_now().await;
        assert!(sigma_clock::monotonic() - begun <= Duration::from_secs(120));
    }
    running.abort();
}
