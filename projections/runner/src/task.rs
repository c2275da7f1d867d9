//! One projection's task: follows the log, rebuilds, swaps.

use std::sync::Arc;
use std::time::Duration;

use sigma_clock::Backoff;
use sigma_store::{Cursor, EventLog};
use sigma_tables::trouble;
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinSet;

use crate::failure::{Failure, RunnerError};
use crate::generation::Generation;
use crate::parking::{First, Retried};
use crate::projection::Projection;
use crate::shelf::{Lock, Shelf};
use crate::status::Shared;

/// Events in one transaction: small enough that what serves waits little for a rebuild beside it.
const BATCH: u32 = 256;

/// The first wait after trouble; each next one is twice as long.
const FIRST_WAIT: Duration = Duration::from_millis(100);

/// The longest wait between two tries.
const LONGEST_WAIT: Duration = Duration::from_secs(2);

/// How long readers of a generation that was replaced may take to end.
const RETIRE: Duration = Duration::from_secs(30);

/// How long readers may take to end when all is shut down: a stop of the platform must not wait for one.
const CLOSE: Duration = Duration::from_secs(2);

/// What a task is asked for.
pub(crate) enum Request {
    Rebuild { reply: oneshot::Sender<Result<u32, RunnerError>> },
    Retry { aggregate_id: String, first: First, reply: oneshot::Sender<Result<Retried, RunnerError>> },
    RemoveTraces { reply: oneshot::Sender<Result<(), RunnerError>> },
    Shutdown { reply: oneshot::Sender<()> },
}

/// Which of the two generations is meant.
#[derive(Clone, Copy)]
enum Which {
    Serving,
    Building,
}

pub(crate) struct Task {
    projection: Arc<dyn Projection>,
    log: Arc<dyn EventLog>,
    shelf: Shelf,
    shared: Arc<Shared>,
    serving: Option<Generation>,
    building: Option<Generation>,
    /// The highest number that a generation ever had here: none is given twice, old files may be on their way out.
    highest: u32,
    /// Generations that were replaced and whose readers are waited for.
    retiring: JoinSet<()>,
    /// Held as long as any task of this home runs.
    _lock: Arc<Lock>,
}

impl Task {
    /// Takes up what stands there.
    ///
    /// # Errors
    /// When the views' home or a view in it cannot be read or written.
    pub(crate) async fn begin(
        projection: Arc<dyn Projection>,
        log: Arc<dyn EventLog>,
        shelf: Shelf,
        shared: Arc<Shared>,
        lock: Arc<Lock>,
    ) -> Result<Self, RunnerError> {
        let (serving, building, highest, retiring) = (None, None, 0, JoinSet::new());
        let mut task =
            Self { projection, log, shelf, shared, serving, building, highest, retiring, _lock: lock };
        match task.take_up().await {
            Ok(()) => Ok(task),
            // What the database says about a statement here, it says about the projection's schema.
            Err(Failure::View(error)) if trouble(&error).is_none() => {
                Err(RunnerError::BadProjection { name: task.shared.name.clone(), reason: error.to_string() })
            }
            Err(failure) => Err(task.refusal(&failure)),
        }
    }

