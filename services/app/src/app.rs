//! The application: its parts, how it is opened, and what its use cases share.

use std::sync::Arc;
use std::time::Duration;

use cqrs_es::Aggregate;
use sigma_clock::{Clock, monotonic};
use sigma_cluster::Cluster;
use sigma_domain::{
    Actor, ActorKind, Channel, ChannelEvent, ChannelFacts, ChannelId, Project, ProjectCommand, ProjectId,
    ProjectName, Session, SessionFacts, SessionId,
};
use sigma_store::{EventLog, History, Journal, Loaded};
use sigma_tables::Place;

use crate::authentication::Doorman;
use crate::changes::Fanout;
use crate::executor::{Beside, CommandError, Context, Decider, Executed, Executor, new_command_id};
use crate::known_feeds::KnownFeeds;
use crate::process::Process;
use crate::subjects::{NamedChannel, SubjectKey, Subjects};
use crate::vault::{Hash, Vault, hex};
use crate::{
    AdminToken, AppError, Caller, ChannelRow, MAX_IDEMPOTENCY_KEY, OpenError, ReadModels, Recordings,
    SessionRow, Waited, fold,
};

/// A use case that changed something waits so long for the views to show it; then it answers all the same.
pub const READ_YOUR_WRITES: Duration = Duration::from_secs(5);

/// The same while the views stand still, where it is known that they do.
const WHILE_STILL: Duration = Duration::from_millis(50);

/// How often who waits looks whether they stand still.
const LOOK: Duration = Duration::from_millis(200);

/// What the application is made of.
pub struct Parts {
    /// Where events are written.
    pub journal: Arc<dyn Journal>,
    /// Where they are read, all of them.
    pub log: Arc<dyn EventLog>,
    /// Where they are looked up, by filter and in total order.
    pub history: Arc<dyn History>,
    /// What queries see.
    pub views: Arc<dyn ReadModels>,
    /// Wall time.
    pub clock: Arc<dyn Clock>,
    /// The master key's work.
    pub vault: Arc<Vault>,
    /// The token that may do everything.
    pub admin_token: AdminToken,
    /// Where the process managers' own rows are, as `DATA_DIR/process.sqlite`. They can be derived anew from the log.
    pub process: Place,
    /// Where recordings' media lies.
    pub recordings: Arc<dyn Recordings>,
    /// The nodes that share them, one of which runs the process managers at a time.
    pub cluster: Cluster,
}

/// Use cases, the media side, and process managers.
pub struct App {
    pub(crate) executor: Executor,
    pub(crate) log: Arc<dyn EventLog>,
    pub(crate) history: Arc<dyn History>,
    pub(crate) process: Process,
    pub(crate) admin_token: AdminToken,
    pub(crate) doorman: Doorman,
    pub(crate) fanout: Fanout,
    pub(crate) known_feeds: KnownFeeds,
    pub(crate) subjects: Arc<Subjects>,
    pub(crate) recordings: Arc<dyn Recordings>,
    views: Arc<dyn ReadModels>,
}

impl std::fmt::Debug for App {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("App").finish_non_exhaustive()
    }
}

impl App {
    /// Opens the application: binds the store to the master key (or finds that it is another's), makes the project
    /// `pr_default` at the first start, opens the process managers' rows.
    ///
    /// # Errors
    /// [`OpenError`]; its words name the mend.
    pub async fn open(parts: Parts) -> Result<Arc<Self>, OpenError> {
        let Parts { journal, log, history, views, clock, vault, admin_token, process, recordings, cluster } =
            parts;
        let ours = vault.fingerprint()?;
        let bound = journal.bind_master_key(&ours).await?.master_key_fingerprint;
        if bound.as_deref() != Some(ours.as_str()) {
            return Err(OpenError::MasterKey { bound: bound.unwrap_or_default(), ours });
        }
        let subjects = Arc::new(Subjects::new(journal.clone(), vault.clone()));
        let executor = Executor::new(journal, clock, vault);
        let process = Process::open(&process, cluster).await?;
        let doorman = Doorman::default();
        let (fanout, known_feeds) = (Fanout::default(), KnownFeeds::default());
        let app = Self {
            executor,
            log,
            history,
            process,
            admin_token,
            doorman,
            fanout,
            known_feeds,
            subjects,
            recordings,
            views,
        };
        let app = Arc::new(app);
        app.make_default_project().await?;
        // Whoever follows changes from here on misses none, however late they begin to be told.
        app.fanout.go_on_after(app.log.head().await.ok());
        Ok(app)
    }

