//! Recordings as plain files with `moov` in front, made when somebody asks for one.
//!
//! `/vod/{assetId}/download.mp4`, `download-2.mp4`, … one for each run of a format, as `source.mp4` is; and
//! `/vod/{assetId}/download.json`, which begins the making and says how far it is. Only a file's head is made and kept: behind
//! it the segments go out as they stand in the log.

mod making;
mod plan;
mod shelf;
#[cfg(test)]
mod tests;

use std::collections::{BTreeSet, HashMap};
use std::fmt;
use std::io;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use http::header;
use http::{HeaderMap, HeaderValue, StatusCode};
use serde_json::json;
use sigma_clock::{Clock, Instant, monotonic};
use tokio::sync::{Semaphore, watch};
use tracing::{error, info, warn};

use self::making::Order;
use self::plan::Plan;
use self::shelf::{Found, Shelf};
use super::body::{Body, Proof, Stretch};
use super::recordings::{PRIVATE, Shown};
use super::respond::{self, Answer, Problem};
use super::{NO_STORE, Origin, unavailable};
use crate::control::AssetStanding;
use crate::core::Core;

/// Recordings whose heads are made at once: each reads from the disk as fast as it can.
const AT_ONCE: usize = 2;
/// … and such as wait for their turn.
const MOST_WAITING: usize = 64;

/// How long who asks for a file waits for its head: less than proxies wait for an answer's beginning. What is made is made
/// on, and is there for who asks again.
const HELD: Duration = Duration::from_secs(25);
/// When to ask again, in seconds.
const AGAIN: u32 = 5;

/// How long a failure holds before it is tried again.
const FAILED_FOR: Duration = Duration::from_secs(10);

/// Segments that are remembered to be damaged: they are found again where they are forgotten.
const MOST_DAMAGED: usize = 65_536;

/// How far the making of heads is.
#[derive(Clone, Debug)]
pub(super) enum Progress {
    Making { percent: u8 },
    Ready,
    Failed { why: Arc<str>, since: Instant },
}

/// The heads that there are, and those that are being made.
pub(crate) struct Downloads {
    shelf: Arc<Shelf>,
    room: Arc<Semaphore>,
    makings: Mutex<HashMap<String, watch::Receiver<Progress>>>,
    damaged: Arc<Damaged>,
}

impl fmt::Debug for Downloads {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("Downloads").finish_non_exhaustive()
    }
}

/// Segments of which it came out that their media is not what was written.
#[derive(Debug, Default)]
pub(super) struct Damaged(Mutex<HashMap<String, BTreeSet<u64>>>);

impl Damaged {
    pub(super) fn note(&self, session: &str, msn: u64) {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if all.values().map(BTreeSet::len).sum::<usize>() >= MOST_DAMAGED {
            all.clear();
        }
        if all.entry(session.to_owned()).or_default().insert(msn) {
            error!(session.id = session, msn, "a segment is damaged: downloads go without it");
        }
    }

    fn of(&self, session: &str) -> BTreeSet<u64> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).get(session).cloned().unwrap_or_default()
    }
}

impl Downloads {
    /// Keeps its heads in `folder`, which is made.
    pub(crate) fn open(folder: PathBuf, clock: Arc<dyn Clock>) -> io::Result<Self> {
        let shelf = Shelf::new(folder, shelf::LIMIT, clock);
        shelf.tidy_up()?;
        Ok(Self {
            shelf: Arc::new(shelf),
            room: Arc::new(Semaphore::new(AT_ONCE)),
            makings: Mutex::default(),
            damaged: Arc::default(),
        })
    }

    /// Removes the heads of recordings that are not there any more.
    pub(crate) async fn tidy(&self, core: &Core) {
        let shelf = Arc::clone(&self.shelf);
        let Ok(assets) = tokio::task::spawn_blocking(move || shelf.assets()).await else { return };
        for asset in assets {
            match core.control.asset(&asset).await {
                Ok(AssetStanding::There(_)) => {}
                Ok(AssetStanding::Gone | AssetStanding::Unknown | AssetStanding::Failed) => {
                    let shelf = Arc::clone(&self.shelf);
                    // It is tried again with the next round.
                    let _ = tokio::task::spawn_blocking(move || shelf.remove(&asset)).await;
                }
                Err(error) => {
                    warn!(asset.id = %asset, %error, "whether a recording is there is not known: its download stays");
                }
            }
        }
    }

