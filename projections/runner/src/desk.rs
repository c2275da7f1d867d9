//! What a holder does for the other nodes of its database: it takes what they ask, tells how the view stands, and clears away
//! what stands of versions that no node runs any more.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use sigma_clock::{Instant, monotonic};
use tokio::sync::watch;

use crate::board::ViewVersion;
use crate::failure::{Failure, RunnerError};
use crate::lease::Hold;
use crate::order::{Answer, Order};
use crate::shelf::Shelf;

/// What is asked is looked for so often where its word is not heard.
const LOOK: Duration = Duration::from_secs(1);

/// Versions that nobody runs are looked for so often. One is cleared away when nobody ran it twice in a row: its nodes take a
/// lease over sooner than that.
const SWEEP: Duration = Duration::from_secs(10);

/// A holder's desk; one without visitors where the views are in a folder.
pub(crate) struct Desk {
    orders: Option<watch::Receiver<u64>>,
    next_look: Instant,
    next_sweep: Instant,
    /// Versions that nobody ran at the last look.
    orphans: BTreeSet<u32>,
    /// What was told last: what is being built, and what is the trouble.
    posted: (Option<u32>, Option<String>),
}

impl Desk {
    pub(crate) fn new(shelf: &Shelf) -> Self {
        let orders = shelf.board().map(|(board, of)| board.orders(of));
        let (next_look, next_sweep) = (monotonic(), monotonic() + SWEEP);
        Self { orders, next_look, next_sweep, orphans: BTreeSet::new(), posted: (None, None) }
    }

    /// Takes over from whoever held before.
    pub(crate) async fn begin(&mut self, shelf: &Shelf, hold: &Hold) -> Result<(), Failure> {
        let Some((board, of)) = shelf.board() else { return Ok(()) };
        board.leave_orders(of, hold).await?;
        board.post(of, hold, None, None).await
    }

    /// Tells what only the holder knows, where that has changed.
    pub(crate) async fn post(
        &mut self,
        shelf: &Shelf,
        hold: &Hold,
        building: Option<u32>,
        trouble: Option<String>,
    ) -> Result<(), Failure> {
        let Some((board, of)) = shelf.board() else { return Ok(()) };
        let told = (building, trouble);
        if self.posted != told {
            board.post(of, hold, told.0, told.1.as_deref()).await?;
            self.posted = told;
        }
        Ok(())
    }

    /// Nothing is being built any more, and that is told already.
    pub(crate) fn served(&mut self) {
        self.posted = (None, None);
    }

    /// Whether somebody may wait.
    pub(crate) fn is_due(&self) -> bool {
        let heard = |orders: &watch::Receiver<u64>| orders.has_changed().unwrap_or(false);
        self.orders.as_ref().is_some_and(|orders| heard(orders) || self.next_look <= monotonic())
    }

    /// Waits until somebody may wait.
    pub(crate) async fn due(&mut self) {
        match &mut self.orders {
            Some(orders) if !orders.has_changed().unwrap_or(false) => {
                let heard = sigma_clock::timeout(LOOK, orders.changed()).await;
                if heard.is_ok() {
                    self.next_look = monotonic();
                }
            }
            Some(_) => {}
            None => std::future::pending().await,
        }
    }

    /// The next thing that is asked.
    pub(crate) async fn next_order(
        &mut self,
        shelf: &Shelf,
        hold: &Hold,
    ) -> Result<Option<(i64, Result<Order, RunnerError>)>, Failure> {
        let Some((board, of)) = shelf.board() else { return Ok(None) };
        if let Some(orders) = &mut self.orders {
            orders.borrow_and_update();
        }
        self.next_look = monotonic() + LOOK;
        board.take_order(of, hold).await
    }

    pub(crate) async fn answer(&self, shelf: &Shelf, id: i64, answer: &Answer) -> Result<(), Failure> {
        let Some((board, of)) = shelf.board() else { return Ok(()) };
        board.answer(of, id, answer).await
    }

    /// Clears away what stands of versions that no node runs any more: those that an upgrade left behind, or one that was taken
    /// back.
    pub(crate) async fn sweep(&mut self, shelf: &Shelf, hold: &Hold) -> Result<(), Failure> {
        let Some((board, of)) = shelf.board() else { return Ok(()) };
        if self.next_sweep > monotonic() {
            return Ok(());
        }
        self.next_sweep = monotonic() + SWEEP;
        let before = std::mem::take(&mut self.orphans);
        let mut others: BTreeMap<u32, Vec<u32>> = BTreeMap::new();
        for generation in shelf.generations().await? {
            if let Some(version) = shelf.other_version(generation).await? {
                others.entry(version).or_default().push(generation);
            }
        }
        if others.is_empty() {
            return Ok(());
        }
        // What is not known now is known later.
        let Ok(nodes) = board.cluster.nodes().await else { return Ok(()) };
        for (version, generations) in others {
            let lease = ViewVersion { view: of.view.clone(), version }.lease();
            if nodes.iter().any(|node| node.leases.contains(&lease)) {
                continue;
            }
            if before.contains(&version) {
                shelf.delete_version(hold, version, &generations).await?;
                tracing::info!(
                    projection = of.view,
                    version,
                    "what stood of a version that no node runs is deleted"
                );
            } else {
                self.orphans.insert(version);
            }
        }
        Ok(())
    }
}
