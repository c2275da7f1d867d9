//! Process managers: what follows from events without anybody asking.
//!
//! Each line (a channel with its sessions) is looked at after each of its events, and what is to be done about it is
//! written down as steps, with the place in the log in one transaction. A step is a function of how the aggregates stand,
//! not of the event that was read: read twice, late, or after a crash, it comes out the same. Deadlines are steps that are
//! due later. A step is fired as a command like any other, under an id that is always the same for it, and the aggregate
//! has the last word.

mod agenda;
mod lease;
mod recordings;
mod seat;
mod step;

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::atomic::AtomicBool;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use cqrs_es::Aggregate;
use sigma_cluster::{Cluster, Fence};
use sigma_domain::{
    Asset, AssetId, AssetKind, Channel, ChannelId, EndedBy, Session, SessionCommand, SessionId,
    SessionRefusal, Timestamp,
};
use sigma_store::{Cursor, LogError, RecordedEvent, StoreError};
use sigma_tables::Place;

use crate::app::{nothing_beside, system};
use crate::executor::{CommandError, Context};
use crate::secrets::{STREAM_KEY, forget_stream_keys};
use crate::subjects::{traces_kind, traces_removed};
use crate::{App, OpenError, Waited};
use agenda::{Agenda, DueStep, Findings};
use seat::Seat;
use step::{LOOK_AGAIN_MS, Line, Step, StepKind, matters, steps};

/// Events read at once.
const BATCH: u32 = 200;

/// Steps are looked for at least so often: the wall clock may step.
const LONGEST_WAIT: Duration = Duration::from_secs(1);

/// The first wait after something failed; it doubles up to the longest.
const FIRST_PAUSE: Duration = Duration::from_millis(100);

/// The longest wait while something that we depend on is away.
const LONGEST_PAUSE: Duration = Duration::from_secs(5);

/// After an outage deadlines wait so long, or as long as it lasted: what happened meanwhile is told first, by media nodes that
/// try again every 5 s. A broadcaster who was back in time is not ended because the store hears of it last.
const HEAR_FIRST: Duration = Duration::from_secs(8);

/// What was erased is waited for in the views so long; then it is tried again later, and others have their turn.
const SHOWN_WITHIN: Duration = Duration::from_secs(1);

/// A step that did not help is tried again after so long, doubled each time up to half a minute.
const STEP_PAUSE_MS: i64 = 100;

/// See [`STEP_PAUSE_MS`].
const LONGEST_STEP_PAUSE_MS: i64 = 30_000;

/// Why a turn of the process managers failed. It is taken again.
#[derive(Debug, thiserror::Error)]
pub enum ProcessError {
    /// The log is away.
    #[error(transparent)]
    Log(#[from] LogError),
    /// The store is away.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// Their own rows are.
    #[error("the process managers' rows cannot be used: {0}")]
    Rows(#[from] sqlx::Error),
    /// A command was not done, for another reason than the store's.
    #[error("a step cannot be done: {0}")]
    Step(String),
    /// Another node runs them now: nothing was written.
    #[error("another node runs the process managers now")]
    StoodDown,
    /// They run on another node, or should, and do not get on.
    #[error(
        "no node has looked at new events for {0} s: start one that runs projections, or see what holds it up"
    )]
    Late(u64),
}

impl<R: std::error::Error> From<CommandError<R>> for ProcessError {
    fn from(error: CommandError<R>) -> Self {
        match error {
            CommandError::Store(error) => Self::Store(error),
            error => Self::Step(error.to_string()),
        }
    }
}

/// The process managers' rows and state.
pub(crate) struct Process {
    agenda: Agenda,
    cluster: Cluster,
    /// One turn at a time.
    turn: tokio::sync::Mutex<()>,
    failing: Mutex<Option<String>>,
    /// Whether this node is the one that runs them.
    runs_here: AtomicBool,
}

impl Process {
    pub(crate) async fn open(place: &Place, cluster: Cluster) -> Result<Self, OpenError> {
        let agenda = Agenda::open(place).await?;
        let (turn, failing, runs_here) = Default::default();
        Ok(Self { agenda, cluster, turn, failing, runs_here })
    }

    /// Writes down when tokens were used.
    pub(crate) async fn put_uses(&self, uses: &HashMap<String, i64>) -> Result<(), ProcessError> {
        Ok(self.agenda.put_uses(uses).await?)
    }

    /// When tokens were used last, as far as it is written down.
    pub(crate) async fn last_uses(&self, ids: &[String]) -> Result<HashMap<String, i64>, ProcessError> {
        Ok(self.agenda.last_uses(ids).await?)
    }
}

