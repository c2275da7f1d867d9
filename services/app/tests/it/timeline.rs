//! What happened in a session, told to people; and what a channel was like.

use std::collections::BTreeMap;

use sigma_app::{
    ActorKind, Caller, ChannelUpdate, LossCause, MAX_TIMELINE, NewApiToken, NewChannel, Report,
    TimelineEntry, WarningReport,
};
use sigma_clock::Clock;
use sigma_store::{CommandRecord, Commit, NewEvent, RecordedEvent};

use crate::world::{NODE, World, caller, input, named};

async fn timeline(world: &World, session: &str) -> Vec<TimelineEntry> {
    world.app.timeline(&caller(), session).await.unwrap()
}

/// `seconds since the beginning: sentence`, a line each.
fn told(entries: &[TimelineEntry]) -> String {
    let line = |entry: &TimelineEntry| {
        let seconds = (entry.at_ms - 1_800_000_000_000) / 1_000;
        format!("{seconds} {} {}: {}\n", entry.kind, entry.actor.kind(), entry.message)
    };
    entries.iter().map(line).collect()
}

async fn token_of(world: &World, name: &str, scopes: &[&str]) -> Caller {
    let scopes = scopes.iter().map(|scope| (*scope).to_owned()).collect();
    let input = NewApiToken { name: name.into(), scopes, ..NewApiToken::default() };
    let secret = world.app.create_api_token(&caller(), input).await.unwrap().value.secret;
    world.app.authenticate(secret.expose()).await.unwrap().unwrap().caller()
}

#[tokio::test]
async fn an_evening_is_told_from_its_beginning_to_its_end() {
    let world = World::new().await;
    let made = world.channel_with(NewChannel { auto_go_live: Some(false), ..named("x") }).await;
    let studio = token_of(&world, "Studio", &["sessions:write", "channels:write"]).await;
    let grant = world.feed(&made.stream_key, false).await.unwrap();
    let session = grant.session.session.clone();
    world.later(1);
    world.report(&grant, Report::Processing(input())).await;
    world.later(1);
    world.app.go_live(&studio, &session).await.unwrap();
    world.later(10);
    let warning = WarningReport::Raised {
        name: "NO_AUDIO".into(),
        message: "No sound comes; unmute the microphone in OBS".into(),
        data: BTreeMap::from([("seconds".into(), 10)]),
    };
    world.app.report_warning(&session, 1, world.clock.now(), warning).await.unwrap();
    world.later(30);
    let cleared = WarningReport::Cleared { name: "NO_AUDIO".into() };
    world.app.report_warning(&session, 1, world.clock.now(), cleared).await.unwrap();
    world.report(&grant, Report::Lost(LossCause::ConnectionBroken)).await;
    world.later(5);
    let back = world.feed(&made.stream_key, false).await.unwrap();
    let silent = sigma_app::InputRow { audio_codec: None, frame_rate_milli: Some(29_970), ..input() };
    world.report(&back, Report::Processing(silent)).await;
    world.later(1);
    world.app.stop_channel(&studio, &made.channel.id).await.unwrap();
    let entries = timeline(&world, &session).await;
    assert_eq!(
        told(&entries),
        "0 session.opened BROADCASTER: The broadcaster connected: the first feed was let in at the node node-1.\n\
         1 session.processing SYSTEM: Media is understood: H264 1280×720, 30 frames/s; AAC 48 kHz, 2 channels; 2.5 Mbit/s as the encoder says.\n\
         2 session.live TOKEN: The session is public: the token “Studio” took it live.\n\
         12 health.warning_raised SYSTEM: Warning: No sound comes; unmute the microphone in OBS\n\
         42 health.warning_cleared SYSTEM: Well again: the warning NO_AUDIO is over.\n\
         42 session.error SYSTEM: The feed is lost: its connection broke. Unless the broadcaster is back within 60 s, the session ends.\n\
         47 session.feed_opened BROADCASTER: The broadcaster connected again: feed 2 was let in at the node node-1.\n\
         47 session.recovered SYSTEM: The feed is back (feed 2); the session goes on where it was.\n\
         47 session.input_changed SYSTEM: The feed delivers another format now: H264 1280×720, 29.97 frames/s; 2.5 Mbit/s as the encoder says.\n\
         48 channel.stopped TOKEN: The channel was stopped by the token “Studio”; what is on air ends with it.\n\
         48 session.ended SYSTEM: The session ended: its channel was stopped.\n"
    );
    // What the message is made of comes with it, to be said in another language.
    let warning = entries.iter().find(|entry| entry.kind == "health.warning_raised").unwrap();
    assert_eq!(warning.data["data"]["seconds"], 10);
    assert_eq!(warning.data["name"], "NO_AUDIO");
}

