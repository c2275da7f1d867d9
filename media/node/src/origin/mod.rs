//! The origin: playlists and media over HTTP.
//!
//! `/live/{playbackId}/index.m3u8` and `/preview/{sessionId}/index.m3u8` are multivariant playlists; they name the
//! media playlist under the session's own path, `/media/SESSION~TOKEN/`, where init sections, segments and parts
//! stand beside it, and the multivariant playlist once more, for whom another node sends here. Bodies are the same for all.

mod body;
mod chapters;
pub(crate) mod downloads;
mod key_frames;
mod live_storyboard;
mod moving;
pub(crate) mod pictures;
pub(crate) mod recordings;
pub mod respond;
mod shelf;
mod storyboard;
mod webvtt;

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, Method, Request, StatusCode, header};
use sigma_clock::{Instant, monotonic};
use sigma_hls::request::{Resolution, resolve};
use sigma_hls::{KeyFrameName, Place, Resource, View, cache, playlist};
use tracing::{error, warn};

pub use body::{Body, JoinedBody};
pub use respond::{Answer, SlicedBody};

use crate::control::Playback;
use crate::core::Core;
use crate::figures::{Figures, Open, RequestKind};
use crate::paths::{Audience, MEDIA_ROOT, MULTIVARIANT};
use crate::session::{LiveSession, ReadError, Turn, Window, gzip};
use live_storyboard::LivePicture;
use respond::Problem;

/// Longest path that is looked at, in bytes.
const PATH_LIMIT: usize = 512;

/// Longest query that is looked at, in bytes.
const QUERY_LIMIT: usize = 4_096;

const NO_STORE: &str = "no-store";

/// How long a "not on air" may be kept by a cache, in seconds: short, since viewers wait for the start.
const NOT_ON_AIR: &str = "public, max-age=1";

/// The origin of a node. Cheap to clone.
#[derive(Clone)]
pub struct Origin {
    core: Arc<Core>,
}

impl Origin {
    pub(crate) fn new(core: Arc<Core>) -> Self {
        Self { core }
    }

    /// Answers a request; a blocking one when what it waits for is there.
    pub async fn answer<B>(&self, request: Request<B>) -> http::Response<Body> {
        let (parts, _) = request.into_parts();
        let kind = RequestKind::of(parts.uri.path());
        let answer = self.answer_to(parts).await;
        let bytes = answer.body().length();
        self.core.figures.answered(kind, answer.status().as_u16(), bytes);
        answer
    }

    async fn answer_to(&self, parts: http::request::Parts) -> http::Response<Body> {
        if parts.method == Method::OPTIONS {
            return respond::preflight().map(Body::from);
        }
        if parts.method != Method::GET && parts.method != Method::HEAD {
            let problem = Problem {
                status: StatusCode::METHOD_NOT_ALLOWED,
                code: "BAD_INPUT",
                message: format!("{} is not served here", parts.method),
                mend: "use GET or HEAD",
                cache: NO_STORE.to_owned(),
            };
            return problem.answer().map(Body::from);
        }
        let (path, query) = (parts.uri.path(), parts.uri.query().unwrap_or(""));
        let answer = if path.len() > PATH_LIMIT || query.len() > QUERY_LIMIT {
            Err(Problem {
                status: StatusCode::URI_TOO_LONG,
                code: "TOO_LARGE",
                message: "the address is too long".to_owned(),
                mend: "use the addresses that the playlists name",
                cache: NO_STORE.to_owned(),
            })
        } else {
            self.route(path, query, &parts.headers).await
        };
        let answer = answer.unwrap_or_else(|problem| problem.answer().map(Body::from));
        respond::without_body_for_head(&parts.method, answer)
    }

    async fn route(
        &self,
        path: &str,
        query: &str,
        headers: &HeaderMap,
    ) -> Result<http::Response<Body>, Problem> {
        let components: Vec<&str> = path.trim_start_matches('/').split('/').collect();
        let answer = match components.as_slice() {
            ["live", playback_id, "index.m3u8"] => self.live(playback_id, Window::Live, headers).await?,
            ["live", playback_id, "dvr.m3u8"] => self.live(playback_id, Window::Rewind, headers).await?,
            ["live", playback_id, "thumbnail.jpg"] => {
                self.live_thumbnail(playback_id, query, headers).await?
            }
            ["live", playback_id, "storyboard.vtt"] => self.live_storyboard(playback_id, headers).await?,
            ["vod", asset, "thumbnail.jpg"] => self.asset_thumbnail(asset, query, headers).await?,
            ["vod", asset, "storyboard.vtt"] => self.storyboard(asset, query, headers).await?,
            ["vod", asset, "preview.webp"] => self.moving_preview(asset, query, headers).await?,
            ["vod", asset, "chapters.vtt"] => self.chapters(asset, query, headers).await?,
            ["preview", session, "index.m3u8"] => self.preview(session, query, headers).await?,
            ["vod", asset, "index.m3u8"] => self.recording(asset, query, headers).await?,
            ["vod", asset, "download.json"] => self.download_state(asset, query, headers).await?,
            ["vod", asset, name] => match (storyboard::sheet_number(name), downloads::number(name)) {
                (Some(number), _) => self.sheet(asset, number, query, headers).await?,
                (None, Some(number)) => return self.download(asset, number, query, headers).await,
                (None, None) => return self.file(asset, name, query, headers).await,
            },
            [MEDIA_ROOT, folder, name] => self.media(folder, name, query, headers).await?,
            _ => return Err(unknown()),
        };
        Ok(answer.map(Body::from))
    }

