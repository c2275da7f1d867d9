//! Where recordings are kept: an object store, a folder or S3, to which closed segments go behind the live path.
//!
//! `sessions/SESSION/` holds `meta.json`, init sections (`i0.mp4`), segments (`12.m4s`) and pieces of the index
//! (`index/00…12`, named by the first segment that they tell of). Nothing is ever changed. An index that is lost is made
//! anew from the segments alone, each of which tells of itself.

mod archive;
mod error;
mod following;
mod place;

pub use archive::{Archive, Archived};
pub use error::ArchiveError;
pub use following::{Following, Step};
pub use place::Place;
