//! What others hold of the runner: to read views, to wait for them, to look after them.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::join_all;
use sigma_store::EventLog;
use sigma_tables::{PooledConnection, Rows};
use tokio::sync::{mpsc, oneshot};

use crate::failure::RunnerError;
use crate::order::{Answer, Done, Order, Request};
use crate::parking::{self, ParkedLine, Retried};
use crate::projection::Projection;
use crate::shelf::{Home, Shelf};
use crate::standby;
use crate::status::{ProjectionState, ProjectionStatus, Rebuild, Serving, Shared, Standing};
use crate::task::{Task, Work, not_ready};

/// Requests that may wait for a projection's task.
const REQUESTS: usize = 32;

/// How long a reader waits for a view that does not serve yet, before it is told so.
const READY_WAIT: Duration = Duration::from_secs(5);

/// How long is waited for the log to say how far a view is behind: while it is away, its status is told without.
const LAG_PATIENCE: Duration = Duration::from_secs(1);

/// The longest name of a projection.
const MAX_NAME: usize = 64;

/// Runs projections.
#[derive(Debug)]
pub struct Runner;

impl Runner {
    /// Starts a task for each projection, with its views in `home`: a folder (made where it is not there) or a database, whose
    /// nodes run each projection one at a time and read what another one runs.
    ///
    /// # Errors
    /// [`RunnerError::Unavailable`] when the home cannot be written or another runner has the folder,
    /// [`RunnerError::BadProjection`] when a projection has no proper name, one that is taken, or a broken schema (in a database,
    /// its status says so).
    pub async fn start(
        log: Arc<dyn EventLog>,
        home: impl Into<Home>,
        projections: Vec<Arc<dyn Projection>>,
    ) -> Result<RunnerHandle, RunnerError> {
        let home = home.into().open().await?;
        let mut tasks = Vec::with_capacity(projections.len());
        let mut views = BTreeMap::new();
        for projection in projections {
            let name = projection.name().to_owned();
            if let Some(reason) =
                fault_of_name(&name).or(views.contains_key(&name).then_some("its name is taken"))
            {
                return Err(RunnerError::BadProjection { name, reason: reason.to_owned() });
            }
            let shared = Arc::new(Shared::new(&name, projection.version()));
            let shelf = home.shelf(&name, projection.version());
            let work = Work { projection, log: log.clone(), shelf: shelf.clone(), shared: shared.clone() };
            let task = Task::begin(work, home.lock()).await?;
            let (requests, asked) = mpsc::channel(REQUESTS);
            tasks.push((task, asked));
            views.insert(name, View { shared, shelf, requests });
        }
        for (task, asked) in tasks {
            tokio::spawn(task.run(asked));
        }
        Ok(RunnerHandle { views: Arc::new(views), log })
    }
}

/// What is wrong with a name, if something is.
fn fault_of_name(name: &str) -> Option<&'static str> {
    let is_proper = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
    if name.is_empty() || name.len() > MAX_NAME || !name.chars().all(is_proper) {
        return Some("its name must be 1 to 64 of a-z, 0-9 and _");
    }
    None
}

#[derive(Debug)]
struct View {
    shared: Arc<Shared>,
    shelf: Shelf,
    requests: mpsc::Sender<Request>,
}

/// What came of waiting for an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Waited {
    /// The view has it.
    Reached,
    /// The view has not got so far in time.
    TimedOut,
    /// The aggregate's line is parked: waiting does not help.
    Parked,
}

/// A hand on running projections. When the last one is gone, they end.
#[derive(Clone)]
pub struct RunnerHandle {
    views: Arc<BTreeMap<String, View>>,
    log: Arc<dyn EventLog>,
}

impl std::fmt::Debug for RunnerHandle {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("RunnerHandle").field("projections", &self.views.keys()).finish_non_exhaustive()
    }
}

impl RunnerHandle {
    fn view(&self, name: &str) -> Result<&View, RunnerError> {
        self.views.get(name).ok_or_else(|| {
            let known = self.views.keys().map(String::as_str).collect::<Vec<_>>().join(", ");
            RunnerError::Unknown { name: name.to_owned(), known }
        })
    }

    /// What each projection tells about itself, by name.
    pub async fn status(&self) -> Vec<ProjectionStatus> {
        join_all(self.views.values().map(|view| self.status_of(view))).await
    }

