//! A broadcaster whose every fault can be chosen, before a meter and its rules.

use bytes::Bytes;
use sigma_elementary::{AccessUnit, AudioCodec, AudioConfig, Media, VideoCodec, VideoConfig};
use sigma_health::{Change, Meter, Mode, Rules, Sample, Thresholds, WarningName};

/// Written by x264: 1280×720 at 30 frames a second.
const AVC_720P: &str = "0142c01fffe100176742c01fda014016ec0440000003004000000f03c60ca801000468ce0fc8";
const AVC_1080I: &str = "014d4028ffe10019674d4028f403c0227ef011000003000100000300321f162ea001000468de0fc8";
const HEVC: &str = "0101600000009000000000007bf000fcfdf8f800000f03a00001001840010c01ffff0160000003009000000300\
    0003007b959409a10001002b42010101600000030090000003000003007ba003c0801107cb965654a4c2f01680\
    80000003008000001904a2000100064401c073c189";

const START_US: i64 = 1_700_000_000_000_000;

fn hex(text: &str) -> Bytes {
    let digits: Vec<u8> =
        text.bytes().filter_map(|digit| (digit as char).to_digit(16)).map(|digit| digit as u8).collect();
    digits.chunks(2).map(|pair| pair[0] << 4 | pair[1]).collect::<Vec<u8>>().into()
}

pub(crate) fn h264() -> VideoConfig {
    VideoConfig::parse(VideoCodec::H264, hex(AVC_720P)).expect("a configuration")
}

/// The same with another profile_idc.
pub(crate) fn h264_of_profile(profile: u8) -> VideoConfig {
    let mut record = hex(AVC_720P).to_vec();
    record[1] = profile;
    VideoConfig::parse(VideoCodec::H264, record.into()).expect("a configuration")
}

pub(crate) fn interlaced() -> VideoConfig {
    VideoConfig::parse(VideoCodec::H264, hex(AVC_1080I)).expect("a configuration")
}

pub(crate) fn hevc() -> VideoConfig {
    VideoConfig::parse(VideoCodec::Hevc, hex(HEVC)).expect("a configuration")
}

pub(crate) fn aac() -> AudioConfig {
    AudioConfig::parse(AudioCodec::Aac, vec![0x11, 0x90].into()).expect("a configuration")
}

pub(crate) fn opus() -> AudioConfig {
    AudioConfig::parse(AudioCodec::Opus, hex("00 02 0138 0000bb80 0000 00")).expect("a configuration")
}

/// A frame that says something.
pub(crate) fn sound(bytes: usize) -> Bytes {
    (0..bytes).map(|number| (number * 7_919 % 251) as u8).collect::<Vec<u8>>().into()
}

/// What the broadcaster sends. Times are milliseconds of media.
#[derive(Clone)]
pub(crate) struct Shape {
    pub(crate) video: Option<VideoConfig>,
    pub(crate) audio: Option<AudioConfig>,
    pub(crate) frames: i64,
    pub(crate) key_every_ms: i64,
    /// Bytes of a picture, by the second of media.
    pub(crate) picture: fn(i64) -> usize,
    pub(crate) frame: Bytes,
    /// Whether the encoder keeps a picture, by its number.
    pub(crate) keeps: fn(i64) -> bool,
    /// How much later each picture is shown, by its number.
    pub(crate) composition_ms: fn(i64) -> i64,
    /// What the sound's timestamps are off by.
    pub(crate) audio_off_ms: i64,
    /// How quickly media arrives, in hundredths of real time.
    pub(crate) speed: i64,
}

impl Shape {
    /// 720p30 and AAC in stereo, a key frame a second, 2.4 Mbit/s and 128 kbit/s.
    pub(crate) fn good() -> Self {
        Self {
            video: Some(h264()),
            audio: Some(aac()),
            frames: 30,
            key_every_ms: 1_000,
            picture: |_| 10_000,
            frame: sound(341),
            keeps: |_| true,
            composition_ms: |_| 0,
            audio_off_ms: 0,
            speed: 100,
        }
    }
}

/// A session's meter and rules, and all that they said.
pub(crate) struct Studio {
    pub(crate) meter: Meter,
    pub(crate) rules: Rules,
    pub(crate) now_us: i64,
    /// Of the feed on air: milliseconds of media so far.
    media_ms: i64,
    /// What its timestamps begin with.
    pub(crate) epoch_ticks: i64,
    pictures: i64,
    pub(crate) samples: Vec<Sample>,
    pub(crate) said: Vec<(i64, Change)>,
}

impl Studio {
    pub(crate) fn of(mode: Mode) -> Self {
        Self::with(mode, Thresholds::default())
    }

