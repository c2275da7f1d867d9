//! Who has failed too often waits before he may try again, and ever longer while he goes on.

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use sigma_clock::{Instant, monotonic};

/// Who is remembered at once. More are not, until some are forgiven: an attacker with as many addresses is slowed by
/// other limits.
const MOST: usize = 10_000;
/// Waiting doubles so many times at most.
const DOUBLINGS: u32 = 16;

/// What is forgiven, and how long one waits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rule {
    /// So many failures cost nothing.
    pub free: u32,
    /// One is forgiven each time this passes.
    pub forgiven: Duration,
    /// The first wait, doubled with each further failure.
    pub first: Duration,
    /// No wait is longer.
    pub longest: Duration,
}

/// Failures by who failed.
#[derive(Debug)]
pub struct Penalties<K> {
    rule: Rule,
    known: Mutex<HashMap<K, Record>>,
}

#[derive(Clone, Copy, Debug)]
struct Record {
    failures: u32,
    /// When the last was forgiven, or made.
    since: Instant,
    until: Option<Instant>,
}

impl Record {
    fn forgive(&mut self, rule: &Rule, now: Instant) {
        let spans = now.saturating_duration_since(self.since).as_micros() / rule.forgiven.as_micros().max(1);
        let forgiven = u32::try_from(spans).unwrap_or(u32::MAX);
        if forgiven > 0 {
            self.failures = self.failures.saturating_sub(forgiven);
            self.since += rule.forgiven.saturating_mul(forgiven.min(u32::from(u16::MAX)));
            if self.failures == 0 {
                self.since = now;
            }
        }
    }
}

impl<K: Hash + Eq> Penalties<K> {
    /// By this rule.
    pub fn new(rule: Rule) -> Self {
        Self { rule, known: Mutex::default() }
    }

    /// For how long `who` may not try; none: he may.
    pub fn wait(&self, who: &K) -> Option<Duration> {
        let until = self.lock().get(who)?.until?;
        let left = until.saturating_duration_since(monotonic());
        (!left.is_zero()).then_some(left)
    }

    /// `who` has failed; answers for how long he may not try again, where he is to wait.
    pub fn failed(&self, who: K) -> Option<Duration> {
        let (rule, now) = (self.rule, monotonic());
        let mut known = self.lock();
        if known.len() >= MOST && !known.contains_key(&who) {
            known.retain(|_, record| {
                record.forgive(&rule, now);
                record.failures > 0
            });
            if known.len() >= MOST {
                return None;
            }
        }
        let record = known.entry(who).or_insert(Record { failures: 0, since: now, until: None });
        record.forgive(&rule, now);
        record.failures = record.failures.saturating_add(1).min(rule.free + DOUBLINGS);
        let over = record.failures.checked_sub(rule.free + 1)?;
        let wait = rule.first.saturating_mul(1 << over.min(DOUBLINGS)).min(rule.longest);
        record.until = Some(now + wait);
        Some(wait)
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<K, Record>> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Says something at most once a minute, with how often it has happened since.
#[derive(Debug, Default)]
pub struct Minutely(Mutex<(Option<Instant>, u64)>);

impl Minutely {
    const SPAN: Duration = Duration::from_secs(60);

    /// It has happened. Where it is time to say so: how often since it was said last.
    pub fn happened(&self) -> Option<u64> {
        let mut told = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        told.1 += 1;
        if told.0.is_some_and(|at| at.elapsed() < Self::SPAN) {
            return None;
        }
        let count = std::mem::take(&mut told.1);
        told.0 = Some(monotonic());
        Some(count)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RULE: Rule = Rule {
        free: 3,
        forgiven: Duration::from_secs(6),
        first: Duration::from_secs(1),
        longest: Duration::from_secs(5),
    };

    #[tokio::test(start_paused = true)]
    async fn waits_grow_from_the_failure_that_is_no_longer_free() {
        let penalties = Penalties::new(RULE);
        let failed: Vec<Option<u64>> =
            (0..7).map(|_| penalties.failed("a").map(|wait| wait.as_secs())).collect();
        assert_eq!(failed, [None, None, None, Some(1), Some(2), Some(4), Some(5)]);
        assert_eq!(penalties.wait(&"a"), Some(Duration::from_secs(5)));
        assert_eq!(penalties.wait(&"b"), None, "others are not held to it");
        sigma_clock::sleep(Duration::from_secs(5)).await;
        assert_eq!(penalties.wait(&"a"), None);
    }

    #[tokio::test(start_paused = true)]
    async fn failures_are_forgiven_one_by_one() {
        let penalties = Penalties::new(RULE);
        for _ in 0..4 {
            penalties.failed("a");
        }
        sigma_clock::sleep(RULE.forgiven * 2).await;
        assert_eq!(penalties.failed("a"), None, "two of four were forgiven");
        assert_eq!(penalties.failed("a"), Some(Duration::from_secs(1)));
        sigma_clock::sleep(RULE.forgiven * 1_000).await;
        assert!((0..3).all(|_| penalties.failed("a").is_none()), "all were");
    }

    #[tokio::test(start_paused = true)]
    async fn who_is_remembered_is_bounded() {
        let penalties = Penalties::new(RULE);
        for who in 0..MOST + 100 {
            penalties.failed(who);
        }
        assert_eq!(penalties.lock().len(), MOST);
        sigma_clock::sleep(RULE.forgiven).await;
        penalties.failed(MOST + 100);
        assert_eq!(penalties.lock().len(), 1);
    }

    #[tokio::test(start_paused = true)]
    async fn a_flood_is_said_once_a_minute_with_its_size() {
        let flood = Minutely::default();
        assert_eq!(flood.happened(), Some(1));
        assert!((0..1_000).all(|_| flood.happened().is_none()));
        sigma_clock::sleep(Minutely::SPAN).await;
        assert_eq!(flood.happened(), Some(1_001));
    }
}