    async fn status_of(&self, View { shared, shelf, .. }: &View) -> ProjectionStatus {
        let snapshot = standby::snapshot(shelf, shared).await;
        let lag = async |place: &Standing| {
            let asked = sigma_clock::timeout(LAG_PATIENCE, self.log.lag(&place.cursor)).await;
            asked.ok().and_then(Result::ok)
        };
        let (mut behind, mut rebuild) = (None, None);
        if let Some(building) = &snapshot.building {
            let left = lag(building).await;
            behind = left;
            let total = building.handled.saturating_add(left.unwrap_or(0));
            rebuild = Some(Rebuild { generation: building.generation, done: building.handled, total });
        }
        if let Some(serving) = &snapshot.serving {
            behind = lag(serving).await;
        }
        let place = snapshot.serving.as_ref().or(snapshot.building.as_ref());
        ProjectionStatus {
            name: shared.name.clone(),
            version: shared.version,
            state: match (&snapshot.trouble, &snapshot.serving) {
                (Some(_), _) => ProjectionState::Stalled,
                (None, Some(_)) => ProjectionState::Live,
                (None, None) => ProjectionState::Building,
            },
            generation: snapshot.serving.as_ref().map(|serving| serving.generation),
            handled: place.map_or(0, |place| place.handled),
            lag: behind,
            parked_lines: place.map_or(0, |place| place.parked_lines),
            parked_events: place.map_or(0, |place| place.parked_events),
            last_error: snapshot.trouble.or_else(|| place.and_then(|place| place.poison.clone())),
            rebuild,
            node: snapshot.node,
        }
    }

    /// Builds the next generation beside the one that serves, and swaps it in when it has caught up. Answers its
    /// number at once; one that is under way already is answered again. Follow it in the status.
    ///
    /// # Errors
    /// [`RunnerError::Unknown`]; [`RunnerError::Unavailable`] when it cannot be written.
    pub async fn rebuild(&self, name: &str) -> Result<u32, RunnerError> {
        match self.ask(name, Order::Rebuild).await? {
            Done::Building(number) => Ok(number),
            other => Err(RunnerError::unlike(name, &other)),
        }
    }

    /// Tries an aggregate's parked events again, in order, up to the first that fails.
    ///
    /// # Errors
    /// [`RunnerError::Unknown`], [`RunnerError::NothingParked`], [`RunnerError::NotReady`],
    /// [`RunnerError::Unavailable`]. That an event fails again is no error: see [`Retried::error`].
    pub async fn retry_parked(&self, name: &str, aggregate_id: &str) -> Result<Retried, RunnerError> {
        self.again(name, Order::Retry { aggregate_id: aggregate_id.to_owned() }).await
    }

    /// Lets an aggregate's poison event go for good (until a rebuild meets it again), and tries those behind it.
    ///
    /// # Errors
    /// As [`retry_parked`](Self::retry_parked).
    pub async fn skip_parked(&self, name: &str, aggregate_id: &str) -> Result<Retried, RunnerError> {
        self.again(name, Order::Skip { aggregate_id: aggregate_id.to_owned() }).await
    }

    /// Removes what was deleted from a view's files or tables for good.
    ///
    /// # Errors
    /// [`RunnerError::Unknown`]; [`RunnerError::Unavailable`] also where somebody reads it just then: ask again.
    pub async fn remove_traces(&self, name: &str) -> Result<(), RunnerError> {
        self.ask(name, Order::RemoveTraces).await.map(drop)
    }

    async fn again(&self, name: &str, order: Order) -> Result<Retried, RunnerError> {
        match self.ask(name, order).await? {
            Done::Retried(retried) => Ok(retried),
            other => Err(RunnerError::unlike(name, &other)),
        }
    }

    /// Asks whoever runs the view, here or elsewhere.
    async fn ask(&self, name: &str, order: Order) -> Answer {
        let (reply, answer) = oneshot::channel();
        let request = Request::Order { order, reply };
        self.view(name)?.requests.send(request).await.map_err(|_| RunnerError::closed())?;
        answer.await.map_err(|_| RunnerError::closed())?
    }

    /// The lines that are parked in what serves.
    ///
    /// # Errors
    /// [`RunnerError::Unknown`], [`RunnerError::NotReady`], [`RunnerError::Unavailable`].
    pub async fn parked(&self, name: &str) -> Result<Vec<ParkedLine>, RunnerError> {
        let mut rows = self.reader(name)?.acquire().await?;
        parking::lines(Rows::from(&mut rows)).await.map_err(|error| RunnerError::database(name, &error))
    }