#[tokio::test]
async fn each_end_says_why_and_who() {
    let world = World::new().await;
    let last = |session: String| {
        let world = &world;
        async move { timeline(world, &session).await.pop().unwrap().message }
    };
    let made = world.channel().await;
    let by_user = world.live(&made.stream_key).await.session.session;
    world.app.end_session(&caller(), &by_user).await.unwrap();
    assert_eq!(last(by_user).await, "The session was ended by the admin token.");

    let grant = world.live(&made.stream_key).await;
    let live = timeline(&world, &grant.session.session).await.pop().unwrap();
    assert_eq!(
        live.message,
        "The session is public: it went live by itself, with the first playable playlist."
    );
    world.report(&grant, Report::Left).await;
    assert_eq!(last(grant.session.session).await, "The session ended: the broadcaster left.");

    let grant = world.live(&made.stream_key).await;
    world.report(&grant, Report::Lost(LossCause::Silence)).await;
    world.settle().await;
    world.later(60);
    world.settle().await;
    let end = "The session ended: the broadcaster left and did not come back in time.";
    assert_eq!(last(grant.session.session).await, end);

    let grant = world.feed(&made.stream_key, false).await.unwrap();
    world.settle().await;
    world.later(30);
    world.settle().await;
    assert_eq!(
        last(grant.session.session).await,
        "The session ended: no media that is understood came in time."
    );

    let grant = world.feed(&made.stream_key, false).await.unwrap();
    world.report(&grant, Report::Unusable(sigma_app::IngestFault::AudioCodec)).await;
    let end = "The session ended: its audio codec, or the profile of it, cannot be packaged.";
    assert_eq!(last(grant.session.session).await, end);

    let grant = world.live(&made.stream_key).await;
    world.app.node_started(NODE).await.unwrap();
    let lost = last(grant.session.session.clone()).await;
    assert_eq!(
        lost,
        "The feed is lost: its server was lost, or started anew. Unless the broadcaster is back within 60 s, the session ends as lost \
         with its server."
    );
    world.settle().await;
    world.later(60);
    world.settle().await;
    let end = "The session ended: the server that carried it was lost, and the broadcaster did not come back in time.";
    assert_eq!(last(grant.session.session).await, end);

    let grant = world.live(&made.stream_key).await;
    world.settle().await;
    world.later(43_200);
    world.settle().await;
    let end = "The session ended: it had lasted as long as its channel allows.";
    assert_eq!(last(grant.session.session).await, end);
}

#[tokio::test]
async fn an_overlong_timeline_keeps_its_beginning_and_its_newest_entries() {
    let world = World::new().await;
    let made = world.channel().await;
    let grant = world.live(&made.stream_key).await;
    for _ in 0..MAX_TIMELINE / 2 {
        world.later(1);
        world.report(&grant, Report::Lost(LossCause::Silence)).await;
        world.report(&grant, Report::Processing(input())).await;
    }
    let entries = timeline(&world, &grant.session.session).await;
    assert_eq!((entries.len(), entries[0].kind.as_str()), (MAX_TIMELINE, "session.opened"));
    assert_eq!(entries.last().unwrap().kind, "session.recovered");
    assert_eq!(entries.last().unwrap().at_ms, 1_800_000_500_000);
    assert!(entries.is_sorted_by_key(|entry| entry.at_ms));
}

