//! File descriptors. The last that the process may have are kept for the disk: a connection that gets one of them waits at
//! its door while there is somebody idle who can make room, so that no crowd takes what the next segment, or the store, has
//! to be written with.

use std::io;
use std::os::fd::{AsRawFd, RawFd};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use rustix::io::Errno;
use rustix::process::{Resource, getrlimit};
use sigma_clock::{Instant, monotonic};
use tokio::net::TcpStream;

use crate::pool::Pool;

/// One in so many is kept, but no fewer than [`LEAST`] and no more than [`MOST`].
const SHARE: u64 = 16;
const LEAST: u64 = 4;
const MOST: u64 = 1_024;
/// How long a door rests before it looks whether somebody has ended.
const REST: Duration = Duration::from_millis(100);
/// A want that has not been felt for so long is over.
const CALM: Duration = Duration::from_secs(10);

/// The process's descriptors, as its doors see them.
#[derive(Debug)]
pub struct Descriptors {
    first_kept: RawFd,
    /// Where viewers come in.
    viewers: Mutex<Option<Arc<Pool>>>,
    felt: Mutex<Felt>,
}

#[derive(Debug, Default)]
struct Felt {
    last: Option<Instant>,
    times: u64,
}

impl Default for Descriptors {
    fn default() -> Self {
        Self::of(getrlimit(Resource::Nofile).current)
    }
}

impl Descriptors {
    /// Of a process that may have so many.
    fn of(limit: Option<u64>) -> Self {
        let first_kept = limit.map(|limit| limit.saturating_sub((limit / SHARE).clamp(LEAST, MOST)));
        let first_kept = first_kept.and_then(|first| RawFd::try_from(first).ok()).unwrap_or(RawFd::MAX);
        Self { first_kept, viewers: Mutex::default(), felt: Mutex::default() }
    }

    /// Viewers come in here: they make room for each other and for broadcasters, who make none for viewers.
    pub fn viewers_hold(&self, places: &Arc<Pool>) {
        *self.viewers.lock().unwrap_or_else(PoisonError::into_inner) = Some(Arc::clone(places));
    }

    /// Keeps a connection that has one of the last descriptors waiting until it has another, or nobody can make room.
    ///
    /// # Errors
    /// There is none at all, or the socket would not be handed over.
    pub async fn settle(&self, mut socket: TcpStream, door: &Arc<Pool>) -> io::Result<TcpStream> {
        // POSIX.1-2024, open and accept: the lowest that is free is taken.
        while socket.as_raw_fd() >= self.first_kept {
            if !self.make_room(door).await {
                break;
            }
            // It takes the lowest that is free, and the first of the two is closed.
            socket = TcpStream::from_std(socket.into_std()?.try_clone()?)?;
        }
        Ok(socket)
    }

    /// Whether an error says that there are none left.
    pub fn are_lacking(error: &io::Error) -> bool {
        matches!(Errno::from_io_error(error), Some(Errno::MFILE | Errno::NFILE))
    }

    /// One is wanted at `door`: somebody who does nothing is sent away, and has a little time to go. Answers whether there
    /// was somebody.
    pub async fn make_room(&self, door: &Arc<Pool>) -> bool {
        {
            let mut felt = self.felt();
            felt.last = Some(monotonic());
            felt.times += 1;
        }
        let viewers = self.viewers.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let is_viewer_sent = viewers.is_some_and(|viewers| viewers.make_room());
        let is_somebody_sent = is_viewer_sent || door.make_room();
        sigma_clock::sleep(REST).await;
        is_somebody_sent
    }

    /// Whether there were too few a moment ago.
    pub fn are_scarce(&self) -> bool {
        self.felt().last.is_some_and(|last| last.elapsed() < CALM)
    }

    /// How often a connection had to wait for one so far.
    pub fn waits(&self) -> u64 {
        self.felt().times
    }

    fn felt(&self) -> MutexGuard<'_, Felt> {
        self.felt.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use std::fs::File;
    use std::net::{IpAddr, Ipv4Addr};

    use tokio::net::TcpListener;

    use super::*;
    use crate::pool::Bounds;

