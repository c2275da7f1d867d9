//! Which nodes there are, and which of them may do what only one may.
//!
//! Both stand in rows of the event store's database, by that database's clock. A node says each second that it lives, and
//! with the same word renews the leases that it holds. Whoever says nothing for [`TERM`] may lose them: the next one who asks
//! gets the lease under a greater token. The token is the fence: what a holder writes, he writes in a transaction that
//! holds the lease's row and finds his token there, so that one who slept through his term writes nothing.
//!
//! One process alone ([`Cluster::alone`]) holds whatever it claims, and needs no fence.

mod claim;
mod cluster;
mod fence;
mod keeper;
mod membership;
mod node;
mod tables;

use std::time::Duration;

pub use claim::Claim;
pub use cluster::{Cluster, ClusterError, Me, nodes};
pub use fence::Fence;
pub use membership::{Membership, Standing};
pub use node::{Node, NodeState};

/// How long a lease, and a node's word, holds without being renewed.
pub const TERM: Duration = Duration::from_secs(5);

/// How often both are renewed, and leases that another one holds are asked for.
pub const RENEWAL: Duration = Duration::from_secs(1);
