//! What the one does that runs a projection: follows the log, rebuilds, swaps.

use std::sync::Arc;
use std::time::Duration;

use sigma_clock::{Backoff, Instant};
use sigma_store::Cursor;
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinSet;
use tokio_util::task::AbortOnDropHandle;

use crate::desk::Desk;
use crate::failure::{Failure, RunnerError};
use crate::generation::Generation;
use crate::lease::{Hold, Lease};
use crate::order::{Answer, Done, Order, Request};
use crate::parking::{First, Retried};
use crate::shelf::Shelf;
use crate::task::{Work, not_ready};

/// Events in one transaction: so many that what a transaction costs is little to each, and so few that what serves waits little for
/// a rebuild beside it.
const BATCH: u32 = 500;

/// The first wait after trouble; each next one is twice as long.
const FIRST_WAIT: Duration = Duration::from_millis(100);

/// The longest wait between two tries.
const LONGEST_WAIT: Duration = Duration::from_secs(2);

/// How long readers of a generation that was replaced may take to end.
const RETIRE: Duration = Duration::from_secs(30);

/// A generation that somebody still reads is tried to be deleted so often.
const DELETE_TRIES: u32 = 5;

/// Which of the two generations is meant.
#[derive(Clone, Copy)]
enum Which {
    Serving,
    Building,
}

/// Why a holder holds no more.
pub(crate) enum End {
    /// Another node has the lease, or may have it.
    StoodDown,
    /// It was told to end.
    Shutdown(oneshot::Sender<()>),
    /// Nobody is left to ask.
    Abandoned,
}

/// Why it goes on from a wait.
enum Woken {
    Asked(Option<Request>),
    Look,
}

pub(crate) struct Holder {
    pub(crate) work: Work,
    pub(crate) hold: Hold,
    serving: Option<Generation>,
    building: Option<Generation>,
    /// The highest number that a generation ever had here: none is given twice, old files may be on their way out.
    highest: u32,
    /// Generations that were replaced and whose readers are waited for.
    retiring: JoinSet<()>,
    desk: Desk,
}

impl Holder {
    /// Takes up what stands there.
    pub(crate) async fn take_up(work: Work, hold: Hold) -> Result<Self, Failure> {
        let (serving, building, highest, retiring) = (None, None, 0, JoinSet::new());
        let desk = Desk::new(&work.shelf);
        let mut holder = Self { work, hold, serving, building, highest, retiring, desk };
        holder.take_up_generations().await?;
        holder.desk.begin(&holder.work.shelf, &holder.hold).await?;
        holder.publish();
        Ok(holder)
    }

    async fn take_up_generations(&mut self) -> Result<(), Failure> {
        let shelf = self.work.shelf.clone();
        let serving = shelf.serving().await?;
        self.highest = serving.unwrap_or(0);
        for number in shelf.generations().await?.into_iter().rev() {
            self.highest = self.highest.max(number);
            if shelf.other_version(number).await?.is_some() {
                continue;
            }
            // Newer than what serves: a rebuild that was cut off. Of several, the newest goes on.
            let is_newer = serving.is_none_or(|serving| number > serving);
            let wanted = if is_newer { self.building.is_none() } else { serving == Some(number) };
            let opened = match wanted {
                true => self.open(number).await?,
                false => None,
            };
            match opened {
                Some(generation) if is_newer => self.building = Some(generation),
                Some(generation) => self.serving = Some(generation),
                None if shelf.grace().is_zero() => shelf.delete(&self.hold, number).await?,
                // It may have been replaced a moment ago, by a holder that is no more.
                None => {
                    self.retiring.spawn(delete(shelf.clone(), self.hold.clone(), number, async {}));
                }
            }
        }
        let shown = self.work.shared.serving.borrow().clone();
        if let (Some(serving), Some(shown)) = (&mut self.serving, shown)
            && serving.number == shown.generation
        {
            serving.keep_readers(shown);
        }
        if self.serving.is_none() && self.building.is_none() {
            self.build().await?;
        }
        Ok(())
    }

    /// Opens a generation; none where it is of no use.
    async fn open(&self, number: u32) -> Result<Option<Generation>, Failure> {
        let Work { projection, shelf, .. } = &self.work;
        let opened = Generation::open(shelf, &**projection, &self.hold, number).await;
        match opened.map_err(Failure::View) {
            Err(failure) if failure.is_lost() => Ok(None),
            opened => opened,
        }
    }

