//! What is kept of sessions: filed in the archive, told to the control plane, measured, and removed when nobody needs it.

mod filing;
mod needed;
mod room;
mod sweep;
mod told;

pub(crate) use filing::{ArchiveState, Filing};
pub(crate) use room::Room;
pub use room::RoomUse;
pub(crate) use sweep::Sweeper;
pub(crate) use told::{Gone, tell, tell_gone, tell_untold};
