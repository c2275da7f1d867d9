//! Real publishers, each over a real socket.

use std::{
    ffi::OsString,
    path::{Path, PathBuf},
    process::Stdio,
    time::Duration,
};

use bytes::Bytes;
use sigma_elementary::{AudioCodec, Media, VideoCodec};
use sigma_rtmp::{
    Action, CloseReason,
    flv::{Demuxed, Demuxer},
};
use tokio::process::{Child, Command};

use crate::shell::{KEY, Story, listen, serve_one};

/// Names a newer ffmpeg than Debian's, for enhanced RTMP (PyPI `imageio-ffmpeg` carries one).
const NEW_FFMPEG: &str = "SIGMA_TEST_FFMPEG_NEW";

fn ffmpeg(program: impl Into<OsString>, arguments: &str) -> Command {
    let mut command = Command::new(program.into());
    command.args(["-nostdin", "-hide_banner", "-loglevel", "error", "-y"]).args(arguments.split(' '));
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).kill_on_drop(true);
    command
}

async fn finish(child: Child) -> (bool, String) {
    let output =
        sigma_clock::timeout(Duration::from_secs(30), child.wait_with_output()).await.unwrap().unwrap();
    let said = [output.stdout, output.stderr].concat();
    (output.status.success(), String::from_utf8_lossy(&said).into_owned())
}

/// Runs a publisher against a listener and answers what the server saw, whether the publisher was content, and what it said.
async fn publish(command: impl FnOnce(&str) -> Command) -> (Story, bool, String) {
    let (listener, address) = listen().await;
    let child = command(&format!("rtmp://{address}/live")).spawn().unwrap();
    let story = serve_one(&listener).await;
    let (content, said) = finish(child).await;
    (story, content, said)
}

/// Encodes two seconds into an FLV file of the test's own.
async fn encode(name: &str, program: impl Into<OsString>, codecs: &str) -> PathBuf {
    let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("{name}.flv"));
    let sources =
        "-f lavfi -i testsrc2=size=160x90:rate=25:duration=2 -f lavfi -i sine=duration=2:sample_rate=48000";
    let command = format!("{sources} -pix_fmt yuv420p {codecs} -f flv {}", path.display());
    let (encoded, said) = finish(ffmpeg(program, &command).spawn().unwrap()).await;
    assert!(encoded, "{said}");
    path
}

/// What a file holds, read without RTMP: tags behind a 9-byte header and a back pointer (FLV 10.1 §E.2, §E.3).
fn media_of(file: &Path) -> Vec<Media> {
    let bytes = Bytes::from(std::fs::read(file).unwrap());
    let (mut demuxer, mut media, mut at) = (Demuxer::new(), Vec::new(), 9 + 4);
    while at < bytes.len() {
        let header = &bytes[at..at + 11];
        let length = u32::from_be_bytes([0, header[1], header[2], header[3]]) as usize;
        let time = u32::from_be_bytes([header[7], header[4], header[5], header[6]]);
        let payload = bytes.slice(at + 11..at + 11 + length);
        let demuxed = match header[0] {
            8 => demuxer.audio(time, payload).unwrap(),
            9 => demuxer.video(time, payload).unwrap(),
            _ => None,
        };
        media.extend(demuxed.map(|demuxed| match demuxed {
            Demuxed::Media(media) => media,
            Demuxed::Unsupported(unsupported) => panic!("{unsupported}"),
        }));
        at += 11 + length + 4;
    }
    media
}

/// Everything that is in the file came, in the same order within a track, byte for byte, tick for tick.
#[track_caller]
fn assert_same_media(story: &Story, file: &Path) {
    let expected = media_of(file);
    assert!(expected.len() > 100);
    let is_video = |media: &&Media| matches!(media, Media::Video(_) | Media::VideoConfig(_));
    let (video, audio): (Vec<_>, Vec<_>) = story.media().into_iter().partition(is_video);
    let (expected_video, expected_audio): (Vec<_>, Vec<_>) = expected.iter().partition(is_video);
    assert!(video == expected_video, "{} video items, {} expected", video.len(), expected_video.len());
    assert!(audio == expected_audio, "{} audio items, {} expected", audio.len(), expected_audio.len());
}

#[track_caller]
fn assert_published(story: &Story) {
    assert_eq!(story.published_as(), Some(("live", KEY)));
    assert!(story.left_in_order(), "{:?}", story.close_reason());
    assert_eq!(story.close_reason(), None);
}

