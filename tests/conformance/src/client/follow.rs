//! Following one media playlist: by blocking reload where the origin can, and with everything that hangs on it.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use reqwest::Url;
use tokio::task::JoinSet;

use super::Run;
use super::fetch::{Request, decoded};
use super::media::Desk;
use super::probes;
use crate::finding::beyond;
use crate::observation::{Body, Directives, Exchange, Purpose, Torn};
use crate::playlist::{MediaPlaylist, Micros, parse_media};

/// How long a playlist that needs not block may take.
const WITHIN: Duration = Duration::from_secs(15);

/// After so long without any playlist the rendition is given up.
const GIVEN_UP: Micros = 30_000_000;

/// Between two tries where the last failed.
const PAUSE: Micros = 250_000;

/// One media playlist that is followed.
pub(crate) struct Follower {
    pub(crate) run: Arc<Run>,
    pub(crate) index: usize,
    pub(crate) url: Url,
    pub(crate) tasks: JoinSet<()>,
    pub(crate) desk: Arc<Desk>,
    pub(crate) turn: u64,
    pub(crate) due: Due,
}

/// When things were last done, and when they are due.
#[derive(Debug, Default)]
pub(crate) struct Due {
    pub(crate) plain: Micros,
    pub(crate) probes: Micros,
    pub(crate) rounds: u32,
    pub(crate) hint: Micros,
}

pub(crate) async fn follow(run: Arc<Run>, index: usize, url: Url) {
    let desk = Arc::new(Desk::new(Arc::clone(&run), index, url.clone()));
    let mut follower =
        Follower { run, index, url, tasks: JoinSet::new(), desk, turn: 0, due: Due::default() };
    let deadline = follower.run.deadline;
    tokio::select! {
        () = follower.go() => {}
        () = sigma_clock::sleep_until(deadline) => {}
    }
    follower.run.over.fetch_add(1, Ordering::Relaxed);
}

impl Follower {
    async fn go(&mut self) {
        let mut last: Option<Arc<MediaPlaylist>> = None;
        let mut good = self.run.now();
        loop {
            let directives = last.as_deref().map_or_else(Directives::default, |last| self.next(last));
            if let Some(last) = &last {
                probes::beside(self, last, directives);
            }
            let (exchange, playlist) = self.playlist(Purpose::Follow(directives), directives, false).await;
            let took = exchange.done - exchange.asked;
            let status = exchange.status();
            self.run.note(exchange);
            let Some(playlist) = playlist else {
                if self.run.now() - good > GIVEN_UP {
                    return;
                }
                // A 503 came after a long wait already; after anything else the place is found anew.
                if status != 503 {
                    last = None;
                }
                if status != 503 || took < PAUSE {
                    self.run.rest(PAUSE).await;
                }
                continue;
            };
            good = self.run.now();
            self.turn += 1;
            self.desk.look(&mut self.tasks, &playlist);
            if playlist.ended {
                self.run.ended.store(true, Ordering::Relaxed);
                probes::after_the_end(self, last.as_deref(), &playlist).await;
                return;
            }
            let step = playlist.part_target.unwrap_or(playlist.target);
            let blocks = playlist.control.as_ref().is_some_and(|control| control.can_block);
            let stands = last.as_ref().is_some_and(|last| last.edge() == playlist.edge());
            last = Some(playlist);
            if !blocks || stands {
                self.run.rest(step / 4).await;
            }
            while self.tasks.try_join_next().is_some() {}
        }
    }

    /// What to ask for next.
    fn next(&self, last: &MediaPlaylist) -> Directives {
        if !last.control.as_ref().is_some_and(|control| control.can_block) {
            return Directives::default();
        }
        let (msn, part) = last.edge();
        if last.part_target.is_none() {
            return Directives { msn: Some(msn), ..Directives::default() };
        }
        // Rule 26: the first part of a segment may be asked for as one beyond the last of the segment before it.
        let before =
            last.segments.last().filter(|before| part == 0 && !before.parts.is_empty() && !before.gap);
        let (msn, part) = match before.filter(|before| before.msn % 2 == 0) {
            Some(before) => (before.msn, before.parts.len() as u64),
            None => (msn, part),
        };
        Directives { msn: Some(msn), part: Some(part), skip: None }
    }

    /// A request for the playlist.
    pub(crate) async fn playlist(
        &self,
        purpose: Purpose,
        directives: Directives,
        gzip: bool,
    ) -> (Exchange, Option<Arc<MediaPlaylist>>) {
        playlist(&self.run, self.index, &self.url, purpose, directives, gzip, self.desk.target()).await
    }
}

/// A request for a media playlist, with its directives.
pub(crate) async fn playlist(
    run: &Run,
    index: usize,
    url: &Url,
    purpose: Purpose,
    directives: Directives,
    gzip: bool,
    target: Micros,
) -> (Exchange, Option<Arc<MediaPlaylist>>) {
    let mut url = url.clone();
    let query = directives.query();
    if !query.is_empty() {
        let own = url.query().map_or(String::new(), |own| format!("{own}&"));
        url.set_query(Some(&format!("{own}{query}")));
    }
    // What blocks is waited for until it is far too late, and a little longer.
    let blocked = Duration::from_micros(u64::try_from(beyond(3 * target)).unwrap_or(0));
    let within = if directives.msn.is_some() { blocked + Duration::from_secs(5) } else { WITHIN };
    let request = Request { url, rendition: Some(index), purpose, range: None, gzip, within };
    let mut fetched = run.fetch(request).await;
    let mut playlist = None;
    if let Ok(answer) = &mut fetched.exchange.outcome
        && answer.status == 200
    {
        let read = match decoded(fetched.body) {
            Ok(text) => parse_media(&text).map(Arc::new).map_err(|error| Torn { error, text }),
            Err(error) => Err(Torn { error, text: "".into() }),
        };
        playlist = read.as_ref().ok().cloned();
        answer.body = Body::Playlist(read);
        run.playlists.fetch_add(1, Ordering::Relaxed);
    }
    (fetched.exchange, playlist)
}
