//! Ingest health of a session: its actor's monitor writes a sample a second, whoever asks reads.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use sigma_elementary::Media;
use sigma_health::{Change, Meter, Mode, Note, Rules, Sample, Standing, Thresholds};
use sigma_packager::Warning;
use tokio::sync::watch;

/// Samples that are kept: a quarter of an hour. 100 kB a session.
pub const KEPT: usize = 900;

/// Ticks of a millisecond.
const TICKS_A_MS: i64 = sigma_elementary::CLOCK as i64 / 1_000;

/// A session's health at the end of one second.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HealthSample {
    /// What its feed was like.
    pub sample: Sample,
    /// The warnings that stood then, oldest first.
    pub warnings: Arc<[Standing]>,
}

type Ring = Arc<Mutex<VecDeque<HealthSample>>>;

/// The health of a session, for who looks at it. Cheap to clone. It can be read for as long as the session is in memory,
/// its end included.
#[derive(Debug, Clone)]
pub struct SessionHealth {
    ring: Ring,
    newest: watch::Receiver<Option<HealthSample>>,
}

impl SessionHealth {
    /// Of a session that had its end before this server started: nothing.
    pub(super) fn of_ended() -> Self {
        Self { ring: Ring::default(), newest: watch::Sender::new(None).subscribe() }
    }

    /// The newest sample. None before the first second is over.
    pub fn latest(&self) -> Option<HealthSample> {
        self.newest.borrow().clone()
    }

    /// The samples of the last `seconds`, oldest first; 900 at most.
    pub fn recent(&self, seconds: u32) -> Vec<HealthSample> {
        let ring = self.ring.lock().unwrap_or_else(PoisonError::into_inner);
        let skipped = ring.len().saturating_sub(usize::try_from(seconds).unwrap_or(usize::MAX));
        ring.iter().skip(skipped).cloned().collect()
    }

    /// Whether samples still come: its session is on air here.
    pub fn is_live(&self) -> bool {
        self.newest.has_changed().is_ok()
    }

    /// The samples from now on, the newest one first.
    pub fn follow(&self) -> HealthFollower {
        let mut newest = self.newest.clone();
        newest.mark_changed();
        HealthFollower(newest)
    }
}

/// Follows a session's samples.
#[derive(Debug)]
pub struct HealthFollower(watch::Receiver<Option<HealthSample>>);

impl HealthFollower {
    /// The next sample; who is slower than they come gets the newest. None once the session has ended.
    pub async fn next(&mut self) -> Option<HealthSample> {
        loop {
            self.0.changed().await.ok()?;
            let newest = self.0.borrow_and_update().clone();
            if newest.is_some() {
                return newest;
            }
        }
    }
}

/// The writing end, in the session's actor. Followers end with it.
#[derive(Debug)]
pub(super) struct Monitor {
    meter: Meter,
    rules: Rules,
    /// The longest that media waited for the packager in the second that runs.
    waited: Duration,
    ring: Ring,
    newest: watch::Sender<Option<HealthSample>>,
}

impl Monitor {
    /// `resumed`: the session was on air before this server started.
    pub(super) fn new(mode: Mode, thresholds: Thresholds, resumed: bool, now_us: i64) -> Self {
        let rules = if resumed { Rules::resume(mode, thresholds) } else { Rules::new(mode, thresholds) };
        Self {
            meter: Meter::new(&thresholds, now_us),
            rules,
            waited: Duration::ZERO,
            ring: Ring::default(),
            newest: watch::Sender::new(None),
        }
    }

    /// The reading end.
    pub(super) fn health(&self) -> SessionHealth {
        SessionHealth { ring: Arc::clone(&self.ring), newest: self.newest.subscribe() }
    }

    pub(super) fn feed_began(&mut self, now_us: i64) {
        self.meter.feed_began(now_us);
        self.waited = Duration::ZERO;
    }

    pub(super) fn feed_gone(&mut self) {
        self.meter.feed_gone();
    }

    /// Media came, having waited for so long.
    pub(super) fn media(&mut self, now_us: i64, media: &Media, waited: Duration) {
        self.meter.push(now_us, media);
        self.waited = self.waited.max(waited);
    }

