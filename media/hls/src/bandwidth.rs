//! What a player is told that it needs (§4.4.6.2), as measured.

use std::collections::VecDeque;

use crate::CLOCK;

/// Bit rates over what a playlist lists.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Bandwidth {
    /// The peak segment bit rate (§4.4.6.2), in bits a second.
    pub peak: u64,
    /// Over all, in bits a second.
    pub average: u64,
}

/// Bit rates of segments that come one after the other.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Rates {
    bytes: u64,
    ticks: u64,
    peak: u64,
    /// The last segments, length and ticks, that with the next one may be within one and a half target durations.
    last: VecDeque<(u64, u64)>,
    last_ticks: u64,
}

impl Rates {
    /// The next segment, of `len` bytes and `ticks`, in a playlist whose target duration is `target` seconds.
    pub(crate) fn add(&mut self, len: u64, ticks: u64, target: u32) {
        self.bytes += len;
        self.ticks += ticks;
        self.last.push_back((len, ticks));
        self.last_ticks += ticks;
        // §4.4.6.2: the greatest of any contiguous set of segments of half a target duration to one and a half.
        let half_target = u64::from(target) * CLOCK / 2;
        while self.last_ticks > 3 * half_target
            && let Some((_, ticks)) = self.last.pop_front()
        {
            self.last_ticks -= ticks;
        }
        let mut set = (0, 0);
        for (len, ticks) in self.last.iter().rev() {
            set = (set.0 + len, set.1 + ticks);
            if set.1 >= half_target {
                self.peak = self.peak.max(bits_a_second(set.0, set.1));
            }
        }
    }

    /// What follows does not go on from what was.
    pub(crate) fn gap(&mut self) {
        self.last.clear();
        self.last_ticks = 0;
    }

    /// Ticks of all that came.
    pub(crate) const fn ticks(&self) -> u64 {
        self.ticks
    }

    /// All that came; none before any media.
    pub(crate) fn bandwidth(&self) -> Option<Bandwidth> {
        let average = (self.ticks > 0).then(|| bits_a_second(self.bytes, self.ticks))?;
        Some(Bandwidth { peak: self.peak.max(average), average })
    }
}

/// Rounded up: a bandwidth is a promise.
pub(crate) fn bits_a_second(bytes: u64, ticks: u64) -> u64 {
    let bits = u128::from(bytes) * 8 * u128::from(CLOCK);
    u64::try_from(bits.div_ceil(u128::from(ticks.max(1)))).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn peak(segments: &[(u64, u64)]) -> u64 {
        let mut rates = Rates::default();
        for (len, tenths) in segments {
            rates.add(*len, tenths * CLOCK / 10, 2);
        }
        rates.bandwidth().expect("media").peak
    }

    #[test]
    fn the_peak_is_that_of_a_set_of_half_a_target_duration_to_one_and_a_half() {
        assert_eq!(peak(&[(1_000, 20), (3_000, 20), (1_000, 20)]), 12_000);
        // 0.2 s alone are no set; with the second that follows they are one of 1.2 s.
        assert_eq!(peak(&[(1_000, 20), (1_000, 2), (1_000, 10), (1_000, 20)]), 13_334);
        // Three of 0.4 s, of which none is a set by itself.
        assert_eq!(peak(&[(600, 4), (900, 4), (600, 4)]), 14_000);
        // What is shorter than every set has its average.
        assert_eq!(peak(&[(600, 4)]), 12_000);
    }

    #[test]
    fn a_set_does_not_go_over_a_gap() {
        let mut rates = Rates::default();
        rates.add(600, 2 * CLOCK / 5, 2);
        rates.gap();
        rates.add(900, 3 * CLOCK / 5, 2);
        rates.add(1_000, 2 * CLOCK, 2);
        assert_eq!(rates.bandwidth(), Some(Bandwidth { peak: 6_667, average: 6_667 }));
    }
}