    async fn live(&self, playback_id: &str, window: Window, headers: &HeaderMap) -> Result<Answer, Problem> {
        let live = self.on_air(playback_id).await?;
        self.multivariant(&live, Audience::Public, window, headers).await
    }

    /// What is public under a playback id.
    async fn on_air(&self, playback_id: &str) -> Result<Arc<LiveSession>, Problem> {
        let session = match self.core.control.playback(playback_id).await {
            Ok(Playback::OnAir(session)) => session,
            Ok(Playback::NotOnAir) => return Err(not_on_air()),
            Ok(Playback::Unknown) => {
                return Err(Problem::not_found(
                    "no channel has this playback id",
                    "check the address with whoever gave it to you",
                    NOT_ON_AIR.to_owned(),
                ));
            }
            Err(error) => {
                warn!(%error, "a playback id could not be looked up");
                return Err(unavailable());
            }
        };
        self.session(&session).await?.ok_or_else(not_on_air)
    }

    /// What is here, or in the archive, of a session.
    ///
    /// # Errors
    /// The archive does not answer: that is no word on whether it has any of it.
    async fn session(&self, session: &str) -> Result<Option<Arc<LiveSession>>, Problem> {
        self.core.sessions.look_up(&self.core, session).await.map_err(|_| unavailable())
    }

    async fn preview(&self, session: &str, query: &str, headers: &HeaderMap) -> Result<Answer, Problem> {
        let refused = |status, message: &str| Problem {
            status,
            code: if status == StatusCode::UNAUTHORIZED { "UNAUTHENTICATED" } else { "FORBIDDEN" },
            message: message.to_owned(),
            mend: "send an API token with sessions:read as Authorization: Bearer, or as ?token=",
            cache: NO_STORE.to_owned(),
        };
        let Some(token) = token(query, headers) else {
            return Err(refused(StatusCode::UNAUTHORIZED, "the preview wants a token"));
        };
        if !self.core.control.may_preview(session, token).await {
            return Err(refused(StatusCode::UNAUTHORIZED, "this token may not see the preview"));
        }
        let live = self.session(session).await?.ok_or_else(not_on_air)?;
        self.multivariant(&live, Audience::Preview, Window::Live, headers).await
    }

    async fn multivariant(
        &self,
        live: &LiveSession,
        audience: Audience,
        window: Window,
        headers: &HeaderMap,
    ) -> Result<Answer, Problem> {
        let folder = self.core.paths.folder(&live.facts.session, audience);
        let playlist_of = match window {
            // Where nothing is to be rewound to, that is the live window.
            Window::Rewind if !live.facts.rewind.is_zero() => Resource::Rewind,
            Window::Live | Window::Rewind | Window::KeyFrames => Resource::Playlist,
        };
        let uri = format!("{folder}/{playlist_of}");
        let view = view(audience);
        let (text, target, version) = live.read(|timeline| {
            let text = timeline
                .is_playable(view)
                .then(|| playlist::multivariant(timeline, &uri, live.frame_rate_milli()))
                .flatten();
            (text, timeline.target_duration().unwrap_or(1), timeline.version())
        });
        let mut text = text.ok_or_else(not_on_air)?;
        if playlist_of == Resource::Rewind {
            let uri = format!("{folder}/{}", playlist::REWIND_KEY_FRAMES);
            text.extend(live.key_frame_stream(&uri));
        }
        let plain = Bytes::from(text);
        let cache = match audience {
            Audience::Public => cache::plain_playlist(target),
            Audience::Preview | Audience::Recording => NO_STORE.to_owned(),
        };
        let kind = if window == Window::Live { 'm' } else { 'r' };
        let tag = format!("{}-{kind}{version}", live.facts.session);
        Ok(respond::playlist(headers, &plain, &gzip(&plain), &tag, &cache))
    }

