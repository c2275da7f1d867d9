//! Pictures out of key frames, made in a process of their own.
//!
//! Decoding what strangers send is where crashes come from, and GStreamer is large: so neither is linked here. This crate
//! spawns `sigma-media-worker`, hands it key frames over a socket pair and takes pictures back; it watches over it, starts
//! it again when it falls, and sheds work where it falls behind. Without the executable every request is answered
//! [`PictureError::Unavailable`] in words, and nothing else changes.
//!
//! [`protocol`] is what both ends speak.

mod error;
mod figures;
mod frame;
mod gop;
mod keeper;
mod pictures;
mod process;
pub mod protocol;
mod queue;
mod rests;
mod settings;

pub use error::PictureError;
pub use figures::Figures;
pub use frame::{
    KeyFrame, MAX_FRAMES, MAX_PREVIEW_MS, MAX_TILE_COLUMNS, MAX_TILE_SIDE, MAX_UNIT, MIN_TILE_SIDE,
    PREVIEW_MS, Tile, Width,
};
pub use gop::{Gop, MAX_GOP, Picture, Recoded};
pub use pictures::{Pictures, Standing};
pub use settings::{MIN_MEMORY, PicturesSettings, WORKER};
