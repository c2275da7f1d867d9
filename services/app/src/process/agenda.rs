//! Rows of the process managers: place in the log, steps, and who is on air where, committed together.

use std::collections::HashMap;
use std::path::Path;
use std::time::Duration;

use sigma_store::Cursor;
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous};
use sqlx::{Row, SqlitePool};

use super::step::{Step, StepKind};
use crate::OpenError;

/// Of the tables in `sql/schema.sql`. A file of another version is emptied of all that follows from the log.
const VERSION: i64 = 1;

/// At most so many steps are fired before the log is looked at again.
const STEPS_AT_ONCE: i64 = 100;

/// What was found about a line.
pub(super) struct Findings {
    pub(super) line: String,
    pub(super) steps: Vec<Step>,
    /// Sessions that have not ended, with the nodes that hold them.
    pub(super) on_air: Vec<(String, String)>,
}

/// A step that is due.
#[derive(Clone, Debug)]
pub(super) struct DueStep {
    pub(super) line: String,
    pub(super) step: Step,
    pub(super) attempts: u32,
}

/// The rows.
#[derive(Debug)]
pub(super) struct Agenda {
    pool: SqlitePool,
}

impl Agenda {
    /// Opens the file, or makes it.
    pub(super) async fn open(path: &Path) -> Result<Self, OpenError> {
        let unusable = |error: sqlx::Error| OpenError::Process {
            path: path.display().to_string(),
            cause: error.to_string(),
        };
        // What is lost at a loss of power is derived again, so NORMAL is enough.
        let options = SqliteConnectOptions::new()
            .filename(path)
            .create_if_missing(true)
            .journal_mode(SqliteJournalMode::Wal)
            .synchronous(SqliteSynchronous::Normal)
            .busy_timeout(Duration::from_secs(5));
        let pool =
            SqlitePoolOptions::new().max_connections(1).connect_with(options).await.map_err(unusable)?;
        let agenda = Self { pool };
        agenda.prepare().await.map_err(unusable)?;
        Ok(agenda)
    }

    async fn prepare(&self) -> Result<(), sqlx::Error> {
        let mut tx = self.pool.begin().await?;
        let version: i64 = sqlx::query_scalar("PRAGMA user_version").fetch_one(&mut *tx).await?;
        if version != VERSION {
            for drop in
                ["DROP TABLE IF EXISTS place", "DROP TABLE IF EXISTS step", "DROP TABLE IF EXISTS on_air"]
            {
                sqlx::query(drop).execute(&mut *tx).await?;
            }
        }
        sqlx::raw_sql(include_str!("sql/schema.sql")).execute(&mut *tx).await?;
        sqlx::raw_sql(&format!("PRAGMA user_version = {VERSION}")).execute(&mut *tx).await?;
        tx.commit().await
    }

    /// Where to read on.
    pub(super) async fn place(&self) -> Result<Cursor, sqlx::Error> {
        let cursor: Option<String> =
            sqlx::query_scalar("SELECT cursor FROM place WHERE id = 1").fetch_optional(&self.pool).await?;
        Ok(cursor.map(Cursor::from_text).unwrap_or_default())
    }

    /// Sessions of a line that were on air when it was looked at last.
    pub(super) async fn sessions_of(&self, line: &str) -> Result<Vec<String>, sqlx::Error> {
        sqlx::query_scalar("SELECT session FROM on_air WHERE line = $1")
            .bind(line)
            .fetch_all(&self.pool)
            .await
    }

    /// Sessions that a node holds.
    pub(super) async fn sessions_at(&self, node: &str) -> Result<Vec<String>, sqlx::Error> {
        let sql = "SELECT session FROM on_air WHERE node = $1 ORDER BY session";
        sqlx::query_scalar(sql).bind(node).fetch_all(&self.pool).await
    }

