//! The view of API tokens.

use async_trait::async_trait;
use cqrs_es::Aggregate;
use sigma_app::{Actor, ApiTokenRow, Scope, fold};
use sigma_domain::{ApiToken, ApiTokenEvent, ApiTokenGrant, ChannelId};
use sigma_runner::{ApplyError, Projection};
use sigma_store::RecordedEvent;
use sigma_tables::{Row, Rows, query};

use crate::rows::{broken, one_row, text_of, whole};

/// API tokens, one row each, for ever: a revoked one is still told of.
#[derive(Clone, Copy, Debug, Default)]
pub struct ApiTokensView;

impl ApiTokensView {
    /// Its name, as in file names and in the API.
    pub const NAME: &'static str = "api_tokens";
}

#[async_trait]
impl Projection for ApiTokensView {
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
        aggregate_type == ApiToken::TYPE
    }

    async fn apply(&self, rows: Rows<'_>, recorded: &RecordedEvent) -> Result<(), ApplyError> {
        let poison = |error: sigma_store::StoreError| ApplyError::Poison(error.to_string());
        let event = fold::decode(recorded).map_err(poison)?;
        let by = fold::actor(recorded).map_err(poison)?;
        apply(rows, &event, &by, &recorded.aggregate_id, whole(recorded.sequence)).await
    }
}

async fn apply(
    rows: Rows<'_>,
    event: &ApiTokenEvent,
    by: &Actor,
    id: &str,
    sequence: i64,
) -> Result<(), ApplyError> {
    let on = |sql| query(sql).bind(id).bind(sequence);
    let change = match event {
        ApiTokenEvent::Created { project, name, prefix, grant, expires_at, at, .. } => {
            on(include_str!("created.sql"))
                .bind(project.as_str())
                .bind(name.as_str())
                .bind(prefix.as_str())
                .bind(scopes_json(grant))
                .bind(channels_json(grant))
                .bind(at.as_millis())
                .bind(sigma_schema::actor_to_json(by))
                .bind(expires_at.map(|at| at.as_millis()))
        }
        ApiTokenEvent::Revoked { at } => on(include_str!("revoked.sql")).bind(at.as_millis()),
    };
    one_row(change.execute(rows).await?, event.name())
}

fn scopes_json(grant: &ApiTokenGrant) -> String {
    grant.scopes().iter().map(|scope| scope.code()).collect::<serde_json::Value>().to_string()
}

fn channels_json(grant: &ApiTokenGrant) -> Option<String> {
    let json = |ids: &std::collections::BTreeSet<ChannelId>| {
        ids.iter().map(ChannelId::as_str).collect::<serde_json::Value>().to_string()
    };
    grant.channels().map(json)
}

pub(crate) fn row(row: &Row) -> Result<ApiTokenRow, sqlx::Error> {
    let scopes: Vec<String> = serde_json::from_str(row.try_get("scopes")?).map_err(broken)?;
    let scopes: Result<Vec<Scope>, _> = scopes.iter().map(|scope| scope.parse()).collect();
    let channels = text_of(row, "channels")?.map(|text| serde_json::from_str(&text));
    Ok(ApiTokenRow {
        id: row.try_get("id")?,
        project: row.try_get("project")?,
        name: row.try_get("name")?,
        prefix: row.try_get("prefix")?,
        scopes: scopes.map_err(broken)?,
        channels: channels.transpose().map_err(broken)?,
        created_at_ms: row.try_get("created_at_ms")?,
        created_by: sigma_schema::actor_from_json(row.try_get("created_by")?).map_err(broken)?,
        expires_at_ms: row.try_get("expires_at_ms")?,
        revoked_at_ms: row.try_get("revoked_at_ms")?,
        sequence: row.try_get::<i64>("sequence")?.unsigned_abs(),
    })
}

#[cfg(test)]
mod tests {
    use sqlx::{Connection as _, Executor, SqliteConnection};

    use super::*;

    /// Whoever cleans up many old tokens still sees all that opens something.
    #[tokio::test]
    async fn revoked_tokens_are_left_out_first() {
        let mut view = SqliteConnection::connect(":memory:").await.expect("SQLite");
        view.execute(include_str!("schema.sql")).await.expect("the schema");
        let rows = "INSERT INTO api_token (id, sequence, project, name, prefix, scopes, created_at_ms, created_by, revoked_at_ms)
            VALUES ('a', 1, 'p', '', '', '[]', 1, '', NULL), ('b', 1, 'p', '', '', '[]', 2, '', 9),
                ('c', 1, 'p', '', '', '[]', 3, '', NULL), ('d', 1, 'p', '', '', '[]', 4, '', 9)";
        view.execute(rows).await.expect("rows");
        for (limit, wanted) in [(2, "ca"), (3, "dca"), (9, "dcba")] {
            let query = query(include_str!("of_project.sql")).bind("p").bind(limit);
            let rows = query.fetch_all(Rows::Sqlite(&mut view)).await.expect("an answer");
            assert_eq!(
                rows.iter().map(|row| row.try_get::<String>("id").expect("an id")).collect::<String>(),
                wanted
            );
        }
    }
}
