//! What ffmpeg makes of it: real encoders in, a real demuxer and decoder out.

use std::path::Path;
use std::process::Command;

use bytes::Bytes;
use sigma_elementary::{AccessUnit, AudioCodec, AudioConfig, Media, VideoCodec, VideoConfig};
use sigma_packager::{Output, Settings};

use crate::feed::package;
use crate::inspect::{assert_rules, read};

/// Runs a tool and answers what it printed; anything on standard error is a complaint.
pub(crate) fn run(program: &str, arguments: &[&str]) -> String {
    let output = Command::new(program).args(arguments).output().expect("ffmpeg is installed");
    let complaints = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && complaints.trim().is_empty(), "{program} {arguments:?}: {complaints}");
    String::from_utf8(output.stdout).unwrap()
}

/// Reads ffmpeg's FLV: as much of the format as it writes for H.264 and AAC.
fn flv(file: &[u8]) -> Vec<Media> {
    let mut media = Vec::new();
    let mut rest = &file[13..];
    let mut nal_config = None;
    while rest.len() >= 15 {
        let size = u32::from_be_bytes([0, rest[1], rest[2], rest[3]]) as usize;
        let ms = i64::from(u32::from_be_bytes([rest[7], rest[4], rest[5], rest[6]]));
        let body = &rest[11..11 + size];
        let dts = ms * 90;
        match (rest[0], body[1]) {
            (9, 0) => {
                let record = Bytes::copy_from_slice(&body[5..]);
                let config = VideoConfig::parse(VideoCodec::H264, record).unwrap();
                nal_config = Some(config.clone());
                media.push(Media::VideoConfig(config));
            }
            (9, 1) => {
                let offset = i64::from(i32::from_be_bytes([body[2], body[3], body[4], 0]) >> 8) * 90;
                let data = Bytes::copy_from_slice(&body[5..]);
                let key = body[0] >> 4 == 1;
                assert!(nal_config.is_some());
                media.push(Media::Video(AccessUnit { dts, pts: dts + offset, key, data }));
            }
            (8, 0) => {
                let record = Bytes::copy_from_slice(&body[2..]);
                media.push(Media::AudioConfig(AudioConfig::parse(AudioCodec::Aac, record).unwrap()));
            }
            (8, 1) => {
                let data = Bytes::copy_from_slice(&body[2..]);
                media.push(Media::Audio(AccessUnit { dts, pts: dts, key: true, data }));
            }
            _ => {}
        }
        rest = &rest[11 + size + 4..];
    }
    media
}

/// Encodes `seconds` of a test picture and a tone.
pub(crate) fn encode(folder: &Path, rate: &str, seconds: u32, video: &[&str]) -> Vec<Media> {
    let file = folder.join("source.flv");
    let picture = format!("testsrc2=size=320x180:rate={rate}");
    let length = seconds.to_string();
    let mut arguments = vec!["-y", "-v", "error", "-f", "lavfi", "-i", &picture];
    arguments.extend(["-f", "lavfi", "-i", "sine=frequency=440:sample_rate=48000", "-t", &length]);
    arguments.extend(["-c:v", "libx264", "-pix_fmt", "yuv420p"]);
    arguments.extend(video);
    arguments.extend(["-c:a", "aac", "-ac", "2", file.to_str().unwrap()]);
    run("ffmpeg", &arguments);
    flv(&std::fs::read(file).unwrap())
}

fn write_file(path: &Path, outputs: &[Output]) {
    let mut bytes = Vec::new();
    for output in outputs {
        match output {
            Output::Init(init) => bytes.extend_from_slice(&init.bytes),
            Output::Part(part) => part.bytes.iter().for_each(|slice| bytes.extend_from_slice(slice)),
            _ => {}
        }
    }
    std::fs::write(path, bytes).unwrap();
}

/// (pts, dts) of each packet of a stream, in its timescale.
fn packets(path: &Path, stream: &str) -> Vec<(i64, i64)> {
    let path = path.to_str().unwrap();
    let entries = "packet=pts,dts";
    let arguments =
        ["-v", "error", "-select_streams", stream, "-show_entries", entries, "-of", "csv=p=0", path];
    let text = run("ffprobe", &arguments);
    let number = |text: &str| text.parse::<i64>().unwrap();
    text.lines()
        .map(|line| line.trim_end_matches(','))
        .filter_map(|line| line.split_once(','))
        .map(|(pts, dts)| (number(pts), number(dts)))
        .collect()
}

