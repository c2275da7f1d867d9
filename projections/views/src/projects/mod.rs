//! The view of projects.

use async_trait::async_trait;
use cqrs_es::Aggregate;
use sigma_app::{ProjectRow, fold};
use sigma_domain::{Project, ProjectEvent};
use sigma_runner::{ApplyError, Projection};
use sigma_store::RecordedEvent;
use sigma_tables::{Row, Rows, query};

use crate::rows::{one_row, whole};

/// Projects, one row each, for ever.
#[derive(Clone, Copy, Debug, Default)]
pub struct ProjectsView;

impl ProjectsView {
    /// Its name, as in file names and in the API.
    pub const NAME: &'static str = "projects";
}

#[async_trait]
impl Projection for ProjectsView {
    fn name(&self) -> &str {
        Self::NAME
    }

    fn version(&self) -> u32 {
        1
    }

    fn schema_sql(&self) -> &str {
        include_str!("schema.sql")
    }

    fn concerns(&self, aggregate_type: &str) -> bool {
        aggregate_type == Project::TYPE
    }

    async fn apply(&self, rows: Rows<'_>, recorded: &RecordedEvent) -> Result<(), ApplyError> {
        let event: ProjectEvent =
            fold::decode(recorded).map_err(|error| ApplyError::Poison(error.to_string()))?;
        let ProjectEvent::Created { name, at, .. } = &event;
        let made = query(include_str!("created.sql"))
            .bind(&recorded.aggregate_id)
            .bind(whole(recorded.sequence))
            .bind(name.as_str())
            .bind(at.as_millis());
        one_row(made.execute(rows).await?, event.name())
    }
}

pub(crate) fn row(row: &Row) -> Result<ProjectRow, sqlx::Error> {
    Ok(ProjectRow {
        id: row.try_get("id")?,
        name: row.try_get("name")?,
        created_at_ms: row.try_get("created_at_ms")?,
        sequence: row.try_get::<i64>("sequence")?.unsigned_abs(),
    })
}
