//! What each question answers.

use std::time::Duration;

use sigma_app::{
    ChannelFilter, ChannelOrder, ChannelState, PageKey, ReadModels, Report, SessionFilter, SessionState,
    Waited,
};

use crate::world::{World, caller};

const PROJECT: &str = "pr_default";

fn names(rows: &[sigma_app::ChannelRow]) -> Vec<&str> {
    rows.iter().map(|row| row.name.as_str()).collect()
}

#[tokio::test]
async fn who_wrote_reads_what_he_wrote() {
    let world = World::on_sqlite().await;
    let made = world.channel("Mine").await.channel;
    let read = world.views.channels(PROJECT, std::slice::from_ref(&made.id)).await.unwrap();
    assert_eq!(read.first(), Some(&made));
    let stopped = world.app.stop_channel(&caller(), &made.id).await.unwrap();
    let read = world.views.channels(PROJECT, std::slice::from_ref(&made.id)).await.unwrap();
    assert_eq!(read, [stopped.value]);
    // Nobody else's project reads it.
    assert!(world.views.channels("pr_other", &[made.id]).await.unwrap().is_empty());
}

#[tokio::test]
async fn pages_come_newest_first_and_leave_nothing_out() {
    let world = World::in_memory(1).await;
    for number in 0..7 {
        world.channel(&format!("Channel {number}")).await;
        // Some share a moment: the id decides then.
        if number % 3 == 0 {
            world.clock.advance(Duration::from_secs(1));
        }
    }
    let (mut all, mut after) = (Vec::new(), None);
    loop {
        let page =
            world.views.channels_page(PROJECT, &ChannelFilter::default(), after.as_ref(), 2).await.unwrap();
        assert!(page.len() <= 2);
        let Some(last) = page.last() else { break };
        after = Some(PageKey::of_channel(last, ChannelOrder::Newest));
        all.extend(page);
    }
    assert_eq!(all, world.folded().await.0);
    assert_eq!(all.len(), 7);
}

#[tokio::test]
async fn a_search_knows_no_case_takes_signs_as_they_are_and_finds_ids() {
    let world = World::in_memory(1).await;
    let made = world.channel("Über 100% live_show").await.channel;
    world.channel("Another").await;
    let find = async |text: &str| {
        let filter = ChannelFilter { search: Some(text.into()), ..Default::default() };
        world.views.channels_page(PROJECT, &filter, None, 10).await.unwrap()
    };
    for text in ["über", "ÜBER", "100%", "live_", " show ", &made.id, &made.playback_id] {
        assert_eq!(names(&find(text).await), ["Über 100% live_show"], "{text}");
    }
    for text in ["100_", "live%show", "\\", "'; DROP TABLE channel; --", &"x".repeat(300)] {
        assert!(find(text).await.is_empty(), "{text}");
    }
    assert_eq!(find("  ").await.len(), 2);
}

#[tokio::test]
async fn filters_pick_states_and_channels() {
    let world = World::in_memory(1).await;
    let (one, two) = (world.channel("One").await, world.channel("Two").await);
    world.channel("Three").await;
    let first = world.live(&one.stream_key).await;
    world.report(&first, Report::Left).await;
    let second = world.live(&one.stream_key).await;
    world.feed(&two.stream_key).await.unwrap();
    world.shown().await;
    let channels = async |state| {
        let filter = ChannelFilter { state: Some(state), ..Default::default() };
        world.views.channels_page(PROJECT, &filter, None, 10).await.unwrap()
    };
    assert_eq!(channels(ChannelState::Active).await.len(), 2);
    assert_eq!(names(&channels(ChannelState::Idle).await), ["Three"]);
    let sessions = async |channel: Option<&str>, state| {
        let filter = SessionFilter { channel: channel.map(Into::into), state, ..Default::default() };
        let rows = world.views.sessions_page(PROJECT, &filter, None, 10).await.unwrap();
        rows.into_iter().map(|row| row.id).collect::<Vec<_>>()
    };
    let id = Some(one.channel.id.as_str());
    assert_eq!(sessions(id, Some(SessionState::Live)).await, std::slice::from_ref(&second.session.session));
    assert_eq!(sessions(id, None).await.len(), 2);
    assert_eq!(sessions(None, Some(SessionState::Ended)).await, std::slice::from_ref(&first.session.session));
    assert_eq!(sessions(None, None).await.len(), 3);
    assert!(
        world.views.sessions_page("pr_other", &SessionFilter::default(), None, 9).await.unwrap().is_empty()
    );
}

#[tokio::test]
async fn viewers_find_the_current_session_and_the_last_one() {
    let world = World::on_sqlite().await;
    let made = world.channel("On air").await;
    let name = &made.channel.playback_id;
    assert_eq!(world.views.channel_by_playback_id("nobody").await.unwrap(), None);
    let first = world.live(&made.stream_key).await.session.session;
    world.shown().await;
    let row = world.views.channel_by_playback_id(name).await.unwrap().unwrap();
    assert_eq!((row.current_session.as_ref(), row.last_session.as_ref()), (Some(&first), Some(&first)));
    let live = world.views.live_channels(10).await.unwrap();
    assert_eq!(live.iter().map(|(_, session)| &session.id).collect::<Vec<_>>(), [&first]);
    world.app.end_session(&caller(), &first).await.unwrap();
    world.shown().await;
    let row = world.views.channel_by_playback_id(name).await.unwrap().unwrap();
    assert_eq!((row.current_session, row.last_session), (None, Some(first.clone())));
    assert!(world.views.live_channels(10).await.unwrap().is_empty());
    let session = world.views.session(&first).await.unwrap().unwrap();
    assert_eq!((session.state, session.playback_id.as_str()), (SessionState::Ended, name.as_str()));
}

#[tokio::test]
async fn a_deleted_channel_is_found_no_more_and_its_sessions_are() {
    let world = World::in_memory(3).await;
    let made = world.channel("Gone").await;
    let grant = world.live(&made.stream_key).await;
    world.report(&grant, Report::Left).await;
    world.app.delete_channel(&caller(), &made.channel.id).await.unwrap();
    world.shown().await;
    assert!(world.views.channels(PROJECT, &[made.channel.id]).await.unwrap().is_empty());
    assert_eq!(world.views.channel_by_playback_id(&made.channel.playback_id).await.unwrap(), None);
    let session = world.views.sessions(PROJECT, &[grant.session.session]).await.unwrap();
    assert_eq!(session.len(), 1);
}

#[tokio::test]
async fn a_wait_for_what_never_comes_ends() {
    let world = World::in_memory(1).await;
    let id = world.channel("x").await.channel.id;
    let waited = world.views.wait_for("channel", &id, 2, Duration::from_millis(20)).await.unwrap();
    assert_eq!(waited, Waited::TimedOut);
    assert!(world.views.wait_for("nothing", &id, 1, Duration::ZERO).await.is_err());
}
