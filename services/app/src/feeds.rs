//! The media side's use cases: whose key, may this feed in, what happened, what was on air here.

use std::time::Duration;

use sigma_clock::Timestamp as WallTime;
use sigma_domain::{
    Actor, ActorKind, AudioFormat, Channel, ChannelCommand, ChannelFacts, ChannelPhase, ChannelRefusal,
    Deadline, EndedBy, FeedLine, FeedNumber, IngestProtocol, InputFormat, NodeId, Session, SessionCommand,
    SessionEvent, SessionFacts, SessionId, SessionPhase, SessionRefusal, Timestamp, ValueError, VideoFormat,
};
use sigma_store::{Loaded, StoreError};

use crate::app::{nothing_beside, system};
use crate::executor::{Beside, CommandError, Context, Decider, Executed, new_command_id};
use crate::known_feeds::Trust;
use crate::secrets::{STREAM_KEY, lookup, open_stream_key, put_feed};
use crate::{
    App, Denied, FeedFacts, FeedGrant, InputRow, KeyHolder, LossCause, MediaError, NodeStart, Report,
    Reported, SessionOnAir, StreamKey, VaultError,
};

/// A feed that meets others at the gate looks again so many times.
const MAX_LOOKS: u32 = 8;

/// The first wait before looking again; it doubles.
const LOOK_PAUSE: Duration = Duration::from_millis(5);

/// A report waits out an outage of the store for so long, then says so.
const REPORT_PATIENCE: Duration = Duration::from_secs(30);

/// The longest wait between two tries of a report.
const REPORT_PAUSE: Duration = Duration::from_secs(2);

/// What one look at the gate came to.
enum Look {
    Let(FeedGrant),
    /// What stood there changed meanwhile, or was cleared away: look again.
    Again,
}

type Looked = Result<Look, Denied>;

impl<R: std::error::Error> From<CommandError<R>> for Denied {
    fn from(error: CommandError<R>) -> Self {
        Self::Unavailable { cause: error.to_string() }
    }
}

impl From<StoreError> for Denied {
    fn from(error: StoreError) -> Self {
        Self::Unavailable { cause: error.to_string() }
    }
}

impl From<VaultError> for Denied {
    fn from(error: VaultError) -> Self {
        Self::Unavailable { cause: error.to_string() }
    }
}

impl App {
    /// Whose key this is, and whether its channel takes a feed at all. Asked before a byte of media is read.
    ///
    /// # Errors
    /// [`Denied`]; its words hold no key.
    pub async fn resolve_key(&self, key: &str) -> Result<KeyHolder, Denied> {
        let key: StreamKey = key.parse().map_err(|_| Denied::UnknownKey)?;
        let lookup = lookup(&self.executor.vault, &key)?;
        match self.holder_of(&key, &lookup).await {
            // Who broadcasts here comes back, whether the store can be asked or not.
            Err(Denied::Unavailable { cause }) => {
                let known = self.known_feeds.holder(&lookup, self.executor.now().as_millis());
                known.ok_or(Denied::Unavailable { cause })
            }
            looked_up => looked_up,
        }
    }

    async fn holder_of(&self, key: &StreamKey, lookup: &[u8]) -> Result<KeyHolder, Denied> {
        let (vault, now_ms) = (&self.executor.vault, self.executor.now().as_millis());
        let rows = self.executor.journal.find_secret(STREAM_KEY, lookup).await?;
        for row in rows.iter().filter(|row| row.is_valid_at(now_ms)) {
            if open_stream_key(vault, row)? == *key {
                let channel = self.executor.load::<Channel>(&row.owner).await?.aggregate;
                return match channel.facts() {
                    None | Some(ChannelFacts { phase: ChannelPhase::Deleted { .. }, .. }) => {
                        Err(Denied::UnknownKey)
                    }
                    Some(ChannelFacts { phase: ChannelPhase::Stopped { .. }, .. }) => {
                        Err(Denied::ChannelStopped)
                    }
                    Some(facts) => {
                        let holder = KeyHolder {
                            channel: facts.id.to_string(),
                            playback_id: facts.playback_id.to_string(),
                        };
                        self.known_feeds.note_key(lookup.to_vec(), row.expires_at_ms, &holder);
                        Ok(holder)
                    }
                };
            }
        }
        Err(Denied::UnknownKey)
    }

