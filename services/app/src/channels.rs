//! Use cases of channels.

use serde::Serialize;
use sigma_domain::{
    Channel, ChannelChanges, ChannelCommand, ChannelEvent, ChannelId, ChannelName, ChannelSettings,
    DvrWindow, KeyOverlap, LatencyMode, MaxSessionDuration, Personal, ReconnectWindow, Retention, Scope,
};
use sigma_store::SecretWrite;

use crate::app::nothing_beside;
use crate::executor::{Beside, Context, Executed};
use crate::input::{Wrong, asked};
use crate::secrets::{STREAM_KEY, open_stream_key, put_stream_key, retire_stream_keys};
use crate::subjects::forget_subject;
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
        if let Some(first) = self.executor.first_answer(&context).await? {
            return self.with_key(caller, first).await;
        }
        let (name, settings) = input.parse()?;
        let vault = &self.executor.vault;
        let id = ChannelId::from_uuid(uuid::Uuid::now_v7());
        let (playback_id, key) = (vault.new_playback_id()?, vault.new_stream_key()?);
        let (subject, put_subject) = self.subjects.make(id.as_str())?;
        let name = subject.seal_name(id.as_str(), &name)?;
        let (project, at) = (caller.project.clone(), self.executor.now());
        let command = ChannelCommand::Create { id: id.clone(), project, name, playback_id, settings, at };
        let beside = |_: &[ChannelEvent]| {
            let writes = vec![put_stream_key(vault, id.as_str(), &key)?, put_subject.clone()];
            Ok(Beside { writes, answer: Some(key.expose().to_owned()) })
        };
        let executed = self.executor.execute(id.as_str(), command, &context, beside).await?;
        self.with_key(caller, executed).await
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
        let context = self.context(caller, "updateChannel", &asked(&(id, asked(&input)?))?)?;
        let executed = match self.executor.first_answer::<Channel>(&context).await? {
            Some(first) => first,
            None => {
                self.owned_channel(caller, id).await?;
                let (changes, writes) = self.seal_changes(id, input.parse()?).await?;
                let command = ChannelCommand::Update { changes, at: self.executor.now() };
                let beside = |events: &[ChannelEvent]| {
                    // A key is kept only with what it seals.
                    let writes = if events.is_empty() { Vec::new() } else { writes.clone() };
                    Ok(Beside { writes, answer: None })
                };
                self.executor.execute::<Channel>(id, command, &context, beside).await?
            }
        };
        self.changed(executed).await
    }

    /// The changes with their name sealed, or without it where it is the name that stands; and the key to keep with them where
    /// the channel had none: one that an older version made.
    async fn seal_changes(
        &self,
        id: &str,
        mut changes: ChannelChanges,
    ) -> Result<(ChannelChanges, Vec<SecretWrite>), AppError> {
        let Some(Personal::Plain(name)) = changes.name.take() else { return Ok((changes, Vec::new())) };
        let channel = self.executor.load::<Channel>(id).await?.aggregate;
        if let Some(facts) = channel.facts()
            && self.subjects.name(id, &facts.name).await?.as_deref() == Some(name.as_str())
        {
            return Ok((changes, Vec::new()));
        }
        let mut writes = Vec::new();
        let key = match self.subjects.keys(id).await?.pop() {
            Some(key) => key,
            None => {
                let (key, put) = self.subjects.make(id)?;
                writes.push(put);
                key
            }
        };
        changes.name = Some(key.seal_name(id, &name)?);
        Ok((changes, writes))
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
        let context = self.context(caller, "eraseChannel", &asked(&id)?)?;
        let executed = match self.executor.first_answer::<Channel>(&context).await? {
            Some(first) => first,
            None => {
                self.owned_channel_or_deleted(caller, id).await?;
                let command = ChannelCommand::Erase { at: self.executor.now() };
                let beside = |_: &[ChannelEvent]| {
                    let writes = [retire_stream_keys(id, None)].into_iter().chain(forget_subject(id));
                    Ok(Beside { writes: writes.collect(), answer: None })
                };
                self.executor.execute::<Channel>(id, command, &context, beside).await?
            }
        };
        self.changed(executed).await
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
        let context = self.context(caller, "rotateStreamKey", &input)?;
        if let Some(first) = self.executor.first_answer(&context).await? {
            return self.with_key(caller, first).await;
        }
        self.owned_channel(caller, id).await?;
        let mut wrong = Wrong::default();
        let overlap: KeyOverlap = wrong.take_some("overlapSeconds", overlap_seconds).unwrap_or_default();
        wrong.answer()?;
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
        let command = ChannelCommand::RotateKey { overlap, at: self.executor.now() };
        let executed = self.executor.execute::<Channel>(id, command, &context, beside).await?;
        self.with_key(caller, executed).await
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
        command: impl Fn(sigma_domain::Timestamp) -> ChannelCommand,
    ) -> Result<Done<ChannelRow>, AppError> {
        caller.need(Scope::ChannelsWrite)?;
        let context = self.context(caller, use_case, &asked(&(id, ""))?)?;
        let executed = match self.executor.first_answer::<Channel>(&context).await? {
            Some(first) => first,
            None => {
                self.owned_channel(caller, id).await?;
                match command(self.executor.now()) {
                    command @ ChannelCommand::Delete { .. } => {
                        let beside = |_: &[ChannelEvent]| {
                            Ok(Beside { writes: vec![retire_stream_keys(id, None)], answer: None })
                        };
                        self.executor.execute::<Channel>(id, command, &context, beside).await?
                    }
                    command => {
                        self.executor.execute::<Channel>(id, command, &context, nothing_beside).await?
                    }
                }
            }
        };
        self.changed(executed).await
    }

    /// What a changed channel is answered with, once the views show it.
    async fn changed(&self, executed: Executed<Channel>) -> Result<Done<ChannelRow>, AppError> {
        let value = self.channel_at(&executed.aggregate_id, executed.sequence).await?;
        self.shown(&executed).await;
        let Executed { aggregate_id, sequence, repeated, .. } = executed;
        Ok(Done { value, aggregate_id, sequence, repeated })
    }

    async fn with_key(
        &self,
        caller: &Caller,
        executed: Executed<Channel>,
    ) -> Result<Done<ChannelWithKey>, AppError> {
        let channel = self.channel_at(&executed.aggregate_id, executed.sequence).await?;
        let told: Option<StreamKey> = executed.secret.as_deref().and_then(|text| text.parse().ok());
        let key = told.ok_or_else(|| AppError::Internal("a stream key's answer is gone".to_owned()))?;
        let stream_key = caller.access.may(Scope::ChannelsSecrets).then_some(key);
        self.shown(&executed).await;
        let Executed { aggregate_id, sequence, repeated, .. } = executed;
        Ok(Done { value: ChannelWithKey { channel, stream_key }, aggregate_id, sequence, repeated })
    }
}