#[tokio::test]
async fn a_channel_is_told_as_it_was_at_a_moment() {
    let world = World::new().await;
    let made = world.channel().await;
    let id = made.channel.id.as_str();
    let begin = made.channel.created_at_ms;
    world.later(10);
    let update = ChannelUpdate { name: Some("Renamed".into()), ..ChannelUpdate::default() };
    world.app.update_channel(&caller(), id, update).await.unwrap();
    world.later(10);
    world.app.delete_channel(&caller(), id).await.unwrap();
    let as_of = async |at_ms| {
        let row = world.app.channel_as_of(&caller(), id, at_ms).await.unwrap();
        row.map(|row| row.name)
    };
    assert_eq!(as_of(begin - 1).await, None, "before it was made");
    for at_ms in [begin, begin + 9_999] {
        assert_eq!(as_of(at_ms).await.as_deref(), Some("Evening show"));
    }
    for at_ms in [begin + 10_000, begin + 19_999] {
        assert_eq!(as_of(at_ms).await.as_deref(), Some("Renamed"));
    }
    assert_eq!(as_of(begin + 20_000).await, None, "after it was deleted");
    assert_eq!(as_of(i64::MIN).await, None);
    assert_eq!(world.app.channel_as_of(&caller(), "nonsense", begin).await, Ok(None));
}

#[tokio::test]
async fn a_channel_is_there_at_the_moment_that_it_tells_as_its_making() {
    let world = World::new().await;
    let made = world.channel().await;
    let (id, created_at_ms) = (made.channel.id.as_str(), made.channel.created_at_ms);
    let mut events = world.store.load("channel", id).await.unwrap();
    // A commit comes a little after the command that it is of.
    let RecordedEvent { aggregate_type, name, version, data, mut metadata, project_id, .. } =
        events.remove(0);
    metadata.at_ms += 1;
    let command = CommandRecord {
        id: "later".into(),
        fingerprint: String::new(),
        answer: Vec::new(),
        at_ms: metadata.at_ms,
    };
    let late = Commit {
        aggregate_type,
        aggregate_id: "ch_late".into(),
        line: "ch_late".into(),
        project_id,
        expected: 0,
        events: vec![NewEvent { name, version, data }],
        metadata,
        command,
        secrets: Vec::new(),
    };
    world.store.commit(late).await.unwrap();
    let as_of = async |at_ms| world.app.channel_as_of(&caller(), "ch_late", at_ms).await.unwrap();
    assert!(as_of(created_at_ms).await.is_some());
    assert!(as_of(created_at_ms - 1).await.is_none());
}

#[tokio::test]
async fn a_clock_that_was_set_back_leaves_no_holes_in_what_a_channel_was() {
    let world = World::new().await;
    let made = world.channel().await;
    let (id, begin) = (made.channel.id.as_str(), made.channel.created_at_ms);
    let rename = async |name: &str| {
        let update = ChannelUpdate { name: Some(name.into()), ..ChannelUpdate::default() };
        world.app.update_channel(&caller(), id, update).await.unwrap();
    };
    world.later(10);
    rename("Second").await;
    world.clock.set(sigma_clock::Timestamp::from_millis(begin + 5_000));
    rename("Third").await;
    let row = world.app.channel_as_of(&caller(), id, begin + 5_000).await.unwrap().unwrap();
    assert_eq!((row.name.as_str(), row.sequence), ("Evening show", 1));
    let row = world.app.channel_as_of(&caller(), id, begin + 10_000).await.unwrap().unwrap();
    assert_eq!((row.name.as_str(), row.sequence), ("Third", 3));
}

#[tokio::test]
async fn who_did_it_is_told_also_where_his_token_has_no_name_any_more() {
    let world = World::new().await;
    let made = world.channel().await;
    let session = world.live(&made.stream_key).await.session.session;
    let actor = sigma_app::Actor::new(ActorKind::Token, "tk_elsewhere").unwrap();
    world.app.end_session(&Caller { actor, ..caller() }, &session).await.unwrap();
    let end = timeline(&world, &session).await.pop().unwrap();
    assert_eq!(end.message, "The session was ended by the token tk_elsewhere.");
    assert_eq!((end.actor.kind(), end.actor.id()), (ActorKind::Token, "tk_elsewhere"));
}
