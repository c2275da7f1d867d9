//! A bounded number of places at a door, and who makes room when all are taken.
//!
//! A place costs its holder nothing, so that somebody who only wants to keep others out takes all there are. Therefore a
//! newcomer is let in as long as somebody is there who does nothing: whoever has been silent longest goes first, then who
//! has said something and was not let in, then who was served and is idle. Who is served stays.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::atomic::{AtomicU8, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use sigma_clock::{Instant, monotonic};
use tokio::sync::Notify;

/// What a connection does, from what is missed least to what stays.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u8)]
pub enum Rank {
    /// It has said nothing yet.
    Silent,
    /// It has begun to speak, and was not served yet.
    Stranger,
    /// It was served and asks for nothing now.
    Idle,
    /// It is being served.
    Served,
}

impl Rank {
    const ALL: [Self; 4] = [Self::Silent, Self::Stranger, Self::Idle, Self::Served];
}

/// How many places there are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bounds {
    /// Of all.
    pub places: usize,
    /// Of one address ([`network`]).
    pub address: usize,
    /// Of one address, for those that were not served yet.
    pub strangers: usize,
}

/// Why a newcomer finds no place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Full {
    /// All are taken by who is served.
    Door,
    /// His address has as many as one may have.
    Address,
}

/// The places of a door.
#[derive(Debug)]
pub struct Pool {
    bounds: Bounds,
    began: Instant,
    members: Mutex<Members>,
}

#[derive(Debug, Default)]
struct Members {
    last: u64,
    all: HashMap<u64, Member>,
    networks: HashMap<IpAddr, usize>,
}

#[derive(Debug)]
struct Member {
    network: IpAddr,
    standing: Arc<Standing>,
}

/// What is known of a connection, written by itself without a lock.
#[derive(Debug)]
struct Standing {
    rank: AtomicU8,
    /// Microseconds from the pool's beginning to when it came to that rank.
    since: AtomicU64,
    sent_away: Notify,
}

impl Standing {
    fn rank(&self) -> Rank {
        Rank::ALL[usize::from(self.rank.load(Ordering::Relaxed)).min(Rank::ALL.len() - 1)]
    }

    /// Who goes first.
    fn order(&self) -> (Rank, u64) {
        (self.rank(), self.since.load(Ordering::Relaxed))
    }
}

/// A connection's place; free again when it is dropped.
#[derive(Debug)]
pub struct Place {
    pool: Arc<Pool>,
    id: u64,
    standing: Arc<Standing>,
}

impl Pool {
    /// With so many places.
    pub fn new(bounds: Bounds) -> Arc<Self> {
        Arc::new(Self { bounds, began: monotonic(), members: Mutex::default() })
    }

    /// A place for a connection from `address`; somebody may be sent away for it. An address that speaks for many, as a
    /// proxy does, is held to no share.
    ///
    /// # Errors
    /// All who could go are served.
    pub fn enter(self: &Arc<Self>, address: IpAddr, speaks_for_many: bool) -> Result<Place, Full> {
        let network = network(address);
        let mut members = self.lock();
        let held = members.of(network);
        if !speaks_for_many && held >= self.bounds.strangers.min(self.bounds.address) {
            let strangers = members.below(Rank::Idle, Some(network));
            let too_many = (strangers.len() + 1).saturating_sub(self.bounds.strangers);
            members.send_away(
                strangers,
                if too_many == 0 { 0 } else { too_many.max(self.bounds.strangers / 16) },
            );
            if members.of(network) >= self.bounds.address {
                let idle = members.below(Rank::Served, Some(network));
                members.send_away(idle, 1 + self.bounds.address / 128);
                if members.of(network) >= self.bounds.address {
                    return Err(Full::Address);
                }
            }
        }
        if members.all.len() >= self.bounds.places {
            let idle = members.below(Rank::Served, None);
            // Some at once: to look at all of them is work that is not to be done for each newcomer.
            members.send_away(idle, 1 + self.bounds.places / 128);
            if members.all.len() >= self.bounds.places {
                return Err(Full::Door);
            }
        }
        let standing = Standing {
            rank: AtomicU8::new(Rank::Silent as u8),
            since: AtomicU64::new(self.now()),
            sent_away: Notify::new(),
        };
        let standing = Arc::new(standing);
        members.last += 1;
        let id = members.last;
        members.all.insert(id, Member { network, standing: Arc::clone(&standing) });
        *members.networks.entry(network).or_default() += 1;
        drop(members);
        Ok(Place { pool: Arc::clone(self), id, standing })
    }

    /// Sends one away who is not served: the process lacks what a newcomer needs. Answers whether there was one.
    pub fn make_room(&self) -> bool {
        let mut members = self.lock();
        let idle = members.below(Rank::Served, None);
        let is_one_there = !idle.is_empty();
        members.send_away(idle, 1);
        is_one_there
    }

    fn now(&self) -> u64 {
        u64::try_from(self.began.elapsed().as_micros()).unwrap_or(u64::MAX)
    }

