//! Recordings: catchup, clips and source records, as playlists over a session's segments and as files.
//!
//! `/vod/{assetId}/index.m3u8` names the media playlist under the recording's own path, `/media/ASSET~TOKEN/`, where the
//! session's init sections and segments stand beside it as far as the recording has them.
//! `/vod/{assetId}/source.mp4`, `source-2.mp4`, … are the segments of one format each, joined as they are asked for.

use std::collections::HashMap;
use std::num::NonZeroUsize;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use aws_lc_rs::digest;
use bytes::Bytes;
use http::{HeaderMap, StatusCode};
use lru::LruCache;
use sigma_clock::{Instant, monotonic};
use sigma_hls::recording::{Edge, EdgeInit, Edit, Item};
use sigma_hls::vod::{self, Closing};
use sigma_hls::{KeyFrameName, Recording, Resource, Span};
use sigma_log::{EntryRef, MediaFile};
use sigma_packager::{JoinedSegment, file_head};
use tracing::warn;

use super::body::{Body, Stretch};
use super::key_frames::{self, Wanted};
use super::respond::{self, Answer, Problem};
use super::{NO_STORE, Origin, unavailable, unknown};
use crate::control::{AssetFacts, AssetKind, AssetStanding};
use crate::paths::Audience;
use crate::session::{LiveSession, gzip};

/// The media playlist of a recording, in its folder.
pub(crate) const PLAYLIST: &str = "vod.m3u8";

/// Its I-frame playlist, once it is finished.
const IFRAMES: &str = "iframes.m3u8";

/// How long what the control plane said of a recording holds: so long a deleted one can still be seen.
const HOLDS: Duration = Duration::from_secs(2);

/// Recordings that are remembered.
const REMEMBERED: usize = 1_024;

/// A playlist that is not finished may be kept for a second; one that is, for a minute: it may be trimmed or deleted.
const OPEN: &str = "public, max-age=1";
const CLOSED: &str = "public, max-age=60";

/// A file is its owner's.
pub(super) const PRIVATE: &str = "private, no-cache";

/// Playlists of finished recordings that are kept as they were rendered: one of 12 h has a megabyte.
const PLAYLISTS: NonZeroUsize = NonZeroUsize::new(32).unwrap();

/// What is known of recordings that were asked for lately.
#[derive(Debug)]
pub(crate) struct Recordings {
    standings: Mutex<HashMap<String, (Instant, AssetStanding)>>,
    /// Playlists by their validators.
    playlists: Mutex<LruCache<String, Text>>,
}

impl Default for Recordings {
    fn default() -> Self {
        Self { standings: Mutex::default(), playlists: Mutex::new(LruCache::new(PLAYLISTS)) }
    }
}

/// A playlist and its gzipped form.
#[derive(Clone, Debug)]
struct Text {
    plain: Bytes,
    gzip: Bytes,
}

/// A recording that can be shown.
pub(super) struct Shown {
    kind: AssetKind,
    pub(super) live: Arc<LiveSession>,
    pub(super) edit: Edit,
    /// The moment whose picture stands for it, of the session's media time.
    pub(super) poster_us: Option<u64>,
    closing: Closing,
}

impl Origin {
    /// `/vod/{assetId}/index.m3u8`
    pub(super) async fn recording(
        &self,
        asset: &str,
        query: &str,
        headers: &HeaderMap,
    ) -> Result<Answer, Problem> {
        let shown = self.seen(asset, query, headers).await?;
        let folder = self.core.paths.folder(asset, Audience::Recording);
        let (uri, iframes) = (format!("{folder}/{PLAYLIST}"), format!("{folder}/{IFRAMES}"));
        // How long the last key frame stands is not known before the end.
        let iframes = (!shown.is_open()).then_some(&*iframes);
        let cache = if shown.is_owners() { NO_STORE } else { shown.cache() };
        let text = |recording: &Recording| vod::multivariant(recording, &shown.edit, &uri, iframes);
        self.rendered(&shown, shown.tag(asset, 'm'), headers, cache, text).ok_or_else(nothing_yet)
    }

