//! The API's first slice, through its door.

use serde_json::{Value, json};

use super::platform::{Platform, TOKEN};

fn error(answer: &Value) -> &Value {
    &answer["errors"][0]
}

#[tokio::test]
async fn a_channel_is_made_with_all_that_a_broadcaster_needs() {
    let platform = Platform::start().await;
    let create = "mutation { createChannel(input: { name: \" My show \", latencyMode: ULTRA_LOW, reconnectWindow: 30 }) { streamKey \
        channel { id name state latencyMode autoGoLive maxSessionDuration reconnectWindow endOnUnpublish playbackId \
        playbackUrl watchUrl ingest { rtmpUrl rtmpsUrl streamKey } currentSession { id } sessions { nodes { id } } createdAt } } }";
    let payload = &platform.data(create, json!({})).await["createChannel"];
    let channel = &payload["channel"];
    let host = platform.address;
    let playback_id = channel["playbackId"].as_str().expect("a playback id");
    assert!(channel["id"].as_str().is_some_and(|id| id.starts_with("ch_")), "{channel}");
    assert_eq!(channel["name"], "My show");
    assert_eq!((&channel["state"], &channel["latencyMode"]), (&json!("IDLE"), &json!("ULTRA_LOW")));
    assert_eq!((&channel["autoGoLive"], &channel["endOnUnpublish"]), (&json!(true), &json!(true)));
    assert_eq!((&channel["maxSessionDuration"], &channel["reconnectWindow"]), (&json!(43200), &json!(30)));
    assert_eq!(channel["playbackUrl"], format!("http://{host}/live/{playback_id}/index.m3u8"));
    assert_eq!(channel["watchUrl"], format!("http://{host}/watch/{playback_id}"));
    assert_eq!(
        channel["ingest"],
        json!({ "rtmpUrl": "rtmp://127.0.0.1:1935/live", "rtmpsUrl": null, "streamKey": payload["streamKey"] })
    );
    assert_eq!((&channel["currentSession"], &channel["sessions"]["nodes"]), (&json!(null), &json!([])));
    let created = channel["createdAt"].as_str().expect("a moment");
    assert!(created.len() == 24 && created.ends_with('Z'), "{created}");
}

#[tokio::test]
async fn who_wrote_reads_what_he_wrote() {
    let platform = Platform::start().await;
    for turn in 0..20 {
        let (id, _) = platform.channel(&format!("turn {turn}")).await;
        let read = "query($id: ID!) { channel(id: $id) { state } channels(first: 1) { nodes { id } } }";
        let data = platform.data(read, json!({ "id": id })).await;
        assert_eq!(data, json!({ "channel": { "state": "IDLE" }, "channels": { "nodes": [{ "id": id }] } }));
        platform
            .data("mutation($id: ID!) { stopChannel(id: $id) { channel { id } } }", json!({ "id": id }))
            .await;
        assert_eq!(platform.data(read, json!({ "id": id })).await["channel"]["state"], "STOP");
    }
}

