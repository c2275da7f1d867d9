//! Who stands behind a token, and when it was used last.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use sigma_clock::Instant;
use sigma_domain::{Actor, ActorKind, ApiToken, ProjectId, Scope, Session, Timestamp};
use subtle::ConstantTimeEq;

use crate::secrets::{API_TOKEN, lookup_api_token};
use crate::{Access, App, AppError, Caller, Secret};

/// A token that was let in is let in again without asking the store for so long. Revocation by this process acts at once
/// all the same; by another one after this at the latest.
const TRUST: Duration = Duration::from_secs(1);

/// At most so many tokens are trusted at once; more are asked for at each request.
const MAX_TRUSTED: usize = 10_000;

/// Who stands behind a token.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Identity {
    /// The name that the token was given; `admin` for the admin token.
    pub name: String,
    /// Who acts.
    pub actor: Actor,
    /// The project that he sees.
    pub project: ProjectId,
    /// What he may do there.
    pub access: Access,
    /// `tk_…`, of an API token.
    pub token_id: Option<String>,
    /// Until when the token lets him in, where it runs out.
    pub expires_at_ms: Option<i64>,
}

impl Identity {
    /// As who calls use cases, without idempotency key and request id.
    pub fn caller(&self) -> Caller {
        let Self { actor, project, access, .. } = self;
        Caller { access: access.clone(), ..Caller::new(actor.clone(), project.clone()) }
    }
}

/// What is remembered between two requests with the same token.
#[derive(Default)]
pub(crate) struct Doorman {
    /// By the token's keyed hash.
    trusted: Mutex<HashMap<Vec<u8>, Trusted>>,
    /// How many revocations there were: what was looked up before one is not remembered after it.
    revocations: AtomicU64,
    /// Uses that are not in the file yet: milliseconds since the Unix epoch, by the token's id.
    uses: Mutex<HashMap<String, i64>>,
}

struct Trusted {
    identity: Identity,
    until: Instant,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Doorman {
    fn recall(&self, hash: &[u8], now: Timestamp) -> Option<Identity> {
        let trusted = lock(&self.trusted);
        let Trusted { identity, until } = trusted.get(hash)?;
        let runs = identity.expires_at_ms.is_none_or(|at| now.as_millis() < at);
        (runs && sigma_clock::monotonic() < *until).then(|| identity.clone())
    }

    /// Remembers what was looked up when there had been so many revocations.
    fn remember(&self, hash: Vec<u8>, identity: &Identity, asked: Instant, revocations: u64) {
        let mut trusted = lock(&self.trusted);
        if self.revocations.load(Ordering::SeqCst) != revocations {
            return;
        }
        if trusted.len() >= MAX_TRUSTED {
            let now = sigma_clock::monotonic();
            trusted.retain(|_, known| now < known.until);
        }
        if trusted.len() < MAX_TRUSTED {
            trusted.insert(hash, Trusted { identity: identity.clone(), until: asked + TRUST });
        }
    }

    /// The token is asked for again at its next request.
    pub(crate) fn forget(&self, token_id: &str) {
        let mut trusted = lock(&self.trusted);
        self.revocations.fetch_add(1, Ordering::SeqCst);
        trusted.retain(|_, known| known.identity.token_id.as_deref() != Some(token_id));
    }

    fn note_use(&self, token_id: &str, at_ms: i64) {
        let mut uses = lock(&self.uses);
        match uses.get_mut(token_id) {
            Some(last) => *last = at_ms.max(*last),
            None => {
                uses.insert(token_id.to_owned(), at_ms);
            }
        }
    }

    /// The uses that are not in the file yet.
    pub(crate) fn uses(&self) -> HashMap<String, i64> {
        lock(&self.uses).clone()
    }

    /// These stand in the file now; what was used again meanwhile does not.
    pub(crate) fn are_written(&self, written: &HashMap<String, i64>) {
        lock(&self.uses).retain(|token_id, at_ms| written.get(token_id) != Some(at_ms));
    }
}

impl App {
    /// Who stands behind a token: the admin token, or an API token that has neither run out nor been revoked. None for
    /// everything else. Notes that the token was used.
    ///
    /// # Errors
    /// [`AppError::Unavailable`] while the store is away: nobody is let in or turned away by a guess.
    pub async fn authenticate(&self, secret: &str) -> Result<Option<Identity>, AppError> {
        if self.admin_token.is(secret) {
            return Ok(Some(self.admin()?));
        }
        let Ok(secret) = secret.parse::<Secret>() else { return Ok(None) };
        let (hash, now) = (lookup_api_token(&self.executor.vault, &secret)?, self.executor.now());
        let known = match self.doorman.recall(&hash, now) {
            Some(identity) => Some(identity),
            None => self.look_up(hash, now).await?,
        };
        if let Some(id) = known.as_ref().and_then(|identity| identity.token_id.as_deref()) {
            self.doorman.note_use(id, now.as_millis());
        }
        Ok(known)
    }

