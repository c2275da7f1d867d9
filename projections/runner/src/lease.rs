//! By what right a projection is run here: a folder is this process's own, a database's view is run under a lease.

use sigma_cluster::{Claim, Fence};
use sigma_tables::Rows;

use crate::failure::Failure;

/// The wish to run a projection.
#[derive(Debug)]
pub(crate) enum Lease {
    /// Nobody else could.
    Own,
    /// One node at a time does.
    Claimed(Claim),
}

/// The right to write, for as long as it holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Hold {
    Own,
    Under(Fence),
}

impl Lease {
    /// The right, as far as this process knows.
    pub(crate) fn hold(&self) -> Option<Hold> {
        match self {
            Self::Own => Some(Hold::Own),
            Self::Claimed(claim) => claim.fence().map(Hold::Under),
        }
    }

    /// Waits until it is another one.
    pub(crate) async fn changed(&mut self) {
        match self {
            Self::Own => std::future::pending().await,
            Self::Claimed(claim) => claim.changed().await,
        }
    }
}

impl Hold {
    /// Asked first in each transaction that writes: from here on nobody takes the lease until that has ended.
    ///
    /// # Errors
    /// [`Failure::StoodDown`] where another node has it.
    pub(crate) async fn ask(&self, rows: impl Into<Rows<'_>>) -> Result<(), Failure> {
        match self {
            Self::Own => Ok(()),
            Self::Under(fence) => match fence.holds(rows).await? {
                true => Ok(()),
                false => Err(Failure::StoodDown),
            },
        }
    }
}