    const HERE: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);

    fn places() -> Arc<Pool> {
        Pool::new(Bounds { places: 10, address: 10, strangers: 10 })
    }

    async fn connection() -> (TcpStream, TcpStream) {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let peer = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
        (listener.accept().await.unwrap().0, peer)
    }

    #[tokio::test]
    async fn a_connection_with_one_of_the_last_waits_until_somebody_has_ended() {
        // Enough for the tests beside this one to take some.
        let lower: Vec<File> = (0..64).map(|_| File::open("/dev/null").unwrap()).collect();
        let (socket, _peer) = connection().await;
        let first_kept = socket.as_raw_fd();
        assert!(lower.iter().any(|file| file.as_raw_fd() < first_kept));
        let descriptors = Descriptors { first_kept, ..Descriptors::of(None) };
        let viewers = places();
        descriptors.viewers_hold(&viewers);
        let idle = viewers.enter(HERE, false).unwrap();
        assert!(!descriptors.are_scarce());
        let ended = async {
            idle.sent_away().await;
            drop(lower);
        };
        let settled = sigma_clock::timeout(Duration::from_secs(30), descriptors.settle(socket, &viewers));
        let (settled, ()) = tokio::join!(settled, ended);
        assert!(settled.expect("a descriptor").unwrap().as_raw_fd() < first_kept);
        assert!(descriptors.are_scarce() && descriptors.waits() >= 1);
    }

    #[tokio::test(start_paused = true)]
    async fn viewers_make_room_for_broadcasters_and_broadcasters_for_each_other_alone() {
        let descriptors = Descriptors::of(Some(64));
        let (broadcasters, viewers) = (places(), places());
        descriptors.viewers_hold(&viewers);
        let (unheard, idle) = (broadcasters.enter(HERE, false).unwrap(), viewers.enter(HERE, false).unwrap());
        assert!(descriptors.make_room(&broadcasters).await);
        idle.sent_away().await;
        assert!(!descriptors.make_room(&viewers).await);
        let kept = sigma_clock::timeout(Duration::ZERO, unheard.sent_away()).await;
        assert!(kept.is_err(), "a viewer's door sends no broadcaster away");
        assert!(descriptors.make_room(&broadcasters).await);
        unheard.sent_away().await;
    }

    #[tokio::test]
    async fn whoever_has_one_of_the_others_does_not_wait() {
        let (socket, _peer) = connection().await;
        let number = socket.as_raw_fd();
        let descriptors = Descriptors::of(Some(u64::from(number.unsigned_abs()) + 1 + LEAST));
        assert_eq!(descriptors.settle(socket, &places()).await.unwrap().as_raw_fd(), number);
        assert_eq!(descriptors.waits(), 0);
    }

    #[tokio::test]
    async fn where_nobody_can_make_room_a_connection_comes_in_with_what_it_has() {
        let (socket, _peer) = connection().await;
        let number = socket.as_raw_fd();
        let descriptors = Descriptors { first_kept: 0, ..Descriptors::of(None) };
        assert_eq!(descriptors.settle(socket, &places()).await.unwrap().as_raw_fd(), number);
        assert!(descriptors.are_scarce());
    }

    #[test]
    fn one_in_sixteen_is_kept_within_bounds() {
        let kept = |limit: u64| limit - u64::from(Descriptors::of(Some(limit)).first_kept.unsigned_abs());
        assert_eq!([64, 1_024, 1 << 20].map(kept), [4, 64, 1_024]);
        assert_eq!(Descriptors::of(None).first_kept, RawFd::MAX);
    }

    #[test]
    fn what_says_that_there_are_none_is_known() {
        assert!(Descriptors::are_lacking(&io::Error::from(Errno::MFILE)));
        assert!(!Descriptors::are_lacking(&io::Error::from(Errno::CONNABORTED)));
    }

    #[tokio::test(start_paused = true)]
    async fn a_want_is_over_a_while_after_it_was_felt() {
        let descriptors = Descriptors::of(Some(64));
        descriptors.make_room(&places()).await;
        assert!(descriptors.are_scarce());
        sigma_clock::sleep(CALM).await;
        assert!(!descriptors.are_scarce());
    }
}