    fn admin(&self) -> Result<Identity, AppError> {
        let actor = Actor::new(ActorKind::Admin, "admin");
        Ok(Identity {
            name: "admin".to_owned(),
            actor: actor.map_err(|error| AppError::Internal(error.to_string()))?,
            project: ProjectId::default_project(),
            access: Access::everything(),
            token_id: None,
            expires_at_ms: None,
        })
    }

    async fn look_up(&self, hash: Vec<u8>, now: Timestamp) -> Result<Option<Identity>, AppError> {
        let (asked, revocations) =
            (sigma_clock::monotonic(), self.doorman.revocations.load(Ordering::SeqCst));
        let rows = self.executor.journal.find_secret(API_TOKEN, &hash).await?;
        let is_it = |found: &Option<Vec<u8>>| {
            found.as_ref().is_some_and(|found| found.as_slice().ct_eq(&hash).into())
        };
        let Some(row) = rows.iter().find(|row| is_it(&row.lookup) && row.is_valid_at(now.as_millis())) else {
            return Ok(None);
        };
        let token = self.executor.load::<ApiToken>(&row.owner).await?.aggregate;
        let Some(facts) = token.facts().filter(|facts| facts.is_valid_at(now)) else { return Ok(None) };
        let actor = Actor::new(ActorKind::Token, facts.id.as_str());
        let identity = Identity {
            name: facts.name.to_string(),
            actor: actor.map_err(|error| AppError::Internal(error.to_string()))?,
            project: facts.project.clone(),
            access: Access::from(&facts.grant),
            token_id: Some(facts.id.to_string()),
            expires_at_ms: facts.expires_at.map(Timestamp::as_millis),
        };
        self.doorman.remember(hash, &identity, asked, revocations);
        Ok(Some(identity))
    }

    /// Whether a token lets its holder watch a session before it is public, or after. A store that is away lets nobody in.
    pub async fn may_preview(&self, session: &str, secret: &str) -> bool {
        match self.try_preview(session, secret).await {
            Ok(may) => may,
            Err(error) => {
                tracing::warn!(%error, session.id = session, "nobody may preview: the token cannot be looked up");
                false
            }
        }
    }

    async fn try_preview(&self, session: &str, secret: &str) -> Result<bool, AppError> {
        let Some(identity) = self.authenticate(secret).await? else { return Ok(false) };
        if !identity.access.may(Scope::SessionsRead) {
            return Ok(false);
        }
        let session = self.executor.load::<Session>(session).await?.aggregate;
        let may = session.facts().is_some_and(|facts| {
            facts.project == identity.project && identity.access.sees(facts.channel.as_str())
        });
        Ok(may)
    }

    /// When tokens were used last, milliseconds since the Unix epoch; a token that never was is left out. To within the
    /// process managers' file: who deletes it deletes this.
    pub async fn last_uses(&self, ids: &[String]) -> HashMap<String, i64> {
        let mut uses = self.process.last_uses(ids).await.unwrap_or_else(|error| {
            tracing::warn!(%error, "when tokens were used last cannot be read");
            HashMap::new()
        });
        let pending = lock(&self.doorman.uses);
        for id in ids {
            if let Some(at_ms) = pending.get(id) {
                uses.entry(id.clone()).and_modify(|last| *last = (*last).max(*at_ms)).or_insert(*at_ms);
            }
        }
        uses
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_looked_up_before_a_revocation_is_not_trusted_after_it() {
        let doorman = Doorman::default();
        let identity = Identity {
            name: "x".to_owned(),
            actor: Actor::new(ActorKind::Token, "tk_1").expect("an actor"),
            project: ProjectId::default_project(),
            access: Access::nothing(),
            token_id: Some("tk_1".to_owned()),
            expires_at_ms: None,
        };
        let (hash, now) = (vec![1], Timestamp::from_millis(0));
        let look_up = || doorman.revocations.load(Ordering::SeqCst);
        let before = look_up();
        doorman.forget("tk_1");
        doorman.remember(hash.clone(), &identity, sigma_clock::monotonic(), before);
        assert_eq!(doorman.recall(&hash, now), None);
        doorman.remember(hash.clone(), &identity, sigma_clock::monotonic(), look_up());
        assert_eq!(doorman.recall(&hash, now), Some(identity));
    }
}
