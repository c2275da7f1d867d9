//! The rhythm of pictures: their rate, whether it is even, and which of them are missing.

use sigma_elementary::CLOCK;

use crate::TICKS_A_MS;

/// Intervals that are remembered: 2 s of 30 pictures a second.
const REMEMBERED: usize = 64;
/// Intervals from which a rhythm can be told.
const ENOUGH: usize = 16;
/// Seconds over which the rate is taken.
const RATE_SECONDS: usize = 3;
/// Seconds for which a rhythm must hold to count as the feed's own.
const OWN_AFTER: u8 = 5;
/// Protocols that count milliseconds are off by up to one at either end of an interval.
const ROUNDING: u32 = 2 * TICKS_A_MS as u32;
/// A slower rhythm than a picture a second is a slide show, of which nothing can be missing.
const SLIDES: u32 = CLOCK;

/// Pictures and the media time between them.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Counted {
    pictures: u64,
    ticks: u64,
}

/// Watches the intervals between one picture and the next.
#[derive(Debug, Clone)]
pub(crate) struct Cadence {
    intervals: [u32; REMEMBERED],
    known: usize,
    next: usize,
    /// The interval that rules, where the rhythm is even but for pictures that are missing.
    base: Option<u32>,
    /// The quickest rhythm that held for [`OWN_AFTER`]: what the feed is when nothing is wrong.
    own: Option<u32>,
    quicker_for: u8,
    missing: u64,
    running: Counted,
    seconds: [Counted; RATE_SECONDS],
}

impl Default for Cadence {
    fn default() -> Self {
        Self {
            intervals: [0; REMEMBERED],
            known: 0,
            next: 0,
            base: None,
            own: None,
            quicker_for: 0,
            missing: 0,
            running: Counted::default(),
            seconds: [Counted::default(); RATE_SECONDS],
        }
    }
}

impl Cadence {
    /// Another format has another rhythm; what was missing before it still is.
    pub(crate) fn new_format(&mut self) {
        *self = Self { missing: self.missing, ..Self::default() };
    }

    /// A picture came `ticks` after the one before; more than none and at most a jump.
    pub(crate) fn step(&mut self, ticks: u32) {
        self.running.pictures += 1;
        self.running.ticks += u64::from(ticks);
        self.intervals[self.next] = ticks;
        self.next = (self.next + 1) % REMEMBERED;
        self.known = (self.known + 1).min(REMEMBERED);
        if let Some(base) = self.steady_interval()
            && ticks > base + base / 2
        {
            self.missing += u64::from((ticks + base / 2) / base).saturating_sub(1);
        }
    }

    /// The feed's own interval while its rhythm is even.
    fn steady_interval(&self) -> Option<u32> {
        let base = self.base?;
        Some(self.own.unwrap_or(base)).filter(|interval| *interval < SLIDES)
    }

    /// Whether the rhythm is even now.
    pub(crate) fn is_steady(&self) -> bool {
        self.steady_interval().is_some()
    }

    /// Ends a second.
    pub(crate) fn second(&mut self) {
        self.seconds.rotate_right(1);
        self.seconds[0] = std::mem::take(&mut self.running);
        self.base = self.rhythm();
        match (self.base, self.own) {
            (Some(base), Some(own)) if base >= own - own / 20 => self.quicker_for = 0,
            (Some(base), _) => {
                self.quicker_for += 1;
                if self.quicker_for >= OWN_AFTER {
                    self.own = Some(base);
                    self.quicker_for = 0;
                }
            }
            (None, _) => self.quicker_for = 0,
        }
    }

    /// The mean of the intervals round the median, if half of all are there and nearly all others are multiples.
    fn rhythm(&self) -> Option<u32> {
        if self.known < ENOUGH {
            return None;
        }
        let mut sorted = self.intervals;
        let sorted = &mut sorted[..self.known];
        sorted.sort_unstable();
        let median = sorted[self.known / 2].max(1);
        let slack = slack_of(median);
        let near = || sorted.iter().filter(|interval| interval.abs_diff(median) <= slack);
        let (count, sum) =
            near().fold((0u64, 0u64), |(count, sum), interval| (count + 1, sum + u64::from(*interval)));
        let base = u32::try_from(sum / count.max(1)).ok().filter(|base| *base > 0)?;
        // An encoder that leaves out pictures is even on the rhythm that it had.
        let grid = self.own.map_or(base, |own| own.min(base)).max(1);
        let slack = slack_of(grid);
        let even = sorted.iter().filter(|interval| {
            let times = ((**interval + grid / 2) / grid).max(1);
            interval.abs_diff(times.saturating_mul(grid)) <= slack
        });
        let known = self.known as u64;
        (count * 2 >= known && even.count() as u64 * 10 >= known * 9).then_some(base)
    }

