//! Encoders other than ffmpeg.

use std::process::{Child, Command, Stdio};

use end_to_end::{Platform, Start};
use serde_json::json;

use crate::{SOON, join, session_is};

pub(crate) struct Launched(Child);

impl Drop for Launched {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

pub(crate) fn gstreamer(sink: &str) -> Launched {
    let pipeline = format!(
        "videotestsrc is-live=true ! video/x-raw,width=320,height=180,framerate=30/1 ! x264enc tune=zerolatency speed-preset=ultrafast key-int-max=30 \
         ! video/x-h264,profile=baseline ! h264parse ! flvmux name=mux streamable=true ! {sink} \
         audiotestsrc is-live=true ! audio/x-raw,rate=48000,channels=2 ! avenc_aac ! aacparse ! mux."
    );
    let child = Command::new("gst-launch-1.0")
        .args(pipeline.split_whitespace())
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .expect("gst-launch-1.0 starts");
    Launched(child)
}

#[tokio::test]
async fn gstreamers_two_rtmp_sinks_go_on_air() {
    let platform = Platform::start(Start::default()).await;
    for sink in ["rtmp2sink", "rtmpsink"] {
        let channel = platform.create_channel(sink, json!({"latencyMode": "ULTRA_LOW"})).await;
        let _encoder = gstreamer(&format!("{sink} location={}", platform.push_url(&channel.key)));
        session_is(&platform, &channel.id, "LIVE").await;
        let mut viewer = join(&platform, &channel.playback_id).await;
        viewer.follow(SOON, |viewer| viewer.seen.len() >= 2).await;
        assert!(viewer.unbroken().iter().all(|segment| !segment.gap));
    }
}
