//! What becomes of the sessions of a media node that is gone.
//!
//! A node that dies and is started again takes its sessions up by itself ([`App::node_started`]). One that does not come
//! back cannot say so: one of the others takes it for lost and lets its sessions wait for their broadcasters, until their
//! windows end them as `NODE_LOST`. From then on nothing counts that the lost node still says of its feeds, should it only
//! have slept: a session has another feed after a loss, or none.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use sigma_clock::{Instant, monotonic};
use sigma_cluster::{Cluster, Node, NodeState, RENEWAL};
use sigma_domain::{NodeId, Session, SessionCommand};

use crate::app::{nothing_beside, system};
use crate::executor::{CommandError, Context, new_command_id};
use crate::{App, MediaError};

/// The lease of whoever looks after lost nodes.
const LEASE: &str = "lost-nodes";

/// A node whose word has run out is taken for lost after so long a silence under our own eyes: after an outage of the
/// database all words have run out, and each node is given the time to speak again.
const SILENT_FOR: Duration = Duration::from_secs(4);

/// Nodes that are silent, as this process has seen it, and those whose sessions were seen to.
#[derive(Default)]
struct Watch {
    silent: HashMap<(String, i64), Instant>,
    seen_to: HashSet<(String, i64)>,
}

impl Watch {
    /// Nodes that have been silent for long enough. Time counts from when it was first seen.
    fn judge(&mut self, nodes: &[Node], now: Instant) -> Vec<(String, i64)> {
        let known = |node: &Node| (node.id.clone(), node.token);
        let silent = nodes.iter().filter(|node| node.state == NodeState::Silent);
        let mut still: HashMap<(String, i64), Instant> = HashMap::new();
        for node in silent {
            let since = self.silent.get(&known(node)).copied().unwrap_or(now);
            still.insert(known(node), since);
        }
        self.silent = still;
        let long = self.silent.iter().filter(|(_, since)| now.duration_since(**since) >= SILENT_FOR);
        long.map(|(node, _)| node.clone()).collect()
    }

    /// Nodes that were taken for lost, by whomever, and whose sessions this process has not seen to.
    fn to_see_to(&self, nodes: &[Node]) -> Vec<(String, i64)> {
        let lost = nodes.iter().filter(|node| node.state == NodeState::Lost);
        let lost = lost.map(|node| (node.id.clone(), node.token));
        lost.filter(|node| !self.seen_to.contains(node)).collect()
    }
}

impl App {
    /// Looks after nodes that are gone, for ever; one process of all at a time.
    pub async fn look_after_lost_nodes(self: Arc<Self>, cluster: Cluster) {
        let mut claim = cluster.claim(LEASE);
        loop {
            claim.held().await;
            tokio::select! {
                () = claim.changed() => {}
                () = self.watch_nodes(&cluster) => {}
            }
        }
    }

    async fn watch_nodes(&self, cluster: &Cluster) {
        let mut watch = Watch::default();
        let mut is_away = false;
        loop {
            match self.look_once(cluster, &mut watch).await {
                Ok(()) => is_away = false,
                Err(error) => {
                    // Nobody was seen to be silent meanwhile.
                    watch.silent.clear();
                    if !std::mem::replace(&mut is_away, true) {
                        tracing::warn!(%error, "nodes that are gone cannot be looked after");
                    }
                }
            }
            sigma_clock::sleep(RENEWAL).await;
        }
    }

    async fn look_once(&self, cluster: &Cluster, watch: &mut Watch) -> Result<(), MediaError> {
        let away = |error: sigma_cluster::ClusterError| MediaError::Unavailable(error.to_string());
        let nodes = cluster.nodes().await.map_err(away)?;
        for (node, token) in watch.judge(&nodes, monotonic()) {
            if cluster.take_for_lost(&node, token).await.map_err(away)? {
                tracing::error!(node, "a node has said nothing for too long and is taken for lost");
            }
        }
        // Seen to also where another process took it for lost and died before it had told its sessions.
        for lost in watch.to_see_to(&nodes) {
            self.lose_sessions(cluster, &lost).await?;
            watch.seen_to.insert(lost);
        }
        Ok(())
    }

    /// Each session that was on air at the node goes to ERROR with a full window from now, unless it is there already.
    async fn lose_sessions(&self, cluster: &Cluster, lost: &(String, i64)) -> Result<(), MediaError> {
        let unavailable = |error: &dyn std::fmt::Display| MediaError::Unavailable(error.to_string());
        let node: NodeId = match lost.0.parse() {
            Ok(node) => node,
            // What is no node's id has no session.
            Err(_) => return Ok(()),
        };
        for session in self.sessions_at(&lost.0).await.map_err(|error| unavailable(&error))? {
            loop {
                let loaded =
                    self.executor.load::<Session>(&session).await.map_err(|error| unavailable(&error))?;
                // Asked after the session was read: should the node be back, what it does to the session comes after what
                // was read, and the command below is a conflict.
                if !is_lost(cluster, lost).await.map_err(|error| unavailable(&error))? {
                    return Ok(());
                }
                let command = SessionCommand::NodeRestarted { node: node.clone(), at: self.executor.now() };
                let context = Context::of(system("lost-nodes"), new_command_id());
                match self.executor.execute_on(loaded, command, &context, nothing_beside).await {
                    Ok(_) => {
                        tracing::info!(node = lost.0, session.id = session, "a session has lost its node")
                    }
                    Err(CommandError::Conflict) => continue,
                    // One broken session must not keep the others.
                    Err(CommandError::Refused { .. }) => {}
                    Err(error) => return Err(unavailable(&error)),
                }
                break;
            }
        }
        Ok(())
    }
}

/// Whether a node is still taken for lost, as it was when it was seen to be.
async fn is_lost(
    cluster: &Cluster,
    (id, token): &(String, i64),
) -> Result<bool, sigma_cluster::ClusterError> {
    let nodes = cluster.nodes().await?;
    Ok(nodes.iter().any(|node| node.id == *id && node.token == *token && node.state == NodeState::Lost))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn node(id: &str, state: NodeState) -> Node {
        Node { id: id.to_owned(), token: 1, state, ..Node::default() }
    }

    #[tokio::test(start_paused = true)]
    async fn a_node_is_judged_by_the_silence_that_was_seen_and_a_word_of_his_begins_it_anew() {
        let mut watch = Watch::default();
        let began = monotonic();
        let silent = [node("n", NodeState::Silent)];
        assert!(watch.judge(&silent, began).is_empty());
        assert!(watch.judge(&silent, began + SILENT_FOR / 2).is_empty());
        assert!(watch.judge(&[node("n", NodeState::Up)], began + SILENT_FOR).is_empty());
        assert!(watch.judge(&silent, began + SILENT_FOR * 2).is_empty(), "it spoke meanwhile");
        assert_eq!(watch.judge(&silent, began + SILENT_FOR * 3), [("n".to_owned(), 1)]);
    }

    #[test]
    fn sessions_of_a_lost_node_are_seen_to_once_by_each_who_looks() {
        let mut watch = Watch::default();
        let nodes = [node("n", NodeState::Lost), node("m", NodeState::Up)];
        assert_eq!(watch.to_see_to(&nodes), [("n".to_owned(), 1)]);
        watch.seen_to.insert(("n".to_owned(), 1));
        assert!(watch.to_see_to(&nodes).is_empty());
    }
}
