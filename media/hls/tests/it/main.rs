//! Renditions, timelines and playlists as players meet them. Tests are named for the checklist's rules.
#![allow(clippy::unwrap_used)]

mod clients;
mod laws;
mod packaged;
mod parsed;
mod playlists;
mod recordings;
mod renditions;
mod requests;
mod stage;
