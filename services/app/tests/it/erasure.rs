//! What is personal about a channel stands sealed under a key of its own, and is gone with it.

use serde_json::{Value, json};
use sigma_app::{AppError, ChannelUpdate, EventFilter, EventRange, Report};
use sigma_store::{CommandRecord, Commit, EventMetadata, NewEvent, RecordedEvent};

use crate::world::{ENCODER, Made, World, caller, named, with_key};

const KEY: &str = "subject_key";

fn renamed(name: &str) -> ChannelUpdate {
    ChannelUpdate { name: Some(name.into()), ..ChannelUpdate::default() }
}

/// What stands in the store of an aggregate, as text.
async fn stored(world: &World, aggregate_type: &str, id: &str) -> String {
    format!("{:?}", world.store.load(aggregate_type, id).await.unwrap())
}

/// What whoever looks back sees of a channel.
async fn shown(world: &World, id: &str) -> Vec<RecordedEvent> {
    let filter = EventFilter { aggregate_id: Some(id.into()), ..EventFilter::default() };
    world.app.events_page(&caller(), filter, EventRange::After(None), 100).await.unwrap().events
}

async fn names_shown(world: &World, id: &str) -> Vec<Value> {
    let name = |event: &RecordedEvent| match event.name.as_str() {
        "channel.created" => Some(event.data["name"].clone()),
        _ => event.data["changes"].get("name").cloned(),
    };
    shown(world, id).await.iter().filter_map(name).collect()
}

/// A channel that was renamed, and was on air once.
async fn with_a_past(world: &World) -> (Made, String) {
    let made = world.channel_with(named("Zanzibar by night")).await;
    let id = &made.channel.id;
    let row = world.app.update_channel(&caller(), id, renamed("Timbuktu by day")).await.unwrap().value;
    assert_eq!(row.name, "Timbuktu by day");
    let grant = world.live(&made.stream_key).await;
    world.report(&grant, Report::Left).await;
    (made, grant.session.session)
}

#[tokio::test]
async fn a_name_is_sealed_in_the_log_and_open_to_who_may_see_it() {
    let world = World::new().await;
    let (made, session) = with_a_past(&world).await;
    let id = &made.channel.id;
    assert_eq!(made.channel.name, "Zanzibar by night");
    let in_log = stored(&world, "channel", id).await;
    assert!(
        in_log.contains("sealed") && !in_log.contains("Zanzibar") && !in_log.contains("Timbuktu"),
        "{in_log}"
    );
    assert_eq!(
        names_shown(&world, id).await,
        [json!({ "plain": "Zanzibar by night" }), json!({ "plain": "Timbuktu by day" })]
    );
    assert_eq!(world.channel_row(id).await.unwrap().name, "Timbuktu by day");
    assert_eq!(world.app.session_encoder(&caller(), &session).await.unwrap().as_deref(), Some(ENCODER));
    // The same name again is no change, though it would be sealed to another text.
    let before = shown(&world, id).await.len();
    world.app.update_channel(&caller(), id, renamed("Timbuktu by day")).await.unwrap();
    assert_eq!(shown(&world, id).await.len(), before);
    assert_eq!(world.store.secrets_of(KEY, id).await.unwrap().len(), 1);
}

#[tokio::test]
async fn an_erased_channel_leaves_nothing_that_can_be_read() {
    let world = World::new().await;
    let (made, session) = with_a_past(&world).await;
    let (other, _) = with_a_past(&world).await;
    let id = &made.channel.id;
    let mut feed = world.app.event_feed(&caller(), Some(String::new())).await.unwrap();
    world.later(10);
    let erase = with_key("once", "");
    let done = world.app.erase_channel(&erase, id).await.unwrap();
    assert!(done.value.is_erased() && done.value.name.is_empty() && done.value.id == *id);
    assert!(world.store.secrets_of(KEY, id).await.unwrap().is_empty(), "its key went with the event");
    assert!(world.store.secrets_of("stream_key", id).await.unwrap().is_empty());
    let last = shown(&world, id).await;
    let last: Vec<&str> = last.iter().rev().take(2).map(|event| event.name.as_str()).collect();
    assert_eq!(last, ["channel.erased", "channel.deleted"]);
    assert_eq!(names_shown(&world, id).await, [json!({ "erased": true }), json!({ "erased": true })]);
    assert_eq!(world.app.session_encoder(&caller(), &session).await.unwrap(), None);
    let created_ms = made.channel.created_at_ms;
    let then = world.app.channel_as_of(&caller(), id, created_ms).await.unwrap().unwrap();
    assert!(then.is_erased());
    // Who reads events from the beginning now is shown no more; of others all is shown as before.
    let mut fed = Vec::new();
    while fed.last().is_none_or(|event: &RecordedEvent| event.name != "channel.erased") {
        fed.push(feed.next().await.unwrap());
    }
    let of = |id: &str| format!("{:?}", fed.iter().filter(|event| event.line == id).collect::<Vec<_>>());
    assert!(of(id).contains("erased") && !of(id).contains("Zanzibar"), "{}", of(id));
    assert!(of(&other.channel.id).contains("Zanzibar"));
    // The same request again gets the same answer, another one finds nothing.
    assert_eq!(world.app.erase_channel(&erase, id).await.unwrap().value, done.value);
    assert!(matches!(world.app.erase_channel(&caller(), id).await, Err(AppError::NotFound { .. })));
    // The process managers clear its mark away, and only that.
    assert_eq!(world.store.secrets_of("traces", id).await.unwrap().len(), 1);
    world.settle().await;
    assert!(world.store.secrets_of("traces", id).await.unwrap().is_empty());
    assert_eq!(world.channel_row(&other.channel.id).await.unwrap().name, "Timbuktu by day");
}

