//! Projects: the walls between those who share a platform.

use async_graphql::{Context, ID, Result, SimpleObject};
use sigma_app::ProjectRow;

use super::context::asked;
use super::errors::Fault;
use super::loaders::ProjectKey;
use super::scalars::DateTime;

/// A project: it owns channels, sessions and tokens, and sees nothing of another's.
#[derive(SimpleObject)]
pub(crate) struct Project {
    /// The project's id, `pr_…`.
    id: ID,
    /// Its name.
    name: String,
    /// When it was made.
    created_at: DateTime,
}

impl From<&ProjectRow> for Project {
    fn from(row: &ProjectRow) -> Self {
        Self {
            id: ID(row.id.clone()),
            name: row.name.clone(),
            created_at: DateTime::from_millis(row.created_at_ms),
        }
    }
}

/// What became of a project.
#[derive(SimpleObject)]
pub(crate) struct ProjectPayload {
    /// The project as it is now.
    pub(crate) project: Project,
}

/// The project of something that the caller sees.
pub(crate) async fn project(context: &Context<'_>, id: &str) -> Result<Project> {
    let row = asked(context)?.loaded.load_one(ProjectKey(id.to_owned())).await?;
    let row = row.ok_or_else(|| Fault::not_found("project", id))?;
    Ok(Project::from(row.as_ref()))
}
