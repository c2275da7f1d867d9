//! The view of API tokens.

use async_trait::async_trait;
use cqrs_es::Aggregate;
use sigma_app::{ApiTokenRow, Scope, fold};
use sigma_domain::{ApiToken, ApiTokenEvent};
use sigma_runner::{ApplyError, Projection};
use sigma_store::{RecordedEvent, StoreError};
use sigma_tables::{Row, Rows, Value};

use crate::rows::{broken, text_of, whole};
use crate::table::{Table, fold_in};

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

    async fn apply(&self, mut rows: Rows<'_>, events: &[&RecordedEvent]) -> Result<(), ApplyError> {
        fold_in::<ApiTokens>(&mut rows, events).await?.write(rows).await
    }
}

struct ApiTokens;

impl Table for ApiTokens {
    type Row = ApiTokenRow;
    type Event = ApiTokenEvent;

    const NAME: &'static str = "api_token";
    const COLUMNS: &'static [&'static str] = &[
        "id",
        "project",
        "name",
        "prefix",
        "scopes",
        "channels",
        "created_at_ms",
        "created_by",
        "expires_at_ms",
        "revoked_at_ms",
        "sequence",
    ];

    fn read(found: &Row) -> Result<ApiTokenRow, sqlx::Error> {
        row(found)
    }

    fn values(row: &ApiTokenRow) -> Result<Vec<Value<'_>>, ApplyError> {
        let json = |words: serde_json::Value| words.to_string();
        let channels = row.channels.as_ref().map(|ids| json(ids.iter().map(String::as_str).collect()));
        Ok(vec![
            row.id.as_str().into(),
            row.project.as_str().into(),
            row.name.as_str().into(),
            row.prefix.as_str().into(),
            json(row.scopes.iter().map(|scope| scope.code()).collect()).into(),
            channels.into(),
            row.created_at_ms.into(),
            sigma_schema::actor_to_json(&row.created_by).into(),
            row.expires_at_ms.into(),
            row.revoked_at_ms.into(),
            whole(row.sequence).into(),
        ])
    }

    fn fold(
        row: Option<ApiTokenRow>,
        event: &ApiTokenEvent,
        recorded: &RecordedEvent,
    ) -> Result<Option<ApiTokenRow>, StoreError> {
        Ok(fold::api_token(row, event, &fold::actor(recorded)?, recorded.sequence))
    }
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
    use sigma_tables::query;
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
