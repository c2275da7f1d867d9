//! Use cases of channels.

use cqrs_es::Aggregate;
use serde::Serialize;
use sigma_domain::{
    Channel, ChannelChanges, ChannelCommand, ChannelEvent, ChannelFacts, ChannelId, ChannelName,
    ChannelRefusal, ChannelSettings, DvrWindow, KeyOverlap, LatencyMode, MaxSessionDuration, Personal,
    ReconnectWindow, Retention, Scope,
};
use sigma_store::SecretWrite;

use crate::app::{channel_id, nothing_beside, sees};
use crate::executor::{Beside, CommandError, Context, Executed};
use crate::input::{Wrong, asked};
use crate::secrets::{STREAM_KEY, open_stream_key, put_stream_key, retire_stream_keys};
use crate::subjects::{SubjectKey, bears, forget_subject};
use crate::{App, AppError, Caller, ChannelRow, Done, StreamKey};

/// Who is shown the same key again within the same hour makes no event more: a channel's stream is read whole at each
/// feed's admission, and a program that asks for the key each minute must not make it long.
const SHOWN_MS: i64 = 3_600_000;

/// A channel to make; what is none takes the contract's default.
#[derive(Clone, Debug, Default, Serialize)]
pub struct NewChannel {
    /// 1 to 100 characters.
    pub name: String,
    /// LOW by default.
    pub latency_mode: Option<LatencyMode>,
    /// True by default.
    pub auto_go_live: Option<bool>,
    /// Seconds; 12 hours by default.
    pub max_session_duration: Option<i64>,
    /// Seconds; 60 by default.
    pub reconnect_window: Option<i64>,
    /// True by default.
    pub end_on_unpublish: Option<bool>,
    /// Seconds; two hours by default, 0 for none.
    pub dvr_window: Option<i64>,
    /// True by default.
    pub record_source: Option<bool>,
    /// True by default.
    pub catchup: Option<bool>,
    /// Seconds; none: until they are deleted.
    pub source_retention: Option<i64>,
    /// Seconds; none: until they are deleted.
    pub catchup_retention: Option<i64>,
}

/// What to change of a channel; what is none stays as it is.
#[derive(Clone, Debug, Default, Serialize)]
pub struct ChannelUpdate {
    /// 1 to 100 characters.
    pub name: Option<String>,
    /// Refused while on air.
    pub latency_mode: Option<LatencyMode>,
    /// For the sessions to come.
    pub auto_go_live: Option<bool>,
    /// Seconds.
    pub max_session_duration: Option<i64>,
    /// Seconds.
    pub reconnect_window: Option<i64>,
    /// For the sessions to come.
    pub end_on_unpublish: Option<bool>,
    /// Seconds, for the sessions to come; 0 for none.
    pub dvr_window: Option<i64>,
    /// Refused while on air.
    pub record_source: Option<bool>,
    /// For the sessions to come.
    pub catchup: Option<bool>,
    /// Seconds, for what becomes ready from now on; none in it: until they are deleted.
    pub source_retention: Option<Option<i64>>,
    /// Seconds, for what becomes ready from now on; none in it: until they are deleted.
    pub catchup_retention: Option<Option<i64>>,
}

/// A channel with the stream key that was made for it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ChannelWithKey {
    /// The channel.
    pub channel: ChannelRow,
    /// Its stream key: for who has the scope `channels:secrets`.
    pub stream_key: Option<StreamKey>,
}

impl NewChannel {
    fn parse(&self) -> Result<(ChannelName, ChannelSettings), AppError> {
        let mut wrong = Wrong::default();
        let name = wrong.take("name", self.name.parse());
        let duration = wrong.take_some("maxSessionDuration", self.max_session_duration);
        let window = wrong.take_some("reconnectWindow", self.reconnect_window);
        let dvr_window = wrong.take_some("dvrWindow", self.dvr_window);
        let source_retention = wrong.take("sourceRetention", self.source_retention.try_into());
        let catchup_retention = wrong.take("catchupRetention", self.catchup_retention.try_into());
        wrong.answer()?;
        let default = ChannelSettings::default();
        let settings = ChannelSettings {
            latency_mode: self.latency_mode.unwrap_or(default.latency_mode),
            auto_go_live: self.auto_go_live.unwrap_or(default.auto_go_live),
            max_session_duration: duration.unwrap_or(default.max_session_duration),
            reconnect_window: window.unwrap_or(default.reconnect_window),
            end_on_unpublish: self.end_on_unpublish.unwrap_or(default.end_on_unpublish),
            dvr_window: dvr_window.unwrap_or(default.dvr_window),
            record_source: self.record_source.unwrap_or(default.record_source),
            catchup: self.catchup.unwrap_or(default.catchup),
            source_retention: source_retention.unwrap_or(default.source_retention),
            catchup_retention: catchup_retention.unwrap_or(default.catchup_retention),
        };
        name.map(|name| (name, settings)).ok_or_else(|| AppError::BadInput { fields: Vec::new() })
    }
}