    async fn find(&self, wanted: &Wanted) -> Option<Found> {
        let (shelf, asset, key) = (Arc::clone(&self.shelf), wanted.asset.clone(), wanted.key.clone());
        tokio::task::spawn_blocking(move || shelf.find(&asset, &key)).await.ok().flatten()
    }

    /// How far the making is, which is begun where it is not; none where too many wait already.
    fn ordered(&self, core: &Arc<Core>, wanted: &Wanted) -> Option<watch::Receiver<Progress>> {
        let mut makings = self.makings.lock().unwrap_or_else(PoisonError::into_inner);
        let is_over = |progress: &watch::Receiver<Progress>| match &*progress.borrow() {
            // One whose maker is gone is over, too.
            Progress::Making { .. } => progress.has_changed().is_err(),
            Progress::Ready => true,
            Progress::Failed { since, .. } => since.elapsed() >= FAILED_FOR,
        };
        makings.retain(|_, progress| !is_over(progress));
        let name = format!("{}.{}", wanted.asset, wanted.key);
        if let Some(progress) = makings.get(&name) {
            return Some(progress.clone());
        }
        if makings.len() >= MOST_WAITING {
            return None;
        }
        let (sender, progress) = watch::channel(Progress::Making { percent: 0 });
        makings.insert(name, progress.clone());
        drop(makings);
        let (shelf, room) = (Arc::clone(&self.shelf), Arc::clone(&self.room));
        let order = Order {
            live: Arc::clone(&wanted.shown.live),
            asset: wanted.asset.clone(),
            key: wanted.key.clone(),
            plan: wanted.plan.clone(),
            damaged: Arc::clone(&self.damaged),
        };
        let core = Arc::clone(core);
        tokio::spawn(async move {
            // The semaphore is never closed.
            let _turn = room.acquire_owned().await;
            let (asset, began) = (order.asset.clone(), monotonic());
            let state = match making::make(order, shelf, &sender).await {
                Ok(()) => {
                    core.figures.downloads_made.add(1);
                    info!(asset.id = %asset, took_ms = began.elapsed().as_millis(), "a download is ready");
                    Progress::Ready
                }
                Err(error) => {
                    core.figures.downloads_failed.add(1);
                    warn!(asset.id = %asset, %error, "a download cannot be made");
                    Progress::Failed { why: error.to_string().into(), since: monotonic() }
                }
            };
            sender.send_replace(state);
        });
        Some(progress)
    }
}

/// What somebody asks for.
struct Wanted {
    asset: String,
    shown: Shown,
    plan: Plan,
    key: String,
}

