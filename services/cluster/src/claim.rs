//! A wish to hold a lease.

use std::sync::Arc;

use tokio::sync::{mpsc, watch};

use crate::fence::Fence;
use crate::keeper::Word;

/// A wish to hold a lease, for as long as it lives. Dropped, the lease is given back.
#[derive(Debug)]
pub struct Claim {
    name: Arc<str>,
    held: watch::Receiver<Option<Fence>>,
    keeper: Option<mpsc::UnboundedSender<Word>>,
}

impl Claim {
    pub(crate) fn new(
        name: Arc<str>,
        held: watch::Receiver<Option<Fence>>,
        keeper: Option<mpsc::UnboundedSender<Word>>,
    ) -> Self {
        Self { name, held, keeper }
    }

    /// The lease's name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The lease's fence, where it is held as far as this process knows.
    pub fn fence(&self) -> Option<Fence> {
        self.held.borrow().clone()
    }

    /// Waits until the lease is held.
    pub async fn held(&mut self) -> Fence {
        loop {
            if let Some(fence) = self.held.borrow_and_update().clone() {
                return fence;
            }
            self.changed().await;
        }
    }

    /// Waits until it is held where it was not, or under another fence, or not any more.
    pub async fn changed(&mut self) {
        if self.held.changed().await.is_err() {
            // Nobody is left who could change it.
            std::future::pending::<()>().await;
        }
    }
}

impl Drop for Claim {
    fn drop(&mut self) {
        if let Some(keeper) = &self.keeper {
            // A keeper that is gone has given everything back.
            let _ = keeper.send(Word::GiveBack(Arc::clone(&self.name)));
        }
    }
}
