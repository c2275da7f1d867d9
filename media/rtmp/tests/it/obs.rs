//! OBS Studio: its bytes as recorded once, and itself where it is installed.

use std::{path::Path, process::Stdio, time::Duration};

use sigma_elementary::{AudioCodec, Media, VideoCodec};
use sigma_rtmp::{Action, Input, Limits, Session};
use tokio::process::Command;

use crate::{
    shell::{KEY, listen, serve_one},
    split::replay,
};

/// What OBS 29 (Debian 12) sent: x264 and AAC, 640×360, recorded by the long test below.
const RECORDED: &[u8] = include_bytes!("../fixtures/obs.rtmp");

/// Names the script that runs OBS under Xvfb: `SCRIPT URL KEY SECONDS`.
const OBS: &str = "SIGMA_TEST_OBS";
/// Where the long test writes what OBS sent.
const RECORD: &str = "SIGMA_TEST_OBS_RECORD";

/// How many bytes there are before the server's answer to `publish`.
fn until_publish(bytes: &[u8]) -> usize {
    let mut session = Session::new(Limits::default());
    let asks = |byte: &u8| {
        let actions = session.handle(Duration::ZERO, Input::Bytes(std::slice::from_ref(byte)));
        actions.iter().any(|action| matches!(action, Action::Publish { .. }))
    };
    1 + bytes.iter().position(asks).unwrap()
}

#[test]
fn a_recorded_obs_publishes() {
    let (before, after) = RECORDED.split_at(until_publish(RECORDED));
    let actions = replay(&[before, after], || usize::MAX);
    let publish = actions.iter().find_map(|action| match action {
        Action::Publish { app, key, encoder } => Some((app.as_str(), key.expose(), encoder.as_deref())),
        _ => None,
    });
    assert_eq!(publish, Some(("live", KEY, Some("FMLE/3.0 (compatible; FMSc/1.0)"))));
    let metadata = actions.iter().find_map(|action| match action {
        Action::Metadata(metadata) => Some(metadata),
        _ => None,
    });
    let metadata = metadata.unwrap();
    assert_eq!(
        (metadata.width, metadata.height, metadata.frame_rate_milli),
        (Some(640), Some(360), Some(30_000))
    );
    assert!(metadata.encoder.as_ref().is_some_and(|encoder| encoder.starts_with("obs-output module")));

    let (mut keys, mut pictures, mut frames, mut last_picture, mut last_frame) =
        (0, 0, 0, i64::MIN, i64::MIN);
    for action in &actions {
        match action {
            Action::Media(Media::VideoConfig(config)) => {
                assert_eq!((config.codec, config.width, config.height), (VideoCodec::H264, 640, 360));
            }
            Action::Media(Media::AudioConfig(config)) => {
                assert_eq!((config.codec, config.sample_rate, config.channels), (AudioCodec::Aac, 48_000, 2));
            }
            Action::Media(Media::Video(unit)) => {
                assert!(unit.dts > last_picture && unit.pts >= unit.dts);
                last_picture = unit.dts;
                pictures += 1;
                keys += usize::from(unit.key);
            }
            Action::Media(Media::Audio(unit)) => {
                assert!(unit.dts > last_frame);
                last_frame = unit.dts;
                frames += 1;
            }
            Action::Close { reason } => panic!("{reason}"),
            _ => {}
        }
    }
    assert!(keys >= 1 && pictures >= 60 && frames >= 90, "{keys} {pictures} {frames}");
    for size in [1, 17, 1460, 4096] {
        assert!(replay(&[before, after], || size) == actions, "cut every {size}");
    }
}

#[tokio::test]
#[ignore = "long: wants OBS Studio under Xvfb and its script's path in SIGMA_TEST_OBS"]
async fn obs_publishes() {
    let Some(script) = std::env::var_os(OBS) else { panic!("set {OBS} to a script that runs OBS") };
    let (listener, address) = listen().await;
    let mut command = Command::new(script);
    command.args([format!("rtmp://{address}/live"), KEY.to_owned(), "6".to_owned()]).stdin(Stdio::null());
    let mut child = command.kill_on_drop(true).spawn().unwrap();
    let story = serve_one(&listener).await;
    sigma_clock::timeout(Duration::from_secs(30), child.wait()).await.unwrap().unwrap();
    assert_eq!(story.published_as(), Some(("live", KEY)));
    let (pictures, keys) = story.pictures();
    assert!(
        pictures > 30 && keys >= 1 && story.audio_frames() > 40,
        "{pictures} {keys} {}",
        story.audio_frames()
    );
    if let Some(path) = std::env::var_os(RECORD) {
        std::fs::write(Path::new(&path), &story.received).unwrap();
    }
}
