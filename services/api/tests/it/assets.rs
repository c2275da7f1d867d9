//! What is kept of sessions, through the door.

use serde_json::{Value, json};
use sigma_app::{Extent, Recorded, Span};

use super::platform::{Platform, TOKEN};

const END: &str = "mutation($id: ID!) { endSession(sessionId: $id) { session { state } } }";
const CLIP: &str = "mutation($input: CreateClipInput!) { createClip(input: $input) { asset { id kind state title durationSeconds } } }";

fn extent(from_us: u64, to_us: u64, files: u32) -> Extent {
    let duration_ms = (to_us - from_us) / 1000;
    Extent {
        spans: vec![Span { from_us, to_us }],
        duration_ms,
        bytes: duration_ms * 300,
        gaps_ms: 1_500,
        files,
    }
}

/// A session that is over, recorded; and its channel.
async fn recorded(platform: &Platform) -> (String, String) {
    let (channel, key) = platform.channel("Show").await;
    let session = platform.on_air(&key).await;
    platform
        .data("mutation($id: ID!) { goLive(sessionId: $id) { session { id } } }", json!({ "id": session }))
        .await;
    platform.data(END, json!({ "id": session })).await;
    let all = Recorded { all: extent(0, 60_000_000, 2), public: Some(extent(2_000_000, 60_000_000, 1)) };
    platform.app.recorded(&session, Some(all)).await.expect("told");
    let both = |data: &Value| {
        let nodes = data["assets"]["nodes"].as_array().expect("nodes");
        nodes.iter().filter(|node| node["state"] == "READY").count() == 2
    };
    let query = "query($id: ID!) { assets(sessionId: $id) { nodes { state } } }";
    platform.until(query, json!({ "id": session }), both).await;
    (channel, session)
}

async fn of_kind(platform: &Platform, session: &str, kind: &str) -> Value {
    let query = "query($id: ID!, $kind: AssetKind) { session(id: $id) { assets(kind: $kind) { nodes { \
        id kind state failure title channel { name } session { id } parent { id } durationSeconds bytes gapsSeconds files trimmed \
        wholeDurationSeconds readyAt expiresAt playbackUrl thumbnailUrl storyboardUrl previewUrl \
        chapters { at title } sourceUrls downloadUrl downloadUrls } } } }";
    let data = platform.data(query, json!({ "id": session, "kind": kind })).await;
    data["session"]["assets"]["nodes"][0].clone()
}

#[tokio::test]
async fn a_session_leaves_a_source_record_and_a_catchup() {
    let platform = Platform::start().await;
    let (_, session) = recorded(&platform).await;
    let mut source = of_kind(&platform, &session, "SOURCE").await;
    let id = source["id"].take();
    let id = id.as_str().expect("an id");
    let at = |name: &str| format!("http://{}/vod/{id}/{name}", platform.address);
    assert!(source["readyAt"].take().is_string());
    let wanted = json!({
        "id": null, "kind": "SOURCE", "state": "READY", "failure": null, "title": null, "channel": { "name": "Show" },
        "session": { "id": session }, "parent": null, "durationSeconds": 60.0, "bytes": 18_000_000, "gapsSeconds": 1.5,
        "files": 2, "trimmed": false, "wholeDurationSeconds": 60.0, "readyAt": null, "expiresAt": null,
        "playbackUrl": at("index.m3u8"), "thumbnailUrl": at("thumbnail.jpg"), "storyboardUrl": at("storyboard.vtt"),
        "previewUrl": at("preview.webp"),
        "chapters": [{ "at": 0.0, "title": "The first half" }, { "at": 30.0, "title": "The other half" }],
        "sourceUrls": [at("source.mp4"), at("source-2.mp4")],
        "downloadUrl": at("download.mp4"), "downloadUrls": [at("download.mp4"), at("download-2.mp4")],
    });
    assert_eq!(source, wanted);
    let catchup = of_kind(&platform, &session, "CATCHUP").await;
    assert_eq!((&catchup["durationSeconds"], &catchup["sourceUrls"]), (&json!(58.0), &json!([])));
    let file =
        format!("http://{}/vod/{}/download.mp4", platform.address, catchup["id"].as_str().expect("an id"));
    assert_eq!((&catchup["downloadUrl"], &catchup["downloadUrls"]), (&json!(file), &json!([file])));
}

