//! Use cases of API tokens.

use std::collections::BTreeSet;

use cqrs_es::Aggregate;
use serde::Serialize;
use sigma_domain::{
    ApiToken, ApiTokenCommand, ApiTokenEvent, ApiTokenGrant, ApiTokenId, ApiTokenName, ApiTokenPrefix,
    Channel, ChannelId, Project, ProjectId, Scope, ValueError,
};

use crate::executor::{Beside, Executed};
use crate::input::{Wrong, asked};
use crate::secrets::{forget_api_token, put_api_token};
use crate::{ApiTokenRow, App, AppError, Caller, Done, Secret, fold};

/// The least and the most seconds that a token may live: a minute, and five years.
const LIFE_SECONDS: (u32, u32) = (60, 5 * 31_536_000);

/// At most so many wrong entries of a list are named.
const MAX_NAMED: usize = 5;

/// A wrong entry is repeated up to so many characters.
const MAX_REPEATED: usize = 64;

/// An API token to make.
#[derive(Clone, Debug, Default, Serialize)]
pub struct NewApiToken {
    /// 1 to 100 characters.
    pub name: String,
    /// What it may do; one at least.
    pub scopes: Vec<String>,
    /// Seconds that it lives, 60 to 157,680,000; for ever by default.
    pub expires_in_seconds: Option<i64>,
    /// The channels that it is bound to; every channel of its project by default.
    pub channel_ids: Option<Vec<String>>,
    /// The project that it opens; the caller's own by default.
    pub project_id: Option<String>,
}

/// An API token with its secret: told once, here.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ApiTokenWithSecret {
    /// The token.
    pub token: ApiTokenRow,
    /// The secret that opens what the token may.
    pub secret: Secret,
}

/// What a token is to be, once all of the input was right.
struct Wanted {
    name: ApiTokenName,
    project: ProjectId,
    grant: ApiTokenGrant,
    life: Option<u32>,
}

impl App {
    /// Makes an API token. Wants `tokens:admin`; `platform:admin` is given only by who has it, and only in the project
    /// `default`, whose tokens may also name another project.
    ///
    /// # Errors
    /// [`AppError::Forbidden`]; [`AppError::BadInput`] with every wrong field.
    pub async fn create_api_token(
        &self,
        caller: &Caller,
        input: NewApiToken,
    ) -> Result<Done<ApiTokenWithSecret>, AppError> {
        caller.need(Scope::TokensAdmin)?;
        let context = self.context(caller, "createApiToken", &asked(&input)?)?;
        let (vault, at) = (&self.executor.vault, self.executor.now());
        let id = ApiTokenId::from_uuid(uuid::Uuid::now_v7());
        let secret = vault.new_api_token()?;
        let work = async {
            let Wanted { name, project, grant, life } = self.wanted_token(caller, &input).await?;
            if grant.scopes().contains(&Scope::PlatformAdmin) {
                caller.need(Scope::PlatformAdmin)?;
            }
            let prefix: ApiTokenPrefix =
                secret.prefix().parse().map_err(|error: ValueError| AppError::Internal(error.to_string()))?;
            let expires_at = life.map(|seconds| at.plus_seconds(seconds));
            let command =
                ApiTokenCommand::Create { id: id.clone(), project, name, prefix, grant, expires_at, at };
            let beside = |_: &[ApiTokenEvent]| {
                let expires_at_ms = expires_at.map(|at| at.as_millis());
                let writes = vec![put_api_token(vault, id.as_str(), &secret, expires_at_ms)?];
                Ok(Beside { writes, answer: Some(secret.expose().to_owned()) })
            };
            Ok(self.executor.execute(id.as_str(), command, &context, beside).await?)
        };
        let executed = self.once(&context, work).await?;
        self.with_secret(executed).await
    }

