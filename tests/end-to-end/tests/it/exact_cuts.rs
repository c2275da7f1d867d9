//! Cuts that are exact to the picture, held against the pictures and the sound that they were cut from.

use std::process::Command;
use std::time::Duration;

use end_to_end::{Broadcast, Clip, Platform, Start, Viewer, eventually};
use serde_json::{Value, json};
use sigma_conformance::{Options, Verdict, check};

use crate::recordings::{decoded, leave_to_the_archive, ready};
use crate::{SOON, answered, join, session_is};

/// Pixels of a picture that is looked at.
const PIXELS: usize = 160 * 90;
/// One frame of AAC at 48 kHz.
const SOUND: f64 = 1024.0 / 48_000.0;

/// What ffmpeg says on standard output; it may complain of nothing.
async fn ffmpeg(program: &'static str, args: Vec<String>) -> Vec<u8> {
    let run = move || {
        let output = Command::new(program).args(&args).output().expect("it runs");
        let errors = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success() && errors.trim().is_empty(), "{program} {args:?}: {errors}");
        output.stdout
    };
    tokio::task::spawn_blocking(run).await.expect("it ran")
}

fn words(text: &str, url: &str) -> Vec<String> {
    text.split(' ').map(|word| if word == "URL" { url } else { word }.to_owned()).collect()
}

/// All pictures, small and grey.
async fn pictures(url: &str) -> Vec<Vec<u8>> {
    let args = "-v error -xerror -nostdin -i URL -map 0:v -vf scale=160:90,setpts=N/(30*TB) -r 30 -pix_fmt gray -fps_mode passthrough -f rawvideo -";
    let grey = ffmpeg("ffmpeg", words(args, url)).await;
    grey.chunks(PIXELS).map(<[u8]>::to_vec).collect()
}

/// Of each packet when it is shown, in seconds, and a hash of it.
async fn packets(url: &str, stream: &str) -> Vec<(f64, String)> {
    let args = format!(
        "-v error -select_streams {stream} -show_data_hash md5 -show_entries packet=pts_time,data_hash -of csv=p=0 URL"
    );
    let text = String::from_utf8(ffmpeg("ffprobe", words(&args, url)).await).expect("text");
    let packet = |line: &str| {
        let (pts, hash) = line.split_once(',').unwrap_or_else(|| panic!("{line}"));
        (pts.parse::<f64>().unwrap_or_else(|_| panic!("{line}")), hash.to_owned())
    };
    let mut packets: Vec<_> = text.lines().filter(|line| !line.is_empty()).map(packet).collect();
    packets.sort_by(|(one, _), (other, _)| one.total_cmp(other));
    packets
}

fn apart(one: &[u8], other: &[u8]) -> u64 {
    one.iter().zip(other).map(|(one, other)| u64::from(one.abs_diff(*other))).sum()
}

/// What is shown is just these pictures of the whole, each once and in order.
fn assert_shows(shown: &[Vec<u8>], whole: &[Vec<u8>], frames: std::ops::Range<usize>) {
    assert_eq!(shown.len(), frames.len(), "pictures");
    for (place, picture) in frames.zip(shown) {
        let here = apart(picture, &whole[place]);
        for other in [place.wrapping_sub(1), place + 1].into_iter().filter_map(|place| whole.get(place)) {
            assert!(here < apart(picture, other), "picture {place} is another one");
        }
    }
}

/// The same frames of sound come as long after the first picture, to within one of them. `began`: when the whole's picture is
/// shown that is the cut's first.
async fn assert_in_step(cut: &str, whole: &str, first: usize) {
    let (video, audio) = (packets(cut, "v:0").await, packets(cut, "a:0").await);
    let (whole_video, whole_audio) = (packets(whole, "v:0").await, packets(whole, "a:0").await);
    let hashes = |packets: &[(f64, String)]| packets.iter().map(|(_, hash)| hash.clone()).collect::<Vec<_>>();
    let wanted = hashes(&audio[..8]);
    let place =
        whole_audio.windows(8).position(|found| hashes(found) == wanted).expect("sound as it was sent");
    let offset = audio[0].0 - video[0].0;
    let before = whole_audio[place].0 - whole_video[first].0;
    assert!((offset - before).abs() <= SOUND, "sound is {offset} s behind its picture, and was {before} s");
    assert!(offset.abs() <= SOUND, "it begins {offset} s after the picture");
    let gaps = audio.windows(2).filter(|pair| (pair[1].0 - pair[0].0 - SOUND).abs() > 0.002).count();
    assert_eq!(gaps, 0, "no frame of sound is missing or there twice");
    let ends = |packets: &[(f64, String)]| packets.last().map_or(0.0, |(pts, _)| *pts);
    assert!((ends(&audio) - ends(&video)).abs() <= 0.0667, "sound ends with the picture");
}

