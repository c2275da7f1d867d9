//! Real key frames: encoded by ffmpeg, found by the packager's reader; and what comes back, looked at by ffmpeg.

use std::path::Path;
use std::process::Command;

use bytes::Bytes;
use sigma_gst::KeyFrame;
use sigma_packager::reader::VideoTrack;

pub(crate) const H264: [&str; 8] =
    ["-c:v", "libx264", "-preset", "ultrafast", "-pix_fmt", "yuv420p", "-g", "1"];
pub(crate) const HEVC: [&str; 10] = [
    "-c:v",
    "libx265",
    "-preset",
    "ultrafast",
    "-pix_fmt",
    "yuv420p",
    "-tag:v",
    "hvc1",
    "-x265-params",
    "log-level=none:keyint=1:min-keyint=1:scenecut=0:open-gop=0",
];
pub(crate) const HEVC_10: [&str; 10] = [
    "-c:v",
    "libx265",
    "-preset",
    "ultrafast",
    "-pix_fmt",
    "yuv420p10le",
    "-tag:v",
    "hvc1",
    "-x265-params",
    "log-level=none:keyint=1:min-keyint=1:scenecut=0:open-gop=0",
];
pub(crate) const AV1: [&str; 8] = ["-c:v", "libaom-av1", "-cpu-used", "8", "-pix_fmt", "yuv420p", "-g", "1"];

/// Runs a tool; anything that it says on standard error is a complaint.
pub(crate) fn run(program: &str, arguments: &[&str]) -> Vec<u8> {
    let output =
        Command::new(program).args(arguments).output().unwrap_or_else(|_| panic!("{program} is installed"));
    let complaints = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && complaints.trim().is_empty(), "{program} {arguments:?}: {complaints}");
    output.stdout
}

/// The key frames of `source` (a source of ffmpeg's lavfi): one a second, and nothing between them.
pub(crate) fn key_frames(source: &str, seconds: u32, coded: &[&str]) -> Vec<KeyFrame> {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("source.mp4");
    let path = file.to_str().unwrap();
    let seconds = seconds.to_string();
    let source = format!("{source}:rate=1");
    // Colours as most broadcasts have them, and said.
    let colours = "scale=out_color_matrix=bt709:out_range=tv,setparams=colorspace=bt709:color_primaries=bt709:color_trc=bt709";
    let from = ["-y", "-v", "error", "-f", "lavfi", "-i", &source, "-t", &seconds, "-vf", colours];
    let to = ["-movflags", "+frag_keyframe+delay_moov+default_base_moof", path];
    run("ffmpeg", &[&from[..], coded, &to].concat());
    let bytes = Bytes::from(std::fs::read(&file).unwrap());
    let begin = bytes.windows(4).position(|name| name == b"moof").unwrap() - 4;
    let track = VideoTrack::read(&bytes[..begin]).unwrap().unwrap();
    let media = bytes.slice(begin..);
    let frames = track.key_frames(&media).unwrap().into_iter();
    frames.map(|frame| KeyFrame { config: track.config.clone(), data: media.slice(frame.bytes) }).collect()
}

/// A picture as ffmpeg decodes it.
#[derive(Debug)]
pub(crate) struct Seen {
    pub(crate) width: usize,
    pub(crate) height: usize,
    rgb: Vec<u8>,
}

impl Seen {
    /// The colour at a place, each of the two from 0 to 99 of the picture's side.
    pub(crate) fn at(&self, x: usize, y: usize) -> [u8; 3] {
        let place = (self.height * y / 100 * self.width + self.width * x / 100) * 3;
        [self.rgb[place], self.rgb[place + 1], self.rgb[place + 2]]
    }
}

/// Whether two colours are as near as encoders leave them.
pub(crate) fn near(found: [u8; 3], expected: [u8; 3]) -> bool {
    found.iter().zip(expected).all(|(found, expected)| found.abs_diff(expected) <= 24)
}

/// Decodes a JPEG or a still WebP.
pub(crate) fn look(file: &[u8]) -> Seen {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("picture");
    std::fs::write(&path, file).unwrap();
    let path = path.to_str().unwrap();
    let rgb =
        run("ffmpeg", &["-v", "error", "-xerror", "-i", path, "-f", "rawvideo", "-pix_fmt", "rgb24", "-"]);
    let entries = ["-v", "error", "-show_entries", "stream=width,height", "-of", "csv=p=0", path];
    let text = String::from_utf8(run("ffprobe", &entries)).unwrap();
    let (width, height) = text.trim().split_once(',').unwrap();
    let seen = Seen { width: width.parse().unwrap(), height: height.parse().unwrap(), rgb };
    assert_eq!(seen.rgb.len(), seen.width * seen.height * 3);
    seen
}

/// The frames of an animated WebP as still files, and for how many milliseconds each is shown.
pub(crate) fn frames_of(file: &[u8]) -> Vec<(Vec<u8>, u32)> {
    assert_eq!((&file[..4], &file[8..16]), (&b"RIFF"[..], &b"WEBPVP8X"[..]));
    let mut frames = Vec::new();
    let mut rest = &file[12..];
    while !rest.is_empty() {
        let length = u32::from_le_bytes(rest[4..8].try_into().unwrap()) as usize;
        let body = &rest[8..8 + length];
        if &rest[..4] == b"ANMF" {
            let milliseconds = u32::from_le_bytes([body[12], body[13], body[14], 0]);
            let still =
                [&b"RIFF"[..], &(body.len() as u32 - 12).to_le_bytes(), b"WEBP", &body[16..]].concat();
            frames.push((still, milliseconds));
        }
        rest = &rest[8 + length + length % 2..];
    }
    frames
}

pub(crate) fn solid(colour: &str, size: &str) -> String {
    format!("color=c={colour}:size={size}")
}

/// A shell script that stands in for the worker.
pub(crate) fn script(folder: &Path, text: &str) -> std::path::PathBuf {
    use std::os::unix::fs::PermissionsExt as _;
    let path = folder.join("worker");
    std::fs::write(&path, format!("#!/bin/sh\n{text}\n")).unwrap();
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
    path
}
