//! The health of sessions that other nodes hold, as it is heard of by Kafka.

use std::collections::{HashMap, VecDeque};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use futures_util::StreamExt;
use futures_util::stream::{self, BoxStream};
use sigma_api::graphql::{HealthSample, IngestHealth};
use sigma_clock::{Instant, monotonic};
use sigma_node::HEALTH_SAMPLES_KEPT;
use tokio::sync::watch;

/// Sessions that are known at most: 100 kB each. Beyond them one that is silent makes room, or the new one is not known.
const SESSIONS: usize = 2_048;

/// A session of which nothing came for so long is not said to be on air. A broker that goes away is replaced by another
/// within a few seconds.
const SILENT: Duration = Duration::from_secs(10);

/// And forgotten after as long as its samples reach back.
const FORGOTTEN: Duration = Duration::from_secs(HEALTH_SAMPLES_KEPT as u64);

/// An id that is longer is none of ours.
const LONGEST_ID: usize = 64;

/// What other nodes' sessions are like.
#[derive(Debug, Default)]
pub(crate) struct Heard {
    sessions: Mutex<HashMap<String, Feed>>,
    received: AtomicU64,
    passed_over: AtomicU64,
}

#[derive(Debug)]
struct Feed {
    ring: VecDeque<HealthSample>,
    /// While it is on air. Followers end with it.
    newest: Option<watch::Sender<HealthSample>>,
    last: Instant,
}

impl Feed {
    fn is_silent(&self, now: Instant) -> bool {
        now.saturating_duration_since(self.last) >= SILENT
    }
}

/// What is counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Counts {
    pub(crate) sessions: usize,
    pub(crate) received: u64,
    pub(crate) passed_over: u64,
}

impl Heard {
    fn sessions(&self) -> MutexGuard<'_, HashMap<String, Feed>> {
        self.sessions.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A second of `session`. `is_past`: from before this process listened, so that the session may be over.
    pub(crate) fn take(&self, session: &str, mut sample: HealthSample, is_past: bool) {
        let now = monotonic();
        let mut sessions = self.sessions();
        if !sessions.contains_key(session) && !has_room(&mut sessions, session, now) {
            drop(sessions);
            self.pass_over();
            return;
        }
        self.received.fetch_add(1, Ordering::Relaxed);
        let feed = sessions.entry(session.to_owned()).or_insert_with(|| Feed {
            ring: VecDeque::new(),
            newest: None,
            last: now,
        });
        feed.last = now;
        if let Some(before) = feed.ring.back() {
            // Sent again by a producer that had heard nothing of the first time.
            if before.at_ms == sample.at_ms {
                return;
            }
            // The same warnings stand for many seconds: they are kept once.
            if before.warnings == sample.warnings {
                sample.warnings = Arc::clone(&before.warnings);
            }
        }
        if feed.ring.len() >= HEALTH_SAMPLES_KEPT {
            feed.ring.pop_front();
        }
        feed.ring.push_back(sample.clone());
        if is_past {
            return;
        }
        match &feed.newest {
            Some(newest) => drop(newest.send_replace(sample)),
            None => feed.newest = Some(watch::Sender::new(sample)),
        }
    }

    /// Something came that is no sample of ours.
    pub(crate) fn pass_over(&self) {
        self.passed_over.fetch_add(1, Ordering::Relaxed);
    }

    /// Ends the following of sessions that have become silent, and forgets those that have been so for long.
    pub(crate) fn sweep(&self) {
        let now = monotonic();
        self.sessions().retain(|_, feed| {
            if feed.is_silent(now) {
                feed.newest = None;
            }
            now.saturating_duration_since(feed.last) < FORGOTTEN
        });
    }

    pub(crate) fn counts(&self) -> Counts {
        Counts {
            sessions: self.sessions().len(),
            received: self.received.load(Ordering::Relaxed),
            passed_over: self.passed_over.load(Ordering::Relaxed),
        }
    }
}

