//! Holds the directions between crates.