fn codecs(story: &Story) -> (Option<VideoCodec>, Option<AudioCodec>) {
    let mut codecs = (None, None);
    for media in story.media() {
        match media {
            Media::VideoConfig(config) => codecs.0 = Some(config.codec),
            Media::AudioConfig(config) => codecs.1 = Some(config.codec),
            _ => {}
        }
    }
    codecs
}

#[tokio::test]
async fn ffmpeg_publishes_h264_and_aac() {
    let file = encode("h264", "ffmpeg", "-c:v libx264 -preset veryfast -bf 2 -g 25 -c:a aac").await;
    let (story, content, said) =
        publish(|url| ffmpeg("ffmpeg", &format!("-i {} -c copy -f flv {url}/{KEY}", file.display()))).await;
    assert!(content, "{said}");
    assert_published(&story);
    assert_same_media(&story, &file);
    assert_eq!(story.pictures(), (50, 2));
    let metadata = story.actions.iter().find_map(|action| match action {
        Action::Metadata(metadata) => Some(metadata.clone()),
        _ => None,
    });
    let metadata = metadata.unwrap();
    assert_eq!(
        (metadata.width, metadata.height, metadata.frame_rate_milli),
        (Some(160), Some(90), Some(25_000))
    );
    assert!(metadata.encoder.is_some_and(|encoder| encoder.starts_with("Lavf")));
}

#[tokio::test]
async fn ffmpeg_is_told_why_it_is_refused() {
    let source = "-f lavfi -i testsrc2=size=160x90:rate=25:duration=2 -c:v libx264 -f flv";
    let (story, content, said) = publish(|url| ffmpeg("ffmpeg", &format!("{source} {url}/wrong"))).await;
    assert!(!content);
    assert!(said.contains("no channel has this stream key"), "{said}");
    assert_eq!(story.media(), Vec::<&Media>::new());
    assert!(matches!(
        story.close_reason(),
        Some(CloseReason::Refused { code: "NetStream.Publish.BadName", .. })
    ));
}

#[tokio::test]
async fn ffmpeg_is_told_that_an_application_is_not_served() {
    let source = "-f lavfi -i testsrc2=size=160x90:rate=25:duration=2 -c:v libx264 -f flv";
    let (_, content, said) =
        publish(|url| ffmpeg("ffmpeg", &format!("{source} {}/{KEY}", url.replace("/live", "/backup")))).await;
    assert!(!content);
    assert!(said.contains("the application backup takes no feeds yet"), "{said}");
}

fn gstreamer(pipeline: &str) -> Command {
    let mut command = Command::new("gst-launch-1.0");
    command.arg("-q").args(pipeline.split_whitespace());
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).kill_on_drop(true);
    command
}

fn gstreamer_sources(sink: &str) -> String {
    format!(
        "flvmux name=mux streamable=true ! {sink} \
         videotestsrc num-buffers=50 ! video/x-raw,format=I420,width=160,height=90,framerate=25/1 \
         ! x264enc tune=zerolatency speed-preset=superfast key-int-max=25 ! h264parse ! queue ! mux. \
         audiotestsrc num-buffers=94 ! audio/x-raw,rate=48000,channels=2 ! avenc_aac ! aacparse ! queue ! mux."
    )
}

/// It refuses an answer to `publish` on message stream 0, and stalls at a small window.
#[tokio::test]
async fn gstreamer_rtmp2sink_publishes() {
    let (story, content, said) =
        publish(|url| gstreamer(&gstreamer_sources(&format!("rtmp2sink location={url}/{KEY}")))).await;
    assert!(content, "{said}");
    assert_published(&story);
    assert_eq!(story.pictures(), (50, 2));
    assert!(story.audio_frames() >= 90, "{}", story.audio_frames());
    assert_eq!(codecs(&story), (Some(VideoCodec::H264), Some(AudioCodec::Aac)));
}

/// librtmp.
#[tokio::test]
async fn gstreamer_rtmpsink_publishes() {
    let (story, content, said) =
        publish(|url| gstreamer(&gstreamer_sources(&format!("rtmpsink location={url}/{KEY}")))).await;
    assert!(content, "{said}");
    assert_published(&story);
    assert_eq!(story.pictures(), (50, 2));
    assert!(story.audio_frames() >= 90, "{}", story.audio_frames());
}

