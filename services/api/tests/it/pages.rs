//! Pages, assets, and what may be known without a token.

use serde_json::json;

use sigma_api::http::Limits;

use super::platform::Platform;

#[tokio::test]
async fn only_the_embedded_player_may_be_framed() {
    let platform = Platform::start().await;
    let id = platform.playback_id().await;
    for (path, ancestors, frame) in [
        ("/", "frame-ancestors 'none'", Some("DENY")),
        (&format!("/watch/{id}"), "frame-ancestors 'none'", Some("DENY")),
        (&format!("/embed/{id}"), "frame-ancestors *", None),
        ("/replay/as_1", "frame-ancestors 'none'", Some("DENY")),
    ] {
        let answer = platform.get(path).await;
        assert_eq!(answer.status, 200, "{path}");
        let policy = answer.header("content-security-policy").expect("a policy");
        assert!(
            policy.starts_with("default-src 'none'; ") && policy.ends_with(ancestors),
            "{path}: {policy}"
        );
        assert!(!policy.contains("unsafe"), "{policy}");
        // Media may come from the nodes that serve it now, and from nowhere else.
        assert!(policy.contains("; connect-src 'self' http://media.test:8080; frame"), "{policy}");
        assert_eq!(answer.header("x-frame-options"), frame, "{path}");
        assert_eq!(answer.header("x-content-type-options"), Some("nosniff"));
        assert_eq!(answer.header("content-type"), Some("text/html; charset=utf-8"));
        assert_eq!(answer.header("cache-control"), Some("no-cache"));
    }
}

#[tokio::test]
async fn the_dashboard_is_served_where_it_finds_its_way_and_nowhere_else() {
    let platform = Platform::start().await;
    let page = platform.get("/").await;
    for path in [
        "/channels",
        "/channels/ch_1",
        "/sessions",
        "/sessions/ss_1",
        "/events",
        "/tokens",
        "/system",
        "/sign-in",
    ] {
        let answer = platform.get(path).await;
        assert_eq!((answer.status, &answer.body), (200, &page.body), "{path}");
        assert_eq!(answer.header("cross-origin-opener-policy"), Some("same-origin"), "{path}");
        assert_eq!(answer.header("referrer-policy"), Some("no-referrer"), "{path}");
    }
    for path in ["/channels/a/b", "/settings", "/index.html", "/explorer.html"] {
        // What is none of ours is asked of the media plane.
        assert_eq!(platform.get(path).await.text(), format!("media {path} local=true"));
    }
    assert_eq!(platform.send("POST", "/channels", &[], b"").await.status, 405);
}

#[tokio::test]
async fn a_players_page_of_no_channel_says_so_to_people_and_machines() {
    let platform = Platform::start().await;
    let known = platform.get(&format!("/watch/{}", platform.playback_id().await)).await;
    let unknown = platform.get("/watch/none").await;
    assert_eq!((unknown.status, &unknown.body), (404, &known.body));
    assert_eq!((unknown.header("cache-control"), unknown.header("etag")), (Some("no-store"), None));
    assert_eq!(platform.get("/embed/none").await.status, 404);
    let etag = known.header("etag").expect("a validator");
    assert_eq!(platform.send("GET", "/watch/none", &[("if-none-match", etag)], b"").await.status, 404);
}

#[tokio::test]
async fn a_page_that_did_not_change_is_not_sent_again() {
    let platform = Platform::start().await;
    let path = format!("/watch/{}", platform.playback_id().await);
    let etag = platform.get(&path).await.header("etag").expect("a validator").to_owned();
    let again = platform.send("GET", &path, &[("if-none-match", &etag)], b"").await;
    assert_eq!((again.status, again.body.len(), again.header("etag")), (304, 0, Some(etag.as_str())));
    let other = platform.send("GET", &path, &[("if-none-match", "\"other\"")], b"").await;
    assert_eq!(other.status, 200);
}

#[tokio::test]
async fn assets_that_a_page_names_are_kept_for_ever_and_compressed_for_who_takes_it() {
    let platform = Platform::start().await;
    let page = platform.get("/").await.text();
    let script =
        page.split('"').find(|text| text.starts_with("/assets/") && text.ends_with(".js")).expect("a script");
    let plain = platform.get(script).await;
    assert_eq!(plain.status, 200);
    assert_eq!(plain.header("cache-control"), Some("public, max-age=31536000, immutable"));
    assert_eq!(plain.header("content-type"), Some("text/javascript; charset=utf-8"));
    assert_eq!((plain.header("content-encoding"), plain.header("vary")), (None, Some("accept-encoding")));
    let packed = platform.send("GET", script, &[("accept-encoding", "gzip, br")], b"").await;
    if packed.header("content-encoding") == Some("gzip") {
        assert!(packed.body.len() < plain.body.len() && packed.body.starts_with(&[0x1f, 0x8b]));
    }
    assert_eq!(platform.get("/assets/none.js").await.status, 404);
    assert_eq!(platform.get("/assets/../index.html").await.status, 404);
}

