//! Everything in PostgreSQL: the same platform, and what becomes of it while PostgreSQL is away.

use std::time::Duration;

use end_to_end::{Broadcast, Clip, Platform, Start, Viewer, eventually};
use harness::postgres::Cluster;
use serde_json::json;

use crate::{SOON, join, session_is};

/// PostgreSQL trusts every password here; the platform must tell none of it.
const PASSWORD: &str = "geheim-0815";

async fn on(cluster: &Cluster) -> Platform {
    let database = cluster.database().await.replace("postgres@", &format!("postgres:{PASSWORD}@"));
    Platform::start(Start { database: Some(database), ..Start::default() }).await
}

#[tokio::test]
async fn a_broadcast_lives_with_everything_in_postgresql() {
    let cluster = Cluster::durable();
    let mut platform = on(&cluster).await;
    let channel = platform.create_channel("In a database", json!({"latencyMode": "ULTRA_LOW"})).await;
    let broadcast = Broadcast::push(&platform.push_url(&channel.key), Clip::default());
    let mut viewer = join(&platform, &channel.playback_id).await;
    session_is(&platform, &channel.id, "LIVE").await;
    viewer.follow(SOON, |viewer| viewer.seen.len() >= 2).await;
    let session = platform.sessions(&channel.id).await[0]["id"].clone();

    // The process is killed and comes back to what stands in the database.
    platform.kill();
    drop(broadcast);
    platform.launch().await;
    session_is(&platform, &channel.id, "ERROR").await;
    let broadcast = Broadcast::push(&platform.push_url(&channel.key), Clip::default());
    session_is(&platform, &channel.id, "LIVE").await;
    assert_eq!(platform.sessions(&channel.id).await[0]["id"], session);

    // The views say the same when they are built anew from the log.
    let query = "{ channels { nodes { id name state } } sessions { nodes { id state liveAt } } }";
    let before = platform.graphql(query, json!({})).await.body;
    for name in ["channels", "sessions"] {
        let rebuild = "mutation($name: String!) { rebuildProjection(name: $name) { projection { name } } }";
        platform.graphql(rebuild, json!({ "name": name })).await.get("/rebuildProjection");
    }
    eventually("the rebuilds to be over", SOON, || async {
        let answer = platform.graphql("{ projections { name rebuildProgress } }", json!({})).await;
        let all = answer.get("/projections").as_array().expect("a list").clone();
        all.iter().all(|projection| projection["rebuildProgress"].is_null()).then_some(())
    })
    .await;
    assert_eq!(platform.graphql(query, json!({})).await.body, before);

    broadcast.stop();
    session_is(&platform, &channel.id, "ENDED").await;
    for absent in ["events.sqlite", "process.sqlite", "views"] {
        assert!(!platform.data_dir().join(absent).exists(), "{absent} is kept in the data folder");
    }
    let settings =
        platform.graphql("{ health { settings { name value } } }", json!({})).await.body.to_string();
    assert!(!settings.contains(PASSWORD), "{settings}");
    assert!(!platform.log().contains(PASSWORD), "{}", platform.log());
    let metrics = platform.metrics().await;
    assert!(metrics.contains("sigma_store_readers_held_up_seconds 0"), "{metrics}");
}

#[tokio::test]
async fn a_subscriptions_answer_begins_once_it_has_its_place_in_the_log() {
    let cluster = Cluster::quick(&[]);
    let database = cluster.database().await;
    let platform = Platform::start(Start { database: Some(database.clone()), ..Start::default() }).await;
    platform.create_channel("Before", json!({})).await;
    let mut shell = cluster.shell(database.rsplit_once('/').expect("a database").1).await;
    let mut holding = sqlx::Connection::begin(&mut shell).await.expect("a transaction");
    let hold = "lock table sigma.events in access exclusive mode";
    sqlx::query(hold).execute(&mut *holding).await.expect("nobody reads the log");

    let token = platform.admin_token();
    let mut asked = std::pin::pin!(platform.subscribe(&token, "subscription { events { type } }", json!({})));
    let early = sigma_clock::timeout(Duration::from_secs(2), &mut asked).await;
    assert!(early.is_err(), "it is answered, and has no place yet");
    holding.rollback().await.expect("the log is read again");
    let mut told = asked.await;
    platform.create_channel("After", json!({})).await;
    let first = told.next().await.expect("an answer");
    assert_eq!(first["data"]["events"]["type"], "channel.created", "{first}");
}