    pub(crate) fn with(mode: Mode, thresholds: Thresholds) -> Self {
        Self {
            meter: Meter::new(&thresholds, START_US),
            rules: Rules::new(mode, thresholds),
            now_us: START_US,
            media_ms: 0,
            epoch_ticks: 0,
            pictures: 0,
            samples: Vec::new(),
            said: Vec::new(),
        }
    }

    /// Seconds since the beginning.
    pub(crate) fn second(&self) -> i64 {
        (self.now_us - START_US) / 1_000_000
    }

    pub(crate) fn begin(&mut self, shape: &Shape) {
        self.meter.feed_began(self.now_us);
        self.media_ms = 0;
        self.pictures = 0;
        self.describe(shape);
    }

    pub(crate) fn describe(&mut self, shape: &Shape) {
        if let Some(config) = &shape.video {
            self.meter.push(self.now_us, &Media::VideoConfig(config.clone()));
        }
        if let Some(config) = &shape.audio {
            self.meter.push(self.now_us, &Media::AudioConfig(config.clone()));
        }
    }

    /// Time passes without media.
    pub(crate) fn wait(&mut self, ms: i64) {
        let until = self.now_us + ms * 1_000;
        while self.now_us < until {
            self.now_us = (self.now_us + 100_000).min(until);
            self.tick();
        }
    }

    fn tick(&mut self) {
        if let Some(observed) = self.meter.tick(self.now_us, 0) {
            self.samples.push(observed.sample);
            let second = self.second();
            self.said.extend(self.rules.judge(&observed).into_iter().map(|change| (second, change)));
        }
    }

    /// The encoder's timestamps jump.
    pub(crate) fn jump(&mut self, ms: i64) {
        self.epoch_ticks += ms * 90;
    }

    /// The feed goes on for so many milliseconds of media.
    pub(crate) fn play(&mut self, ms: i64, shape: &Shape) {
        let (from, until) = (self.media_ms, self.media_ms + ms);
        let began = self.now_us;
        // Milliseconds as RTMP counts them.
        let mut units: Vec<(i64, bool, i64)> = Vec::new();
        if shape.video.is_some() {
            units.extend(
                (0..)
                    .map(|n| (from + (n * 1_000 + shape.frames / 2) / shape.frames, true, n))
                    .take_while(|u| u.0 < until),
            );
        }
        if shape.audio.is_some() {
            units.extend((0..).map(|n| (from + n * 1_024 / 48, false, n)).take_while(|u| u.0 < until));
        }
        units.sort();
        let mut next_key = from;
        for (at, video, _) in units {
            self.arrive(began + (at - from) * 1_000 * 100 / shape.speed);
            let ticks = |ms: i64| self.epoch_ticks + ms * 90;
            if !video {
                let time = ticks(at + shape.audio_off_ms);
                self.meter.push(
                    self.now_us,
                    &Media::Audio(AccessUnit { dts: time, pts: time, key: true, data: shape.frame.clone() }),
                );
                continue;
            }
            self.pictures += 1;
            let key = at >= next_key;
            if key {
                next_key += shape.key_every_ms;
            }
            if (shape.keeps)(self.pictures) || key {
                let dts = ticks(at);
                let pts = dts + (shape.composition_ms)(self.pictures) * 90;
                let data = sound((shape.picture)(at / 1_000));
                self.meter.push(self.now_us, &Media::Video(AccessUnit { dts, pts, key, data }));
            }
        }
        self.arrive(began + ms * 1_000 * 100 / shape.speed);
        self.media_ms = until;
    }

    fn arrive(&mut self, at_us: i64) {
        while self.now_us < at_us {
            self.now_us = (self.now_us + 100_000).min(at_us);
            self.tick();
        }
    }

    pub(crate) fn last(&self) -> Sample {
        *self.samples.last().expect("a sample")
    }

    /// The names that stand.
    pub(crate) fn standing(&self) -> Vec<WarningName> {
        self.rules.standing().iter().map(|standing| standing.warning.name).collect()
    }

    /// The warnings' sentences, as they were raised.
    pub(crate) fn messages(&self) -> Vec<String> {
        let raised = self.said.iter().filter_map(|(_, change)| match change {
            Change::Raised(warning) => Some(warning.message.clone()),
            Change::Cleared(_) => None,
        });
        raised.collect()
    }

    /// When a warning of this name was raised for the first time.
    pub(crate) fn raised_at(&self, name: WarningName) -> Option<i64> {
        self.said.iter().find_map(|(second, change)| match change {
            Change::Raised(warning) if warning.name == name => Some(*second),
            _ => None,
        })
    }

    /// When it was cleared for the first time.
    pub(crate) fn cleared_at(&self, name: WarningName) -> Option<i64> {
        self.said.iter().find_map(|(second, change)| (*change == Change::Cleared(name)).then_some(*second))
    }
}
