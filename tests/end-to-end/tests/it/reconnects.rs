//! A broadcaster whose connection breaks over and over is one session, of which nothing is lost. The long form breaks two hundred
//! times: `SIGMA_TEST_RECONNECTS=200`.

use std::process::{Command, Stdio};

use end_to_end::{Clip, Platform, Start, Viewer, clip};
use serde_json::json;

use crate::recordings::{decoded, hashes, ready};
use crate::{from_environment, session_is};

const RECONNECTS: u32 = 8;

#[tokio::test(flavor = "multi_thread")]
async fn a_feed_that_comes_back_over_and_over_is_one_recording() {
    let reconnects = from_environment("SIGMA_TEST_RECONNECTS", RECONNECTS);
    let flags = vec!["--limit-reconnects".to_owned(), "1000".to_owned()];
    let platform = Platform::start(Start { flags, ..Start::default() }).await;
    let settings = json!({"latencyMode": "ULTRA_LOW", "endOnUnpublish": false, "reconnectWindow": 10});
    let channel = platform.create_channel("Over and over", settings).await;
    let what = Clip { size: "320x180", bitrate: 200, seconds: 2, ..Clip::default() };
    let (url, file) = (platform.push_url(&channel.key), clip(what).to_str().expect("UTF-8").to_owned());
    let feeds = tokio::task::spawn_blocking({
        let file = file.clone();
        move || {
            for feed in 0..=reconnects {
                let mut ffmpeg = Command::new("ffmpeg");
                ffmpeg.args(["-v", "error", "-re", "-i", &file, "-c", "copy", "-f", "flv", &url]);
                let status = ffmpeg.stdin(Stdio::null()).status().expect("ffmpeg runs");
                assert!(status.success(), "feed {feed}");
            }
        }
    });
    feeds.await.expect("each was let in");
    session_is(&platform, &channel.id, "ENDED").await;

    let sessions = platform.sessions(&channel.id).await;
    assert_eq!(sessions.len(), 1, "{sessions:?}");
    let [(source, _), (catchup, _)] = ready(&platform, sessions[0]["id"].as_str().expect("an id")).await;
    let vod = platform.url(&format!("/vod/{catchup}/index.m3u8"));
    let text = Viewer::open(platform.client().clone(), &vod).await.expect("the catchup").playlist.text;
    assert_eq!(text.matches("#EXT-X-DISCONTINUITY\n").count(), reconnects as usize, "{text}");
    let chapters = platform.url(&format!("/vod/{catchup}/chapters.vtt"));
    let chapters =
        platform.client().get(chapters).send().await.expect("an answer").text().await.expect("text");
    assert_eq!(chapters.matches(" --> ").count(), reconnects as usize + 1, "{chapters}");

    let files = [(&source, "source.mp4"), (&catchup, "download.mp4")];
    let token = platform.admin_token();
    let urls = files.map(|(asset, name)| platform.url(&format!("/vod/{asset}/{name}?token={token}")));
    let held = move || {
        for url in &urls {
            decoded(url);
        }
        (urls.each_ref().map(|url| hashes(url)), hashes(&vod), hashes(&file))
    };
    let ([source, download], catchup, mut sent) = tokio::task::spawn_blocking(held).await.expect("held");
    // A feed begins with its first picture: the frame of sound that is over by then is not shown with any.
    sent[1].remove(0);
    for ((kept, sent), others) in source.iter().zip(&sent).zip(download.iter().zip(&catchup)) {
        let times = kept.len() / sent.len();
        assert_eq!((kept.len() % sent.len(), times), (0, reconnects as usize + 1), "{}", kept.len());
        assert!(kept.iter().eq(sent.iter().cycle().take(kept.len())), "each access unit once and in order");
        assert_eq!((kept, kept), others, "the same in each");
    }
}
