//! A process's place among the nodes.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use serde_json::{Value, json};
use sigma_clock::monotonic;
use sigma_tables::Address;
use tokio::sync::{mpsc, oneshot, watch};

use crate::claim::Claim;
use crate::fence::Fence;
use crate::keeper::{Keeper, Word};
use crate::membership::{Membership, Standing};
use crate::node::{Node, NodeState};
use crate::tables::Tables;
use crate::{RENEWAL, TERM};

/// A process that died a moment ago left its word behind: whether somebody still renews it shows after so long.
const LOOK_FOR: Duration = Duration::from_millis(RENEWAL.as_millis() as u64 * 2 + 500);

/// How often is looked meanwhile.
const LOOK_EVERY: Duration = Duration::from_millis(100);

/// What a process says about itself.
#[derive(Clone, Debug)]
pub struct Me {
    /// The node that it runs as.
    pub id: String,
    /// What it is for.
    pub roles: Vec<String>,
    /// The version of its program.
    pub version: String,
    /// Where viewers and clients reach its HTTP door: `http://HOST:PORT`.
    pub url: String,
    /// Where broadcasters reach it, as `rtmp://HOST:PORT/live`; none where it takes no feeds.
    pub rtmp: Option<String>,
    /// How many sessions are on air there now.
    pub sessions: Arc<AtomicUsize>,
}

impl Me {
    /// A process of which nothing but its node's id is told.
    pub fn named(id: impl Into<String>) -> Self {
        let (id, sessions) = (id.into(), Arc::default());
        Self { id, roles: Vec::new(), version: String::new(), url: String::new(), rtmp: None, sessions }
    }

    pub(crate) fn facts(&self) -> Value {
        json!({
            "roles": self.roles,
            "version": self.version,
            "url": self.url,
            "rtmp": self.rtmp,
            "sessions": self.sessions.load(Ordering::Relaxed),
        })
    }
}

/// Why a process cannot be one of the nodes.
#[derive(Debug, thiserror::Error)]
pub enum ClusterError {
    /// Another process runs as this node.
    #[error("another process runs as node {0}: stop it, or give this one an id of its own with --node-id")]
    Taken(String),
    /// The rows cannot be used.
    #[error("which nodes there are is not known, {address} says: {error}")]
    Unavailable {
        /// Whose rows.
        address: Address,
        /// What it says.
        error: sqlx::Error,
    },
}

/// A process's place among the nodes. Clones are hands on the same one.
#[derive(Clone)]
pub struct Cluster {
    inner: Arc<Inner>,
    /// What is claimed by this hand may be got.
    claims: bool,
}

enum Inner {
    Alone { me: Me, started_at_ms: i64 },
    Joined(Joined),
}

struct Joined {
    address: Address,
    me: Me,
    words: mpsc::UnboundedSender<Word>,
    membership: Membership,
}

impl Joined {
    /// Asks the keeper, over the connection that he has.
    async fn ask<T>(
        &self,
        word: impl FnOnce(oneshot::Sender<Result<T, sqlx::Error>>) -> Word,
    ) -> Result<T, ClusterError> {
        let (asked, answer) = oneshot::channel();
        // One that has left answers nobody any more.
        let _ = self.words.send(word(asked));
        let answer = answer.await.unwrap_or(Err(sqlx::Error::PoolClosed));
        answer.map_err(|error| ClusterError::Unavailable { address: self.address.clone(), error })
    }
}

impl fmt::Debug for Cluster {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Cluster").field("node", &self.node_id()).finish_non_exhaustive()
    }
}

impl Cluster {
    /// One process, and no other: it holds whatever it claims.
    pub fn alone(me: Me, started_at_ms: i64) -> Self {
        Self::of(Inner::Alone { me, started_at_ms })
    }

    /// Runs as a node among others, in the rows of this database.
    ///
    /// # Errors
    /// [`ClusterError::Taken`] while another process runs as this node; [`ClusterError::Unavailable`].
    pub async fn join(address: &Address, me: Me) -> Result<Self, ClusterError> {
        let unavailable = |error| ClusterError::Unavailable { address: address.clone(), error };
        let mut tables = Tables::connect(address).await.map_err(unavailable)?;
        tables.make().await.map_err(unavailable)?;
        if !is_free(&mut tables, &me.id).await.map_err(unavailable)? {
            return Err(ClusterError::Taken(me.id));
        }
        tables.forget_nodes().await.map_err(unavailable)?;
        let token = tables.join(&me).await.map_err(unavailable)?;
        let (keeper, standing) = Keeper::new(address.clone(), me.clone(), token, tables);
        let (words, told) = mpsc::unbounded_channel();
        tokio::spawn(keeper.run(told));
        let membership = Membership::new(standing);
        Ok(Self::of(Inner::Joined(Joined { address: address.clone(), me, words, membership })))
    }

    fn of(inner: Inner) -> Self {
        Self { inner: Arc::new(inner), claims: true }
    }

