//! What is kept of sessions that have ended: the control plane is told what there is, and what nobody needs is removed.

mod filing;
mod sweep;
mod told;

pub(crate) use filing::{ArchiveState, Filing};
pub(crate) use sweep::Sweeper;
pub(crate) use told::{tell, tell_untold};