    fn lock(&self) -> MutexGuard<'_, Members> {
        self.members.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Members {
    fn of(&self, network: IpAddr) -> usize {
        self.networks.get(&network).copied().unwrap_or(0)
    }

    /// Those below `rank`, of one network or all.
    fn below(&self, rank: Rank, network: Option<IpAddr>) -> Vec<(Rank, u64, u64)> {
        let asked =
            self.all.iter().filter(|(_, member)| network.is_none_or(|network| member.network == network));
        let ordered = asked.map(|(id, member)| {
            let (rank, since) = member.standing.order();
            (rank, since, *id)
        });
        ordered.filter(|(found, ..)| *found < rank).collect()
    }

    /// Sends the first `count` of `who` away. Their places are free at once: their connections end within moments.
    fn send_away(&mut self, mut who: Vec<(Rank, u64, u64)>, count: usize) {
        who.sort_unstable();
        for (.., id) in who.into_iter().take(count) {
            if let Some(member) = self.take(id) {
                member.standing.sent_away.notify_one();
            }
        }
    }

    fn take(&mut self, id: u64) -> Option<Member> {
        let member = self.all.remove(&id)?;
        if let Some(count) = self.networks.get_mut(&member.network) {
            *count -= 1;
            if *count == 0 {
                self.networks.remove(&member.network);
            }
        }
        Some(member)
    }
}

impl Place {
    /// What the connection does from now on.
    pub fn rank(&self, rank: Rank) {
        if self.standing.rank.swap(rank as u8, Ordering::Relaxed) != rank as u8 {
            self.standing.since.store(self.pool.now(), Ordering::Relaxed);
        }
    }

    /// Resolves once somebody else has got the place.
    pub fn sent_away(&self) -> impl Future<Output = ()> + Send + use<> {
        let standing = Arc::clone(&self.standing);
        async move { standing.sent_away.notified().await }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.pool.lock().take(self.id);
    }
}

/// What shares are counted by: an IPv4 address, or the /64 that one IPv6 customer has whole.
pub fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(address) => Ipv6Addr::from_bits(address.to_bits() & (u128::MAX << 64)).into(),
        v4 => v4,
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn pool(places: usize, address: usize, strangers: usize) -> Arc<Pool> {
        Pool::new(Bounds { places, address, strangers })
    }

    fn from(last: u8) -> IpAddr {
        IpAddr::from([192, 0, 2, last])
    }

    async fn is_sent_away(place: &Place) -> bool {
        sigma_clock::timeout(Duration::from_millis(1), place.sent_away()).await.is_ok()
    }

    async fn later() {
        sigma_clock::sleep(Duration::from_millis(1)).await;
    }

    #[tokio::test(start_paused = true)]
    async fn who_does_nothing_makes_room_for_a_newcomer() {
        let pool = pool(4, 4, 4);
        let mut places = Vec::new();
        for (at, rank) in [Rank::Served, Rank::Idle, Rank::Stranger, Rank::Silent].into_iter().enumerate() {
            let place = pool.enter(from(u8::try_from(at).expect("small")), false).expect("a place");
            place.rank(rank);
            places.push(place);
            later().await;
        }
        // The last in the list goes first, and he who is served never.
        for gone in [3, 2, 1] {
            let newcomer = pool.enter(from(9), false).expect("a place");
            newcomer.rank(Rank::Served);
            assert!(is_sent_away(&places[gone]).await, "{gone}");
            assert!(!is_sent_away(&places[gone - 1]).await, "{gone}");
            std::mem::forget(newcomer);
        }
        assert_eq!(pool.enter(from(8), false).err(), Some(Full::Door));
        drop(places);
        assert!(pool.enter(from(8), false).is_ok());
    }

    #[tokio::test(start_paused = true)]
    async fn of_two_who_are_silent_the_one_who_came_first_goes_first() {
        let pool = pool(2, 2, 2);
        let first = pool.enter(from(1), false).expect("a place");
        later().await;
        let second = pool.enter(from(2), false).expect("a place");
        let _third = pool.enter(from(3), false).expect("a place");
        assert!(is_sent_away(&first).await && !is_sent_away(&second).await);
        // One who was sent away and ends late frees nothing twice.
        drop(first);
        assert_eq!(pool.lock().all.len(), 2);
    }

    #[tokio::test(start_paused = true)]
    async fn one_address_full_of_strangers_keeps_none_of_the_others_out() {
        let pool = pool(100, 100, 16);
        let flood: Vec<Place> = (0..80).filter_map(|_| pool.enter(from(1), false).ok()).collect();
        let stays = pool.lock().of(from(1));
        assert!(stays <= 16, "{stays}");
        assert_eq!(flood.len(), 80);
        // Who is served is no stranger, and has more of them.
        let served: Vec<Place> = (0..60)
            .filter_map(|_| pool.enter(from(2), false).ok())
            .inspect(|place| place.rank(Rank::Served))
            .collect();
        assert_eq!(pool.lock().of(from(2)), served.len());
        assert_eq!(served.len(), 60);
    }

    #[tokio::test(start_paused = true)]
    async fn one_address_has_no_more_than_its_share_unless_it_speaks_for_many() {
        let pool = pool(100, 3, 3);
        let served = |address, many| pool.enter(address, many).inspect(|place| place.rank(Rank::Served));
        let places: Vec<Place> = (0..3).map(|_| served(from(1), false).expect("a place")).collect();
        assert_eq!(served(from(1), false).err(), Some(Full::Address));
        places[1].rank(Rank::Idle);
        let newcomer = served(from(1), false).expect("an idle one goes");
        assert!(is_sent_away(&places[1]).await);
        assert!((0..10).all(|_| served(from(2), true).map(std::mem::forget).is_ok()));
        drop(newcomer);
    }

    #[test]
    fn an_ipv6_customer_is_one_network() {
        let network = |text: &str| network(text.parse().expect("an address")).to_string();
        assert_eq!(network("2001:db8:0:1:ffff::2"), "2001:db8:0:1::");
        assert_eq!(network("::ffff:192.0.2.1"), "192.0.2.1");
    }
}
