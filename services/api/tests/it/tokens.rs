//! API tokens, projects, and who asks.

use serde_json::{Value, json};

use super::platform::{Platform, TOKEN};

const CREATE: &str = "mutation($input: ApiTokenInput!) { createApiToken(input: $input) { secret token { \
    id name prefix scopes channelIds project { id name } createdBy { kind id name } createdAt expiresAt lastUsedAt revokedAt } } }";
const ME: &str = "{ me { name kind tokenId project { id name } scopes channelIds expiresAt } }";

fn code(answer: &Value) -> &str {
    answer["errors"][0]["extensions"]["code"].as_str().unwrap_or("none")
}

#[tokio::test]
async fn a_token_is_shown_once_does_what_it_may_and_ends_when_it_is_revoked() {
    let platform = Platform::start().await;
    let (channel, _) = platform.channel("show").await;
    let input = json!({ "name": "CI", "scopes": ["channels:read", "sessions:read"], "expiresInSeconds": 3600, "channelIds": [channel] });
    let payload = platform.data(CREATE, json!({ "input": input })).await["createApiToken"].take();
    let secret = payload["secret"].as_str().expect("a secret").to_owned();
    let token = &payload["token"];
    assert_eq!(token["prefix"], secret[..12]);
    assert_eq!(token["scopes"], json!(["channels:read", "sessions:read"]));
    assert_eq!(token["channelIds"], json!([channel]));
    assert_eq!(token["project"], json!({ "id": "pr_default", "name": "default" }));
    assert_eq!(token["createdBy"], json!({ "kind": "ADMIN", "id": "admin", "name": null }));
    assert!(token["expiresAt"].is_string());
    assert_eq!((&token["lastUsedAt"], &token["revokedAt"]), (&json!(null), &json!(null)));

    let me = platform.ask_as(&secret, ME, json!({})).await["data"]["me"].take();
    assert_eq!((&me["name"], &me["kind"], &me["tokenId"]), (&json!("CI"), &json!("TOKEN"), &token["id"]));
    assert_eq!((&me["scopes"], &me["channelIds"]), (&token["scopes"], &token["channelIds"]));
    assert_eq!(me["expiresAt"], token["expiresAt"]);

    let list = "{ apiTokens { id lastUsedAt revokedAt } }";
    let listed = platform.data(list, json!({})).await;
    assert!(listed["apiTokens"][0]["lastUsedAt"].is_string(), "{listed}");
    let revoke = "mutation($id: ID!) { revokeApiToken(id: $id) { secret token { revokedAt } } }";
    let revoked = platform.data(revoke, json!({ "id": token["id"] })).await;
    assert_eq!(revoked["revokeApiToken"]["secret"], json!(null));
    assert_eq!(code(&platform.ask_as(&secret, ME, json!({})).await), "UNAUTHENTICATED");
    let again = platform.ask(revoke, json!({ "id": token["id"] })).await;
    assert_eq!(code(&again), "REFUSED", "{again}");
    let listed = platform.data(list, json!({})).await;
    assert!(listed["apiTokens"][0]["revokedAt"].is_string(), "{listed}");
}

#[tokio::test]
async fn the_admin_token_is_known_as_such() {
    let platform = Platform::start().await;
    let me = platform.data(ME, json!({})).await["me"].take();
    assert_eq!((&me["name"], &me["kind"], &me["tokenId"]), (&json!("admin"), &json!("ADMIN"), &json!(null)));
    assert_eq!(me["scopes"].as_array().map(Vec::len), Some(11), "{me}");
}

#[tokio::test]
async fn several_wrong_fields_of_a_token_come_back_together() {
    let platform = Platform::start().await;
    let input = json!({ "name": "", "scopes": ["webhooks:write"], "expiresInSeconds": 1 });
    let answer = platform.ask(CREATE, json!({ "input": input })).await;
    let fields = answer["errors"][0]["extensions"]["fields"].as_array().expect("fields");
    let paths: Vec<&Value> = fields.iter().map(|field| &field["path"]).collect();
    assert_eq!(paths, ["name", "scopes", "expiresInSeconds"], "{answer}");
}

