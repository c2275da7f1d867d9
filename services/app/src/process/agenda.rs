//! Rows of the process managers: place in the log, steps, and who is on air where, committed together.

use std::collections::HashMap;

use sigma_cluster::Fence;
use sigma_domain::AssetId;
use sigma_store::Cursor;
use sigma_tables::{Place, Pool, Row, Rows, Schema, Transaction, query};

use super::ProcessError;
use super::step::{Step, StepKind};
use crate::OpenError;

/// Of the tables in `sql/schema.sql`. What is of another version is emptied of all that follows from the log.
const VERSION: i64 = 2;

/// At most so many steps are fired before the log is looked at again.
const STEPS_AT_ONCE: i64 = 100;

/// What was found about a line.
pub(super) struct Findings {
    pub(super) line: String,
    pub(super) steps: Vec<Step>,
    /// Sessions that have not ended, with the nodes that hold them.
    pub(super) on_air: Vec<(String, String)>,
    /// Of an asset: its channel, unless it is gone.
    pub(super) asset_of: Option<String>,
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
    pool: Pool,
}

/// Connections to a server: the managers' own, and one for whoever asks when tokens were used.
const CONNECTIONS: u32 = 2;

impl Agenda {
    /// Opens the rows where they are, or makes them.
    pub(super) async fn open(place: &Place) -> Result<Self, OpenError> {
        let unusable =
            |error: sqlx::Error| OpenError::Process { path: place.to_string(), cause: error.to_string() };
        let agenda = Self { pool: place.pool(CONNECTIONS) };
        agenda.prepare(place).await.map_err(unusable)?;
        Ok(agenda)
    }

    async fn prepare(&self, place: &Place) -> Result<(), sqlx::Error> {
        let mut tx = self.pool.begin().await?;
        if let Place::Schema(schema) = place {
            schema.make(&mut tx).await?;
        }
        let version = version(place, Rows::from(&mut tx)).await?;
        if version > VERSION {
            let newer = "a newer sigma keeps them: run that one, or a newer one still";
            return Err(sqlx::Error::Configuration(newer.into()));
        }
        let mut rows = Rows::from(&mut tx);
        if version != VERSION {
            let drop = "DROP TABLE IF EXISTS place; DROP TABLE IF EXISTS step; DROP TABLE IF EXISTS on_air; \
                        DROP TABLE IF EXISTS asset";
            rows.script(drop).await?;
        }
        rows.script(include_str!("sql/schema.sql")).await?;
        match place {
            Place::File(_) => rows.script(&format!("PRAGMA user_version = {VERSION}")).await?,
            Place::Schema(_) => {
                Schema::sort_by_bytes(&mut rows).await?;
                query("UPDATE about SET version = $1").bind(VERSION).execute(&mut rows).await?;
            }
        }
        tx.commit().await
    }

