//! The platform's nodes, each with what it is for and what it holds.

use sigma_cluster::{Node, NodeState};
use sigma_store_postgres::Address;

use super::Verdict;
use super::Verdict::{Amiss, Good};
use crate::fault::Fault;

/// A line for each node; none where the database does not answer, which another line tells.
pub(super) async fn all(address: &Address) -> Vec<Verdict> {
    match sigma_cluster::nodes(address).await {
        Ok(nodes) if nodes.is_empty() => vec![Good("none runs".to_owned())],
        Ok(nodes) => nodes.iter().map(judge).collect(),
        Err(_) => Vec::new(),
    }
}

fn judge(node: &Node) -> Verdict {
    let Node { id, roles, version, url, sessions, leases, .. } = node;
    let holds = match (sessions, leases.as_slice()) {
        (0, []) => "holds nothing".to_owned(),
        (0, leases) => format!("holds {}", leases.join(", ")),
        (sessions, []) => format!("holds {}", of_sessions(*sessions)),
        (sessions, leases) => format!("holds {} and {}", of_sessions(*sessions), leases.join(", ")),
    };
    let told = format!("{id} ({}, {version}) at {url} {holds}", roles.join(", "));
    match node.state {
        NodeState::Up => Good(told),
        NodeState::Silent | NodeState::Lost => Amiss(Fault::new(
            format!("{told}, and has said nothing for {} s", node.silent_for.as_secs()),
            "start it again with its data folder, or leave it: others take over what it held, and its sessions end as NODE_LOST",
        )),
    }
}

fn of_sessions(number: usize) -> String {
    if number == 1 { "1 session".to_owned() } else { format!("{number} sessions") }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn a_node_is_told_with_what_it_holds_and_one_that_is_silent_with_the_mend() {
        let mut node = Node {
            id: "media-1".to_owned(),
            silent_for: Duration::from_secs(12),
            roles: vec!["ingest".to_owned()],
            version: "0.1.0".to_owned(),
            url: "http://10.0.0.3:8080".to_owned(),
            sessions: 1,
            leases: vec!["lost-nodes".to_owned()],
            ..Node::default()
        };
        let told = "media-1 (ingest, 0.1.0) at http://10.0.0.3:8080 holds 1 session and lost-nodes";
        assert_eq!(judge(&node), Good(told.to_owned()));
        node.state = NodeState::Lost;
        let Amiss(fault) = judge(&node) else { panic!("all is well") };
        assert!(fault.to_string().contains("has said nothing for 12 s"), "{fault}");
    }
}
