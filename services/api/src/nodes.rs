//! The platform's nodes, as the binary knows them.

use async_graphql::{Enum, SimpleObject};

use crate::graphql::DateTime;

/// How a node is.
#[derive(Enum, Clone, Copy, Debug, PartialEq, Eq)]
pub enum NodeState {
    /// It has said within the last 5 s that it lives.
    Up,
    /// It has said nothing for longer.
    Silent,
    /// The others took it for lost: what it held went to them, its sessions wait for their broadcasters.
    Lost,
}

/// A node, as it said last.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NodeRow {
    /// Its id.
    pub id: String,
    /// How it is.
    pub state: NodeState,
    /// What it is for.
    pub roles: Vec<String>,
    /// The version of its program.
    pub version: String,
    /// Where its HTTP door is: `http://HOST:PORT`.
    pub url: String,
    /// Where broadcasters reach it, as `rtmp://HOST:PORT/live`; none where it takes no feeds.
    pub rtmp: Option<String>,
    /// When its process started: milliseconds since the Unix epoch.
    pub started_at_ms: i64,
    /// For how long it has said nothing, beyond the term that its last word held for.
    pub silent_seconds: u64,
    /// Sessions that are on air there.
    pub sessions: usize,
    /// What it alone does, by name: `projection/channels`, `process-managers`.
    pub leases: Vec<String>,
}

/// The platform's nodes. The binary fits the cluster to it.
pub trait Nodes: Send + Sync {
    /// All nodes, as they were a moment ago; without waiting.
    fn nodes(&self) -> Vec<NodeRow>;
}

/// Those of them that are there and take feeds, which are those that serve viewers.
pub(crate) fn media_nodes(nodes: &dyn Nodes) -> Vec<NodeRow> {
    let mut nodes = nodes.nodes();
    nodes.retain(|node| node.state == NodeState::Up && node.rtmp.is_some());
    nodes
}

/// A process of the platform, on this machine or another.
#[derive(SimpleObject)]
#[graphql(name = "Node")]
pub(crate) struct NodeObject {
    /// Its name: what `--node-id` set, or what was made at its first start.
    id: String,
    /// How it is.
    state: NodeState,
    /// What it is for: `api`, `ingest`, `projections`.
    roles: Vec<String>,
    /// The version that it runs.
    version: String,
    /// Where its HTTP door is.
    url: String,
    /// Where broadcasters reach it; null where it takes no feeds.
    rtmp_url: Option<String>,
    /// When its process began.
    started_at: DateTime,
    /// Seconds for which it has said nothing, after the five that each word of it holds for.
    silent_seconds: i32,
    /// Sessions that are on air there, those included that wait for their broadcasters.
    sessions: i32,
    /// What it alone does at the moment, by name: read models, process managers.
    leases: Vec<String>,
}

impl From<NodeRow> for NodeObject {
    fn from(row: NodeRow) -> Self {
        Self {
            id: row.id,
            state: row.state,
            roles: row.roles,
            version: row.version,
            url: row.url,
            rtmp_url: row.rtmp,
            started_at: DateTime::from_millis(row.started_at_ms),
            silent_seconds: i32::try_from(row.silent_seconds).unwrap_or(i32::MAX),
            sessions: i32::try_from(row.sessions).unwrap_or(i32::MAX),
            leases: row.leases,
        }
    }
}
