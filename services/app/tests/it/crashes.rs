//! The process dies between any two steps, and is started again on what it left.

use std::collections::BTreeMap;
use std::time::Duration;

use sigma_app::{ChannelState, LossCause, Report, SessionState};

use crate::views::FoldedViews;
use crate::world::{NODE, Switch, World, caller, input};

/// The laws that hold at every moment, whatever died.
async fn laws_hold(world: &World) {
    let views = FoldedViews::of(world.log.clone(), world.subjects());
    let mut open = BTreeMap::<String, u32>::new();
    for session in views.all_sessions().await {
        if session.state != SessionState::Ended {
            *open.entry(session.channel).or_default() += 1;
        }
    }
    assert!(open.values().all(|count| *count <= 1), "a channel has two sessions on air: {open:?}");
}

/// A report waits out an outage; a dead process waits for nothing.
const DYING: Duration = Duration::from_millis(60);

/// A broadcaster's evening, up to wherever the process dies: errors are what a dying process answers.
async fn an_evening(world: &World, channel: &str, key: &sigma_app::StreamKey) -> Option<()> {
    let alive = || (world.switch.left() > 0).then_some(());
    let report = async |grant: &sigma_app::FeedGrant, report| {
        let at = sigma_clock::Clock::now(&*world.clock);
        let told = world.app.report(&grant.session.session, grant.feed, at, report);
        let _ = sigma_clock::timeout(DYING, told).await;
        alive()
    };
    let managers = async || {
        let _ = world.app.run_once().await;
        alive()
    };
    let grant = world.feed(key, false).await.ok()?;
    report(&grant, Report::Processing(input())).await?;
    report(&grant, Report::Playable).await?;
    managers().await?;
    report(&grant, Report::Lost(LossCause::ConnectionBroken)).await?;
    managers().await?;
    let grant = world.feed(key, false).await.ok()?;
    report(&grant, Report::Processing(input())).await?;
    report(&grant, Report::Left).await?;
    managers().await?;
    let grant = world.feed(key, false).await.ok()?;
    report(&grant, Report::Processing(input())).await?;
    world.app.rotate_stream_key(&caller(), channel, Some(86_400)).await.ok()?;
    world.app.stop_channel(&caller(), channel).await.ok()?;
    managers().await?;
    world.app.start_channel(&caller(), channel).await.ok()?;
    let grant = world.feed(key, false).await.ok()?;
    report(&grant, Report::Processing(input())).await?;
    managers().await?;
    world.later(43_200);
    managers().await
}

#[tokio::test]
async fn whatever_dies_between_two_steps_nothing_stays_on_air_that_is_not() {
    let whole = evening_that_dies_after(1_000, false).await;
    assert!(whole >= 20, "the evening has many steps: {whole}");
    for lose_answer in [false, true] {
        for commits in 1..=whole {
            evening_that_dies_after(commits, lose_answer).await;
        }
    }
}

/// Answers how many commits the evening made.
async fn evening_that_dies_after(commits: i64, lose_answer: bool) -> i64 {
    let world = World::new().await;
    let made = world.channel().await;
    let channel = made.channel.id.as_str();
    let switch = Switch::until(world.store.clone(), commits, lose_answer);
    let dying = world.restarted_on(switch.clone()).await;
    an_evening(&dying, channel, &made.stream_key).await;
    let made_commits = commits - switch.left();
    laws_hold(&world).await;

    // Back again, with no broadcaster: everything comes to its end by itself.
    let back = world.restarted().await;
    let start = back.app.node_started(NODE).await.unwrap();
    laws_hold(&back).await;
    for held in &start.on_air {
        assert!(held.deadline_ms.is_some(), "who was on air waits, with an end to it");
    }
    for wait in [60, 60, 60, 86_400] {
        back.settle().await;
        back.later(wait);
    }
    back.settle().await;
    laws_hold(&back).await;
    let row = back.channel_row(channel).await.unwrap();
    assert_ne!(row.state, ChannelState::Active, "after {commits} commits, answer lost: {lose_answer}");
    assert_eq!(row.current_session, None, "after {commits} commits, answer lost: {lose_answer}");
    let sessions = FoldedViews::of(back.log.clone(), back.subjects()).all_sessions().await;
    assert!(sessions.iter().all(|session| session.state == SessionState::Ended));
    let keys = back.store.secrets_of("stream_key", channel).await.unwrap();
    assert_eq!(keys.len(), 1, "keys whose overlap is over are deleted");
    // And the channel takes the next broadcast.
    if row.state == ChannelState::Stop {
        back.app.start_channel(&caller(), channel).await.unwrap();
    }
    let key = back.app.show_stream_key(&caller(), channel).await.unwrap();
    assert_eq!(back.feed(&key, false).await.unwrap().feed, 1);
    made_commits
}

#[tokio::test]
async fn a_session_attached_and_never_opened_is_given_up() {
    let world = World::new().await;
    let made = world.channel().await;
    // Dies after the first step: the channel has attached a session that nobody opens.
    let dying = world.restarted_on(Switch::until(world.store.clone(), 1, false)).await;
    assert!(dying.feed(&made.stream_key, false).await.is_err());
    let row = world.channel_row(&made.channel.id).await.unwrap();
    let session = row.current_session.unwrap();
    assert!(world.events("session", &session).await.is_empty());

    let back = world.restarted().await;
    back.settle().await;
    assert_eq!(back.channel_row(&made.channel.id).await.unwrap().state, ChannelState::Active, "not at once");
    back.later(5);
    back.settle().await;
    assert_eq!(back.channel_row(&made.channel.id).await.unwrap().state, ChannelState::Idle);
    assert_eq!(back.events("session", &session).await, ["session.abandoned"]);
    let event = back.store.load("session", &session).await.unwrap().remove(0);
    assert_eq!((event.line, event.project_id), (made.channel.id.clone(), "pr_default".to_owned()));
}

#[tokio::test]
async fn a_broadcaster_who_is_back_sooner_opens_the_session_that_was_attached() {
    let world = World::new().await;
    let made = world.channel().await;
    let dying = world.restarted_on(Switch::until(world.store.clone(), 1, false)).await;
    assert!(dying.feed(&made.stream_key, false).await.is_err());
    let session = world.channel_row(&made.channel.id).await.unwrap().current_session.unwrap();
    let back = world.restarted().await;
    let grant = back.feed(&made.stream_key, false).await.unwrap();
    assert_eq!((grant.session.session, grant.feed), (session, 1));
    back.later(10);
    back.settle().await;
    assert_eq!(back.channel_row(&made.channel.id).await.unwrap().state, ChannelState::Active);
}

#[tokio::test]
async fn a_stop_between_the_two_steps_gives_the_session_up_at_once() {
    let world = World::new().await;
    let made = world.channel().await;
    let dying = world.restarted_on(Switch::until(world.store.clone(), 1, false)).await;
    assert!(dying.feed(&made.stream_key, false).await.is_err());
    world.app.stop_channel(&caller(), &made.channel.id).await.unwrap();
    world.settle().await;
    let row = world.channel_row(&made.channel.id).await.unwrap();
    assert_eq!((row.state, row.current_session), (ChannelState::Stop, None));
    world.app.start_channel(&caller(), &made.channel.id).await.unwrap();
}