    /// A playlist of a recording; none where `text` gives none. Of a recording that is finished it is rendered once for all who
    /// ask.
    fn rendered(
        &self,
        shown: &Shown,
        tag: String,
        headers: &HeaderMap,
        cache: &str,
        text: impl FnOnce(&Recording) -> Option<String>,
    ) -> Option<Answer> {
        let known = self.core.recordings.playlists().get(&tag).cloned();
        let Text { plain, gzip } = match known {
            Some(text) => text,
            None => {
                let plain = Bytes::from(shown.live.read_recording(text)?);
                let text = Text { gzip: gzip(&plain), plain };
                if !shown.is_open() {
                    self.core.recordings.playlists().put(tag.clone(), text.clone());
                }
                text
            }
        };
        Some(respond::playlist(headers, &plain, &gzip, &tag, cache))
    }

    /// `/media/ASSET~TOKEN/NAME`
    pub(super) async fn recorded_media(
        &self,
        asset: &str,
        name: &str,
        headers: &HeaderMap,
    ) -> Result<Answer, Problem> {
        let shown = self.shown(asset).await?;
        if name == PLAYLIST {
            let text = |recording: &Recording| vod::media(recording, &shown.edit, shown.closing);
            let answer = self.rendered(&shown, shown.tag(asset, 'v'), headers, shown.cache(), text);
            return answer.ok_or_else(nothing_yet);
        }
        if name == IFRAMES && !shown.is_open() {
            let text = |recording: &Recording| vod::iframes(recording, &shown.edit);
            let answer = self.rendered(&shown, shown.tag(asset, 'i'), headers, shown.cache(), text);
            return answer.ok_or_else(unknown);
        }
        if let Some((edge, part)) = shown.edge_file(name) {
            return self.edge(&shown.live, edge, part, headers).await;
        }
        if let Some(name) = KeyFrameName::parse(name) {
            return self.key_frame(&shown, name, headers).await;
        }
        let resource = Resource::parse(name).ok_or_else(unknown)?;
        let is_of_it = shown.live.read_recording(|recording| match resource {
            Resource::Segment(wanted) => recording.shows(&shown.edit, wanted),
            Resource::Init(wanted) => {
                recording.items(&shown.edit).any(|item| item.session_init() == Some(wanted))
            }
            Resource::Playlist | Resource::Rewind | Resource::Part { .. } => false,
        });
        if !is_of_it {
            return Err(unknown());
        }
        super::stored(&shown.live, resource, headers).await
    }

    /// An edge's media, or the init section that is its own.
    async fn edge(
        &self,
        live: &LiveSession,
        edge: &Edge,
        part: EdgePart,
        headers: &HeaderMap,
    ) -> Result<Answer, Problem> {
        let file = MediaFile::Edge(edge.name.0);
        let read = match part {
            EdgePart::Media => live.store().read_whole(file, edge.len, Some(edge.crc32)).await,
            EdgePart::Init(len) => {
                live.store().read(EntryRef { file, offset: edge.len, len: len.into() }).await
            }
        };
        let bytes = read.map_err(|error| {
            warn!(session.id = %live.facts.session, %file, %error, "an edge of a cut cannot be read");
            unavailable()
        })?;
        let tag = format!("{}-{}", edge.name, if part == EdgePart::Media { 'm' } else { 'i' });
        Ok(respond::media(headers, vec![[bytes].into()], &tag, sigma_hls::cache::media()))
    }