/// Whether one more may be known; one that has been silent longest may have made room.
fn has_room(sessions: &mut HashMap<String, Feed>, session: &str, now: Instant) -> bool {
    if session.len() > LONGEST_ID {
        return false;
    }
    if sessions.len() < SESSIONS {
        return true;
    }
    let silent = sessions.iter().filter(|(_, feed)| feed.is_silent(now)).min_by_key(|(_, feed)| feed.last);
    let Some(longest) = silent.map(|(session, _)| session.clone()) else { return false };
    sessions.remove(&longest).is_some()
}

impl IngestHealth for Heard {
    fn latest(&self, session: &str) -> Option<HealthSample> {
        let sessions = self.sessions();
        let newest = sessions.get(session)?.newest.as_ref()?;
        Some(newest.borrow().clone())
    }

    fn recent(&self, session: &str, seconds: u32) -> Vec<HealthSample> {
        let sessions = self.sessions();
        let Some(feed) = sessions.get(session) else { return Vec::new() };
        let skipped = feed.ring.len().saturating_sub(usize::try_from(seconds).unwrap_or(usize::MAX));
        feed.ring.iter().skip(skipped).cloned().collect()
    }

    fn follow(&self, session: &str) -> Option<BoxStream<'static, HealthSample>> {
        let mut newest = self.sessions().get(session)?.newest.as_ref()?.subscribe();
        newest.mark_changed();
        let next = |mut newest: watch::Receiver<HealthSample>| async move {
            newest.changed().await.ok()?;
            let sample = newest.borrow_and_update().clone();
            Some((sample, newest))
        };
        Some(stream::unfold(newest, next).boxed())
    }
}

/// This node's own sessions, and beside them those that other nodes tell of.
pub(crate) struct Everywhere {
    pub(crate) own: Arc<dyn IngestHealth>,
    pub(crate) heard: Arc<Heard>,
}

impl IngestHealth for Everywhere {
    fn latest(&self, session: &str) -> Option<HealthSample> {
        self.own.latest(session).or_else(|| self.heard.latest(session))
    }

    fn recent(&self, session: &str, seconds: u32) -> Vec<HealthSample> {
        let own = self.own.recent(session, seconds);
        if own.is_empty() { self.heard.recent(session, seconds) } else { own }
    }

    fn follow(&self, session: &str) -> Option<BoxStream<'static, HealthSample>> {
        self.own.follow(session).or_else(|| self.heard.follow(session))
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use futures_util::FutureExt;
    use sigma_api::graphql::{NothingOnAir, StandingWarning};

    use super::*;

    fn sample(at_ms: i64) -> HealthSample {
        HealthSample {
            at_ms,
            video_bitrate: 1_000,
            audio_bitrate: 0,
            frame_rate_milli: None,
            key_frame_interval_ms: None,
            av_offset_ms: None,
            behind_ms: 0,
            queue_ms: 0,
            largest_gap_ms: 0,
            dropped_frames: 0,
            warnings: Arc::new([]),
        }
    }

    fn times(samples: &[HealthSample]) -> Vec<i64> {
        samples.iter().map(|sample| sample.at_ms).collect()
    }

    #[tokio::test(start_paused = true)]
    async fn a_session_is_on_air_until_it_is_silent_and_its_followers_end_then() {
        let heard = Heard::default();
        assert!(heard.latest("se_1").is_none() && heard.follow("se_1").is_none());
        heard.take("se_1", sample(1), false);
        let mut followed = heard.follow("se_1").unwrap();
        assert_eq!(followed.next().await.map(|sample| sample.at_ms), Some(1), "the newest comes first");
        heard.take("se_1", sample(2), false);
        heard.take("se_1", sample(3), false);
        assert_eq!(followed.next().await.map(|sample| sample.at_ms), Some(3), "who is slow misses some");
        tokio::time::advance(SILENT - Duration::from_millis(1)).await;
        heard.sweep();
        assert_eq!(heard.latest("se_1").map(|sample| sample.at_ms), Some(3));
        assert!(followed.next().now_or_never().is_none());
        tokio::time::advance(Duration::from_millis(1)).await;
        heard.sweep();
        assert_eq!(followed.next().await, None);
        assert!(heard.latest("se_1").is_none() && heard.follow("se_1").is_none());
        assert_eq!(times(&heard.recent("se_1", 2)), [2, 3], "what was stays readable");
        // It speaks again.
        heard.take("se_1", sample(4), false);
        assert_eq!(heard.latest("se_1").map(|sample| sample.at_ms), Some(4));
        tokio::time::advance(FORGOTTEN).await;
        heard.sweep();
        assert_eq!((heard.recent("se_1", 900).len(), heard.counts().sessions), (0, 0));
    }

