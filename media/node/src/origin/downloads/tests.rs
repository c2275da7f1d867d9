//! Downloads through the origin, of logs that the packager and the log's own writer made.

use std::path::Path;
use std::sync::Arc;

use bytes::Bytes;
use http::{Request, StatusCode, header};
use serde_json::Value;
use sigma_clock::{SystemClock, monotonic};
use sigma_elementary::{AccessUnit, AudioCodec, AudioConfig, Media, VideoCodec, VideoConfig};
use sigma_hls::{Input, Profile, Rendition, Span};
use sigma_log::{Meta, SegmentLog};
use sigma_packager::{Packager, Settings};

use crate::control::{AssetFacts, AssetKind, AssetStanding, NodeSettings};
use crate::office::{MAY, Office};
use crate::{Body, Node};

const SECOND: i64 = 90_000;
/// Written by x264: 1280×720 and 640×360.
const AVC: [&str; 2] = [
    "0142c01fffe100176742c01fda014016ec0440000003004000000f03c60ca801000468ce0fc8",
    "0142c01effe100176742c01eda0280bfe5c04400000fa40003a9803c58ba8001000468ce0fc8",
];

fn hex(text: &str) -> Bytes {
    let digit = |at: usize| u8::from_str_radix(&text[at..at + 2], 16).unwrap();
    (0..text.len()).step_by(2).map(digit).collect::<Vec<u8>>().into()
}

/// The log of an ended session: a feed of each format for so many seconds, 30 pictures a second with a key frame each two
/// seconds, and sound.
fn record(folder: &Path, feeds: &[(usize, i64)], picture: usize) {
    let meta = Meta {
        session: "se_1".into(),
        channel: "ch_1".into(),
        playback_id: "abc".into(),
        mode: "ULTRA_LOW".into(),
        part_target_ms: Some(500),
        segment_target_ms: 2_000,
        created_us: 0,
        rewind_ms: None,
        keeps: true,
        extra: Default::default(),
    };
    let mut log = SegmentLog::create(&folder.join("se_1"), &meta).unwrap();
    let mut packager = Packager::new(Settings::ULTRA_LOW);
    let mut rendition = Rendition::new(Profile::ULTRA_LOW);
    let mut write = |appends: Vec<sigma_hls::Append>| {
        for append in appends {
            log.append(&append.entry, &append.bytes).unwrap();
        }
    };
    write(rendition.handle(Input::GoLive { from_start: true }));
    let mut now_us = 1_700_000_000_000_000;
    for (format, seconds) in feeds {
        let video = VideoConfig::parse(VideoCodec::H264, hex(AVC[*format])).unwrap();
        let audio = AudioConfig::parse(AudioCodec::Aac, hex("1190")).unwrap();
        for config in [Media::VideoConfig(video), Media::AudioConfig(audio)] {
            write(rendition.handle(Input::Packaged { now_us, outputs: packager.push(now_us, config) }));
        }
        let (mut sound, began_us) = (0, now_us);
        for number in 0..seconds * 30 {
            let key = number % 60 == 0;
            let mut data = vec![0; picture.max(9)];
            data[..5].copy_from_slice(&[0, 0, 0, 0, if key { 0x65 } else { 0x41 }]);
            let length = data.len() as u32 - 4;
            data[..4].copy_from_slice(&length.to_be_bytes());
            data[5..9].copy_from_slice(&(number as u32).to_be_bytes());
            // As RTMP has them: in whole milliseconds, and shown two pictures later.
            let dts = number * 1_000 / 30 * 90;
            let offset = if number % 3 == 0 { 6_030 } else { 2_970 };
            let unit = AccessUnit { dts, pts: dts + offset, key, data: data.into() };
            now_us = began_us + dts * 100 / 9;
            write(
                rendition
                    .handle(Input::Packaged { now_us, outputs: packager.push(now_us, Media::Video(unit)) }),
            );
            while sound * 1_920 <= dts {
                let at = sound * 1_920;
                let unit = AccessUnit { dts: at, pts: at, key: true, data: vec![sound as u8; 16].into() };
                write(
                    rendition.handle(Input::Packaged {
                        now_us,
                        outputs: packager.push(now_us, Media::Audio(unit)),
                    }),
                );
                sound += 1;
            }
        }
        write(rendition.handle(Input::FeedLost { at_us: now_us, flushed: packager.finish() }));
        now_us += 3_000_000;
        write(rendition.handle(Input::FeedBack { at_us: now_us }));
    }
    write(rendition.handle(Input::Stop { now_us, flushed: packager.finish() }));
}

