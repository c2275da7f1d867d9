//! Two processes over one database: one runs the read models and deadlines, both answer.
#![allow(clippy::print_stdout, reason = "figures, for who runs it with --nocapture")]

use std::time::Duration;

use end_to_end::{Keys, Platform, Start, eventually, signal};
use harness::postgres::Cluster;
use serde_json::{Value, json};
use sigma_clock::monotonic;
use sqlx::Row;

/// Another node takes over within this time from one that says nothing any more.
const TAKEN_OVER_WITHIN: Duration = Duration::from_secs(10);

const SOON: Duration = Duration::from_secs(20);

async fn node(database: &str, id: &str) -> Platform {
    let (database, keys) = (Some(database.to_owned()), Some(Keys::default()));
    let flags = vec!["--node-id".to_owned(), id.to_owned()];
    Platform::start(Start { database, keys, flags, ..Start::default() }).await
}

/// The channels that a node shows, by name.
async fn shown(platform: &Platform) -> Vec<Value> {
    let query = "{ channels(first: 100, orderBy: NAME) { nodes { id name state } } }";
    let told = platform.graphql(query, json!({})).await;
    told.get("/channels/nodes").as_array().cloned().unwrap_or_default()
}

/// Who runs each projection, as a node tells it.
async fn runs(platform: &Platform) -> Vec<String> {
    let told = platform.graphql("{ projections { name node state } }", json!({})).await;
    let all = told.get("/projections").as_array().cloned().unwrap_or_default();
    all.iter().map(|one| one["node"].as_str().unwrap_or_default().to_owned()).collect()
}

async fn until_run_by(platform: &Platform, id: &str) {
    eventually("the projections to be run there", SOON, || async {
        runs(platform).await.iter().all(|node| node == id).then_some(())
    })
    .await;
}

#[tokio::test]
async fn a_node_that_slept_through_its_leases_commits_nothing_and_shows_what_another_one_runs() {
    let server = Cluster::quick(&[]);
    let database = server.database().await;
    let first = node(&database, "first").await;
    until_run_by(&first, "first").await;
    let mut second = node(&database, "second").await;
    assert!(runs(&second).await.iter().all(|node| node == "first"), "{:?}", runs(&second).await);
    // Whoever wrote reads what he wrote, at any node.
    for n in 0..5 {
        let at = if n % 2 == 0 { &first } else { &second };
        at.create_channel(&format!("before {n}"), json!({})).await;
        assert_eq!(shown(at).await.len(), n + 1);
    }

    signal("STOP", first.pid());
    let slept = monotonic();
    let late = second.create_channel("while it sleeps", json!({})).await;
    eventually("another node to take over", TAKEN_OVER_WITHIN, || async {
        shown(&second).await.iter().any(|channel| channel["id"] == late.id.as_str()).then_some(())
    })
    .await;
    println!("taken over within {:?}", slept.elapsed());
    for n in 0..20 {
        second.create_channel(&format!("meanwhile {n}"), json!({})).await;
    }
    until_run_by(&second, "second").await;
    let left = Duration::from_secs(12).saturating_sub(slept.elapsed());
    sigma_clock::sleep(left).await;
    let held = leases(&server, &database).await;
    signal("CONT", first.pid());

    // It finds out by itself, and goes on as one that reads.
    eventually("the sleeper to stand down", SOON, || async {
        first.log().contains("this node runs a view no more").then_some(())
    })
    .await;
    for n in 0..20 {
        let at = if n % 2 == 0 { &first } else { &second };
        at.create_channel(&format!("after {n}"), json!({})).await;
    }
    let both = (shown(&first).await, shown(&second).await);
    assert_eq!(both.0.len(), 46);
    assert_eq!(both.0, both.1, "both show the same");
    assert!(runs(&first).await.iter().all(|node| node == "second"));
    assert_eq!(leases(&server, &database).await, held, "no lease went back to the one that slept");
    assert!(!second.log().contains("this node runs a view no more"), "{}", second.log());
    // The views are the fold: filled anew they are the same.
    let rebuild = "mutation { rebuildProjection(name: \"channels\") { projection { name } } }";
    first.graphql(rebuild, json!({})).await;
    eventually("the view to be filled anew", SOON, || async {
        let told = first.graphql("{ projections { name generation rebuildProgress } }", json!({})).await;
        let all = told.get("/projections").as_array().cloned().unwrap_or_default();
        let one = all.into_iter().find(|one| one["name"] == "channels").unwrap_or_default();
        (one["generation"] == 2 && one["rebuildProgress"].is_null()).then_some(())
    })
    .await;
    assert_eq!(shown(&first).await, both.0);

    // In order it is handed over at once.
    second.terminate().await;
    let began = monotonic();
    until_run_by(&first, "first").await;
    println!("handed over within {:?}", began.elapsed());
    assert!(began.elapsed() < Duration::from_secs(4), "{:?}", began.elapsed());
    first.create_channel("alone", json!({})).await;
    assert_eq!(shown(&first).await.len(), 47);
}

/// The leases of projections and process managers, with who holds them under which token.
async fn leases(server: &Cluster, database: &str) -> Vec<(String, Option<String>, i64)> {
    let mut shell = server.shell(database.rsplit_once('/').expect("a database").1).await;
    let held = "select name, holder, token from sigma_cluster.lease \
                where name like 'projection/%' or name = 'process-managers' order by name";
    let held = sqlx::query(held).fetch_all(&mut shell).await.expect("leases");
    held.iter().map(|row| (row.get("name"), row.get("holder"), row.get("token"))).collect()
}
