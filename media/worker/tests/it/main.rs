//! The real worker with the real GStreamer, through the door of its supervisor.

#![allow(clippy::unwrap_used, reason = "a test that unwraps nothing fails, as it should")]

mod cost;
mod faults;
mod limits;
mod media;
mod pictures;
mod recode;

use std::path::PathBuf;
use std::time::Duration;

use sigma_gst::{Figures, Pictures, PicturesSettings};

/// The worker that cargo built for these tests. It gives way to nobody: other tests run beside it.
pub(crate) fn settings() -> PicturesSettings {
    PicturesSettings {
        worker: PathBuf::from(env!("CARGO_BIN_EXE_sigma-media-worker")),
        niceness: 0,
        ..PicturesSettings::default()
    }
}

/// Waits until the figures are so.
pub(crate) async fn until(pictures: &Pictures, what: &str, holds: impl Fn(&Figures) -> bool) -> Figures {
    let begin = sigma_clock::monotonic();
    loop {
        let figures = pictures.figures();
        if holds(&figures) {
            return figures;
        }
        assert!(begin.elapsed() < Duration::from_secs(20), "{what}: {figures:?}");
        sigma_clock::sleep(Duration::from_millis(5)).await;
    }
}
