//! Warnings in the broadcaster's words: what is wrong, in numbers, and what mends it.

use std::collections::BTreeMap;
use std::fmt;

/// The names of all warnings. They are seen from outside and stay.
///
/// Each sentence is made of its data alone, so that it can be said in another language:
///
/// | name | data |
/// |---|---|
/// | `KEY_FRAME_INTERVAL_LONG` | `intervalMs`, `limitMs`, `suggestSeconds`, `mode` (0 NORMAL, 1 LOW, 2 ULTRA_LOW) |
/// | `BITRATE_UNSTABLE` | `lowestKbps`, `highestKbps`, `swingPercent` |
/// | `BITRATE_FALLING` | `nowKbps`, `usualKbps` |
/// | `FRAME_RATE_LOW` | `rateMilli`, `ownMilli` (pictures in 1,000 s), `droppedFrames` |
/// | `TIMESTAMPS_JUMP` | `byMs` (negative: back) |
/// | `NO_AUDIO` | `seconds` (without sound), `heard` (1: there was sound before) |
/// | `AUDIO_SILENT` | `seconds` |
/// | `AV_DRIFT` | `offsetMs` (positive: sound is ahead of its pictures) |
/// | `B_FRAMES` | `reorderMs` |
/// | `FALLING_BEHIND` | `behindMs`, `arrivesKbps`, `suggestKbps` |
/// | `UNUSUAL_CODEC` | `video` (0 none, 1 HEVC, 2 AV1, 3 10 bits, 4 4:2:2, 5 4:4:4, 6 interlaced, 7 open GOP), `audio` (0 none, 1 Opus) |
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum WarningName {
    /// Key frames are too far apart for the latency mode.
    KeyFrameIntervalLong,
    /// The bitrate swings.
    BitrateUnstable,
    /// The bitrate has fallen.
    BitrateFalling,
    /// Fewer pictures come than the feed's own rate.
    FrameRateLow,
    /// Timestamps jumped.
    TimestampsJump,
    /// No sound comes.
    NoAudio,
    /// The sound is digital silence.
    AudioSilent,
    /// Sound and pictures that arrive together do not belong together.
    AvDrift,
    /// Pictures are coded out of order, in ULTRA_LOW.
    BFrames,
    /// The feed falls behind real time.
    FallingBehind,
    /// A codec that many players cannot decode.
    UnusualCodec,
}

impl WarningName {
    /// All of them.
    pub const ALL: [Self; 11] = [
        Self::KeyFrameIntervalLong,
        Self::BitrateUnstable,
        Self::BitrateFalling,
        Self::FrameRateLow,
        Self::TimestampsJump,
        Self::NoAudio,
        Self::AudioSilent,
        Self::AvDrift,
        Self::BFrames,
        Self::FallingBehind,
        Self::UnusualCodec,
    ];

    /// As it is seen outside.
    pub fn code(self) -> &'static str {
        match self {
            Self::KeyFrameIntervalLong => "KEY_FRAME_INTERVAL_LONG",
            Self::BitrateUnstable => "BITRATE_UNSTABLE",
            Self::BitrateFalling => "BITRATE_FALLING",
            Self::FrameRateLow => "FRAME_RATE_LOW",
            Self::TimestampsJump => "TIMESTAMPS_JUMP",
            Self::NoAudio => "NO_AUDIO",
            Self::AudioSilent => "AUDIO_SILENT",
            Self::AvDrift => "AV_DRIFT",
            Self::BFrames => "B_FRAMES",
            Self::FallingBehind => "FALLING_BEHIND",
            Self::UnusualCodec => "UNUSUAL_CODEC",
        }
    }
}

/// The numbers that a warning's sentence is made of.
pub type Data = BTreeMap<&'static str, i64>;

/// What is wrong with a feed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Warning {
    /// Which rule says so.
    pub name: WarningName,
    /// A sentence with its mend, in English.
    pub message: String,
    /// The numbers in it. See [`WarningName`].
    pub data: Data,
}

impl Warning {
    pub(crate) fn new(name: WarningName, data: Data) -> Self {
        Self { name, message: sentence(name, &data), data }
    }
}

/// A warning that stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Standing {
    /// As it was raised.
    pub warning: Warning,
    /// When: microseconds since 1970.
    pub since_us: i64,
}

/// What became of a rule.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Change {
    /// It has been broken for long enough.
    Raised(Warning),
    /// It has been kept for long enough.
    Cleared(WarningName),
}

/// Thousandths as a decimal number: up to one digit behind the point.
struct Tenths(i64);

impl fmt::Display for Tenths {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let tenths = (self.0.unsigned_abs() + 50) / 100;
        match tenths % 10 {
            0 => write!(f, "{}", tenths / 10),
            digit => write!(f, "{}.{digit}", tenths / 10),
        }
    }
}

/// A bitrate in the unit that people say it in.
struct Rate(i64);

impl fmt::Display for Rate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0 < 1_000 { write!(f, "{} kbit/s", self.0) } else { write!(f, "{} Mbit/s", Tenths(self.0)) }
    }
}