#[tokio::test]
async fn a_session_is_shown_with_its_input_and_ends_when_told() {
    let platform = Platform::start().await;
    let (id, key) = platform.channel("show").await;
    let session = platform.on_air(&key).await;
    let read = "query($id: ID!) { session(id: $id) { id channel { id name } state startedAt liveAt endedAt endReason \
        input { protocol encoder videoCodec width height frameRate audioCodec bitrate } playbackUrl } }";
    let data =
        platform.until(read, json!({ "id": session }), |data| data["session"]["state"] == "PROCESSING").await;
    let shown = &data["session"];
    assert_eq!(shown["channel"], json!({ "id": id, "name": "show" }));
    let input = json!({ "protocol": "RTMP", "encoder": "obs-output module (libobs version 29)", "videoCodec": "H264",
        "width": 1280, "height": 720, "frameRate": 29.97, "audioCodec": "AAC", "bitrate": 3_000_000 });
    assert_eq!(shown["input"], input);
    assert_eq!(
        (&shown["liveAt"], &shown["endedAt"], &shown["endReason"]),
        (&json!(null), &json!(null), &json!(null))
    );

    let live = "mutation($id: ID!) { goLive(sessionId: $id) { session { state liveAt } } }";
    let gone_live = platform.data(live, json!({ "id": session })).await;
    assert_eq!(gone_live["goLive"]["session"]["state"], "LIVE");
    let again = platform.ask(live, json!({ "id": session })).await;
    assert_eq!(error(&again)["extensions"]["code"], "REFUSED", "{again}");

    let on_air = "query($id: ID!) { channel(id: $id) { state currentSession { id state } sessions(state: LIVE) { nodes { id } } } }";
    let data = platform.data(on_air, json!({ "id": id })).await;
    assert_eq!(
        data["channel"],
        json!({ "state": "ACTIVE", "currentSession": { "id": session, "state": "LIVE" },
        "sessions": { "nodes": [{ "id": session }] } })
    );

    let end = "mutation($id: ID!) { endSession(sessionId: $id) { session { state endReason endedAt } } }";
    let ended = platform.data(end, json!({ "id": session })).await;
    assert_eq!(ended["endSession"]["session"]["endReason"], "SESSION_ENDED_BY_USER");
    platform.until(on_air, json!({ "id": id }), |data| data["channel"]["state"] == "IDLE").await;
    let again = platform.ask(end, json!({ "id": session })).await;
    assert_eq!(error(&again)["extensions"]["code"], "REFUSED", "{again}");
}

#[tokio::test]
async fn pages_stay_right_while_rows_are_added() {
    let platform = Platform::start().await;
    for name in ["a", "b", "c", "d", "e"] {
        platform.channel(name).await;
    }
    let page = "query($after: String) { channels(first: 2, after: $after) { nodes { name } edges { cursor node { name } } \
        pageInfo { hasNextPage hasPreviousPage startCursor endCursor } } }";
    let first = platform.data(page, json!({})).await["channels"].take();
    assert_eq!(first["nodes"], json!([{ "name": "e" }, { "name": "d" }]));
    assert_eq!(first["edges"][1]["cursor"], first["pageInfo"]["endCursor"]);
    platform.channel("new").await;
    let second =
        platform.data(page, json!({ "after": first["pageInfo"]["endCursor"] })).await["channels"].take();
    assert_eq!(second["nodes"], json!([{ "name": "c" }, { "name": "b" }]));
    let third =
        platform.data(page, json!({ "after": second["pageInfo"]["endCursor"] })).await["channels"].take();
    assert_eq!(third["nodes"], json!([{ "name": "a" }]));
    assert_eq!(
        (&third["pageInfo"]["hasNextPage"], &third["pageInfo"]["hasPreviousPage"]),
        (&json!(false), &json!(true))
    );
}

