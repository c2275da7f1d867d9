//! What is seen of a feed's pictures.

use sigma_elementary::{AccessUnit, CLOCK, VideoCodec, VideoConfig};

use crate::cadence::Cadence;
use crate::clock::{Clock, Moment, Step, composition_offset};
use crate::lag::Lag;
use crate::sample::{Irregular, UnusualVideo, VideoSeen};
use crate::{SECOND_US, millis_of_ticks};

/// A first key-frame interval that has not ended by now is told as it stands, in ticks.
const OPEN_INTERVAL: i64 = 10 * CLOCK as i64;

/// A hole in the timestamps of this many ticks may have swallowed a key frame.
const HOLE: i64 = CLOCK as i64;

/// One feed's video.
#[derive(Debug, Clone, Default)]
pub(crate) struct Video {
    pub(crate) clock: Clock,
    pub(crate) cadence: Cadence,
    pub(crate) lag: Lag,
    config: Option<VideoConfig>,
    unusual: Option<UnusualVideo>,
    bytes: u64,
    pictures: u32,
    irregular: Irregular,
    largest_gap: i64,
    /// Least and greatest composition offset of this second.
    offsets: Option<(i64, i64)>,
    last_key: Option<i64>,
    key_interval: Option<i64>,
}

impl Video {
    pub(crate) fn configured(&mut self, config: &VideoConfig) {
        // Some encoders describe their video again with every key frame.
        if self.config.as_ref() != Some(config) {
            self.cadence.new_format();
            self.unusual = unusual(config);
            self.config = Some(config.clone());
        }
    }

    pub(crate) fn picture(&mut self, unit: &AccessUnit, arrival_us: i64, audio: &Clock) {
        self.bytes += unit.data.len() as u64;
        self.pictures = self.pictures.saturating_add(1);
        let moment = self.clock.read(unit.dts, arrival_us, audio);
        self.stepped(moment);
        self.lag.arrived(moment.time, arrival_us);
        let offset = composition_offset(unit);
        let (least, greatest) = self.offsets.unwrap_or((offset, offset));
        self.offsets = Some((least.min(offset), greatest.max(offset)));
        if unit.key {
            let interval = self.last_key.map(|last| moment.time - last).filter(|interval| *interval > 0);
            self.key_interval = interval.or(self.key_interval);
            self.last_key = Some(moment.time);
        }
    }

    fn stepped(&mut self, moment: Moment) {
        match moment.step {
            Step::First => {}
            Step::On(ticks) => {
                self.largest_gap = self.largest_gap.max(ticks);
                // A feed that shows slides, or what changes, has gaps by its nature.
                let steady = self.cadence.is_steady();
                if let Some(ticks) = u32::try_from(ticks).ok().filter(|ticks| *ticks > 0) {
                    self.cadence.step(ticks);
                }
                if steady || ticks < 0 {
                    self.irregular.stepped(ticks, moment.waited);
                }
                if steady && ticks >= HOLE {
                    self.last_key = None;
                }
            }
            Step::Jumped(by) => {
                self.irregular.jumped(by, moment.waited);
                self.last_key = None;
            }
        }
    }

    /// Ends a second. None: no picture has come so far.
    pub(crate) fn second(&mut self, now_us: i64) -> Option<VideoSeen> {
        self.cadence.second();
        let bytes = std::mem::take(&mut self.bytes);
        let pictures = std::mem::take(&mut self.pictures);
        let irregular = std::mem::take(&mut self.irregular);
        let largest_gap = std::mem::take(&mut self.largest_gap);
        let offsets = self.offsets.take();
        let quiet_us = self.clock.quiet_us(now_us)?;
        Some(VideoSeen {
            bytes,
            pictures,
            quiet_us,
            irregular,
            largest_gap_ms: millis_of_ticks(largest_gap),
            reorder_ms: offsets.map_or(0, |(least, greatest)| millis_of_ticks(greatest - least)),
            key_interval_ms: self.key_interval().map(millis_of_ticks),
            rate_milli: self.rate_milli(quiet_us),
            own_rate_milli: self.cadence.own_rate_milli(),
            unusual: self.unusual,
        })
    }

    /// The latest interval between key frames, or the one that runs where it is longer already.
    fn key_interval(&self) -> Option<i64> {
        let running = self.last_key.zip(self.clock.last()).map_or(0, |(key, latest)| latest - key);
        match self.key_interval {
            Some(complete) => Some(complete.max(running)),
            None => Some(running).filter(|running| *running >= OPEN_INTERVAL),
        }
    }

    /// The rate by the timestamps; where no picture has come for seconds, at most one in that time.
    fn rate_milli(&self, quiet_us: i64) -> Option<u32> {
        self.cadence.rate_milli().or_else(|| {
            let milli = 1_000 * SECOND_US / quiet_us.max(SECOND_US);
            (quiet_us >= 2 * SECOND_US).then_some(u32::try_from(milli).unwrap_or(0))
        })
    }
}

/// What many players cannot show.
fn unusual(config: &VideoConfig) -> Option<UnusualVideo> {
    match config.codec {
        VideoCodec::Hevc => Some(UnusualVideo::Hevc),
        VideoCodec::Av1 => Some(UnusualVideo::Av1),
        VideoCodec::H264 => {
            // `avc1.PPCCLL`: the profile, ISO/IEC 14496-10 annex A.
            let profile = config.codec_string().get(5..7).and_then(|hex| u8::from_str_radix(hex, 16).ok());
            match profile {
                Some(110) => Some(UnusualVideo::TenBit),
                Some(122) => Some(UnusualVideo::Chroma422),
                Some(244 | 44) => Some(UnusualVideo::Chroma444),
                _ => config.interlaced.then_some(UnusualVideo::Interlaced),
            }
        }
    }
}
