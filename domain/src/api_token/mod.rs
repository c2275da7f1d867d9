//! An API token: who may do what in one project, until when. The token itself is no matter of events.
//!
//! ```text
//!   (none) ── Create ──▶ valid ── Revoke ──▶ revoked
//! ```
//!
//! Running out is no event: a token past its `expires_at` is looked at as one that is not there.

use cqrs_es::DomainEvent;
use serde::{Deserialize, Serialize};

use crate::{
    ApiTokenGrant, ApiTokenId, ApiTokenName, ApiTokenPrefix, ProjectId, Timestamp, aggregate::cqrs_aggregate,
};

/// What may be asked of an API token. Each says when.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ApiTokenCommand {
    /// Make it.
    Create {
        /// Its id, made by the caller.
        id: ApiTokenId,
        /// The project that it opens.
        project: ProjectId,
        /// Its name.
        name: ApiTokenName,
        /// What people know it by.
        prefix: ApiTokenPrefix,
        /// What it may do, and in which channels.
        grant: ApiTokenGrant,
        /// Until when it opens anything; none: until it is revoked.
        expires_at: Option<Timestamp>,
        /// When.
        at: Timestamp,
    },
    /// It opens nothing any more, for ever.
    Revoke {
        /// When.
        at: Timestamp,
    },
}

/// What happened to an API token.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum ApiTokenEvent {
    /// `api_token.created`
    Created {
        /// Its id.
        id: ApiTokenId,
        /// The project that it opens.
        project: ProjectId,
        /// Its name.
        name: ApiTokenName,
        /// What people know it by.
        prefix: ApiTokenPrefix,
        /// What it may do, and in which channels.
        grant: ApiTokenGrant,
        /// Until when it opens anything; none: until it is revoked.
        expires_at: Option<Timestamp>,
        /// When.
        at: Timestamp,
    },
    /// `api_token.revoked`
    Revoked {
        /// When.
        at: Timestamp,
    },
}

impl ApiTokenEvent {
    /// Every event's name outside.
    pub const NAMES: &'static [&'static str] = &["api_token.created", "api_token.revoked"];

    /// The event's name outside.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Created { .. } => "api_token.created",
            Self::Revoked { .. } => "api_token.revoked",
        }
    }

    /// When it happened.
    pub fn at(&self) -> Timestamp {
        match self {
            Self::Created { at, .. } | Self::Revoked { at } => *at,
        }
    }
}

impl DomainEvent for ApiTokenEvent {
    fn event_type(&self) -> String {
        self.name().to_owned()
    }

    fn event_version(&self) -> String {
        match self {
            Self::Created { .. } => "2",
            Self::Revoked { .. } => "1",
        }
        .to_owned()
    }
}

/// Why an API token refuses. The sentence says the mend.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ApiTokenRefusal {
    /// There is no such token.
    #[error("there is no such API token; create it first")]
    Unknown,
    /// The id is taken.
    #[error("the API token is there already; take another id")]
    AlreadyCreated,
    /// It would open nothing from its first moment.
    #[error("the API token would have run out when it is made; let it run out later, or not at all")]
    RunOut,
    /// It was revoked before.
    #[error("the API token is revoked already; it opens nothing")]
    AlreadyRevoked,
}

impl ApiTokenRefusal {
    /// The reason's name outside.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Unknown => "API_TOKEN_UNKNOWN",
            Self::AlreadyCreated => "ALREADY_CREATED",
            Self::RunOut => "RUN_OUT",
            Self::AlreadyRevoked => "ALREADY_REVOKED",
        }
    }
}

/// An API token, from its events.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum ApiToken {
    /// Never made.
    #[default]
    Unknown,
    /// Made, and perhaps revoked since.
    Known(ApiTokenFacts),
}

/// What is known of an API token.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ApiTokenFacts {
    /// Its id.
    pub id: ApiTokenId,
    /// The project that it opens.
    pub project: ProjectId,
    /// Its name.
    pub name: ApiTokenName,
    /// What people know it by.
    pub prefix: ApiTokenPrefix,
    /// What it may do, and in which channels.
    pub grant: ApiTokenGrant,
    /// When it was made.
    pub created_at: Timestamp,
    /// Until when it opens anything; none: until it is revoked.
    pub expires_at: Option<Timestamp>,
    /// When it was revoked.
    pub revoked_at: Option<Timestamp>,
}

impl ApiTokenFacts {
    /// Whether it opens anything at this moment: not revoked, and not run out (at `expires_at` itself it has).
    pub fn is_valid_at(&self, at: Timestamp) -> bool {
        self.revoked_at.is_none() && self.expires_at.is_none_or(|expires_at| at < expires_at)
    }
}

impl ApiToken {
    /// The facts, once it was made.
    pub fn facts(&self) -> Option<&ApiTokenFacts> {
        match self {
            Self::Unknown => None,
            Self::Known(facts) => Some(facts),
        }
    }

    /// What follows from the command, or why nothing does.
    pub fn decide(&self, command: ApiTokenCommand) -> Result<Vec<ApiTokenEvent>, ApiTokenRefusal> {
        match (self, command) {
            (Self::Unknown, ApiTokenCommand::Create { expires_at: Some(expires_at), at, .. })
                if expires_at <= at =>
            {
                Err(ApiTokenRefusal::RunOut)
            }
            (Self::Unknown, ApiTokenCommand::Create { id, project, name, prefix, grant, expires_at, at }) => {
                Ok(vec![ApiTokenEvent::Created { id, project, name, prefix, grant, expires_at, at }])
            }
            (Self::Unknown, ApiTokenCommand::Revoke { .. }) => Err(ApiTokenRefusal::Unknown),
            (Self::Known(_), ApiTokenCommand::Create { .. }) => Err(ApiTokenRefusal::AlreadyCreated),
            (Self::Known(facts), ApiTokenCommand::Revoke { .. }) if facts.revoked_at.is_some() => {
                Err(ApiTokenRefusal::AlreadyRevoked)
            }
            (Self::Known(_), ApiTokenCommand::Revoke { at }) => Ok(vec![ApiTokenEvent::Revoked { at }]),
        }
    }

    /// Folds one event. An event that cannot follow changes nothing.
    pub fn apply(&mut self, event: &ApiTokenEvent) {
        match (&mut *self, event) {
            (Self::Unknown, ApiTokenEvent::Created { id, project, name, prefix, grant, expires_at, at }) => {
                *self = Self::Known(ApiTokenFacts {
                    id: id.clone(),
                    project: project.clone(),
                    name: name.clone(),
                    prefix: prefix.clone(),
                    grant: grant.clone(),
                    created_at: *at,
                    expires_at: *expires_at,
                    revoked_at: None,
                });
            }
            (Self::Known(facts), ApiTokenEvent::Revoked { at }) => {
                facts.revoked_at.get_or_insert(*at);
            }
            (Self::Unknown, ApiTokenEvent::Revoked { .. })
            | (Self::Known(_), ApiTokenEvent::Created { .. }) => {}
        }
    }
}

cqrs_aggregate! {
    ApiToken as "api_token" { ApiTokenCommand, ApiTokenEvent, ApiTokenRefusal }
}
