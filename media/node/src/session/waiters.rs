//! Who waits for a session's next media, and in what order they are answered.

use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// So many of those whom a change calls are answered at once, each of the others when one of them has been: thousands who
/// wait for one channel take turns with the media and the viewers of all others, and do not come before them.
const AT_ONCE: usize = 32;

/// All who wait for the change that comes next.
#[derive(Debug)]
pub(super) struct Waiters(Mutex<Arc<Semaphore>>);

impl Default for Waiters {
    fn default() -> Self {
        Self(Mutex::new(round()))
    }
}

/// Nobody has a turn before the change is there.
fn round() -> Arc<Semaphore> {
    Arc::new(Semaphore::new(0))
}

impl Waiters {
    /// A place among those who wait for the next change. Take it, then look whether you must wait.
    pub(super) fn place(&self) -> Place {
        Place(Arc::clone(&self.0.lock().unwrap_or_else(PoisonError::into_inner)))
    }

    /// The change is there to be seen: calls all who wait for it, in the order in which they came.
    pub(super) fn call(&self) {
        let mut next = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        std::mem::replace(&mut *next, round()).add_permits(AT_ONCE);
    }
}

/// A place among those who wait.
#[derive(Debug)]
pub(crate) struct Place(Arc<Semaphore>);

/// A turn to be answered. Who drops it hands it to the next; hold it until the answer is made, and wait for nothing
/// meanwhile.
pub(crate) type Turn = OwnedSemaphorePermit;

impl Place {
    /// Waits for the change, and for one's turn after it.
    pub(crate) async fn turn(self) -> Turn {
        // Unwrap safety: the semaphore is never closed.
        self.0.acquire_owned().await.expect("an open semaphore")
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;

    /// Lets everybody go on who can.
    async fn settle() {
        for _ in 0..1_000 {
            tokio::task::yield_now().await;
        }
    }

    #[tokio::test]
    async fn one_change_calls_all_and_no_more_than_a_few_have_their_turn_at_once() {
        let waiters = Waiters::default();
        let (called, release) = (Arc::new(AtomicUsize::new(0)), Arc::new(Semaphore::new(0)));
        for _ in 0..AT_ONCE * 10 {
            let (place, called, release) = (waiters.place(), Arc::clone(&called), Arc::clone(&release));
            tokio::spawn(async move {
                let turn = place.turn().await;
                called.fetch_add(1, Ordering::Relaxed);
                release.acquire().await.expect("open").forget();
                drop(turn);
            });
        }
        settle().await;
        assert_eq!(called.load(Ordering::Relaxed), 0, "nothing has changed");
        waiters.call();
        settle().await;
        assert_eq!(called.load(Ordering::Relaxed), AT_ONCE);
        release.add_permits(5);
        settle().await;
        assert_eq!(called.load(Ordering::Relaxed), AT_ONCE + 5, "who is answered hands his turn on");
        release.add_permits(AT_ONCE * 10);
        settle().await;
        assert_eq!(called.load(Ordering::Relaxed), AT_ONCE * 10);
    }

    #[tokio::test]
    async fn who_came_after_a_change_waits_for_the_next_and_who_came_before_does_not() {
        let waiters = Waiters::default();
        let before = waiters.place();
        waiters.call();
        let after = tokio::spawn(waiters.place().turn());
        drop(before.turn().await);
        settle().await;
        assert!(!after.is_finished());
        waiters.call();
        drop(after.await.expect("called"));
    }

    #[tokio::test]
    async fn who_gives_up_takes_nobodys_turn_with_him() {
        let waiters = Waiters::default();
        let gone: Vec<_> = (0..AT_ONCE).map(|_| tokio::spawn(waiters.place().turn())).collect();
        settle().await;
        let last = tokio::spawn(waiters.place().turn());
        settle().await;
        waiters.call();
        // Called, and gone before they could be answered.
        gone.iter().for_each(tokio::task::JoinHandle::abort);
        drop(gone);
        drop(last.await.expect("called"));
    }
}