    /// What an I-frame playlist names.
    async fn key_frame(
        &self,
        shown: &Shown,
        name: KeyFrameName,
        headers: &HeaderMap,
    ) -> Result<Answer, Problem> {
        let wanted = shown.live.read_recording(|recording| match name {
            KeyFrameName::Init(number) => {
                let mut items = recording.items(&shown.edit);
                items.any(|item| item.session_init() == Some(number)).then_some(Wanted::Init(number))
            }
            KeyFrameName::Picture(msn) => {
                vod::key_frame(recording, &shown.edit, msn).map(|frame| Wanted::Picture(msn, frame))
            }
        });
        key_frames::answer(&shown.live, wanted.ok_or_else(unknown)?, shown.cache(), headers).await
    }

    /// `/vod/{assetId}/source.mp4`, `source-2.mp4`, …
    pub(super) async fn file(
        &self,
        asset: &str,
        name: &str,
        query: &str,
        headers: &HeaderMap,
    ) -> Result<http::Response<Body>, Problem> {
        let number = file_number(name, "source").ok_or_else(unknown)?;
        // Who may not have it does not learn whether it is there.
        self.owner(asset, query, headers).await?;
        let shown = self.shown(asset).await?;
        let run = shown.run(number).ok_or_else(|| no_such_file(number))?;
        let stretches = stretches(&shown.live, &run).await.map_err(|error| {
            warn!(session.id = %shown.live.facts.session, %error, "a source record cannot be joined");
            unavailable()
        })?;
        Ok(respond::joined(headers, stretches, &format!("{}-{number}", shown.tag(asset, 's')), PRIVATE))
    }

    /// A recording, for who may see it: a source record is its owner's.
    pub(super) async fn seen(&self, asset: &str, query: &str, headers: &HeaderMap) -> Result<Shown, Problem> {
        let shown = self.shown(asset).await?;
        if shown.is_owners() {
            self.owner(asset, query, headers).await?;
        }
        Ok(shown)
    }

    /// Who asks may have what is the owner's.
    pub(super) async fn owner(&self, asset: &str, query: &str, headers: &HeaderMap) -> Result<(), Problem> {
        let may = match super::token(query, headers) {
            Some(token) => {
                self.core.paths.admits(asset, token, self.core.clock.now())
                    || self.core.control.may_download(asset, token).await
            }
            None => false,
        };
        if may {
            return Ok(());
        }
        Err(Problem {
            status: StatusCode::UNAUTHORIZED,
            code: "UNAUTHENTICATED",
            message: "source records, and recordings as files, want a token that may see them".to_owned(),
            mend: "send an API token with assets:read as Authorization: Bearer, or as ?token=",
            cache: NO_STORE.to_owned(),
        })
    }

    pub(super) async fn shown(&self, asset: &str) -> Result<Shown, Problem> {
        let facts = match self.standing(asset).await? {
            AssetStanding::There(facts) => facts,
            AssetStanding::Unknown => return Err(missing("there is no recording at this address")),
            AssetStanding::Gone => return Err(missing("this recording was deleted, or its time is over")),
            AssetStanding::Failed => return Err(missing("nothing could be kept of this recording")),
        };
        let AssetFacts { session, kind, edit, poster_us } = facts;
        let live = self.session(&session).await?;
        let live = live.ok_or_else(|| missing("the media of this recording is not at this server"))?;
        let closing = if edit.is_some() { Closing::Closed } else { Closing::Open };
        let edit = edit.unwrap_or_else(|| {
            let spans: Vec<Span> = live
                .read_recording(|recording| match kind {
                    AssetKind::Source => recording.whole(),
                    AssetKind::Catchup | AssetKind::Clip => recording.public(),
                })
                .into_iter()
                .collect();
            spans.into()
        });
        Ok(Shown { kind, live, edit, poster_us, closing })
    }

    async fn standing(&self, asset: &str) -> Result<AssetStanding, Problem> {
        if let Some(standing) = self.core.recordings.recall(asset) {
            return Ok(standing);
        }
        match self.core.control.asset(asset).await {
            Ok(standing) => {
                self.core.recordings.note(asset, &standing);
                Ok(standing)
            }
            Err(error) => {
                warn!(%error, "a recording could not be looked up");
                Err(unavailable())
            }
        }
    }
}