impl ChannelUpdate {
    fn parse(&self) -> Result<ChannelChanges, AppError> {
        let mut wrong = Wrong::default();
        let name: Option<ChannelName> = wrong.take_some("name", self.name.clone());
        let duration: Option<MaxSessionDuration> =
            wrong.take_some("maxSessionDuration", self.max_session_duration);
        let window: Option<ReconnectWindow> = wrong.take_some("reconnectWindow", self.reconnect_window);
        let dvr_window: Option<DvrWindow> = wrong.take_some("dvrWindow", self.dvr_window);
        let source_retention: Option<Retention> = wrong.take_some("sourceRetention", self.source_retention);
        let catchup_retention: Option<Retention> =
            wrong.take_some("catchupRetention", self.catchup_retention);
        wrong.answer()?;
        Ok(ChannelChanges {
            name: name.map(Into::into),
            latency_mode: self.latency_mode,
            auto_go_live: self.auto_go_live,
            max_session_duration: duration,
            reconnect_window: window,
            end_on_unpublish: self.end_on_unpublish,
            dvr_window,
            record_source: self.record_source,
            catchup: self.catchup,
            source_retention,
            catchup_retention,
        })
    }
}

impl App {
    /// Makes a channel with all that a broadcaster needs: id, playback id, stream key. Wants `channels:write`, and a caller
    /// who is not bound to channels.
    ///
    /// # Errors
    /// [`AppError::Forbidden`], [`AppError::BoundToChannels`]; [`AppError::BadInput`] with every wrong field.
    pub async fn create_channel(
        &self,
        caller: &Caller,
        input: NewChannel,
    ) -> Result<Done<ChannelWithKey>, AppError> {
        caller.need(Scope::ChannelsWrite)?;
        caller.need_unbound()?;
        let context = self.context(caller, "createChannel", &asked(&input)?)?;
        let vault = &self.executor.vault;
        let id = ChannelId::from_uuid(uuid::Uuid::now_v7());
        let (playback_id, key) = (vault.new_playback_id()?, vault.new_stream_key()?);
        let (subject, put_subject) = self.subjects.make(id.as_str())?;
        let work = async {
            let (name, settings) = input.parse()?;
            let name = subject.seal_name(id.as_str(), &name)?;
            let (project, at) = (caller.project.clone(), self.executor.now());
            let command = ChannelCommand::Create { id: id.clone(), project, name, playback_id, settings, at };
            let beside = |_: &[ChannelEvent]| {
                let writes = vec![put_stream_key(vault, id.as_str(), &key)?, put_subject.clone()];
                Ok(Beside { writes, answer: Some(key.expose().to_owned()) })
            };
            Ok(self.executor.execute(id.as_str(), command, &context, beside).await?)
        };
        let executed = self.once(&context, work).await?;
        let keys = (!executed.repeated).then(|| vec![subject]);
        self.with_key(caller, executed, keys).await
    }

    /// Changes a channel's name and settings. This and all that follow want `channels:write`.
    ///
    /// # Errors
    /// [`AppError::Forbidden`]; [`AppError::BadInput`] with every wrong field; refused for what is fixed on air.
    pub async fn update_channel(
        &self,
        caller: &Caller,
        id: &str,
        input: ChannelUpdate,
    ) -> Result<Done<ChannelRow>, AppError> {
        caller.need(Scope::ChannelsWrite)?;
        channel_id(id)?;
        let context = self.context(caller, "updateChannel", &asked(&(id, asked(&input)?))?)?;
        let keys = self.subjects.keys(id).await?;
        let work = async {
            let mut changes = input.parse()?;
            let name = match changes.name.take() {
                Some(Personal::Plain(name)) => Some(name),
                _ => None,
            };
            let (sealed, writes) = self.seal(id, &keys, name.as_ref())?;
            let at = self.executor.now();
            let command = |channel: &Channel| {
                let mut changes = changes.clone();
                // A name that it bears already is no change.
                if let Some(name) = &name
                    && !bears(&keys, id, &seen(caller, id, channel)?.name, name)
                        .map_err(CommandError::Store)?
                {
                    changes.name.clone_from(&sealed);
                }
                seen(caller, id, channel)?;
                Ok(ChannelCommand::Update { changes, at })
            };
            let beside = |events: &[ChannelEvent]| {
                // A key is kept only with what it seals.
                let writes = if events.is_empty() { Vec::new() } else { writes.clone() };
                Ok(Beside { writes, answer: None })
            };
            Ok(self.executor.execute_as(id, command, &context, beside).await?)
        };
        let executed = self.once(&context, work).await?;
        let keys = (!keys.is_empty()).then_some(keys);
        self.changed(executed, keys).await
    }

