//! The log as people and integrators see it.

use std::collections::BTreeSet;
use std::sync::Arc;

use proptest::prelude::*;
use sigma_app::{
    Access, AppError, Caller, ChannelUpdate, EventFeed, EventFilter, EventRange, NewApiToken, Report, Scope,
};
use sigma_store::RecordedEvent;

use crate::world::{World, caller, named};

async fn page(world: &World, by: &Caller, filter: EventFilter, range: EventRange, limit: u32) -> Vec<String> {
    names(&world.app.events_page(by, filter, range, limit).await.unwrap().events)
}

fn names(events: &[RecordedEvent]) -> Vec<String> {
    events.iter().map(|event| event.name.clone()).collect()
}

fn all() -> EventFilter {
    EventFilter::default()
}

fn named_like(name: &str) -> EventFilter {
    EventFilter { name: Some(name.into()), ..all() }
}

const FIRST: EventRange = EventRange::After(None);
const NEWEST: EventRange = EventRange::Before(None);

async fn busy(world: &World) -> (String, String, String) {
    let made = world.channel().await;
    let grant = world.live(&made.stream_key).await;
    world.report(&grant, Report::Left).await;
    let other = world.channel().await.channel.id;
    (made.channel.id, grant.session.session, other)
}

#[tokio::test]
async fn events_are_found_by_channel_by_aggregate_and_by_name() {
    let world = World::new().await;
    let (channel, session, other) = busy(&world).await;
    let by = caller();
    let everything = page(&world, &by, all(), FIRST, 100).await;
    assert_eq!(everything[0], "project.created");
    assert_eq!(everything.len(), 9);
    let of_channel = EventFilter { channel_id: Some(channel.clone()), ..all() };
    assert_eq!(page(&world, &by, of_channel.clone(), FIRST, 100).await, everything[1..8]);
    let of_session = EventFilter { aggregate_id: Some(session), ..all() };
    let names = ["session.opened", "session.processing", "session.live", "session.ended"];
    assert_eq!(page(&world, &by, of_session, FIRST, 100).await, names);
    assert_eq!(page(&world, &by, named_like("session"), FIRST, 100).await, names);
    assert_eq!(page(&world, &by, named_like("session.live"), NEWEST, 100).await, ["session.live"]);
    let none = EventFilter { channel_id: Some(other.clone()), ..named_like("session") };
    assert!(page(&world, &by, none, FIRST, 100).await.is_empty());
    // Who is bound sees what is of his channel, and asks in vain for the rest.
    let access = Access::new([Scope::EventsRead], Some(BTreeSet::from([channel])));
    let bound = Caller { access, ..caller() };
    assert_eq!(page(&world, &bound, all(), FIRST, 100).await, everything[1..8]);
    let elsewhere = EventFilter { channel_id: Some(other.clone()), ..all() };
    assert_eq!(page(&world, &by, elsewhere.clone(), FIRST, 100).await, ["channel.created"]);
    assert!(page(&world, &bound, elsewhere, FIRST, 100).await.is_empty());
    let by_id = EventFilter { aggregate_id: Some(other), ..all() };
    assert!(page(&world, &bound, by_id, FIRST, 100).await.is_empty());
}

#[tokio::test]
async fn pages_go_forwards_and_backwards_without_hole_or_double() {
    let world = World::new().await;
    busy(&world).await;
    let whole = world.app.events_page(&caller(), all(), FIRST, 100).await.unwrap().events;
    for limit in [1, 2, 4, 100] {
        let (mut forward, mut after) = (Vec::new(), None);
        loop {
            let page =
                world.app.events_page(&caller(), all(), EventRange::After(after), limit).await.unwrap();
            assert!(page.events.len() <= limit as usize);
            forward.extend(page.events);
            after = Some(page.next);
            if !page.more {
                break;
            }
        }
        assert_eq!(forward, whole, "forwards by {limit}");
        let (mut backward, mut before) = (Vec::<RecordedEvent>::new(), None);
        loop {
            let page =
                world.app.events_page(&caller(), all(), EventRange::Before(before), limit).await.unwrap();
            backward.splice(0..0, page.events);
            before = Some(page.next);
            if !page.more {
                break;
            }
        }
        assert_eq!(backward, whole, "backwards by {limit}");
    }
    // The position of an event stands right after it, and right before it.
    let third = Some(whole[2].cursor.as_str().to_owned());
    let after = world.app.events_page(&caller(), all(), EventRange::After(third.clone()), 1).await.unwrap();
    assert_eq!(after.events[0], whole[3]);
    let before = world.app.events_page(&caller(), all(), EventRange::Before(third), 1).await.unwrap();
    assert_eq!(before.events[0], whole[1]);
    // A limit of none is one of one.
    assert_eq!(page(&world, &caller(), all(), FIRST, 0).await.len(), 1);
}

#[tokio::test]
async fn a_position_that_is_none_is_a_wrong_field() {
    let world = World::new().await;
    let other = World::new().await;
    let foreign = other.app.events_page(&caller(), all(), FIRST, 1).await.unwrap().next;
    for place in ["nonsense", "-1", foreign.as_str(), &"9".repeat(10_000)] {
        let place = Some(place.to_owned());
        let answers = [
            world.app.events_page(&caller(), all(), EventRange::After(place.clone()), 1).await.map(drop),
            world.app.events_page(&caller(), all(), EventRange::Before(place.clone()), 1).await.map(drop),
            world.app.event_feed(&caller(), place).await.map(drop),
        ];
        for answer in answers {
            let Err(AppError::BadInput { fields }) = answer else { panic!("{answer:?}") };
            assert_eq!(fields[0].path, "afterPosition");
        }
    }
    let answer = world.app.events_page(&caller(), named_like("channels"), FIRST, 1).await;
    assert!(matches!(answer, Err(AppError::BadInput { .. })), "{answer:?}");
}