    async fn media(
        &self,
        folder: &str,
        name: &str,
        query: &str,
        headers: &HeaderMap,
    ) -> Result<Answer, Problem> {
        let (session, audience) = self.core.paths.open(folder).ok_or_else(unknown)?;
        if audience == Audience::Recording {
            return self.recorded_media(session, name, headers).await;
        }
        let live = self.session(session).await?.ok_or_else(unknown)?;
        if name == MULTIVARIANT {
            return self.multivariant(&live, audience, Window::Live, headers).await;
        }
        if let Some(picture) = LivePicture::parse(name).filter(|_| audience == Audience::Public) {
            return self.live_picture(&live, picture, headers).await;
        }
        let view_of = view(audience);
        if name == playlist::REWIND_KEY_FRAMES && !live.facts.rewind.is_zero() {
            let window = Window::KeyFrames;
            return media_playlist(&self.core.figures, &live, view_of, window, query, headers).await;
        }
        if let Some(name) = KeyFrameName::parse(name) {
            return key_frames::of_rewind(&live, view_of, name, headers).await;
        }
        match Resource::parse(name).ok_or_else(unknown)? {
            Resource::Playlist => {
                media_playlist(&self.core.figures, &live, view_of, Window::Live, query, headers).await
            }
            Resource::Rewind if live.facts.rewind.is_zero() => Err(unknown()),
            Resource::Rewind => {
                media_playlist(&self.core.figures, &live, view_of, Window::Rewind, query, headers).await
            }
            resource => media_file(&self.core.figures, &live, view_of, resource, headers).await,
        }
    }
}

fn view(audience: Audience) -> View {
    match audience {
        Audience::Public => View::Public,
        Audience::Preview | Audience::Recording => View::Preview,
    }
}

/// The token that a request shows, as a header or in its address.
fn token<'a>(query: &'a str, headers: &'a HeaderMap) -> Option<&'a str> {
    let bearer = headers
        .get(header::AUTHORIZATION)
        .and_then(|value| value.to_str().ok())
        .and_then(|value| value.split_once(' '))
        .filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer"))
        .map(|(_, token)| token.trim());
    bearer.or_else(|| named_token(query))
}

/// The token that stands in an address.
fn named_token(query: &str) -> Option<&str> {
    query.split('&').find_map(|pair| pair.strip_prefix("token="))
}

/// A request that waits for media to come. It counts from its first wait to its answer, or until it is given up.
struct Waiting<'a> {
    figures: &'a Figures,
    since: Instant,
    _open: Open,
}

impl<'a> Waiting<'a> {
    fn begin(figures: &'a Figures) -> Self {
        Self { figures, since: monotonic(), _open: Open::new(&figures.waits_open) }
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.figures.wait_durations.observe(self.since.elapsed());
    }
}

/// A media playlist, after waiting for what the request's directives ask (checklist 24–31).
async fn media_playlist(
    figures: &Figures,
    live: &LiveSession,
    view: View,
    window: Window,
    query: &str,
    headers: &HeaderMap,
) -> Result<Answer, Problem> {
    let (target, limit) = live.read(|timeline| {
        (timeline.target_duration().unwrap_or(1), Duration::from_millis(timeline.block_limit_ms()))
    });
    let blocking = query.contains("_HLS_msn");
    let resolved = async {
        let mut waiting = None;
        let mut turn: Option<Turn> = None;
        loop {
            let place = live.place();
            let resolution =
                live.read(|timeline| timeline.is_playable(view).then(|| resolve(query, view, timeline)));
            match resolution {
                None => return Err(not_on_air()),
                Some(Resolution::Now { delta }) => return Ok((delta, turn)),
                Some(Resolution::Bad(reason)) => {
                    return Err(Problem {
                        status: StatusCode::BAD_REQUEST,
                        code: "BAD_INPUT",
                        message: reason.to_string(),
                        mend: "ask as the playlist's SERVER-CONTROL and last segment allow",
                        cache: playlist_error_cache(blocking, target),
                    });
                }
                Some(Resolution::Wait { .. }) => {
                    waiting.get_or_insert_with(|| Waiting::begin(figures));
                    drop(turn.take());
                    turn = Some(place.turn().await);
                }
            }
        }
    };
    // Who waited is answered in turn.
    let (delta, _turn) = match sigma_clock::timeout(limit, resolved).await {
        Ok(resolved) => resolved?,
        Err(_) => {
            return Err(Problem {
                status: StatusCode::SERVICE_UNAVAILABLE,
                code: "UNAVAILABLE",
                message: "what the request waits for has not come in time".to_owned(),
                mend: "ask again",
                cache: playlist_error_cache(true, target),
            });
        }
    };
    let rendered = live.playlist(view, window, delta);
    let kind = match (window, delta) {
        (Window::Live, true) => 'd',
        (Window::Live, false) => 'f',
        (Window::Rewind, true) => 'e',
        (Window::Rewind, false) => 'r',
        (Window::KeyFrames, true) => 'l',
        (Window::KeyFrames, false) => 'k',
    };
    let tag = format!("{}-{view:?}-{kind}{}", live.facts.session, rendered.tag());
    let cache = if blocking { cache::blocking_playlist(target) } else { cache::plain_playlist(target) };
    Ok(respond::playlist(headers, &rendered.plain, &rendered.gzip, &tag, &cache))
}