/// Carries when tokens were used last, which follows from no event, from one place to another; answers how many. All else of
/// the process managers' rows is derived anew.
///
/// # Errors
/// [`OpenError::Process`] when one of the two cannot be used.
pub async fn carry_uses(from: &Place, to: &Place) -> Result<usize, OpenError> {
    let unusable = |place: &Place, error: sqlx::Error| OpenError::Process {
        path: place.to_string(),
        cause: error.to_string(),
    };
    let uses = Agenda::open(from).await?.all_uses().await.map_err(|error| unusable(from, error))?;
    Agenda::open(to).await?.put_uses(&uses).await.map_err(|error| unusable(to, error))?;
    Ok(uses.len())
}

/// Lines, with their sessions as far as events are of those.
type Lines = BTreeMap<String, BTreeSet<SessionId>>;

/// The lines that events are of, as far as those may change what is to be done about them.
fn gather(lines: &mut Lines, events: &[RecordedEvent]) {
    for event in events {
        // Assets are looked at apart.
        let is_apart = event.aggregate_type == Asset::TYPE || !matters(&event.aggregate_type, &event.name);
        if is_apart || event.line.parse::<ChannelId>().is_err() {
            continue;
        }
        let sessions = lines.entry(event.line.clone()).or_default();
        if event.aggregate_type == Session::TYPE {
            sessions.extend(event.aggregate_id.parse::<SessionId>());
        }
    }
}

impl App {
    /// Takes turn after turn for as long as the fence holds. May be stopped at any moment and goes on where it was.
    async fn manage_under(&self, fence: &Fence) {
        let (mut pause, mut away_since, mut seat) = (FIRST_PAUSE, None, None);
        loop {
            if let Some(since) = away_since
                && self.can_read(fence).await
            {
                self.note_failure(None);
                sigma_clock::sleep(sigma_clock::monotonic().duration_since(since).min(HEAR_FIRST)).await;
            }
            match self.take_turn_in(fence, seat.take()).await {
                Ok(mut taken) => {
                    self.note_failure(None);
                    (pause, away_since) = (FIRST_PAUSE, None);
                    self.wait_for_work(&mut taken).await;
                    seat = Some(taken);
                }
                Err(ProcessError::StoodDown) => return,
                // What was known is read anew.
                Err(error) => {
                    self.note_failure(Some(&error));
                    away_since.get_or_insert_with(sigma_clock::monotonic);
                    sigma_clock::sleep(pause).await;
                    pause = (pause * 2).min(LONGEST_PAUSE);
                }
            }
        }
    }