    /// Begins a transaction that only whoever holds the lease may commit.
    async fn begin(&self, fence: &Fence) -> Result<Transaction<'static>, ProcessError> {
        let mut tx = self.pool.begin().await?;
        match fence.holds(&mut tx).await? {
            true => Ok(tx),
            false => Err(ProcessError::StoodDown),
        }
    }

    /// Where to read on.
    pub(super) async fn place(&self) -> Result<Cursor, sqlx::Error> {
        let mut rows = self.pool.acquire().await?;
        let place = query("SELECT cursor FROM place WHERE id = 1").fetch_optional(&mut rows).await?;
        let cursor = place.map(|row| row.try_get::<String>("cursor")).transpose()?;
        Ok(cursor.map(Cursor::from_text).unwrap_or_default())
    }

    /// Sessions of a line that were on air when it was looked at last.
    pub(super) async fn sessions_of(&self, line: &str) -> Result<Vec<String>, sqlx::Error> {
        let mut rows = self.pool.acquire().await?;
        let found =
            query("SELECT session FROM on_air WHERE line = $1").bind(line).fetch_all(&mut rows).await?;
        found.iter().map(|row| row.try_get("session")).collect()
    }

    /// Assets of a channel that were not gone when they were looked at last.
    pub(super) async fn assets_of(&self, channel: &str) -> Result<Vec<String>, sqlx::Error> {
        let mut rows = self.pool.acquire().await?;
        let found = query("SELECT asset FROM asset WHERE channel = $1").bind(channel);
        found.fetch_all(&mut rows).await?.iter().map(|row| row.try_get("asset")).collect()
    }

    /// Assets of sessions that have ended, of which nobody has said yet what they hold.
    pub(super) async fn untold(&self) -> Result<Vec<String>, sqlx::Error> {
        let mut rows = self.pool.acquire().await?;
        let found = query("SELECT subject FROM step WHERE kind = $1").bind(StepKind::GiveUpAsset.code());
        found.fetch_all(&mut rows).await?.iter().map(|row| row.try_get("subject")).collect()
    }

    /// Sessions that a node holds, with their lines.
    pub(super) async fn sessions_at(&self, node: &str) -> Result<Vec<(String, String)>, sqlx::Error> {
        let mut rows = self.pool.acquire().await?;
        let found = query("SELECT session, line FROM on_air WHERE node = $1").bind(node);
        let found = found.fetch_all(&mut rows).await?;
        found.iter().map(|row| Ok((row.try_get("session")?, row.try_get("line")?))).collect()
    }

    /// Writes what was found about lines, in place of what stood about them, and the place in the log with it.
    pub(super) async fn write(
        &self,
        fence: &Fence,
        findings: &[Findings],
        place: Option<&Cursor>,
    ) -> Result<(), ProcessError> {
        let mut tx = self.begin(fence).await?;
        for Findings { line, steps, on_air, asset_of } in findings {
            let standing = query("SELECT kind, subject FROM step WHERE line = $1").bind(line);
            let standing = standing.fetch_all(&mut tx).await?;
            let standing: Vec<(String, String)> = standing
                .iter()
                .map(|row| Ok((row.try_get("kind")?, row.try_get("subject")?)))
                .collect::<Result<_, sqlx::Error>>()?;
            let gone = standing.iter().filter(|(kind, subject)| {
                !steps.iter().any(|step| step.kind.code() == kind && step.subject == *subject)
            });
            for (kind, subject) in gone {
                let sql = "DELETE FROM step WHERE line = $1 AND kind = $2 AND subject = $3";
                query(sql).bind(line).bind(kind).bind(subject).execute(&mut tx).await?;
            }
            for Step { kind, subject, due_ms } in steps {
                let put = query(include_str!("sql/put_step.sql")).bind(line).bind(kind.code());
                put.bind(subject).bind(due_ms).execute(&mut tx).await?;
            }
            if line.starts_with(AssetId::PREFIX) {
                write_asset(&mut tx, line, asset_of.as_deref()).await?;
                continue;
            }
            query("DELETE FROM on_air WHERE line = $1").bind(line).execute(&mut tx).await?;
            for (session, node) in on_air {
                let sql = "INSERT INTO on_air (session, line, node) VALUES ($1, $2, $3)";
                query(sql).bind(session).bind(line).bind(node).execute(&mut tx).await?;
            }
        }
        if let Some(place) = place {
            query(include_str!("sql/put_place.sql")).bind(place.as_str()).execute(&mut tx).await?;
        }
        Ok(tx.commit().await?)
    }

    /// Forgets everything: the log is another one, and is read from its beginning.
    pub(super) async fn clear(&self, fence: &Fence) -> Result<(), ProcessError> {
        let mut tx = self.begin(fence).await?;
        for delete in ["DELETE FROM place", "DELETE FROM step", "DELETE FROM on_air", "DELETE FROM asset"] {
            query(delete).execute(&mut tx).await?;
        }
        Ok(tx.commit().await?)
    }

    /// When tokens were used last.
    pub(super) async fn last_uses(&self, ids: &[String]) -> Result<HashMap<String, i64>, sqlx::Error> {
        let ids = serde_json::Value::from(ids.to_vec()).to_string();
        let mut rows = self.pool.acquire().await?;
        let found = query(include_str!("sql/last_uses.sql")).bind(ids).fetch_all(&mut rows).await?;
        found.iter().map(|row| Ok((row.try_get("token")?, row.try_get("at_ms")?))).collect()
    }

    /// Writes down when tokens were used, where that is later than what stands.
    pub(super) async fn put_uses(&self, uses: &HashMap<String, i64>) -> Result<(), sqlx::Error> {
        let mut tx = self.pool.begin().await?;
        for (token, at_ms) in uses {
            query(include_str!("sql/put_use.sql")).bind(token).bind(at_ms).execute(&mut tx).await?;
        }
        tx.commit().await
    }

    /// When each token was used last.
    pub(super) async fn all_uses(&self) -> Result<HashMap<String, i64>, sqlx::Error> {
        let mut rows = self.pool.acquire().await?;
        let found = query("SELECT token, at_ms FROM token_use").fetch_all(&mut rows).await?;
        found.iter().map(|row| Ok((row.try_get("token")?, row.try_get("at_ms")?))).collect()
    }

    /// Steps that are due, the oldest first.
    pub(super) async fn due(&self, now_ms: i64) -> Result<Vec<DueStep>, sqlx::Error> {
        let mut rows = self.pool.acquire().await?;
        let due = query(include_str!("sql/due_steps.sql")).bind(now_ms).bind(STEPS_AT_ONCE);
        let rows = due.fetch_all(&mut rows).await?;
        let step = |row: &Row| {
            let kind: String = row.try_get("kind")?;
            let kind: StepKind = kind.parse().map_err(|error| sqlx::Error::Decode(Box::new(error)))?;
            let step = Step { kind, subject: row.try_get("subject")?, due_ms: row.try_get("due_ms")? };
            Ok(DueStep { line: row.try_get("line")?, step, attempts: attempts(row)? })
        };
        rows.iter().map(step).collect()
    }

    /// When the next step is due.
    pub(super) async fn next_due(&self) -> Result<Option<i64>, sqlx::Error> {
        let mut rows = self.pool.acquire().await?;
        let next = query("SELECT min(not_before_ms) AS next FROM step").fetch_one(&mut rows).await?;
        next.try_get("next")
    }

    /// Puts a step off that still stands after it was tried.
    pub(super) async fn put_off(
        &self,
        fence: &Fence,
        due: &DueStep,
        until_ms: i64,
    ) -> Result<(), ProcessError> {
        let Step { kind, subject, due_ms } = &due.step;
        let mut tx = self.begin(fence).await?;
        let put_off = query(include_str!("sql/put_off_step.sql")).bind(&due.line).bind(kind.code());
        put_off.bind(subject).bind(due_ms).bind(until_ms).execute(&mut tx).await?;
        Ok(tx.commit().await?)
    }
}

