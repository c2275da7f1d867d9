//! Load, decide, commit: the one way in which an aggregate changes.
//!
//! It is decided on the aggregate as it was known last, and the commit finds out whether it still stands so: mostly nothing
//! is loaded at all. Nobody is told no by what is merely remembered, and a conflict is decided again on what stands now, a
//! bounded number of times. Refusal, conflict and fault stay apart.
//! A command id is honoured once: the same request again gets the first answer, another request under it a conflict.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Arc;
use std::time::Duration;

use cqrs_es::Aggregate;
use serde::{Deserialize, Serialize};
use sigma_clock::Clock;
use sigma_domain::{
    Actor, ApiToken, ApiTokenCommand, ApiTokenEvent, ApiTokenRefusal, Channel, ChannelCommand, ChannelEvent,
    ChannelRefusal, Project, ProjectCommand, ProjectEvent, ProjectRefusal, Session, SessionCommand,
    SessionEvent, SessionHealth, SessionHealthCommand, SessionHealthEvent, SessionHealthRefusal,
    SessionRefusal, Timestamp,
};
use sigma_schema::Stored;
use sigma_store::{
    AggregateStore, CodecError, CommandRecord, EventCodec, EventMetadata, Journal, Loaded, NewEvent,
    Placement, RecordedEvent, SecretWrite, StoreError,
};
use subtle::ConstantTimeEq;
use tokio::sync::{Mutex, MutexGuard};

use crate::fold;
use crate::known::{Folded, Known};
use crate::vault::{Vault, VaultError};

/// A command that was overtaken so many times is answered with a conflict.
pub const MAX_ATTEMPTS: u32 = 8;

/// The first wait after a conflict; it doubles.
const CONFLICT_PAUSE: Duration = Duration::from_millis(2);

/// Commands that were overtaken take turns, by so many places.
const TURNS: usize = 256;

/// So long is waited for one's turn, and no longer: whoever has it may wait for a store that is away.
const TURN_WAIT: Duration = Duration::from_secs(2);

/// How answers are sealed.
const ANSWER: &str = "answer";

/// Why a command was not done.
#[derive(Debug, thiserror::Error)]
pub enum CommandError<R> {
    /// A rule of the domain says no.
    #[error("{message}")]
    Refused {
        /// The reason's name outside.
        code: String,
        /// The reason as a sentence.
        message: String,
        /// The refusal itself; none where it is the first answer to a command id that comes again.
        refusal: Option<R>,
    },
    /// Overtaken [`MAX_ATTEMPTS`] times.
    #[error("others changed it at the same time, again and again")]
    Conflict,
    /// There is no such aggregate for who asks.
    #[error("there is no {kind} `{id}`")]
    NotFound {
        /// Type of the aggregate.
        kind: &'static str,
        /// As it was asked for.
        id: String,
    },
    /// The command id was used for another request.
    #[error("this idempotency key was used for another request")]
    Reused,
    /// The store did not do it.
    #[error(transparent)]
    Store(StoreError),
    /// Cryptography failed, or the answer kept cannot be opened.
    #[error(transparent)]
    Vault(#[from] VaultError),
}

/// An aggregate of ours, as the executor sees it.
pub trait Decider: Aggregate<Command: Clone + Send + Sync, Event: Stored> + Clone + 'static {
    /// What follows from the command, or why nothing does.
    ///
    /// # Errors
    /// The domain's refusal.
    fn decide_on(&self, command: Self::Command) -> Result<Vec<Self::Event>, Self::Error>;

    /// The refusal's name outside.
    fn code(refusal: &Self::Error) -> &'static str;

    /// The channel that order is kept within, and the project; of an aggregate that exists.
    fn placement(&self) -> Option<(String, String)>;

    /// The same, from the event that makes the aggregate where its state keeps neither.
    fn placement_by(_event: &Self::Event) -> Option<(String, String)> {
        None
    }
}

impl Decider for Channel {
    fn decide_on(&self, command: ChannelCommand) -> Result<Vec<ChannelEvent>, ChannelRefusal> {
        self.decide(command)
    }

    fn code(refusal: &ChannelRefusal) -> &'static str {
        refusal.code()
    }

    fn placement(&self) -> Option<(String, String)> {
        self.facts().map(|facts| (facts.id.to_string(), facts.project.to_string()))
    }
}

