//! Stands for the media plane: samples of health that a test tells.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, mpsc};

use futures_util::StreamExt;
use futures_util::stream::BoxStream;
use sigma_api::graphql::{HealthSample, IngestHealth, StandingWarning};
use tokio::sync::{oneshot, watch};
use tokio_stream::wrappers::WatchStream;

/// The sessions on air, each with who follows it and what was measured.
#[derive(Default)]
pub(crate) struct Feeds(Mutex<HashMap<String, Feed>>, Mutex<Option<Gate>>);

/// Where a question is held up, with the thread that asks it.
struct Gate {
    came: oneshot::Sender<()>,
    release: mpsc::Receiver<()>,
}

/// The other side of a question that is held up.
pub(crate) struct Held {
    /// Told when it has come.
    pub(crate) came: oneshot::Receiver<()>,
    /// Dropped to let it go.
    pub(crate) release: mpsc::Sender<()>,
}

struct Feed {
    newest: watch::Sender<HealthSample>,
    kept: Vec<HealthSample>,
}

/// A sound second, with one warning.
pub(crate) fn sample(at_ms: i64) -> HealthSample {
    let warning = StandingWarning {
        name: "KEY_FRAME_INTERVAL_LONG".to_owned(),
        message: "Key frames come every 8.3 s".to_owned(),
        since_ms: 1_700_000_000_000,
        data: BTreeMap::from([("intervalMs".to_owned(), 8_300)]),
    };
    HealthSample {
        at_ms,
        video_bitrate: 3_000_000,
        audio_bitrate: 128_000,
        frame_rate_milli: Some(29_970),
        key_frame_interval_ms: Some(8_300),
        av_offset_ms: Some(-12),
        behind_ms: 40,
        queue_ms: 5,
        largest_gap_ms: 34,
        dropped_frames: 2,
        warnings: Arc::new([warning]),
    }
}

impl Feeds {
    /// A second of a session has been measured.
    pub(crate) fn measured(&self, session: &str, sample: HealthSample) {
        let mut feeds = self.0.lock().expect("no test panicked");
        let feed = feeds
            .entry(session.to_owned())
            .or_insert_with(|| Feed { newest: watch::Sender::new(sample.clone()), kept: Vec::new() });
        feed.kept.push(sample.clone());
        feed.newest.send_replace(sample);
    }

    /// Holds up the next question for a newest second.
    pub(crate) fn hold(&self) -> Held {
        let ((came, told), (release, released)) = (oneshot::channel(), mpsc::channel());
        *self.1.lock().expect("no test panicked") = Some(Gate { came, release: released });
        Held { came: told, release }
    }

    /// The session has left the node.
    pub(crate) fn left(&self, session: &str) {
        self.0.lock().expect("no test panicked").remove(session);
    }
}

impl IngestHealth for Feeds {
    fn latest(&self, session: &str) -> Option<HealthSample> {
        let gate = self.1.lock().expect("no test panicked").take();
        if let Some(gate) = gate {
            gate.came.send(()).expect("a test that waits for it");
            // An error: it was dropped, which lets go as well.
            let _ = gate.release.recv();
        }
        self.recent(session, 900).pop()
    }

    fn recent(&self, session: &str, seconds: u32) -> Vec<HealthSample> {
        let feeds = self.0.lock().expect("no test panicked");
        let kept = feeds.get(session).map(|feed| feed.kept.clone()).unwrap_or_default();
        kept[kept.len().saturating_sub(seconds as usize)..].to_vec()
    }

    fn follow(&self, session: &str) -> Option<BoxStream<'static, HealthSample>> {
        let feeds = self.0.lock().expect("no test panicked");
        feeds.get(session).map(|feed| WatchStream::new(feed.newest.subscribe()).boxed())
    }
}
