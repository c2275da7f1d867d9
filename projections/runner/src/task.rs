//! One projection's task: runs it while it holds the lease, and else reads what another node runs.

use std::fs::File;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use sigma_store::EventLog;
use sigma_tables::trouble;
use tokio::sync::{mpsc, oneshot, watch};
use tokio::task::JoinSet;

use crate::failure::{Failure, RunnerError};
use crate::holder::{End, Holder};
use crate::lease::{Hold, Lease};
use crate::order::{Answer, Order, Request};
use crate::projection::Projection;
use crate::shelf::Shelf;
use crate::status::{Serving, Shared};

/// How often it is looked which generation serves, where no word of it is heard.
const LOOK: Duration = Duration::from_secs(1);

/// How long readers may take to end when all is shut down: a stop of the platform must not wait for one.
const CLOSE: Duration = Duration::from_secs(2);

/// What a projection's task works with.
#[derive(Clone)]
pub(crate) struct Work {
    pub(crate) projection: Arc<dyn Projection>,
    pub(crate) log: Arc<dyn EventLog>,
    pub(crate) shelf: Shelf,
    pub(crate) shared: Arc<Shared>,
}

impl Work {
    /// What serves has moved: all who wait look again, here and elsewhere.
    pub(crate) fn moved(&self) {
        self.shared.tick();
        if let Some((board, of)) = self.shelf.board() {
            board.moved(of);
        }
    }

    pub(crate) fn refusal(&self, failure: &Failure) -> RunnerError {
        RunnerError::of(failure, &self.shelf)
    }

    /// Says that it does not get on: once in the log for each new reason, always in the status.
    pub(crate) fn report(&self, failure: &Failure) {
        let told = failure.tell(&self.shelf);
        let mut snapshot = self.shared.snapshot();
        if snapshot.trouble.as_ref() != Some(&told) {
            tracing::warn!(
                projection = self.shared.name,
                error = told,
                "a view does not get on and tries again"
            );
        }
        snapshot.trouble = Some(told);
    }
}

pub(crate) struct Task {
    work: Work,
    lease: Lease,
    holder: Option<Holder>,
    /// The right that was lost before the lease's keeper knew.
    lost: Option<Hold>,
    /// Orders on their way to the node that runs it.
    orders: JoinSet<()>,
    /// Held as long as any task of this home runs.
    lock: Option<Arc<File>>,
}

impl Task {
    /// Takes up what stands there, where nobody else could; where others could, it begins by reading what they run.
    ///
    /// # Errors
    /// When the views' home or a view in it cannot be read or written.
    pub(crate) async fn begin(work: Work, lock: Option<Arc<File>>) -> Result<Self, RunnerError> {
        let lease = work.shelf.claim();
        let holder = match lease.hold() {
            None => None,
            Some(hold) => match Holder::take_up(work.clone(), hold).await {
                Ok(holder) => Some(holder),
                // What the database says about a statement here, it says about the projection's schema.
                Err(Failure::View(error)) if trouble(&error).is_none() => {
                    let (name, reason) = (work.shared.name.clone(), error.to_string());
                    return Err(RunnerError::BadProjection { name, reason });
                }
                Err(failure) => return Err(work.refusal(&failure)),
            },
        };
        work.shared.runs_here.store(holder.is_some(), Ordering::Release);
        Ok(Self { work, lease, holder, lost: None, orders: JoinSet::new(), lock })
    }

    /// Works until it is shut down or nobody is left to ask.
    pub(crate) async fn run(mut self, mut requests: mpsc::Receiver<Request>) {
        let shared = Arc::clone(&self.work.shared);
        let (holder, reply) = loop {
            let (mut holder, end) = match self.holder.take() {
                None => (None, self.stand_by(&mut requests).await),
                Some(mut holder) => {
                    let end = holder.run(&mut self.lease, &mut requests).await;
                    (Some(holder), Some(end))
                }
            };
            match end {
                None => {}
                Some(End::StoodDown) => {
                    if let Some(holder) = holder.take() {
                        self.stand_down(holder);
                    }
                }
                Some(End::Shutdown(reply)) => break (holder, Some(reply)),
                Some(End::Abandoned) => break (holder, None),
            }
        };
        requests.close();
        let shown = shared.serving.send_replace(None);
        let Self { lease, lock, orders, .. } = self;
        // Given back before readers are waited for: another node goes on within a second.
        drop((lease, orders));
        let closing = async {
            if let Some(holder) = holder {
                holder.close().await;
            }
            if let Some(shown) = shown {
                shown.pool.close().await;
            }
        };
        if sigma_clock::timeout(CLOSE, closing).await.is_err() {
            tracing::warn!(projection = shared.name, "a view was closed while somebody still read it");
        }
        drop(lock);
        if let Some(reply) = reply {
            let _ = reply.send(());
        }
    }

