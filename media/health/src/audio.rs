//! What is heard of a feed's sound, without decoding it.

use sigma_elementary::{AccessUnit, AudioCodec, AudioConfig};

use crate::clock::{Clock, Step};
use crate::lag::Lag;
use crate::millis_of_ticks;
use crate::sample::{AudioSeen, Irregular};

/// One feed's audio.
///
/// **Silence** is told by how much a frame says. A frame of digital silence takes an encoder some 3 to 5 bytes a
/// channel (ffmpeg's AAC: 6 in stereo, 19 in 5.1; Opus: 3), quiet noise some hundred. Encoders of constant rate fill such
/// frames up with one byte over and over: the longest run of equal bytes does not count. So a muted mixer, an unplugged
/// digital input and a lost capture are found. A muted analogue input that hisses is not, nor an encoder that pads with
/// noise; and soft sound is never taken for silence.
#[derive(Debug, Clone, Default)]
pub(crate) struct Audio {
    pub(crate) clock: Clock,
    pub(crate) lag: Lag,
    channels: u32,
    opus: bool,
    bytes: u64,
    frames: u32,
    silent: u32,
    irregular: Irregular,
    largest_gap: i64,
}

impl Audio {
    pub(crate) fn configured(&mut self, config: &AudioConfig) {
        self.channels = config.channels.into();
        self.opus = config.codec == AudioCodec::Opus;
    }

    /// `silent_bytes`: a frame that says no more than this a channel is silence.
    pub(crate) fn frame(&mut self, unit: &AccessUnit, arrival_us: i64, video: &Clock, silent_bytes: u32) {
        self.bytes += unit.data.len() as u64;
        self.frames = self.frames.saturating_add(1);
        let limit = silent_bytes as usize * self.channels.max(1) as usize;
        if says_at_most(&unit.data, limit) {
            self.silent = self.silent.saturating_add(1);
        }
        let moment = self.clock.read(unit.dts, arrival_us, video);
        self.lag.arrived(moment.time, arrival_us);
        match moment.step {
            Step::First => {}
            Step::On(ticks) => {
                self.largest_gap = self.largest_gap.max(ticks);
                self.irregular.stepped(ticks, moment.waited);
            }
            Step::Jumped(by) => self.irregular.jumped(by, moment.waited),
        }
    }

    /// Ends a second. None: no frame has come so far.
    pub(crate) fn second(&mut self, now_us: i64) -> Option<AudioSeen> {
        let bytes = std::mem::take(&mut self.bytes);
        let frames = std::mem::take(&mut self.frames);
        let silent = std::mem::take(&mut self.silent);
        let irregular = std::mem::take(&mut self.irregular);
        let largest_gap = std::mem::take(&mut self.largest_gap);
        let quiet_us = self.clock.quiet_us(now_us)?;
        Some(AudioSeen {
            bytes,
            frames,
            silent,
            quiet_us,
            irregular,
            largest_gap_ms: millis_of_ticks(largest_gap),
            opus: self.opus,
        })
    }
}

/// Whether a frame without its longest run of equal bytes is at most `limit` long.
fn says_at_most(frame: &[u8], limit: usize) -> bool {
    if frame.len() <= limit {
        return true;
    }
    // A run that is long enough covers the frame's middle whenever it is more than half of it; where it is not, the
    // frame says more than a silent one ever does, unless it is nearly as short as the limit.
    let middle = frame[frame.len() / 2];
    let same = |byte: &&u8| **byte == middle;
    let (before, after) = frame.split_at(frame.len() / 2);
    let run = before.iter().rev().take_while(same).count() + after.iter().take_while(same).count();
    frame.len() - run <= limit
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_frame_says_is_told_from_what_it_is_filled_up_with() {
        assert!(says_at_most(&[], 20));
        assert!(says_at_most(&[0x21, 0x10, 0x04, 0x60, 0x8c, 0x1c], 20));
        let mut filled = vec![0x21, 0x10, 0x04, 0x60, 0x8c, 0x1c];
        filled.resize(341, 0);
        assert!(says_at_most(&filled, 20));
        let sound: Vec<u8> = (0..341u32).map(|number| (number * 7_919 % 251) as u8).collect();
        assert!(!says_at_most(&sound, 20));
    }
}
