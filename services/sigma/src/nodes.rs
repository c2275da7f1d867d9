//! The platform's nodes: who is there, who has what, and what becomes of this process when the others took it for lost.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use sigma_api::NodeRow;
use sigma_api::http::{Component, Condition};
use sigma_cluster::{Cluster, Node, NodeState, RENEWAL};
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use crate::media::Media;

/// All nodes, as they were a second ago at most, where the database answers.
pub(crate) struct Roster {
    cluster: Cluster,
    known: Mutex<Known>,
}

#[derive(Default)]
struct Known {
    nodes: Vec<Node>,
    /// Why they are not known any better.
    trouble: Option<String>,
}

impl Roster {
    /// Looks at once.
    pub(crate) async fn new(cluster: Cluster) -> Self {
        let roster = Self { cluster, known: Mutex::default() };
        roster.look().await;
        roster
    }

    fn known(&self) -> std::sync::MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn look(&self) {
        let looked = self.cluster.nodes().await;
        let mut known = self.known();
        match looked {
            Ok(nodes) => *known = Known { nodes, trouble: None },
            Err(error) => known.trouble = Some(error.to_string()),
        }
    }

    /// Looks again and again, until it is told to stop.
    pub(crate) async fn follow(self: Arc<Self>, stop: CancellationToken) {
        let follow = async {
            loop {
                sigma_clock::sleep(RENEWAL).await;
                self.look().await;
            }
        };
        tokio::select! {
            () = follow => {}
            () = stop.cancelled() => {}
        }
    }

    /// Where a node's HTTP door is, while the node is there.
    pub(crate) fn url_of(&self, id: &str) -> Option<String> {
        let known = self.known();
        let node = known.nodes.iter().find(|node| node.id == id && node.state == NodeState::Up)?;
        Some(node.url.clone())
    }
}

impl sigma_api::Nodes for Roster {
    fn nodes(&self) -> Vec<NodeRow> {
        self.known().nodes.iter().map(row).collect()
    }
}

fn row(node: &Node) -> NodeRow {
    NodeRow {
        id: node.id.clone(),
        state: match node.state {
            NodeState::Up => sigma_api::NodeState::Up,
            NodeState::Silent => sigma_api::NodeState::Silent,
            NodeState::Lost => sigma_api::NodeState::Lost,
        },
        roles: node.roles.clone(),
        version: node.version.clone(),
        url: node.url.clone(),
        rtmp: node.rtmp.clone(),
        started_at_ms: node.started_at_ms,
        silent_seconds: node.silent_for.as_secs(),
        sessions: node.sessions,
        leases: node.leases.clone(),
    }
}

/// How the nodes stand, in a sentence; none where all is well.
fn amiss(nodes: &[Node]) -> Option<String> {
    let gone: Vec<String> = nodes
        .iter()
        .filter(|node| node.state != NodeState::Up)
        .map(|node| format!("{} has said nothing for {} s", node.id, node.silent_for.as_secs()))
        .collect();
    if gone.is_empty() {
        return None;
    }
    Some(format!(
        "{}; start it again, or leave it: what it held goes to others, its sessions wait for their broadcasters, and it is \
         forgotten after an hour",
        gone.join(", ")
    ))
}

#[async_trait]
impl Component for Roster {
    fn name(&self) -> &'static str {
        "nodes"
    }

    async fn check(&self) -> Condition {
        let known = self.known();
        match (&known.trouble, amiss(&known.nodes)) {
            (Some(trouble), _) => Condition::Degraded(trouble.clone()),
            (None, Some(amiss)) => Condition::Degraded(amiss),
            (None, None) => Condition::Ready,
        }
    }
}

/// How long a node that cannot come back waits before it tries again.
const AGAIN: Duration = Duration::from_secs(1);

/// Comes back whenever the others took this process for lost: what it held is not its own any more. Its feeds are cut, so that
/// their encoders come again; its sessions wait for them, as after a start.
pub(crate) async fn come_back(cluster: Cluster, media: Option<Media>, stop: CancellationToken) {
    let mut membership = cluster.membership();
    let come_back = async {
        loop {
            membership.out().await;
            warn!(
                node = cluster.node_id(),
                "this node was taken for lost: its feeds are cut and it begins anew"
            );
            if let Some(media) = &media {
                media.cut_feeds("the server was out of reach of the others; connect again").await;
            }
            while let Err(error) = cluster.rejoin().await {
                warn!(%error, "this node cannot come back yet");
                sigma_clock::sleep(AGAIN).await;
            }
            if let Some(media) = &media {
                media.begin_anew(cluster.node_id()).await;
            }
            info!(node = cluster.node_id(), "this node is back");
        }
    };
    tokio::select! {
        () = come_back => {}
        () = stop.cancelled() => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nodes_that_are_gone_are_named_with_what_becomes_of_them() {
        let node = |id: &str, state, silent| {
            let silent_for = Duration::from_secs(silent);
            Node { id: id.to_owned(), state, silent_for, ..Node::default() }
        };
        assert_eq!(amiss(&[node("a", NodeState::Up, 0)]), None);
        let told = amiss(&[node("a", NodeState::Up, 0), node("b", NodeState::Silent, 7)]).unwrap();
        assert!(told.starts_with("b has said nothing for 7 s; start it again"), "{told}");
    }
}