#[tokio::test]
async fn the_shapes_of_errors_stand() {
    let platform = Platform::start().await;
    let (id, _) = platform.channel("show").await;
    let cases = [
        (
            "a field that is wrong",
            "mutation { createChannel(input: { name: \"\", maxSessionDuration: 1 }) { channel { id } } }",
        ),
        ("a refusal", "mutation($id: ID!) { startChannel(id: $id) { channel { id } } }"),
        ("nothing there", "mutation { stopChannel(id: \"ch_0\") { channel { id } } }"),
        (
            "a setting of a later version",
            "mutation { createChannel(input: { name: \"x\", playbackPolicy: PUBLIC }) { channel { id } } }",
        ),
        (
            "an unknown value",
            "mutation { createChannel(input: { name: \"x\", latencyMode: FAST }) { channel { id } } }",
        ),
        ("an unknown field", "{ channels { nodes { restreamTargets } } }"),
        ("no document", "{ channels {"),
        ("a page too large", "{ channels(first: 101) { nodes { id } } }"),
        ("a cursor of nowhere", "{ sessions(after: \"x\") { nodes { id } } }"),
        ("a moment that is none", "{ channel(id: \"ch_0\", asOf: \"yesterday\") { id } }"),
        (
            "several arguments that the engine itself cannot read",
            "{ channels(first: \"many\", state: ASLEEP) { nodes { id } } }",
        ),
        ("a subscription without a stream", "subscription { events { type } }"),
        (
            "scopes that there are not",
            "mutation { createApiToken(input: { name: \"x\", scopes: [\"webhooks:write\"] }) { secret } }",
        ),
        (
            "too much at once",
            "{ channels(first: 100) { nodes { sessions(first: 100) { nodes { id state } } } } }",
        ),
        ("no projection", "mutation { rebuildProjection(name: \"none\") { projection { name } } }"),
        (
            "nothing parked",
            "mutation { retryParked(projection: \"channels\", aggregateId: \"x\") { projection { name } } }",
        ),
    ];
    let mut told = String::new();
    for (name, query) in cases {
        let answer =
            platform.ask(query, if query.contains("$id") { json!({ "id": id }) } else { json!({}) }).await;
        told.push_str(&format!("{name}\n"));
        for error in answer["errors"].as_array().expect("errors") {
            let shape = json!({ "message": error["message"], "extensions": error["extensions"] });
            let shape = serde_json::to_string_pretty(&shape).expect("JSON").replace(&id, "CHANNEL");
            told.push_str(&format!("{shape}\n"));
        }
        told.push('\n');
    }
    insta::assert_snapshot!("error_shapes", told);
}

#[tokio::test]
async fn several_wrong_fields_come_back_together() {
    let platform = Platform::start().await;
    let create = "mutation { createChannel(input: { name: \"\", maxSessionDuration: 1, reconnectWindow: -1 }) { channel { id } } }";
    let answer = platform.ask(create, json!({})).await;
    let fields = error(&answer)["extensions"]["fields"].as_array().expect("fields");
    let paths: Vec<&Value> = fields.iter().map(|field| &field["path"]).collect();
    assert_eq!(paths, ["name", "maxSessionDuration", "reconnectWindow"]);
}

#[tokio::test]
async fn without_the_token_nothing_is_told() {
    let platform = Platform::start().await;
    for authorization in ["", "Bearer wrong", "Basic dTpw", &format!("Bearer {TOKEN}x")] {
        let query = json!({ "query": "{ channels { nodes { id } } __schema { types { name } } }" });
        let answer = platform.post(&[("authorization", authorization)], &query).await;
        assert_eq!(answer.status, 200);
        assert_eq!(answer.json()["data"], json!(null));
        assert_eq!(error(&answer.json())["extensions"]["code"], "UNAUTHENTICATED", "{authorization}");
    }
}

#[tokio::test]
async fn a_body_that_is_none_is_answered_400_and_one_too_large_413() {
    let platform = Platform::start().await;
    let authorization = format!("Bearer {TOKEN}");
    let headers = [("content-type", "application/json"), ("authorization", authorization.as_str())];
    for body in ["", "{", "[]", "{\"variables\":{}}", "{\"query\":1}"] {
        let answer = platform.send("POST", "/graphql", &headers, body.as_bytes()).await;
        assert_eq!(answer.status, 400, "{body}");
        assert_eq!(error(&answer.json())["extensions"]["code"], "BAD_INPUT", "{body}");
    }
    let large = vec![b' '; 1024 * 1024 + 1];
    let answer = platform.send("POST", "/graphql", &headers, &large).await;
    assert_eq!((answer.status, &error(&answer.json())["extensions"]["code"]), (413, &json!("TOO_LARGE")));
    let plain = [("content-type", "text/plain"), ("authorization", authorization.as_str())];
    assert_eq!(
        platform.send("POST", "/graphql", &plain, b"{\"query\":\"{ __typename }\"}").await.status,
        400
    );
}