/// The next events of a feed, once they are there.
async fn read(feed: &mut EventFeed, count: usize) -> Vec<RecordedEvent> {
    let mut events = Vec::new();
    while events.len() < count {
        let wait = std::time::Duration::from_secs(20);
        events.push(sigma_clock::timeout(wait, feed.next()).await.expect("an event comes").unwrap());
    }
    events
}

#[tokio::test]
async fn a_feed_without_a_position_begins_now() {
    let world = World::new().await;
    busy(&world).await;
    let mut feed = world.app.event_feed(&caller(), None).await.unwrap();
    let id = world.channel().await.channel.id;
    let events = read(&mut feed, 1).await;
    assert_eq!((events[0].aggregate_id.as_str(), events[0].sequence), (id.as_str(), 1));
}

#[tokio::test]
async fn a_feed_from_the_beginning_is_all_that_the_caller_sees() {
    let world = World::new().await;
    let (channel, ..) = busy(&world).await;
    let mut feed = world.app.event_feed(&caller(), Some(String::new())).await.unwrap();
    let whole = world.app.events_page(&caller(), all(), FIRST, 100).await.unwrap().events;
    assert_eq!(read(&mut feed, whole.len()).await, whole);
    // A project's feed waits through what is not its own.
    let project = world.app.create_project(&caller(), "Other").await.unwrap().value.id;
    let input = NewApiToken {
        name: "x".into(),
        scopes: vec!["events:read".into(), "channels:write".into()],
        project_id: Some(project),
        ..NewApiToken::default()
    };
    let secret = world.app.create_api_token(&caller(), input).await.unwrap().value.secret;
    let them = world.app.authenticate(secret.expose()).await.unwrap().unwrap().caller();
    let mut theirs = world.app.event_feed(&them, None).await.unwrap();
    let mut bound = {
        let access = Access::new([Scope::EventsRead], Some(BTreeSet::from([channel.clone()])));
        world.app.event_feed(&Caller { access, ..caller() }, None).await.unwrap()
    };
    let (next, ()) = tokio::join!(read(&mut theirs, 1), async {
        busy(&world).await;
        world.app.create_channel(&them, named("Theirs")).await.unwrap();
    });
    assert_eq!(next[0].project_id, them.project.as_str());
    world.app.stop_channel(&caller(), &channel).await.unwrap();
    assert_eq!(read(&mut bound, 1).await[0].name, "channel.stopped");
}

#[tokio::test]
async fn an_outage_loses_nothing_of_a_feed() {
    let folder = tempfile::tempdir().unwrap();
    let world = World::on_sqlite(&folder).await;
    let mut feed = world.app.event_feed(&caller(), None).await.unwrap();
    let id = world.channel().await.channel.id;
    read(&mut feed, 1).await;
    // Dropped while it waits, many times, as a client's select does.
    for _ in 0..10 {
        let waited = sigma_clock::timeout(std::time::Duration::from_millis(1), feed.next()).await;
        assert!(waited.is_err());
    }
    world.app.stop_channel(&caller(), &id).await.unwrap();
    assert_eq!(read(&mut feed, 1).await[0].name, "channel.stopped");
}

/// Some writers at once, each on channels of its own, while a reader comes and goes: what it saw is what was committed,
/// each event once, in the order of the store.
async fn a_reader_who_comes_and_goes(world: World, breaks: Vec<usize>, writers: usize, each: usize) {
    let world = Arc::new(world);
    let writing: Vec<_> = (0..writers)
        .map(|writer| {
            let world = world.clone();
            tokio::spawn(async move {
                let id = world.channel().await.channel.id;
                for turn in 1..each {
                    let name = Some(format!("{writer} {turn}"));
                    let update = ChannelUpdate { name, ..ChannelUpdate::default() };
                    world.app.update_channel(&caller(), &id, update).await.unwrap();
                }
            })
        })
        .collect();
    let expected = 1 + writers * each;
    let (mut seen, mut breaks) = (Vec::<RecordedEvent>::new(), breaks.into_iter());
    while seen.len() < expected {
        let after = seen.last().map(|event| event.cursor.as_str().to_owned()).unwrap_or_default();
        let mut feed = world.app.event_feed(&caller(), Some(after)).await.unwrap();
        let until = breaks.next().map_or(expected, |more| (seen.len() + more).min(expected));
        let more = until - seen.len();
        seen.extend(read(&mut feed, more).await);
    }
    for writer in writing {
        writer.await.unwrap();
    }
    let mut whole = Vec::new();
    let mut after = None;
    loop {
        let page = world.app.events_page(&caller(), all(), EventRange::After(after), 100).await.unwrap();
        whole.extend(page.events);
        after = Some(page.next);
        if !page.more {
            break;
        }
    }
    assert_eq!(whole.len(), expected);
    assert_eq!(seen, whole);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 16, ..ProptestConfig::default() })]

    #[test]
    fn a_feed_that_is_resumed_loses_none_and_gives_none_twice(
        breaks in prop::collection::vec(1_usize..12, 0..12),
        writers in 1_usize..6,
        each in 1_usize..12,
        on_sqlite: bool,
    ) {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
        runtime.block_on(async {
            let folder = tempfile::tempdir().unwrap();
            let world = if on_sqlite { World::on_sqlite(&folder).await } else { World::new().await };
            a_reader_who_comes_and_goes(world, breaks, writers, each).await;
        });
    }
}
