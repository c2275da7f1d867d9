//! Whether the others take this process for the node that it runs as.

use tokio::sync::watch;

/// How a process stands among the others.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// It is this node, under this token.
    In(i64),
    /// The others took it for lost, or another process runs as this node: what it held is not its own any more.
    Out,
}

/// Whether the others take this process for the node that it runs as. While the database is away it goes on as it was: to be
/// out, it must have been told so.
#[derive(Clone, Debug)]
pub struct Membership(watch::Receiver<Standing>);

impl Membership {
    pub(crate) const fn new(standing: watch::Receiver<Standing>) -> Self {
        Self(standing)
    }

    /// How it stands, as far as is known.
    pub fn standing(&self) -> Standing {
        *self.0.borrow()
    }

    /// Waits until the others have taken it for lost.
    pub async fn out(&mut self) {
        if self.0.wait_for(|standing| *standing == Standing::Out).await.is_err() {
            // One that left by itself is taken for nothing.
            std::future::pending::<()>().await;
        }
    }
}
