//! Synthetic feeds: real decoder configurations, made-up pictures.

use bytes::Bytes;
use sigma_elementary::{AccessUnit, AudioCodec, AudioConfig, Media, VideoCodec, VideoConfig};
use sigma_packager::{Output, Packager};

pub(crate) const SECOND: i64 = 90_000;
pub(crate) const MS: i64 = 90;

/// Written by x264: 1280×720 at 30 frames a second.
const AVC_720P: &str = "0142c01fffe100176742c01fda014016ec0440000003004000000f03c60ca801000468ce0fc8";
const AVC_360P: &str = "0142c01effe100176742c01eda0280bfe5c04400000fa40003a9803c58ba8001000468ce0fc8";
const HEVC: &str = "0101600000009000000000007bf000fcfdf8f800000f03a00001001840010c01ffff0160000003009000000300\
    0003007b959409a10001002b42010101600000030090000003000003007ba003c0801107cb965654a4c2f01680\
    80000003008000001904a2000100064401c073c189";
const AV1: &str = "81010c000a0b0000000cc4ff6700be0010";

pub(crate) fn hex(text: &str) -> Bytes {
    let digits: Vec<u8> =
        text.bytes().filter_map(|digit| (digit as char).to_digit(16)).map(|digit| digit as u8).collect();
    digits.chunks(2).map(|pair| pair[0] << 4 | pair[1]).collect::<Vec<u8>>().into()
}

pub(crate) fn h264() -> VideoConfig {
    VideoConfig::parse(VideoCodec::H264, hex(AVC_720P)).unwrap()
}

pub(crate) fn h264_small() -> VideoConfig {
    VideoConfig::parse(VideoCodec::H264, hex(AVC_360P)).unwrap()
}

pub(crate) fn hevc() -> VideoConfig {
    VideoConfig::parse(VideoCodec::Hevc, hex(HEVC)).unwrap()
}

pub(crate) fn av1() -> VideoConfig {
    VideoConfig::parse(VideoCodec::Av1, hex(AV1)).unwrap()
}

pub(crate) fn aac(rate: u32) -> AudioConfig {
    let index =
        [96_000, 88_200, 64_000, 48_000, 44_100, 32_000, 24_000].iter().position(|r| *r == rate).unwrap();
    let bits = 2u16 << 11 | (index as u16) << 7 | 2 << 3;
    AudioConfig::parse(AudioCodec::Aac, bits.to_be_bytes().to_vec().into()).unwrap()
}

pub(crate) fn opus() -> AudioConfig {
    AudioConfig::parse(AudioCodec::Opus, hex("00 02 0138 0000bb80 0000 00")).unwrap()
}

/// What a picture is, to the codec.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Picture {
    Idr,
    Recovery,
    Inter,
}

/// A length-prefixed H.264 picture that carries its number.
pub(crate) fn picture(kind: Picture, number: u32) -> Bytes {
    let slice: &[u8] = match kind {
        Picture::Idr => &[0x65],
        _ => &[0x41],
    };
    let mut data = Vec::new();
    if kind == Picture::Recovery {
        data.extend_from_slice(&[0, 0, 0, 5, 6, 6, 1, 0xc4, 0x80]);
    }
    data.extend_from_slice(&(slice.len() as u32 + 4).to_be_bytes());
    data.extend_from_slice(slice);
    data.extend_from_slice(&number.to_be_bytes());
    data.into()
}

pub(crate) fn video(dts: i64, pts: i64, kind: Picture, number: u32) -> Media {
    Media::Video(AccessUnit { dts, pts, key: kind != Picture::Inter, data: picture(kind, number) })
}

pub(crate) fn audio(pts: i64, number: u32) -> Media {
    let mut data = vec![0xfc, 0xff];
    data.extend_from_slice(&number.to_be_bytes());
    Media::Audio(AccessUnit { dts: pts, pts, key: true, data: data.into() })
}

/// A steady broadcast: which frames come when.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Broadcast {
    /// Frames a second, as a fraction. None: no video.
    pub(crate) rate: Option<(i64, i64)>,
    /// Frames between key frames. None: only the first.
    pub(crate) gop: Option<u32>,
    pub(crate) audio_rate: Option<u32>,
    pub(crate) start: i64,
    pub(crate) length: i64,
    /// Timestamps in whole milliseconds, as RTMP has them.
    pub(crate) milliseconds: bool,
}

impl Broadcast {
    pub(crate) const fn new(rate: (i64, i64), gop: u32) -> Self {
        Self {
            rate: Some(rate),
            gop: Some(gop),
            audio_rate: Some(48_000),
            start: 0,
            length: 30 * SECOND,
            milliseconds: true,
        }
    }

    pub(crate) fn starting(self, start: i64) -> Self {
        Self { start, ..self }
    }

    pub(crate) fn lasting(self, length: i64) -> Self {
        Self { length, ..self }
    }

    /// All access units in the order in which an encoder interleaves them, without configurations.
    pub(crate) fn units(&self) -> Vec<Media> {
        let rounded =
            |ticks: i64| if self.milliseconds { (ticks + MS / 2).div_euclid(MS) * MS } else { ticks };
        let mut units = Vec::new();
        if let Some((frames, seconds)) = self.rate {
            for number in 0.. {
                let at = i64::from(number) * SECOND * seconds / frames;
                if at >= self.length {
                    break;
                }
                let key = self.gop.map_or(number == 0, |gop| number % gop == 0);
                let kind = if key { Picture::Idr } else { Picture::Inter };
                let dts = rounded(self.start + at);
                units.push((dts, video(dts, dts + 2 * SECOND * seconds / frames, kind, number)));
            }
        }
        if let Some(rate) = self.audio_rate {
            for number in 0.. {
                let at = i64::from(number) * 1_024 * SECOND / i64::from(rate);
                if at >= self.length {
                    break;
                }
                let pts = rounded(self.start + at);
                units.push((pts, audio(pts, number)));
            }
        }
        units.sort_by_key(|(at, _)| *at);
        units.into_iter().map(|(_, media)| media).collect()
    }

    /// The configurations, then all units.
    pub(crate) fn media(&self) -> Vec<Media> {
        let mut media = Vec::new();
        if self.rate.is_some() {
            media.push(Media::VideoConfig(h264()));
        }
        if let Some(rate) = self.audio_rate {
            media.push(Media::AudioConfig(aac(rate)));
        }
        media.extend(self.units());
        media
    }
}

/// Arrival in microseconds: a unit arrives when its time has come, a second after the beginning of 2026 or so.
pub(crate) const EPOCH_US: i64 = 1_767_225_600_000_000;

pub(crate) fn push_all(packager: &mut Packager, media: impl IntoIterator<Item = Media>) -> Vec<Output> {
    let mut outputs = Vec::new();
    for media in media {
        let time = match &media {
            Media::Video(unit) | Media::Audio(unit) => unit.dts,
            _ => 0,
        };
        outputs.extend(packager.push(EPOCH_US + time.clamp(0, 1 << 50) * 100 / 9, media));
    }
    outputs
}

pub(crate) fn package(
    settings: sigma_packager::Settings,
    media: impl IntoIterator<Item = Media>,
) -> Vec<Output> {
    let mut packager = Packager::new(settings);
    let mut outputs = push_all(&mut packager, media);
    outputs.extend(packager.finish());
    outputs
}
