//! What a connection is doing: requests in flight, or idle since when.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use sigma_clock::Instant;

#[derive(Debug)]
struct State {
    in_flight: u32,
    since: Instant,
}

/// Shared by a connection and its requests.
#[derive(Clone, Debug)]
pub(crate) struct Activity(Arc<Mutex<State>>);

impl Activity {
    pub(crate) fn new() -> Self {
        Self(Arc::new(Mutex::new(State { in_flight: 0, since: sigma_clock::monotonic() })))
    }

    /// A request begins; it ends when the guard is dropped, with the last byte of its answer.
    pub(crate) fn begin(&self) -> InFlight {
        self.with(|state| state.in_flight += 1);
        InFlight(self.clone())
    }

    /// When the last request ended; now, while one is in flight.
    pub(crate) fn idle_since(&self) -> Instant {
        self.with(|state| if state.in_flight > 0 { sigma_clock::monotonic() } else { state.since })
    }

    pub(crate) fn is_busy(&self) -> bool {
        self.with(|state| state.in_flight > 0)
    }

    pub(crate) fn is_idle_for(&self, span: Duration) -> bool {
        self.with(|state| state.in_flight == 0 && state.since.elapsed() >= span)
    }

    fn with<T>(&self, act: impl FnOnce(&mut State) -> T) -> T {
        act(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// One request in flight.
#[derive(Debug)]
pub(crate) struct InFlight(Activity);

impl Drop for InFlight {
    fn drop(&mut self) {
        self.0.with(|state| {
            state.in_flight = state.in_flight.saturating_sub(1);
            state.since = sigma_clock::monotonic();
        });
    }
}