#[tokio::test]
async fn public_live_names_what_is_public_and_nothing_else() {
    let platform = Platform::start().await;
    let empty = platform.get("/public/live").await.json();
    assert_eq!(
        empty,
        json!({ "channels": [], "rtmpUrl": "rtmp://127.0.0.1:1935/live", "rtmpsUrl": null, "adminToken": "/data/admin-token" })
    );
    let (id, key) = platform.channel("show").await;
    platform.channel("quiet").await;
    let session = platform.on_air(&key).await;
    let read = "query($id: ID!) { session(id: $id) { state channel { playbackId } } }";
    let is_processing = |data: &serde_json::Value| data["session"]["state"] == "PROCESSING";
    let shown = platform.until(read, json!({ "id": session }), is_processing).await;
    let playback_id = shown["session"]["channel"]["playbackId"].as_str().expect("an id").to_owned();
    for path in ["/public/live", &format!("/public/live?playbackId={playback_id}")] {
        assert_eq!(platform.get(path).await.json()["channels"], json!([]), "{path}");
    }
    let live = "mutation($id: ID!) { goLive(sessionId: $id) { session { liveAt channel { watchUrl playbackId } } } }";
    let session = platform.data(live, json!({ "id": session })).await["goLive"]["session"].take();
    let channel =
        json!({ "name": "show", "watchUrl": session["channel"]["watchUrl"], "liveAt": session["liveAt"] });
    assert_eq!(platform.get("/public/live").await.json()["channels"], json!([channel]));
    let named =
        format!("/public/live?playbackId={}", session["channel"]["playbackId"].as_str().expect("an id"));
    assert_eq!(platform.get(&named).await.json()["channels"], json!([channel]));
    assert_eq!(platform.get("/public/live?playbackId=none").await.json()["channels"], json!([]));
    platform
        .data("mutation($id: ID!) { stopChannel(id: $id) { channel { id } } }", json!({ "id": id }))
        .await;
    platform
        .until(
            "query($id: ID!) { channel(id: $id) { currentSession { id } } }",
            json!({ "id": id }),
            |data| data["channel"]["currentSession"].is_null(),
        )
        .await;
    assert_eq!(platform.get("/public/live").await.json()["channels"], json!([]));
}

#[tokio::test]
async fn the_tokens_place_is_not_told_through_a_proxy() {
    let platform = Platform::start().await;
    let answer = platform.send("GET", "/public/live", &[("x-forwarded-for", "192.0.2.1")], b"").await;
    assert_eq!(answer.json()["adminToken"], json!(null));
}

#[tokio::test]
async fn a_browser_at_graphql_gets_the_explorer_under_the_same_policy_as_every_page() {
    let platform = Platform::start().await;
    let answer = platform.get("/graphql").await;
    assert_eq!((answer.status, answer.header("content-type")), (200, Some("text/html; charset=utf-8")));
    assert!(answer.text().contains("id=\"explorer\""));
    let policy = answer.header("content-security-policy").expect("a policy");
    assert!(policy.ends_with("frame-ancestors 'none'") && !policy.contains("unsafe"), "{policy}");
    let page = answer.text();
    let names: Vec<&str> = page.split('"').filter(|text| text.starts_with("/assets/")).collect();
    assert!(names.len() >= 2, "{page}");
    for name in names {
        assert_eq!(platform.get(name).await.status, 200, "{name}");
    }
}

#[tokio::test]
async fn health_readiness_and_figures_are_told() {
    let platform = Platform::start().await;
    assert_eq!(platform.get("/healthz").await.json(), json!({ "status": "alive" }));
    let ready = platform.get("/readyz").await;
    assert_eq!(ready.status, 200);
    assert_eq!(
        ready.json(),
        json!({ "status": "degraded", "components": [{ "name": "store", "status": "ready" },
            { "name": "media", "status": "degraded", "message": "one leg" }] })
    );
    platform.channel("show").await;
    let figures = platform.get("/metrics").await;
    assert_eq!(figures.header("content-type"), Some("text/plain; version=0.0.4; charset=utf-8"));
    let text = figures.text();
    for line in [
        "sigma_http_requests_total{route=\"/graphql\",method=\"POST\",status=\"200\"} 1",
        "sigma_graphql_requests_total{operation=\"mutation\",outcome=\"ok\"} 1",
        "sigma_http_connections 1",
    ] {
        assert!(text.lines().any(|known| known == line), "{line} is missing:\n{text}");
    }
}

#[tokio::test]
async fn a_process_without_the_role_has_neither_graphql_nor_pages() {
    let platform = Platform::made(Limits::default(), |parts| parts.serves_api = false).await;
    for path in ["/", "/graphql", "/watch/x", "/public/live", "/assets/x.js", "/auth/sign-in"] {
        let answer = platform.get(path).await;
        assert!(!answer.text().contains("<html"), "{path}: {}", answer.status);
    }
    for path in ["/healthz", "/metrics"] {
        assert_eq!(platform.get(path).await.status, 200, "{path}");
    }
}
