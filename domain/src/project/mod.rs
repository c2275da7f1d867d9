//! A project: what channels and API tokens (and later assets and webhook endpoints) belong to.

use cqrs_es::DomainEvent;
use serde::{Deserialize, Serialize};

use crate::{ProjectId, ProjectName, Timestamp, aggregate::cqrs_aggregate};

/// What may be asked of a project.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ProjectCommand {
    /// Make it.
    Create {
        /// Its id, made by the caller.
        id: ProjectId,
        /// Its name.
        name: ProjectName,
        /// When.
        at: Timestamp,
    },
}

/// What happened to a project.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum ProjectEvent {
    /// It was made: `project.created`.
    Created {
        /// Its id.
        id: ProjectId,
        /// Its name.
        name: ProjectName,
        /// When.
        at: Timestamp,
    },
}

impl ProjectEvent {
    /// Every event's name outside.
    pub const NAMES: &'static [&'static str] = &["project.created"];

    /// The event's name outside.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Created { .. } => "project.created",
        }
    }

    /// When it happened.
    pub fn at(&self) -> Timestamp {
        match self {
            Self::Created { at, .. } => *at,
        }
    }
}

impl DomainEvent for ProjectEvent {
    fn event_type(&self) -> String {
        self.name().to_owned()
    }

    fn event_version(&self) -> String {
        "1".to_owned()
    }
}

/// Why a project refuses.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ProjectRefusal {
    /// The id is taken.
    #[error("the project {0} is there already; take another id")]
    AlreadyCreated(ProjectId),
}

impl ProjectRefusal {
    /// The reason's name outside.
    pub fn code(&self) -> &'static str {
        match self {
            Self::AlreadyCreated(_) => "ALREADY_CREATED",
        }
    }
}

/// A project, from its events.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Project {
    /// Never made.
    #[default]
    Unknown,
    /// Made.
    Known(ProjectFacts),
}

/// What is known of a project.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProjectFacts {
    /// Its id.
    pub id: ProjectId,
    /// Its name.
    pub name: ProjectName,
    /// When it was made.
    pub created_at: Timestamp,
}

impl Project {
    /// The facts, once it was made.
    pub fn facts(&self) -> Option<&ProjectFacts> {
        match self {
            Self::Unknown => None,
            Self::Known(facts) => Some(facts),
        }
    }

    /// What follows from the command, or why nothing does.
    pub fn decide(&self, command: ProjectCommand) -> Result<Vec<ProjectEvent>, ProjectRefusal> {
        match (self, command) {
            (Self::Known(facts), ProjectCommand::Create { .. }) => {
                Err(ProjectRefusal::AlreadyCreated(facts.id.clone()))
            }
            (Self::Unknown, ProjectCommand::Create { id, name, at }) => {
                Ok(vec![ProjectEvent::Created { id, name, at }])
            }
        }
    }

    /// Folds one event.
    pub fn apply(&mut self, event: &ProjectEvent) {
        match event {
            ProjectEvent::Created { id, name, at } => {
                *self = Self::Known(ProjectFacts { id: id.clone(), name: name.clone(), created_at: *at });
            }
        }
    }
}

cqrs_aggregate! {
    Project as "project" { ProjectCommand, ProjectEvent, ProjectRefusal }
}