impl Decider for Session {
    fn decide_on(&self, command: SessionCommand) -> Result<Vec<SessionEvent>, SessionRefusal> {
        self.decide(command)
    }

    fn code(refusal: &SessionRefusal) -> &'static str {
        refusal.code()
    }

    fn placement(&self) -> Option<(String, String)> {
        self.facts().map(|facts| (facts.channel.to_string(), facts.project.to_string()))
    }

    fn placement_by(event: &SessionEvent) -> Option<(String, String)> {
        match event {
            SessionEvent::Abandoned { channel, project, .. } => {
                Some((channel.to_string(), project.to_string()))
            }
            _ => None,
        }
    }
}

impl Decider for Project {
    fn decide_on(&self, command: ProjectCommand) -> Result<Vec<ProjectEvent>, ProjectRefusal> {
        self.decide(command)
    }

    fn code(refusal: &ProjectRefusal) -> &'static str {
        refusal.code()
    }

    fn placement(&self) -> Option<(String, String)> {
        self.facts().map(|facts| (facts.id.to_string(), facts.id.to_string()))
    }
}

impl Decider for ApiToken {
    fn decide_on(&self, command: ApiTokenCommand) -> Result<Vec<ApiTokenEvent>, ApiTokenRefusal> {
        self.decide(command)
    }

    fn code(refusal: &ApiTokenRefusal) -> &'static str {
        refusal.code()
    }

    fn placement(&self) -> Option<(String, String)> {
        self.facts().map(|facts| (facts.id.to_string(), facts.project.to_string()))
    }
}

impl Decider for SessionHealth {
    fn decide_on(
        &self,
        command: SessionHealthCommand,
    ) -> Result<Vec<SessionHealthEvent>, SessionHealthRefusal> {
        self.decide(command)
    }

    fn code(refusal: &SessionHealthRefusal) -> &'static str {
        refusal.code()
    }

    fn placement(&self) -> Option<(String, String)> {
        self.facts().map(|facts| (facts.channel.to_string(), facts.project.to_string()))
    }
}

/// Domain event ↔ the schema's stored shapes.
#[derive(Clone, Copy, Debug)]
pub struct Shapes;

impl<A: Decider> EventCodec<A> for Shapes {
    fn encode(&self, event: &A::Event) -> Result<NewEvent, CodecError> {
        let stored = event.to_stored();
        Ok(NewEvent { name: stored.name.to_string(), version: stored.version, data: stored.data })
    }

    fn decode(&self, name: &str, version: u16, data: &serde_json::Value) -> Result<A::Event, CodecError> {
        A::Event::from_stored(name, version, data.clone()).map_err(|error| CodecError(error.to_string()))
    }

    fn placement(&self, aggregate_id: &str, aggregate: &A) -> Placement {
        let own = || (aggregate_id.to_owned(), String::new());
        let (line, project_id) = aggregate.placement().unwrap_or_else(own);
        Placement { line, project_id }
    }
}

/// Under which id, by whom, because of what.
#[derive(Clone, Debug)]
pub(crate) struct Context {
    pub(crate) command_id: String,
    /// What the command asks for, as a digest.
    pub(crate) fingerprint: String,
    /// Whether the id may have been used before: then it is looked up first, and kept also when nothing happened.
    pub(crate) repeatable: bool,
    pub(crate) actor: Actor,
    pub(crate) causation: Option<String>,
    pub(crate) correlation: String,
}

impl Context {
    /// A command of the platform's own, under a new id or one that is always the same for the same occasion.
    pub(crate) fn of(actor: Actor, command_id: String) -> Self {
        let correlation = command_id.clone();
        Self {
            command_id,
            fingerprint: String::new(),
            repeatable: false,
            actor,
            causation: None,
            correlation,
        }
    }
}

/// A new command id.
pub(crate) fn new_command_id() -> String {
    format!("cmd_{}", uuid::Uuid::now_v7().simple())
}

/// What a command came to.
#[derive(Debug)]
pub(crate) struct Executed<A: Aggregate> {
    /// The aggregate after it (for a repeated command: as it is now).
    pub(crate) aggregate: A,
    pub(crate) aggregate_id: String,
    /// Its last sequence after it (for a repeated command: after the first copy).
    pub(crate) sequence: u64,
    /// What happened now; nothing for a repeated command.
    pub(crate) events: Vec<A::Event>,
    /// The secret that was answered the first time, for a repeated command.
    pub(crate) secret: Option<String>,
    pub(crate) repeated: bool,
}