    /// Lets a feed in: into the session that waits for its broadcaster, over one that has gone quiet, else into a new one.
    /// The channel is the gate: of two feeds at once its version lets one through. While the store is away, who was let in
    /// here before comes back into his own session.
    ///
    /// # Errors
    /// [`Denied`].
    pub async fn open_feed(&self, channel: &str, facts: FeedFacts) -> Result<FeedGrant, Denied> {
        let node: NodeId =
            facts.node.parse().map_err(|e: ValueError| Denied::Unavailable { cause: e.to_string() })?;
        let context = self.broadcaster(channel)?;
        let opened = match self.tell_of_channel(channel).await {
            Ok(()) => self.ask_for_feed(channel, &node, &facts, &context).await,
            Err(denied) => Err(denied),
        };
        match opened {
            Ok(grant) => {
                self.known_feeds.note_feed(&grant);
                Ok(grant)
            }
            Err(Denied::Unavailable { cause }) => {
                let grant = self.let_in_on_trust(channel, &node, &facts, &context);
                let grant = grant.ok_or(Denied::Unavailable { cause: cause.clone() })?;
                tracing::warn!(
                    session.id = grant.session.session,
                    cause,
                    "a feed came back and is let in on trust"
                );
                Ok(grant)
            }
            Err(denied) => Err(denied),
        }
    }

    async fn ask_for_feed(
        &self,
        channel: &str,
        node: &NodeId,
        facts: &FeedFacts,
        context: &Context,
    ) -> Result<FeedGrant, Denied> {
        let mut pause = LOOK_PAUSE;
        for _ in 0..MAX_LOOKS {
            match self.look(channel, node, facts, context).await? {
                Look::Let(grant) => return Ok(grant),
                Look::Again => {
                    sigma_clock::sleep(pause).await;
                    pause *= 2;
                }
            }
        }
        Err(Denied::Unavailable { cause: format!("channel {channel} changed again and again") })
    }

    async fn look(&self, channel: &str, node: &NodeId, facts: &FeedFacts, feed: &Context) -> Looked {
        let loaded = self.executor.load::<Channel>(channel).await?;
        let Some(gate) = loaded.aggregate.facts().cloned() else { return Err(Denied::UnknownKey) };
        match &gate.phase {
            ChannelPhase::Deleted { .. } => Err(Denied::UnknownKey),
            ChannelPhase::Stopped { .. } => Err(Denied::ChannelStopped),
            ChannelPhase::Idle => {
                let session = SessionId::from_uuid(uuid::Uuid::now_v7());
                let command =
                    ChannelCommand::AttachSession { session: session.clone(), at: self.executor.now() };
                let context = self.broadcaster(channel)?;
                match self.executor.execute_on(loaded, command, &context, nothing_beside).await {
                    Ok(_) => self.open_session(&gate, session, node, facts).await,
                    Err(CommandError::Conflict | CommandError::Refused { .. }) => Ok(Look::Again),
                    Err(error) => Err(error.into()),
                }
            }
            ChannelPhase::Active { session } => {
                let loaded = self.executor.load::<Session>(session.as_str()).await?;
                match &loaded.aggregate {
                    // Another feed is between the two steps, or crashed there: whoever opens the session has it.
                    Session::Unknown => self.open_session(&gate, session.clone(), node, facts).await,
                    Session::Abandoned { .. } => self.clear_away(&gate, session).await,
                    Session::Known(known) if known.ended().is_some() => self.clear_away(&gate, session).await,
                    Session::Known(known) => {
                        let may = facts.takeover_allowed || !is_delivering(known);
                        if may {
                            self.add_feed(channel, loaded, node, facts, feed).await
                        } else {
                            Err(Denied::OnAir)
                        }
                    }
                }
            }
        }
    }

    /// The second step: the session that the channel attached opens.
    async fn open_session(
        &self,
        gate: &ChannelFacts,
        session: SessionId,
        node: &NodeId,
        facts: &FeedFacts,
    ) -> Looked {
        let mut settings = gate.settings.for_session();
        if !facts.room_to_record {
            // It goes on air, whatever becomes of recordings.
            (settings.record_source, settings.catchup) = (false, false);
        }
        let command = SessionCommand::Open {
            id: session.clone(),
            channel: gate.id.clone(),
            project: gate.project.clone(),
            playback_id: gate.playback_id.clone(),
            node: node.clone(),
            settings,
            at: self.executor.now(),
        };
        let loaded = Loaded { aggregate: Session::Unknown, aggregate_id: session.to_string(), version: 0 };
        let channel = gate.id.as_str();
        self.let_in(channel, loaded, command, facts, &self.broadcaster(channel)?).await
    }