#[tokio::test]
async fn gstreamer_rtmp2sink_is_told_why_it_is_refused() {
    let (story, content, said) =
        publish(|url| gstreamer(&gstreamer_sources(&format!("rtmp2sink location={url}/wrong")))).await;
    assert!(!content);
    assert!(said.contains("no channel has this stream key"), "{said}");
    assert_eq!(story.media(), Vec::<&Media>::new());
}

/// The newer ffmpeg's path, or a loud word that its tests are left out.
fn new_ffmpeg() -> Option<OsString> {
    let path = std::env::var_os(NEW_FFMPEG).filter(|path| !path.is_empty());
    if path.is_none() {
        eprintln!("SKIPPED: set {NEW_FFMPEG} to an ffmpeg of 7.1 or later to test enhanced RTMP with it");
    }
    path
}

async fn new_ffmpeg_publishes(
    name: &str,
    codecs_wanted: &str,
    expected: (VideoCodec, AudioCodec),
) -> Option<Story> {
    let program = new_ffmpeg()?;
    let file = encode(name, &program, codecs_wanted).await;
    let (story, content, said) = publish(|url| {
        let options = "-rtmp_enhanced_codecs hvc1,av01,vp09,Opus,fLaC,ac-3";
        ffmpeg(&program, &format!("-i {} -map 0 -c copy {options} -f flv {url}/{KEY}", file.display()))
    })
    .await;
    assert!(content, "{said}");
    assert_published(&story);
    assert_same_media(&story, &file);
    assert_eq!(codecs(&story), (Some(expected.0), Some(expected.1)));
    assert_eq!(story.pictures().0, 50);
    Some(story)
}

/// It sends metadata packets, marked as commands, beside the pictures.
#[tokio::test]
async fn a_newer_ffmpeg_publishes_hevc_and_aac() {
    let wanted = "-c:v libx265 -preset ultrafast -x265-params log-level=none -g 25 -c:a aac";
    let story = new_ffmpeg_publishes("hevc", wanted, (VideoCodec::Hevc, AudioCodec::Aac)).await;
    assert!(story.is_none_or(|story| story.received.windows(9).any(|bytes| bytes == b"colorInfo")));
}

#[tokio::test]
async fn a_newer_ffmpeg_publishes_av1_and_opus() {
    let wanted = "-c:v libaom-av1 -usage realtime -cpu-used 8 -g 25 -c:a libopus";
    new_ffmpeg_publishes("av1", wanted, (VideoCodec::Av1, AudioCodec::Opus)).await;
}

#[tokio::test]
async fn a_newer_ffmpeg_publishes_h264_and_aac() {
    let wanted = "-c:v libx264 -preset veryfast -g 25 -c:a aac";
    new_ffmpeg_publishes("h264-new", wanted, (VideoCodec::H264, AudioCodec::Aac)).await;
}

/// E-RTMP v2: the second sound comes in multitrack packets.
#[tokio::test]
async fn a_newer_ffmpeg_publishes_two_sounds() {
    let wanted = "-map 0:v -map 1:a -map 1:a -c:v libx264 -preset veryfast -g 25 -c:a aac -ac:a:1 2";
    let story = new_ffmpeg_publishes("two-sounds", wanted, (VideoCodec::H264, AudioCodec::Aac)).await;
    if let Some(story) = story {
        assert!((94..=98).contains(&story.audio_frames()), "{}", story.audio_frames());
        assert!(story.received.windows(6).any(|bytes| bytes == b"\x95\x01mp4a"));
    }
}

#[tokio::test]
async fn what_cannot_be_packaged_is_named() {
    let file = encode("mp3", "ffmpeg", "-c:v libx264 -preset veryfast -c:a libmp3lame -ar 44100").await;
    let (story, content, said) =
        publish(|url| ffmpeg("ffmpeg", &format!("-i {} -c copy -f flv {url}/{KEY}", file.display()))).await;
    assert!(content, "{said}");
    let unsupported: Vec<_> = story
        .actions
        .iter()
        .filter_map(
            |action| if let Action::Unsupported(what) = action { Some(what.to_string()) } else { None },
        )
        .collect();
    assert_eq!(unsupported, ["audio codec MP3 cannot be packaged: send AAC or Opus"]);
    assert_eq!((story.pictures().0, story.audio_frames()), (50, 0));
}
