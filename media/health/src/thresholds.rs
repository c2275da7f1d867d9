//! What counts as bad, each a number with a name that an operator can set.

use std::ops::RangeInclusive;

/// How far behind viewers are to be: some rules are stricter the nearer they are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// 20 to 30 s behind.
    Normal = 0,
    /// 8 to 10 s behind.
    Low = 1,
    /// About 2 s behind.
    UltraLow = 2,
}

impl Mode {
    /// As a sentence has it.
    pub(crate) fn words(self) -> &'static str {
        match self {
            Self::Normal => "normal latency",
            Self::Low => "low latency",
            Self::UltraLow => "ultra-low latency",
        }
    }

    /// Segments are whole GOPs: key frames further apart than the mode's segments make them longer.
    pub(crate) fn key_frame_interval_s(self) -> u32 {
        match self {
            Self::Normal => 6,
            Self::Low | Self::UltraLow => 2,
        }
    }
}

/// What a threshold is counted in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unit {
    /// Whole seconds.
    Seconds,
    /// Milliseconds.
    Milliseconds,
    /// Hundredths.
    Percent,
    /// Bytes.
    Bytes,
    /// 0: off, 1: on.
    Switch,
}

/// One threshold as a setting. [`THRESHOLDS`] lists all of them.
#[derive(Debug, Clone)]
pub struct Threshold {
    /// The setting's name, e.g. `health-behind`.
    pub name: &'static str,
    /// What it is counted in.
    pub unit: Unit,
    /// What it may be.
    pub range: RangeInclusive<u32>,
    /// What it is unless set; none: the latency mode says.
    pub default: Option<u32>,
    /// A sentence for the settings' help.
    pub help: &'static str,
    /// Sets it. The caller keeps to the range.
    pub set: fn(&mut Thresholds, u32),
    /// What it is; none: the latency mode says.
    pub get: fn(&Thresholds) -> Option<u32>,
}

/// What the rules hold a feed against.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Thresholds {
    /// How far apart key frames may be, in seconds. None: 2 in ULTRA_LOW and LOW, 6 in NORMAL.
    pub key_frame_interval_s: Option<u32>,
    /// How far the bitrate may swing to and fro within 30 s, in hundredths of its mean.
    pub bitrate_swing_percent: u32,
    /// How far the bitrate may fall below what was usual in the last 5 min, in hundredths of it.
    pub bitrate_fall_percent: u32,
    /// How far the frame rate may be below the feed's own, in hundredths of it.
    pub frame_rate_loss_percent: u32,
    /// How far timestamps may step ahead of the wall clock, in milliseconds.
    pub timestamp_gap_ms: u32,
    /// For how long pictures may come without sound, in seconds.
    pub no_audio_s: u32,
    /// A frame of sound that says no more than so many bytes a channel is silence.
    pub silent_frame_bytes: u32,
    /// How far the decoding times of sound and pictures that arrive together may be apart, in milliseconds.
    pub av_offset_ms: u32,
    /// How long a picture may wait for others that are coded before it, in milliseconds. ULTRA_LOW only.
    pub reorder_ms: u32,
    /// How far a feed may fall behind real time, in milliseconds.
    pub behind_ms: u32,
    /// Whether codecs that many players cannot decode are warned of.
    pub unusual_codec: bool,
    /// For how long something must be wrong before it is warned of, in seconds.
    pub raise_after_s: u32,
    /// For how long all must be well before a warning is cleared, in seconds.
    pub clear_after_s: u32,
}

impl Default for Thresholds {
    fn default() -> Self {
        let mut thresholds = Self {
            key_frame_interval_s: None,
            bitrate_swing_percent: 0,
            bitrate_fall_percent: 0,
            frame_rate_loss_percent: 0,
            timestamp_gap_ms: 0,
            no_audio_s: 0,
            silent_frame_bytes: 0,
            av_offset_ms: 0,
            reorder_ms: 0,
            behind_ms: 0,
            unusual_codec: false,
            raise_after_s: 0,
            clear_after_s: 0,
        };
        for threshold in THRESHOLDS {
            if let Some(default) = threshold.default {
                (threshold.set)(&mut thresholds, default);
            }
        }
        thresholds
    }
}

