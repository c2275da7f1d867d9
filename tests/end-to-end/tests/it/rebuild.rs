//! A view is filled anew while commands come in: whoever looks sees equal or newer data, across the swap too.
//!
//! `SIGMA_TEST_REBUILD_EVENTS=1000000 cargo test -p end-to-end rebuild` is the long form.
#![allow(clippy::print_stdout, reason = "figures, for who runs it with --nocapture")]

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use end_to_end::{Keys, Platform, Start, eventually};
use harness::postgres::Cluster;
use serde_json::{Value, json};
use sigma_clock::{Instant, monotonic};
use tokio::task::JoinSet;

use crate::from_environment;

/// Events that the view is filled from, unless told.
const EVENTS: u64 = 10_000;

/// Channels that these are of.
const CHANNELS: u64 = 20;

/// Channels that are changed meanwhile, each ten times a second: 50 commands a second.
const LIVELY: usize = 5;

/// Between two commands of one channel.
const COMMAND_EVERY: Duration = Duration::from_millis(100);

/// Between two looks of a client.
const LOOK_EVERY: Duration = Duration::from_millis(10);

/// However long the log is: some 2,000 events a second on a busy machine, and the rest.
fn patience(events: u64) -> Duration {
    Duration::from_secs(60 + events / 2_000)
}

/// What the clients know.
#[derive(Default)]
struct Known {
    ended: AtomicBool,
    commands: AtomicU64,
    looks: AtomicU64,
    /// By node and channel: what was seen there, or answered to who changed it there. Nothing older may be seen later.
    seen: [[AtomicU64; LIVELY]; 2],
}

const UPDATE: &str = "mutation($id: ID!, $name: String!) { updateChannel(id: $id, input: {name: $name}) { channel { name } } }";

fn number(name: &str) -> u64 {
    name.strip_prefix('n').and_then(|number| number.parse().ok()).unwrap_or_else(|| panic!("{name}"))
}

/// Changes a channel again and again, at one node and the other in turn, each once it is answered.
async fn change(nodes: Arc<[Platform; 2]>, known: Arc<Known>, at: usize, id: String) -> u64 {
    let mut next = monotonic();
    let mut n = 0;
    while !known.ended.load(Ordering::SeqCst) {
        n += 1;
        let node = usize::from(n % 2 == 0);
        let answer = nodes[node].graphql(UPDATE, json!({ "id": id, "name": format!("n{n}") })).await;
        // What is answered is what the view shows.
        assert_eq!(answer.text("/updateChannel/channel/name"), format!("n{n}"));
        known.seen[node][at].fetch_max(n, Ordering::SeqCst);
        known.commands.fetch_add(1, Ordering::SeqCst);
        next += COMMAND_EVERY;
        sigma_clock::sleep_until(next).await;
    }
    n
}

/// Looks every 10 ms at a node.
async fn watch(nodes: Arc<[Platform; 2]>, known: Arc<Known>, node: usize, ids: Vec<String>) {
    let mut next = monotonic();
    for at in (0..LIVELY).cycle() {
        if known.ended.load(Ordering::SeqCst) {
            return;
        }
        let least = known.seen[node][at].load(Ordering::SeqCst);
        let told = nodes[node]
            .graphql("query($id: ID!) { channel(id: $id) { name } }", json!({ "id": ids[at] }))
            .await;
        let shown = number(&told.text("/channel/name"));
        assert!(shown >= least, "node {node} showed {shown} after {least}");
        known.seen[node][at].fetch_max(shown, Ordering::SeqCst);
        known.looks.fetch_add(1, Ordering::SeqCst);
        next = (next + LOOK_EVERY).max(monotonic());
        sigma_clock::sleep_until(next).await;
    }
}

/// The view of channels, as a node tells of it.
async fn view(platform: &Platform) -> Value {
    let told = platform.graphql("{ projections { name generation lag rebuildProgress } }", json!({})).await;
    let all = told.get("/projections").as_array().cloned().unwrap_or_default();
    all.into_iter().find(|one| one["name"] == "channels").expect("the view of channels")
}

