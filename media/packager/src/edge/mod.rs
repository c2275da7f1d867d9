//! The edges of a cut that is exact to the picture: which pictures are coded anew, which are taken as they are, and the
//! segments that both become. Pure.

mod choice;
mod parameters;
mod segment;

pub use mp4_atom::Error;

pub use choice::{Choice, Frame, NoChoice, Part, choose};
pub use parameters::{joined_config, with_parameters};
pub use segment::{Sound, Still, recoded_init, segment};
