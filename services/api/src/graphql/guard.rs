//! Which scope a field wants. Every root field states its own, and so does each field that leads to a secret or into
//! another room; a test walks them all with every kind of token.
//!
//! The use case behind a field asks again: a guard is the stated door, not the only lock.

use async_graphql::{Context, Guard, Result};
use sigma_app::{AppError, ProjectId, Scope};

use super::context::asked;
use super::errors::Fault;

/// The token must have this scope.
pub(crate) struct Needs(pub(crate) Scope);

impl Guard for Needs {
    async fn check(&self, context: &Context<'_>) -> Result<()> {
        if asked(context)?.caller.access.may(self.0) {
            return Ok(());
        }
        Err(Fault::from(AppError::Forbidden { needs: self.0 }).into())
    }
}

/// The token must not be bound to channels: what it leads to is of all of them.
pub(crate) struct Unbound;

impl Guard for Unbound {
    async fn check(&self, context: &Context<'_>) -> Result<()> {
        Ok(asked(context)?.caller.need_unbound().map_err(Fault::from)?)
    }
}

/// The token must be of the project `default`: what it leads to is the platform's own, of no project.
pub(crate) struct InDefaultProject;

impl Guard for InDefaultProject {
    async fn check(&self, context: &Context<'_>) -> Result<()> {
        if asked(context)?.caller.project == ProjectId::default_project() {
            return Ok(());
        }
        Err(Fault::from(AppError::DefaultProjectOnly).into())
    }
}
