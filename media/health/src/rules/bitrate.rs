//! What a feed's bitrate did in the last minutes.

use std::collections::VecDeque;

use crate::warning::Data;

/// Seconds that are remembered: what counts as usual.
const REMEMBERED: usize = 300;
/// A feed's first seconds are not judged: encoders send what waited, then find their rate.
const SETTLING: usize = 5;
/// Seconds whose mean is compared: whole intervals between key frames of 1, 2, 3 or 6 s, so that their size does not
/// count.
const BLOCK: usize = 6;
/// Seconds in which a swing is looked for.
const SWING: usize = 30;
/// Seconds whose mean is the bitrate now.
const NOW: usize = 10;
/// Seconds whose mean is what was usual.
const USUAL: usize = 30;
/// A feed below this, in kbit/s, stalls no viewer and shows a still picture, whatever it does.
const WORTH_WATCHING: u64 = 300;

/// The bitrates of a feed, second by second, in kbit/s.
#[derive(Debug, Clone, Default)]
pub(super) struct History {
    seconds: VecDeque<u64>,
    settled: usize,
}

impl History {
    pub(super) fn second(&mut self, kbps: u64) {
        if self.settled < SETTLING {
            self.settled += 1;
            return;
        }
        if self.seconds.len() >= REMEMBERED {
            self.seconds.pop_front();
        }
        self.seconds.push_back(kbps);
    }

    /// The mean of the last seconds.
    pub(super) fn now(&self) -> u64 {
        let last: Vec<u64> = self.seconds.iter().rev().take(NOW).copied().collect();
        mean(&last)
    }

    /// Whether the bitrate swings to and fro by more than `percent` of its mean. A single step, up or down, is no swing.
    pub(super) fn swing(&self, percent: u32) -> Option<Data> {
        let needed = SWING + BLOCK - 1;
        let window: Vec<u64> =
            self.seconds.iter().skip(self.seconds.len().checked_sub(needed)?).copied().collect();
        // However its ups and downs lie to the blocks.
        let swings = (0..BLOCK).map(|first| Swing::of(&window[first..first + SWING]));
        let widest = swings.max_by_key(|swing| swing.percent)?;
        (widest.mean >= WORTH_WATCHING && widest.percent > u64::from(percent)).then(|| {
            Data::from([
                ("lowestKbps", whole(widest.lowest)),
                ("highestKbps", whole(widest.highest)),
                ("swingPercent", whole(widest.percent)),
            ])
        })
    }

    /// Whether the bitrate is by more than `percent` below what was usual.
    pub(super) fn fall(&self, percent: u32) -> Option<Data> {
        let before: Vec<u64> = self.seconds.iter().rev().skip(NOW).copied().collect();
        let usual = before.chunks_exact(USUAL).map(mean).max()?;
        let now = self.now();
        let least = usual.saturating_mul(100u64.saturating_sub(percent.into())) / 100;
        (usual >= WORTH_WATCHING && now < least)
            .then(|| Data::from([("nowKbps", whole(now)), ("usualKbps", whole(usual))]))
    }
}

/// How far the blocks of a window lie from each other.
#[derive(Debug, Clone, Copy, Default)]
struct Swing {
    mean: u64,
    lowest: u64,
    highest: u64,
    percent: u64,
}

impl Swing {
    fn of(window: &[u64]) -> Self {
        let mean_of_all = mean(window);
        let blocks: Vec<u64> = window.chunks(BLOCK).map(mean).collect();
        let moved: u64 = blocks.windows(2).map(|pair| pair[0].abs_diff(pair[1])).sum();
        let (first, last) = (blocks.first().copied(), blocks.last().copied());
        let there = first.unwrap_or(0).abs_diff(last.unwrap_or(0));
        Self {
            mean: mean_of_all,
            lowest: blocks.iter().copied().min().unwrap_or(0),
            highest: blocks.iter().copied().max().unwrap_or(0),
            percent: (moved.saturating_sub(there) / 2).saturating_mul(100) / mean_of_all.max(1),
        }
    }
}

fn mean(seconds: &[u64]) -> u64 {
    let sum: u128 = seconds.iter().copied().map(u128::from).sum();
    u64::try_from(sum / seconds.len().max(1) as u128).unwrap_or(u64::MAX)
}

fn whole(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}