    /// Pictures in 1,000 s of media, over the last seconds. None: no interval was seen in them.
    pub(crate) fn rate_milli(&self) -> Option<u32> {
        let (pictures, ticks) = self.seconds.iter().fold((0u64, 0u64), |(pictures, ticks), second| {
            (pictures + second.pictures, ticks + second.ticks)
        });
        per_thousand_seconds(pictures, ticks)
    }

    /// Pictures in 1,000 s of media at the feed's own rhythm. None: it has none, or has not shown it yet.
    pub(crate) fn own_rate_milli(&self) -> Option<u32> {
        self.own.filter(|own| *own < SLIDES).and_then(|own| per_thousand_seconds(1, own.into()))
    }

    /// Pictures that are missing by the timestamps.
    pub(crate) fn missing(&self) -> u64 {
        self.missing
    }
}

/// How far an interval may be from another one and count as the same.
fn slack_of(interval: u32) -> u32 {
    (interval / 5).max(ROUNDING.min(interval / 2))
}

fn per_thousand_seconds(pictures: u64, ticks: u64) -> Option<u32> {
    if ticks == 0 {
        return None;
    }
    let milli = u128::from(pictures) * u128::from(CLOCK) * 1_000 / u128::from(ticks);
    Some(u32::try_from(milli).unwrap_or(u32::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fed(intervals: impl IntoIterator<Item = u32>) -> Cadence {
        let mut cadence = Cadence::default();
        let mut ticks = 0;
        for interval in intervals {
            cadence.step(interval);
            ticks += interval;
            if ticks >= CLOCK {
                ticks -= CLOCK;
                cadence.second();
            }
        }
        cadence
    }

    /// Pictures at `rate` a second as a protocol of milliseconds counts them.
    fn in_millis(rate: u32, count: u32) -> impl Iterator<Item = u32> {
        let at = move |number: u32| (number * 1_000 + rate / 2) / rate;
        (0..count).map(move |number| (at(number + 1) - at(number)) * 90)
    }

    #[test]
    fn milliseconds_do_not_make_a_rhythm_uneven() {
        for rate in [10, 15, 24, 25, 30, 50, 60, 120] {
            let cadence = fed(in_millis(rate, rate * 10));
            assert_eq!(cadence.missing(), 0, "{rate}");
            let own = cadence.own_rate_milli().unwrap_or_default();
            assert!(own.abs_diff(rate * 1_000) <= rate * 10, "{rate}: {own}");
        }
    }

    #[test]
    fn every_missing_picture_is_counted() {
        let mut pictures = vec![3_000; 300];
        pictures.extend([6_000, 3_000, 3_000, 12_000, 3_000, 9_000]);
        assert_eq!(fed(pictures).missing(), 1 + 3 + 2);
    }

    #[test]
    fn a_screen_that_is_captured_as_it_changes_misses_nothing() {
        let uneven = (0..2_000u32).map(|number| 1_500 + number * 7_919 % 30_000);
        let cadence = fed(uneven);
        assert_eq!((cadence.missing(), cadence.own_rate_milli()), (0, None));
    }

    #[test]
    fn an_encoder_that_leaves_out_every_other_picture_is_held_against_its_own_rate() {
        let halved = fed(std::iter::repeat_n(3_000, 300).chain(std::iter::repeat_n(6_000, 150)));
        assert_eq!(halved.own_rate_milli(), Some(30_000));
        assert_eq!(halved.rate_milli(), Some(15_000));
        assert_eq!(halved.missing(), 150);
    }

    #[test]
    fn a_few_quick_seconds_are_not_the_feeds_own_rhythm() {
        let burst = fed(std::iter::repeat_n(3_000, 300).chain([1_500; 180]).chain([3_000; 300]));
        assert_eq!((burst.own_rate_milli(), burst.missing()), (Some(30_000), 0));
    }

    #[test]
    fn a_slide_show_misses_nothing() {
        let slides = fed([CLOCK * 5; 40].into_iter().chain([CLOCK * 9; 3]));
        assert_eq!((slides.missing(), slides.own_rate_milli()), (0, None));
    }
}