    /// Writes what was found about lines, in place of what stood about them, and the place in the log with it.
    pub(super) async fn write(
        &self,
        findings: &[Findings],
        place: Option<&Cursor>,
    ) -> Result<(), sqlx::Error> {
        let mut tx = self.pool.begin().await?;
        for Findings { line, steps, on_air } in findings {
            let standing: Vec<(String, String)> =
                sqlx::query_as("SELECT kind, subject FROM step WHERE line = $1")
                    .bind(line)
                    .fetch_all(&mut *tx)
                    .await?;
            let gone = standing.iter().filter(|(kind, subject)| {
                !steps.iter().any(|step| step.kind.code() == kind && step.subject == *subject)
            });
            for (kind, subject) in gone {
                let sql = "DELETE FROM step WHERE line = $1 AND kind = $2 AND subject = $3";
                sqlx::query(sql).bind(line).bind(kind).bind(subject).execute(&mut *tx).await?;
            }
            for Step { kind, subject, due_ms } in steps {
                let query = sqlx::query(include_str!("sql/put_step.sql")).bind(line).bind(kind.code());
                query.bind(subject).bind(due_ms).execute(&mut *tx).await?;
            }
            sqlx::query("DELETE FROM on_air WHERE line = $1").bind(line).execute(&mut *tx).await?;
            for (session, node) in on_air {
                let sql = "INSERT INTO on_air (session, line, node) VALUES ($1, $2, $3)";
                sqlx::query(sql).bind(session).bind(line).bind(node).execute(&mut *tx).await?;
            }
        }
        if let Some(place) = place {
            sqlx::query(include_str!("sql/put_place.sql")).bind(place.as_str()).execute(&mut *tx).await?;
        }
        tx.commit().await
    }

    /// Forgets everything: the log is another one, and is read from its beginning.
    pub(super) async fn clear(&self) -> Result<(), sqlx::Error> {
        let mut tx = self.pool.begin().await?;
        for delete in ["DELETE FROM place", "DELETE FROM step", "DELETE FROM on_air"] {
            sqlx::query(delete).execute(&mut *tx).await?;
        }
        tx.commit().await
    }

    /// When tokens were used last.
    pub(super) async fn last_uses(&self, ids: &[String]) -> Result<HashMap<String, i64>, sqlx::Error> {
        let ids = serde_json::Value::from(ids.to_vec()).to_string();
        let query = sqlx::query_as(include_str!("sql/last_uses.sql")).bind(ids);
        Ok(query.fetch_all(&self.pool).await?.into_iter().collect())
    }

    /// Writes down when tokens were used, where that is later than what stands.
    pub(super) async fn put_uses(&self, uses: &HashMap<String, i64>) -> Result<(), sqlx::Error> {
        let mut tx = self.pool.begin().await?;
        for (token, at_ms) in uses {
            sqlx::query(include_str!("sql/put_use.sql")).bind(token).bind(at_ms).execute(&mut *tx).await?;
        }
        tx.commit().await
    }

    /// Steps that are due, the oldest first.
    pub(super) async fn due(&self, now_ms: i64) -> Result<Vec<DueStep>, sqlx::Error> {
        let query = sqlx::query(include_str!("sql/due_steps.sql")).bind(now_ms).bind(STEPS_AT_ONCE);
        let rows = query.fetch_all(&self.pool).await?;
        let step = |row: &sqlx::sqlite::SqliteRow| {
            let kind: String = row.try_get("kind")?;
            let kind: StepKind = kind.parse().map_err(|error| sqlx::Error::Decode(Box::new(error)))?;
            let step = Step { kind, subject: row.try_get("subject")?, due_ms: row.try_get("due_ms")? };
            Ok(DueStep { line: row.try_get("line")?, step, attempts: row.try_get("attempts")? })
        };
        rows.iter().map(step).collect()
    }

    /// When the next step is due.
    pub(super) async fn next_due(&self) -> Result<Option<i64>, sqlx::Error> {
        sqlx::query_scalar("SELECT min(not_before_ms) FROM step").fetch_one(&self.pool).await
    }

    /// Puts a step off that still stands after it was tried.
    pub(super) async fn put_off(&self, due: &DueStep, until_ms: i64) -> Result<(), sqlx::Error> {
        let Step { kind, subject, due_ms } = &due.step;
        let query = sqlx::query(include_str!("sql/put_off_step.sql")).bind(&due.line).bind(kind.code());
        query.bind(subject).bind(due_ms).bind(until_ms).execute(&self.pool).await?;
        Ok(())
    }
}
