//! Channels whose media ended the worker or kept it busy: they rest, so that they do not take the others' pictures with them.

use std::collections::HashMap;
use std::time::Duration;

use sigma_clock::Instant;

/// The first rest; each further one is twice as long.
const FIRST: Duration = Duration::from_secs(30);
/// The longest.
const LONGEST: Duration = Duration::from_secs(600);
/// How many channels are remembered at once.
const MAX_CHANNELS: usize = 1_024;

#[derive(Debug, Default)]
pub(crate) struct Rests(HashMap<Box<str>, Rest>);

#[derive(Debug, Clone, Copy)]
struct Rest {
    length: Duration,
    until: Instant,
}

impl Rests {
    pub(crate) fn rests(&self, channel: &str, now: Instant) -> bool {
        self.0.get(channel).is_some_and(|rest| now < rest.until)
    }

    /// The channel's media ended the worker, or kept it busy.
    pub(crate) fn strike(&mut self, channel: &str, now: Instant) {
        if self.0.len() >= MAX_CHANNELS && !self.0.contains_key(channel) {
            let soonest = self.0.iter().min_by_key(|(_, rest)| rest.until);
            if let Some(soonest) = soonest.map(|(channel, _)| channel.clone()) {
                self.0.remove(&soonest);
            }
        }
        let length = self.0.get(channel).map_or(FIRST, |rest| (rest.length * 2).min(LONGEST));
        self.0.insert(channel.into(), Rest { length, until: now + length });
    }

    /// A picture of the channel was made: what was is forgotten.
    pub(crate) fn forget(&mut self, channel: &str) {
        self.0.remove(channel);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_rest_is_longer_than_the_one_before_until_a_picture_was_made() {
        let start = sigma_clock::monotonic();
        let at = |seconds| start + Duration::from_secs(seconds);
        let mut rests = Rests::default();
        rests.strike("a", start);
        assert!(rests.rests("a", at(29)) && !rests.rests("a", at(30)) && !rests.rests("b", at(1)));
        rests.strike("a", at(30));
        assert!(rests.rests("a", at(89)) && !rests.rests("a", at(90)));
        (0..10).for_each(|_| rests.strike("a", at(90)));
        assert!(rests.rests("a", at(689)) && !rests.rests("a", at(690)));
        rests.forget("a");
        rests.strike("a", at(700));
        assert!(!rests.rests("a", at(730)));
    }

    #[test]
    fn so_many_channels_are_remembered_and_no_more() {
        let start = sigma_clock::monotonic();
        let mut rests = Rests::default();
        for number in 0..=MAX_CHANNELS as u64 {
            rests.strike(&number.to_string(), start + Duration::from_millis(number));
        }
        assert_eq!(rests.0.len(), MAX_CHANNELS);
        assert!(!rests.rests("0", start) && rests.rests("1", start));
    }
}