impl Recordings {
    fn playlists(&self) -> MutexGuard<'_, LruCache<String, Text>> {
        self.playlists.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn standings(&self) -> MutexGuard<'_, HashMap<String, (Instant, AssetStanding)>> {
        self.standings.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn recall(&self, asset: &str) -> Option<AssetStanding> {
        let known = self.standings();
        known.get(asset).filter(|(since, _)| since.elapsed() < HOLDS).map(|(_, standing)| standing.clone())
    }

    /// The session of a recording that was asked for a moment ago.
    pub(crate) fn session_of(&self, asset: &str) -> Option<String> {
        match self.recall(asset)? {
            AssetStanding::There(facts) => Some(facts.session),
            AssetStanding::Unknown | AssetStanding::Gone | AssetStanding::Failed => None,
        }
    }

    #[cfg(test)]
    pub(crate) fn forget(&self) {
        self.standings().clear();
    }

    fn note(&self, asset: &str, standing: &AssetStanding) {
        let mut known = self.standings();
        if known.len() >= REMEMBERED {
            known.retain(|_, (since, _)| since.elapsed() < HOLDS);
        }
        if known.len() < REMEMBERED {
            known.insert(asset.to_owned(), (monotonic(), standing.clone()));
        }
    }
}

/// The segments of one file.
struct Run {
    init: Option<u32>,
    begins_ticks: u64,
    segments: Vec<(MediaFile, JoinedSegment)>,
    /// The edge whose own init section it is that decodes it.
    own: Option<Edge>,
}

/// What stands in an edge's file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum EdgePart {
    Media,
    /// So many bytes.
    Init(u32),
}

impl Shown {
    fn cache(&self) -> &'static str {
        match self.closing {
            Closing::Open => OPEN,
            Closing::Closed => CLOSED,
        }
    }

    /// Whether more of it is to come.
    pub(super) fn is_open(&self) -> bool {
        self.closing == Closing::Open
    }

    /// How long its pictures may be kept: nobody but its owner keeps those of a source record.
    pub(super) fn picture_cache(&self) -> &'static str {
        if self.is_owners() { PRIVATE } else { self.cache() }
    }

    /// Whether it is shown to its owner alone.
    pub(super) fn is_owners(&self) -> bool {
        self.kind == AssetKind::Source
    }

    /// The same stretches, shown from the same segments and edges, give the same bytes.
    pub(super) fn tag(&self, asset: &str, kind: char) -> String {
        let spans = self.edit.spans.iter().flat_map(|span| [span.from_us, span.to_us]);
        let edges = self.edit.edges.iter().map(|edge| edge.name.0);
        let hash = short_hash(spans.flat_map(u64::to_be_bytes).chain(edges.flat_map(u128::to_be_bytes)));
        format!("{asset}-{kind}{hash}-{:?}", self.closing)
    }

    /// The edge that a name in the playlist is of.
    fn edge_file(&self, name: &str) -> Option<(&Edge, EdgePart)> {
        self.edit.edges.iter().find_map(|edge| {
            let [media, init] = vod::edge_names(edge.name);
            match edge.init {
                _ if name == media => Some((edge, EdgePart::Media)),
                EdgeInit::Own { len, .. } if name == init => Some((edge, EdgePart::Init(len))),
                _ => None,
            }
        })
    }

    /// What stands in the file `number`, counted from 1: what the same decodes and in which media time goes on.
    fn run(&self, number: usize) -> Option<Run> {
        self.live.read_recording(|recording| {
            let mut files: Vec<Run> = Vec::new();
            let mut before: Option<Item<'_>> = None;
            for item in recording.items(&self.edit) {
                let segment = JoinedSegment {
                    len: item.len(),
                    duration_ticks: item.duration(),
                    starts_with_key: item.independent(),
                };
                let file = match item {
                    Item::Segment(msn, _) => MediaFile::Segment(msn),
                    Item::Edge(edge) => MediaFile::Edge(edge.name.0),
                };
                let goes_on = before.replace(item).is_some_and(|before| recording.goes_on(&before, &item));
                match files.last_mut().filter(|_| goes_on) {
                    Some(run) => run.segments.push((file, segment)),
                    None => files.push(Run {
                        init: item.session_init(),
                        // Media time, without the gaps, is what the segments' own timestamps count.
                        begins_ticks: recording.timestamp(item.start()),
                        segments: vec![(file, segment)],
                        own: match item {
                            Item::Edge(edge) if item.session_init().is_none() => Some(edge.clone()),
                            _ => None,
                        },
                    }),
                }
            }
            (number <= files.len()).then(|| files.swap_remove(number - 1))
        })
    }
}

