//! What a simulation is made of: dice that fall the same for the same seed, the run over many seeds with those that once
//! failed first, and a publisher that speaks RTMP as bytes.

mod dice;
pub mod publisher;
mod seeds;

pub use dice::Dice;
pub use seeds::{SEEDS, Seeds};