    /// A turn of who knows where he is, or reads it first.
    async fn take_turn_in<'f>(
        &self,
        fence: &'f Fence,
        seat: Option<Seat<'f>>,
    ) -> Result<Seat<'f>, ProcessError> {
        let mut seat = match seat {
            Some(seat) => seat,
            None => self.sit_down(fence).await?,
        };
        self.take_turn(&mut seat).await?;
        Ok(seat)
    }

    async fn sit_down<'f>(&self, fence: &'f Fence) -> Result<Seat<'f>, ProcessError> {
        let agenda = &self.process.agenda;
        Ok(Seat::new(fence, agenda.place().await?, agenda.next_due().await?))
    }

    async fn can_read(&self, fence: &Fence) -> bool {
        let _turn = self.process.turn.lock().await;
        let read = async {
            let mut seat = self.sit_down(fence).await?;
            self.catch_up(&mut seat).await?;
            self.keep_place(&mut seat).await
        };
        read.await.is_ok() && self.executor.journal.identity().await.is_ok()
    }

    /// Why the process managers cannot work at the moment, where they cannot. For readiness.
    pub fn process_failure(&self) -> Option<String> {
        self.process.failing.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Says once that something is away, and once that it is back.
    fn note_failure(&self, error: Option<&ProcessError>) {
        let mut failing = self.process.failing.lock().unwrap_or_else(PoisonError::into_inner);
        match (failing.is_some(), error) {
            (false, Some(error)) => {
                tracing::warn!(%error, "process managers wait: deadlines and repairs are late")
            }
            (true, None) => tracing::info!("process managers go on"),
            _ => {}
        }
        *failing = error.map(ToString::to_string);
    }

    /// Does all that is to be done now: reads what is new, fires what is due, until nothing is left. For whoever does not
    /// [`run`](Self::run); waits until this node may.
    ///
    /// # Errors
    /// [`ProcessError`] when something that we depend on is away. What was done stays done; call it again.
    pub async fn run_once(&self) -> Result<(), ProcessError> {
        let mut claim = self.process.cluster.claim(lease::NAME);
        let fence = claim.held().await;
        let mut seat = self.take_turn_in(&fence, None).await?;
        self.keep_place(&mut seat).await
    }

    async fn take_turn(&self, seat: &mut Seat<'_>) -> Result<(), ProcessError> {
        let _turn = self.process.turn.lock().await;
        loop {
            self.catch_up(seat).await?;
            let now = self.executor.now();
            if seat.next_due_ms.is_none_or(|due_ms| due_ms > now.as_millis()) {
                return Ok(());
            }
            let due = self.process.agenda.due(now.as_millis()).await?;
            for step in &due {
                self.take_step(seat.fence, step, now).await?;
            }
            seat.next_due_ms = self.process.agenda.next_due().await?;
            if due.is_empty() {
                return Ok(());
            }
        }
    }

    /// Until something is in the log, or a step is due.
    async fn wait_for_work(&self, seat: &mut Seat<'_>) {
        let in_ms = match seat.next_due_ms {
            Some(due_ms) => due_ms.saturating_sub(self.executor.now().as_millis()),
            None => i64::MAX,
        };
        let wait = Duration::from_millis(u64::try_from(in_ms).unwrap_or(0)).min(LONGEST_WAIT);
        tokio::select! {
            // A log that cannot be waited for is found out by reading it.
            result = self.log.wait_after(seat.place()) => if result.is_err() { sigma_clock::sleep(wait).await },
            () = sigma_clock::sleep(wait) => {}
        }
    }

    /// Sessions that a node holds, by all that is committed now. Any node may ask: what the one that runs the process managers
    /// has not looked at yet is looked at here, and nothing is written.
    pub(crate) async fn sessions_at(&self, node: &str) -> Result<Vec<String>, ProcessError> {
        let agenda = &self.process.agenda;
        self.log.settle().await?;
        // The place first: the rows that are read after it say at least what was known there.
        let (mut place, mut is_of_this_log) = (agenda.place().await?, true);
        let mut lines = Lines::new();
        loop {
            let batch = match self.log.read_after(&place, BATCH).await {
                Err(LogError::ForeignCursor(_)) if is_of_this_log => {
                    (place, is_of_this_log) = (Cursor::start(), false);
                    lines.clear();
                    continue;
                }
                batch => batch?,
            };
            if batch.next == place {
                break;
            }
            gather(&mut lines, &batch.events);
            place = batch.next;
        }
        let mut held = BTreeSet::new();
        if is_of_this_log {
            let known = agenda.sessions_at(node).await?;
            held.extend(known.into_iter().filter(|(_, line)| !lines.contains_key(line)).map(|(id, _)| id));
        }
        for (line, sessions) in lines {
            let on_air = self.find(&line, sessions).await?.on_air.into_iter();
            held.extend(on_air.filter(|(_, at)| at == node).map(|(session, _)| session));
        }
        Ok(held.into_iter().collect())
    }

    /// Sessions that a node held and that have ended, of which it is to say what they hold.
    pub(crate) async fn untold_at(&self, node: &str) -> Result<Vec<String>, ProcessError> {
        let mut untold = BTreeSet::new();
        for asset in self.process.agenda.untold().await? {
            let asset = self.executor.load::<Asset>(&asset).await?.aggregate;
            let Some(facts) = asset.facts() else { continue };
            let session = facts.of.session.to_string();
            let found = self.views().session(&session).await;
            let found = found.map_err(|error| ProcessError::Step(error.to_string()))?;
            if found.is_some_and(|row| row.node == node) {
                untold.insert(session);
            }
        }
        Ok(untold.into_iter().collect())
    }

    /// Reads the log to its end, looks at each line that events are of, and writes down what is to be done, with the place in
    /// the log. Where there is nothing to be done the place is written down now and then.
    async fn catch_up(&self, seat: &mut Seat<'_>) -> Result<(), ProcessError> {
        loop {
            let batch = match self.log.read_after(seat.place(), BATCH).await {
                Err(LogError::ForeignCursor(message)) => {
                    tracing::warn!(message, "the log is another one than before: deadlines are derived anew");
                    self.process.agenda.clear(seat.fence).await?;
                    *seat = self.sit_down(seat.fence).await?;
                    continue;
                }
                batch => batch?,
            };
            if batch.next == *seat.place() {
                return if seat.to_keep().is_some() { self.keep_place(seat).await } else { Ok(()) };
            }
            let mut lines = Lines::new();
            gather(&mut lines, &batch.events);
            let assets = self.assets_to_look_at(&batch.events).await?;
            if lines.is_empty() && assets.is_empty() {
                seat.pass_over(batch.next);
                if seat.to_keep().is_some() {
                    self.keep_place(seat).await?;
                }
                continue;
            }
            let mut findings = Vec::with_capacity(lines.len());
            for (line, sessions) in lines {
                findings.push(self.find(&line, sessions).await?);
            }
            for asset in assets {
                findings.push(self.find(&asset, BTreeSet::new()).await?);
            }
            self.process.agenda.write(seat.fence, &findings, Some(&batch.next)).await?;
            seat.kept(batch.next);
            seat.next_due_ms = self.process.agenda.next_due().await?;
        }
    }

    /// Writes down the place in the log, where it is not written down yet.
    async fn keep_place(&self, seat: &mut Seat<'_>) -> Result<(), ProcessError> {
        if let Some(place) = seat.unkept().cloned() {
            self.process.agenda.write(seat.fence, &[], Some(&place)).await?;
            seat.kept(place);
        }
        Ok(())
    }

    /// How a line stands now, and what is to be done about it. One that cannot be read is looked at again later; it must
    /// not hold up the others.
    async fn find(&self, line: &str, sessions: BTreeSet<SessionId>) -> Result<Findings, ProcessError> {
        let found = match line.starts_with(AssetId::PREFIX) {
            true => self.find_of_asset(line).await,
            false => self.find_in(line, sessions).await,
        };
        match found {
            Err(ProcessError::Store(StoreError::Corrupt(message))) => {
                tracing::error!(line, message, "the deadlines of a channel, or of an asset, cannot be kept");
                let due_ms = self.executor.now().as_millis().saturating_add(LOOK_AGAIN_MS);
                let look = Step { kind: StepKind::Look, subject: line.to_owned(), due_ms };
                Ok(Findings { line: line.to_owned(), steps: vec![look], on_air: Vec::new(), asset_of: None })
            }
            found => found,
        }
    }

    async fn find_in(&self, line: &str, mut ids: BTreeSet<SessionId>) -> Result<Findings, ProcessError> {
        // Known before the channel is loaded, so that the channel as loaded has seen them attached.
        let known = self.process.agenda.sessions_of(line).await?;
        ids.extend(known.iter().filter_map(|id| id.parse::<SessionId>().ok()));
        let channel = self.executor.load::<Channel>(line).await?.aggregate;
        ids.extend(channel.attached_session().cloned());
        let mut sessions = Vec::with_capacity(ids.len());
        for id in ids {
            let session = self.executor.load::<Session>(id.as_str()).await?.aggregate;
            sessions.push((id, session));
        }
        let keys = self.executor.journal.secrets_of(STREAM_KEY, line).await?;
        let key_expiry_ms = keys.iter().filter_map(|key| key.expires_at_ms).min();
        let leaves_traces =
            channel.is_erased() && !self.executor.journal.secrets_of(traces_kind(), line).await?.is_empty();
        let to_keep = &self.to_keep(&sessions).await?;
        let stands = Line { channel: &channel, sessions: &sessions, to_keep, key_expiry_ms, leaves_traces };
        let steps = steps(&stands, self.executor.now());
        let on_air = sessions.iter().filter_map(|(id, session)| {
            let feed = session.facts().and_then(|facts| facts.feed())?;
            Some((id.to_string(), feed.node.to_string()))
        });
        Ok(Findings { line: line.to_owned(), steps, on_air: on_air.collect(), asset_of: None })
    }

    /// Does what is due, looks at the line again, and puts the step off where it still stands.
    async fn take_step(&self, fence: &Fence, due: &DueStep, now: Timestamp) -> Result<(), ProcessError> {
        let done = self.fire(due).await;
        match &done {
            Ok(()) => {}
            Err(error @ ProcessError::Step(_)) | Err(error @ ProcessError::Store(StoreError::Corrupt(_))) => {
                tracing::error!(%error, line = %due.line, step = due.step.kind.code(), "a step failed");
            }
            // What we depend on is away: the whole turn is taken again, the step stands as it is.
            Err(_) => return done,
        }
        let findings = self.find(&due.line, BTreeSet::new()).await?;
        self.process.agenda.write(fence, &[findings], None).await?;
        let pause = STEP_PAUSE_MS.saturating_mul(1 << due.attempts.min(16)).min(LONGEST_STEP_PAUSE_MS);
        self.process.agenda.put_off(fence, due, now.as_millis().saturating_add(pause)).await
    }

    async fn fire(&self, due: &DueStep) -> Result<(), ProcessError> {
        let Step { kind, subject, due_ms } = &due.step;
        match kind {
            StepKind::Abandon => self.abandon(&due.line, subject).await,
            StepKind::End => self.end_stopped(&due.line, subject).await,
            StepKind::Detach => {
                if let Ok(session) = subject.parse() {
                    self.detach(&due.line, &session).await?;
                }
                Ok(())
            }
            StepKind::Expire(deadline) => {
                self.expire(subject, *deadline, Timestamp::from_millis(*due_ms)).await?;
                Ok(())
            }
            StepKind::ForgetKeys => {
                let void = forget_stream_keys(subject, self.executor.now().as_millis());
                Ok(self.executor.journal.write_secrets(vec![void]).await?)
            }
            StepKind::RemoveTraces => self.remove_traces(subject).await,
            StepKind::KeepSource => self.keep(subject, AssetKind::Source).await,
            StepKind::KeepCatchup => self.keep(subject, AssetKind::Catchup).await,
            StepKind::ExpireAsset => self.expire_asset(subject, *due_ms).await,
            StepKind::GiveUpAsset => self.give_up_asset(subject).await,
            StepKind::DeleteAsset => self.delete_erased(subject).await,
            StepKind::Look => Ok(()),
        }
    }

    /// A channel was erased: once the views have let its row go, what was deleted is removed from all files.
    async fn remove_traces(&self, channel: &str) -> Result<(), ProcessError> {
        let version = self.executor.load::<Channel>(channel).await?.version;
        let not_yet = |what: &str, why: String| {
            ProcessError::Step(format!("what was erased still leaves traces in {what}: {why}"))
        };
        let waited = self.views().wait_for(Channel::TYPE, channel, version, SHOWN_WITHIN).await;
        match waited {
            Ok(Waited::Reached) => {}
            other => return Err(not_yet("the views", format!("{other:?}"))),
        }
        self.views().remove_traces().await.map_err(|error| not_yet("the views", error.to_string()))?;
        let journal = &self.executor.journal;
        journal.remove_traces().await.map_err(|error| not_yet("the event store", error.to_string()))?;
        tracing::info!(channel.id = channel, "what was erased has left the files too");
        Ok(journal.write_secrets(vec![traces_removed(channel)]).await?)
    }

    /// Gives up a session that was attached and never opened: whoever would open it now is refused.
    async fn abandon(&self, line: &str, session: &str) -> Result<(), ProcessError> {
        let loaded = self.executor.load::<Channel>(line).await?;
        let Some(facts) = loaded.aggregate.facts() else { return Ok(()) };
        let Ok(id) = session.parse::<SessionId>() else { return Ok(()) };
        let command = SessionCommand::Abandon {
            id,
            channel: facts.id.clone(),
            project: facts.project.clone(),
            at: self.executor.now(),
        };
        let context = Context::of(system("gate"), format!("abandon_{session}"));
        self.executor.execute::<Session>(session, command, &context, nothing_beside).await?;
        Ok(())
    }

    /// Ends a session whose channel was stopped; one that never opened is given up.
    async fn end_stopped(&self, line: &str, session: &str) -> Result<(), ProcessError> {
        let command = SessionCommand::End { by: EndedBy::ChannelStopped, at: self.executor.now() };
        let context = Context::of(system("gate"), format!("stop_{session}"));
        match self.executor.execute::<Session>(session, command, &context, nothing_beside).await {
            Ok(_) => Ok(()),
            Err(CommandError::Refused { refusal: Some(SessionRefusal::Unknown), .. }) => {
                self.abandon(line, session).await
            }
            Err(error) => Err(error.into()),
        }
    }

    /// A channel was stopped: ends and detaches its session now. What fails here is done by the process managers.
    pub(crate) async fn settle_stopped(&self, channel: &str, session: &str) {
        match self.end_stopped(channel, session).await {
            Ok(()) => self.settle_ended(channel, session).await,
            Err(error) => tracing::debug!(%error, session.id = session, "left to the process managers"),
        }
    }

    /// A session ended: detaches it now. What fails here is done by the process managers.
    pub(crate) async fn settle_ended(&self, channel: &str, session: &str) {
        if let Ok(id) = session.parse()
            && let Err(error) = self.detach(channel, &id).await
        {
            tracing::debug!(%error, session.id = session, "left to the process managers");
        }
    }
}