struct Scene {
    folder: tempfile::TempDir,
    office: Arc<Office>,
    node: Node,
}

/// A catchup `as_1` of a session with these feeds.
fn scene(feeds: &[(usize, i64)], picture: usize) -> Scene {
    let folder = tempfile::tempdir().unwrap();
    record(&folder.path().join("live"), feeds, picture);
    let office = Office::there();
    let node = Node::open(
        NodeSettings::new([0; 32]),
        &folder.path().join("live"),
        office.clone(),
        Arc::new(SystemClock),
    );
    let scene = Scene { folder, office, node: node.unwrap() };
    scene.shows(Some(vec![Span { from_us: 0, to_us: u64::MAX }]));
    scene
}

struct Got {
    status: StatusCode,
    headers: http::HeaderMap,
    /// As far as it came.
    bytes: Vec<u8>,
    is_whole: bool,
}

impl Got {
    fn json(&self) -> Value {
        serde_json::from_slice(&self.bytes).unwrap()
    }

    fn header(&self, name: header::HeaderName) -> &str {
        self.headers[name].to_str().unwrap()
    }
}

impl Scene {
    fn shows(&self, spans: Option<Vec<Span>>) {
        let facts = AssetFacts {
            session: "se_1".into(),
            kind: AssetKind::Catchup,
            edit: spans.map(Into::into),
            poster_us: None,
        };
        self.stands(AssetStanding::There(facts));
    }

    fn stands(&self, standing: AssetStanding) {
        *self.office.asset.lock().unwrap() = standing;
        // What was said of it holds for some seconds.
        self.node.core.recordings.forget();
    }

    async fn get(&self, name: &str, headers: &[(header::HeaderName, &str)]) -> Got {
        let mut request = Request::get(format!("/vod/as_1/{name}?token={MAY}"));
        for (name, value) in headers {
            request = request.header(name, *value);
        }
        let (parts, body) = self.node.origin().answer(request.body(()).unwrap()).await.into_parts();
        let (mut bytes, mut is_whole) = (Vec::new(), true);
        match body {
            Body::Slices(slices) => slices
                .into_runs()
                .iter()
                .for_each(|run| run.iter().for_each(|slice| bytes.extend_from_slice(slice))),
            Body::Joined(mut joined) => loop {
                match joined.next().await {
                    Ok(Some(more)) => bytes.extend_from_slice(&more),
                    Ok(None) => break,
                    Err(_) => {
                        is_whole = false;
                        break;
                    }
                }
            },
        }
        Got { status: parts.status, headers: parts.headers, bytes, is_whole }
    }

    fn segment(&self, msn: u64) -> std::path::PathBuf {
        self.folder.path().join(format!("live/se_1/{msn}.m4s"))
    }

    /// Turns a byte of a segment over.
    fn bend(&self, msn: u64, at: usize) {
        let mut bytes = std::fs::read(self.segment(msn)).unwrap();
        bytes[at] ^= 0x40;
        std::fs::write(self.segment(msn), bytes).unwrap();
    }

    fn kept(&self) -> Vec<String> {
        let entries = std::fs::read_dir(self.folder.path().join("downloads")).unwrap();
        let mut names: Vec<String> =
            entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }
}

/// What is behind the head.
fn media(file: &[u8]) -> &[u8] {
    let mut at = 0;
    for name in [b"ftyp", b"moov"] {
        assert_eq!(&file[at + 4..at + 8], name);
        at += u32::from_be_bytes(file[at..at + 4].try_into().unwrap()) as usize;
    }
    assert_eq!(file[at..at + 8], *b"\0\0\0\x01mdat");
    let length = u64::from_be_bytes(file[at + 8..at + 16].try_into().unwrap());
    assert_eq!(file.len() as u64, at as u64 + length);
    &file[at + 16..]
}