    /// Another node runs it. Readers keep what serves; what is half written is taken back with its connection.
    fn stand_down(&mut self, holder: Holder) {
        let shared = &self.work.shared;
        tracing::warn!(projection = shared.name, "this node runs a view no more");
        shared.runs_here.store(false, Ordering::Release);
        self.lost = Some(holder.hold.clone());
        drop(holder);
        if let Some(serving) = &*shared.serving.borrow() {
            serving.seen.forget();
        }
        shared.tick();
    }

    /// Reads what another node runs, until this one holds the lease; none then.
    async fn stand_by(&mut self, requests: &mut mpsc::Receiver<Request>) -> Option<End> {
        let board = self.work.shelf.board();
        let mut moves = board.map(|(board, of)| board.moves(of));
        let mut swaps = board.map(|(board, of)| board.swaps(of));
        loop {
            let mut failed = None;
            let hold = self.lease.hold().filter(|hold| self.lost.as_ref() != Some(hold));
            if let Some(hold) = hold {
                match Holder::take_up(self.work.clone(), hold.clone()).await {
                    Ok(holder) => {
                        tracing::info!(projection = self.work.shared.name, "this node runs a view");
                        self.holder = Some(holder);
                        self.work.shared.runs_here.store(true, Ordering::Release);
                        self.work.shared.tick();
                        return None;
                    }
                    Err(Failure::StoodDown) => self.lost = Some(hold),
                    Err(failure) => failed = Some(failure),
                }
            }
            match (failed, self.look().await) {
                (Some(failure), _) | (None, Err(failure)) => self.work.report(&failure),
                (None, Ok(())) => self.work.shared.snapshot().trouble = None,
            }
            let look = sigma_clock::sleep(LOOK);
            tokio::pin!(look);
            loop {
                tokio::select! {
                    request = requests.recv() => match request {
                        Some(Request::Order { order, reply }) => self.pass_on(order, reply),
                        Some(Request::Shutdown { reply }) => return Some(End::Shutdown(reply)),
                        None => return Some(End::Abandoned),
                    },
                    () = heard(&mut moves) => self.forget(),
                    () = self.lease.changed() => break,
                    () = heard(&mut swaps) => break,
                    () = &mut look => break,
                }
            }
        }
    }

    /// Looks which generation serves, and gives readers that one.
    async fn look(&self) -> Result<(), Failure> {
        let Work { shelf, shared, .. } = &self.work;
        let serving = shelf.serving().await?;
        let shown = shared.serving.borrow().as_ref().map(|shown| shown.generation);
        if serving != shown {
            let next = serving.map(|number| Serving::of(number, &shelf.place(number)));
            if let Some(replaced) = shared.serving.send_replace(next) {
                // Whoever still reads is waited for, by nobody else.
                tokio::spawn(async move { replaced.pool.close().await });
            }
        }
        self.forget();
        Ok(())
    }

    /// The rows moved, elsewhere: who waits asks them again.
    fn forget(&self) {
        let shared = &self.work.shared;
        if let Some(serving) = &*shared.serving.borrow() {
            serving.seen.forget();
        }
        shared.tick();
    }

    /// Passes something on to the node that runs it.
    fn pass_on(&mut self, order: Order, reply: oneshot::Sender<Answer>) {
        while self.orders.try_join_next().is_some() {}
        let work = self.work.clone();
        self.orders.spawn(async move {
            let answer = match work.shelf.board() {
                Some((board, of)) => board.ask(of, &order).await,
                // A folder's views are run here or nowhere.
                None => Err(not_ready(&work.shared)),
            };
            let _ = reply.send(answer);
        });
    }
}

/// Waits until a word is heard.
async fn heard(word: &mut Option<watch::Receiver<u64>>) {
    let heard = match word {
        Some(word) => word.changed().await.is_ok(),
        None => false,
    };
    if !heard {
        std::future::pending().await
    }
}

/// What is answered while no generation serves.
pub(crate) fn not_ready(shared: &Shared) -> RunnerError {
    let done = shared.snapshot().building.as_ref().map_or(0, |building| building.handled);
    RunnerError::NotReady { name: shared.name.clone(), done }
}
