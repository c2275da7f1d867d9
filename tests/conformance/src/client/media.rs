//! The media that a playlist lists: fetched when it is new, and again when it is gone from the list.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use reqwest::Url;
use tokio::sync::{OnceCell, Semaphore};
use tokio::task::JoinSet;

use super::Run;
use super::fetch::Request;
use crate::mp4::{self, Init};
use crate::observation::{Body, Purpose, range_of};
use crate::playlist::{ByteRange, Map, MediaPlaylist, Micros, Segment};

/// How long a segment may take.
pub(super) const WITHIN: Duration = Duration::from_secs(30);

/// How many downloads of listed media run at once, a rendition.
const AT_ONCE: usize = 6;

/// How many segments of a first playlist are fetched: the newest.
const OF_THE_FIRST: usize = 6;

/// How many segments of a recording are fetched: forty minutes of 4 s.
const MOST_OF_A_RECORDING: usize = 600;

/// The most gaps of a run that are asked for, to see that they are not there.
const MOST_GAPS: usize = 3;

type InitCell = Arc<OnceCell<Option<Arc<Init>>>>;

/// The media desk of one rendition.
pub(crate) struct Desk {
    run: Arc<Run>,
    index: usize,
    base: Url,
    room: Semaphore,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    target: Option<Micros>,
    inits: HashMap<String, InitCell>,
    parts: HashMap<(u64, u64), Shelf>,
    segments: HashMap<u64, Shelf>,
    hinted: HashSet<String>,
    gaps: usize,
    has_looked: bool,
}

/// Where a listed thing is.
#[derive(Clone)]
struct Shelf {
    uri: String,
    range: Option<ByteRange>,
    duration: Micros,
    gone: bool,
}

impl Shelf {
    fn of(segment: &Segment) -> Self {
        Self {
            uri: segment.uri.clone(),
            range: segment.byte_range,
            duration: segment.duration,
            gone: segment.gap,
        }
    }
}

