//! Test pictures, encoded once and fed as they are: encoding costs more than all that is tested.

use std::path::PathBuf;
use std::sync::Mutex;

use crate::platform::{run, workshop};

/// What a clip looks like.
#[derive(Debug, Clone, Copy)]
pub struct Clip {
    /// Pixels.
    pub size: &'static str,
    /// Frames a second.
    pub rate: u32,
    /// Frames from key frame to key frame.
    pub gop: u32,
    /// Seconds.
    pub seconds: u32,
    /// Kilobits a second.
    pub bitrate: u32,
    /// B-frames in a row, at most.
    pub b_frames: u32,
}

impl Default for Clip {
    fn default() -> Self {
        Self { size: "640x360", rate: 30, gop: 30, seconds: 30, bitrate: 600, b_frames: 0 }
    }
}

static MAKING: Mutex<()> = Mutex::new(());

/// The FLV file of a clip, H.264 with AAC; made when it is not there yet.
pub fn clip(clip: Clip) -> PathBuf {
    let Clip { size, rate, gop, seconds, bitrate, b_frames } = clip;
    let _one_at_a_time = MAKING.lock();
    let folder = workshop();
    let path = folder.join(format!("{size}-{rate}-g{gop}-{seconds}s-{bitrate}k-b{b_frames}.flv"));
    if !path.exists() {
        let draft = path.with_extension("new.flv");
        let (gop, rate_bits) = (gop.to_string(), format!("{bitrate}k"));
        // What tunes for latency leaves B-frames out.
        let (tune, b_frames) = (if b_frames > 0 { "animation" } else { "zerolatency" }, b_frames.to_string());
        let picture = format!("testsrc2=size={size}:rate={rate}:duration={seconds}");
        let tone = format!("sine=frequency=440:sample_rate=48000:duration={seconds}");
        let name = draft.to_str().expect("a path in UTF-8");
        #[rustfmt::skip]
        let args = [
            "-hide_banner", "-loglevel", "error", "-y", "-f", "lavfi", "-i", &picture, "-f", "lavfi", "-i", &tone,
            "-c:v", "libx264", "-preset", "ultrafast", "-tune", tune, "-bf", &b_frames, "-pix_fmt", "yuv420p",
            "-g", &gop, "-keyint_min", &gop, "-sc_threshold", "0", "-b:v", &rate_bits, "-maxrate", &rate_bits, "-bufsize", &rate_bits,
            "-c:a", "aac", "-b:a", "96k", "-ac", "2", "-shortest", name,
        ];
        run("ffmpeg", &args, &folder);
        std::fs::rename(&draft, &path).expect("the clip is put in its place");
    }
    path
}