    #[tokio::test(start_paused = true)]
    async fn what_was_before_we_listened_is_no_sign_of_life() {
        let heard = Heard::default();
        heard.take("se_1", sample(1), true);
        assert!(heard.latest("se_1").is_none() && heard.follow("se_1").is_none());
        heard.take("se_1", sample(2), false);
        assert_eq!(times(&heard.recent("se_1", 900)), [1, 2]);
        assert_eq!(heard.latest("se_1").map(|sample| sample.at_ms), Some(2));
    }

    #[tokio::test(start_paused = true)]
    async fn what_is_kept_is_bounded_and_the_same_words_are_kept_once() {
        let heard = Heard::default();
        let warned = |at_ms| {
            let (name, message) = ("NO_AUDIO".to_owned(), "Turn it on.".to_owned());
            let warning = StandingWarning { name, message, since_ms: 0, data: BTreeMap::new() };
            HealthSample { warnings: [warning].into(), ..sample(at_ms) }
        };
        for at_ms in 0..1_000 {
            heard.take("se_1", warned(at_ms), false);
            heard.take("se_1", warned(at_ms), false);
        }
        let recent = heard.recent("se_1", u32::MAX);
        assert_eq!(times(&recent), (100..1_000).collect::<Vec<_>>(), "each second once, the newest 900");
        assert!(recent.iter().all(|sample| Arc::ptr_eq(&sample.warnings, &recent[0].warnings)));

        for number in 1..SESSIONS {
            heard.take(&format!("se_more_{number}"), sample(0), false);
        }
        heard.take("se_too_many", sample(0), false);
        heard.take(&"x".repeat(LONGEST_ID + 1), sample(0), false);
        let counts = heard.counts();
        assert_eq!((counts.sessions, counts.passed_over), (SESSIONS, 2), "all others are on air");
        tokio::time::advance(SILENT).await;
        heard.take("se_1", sample(5_000), false);
        heard.take("se_too_many", sample(0), false);
        assert_eq!(heard.counts().sessions, SESSIONS);
        assert!(heard.latest("se_too_many").is_some() && heard.latest("se_1").is_some());
    }

    #[tokio::test(start_paused = true)]
    async fn the_own_node_is_asked_first() {
        let (own, heard) = (Arc::new(Heard::default()), Arc::new(Heard::default()));
        let health = Everywhere { own: own.clone(), heard: heard.clone() };
        heard.take("se_1", sample(1), false);
        assert_eq!(health.latest("se_1").map(|sample| sample.at_ms), Some(1));
        assert_eq!(times(&health.recent("se_1", 9)), [1]);
        own.take("se_1", sample(7), false);
        assert_eq!(health.latest("se_1").map(|sample| sample.at_ms), Some(7));
        assert_eq!(times(&health.recent("se_1", 9)), [7]);
        let mut followed = health.follow("se_1").unwrap();
        assert_eq!(followed.next().await.map(|sample| sample.at_ms), Some(7));
        let nobody = Everywhere { own: Arc::new(NothingOnAir), heard };
        assert_eq!(nobody.follow("se_1").unwrap().next().await.map(|sample| sample.at_ms), Some(1));
    }
}