    /// A name as it is kept, and the key to keep with it where the channel had none: one that an older version made.
    fn seal(&self, id: &str, keys: &[SubjectKey], name: Option<&ChannelName>) -> Result<Sealed, AppError> {
        let Some(name) = name else { return Ok((None, Vec::new())) };
        match keys.last() {
            Some(key) => Ok((Some(key.seal_name(id, name)?), Vec::new())),
            None => {
                let (key, put) = self.subjects.make(id)?;
                Ok((Some(key.seal_name(id, name)?), vec![put]))
            }
        }
    }

    /// From STOP to IDLE.
    ///
    /// # Errors
    /// Refused where it is not STOP.
    pub async fn start_channel(&self, caller: &Caller, id: &str) -> Result<Done<ChannelRow>, AppError> {
        let command = |at| ChannelCommand::Start { at };
        self.change_channel(caller, "startChannel", id, command).await
    }

    /// To STOP; the session on air is ended.
    ///
    /// # Errors
    /// Refused where it is STOP already.
    pub async fn stop_channel(&self, caller: &Caller, id: &str) -> Result<Done<ChannelRow>, AppError> {
        let command = |at| ChannelCommand::Stop { at };
        let done = self.change_channel(caller, "stopChannel", id, command).await?;
        // The process managers would do it too, a moment later: this spares the caller that moment.
        if let Some(session) = done.value.current_session.as_ref().filter(|_| !done.repeated) {
            self.settle_stopped(id, session).await;
        }
        Ok(done)
    }

    /// Deletes a channel and its stream keys; answers it as it was.
    ///
    /// # Errors
    /// Refused while ACTIVE.
    pub async fn delete_channel(&self, caller: &Caller, id: &str) -> Result<Done<ChannelRow>, AppError> {
        let command = |at| ChannelCommand::Delete { at };
        self.change_channel(caller, "deleteChannel", id, command).await
    }

    /// Deletes a channel and lets all that is personal about it be forgotten: its key is destroyed in the same commit. One that
    /// was deleted before may still be erased. Answers it as it was, without its name.
    ///
    /// # Errors
    /// Refused while ACTIVE, and where an older version wrote its name into events in clear.
    pub async fn erase_channel(&self, caller: &Caller, id: &str) -> Result<Done<ChannelRow>, AppError> {
        caller.need(Scope::ChannelsWrite)?;
        channel_id(id)?;
        let context = self.context(caller, "eraseChannel", &asked(&id)?)?;
        let at = self.executor.now();
        let command = |channel: &Channel| {
            // What was erased is gone.
            let is_there = sees(caller, channel) && !channel.is_erased();
            if is_there { Ok(ChannelCommand::Erase { at }) } else { Err(not_there(id)) }
        };
        let beside = |_: &[ChannelEvent]| {
            let writes = [retire_stream_keys(id, None)].into_iter().chain(forget_subject(id));
            Ok(Beside { writes: writes.collect(), answer: None })
        };
        let work = async { Ok(self.executor.execute_as(id, command, &context, beside).await?) };
        let executed = self.once(&context, work).await?;
        self.changed(executed, Some(Vec::new())).await
    }

    /// Makes another stream key; the old one serves for `overlap_seconds` more (none by default). A feed on air is not cut.
    ///
    /// # Errors
    /// [`AppError::BadInput`] for an overlap outside its bounds.
    pub async fn rotate_stream_key(
        &self,
        caller: &Caller,
        id: &str,
        overlap_seconds: Option<i64>,
    ) -> Result<Done<ChannelWithKey>, AppError> {
        let input = asked(&(id, overlap_seconds))?;
        caller.need(Scope::ChannelsWrite)?;
        channel_id(id)?;
        let context = self.context(caller, "rotateStreamKey", &input)?;
        let vault = &self.executor.vault;
        let key = vault.new_stream_key()?;
        let beside = |events: &[ChannelEvent]| {
            let until = events.iter().find_map(|event| match event {
                ChannelEvent::KeyRotated { overlap_until, .. } => *overlap_until,
                _ => None,
            });
            let retired = retire_stream_keys(id, until.map(|at| at.as_millis()));
            let writes = vec![retired, put_stream_key(vault, id, &key)?];
            Ok(Beside { writes, answer: Some(key.expose().to_owned()) })
        };
        let work = async {
            let mut wrong = Wrong::default();
            let overlap: KeyOverlap = wrong.take_some("overlapSeconds", overlap_seconds).unwrap_or_default();
            // Whose channel it is comes before what is wrong with the input.
            let (at, wrong) = (self.executor.now(), wrong.answer());
            if wrong.is_err() {
                self.owned_channel(caller, id).await?;
            }
            wrong?;
            let command = |channel: &Channel| {
                seen(caller, id, channel)?;
                Ok(ChannelCommand::RotateKey { overlap, at })
            };
            Ok(self.executor.execute_as(id, command, &context, beside).await?)
        };
        let executed = self.once(&context, work).await?;
        self.with_key(caller, executed, None).await
    }

