//! A made-up broadcast of fixed size: 720p30 at 2.5 Mbit/s with a key frame a second, AAC at 48 kHz.

use bytes::Bytes;
use sigma_elementary::{AccessUnit, AudioCodec, AudioConfig, Media, VideoCodec, VideoConfig};

/// Written by x264: 1280×720 at 30 frames a second.
const AVC: &[u8] =
    b"\x01\x42\xc0\x1f\xff\xe1\x00\x17\x67\x42\xc0\x1f\xda\x01\x40\x16\xec\x04\x40\x00\x00\x03\x00\x40\x00\
    \x00\x0f\x03\xc6\x0c\xa8\x01\x00\x04\x68\xce\x0f\xc8";

/// AAC-LC, 48 kHz, stereo.
const AAC: &[u8] = &[0x11, 0x90];

const RATE: u32 = 30;
const KEY_BYTES: usize = 40_000;
const PICTURE_BYTES: usize = 9_400;
const AUDIO_BYTES: usize = 340;
/// Ticks of a millisecond.
const TICKS: i64 = sigma_elementary::CLOCK as i64 / 1_000;
/// 2026-01-01T00:00:00Z.
const EPOCH_US: i64 = 1_767_225_600_000_000;

struct Unit {
    video: bool,
    key: bool,
    at_ms: u32,
    data: Bytes,
}

/// Pictures and sound in the order in which an encoder interleaves them.
fn units(seconds: u32) -> Vec<Unit> {
    let pictures = (0..seconds * RATE).map(|number| {
        let key = number % RATE == 0;
        let length = if key { KEY_BYTES } else { PICTURE_BYTES };
        let mut data = (length as u32).to_be_bytes().to_vec();
        data.push(if key { 0x65 } else { 0x41 });
        data.extend_from_slice(&super::noise(length - 1, number));
        Unit { video: true, key, at_ms: number * 1_000 / RATE, data: data.into() }
    });
    let frames = seconds * 48_000 / 1_024;
    let sound = (0..frames).map(|number| Unit {
        video: false,
        key: true,
        at_ms: number * 1_024 / 48,
        data: super::noise(AUDIO_BYTES, number),
    });
    let mut all: Vec<Unit> = pictures.chain(sound).collect();
    all.sort_by_key(|unit| unit.at_ms);
    all
}

/// As the packager takes it, with the time of arrival.
pub(crate) fn media(seconds: u32) -> Vec<(i64, Media)> {
    let video = VideoConfig::parse(VideoCodec::H264, Bytes::from_static(AVC)).map(Media::VideoConfig);
    let audio = AudioConfig::parse(AudioCodec::Aac, Bytes::from_static(AAC)).map(Media::AudioConfig);
    let configurations = video.into_iter().chain(audio).map(|config| (EPOCH_US, config));
    let units = units(seconds).into_iter().map(|Unit { video, key, at_ms, data }| {
        let at = i64::from(at_ms);
        let unit = AccessUnit { dts: at * TICKS, pts: at * TICKS, key, data };
        (EPOCH_US + at * 1_000, if video { Media::Video(unit) } else { Media::Audio(unit) })
    });
    configurations.chain(units).collect()
}

/// As RTMP carries it: kind, time, body (FLV 10.1 §E.4.2, §E.4.3).
pub(crate) fn messages(seconds: u32) -> Vec<(u8, u32, Vec<u8>)> {
    const AUDIO: u8 = 8;
    const VIDEO: u8 = 9;
    let configurations =
        [(VIDEO, 0, [&[0x17, 0, 0, 0, 0], AVC].concat()), (AUDIO, 0, [&[0xAF, 0], AAC].concat())];
    let units = units(seconds).into_iter().map(|unit| match unit.video {
        true => {
            let head = if unit.key { 0x17 } else { 0x27 };
            (VIDEO, unit.at_ms, [&[head, 1, 0, 0, 0], &unit.data[..]].concat())
        }
        false => (AUDIO, unit.at_ms, [&[0xAF, 1], &unit.data[..]].concat()),
    });
    configurations.into_iter().chain(units).collect()
}
