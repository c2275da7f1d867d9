//! The store is away: a broadcaster who was let in comes back into his own session.

use std::sync::Arc;
use std::time::Duration;

use sigma_app::{Denied, LossCause, Report, SessionState};
use sigma_clock::Clock;
use sigma_store::memory::MemoryStore;

use crate::world::{Switch, World, input};

fn is_unavailable<T>(answer: &Result<T, Denied>) -> bool {
    matches!(answer, Err(Denied::Unavailable { .. }))
}

#[tokio::test]
async fn a_broadcaster_comes_back_into_his_own_session_while_the_store_is_away() {
    let world = World::new().await;
    let made = world.channel().await;
    let stranger = world.channel().await;
    let first = world.live(&made.stream_key).await;
    world.report(&first, Report::Lost(LossCause::ConnectionBroken)).await;

    world.switch.off();
    world.later(40);
    let back = world.feed(&made.stream_key, true).await.unwrap();
    assert_eq!((&back.session.session, back.feed, back.resumed), (&first.session.session, 2, true));
    world.later(5);
    let again = world.feed(&made.stream_key, true).await.unwrap();
    assert_eq!((&again.session.session, again.feed), (&first.session.session, 3));
    // Of whom nothing is known, nothing is guessed.
    assert!(is_unavailable(&world.feed(&stranger.stream_key, true).await));

    // The window is over by the time that the store is back: he was in time.
    let at = world.clock.now();
    world.later(30);
    world.switch.on();
    let told = world.app.report(&again.session.session, again.feed, at, Report::Processing(input())).await;
    assert!(!told.unwrap().ended);
    world.settle().await;
    let row = world.session_row(&first.session.session).await;
    assert_eq!(row.state, SessionState::Live);
    let events = world.events("session", &first.session.session).await;
    assert_eq!(events.iter().filter(|name| *name == "session.feed_opened").count(), 2, "{events:?}");
    // From here on the store says who may.
    let next = world.feed(&made.stream_key, true).await.unwrap();
    assert_eq!((&next.session.session, next.feed), (&first.session.session, 4));
}

#[tokio::test]
async fn deadlines_wait_until_it_was_heard_who_came_back_in_time() {
    let world = World::new().await;
    let made = world.channel().await;
    let first = world.live(&made.stream_key).await;
    world.report(&first, Report::Lost(LossCause::ConnectionBroken)).await;
    world.settle().await;
    let running = tokio::spawn(world.app.clone().run(std::future::pending()));
    world.switch.off();
    let back = world.feed(&made.stream_key, true).await.unwrap();
    let at = world.clock.now();
    world.later(90);
    // The process managers look again after 3.1 s and after 6.3 s; the node tells it some seconds after the store is back.
    sigma_clock::sleep(Duration::from_secs(4)).await;
    assert!(world.app.process_failure().is_some());
    world.switch.on();
    let seen = async {
        while world.app.process_failure().is_some() {
            sigma_clock::sleep(Duration::from_millis(20)).await;
        }
    };
    sigma_clock::timeout(Duration::from_secs(20), seen).await.expect("they have seen that it is back");
    let told = world.app.report(&back.session.session, back.feed, at, Report::Processing(input())).await;
    assert!(!told.unwrap().ended);
    world.settle().await;
    assert_eq!(world.session_row(&first.session.session).await.state, SessionState::Live);
    running.abort();
}

#[tokio::test]
async fn an_answer_that_was_lost_is_no_second_feed() {
    let world = World::new().await;
    let made = world.channel().await;
    let first = world.live(&made.stream_key).await;
    world.report(&first, Report::Lost(LossCause::ConnectionBroken)).await;
    let world = world.restarted_on(Switch::over(world.store.clone())).await;
    let second = world.feed(&made.stream_key, true).await.unwrap();
    world.report(&second, Report::Processing(input())).await;
    world.report(&second, Report::Lost(LossCause::ConnectionBroken)).await;

    world.switch.lose_the_next_answer();
    let third = world.feed(&made.stream_key, true).await.unwrap();
    assert_eq!(third.feed, 3);
    world.switch.on();
    let reported = world.report(&third, Report::Processing(input())).await;
    assert_eq!((reported.feed, reported.ended), (3, false));
}

#[tokio::test]
async fn who_came_back_too_late_is_cut_and_comes_in_again() {
    let world = World::on(Arc::new(MemoryStore::new(8))).await;
    let made = world.channel().await;
    let first = world.live(&made.stream_key).await;
    world.report(&first, Report::Lost(LossCause::ConnectionBroken)).await;
    world.switch.off();
    world.later(61);
    let back = world.feed(&made.stream_key, true).await.unwrap();
    world.switch.on();
    world.settle().await;
    assert!(world.report(&back, Report::Processing(input())).await.ended);
    let new = world.feed(&made.stream_key, true).await.unwrap();
    assert_ne!(new.session.session, first.session.session);
    // And an ended session is nobody's to come back to.
    world.report(&new, Report::Left).await;
    world.switch.off();
    assert!(is_unavailable(&world.feed(&made.stream_key, true).await));
}
