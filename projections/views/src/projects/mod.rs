//! The view of projects.

use async_trait::async_trait;
use cqrs_es::Aggregate;
use sigma_app::{ProjectRow, fold};
use sigma_domain::{Project, ProjectEvent};
use sigma_runner::{ApplyError, Projection};
use sigma_store::{RecordedEvent, StoreError};
use sigma_tables::{Row, Rows, Value};

use crate::rows::whole;
use crate::table::{Table, fold_in};

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

    async fn apply(&self, mut rows: Rows<'_>, events: &[&RecordedEvent]) -> Result<(), ApplyError> {
        fold_in::<Projects>(&mut rows, events).await?.write(rows).await
    }
}

struct Projects;

impl Table for Projects {
    type Row = ProjectRow;
    type Event = ProjectEvent;

    const NAME: &'static str = "project";
    const COLUMNS: &'static [&'static str] = &["id", "name", "created_at_ms", "sequence"];

    fn read(found: &Row) -> Result<ProjectRow, sqlx::Error> {
        row(found)
    }

    fn values(row: &ProjectRow) -> Result<Vec<Value<'_>>, ApplyError> {
        let (id, name) = (row.id.as_str(), row.name.as_str());
        Ok(vec![id.into(), name.into(), row.created_at_ms.into(), whole(row.sequence).into()])
    }

    fn fold(
        row: Option<ProjectRow>,
        event: &ProjectEvent,
        recorded: &RecordedEvent,
    ) -> Result<Option<ProjectRow>, StoreError> {
        Ok(fold::project(row, event, recorded.sequence))
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
