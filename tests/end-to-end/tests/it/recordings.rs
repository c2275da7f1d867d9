//! What was broadcast is there again: rewound to while it is on air, as catchup and as files the moment it ends.

use std::process::Command;
use std::time::Duration;

use end_to_end::{Broadcast, Clip, ObjectStore, Platform, Playlist, Start, Viewer, eventually};
use serde_json::{Value, json};

use crate::{SOON, join, session_is};

/// Once all of a session is archived, a node that has nothing of it itself comes in the place of the one that had.
pub(crate) async fn leave_to_the_archive(platform: &mut Platform, session: &str) {
    let folder = platform.data_dir().join("live").join(session);
    eventually("all of it to be archived", SOON, || async { folder.join("archived").exists().then_some(()) })
        .await;
    platform.kill();
    std::fs::remove_dir_all(&folder).expect("the node's own copy goes");
    platform.launch().await;
}

/// The recordings of a session by their kind, once both are ready, and when each was.
pub(crate) async fn ready(platform: &Platform, session: &str) -> [(String, String); 2] {
    let query = "query($session: ID!) { assets(sessionId: $session) { nodes { id kind } } }";
    let event = "query($id: ID!) { events(aggregateId: $id, type: \"asset.ready\") { nodes { at } } }";
    eventually("the recordings to be ready", SOON, || async {
        let answer = platform.graphql(query, json!({ "session": session })).await;
        let assets = answer.get("/assets/nodes").as_array().cloned().unwrap_or_default();
        let of_kind = async |kind: &str| {
            let id = assets.iter().find(|asset| asset["kind"] == kind)?["id"].as_str()?.to_owned();
            let answer = platform.graphql(event, json!({ "id": id })).await;
            let at = answer.get("/events/nodes").pointer("/0/at")?.as_str()?.to_owned();
            Some((id, at))
        };
        Some([of_kind("SOURCE").await?, of_kind("CATCHUP").await?])
    })
    .await
}

/// What ffprobe counts of packets: of video and of audio. Nothing may be wrong with any of them.
fn packets(url: &str) -> [u64; 2] {
    ["v:0", "a:0"].map(|stream| {
        let mut ffprobe = Command::new("ffprobe");
        ffprobe.args(["-v", "error", "-count_packets", "-select_streams", stream]);
        ffprobe.args(["-show_entries", "stream=nb_read_packets", "-of", "csv=p=0", url]);
        let output = ffprobe.output().expect("ffprobe runs");
        let (out, errors) =
            (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        assert!(output.status.success() && errors.is_empty(), "{url}: {errors}");
        let line = out.lines().next().unwrap_or_default().trim_end_matches(',');
        line.parse().unwrap_or_else(|_| panic!("{url}: {out}"))
    })
}

/// A hash of each packet's data, of video and of audio, in order.
pub(crate) fn hashes(url: &str) -> [Vec<String>; 2] {
    ["v:0", "a:0"].map(|stream| {
        let mut ffprobe = Command::new("ffprobe");
        ffprobe.args(["-v", "error", "-select_streams", stream, "-show_packets", "-show_data_hash", "md5"]);
        ffprobe.args(["-show_entries", "packet=data_hash", "-of", "csv=p=0", url]);
        let output = ffprobe.output().expect("ffprobe runs");
        let errors = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success() && errors.is_empty(), "{url}: {errors}");
        String::from_utf8_lossy(&output.stdout).lines().map(str::to_owned).collect()
    })
}

/// When its streams begin, in seconds: of video and of audio.
fn starts(url: &str) -> [f64; 2] {
    ["v:0", "a:0"].map(|stream| {
        let mut ffprobe = Command::new("ffprobe");
        ffprobe.args(["-v", "error", "-select_streams", stream, "-show_entries", "stream=start_time"]);
        let output = ffprobe.args(["-of", "csv=p=0", url]).output().expect("ffprobe runs");
        let out = String::from_utf8_lossy(&output.stdout).into_owned();
        let line = out.lines().next().unwrap_or_default().trim_end_matches(',');
        line.parse().unwrap_or_else(|_| panic!("{url}: {out}"))
    })
}