#[tokio::test]
async fn fragments_within_fragments_and_circles_are_refused_at_once() {
    let platform = Platform::start().await;
    let mut bomb = "query { ...F0 }".to_owned();
    for level in 0..40 {
        bomb.push_str(&format!(" fragment F{level} on Query {{ ...F{0} a: __typename ...F{0} }}", level + 1));
    }
    bomb.push_str(" fragment F40 on Query { __typename }");
    let circle = "query { ...A } fragment A on Query { ...B } fragment B on Query { ...A }";
    let deep = format!("{{ channels {}", "{ nodes { sessions { nodes { channel ".repeat(40));
    let deep = format!("{deep}{{ id }}{}", " } } } } }".repeat(40)) + " }";
    let aliases: String = (0..10_001).map(|n| format!("a{n}: __typename ")).collect();
    let cases = [
        (bomb, "TOO_COMPLEX"),
        (circle.to_owned(), "BAD_INPUT"),
        (format!("{{ {aliases} }}"), "TOO_COMPLEX"),
    ];
    for (query, code) in cases {
        let answer = platform.ask(&query, json!({})).await;
        assert_eq!(error(&answer)["extensions"]["code"], code, "{answer}");
    }
    let answer = platform.ask(&deep, json!({})).await;
    let code = error(&answer)["extensions"]["code"].as_str().expect("a code");
    assert!(["TOO_COMPLEX", "BAD_INPUT"].contains(&code), "{answer}");
}

#[tokio::test]
async fn channels_are_found_updated_rotated_and_deleted() {
    let platform = Platform::start().await;
    let (id, key) = platform.channel("Morning news").await;
    platform.channel("Evening").await;
    let found = platform.data("{ channels(search: \"NEWS\") { nodes { id } } }", json!({})).await;
    assert_eq!(found["channels"]["nodes"], json!([{ "id": id }]));

    let update = "mutation($id: ID!) { updateChannel(id: $id, input: { name: \"Noon\", autoGoLive: false }) { channel { name autoGoLive latencyMode } streamKey } }";
    let payload = platform.data(update, json!({ "id": id })).await["updateChannel"].take();
    assert_eq!(
        payload,
        json!({ "channel": { "name": "Noon", "autoGoLive": false, "latencyMode": "LOW" }, "streamKey": null })
    );

    let rotate = "mutation($id: ID!) { rotateStreamKey(channelId: $id, overlapSeconds: 60) { streamKey channel { ingest { streamKey } } } }";
    let payload = platform.data(rotate, json!({ "id": id })).await["rotateStreamKey"].take();
    assert_ne!(payload["streamKey"], json!(key));
    assert_eq!(payload["channel"]["ingest"]["streamKey"], payload["streamKey"]);

    let delete = "mutation($id: ID!) { deleteChannel(id: $id) { channel { id name } } }";
    let payload = platform.data(delete, json!({ "id": id })).await["deleteChannel"].take();
    assert_eq!(payload["channel"], json!({ "id": id, "name": "Noon" }));
    let gone = platform.data("query($id: ID!) { channel(id: $id) { id } }", json!({ "id": id })).await;
    assert_eq!(gone["channel"], json!(null));
}

#[tokio::test]
async fn projections_are_told_and_rebuilt() {
    let platform = Platform::start().await;
    platform.channel("show").await;
    let status = "{ projections { name version generation state lag parked parkedLines { aggregateId } rebuildProgress lastError } }";
    let data = platform.data(status, json!({})).await;
    let names: Vec<&Value> =
        data["projections"].as_array().expect("a list").iter().map(|one| &one["name"]).collect();
    assert_eq!(names, ["api_tokens", "assets", "channels", "projects", "sessions"]);
    let rebuild = "mutation { rebuildProjection(name: \"channels\") { projection { name } } }";
    let payload = platform.data(rebuild, json!({})).await;
    assert_eq!(payload["rebuildProjection"]["projection"]["name"], "channels");
    let before = data["projections"][2]["generation"].as_u64().expect("a number");
    platform
        .until(status, json!({}), |data| data["projections"][2]["generation"].as_u64() > Some(before))
        .await;
    let data = platform.data("{ channels { nodes { name } } }", json!({})).await;
    assert_eq!(data["channels"]["nodes"], json!([{ "name": "show" }]));
}