#[tokio::test]
async fn a_recording_is_a_file_with_its_index_in_front_made_once_for_all_who_ask() {
    let scene = scene(&[(0, 9), (0, 7)], 2_000);
    let refused = scene.node.origin().answer(Request::get("/vod/as_1/download.mp4").body(()).unwrap()).await;
    assert_eq!(refused.status(), StatusCode::UNAUTHORIZED);
    let (one, other) = tokio::join!(scene.get("download.mp4", &[]), scene.get("download.mp4", &[]));
    assert_eq!((one.status, other.status), (StatusCode::OK, StatusCode::OK));
    assert!(one.is_whole && one.bytes == other.bytes);
    assert_eq!(scene.kept().len(), 1);
    assert_eq!(one.header(header::CONTENT_LENGTH), one.bytes.len().to_string());
    assert_eq!(one.header(header::CONTENT_DISPOSITION), "attachment; filename=\"as_1.mp4\"");
    let mut joined = Vec::new();
    scene.node.core.sessions.look_up(&scene.node.core, "se_1").await.unwrap().unwrap().read_recording(
        |recording| {
            for (piece, msn) in recording.pieces().iter().zip(0..).filter(|(piece, _)| !piece.gap) {
                joined.extend_from_slice(&std::fs::read(scene.segment(msn)).unwrap()[..piece.len as usize]);
            }
        },
    );
    assert_eq!(media(&one.bytes), joined);

    let ranges = [(0, 99), (1_000, 70_000), (one.bytes.len() - 5_000, one.bytes.len() - 1)];
    for (from, to) in ranges {
        let part = scene.get("download.mp4", &[(header::RANGE, &format!("bytes={from}-{to}"))]).await;
        assert_eq!((part.status, &part.bytes[..]), (StatusCode::PARTIAL_CONTENT, &one.bytes[from..=to]));
    }
    let tag = one.header(header::ETAG);
    let known = scene.get("download.mp4", &[(header::IF_NONE_MATCH, tag)]).await;
    assert_eq!(known.status, StatusCode::NOT_MODIFIED);
    assert_eq!(scene.get("download-2.mp4", &[]).await.status, StatusCode::NOT_FOUND);
    let told = scene.get("download.json", &[]).await.json();
    assert_eq!(
        (&told["state"], &told["percent"], &told["missing"]),
        (&"READY".into(), &100.into(), &Value::Array(vec![]))
    );
    assert_eq!(told["urls"], serde_json::json!(["/vod/as_1/download.mp4"]));
    assert_eq!(told["bytes"], one.bytes.len());
}

#[tokio::test]
async fn another_format_is_another_file() {
    let scene = scene(&[(0, 5), (1, 5), (0, 5)], 500);
    for name in ["download.mp4", "download-2.mp4", "download-3.mp4"] {
        let got = scene.get(name, &[]).await;
        assert_eq!(got.status, StatusCode::OK, "{name}");
        assert!(!media(&got.bytes).is_empty());
    }
    let told = scene.get("download.json", &[]).await.json();
    assert_eq!(told["urls"].as_array().map(Vec::len), Some(3));
}

#[tokio::test]
async fn what_is_asked_for_by_its_state_is_made_and_told() {
    let scene = scene(&[(0, 9)], 500);
    let mut told = scene.get("download.json", &[]).await.json();
    assert_eq!(told["state"], "MAKING");
    while told["state"] == "MAKING" {
        assert!(told["percent"].as_u64() < Some(100));
        tokio::task::yield_now().await;
        told = scene.get("download.json", &[]).await.json();
    }
    assert_eq!(told["state"], "READY", "{told}");
    let bytes = scene.get("download.mp4", &[]).await.bytes.len();
    assert_eq!(told["bytes"], bytes);
}

#[tokio::test]
async fn what_is_being_recorded_is_no_file_yet() {
    let scene = scene(&[(0, 5)], 500);
    scene.shows(None);
    for name in ["download.mp4", "download.json"] {
        let refused = scene.get(name, &[]).await;
        assert_eq!(
            (refused.status, &refused.json()["error"]["code"]),
            (StatusCode::CONFLICT, &"REFUSED".into())
        );
    }
    assert!(scene.kept().is_empty());
}

