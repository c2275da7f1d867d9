//! One platform of several nodes over one database: who holds what, and what becomes of it when a node dies or sleeps.

use end_to_end::{Broadcast, Clip, Keys, Platform, Start, Viewer, eventually, signal};
use harness::postgres::Cluster;
use serde_json::{Value, json};

use crate::{SOON, answered, join, session_is};

/// An API node, a media node, and one that does the rest.
struct Several {
    api: Platform,
    media: Platform,
    _projections: Platform,
    database: String,
    _cluster: Cluster,
}

async fn node(database: &str, roles: &str) -> Platform {
    named(database, roles, &format!("the-{roles}")).await
}

async fn named(database: &str, roles: &str, id: &str) -> Platform {
    Platform::start(Start {
        flags: ["--roles", roles, "--node-id", id].map(str::to_owned).to_vec(),
        database: Some(database.to_owned()),
        keys: Some(Keys::default()),
        ..Start::default()
    })
    .await
}

impl Several {
    async fn start() -> Self {
        let cluster = Cluster::quick(&[]);
        let database = cluster.database().await;
        let projections = node(&database, "projections").await;
        let (api, media) = tokio::join!(node(&database, "api"), node(&database, "ingest"));
        Self { api, media, _projections: projections, database, _cluster: cluster }
    }

    async fn nodes(&self) -> Vec<Value> {
        let asked = "{ health { nodes { id state roles url rtmpUrl sessions leases } } }";
        self.api.graphql(asked, json!({})).await.get("/health/nodes").as_array().expect("a list").clone()
    }

    async fn media_is(&self, state: &str) {
        eventually(&format!("the media node to be {state}"), SOON, || async {
            let nodes = self.nodes().await;
            nodes.iter().any(|node| node["id"] == "the-ingest" && node["state"] == state).then_some(())
        })
        .await;
    }
}