    /// Another feed for a session that has not ended.
    async fn add_feed(
        &self,
        channel: &str,
        loaded: Loaded<Session>,
        node: &NodeId,
        facts: &FeedFacts,
        context: &Context,
    ) -> Looked {
        let session = loaded.aggregate_id.clone();
        let command = SessionCommand::OpenFeed { node: node.clone(), at: self.executor.now() };
        match self.let_in(channel, loaded, command, facts, context).await {
            Ok(Look::Again) => {
                // Perhaps its time is up and nobody has said so yet.
                self.expire_what_is_due(&session).await?;
                Ok(Look::Again)
            }
            looked => looked,
        }
    }

    async fn let_in(
        &self,
        channel: &str,
        loaded: Loaded<Session>,
        command: SessionCommand,
        facts: &FeedFacts,
        context: &Context,
    ) -> Looked {
        let session = loaded.aggregate_id.clone();
        let keys = self.subjects.keys(channel).await?;
        let beside = |_: &[SessionEvent]| {
            let writes = put_feed(&self.executor.vault, keys.last(), &session, facts)?;
            Ok(Beside { writes, answer: None })
        };
        let executed = match self.executor.execute_on(loaded, command, context, beside).await {
            Ok(executed) => executed,
            Err(CommandError::Conflict | CommandError::Refused { .. }) => return Ok(Look::Again),
            Err(error) => return Err(error.into()),
        };
        let takeover = executed
            .events
            .iter()
            .any(|event| matches!(event, SessionEvent::FeedOpened { takeover: true, .. }));
        let Some((session, feed)) = executed.aggregate.facts().and_then(|facts| Some((facts, facts.feed()?)))
        else {
            return Ok(Look::Again);
        };
        let (number, session) = (feed.number.get(), on_air(session));
        Ok(Look::Let(FeedGrant { session, feed: number, takeover, resumed: number > 1 }))
    }

    /// The session that is attached is over: the gate is cleared here rather than a moment later.
    async fn clear_away(&self, gate: &ChannelFacts, session: &SessionId) -> Looked {
        self.detach(gate.id.as_str(), session).await?;
        Ok(Look::Again)
    }

    /// Who publishes is known by the channel whose key he holds.
    fn broadcaster(&self, channel: &str) -> Result<Context, Denied> {
        let actor = Actor::new(ActorKind::Broadcaster, channel);
        let actor = actor.map_err(|error| Denied::Unavailable { cause: error.to_string() })?;
        Ok(Context::of(actor, new_command_id()))
    }

    /// Takes down what happened to a feed at `at`. Waits out a short outage of the store; a report may be repeated, and
    /// must be where the answer is [`MediaError::Unavailable`], or the session stays where it is.
    ///
    /// # Errors
    /// [`MediaError`].
    pub async fn report(
        &self,
        session: &str,
        feed: u32,
        at: WallTime,
        report: Report,
    ) -> Result<Reported, MediaError> {
        let refused = |error: ValueError| MediaError::Refused(error.to_string());
        let session: SessionId = session.parse().map_err(refused)?;
        let feed = FeedNumber::try_from(feed).map_err(refused)?;
        let at = Timestamp::from_millis(at.millis());
        let command = match report {
            Report::Processing(input) => {
                SessionCommand::ReportProcessing { feed, input: input_format(&input).map_err(refused)?, at }
            }
            Report::Playable => SessionCommand::ReportPlayable { feed, at },
            Report::Lost(cause) => SessionCommand::ReportLost { feed, cause: cause.into(), at },
            Report::Left => SessionCommand::ReportLeft { feed, at },
            Report::Unusable(fault) => SessionCommand::ReportUnusable { feed, fault, at },
        };
        if self.tell_patiently_of_feeds(session.as_str(), feed.get()).await? == Trust::Broken {
            return Ok(Reported { feed: 0, live_at_ms: None, ended: true });
        }
        let executed = self
            .tell(session.as_str(), command, &Context::of(system("media-node"), new_command_id()))
            .await?;
        if let Some(facts) = executed.aggregate.facts()
            && facts.ended().is_some()
        {
            self.settle_ended(facts.channel.as_str(), session.as_str()).await;
        }
        Ok(reported(&executed.aggregate))
    }

    /// Executes a command that must not be lost, through outages of the store. Its id stays the same, so that an answer
    /// that was lost on the way is no second command.
    async fn tell(
        &self,
        session: &str,
        command: SessionCommand,
        context: &Context,
    ) -> Result<Executed<Session>, MediaError> {
        self.try_to_tell::<Session>(session, command, context).await.map_err(not_told)
    }

