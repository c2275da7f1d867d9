//! Stream keys and the master key.

use sigma_app::{Denied, OpenError, Report, StreamKey};
use sigma_store::Cursor;

use crate::world::{ENCODER, Made, PEER, World, caller, input, named, open, with_key};

#[tokio::test]
async fn a_key_opens_its_own_channel_and_no_other() {
    let world = World::new().await;
    let (one, two) = (world.channel().await, world.channel().await);
    assert_ne!(one.stream_key, two.stream_key);
    assert_eq!(world.app.resolve_key(one.stream_key.expose()).await.unwrap().channel, one.channel.id);
    assert_eq!(world.app.resolve_key(two.stream_key.expose()).await.unwrap().channel, two.channel.id);
    for wrong in ["", "nonsense", &"2".repeat(28), &"k".repeat(100_000)] {
        assert_eq!(world.app.resolve_key(wrong).await, Err(Denied::UnknownKey));
    }
}

#[tokio::test]
async fn a_rotated_key_serves_until_its_overlap_is_over_and_is_deleted_then() {
    let world = World::new().await;
    let made = world.channel().await;
    let id = &made.channel.id;
    let on_air = world.live(&made.stream_key).await;
    let new = world.app.rotate_stream_key(&caller(), id, Some(60)).await.unwrap().value.stream_key.unwrap();
    assert_ne!(new, made.stream_key);
    assert_eq!(world.app.show_stream_key(&caller(), id).await.unwrap(), new);
    world.settle().await;
    world.later(59);
    world.settle().await;
    assert!(world.app.resolve_key(made.stream_key.expose()).await.is_ok());
    assert!(world.app.resolve_key(new.expose()).await.is_ok());
    world.later(1);
    // Void by the clock, before anybody deleted it.
    assert_eq!(world.app.resolve_key(made.stream_key.expose()).await, Err(Denied::UnknownKey));
    assert_eq!(world.store.secrets_of("stream_key", id).await.unwrap().len(), 2);
    world.settle().await;
    assert_eq!(world.store.secrets_of("stream_key", id).await.unwrap().len(), 1);
    assert!(world.app.resolve_key(new.expose()).await.is_ok());
    // The feed on air was not cut.
    assert!(!world.report(&on_air, Report::Processing(input())).await.ended);
}

#[tokio::test]
async fn without_an_overlap_the_old_key_is_gone_at_once() {
    let world = World::new().await;
    let made = world.channel().await;
    let id = &made.channel.id;
    let second =
        world.app.rotate_stream_key(&caller(), id, Some(600)).await.unwrap().value.stream_key.unwrap();
    let third = world.app.rotate_stream_key(&caller(), id, None).await.unwrap().value.stream_key.unwrap();
    for old in [&made.stream_key, &second] {
        assert_eq!(world.app.resolve_key(old.expose()).await, Err(Denied::UnknownKey));
    }
    assert!(world.app.resolve_key(third.expose()).await.is_ok());
}

#[tokio::test]
async fn a_deleted_channels_key_is_unknown_and_kept_nowhere() {
    let world = World::new().await;
    let made = world.channel().await;
    world.app.delete_channel(&caller(), &made.channel.id).await.unwrap();
    assert_eq!(world.app.resolve_key(made.stream_key.expose()).await, Err(Denied::UnknownKey));
    assert!(world.store.secrets_of("stream_key", &made.channel.id).await.unwrap().is_empty());
}

#[tokio::test]
async fn a_stopped_channels_key_is_refused_by_name() {
    let world = World::new().await;
    let made = world.channel().await;
    world.app.stop_channel(&caller(), &made.channel.id).await.unwrap();
    assert_eq!(world.app.resolve_key(made.stream_key.expose()).await, Err(Denied::ChannelStopped));
    assert_eq!(world.feed(&made.stream_key, true).await, Err(Denied::ChannelStopped));
}

#[tokio::test]
async fn another_master_key_refuses_to_start() {
    let world = World::new().await;
    let (clock, folder) = (world.clock.clone(), &world.folder);
    let answer = open(world.stores(), clock, folder, 2).await;
    let Err(OpenError::MasterKey { bound, ours }) = answer else { panic!("opened") };
    assert_ne!(bound, ours);
}

/// Everything that is stored or printed.
async fn everything(world: &World, key: &StreamKey, channel: &str, session: &str) -> String {
    let mut all = String::new();
    let mut at = Cursor::start();
    loop {
        let batch = world.log.read_after(&at, 100).await.unwrap();
        if batch.next == at {
            break;
        }
        at = batch.next;
        all += &format!("{:?}", batch.events);
    }
    for (kind, owner) in [("stream_key", channel), ("feed", session)] {
        let rows = world.store.secrets_of(kind, owner).await.unwrap();
        assert!(!rows.is_empty(), "{kind}");
        for row in rows {
            all += &String::from_utf8_lossy(&row.sealed);
            all += &String::from_utf8_lossy(&row.lookup.unwrap_or_default());
        }
    }
    all + &format!("{key:?}")
}

#[tokio::test]
async fn neither_keys_nor_addresses_nor_encoders_stand_in_clear_anywhere() {
    let world = World::new().await;
    let made = world.app.create_channel(&with_key("k", ""), named("x")).await.unwrap().value;
    let made = Made::from(made);
    let grant = world.live(&made.stream_key).await;
    let session = &grant.session.session;
    let all = everything(&world, &made.stream_key, &made.channel.id, session).await;
    assert!(all.contains("channel.created") && all.contains("session.live"), "the search searches");
    for secret in [made.stream_key.expose(), PEER, "203.0.113.7", ENCODER] {
        assert!(!all.contains(secret), "{secret} stands in clear");
    }
    // The answer kept for the idempotency key is sealed, too.
    let created = world.store.load("channel", &made.channel.id).await.unwrap().remove(0);
    let record = world.store.command(&created.metadata.command_id).await.unwrap().unwrap();
    assert!(!String::from_utf8_lossy(&record.answer).contains(made.stream_key.expose()));
    assert_eq!(world.app.session_encoder(&caller(), session).await.unwrap().as_deref(), Some(ENCODER));
    // Nor in what is printed about a feed.
    assert!(!format!("{:?}", crate::world::facts(true)).contains("203"));
}
