//! Broadcasts that are not H.264 with AAC: kept as they were sent, shown, and given out as files.

use std::time::Duration;

use end_to_end::{Broadcast, Channel, Clip, Codecs, Platform, Start, clip_as_mp4};
use serde_json::{Value, json};

use crate::recordings::{decoded, hashes, ready};
use crate::{SOON, answered, join, session_is};

const SMALL: Clip = Clip {
    size: "320x180",
    rate: 30,
    gop: 30,
    seconds: 12,
    bitrate: 200,
    b_frames: 2,
    codecs: Codecs::H264Aac,
};

const CUT: &str =
    "mutation($input: CreateClipInput!) { createClip(input: $input) { asset { id state durationSeconds } } }";

fn token_to(platform: &Platform, path: &str) -> String {
    platform.url(&format!("{path}?token={}", platform.admin_token()))
}

async fn session_of(platform: &Platform, channel: &Channel) -> String {
    platform.sessions(&channel.id).await[0]["id"].as_str().expect("an id").to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn hevc_av1_and_opus_are_kept_as_they_were_sent() {
    let platform = Platform::start(Start::default()).await;
    for codecs in [Codecs::HevcAac, Codecs::Av1Opus] {
        let what = Clip { codecs, ..SMALL };
        let sent = clip_as_mp4(what).to_str().expect("a path in UTF-8").to_owned();
        let channel =
            platform.create_channel(&format!("{codecs:?}"), json!({"latencyMode": "ULTRA_LOW"})).await;
        let broadcast = Broadcast::push(&platform.push_url(&channel.key), what);
        let mut viewer = join(&platform, &channel.playback_id).await;
        let session = session_of(&platform, &channel).await;
        viewer.follow(SOON, |viewer| viewer.playlist.last_msn() >= Some(4)).await;
        assert!(viewer.unbroken().iter().all(|segment| !segment.gap));

        // What is coded anew is H.264 alone: the cut that can be had is offered, and is one.
        let exact = json!({"sessionId": session, "from": 1.5, "to": 3.5, "exact": true});
        let refused = platform.graphql(CUT, json!({ "input": exact })).await;
        let told = refused
            .body
            .pointer("/errors/0/extensions/fields/0/message")
            .and_then(Value::as_str)
            .unwrap_or_default();
        let cut = told.split("it is cut from ").nth(1).and_then(|rest| rest.strip_suffix(" s"));
        let (from, to) =
            cut.and_then(|cut| cut.split_once(" s to ")).unwrap_or_else(|| panic!("{}", refused.body));
        let [from, to] = [from, to].map(|seconds| seconds.parse::<f64>().expect("seconds"));
        let offered = json!({"sessionId": session, "from": from, "to": to});
        let made = platform.graphql(CUT, json!({ "input": offered })).await;
        assert_eq!(made.text("/createClip/asset/state"), "READY");
        let seconds = made.get("/createClip/asset/durationSeconds").as_f64().expect("seconds");
        assert!((seconds - (to - from)).abs() < 0.05, "{seconds} s of {from} s to {to} s");

        let thumbnail = platform.url(&format!("/live/{}/thumbnail.jpg", channel.playback_id));
        let shown = answered(platform.client().get(thumbnail)).await;
        assert_eq!(
            (shown.status().as_u16(), &shown.headers()["content-type"]),
            (200, &"image/jpeg".parse().unwrap())
        );

        broadcast.stop();
        session_is(&platform, &channel.id, "ENDED").await;
        let [(source, _), (catchup, _)] = ready(&platform, &session).await;
        let urls = [
            token_to(&platform, &format!("/vod/{source}/source.mp4")),
            token_to(&platform, &format!("/vod/{catchup}/download.mp4")),
            platform.url(&format!("/vod/{catchup}/index.m3u8")),
            platform.url(&format!("/vod/{}/index.m3u8", made.text("/createClip/asset/id"))),
        ];
        let read = move || {
            let lengths = urls.each_ref().map(|url| decoded(url));
            (lengths, urls.each_ref().map(|url| hashes(url)), hashes(&sent))
        };
        let (lengths, [source, download, catchup, part], sent) =
            tokio::task::spawn_blocking(read).await.expect("read");
        assert!(lengths[..3].iter().all(|length| *length > Duration::from_secs(8)), "{lengths:?}");
        assert_eq!((&source, &source), (&download, &catchup), "every access unit is in each, once");
        for (kept, sent) in source.iter().zip(&sent) {
            // A feed begins with its first picture: sound that is over by then is not shown with any.
            let over = sent.iter().position(|sent| Some(sent) == kept.first()).expect("it was sent");
            assert!(over < 5, "{over} frames of sound before the first picture");
            let differs =
                kept.iter().zip(sent.iter().cycle().skip(over)).position(|(kept, sent)| kept != sent);
            assert_eq!(differs, None, "{codecs:?}: each of {} once, in order, as it was sent", kept.len());
        }
        let [video, _] = &part;
        assert!(source[0].windows(video.len()).any(|found| found == video), "the clip is a part of it");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn another_codec_in_the_midst_of_a_session_is_another_file_of_one_recording() {
    let platform = Platform::start(Start::default()).await;
    let channel = platform.create_channel("Another", json!({"latencyMode": "ULTRA_LOW"})).await;
    let (mut broadcast, mut reached) = (None, 0);
    for codecs in [Codecs::H264Aac, Codecs::HevcAac, Codecs::Av1Opus] {
        if let Some(before) = broadcast.take() {
            Broadcast::crash(before);
        }
        broadcast = Some(Broadcast::push(&platform.push_url(&channel.key), Clip { codecs, ..SMALL }));
        let mut viewer = join(&platform, &channel.playback_id).await;
        let goes_on = |viewer: &end_to_end::Viewer| {
            let last = viewer.playlist.segments.iter().rev().take(2);
            viewer.playlist.last_msn() >= Some(reached + 3) && last.clone().all(|segment| !segment.gap)
        };
        viewer.follow(SOON, goes_on).await;
        reached = viewer.playlist.last_msn().unwrap_or(0);
    }
    let session = session_of(&platform, &channel).await;
    broadcast.expect("a broadcast").stop();
    session_is(&platform, &channel.id, "ENDED").await;
    let [(source, _), (catchup, _)] = ready(&platform, &session).await;
    let names = ["", "-2", "-3"];
    let urls = names.map(|number| token_to(&platform, &format!("/vod/{source}/source{number}.mp4")));
    let downloads = names.map(|number| token_to(&platform, &format!("/vod/{catchup}/download{number}.mp4")));
    let read = move || {
        for url in urls.iter().chain(&downloads) {
            decoded(url);
        }
        urls.each_ref().map(|url| hashes(url)) == downloads.each_ref().map(|url| hashes(url))
    };
    assert!(tokio::task::spawn_blocking(read).await.expect("read"), "each file is there as a plain one");
    let playlist = platform.url(&format!("/vod/{catchup}/index.m3u8"));
    let playlist =
        platform.client().get(playlist).send().await.expect("an answer").text().await.expect("text");
    for codec in ["avc1.", "hvc1.", "av01.", "mp4a.40.2", "opus"] {
        assert!(playlist.to_ascii_lowercase().contains(codec), "{codec}: {playlist}");
    }
}