pub(crate) fn frames_decoded(path: &Path, stream: &str) -> usize {
    let path = path.to_str().unwrap();
    let arguments = [
        "-v",
        "error",
        "-count_frames",
        "-select_streams",
        stream,
        "-show_entries",
        "stream=nb_read_frames",
        "-of",
        "csv=p=0",
        path,
    ];
    run("ffprobe", &arguments).trim().trim_end_matches(',').parse().unwrap()
}

#[test]
fn ffmpeg_decodes_every_frame_with_its_timestamps() {
    for (rate, video) in [
        ("30", &["-preset", "ultrafast", "-g", "30"][..]),
        ("30000/1001", &["-preset", "veryfast", "-bf", "3", "-g", "60"][..]),
    ] {
        let folder = tempfile::tempdir().unwrap();
        let media = encode(folder.path(), rate, 5, video);
        let outputs = package(Settings::ULTRA_LOW, media.clone());
        assert_rules(&read(&outputs), 45_000);
        let file = folder.path().join("packaged.mp4");
        write_file(&file, &outputs);

        let units = |video: bool| -> Vec<&AccessUnit> {
            let units = media.iter().filter_map(|media| match media {
                Media::Video(unit) if video => Some(unit),
                Media::Audio(unit) if !video => Some(unit),
                _ => None,
            });
            units.collect()
        };
        let pictures = units(true);
        let origin = pictures[0].dts;
        let expected: Vec<(i64, i64)> =
            pictures.iter().map(|unit| (unit.pts - origin, unit.dts - origin)).collect();
        assert_eq!(packets(&file, "v:0"), expected, "at {rate}");
        assert_eq!(frames_decoded(&file, "v:0"), pictures.len(), "at {rate}");

        let sounds: Vec<&AccessUnit> = units(false).into_iter().filter(|unit| unit.pts >= origin).collect();
        let found = packets(&file, "a:0");
        assert_eq!(found.len(), sounds.len());
        for (unit, (pts, _)) in sounds.iter().zip(found) {
            let off = pts * 90_000 / 48_000 - (unit.pts - origin);
            assert!(off.abs() <= 2 * 90, "sound {off} ticks off at {rate}");
        }
        // The decoder of Debian's ffmpeg counts the priming frame or not.
        assert!(frames_decoded(&file, "a:0").abs_diff(sounds.len()) <= 1);
    }
}

#[test]
fn ffmpeg_reads_a_segment_by_itself_behind_its_init_section() {
    let folder = tempfile::tempdir().unwrap();
    let media = encode(folder.path(), "25", 6, &["-preset", "ultrafast", "-g", "50"]);
    let outputs = package(Settings::LOW, media);
    let init = outputs.iter().position(|output| matches!(output, Output::Init(_))).unwrap();
    let ends: Vec<usize> = outputs
        .iter()
        .enumerate()
        .filter_map(|(index, output)| matches!(output, Output::SegmentEnd(_)).then_some(index))
        .collect();
    let second = [&outputs[init..=init], &outputs[ends[0]..ends[1]]].concat();
    let file = folder.path().join("second.mp4");
    write_file(&file, &second);
    assert_eq!(frames_decoded(&file, "v:0"), 50);
    let path = file.to_str().unwrap();
    run("ffmpeg", &["-v", "error", "-xerror", "-i", path, "-f", "null", "-"]);
}

#[test]
fn ffmpeg_stands_stretches_without_a_frame() {
    let folder = tempfile::tempdir().unwrap();
    let mut media = encode(folder.path(), "1", 8, &["-preset", "ultrafast", "-g", "2"]);
    media.retain(|media| !matches!(media, Media::Audio(_) | Media::AudioConfig(_)));
    let outputs = package(Settings::ULTRA_LOW, media);
    let empty = outputs.iter().filter(|output| matches!(output, Output::Part(part) if part.video_units == 0));
    assert!(empty.count() >= 6);
    let file = folder.path().join("slow.mp4");
    write_file(&file, &outputs);
    assert_eq!(frames_decoded(&file, "v:0"), 8);
}
