//! A broadcaster who was let in here comes back while the store is away: into his own session, on trust. The store is told
//! of his feed when it is there again, before it hears anything else of it.
//!
//! What is known stands in memory only. A process that ends loses its feeds anyhow, and does not start without its store.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use sigma_domain::{NodeId, Session, SessionCommand, SessionEvent, SessionRefusal, Timestamp};
use sigma_store::StoreError;

use crate::executor::{Beside, CommandError, Context};
use crate::secrets::put_feed;
use crate::{App, Denied, FeedFacts, FeedGrant, KeyHolder, SessionOnAir};

/// Channels whose keys are kept in mind. Beyond it those without a session are forgotten.
const MAX_CHANNELS: usize = 10_000;

/// A session's feeds that the store does not know yet; the door slows restless ones down long before.
const MAX_OWED: usize = 64;

/// What is known of feeds that were let in, by channel.
#[derive(Debug, Default)]
pub(crate) struct KnownFeeds {
    channels: Mutex<HashMap<String, Known>>,
    /// One tells the store at a time.
    telling: tokio::sync::Mutex<()>,
}

#[derive(Debug)]
struct Known {
    holder: KeyHolder,
    /// What its keys are found by, and when each becomes void. Never the keys.
    keys: HashMap<Vec<u8>, Option<i64>>,
    /// The session that the last feed was let into, with that feed's number.
    session: Option<(SessionOnAir, u32)>,
    /// Feeds let in on trust, the oldest first.
    owed: Vec<Owed>,
    /// The session, and its first feed, that were let in on trust and should not have been.
    broken: Option<(String, u32)>,
}

/// A feed that the store does not know yet.
#[derive(Clone, Debug)]
struct Owed {
    session: String,
    feed: u32,
    node: NodeId,
    facts: FeedFacts,
    context: Context,
    at: Timestamp,
}

/// What the store says of feeds that were let in on trust.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Trust {
    /// They have their numbers, or there were none.
    Kept,
    /// Their session is over, or went on without them: their broadcaster is cut, and comes in again by the usual way.
    Broken,
}

impl KnownFeeds {
    fn channels(&self) -> MutexGuard<'_, HashMap<String, Known>> {
        self.channels.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A key was found in the store.
    pub(crate) fn note_key(&self, lookup: Vec<u8>, expires_at_ms: Option<i64>, holder: &KeyHolder) {
        let mut channels = self.channels();
        if channels.len() >= MAX_CHANNELS && !channels.contains_key(&holder.channel) {
            channels.retain(|_, known| known.session.is_some());
            if channels.len() >= MAX_CHANNELS {
                return;
            }
        }
        let known = channels.entry(holder.channel.clone()).or_insert_with(|| Known {
            holder: holder.clone(),
            keys: HashMap::new(),
            session: None,
            owed: Vec::new(),
            broken: None,
        });
        // A channel has one key, and a second one while it is rotated.
        if known.keys.len() > 8 {
            known.keys.clear();
        }
        known.keys.insert(lookup, expires_at_ms);
    }

    /// Whose key it is, where he has a session here.
    pub(crate) fn holder(&self, lookup: &[u8], now_ms: i64) -> Option<KeyHolder> {
        let channels = self.channels();
        let mut on_air = channels.values().filter(|known| known.session.is_some());
        let is_valid = |known: &&Known| {
            known.keys.get(lookup).is_some_and(|until| until.is_none_or(|until| now_ms < until))
        };
        on_air.find(is_valid).map(|known| known.holder.clone())
    }

    /// A feed was let in by the store.
    pub(crate) fn note_feed(&self, grant: &FeedGrant) {
        if let Some(known) = self.channels().get_mut(&grant.session.channel) {
            (known.session, known.broken) = (Some((grant.session.clone(), grant.feed)), None);
        }
    }

    /// A session is over: nobody comes back to it.
    pub(crate) fn forget(&self, session: &str) {
        let is_of =
            |known: &Known| known.session.as_ref().is_some_and(|(on_air, _)| on_air.session == session);
        self.channels().retain(|_, known| !is_of(known));
    }

    /// Lets a feed in on trust: into the session that its channel had here.
    fn trust(&self, channel: &str, owed: impl FnOnce(&str, u32) -> Owed) -> Option<FeedGrant> {
        let mut channels = self.channels();
        let known = channels.get_mut(channel).filter(|known| known.owed.len() < MAX_OWED)?;
        let (session, last) = known.session.as_mut()?;
        *last = last.checked_add(1)?;
        known.owed.push(owed(&session.session, *last));
        Some(FeedGrant { session: session.clone(), feed: *last, takeover: true, resumed: true })
    }