impl Origin {
    /// `/vod/{assetId}/download.mp4`, `download-2.mp4`, …
    pub(super) async fn download(
        &self,
        asset: &str,
        number: usize,
        query: &str,
        headers: &HeaderMap,
    ) -> Result<http::Response<Body>, Problem> {
        let wanted = self.wanted(asset, query, headers).await?;
        if number > wanted.plan.files.len() {
            return Err(no_such_file(number));
        }
        let found = match self.made(&wanted).await? {
            Ok(found) => found,
            Err(later) => return Ok(later.map(Body::from)),
        };
        let lengths = found.index.files.get(number - 1).filter(|lengths| lengths.head > 0);
        let lengths = *lengths.ok_or_else(|| nothing_left(number))?;
        let opened =
            tokio::task::spawn_blocking(move || found.open(number - 1).map(|head| (found, head))).await;
        let (found, head) = opened.map_err(|_| unavailable())?.map_err(|error| {
            warn!(asset.id = asset, %error, "a download's head cannot be opened");
            unavailable()
        })?;
        let of_file = found.index.missing.iter().filter(|missing| missing.file == number - 1);
        let missing: BTreeSet<usize> = of_file.map(|missing| missing.place).collect();
        let live = &wanted.shown.live;
        let media = wanted.plan.files[number - 1].segments.iter().enumerate();
        let media = media.filter(|(place, _)| !missing.contains(place)).map(|(_, segment)| segment);
        let media = media.map(|segment| Stretch::Media {
            store: live.store().clone(),
            file: segment.file,
            len: segment.len,
            proof: Some(Proof {
                crc32: segment.crc32,
                damaged: Arc::clone(&self.core.downloads.damaged),
                session: live.facts.session.clone().into(),
            }),
        });
        let head = Stretch::File { file: head, len: lengths.head };
        let stretches: Vec<Stretch> = std::iter::once(head).chain(media).collect();
        // Without a segment that was lost meanwhile it is another file.
        let tag = format!("{asset}-d{}-{number}-{:x}-{:x}", wanted.key, lengths.head, lengths.media);
        let mut answer = respond::joined(headers, stretches, &tag, PRIVATE);
        let name = format!("attachment; filename=\"{}\"", file_name(asset, number));
        respond::set(answer.headers_mut(), header::CONTENT_DISPOSITION, &name);
        Ok(answer)
    }

    /// `/vod/{assetId}/download.json`
    pub(super) async fn download_state(
        &self,
        asset: &str,
        query: &str,
        headers: &HeaderMap,
    ) -> Result<Answer, Problem> {
        let wanted = self.wanted(asset, query, headers).await?;
        let urls = |is_there: &dyn Fn(usize) -> bool| {
            let numbers = (1..=wanted.plan.files.len()).filter(|number| is_there(*number));
            numbers.map(|number| format!("/vod/{asset}/{}", name(number))).collect::<Vec<_>>()
        };
        let making = |percent: u8| {
            let bytes = wanted.plan.bytes();
            json!({ "state": "MAKING", "percent": percent, "bytes": bytes, "urls": urls(&|_| true), "missing": [] })
        };
        let state = if let Some(found) = self.core.downloads.find(&wanted).await {
            let index = &found.index;
            let missing = index.missing.iter().map(|missing| {
                let seconds = missing.ms as f64 / 1_000.0;
                json!({ "url": format!("/vod/{asset}/{}", name(missing.file + 1)), "segment": missing.msn,
                    "seconds": seconds, "why": missing.why })
            });
            json!({
                "state": "READY",
                "percent": 100,
                "bytes": index.files.iter().map(|file| file.head + file.media).sum::<u64>(),
                "urls": urls(&|number| index.files.get(number - 1).is_some_and(|file| file.head > 0)),
                "missing": missing.collect::<Vec<_>>(),
            })
        } else {
            let progress = self.core.downloads.ordered(&self.core, &wanted).ok_or_else(busy)?;
            let progress = progress.borrow().clone();
            match progress {
                Progress::Making { percent } => making(percent),
                // It is on the shelf the next time.
                Progress::Ready => making(99),
                Progress::Failed { why, .. } => json!({
                    "state": "FAILED", "percent": 0, "bytes": 0, "urls": [], "missing": [], "why": &*why,
                    "mend": "ask again in a few seconds: it is tried anew",
                }),
            }
        };
        let mut answer = http::Response::new(respond::SlicedBody::whole(Bytes::from(state.to_string())));
        let length = answer.body().length();
        let out = answer.headers_mut();
        out.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
        out.insert(header::CONTENT_LENGTH, HeaderValue::from(length));
        out.insert(header::CACHE_CONTROL, HeaderValue::from_static(NO_STORE));
        respond::open_to_all(out);
        Ok(answer)
    }

