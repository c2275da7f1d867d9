//! API tokens: what each may do, and that it ends when it is revoked.

use std::time::Duration;

use end_to_end::{Broadcast, Clip, Platform, Start};
use serde_json::json;

use crate::{SOON, join, session_is, spoiled};

const LIST: &str = "{ channels { nodes { id } } }";

#[tokio::test]
async fn a_token_may_do_what_its_scopes_say_and_no_more() {
    let platform = Platform::start(Start::default()).await;
    let ours = platform.create_channel("Ours", json!({})).await;
    let other = platform.create_channel("Other", json!({})).await;
    let reads = json!({"scopes": ["channels:read"], "channelIds": [ours.id]});
    let (_, reader) = platform.create_token("reader", reads).await;

    let seen = platform.graphql_as(Some(&reader), LIST, json!({})).await;
    assert_eq!(
        seen.get("/channels/nodes"),
        &json!([{ "id": ours.id }]),
        "only the channel that it is bound to"
    );
    let hidden = "query($id: ID!) { channel(id: $id) { name } }";
    let hidden = platform.graphql_as(Some(&reader), hidden, json!({ "id": other.id })).await;
    assert_eq!(hidden.get("/channel"), &json!(null));
    for (what, query) in [
        ("a key", "query($id: ID!) { channel(id: $id) { ingest { streamKey } } }"),
        ("a stop", "mutation($id: ID!) { stopChannel(id: $id) { channel { id } } }"),
        ("tokens", "{ apiTokens { id } }"),
        ("events", "{ events { nodes { id } } }"),
    ] {
        let answer = platform.graphql_as(Some(&reader), query, json!({ "id": ours.id })).await;
        assert_eq!(answer.code(), "FORBIDDEN", "{what}: {:#}", answer.body);
    }
    let nobody = platform.graphql_as(None, LIST, json!({})).await;
    assert_eq!(nobody.code(), "UNAUTHENTICATED");
    let broken = spoiled(&reader);
    assert_eq!(platform.graphql_as(Some(&broken), LIST, json!({})).await.code(), "UNAUTHENTICATED");
}

#[tokio::test]
async fn a_token_of_another_project_sees_nothing_of_ours() {
    let platform = Platform::start(Start::default()).await;
    let ours = platform.create_channel("Ours", json!({})).await;
    let made =
        platform.graphql("mutation { createProject(name: \"Theirs\") { project { id } } }", json!({})).await;
    let project = made.text("/createProject/project/id");
    let scopes = ["channels:read", "channels:write", "channels:secrets", "sessions:read", "events:read"];
    let (_, theirs) = platform.create_token("theirs", json!({"projectId": project, "scopes": scopes})).await;
    let theirs = Some(theirs.as_str());

    assert_eq!(platform.graphql_as(theirs, LIST, json!({})).await.get("/channels/nodes"), &json!([]));
    let events = platform.graphql_as(theirs, "{ events { nodes { type } } }", json!({})).await;
    assert_eq!(
        events
            .get("/events/nodes")
            .as_array()
            .expect("a list")
            .iter()
            .filter(|event| event["type"] == "channel.created")
            .count(),
        0
    );
    let stop = "mutation($id: ID!) { stopChannel(id: $id) { channel { id } } }";
    assert_eq!(platform.graphql_as(theirs, stop, json!({ "id": ours.id })).await.code(), "NOT_FOUND");
    // It has a platform of its own.
    let own = "mutation { createChannel(input: {name: \"Own\"}) { streamKey channel { id } } }";
    let own = platform.graphql_as(theirs, own, json!({})).await;
    let _broadcast =
        Broadcast::push(&platform.push_url(&own.text("/createChannel/streamKey")), Clip::default());
    let sessions = "{ sessions { nodes { state } } }";
    end_to_end::eventually("their session to be live", SOON, || async {
        let answer = platform.graphql_as(theirs, sessions, json!({})).await;
        (answer.get("/sessions/nodes") == &json!([{ "state": "LIVE" }])).then_some(())
    })
    .await;
    assert!(
        platform.sessions(&own.text("/createChannel/channel/id")).await.is_empty(),
        "nor do we see theirs"
    );
}