    /// The stream key that a channel's broadcaster is to use. Wants `channels:secrets`; that it was shown, and to whom, is an
    /// event first: one an hour for the same person and channel.
    ///
    /// # Errors
    /// [`AppError::Forbidden`]; [`AppError::NotFound`] for a channel that the caller does not see.
    pub async fn show_stream_key(&self, caller: &Caller, id: &str) -> Result<StreamKey, AppError> {
        caller.need(Scope::ChannelsSecrets)?;
        self.owned_channel(caller, id).await?;
        let (at, actor) = (self.executor.now(), &caller.actor);
        let hour = at.as_millis().div_euclid(SHOWN_MS);
        let command_id = format!("show_key_{id}_{hour}_{}_{}", actor.kind(), actor.id());
        let mut context = Context::of(actor.clone(), command_id);
        if let Some(correlation) = &caller.correlation {
            context.correlation.clone_from(correlation);
        }
        let command = ChannelCommand::ShowKey { at };
        self.executor.execute::<Channel>(id, command, &context, nothing_beside).await?;
        let rows = self.executor.journal.secrets_of(STREAM_KEY, id).await?;
        let newest = rows.iter().rev().find(|row| row.expires_at_ms.is_none());
        let row = newest.ok_or_else(|| AppError::Internal(format!("channel {id} has no stream key")))?;
        Ok(open_stream_key(&self.executor.vault, row)?)
    }

    /// A command on a channel of the caller's project.
    async fn change_channel(
        &self,
        caller: &Caller,
        use_case: &str,
        id: &str,
        command: impl Fn(sigma_domain::Timestamp) -> ChannelCommand + Send + Sync,
    ) -> Result<Done<ChannelRow>, AppError> {
        caller.need(Scope::ChannelsWrite)?;
        channel_id(id)?;
        let context = self.context(caller, use_case, &asked(&(id, ""))?)?;
        let at = self.executor.now();
        let command = |channel: &Channel| {
            seen(caller, id, channel)?;
            Ok(command(at))
        };
        let beside = |events: &[ChannelEvent]| {
            let deleted = events.iter().any(|event| matches!(event, ChannelEvent::Deleted { .. }));
            let writes = if deleted { vec![retire_stream_keys(id, None)] } else { Vec::new() };
            Ok(Beside { writes, answer: None })
        };
        let work = async { Ok(self.executor.execute_as(id, command, &context, beside).await?) };
        let executed = self.once(&context, work).await?;
        self.changed(executed, None).await
    }

    /// What a changed channel is answered with, once the views show it; its keys where they are at hand.
    async fn changed(
        &self,
        executed: Executed<Channel>,
        keys: Option<Vec<SubjectKey>>,
    ) -> Result<Done<ChannelRow>, AppError> {
        let value = self.channel_after(&executed, keys).await?;
        self.shown(&executed).await;
        let Executed { aggregate_id, sequence, repeated, .. } = executed;
        Ok(Done { value, aggregate_id, sequence, repeated })
    }

    async fn with_key(
        &self,
        caller: &Caller,
        executed: Executed<Channel>,
        keys: Option<Vec<SubjectKey>>,
    ) -> Result<Done<ChannelWithKey>, AppError> {
        let channel = self.channel_after(&executed, keys).await?;
        let told: Option<StreamKey> = executed.secret.as_deref().and_then(|text| text.parse().ok());
        let key = told.ok_or_else(|| AppError::Internal("a stream key's answer is gone".to_owned()))?;
        let stream_key = caller.access.may(Scope::ChannelsSecrets).then_some(key);
        self.shown(&executed).await;
        let Executed { aggregate_id, sequence, repeated, .. } = executed;
        Ok(Done { value: ChannelWithKey { channel, stream_key }, aggregate_id, sequence, repeated })
    }
}

/// A name, sealed, and the key to keep with it where it is a new one.
type Sealed = (Option<Personal<ChannelName>>, Vec<SecretWrite>);

fn not_there(id: &str) -> CommandError<ChannelRefusal> {
    CommandError::NotFound { kind: Channel::TYPE, id: id.to_owned() }
}

/// What is known of a channel that is there, and that the caller sees.
fn seen<'c>(
    caller: &Caller,
    id: &str,
    channel: &'c Channel,
) -> Result<&'c ChannelFacts, CommandError<ChannelRefusal>> {
    let is_there = channel.state().is_some() && sees(caller, channel);
    channel.facts().filter(|_| is_there).ok_or_else(|| not_there(id))
}
