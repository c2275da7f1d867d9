//! What a connection is doing: requests in flight, or idle since when; and how fast it takes what it asked for.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use sigma_clock::{Instant, monotonic};
use sigma_door::{Place, Rank};

use super::limits::Limits;

#[derive(Debug)]
struct State {
    in_flight: u32,
    since: Instant,
    /// Answers whose last byte has not been taken.
    owed: u32,
    /// How much had been taken at some moment since which something was owed all the time.
    mark: Option<(Instant, u64)>,
}

#[derive(Debug)]
struct Shared {
    state: Mutex<State>,
    place: Arc<Place>,
    /// Bytes of answers that were taken.
    taken: AtomicU64,
}

/// Shared by a connection and its requests.
#[derive(Clone, Debug)]
pub(crate) struct Activity(Arc<Shared>);

impl Activity {
    pub(crate) fn new(place: Arc<Place>) -> Self {
        let state = State { in_flight: 0, since: monotonic(), owed: 0, mark: None };
        Self(Arc::new(Shared { state: Mutex::new(state), place, taken: AtomicU64::new(0) }))
    }

    /// A request begins; it ends when the guard is dropped, with the last byte of its answer.
    pub(crate) fn begin(&self) -> InFlight {
        self.with(|state| state.in_flight += 1);
        self.0.place.rank(Rank::Served);
        InFlight { activity: self.clone(), owes: false }
    }

    /// When there is something to judge again. A request that begins meanwhile wakes nobody: therefore soon enough for one.
    pub(crate) fn look_again(&self, limits: &Limits) -> Instant {
        let soon = monotonic() + limits.slow_span / 2;
        self.with(
            |state| if state.in_flight > 0 { soon } else { soon.min(state.since + limits.idle_timeout) },
        )
    }

    pub(crate) fn is_busy(&self) -> bool {
        self.with(|state| state.in_flight > 0)
    }

    pub(crate) fn is_idle_for(&self, span: Duration) -> bool {
        self.with(|state| state.in_flight == 0 && state.since.elapsed() >= span)
    }

    /// Whether it was owed something for a whole [`Limits::slow_span`] and took less of it than
    /// [`Limits::slowest`]. Asked from time to time.
    pub(crate) fn takes_too_little(&self, limits: &Limits) -> bool {
        let taken = self.0.taken.load(Ordering::Relaxed);
        self.with(|state| {
            if state.owed == 0 {
                state.mark = None;
                return false;
            }
            let Some((at, before)) = state.mark else {
                state.mark = Some((monotonic(), taken));
                return false;
            };
            let span = at.elapsed();
            if span < limits.slow_span {
                return false;
            }
            state.mark = Some((monotonic(), taken));
            u128::from(taken - before) * 1_000 < u128::from(limits.slowest) * span.as_millis()
        })
    }

    fn with<T>(&self, act: impl FnOnce(&mut State) -> T) -> T {
        act(&mut self.0.state.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// One request in flight.
#[derive(Debug)]
pub(crate) struct InFlight {
    activity: Activity,
    owes: bool,
}

impl InFlight {
    /// Its answer is there, and is to be taken.
    pub(crate) fn owe(&mut self) {
        self.owes = true;
        self.activity.with(|state| state.owed += 1);
    }

    /// So much of its answer was taken.
    pub(crate) fn taken(&self, bytes: usize) {
        self.activity.0.taken.fetch_add(bytes as u64, Ordering::Relaxed);
    }
}

impl Drop for InFlight {
    fn drop(&mut self) {
        let idle = self.activity.with(|state| {
            state.in_flight = state.in_flight.saturating_sub(1);
            state.since = monotonic();
            if self.owes {
                state.owed = state.owed.saturating_sub(1);
                if state.owed == 0 {
                    state.mark = None;
                }
            }
            state.in_flight == 0
        });
        if idle {
            self.activity.0.place.rank(Rank::Idle);
        }
    }
}

#[cfg(test)]
mod tests {
    use sigma_door::{Bounds, Pool};

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn who_takes_next_to_nothing_of_what_he_is_owed_is_found_out_and_who_waits_is_not() {
        let bounds = Bounds { places: 1, address: 1, strangers: 1 };
        let place = Pool::new(bounds).enter([127, 0, 0, 1].into(), false).expect("a place");
        let activity = Activity::new(Arc::new(place));
        let limits = Limits::default();
        let mut request = activity.begin();
        let judged = async |bytes_a_second: u64| {
            let mut cut = false;
            for _ in 0..30 {
                sigma_clock::sleep(Duration::from_secs(2)).await;
                activity.0.taken.fetch_add(bytes_a_second * 2, Ordering::Relaxed);
                cut |= activity.takes_too_little(&limits);
            }
            cut
        };
        assert!(!judged(0).await, "a blocking request whose answer is still to come");
        request.owe();
        assert!(!judged(limits.slowest + 100).await, "a slow viewer");
        assert!(judged(1_000).await, "one at 1 kB/s");
        drop(request);
        assert!(!judged(0).await, "nothing is owed any more");
    }
}
