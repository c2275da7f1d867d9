//! What happened in a session, told to people; and what a channel was like at a moment.

mod sentences;

use std::collections::HashMap;

use cqrs_es::Aggregate;
use sigma_domain::{
    Actor, ActorKind, Channel, ChannelEvent, EndReason, Scope, Session, SessionEvent, SessionHealth,
    SessionHealthEvent, SessionId, Timestamp,
};
use sigma_store::{HistoryFilter, HistoryPage, HistoryRange, NameFilter, RecordedEvent};

use crate::subjects::show_erased;
use crate::{App, AppError, Caller, ChannelRow, fold};
use sentences::Who;

/// The longest timeline that is told: of a longer one the beginning and the newest entries.
pub const MAX_TIMELINE: usize = 1_000;

/// Stops of a channel that are looked at with one statement.
const STOPS: u32 = 100;

/// Something that happened in a session.
#[derive(Clone, Debug, PartialEq)]
pub struct TimelineEntry {
    /// When: milliseconds since the Unix epoch, UTC.
    pub at_ms: i64,
    /// The event's name, as `session.live`.
    pub kind: String,
    /// What happened, as a sentence.
    pub message: String,
    /// Who did it.
    pub actor: Actor,
    /// The event's own data, so that it can be said in another language.
    pub data: serde_json::Value,
}

/// An event of the timeline, before it is told.
struct Happened {
    at: Timestamp,
    what: What,
    actor: Actor,
    recorded: RecordedEvent,
}

/// What stands in a timeline.
enum What {
    Session(SessionEvent),
    Health(SessionHealthEvent),
    /// The session's channel was stopped under it.
    ChannelStopped,
}

impl App {
    /// All that happened in a session, oldest first: its own events, the warnings about its feed, and the stop of its channel
    /// that ended it. Wants `sessions:read`. At most [`MAX_TIMELINE`] entries.
    ///
    /// # Errors
    /// [`AppError::Forbidden`]; [`AppError::NotFound`] for a session that the caller does not see.
    pub async fn timeline(&self, caller: &Caller, session_id: &str) -> Result<Vec<TimelineEntry>, AppError> {
        caller.need(Scope::SessionsRead)?;
        let (session, channel) = self.owned_session(caller, session_id).await?;
        let journal = &self.executor.journal;
        let mut all = Vec::new();
        for recorded in journal.load(Session::TYPE, session_id).await? {
            let event: SessionEvent = fold::decode(&recorded)?;
            all.push(happened(event.at(), What::Session(event), recorded)?);
        }
        for recorded in journal.load(SessionHealth::TYPE, session_id).await? {
            let event: SessionHealthEvent = fold::decode(&recorded)?;
            all.push(happened(event.at(), What::Health(event), recorded)?);
        }
        let by_stop = |entry: &Happened| {
            let stopped = EndReason::ChannelStopped;
            matches!(entry.what, What::Session(SessionEvent::Ended { reason, .. }) if reason == stopped)
        };
        if all.iter().any(by_stop) {
            all.extend(self.stop_of(&session, channel.as_str()).await?);
        }
        // The order of each stream stays where two moments are the same; the stop came before the end that it made.
        all.sort_by_key(|entry| {
            (entry.at, !matches!(entry.what, What::ChannelStopped), entry.recorded.sequence)
        });
        if all.len() > MAX_TIMELINE {
            all.drain(1..=all.len() - MAX_TIMELINE);
        }
        let names = self.names_of(&all).await;
        Ok(all.into_iter().map(|entry| told(entry, &names)).collect())
    }

    /// The stop of the channel under this session, looked for among its stops alone, newest first.
    async fn stop_of(&self, session: &SessionId, channel: &str) -> Result<Option<Happened>, AppError> {
        let name = Some(NameFilter::Exact("channel.stopped".to_owned()));
        let aggregate_id = Some(channel.to_owned());
        let filter = HistoryFilter { aggregate_id, name, ..HistoryFilter::default() };
        let mut range = HistoryRange::Before(None);
        loop {
            let HistoryPage { events, more, next } = self.history.page(&filter, &range, STOPS).await?;
            for recorded in events.into_iter().rev() {
                if let ChannelEvent::Stopped { session: Some(stopped), at } = fold::decode(&recorded)?
                    && stopped == *session
                {
                    return happened(at, What::ChannelStopped, recorded).map(Some);
                }
            }
            if !more {
                return Ok(None);
            }
            range = HistoryRange::Before(Some(next));
        }
    }