/// The pictures of all files of an asset, in order.
async fn pictures_of_files(platform: &Platform, asset: &Value) -> Vec<Vec<u8>> {
    let mut all = Vec::new();
    for number in 1..=asset["files"].as_u64().expect("files") {
        let name = if number == 1 { "source.mp4".to_owned() } else { format!("source-{number}.mp4") };
        let (id, token) = (asset["id"].as_str().expect("an id"), platform.admin_token());
        all.extend(pictures(&platform.url(&format!("/vod/{id}/{name}?token={token}"))).await);
    }
    all
}

async fn made(platform: &Platform, mutation: &str, variables: Value) -> (Value, Duration) {
    let began = sigma_clock::monotonic();
    let answer = platform.graphql(mutation, variables).await;
    let took = began.elapsed();
    assert!(answer.body.get("errors").is_none(), "{}", answer.body);
    let asset = answer.body["data"].as_object().and_then(|data| data.values().next()).expect("data");
    (asset["asset"].clone(), took)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cut_is_exact_to_the_picture_and_its_sound_stays_in_step() {
    let mut platform = Platform::start(Start::default()).await;
    let channel = platform.create_channel("Exact", json!({"latencyMode": "LOW"})).await;
    let broadcast =
        Broadcast::push(&platform.push_url(&channel.key), Clip { gop: 30, b_frames: 2, ..Clip::default() });
    let mut viewer = join(&platform, &channel.playback_id).await;
    let session = platform.sessions(&channel.id).await[0]["id"].as_str().expect("an id").to_owned();
    viewer.follow(SOON, |viewer| viewer.playlist.last_msn() >= Some(6)).await;

    // The media worker looks through GStreamer's plugins at its first start, which is no part of a cut.
    let thumbnail = platform.url(&format!("/live/{}/thumbnail.jpg", channel.playback_id));
    assert_eq!(answered(platform.client().get(&thumbnail)).await.status(), 200);

    // While it is on air.
    let cut = "mutation($input: CreateClipInput!) {
        createClip(input: $input) { asset { id state exact durationSeconds files } } }";
    let input =
        json!({"sessionId": session, "from": 3.5, "to": 9.25, "title": "To the picture", "exact": true});
    let (clip, took) = made(&platform, cut, json!({ "input": input })).await;
    eprintln!("an exact clip of 5.75 s was ready after {took:?}");
    assert_eq!((&clip["state"], &clip["exact"]), (&json!("READY"), &json!(true)));
    let seconds = clip["durationSeconds"].as_f64().expect("seconds");
    assert!((seconds - 5.75).abs() <= 1.0 / 30.0 + 0.002, "{seconds} s");
    let highlights = json!({
        "sessionId": session, "exact": true,
        "ranges": [{"from": 7.1, "to": 8.0}, {"from": 2.0, "to": 4.0}, {"from": 5.2, "to": 5.4}],
    });
    let (highlights, took) = made(&platform, cut, json!({ "input": highlights })).await;
    eprintln!("exact highlights of three ranges were ready after {took:?}");

    broadcast.stop();
    session_is(&platform, &channel.id, "ENDED").await;
    let [_, (catchup, _)] = ready(&platform, &session).await;
    let url = |asset: &Value| platform.url(&format!("/vod/{}/index.m3u8", asset.as_str().expect("an id")));
    let whole_url = url(&json!(catchup));
    let whole = pictures(&whole_url).await;
    let clip_url = url(&clip["id"]);
    assert_shows(&pictures(&clip_url).await, &whole, 105..278);
    assert_in_step(&clip_url, &whole_url, 105).await;
    let length = tokio::task::spawn_blocking({
        let url = clip_url.clone();
        move || decoded(&url)
    })
    .await
    .expect("decoded");
    assert!((length.as_secs_f64() - 5.75).abs() < 0.1, "{length:?}");
    let shown = Viewer::open(platform.client().clone(), &clip_url).await.expect("the clip");
    assert!(shown.playlist.text.contains("#EXT-X-DISCONTINUITY"), "{}", shown.playlist.text);

    // Their playlists keep the rules, seams and ranges that go back included.
    for asset in [&clip["id"], &highlights["id"]] {
        let report = check(&url(asset), &Options { seconds: 30, insecure: true }, |_| ()).await;
        let report = report.expect("a recording to judge");
        assert!(report.numbers(Verdict::Broken).is_empty(), "{}", report.broken());
    }

    // ffmpeg's reader of HLS leaves out what goes back in time: their files have it.
    let joined = pictures_of_files(&platform, &highlights).await;
    let wanted: Vec<usize> = (213..240).chain(60..120).chain(156..162).collect();
    assert_eq!(joined.len(), wanted.len());
    for (place, picture) in wanted.iter().zip(&joined) {
        let here = apart(picture, &whole[*place]);
        assert!(
            here < apart(picture, &whole[place + 1]) && here < apart(picture, &whole[place - 1]),
            "{place}"
        );
    }

    // Its files hold all of it too, what was coded anew apart from what was not.
    assert_shows(&pictures_of_files(&platform, &clip).await, &whole, 105..278);

    // So do those that other programs open, of as many formats.
    let mut downloaded = 0;
    for name in ["download.mp4", "download-2.mp4", "download-3.mp4"] {
        let id = clip["id"].as_str().expect("an id");
        let path = platform.url(&format!("/vod/{id}/{name}?token={}", platform.admin_token()));
        eventually("the file to be made", SOON, || async {
            platform.client().get(&path).send().await.ok().filter(|answer| answer.status() == 200)
        })
        .await;
        downloaded += pictures(&path).await.len();
    }
    assert_eq!(downloaded, 173);

    // Within one group of pictures, and back.
    let trim = "mutation($id: ID!, $from: Float!, $to: Float!) {
        trimAsset(id: $id, from: $from, to: $to, exact: true) { asset { exact durationSeconds } } }";
    let untrimmed = Viewer::open(platform.client().clone(), &whole_url).await.expect("the whole");
    let (trimmed, took) = made(&platform, trim, json!({ "id": catchup, "from": 1.1, "to": 1.4 })).await;
    eprintln!("an exact trim within one group of pictures was done after {took:?}");
    assert_eq!(trimmed["exact"], true);
    // Whoever reads while it comes to be seen finds some of the whole.
    eventually("the trim to be seen", SOON, || async {
        let shown = Viewer::open(platform.client().clone(), &whole_url).await?;
        (shown.playlist.text != untrimmed.playlist.text).then_some(())
    })
    .await;
    let part = pictures(&whole_url).await;
    assert_shows(&part, &whole, 33..42);
    let untrim = "mutation($id: ID!) { untrimAsset(id: $id) { asset { exact } } }";
    let (again, _) = made(&platform, untrim, json!({ "id": catchup })).await;
    assert_eq!(again["exact"], false);
    eventually("the whole to be seen", SOON, || async {
        let shown = Viewer::open(platform.client().clone(), &whole_url).await?;
        (shown.playlist.text == untrimmed.playlist.text).then_some(())
    })
    .await;
    assert_eq!(pictures(&whole_url).await.len(), whole.len());

    // On key frames nothing is coded anew, and a cut of a cut is cut from what was sent.
    let input = json!({"assetId": clip["id"], "from": 0.5, "to": 2.5, "exact": true});
    let (of_clip, _) = made(&platform, cut, json!({ "input": input })).await;
    assert_eq!((&of_clip["exact"], &of_clip["files"]), (&json!(true), &json!(1)));
    assert_shows(&pictures(&url(&of_clip["id"])).await, &whole, 120..180);
    let input = json!({"assetId": clip["id"], "from": 0.2, "to": 1.5, "exact": true});
    let (of_edge, _) = made(&platform, cut, json!({ "input": input })).await;
    assert_shows(&pictures(&url(&of_edge["id"])).await, &whole, 111..150);

    // It has pictures of its own.
    for name in ["thumbnail.jpg", "storyboard.vtt", "sheet-0.jpg", "preview.webp"] {
        for asset in [&clip["id"], &of_edge["id"]] {
            let path = format!("/vod/{}/{name}", asset.as_str().expect("an id"));
            let answer = answered(platform.client().get(platform.url(&path))).await;
            assert_eq!(answer.status(), 200, "{path}");
        }
    }

    // The archive alone has all of it.
    leave_to_the_archive(&mut platform, &session).await;
    let clip_url = platform.url(&format!("/vod/{}/index.m3u8", clip["id"].as_str().expect("an id")));
    assert_shows(&pictures(&clip_url).await, &whole, 105..278);
}
