//! A node, as the others see it.

use std::time::Duration;

use sqlx::Row as _;
use sqlx::postgres::PgRow;

/// How a node is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum NodeState {
    /// It has said lately that it lives.
    #[default]
    Up,
    /// It has said nothing for its term.
    Silent,
    /// It was taken for lost: what it held was given up.
    Lost,
}

/// A node, as the others see it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Node {
    /// Its id.
    pub id: String,
    /// Rises with each process that runs as it, and when it is taken for lost.
    pub token: i64,
    /// How it is.
    pub state: NodeState,
    /// Since when its word has run out; zero while it has not.
    pub silent_for: Duration,
    /// How long its word still holds.
    pub left: Duration,
    /// When its process started: milliseconds since the Unix epoch.
    pub started_at_ms: i64,
    /// What it is for.
    pub roles: Vec<String>,
    /// The version of its program.
    pub version: String,
    /// Where viewers and clients reach its HTTP door: `http://HOST:PORT`.
    pub url: String,
    /// Where broadcasters reach it, as `rtmp://HOST:PORT/live`; none where it takes no feeds.
    pub rtmp: Option<String>,
    /// How many sessions are on air there, as it said last.
    pub sessions: usize,
    /// The leases that it holds.
    pub leases: Vec<String>,
}

impl Node {
    pub(crate) fn of(row: &PgRow) -> Result<Self, sqlx::Error> {
        let facts: serde_json::Value = row.try_get("facts")?;
        let text = |name: &str| facts.get(name).and_then(|fact| fact.as_str()).unwrap_or_default().to_owned();
        let roles = facts.get("roles").and_then(|roles| roles.as_array()).map(Vec::as_slice);
        let left_ms: i64 = row.try_get("left_ms")?;
        Ok(Self {
            id: row.try_get("id")?,
            token: row.try_get("token")?,
            state: match (row.try_get("is_lost")?, left_ms > 0) {
                (true, _) => NodeState::Lost,
                (false, true) => NodeState::Up,
                (false, false) => NodeState::Silent,
            },
            silent_for: millis(left_ms.saturating_neg()),
            left: millis(left_ms),
            started_at_ms: row.try_get("started_ms")?,
            roles: roles
                .unwrap_or_default()
                .iter()
                .filter_map(|role| role.as_str().map(str::to_owned))
                .collect(),
            version: text("version"),
            url: text("url"),
            rtmp: facts.get("rtmp").and_then(|rtmp| rtmp.as_str()).map(str::to_owned),
            sessions: facts
                .get("sessions")
                .and_then(serde_json::Value::as_u64)
                .and_then(|sessions| usize::try_from(sessions).ok())
                .unwrap_or(0),
            leases: row.try_get("leases")?,
        })
    }
}

/// None where it is less than none.
fn millis(number: i64) -> Duration {
    Duration::from_millis(u64::try_from(number).unwrap_or(0))
}
