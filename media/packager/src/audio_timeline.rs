//! Audio is counted in samples and held against its timestamps.
//!
//! Timestamps in whole milliseconds jitter; counted samples do not. But a clock that drifts, and frames that are lost,
//! show only in the timestamps.

use sigma_elementary::CLOCK;

/// A single timestamp further off than this is a gap, or a jump: followed at once. In milliseconds.
const GAP_MS: i64 = 100;
/// Timestamps that are off by more than this on average have drifted: followed in one step. In milliseconds.
const DRIFT_MS: i64 = 15;
/// How many frames the average runs over.
const AVERAGED_FRAMES: i64 = 64;

/// Where a frame goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Placed {
    /// In samples.
    pub(crate) start: i64,
    /// A gap or jump was followed: timestamps minus counted samples, in samples.
    pub(crate) gap: Option<i64>,
}

#[derive(Debug)]
pub(crate) struct AudioTimeline {
    rate: i64,
    /// Where the next frame starts if all is well, in samples.
    next: Option<i64>,
    /// The latest frame's start.
    latest: i64,
    /// The sum that is `AVERAGED_FRAMES` times the average of how far timestamps are off, in samples.
    drift: i64,
}

impl AudioTimeline {
    pub(crate) fn new(rate: u32) -> Self {
        Self { rate: i64::from(rate), next: None, latest: i64::MIN, drift: 0 }
    }

    /// Places a frame of `samples` whose timestamp says `ticks` on the rendition's timeline. Starts never go back, nor
    /// stand still.
    pub(crate) fn place(&mut self, ticks: i64, samples: u32) -> Placed {
        let stamped = rescale(ticks, self.rate, CLOCK.into());
        let mut gap = None;
        let start = match self.next {
            None => stamped,
            Some(next) => {
                let off = stamped - next;
                self.drift += off - self.drift / AVERAGED_FRAMES;
                let drift = self.drift / AVERAGED_FRAMES;
                if off.abs() > GAP_MS * self.rate / 1_000 {
                    gap = Some(off);
                    self.drift = 0;
                    stamped
                } else if drift.abs() > DRIFT_MS * self.rate / 1_000 {
                    self.drift = 0;
                    next + drift
                } else {
                    next
                }
            }
        };
        let start = start.max(self.latest.saturating_add(1)).max(0);
        self.latest = start;
        self.next = Some(start + i64::from(samples));
        Placed { start, gap }
    }
}

/// `value * to / from`, to the nearest, through 128 bits.
pub(crate) fn rescale(value: i64, to: i64, from: i64) -> i64 {
    let scaled = (i128::from(value) * i128::from(to) + i128::from(from) / 2).div_euclid(i128::from(from));
    i64::try_from(scaled).unwrap_or(if scaled > 0 { i64::MAX } else { i64::MIN })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// AAC frames at 48 kHz, their timestamps rounded to whole milliseconds.
    fn rounded(frame: i64) -> i64 {
        (frame * 1_024 * 1_000 / 48_000) * 90
    }

    #[test]
    fn timestamps_in_whole_milliseconds_make_no_gaps() {
        let mut timeline = AudioTimeline::new(48_000);
        for frame in 0..10_000 {
            let placed = timeline.place(rounded(frame), 1_024);
            assert_eq!(placed, Placed { start: frame * 1_024, gap: None });
        }
    }

    #[test]
    fn a_gap_is_followed_at_once() {
        let mut timeline = AudioTimeline::new(48_000);
        timeline.place(0, 1_024);
        let placed = timeline.place(90_000, 1_024);
        assert_eq!(placed, Placed { start: 48_000, gap: Some(48_000 - 1_024) });
    }

    #[test]
    fn audio_that_drifts_stays_within_a_frame_of_its_timestamps() {
        // The sender's clock runs 200 ppm slow: in 30 minutes 360 ms.
        let mut timeline = AudioTimeline::new(48_000);
        for frame in 0..84_375 {
            let ticks = rounded(frame) * 10_002 / 10_000;
            let placed = timeline.place(ticks, 1_024);
            let off = rescale(placed.start, 90_000, 48_000) - ticks;
            assert!(off.abs() < 21 * 90, "frame {frame} is off by {off} ticks");
            assert_eq!(placed.gap, None);
        }
    }

    #[test]
    fn starts_never_stand_still_nor_go_back() {
        let mut timeline = AudioTimeline::new(48_000);
        let mut latest = timeline.place(900_000, 1_024).start;
        for ticks in [900_000, 0, 450_000, 450_000, 0, 900_000] {
            let start = timeline.place(ticks, 1_024).start;
            assert!(start > latest);
            latest = start;
        }
    }
}