#[tokio::test]
async fn what_a_caller_sent_is_never_given_back_at_length() {
    let platform = Platform::start().await;
    let long = "x".repeat(100_000);
    for query in [
        format!("{{ channel(id: \"{long}\") {{ {long} }} }}"),
        format!("{{ channels({long}: 1) {{ nodes {{ id }} }} }}"),
        format!("mutation {{ stopChannel(id: \"{long}\") {{ channel {{ id }} }} }}"),
        format!("mutation {{ rebuildProjection(name: \"{long}\") {{ projection {{ name }} }} }}"),
        format!(
            "mutation {{ createApiToken(input: {{ name: \"{long}\", scopes: [\"{long}\"] }}) {{ secret }} }}"
        ),
        format!("{{ channels(after: \"{long}\") {{ nodes {{ id }} }} }}"),
        format!("{{ events(type: \"{long}\", afterPosition: \"{long}\") {{ nodes {{ id }} }} }}"),
        format!("{{ channel(id: \"x\", asOf: \"{long}\") {{ id }} }}"),
        format!("query($a: {long}) {{ channel(id: \"x\") {{ id }} }}"),
        format!("{{ ...{long} }}"),
        format!("{{ {long}"),
        format!("{{ channels(state: {long}) {{ nodes {{ id }} }} }}"),
    ] {
        let answer = platform.ask(&query, json!({})).await;
        let told = answer.to_string();
        assert!(answer["errors"].is_array(), "{} {told}", &query[..40]);
        assert!(told.len() < 2_000, "{} bytes for {}: {}", told.len(), &query[..40], &told[..600]);
    }
}

#[tokio::test]
async fn introspection_is_rationed() {
    let platform = Platform::start().await;
    let query = "{ __schema { types { name } } }";
    let mut codes = std::collections::BTreeSet::new();
    for _ in 0..60 {
        let answer = platform.post(&[], &json!({ "query": query })).await;
        let code = error(&answer.json())["extensions"]["code"].as_str().unwrap_or("none").to_owned();
        let wanted = if code == "RATE_LIMITED" { (429, Some("1")) } else { (200, None) };
        assert_eq!((answer.status, answer.header("retry-after")), wanted);
        codes.insert(code);
    }
    assert_eq!(codes.into_iter().collect::<Vec<_>>(), ["RATE_LIMITED", "none"]);
    // However it is asked for, the status says so where nothing of it ran. Every half second something of it may run again.
    let refused = async |headers: &[(&str, &str)], body: &Value| {
        let mut answer = platform.post(headers, body).await;
        for _ in 0..2 {
            if answer.status != 429 {
                answer = platform.post(headers, body).await;
            }
        }
        answer
    };
    let ask = json!({ "query": query });
    let stream = refused(&[("accept", "text/event-stream")], &ask).await;
    assert_eq!((stream.status, stream.header("retry-after")), (429, Some("1")), "{}", stream.text());
    assert_eq!(error(&stream.json())["extensions"]["code"], "RATE_LIMITED");
    let batch = refused(&[], &json!([ask, ask])).await;
    assert_eq!((batch.status, batch.header("retry-after")), (429, Some("1")), "{}", batch.text());
    assert_eq!(batch.json().as_array().map(Vec::len), Some(2));
    // A batch of which some ran has an answer for each.
    let mixed = platform.post(&[], &json!([ask, { "query": "{ __typename }" }])).await;
    assert_eq!((mixed.status, mixed.header("retry-after")), (200, None), "{}", mixed.text());
    assert_eq!(mixed.json()[1]["data"]["__typename"], "Query");
}