#[tokio::test]
async fn projects_are_walls() {
    let platform = Platform::start().await;
    let other = platform.project("other").await;
    let listed = platform.data("{ projects { id name createdAt } }", json!({})).await;
    assert_eq!(listed["projects"].as_array().map(Vec::len), Some(2), "{listed}");
    let token =
        platform.token_of(&["tokens:admin", "channels:write", "channels:read"], None, Some(&other)).await;
    let listed = platform.ask_as(&token, "{ projects { id } apiTokens { name } }", json!({})).await;
    assert_eq!(listed["data"]["projects"], json!([{ "id": other }]), "{listed}");
    // What the default project made for another it also lists and ends; the other way round there is nothing.
    let list = "query($project: ID) { apiTokens(projectId: $project) { id revokedAt project { id } } }";
    let made = platform.token_of(&["channels:read"], None, Some(&other)).await;
    let listed = platform.data(list, json!({ "project": other })).await["apiTokens"].take();
    assert_eq!(listed.as_array().map(Vec::len), Some(2), "{listed}");
    assert_eq!(listed[0]["project"]["id"], other);
    let revoke = "mutation($id: ID!) { revokeApiToken(id: $id) { token { revokedAt } } }";
    platform.data(revoke, json!({ "id": listed[0]["id"] })).await;
    assert_eq!(code(&platform.ask_as(&made, ME, json!({})).await), "UNAUTHENTICATED");
    let own = platform.ask_as(&token, list, json!({ "project": other })).await;
    assert_eq!(own["data"]["apiTokens"].as_array().map(Vec::len), Some(2), "{own}");
    for foreign in ["pr_default", "pr_nobody"] {
        let refused = platform.ask_as(&token, list, json!({ "project": foreign })).await;
        assert_eq!(code(&refused), "NOT_FOUND", "{refused}");
    }
    assert_eq!(code(&platform.ask(list, json!({ "project": "pr_nobody" })).await), "NOT_FOUND");
    let create = "mutation { createChannel(input: { name: \"theirs\" }) { channel { id } } }";
    platform.ask_as(&token, create, json!({})).await;
    let seen = "{ channels { nodes { name } } }";
    let theirs = platform.ask_as(&token, seen, json!({})).await;
    assert_eq!(theirs["data"]["channels"]["nodes"], json!([{ "name": "theirs" }]), "{theirs}");
    assert_eq!(platform.ask_as(TOKEN, seen, json!({})).await["data"]["channels"]["nodes"], json!([]));
}

#[tokio::test]
async fn a_channel_is_told_as_it_once_was() {
    let platform = Platform::start().await;
    let (id, _) = platform.channel("before").await;
    let update =
        "mutation($id: ID!) { updateChannel(id: $id, input: { name: \"after\" }) { channel { name } } }";
    let moments = "query($id: ID!) { events(aggregateId: $id) { nodes { at } } }";
    let events = platform.data(moments, json!({ "id": id })).await["events"]["nodes"].take();
    let made = events[0]["at"].clone();
    // The next event is to stand in a later millisecond.
    let began = sigma_clock::monotonic();
    while began.elapsed() < std::time::Duration::from_millis(2) {
        tokio::task::yield_now().await;
    }
    platform.data(update, json!({ "id": id })).await;
    let query = "query($id: ID!, $at: DateTime) { channel(id: $id, asOf: $at) { name } }";
    let then = platform.data(query, json!({ "id": id, "at": made })).await;
    assert_eq!(then["channel"], json!({ "name": "before" }));
    let now = platform.data(query, json!({ "id": id, "at": "2100-01-01T00:00:00Z" })).await;
    assert_eq!(now["channel"], json!({ "name": "after" }));
    let early = platform.data(query, json!({ "id": id, "at": "2000-01-01T00:00:00Z" })).await;
    assert_eq!(early["channel"], json!(null));
    let wrong = platform.ask(query, json!({ "id": id, "at": "yesterday" })).await;
    assert_eq!(wrong["errors"][0]["extensions"]["fields"][0]["path"], "asOf", "{wrong}");
}

#[tokio::test]
async fn a_session_tells_its_timeline_and_its_addresses() {
    let platform = Platform::start().await;
    let (_, key) = platform.channel("show").await;
    let session = platform.on_air(&key).await;
    let query = "query($id: ID!) { session(id: $id) { state latencyMode reconnectUntil previewUrl timeline { at type message actor { kind } data } } }";
    let processing = |data: &Value| data["session"]["state"] == "PROCESSING";
    let told = platform.until(query, json!({ "id": session }), processing).await["session"].take();
    assert_eq!((&told["latencyMode"], &told["reconnectUntil"]), (&json!("LOW"), &json!(null)));
    assert_eq!(told["previewUrl"], format!("http://{}/preview/{session}/index.m3u8", platform.address));
    let types: Vec<&Value> =
        told["timeline"].as_array().expect("entries").iter().map(|one| &one["type"]).collect();
    assert_eq!(types[0], "session.opened", "{told}");
    assert!(types.contains(&&json!("session.processing")), "{told}");
}

