//! The platform seen from outside: starts the real binary on loopback, speaks its contract, broadcasts with real
//! encoders and watches with clients that check what they get.
//!
//! Everything waits for conditions, never for a fixed time, and ends what it started.

mod broadcast;
mod graphql;
mod media;
mod objects;
mod platform;
mod viewer;

pub use broadcast::Broadcast;
pub use graphql::{Answer, Channel, Subscription, told_to_wait};
pub use media::{Clip, Codecs, clip, clip_as_mp4};
pub use objects::ObjectStore;
pub use platform::{Keys, Platform, Start, binary, signal};
pub use viewer::{Playlist, Segment, Viewer};

use std::future::Future;
use std::time::Duration;

/// Waits until `condition` gives something, asking every 50 ms.
///
/// # Panics
/// After `within`, naming what was waited for.
pub async fn eventually<T, F, Fut>(what: &str, within: Duration, mut condition: F) -> T
where
    F: FnMut() -> Fut,
    Fut: Future<Output = Option<T>>,
{
    let deadline = sigma_clock::monotonic() + within;
    loop {
        if let Some(found) = condition().await {
            return found;
        }
        assert!(sigma_clock::monotonic() < deadline, "waited {within:?} for: {what}");
        sigma_clock::sleep(Duration::from_millis(50)).await;
    }
}
