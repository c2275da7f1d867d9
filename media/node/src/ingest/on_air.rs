//! Which channel has a feed at this moment, and when it last delivered.
//!
//! A second feed on the same key is refused while the one on air has delivered media in the last 2 s; a quieter one
//! is taken over: encoders come back before we see their old connection die.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use sigma_clock::{Instant, monotonic};
use tokio::sync::watch;

/// A feed that was let in, as the rest of the node sees it.
#[derive(Debug)]
pub(crate) struct OnAirFeed {
    serial: u64,
    began: Instant,
    /// Milliseconds from `began` to the last media.
    last_media: AtomicU64,
    cut: watch::Sender<Option<String>>,
}

impl OnAirFeed {
    /// Notes that media came now.
    pub(crate) fn delivered(&self) {
        let millis = u64::try_from(self.began.elapsed().as_millis()).unwrap_or(u64::MAX);
        self.last_media.store(millis, Ordering::Relaxed);
    }

    /// For how long no media has come.
    pub(crate) fn quiet_for(&self) -> Duration {
        self.began.elapsed().saturating_sub(Duration::from_millis(self.last_media.load(Ordering::Relaxed)))
    }

    /// Tells the connection to close, with a sentence for the broadcaster. The first reason stands.
    pub(crate) fn cut(&self, reason: &str) {
        self.cut.send_if_modified(|standing| {
            let first = standing.is_none();
            if first {
                *standing = Some(reason.to_owned());
            }
            first
        });
    }

    /// Resolves to the reason once the feed is cut.
    pub(crate) async fn cut_reason(&self) -> String {
        let mut cut = self.cut.subscribe();
        let reason = cut.wait_for(Option::is_some).await.ok().and_then(|reason| reason.clone());
        reason.unwrap_or_default()
    }
}

#[derive(Debug, Default)]
struct Seat {
    feed: Option<Arc<OnAirFeed>>,
}

/// The channels that have a feed on this node.
#[derive(Debug, Default)]
pub(crate) struct OnAir {
    seats: Mutex<HashMap<String, Arc<tokio::sync::Mutex<Seat>>>>,
    serials: AtomicU64,
    seated: Arc<AtomicUsize>,
}

/// A channel's seat, held while it is decided who gets it.
pub(crate) struct Claim {
    seat: tokio::sync::OwnedMutexGuard<Seat>,
    serial: u64,
    seated: Arc<AtomicUsize>,
}

impl OnAir {
    /// Waits for the decision on any other feed of the same channel, then holds the channel's seat.
    pub(crate) async fn claim(&self, channel: &str) -> Claim {
        let seat = {
            let mut seats = self.seats.lock().unwrap_or_else(PoisonError::into_inner);
            Arc::clone(seats.entry(channel.to_owned()).or_default())
        };
        Claim {
            seat: seat.lock_owned().await,
            serial: self.serials.fetch_add(1, Ordering::Relaxed),
            seated: Arc::clone(&self.seated),
        }
    }

    /// Feeds that have a seat.
    pub(crate) fn count(&self) -> usize {
        self.seated.load(Ordering::Relaxed)
    }

    /// Cuts every feed that has a seat; of a seat that is being decided on, whoever gets it.
    pub(crate) async fn cut_all(&self, reason: &str) {
        let seats: Vec<_> =
            self.seats.lock().unwrap_or_else(PoisonError::into_inner).values().cloned().collect();
        for seat in seats {
            if let Some(feed) = &seat.lock().await.feed {
                feed.cut(reason);
            }
        }
    }

    /// Forgets a channel's seat if nobody sits there, holds it or waits for it.
    pub(crate) fn tidy(&self, channel: &str) {
        let mut seats = self.seats.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(seat) = seats.get(channel)
            && Arc::strong_count(seat) == 1
            && seat.try_lock().is_ok_and(|seat| seat.feed.is_none())
        {
            seats.remove(channel);
        }
    }
}

impl Claim {
    /// The feed that sits there now.
    pub(crate) fn occupant(&self) -> Option<&Arc<OnAirFeed>> {
        self.seat.feed.as_ref()
    }

    /// Frees the seat if `feed` still has it.
    pub(crate) fn leave(&mut self, feed: &OnAirFeed) {
        if self.seat.feed.take_if(|seated| seated.serial == feed.serial).is_some() {
            self.seated.fetch_sub(1, Ordering::Relaxed);
        }
    }

    /// Seats a new feed; whoever sat there is cut.
    pub(crate) fn seat(&mut self) -> Arc<OnAirFeed> {
        match self.seat.feed.take() {
            Some(old) => old.cut("another encoder took over with the same stream key"),
            None => {
                self.seated.fetch_add(1, Ordering::Relaxed);
            }
        }
        let feed = Arc::new(OnAirFeed {
            serial: self.serial,
            began: monotonic(),
            last_media: AtomicU64::new(0),
            cut: watch::Sender::new(None),
        });
        self.seat.feed = Some(Arc::clone(&feed));
        feed
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_feed_counts_as_quiet_from_its_last_media_on() {
        let on_air = OnAir::default();
        let feed = on_air.claim("ch").await.seat();
        tokio::time::advance(Duration::from_secs(3)).await;
        assert_eq!(feed.quiet_for(), Duration::from_secs(3));
        feed.delivered();
        assert_eq!(feed.quiet_for(), Duration::ZERO);
    }

    #[tokio::test]
    async fn all_feeds_can_be_cut_at_once() {
        let on_air = OnAir::default();
        let feeds = [on_air.claim("one").await.seat(), on_air.claim("two").await.seat()];
        on_air.cut_all("begin anew").await;
        for feed in feeds {
            assert_eq!(feed.cut_reason().await, "begin anew");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_late_leaver_does_not_unseat_the_one_who_took_over() {
        let on_air = OnAir::default();
        let old = on_air.claim("ch").await.seat();
        let new = on_air.claim("ch").await.seat();
        assert!(old.cut_reason().await.contains("took over"));
        on_air.claim("ch").await.leave(&old);
        assert_eq!(on_air.count(), 1);
        assert!(on_air.claim("ch").await.occupant().is_some_and(|seated| Arc::ptr_eq(seated, &new)));
        on_air.claim("ch").await.leave(&new);
        on_air.tidy("ch");
        assert_eq!(on_air.count(), 0);
        assert!(on_air.seats.lock().unwrap().is_empty());
    }
}
