//! What is to be mended about a feed, kept beside its session.

use std::collections::BTreeMap;
use std::time::Duration;

use sigma_app::{FeedGrant, MediaError, Report, WarningReport};
use sigma_clock::Clock;

use crate::world::World;

fn raised(name: &str) -> WarningReport {
    let data = BTreeMap::from([("seconds".to_owned(), 8)]);
    let message = "Key frames come every 8 s; set Keyframe Interval to 2 s".to_owned();
    WarningReport::Raised { name: name.into(), message, data }
}

fn cleared(name: &str) -> WarningReport {
    WarningReport::Cleared { name: name.into() }
}

async fn warn(world: &World, grant: &FeedGrant, report: WarningReport) -> Result<(), MediaError> {
    world.app.report_warning(&grant.session.session, grant.feed, world.clock.now(), report).await
}

#[tokio::test]
async fn warnings_stand_in_a_stream_of_their_own_beside_the_session() {
    let world = World::new().await;
    let made = world.channel().await;
    let grant = world.live(&made.stream_key).await;
    let session = &grant.session.session;
    let before = world.events("session", session).await;
    for report in [raised("NO_AUDIO"), raised("B_FRAMES"), cleared("NO_AUDIO")] {
        warn(&world, &grant, report.clone()).await.unwrap();
        // A report that comes again changes nothing.
        warn(&world, &grant, report).await.unwrap();
    }
    let health = world.store.load("session_health", session).await.unwrap();
    let names: Vec<&str> = health.iter().map(|event| event.name.as_str()).collect();
    assert_eq!(names, ["health.warning_raised", "health.warning_raised", "health.warning_cleared"]);
    assert_eq!((&health[0].line, health[0].project_id.as_str()), (&made.channel.id, "pr_default"));
    assert_eq!(health[0].metadata.actor, r#"{"kind":"SYSTEM","id":"ingest-health"}"#);
    assert_eq!(health[0].data["data"]["seconds"], 8);
    assert_eq!(world.events("session", session).await, before);
}

#[tokio::test]
async fn a_warning_of_an_old_feed_is_to_come_again_and_one_of_an_ended_session_changes_nothing() {
    let world = World::new().await;
    let made = world.channel().await;
    let old = world.live(&made.stream_key).await;
    let new = world.feed(&made.stream_key, true).await.unwrap();
    assert_eq!(new.feed, 2);
    // The media side learns of the new feed a moment after the control plane, and tells it again under its number.
    let early = warn(&world, &old, raised("NO_AUDIO")).await;
    assert!(matches!(early, Err(MediaError::Unavailable(_))), "{early:?}");
    let session = &new.session.session;
    assert!(world.events("session_health", session).await.is_empty());
    warn(&world, &new, raised("NO_AUDIO")).await.unwrap();
    assert!(warn(&world, &old, cleared("NO_AUDIO")).await.is_err());
    assert_eq!(world.events("session_health", session).await.len(), 1);
    world.report(&new, Report::Left).await;
    warn(&world, &new, raised("B_FRAMES")).await.unwrap();
    warn(&world, &new, cleared("NO_AUDIO")).await.unwrap();
    assert_eq!(world.events("session_health", session).await.len(), 1);
}

#[tokio::test]
async fn a_session_keeps_two_hundred_warnings_and_no_more() {
    let world = World::new().await;
    let made = world.channel().await;
    let grant = world.live(&made.stream_key).await;
    for _ in 0..201 {
        warn(&world, &grant, raised("NO_AUDIO")).await.unwrap();
        warn(&world, &grant, cleared("NO_AUDIO")).await.unwrap();
    }
    assert_eq!(world.events("session_health", &grant.session.session).await.len(), 400);
}

#[tokio::test]
async fn a_warning_waits_out_an_outage_and_what_makes_no_sense_is_refused() {
    let world = World::new().await;
    let made = world.channel().await;
    let grant = world.live(&made.stream_key).await;
    tokio::time::pause();
    world.switch.off();
    let back = async {
        sigma_clock::sleep(Duration::from_secs(5)).await;
        world.switch.on();
    };
    let (told, ()) = tokio::join!(warn(&world, &grant, raised("NO_AUDIO")), back);
    assert_eq!(told, Ok(()));
    world.switch.off();
    let told = warn(&world, &grant, raised("B_FRAMES")).await;
    assert!(matches!(told, Err(MediaError::Unavailable(_))), "{told:?}");
    world.switch.on();
    let long = WarningReport::Raised { name: "X".into(), message: "x".repeat(501), data: BTreeMap::new() };
    for report in [raised("no audio"), cleared(""), long] {
        let told = warn(&world, &grant, report).await;
        assert!(matches!(told, Err(MediaError::Refused(_))), "{told:?}");
    }
    let nobody = world.app.report_warning("nonsense", 1, world.clock.now(), raised("X")).await;
    assert!(matches!(nobody, Err(MediaError::Refused(_))), "{nobody:?}");
}