/// What is kept, sealed, to answer a command id that comes again.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
enum Answer {
    Done { aggregate_id: String, sequence: u64, secret: Option<String> },
    Refused { code: String, message: String },
}

/// Beside the events: secrets to write with them, and one to answer with.
#[derive(Default)]
pub(crate) struct Beside {
    pub(crate) writes: Vec<SecretWrite>,
    pub(crate) answer: Option<String>,
}

/// Executes commands over one journal.
#[derive(Clone)]
pub(crate) struct Executor {
    pub(crate) journal: Arc<dyn Journal>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) vault: Arc<Vault>,
    known: Arc<Known>,
    /// Whoever was overtaken decides again in turn with the others of this process: of many at once on one aggregate each
    /// attempt but one would be in vain, else.
    turns: Arc<[Mutex<()>]>,
}

impl Executor {
    pub(crate) fn new(journal: Arc<dyn Journal>, clock: Arc<dyn Clock>, vault: Arc<Vault>) -> Self {
        let turns = (0..TURNS).map(|_| Mutex::default()).collect();
        Self { journal, clock, vault, known: Arc::new(Known::new()), turns }
    }

    async fn turn(&self, id: &str) -> Option<MutexGuard<'_, ()>> {
        let mut hasher = DefaultHasher::new();
        id.hash(&mut hasher);
        let place = usize::try_from(hasher.finish() % TURNS as u64).unwrap_or(0);
        sigma_clock::timeout(TURN_WAIT, self.turns.get(place)?.lock()).await.ok()
    }

    /// Now, in the domain's milliseconds.
    pub(crate) fn now(&self) -> Timestamp {
        Timestamp::from_millis(self.clock.now().millis())
    }

    fn store<A: Decider>(&self) -> AggregateStore<A, Arc<dyn Journal>, Shapes> {
        AggregateStore::new(self.journal.clone(), Shapes)
    }

    /// An aggregate as it was known last; none where it is not known here.
    fn recall<A: Decider>(&self, id: &str) -> Option<Loaded<A>> {
        let Folded { fold: aggregate, sequence: version } = self.known.recall::<A>(id);
        (version > 0).then(|| Loaded { aggregate, aggregate_id: id.to_owned(), version })
    }

    /// Loads an aggregate; its default when there is none.
    pub(crate) async fn load<A: Decider>(&self, id: &str) -> Result<Loaded<A>, StoreError> {
        let Folded { fold: aggregate, sequence: version } = self.known.recall::<A>(id);
        let known = Loaded { aggregate, aggregate_id: id.to_owned(), version };
        let loaded = self.store().load_on(known).await?;
        self.known.remember(id, &loaded.aggregate, loaded.version);
        Ok(loaded)
    }

    /// An aggregate's row as it was after event `sequence`.
    pub(crate) async fn row_at<R: Clone + Send + Sync + 'static>(
        &self,
        aggregate_type: &str,
        id: &str,
        sequence: u64,
        step: impl Fn(Option<R>, &RecordedEvent) -> Result<Option<R>, StoreError>,
    ) -> Result<Option<R>, StoreError> {
        let mut known = self.known.recall::<Option<R>>(id);
        if known.sequence > sequence {
            known = Folded { fold: None, sequence: 0 };
        }
        let since = self.journal.load_after(aggregate_type, id, known.sequence).await?;
        for event in since.iter().take_while(|event| event.sequence <= sequence) {
            known = Folded { fold: step(known.fold, event)?, sequence: event.sequence };
        }
        self.known.remember(id, &known.fold, known.sequence);
        Ok(known.fold)
    }

    /// An aggregate's row after what was executed: mostly that before it with what happened now, else what its events say.
    pub(crate) async fn row_after<A: Decider, R: Clone + Send + Sync + 'static>(
        &self,
        executed: &Executed<A>,
        step: impl Fn(Option<R>, &A::Event, u64) -> Option<R>,
    ) -> Result<Option<R>, StoreError> {
        let Executed { aggregate_id, sequence, events, .. } = executed;
        let before = sequence.saturating_sub(u64::try_from(events.len()).unwrap_or(u64::MAX));
        let Folded { fold: mut row, sequence: known } = self.known.recall::<Option<R>>(aggregate_id);
        if executed.repeated || known != before {
            let decoded = |row, event: &RecordedEvent| Ok(step(row, &fold::decode(event)?, event.sequence));
            return self.row_at(A::TYPE, aggregate_id, *sequence, decoded).await;
        }
        for (event, sequence) in events.iter().zip(before + 1..) {
            row = step(row, event, sequence);
        }
        self.known.remember(aggregate_id, &row, *sequence);
        Ok(row)
    }

    /// The first answer to this command id, where it was honoured already.
    pub(crate) async fn first_answer<A: Decider>(
        &self,
        context: &Context,
    ) -> Result<Option<Executed<A>>, CommandError<A::Error>> {
        if !context.repeatable {
            return Ok(None);
        }
        match self.journal.command(&context.command_id).await.map_err(CommandError::Store)? {
            Some(record) => self.answer_again(context, &record).await.map(Some),
            None => Ok(None),
        }
    }

    /// Executes a command on the aggregate `id`, with secrets beside its events. Overtaken, it decides again.
    pub(crate) async fn execute<A: Decider>(
        &self,
        id: &str,
        command: A::Command,
        context: &Context,
        beside: impl Fn(&[A::Event]) -> Result<Beside, VaultError> + Send + Sync,
    ) -> Result<Executed<A>, CommandError<A::Error>> {
        self.execute_as(id, |_: &A| Ok(command.clone()), context, beside).await
    }

    /// The same for a command that depends on how the aggregate stands, and on whether it is there for who asks.
    pub(crate) async fn execute_as<A: Decider>(
        &self,
        id: &str,
        command: impl Fn(&A) -> Result<A::Command, CommandError<A::Error>> + Send + Sync,
        context: &Context,
        beside: impl Fn(&[A::Event]) -> Result<Beside, VaultError> + Send + Sync,
    ) -> Result<Executed<A>, CommandError<A::Error>> {
        let (mut pause, mut turn, mut attempts) = (CONFLICT_PAUSE, None, 1);
        let mut known = self.recall::<A>(id);
        loop {
            let (stands, loaded) = match known.take() {
                Some(known) => (false, known),
                None => (true, self.load::<A>(id).await.map_err(CommandError::Store)?),
            };
            let decided = match command(&loaded.aggregate) {
                Ok(command) => Ok(loaded.aggregate.decide_on(command)),
                Err(error) => Err(error),
            };
            let done = match decided {
                Ok(Ok(events)) if stands || !events.is_empty() => {
                    self.keep_events(loaded, events, context, &beside).await
                }
                Ok(Err(refusal)) if stands => self.refuse(context, refusal).await,
                Err(error) if stands => Err(error),
                // What is merely remembered tells nobody no.
                _ => continue,
            };
            match done {
                Err(CommandError::Conflict) if attempts < MAX_ATTEMPTS => {
                    attempts += 1;
                    // Once it is one's turn only other nodes, and who comes anew, can be in between.
                    if turn.is_none() {
                        turn = self.turn(id).await;
                    } else {
                        sigma_clock::sleep(pause).await;
                        pause *= 2;
                    }
                }
                done => return done,
            }
        }
    }

    /// Executes a command on the aggregate as it was loaded; whoever overtook since makes it a conflict.
    pub(crate) async fn execute_on<A: Decider>(
        &self,
        loaded: Loaded<A>,
        command: A::Command,
        context: &Context,
        beside: impl Fn(&[A::Event]) -> Result<Beside, VaultError> + Send + Sync,
    ) -> Result<Executed<A>, CommandError<A::Error>> {
        match loaded.aggregate.decide_on(command) {
            Ok(events) => self.keep_events(loaded, events, context, beside).await,
            Err(refusal) => self.refuse(context, refusal).await,
        }
    }

    /// Commits what follows from a command, its record and its secrets.
    async fn keep_events<A: Decider>(
        &self,
        loaded: Loaded<A>,
        events: Vec<A::Event>,
        context: &Context,
        beside: impl Fn(&[A::Event]) -> Result<Beside, VaultError> + Send + Sync,
    ) -> Result<Executed<A>, CommandError<A::Error>> {
        let Beside { writes, answer: secret } = beside(&events)?;
        let mut aggregate = loaded.aggregate.clone();
        events.iter().cloned().for_each(|event| aggregate.apply(event));
        let mut executed = Executed {
            aggregate,
            aggregate_id: loaded.aggregate_id.clone(),
            sequence: loaded.version + u64::try_from(events.len()).unwrap_or(u64::MAX),
            events,
            secret,
            repeated: false,
        };
        let (aggregate_id, secret) = (executed.aggregate_id.clone(), executed.secret.clone());
        let answer = Answer::Done { aggregate_id, sequence: executed.sequence, secret };
        let record = self.record(context, &answer)?;
        if executed.events.is_empty() && writes.is_empty() {
            return match self.keep(context, record).await? {
                Some(first) => self.answer_again(context, &first).await,
                None => Ok(executed),
            };
        }
        let prepared = self.store().prepare(loaded, &executed.events, self.metadata(context), record);
        let mut commit = prepared.map_err(CommandError::Store)?;
        if let Some((line, project)) = executed.events.iter().find_map(A::placement_by) {
            (commit.line, commit.project_id) = (line, project);
        }
        commit.secrets = writes;
        match self.journal.commit(commit).await {
            Ok(committed) => match committed.repeated {
                Some(first) => self.answer_again(context, &first).await,
                None => {
                    executed.sequence = committed.last_sequence;
                    self.known.remember(&executed.aggregate_id, &executed.aggregate, executed.sequence);
                    Ok(executed)
                }
            },
            Err(StoreError::Conflict { expected, found, .. }) => {
                if found < expected {
                    // A store that lost its last commits: what is known of it never was.
                    self.known.forget(&executed.aggregate_id);
                }
                Err(CommandError::Conflict)
            }
            Err(error) => Err(CommandError::Store(error)),
        }
    }

    async fn refuse<A: Decider>(
        &self,
        context: &Context,
        refusal: A::Error,
    ) -> Result<Executed<A>, CommandError<A::Error>> {
        let (code, message) = (A::code(&refusal).to_owned(), refusal.to_string());
        let answer = Answer::Refused { code: code.clone(), message: message.clone() };
        let record = self.record(context, &answer)?;
        match self.keep(context, record).await? {
            Some(first) => self.answer_again(context, &first).await,
            None => Err(CommandError::Refused { code, message, refusal: Some(refusal) }),
        }
    }

    /// Keeps a command that made no event, where it may come again; answers the one that stood already.
    async fn keep<R>(
        &self,
        context: &Context,
        record: CommandRecord,
    ) -> Result<Option<CommandRecord>, CommandError<R>> {
        if !context.repeatable {
            return Ok(None);
        }
        self.journal.record_command(record).await.map_err(CommandError::Store)
    }

    async fn answer_again<A: Decider>(
        &self,
        context: &Context,
        first: &CommandRecord,
    ) -> Result<Executed<A>, CommandError<A::Error>> {
        let same: bool = first.fingerprint.as_bytes().ct_eq(context.fingerprint.as_bytes()).into();
        if !same {
            return Err(CommandError::Reused);
        }
        let opened = self.vault.open(ANSWER, &first.id, &first.answer)?;
        match serde_json::from_slice(&opened).map_err(|_| VaultError::NotOurs)? {
            Answer::Refused { code, message } => Err(CommandError::Refused { code, message, refusal: None }),
            Answer::Done { aggregate_id, sequence, secret } => {
                let loaded = self.load::<A>(&aggregate_id).await.map_err(CommandError::Store)?;
                let (aggregate, events) = (loaded.aggregate, Vec::new());
                Ok(Executed { aggregate, aggregate_id, sequence, events, secret, repeated: true })
            }
        }
    }

    fn record(&self, context: &Context, answer: &Answer) -> Result<CommandRecord, VaultError> {
        let text = serde_json::to_vec(answer).map_err(|_| VaultError::Failed)?;
        Ok(CommandRecord {
            id: context.command_id.clone(),
            fingerprint: context.fingerprint.clone(),
            answer: self.vault.seal(ANSWER, &context.command_id, &text)?,
            at_ms: self.now().as_millis(),
        })
    }

    fn metadata(&self, context: &Context) -> EventMetadata {
        let Context { actor, command_id, causation, correlation, .. } = context;
        EventMetadata {
            actor: sigma_schema::actor_to_json(actor),
            command_id: command_id.clone(),
            causation_id: causation.clone(),
            correlation_id: correlation.clone(),
            at_ms: self.now().as_millis(),
        }
    }
}
