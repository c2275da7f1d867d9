//! Several nodes over one database: one runs the process managers at a time, and all else goes on at any of them.

use std::time::Duration;

use harness::postgres::Cluster;
use sigma_app::{ChannelState, LossCause, Report, SessionState};
use sigma_store::Cursor;
use sigma_store_postgres::Address;
use sigma_tables::{Connection, Place, Schema, query};
use tokio::task::JoinHandle;

use crate::world::{Made, NODE, World};

/// Long enough for a busy machine, and for a lease that runs out.
const PATIENCE: Duration = Duration::from_secs(20);

async fn database() -> Address {
    Cluster::shared().database().await.parse().unwrap()
}

async fn rows(address: &Address) -> Connection {
    Place::Schema(Schema::new(address, "sigma_process")).connect().await.unwrap()
}

fn run(world: &World) -> JoinHandle<()> {
    tokio::spawn(world.app.clone().run(std::future::pending()))
}

async fn until(what: &str, mut look: impl AsyncFnMut() -> bool) {
    let seen = async {
        while !look().await {
            sigma_clock::sleep(Duration::from_millis(10)).await;
        }
    };
    sigma_clock::timeout(PATIENCE, seen).await.unwrap_or_else(|_| panic!("{what}: not within {PATIENCE:?}"));
}

/// The session ends by its deadline, and its channel lets go of it; answers how its end is told.
async fn ends(world: &World, made: &Made, session: &str) -> Vec<String> {
    world.later(60);
    until("the session ends", async || world.session_row(session).await.state == SessionState::Ended).await;
    let idle = async || world.channel_row(&made.channel.id).await.unwrap().state == ChannelState::Idle;
    until("the channel is idle", idle).await;
    let events = world.events("session", session).await;
    events.into_iter().filter(|name| name == "session.ended").collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_deadline_is_fired_once_by_whichever_node_is_there() {
    let address = database().await;
    let one = World::in_database(&address).await;
    let two = one.beside(&address, "node-2").await;
    let first = run(&one);
    until("the first manages", async || one.app.manages_here()).await;
    let second = run(&two);
    let made = two.channel().await;
    let grant = two.live(&made.stream_key).await;
    two.report(&grant, Report::Lost(LossCause::ConnectionBroken)).await;
    assert_eq!(ends(&two, &made, &grant.session.session).await, ["session.ended"]);
    assert!(one.app.manages_here() && !two.app.manages_here());
    assert_eq!((one.app.process_failure(), two.app.process_failure()), (None, None));

    // The one that ran them is gone between the loss and its deadline.
    let grant = two.live(&made.stream_key).await;
    two.report(&grant, Report::Lost(LossCause::ConnectionBroken)).await;
    first.abort();
    assert_eq!(ends(&two, &made, &grant.session.session).await, ["session.ended"]);
    assert!(two.app.manages_here());
    second.abort();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_starts_with_its_sessions_whoever_runs_the_process_managers() {
    let address = database().await;
    let one = World::in_database(&address).await;
    let made = one.channel().await;
    let grant = one.live(&made.stream_key).await;
    // Nobody has looked at the log yet.
    let two = one.beside(&address, "node-2").await;
    let held = two.app.node_started(NODE).await.unwrap();
    assert_eq!(held.on_air.iter().map(|held| &held.session).collect::<Vec<_>>(), [&grant.session.session]);
    // Another one has, and goes on doing so.
    let running = run(&one);
    until("the first manages", async || one.app.manages_here()).await;
    let next = one.channel().await;
    let next = one.live(&next.stream_key).await;
    let mut wanted = [grant.session.session.clone(), next.session.session.clone()];
    wanted.sort();
    for _ in 0..3 {
        let held = two.app.node_started(NODE).await.unwrap();
        let mut held: Vec<String> = held.on_air.into_iter().map(|held| held.session).collect();
        held.sort();
        assert_eq!(held, wanted);
    }
    assert!(two.app.node_started("node-2").await.unwrap().on_air.is_empty());
    one.later(60);
    for session in wanted {
        until("it ends", async || one.session_row(&session).await.state == SessionState::Ended).await;
    }
    assert!(two.app.node_started(NODE).await.unwrap().on_air.is_empty());
    running.abort();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_lost_the_lease_without_knowing_writes_nothing() {
    let address = database().await;
    let world = World::in_database(&address).await;
    let running = run(&world);
    until("it manages", async || world.app.manages_here()).await;
    world.channel().await;
    let mut rows = rows(&address).await;
    let mut place = async || {
        let place = query("select cursor from place").fetch_optional(&mut rows).await.unwrap();
        place.map(|row| row.try_get::<String>("cursor").unwrap())
    };
    let mut stood = None;
    until("it has looked at all", async || {
        stood = place().await;
        let Some(place) = stood.clone() else { return false };
        world.log.settle().await.unwrap();
        world.log.lag(&Cursor::from_text(place)).await.unwrap() == 0
    })
    .await;
    let mut lease = Place::Schema(Schema::new(&address, "sigma_cluster")).connect().await.unwrap();
    let take = "update lease set token = token + 1, holder = 'other', until = clock_timestamp() + interval '4 s' \
                where name = 'process-managers'";
    assert_eq!(query(take).execute(&mut lease).await.unwrap(), 1);
    world.channel().await;
    for _ in 0..15 {
        sigma_clock::sleep(Duration::from_millis(100)).await;
        assert_eq!(place().await, stood, "it wrote without the lease");
    }
    // Nobody renews the other's lease.
    until("it goes on", async || place().await != stood).await;
    running.abort();
}