    /// The packager warned. What the meter sees by itself, and what concerns single units, is not noted.
    pub(super) fn packager_warned(&mut self, warning: &Warning) {
        let note = match warning {
            Warning::KeyFramesTooFarApart { target_duration } => {
                Note::KeyFramesTooFarApart { limit_ms: target_duration.saturating_mul(1_000) }
            }
            Warning::OpenGop => Note::OpenGop,
            Warning::TimestampsJumped { by_ticks } => Note::TimestampsJumped { by_ms: by_ticks / TICKS_A_MS },
            Warning::AudioReanchored { by_ticks } => Note::AudioReanchored { by_ms: by_ticks / TICKS_A_MS },
            Warning::AudioMissing
            | Warning::VideoMissing
            | Warning::Dropped(_)
            | Warning::Unpackageable(_) => return,
        };
        self.rules.note(note);
    }

    /// Time passed: once a second, what it was like and what became of the warnings.
    pub(super) fn tick(&mut self, now_us: i64) -> Option<(HealthSample, Vec<Change>)> {
        let queue_ms = u32::try_from(self.waited.as_millis()).unwrap_or(u32::MAX);
        let observed = self.meter.tick(now_us, queue_ms)?;
        self.waited = Duration::ZERO;
        let changes = self.rules.judge(&observed);
        let warnings = Arc::clone(self.rules.standing());
        let sample = HealthSample { sample: observed.sample, warnings };
        {
            let mut ring = self.ring.lock().unwrap_or_else(PoisonError::into_inner);
            if ring.len() >= KEPT {
                ring.pop_front();
            }
            ring.push_back(sample.clone());
        }
        self.newest.send_replace(Some(sample.clone()));
        Some((sample, changes))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: i64 = 1_000_000;

    fn monitor() -> Monitor {
        Monitor::new(Mode::Low, Thresholds::default(), false, 0)
    }

    #[tokio::test]
    async fn followers_begin_with_the_newest_sample_and_end_with_the_session() {
        let mut monitor = monitor();
        let health = monitor.health();
        assert_eq!(health.latest(), None);
        let mut follower = health.follow();
        monitor.tick(SECOND);
        monitor.tick(2 * SECOND);
        assert_eq!(follower.next().await.map(|health| health.sample.at_us), Some(2 * SECOND));
        assert_eq!(health.follow().next().await, health.latest());
        monitor.tick(3 * SECOND);
        assert!(health.is_live());
        drop(monitor);
        assert!(!health.is_live());
        assert_eq!(follower.next().await.map(|health| health.sample.at_us), Some(3 * SECOND));
        assert_eq!(follower.next().await, None);
        assert_eq!(health.recent(2).len(), 2, "what was stays readable");
        assert_eq!(SessionHealth::of_ended().follow().next().await, None);
    }

    #[test]
    fn a_quarter_of_an_hour_is_kept_oldest_first() {
        let mut monitor = monitor();
        for second in 1..=1_000 {
            monitor.tick(second * SECOND);
        }
        let health = monitor.health();
        let recent = health.recent(u32::MAX);
        let ends = (recent.first().map(|h| h.sample.at_us), recent.last().map(|h| h.sample.at_us));
        assert_eq!((recent.len(), ends), (900, (Some(101 * SECOND), Some(1_000 * SECOND))));
        assert_eq!(health.recent(1), [health.latest().unwrap()]);
    }

    #[test]
    fn the_longest_wait_of_a_second_is_its_queue() {
        let mut monitor = monitor();
        monitor.feed_began(0);
        let unit =
            sigma_elementary::AccessUnit { dts: 0, pts: 0, key: true, data: bytes::Bytes::from_static(b"a") };
        for wait in [3, 80, 7] {
            monitor.media(0, &Media::Video(unit.clone()), Duration::from_millis(wait));
        }
        monitor.tick(SECOND);
        monitor.tick(2 * SECOND);
        let queues: Vec<u32> =
            monitor.health().recent(2).iter().map(|health| health.sample.queue_ms).collect();
        assert_eq!(queues, [80, 0]);
    }
}