#[tokio::test]
async fn while_postgresql_is_away_viewers_notice_nothing_and_all_heals_by_itself() {
    let cluster = Cluster::durable();
    let platform = on(&cluster).await;
    let channel = platform.create_channel("Goes on", json!({"latencyMode": "ULTRA_LOW"})).await;
    let broadcast = Broadcast::push(&platform.push_url(&channel.key), Clip::default());
    let mut viewer = join(&platform, &channel.playback_id).await;
    session_is(&platform, &channel.id, "LIVE").await;
    viewer.follow(SOON, |viewer| viewer.seen.len() >= 2).await;

    cluster.kill();
    let reached = viewer.seen.len() + 3;
    viewer.follow(SOON, |viewer| viewer.seen.len() >= reached).await;
    let make = "mutation { createChannel(input: { name: \"Not now\" }) { channel { id } } }";
    let refused = platform.graphql(make, json!({})).await;
    assert_eq!(refused.code(), "UNAVAILABLE", "{:#}", refused.body);
    assert_eq!(refused.body["errors"][0]["extensions"]["retryAfterSeconds"], 3, "{:#}", refused.body);
    let newcomer = join(&platform, &channel.playback_id).await;
    assert_eq!(newcomer.url, viewer.url, "who comes now finds it too");
    assert!(!refused.body.to_string().contains(PASSWORD), "{:#}", refused.body);
    let (status, told) = platform.readiness().await;
    let told = told.to_string();
    assert!(status == 503 && told.contains("PostgreSQL"), "{status} {told}");
    let reached = viewer.seen.len() + 2;
    viewer.follow(SOON, |viewer| viewer.seen.len() >= reached).await;

    cluster.resume();
    eventually("the platform to be ready again", SOON, || async {
        (platform.readiness().await.0 == 200).then_some(())
    })
    .await;
    platform.create_channel("Now", json!({})).await;
    session_is(&platform, &channel.id, "LIVE").await;
    broadcast.stop();
    viewer.follow(SOON, |viewer| viewer.playlist.ended).await;
    session_is(&platform, &channel.id, "ENDED").await;
    for segment in viewer.unbroken() {
        assert!(!segment.gap && !segment.discontinuity, "the picture went on: {segment:?}");
    }
    assert!(!platform.log().contains(PASSWORD), "{}", platform.log());
}

#[tokio::test]
async fn who_breaks_off_while_postgresql_is_away_comes_back_into_his_own_session() {
    let cluster = Cluster::durable();
    let platform = on(&cluster).await;
    let channel = platform.create_channel("Comes back", json!({"latencyMode": "ULTRA_LOW"})).await;
    let broadcast = Broadcast::push(&platform.push_url(&channel.key), Clip::default());
    let mut viewer = join(&platform, &channel.playback_id).await;
    session_is(&platform, &channel.id, "LIVE").await;
    viewer.follow(SOON, |viewer| viewer.seen.len() >= 2).await;
    let session = platform.sessions(&channel.id).await[0]["id"].clone();

    cluster.kill();
    broadcast.crash();
    let returned = viewer.seen.len();
    let broadcast = Broadcast::push(&platform.push_url(&channel.key), Clip::default());
    let is_back = |viewer: &Viewer| {
        viewer.seen.values().skip(returned).filter(|segment| !segment.gap).count() >= 3
            && viewer.seen.values().skip(returned).any(|segment| segment.discontinuity)
    };
    viewer.follow(SOON, is_back).await;
    assert_eq!(platform.readiness().await.0, 503, "PostgreSQL is still away");

    cluster.resume();
    eventually("the platform to be ready again", SOON, || async {
        (platform.readiness().await.0 == 200).then_some(())
    })
    .await;
    session_is(&platform, &channel.id, "LIVE").await;
    let sessions = platform.sessions(&channel.id).await;
    assert_eq!((sessions.len(), &sessions[0]["id"]), (1, &session));
    let told =
        "query($id: ID!) { events(aggregateId: $id, type: \"session.feed_opened\") { nodes { sequence } } }";
    eventually("the store to know of the second feed", SOON, || async {
        let answer = platform.graphql(told, json!({ "id": session })).await;
        (answer.get("/events/nodes").as_array().is_some_and(|found| found.len() == 1)).then_some(())
    })
    .await;
    broadcast.stop();
    session_is(&platform, &channel.id, "ENDED").await;
    assert!(!platform.log().contains(channel.key.as_str()), "{}", platform.log());
}