    /// Waits until what serves has an aggregate's event of this sequence, or a later one: who wrote reads what he
    /// wrote. [`Waited::Parked`] comes at once when the aggregate's line is parked before it.
    ///
    /// # Errors
    /// [`RunnerError::Unknown`], [`RunnerError::Unavailable`].
    pub async fn wait_for(
        &self,
        name: &str,
        aggregate_type: &str,
        aggregate_id: &str,
        sequence: u64,
        timeout: Duration,
    ) -> Result<Waited, RunnerError> {
        let shared = &self.view(name)?.shared;
        let reader = self.reader(name)?;
        let reached = async {
            let mut ticks = shared.ticks.subscribe();
            // The generation whose rows were asked, and what it had forgotten by then.
            let mut asked = None;
            loop {
                // A tick after this look is not missed: it is told from the one that was seen here.
                ticks.borrow_and_update();
                let serving = shared.serving.borrow().clone();
                let seen = serving.as_ref().map(|serving| (serving.generation, serving.seen.forgotten()));
                let last = serving.and_then(|serving| serving.seen.last((aggregate_type, aggregate_id)));
                if last.is_some_and(|last| last >= sequence) {
                    return Ok(Waited::Reached);
                }
                // What is remembered is what the rows say; they are asked where nothing is.
                if seen.is_none() || (last.is_none() && asked != seen) {
                    let standing = match reader.acquire().await {
                        Ok(mut rows) => parking::standing(&mut rows, aggregate_type, aggregate_id).await,
                        Err(RunnerError::NotReady { .. }) => continue,
                        Err(error) => return Err(error),
                    };
                    let (last, parked) = standing.map_err(|error| RunnerError::database(name, &error))?;
                    if last >= sequence {
                        return Ok(Waited::Reached);
                    }
                    if parked {
                        return Ok(Waited::Parked);
                    }
                    asked = seen;
                }
                if ticks.changed().await.is_err() {
                    return Err(RunnerError::closed());
                }
            }
        };
        sigma_clock::timeout(timeout, reached).await.unwrap_or(Ok(Waited::TimedOut))
    }

    /// A hand for reading a view.
    ///
    /// # Errors
    /// [`RunnerError::Unknown`].
    pub fn reader(&self, name: &str) -> Result<Reader, RunnerError> {
        let View { shared, requests, .. } = self.view(name)?;
        Ok(Reader { shared: shared.clone(), requests: requests.downgrade() })
    }

    /// Ends all projections in order: batches under way are finished, all closed, their home let go.
    pub async fn shutdown(&self) {
        let ends = self.views.values().map(async |view| {
            let (reply, done) = oneshot::channel();
            if view.requests.send(Request::Shutdown { reply }).await.is_ok() {
                let _ = done.await;
            }
        });
        futures_util::future::join_all(ends).await;
    }
}

/// A hand for reading a view: always the generation that serves.
#[derive(Clone, Debug)]
pub struct Reader {
    shared: Arc<Shared>,
    requests: mpsc::WeakSender<Request>,
}

impl Reader {
    /// A connection that reads the generation that serves. Take one for each query and let it go: a generation that
    /// was replaced waits for its readers. While no generation serves, it waits a little for the first.
    ///
    /// # Errors
    /// [`RunnerError::NotReady`] while the view is being built, [`RunnerError::Unavailable`].
    pub async fn acquire(&self) -> Result<PooledConnection, RunnerError> {
        let mut serving = self.shared.serving.subscribe();
        let acquired = async {
            loop {
                let now = serving.borrow_and_update().clone();
                let Some(Serving { pool, .. }) = now else {
                    if self.requests.upgrade().is_none_or(|requests| requests.is_closed()) {
                        return Err(RunnerError::closed());
                    }
                    serving.changed().await.map_err(|_| RunnerError::closed())?;
                    continue;
                };
                match pool.acquire().await {
                    Ok(connection) => return Ok(connection),
                    // It was replaced meanwhile: the next one has been told before it was closed.
                    Err(sqlx::Error::PoolClosed) => {}
                    Err(error) => return Err(RunnerError::database(&self.shared.name, &error)),
                }
            }
        };
        match sigma_clock::timeout(READY_WAIT, acquired).await {
            Ok(acquired) => acquired,
            Err(_) => Err(not_ready(&self.shared)),
        }
    }

    /// The number of the generation that serves.
    pub fn generation(&self) -> Option<u32> {
        self.shared.serving.borrow().as_ref().map(|serving| serving.generation)
    }
}