impl Desk {
    pub(crate) fn new(run: Arc<Run>, index: usize, base: Url) -> Self {
        Self { run, index, base, room: Semaphore::new(AT_ONCE), state: Mutex::default() }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The target duration; 10 s until it is known.
    pub(crate) fn target(&self) -> Micros {
        self.state().target.unwrap_or(10_000_000)
    }

    /// Fetches what is new in a playlist, and what is gone from it.
    pub(crate) fn look(self: &Arc<Self>, tasks: &mut JoinSet<()>, playlist: &MediaPlaylist) {
        let mut state = self.state();
        state.target = Some(playlist.target);
        let first = !std::mem::replace(&mut state.has_looked, true);
        let skipped = if first { playlist.segments.len().saturating_sub(OF_THE_FIRST) } else { 0 };
        for (msn, index, part) in playlist.parts() {
            if state.parts.contains_key(&(msn, index)) {
                continue;
            }
            let shelf = Shelf {
                uri: part.uri.clone(),
                range: part.byte_range,
                duration: part.duration,
                gone: part.gap,
            };
            state.parts.insert((msn, index), shelf.clone());
            let map =
                playlist.all().find(|segment| segment.msn == msn).and_then(|segment| segment.map.clone());
            if !part.gap {
                self.fetch(tasks, &mut state, Purpose::Part(msn, index), shelf, map);
            } else if state.hinted.contains(&part.uri) && state.gaps < MOST_GAPS {
                // Rule 36: the hint was given up.
                state.gaps += 1;
                self.send(tasks, Purpose::GivenUp, shelf, None, 0);
            }
        }
        for (at, segment) in playlist.segments.iter().enumerate() {
            if state.segments.contains_key(&segment.msn) {
                continue;
            }
            let shelf = Shelf::of(segment);
            state.segments.insert(segment.msn, shelf.clone());
            if !segment.gap && at >= skipped {
                self.fetch(tasks, &mut state, Purpose::Segment(segment.msn), shelf, segment.map.clone());
            }
        }
        state
            .hinted
            .extend(playlist.hints.iter().filter(|hint| hint.start.is_none()).map(|hint| hint.uri.clone()));
        if !playlist.ended {
            self.see_what_is_gone(tasks, &mut state, playlist);
        }
    }

    /// Fetches the media of a recording: all of it, or of a long one its beginning, its middle and its end.
    pub(crate) fn look_through(self: &Arc<Self>, tasks: &mut JoinSet<()>, playlist: &MediaPlaylist) {
        let mut state = self.state();
        state.target = Some(playlist.target);
        let count = playlist.segments.len();
        let is_looked_at = |at: usize| {
            let third = MOST_OF_A_RECORDING / 3;
            let from_middle = at.abs_diff(count / 2);
            count <= MOST_OF_A_RECORDING || at < third || from_middle < third / 2 || count - at <= third
        };
        for (_, segment) in playlist.segments.iter().enumerate().filter(|(at, _)| is_looked_at(*at)) {
            let shelf = Shelf::of(segment);
            if !segment.gap {
                self.fetch(tasks, &mut state, Purpose::Segment(segment.msn), shelf, segment.map.clone());
            }
        }
    }

    /// Rules 14 and 18.
    fn see_what_is_gone(
        self: &Arc<Self>,
        tasks: &mut JoinSet<()>,
        state: &mut State,
        playlist: &MediaPlaylist,
    ) {
        let listed: HashSet<(u64, u64)> = playlist.parts().map(|(msn, index, _)| (msn, index)).collect();
        for (place, shelf) in
            state.parts.iter_mut().filter(|(place, shelf)| !shelf.gone && !listed.contains(place))
        {
            shelf.gone = true;
            // The first of a segment stands for the others.
            if place.1 == 0 {
                let later = playlist.target * 2;
                self.send(tasks, Purpose::OldPart(place.0, place.1), shelf.clone(), None, later);
            }
        }
        for (msn, shelf) in &mut state.segments {
            if *msn < playlist.media_sequence && !shelf.gone {
                shelf.gone = true;
                for later in [0, shelf.duration * 6 / 10] {
                    self.send(tasks, Purpose::OldSegment(*msn), shelf.clone(), None, later);
                }
            }
        }
        state.parts.retain(|(msn, _), shelf| !shelf.gone || msn + 64 > playlist.media_sequence);
        state.segments.retain(|msn, shelf| !shelf.gone || msn + 64 > playlist.media_sequence);
    }

    fn fetch(
        self: &Arc<Self>,
        tasks: &mut JoinSet<()>,
        state: &mut State,
        purpose: Purpose,
        shelf: Shelf,
        map: Option<Map>,
    ) {
        let init = map.map(|map| {
            let key = format!("{}|{:?}", map.uri, map.byte_range);
            (Arc::clone(state.inits.entry(key).or_default()), map)
        });
        self.send(tasks, purpose, shelf, init, 0);
    }

    fn send(
        self: &Arc<Self>,
        tasks: &mut JoinSet<()>,
        purpose: Purpose,
        shelf: Shelf,
        init: Option<(InitCell, Map)>,
        later: Micros,
    ) {
        let desk = Arc::clone(self);
        tasks.spawn(async move {
            if later > 0 {
                desk.run.rest(later).await;
            }
            let init = match init {
                Some((cell, map)) => cell.get_or_init(|| desk.init(map)).await.clone(),
                None => None,
            };
            desk.one(purpose, shelf, init).await;
        });
    }

    async fn init(&self, map: Map) -> Option<Arc<Init>> {
        let request = self.request(&map.uri, Purpose::Init, map.byte_range)?;
        let mut fetched = self.run.fetch(request).await;
        let mut init = None;
        if fetched.exchange.is_good()
            && let Ok(answer) = &mut fetched.exchange.outcome
        {
            let read = mp4::read_init(&fetched.body).map(Arc::new);
            init = read.as_ref().ok().cloned();
            answer.body = Body::Init(read);
        }
        self.run.media.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        self.run.note(fetched.exchange);
        init
    }

    async fn one(&self, purpose: Purpose, shelf: Shelf, init: Option<Arc<Init>>) {
        let Some(request) = self.request(&shelf.uri, purpose, shelf.range) else { return };
        // What is listed waits for its turn; what is looked up by its time does not.
        let _turn = match request.purpose {
            Purpose::Part(..) | Purpose::Segment(_) => self.room.acquire().await.ok(),
            _ => None,
        };
        let mut fetched = self.run.fetch(request).await;
        if fetched.exchange.is_good()
            && let Ok(answer) = &mut fetched.exchange.outcome
            && let Some(init) = init
        {
            answer.body = Body::Media(mp4::read_fragment(&fetched.body, &init));
        }
        self.run.media.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        self.run.note(fetched.exchange);
    }

    fn request(&self, uri: &str, purpose: Purpose, range: Option<ByteRange>) -> Option<Request> {
        let url = self.base.join(uri).ok()?;
        let rendition = Some(self.index);
        Some(Request { url, rendition, purpose, range: range_of(range), gzip: false, within: WITHIN })
    }
}