fn playlist_error_cache(blocking: bool, target: u32) -> String {
    if blocking { cache::blocking_playlist_error(target) } else { cache::plain_playlist_error(target) }
}

/// An init section, segment or part; the hinted part when it is complete, with no byte before (checklist 35).
async fn media_file(
    figures: &Figures,
    live: &LiveSession,
    view: View,
    resource: Resource,
    headers: &HeaderMap,
) -> Result<Answer, Problem> {
    let (target, limit) = live.read(|timeline| {
        (timeline.target_duration().unwrap_or(1), Duration::from_millis(timeline.block_limit_ms()))
    });
    let gone = || gone(target);
    let located = async {
        let mut waiting = None;
        let mut turn: Option<Turn> = None;
        loop {
            let place = live.place();
            match live.read(|timeline| timeline.locate(view, resource)) {
                Place::Hinted => {
                    waiting.get_or_insert_with(|| Waiting::begin(figures));
                    drop(turn.take());
                    turn = Some(place.turn().await);
                }
                Place::Ready(_) | Place::Older => return Some(turn),
                Place::Missing => return None,
            }
        }
    };
    let turn = match sigma_clock::timeout(limit, located).await {
        Ok(located) => located.ok_or_else(gone)?,
        // Still hinted: it may come yet, so that no cache may keep this answer.
        Err(_) => return Err(unavailable()),
    };
    let tag = format!("{}-{resource}", live.facts.session);
    if let Some(runs) = live.in_memory(resource) {
        return Ok(respond::media(headers, runs, &tag, cache::media()));
    }
    // Nobody's turn waits for a disk.
    drop(turn);
    stored(live, resource, headers).await
}

/// An init section, segment or part of a listed segment as it stands in the log.
async fn stored(live: &LiveSession, resource: Resource, headers: &HeaderMap) -> Result<Answer, Problem> {
    let target = live.read(|timeline| timeline.target_duration().unwrap_or(1));
    let range = live.range_of(resource).ok_or_else(|| gone(target))?;
    let read = live.shared_reads().get(resource, async {
        let store = live.store();
        let read = match resource {
            Resource::Segment(msn) => store.read_whole(range.file, range.len, live.sum_of(msn)).await,
            _ => store.read(range).await,
        };
        read.map(Some)
    });
    match read.await {
        Ok(Some(run)) => {
            let tag = format!("{}-{resource}", live.facts.session);
            Ok(respond::media(headers, vec![run], &tag, cache::media()))
        }
        Ok(None) => Err(gone(target)),
        Err(ReadError::Stopping) => Err(unavailable()),
        // A store that is away has it still.
        Err(ReadError::Archive(error)) if !error.is_lost() => {
            warn!(session.id = %live.facts.session, %resource, %error, "media cannot be read from the archive");
            Err(unavailable())
        }
        Err(error) => {
            error!(session.id = %live.facts.session, %resource, %error, "media is lost");
            Err(gone(target))
        }
    }
}

fn gone(target: u32) -> Problem {
    Problem::not_found(
        "this piece of the stream is not there (any more)",
        "reload the playlist and use what it lists",
        cache::missing_media(target),
    )
}

fn unknown() -> Problem {
    Problem::not_found(
        "there is nothing at this address",
        "use the addresses that the playlists name",
        NOT_ON_AIR.into(),
    )
}

fn not_on_air() -> Problem {
    Problem {
        status: StatusCode::NOT_FOUND,
        code: "NOT_ON_AIR",
        message: "nothing is on air here at the moment".to_owned(),
        mend: "come back when the broadcast has begun; the watch page does so by itself",
        cache: NOT_ON_AIR.to_owned(),
    }
}

fn unavailable() -> Problem {
    Problem {
        status: StatusCode::SERVICE_UNAVAILABLE,
        code: "UNAVAILABLE",
        message: "the server cannot answer at the moment".to_owned(),
        mend: "try again in a few seconds",
        cache: NO_STORE.to_owned(),
    }
}