    /// The read models.
    pub fn views(&self) -> &Arc<dyn ReadModels> {
        &self.views
    }

    /// Two that start together both come here; the second is refused, which is as well. The views show the project
    /// before a door opens, for whoever comes first asks for it.
    async fn make_default_project(&self) -> Result<(), OpenError> {
        let id = ProjectId::default_project();
        // Unwrap safety: a constant that ProjectName's own rules take; a test opens an application.
        let name: ProjectName = "default".parse().expect("a name of a project");
        let context = Context::of(system("first-start"), format!("create_{id}"));
        let command = ProjectCommand::Create { id: id.clone(), name, at: self.executor.now() };
        match self.executor.execute::<Project>(id.as_str(), command, &context, nothing_beside).await {
            Ok(executed) => {
                self.shown(&executed).await;
                Ok(())
            }
            Err(CommandError::Refused { .. }) => Ok(()),
            Err(CommandError::Store(error)) => Err(error.into()),
            Err(CommandError::Vault(error)) => Err(error.into()),
            Err(CommandError::Conflict | CommandError::Reused | CommandError::NotFound { .. }) => Ok(()),
        }
    }

    /// Under which command id a caller's request runs. With an idempotency key: always the same for the same actor,
    /// project and key.
    pub(crate) fn context(&self, caller: &Caller, use_case: &str, input: &str) -> Result<Context, AppError> {
        let Caller { actor, project, idempotency, correlation, .. } = caller;
        let (command_id, fingerprint) = match idempotency {
            None => (new_command_id(), String::new()),
            Some(idempotency) => {
                let key = idempotency.key.as_bytes();
                if key.is_empty() || key.len() > MAX_IDEMPOTENCY_KEY {
                    let message = format!("an idempotency key has 1 to {MAX_IDEMPOTENCY_KEY} bytes");
                    return Err(AppError::field("Idempotency-Key", message));
                }
                let vault = &self.executor.vault;
                let kind = actor.kind().code().as_bytes();
                let by = [kind, actor.id().as_bytes(), project.as_str().as_bytes(), key];
                let asked = [use_case.as_bytes(), input.as_bytes(), &idempotency.body];
                (
                    format!("key_{}", hex(&vault.hash(Hash::CommandId, &by)?)),
                    hex(&vault.hash(Hash::Fingerprint, &asked)?),
                )
            }
        };
        let correlation = correlation.clone().unwrap_or_else(|| command_id.clone());
        let repeatable = idempotency.is_some();
        Ok(Context {
            command_id,
            fingerprint,
            repeatable,
            actor: actor.clone(),
            causation: None,
            correlation,
        })
    }

    /// Does what a use case does under this context. Where that fails, and the same command was done before, it answers what was
    /// answered then: a copy of a command that was done is mostly found out by the commit itself.
    pub(crate) async fn once<A: Decider>(
        &self,
        context: &Context,
        work: impl Future<Output = Result<Executed<A>, AppError>>,
    ) -> Result<Executed<A>, AppError> {
        match work.await {
            // What the store says itself, and what the domain refused, was found out with the first answer in view.
            Err(error)
                if !matches!(
                    error,
                    AppError::Unavailable { .. }
                        | AppError::Refused { .. }
                        | AppError::Conflict(_)
                        | AppError::Internal(_)
                ) =>
            {
                match self.executor.first_answer(context).await? {
                    Some(first) => Ok(first),
                    None => Err(error),
                }
            }
            done => done,
        }
    }

    /// The channel, where the caller's project owns it, he sees it, and it was not deleted.
    pub(crate) async fn owned_channel(&self, caller: &Caller, id: &str) -> Result<ChannelId, AppError> {
        let parsed = channel_id(id)?;
        let Loaded { aggregate, .. } = self.executor.load::<Channel>(id).await?;
        let is_his = aggregate.state().is_some() && sees(caller, &aggregate);
        if is_his { Ok(parsed) } else { Err(no_channel(id)) }
    }