    /// Tells the store first of feeds that it does not know yet, up to the one that something is to be told of.
    pub(crate) async fn tell_patiently_of_feeds(
        &self,
        session: &str,
        feed: u32,
    ) -> Result<Trust, MediaError> {
        patiently(is_away, || self.tell_of_feeds(session, feed)).await.map_err(not_told)
    }

    /// The same, for an aggregate of whatever type, with its own refusals.
    pub(crate) async fn try_to_tell<A: Decider>(
        &self,
        id: &str,
        command: A::Command,
        context: &Context,
    ) -> Result<Executed<A>, CommandError<A::Error>> {
        let tell = || self.executor.execute::<A>(id, command.clone(), context, nothing_beside);
        patiently(is_away, tell).await
    }

    /// Loads an aggregate, through outages of the store.
    pub(crate) async fn load_patiently<A: Decider>(&self, id: &str) -> Result<Loaded<A>, StoreError> {
        let away = |error: &StoreError| matches!(error, StoreError::Unavailable { .. });
        patiently(away, || self.executor.load::<A>(id)).await
    }

    /// A session's node has nothing of it any more, and could only begin it anew under the same names: it ends. May be repeated.
    ///
    /// # Errors
    /// [`MediaError`]
    pub async fn node_lost(&self, session: &str) -> Result<(), MediaError> {
        let command = SessionCommand::End { by: EndedBy::NodeLost, at: self.executor.now() };
        let context = Context::of(system("media"), format!("node_lost_{session}"));
        self.try_to_tell::<Session>(session, command, &context).await.map(drop).map_err(not_told)
    }

    /// A node started: each session that was on air there goes to ERROR with a full window from now. Answers those that
    /// have not ended. To be called before [`run`](App::run), or deadlines that passed meanwhile come first.
    ///
    /// # Errors
    /// [`MediaError`]; until it is answered the node must let nobody in.
    pub async fn node_started(&self, node: &str) -> Result<NodeStart, MediaError> {
        let unavailable = |error: &dyn std::fmt::Display| MediaError::Unavailable(error.to_string());
        let id: NodeId = node.parse().map_err(|error: ValueError| MediaError::Refused(error.to_string()))?;
        // What comes after this place is an order; what came before is in the state that is loaded below.
        let orders = self.log.head().await.map_err(|error| unavailable(&error))?;
        let held = self.sessions_at(node).await.map_err(|error| unavailable(&error))?;
        let untold = self.untold_at(node).await.map_err(|error| unavailable(&error))?;
        let mut waiting = Vec::new();
        for session in held {
            let command = SessionCommand::NodeRestarted { node: id.clone(), at: self.executor.now() };
            let context = Context::of(system("media-node"), new_command_id());
            let executed = match self.tell(&session, command, &context).await {
                Ok(executed) => executed,
                // One broken session must not keep the others off the air.
                Err(MediaError::Refused(message)) => {
                    tracing::error!(session.id = %session, message, "a session on air cannot be taken up again");
                    continue;
                }
                Err(error) => return Err(error),
            };
            if let Some(facts) = executed.aggregate.facts()
                && facts.ended().is_none()
            {
                waiting.push(on_air(facts));
            }
        }
        Ok(NodeStart { on_air: waiting, untold, orders })
    }

    /// Fires those of a session's deadlines that have passed.
    async fn expire_what_is_due(&self, session: &str) -> Result<(), Denied> {
        let now = self.executor.now();
        let loaded = self.executor.load::<Session>(session).await?;
        for (deadline, due) in loaded.aggregate.deadlines() {
            if due <= now {
                self.expire(session, deadline, due).await?;
            }
        }
        Ok(())
    }

    /// Fires one deadline, under a command id that is always the same for it.
    pub(crate) async fn expire(
        &self,
        session: &str,
        deadline: Deadline,
        due: Timestamp,
    ) -> Result<Executed<Session>, CommandError<SessionRefusal>> {
        // A broadcaster who came back while the store was away was in time.
        self.tell_of_feeds(session, u32::MAX).await?;
        let id = format!("expire_{session}_{}_{}", deadline.code(), due.as_millis());
        let command = SessionCommand::Expire { deadline, at: self.executor.now() };
        self.executor.execute(session, command, &Context::of(system("deadlines"), id), nothing_beside).await
    }

