//! Says each second that this node lives, and keeps its leases.

use std::collections::BTreeMap;
use std::sync::Arc;

use sigma_clock::{Instant, monotonic};
use sigma_tables::Address;
use tokio::sync::{mpsc, oneshot, watch};

use crate::cluster::Me;
use crate::fence::Fence;
use crate::membership::Standing;
use crate::node::Node;
use crate::tables::Tables;
use crate::{RENEWAL, TERM};

/// What a keeper is told.
#[derive(Debug)]
pub(crate) enum Word {
    /// Wants a lease.
    Claim(Arc<str>, watch::Sender<Option<Fence>>),
    /// Wants it no more.
    GiveBack(Arc<str>),
    /// Asks for all nodes.
    Nodes(oneshot::Sender<Result<Vec<Node>, sqlx::Error>>),
    /// Takes a node for lost that was seen with this token.
    Bury(String, i64, oneshot::Sender<Result<bool, sqlx::Error>>),
    /// Comes back as the node, after the others took it for lost.
    Rejoin(oneshot::Sender<Result<(), sqlx::Error>>),
    /// Gives everything back.
    Leave(oneshot::Sender<()>),
}

/// A lease that is wanted.
struct Wanted {
    told: watch::Sender<Option<Fence>>,
    /// The token, and until when it holds by this machine's clock.
    held: Option<(i64, Instant)>,
    /// Whether its row is known to be there.
    has_row: bool,
}

pub(crate) struct Keeper {
    address: Address,
    me: Me,
    token: i64,
    standing: watch::Sender<Standing>,
    tables: Option<Tables>,
    wanted: BTreeMap<Arc<str>, Wanted>,
    is_away: bool,
}

impl Keeper {
    pub(crate) fn new(
        address: Address,
        me: Me,
        token: i64,
        tables: Tables,
    ) -> (Self, watch::Receiver<Standing>) {
        let (standing, watched) = watch::channel(Standing::In(token));
        let keeper = Self {
            address,
            me,
            token,
            standing,
            tables: Some(tables),
            wanted: BTreeMap::new(),
            is_away: false,
        };
        (keeper, watched)
    }

    /// Until it is told to leave, or nobody is left to tell it.
    pub(crate) async fn run(mut self, mut words: mpsc::UnboundedReceiver<Word>) {
        let mut rounds = sigma_clock::interval(RENEWAL);
        loop {
            let word = tokio::select! {
                word = words.recv() => word,
                _ = rounds.tick() => {
                    self.round().await;
                    continue;
                }
            };
            match word {
                Some(Word::Claim(name, told)) => {
                    self.wanted.insert(name, Wanted { told, held: None, has_row: false });
                    self.round().await;
                }
                Some(Word::GiveBack(name)) => self.give_back(&name).await,
                Some(Word::Nodes(asked)) => {
                    let nodes = async { self.tables().await?.nodes().await }.await;
                    let _ = asked.send(self.answered(nodes));
                }
                Some(Word::Bury(node, token, asked)) => {
                    let buried = async { self.tables().await?.bury(&node, token).await }.await;
                    let _ = asked.send(self.answered(buried));
                }
                Some(Word::Rejoin(done)) => {
                    let joined = self.rejoin().await;
                    let _ = done.send(self.answered(joined));
                }
                Some(Word::Leave(done)) => {
                    self.leave().await;
                    let _ = done.send(());
                    return;
                }
                None => return self.leave().await,
            }
        }
    }

    /// The connection; made where there is none.
    async fn tables(&mut self) -> Result<&mut Tables, sqlx::Error> {
        let tables = match self.tables.take() {
            Some(tables) => tables,
            None => Tables::connect(&self.address).await?,
        };
        Ok(self.tables.insert(tables))
    }

    /// After an error what the connection holds is not known.
    fn answered<T>(&mut self, answer: Result<T, sqlx::Error>) -> Result<T, sqlx::Error> {
        if answer.is_err() {
            self.tables = None;
        }
        answer
    }

    /// One word to the database; what it does not answer in time runs out by this machine's clock.
    async fn round(&mut self) {
        let round = self.try_round().await;
        match self.answered(round) {
            Ok(()) => {
                if std::mem::take(&mut self.is_away) {
                    tracing::info!("leases are renewed again");
                }
            }
            Err(error) => {
                if !std::mem::replace(&mut self.is_away, true) {
                    tracing::warn!(%error, "leases cannot be renewed: others may take them");
                }
            }
        }
        let now = monotonic();
        for (name, wanted) in &mut self.wanted {
            if wanted.held.is_some_and(|(_, until)| until <= now) {
                tracing::warn!(lease = %name, "a lease ran out");
                wanted.held = None;
                wanted.told.send_replace(None);
            }
        }
    }

    async fn try_round(&mut self) -> Result<(), sqlx::Error> {
        let tables = match &mut self.tables {
            Some(tables) => tables,
            None => self.tables.insert(Tables::connect(&self.address).await?),
        };
        if *self.standing.borrow() != Standing::Out && !tables.renew_node(&self.me, self.token).await? {
            tracing::error!(
                node = self.me.id,
                "the others took this node for lost: what it held is given up"
            );
            self.standing.send_replace(Standing::Out);
        }
        let held: Vec<(Arc<str>, i64)> = self
            .wanted
            .iter()
            .filter_map(|(name, wanted)| Some((Arc::clone(name), wanted.held?.0)))
            .collect();
        // Counted from before the word was sent: the database counts from later.
        let until = monotonic() + TERM;
        if !held.is_empty() {
            let kept = tables.renew_leases(&self.me.id, &held).await?;
            for (name, token) in held {
                let Some(wanted) = self.wanted.get_mut(&name) else { continue };
                if kept.iter().any(|kept| **kept == *name) {
                    wanted.held = Some((token, until));
                } else {
                    tracing::warn!(lease = %name, "another node took a lease over");
                    wanted.held = None;
                    wanted.told.send_replace(None);
                }
            }
        }
        for (name, wanted) in &mut self.wanted {
            if wanted.held.is_none() {
                if !wanted.has_row {
                    tables.want_lease(name).await?;
                    wanted.has_row = true;
                }
                let until = monotonic() + TERM;
                if let Some(token) = tables.take_lease(&self.me.id, name).await? {
                    tracing::info!(lease = %name, token, "this node holds a lease");
                    wanted.held = Some((token, until));
                    wanted.told.send_replace(Some(Fence::of(name, token)));
                }
            }
        }
        Ok(())
    }

    async fn give_back(&mut self, name: &str) {
        let Some(wanted) = self.wanted.remove(name) else { return };
        if let (Some((token, _)), Some(tables)) = (wanted.held, &mut self.tables)
            && let Err(error) = tables.give_back(name, token).await
        {
            tracing::debug!(%error, lease = name, "a lease was not given back and runs out by itself");
            self.tables = None;
        }
    }

    async fn rejoin(&mut self) -> Result<(), sqlx::Error> {
        let me = self.me.clone();
        self.token = self.tables().await?.join(&me).await?;
        self.standing.send_replace(Standing::In(self.token));
        Ok(())
    }

    async fn leave(&mut self) {
        let names: Vec<Arc<str>> = self.wanted.keys().cloned().collect();
        for name in names {
            self.give_back(&name).await;
        }
        let standing = *self.standing.borrow();
        if let (Some(tables), Standing::In(token)) = (&mut self.tables, standing)
            && let Err(error) = tables.leave(&self.me.id, token).await
        {
            tracing::debug!(%error, "the others miss this node a moment later");
        }
    }
}