async fn stretches(live: &LiveSession, run: &Run) -> Result<Vec<Stretch>, String> {
    let told = |error: &dyn std::fmt::Display| error.to_string();
    let range = match (&run.own, run.init) {
        (Some(Edge { name, len, init: EdgeInit::Own { len: own, .. }, .. }), _) => {
            Some(EntryRef { file: MediaFile::Edge(name.0), offset: *len, len: (*own).into() })
        }
        (_, number) => number.and_then(|number| live.range_of(Resource::Init(number))),
    };
    let range = range.ok_or("its init section is missing")?;
    let init = live.store().read(range).await.map_err(|error| told(&error))?;
    let joined: Vec<JoinedSegment> = run.segments.iter().map(|(_, segment)| *segment).collect();
    let head = file_head(&init, run.begins_ticks, &joined).map_err(|error| told(&error))?;
    let files = run.segments.iter().map(|(file, segment)| Stretch::Media {
        store: live.store().clone(),
        file: *file,
        len: segment.len,
        proof: None,
    });
    Ok(std::iter::once(Stretch::Bytes(head.into())).chain(files).collect())
}

/// Enough of a hash to tell a node's files apart: 16 hexadecimal digits.
pub(super) fn short_hash(bytes: impl Iterator<Item = u8>) -> String {
    let hash = digest::digest(&digest::SHA256, &bytes.collect::<Vec<u8>>());
    hash.as_ref().iter().take(8).map(|byte| format!("{byte:02x}")).collect()
}

/// `source.mp4` is the first of the files of this kind, `source-2.mp4` the second.
pub(super) fn file_number(name: &str, kind: &str) -> Option<usize> {
    let rest = name.strip_prefix(kind)?.strip_suffix(".mp4")?;
    if rest.is_empty() {
        return Some(1);
    }
    let digits = rest.strip_prefix('-')?;
    let number: usize = digits.parse().ok()?;
    (number >= 2 && number.to_string() == digits).then_some(number)
}

fn missing(message: &str) -> Problem {
    Problem::not_found(message, "ask whoever gave you the address", OPEN.to_owned())
}

pub(super) fn nothing_yet() -> Problem {
    Problem::not_found(
        "nothing is recorded here yet",
        "come back a few seconds after the broadcast has begun",
        OPEN.to_owned(),
    )
}

fn no_such_file(number: usize) -> Problem {
    Problem::not_found(
        format!("this recording has no file {number}"),
        "the recording's sourceUrls name its files",
        PRIVATE.to_owned(),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_file_has_one_name() {
        let names = ["source.mp4", "source-2.mp4", "source-17.mp4"];
        assert_eq!(names.map(|name| file_number(name, "source")), [Some(1), Some(2), Some(17)]);
        for name in ["source-1.mp4", "source-02.mp4", "source-.mp4", "source-+2.mp4", "other.mp4", "source"] {
            assert_eq!(file_number(name, "source"), None, "{name}");
        }
    }
}