    /// The oldest feed of a session that the store does not know yet, up to the feed `up_to`.
    fn owed(&self, session: &str, up_to: u32) -> Option<Owed> {
        let channels = self.channels();
        let mut all = channels.values().flat_map(|known| &known.owed);
        all.find(|owed| owed.session == session && owed.feed <= up_to).cloned()
    }

    fn told(&self, told: &Owed) {
        for known in self.channels().values_mut() {
            known.owed.retain(|owed| (&owed.session, owed.feed) != (&told.session, told.feed));
        }
    }

    fn break_trust(&self, wrong: &Owed) {
        for known in self.channels().values_mut() {
            if known.owed.iter().any(|owed| owed.session == wrong.session) {
                (known.session, known.broken) = (None, Some((wrong.session.clone(), wrong.feed)));
                known.owed.retain(|owed| owed.session != wrong.session);
            }
        }
    }

    fn trust_in(&self, session: &str, feed: u32) -> Trust {
        let is_broken = |known: &Known| {
            known.broken.as_ref().is_some_and(|(broken, first)| broken == session && *first <= feed)
        };
        if self.channels().values().any(is_broken) { Trust::Broken } else { Trust::Kept }
    }

    /// The session of a channel's last feed here.
    fn session_of(&self, channel: &str) -> Option<String> {
        self.channels().get(channel)?.session.as_ref().map(|(on_air, _)| on_air.session.clone())
    }
}

impl App {
    /// Lets a feed in on trust while the store is away; none where nothing is known of it here.
    pub(crate) fn let_in_on_trust(
        &self,
        channel: &str,
        node: &NodeId,
        facts: &FeedFacts,
        context: &Context,
    ) -> Option<FeedGrant> {
        if !facts.takeover_allowed {
            return None;
        }
        self.known_feeds.trust(channel, |session, feed| Owed {
            session: session.to_owned(),
            feed,
            node: node.clone(),
            facts: facts.clone(),
            context: context.clone(),
            at: self.executor.now(),
        })
    }

    /// Tells the store of all feeds of a channel that were let in on trust.
    pub(crate) async fn tell_of_channel(&self, channel: &str) -> Result<(), Denied> {
        let Some(session) = self.known_feeds.session_of(channel) else { return Ok(()) };
        Ok(self.tell_of_feeds(&session, u32::MAX).await.map(drop)?)
    }

    /// Tells the store of a session's feeds that were let in on trust, up to the feed `up_to`. Each under the command id that
    /// it was asked for with in the first place, so that an answer that was lost on the way is no second feed.
    pub(crate) async fn tell_of_feeds(
        &self,
        session: &str,
        up_to: u32,
    ) -> Result<Trust, CommandError<SessionRefusal>> {
        if self.known_feeds.owed(session, up_to).is_none() {
            return Ok(self.known_feeds.trust_in(session, up_to));
        }
        let _turn = self.known_feeds.telling.lock().await;
        while let Some(owed) = self.known_feeds.owed(session, up_to) {
            let command = SessionCommand::OpenFeed { node: owed.node.clone(), at: owed.at };
            let known = self.executor.load::<Session>(session).await.map_err(CommandError::Store)?.aggregate;
            let keys = match known.facts() {
                Some(facts) => {
                    self.subjects.keys(facts.channel.as_str()).await.map_err(CommandError::Store)?
                }
                None => Vec::new(),
            };
            let beside = |_: &[SessionEvent]| {
                let writes = put_feed(&self.executor.vault, keys.last(), session, &owed.facts)?;
                Ok(Beside { writes, answer: None })
            };
            let number = match self.executor.execute::<Session>(session, command, &owed.context, beside).await
            {
                Ok(executed) => executed.aggregate.facts().and_then(|facts| Some(facts.feed()?.number.get())),
                Err(
                    error @ (CommandError::Store(StoreError::Unavailable { .. }) | CommandError::Conflict),
                ) => {
                    return Err(error);
                }
                Err(error) => {
                    tracing::warn!(session.id = session, %error, "a session did not wait for its broadcaster");
                    None
                }
            };
            if number == Some(owed.feed) {
                tracing::info!(
                    session.id = session,
                    feed = owed.feed,
                    "the store has a feed that came while it was away"
                );
                self.known_feeds.told(&owed);
            } else {
                self.known_feeds.break_trust(&owed);
            }
        }
        Ok(self.known_feeds.trust_in(session, up_to))
    }
}