    /// Begins the next generation.
    async fn build(&mut self) -> Result<u32, Failure> {
        let Work { projection, shelf, shared, .. } = &self.work;
        let number = shelf.next_number(&self.hold, self.highest).await?;
        let generation = Generation::create(shelf, &**projection, &self.hold, number).await?;
        tracing::info!(projection = shared.name, generation = number, "a view is being built");
        (self.building, self.highest) = (Some(generation), number);
        Ok(number)
    }

    /// Works for as long as the lease is held, until it is shut down or nobody is left to ask.
    pub(crate) async fn run(&mut self, lease: &mut Lease, requests: &mut mpsc::Receiver<Request>) -> End {
        let mut wait = Backoff::new(FIRST_WAIT, LONGEST_WAIT);
        loop {
            if lease.hold().as_ref() != Some(&self.hold) {
                return End::StoodDown;
            }
            let attended = self.attend().await;
            let turned = match attended {
                Ok(()) => self.turn().await,
                Err(failure) => Err(failure),
            };
            self.publish();
            let woken = match turned {
                Ok(worked) => {
                    wait.reset();
                    self.work.shared.snapshot().trouble = None;
                    match worked {
                        true => match requests.try_recv() {
                            Ok(request) => Woken::Asked(Some(request)),
                            Err(mpsc::error::TryRecvError::Empty) => Woken::Look,
                            Err(mpsc::error::TryRecvError::Disconnected) => Woken::Asked(None),
                        },
                        false => self.wait(lease, requests, &mut wait).await,
                    }
                }
                Err(Failure::StoodDown) => return End::StoodDown,
                Err(failure) => {
                    self.work.report(&failure);
                    pause(lease, requests, &mut wait).await
                }
            };
            match woken {
                Woken::Look => {}
                Woken::Asked(Some(Request::Shutdown { reply })) => return End::Shutdown(reply),
                Woken::Asked(Some(Request::Order { order, reply })) => {
                    let answer = self.carry_out(order).await;
                    let _ = reply.send(answer);
                }
                Woken::Asked(None) => return End::Abandoned,
            }
            self.publish();
        }
    }

    /// Waits until there may be something to do.
    async fn wait(
        &mut self,
        lease: &mut Lease,
        requests: &mut mpsc::Receiver<Request>,
        wait: &mut Backoff,
    ) -> Woken {
        let (cursor, unkept) = (self.cursor(), self.unkept());
        tokio::select! {
            request = requests.recv() => Woken::Asked(request),
            () = lease.changed() => Woken::Look,
            () = self.desk.due() => Woken::Look,
            () = until(unkept) => Woken::Look,
            woken = self.work.log.wait_after(&cursor) => match woken {
                Ok(()) => Woken::Look,
                // The next turn meets it too and handles it; this only keeps it from spinning.
                Err(error) => {
                    self.work.report(&Failure::Log(error));
                    pause(lease, requests, wait).await
                }
            },
        }
    }

    /// Ends, closing all in order.
    pub(crate) async fn close(mut self) {
        for generation in [self.serving.take(), self.building.take()].into_iter().flatten() {
            generation.close().await;
        }
        // The next holder deletes them; who shares a database need not be waited for.
        if self.work.shelf.grace().is_zero() {
            while self.retiring.join_next().await.is_some() {}
        }
    }

    /// The place to wait at: that of the generation that is furthest behind.
    fn cursor(&self) -> Cursor {
        let generation = self.building.as_ref().or(self.serving.as_ref());
        generation.map_or_else(Cursor::start, |generation| generation.cursor.clone())
    }

    /// When a place is to be written down.
    fn unkept(&self) -> Option<Instant> {
        [&self.serving, &self.building].into_iter().flatten().filter_map(Generation::due).min()
    }

    /// What other nodes ask and are told, now and then.
    async fn attend(&mut self) -> Result<(), Failure> {
        let building = self.building.as_ref().map(|building| building.number);
        let trouble = self.work.shared.snapshot().trouble.clone();
        let (shelf, hold) = (self.work.shelf.clone(), self.hold.clone());
        self.desk.post(&shelf, &hold, building, trouble).await?;
        if !self.desk.is_due() {
            return Ok(());
        }
        while let Some((id, order)) = self.desk.next_order(&shelf, &hold).await? {
            let answer = match order {
                Ok(order) => self.carry_out(order).await,
                Err(error) => Err(error),
            };
            self.publish();
            self.desk.answer(&shelf, id, &answer).await?;
        }
        self.desk.sweep(&shelf, &hold).await
    }

