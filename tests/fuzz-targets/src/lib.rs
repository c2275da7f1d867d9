//! The bodies of the fuzz targets: each takes any bytes and panics where something is not as it must be.
//!
//! `fuzz/` hangs them into libFuzzer; `tests/replay.rs` runs them on the kept corpus in `make test`. Besides "it does not
//! panic" each target states what must hold of what comes out: `docs/fuzzing.md` lists it.

mod amf;
mod audio_config;
mod draw;
mod flv;
mod fragments;
mod graphql;
mod hls_requests;
mod packager;
mod ranges;
mod reader;
mod rtmp_chunks;
mod rtmp_session;
mod stored_events;
mod video_config;

pub use amf::amf;
pub use audio_config::audio_config;
pub use flv::flv;
pub use graphql::graphql;
pub use hls_requests::hls_requests;
pub use packager::packager;
pub use ranges::ranges;
pub use reader::reader;
pub use rtmp_chunks::rtmp_chunks;
pub use rtmp_session::rtmp_session;
pub use stored_events::stored_events;
pub use video_config::video_config;

/// A target: its name, which is that of its binary and of its corpus' folder, and its body.
pub type Target = (&'static str, fn(&[u8]));

/// All targets.
pub const TARGETS: [Target; 12] = [
    ("amf", amf),
    ("audio_config", audio_config),
    ("flv", flv),
    ("graphql", graphql),
    ("hls_requests", hls_requests),
    ("packager", packager),
    ("ranges", ranges),
    ("reader", reader),
    ("rtmp_chunks", rtmp_chunks),
    ("rtmp_session", rtmp_session),
    ("stored_events", stored_events),
    ("video_config", video_config),
];