#[tokio::test]
async fn what_was_deleted_before_can_still_be_erased() {
    let world = World::new().await;
    let (made, _) = with_a_past(&world).await;
    let id = &made.channel.id;
    let deleted = world.app.delete_channel(&caller(), id).await.unwrap().value;
    assert_eq!(deleted.name, "Timbuktu by day", "what is only deleted can be looked back at");
    assert_eq!(names_shown(&world, id).await[0], json!({ "plain": "Zanzibar by night" }));
    assert!(world.app.erase_channel(&caller(), id).await.unwrap().value.is_erased());
    assert_eq!(names_shown(&world, id).await, [json!({ "erased": true }), json!({ "erased": true })]);
}

#[tokio::test]
async fn on_air_nothing_is_erased() {
    let world = World::new().await;
    let made = world.channel().await;
    world.live(&made.stream_key).await;
    let refused = world.app.erase_channel(&caller(), &made.channel.id).await.unwrap_err();
    assert!(matches!(refused, AppError::Refused { code, .. } if code == "ON_AIR"));
    assert_eq!(world.store.secrets_of(KEY, &made.channel.id).await.unwrap().len(), 1);
}

/// A channel as a version before this one made it: its name in clear, no key.
async fn of_an_older_version(world: &World) -> String {
    let id = "ch_01a0c4f01b2e7f3c9d4a5b6c7d8e9fa0";
    let golden = include_str!("../../../../schema/golden/channel.created.v1.json");
    let command =
        CommandRecord { id: "old".into(), fingerprint: String::new(), answer: Vec::new(), at_ms: 1 };
    let metadata = EventMetadata {
        actor: r#"{"kind":"admin","id":"admin"}"#.into(),
        command_id: "old".into(),
        causation_id: None,
        correlation_id: "old".into(),
        at_ms: 1,
    };
    let data = serde_json::from_str(golden).unwrap();
    let events = vec![NewEvent { name: "channel.created".into(), version: 1, data }];
    let commit = Commit {
        aggregate_type: "channel".into(),
        aggregate_id: id.into(),
        line: id.into(),
        project_id: "pr_default".into(),
        expected: 0,
        events,
        metadata,
        command,
        secrets: Vec::new(),
    };
    world.store.commit(commit).await.unwrap();
    id.to_owned()
}

#[tokio::test]
async fn a_name_that_an_older_version_wrote_is_read_as_ever_and_never_claimed_to_be_erased() {
    let world = World::new().await;
    let id = of_an_older_version(&world).await;
    assert_eq!(world.channel_row(&id).await.unwrap().name, "Evening news");
    assert_eq!(names_shown(&world, &id).await, [json!({ "plain": "Evening news" })]);
    let refused = world.app.erase_channel(&caller(), &id).await.unwrap_err();
    assert!(matches!(&refused, AppError::Refused { code, .. } if code == "NAMED_IN_CLEAR"), "{refused:?}");
    assert_eq!(world.channel_row(&id).await.unwrap().name, "Evening news", "nothing happened");
    // What is written from now on is sealed, under a key that is made for it.
    world.app.update_channel(&caller(), &id, renamed("Timbuktu")).await.unwrap();
    assert!(!stored(&world, "channel", &id).await.contains("Timbuktu"));
    assert_eq!(world.channel_row(&id).await.unwrap().name, "Timbuktu");
    assert_eq!(world.store.secrets_of(KEY, &id).await.unwrap().len(), 1);
    assert!(world.app.delete_channel(&caller(), &id).await.is_ok());
}