#[tokio::test]
async fn a_damaged_segment_is_left_out_and_told_and_the_rest_plays() {
    let scene = scene(&[(0, 12)], 2_000);
    let whole = scene.get("download.mp4", &[]).await;
    // Another server, which has not made it yet.
    std::fs::remove_dir_all(scene.folder.path().join("downloads")).unwrap();
    std::fs::create_dir(scene.folder.path().join("downloads")).unwrap();
    // A box that ends behind its file; and a picture that is not what it was, which only its checksum tells.
    scene.bend(1, 0);
    scene.bend(3, 9_000);
    std::fs::remove_file(scene.segment(4)).unwrap();
    let first = scene.get("download.mp4", &[]).await;
    assert_eq!(first.status, StatusCode::OK);
    assert!(!first.is_whole, "a picture that is not what was sent goes to nobody as if it were");
    let again = scene.get("download.mp4", &[]).await;
    assert!(again.is_whole);
    assert_ne!(again.header(header::ETAG), first.header(header::ETAG));
    let told = scene.get("download.json", &[]).await.json();
    let missing: Vec<u64> =
        told["missing"].as_array().unwrap().iter().filter_map(|one| one["segment"].as_u64()).collect();
    assert_eq!((&told["state"], missing), (&"READY".into(), vec![1, 3, 4]), "{told}");
    assert_eq!(told["bytes"], again.bytes.len());
    assert!(media(&again.bytes).len() < media(&whole.bytes).len());
    for msn in [0, 2, 5] {
        let segment = std::fs::read(scene.segment(msn)).unwrap();
        let found = media(&again.bytes).windows(100).any(|window| window == &segment[..100]);
        assert!(found, "segment {msn} is there");
    }
}

#[tokio::test]
async fn a_trim_is_another_file_and_what_is_deleted_goes() {
    let scene = scene(&[(0, 12)], 500);
    let whole = scene.get("download.mp4", &[]).await;
    scene.shows(Some(vec![Span { from_us: 2_000_000, to_us: 6_000_000 }]));
    let trimmed = scene.get("download.mp4", &[]).await;
    assert!(trimmed.bytes.len() < whole.bytes.len() / 2);
    assert_ne!(trimmed.header(header::ETAG), whole.header(header::ETAG));
    assert_eq!(scene.kept().len(), 1, "the one before is not kept");
    scene.node.core.downloads.tidy(&scene.node.core).await;
    assert_eq!(scene.kept().len(), 1);
    scene.stands(AssetStanding::Gone);
    assert_eq!(scene.get("download.mp4", &[]).await.status, StatusCode::NOT_FOUND);
    scene.node.core.downloads.tidy(&scene.node.core).await;
    assert!(scene.kept().is_empty());
}

/// Of what is asked of a process about itself: kilobytes.
fn memory(field: &str) -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix(field)).unwrap();
    line.trim_start_matches(':').trim().trim_end_matches(" kB").parse().unwrap()
}

/// The figure of docs/performance.md: 12 h of 30 pictures a second in parts of half a second.
#[tokio::test(flavor = "multi_thread")]
#[ignore = "a measurement; run it by hand on a quiet machine"]
async fn twelve_hours_are_made_in_little_memory() {
    let scene = scene(&[(0, 12 * 3_600)], 200);
    let live = scene.node.core.sessions.look_up(&scene.node.core, "se_1").await.unwrap().unwrap();
    let segments = live.read_recording(|recording| recording.pieces().len());
    // What was used so far is no part of the figure.
    std::fs::write("/proc/self/clear_refs", "5").unwrap();
    let (before, began) = (memory("VmRSS"), monotonic());
    let head = scene.get("download.mp4", &[(header::RANGE, "bytes=0-0")]).await;
    let took = began.elapsed();
    assert_eq!(head.status, StatusCode::PARTIAL_CONTENT);
    let grown = memory("VmHWM").saturating_sub(before);
    let entry = scene.folder.path().join("downloads").join(&scene.kept()[0]).join("1.head");
    let bytes = std::fs::metadata(entry).unwrap().len();
    let hours = SECOND * 12 * 3_600;
    eprintln!(
        "{segments} segments ({hours} ticks): a head of {bytes} bytes in {took:?}, {grown} kB more memory"
    );
    assert!(grown < 64 * 1_024, "it took {grown} kB");
}