fn sigma(platform: &Platform, args: &[&str]) -> String {
    let output = std::process::Command::new(end_to_end::binary())
        .args(args)
        .arg("--data-dir")
        .arg(platform.data_dir())
        .env_remove("SIGMA_EVENT_STORE")
        .output()
        .expect("the binary runs");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{args:?}: {said}");
    format!("{}{said}", String::from_utf8_lossy(&output.stdout))
}

#[tokio::test]
async fn who_grew_moves_from_sqlite_without_loss() {
    let cluster = Cluster::quick(&[]);
    let database = cluster.database().await.replace("postgres@", &format!("postgres:{PASSWORD}@"));
    let mut platform = Platform::start(Start::in_files()).await;
    let channel = platform.create_channel("Moves", json!({"latencyMode": "ULTRA_LOW"})).await;
    let broadcast = Broadcast::push(&platform.push_url(&channel.key), Clip::default());
    session_is(&platform, &channel.id, "LIVE").await;
    broadcast.stop();
    session_is(&platform, &channel.id, "ENDED").await;
    let query = "{ channels { nodes { id name state playbackId } } sessions { nodes { id state liveAt endReason } } \
                 assets { nodes { id kind state } } events(first: 100) { nodes { id type sequence } } }";
    // A moment after its end the channel lets go of its session, and what was recorded of it is
    // ready: then nothing happens any more.
    let before = eventually("the channel to be idle and its recordings ready", SOON, || async {
        let told = platform.graphql(query, json!({})).await;
        let idle = told.text("/channels/nodes/0/state") == "IDLE";
        let recorded = told.get("/assets/nodes").as_array().expect("a list").clone();
        let ready = recorded.len() == 2 && recorded.iter().all(|asset| asset["state"] == "READY");
        (idle && ready).then_some(told.body)
    })
    .await;
    platform.terminate().await;

    let said = sigma(&platform, &["store", "copy", "--from", "sqlite", "--to", &database]);
    assert!(said.contains("both hold the same") && !said.contains(PASSWORD), "{said}");
    platform.keep_in(&database);
    platform.launch().await;
    assert_eq!(platform.graphql(query, json!({})).await.body, before);
    // The key opens: it was sealed under the same master key.
    let _broadcast = Broadcast::push(&platform.push_url(&channel.key), Clip::default());
    session_is(&platform, &channel.id, "LIVE").await;
}

#[tokio::test]
async fn a_backup_made_on_air_is_put_back() {
    let mut platform = Platform::start(Start::in_files()).await;
    let names = "{ channels(orderBy: OLDEST) { nodes { name } } }";
    platform.create_channel("Before", json!({})).await;
    let file = platform.data_dir().with_file_name("copy");
    let copy = file.display().to_string();
    let said = sigma(&platform, &["backup", &copy]);
    assert!(said.contains("events") && said.contains("master-key"), "{said}");
    platform.create_channel("After", json!({})).await;
    platform.terminate().await;
    sigma(&platform, &["restore", &copy]);
    platform.launch().await;
    let told = platform.graphql(names, json!({})).await.body.to_string();
    assert!(told.contains("Before") && !told.contains("After"), "{told}");
}