/// Every threshold, in the order in which settings list them. The one home of their defaults.
pub const THRESHOLDS: &[Threshold] = &[
    Threshold {
        name: "health-key-frame-interval",
        unit: Unit::Seconds,
        range: 1..=60,
        default: None,
        help: "How far apart key frames may be before it is warned of; unless set, 2 s in ULTRA_LOW and LOW, 6 s in NORMAL.",
        set: |thresholds, value| thresholds.key_frame_interval_s = Some(value),
        get: |thresholds| thresholds.key_frame_interval_s,
    },
    Threshold {
        name: "health-bitrate-swing",
        unit: Unit::Percent,
        range: 10..=1_000,
        default: Some(80),
        help: "How far a feed's bitrate may swing to and fro within 30 s, in percent of its mean.",
        set: |thresholds, value| thresholds.bitrate_swing_percent = value,
        get: |thresholds| Some(thresholds.bitrate_swing_percent),
    },
    Threshold {
        name: "health-bitrate-fall",
        unit: Unit::Percent,
        range: 10..=95,
        default: Some(50),
        help: "How far a feed's bitrate may fall below what was usual in the last 5 minutes, in percent of that.",
        set: |thresholds, value| thresholds.bitrate_fall_percent = value,
        get: |thresholds| Some(thresholds.bitrate_fall_percent),
    },
    Threshold {
        name: "health-frame-rate-loss",
        unit: Unit::Percent,
        range: 1..=90,
        default: Some(10),
        help: "How far a feed's frame rate may be below its own, in percent of that.",
        set: |thresholds, value| thresholds.frame_rate_loss_percent = value,
        get: |thresholds| Some(thresholds.frame_rate_loss_percent),
    },
    Threshold {
        name: "health-timestamp-gap",
        unit: Unit::Milliseconds,
        range: 100..=10_000,
        default: Some(2_000),
        help: "How far a feed's timestamps may step ahead of the wall clock.",
        set: |thresholds, value| thresholds.timestamp_gap_ms = value,
        get: |thresholds| Some(thresholds.timestamp_gap_ms),
    },
    Threshold {
        name: "health-no-audio",
        unit: Unit::Seconds,
        range: 1..=60,
        default: Some(3),
        help: "For how long pictures may come without sound.",
        set: |thresholds, value| thresholds.no_audio_s = value,
        get: |thresholds| Some(thresholds.no_audio_s),
    },
    Threshold {
        name: "health-silent-frame",
        unit: Unit::Bytes,
        range: 1..=200,
        default: Some(10),
        help: "A frame of sound that says no more than so many bytes a channel is taken for silence.",
        set: |thresholds, value| thresholds.silent_frame_bytes = value,
        get: |thresholds| Some(thresholds.silent_frame_bytes),
    },
    Threshold {
        name: "health-av-offset",
        unit: Unit::Milliseconds,
        range: 50..=5_000,
        default: Some(500),
        help: "How far the timestamps of sound and pictures that arrive together may be apart.",
        set: |thresholds, value| thresholds.av_offset_ms = value,
        get: |thresholds| Some(thresholds.av_offset_ms),
    },
    Threshold {
        name: "health-reorder",
        unit: Unit::Milliseconds,
        range: 5..=1_000,
        default: Some(15),
        help: "How long B-frames may make pictures wait in ULTRA_LOW.",
        set: |thresholds, value| thresholds.reorder_ms = value,
        get: |thresholds| Some(thresholds.reorder_ms),
    },
    Threshold {
        name: "health-behind",
        unit: Unit::Milliseconds,
        range: 500..=60_000,
        default: Some(2_000),
        help: "How far a feed may fall behind real time.",
        set: |thresholds, value| thresholds.behind_ms = value,
        get: |thresholds| Some(thresholds.behind_ms),
    },
    Threshold {
        name: "health-unusual-codec",
        unit: Unit::Switch,
        range: 0..=1,
        default: Some(1),
        help: "Whether codecs that many players cannot decode are warned of (0: no, 1: yes).",
        set: |thresholds, value| thresholds.unusual_codec = value != 0,
        get: |thresholds| Some(thresholds.unusual_codec.into()),
    },
    Threshold {
        name: "health-raise-after",
        unit: Unit::Seconds,
        range: 1..=600,
        default: Some(10),
        help: "For how long something must be wrong with a feed before it is warned of.",
        set: |thresholds, value| thresholds.raise_after_s = value,
        get: |thresholds| Some(thresholds.raise_after_s),
    },
    Threshold {
        name: "health-clear-after",
        unit: Unit::Seconds,
        range: 1..=3_600,
        default: Some(30),
        help: "For how long all must be well before a warning is cleared.",
        set: |thresholds, value| thresholds.clear_after_s = value,
        get: |thresholds| Some(thresholds.clear_after_s),
    },
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_threshold_has_its_own_name_a_default_in_its_range_and_keeps_what_is_set() {
        let mut names = std::collections::BTreeSet::new();
        for threshold in THRESHOLDS {
            assert!(threshold.name.starts_with("health-") && names.insert(threshold.name));
            assert!(threshold.default.is_none_or(|default| threshold.range.contains(&default)));
            let mut thresholds = Thresholds::default();
            assert_eq!((threshold.get)(&thresholds), threshold.default, "{}", threshold.name);
            let other = *threshold.range.start();
            (threshold.set)(&mut thresholds, other);
            assert_eq!((threshold.get)(&thresholds), Some(other), "{}", threshold.name);
        }
    }
}