    async fn take_up(&mut self) -> Result<(), Failure> {
        let serving = self.shelf.serving().await?;
        self.highest = serving.unwrap_or(0);
        for number in self.shelf.generations().await?.into_iter().rev() {
            self.highest = self.highest.max(number);
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
                None => self.shelf.delete(number).await?,
            }
        }
        if self.serving.is_none() && self.building.is_none() {
            self.build().await?;
        }
        self.publish();
        Ok(())
    }

    /// Opens a generation; none where it is of no use.
    async fn open(&self, number: u32) -> Result<Option<Generation>, Failure> {
        match Generation::open(&self.shelf, &*self.projection, number).await.map_err(Failure::View) {
            Err(failure) if failure.is_lost() => Ok(None),
            opened => opened,
        }
    }

    /// Begins the next generation.
    async fn build(&mut self) -> Result<u32, Failure> {
        let number = self.highest.saturating_add(1);
        let generation = Generation::create(&self.shelf, &*self.projection, number).await?;
        tracing::info!(projection = self.shared.name, generation = number, "a view is being built");
        (self.building, self.highest) = (Some(generation), number);
        Ok(number)
    }

    /// Works until it is shut down or nobody is left to ask.
    pub(crate) async fn run(mut self, mut requests: mpsc::Receiver<Request>) {
        let mut wait = Backoff::new(FIRST_WAIT, LONGEST_WAIT);
        let ended = loop {
            let turned = self.turn().await;
            self.publish();
            let request = match turned {
                Ok(worked) => {
                    wait.reset();
                    self.shared.snapshot().trouble = None;
                    if worked {
                        match requests.try_recv() {
                            Ok(request) => Some(request),
                            Err(mpsc::error::TryRecvError::Empty) => continue,
                            Err(mpsc::error::TryRecvError::Disconnected) => None,
                        }
                    } else {
                        let (log, cursor) = (self.log.clone(), self.cursor());
                        tokio::select! {
                            request = requests.recv() => request,
                            woken = log.wait_after(&cursor) => match woken {
                                Ok(()) => continue,
                                // The next turn meets it too and handles it; this only keeps it from spinning.
                                Err(error) => {
                                    self.report(&Failure::Log(error));
                                    match pause(&mut requests, &mut wait).await {
                                        Some(request) => request,
                                        None => continue,
                                    }
                                }
                            },
                        }
                    }
                }
                Err(failure) => {
                    self.report(&failure);
                    match pause(&mut requests, &mut wait).await {
                        Some(request) => request,
                        None => continue,
                    }
                }
            };
            match request {
                Some(Request::Shutdown { reply }) => break Some(reply),
                Some(request) => self.obey(request).await,
                None => break None,
            }
            self.publish();
        };
        requests.close();
        self.shared.serving.send_replace(None);
        let (serving, building) = (self.serving.take(), self.building.take());
        let closing = async {
            for generation in [serving, building].into_iter().flatten() {
                generation.close().await;
            }
            while self.retiring.join_next().await.is_some() {}
        };
        if sigma_clock::timeout(CLOSE, closing).await.is_err() {
            tracing::warn!(projection = self.shared.name, "a view was closed while somebody still read it");
        }
        drop(self);
        if let Some(reply) = ended {
            let _ = reply.send(());
        }
    }

    /// The place to wait at: that of the generation that is furthest behind.
    fn cursor(&self) -> Cursor {
        let generation = self.building.as_ref().or(self.serving.as_ref());
        generation.map_or_else(Cursor::start, |generation| generation.cursor.clone())
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
            && self.log.lag(&building.cursor).await? == 0
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
                projection = self.shared.name,
                generation = generation.number,
                reason = failure.tell(&generation.place),
                "a view is of no use any more and is built anew"
            );
            if matches!(which, Which::Serving) {
                self.shared.serving.send_replace(None);
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
        generation.recover().await?;
        let batch = match generation.ahead.take() {
            Some(batch) => batch,
            None => self.log.read_after(&generation.cursor, BATCH).await?,
        };
        if batch.events.is_empty() && batch.next == generation.cursor {
            return Ok(false);
        }
        if batch.events.len() < BATCH as usize {
            generation.apply(&*self.projection, &batch).await?;
        } else {
            // There is more: the next is read while this one is applied.
            let next = self.log.read_after(&batch.next, BATCH);
            let (applied, next) = tokio::join!(generation.apply(&*self.projection, &batch), next);
            applied?;
            generation.ahead = next.ok().filter(|next| !next.events.is_empty());
        }
        if matches!(which, Which::Serving) {
            self.publish();
            self.shared.tick();
        }
        Ok(true)
    }

    /// Puts what was built in the place of what serves.
    async fn swap(&mut self) -> Result<(), Failure> {
        let Some(building) = &self.building else { return Ok(()) };
        // Once the pointer is written, the new one serves, also after a crash: what is deleted is not needed then.
        self.shelf.serve(building.number).await?;
        tracing::info!(
            projection = self.shared.name,
            generation = building.number,
            events = building.handled,
            parked = building.parked_events,
            "a view was built and serves"
        );
        let replaced = std::mem::replace(&mut self.serving, self.building.take());
        self.publish();
        self.shared.tick();
        if let Some(replaced) = replaced {
            self.retire(replaced);
        }
        Ok(())
    }

    /// Closes a generation once its readers are gone, and deletes it.
    fn retire(&mut self, generation: Generation) {
        while self.retiring.try_join_next().is_some() {}
        let shelf = self.shelf.clone();
        self.retiring.spawn(async move {
            let number = generation.number;
            let place = generation.place.clone();
            if sigma_clock::timeout(RETIRE, generation.close()).await.is_err() {
                tracing::warn!(view = %place, "an old view was closed while somebody still read it");
            }
            if let Err(failure) = shelf.delete(number).await {
                let error = failure.tell(&shelf);
                tracing::warn!(generation = number, %error, "an old view was not deleted; the next start does it");
            }
        });
    }

    async fn obey(&mut self, request: Request) {
        match request {
            Request::Rebuild { reply } => {
                let number = match &self.building {
                    Some(building) => Ok(building.number),
                    None => self.build().await.map_err(|failure| self.refusal(&failure)),
                };
                self.publish();
                let _ = reply.send(number);
            }
            Request::Retry { aggregate_id, first, reply } => {
                let _ = reply.send(self.retry(&aggregate_id, first).await);
            }
            Request::RemoveTraces { reply } => {
                let _ = reply.send(self.remove_traces().await);
            }
            Request::Shutdown { .. } => {}
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
        let Some(serving) = self.serving.as_mut() else { return Err(not_ready(&self.shared)) };
        let retried = match serving.recover().await {
            Ok(()) => serving.retry(&*self.projection, aggregate_id, first).await,
            Err(error) => Err(error),
        };
        let retried = retried.map_err(|error| {
            serving.doubt();
            RunnerError::database(&serving.place, &error)
        })?;
        let retried = retried.ok_or_else(|| RunnerError::NothingParked {
            name: self.shared.name.clone(),
            aggregate_id: aggregate_id.to_owned(),
        })?;
        self.publish();
        self.shared.tick();
        Ok(retried)
    }

    fn refusal(&self, failure: &Failure) -> RunnerError {
        match failure {
            Failure::View(error) => RunnerError::database(&self.shelf, error),
            Failure::Folder(error) => RunnerError::io(&self.shelf, error),
            Failure::Log(error) => {
                RunnerError::Unavailable { message: error.to_string(), mend: "try again later".to_owned() }
            }
        }
    }

    /// Says that it does not get on: once in the log for each new reason, always in the status.
    fn report(&self, failure: &Failure) {
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

    fn publish(&self) {
        let mut snapshot = self.shared.snapshot();
        snapshot.serving = self.serving.as_ref().map(Generation::standing);
        snapshot.building = self.building.as_ref().map(Generation::standing);
        drop(snapshot);
        let serving = self.serving.as_ref().map(|generation| generation.number);
        let told = self.shared.serving.borrow().as_ref().map(|serving| serving.generation);
        if serving != told {
            self.shared.serving.send_replace(self.serving.as_ref().map(Generation::to_readers));
        }
    }
}

/// What is answered while no generation serves.
pub(crate) fn not_ready(shared: &Shared) -> RunnerError {
    let done = shared.snapshot().building.as_ref().map_or(0, |building| building.handled);
    RunnerError::NotReady { name: shared.name.clone(), done }
}

/// Waits before the next try, longer each time. The outer none: try again; the inner one: nobody is left to ask.
async fn pause(requests: &mut mpsc::Receiver<Request>, wait: &mut Backoff) -> Option<Option<Request>> {
    sigma_clock::timeout(wait.step(), requests.recv()).await.ok()
}