    /// Detaches a session that is over, under a command id that is always the same for it.
    pub(crate) async fn detach(
        &self,
        channel: &str,
        session: &SessionId,
    ) -> Result<Executed<Channel>, CommandError<ChannelRefusal>> {
        self.known_feeds.forget(session.as_str());
        let context = Context::of(system("gate"), format!("detach_{session}"));
        let command = ChannelCommand::DetachSession { session: session.clone(), at: self.executor.now() };
        self.executor.execute(channel, command, &context, nothing_beside).await
    }
}

/// Whether trying again may help.
fn is_away<R>(error: &CommandError<R>) -> bool {
    matches!(error, CommandError::Store(StoreError::Unavailable { .. }) | CommandError::Conflict)
}

fn not_told(error: CommandError<SessionRefusal>) -> MediaError {
    match is_away(&error) {
        true => MediaError::Unavailable(error.to_string()),
        false => MediaError::Refused(error.to_string()),
    }
}

/// Tries again for as long as something is away, up to [`REPORT_PATIENCE`].
async fn patiently<T, E, F>(away: impl Fn(&E) -> bool, mut attempt: impl FnMut() -> F) -> Result<T, E>
where
    F: Future<Output = Result<T, E>>,
{
    let give_up = sigma_clock::monotonic() + REPORT_PATIENCE;
    let mut pause = Duration::from_millis(50);
    loop {
        match attempt().await {
            Err(error) if away(&error) && sigma_clock::monotonic() < give_up => {
                sigma_clock::sleep(pause).await;
                pause = (pause * 2).min(REPORT_PAUSE);
            }
            tried => return tried,
        }
    }
}

/// Whether a feed may be delivering that only its node can judge. A silent one (5 s and more) and one that is gone are
/// not.
fn is_delivering(facts: &SessionFacts) -> bool {
    match &facts.phase {
        SessionPhase::Init { .. } | SessionPhase::Processing { .. } | SessionPhase::Live { .. } => true,
        SessionPhase::Lost(lost) => matches!(lost.line, FeedLine::Returning { .. }),
        SessionPhase::Ended { .. } => false,
    }
}

fn on_air(facts: &SessionFacts) -> SessionOnAir {
    let lost_until = match &facts.phase {
        SessionPhase::Lost(lost) => Some(lost.deadline().as_millis()),
        _ => None,
    };
    SessionOnAir {
        session: facts.id.to_string(),
        channel: facts.channel.to_string(),
        playback_id: facts.playback_id.to_string(),
        latency_mode: facts.settings.latency_mode,
        auto_go_live: facts.settings.auto_go_live,
        dvr_window_s: facts.settings.dvr_window.seconds(),
        keeps: facts.settings.keeps(),
        has_media: facts.media_since.is_some(),
        live_at_ms: facts.live_at().map(Timestamp::as_millis),
        deadline_ms: lost_until,
    }
}

fn reported(session: &Session) -> Reported {
    let facts = session.facts();
    Reported {
        feed: facts.and_then(SessionFacts::feed).map_or(0, |feed| feed.number.get()),
        live_at_ms: facts.and_then(SessionFacts::live_at).map(Timestamp::as_millis),
        ended: facts.is_none_or(|facts| facts.ended().is_some()),
    }
}

impl From<LossCause> for sigma_domain::LossCause {
    fn from(cause: LossCause) -> Self {
        match cause {
            LossCause::ConnectionBroken => Self::ConnectionBroken,
            LossCause::Silence => Self::Silence,
            LossCause::NodeStopped => Self::NodeStopped,
        }
    }
}

fn input_format(input: &InputRow) -> Result<InputFormat, ValueError> {
    let protocol = match input.protocol.as_str() {
        "" => IngestProtocol::Rtmp,
        text => text.to_ascii_uppercase().parse()?,
    };
    let video = match &input.video_codec {
        None => None,
        Some(codec) => Some(VideoFormat {
            codec: codec.to_ascii_uppercase().parse()?,
            width: input.width.unwrap_or_default(),
            height: input.height.unwrap_or_default(),
            frame_rate_milli: input.frame_rate_milli,
        }),
    };
    let audio = match &input.audio_codec {
        None => None,
        Some(codec) => Some(AudioFormat {
            codec: codec.to_ascii_uppercase().parse()?,
            sample_rate: input.sample_rate.unwrap_or_default(),
            channels: input.channels.unwrap_or_default(),
        }),
    };
    InputFormat::new(protocol, video, audio, input.bitrate)
}
