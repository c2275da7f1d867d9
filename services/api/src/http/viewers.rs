//! Who watches, and whether one more may.
//!
//! A viewer is an address with a program (`User-Agent`): he may open connections as he likes, behind a trusted proxy too.
//! Several who share both count as one; what they take is counted all the same, as bandwidth.

use std::collections::HashMap;
use std::hash::{BuildHasher, RandomState};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use http::{HeaderMap, StatusCode, header};
use sigma_clock::{Instant, monotonic};
use sigma_door::Pressure;

use super::HttpError;
use super::caller::Client;

/// Who has asked for nothing for so long watches no more. A player that is open asks at least once in a target duration.
const LASTS: Duration = Duration::from_secs(30);
/// Those who have left are counted out no more often than this.
const COUNT_OUT: Duration = Duration::from_secs(1);
/// Seconds after which one who was refused may ask again.
const RETRY_AFTER: u64 = 10;

/// What is lacking for one more viewer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Lack {
    Places,
    Bandwidth,
    Memory,
}

impl Lack {
    pub(crate) const ALL: [(Self, &'static str); 3] =
        [(Self::Places, "viewers"), (Self::Bandwidth, "bandwidth"), (Self::Memory, "memory")];

    pub(crate) fn told(self) -> HttpError {
        let message = match self {
            Self::Places => "as many watch here as may at once",
            Self::Bandwidth => "as much goes out here as may",
            Self::Memory => "this server is short of memory",
        };
        let mend = "those who watch already go on; try again in a little while";
        let error = HttpError::new(StatusCode::SERVICE_UNAVAILABLE, "UNAVAILABLE", message, mend);
        HttpError { retry_after: Some(RETRY_AFTER), ..error }
    }
}

/// All who watch.
#[derive(Debug)]
pub(crate) struct Viewers {
    most: usize,
    pressure: Arc<Pressure>,
    hasher: RandomState,
    known: Mutex<Known>,
}

#[derive(Debug)]
struct Known {
    seen: HashMap<u64, Instant>,
    counted_out: Instant,
}

impl Known {
    fn count_out(&mut self, now: Instant) {
        self.seen.retain(|_, seen| now.saturating_duration_since(*seen) < LASTS);
        self.counted_out = now;
    }
}

impl Viewers {
    pub(crate) fn new(most: usize, pressure: Arc<Pressure>) -> Self {
        let known = Known { seen: HashMap::new(), counted_out: monotonic() };
        Self { most, pressure, hasher: RandomState::new(), known: Mutex::new(known) }
    }

    /// Somebody asks for media.
    pub(crate) fn admit(&self, client: &Client, headers: &HeaderMap) -> Result<(), Lack> {
        let who = self.hasher.hash_one((client.address, headers.get(header::USER_AGENT)));
        let now = monotonic();
        let mut known = self.lock();
        match known.seen.get_mut(&who) {
            Some(seen) if now.saturating_duration_since(*seen) < LASTS => {
                *seen = now;
                return Ok(());
            }
            _ => {}
        }
        if self.pressure.memory() {
            return Err(Lack::Memory);
        }
        if self.pressure.bandwidth() {
            return Err(Lack::Bandwidth);
        }
        if known.seen.len() >= self.most && now.saturating_duration_since(known.counted_out) >= COUNT_OUT {
            known.count_out(now);
        }
        if known.seen.len() >= self.most && !known.seen.contains_key(&who) {
            return Err(Lack::Places);
        }
        known.seen.insert(who, now);
        Ok(())
    }

    /// How many watch.
    pub(crate) fn count(&self) -> usize {
        let mut known = self.lock();
        known.count_out(monotonic());
        known.seen.len()
    }

    fn lock(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    fn client(last: u8) -> Client {
        Client { address: [192, 0, 2, last].into(), https: false }
    }

    #[tokio::test(start_paused = true)]
    async fn one_more_than_may_is_refused_until_somebody_has_left() {
        let viewers = Viewers::new(2, Arc::default());
        let none = HeaderMap::new();
        assert_eq!(
            [1, 2, 3].map(|one| viewers.admit(&client(one), &none)),
            [Ok(()), Ok(()), Err(Lack::Places)]
        );
        sigma_clock::sleep(LASTS - Duration::from_secs(1)).await;
        assert_eq!(viewers.admit(&client(1), &none), Ok(()), "who watches goes on");
        sigma_clock::sleep(Duration::from_secs(1)).await;
        assert_eq!(viewers.count(), 1);
        assert_eq!([3, 2].map(|one| viewers.admit(&client(one), &none)), [Ok(()), Err(Lack::Places)]);
    }

    #[tokio::test(start_paused = true)]
    async fn who_watches_goes_on_when_the_process_lacks_what_newcomers_need() {
        let pressure = Arc::new(Pressure::default());
        let viewers = Viewers::new(100, Arc::clone(&pressure));
        let (none, mut other) = (HeaderMap::new(), HeaderMap::new());
        other.insert(header::USER_AGENT, HeaderValue::from_static("another player"));
        assert_eq!(viewers.admit(&client(1), &none), Ok(()));
        pressure.set_bandwidth(true);
        assert_eq!(viewers.admit(&client(1), &none), Ok(()));
        assert_eq!(viewers.admit(&client(1), &other), Err(Lack::Bandwidth));
        pressure.set_memory(true);
        assert_eq!(viewers.admit(&client(2), &none), Err(Lack::Memory));
    }
}