#[tokio::test]
async fn viewers_who_ask_an_api_node_are_sent_to_the_node_that_has_the_feed() {
    let several = Several::start().await;
    let Several { api, media, .. } = &several;
    let channel = api.create_channel("Elsewhere", json!({"latencyMode": "ULTRA_LOW"})).await;
    let asked = "query($id: ID!) { channel(id: $id) { ingest { rtmpUrl } watchUrl } }";
    let told = eventually("the API node to know the media node", SOON, || async {
        let told = api.graphql(asked, json!({ "id": channel.id })).await;
        (told.text("/channel/ingest/rtmpUrl") == format!("rtmp://{}/live", media.rtmp)).then_some(told)
    })
    .await;
    let broadcast = Broadcast::push(&media.push_url(&channel.key), Clip::default());
    let mut viewer = join(api, &channel.playback_id).await;
    assert!(viewer.url.starts_with(&media.url("/media/")), "{}", viewer.url);
    viewer.follow(SOON, |viewer| viewer.seen.len() >= 2).await;
    viewer.fetch(&viewer.playlist.segments[0].uri).await.expect("a segment");

    // The page may load from there, and a preview is shown to who may see it, by an address without his token.
    let page = api.client().get(told.text("/channel/watchUrl")).send().await.expect("a page");
    let policy = page.headers()["content-security-policy"].to_str().expect("text").to_owned();
    assert!(policy.contains(&format!("connect-src 'self' {}", media.url(""))), "{policy}");
    let session = api.sessions(&channel.id).await[0]["id"].as_str().expect("an id").to_owned();
    let preview = api.url(&format!("/preview/{session}/index.m3u8"));
    let refused = api.client().get(&preview).send().await.expect("an answer");
    assert_eq!(refused.status(), 401);
    let shown = api.client().get(&preview).bearer_auth(api.admin_token()).send().await.expect("an answer");
    assert!(
        shown.status().is_success() && shown.url().as_str().starts_with(&media.url("/media/")),
        "{}",
        shown.url()
    );
    assert!(shown.text().await.expect("text").contains("#EXT-X-STREAM-INF"));
    let by_query =
        api.client().get(format!("{preview}?token={}", api.admin_token())).send().await.expect("an answer");
    assert!(
        by_query.status().is_success() && !by_query.url().as_str().contains("token"),
        "{}",
        by_query.url()
    );

    // So are those who rewind, and pictures.
    let of_channel = |name: &str| api.url(&format!("/live/{}/{name}", channel.playback_id));
    for name in ["dvr.m3u8", "thumbnail.jpg?width=320"] {
        let shown = answered(api.client().get(of_channel(name))).await;
        let at = media.url(&format!("/live/{}/{name}", channel.playback_id));
        assert!(
            shown.status().is_success() && shown.url().as_str() == at,
            "{} {}",
            shown.status(),
            shown.url()
        );
    }

    // What is on air shows at its node, and no node answers what is not its role.
    eventually("the media node to tell its session", SOON, || async {
        let nodes = several.nodes().await;
        nodes.iter().any(|node| node["id"] == "the-ingest" && node["sessions"] == 1).then_some(())
    })
    .await;
    let nodes = several.nodes().await;
    let ids: Vec<&str> = nodes.iter().filter_map(|node| node["id"].as_str()).collect();
    assert_eq!(ids, ["the-api", "the-ingest", "the-projections"]);
    let leases = nodes[2]["leases"].to_string();
    assert!(leases.contains("projection/channels") && leases.contains("lost-nodes"), "{leases}");
    assert_eq!(nodes[0]["leases"], json!([]), "an API node leaves to others what only one may do");
    let elsewhere = media.client().post(media.url("/graphql")).json(&json!({"query": "{ me { name } }"}));
    assert_eq!(elsewhere.send().await.expect("an answer").status(), 404);
    broadcast.stop();
    session_is(api, &channel.id, "ENDED").await;

    // And those who see it again, by whatever address of it they have; its source goes to its owner.
    let assets = eventually("the catchup to be ready", SOON, || async {
        let asked = "query($id: ID!) { assets(channelId: $id) { nodes { id kind state } } }";
        let told = api.graphql(asked, json!({ "id": channel.id })).await;
        let assets = told.get("/assets/nodes").as_array().expect("a list").clone();
        (assets.len() == 2 && assets.iter().all(|asset| asset["state"] == "READY")).then_some(assets)
    })
    .await;
    let id_of = |kind: &str| {
        assets
            .iter()
            .find(|asset| asset["kind"] == kind)
            .and_then(|asset| asset["id"].as_str())
            .expect("an id")
    };
    let catchup = api.url(&format!("/vod/{}/index.m3u8", id_of("CATCHUP")));
    let shown = api.client().get(&catchup).send().await.expect("an answer");
    assert!(
        shown.status().is_success() && shown.url().as_str().starts_with(&media.url("/vod/")),
        "{}",
        shown.url()
    );
    let playlist = shown.text().await.expect("text");
    let playlist = playlist.lines().find(|line| !line.starts_with('#')).expect("a media playlist's address");
    let listed = api.client().get(api.url(playlist)).send().await.expect("an answer");
    assert!(listed.status().is_success() && listed.url().as_str() == media.url(playlist), "{}", listed.url());
    let source = |token: &str| api.url(&format!("/vod/{}/source.mp4{token}", id_of("SOURCE")));
    assert_eq!(api.client().get(source("")).send().await.expect("an answer").status(), 401);
    let token = format!("?token={}", api.admin_token());
    let file = api.client().head(source(&token)).send().await.expect("an answer");
    assert!(file.status().is_success() && file.headers().contains_key("content-length"), "{}", file.status());
    // A header is not taken along to another host: what stands for it is.
    let shown = api.client().head(source("")).bearer_auth(api.admin_token()).send().await.expect("an answer");
    assert!(
        shown.status().is_success() && shown.url().as_str().starts_with(&media.url("/vod/")),
        "{shown:?}"
    );
    assert!(!shown.url().as_str().contains(&api.admin_token()), "{}", shown.url());
    let wrong = api.client().head(source("")).bearer_auth("wrong").send().await.expect("an answer");
    assert_eq!(wrong.status(), 401);
}

#[tokio::test]
async fn of_what_one_media_node_has_kept_another_says_nothing() {
    let several = Several::start().await;
    let other = named(&several.database, "ingest", "another").await;
    let Several { api, media, .. } = &several;
    let asked = "query($id: ID!) { assets(channelId: $id) { nodes { state } } }";
    let states = async |channel: &str| {
        let told = api.graphql(asked, json!({ "id": channel })).await;
        let assets = told.get("/assets/nodes").as_array().expect("a list").clone();
        assets.iter().map(|asset| asset["state"].as_str().expect("a state").to_owned()).collect::<Vec<_>>()
    };
    let mut channels = Vec::new();
    // Each hears of the ends in their order: once the last is known, both have heard of those before.
    for at in [media, &other, media] {
        let channel = api.create_channel("Kept", json!({"latencyMode": "ULTRA_LOW"})).await;
        let broadcast = Broadcast::push(&at.push_url(&channel.key), Clip::default());
        session_is(api, &channel.id, "LIVE").await;
        broadcast.stop();
        session_is(api, &channel.id, "ENDED").await;
        eventually("both recordings to be ready", SOON, || async {
            (states(&channel.id).await == ["READY", "READY"]).then_some(())
        })
        .await;
        channels.push(channel.id);
    }
    for channel in channels {
        assert_eq!(states(&channel).await, ["READY", "READY"]);
    }
}