    /// Names of the tokens that did something, as far as they can be read.
    async fn names_of(&self, all: &[Happened]) -> HashMap<String, String> {
        let mut names = HashMap::new();
        for actor in all.iter().map(|entry| &entry.actor).filter(|actor| actor.kind() == ActorKind::Token) {
            if names.contains_key(actor.id()) {
                continue;
            }
            let token = self.executor.load::<sigma_domain::ApiToken>(actor.id()).await;
            let facts = token.ok().and_then(|loaded| loaded.aggregate.facts().cloned());
            names
                .insert(actor.id().to_owned(), facts.map(|facts| facts.name.to_string()).unwrap_or_default());
        }
        names
    }

    /// The channel as it was at a moment: none before it was made and after it was deleted. Wants `channels:read`.
    ///
    /// # Errors
    /// [`AppError::Forbidden`].
    pub async fn channel_as_of(
        &self,
        caller: &Caller,
        id: &str,
        at_ms: i64,
    ) -> Result<Option<ChannelRow>, AppError> {
        caller.need(Scope::ChannelsRead)?;
        if !caller.access.sees(id) {
            return Ok(None);
        }
        let mut events = self.executor.journal.load(Channel::TYPE, id).await?;
        self.subjects.open_events(&mut events).await?;
        // By the events' own moments, which are told as the channel's: the commit's come a little later.
        let moments = events.iter().map(|event| Ok(fold::decode::<ChannelEvent>(event)?.at().as_millis()));
        let moments = moments.collect::<Result<Vec<_>, AppError>>()?;
        // Up to the first that is later: a clock that was set back must not leave holes.
        let until = events.iter().zip(moments).take_while(|(_, moment)| *moment <= at_ms);
        let row = fold::channel_of(until.map(|(event, _)| event))?;
        Ok(row.filter(|row| row.project == caller.project.as_str()))
    }
}

impl App {
    /// The event that a channel's row ends with: what was done to it last, and by whom. Wants `events:read`.
    ///
    /// # Errors
    /// [`AppError::Forbidden`]; [`AppError::NotFound`] where the caller does not see such a channel, or it has no such event.
    pub async fn channel_event(
        &self,
        caller: &Caller,
        id: &str,
        sequence: u64,
    ) -> Result<RecordedEvent, AppError> {
        caller.need(Scope::EventsRead)?;
        let not_found = || AppError::NotFound { kind: Channel::TYPE, id: id.to_owned() };
        if !caller.access.sees(id) {
            return Err(not_found());
        }
        let mut events = self.executor.journal.load(Channel::TYPE, id).await?;
        events.retain(|event| event.sequence == sequence && event.project_id == caller.project.as_str());
        let mut event = events.pop().ok_or_else(not_found)?;
        self.subjects.open_event(&mut event).await?;
        show_erased(&mut event);
        Ok(event)
    }
}

fn happened(at: Timestamp, what: What, recorded: RecordedEvent) -> Result<Happened, AppError> {
    Ok(Happened { at, what, actor: fold::actor(&recorded)?, recorded })
}

fn told(entry: Happened, names: &HashMap<String, String>) -> TimelineEntry {
    let Happened { at, what, actor, recorded } = entry;
    let who = Who { actor: &actor, token: names.get(actor.id()).map(String::as_str).unwrap_or_default() };
    let message = match &what {
        What::Session(event) => sentences::session(event, who),
        What::Health(event) => sentences::health(event),
        What::ChannelStopped => format!("The channel was stopped by {who}; what is on air ends with it."),
    };
    TimelineEntry { at_ms: at.as_millis(), kind: recorded.name, message, actor, data: recorded.data }
}
