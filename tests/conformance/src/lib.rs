//! A judge of LL-HLS: plays the part of a strict client against any origin, and says of each of the 44 rules of the
//! house's checklist whether it was kept.
//!
//! The core is pure: playlists ([`playlist`]) and media ([`mp4`]) are read by readers of the judge's own, which share
//! nothing with the origin that is judged; what came of each request is an [`observation`]; each rule is a function of
//! all of it ([`rules`]). Around it, [`client`] asks.

mod case;
pub mod client;
pub mod finding;
pub mod mp4;
pub mod observation;
pub mod playlist;
pub mod report;
pub mod rules;

pub use client::{Options, Progress, Refusal, check};
pub use finding::Verdict;
pub use report::Report;
