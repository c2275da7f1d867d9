//! Pictures of what is on air and of what was: thumbnails, posters, storyboards, previews, chapters, and what of a channel's past
//! anybody may see again.

use end_to_end::{Broadcast, Clip, Platform, Start, Viewer, eventually};
use serde_json::{Value, json};
use sigma_clock::monotonic;

use crate::recordings::ready;
use crate::{SOON, answered, join, session_is};

/// The sides of a JPEG, from its start of frame (ITU-T T.81 §B.2.2).
fn sides(jpeg: &[u8]) -> (u16, u16) {
    assert!(jpeg.starts_with(&[0xff, 0xd8]), "it is no JPEG");
    let mut at = 2;
    loop {
        let (marker, length) = (jpeg[at + 1], usize::from(u16::from_be_bytes([jpeg[at + 2], jpeg[at + 3]])));
        if matches!(marker, 0xc0..=0xc2) {
            let side = |from: usize| u16::from_be_bytes([jpeg[at + from], jpeg[at + from + 1]]);
            return (side(7), side(5));
        }
        at += 2 + length;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_on_air_and_what_was_has_pictures() {
    let platform = Platform::start(Start::default()).await;
    let channel = platform.create_channel("Seen", json!({"latencyMode": "ULTRA_LOW"})).await;
    let began = monotonic();
    let broadcast = Broadcast::push(&platform.push_url(&channel.key), Clip::default());
    let mut viewer = join(&platform, &channel.playback_id).await;
    let session = platform.sessions(&channel.id).await[0]["id"].as_str().expect("an id").to_owned();
    viewer.follow(SOON, |viewer| viewer.playlist.last_msn() >= Some(3)).await;
    let get = async |path: String| answered(platform.client().get(platform.url(&path))).await;
    let live = format!("/live/{}/thumbnail.jpg", channel.playback_id);
    let answer = get(live.clone()).await;
    assert_eq!(answer.status(), 200, "{}", answer.text().await.expect("words"));
    assert_eq!(answer.headers()["content-type"], "image/jpeg");
    let age: u64 = answer.headers()["picture-age"].to_str().expect("digits").parse().expect("seconds");
    assert!(age <= began.elapsed().as_secs(), "it is {age} s old");
    assert_eq!(sides(&answer.bytes().await.expect("a picture")), (640, 360));
    let small = get(format!("{live}?width=160")).await;
    assert_eq!(sides(&small.bytes().await.expect("a picture")), (160, 90));
    assert_eq!(get(format!("{live}?width=161")).await.status(), 400);
    // Asked for again at once it is not made again.
    let before = platform.figure("sigma_pictures_total{result=\"made\"}").await;
    for _ in 0..10 {
        assert_eq!(get(live.clone()).await.status(), 200);
    }
    let made = platform
        .figure("sigma_pictures_total{result=\"made\"}")
        .await
        .zip(before)
        .map(|(now, then)| now - then);
    assert!(made <= Some(2), "{made:?} pictures were made for ten who asked at once");

    broadcast.stop();
    session_is(&platform, &channel.id, "ENDED").await;
    let [(source, _), (catchup, _)] = ready(&platform, &session).await;
    let answer = get(format!("/vod/{catchup}/thumbnail.jpg?width=320")).await;
    assert_eq!(sides(&answer.bytes().await.expect("a picture")), (320, 180));
    assert_eq!(
        get(format!("/vod/{source}/thumbnail.jpg")).await.status(),
        401,
        "a source record is its owner's"
    );
    // So the dashboard shows it: by its cookie, in an <img>.
    let signed_in = platform.client().post(platform.url("/auth/sign-in"));
    let signed_in =
        signed_in.json(&json!({ "token": platform.admin_token() })).send().await.expect("an answer");
    let cookie = signed_in.headers()["set-cookie"].to_str().expect("text").split(';').next().expect("a pair");
    let path = platform.url(&format!("/vod/{source}/thumbnail.jpg"));
    let by_cookie = async |site: &str| {
        let request = platform.client().get(&path).header("cookie", cookie).header("sec-fetch-site", site);
        answered(request).await.status().as_u16()
    };
    assert_eq!((by_cookie("same-origin").await, by_cookie("cross-site").await), (200, 401));
    // Its storyboard, by a token in the address, names sheets that are fetched likewise; nobody keeps that.
    let board = get(format!("/vod/{source}/storyboard.vtt?token={}", platform.admin_token())).await;
    assert_eq!(board.headers()["cache-control"], "private, no-store");
    let board = board.text().await.expect("text");
    let named = board.lines().find_map(|line| Some(line.split_once("#xywh=")?.0)).expect("a sheet");
    assert_eq!(get(format!("/vod/{source}/{named}")).await.status(), 200, "{board}");
    assert_eq!(get(format!("/vod/{source}/sheet-0.jpg")).await.status(), 401);

    let board = get(format!("/vod/{catchup}/storyboard.vtt?token=of-nobody")).await;
    let words = board.text().await.expect("text");
    assert!(!words.contains("token="), "nobody's token is handed on: {words}");
    let board = get(format!("/vod/{catchup}/storyboard.vtt")).await;
    assert_eq!(board.headers()["content-type"], "text/vtt; charset=utf-8");
    let board = board.text().await.expect("text");
    assert!(board.starts_with("WEBVTT\n\n00:00:00.000 --> "), "{board}");
    let cues = board.matches("sheet-0.jpg#xywh=").count();
    assert!(cues >= 2, "{board}");
    let sheet = get(format!("/vod/{catchup}/sheet-0.jpg")).await.bytes().await.expect("a picture");
    let (columns, rows) = (cues.min(5), cues.div_ceil(5));
    assert_eq!(sides(&sheet), (160 * columns as u16, 90 * rows as u16));
    assert_eq!(get(format!("/vod/{catchup}/sheet-1.jpg")).await.status(), 404);
}

/// The cues of a WebVTT text: begin, end and what is said, in its own words.
fn cues(text: &str) -> Vec<(String, String, String)> {
    let blocks = text.split("\n\n").filter_map(|block| block.split_once('\n'));
    let timed = blocks.filter_map(|(time, said)| Some((time.split_once(" --> ")?, said.trim_end())));
    timed.map(|((from, to), said)| (from.to_owned(), to.to_owned(), said.to_owned())).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_can_be_rewound_to_has_pictures_that_stay() {
    let platform = Platform::start(Start::default()).await;
    let channel = platform.create_channel("Rewound", json!({"latencyMode": "ULTRA_LOW"})).await;
    let broadcast = Broadcast::push(&platform.push_url(&channel.key), Clip::default());
    let mut viewer = join(&platform, &channel.playback_id).await;
    viewer.follow(SOON, |viewer| viewer.playlist.last_msn() >= Some(8)).await;
    let get = async |path: &str| answered(platform.client().get(platform.url(path))).await;
    let path = format!("/live/{}/storyboard.vtt", channel.playback_id);
    let board = async || {
        let answer = get(&path).await;
        assert_eq!(
            (answer.status().as_u16(), &answer.headers()["cache-control"]),
            (200, &"public, max-age=5".parse().expect("a value"))
        );
        answer.text().await.expect("text")
    };
    let text = board().await;
    let noted = text.lines().find_map(|line| line.strip_prefix("NOTE 00:00:00.000 is ")).expect("a date");
    let dated: jiff::Timestamp = noted.parse().expect("a date");
    let first = viewer.playlist.text.lines().find_map(|line| line.strip_prefix("#EXT-X-PROGRAM-DATE-TIME:"));
    let first: jiff::Timestamp = first.expect("a date").parse().expect("a date");
    assert_eq!(dated, first, "the first public segment is the first of both: {text}");
    let before = cues(&text);
    assert!(before.len() >= 2 && before[0].0 == "00:00:00.000", "{text}");
    let (tile, region) = before[0].2.split_once('#').expect("a region");
    assert_eq!(region, "xywh=0,0,160,90");
    let answer = get(tile).await;
    assert_eq!(answer.headers()["cache-control"], "public, max-age=31536000, immutable");
    let picture = answer.bytes().await.expect("a picture");
    assert_eq!(sides(&picture), (160, 90));
    // More comes, and what was there stays.
    let after = eventually("another picture", SOON, || async {
        let now = cues(&board().await);
        (now.len() > before.len()).then_some(now)
    })
    .await;
    let names = |cues: &[(String, String, String)]| {
        cues.iter().map(|(from, _, said)| (from.clone(), said.clone())).collect::<Vec<_>>()
    };
    assert_eq!(names(&after)[..before.len()], names(&before)[..]);
    assert_eq!(get(tile).await.bytes().await.expect("a picture"), picture);
    let (folder, _) = tile.rsplit_once('/').expect("a folder");
    assert_eq!(get(&format!("{folder}/sheet-0.jpg")).await.status(), 404, "it is not full yet");

    let query = "query($id: ID!) { channel(id: $id) { thumbnailUrl storyboardUrl } }";
    let told = platform.graphql(query, json!({ "id": channel.id })).await;
    assert_eq!(told.text("/channel/storyboardUrl"), platform.url(&path));
    broadcast.stop();
    session_is(&platform, &channel.id, "ENDED").await;
    eventually("the channel to let its session go", SOON, || async {
        let told = platform.graphql(query, json!({ "id": channel.id })).await;
        (*told.get("/channel") == json!({ "thumbnailUrl": null, "storyboardUrl": null })).then_some(())
    })
    .await;

    // Where nothing can be rewound to, there are none.
    let none = platform.create_channel("Gone by", json!({"latencyMode": "ULTRA_LOW", "dvrWindow": 0})).await;
    let _broadcast = Broadcast::push(&platform.push_url(&none.key), Clip::default());
    join(&platform, &none.playback_id).await;
    assert_eq!(get(&format!("/live/{}/storyboard.vtt", none.playback_id)).await.status(), 404);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_recording_has_the_poster_that_was_chosen_chapters_a_preview_and_is_offered_again() {
    let mut platform = Platform::start(Start::default()).await;
    let channel = platform.create_channel("Again", json!({"latencyMode": "ULTRA_LOW"})).await;
    let mut broadcast = Broadcast::push(&platform.push_url(&channel.key), Clip::default());
    let mut viewer = join(&platform, &channel.playback_id).await;
    let session = platform.sessions(&channel.id).await[0]["id"].as_str().expect("an id").to_owned();
    viewer.follow(SOON, |viewer| viewer.playlist.last_msn() >= Some(3)).await;
    platform.kill();
    drop(broadcast);
    platform.launch().await;
    // Until its loss is told, what is told is of before the kill.
    session_is(&platform, &channel.id, "ERROR").await;
    broadcast = Broadcast::push(&platform.push_url(&channel.key), Clip::default());
    session_is(&platform, &channel.id, "LIVE").await;
    let reached = viewer.playlist.last_msn().unwrap_or(0) + 3;
    viewer
        .follow(SOON, |viewer| {
            viewer.playlist.last_msn() >= Some(reached)
                && !viewer.playlist.segments.last().is_some_and(|last| last.gap)
        })
        .await;
    let get = async |path: String| answered(platform.client().get(platform.url(&path))).await;
    let replays = format!("/live/{}/replays.json", channel.playback_id);
    assert_eq!(
        get(replays.clone()).await.json::<Value>().await.expect("JSON"),
        json!([]),
        "it is on air still"
    );
    broadcast.stop();
    session_is(&platform, &channel.id, "ENDED").await;
    let [_, (catchup, _)] = ready(&platform, &session).await;

    // A chapter from its beginning and one from the return of its feed, where the playlist has its discontinuity.
    let shown =
        Viewer::open(platform.client().clone(), &platform.url(&format!("/vod/{catchup}/index.m3u8"))).await;
    let text = shown.expect("the catchup").playlist.text;
    let lengths = |text: &str| -> f64 {
        let lines = text.lines().filter_map(|line| line.strip_prefix("#EXTINF:"));
        lines.filter_map(|line| line.trim_end_matches(',').parse::<f64>().ok()).sum()
    };
    let (before, _) = text.split_once("#EXT-X-DISCONTINUITY").expect("a discontinuity");
    let query =
        "query($id: ID!) { asset(id: $id) { durationSeconds posterAt previewUrl chapters { at title } } }";
    let asset = platform.graphql(query, json!({ "id": catchup })).await.get("/asset").clone();
    let chapters = asset["chapters"].as_array().cloned().expect("chapters");
    let at = |index: usize| chapters[index]["at"].as_f64().expect("seconds");
    assert_eq!((chapters.len(), at(0)), (2, 0.0), "{chapters:?}");
    assert!((at(1) - lengths(before)).abs() < 0.01, "{chapters:?} in {text}");
    let vtt = get(format!("/vod/{catchup}/chapters.vtt")).await;
    assert_eq!(vtt.headers()["content-type"], "text/vtt; charset=utf-8");
    let vtt = cues(&vtt.text().await.expect("text"));
    let titles: Vec<&str> = vtt.iter().map(|(_, _, said)| said.as_str()).collect();
    let wanted: Vec<&str> = chapters.iter().filter_map(|chapter| chapter["title"].as_str()).collect();
    assert_eq!((titles, vtt[0].1.clone()), (wanted, vtt[1].0.clone()));

    // What was chosen is shown instead of what is shown by itself; a trim that leaves it out takes it away.
    assert_eq!(asset["posterAt"], Value::Null);
    // On a busy machine pictures rest for half a minute.
    let picture = async |wanted: &dyn Fn(&str) -> bool| {
        eventually("the thumbnail", 2 * SOON, || async {
            let answer = get(format!("/vod/{catchup}/thumbnail.jpg?width=160")).await;
            let tag = answer.headers().get("etag")?.to_str().ok()?.to_owned();
            wanted(&tag).then_some(tag)
        })
        .await
    };
    let by_itself = picture(&|_| true).await;
    let last = asset["durationSeconds"].as_f64().expect("seconds") - 0.5;
    let set = "mutation($id: ID!, $at: Float!) { setPoster(id: $id, at: $at) { asset { posterAt } } }";
    let chosen = platform.graphql(set, json!({ "id": catchup, "at": last })).await;
    assert_eq!(*chosen.get("/setPoster/asset/posterAt"), json!(last));
    picture(&|tag| tag != by_itself).await;
    let refused = platform.graphql(set, json!({ "id": catchup, "at": last + 1.0 })).await;
    assert_eq!(refused.code(), "BAD_INPUT");
    let trim = "mutation($id: ID!) { trimAsset(id: $id, from: 0, to: 2) { asset { posterAt } } }";
    let trimmed = platform.graphql(trim, json!({ "id": catchup })).await;
    assert_eq!(*trimmed.get("/trimAsset/asset/posterAt"), Value::Null);
    let untrim = "mutation($id: ID!) { untrimAsset(id: $id) { asset { posterAt } } }";
    let whole = platform.graphql(untrim, json!({ "id": catchup })).await;
    assert_eq!(*whole.get("/untrimAsset/asset/posterAt"), json!(last));

    let preview = eventually("the preview", 2 * SOON, || async {
        let answer = get(format!("/vod/{catchup}/preview.webp")).await;
        (answer.status() == 200).then_some(answer)
    })
    .await;
    assert_eq!(preview.headers()["content-type"], "image/webp");
    let preview = preview.bytes().await.expect("a picture");
    assert!(preview.starts_with(b"RIFF") && preview[8..].starts_with(b"WEBPVP8X"), "an animated WebP");
    assert!(preview.windows(4).filter(|chunk| chunk == b"ANMF").count() >= 2, "with several pictures");
    assert_eq!(asset["previewUrl"], platform.url(&format!("/vod/{catchup}/preview.webp")));

    // It is offered to whoever comes to the channel's page, by its date.
    let offered = eventually("the replay to be offered", SOON, || async {
        let told = get(replays.clone()).await;
        assert_eq!(told.headers()["cache-control"], "public, max-age=5");
        let told = told.json::<Value>().await.ok()?;
        told.get(0).cloned()
    })
    .await;
    let facts = (&offered["id"], &offered["url"], &offered["thumbnailUrl"], &offered["title"]);
    let wanted = (
        &json!(catchup),
        &json!(format!("/replay/{catchup}")),
        &json!(format!("/vod/{catchup}/thumbnail.jpg")),
        &Value::Null,
    );
    assert_eq!(facts, wanted, "{offered}");
    assert_eq!(offered["durationSeconds"], asset["durationSeconds"]);
    assert!(
        offered["startedAt"].as_str().is_some_and(|at| at.parse::<jiff::Timestamp>().is_ok()),
        "{offered}"
    );
    assert_eq!(get("/live/nobody/replays.json".to_owned()).await.status(), 404);
}
