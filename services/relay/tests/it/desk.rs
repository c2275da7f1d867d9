//! The office of the tests: one leader at a time, his place kept in memory, and faults on demand.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use sigma_relay::{Office, OfficeError, Place, Term};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// Clones are hands on the same office.
#[derive(Clone)]
pub struct Desk(Arc<Shared>);

struct Shared {
    leader: Arc<Semaphore>,
    place: Mutex<Option<Place>>,
    /// Raised when a term begins and when the place is forgotten: a term of another number is over.
    number: AtomicU64,
    /// Nobody comes back from keeping a place: the process dies there.
    deaf: AtomicBool,
    /// So many leaders were taken for dead and have not stepped back yet.
    ghosts: AtomicU64,
    /// How often a leader stands before keeping a place that will not be kept.
    unheard: AtomicU64,
}

impl Desk {
    pub fn new() -> Self {
        Self(Arc::new(Shared {
            leader: Arc::new(Semaphore::new(1)),
            place: Mutex::new(None),
            number: AtomicU64::new(0),
            deaf: AtomicBool::new(false),
            ghosts: AtomicU64::new(0),
            unheard: AtomicU64::new(0),
        }))
    }

    /// From now on, or no more, nothing is kept, and whoever wants to waits for ever.
    pub fn be_deaf(&self, deaf: bool) {
        self.0.deaf.store(deaf, Ordering::SeqCst);
    }

    /// How many have stood before a deaf desk.
    pub fn unheard(&self) -> u64 {
        self.0.unheard.load(Ordering::SeqCst)
    }

    pub fn kept(&self) -> Option<Place> {
        self.0.place.lock().unwrap().clone()
    }

    /// The leader is taken for dead while he is only asleep: his term is over, and another one's begins.
    pub fn take_for_dead(&self) {
        self.0.ghosts.fetch_add(1, Ordering::SeqCst);
        self.0.leader.add_permits(1);
    }
}

#[async_trait]
impl Office for Desk {
    async fn lead(&self) -> Result<Box<dyn Term>, OfficeError> {
        let permit = self.0.leader.clone().acquire_owned().await.unwrap();
        let number = self.0.number.fetch_add(1, Ordering::SeqCst) + 1;
        Ok(Box::new(Chair { shared: self.0.clone(), number, permit: Some(permit) }))
    }

    async fn forget(&self) -> Result<(), OfficeError> {
        let mut place = self.0.place.lock().unwrap();
        self.0.number.fetch_add(1, Ordering::SeqCst);
        *place = None;
        Ok(())
    }

    async fn place(&self) -> Result<Option<Place>, OfficeError> {
        Ok(self.0.place.lock().unwrap().clone())
    }
}

struct Chair {
    shared: Arc<Shared>,
    number: u64,
    permit: Option<OwnedSemaphorePermit>,
}

impl Drop for Chair {
    fn drop(&mut self) {
        let less = |ghosts: u64| ghosts.checked_sub(1);
        let is_ghost = self.check().is_err()
            && self.shared.ghosts.fetch_update(Ordering::SeqCst, Ordering::SeqCst, less).is_ok();
        if let Some(permit) = self.permit.take().filter(|_| is_ghost) {
            // His seat was given away already.
            permit.forget();
        }
    }
}

impl Chair {
    fn check(&self) -> Result<(), OfficeError> {
        match self.shared.number.load(Ordering::SeqCst) == self.number {
            true => Ok(()),
            false => Err(OfficeError::Over("another sits here".to_owned())),
        }
    }
}

#[async_trait]
impl Term for Chair {
    async fn place(&mut self) -> Result<Option<Place>, OfficeError> {
        self.check()?;
        Ok(self.shared.place.lock().unwrap().clone())
    }

    async fn keep(&mut self, place: &Place) -> Result<(), OfficeError> {
        if self.shared.deaf.load(Ordering::SeqCst) {
            self.shared.unheard.fetch_add(1, Ordering::SeqCst);
            std::future::pending::<()>().await;
        }
        let mut kept = self.shared.place.lock().unwrap();
        self.check()?;
        *kept = Some(place.clone());
        Ok(())
    }

    async fn hold(&mut self) -> Result<(), OfficeError> {
        self.check()
    }
}