#[tokio::test]
async fn a_clip_is_cut_trimmed_told_and_deleted() {
    let platform = Platform::start().await;
    let (channel, session) = recorded(&platform).await;
    let catchup = of_kind(&platform, &session, "CATCHUP").await["id"].clone();
    let updates = "subscription($id: ID) { assetUpdated(channelId: $id) { id state trimmed title } }";
    let mut told = platform.follow(TOKEN, updates, json!({ "id": channel })).await;
    assert!(futures_util::poll!(futures_util::StreamExt::next(&mut told.0)).is_pending());
    let input = json!({ "assetId": catchup, "from": 1.5, "to": 11.5, "title": "The goal" });
    let clip = platform.data(CLIP, json!({ "input": input })).await["createClip"]["asset"].clone();
    assert_eq!((&clip["title"], &clip["durationSeconds"]), (&json!("The goal"), &json!(10.0)));
    let id = clip["id"].clone();
    told.until(|data| data["assetUpdated"]["id"] == id && data["assetUpdated"]["title"] == "The goal").await;
    let parent = of_kind(&platform, &session, "CLIP").await["parent"].clone();
    assert_eq!(parent, json!({ "id": catchup }));

    let exact = "mutation($id: ID!) { trimAsset(id: $id, from: 2, to: 3, exact: true) { asset { exact durationSeconds } } }";
    let exact = platform.data(exact, json!({ "id": id })).await["trimAsset"]["asset"].clone();
    assert_eq!(exact, json!({ "exact": true, "durationSeconds": 1.0 }));
    let trim = "mutation($id: ID!) { trimAsset(id: $id, from: 2, to: 4) { asset { trimmed durationSeconds wholeDurationSeconds } } }";
    let trimmed = platform.data(trim, json!({ "id": id })).await["trimAsset"]["asset"].clone();
    assert_eq!(trimmed, json!({ "trimmed": true, "durationSeconds": 2.0, "wholeDurationSeconds": 10.0 }));
    told.until(|data| data["assetUpdated"]["trimmed"] == true).await;
    let untrim = "mutation($id: ID!) { untrimAsset(id: $id) { asset { trimmed durationSeconds } } }";
    let whole = platform.data(untrim, json!({ "id": id })).await["untrimAsset"]["asset"].clone();
    assert_eq!(whole, json!({ "trimmed": false, "durationSeconds": 10.0 }));

    let by_id = "subscription($id: ID) { assetUpdated(id: $id) { state } }";
    let mut one = platform.follow(TOKEN, by_id, json!({ "id": id })).await;
    assert_eq!(one.data().await["assetUpdated"]["state"], "READY");
    let delete = "mutation($id: ID!) { deleteAsset(id: $id) { asset { state playbackUrl thumbnailUrl storyboardUrl } } }";
    let gone = platform.data(delete, json!({ "id": id })).await["deleteAsset"]["asset"].clone();
    assert_eq!(
        gone,
        json!({ "state": "DELETED", "playbackUrl": null, "thumbnailUrl": null, "storyboardUrl": null })
    );
    one.until(|data| data["assetUpdated"]["state"] == "DELETED").await;
    assert_eq!(one.next().await, None);
    let again = platform.ask(delete, json!({ "id": id })).await;
    assert_eq!(again["errors"][0]["extensions"]["reason"], "ASSET_GONE", "{again}");
    let ready = "{ assets(states: [READY]) { nodes { id } } }";
    let nodes = platform.data(ready, json!({})).await["assets"]["nodes"].clone();
    assert!(nodes.as_array().is_some_and(|nodes| nodes.len() == 2), "{nodes}");
}