#[tokio::test]
async fn a_revoked_token_is_cut_off_within_five_seconds() {
    let platform = Platform::start(Start::default()).await;
    let (id, secret) =
        platform.create_token("briefly", json!({"scopes": ["events:read", "channels:read"]})).await;
    let newest = platform.graphql("{ events(last: 1) { nodes { position } } }", json!({})).await;
    let follow = "subscription($after: String) { events(afterPosition: $after) { type } }";
    let after = json!({ "after": newest.text("/events/nodes/0/position") });
    let mut events = platform.subscribe(&secret, follow, after).await;
    platform.create_channel("Seen", json!({})).await;
    let first = events.next().await.expect("an event");
    assert_eq!(first["data"]["events"]["type"], "channel.created", "{first:#}");

    let revoked = "mutation($id: ID!) { revokeApiToken(id: $id) { token { revokedAt } secret } }";
    let revoked = platform.graphql(revoked, json!({ "id": id })).await;
    assert!(revoked.get("/revokeApiToken/token/revokedAt").is_string());
    assert_eq!(revoked.get("/revokeApiToken/secret"), &json!(null));
    let cut = async {
        while let Some(answer) = events.next().await {
            if answer["errors"][0]["extensions"]["code"] == "UNAUTHENTICATED" {
                return true;
            }
        }
        false
    };
    let told =
        sigma_clock::timeout(Duration::from_secs(5), cut).await.expect("its subscription ends within 5 s");
    assert!(told, "the client is told why");
    assert_eq!(platform.graphql_as(Some(&secret), LIST, json!({})).await.code(), "UNAUTHENTICATED");
}

#[tokio::test]
async fn who_previews_a_session_shows_a_token_that_may_read_it() {
    let platform = Platform::start(Start::default()).await;
    let channel = platform.create_channel("Preview", json!({"autoGoLive": false})).await;
    let other = platform.create_channel("Another", json!({})).await;
    let _broadcast = Broadcast::push(&platform.push_url(&channel.key), Clip::default());
    session_is(&platform, &channel.id, "PROCESSING").await;
    let session = platform.sessions(&channel.id).await.remove(0)["id"].as_str().expect("an id").to_owned();
    let (_, may) = platform.create_token("may", json!({"scopes": ["sessions:read"]})).await;
    let (_, elsewhere) =
        platform.create_token("bound", json!({"scopes": ["sessions:read"], "channelIds": [other.id]})).await;
    let (_, unfit) = platform.create_token("unfit", json!({"scopes": ["channels:read"]})).await;
    let preview = |token: Option<&str>| {
        let request = platform.client().get(platform.url(&format!("/preview/{session}/index.m3u8")));
        let request = match token {
            Some(token) => request.bearer_auth(token),
            None => request,
        };
        async move { request.send().await.expect("an answer").status().as_u16() }
    };
    end_to_end::eventually("the preview to be playable", SOON, || async {
        (preview(Some(&may)).await == 200).then_some(())
    })
    .await;
    let in_query = platform.url(&format!("/preview/{session}/index.m3u8?token={may}"));
    assert_eq!(platform.client().get(in_query).send().await.expect("an answer").status(), 200);
    for token in [None, Some(elsewhere.as_str()), Some(unfit.as_str()), Some("sgm_nonsense")] {
        let status = preview(token).await;
        assert!([401, 403, 404].contains(&status), "{status}");
    }
    let live = "mutation($id: ID!) { goLive(sessionId: $id) { session { state } } }";
    platform.graphql(live, json!({ "id": session })).await.get("/goLive");
    join(&platform, &channel.playback_id).await;
}