/// Many changes of some channels, past the platform: each the one that was made through it, once more.
async fn fill(server: &Cluster, database: &str, events: u64) {
    let mut shell = server.shell(database.rsplit_once('/').expect("a database").1).await;
    let each = events / CHANNELS;
    let more = "insert into sigma.events (aggregate_type, aggregate_id, sequence, event_type, event_version, payload, \
                metadata, event_id, line, project_id) \
                select aggregate_type, aggregate_id, sequence + n, event_type, event_version, payload, metadata, \
                event_id || '_' || n, line, project_id \
                from sigma.events, generate_series($1::bigint, $2::bigint) n \
                where event_type = 'channel.updated' and sequence = 2";
    for first in (1..=each).step_by(1_000) {
        let last = (first + 999).min(each);
        let filled = sqlx::query(more).bind(i64::try_from(first).expect("small"));
        filled.bind(i64::try_from(last).expect("small")).execute(&mut shell).await.expect("more events");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_view_is_filled_anew_under_load_and_nobody_sees_older_data() {
    let events = from_environment("SIGMA_TEST_REBUILD_EVENTS", EVENTS);
    let server = Cluster::quick(&[]);
    let database = server.database().await;
    let start = |id: &str| Start {
        database: Some(database.clone()),
        keys: Some(Keys::default()),
        flags: vec!["--node-id".to_owned(), id.to_owned()],
        ..Start::default()
    };
    let first = Platform::start(start("first")).await;
    for n in 0..CHANNELS {
        let channel = first.create_channel(&format!("Old {n}"), json!({})).await;
        first
            .graphql(UPDATE, json!({ "id": channel.id, "name": format!("Older {n}") }))
            .await
            .get("/updateChannel");
    }
    fill(&server, &database, events).await;
    let mut ids = Vec::new();
    for _ in 0..LIVELY {
        ids.push(first.create_channel("n0", json!({})).await.id);
    }
    let nodes = Arc::new([first, Platform::start(start("second")).await]);
    eventually("the view to have read all", patience(events), || async {
        (view(&nodes[0]).await["lag"].to_string().trim_matches('"') == "0").then_some(())
    })
    .await;

    let known = Arc::new(Known::default());
    let (mut changing, mut watching) = (JoinSet::new(), JoinSet::new());
    for (at, id) in ids.iter().enumerate() {
        changing.spawn(change(nodes.clone(), known.clone(), at, id.clone()));
    }
    for node in 0..2 {
        watching.spawn(watch(nodes.clone(), known.clone(), node, ids.clone()));
    }
    sigma_clock::sleep(Duration::from_secs(1)).await;
    let began: Instant = monotonic();
    // Asked of the node that does not run it.
    let rebuild = "mutation { rebuildProjection(name: \"channels\") { projection { name } } }";
    nodes[1].graphql(rebuild, json!({})).await.get("/rebuildProjection");
    for node in &*nodes {
        eventually("the next generation to serve", patience(events), || async {
            let view = view(node).await;
            (view["generation"] == 2 && view["rebuildProgress"].is_null()).then_some(())
        })
        .await;
    }
    let took = began.elapsed();
    sigma_clock::sleep(Duration::from_secs(2)).await;
    known.ended.store(true, Ordering::SeqCst);
    while let Some(watched) = watching.join_next().await {
        watched.expect("nobody saw an error or older data");
    }
    while let Some(changed) = changing.join_next().await {
        assert!(changed.expect("each command is answered") > 10);
    }
    let (commands, looks) = (known.commands.load(Ordering::SeqCst), known.looks.load(Ordering::SeqCst));
    println!(
        "{events} events in {took:?}, beside {commands} commands and {looks} looks in {:?}",
        began.elapsed() + Duration::from_secs(1)
    );
    assert!(looks > 100 && commands > 100, "{looks} looks, {commands} commands");
}