fn sentence(name: WarningName, data: &Data) -> String {
    let number = |key: &str| data.get(key).copied().unwrap_or(0);
    match name {
        WarningName::KeyFrameIntervalLong => {
            let mode = [crate::Mode::Normal, crate::Mode::Low, crate::Mode::UltraLow]
                .into_iter()
                .find(|mode| *mode as i64 == number("mode"))
                .map_or("the latency mode", crate::Mode::words);
            format!(
                "Key frames come every {} s; {mode} needs {} s or less: in OBS set Keyframe Interval to {} s",
                Tenths(number("intervalMs")),
                Tenths(number("limitMs")),
                number("suggestSeconds")
            )
        }
        WarningName::BitrateUnstable => format!(
            "The bitrate swings between {} and {}, on which narrow lines stall: in OBS set Rate Control to CBR; where it is, \
             the network is unsteady: use a cable instead of Wi-Fi, or a lower bitrate",
            Rate(number("lowestKbps")),
            Rate(number("highestKbps"))
        ),
        WarningName::BitrateFalling => format!(
            "The bitrate fell to {} where {} was usual: see what else uses the network, or set a bitrate that it always carries",
            Rate(number("nowKbps")),
            Rate(number("usualKbps"))
        ),
        WarningName::FrameRateLow => format!(
            "{} frames a second come instead of {}: the encoder is overloaded; choose a faster encoder preset, or a lower \
             resolution or frame rate",
            Tenths(number("rateMilli")),
            Tenths(number("ownMilli"))
        ),
        WarningName::TimestampsJump => format!(
            "Timestamps jumped {} by {} s: frames were lost before they were sent, or the source began anew; if it comes again, \
             restart the encoder",
            if number("byMs") < 0 { "back" } else { "ahead" },
            Tenths(number("byMs"))
        ),
        WarningName::NoAudio if number("heard") != 0 => format!(
            "No sound has come for {} s: see that the source of sound still runs, and restart the stream",
            number("seconds")
        ),
        WarningName::NoAudio => {
            "No sound comes with the pictures: in OBS see that an audio track is chosen for streaming; \
             some players do not start without one"
                .to_owned()
        }
        WarningName::AudioSilent => format!(
            "The sound has been silent for {} s: see that nothing is muted in the encoder's mixer and that it records the right \
             device",
            number("seconds")
        ),
        WarningName::AvDrift => format!(
            "Sound comes {} s {} the pictures it belongs to: use one sampling rate (48 kHz) for all devices, set Sync Offset to 0 in \
             OBS, and restart the stream",
            Tenths(number("offsetMs")),
            if number("offsetMs") < 0 { "after" } else { "before" }
        ),
        WarningName::BFrames => format!(
            "Pictures wait {} ms for others (B-frames), which ultra-low latency cannot spare: in OBS set Max B-frames to 0, or Tune \
             to zerolatency",
            number("reorderMs")
        ),
        WarningName::FallingBehind => format!(
            "The feed is {} s behind real time and falls further back: network or encoder do not carry its bitrate; {} arrive, so \
             set {} or less",
            Tenths(number("behindMs")),
            Rate(number("arrivesKbps")),
            Rate(number("suggestKbps"))
        ),
        WarningName::UnusualCodec => {
            let video = match number("video") {
                1 => Some("HEVC plays in few browsers: set the video encoder to H.264"),
                2 => Some("AV1 does not play on many devices: set the video encoder to H.264"),
                3 => Some(
                    "Pictures of 10 bits do not play in browsers: set the color format to NV12 and the profile to high",
                ),
                4 => Some(
                    "4:2:2 pictures do not play in browsers: set the color format to NV12 and the profile to high",
                ),
                5 => Some(
                    "4:4:4 pictures do not play in browsers: set the color format to NV12 and the profile to high",
                ),
                6 => Some(
                    "The video is coded as interlaced, which shows combs in browsers: set the encoder to progressive, or deinterlace the source",
                ),
                7 => Some(
                    "Key frames are of open GOPs, at which viewers cannot join cleanly: set closed GOPs (x264: open-gop=0)",
                ),
                _ => None,
            };
            let audio = (number("audio") == 1)
                .then_some("Opus is silent in some players: set the audio encoder to AAC");
            let both: Vec<&str> = video.into_iter().chain(audio).collect();
            both.join(". ")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_sentence_names_the_number_and_the_mend() {
        let data =
            Data::from([("intervalMs", 8_333), ("limitMs", 2_000), ("suggestSeconds", 1), ("mode", 2)]);
        assert_eq!(
            Warning::new(WarningName::KeyFrameIntervalLong, data).message,
            "Key frames come every 8.3 s; ultra-low latency needs 2 s or less: in OBS set Keyframe Interval to 1 s"
        );
        let data = Data::from([("nowKbps", 940), ("usualKbps", 4_460)]);
        let message = Warning::new(WarningName::BitrateFalling, data).message;
        assert!(
            message.starts_with("The bitrate fell to 940 kbit/s where 4.5 Mbit/s was usual: "),
            "{message}"
        );
    }

    #[test]
    fn codes_are_plain_names_within_the_stores_limits() {
        for name in WarningName::ALL {
            let code = name.code();
            assert!(
                code.len() <= 40 && code.bytes().all(|byte| byte.is_ascii_uppercase() || byte == b'_'),
                "{code}"
            );
        }
    }
}
