//! The packager's scenarios, by name, and the laws that hold for all of them.

mod audio_scenarios;
mod change_scenarios;
mod feed;
mod inspect;
mod laws;
mod real_decoder;
mod restart;
mod segment_scenarios;
mod timestamp_scenarios;