#[tokio::test]
async fn a_poster_is_chosen_of_what_is_shown() {
    let platform = Platform::start().await;
    let (_, session) = recorded(&platform).await;
    let id = of_kind(&platform, &session, "CATCHUP").await["id"].clone();
    let set = "mutation($id: ID!, $at: Float!) { setPoster(id: $id, at: $at) { asset { posterAt } } }";
    let poster = "query($id: ID!) { asset(id: $id) { posterAt } }";
    assert_eq!(platform.data(poster, json!({ "id": id })).await["asset"]["posterAt"], json!(null));
    let chosen = platform.data(set, json!({ "id": id, "at": 12.25 })).await["setPoster"]["asset"].clone();
    assert_eq!(chosen, json!({ "posterAt": 12.25 }));
    // A trim moves what is shown, and may leave it out.
    let trim = "mutation($id: ID!, $from: Float!) { trimAsset(id: $id, from: $from, to: 40) { asset { posterAt } } }";
    for (from, at) in [(10, json!(2.25)), (20, json!(null))] {
        let trimmed = platform.data(trim, json!({ "id": id, "from": from })).await;
        assert_eq!(trimmed["trimAsset"]["asset"]["posterAt"], at, "trimmed from {from}");
    }
    let untrim = "mutation($id: ID!) { untrimAsset(id: $id) { asset { posterAt } } }";
    let whole = platform.data(untrim, json!({ "id": id })).await;
    assert_eq!(whole["untrimAsset"]["asset"]["posterAt"], json!(12.25));
    for at in [-1.0, 58.1, 1e12] {
        let refused = platform.ask(set, json!({ "id": id, "at": at })).await;
        let extensions = &refused["errors"][0]["extensions"];
        assert_eq!(
            (&extensions["code"], &extensions["fields"][0]["path"]),
            (&json!("BAD_INPUT"), &json!("at"))
        );
    }
    let delete = "mutation($id: ID!) { deleteAsset(id: $id) { asset { state } } }";
    platform.data(delete, json!({ "id": id })).await;
    let refused = platform.ask(set, json!({ "id": id, "at": 1.0 })).await;
    assert_eq!(refused["errors"][0]["extensions"]["reason"], "ASSET_GONE", "{refused}");
}

#[tokio::test]
async fn a_range_that_is_none_is_named_with_its_mend() {
    let platform = Platform::start().await;
    let (_, session) = recorded(&platform).await;
    for (from, to, path, words) in [
        (5.0, 5.0, "to", "later moment"),
        (1.0, 61.0, "to", "60 s long"),
        (1e12, 1e13, "from", "within"),
        (-5.0, 2.0, "to", "later moment"),
    ] {
        let input = json!({ "sessionId": session, "from": from, "to": to });
        let refused = platform.ask(CLIP, json!({ "input": input })).await;
        let extensions = &refused["errors"][0]["extensions"];
        assert_eq!(extensions["code"], "BAD_INPUT", "{refused}");
        assert_eq!(extensions["fields"][0]["path"], path, "{refused}");
        assert!(
            extensions["fields"][0]["message"].as_str().is_some_and(|text| text.contains(words)),
            "{refused}"
        );
    }
    let neither = platform.ask(CLIP, json!({ "input": { "from": 0, "to": 1 } })).await;
    assert_eq!(neither["errors"][0]["extensions"]["fields"][0]["path"], "sessionId", "{neither}");
}