/// ffmpeg decodes all of it without a word; answers its length.
pub(crate) fn decoded(url: &str) -> Duration {
    let mut ffmpeg = Command::new("ffmpeg");
    ffmpeg.args(["-v", "error", "-xerror", "-nostdin", "-progress", "pipe:1", "-i", url]);
    // Each picture at its own time: at the mean of feeds with pauses between them two would fall on one.
    ffmpeg.args(["-fps_mode", "passthrough", "-enc_time_base", "-1", "-f", "null", "-"]);
    let output = ffmpeg.output().expect("ffmpeg runs");
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && errors.is_empty(), "{url}: {errors}");
    let progress = String::from_utf8_lossy(&output.stdout).into_owned();
    let last = progress.lines().rev().find_map(|line| line.strip_prefix("out_time_us="));
    Duration::from_micros(last.and_then(|us| us.parse().ok()).unwrap_or_else(|| panic!("{url}: {progress}")))
}

/// The I-frame playlist that a multivariant playlist names: each of what it lists, behind its init section, is one picture that
/// stands until the next. Answers its text, and how long they stand together in microseconds.
async fn key_frames_are_pictures_by_themselves(platform: &Platform, multivariant: &str) -> (String, u64) {
    let get = async |url: String| platform.client().get(url).send().await.expect("an answer");
    let text = get(multivariant.to_owned()).await.text().await.expect("text");
    let line = text.lines().find(|line| line.starts_with("#EXT-X-I-FRAME-STREAM-INF:"));
    let line = line.unwrap_or_else(|| panic!("no I-frames in {text}"));
    let uri = line.split("URI=\"").nth(1).and_then(|rest| rest.split('"').next()).expect("a URI");
    let text = get(platform.url(uri)).await.text().await.expect("text");
    assert!(text.contains("#EXT-X-I-FRAMES-ONLY\n"), "{text}");
    let (folder, _) = uri.rsplit_once('/').expect("an absolute address");
    let mut pictures = 0;
    let (mut init, mut gap) = (Vec::new(), false);
    for line in text.lines() {
        if let Some(rest) = line.strip_prefix("#EXT-X-MAP:URI=\"") {
            let name = rest.trim_end_matches('"');
            let answer = get(platform.url(&format!("{folder}/{name}"))).await;
            init = answer.bytes().await.expect("an init section").to_vec();
        } else if line == "#EXT-X-GAP" {
            gap = true;
        } else if !line.starts_with('#') {
            let answer = get(platform.url(&format!("{folder}/{line}"))).await;
            assert_eq!(answer.status(), if gap { 404 } else { 200 }, "{line}");
            if std::mem::take(&mut gap) {
                continue;
            }
            let bytes = answer.bytes().await.expect("a picture");
            let file = tempfile::NamedTempFile::new().expect("a file");
            std::fs::write(file.path(), [&init[..], &bytes].concat()).expect("written");
            let mut ffmpeg = Command::new("ffmpeg");
            ffmpeg.args(["-v", "quiet", "-nostdin", "-i"]).arg(file.path());
            ffmpeg.args(["-map", "0", "-vf", "scale=32:16", "-pix_fmt", "gray", "-f", "rawvideo", "-"]);
            let shown = tokio::task::spawn_blocking(move || ffmpeg.output().expect("ffmpeg runs")).await;
            assert_eq!(shown.expect("no panic").stdout.len(), 32 * 16, "{line} is no picture");
            pictures += 1;
        }
    }
    assert!(pictures > 3, "{text}");
    let stands = Playlist::parse(&text).segments.iter().map(|segment| segment.duration_us).sum();
    (text, stands)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_broadcast_that_was_killed_twice_is_rewound_to_and_kept_whole() {
    let mut platform = Platform::start(Start::default()).await;
    let channel = platform.create_channel("Kept", json!({"latencyMode": "ULTRA_LOW"})).await;
    let mut broadcast = Broadcast::push(&platform.push_url(&channel.key), Clip::default());
    let mut viewer = join(&platform, &channel.playback_id).await;
    let session = platform.sessions(&channel.id).await[0]["id"].as_str().expect("an id").to_owned();
    for _ in 0..2 {
        let reached = viewer.playlist.last_msn().unwrap_or(0) + 3;
        viewer.follow(SOON, |viewer| viewer.playlist.last_msn() >= Some(reached)).await;
        platform.kill();
        drop(broadcast);
        platform.launch().await;
        // Until its loss is told, what is told is of before the kill.
        session_is(&platform, &channel.id, "ERROR").await;
        broadcast = Broadcast::push(&platform.push_url(&channel.key), Clip::default());
        session_is(&platform, &channel.id, "LIVE").await;
        viewer.follow(SOON, |viewer| viewer.playlist.segments.last().is_some_and(|last| !last.gap)).await;
    }

    // All of it can be rewound to while it is on air.
    let dvr = platform.url(&format!("/live/{}/dvr.m3u8", channel.playback_id));
    let rewound = Viewer::open(platform.client().clone(), &dvr).await.expect("the rewind window");
    assert_eq!(rewound.playlist.segments.first().map(|first| first.msn), Some(0));
    for segment in rewound.playlist.segments.iter().filter(|segment| !segment.gap) {
        rewound.fetch(&segment.uri).await.expect("what is listed is there");
    }
    let (frames, stands) = key_frames_are_pictures_by_themselves(&platform, &dvr).await;
    let whole = rewound.playlist.segments.iter().map(|segment| segment.duration_us).sum::<u64>();
    assert!(!frames.contains("#EXT-X-ENDLIST") && stands >= whole, "{stands} of {whole} µs:\n{frames}");
    // Of the live window alone nobody winds.
    let live = platform.url(&format!("/live/{}/index.m3u8", channel.playback_id));
    let live = platform.client().get(live).send().await.expect("an answer").text().await.expect("text");
    assert!(!live.contains("I-FRAME"), "{live}");

    broadcast.stop();
    session_is(&platform, &channel.id, "ENDED").await;
    let [(source, _), (catchup, ready_at)] = ready(&platform, &session).await;
    let ended_at = platform.sessions(&channel.id).await[0]["endedAt"].as_str().expect("a time").to_owned();
    let moment = |text: &str| text.parse::<jiff::Timestamp>().expect("a time").as_millisecond();
    let took = moment(&ready_at) - moment(&ended_at);
    assert!(took < 5_000, "the catchup was ready {took} ms after the end");
    eprintln!("the catchup was ready {took} ms after the session had ended");

    // The catchup: closed, without gaps, with a discontinuity for each time that the server was killed.
    let vod = platform.url(&format!("/vod/{catchup}/index.m3u8"));
    let shown = Viewer::open(platform.client().clone(), &vod).await.expect("the catchup");
    let text = shown.playlist.text.clone();
    assert!(
        shown.playlist.ended && !text.contains("#EXT-X-GAP") && text.contains("PLAYLIST-TYPE:VOD"),
        "{text}"
    );
    assert_eq!(text.matches("#EXT-X-DISCONTINUITY").count(), 2, "{text}");
    assert_eq!(text.matches("#EXT-X-MAP").count(), 1, "the format is one: {text}");
    let extinf = text
        .lines()
        .filter_map(|line| line.strip_prefix("#EXTINF:")?.trim_end_matches(',').parse::<f64>().ok());
    let seconds: f64 = extinf.sum();

    let (frames, stands) = key_frames_are_pictures_by_themselves(&platform, &vod).await;
    assert!(frames.ends_with("#EXT-X-ENDLIST\n"), "{frames}");
    assert!((stands as f64 / 1e6 - seconds).abs() < 0.01, "they stand for {stands} µs of {seconds} s");

    // The source record: whole, for who may have it.
    let path = format!("/vod/{source}/source.mp4");
    let refused = platform.client().get(platform.url(&path)).send().await.expect("an answer");
    assert_eq!(refused.status(), 401);
    let url = platform.url(&format!("{path}?token={}", platform.admin_token()));
    let other = platform.url(&format!("/vod/{source}/source-2.mp4?token={}", platform.admin_token()));
    assert_eq!(platform.client().get(other).send().await.expect("an answer").status(), 404);
    let counted = tokio::task::spawn_blocking({
        let (url, vod) = (url.clone(), vod.clone());
        move || (packets(&url), packets(&vod), decoded(&url), decoded(&vod))
    });
    let (in_file, in_catchup, file_length, catchup_length) = counted.await.expect("counted");
    assert_eq!(in_file, in_catchup, "every access unit is in both, once");
    for length in [file_length, catchup_length] {
        assert!((length.as_secs_f64() - seconds).abs() < 0.2, "{length:?} of {seconds} s");
    }

    // As a plain file with its index in front: the same packets, for who may have them.
    let download = format!("/vod/{catchup}/download.mp4");
    let refused = platform.client().get(platform.url(&download)).send().await.expect("an answer");
    assert_eq!(refused.status(), 401);
    let plain = platform.url(&format!("{download}?token={}", platform.admin_token()));
    let held = tokio::task::spawn_blocking({
        let (plain, vod, url) = (plain.clone(), vod.clone(), url.clone());
        move || (hashes(&plain), hashes(&vod), decoded(&plain), starts(&plain), starts(&url))
    });
    let (in_plain, in_catchup, plain_length, plain_starts, source_starts) = held.await.expect("held");
    assert_eq!(in_plain, in_catchup, "every access unit is in both, once, as it was sent");
    assert!((plain_length.as_secs_f64() - seconds).abs() < 0.2, "{plain_length:?} of {seconds} s");
    let apart = |[video, audio]: [f64; 2]| audio - video;
    let off = apart(plain_starts) - apart(source_starts);
    assert!(off.abs() < 0.000_1, "sound is {off} s off: {plain_starts:?}, {source_starts:?}");
    let state = platform.url(&format!("/vod/{catchup}/download.json?token={}", platform.admin_token()));
    let state: Value =
        platform.client().get(state).send().await.expect("an answer").json().await.expect("JSON");
    assert_eq!((&state["state"], &state["missing"]), (&json!("READY"), &json!([])));
    assert_eq!(state["urls"], json!([download]));
    assert_eq!(platform.figure("sigma_downloads_made_total").await, Some(1));
    let before = platform.client().get(&plain).send().await.expect("an answer");
    assert_eq!(before.headers()["content-disposition"], format!("attachment; filename=\"{catchup}.mp4\""));
    let before = before.bytes().await.expect("all of it");
    assert_eq!(state["bytes"], before.len());

    // Ranges of it are those of the whole.
    let whole =
        platform.client().get(&url).send().await.expect("an answer").bytes().await.expect("all of it");
    for (range, from, to) in
        [("0-99", 0, 100), ("1000-70000", 1_000, 70_001), ("-5000", whole.len() - 5_000, whole.len())]
    {
        let part = platform.client().get(&url).header("range", format!("bytes={range}")).send().await;
        let part = part.expect("an answer");
        assert_eq!(part.status(), 206);
        assert_eq!(part.bytes().await.expect("the range"), whole.slice(from..to), "{range}");
    }

    // A crash changes nothing; and the archive alone has all of it.
    leave_to_the_archive(&mut platform, &session).await;
    let again = Viewer::open(platform.client().clone(), &vod).await.expect("the catchup after a crash");
    assert_eq!(again.playlist.text, text);
    for segment in &again.playlist.segments {
        again.fetch(&segment.uri).await.expect("the archive has it");
    }
    let later =
        platform.client().get(&url).send().await.expect("an answer").bytes().await.expect("all of it");
    assert_eq!(later, whole);
    // Made again of the archive alone, it is the same file.
    std::fs::remove_dir_all(platform.data_dir().join("downloads")).expect("what was made goes");
    let after = platform.client().get(&plain).send().await.expect("an answer").bytes().await;
    assert_eq!(after.expect("all of it"), before);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bucket_that_does_not_answer_holds_up_no_picture_and_gets_all_of_it_later() {
    let store = ObjectStore::start().await;
    let mut platform = Platform::start(store.platform()).await;
    let channel = platform.create_channel("Far away", json!({"latencyMode": "ULTRA_LOW"})).await;
    let broadcast = Broadcast::push(&platform.push_url(&channel.key), Clip::default());
    let mut viewer = join(&platform, &channel.playback_id).await;
    let session = platform.sessions(&channel.id).await[0]["id"].as_str().expect("an id").to_owned();
    let archived = async |more_than: u64| {
        eventually("media to be archived", SOON, || async {
            platform.figure("sigma_archive_bytes_total").await.filter(|bytes| *bytes > more_than)
        })
        .await
    };
    archived(0).await;

    store.freeze();
    let reached = viewer.playlist.last_msn().unwrap_or(0) + 4;
    let began = sigma_clock::monotonic();
    viewer.follow(SOON, |viewer| viewer.playlist.last_msn() >= Some(reached)).await;
    let took = began.elapsed();
    assert!(took < Duration::from_secs(12), "four segments of two seconds took {took:?}");
    let before = platform.figure("sigma_archive_bytes_total").await.expect("a figure");
    store.thaw();
    archived(before).await;

    broadcast.stop();
    session_is(&platform, &channel.id, "ENDED").await;
    let [_, (catchup, _)] = ready(&platform, &session).await;
    let vod = platform.url(&format!("/vod/{catchup}/index.m3u8"));
    let here = Viewer::open(platform.client().clone(), &vod).await.expect("the catchup");
    // Another machine, with nothing but the bucket.
    leave_to_the_archive(&mut platform, &session).await;
    // That the bucket does not answer is no word on whether it has the media.
    store.freeze();
    let unanswered = platform.client().get(&vod).send().await.expect("an answer");
    assert_eq!(unanswered.status(), 503);
    assert!(unanswered.text().await.expect("a body").contains("UNAVAILABLE"));
    store.thaw();
    let there = Viewer::open(platform.client().clone(), &vod).await.expect("the catchup from the bucket");
    // What has to be read from it, and put into it, is made once it answers.
    let cut = "mutation($input: CreateClipInput!) { createClip(input: $input) { asset { id state exact } } }";
    let input = json!({ "input": {"assetId": catchup, "from": 2.5, "to": 4.5, "exact": true} });
    store.freeze();
    let away = platform.graphql(cut, input.clone()).await;
    assert_eq!(away.code(), "UNAVAILABLE", "{}", away.body);
    store.thaw();
    let made = platform.graphql(cut, input).await;
    assert_eq!(
        made.get("/createClip/asset"),
        &json!({"id": made.text("/createClip/asset/id"), "state": "READY", "exact": true})
    );
    assert_eq!(there.playlist.text, here.playlist.text);
    for segment in &there.playlist.segments {
        there.fetch(&segment.uri).await.expect("the bucket has it");
    }
    let counted = tokio::task::spawn_blocking(move || decoded(&vod)).await.expect("decoded");
    assert!(counted > Duration::from_secs(8), "{counted:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_clip_is_cut_on_air_trimmed_and_outlives_what_it_was_cut_from() {
    let platform = Platform::start(Start::default()).await;
    let channel = platform.create_channel("Cut", json!({"latencyMode": "ULTRA_LOW"})).await;
    let broadcast = Broadcast::push(&platform.push_url(&channel.key), Clip::default());
    let mut viewer = join(&platform, &channel.playback_id).await;
    let session = platform.sessions(&channel.id).await[0]["id"].as_str().expect("an id").to_owned();
    viewer.follow(SOON, |viewer| viewer.playlist.last_msn() >= Some(5)).await;

    let cut = "mutation($input: CreateClipInput!) {
        createClip(input: $input) { asset { id state durationSeconds playbackUrl } } }";
    let began = sigma_clock::monotonic();
    let input = json!({"sessionId": session, "from": -6, "to": 0, "title": "The last six seconds"});
    let answer = platform.graphql(cut, json!({ "input": input })).await;
    let took = began.elapsed();
    eprintln!("a clip was ready after {took:?}; it is to be within a second");
    assert!(took < Duration::from_secs(5), "it took {took:?}");
    assert_eq!(answer.text("/createClip/asset/state"), "READY");
    let clip = answer.text("/createClip/asset/id");
    let seconds = answer.get("/createClip/asset/durationSeconds").as_f64().expect("seconds");
    assert!((6.0..=8.1).contains(&seconds), "whole segments around six seconds: {seconds}");
    for (from, to, path) in [(900, 960, "to"), (4, 2, "to"), (-2, -4, "to")] {
        let input = json!({"sessionId": session, "from": from, "to": to, "title": "No"});
        let refused = platform.graphql(cut, json!({ "input": input })).await;
        assert_eq!(refused.code(), "BAD_INPUT", "{from} to {to}");
        let fields = refused.body["errors"][0]["extensions"]["fields"].to_string();
        assert!(fields.contains(&format!("\"{path}\"")), "{fields}");
    }

    let url = platform.url(&format!("/vod/{clip}/index.m3u8"));
    let length = async |url: &str| {
        let url = url.to_owned();
        tokio::task::spawn_blocking(move || decoded(&url)).await.expect("decoded").as_secs_f64()
    };
    let before = length(&url).await;
    assert!((before - seconds).abs() < 0.2, "{before} s of {seconds}");
    let trim = "mutation($id: ID!) { trimAsset(id: $id, from: 2, to: 4) { asset { durationSeconds } } }";
    let trimmed = platform.graphql(trim, json!({ "id": clip })).await;
    assert_eq!(trimmed.get("/trimAsset/asset/durationSeconds"), 2.0);
    // What was said of it holds for two seconds.
    eventually("the trim to be seen", SOON, || async {
        let shown = Viewer::open(platform.client().clone(), &url).await?;
        (shown.playlist.segments.len() == 1).then_some(())
    })
    .await;
    let untrim = "mutation($id: ID!) { untrimAsset(id: $id) { asset { durationSeconds } } }";
    let whole = platform.graphql(untrim, json!({ "id": clip })).await;
    assert_eq!(whole.get("/untrimAsset/asset/durationSeconds").as_f64(), Some(seconds));
    eventually("the whole clip to be seen", SOON, || async {
        let shown = Viewer::open(platform.client().clone(), &url).await?;
        (shown.playlist.segments.len() > 1).then_some(())
    })
    .await;

    broadcast.stop();
    session_is(&platform, &channel.id, "ENDED").await;
    let [(source, _), (catchup, _)] = ready(&platform, &session).await;
    for asset in [source, catchup.clone()] {
        let delete = "mutation($id: ID!) { deleteAsset(id: $id) { asset { state } } }";
        let deleted = platform.graphql(delete, json!({ "id": asset })).await;
        assert_eq!(deleted.text("/deleteAsset/asset/state"), "DELETED");
    }
    let gone = platform.url(&format!("/vod/{catchup}/index.m3u8"));
    eventually("the catchup to be gone", SOON, || async {
        (platform.client().get(&gone).send().await.ok()?.status() == 404).then_some(())
    })
    .await;
    assert!((length(&url).await - seconds).abs() < 0.2, "the clip keeps its media");
}