    /// One batch for each generation; answers whether there was something to do.
    async fn turn(&mut self) -> Result<bool, Failure> {
        if self.serving.is_none() && self.building.is_none() {
            self.build().await?;
        }
        let served = self.step(Which::Serving).await?;
        let built = self.step(Which::Building).await?;
        // What serves was not moved since the build's read found nothing more: the new one has all that it has.
        if let (false, Some(building)) = (built, &self.building)
            && self.work.log.lag(&building.cursor).await? == 0
        {
            self.swap().await?;
            return Ok(true);
        }
        Ok(served || built)
    }

    /// One batch; a generation that is of no use any more is let go, and built anew.
    async fn step(&mut self, which: Which) -> Result<bool, Failure> {
        let failure = match self.try_step(which).await {
            Ok(worked) => return Ok(worked),
            Err(failure) => failure,
        };
        let slot = match which {
            Which::Serving => &mut self.serving,
            Which::Building => &mut self.building,
        };
        if !failure.is_lost() {
            if let (Failure::View(_), Some(generation)) = (&failure, slot) {
                generation.doubt();
            }
            return Err(failure);
        }
        if let Some(generation) = slot.take() {
            tracing::warn!(
                projection = self.work.shared.name,
                generation = generation.number,
                reason = failure.tell(&generation.place),
                "a view is of no use any more and is built anew"
            );
            if matches!(which, Which::Serving) {
                self.work.shared.serving.send_replace(None);
            }
            self.retire(generation);
        }
        Ok(true)
    }

    async fn try_step(&mut self, which: Which) -> Result<bool, Failure> {
        let generation = match which {
            Which::Serving => self.serving.as_mut(),
            Which::Building => self.building.as_mut(),
        };
        let Some(generation) = generation else { return Ok(false) };
        let Work { projection, log, .. } = &self.work;
        generation.recover().await?;
        let batch = match generation.ahead.take() {
            Some(ahead) => match ahead.await {
                Ok(batch) => batch?,
                // It panicked, and is read once more.
                Err(_) => log.read_after(&generation.cursor, BATCH).await?,
            },
            None => log.read_after(&generation.cursor, BATCH).await?,
        };
        if batch.events.is_empty() && batch.next == generation.cursor {
            if generation.is_due() {
                generation.keep_place().await?;
            }
            return Ok(false);
        }
        if batch.events.len() >= BATCH as usize {
            // There is more: the next is read, by another processor where there is one, while this one is applied.
            let (log, next) = (Arc::clone(log), batch.next.clone());
            let ahead = tokio::spawn(async move { log.read_after(&next, BATCH).await });
            generation.ahead = Some(AbortOnDropHandle::new(ahead));
        }
        let moved = generation.apply(&**projection, &batch).await?;
        if matches!(which, Which::Serving) && moved {
            self.publish();
            self.work.moved();
        }
        Ok(true)
    }

    /// Puts what was built in the place of what serves.
    async fn swap(&mut self) -> Result<(), Failure> {
        let Some(building) = &self.building else { return Ok(()) };
        // Once the pointer is written, the new one serves, also after a crash: what is deleted is not needed then.
        self.work.shelf.serve(&self.hold, building.number).await?;
        tracing::info!(
            projection = self.work.shared.name,
            generation = building.number,
            events = building.handled,
            parked = building.parked_events,
            "a view was built and serves"
        );
        let replaced = std::mem::replace(&mut self.serving, self.building.take());
        self.desk.served();
        self.publish();
        self.work.moved();
        if let Some(replaced) = replaced {
            self.retire(replaced);
        }
        Ok(())
    }

    /// Closes a generation once its readers are gone, and deletes it.
    fn retire(&mut self, generation: Generation) {
        while self.retiring.try_join_next().is_some() {}
        let (number, place) = (generation.number, generation.place.clone());
        let closed = async move {
            if sigma_clock::timeout(RETIRE, generation.close()).await.is_err() {
                tracing::warn!(view = %place, "an old view was closed while somebody still read it");
            }
        };
        self.retiring.spawn(delete(self.work.shelf.clone(), self.hold.clone(), number, closed));
    }