    /// Makes an API token open nothing any more: at once here, within 2 s everywhere. Wants `tokens:admin`.
    ///
    /// # Errors
    /// [`AppError::Forbidden`]; [`AppError::NotFound`] for another project's token, unless the caller is of the project
    /// `default`; refused where it was revoked before.
    pub async fn revoke_api_token(&self, caller: &Caller, id: &str) -> Result<Done<ApiTokenRow>, AppError> {
        caller.need(Scope::TokensAdmin)?;
        let context = self.context(caller, "revokeApiToken", id)?;
        let work = async {
            self.owned_token(caller, id).await?;
            let command = ApiTokenCommand::Revoke { at: self.executor.now() };
            let beside =
                |_: &[ApiTokenEvent]| Ok(Beside { writes: vec![forget_api_token(id)], answer: None });
            Ok(self.executor.execute::<ApiToken>(id, command, &context, beside).await?)
        };
        let executed = self.once(&context, work).await?;
        self.doorman.forget(&executed.aggregate_id);
        let value = self.token_at(&executed.aggregate_id, executed.sequence).await?;
        self.shown(&executed).await;
        let Executed { aggregate_id, sequence, repeated, .. } = executed;
        Ok(Done { value, aggregate_id, sequence, repeated })
    }

    /// Reads the input, and looks up what it names.
    async fn wanted_token(&self, caller: &Caller, input: &NewApiToken) -> Result<Wanted, AppError> {
        let mut wrong = Wrong::default();
        let name = wrong.take("name", input.name.parse());
        let scopes = scopes(&mut wrong, &input.scopes);
        let life = input.expires_in_seconds.and_then(|seconds| life(&mut wrong, seconds));
        let project = self.project_of(&mut wrong, caller, input.project_id.as_deref()).await?;
        let channels = match (&input.channel_ids, &project) {
            (None, _) => Some(None),
            (Some(ids), Some(project)) => self.channels_of(&mut wrong, project, ids).await?.map(Some),
            // Whose channels they are to be is not known.
            (Some(_), None) => None,
        };
        let mut grant = None;
        if let (Some(scopes), Some(channels), Some(project)) = (scopes, channels, &project) {
            if scopes.contains(&Scope::PlatformAdmin) && !project.is_default() {
                wrong.note("scopes", "platform:admin is given only in the project `default`; leave it out");
            }
            grant = wrong.take("scopes", ApiTokenGrant::new(scopes, channels));
        }
        wrong.answer()?;
        match (name, project, grant) {
            (Some(name), Some(project), Some(grant)) => Ok(Wanted { name, project, grant, life }),
            _ => Err(AppError::BadInput { fields: Vec::new() }),
        }
    }

    /// The project that a token is to open.
    async fn project_of(
        &self,
        wrong: &mut Wrong,
        caller: &Caller,
        named: Option<&str>,
    ) -> Result<Option<ProjectId>, AppError> {
        let Some(named) = named else { return Ok(Some(caller.project.clone())) };
        let no_project = || format!("there is no project {}; leave it out for your own", repeated(named));
        let Ok(id) = named.parse::<ProjectId>() else {
            wrong.note("projectId", no_project());
            return Ok(None);
        };
        // Who is not of the default project sees no other: not even whether it is there.
        let may_see = caller.project.is_default() || id == caller.project;
        if may_see && self.executor.load::<Project>(named).await?.aggregate.facts().is_some() {
            return Ok(Some(id));
        }
        wrong.note("projectId", no_project());
        Ok(None)
    }

    /// The channels that a token is to be bound to: all of them there, and the project's own.
    async fn channels_of(
        &self,
        wrong: &mut Wrong,
        project: &ProjectId,
        ids: &[String],
    ) -> Result<Option<BTreeSet<ChannelId>>, AppError> {
        let named: BTreeSet<&String> = ids.iter().collect();
        let (max, found) = (ApiTokenGrant::MAX_CHANNELS, named.len());
        if !(1..=max).contains(&found) {
            let message = format!("name 1 to {max} channels, not {found}, or leave it out for all of them");
            wrong.note("channelIds", message);
            return Ok(None);
        }
        let (mut channels, mut unknown) = (BTreeSet::new(), Vec::new());
        for id in named {
            let parsed: Option<ChannelId> = id.parse().ok();
            let channel = match &parsed {
                Some(_) => self.executor.load::<Channel>(id).await?.aggregate,
                None => Channel::default(),
            };
            let is_there =
                channel.state().is_some() && channel.facts().is_some_and(|facts| facts.project == *project);
            match parsed.filter(|_| is_there) {
                Some(id) => drop(channels.insert(id)),
                None => unknown.push(id.as_str()),
            }
        }
        if unknown.is_empty() {
            return Ok(Some(channels));
        }
        wrong.note("channelIds", format!("there is no channel {}", listed(&unknown)));
        Ok(None)
    }

