//! HTTP as players, caches and people meet it; the command line as operators do.

use std::process::Command;

use end_to_end::{Broadcast, Clip, Platform, Start, binary};
use harness::free_port;
use serde_json::{Value, json};

use crate::{SOON, join};

#[tokio::test]
async fn playlists_and_media_carry_what_caches_and_players_need() {
    let platform = Platform::start(Start::default()).await;
    let channel = platform.create_channel("Headers", json!({"latencyMode": "ULTRA_LOW"})).await;
    let _broadcast = Broadcast::push(&platform.push_url(&channel.key), Clip::default());
    let mut viewer = join(&platform, &channel.playback_id).await;
    viewer.follow(SOON, |viewer| viewer.seen.len() >= 2).await;
    let get = |url: String| platform.client().get(url);

    let playlist =
        get(viewer.url.clone()).header("accept-encoding", "gzip").send().await.expect("a playlist");
    let headers = playlist.headers();
    assert_eq!(headers["content-type"], "application/vnd.apple.mpegurl");
    assert_eq!(headers["content-encoding"], "gzip");
    assert_eq!(headers["access-control-allow-origin"], "*");
    assert_eq!(headers["cache-control"], "public, max-age=1");

    let base = viewer.url.trim_end_matches("live.m3u8").to_owned();
    let segment = format!("{base}{}", viewer.playlist.segments[0].uri);
    let whole = get(segment.clone()).send().await.expect("a segment");
    assert_eq!(whole.headers()["cache-control"], "public, max-age=31536000, immutable");
    let etag = whole.headers()["etag"].clone();
    let whole = whole.bytes().await.expect("its bytes");
    let part = get(segment.clone()).header("range", "bytes=10-19").send().await.expect("a range");
    assert_eq!(part.status(), 206);
    assert_eq!(part.headers()["content-range"], format!("bytes 10-19/{}", whole.len()));
    assert_eq!(part.bytes().await.expect("its bytes"), whole[10..20]);
    let known = get(segment.clone()).header("if-none-match", etag).send().await.expect("an answer");
    assert_eq!(known.status(), 304);

    // Rules 28, 29 and 36 of the checklist, at the door.
    assert_eq!(get(format!("{}?_HLS_part=1", viewer.url)).send().await.expect("an answer").status(), 400);
    assert_eq!(get(format!("{}?_HLS_msn=100000", viewer.url)).send().await.expect("an answer").status(), 400);
    assert_eq!(get(format!("{base}100000.m4s")).send().await.expect("an answer").status(), 404);
    assert_eq!(get(format!("{base}../../etc/passwd")).send().await.expect("an answer").status(), 404);

    // Rule 35: the hinted part comes whole, when it is there.
    viewer.reload(None).await.expect("a playlist");
    let text = &viewer.playlist.text;
    let hint = text.lines().find(|line| line.starts_with("#EXT-X-PRELOAD-HINT:TYPE=PART")).expect("a hint");
    let uri = hint.split('"').nth(1).expect("its URI");
    let hinted = viewer.fetch(uri).await.expect("the hinted part");
    assert_eq!(&hinted[4..8], b"moof");
}

#[tokio::test]
async fn people_find_pages_and_operators_find_figures() {
    let platform = Platform::start(Start::default()).await;
    let channel = platform.create_channel("Pages", json!({})).await;
    for path in
        ["/".to_owned(), format!("/watch/{}", channel.playback_id), format!("/embed/{}", channel.playback_id)]
    {
        let page = platform.client().get(platform.url(&path)).send().await.expect("a page");
        assert_eq!(page.status(), 200, "{path}");
        assert!(page.headers().contains_key("content-security-policy"), "{path}");
        let text = page.text().await.expect("its text");
        assert!(!text.contains("http://") && !text.contains("https://"), "{path} names a foreign host");
    }
    for path in ["/healthz", "/readyz", "/metrics"] {
        assert_eq!(
            platform.client().get(platform.url(path)).send().await.expect("an answer").status(),
            200,
            "{path}"
        );
    }
    let closed = platform
        .client()
        .post(platform.url("/graphql"))
        .json(&json!({"query": "{ channels { nodes { id } } }"}));
    let closed: Value = closed.send().await.expect("an answer").json().await.expect("JSON");
    assert_eq!(closed["errors"][0]["extensions"]["code"], "UNAUTHENTICATED", "{closed:#}");
}

#[tokio::test]
async fn the_command_line_speaks_for_the_api() {
    let platform = Platform::start(Start::default()).await;
    let sigma = |args: &[&str]| {
        let output = Command::new(binary())
            .args(args)
            .args(["--data-dir", platform.data_dir().to_str().expect("a path")])
            .output()
            .expect("the binary runs");
        (
            output.status.code(),
            String::from_utf8(output.stdout).expect("text"),
            String::from_utf8(output.stderr).expect("text"),
        )
    };
    let (code, out, err) =
        sigma(&["channel", "create", "From the shell", "--latency-mode", "ultra-low", "--json"]);
    assert_eq!(code, Some(0), "{err}");
    let created: Value = serde_json::from_str(&out).expect("JSON");
    let id = created["channel"]["id"].as_str().expect("an id").to_owned();
    assert!(created["streamKey"].is_string(), "{created:#}");
    let (code, out, _) = sigma(&["channel", "list"]);
    assert_eq!(code, Some(0));
    assert!(out.contains("From the shell"), "{out}");
    let (_, out, _) = sigma(&["channel", "stop", &id, "--json"]);
    assert!(out.contains("STOP"), "{out}");
    let (code, _, err) = sigma(&["channel", "stop", &id]);
    assert_eq!(code, Some(1), "a refusal is an error");
    assert!(err.lines().count() == 1 && !err.is_empty(), "{err}");
    let (code, _, _) = sigma(&["channel", "dance"]);
    assert_eq!(code, Some(2), "a usage error");
}

#[test]
fn what_keeps_the_server_from_starting_is_one_line_that_names_the_mend() {
    let folder = tempfile::tempdir().expect("a folder");
    let busy = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let busy = busy.local_addr().expect("its address").to_string();
    let free = || format!("127.0.0.1:{}", free_port());
    let file = folder.path().join("file");
    std::fs::write(&file, "in the way").expect("a file");
    let file = file.to_str().expect("a path").to_owned();
    let data = folder.path().join("data").to_str().expect("a path").to_owned();
    let starts: [(&str, Vec<String>); 4] = [
        (
            &busy,
            vec!["--http".into(), busy.clone(), "--rtmp".into(), free(), "--data-dir".into(), data.clone()],
        ),
        (&file, vec!["--http".into(), free(), "--rtmp".into(), free(), "--data-dir".into(), file.clone()]),
        (
            "ingest-silence",
            vec!["--ingest-silence".into(), "never".into(), "--data-dir".into(), data.clone()],
        ),
        ("kafka", vec!["--kafka".into(), "127.0.0.1:9092".into(), "--data-dir".into(), data]),
    ];
    for (named, args) in starts {
        let output =
            Command::new(binary()).arg("serve").args(args).env("RUST_LOG", "off").output().expect("it runs");
        let words = String::from_utf8(output.stderr).expect("text");
        assert!(!output.status.success(), "{named}");
        assert!(words.contains(named), "{named} is not named: {words}");
    }
}