#[tokio::test]
async fn the_platform_tells_its_health() {
    let platform = Platform::start().await;
    let query = "{ health { status version startedAt components { name status message } projections { name state } \
        nodes { id state roles version url rtmpUrl startedAt silentSeconds sessions leases } settings { name value source } } }";
    let mut told = platform.data(query, json!({})).await["health"].take();
    let names: Vec<Value> = told["projections"]
        .take()
        .as_array()
        .expect("a list")
        .iter()
        .map(|one| one["name"].clone())
        .collect();
    assert_eq!(names, ["api_tokens", "assets", "channels", "projects", "sessions"]);
    let told = serde_json::to_string_pretty(&told).expect("JSON");
    insta::assert_snapshot!("platform_health", told);
}

#[tokio::test]
async fn a_channel_tells_what_was_done_to_it_last_and_by_whom_as_of_any_moment() {
    let platform = Platform::start().await;
    let (id, _) = platform.channel("before").await;
    let created = "query($id: ID!) { channel(id: $id) { createdAt lastEvent { type actor { kind } } } }";
    let told = platform.data(created, json!({ "id": id })).await["channel"].take();
    assert_eq!(told["lastEvent"], json!({ "type": "channel.created", "actor": { "kind": "ADMIN" } }));
    let at = told["createdAt"].clone();

    // Another token renames it, later.
    let secret = platform.token(&["channels:read", "channels:write"], None).await;
    // In a later millisecond.
    let began = sigma_clock::monotonic();
    while began.elapsed() < std::time::Duration::from_millis(2) {
        tokio::task::yield_now().await;
    }
    let rename =
        "mutation($id: ID!) { updateChannel(id: $id, input: { name: \"after\" }) { channel { name } } }";
    let renamed = platform.ask_as(&secret, rename, json!({ "id": id })).await;
    assert_eq!(renamed["data"]["updateChannel"]["channel"]["name"], "after", "{renamed}");
    let asked = "query($id: ID!, $at: DateTime) { channel(id: $id, asOf: $at) { name lastEvent { type actor { kind name } data } } }";
    let now = platform.data(asked, json!({ "id": id })).await["channel"]["lastEvent"].take();
    assert_eq!((&now["type"], &now["actor"]["kind"]), (&json!("channel.updated"), &json!("TOKEN")), "{now}");
    assert!(now["data"].to_string().contains("after"), "{now}");
    let then = platform.data(asked, json!({ "id": id, "at": at })).await["channel"].take();
    assert_eq!(
        (&then["name"], &then["lastEvent"]["type"]),
        (&json!("before"), &json!("channel.created")),
        "{then}"
    );
    let refused = platform.ask_as(&secret, asked, json!({ "id": id })).await;
    assert_eq!(
        refused["errors"][0]["extensions"]["code"], "FORBIDDEN",
        "who it was wants events:read: {refused}"
    );

    // Events by their time.
    let by_time = "query($from: DateTime, $to: DateTime) { events(from: $from, to: $to, first: 100) { nodes { type at } } }";
    let all = platform.data(by_time, json!({})).await["events"]["nodes"].take();
    let moments: Vec<&str> =
        all.as_array().expect("a list").iter().filter_map(|event| event["at"].as_str()).collect();
    let split = moments[moments.len() - 1];
    let (earlier, later) = (json!({ "to": split }), json!({ "from": split }));
    let count = async |variables: Value| {
        platform.data(by_time, variables).await["events"]["nodes"].as_array().map_or(0, Vec::len)
    };
    assert_eq!(count(earlier).await, moments.iter().filter(|moment| **moment < split).count());
    assert_eq!(count(later).await, moments.iter().filter(|moment| **moment >= split).count());
    let wrong = platform.ask_as(TOKEN, by_time, json!({ "from": split, "to": split })).await;
    assert_eq!(wrong["errors"][0]["extensions"]["fields"][0]["path"], "to", "{wrong}");
}