    /// What is asked for, by who may have it.
    async fn wanted(&self, asset: &str, query: &str, headers: &HeaderMap) -> Result<Wanted, Problem> {
        // Who may not have it does not learn whether it is there.
        self.owner(asset, query, headers).await?;
        let shown = self.shown(asset).await?;
        if shown.is_open() {
            return Err(not_finished());
        }
        let plan = shown.live.read_recording(|recording| Plan::of(recording, &shown.edit));
        if plan.files.is_empty() {
            return Err(super::recordings::nothing_yet());
        }
        let key = plan.key(&self.core.downloads.damaged.of(&shown.live.facts.session));
        Ok(Wanted { asset: asset.to_owned(), shown, plan, key })
    }

    /// The heads, once they are made; inner error: what is said where that takes longer than anybody waits.
    async fn made(&self, wanted: &Wanted) -> Result<Result<Found, Answer>, Problem> {
        let downloads = &self.core.downloads;
        if let Some(found) = downloads.find(wanted).await {
            return Ok(Ok(found));
        }
        let mut progress = downloads.ordered(&self.core, wanted).ok_or_else(busy)?;
        let over = async {
            // Whoever makes it and is gone has said nothing: that is told below.
            let _ = progress.wait_for(|progress| !matches!(progress, Progress::Making { .. })).await;
        };
        let in_time = sigma_clock::timeout(HELD, over).await.is_ok();
        let state = progress.borrow().clone();
        match state {
            Progress::Ready => {}
            Progress::Failed { why, .. } => return Err(cannot_be_made(&why)),
            Progress::Making { .. } if in_time => return Err(unavailable()),
            Progress::Making { percent } => {
                let mut answer = still_made(percent).answer();
                answer.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(AGAIN));
                return Ok(Err(answer));
            }
        }
        downloads.find(wanted).await.map(Ok).ok_or_else(unavailable)
    }
}

/// `download.mp4` is the first, `download-2.mp4` the second.
pub(super) fn number(name: &str) -> Option<usize> {
    super::recordings::file_number(name, "download")
}

fn name(number: usize) -> String {
    if number == 1 { "download.mp4".to_owned() } else { format!("download-{number}.mp4") }
}

/// What a browser calls the file: letters, digits and signs that no system minds.
fn file_name(asset: &str, number: usize) -> String {
    let is_safe = |sign: &char| sign.is_ascii_alphanumeric() || matches!(sign, '_' | '-');
    let safe: String = asset.chars().filter(is_safe).collect();
    if number == 1 { format!("{safe}.mp4") } else { format!("{safe}-{number}.mp4") }
}

fn no_such_file(number: usize) -> Problem {
    Problem::not_found(
        format!("this recording has no file {number}"),
        "the recording's downloadUrls name its files",
        PRIVATE.to_owned(),
    )
}

fn nothing_left(number: usize) -> Problem {
    Problem::not_found(
        format!("all segments of file {number} of this recording are lost"),
        "download.json says why, and which files there are",
        PRIVATE.to_owned(),
    )
}

fn not_finished() -> Problem {
    Problem {
        status: StatusCode::CONFLICT,
        code: "REFUSED",
        message: "this recording is not finished: it is being recorded still".to_owned(),
        mend: "ask again when its session has ended; a source record's source.mp4 is there meanwhile",
        cache: NO_STORE.to_owned(),
    }
}

fn still_made(percent: u8) -> Problem {
    Problem {
        status: StatusCode::SERVICE_UNAVAILABLE,
        code: "UNAVAILABLE",
        message: format!("this file is being made: {percent} % of it"),
        mend: "ask again after the seconds that Retry-After says; download.json says how far it is",
        cache: NO_STORE.to_owned(),
    }
}

fn cannot_be_made(why: &str) -> Problem {
    Problem {
        status: StatusCode::SERVICE_UNAVAILABLE,
        code: "UNAVAILABLE",
        message: format!("this file cannot be made: {why}"),
        mend: "ask again in a few seconds; the operator finds the reason in the server's log",
        cache: NO_STORE.to_owned(),
    }
}

fn busy() -> Problem {
    Problem {
        status: StatusCode::SERVICE_UNAVAILABLE,
        code: "UNAVAILABLE",
        message: format!("{MOST_WAITING} downloads wait to be made already"),
        mend: "ask again in a minute",
        cache: NO_STORE.to_owned(),
    }
}