    /// The session with its channel, where the caller's project owns it and he sees it.
    pub(crate) async fn owned_session(
        &self,
        caller: &Caller,
        id: &str,
    ) -> Result<(SessionId, ChannelId), AppError> {
        let not_found = || AppError::NotFound { kind: Session::TYPE, id: id.to_owned() };
        let parsed: SessionId = id.parse().map_err(|_| not_found())?;
        let Loaded { aggregate, .. } = self.executor.load::<Session>(id).await?;
        let sees = |facts: &&SessionFacts| {
            facts.project == caller.project && caller.access.sees(facts.channel.as_str())
        };
        let facts = aggregate.facts().filter(sees);
        facts.map(|facts| (parsed, facts.channel.clone())).ok_or_else(not_found)
    }

    /// The channel's row as what was executed left it; of a deleted one, as it was before. What is remembered of it holds its name
    /// sealed.
    pub(crate) async fn channel_after(
        &self,
        executed: &Executed<Channel>,
        keys: Option<Vec<SubjectKey>>,
    ) -> Result<ChannelRow, AppError> {
        let step = |known, event: &ChannelEvent, sequence| match event {
            ChannelEvent::Deleted { .. } | ChannelEvent::Erased { .. } => known,
            _ => NamedChannel::after(known, event, sequence),
        };
        let id = &executed.aggregate_id;
        let known = self.executor.row_after(executed, step).await?;
        let not_found = || AppError::NotFound { kind: Channel::TYPE, id: id.to_owned() };
        let NamedChannel { mut row, name } = known.ok_or_else(not_found)?;
        row.name = self.subjects.name(id, &name, keys).await?.unwrap_or_default();
        Ok(row)
    }

    /// The session's row as what was executed left it.
    pub(crate) async fn session_after(&self, executed: &Executed<Session>) -> Result<SessionRow, AppError> {
        let row = self.executor.row_after(executed, fold::session).await?;
        row.ok_or_else(|| AppError::NotFound { kind: Session::TYPE, id: executed.aggregate_id.clone() })
    }

    /// Waits until the views show what was done. It is done either way, so a view that lags is only warned of.
    pub(crate) async fn shown<A: Decider>(&self, executed: &Executed<A>) {
        let Executed { aggregate_id, sequence, .. } = executed;
        let began = monotonic();
        let outcome = loop {
            // They may begin to stand still while they are waited for.
            let still = self.views.stand_still();
            let patience = if still { WHILE_STILL } else { LOOK };
            match self.views.wait_for(A::TYPE, aggregate_id, *sequence, patience).await {
                Ok(Waited::Reached) => return,
                Ok(Waited::TimedOut) if !still && began.elapsed() < READ_YOUR_WRITES => {}
                other => break other,
            }
        };
        tracing::warn!(
            aggregate.id = %aggregate_id,
            sequence,
            ?outcome,
            "answered before the views show the change"
        );
    }
}

/// The platform itself, by the name of the part that acts.
pub(crate) fn system(part: &str) -> Actor {
    // Unwrap safety: callers give short ASCII literals, which an actor's id takes.
    Actor::new(ActorKind::System, part).expect("the name of a part of the platform")
}

/// A channel's id as somebody gave it. What is none names no channel, and no store is asked with it.
pub(crate) fn channel_id(text: &str) -> Result<ChannelId, AppError> {
    text.parse().map_err(|_| no_channel(text))
}

/// There is no such channel, or none that the caller sees.
pub(crate) fn no_channel(id: &str) -> AppError {
    AppError::NotFound { kind: Channel::TYPE, id: id.to_owned() }
}

/// Whether a channel is one of the caller's project, and he may know of it.
pub(crate) fn sees(caller: &Caller, channel: &Channel) -> bool {
    let sees =
        |facts: &ChannelFacts| facts.project == caller.project && caller.access.sees(facts.id.as_str());
    channel.facts().is_some_and(sees)
}

/// For commands that have no secrets beside them.
pub(crate) fn nothing_beside<E>(_events: &[E]) -> Result<Beside, crate::VaultError> {
    Ok(Beside::default())
}
