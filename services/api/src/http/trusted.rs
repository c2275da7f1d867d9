//! Tokens that were good of late: they come in while their address waits for what others of it have sent.

use std::collections::HashMap;
use std::hash::{BuildHasher, RandomState};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use sigma_clock::Instant;

/// How long a token that was good is known as such.
const LASTS: Duration = Duration::from_secs(60 * 60);
/// Tokens that are known at once; more are not, until some have run out.
const MOST: usize = 100_000;

/// Knows tokens by a hash under a key of its own. It lets nobody in: it says who is worth a look.
#[derive(Default)]
pub(crate) struct Trusted {
    hasher: RandomState,
    until: Mutex<HashMap<u64, Instant>>,
}

impl Trusted {
    /// Whether this token was good of late.
    pub(crate) fn knows(&self, secret: &str) -> bool {
        let until = self.lock().get(&self.hasher.hash_one(secret)).copied();
        until.is_some_and(|until| sigma_clock::monotonic() < until)
    }

    /// This token is good.
    pub(crate) fn note(&self, secret: &str) {
        let (key, now) = (self.hasher.hash_one(secret), sigma_clock::monotonic());
        let mut known = self.lock();
        if known.len() >= MOST && !known.contains_key(&key) {
            known.retain(|_, until| now < *until);
            if known.len() >= MOST {
                return;
            }
        }
        known.insert(key, now + LASTS);
    }

    /// This token is good no longer.
    pub(crate) fn forget(&self, secret: &str) {
        self.lock().remove(&self.hasher.hash_one(secret));
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<u64, Instant>> {
        self.until.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_token_is_known_for_an_hour_after_it_was_good() {
        let trusted = Trusted::default();
        trusted.note("a");
        sigma_clock::sleep(LASTS - Duration::from_millis(1)).await;
        assert!(trusted.knows("a") && !trusted.knows("b"));
        sigma_clock::sleep(Duration::from_millis(1)).await;
        assert!(!trusted.knows("a"));
        trusted.note("a");
        trusted.forget("a");
        assert!(!trusted.knows("a"));
    }
}
