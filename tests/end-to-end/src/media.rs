//! Test pictures, encoded once and fed as they are: encoding costs more than all that is tested.

use std::path::PathBuf;
use std::sync::Mutex;

use crate::platform::{run, workshop};

/// What a clip is coded as.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Codecs {
    /// H.264 with AAC.
    #[default]
    H264Aac,
    /// HEVC with AAC.
    HevcAac,
    /// AV1 with Opus.
    Av1Opus,
}

impl Codecs {
    /// An ffmpeg that writes them into FLV: all but the first want one that knows Enhanced RTMP.
    pub(crate) fn ffmpeg(self) -> String {
        match self {
            Self::H264Aac => "ffmpeg".to_owned(),
            Self::HevcAac | Self::Av1Opus => {
                std::env::var("SIGMA_TEST_FFMPEG_NEW").expect("`make test` names a new ffmpeg")
            }
        }
    }
}

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
    /// What it is coded as.
    pub codecs: Codecs,
}

impl Default for Clip {
    fn default() -> Self {
        Self {
            size: "640x360",
            rate: 30,
            gop: 30,
            seconds: 30,
            bitrate: 600,
            b_frames: 0,
            codecs: Codecs::H264Aac,
        }
    }
}

static MAKING: Mutex<()> = Mutex::new(());

/// The FLV file of a clip; made when it is not there yet.
pub fn clip(clip: Clip) -> PathBuf {
    let Clip { size, rate, gop, seconds, bitrate, b_frames, codecs } = clip;
    let _one_at_a_time = MAKING.lock();
    let folder = workshop();
    let path = folder.join(format!("{size}-{rate}-g{gop}-{seconds}s-{bitrate}k-b{b_frames}-{codecs:?}.flv"));
    if !path.exists() {
        let draft = path.with_extension("new.flv");
        let (keys, rate_bits) = (gop.to_string(), format!("{bitrate}k"));
        // What tunes for latency leaves B-frames out.
        let (tune, b_frames) = (if b_frames > 0 { "animation" } else { "zerolatency" }, b_frames.to_string());
        let picture = format!("testsrc2=size={size}:rate={rate}:duration={seconds}");
        let tone = format!("sine=frequency=440:sample_rate=48000:duration={seconds}");
        let x265 = format!("keyint={gop}:min-keyint={gop}:scenecut=0:bframes={b_frames}:log-level=none");
        let name = draft.to_str().expect("a path in UTF-8");
        #[rustfmt::skip]
        let (coding, sound): (&[&str], _) = match codecs {
            Codecs::H264Aac => (&[
                "libx264", "-preset", "ultrafast", "-tune", tune, "-bf", &b_frames, "-pix_fmt", "yuv420p",
                "-g", &keys, "-keyint_min", &keys, "-sc_threshold", "0",
            ], "aac"),
            Codecs::HevcAac => (&["libx265", "-preset", "ultrafast", "-x265-params", &x265], "aac"),
            Codecs::Av1Opus => (&[
                "libaom-av1", "-usage", "realtime", "-cpu-used", "8", "-g", &keys, "-keyint_min", &keys,
            ], "libopus"),
        };
        #[rustfmt::skip]
        let (before, after) = (
            ["-hide_banner", "-loglevel", "error", "-y", "-f", "lavfi", "-i", &picture, "-f", "lavfi", "-i", &tone, "-c:v"],
            [
                "-b:v", &rate_bits, "-maxrate", &rate_bits, "-bufsize", &rate_bits, "-c:a", sound, "-b:a", "96k", "-ac", "2",
                "-shortest", name,
            ],
        );
        run(&codecs.ffmpeg(), &[&before[..], coding, &after].concat(), &folder);
        std::fs::rename(&draft, &path).expect("the clip is put in its place");
    }
    path
}

/// The same packets as an MP4, for programs that do not know Enhanced RTMP.
pub fn clip_as_mp4(what: Clip) -> PathBuf {
    let flv = clip(what);
    let path = flv.with_extension("mp4");
    let _one_at_a_time = MAKING.lock();
    if !path.exists() {
        let draft = path.with_extension("new.mp4");
        let [from, to] = [&flv, &draft].map(|path| path.to_str().expect("a path in UTF-8"));
        let args = ["-hide_banner", "-loglevel", "error", "-y", "-i", from, "-c", "copy", to];
        run(&what.codecs.ffmpeg(), &args, &workshop());
        std::fs::rename(&draft, &path).expect("the clip is put in its place");
    }
    path
}