    /// Does what is asked.
    async fn carry_out(&mut self, order: Order) -> Answer {
        match order {
            Order::Rebuild => {
                let number = match &self.building {
                    Some(building) => Ok(building.number),
                    None => self.build().await.map_err(|failure| self.work.refusal(&failure)),
                };
                self.publish();
                number.map(Done::Building)
            }
            Order::Retry { aggregate_id } => self.retry(&aggregate_id, First::Retry).await.map(Done::Retried),
            Order::Skip { aggregate_id } => self.retry(&aggregate_id, First::Skip).await.map(Done::Retried),
            Order::RemoveTraces => self.remove_traces().await.map(|()| Done::TracesRemoved),
        }
    }

    /// Of what serves and of what is being built; a generation that was replaced is deleted once its readers are gone.
    async fn remove_traces(&mut self) -> Result<(), RunnerError> {
        for generation in [self.serving.as_mut(), self.building.as_mut()].into_iter().flatten() {
            let removed = match generation.recover().await {
                Ok(()) => generation.connection.remove_traces().await,
                Err(error) => Err(error),
            };
            let removed = removed.map_err(|error| {
                generation.doubt();
                RunnerError::database(&generation.place, &error)
            })?;
            if !removed {
                return Err(RunnerError::Unavailable {
                    message: format!("the view {} is being read", generation.place),
                    mend: "try again in a moment".to_owned(),
                });
            }
        }
        Ok(())
    }

    async fn retry(&mut self, aggregate_id: &str, first: First) -> Result<Retried, RunnerError> {
        let Work { projection, shared, .. } = &self.work;
        let Some(serving) = self.serving.as_mut() else { return Err(not_ready(shared)) };
        let retried = match serving.recover().await {
            Ok(()) => serving.retry(&**projection, aggregate_id, first).await,
            Err(error) => Err(error.into()),
        };
        let retried = retried.map_err(|failure| {
            serving.doubt();
            RunnerError::of(&failure, &serving.place)
        })?;
        let retried = retried.ok_or_else(|| RunnerError::NothingParked {
            name: shared.name.clone(),
            aggregate_id: aggregate_id.to_owned(),
        })?;
        self.publish();
        self.work.moved();
        Ok(retried)
    }

    fn publish(&self) {
        let shared = &self.work.shared;
        let mut snapshot = shared.snapshot();
        snapshot.serving = self.serving.as_ref().map(Generation::standing);
        snapshot.building = self.building.as_ref().map(Generation::standing);
        drop(snapshot);
        let serving = self.serving.as_ref().map(|generation| generation.number);
        let told = shared.serving.borrow().as_ref().map(|serving| serving.generation);
        if serving != told {
            shared.serving.send_replace(self.serving.as_ref().map(Generation::to_readers));
        }
    }
}

/// Deletes a generation once it is closed, and once whoever does not know yet that it was replaced has seen so.
async fn delete(shelf: Shelf, hold: Hold, number: u32, closed: impl Future<Output = ()>) {
    tokio::join!(closed, sigma_clock::sleep(shelf.grace()));
    for last in (0..DELETE_TRIES).rev() {
        match shelf.delete(&hold, number).await {
            // Whoever runs it now has seen it too.
            Ok(()) | Err(Failure::StoodDown) => return,
            Err(failure) if last == 0 => {
                let error = failure.tell(&shelf);
                tracing::warn!(generation = number, %error, "an old view was not deleted; the next start does it");
            }
            Err(_) => sigma_clock::sleep(shelf.grace()).await,
        }
    }
}

async fn until(moment: Option<Instant>) {
    match moment {
        Some(moment) => sigma_clock::sleep_until(moment).await,
        None => std::future::pending().await,
    }
}

/// Waits before the next try, longer each time.
async fn pause(lease: &mut Lease, requests: &mut mpsc::Receiver<Request>, wait: &mut Backoff) -> Woken {
    tokio::select! {
        request = requests.recv() => Woken::Asked(request),
        () = lease.changed() => Woken::Look,
        () = sigma_clock::sleep(wait.step()) => Woken::Look,
    }
}