    /// The token is there, and the caller's project's; to the project `default`, which may make tokens of others, also theirs.
    async fn owned_token(&self, caller: &Caller, id: &str) -> Result<(), AppError> {
        let token = self.executor.load::<ApiToken>(id).await?.aggregate;
        let owned =
            token.facts().is_some_and(|facts| facts.project == caller.project || caller.project.is_default());
        if owned { Ok(()) } else { Err(AppError::NotFound { kind: ApiToken::TYPE, id: id.to_owned() }) }
    }

    /// The token's row as it was after event `sequence`.
    async fn token_at(&self, id: &str, sequence: u64) -> Result<ApiTokenRow, AppError> {
        let mut events = self.executor.journal.load(ApiToken::TYPE, id).await?;
        events.retain(|event| event.sequence <= sequence);
        let row = fold::api_token_of(&events)?;
        row.ok_or_else(|| AppError::NotFound { kind: ApiToken::TYPE, id: id.to_owned() })
    }

    async fn with_secret(&self, executed: Executed<ApiToken>) -> Result<Done<ApiTokenWithSecret>, AppError> {
        let token = self.token_at(&executed.aggregate_id, executed.sequence).await?;
        let told = executed.secret.as_deref().and_then(|text| text.parse().ok());
        let secret = told.ok_or_else(|| AppError::Internal("a token's answer is gone".to_owned()))?;
        self.shown(&executed).await;
        let Executed { aggregate_id, sequence, repeated, .. } = executed;
        Ok(Done { value: ApiTokenWithSecret { token, secret }, aggregate_id, sequence, repeated })
    }
}

fn scopes(wrong: &mut Wrong, given: &[String]) -> Option<BTreeSet<Scope>> {
    let (mut scopes, mut unknown) = (BTreeSet::new(), BTreeSet::new());
    for text in given {
        match text.parse::<Scope>() {
            Ok(scope) => drop(scopes.insert(scope)),
            Err(_) => drop(unknown.insert(text.as_str())),
        }
    }
    let known = || Scope::ALL.iter().map(|scope| scope.code()).collect::<Vec<_>>().join(", ");
    if !unknown.is_empty() {
        let unknown: Vec<&str> = unknown.into_iter().collect();
        wrong.note("scopes", format!("there is no scope {}; known are {}", listed(&unknown), known()));
        return None;
    }
    if scopes.is_empty() {
        wrong.note("scopes", format!("name one at least of {}", known()));
        return None;
    }
    Some(scopes)
}

fn life(wrong: &mut Wrong, seconds: i64) -> Option<u32> {
    let (min, max) = LIFE_SECONDS;
    let life = u32::try_from(seconds).ok().filter(|life| (min..=max).contains(life));
    if life.is_none() {
        let outside = ValueError::Seconds { what: "the token's life", min, max, found: seconds };
        wrong.note("expiresInSeconds", format!("{outside}; leave it out for one that does not run out"));
    }
    life
}

/// Wrong entries, as they are repeated to who gave them.
fn listed(entries: &[&str]) -> String {
    let named: Vec<String> = entries.iter().take(MAX_NAMED).map(|entry| repeated(entry)).collect();
    let more = entries.len().saturating_sub(MAX_NAMED);
    let named = named.join(", ");
    if more == 0 { named } else { format!("{named} and {more} more") }
}

fn repeated(text: &str) -> String {
    let shown: String = text.chars().take(MAX_REPEATED).filter(|c| !c.is_control()).collect();
    format!("`{shown}`")
}