async fn write_asset(
    tx: &mut Transaction<'static>,
    asset: &str,
    channel: Option<&str>,
) -> Result<(), sqlx::Error> {
    let sql = match channel {
        Some(_) => "INSERT INTO asset (asset, channel) VALUES ($1, $2) ON CONFLICT (asset) DO NOTHING",
        None => "DELETE FROM asset WHERE asset = $1",
    };
    let write = query(sql).bind(asset);
    let write = if let Some(channel) = channel { write.bind(channel) } else { write };
    write.execute(tx).await.map(drop)
}

/// The version of the tables that stand there.
async fn version(place: &Place, mut rows: Rows<'_>) -> Result<i64, sqlx::Error> {
    let asked = match place {
        Place::File(_) => query("SELECT user_version AS version FROM pragma_user_version"),
        Place::Schema(_) => {
            let make = "CREATE TABLE IF NOT EXISTS about (version BIGINT NOT NULL); \
                        INSERT INTO about SELECT 0 WHERE NOT EXISTS (SELECT FROM about)";
            rows.script(make).await?;
            query("SELECT version FROM about")
        }
    };
    asked.fetch_one(rows).await?.try_get("version")
}

/// How often a step was tried, as far as that matters.
fn attempts(row: &Row) -> Result<u32, sqlx::Error> {
    Ok(u32::try_from(row.try_get::<i64>("attempts")?).unwrap_or(u32::MAX))
}