    /// A hand whose claims are never met: who works with it leaves to others what only one may do.
    pub fn standing_by(&self) -> Self {
        Self { inner: Arc::clone(&self.inner), claims: false }
    }

    /// The node that this process runs as.
    pub fn node_id(&self) -> &str {
        match &*self.inner {
            Inner::Alone { me, .. } | Inner::Joined(Joined { me, .. }) => &me.id,
        }
    }

    /// Wants a lease. Of all who want it one holds it; when he is gone for [`TERM`], or gave it back, another one does.
    /// A process claims a name once at a time.
    pub fn claim(&self, name: &str) -> Claim {
        let name: Arc<str> = name.into();
        if !self.claims {
            return Claim::new(name, watch::channel(None).1, None);
        }
        match &*self.inner {
            Inner::Alone { .. } => Claim::new(name, watch::channel(Some(Fence::open())).1, None),
            Inner::Joined(Joined { words, .. }) => {
                let (told, held) = watch::channel(None);
                // A keeper that has left gives nobody a lease any more.
                let _ = words.send(Word::Claim(Arc::clone(&name), told));
                Claim::new(name, held, Some(words.clone()))
            }
        }
    }

    /// Whether the others take this process for the node that it runs as; one alone always is.
    pub fn membership(&self) -> Membership {
        match &*self.inner {
            Inner::Alone { .. } => Membership::new(watch::channel(Standing::In(0)).1),
            Inner::Joined(Joined { membership, .. }) => membership.clone(),
        }
    }

    /// Comes back as the node, after the others took it for lost and what it held was given up.
    ///
    /// # Errors
    /// [`ClusterError::Unavailable`].
    pub async fn rejoin(&self) -> Result<(), ClusterError> {
        match &*self.inner {
            Inner::Alone { .. } => Ok(()),
            Inner::Joined(joined) => joined.ask(Word::Rejoin).await,
        }
    }

    /// All nodes, by id: those that were lost too, for an hour.
    ///
    /// # Errors
    /// [`ClusterError::Unavailable`].
    pub async fn nodes(&self) -> Result<Vec<Node>, ClusterError> {
        match &*self.inner {
            Inner::Joined(joined) => joined.ask(Word::Nodes).await,
            Inner::Alone { me, started_at_ms } => Ok(vec![Node {
                id: me.id.clone(),
                token: 0,
                state: NodeState::Up,
                silent_for: Duration::ZERO,
                left: TERM,
                started_at_ms: *started_at_ms,
                roles: me.roles.clone(),
                version: me.version.clone(),
                url: me.url.clone(),
                rtmp: me.rtmp.clone(),
                sessions: me.sessions.load(Ordering::Relaxed),
                leases: Vec::new(),
            }]),
        }
    }

    /// Takes a node for lost whose word has run out, under the token that it was seen with. Whether it was by this very
    /// word: another one may have done so before, or it may have come back.
    ///
    /// # Errors
    /// [`ClusterError::Unavailable`].
    pub async fn take_for_lost(&self, node: &str, token: i64) -> Result<bool, ClusterError> {
        match &*self.inner {
            Inner::Alone { .. } => Ok(false),
            Inner::Joined(joined) => joined.ask(|asked| Word::Bury(node.to_owned(), token, asked)).await,
        }
    }

    /// Gives back all leases and tells the others; nothing is held afterwards.
    pub async fn leave(&self) {
        let Inner::Joined(Joined { words, .. }) = &*self.inner else { return };
        let (done, left) = oneshot::channel();
        if words.send(Word::Leave(done)).is_ok() {
            let _ = sigma_clock::timeout(TERM, left).await;
        }
    }
}

/// All nodes that a database knows of, for whoever is none.
///
/// # Errors
/// [`ClusterError::Unavailable`].
pub async fn nodes(address: &Address) -> Result<Vec<Node>, ClusterError> {
    let unavailable = |error| ClusterError::Unavailable { address: address.clone(), error };
    let mut tables = Tables::connect(address).await.map_err(unavailable)?;
    tables.nodes().await.map_err(unavailable)
}

/// Whether nobody runs as this node any more. A word that is still good, and not renewed for a while, is that of one who died.
async fn is_free(tables: &mut Tables, id: &str) -> Result<bool, sqlx::Error> {
    let began = monotonic();
    let mut least_left = None;
    loop {
        let nodes = tables.nodes().await?;
        let Some(node) = nodes.iter().find(|node| node.id == id && node.state == NodeState::Up) else {
            return Ok(true);
        };
        // What is left of a word gets less, unless somebody renews it.
        if least_left.is_some_and(|(token, left)| node.token == token && node.left > left) {
            return Ok(false);
        }
        least_left = Some((node.token, node.left));
        if began.elapsed() >= LOOK_FOR {
            return Ok(true);
        }
        sigma_clock::sleep(LOOK_EVERY).await;
    }
}
