//! Who may come in at the RTMP doors: places, keys that are guessed, channels that reconnect too often.

use std::collections::HashSet;
use std::hash::{BuildHasher, RandomState};
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use sigma_door::{Bounds, Minutely, Penalties, Pool, Rule, network};
use tracing::warn;

use crate::control::{NodeSettings, StreamKey};

const MINUTE: Duration = Duration::from_secs(60);
/// Keys that were good and are known as such at once.
const KNOWN_MOST: usize = 10_000;

/// What both RTMP doors know of who comes.
#[derive(Debug)]
pub(crate) struct Entrance {
    places: Arc<Pool>,
    guesses: Penalties<IpAddr>,
    guesses_told: Minutely,
    arrivals: Penalties<String>,
    /// Keys that were good, under a hash of this process's own: a broadcaster comes in while others of his address guess.
    good: Mutex<HashSet<u64>>,
    hasher: RandomState,
}

impl Entrance {
    pub(crate) fn new(settings: &NodeSettings) -> Self {
        let rule = |a_minute: u32, first, longest| Rule {
            free: a_minute,
            forgiven: MINUTE / a_minute.max(1),
            first,
            longest,
        };
        Self {
            places: Pool::new(Bounds {
                places: settings.max_connections,
                address: settings.max_connections,
                strangers: settings.max_strangers,
            }),
            guesses: Penalties::new(rule(settings.wrong_keys, Duration::from_secs(1), MINUTE)),
            guesses_told: Minutely::default(),
            arrivals: Penalties::new(rule(settings.reconnects, Duration::from_secs(2), MINUTE / 2)),
            good: Mutex::default(),
            hasher: RandomState::new(),
        }
    }

    pub(crate) fn places(&self) -> &Arc<Pool> {
        &self.places
    }

    /// Whether a key from this address may be looked up.
    pub(crate) fn may_try(&self, address: IpAddr, key: &StreamKey) -> bool {
        let is_known = || self.good().contains(&self.hasher.hash_one(key.expose()));
        let may = self.guesses.wait(&network(address)).is_none() || is_known();
        if !may {
            self.tell();
        }
        may
    }

    /// The key was one.
    pub(crate) fn good_key(&self, key: &StreamKey) {
        let mut good = self.good();
        if good.len() >= KNOWN_MOST {
            // Whoever is on air comes in by a look-up the next time.
            good.clear();
        }
        good.insert(self.hasher.hash_one(key.expose()));
    }

    /// The key was none.
    pub(crate) fn wrong_key(&self, address: IpAddr, key: &StreamKey) {
        self.good().remove(&self.hasher.hash_one(key.expose()));
        if self.guesses.failed(network(address)).is_some() {
            self.tell();
        }
    }

    /// Whether one more feed of this channel may come now.
    pub(crate) fn may_arrive(&self, channel: &str) -> bool {
        self.arrivals.wait(&channel.to_owned()).is_none()
    }

    /// A feed of this channel has come.
    pub(crate) fn arrived(&self, channel: &str) {
        if self.arrivals.failed(channel.to_owned()).is_some() {
            warn!(channel.id = channel, "a broadcaster reconnects too often; his next feeds wait");
        }
    }

    fn tell(&self) {
        if let Some(times) = self.guesses_told.happened() {
            warn!(times, "stream keys are guessed; their addresses are made to wait, ever longer");
        }
    }

    fn good(&self) -> std::sync::MutexGuard<'_, HashSet<u64>> {
        self.good.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entrance() -> Entrance {
        Entrance::new(&NodeSettings::new([0; 32]))
    }

    #[tokio::test(start_paused = true)]
    async fn guesses_are_slowed_by_address_and_a_key_that_was_good_comes_in() {
        let entrance = entrance();
        let (guesser, neighbour) = (IpAddr::from([192, 0, 2, 1]), IpAddr::from([192, 0, 2, 2]));
        let key = |text: &str| StreamKey::new(text);
        entrance.good_key(&key("good"));
        // A minute of a thousand guesses a second: so many are looked up.
        let mut looked_up = 0;
        for _ in 0..60_000 {
            if entrance.may_try(guesser, &key("guess")) {
                looked_up += 1;
                entrance.wrong_key(guesser, &key("guess"));
            }
            sigma_clock::sleep(Duration::from_millis(1)).await;
        }
        assert!((11..=30).contains(&looked_up), "{looked_up}");
        assert!(entrance.may_try(guesser, &key("good")), "a broadcaster beside the guesser");
        assert!(entrance.may_try(neighbour, &key("guess")), "another address");
        entrance.wrong_key(guesser, &key("good"));
        assert!(!entrance.may_try(guesser, &key("good")), "a key that is good no longer");
    }

    #[tokio::test(start_paused = true)]
    async fn a_thousand_reconnects_a_minute_become_few() {
        let entrance = entrance();
        let mut came = 0;
        for _ in 0..1_000 {
            if entrance.may_arrive("ch_1") {
                came += 1;
                entrance.arrived("ch_1");
            }
            sigma_clock::sleep(Duration::from_millis(60)).await;
        }
        assert!((31..=62).contains(&came), "{came}");
        assert!(entrance.may_arrive("ch_2"));
        sigma_clock::sleep(MINUTE / 2).await;
        assert!(entrance.may_arrive("ch_1"));
    }
}
