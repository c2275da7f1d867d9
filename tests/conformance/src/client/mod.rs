//! The shell: asks as a strict client asks, and writes down what came.

mod fetch;
mod follow;
mod join;
mod media;
mod probes;
mod recorded;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;

use sigma_clock::{Instant, monotonic};
use thiserror::Error;
use tokio::sync::mpsc;
use tokio::task::JoinSet;

use crate::observation::{Exchange, Observation};
use crate::playlist::Micros;
use crate::report::Report;

/// The most media playlists that are followed.
pub const MOST_RENDITIONS: usize = 16;

/// How often the judge looks whether it is held up.
const PULSE: Duration = Duration::from_millis(20);

/// A pulse that comes this much late was held up.
const HELD_UP: Micros = 30_000;

/// How to judge.
#[derive(Clone, Debug)]
pub struct Options {
    /// How long at most; a broadcast that ends is judged to its end and no longer.
    pub seconds: u64,
    /// Whether any certificate will do.
    pub insecure: bool,
}

impl Default for Options {
    fn default() -> Self {
        Self { seconds: 60, insecure: false }
    }
}

/// How far it is.
#[derive(Clone, Copy, Debug, Default)]
pub struct Progress {
    /// Since the beginning.
    pub elapsed: Duration,
    /// Media playlists that are followed.
    pub renditions: usize,
    /// Playlists that came.
    pub playlists: u64,
    /// Segments, parts and init sections that came.
    pub media: u64,
    /// Whether the broadcast has ended.
    pub ended: bool,
}

/// Why nothing can be judged, with the mend.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum Refusal {
    /// The address is none.
    #[error("{0} is no http or https address; give the address of a multivariant or media playlist")]
    Address(String),
    /// Nothing answers.
    #[error("{url} cannot be reached ({error}); see that the address is right and the origin runs")]
    Unreachable {
        /// What was asked.
        url: String,
        /// In the client's words.
        error: String,
    },
    /// An answer that is none to build on.
    #[error("{url} gives {status}; see that the broadcast is on air under this address")]
    Status {
        /// What was asked.
        url: String,
        /// HTTP status.
        status: u16,
    },
    /// Something else than a playlist.
    #[error("{url} is no playlist ({error}); give the address of a multivariant or media playlist")]
    NoPlaylist {
        /// What was asked.
        url: String,
        /// Why not.
        error: String,
    },
    /// The client cannot be made.
    #[error("no HTTP client can be made ({0}); see the machine's certificates")]
    Client(String),
}

/// What all tasks of a run share.
pub(crate) struct Run {
    client: reqwest::Client,
    began: Instant,
    deadline: Instant,
    log: mpsc::UnboundedSender<Exchange>,
    playlists: AtomicU64,
    media: AtomicU64,
    renditions: AtomicUsize,
    over: AtomicUsize,
    ended: AtomicBool,
}

impl Run {
    /// The time since the run began.
    pub(crate) fn now(&self) -> Micros {
        Micros::try_from(self.began.elapsed().as_micros()).unwrap_or(Micros::MAX)
    }

    pub(crate) fn is_over(&self) -> bool {
        monotonic() >= self.deadline
    }

    /// Sleeps, but not beyond the end of the run.
    pub(crate) async fn rest(&self, micros: Micros) {
        let micros = Duration::from_micros(u64::try_from(micros).unwrap_or(0));
        sigma_clock::sleep_until((monotonic() + micros).min(self.deadline)).await;
    }

    pub(crate) fn note(&self, exchange: Exchange) {
        // The other end goes last.
        let _ = self.log.send(exchange);
    }
}

/// Judges what stands under `address`, and tells `progress` four times a second how far it is.
///
/// # Errors
/// A [`Refusal`] when there is nothing to judge.
pub async fn check(
    address: &str,
    options: &Options,
    mut progress: impl FnMut(Progress),
) -> Result<Report, Refusal> {
    let log = observe(address, options, &mut progress).await?;
    Ok(Report::of(&log))
}

/// Only looks, and answers what was seen.
///
/// # Errors
/// A [`Refusal`] when there is nothing to look at.
pub async fn observe(
    address: &str,
    options: &Options,
    progress: &mut impl FnMut(Progress),
) -> Result<Observation, Refusal> {
    let (log, mut noted) = mpsc::unbounded_channel();
    let began = monotonic();
    let run = Arc::new(Run {
        client: fetch::client(options)?,
        began,
        deadline: began + Duration::from_secs(options.seconds),
        log,
        playlists: AtomicU64::new(0),
        media: AtomicU64::new(0),
        renditions: AtomicUsize::new(0),
        over: AtomicUsize::new(0),
        ended: AtomicBool::new(false),
    });
    let joined = join::join(&run, address).await?;
    run.renditions.store(joined.renditions.len(), Ordering::Relaxed);
    let mut tasks = JoinSet::new();
    for (index, url) in joined.renditions.iter().enumerate() {
        let (run, url) = (Arc::clone(&run), url.clone());
        if joined.recorded {
            tasks.spawn(recorded::look_through(run, index, url));
        } else {
            tasks.spawn(follow::follow(run, index, url));
        }
    }
    if let Some(url) = joined.key_frames {
        tasks.spawn(recorded::look_at_key_frames(Arc::clone(&run), url));
    }
    if joined.has_multivariant && !joined.recorded {
        tasks.spawn(join::reload(Arc::clone(&run), joined.address.clone()));
    }
    let held_up = {
        let mut pulse = Pulse::new(&run);
        let mut beats: u32 = 0;
        loop {
            tokio::select! {
                ended = tasks.join_next() => if ended.is_none() { break },
                () = sigma_clock::sleep(PULSE) => {
                    pulse.beat(run.now());
                    // Whatever else is under way has nothing to show any more.
                    if run.is_ended() {
                        break;
                    }
                    beats += 1;
                    if beats % 12 == 1 {
                        progress(run.progress());
                    }
                }
            }
        }
        progress(run.progress());
        pulse.held_up
    };
    let lasted = run.now();
    drop(run);
    noted.close();
    let mut exchanges = Vec::new();
    while let Some(exchange) = noted.recv().await {
        exchanges.push(exchange);
    }
    Ok(Observation {
        address: joined.address,
        has_multivariant: joined.has_multivariant,
        recorded: joined.recorded,
        renditions: joined.renditions.iter().map(ToString::to_string).collect(),
        exchanges,
        held_up,
        lasted,
    })
}

impl Run {
    fn progress(&self) -> Progress {
        Progress {
            elapsed: self.began.elapsed(),
            renditions: self.renditions.load(Ordering::Relaxed),
            playlists: self.playlists.load(Ordering::Relaxed),
            media: self.media.load(Ordering::Relaxed),
            ended: self.ended.load(Ordering::Relaxed),
        }
    }
}

/// Sees by its own lateness when the machine holds the judge up.
struct Pulse {
    last: Micros,
    held_up: Vec<(Micros, Micros)>,
}

impl Pulse {
    fn new(run: &Run) -> Self {
        Self { last: run.now(), held_up: Vec::new() }
    }

    fn beat(&mut self, now: Micros) {
        let due = self.last + i64::try_from(PULSE.as_micros()).unwrap_or(0);
        if now > due + HELD_UP {
            self.held_up.push((due, now));
        }
        self.last = now;
    }
}

impl Run {
    /// Whether no media playlist is followed any more.
    fn is_ended(&self) -> bool {
        self.over.load(Ordering::Relaxed) >= self.renditions.load(Ordering::Relaxed)
    }
}