#[tokio::test]
async fn a_media_node_that_dies_has_its_sessions_ended_by_another() {
    let mut several = Several::start().await;
    let settings = json!({"latencyMode": "ULTRA_LOW", "reconnectWindow": 3});
    let channel = several.api.create_channel("Lost for good", settings).await;
    let _broadcast = Broadcast::push(&several.media.push_url(&channel.key), Clip::default());
    session_is(&several.api, &channel.id, "LIVE").await;
    eventually("some of it to be archived", SOON, || async {
        several.media.figure("sigma_archive_bytes_total").await.filter(|bytes| *bytes > 400_000)
    })
    .await;
    several.media.kill();
    session_is(&several.api, &channel.id, "ENDED").await;
    assert_eq!(several.api.sessions(&channel.id).await[0]["endReason"], "NODE_LOST");
    several.media_is("LOST").await;
    let (status, told) = several.api.readiness().await;
    assert!(status == 200 && told.to_string().contains("the-ingest has said nothing"), "{status} {told}");

    // It comes back with its archive, and without what it wrote on air.
    let session = several.api.sessions(&channel.id).await[0]["id"].as_str().expect("an id").to_owned();
    std::fs::remove_dir_all(several.media.data_dir().join("live").join(session)).expect("it was there");
    several.media.launch().await;
    let asked = "query($id: ID!) { assets(channelId: $id) { nodes { state } } }";
    let ready = json!([{ "state": "READY" }, { "state": "READY" }]);
    eventually("what was archived to be known", SOON, || async {
        let told = several.api.graphql(asked, json!({ "id": channel.id })).await;
        (told.get("/assets/nodes") == &ready).then_some(())
    })
    .await;
}

#[tokio::test]
async fn a_media_node_that_comes_back_after_it_was_taken_for_lost_resumes_its_sessions() {
    let mut several = Several::start().await;
    let channel = several.api.create_channel("Comes back", json!({"latencyMode": "ULTRA_LOW"})).await;
    let broadcast = Broadcast::push(&several.media.push_url(&channel.key), Clip::default());
    session_is(&several.api, &channel.id, "LIVE").await;
    let mut viewer = join(&several.media, &channel.playback_id).await;
    viewer.follow(SOON, |viewer| viewer.seen.len() >= 2).await;
    several.media.kill();
    drop(broadcast);
    session_is(&several.api, &channel.id, "ERROR").await;
    several.media.launch().await;
    let _broadcast = Broadcast::push(&several.media.push_url(&channel.key), Clip::default());
    session_is(&several.api, &channel.id, "LIVE").await;
    assert_eq!(several.api.sessions(&channel.id).await.len(), 1);
    let reached = viewer.seen.len() + 2;
    viewer.follow(SOON, |viewer| viewer.seen.len() >= reached).await;
    viewer.unbroken();
    several.media_is("UP").await;
}

#[tokio::test]
async fn a_media_node_that_slept_does_not_go_on_as_if_it_had_been_there() {
    let several = Several::start().await;
    let Several { api, media, .. } = &several;
    let stays = api.create_channel("Stays", json!({"latencyMode": "ULTRA_LOW"})).await;
    let ends = api.create_channel("Ends", json!({"latencyMode": "ULTRA_LOW", "reconnectWindow": 3})).await;
    let mut broadcasts =
        [&stays, &ends].map(|channel| Broadcast::push(&media.push_url(&channel.key), Clip::default()));
    for channel in [&stays, &ends] {
        session_is(api, &channel.id, "LIVE").await;
    }
    let mut viewer = join(media, &ends.playback_id).await;
    let first = api.sessions(&stays.id).await[0]["id"].clone();

    signal("STOP", media.pid());
    session_is(api, &stays.id, "ERROR").await;
    session_is(api, &ends.id, "ENDED").await;
    signal("CONT", media.pid());

    // Its feeds were connected all the time. They are cut, and what they sent after the loss counts for nothing.
    eventually("the feeds to be cut", SOON, || {
        let all = broadcasts.iter_mut().all(|broadcast| !broadcast.is_running());
        async move { all.then_some(()) }
    })
    .await;
    several.media_is("UP").await;
    viewer.follow(SOON, |viewer| viewer.playlist.ended).await;
    let events = "query($id: ID!) { events(aggregateId: $id, first: 100) { nodes { type } } }";
    let told = api.graphql(events, json!({ "id": first })).await.get("/events/nodes").to_string();
    assert!(!told.contains("session.recovered"), "{told}");

    // Back come their broadcasters: into the session that waited, and into a new one.
    let _broadcasts =
        [&stays, &ends].map(|channel| Broadcast::push(&media.push_url(&channel.key), Clip::default()));
    for channel in [&stays, &ends] {
        session_is(api, &channel.id, "LIVE").await;
    }
    assert_eq!(api.sessions(&stays.id).await.len(), 1);
    let sessions = api.sessions(&ends.id).await;
    assert_eq!((sessions.len(), &sessions[1]["endReason"]), (2, &json!("NODE_LOST")));
    let _: Viewer = join(api, &ends.playback_id).await;
}