#[tokio::test]
async fn several_ranges_are_joined_in_their_order() {
    let platform = Platform::start().await;
    let (_, session) = recorded(&platform).await;
    let ranges = json!([{ "from": 30, "to": 40 }, { "from": 2.5, "to": 5 }]);
    let clip = platform.data(CLIP, json!({ "input": { "sessionId": session, "ranges": ranges } })).await;
    assert_eq!(clip["createClip"]["asset"]["durationSeconds"], 12.5);
    let one = json!({ "from": 0, "to": 1 });
    for (input, path) in [
        (json!({ "ranges": [one, { "from": 5, "to": 4 }] }), "ranges.1.to"),
        (json!({ "ranges": [one, { "from": 1e12, "to": 4 }] }), "ranges.1.from"),
        (json!({ "ranges": [one], "from": 0 }), "ranges"),
        (json!({ "ranges": [] }), "ranges"),
        (json!({ "ranges": vec![one.clone(); 51] }), "ranges"),
        (json!({ "from": 1 }), "to"),
        (json!({}), "from"),
    ] {
        let mut input = input;
        input["sessionId"] = json!(session);
        let refused = platform.ask(CLIP, json!({ "input": input })).await;
        assert_eq!(refused["errors"][0]["extensions"]["fields"][0]["path"], path, "{refused}");
    }
}

#[tokio::test]
async fn what_a_channel_keeps_is_set_with_it_and_taken_back() {
    let platform = Platform::start().await;
    let fields = "dvrWindow recordSource catchup sourceRetention catchupRetention";
    let (id, _) = platform.channel("Show").await;
    let read = format!("query($id: ID!) {{ channel(id: $id) {{ {fields} }} }}");
    let kept = platform.data(&read, json!({ "id": id })).await["channel"].clone();
    let defaults = json!({
        "dvrWindow": 7_200, "recordSource": true, "catchup": true, "sourceRetention": null, "catchupRetention": null,
    });
    assert_eq!(kept, defaults);
    let update = format!(
        "mutation($id: ID!, $input: UpdateChannelInput!) {{ updateChannel(id: $id, input: $input) {{ channel {{ {fields} }} }} }}"
    );
    let wanted = json!({
        "dvrWindow": 0, "recordSource": false, "catchup": false, "sourceRetention": 86_400, "catchupRetention": 60,
    });
    let updated = platform.data(&update, json!({ "id": id, "input": wanted })).await;
    assert_eq!(updated["updateChannel"]["channel"], wanted);
    // What is not said stays; what is said to be null is kept until it is deleted.
    let updated = platform.data(&update, json!({ "id": id, "input": { "sourceRetention": null } })).await;
    let channel = &updated["updateChannel"]["channel"];
    assert_eq!((&channel["sourceRetention"], &channel["catchupRetention"]), (&json!(null), &json!(60)));
    let refused = platform.ask(&update, json!({ "id": id, "input": { "catchupRetention": 5 } })).await;
    assert_eq!(refused["errors"][0]["extensions"]["fields"][0]["path"], "catchupRetention", "{refused}");
}

/// A list's titles and what is named beside them cost no query each.
#[tokio::test]
async fn a_page_of_assets_names_its_channels_sessions_and_titles() {
    let platform = Platform::start().await;
    let (_, session) = recorded(&platform).await;
    for number in 0..5 {
        let input = json!({ "sessionId": session, "from": number, "to": number + 1, "title": format!("Clip {number}") });
        platform.data(CLIP, json!({ "input": input })).await;
    }
    let query = "{ assets(kind: CLIP, first: 3) { nodes { title channel { name } session { id } } pageInfo { hasNextPage endCursor } } }";
    let page = platform.data(query, json!({})).await["assets"].clone();
    let row = |number: u32| json!({ "title": format!("Clip {number}"), "channel": { "name": "Show" }, "session": { "id": session } });
    assert_eq!(page["nodes"], json!([row(4), row(3), row(2)]));
    let more = "query($after: String) { assets(kind: CLIP, after: $after) { nodes { title } pageInfo { hasNextPage } } }";
    let rest = platform.data(more, json!({ "after": page["pageInfo"]["endCursor"] })).await["assets"].clone();
    assert_eq!(
        rest,
        json!({ "nodes": [{ "title": "Clip 1" }, { "title": "Clip 0" }], "pageInfo": { "hasNextPage": false } })
    );
}
