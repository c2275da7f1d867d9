//! How often somebody may ask: by token, and by address where there is none.

use std::collections::HashMap;
use std::hash::Hash;
use std::net::IpAddr;
use std::num::NonZeroU32;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use governor::clock::{Clock, DefaultClock};
use governor::{DefaultKeyedRateLimiter, Quota, RateLimiter};
use sigma_clock::Instant;

use super::limits::Limits;

/// Tokens or addresses that are counted at once. Who comes beyond them waits, while all of them are in use.
const MOST: usize = 100_000;
/// What is no longer in use is thrown out this often at most, once there are [`MOST`].
const SWEEP: Duration = Duration::from_secs(1);

/// Seconds after which to try again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Wait(pub(crate) u64);

impl Wait {
    fn of(span: Duration) -> Self {
        Self(span.as_secs() + u64::from(span.subsec_nanos() > 0))
    }
}

/// One kind of key with one quota.
struct Table<K: Hash + Eq + Clone> {
    cells: DefaultKeyedRateLimiter<K>,
    most: usize,
    swept: Mutex<Option<Instant>>,
}

impl<K: Hash + Eq + Clone> Table<K> {
    fn new(quota: Quota, most: usize) -> Self {
        Self { cells: RateLimiter::keyed(quota), most, swept: Mutex::new(None) }
    }

    fn take(&self, key: &K) -> Result<(), Wait> {
        if self.cells.len() >= self.most && !self.has_room() {
            return Err(Wait(1));
        }
        self.cells
            .check_key(key)
            .map_err(|early| Wait::of(early.wait_time_from(DefaultClock::default().now())))
    }

    fn has_room(&self) -> bool {
        let now = sigma_clock::monotonic();
        let mut swept = self.swept.lock().unwrap_or_else(PoisonError::into_inner);
        if swept.is_none_or(|at| now.duration_since(at) >= SWEEP) {
            *swept = Some(now);
            self.cells.retain_recent();
        }
        self.cells.len() < self.most
    }
}

/// The quotas of the GraphQL door.
pub(crate) struct Rates {
    tokens: Table<String>,
    addresses: Failures,
    sign_ins: Failures,
}

impl Rates {
    pub(crate) fn new(limits: &Limits) -> Self {
        let a_second = |most: u32| {
            let most = NonZeroU32::new(most).unwrap_or(NonZeroU32::MIN);
            Quota::per_second(most).allow_burst(most.saturating_mul(NonZeroU32::MIN.saturating_add(1)))
        };
        let a_minute = |most: u32| Quota::per_minute(NonZeroU32::new(most).unwrap_or(NonZeroU32::MIN));
        Self {
            tokens: Table::new(a_second(limits.requests_token), MOST),
            addresses: Failures::new(a_second(limits.requests_address), MOST),
            sign_ins: Failures::new(a_minute(limits.sign_ins_address), MOST),
        }
    }

    /// One GraphQL request with the token of this name.
    pub(crate) fn token(&self, token: &str) -> Result<(), Wait> {
        self.tokens.take(&token.to_owned())
    }

    /// Requests without a valid token.
    pub(crate) fn addresses(&self) -> &Failures {
        &self.addresses
    }

    /// Failed sign-ins.
    pub(crate) fn sign_ins(&self) -> &Failures {
        &self.sign_ins
    }
}

/// What failed, by address: once there was too much, that address waits.
pub(crate) struct Failures {
    failures: Table<IpAddr>,
    waiting: Mutex<HashMap<IpAddr, Instant>>,
    most: usize,
}

impl Failures {
    fn new(quota: Quota, most: usize) -> Self {
        Self { failures: Table::new(quota, most), waiting: Mutex::new(HashMap::new()), most }
    }

    /// Whether the address may try now.
    pub(crate) fn may_try(&self, network: IpAddr) -> Result<(), Wait> {
        let now = sigma_clock::monotonic();
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        match waiting.get(&network) {
            Some(until) if *until > now => Err(Wait::of(until.duration_since(now))),
            Some(_) => {
                waiting.remove(&network);
                Ok(())
            }
            None => Ok(()),
        }
    }

    /// The address sent what is no token: one time more, or too often.
    pub(crate) fn failed(&self, network: IpAddr) -> Result<(), Wait> {
        self.failures.take(&network).inspect_err(|Wait(seconds)| {
            let now = sigma_clock::monotonic();
            let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
            if waiting.len() >= self.most {
                waiting.retain(|_, until| *until > now);
            }
            if waiting.len() < self.most {
                waiting.insert(network, now + Duration::from_secs(*seconds));
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hour(most: u32) -> Quota {
        Quota::per_hour(NonZeroU32::new(most).expect("some"))
    }

    #[test]
    fn each_key_has_its_own_quota_and_is_told_how_long_to_wait() {
        let table = Table::new(hour(2), 10);
        assert_eq!([table.take(&"a"), table.take(&"a")], [Ok(()), Ok(())]);
        let Err(Wait(seconds)) = table.take(&"a") else { panic!("three of two") };
        assert!((1_790..=1_800).contains(&seconds), "{seconds}");
        assert_eq!(table.take(&"b"), Ok(()));
    }

    #[test]
    fn a_table_never_holds_more_keys_than_it_may() {
        let table = Table::new(hour(2), 3);
        for key in 0..1_000 {
            let _ = table.take(&key);
        }
        assert!(table.cells.len() <= 3, "{}", table.cells.len());
        assert_eq!(table.take(&1_000), Err(Wait(1)));
    }

    #[test]
    fn a_table_makes_room_once_its_keys_are_idle() {
        let table = Table::new(Quota::per_second(NonZeroU32::MAX), 3);
        for key in 0..100 {
            *table.swept.lock().expect("a lock") = None;
            assert_eq!(table.take(&key), Ok(()), "{key}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn failed_sign_ins_make_their_address_wait_and_no_other() {
        let three = Quota::per_minute(NonZeroU32::new(3).expect("some"));
        let sign_ins = Failures::new(three, 10);
        let [one, other] = ["192.0.2.1", "192.0.2.2"].map(|text| text.parse().expect("an address"));
        for _ in 0..3 {
            assert_eq!(sign_ins.may_try(one), Ok(()));
            assert_eq!(sign_ins.failed(one), Ok(()));
        }
        assert_eq!(sign_ins.may_try(one), Ok(()));
        assert_eq!(sign_ins.failed(one), Err(Wait(20)));
        let Err(Wait(seconds)) = sign_ins.may_try(one) else { panic!("four of three") };
        assert!((19..=20).contains(&seconds), "{seconds}");
        assert_eq!(sign_ins.may_try(other), Ok(()));
        sigma_clock::sleep(Duration::from_secs(seconds)).await;
        assert_eq!(sign_ins.may_try(one), Ok(()));
    }
}
