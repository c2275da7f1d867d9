//! Viewers who ask this process for what another node holds are sent there.

use std::num::NonZeroUsize;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use http::{HeaderMap, HeaderValue, Method, StatusCode, Uri, header};
use lru::LruCache;
use serde_json::json;
use sigma_api::http::{FromMedia, Slices};
use sigma_app::{App, ReadError, SessionId};
use sigma_clock::Clock;
use sigma_node::{Playback, SessionPaths};

use crate::nodes::Roster;

/// Finds the node that holds what somebody asks for.
pub(crate) struct Elsewhere {
    app: Arc<App>,
    roster: Arc<Roster>,
    /// The node that this process runs as.
    here: String,
    paths: SessionPaths,
    clock: Arc<dyn Clock>,
    /// Sessions of the recordings that were asked for last: a recording is of one session for ever.
    sessions: Mutex<LruCache<String, String>>,
}

/// Recordings whose sessions are remembered.
const REMEMBERED: NonZeroUsize = NonZeroUsize::new(4_096).unwrap();

/// What is public under a playback id, and at which node.
pub(super) async fn whereabouts(app: &App, playback_id: &str) -> Result<(Playback, String), ReadError> {
    let nowhere = |playback| (playback, String::new());
    let Some(channel) = app.views().channel_by_playback_id(playback_id).await? else {
        return Ok(nowhere(Playback::Unknown));
    };
    let Some(current) = channel.current_session else { return Ok(nowhere(Playback::NotOnAir)) };
    let Some(row) = app.views().session(&current).await? else { return Ok(nowhere(Playback::NotOnAir)) };
    let public = row.live_at_ms.is_some() && row.state != sigma_app::SessionState::Ended;
    Ok(if public { (Playback::OnAir(current), row.node) } else { nowhere(Playback::NotOnAir) })
}

impl Elsewhere {
    pub(crate) fn new(
        app: Arc<App>,
        roster: Arc<Roster>,
        here: String,
        path_secret: &[u8; 32],
        clock: Arc<dyn Clock>,
    ) -> Self {
        let sessions = Mutex::new(LruCache::new(REMEMBERED));
        Self { app, roster, here, paths: SessionPaths::new(path_secret), clock, sessions }
    }

    /// The answer that sends a viewer to another node; none where what he asks for is not known to be at another one.
    pub(super) async fn send(
        &self,
        method: &Method,
        uri: &Uri,
        headers: &HeaderMap,
    ) -> Option<http::Response<FromMedia>> {
        if *method != Method::GET && *method != Method::HEAD {
            return None;
        }
        let mut components = uri.path().trim_start_matches('/').split('/');
        let (path, query) = (uri.path(), uri.query());
        let mut goes_along = query.map(without_token);
        let place = match (components.next()?, components.next()?, components.next()?, components.next()) {
            // Playlists and pictures.
            ("live", playback_id, _, None) => {
                let (_, node) = whereabouts(&self.app, playback_id).await.ok()?;
                self.at(&node, path)?
            }
            ("vod", asset, _, None) => {
                let place = self.at(&self.node_of_asset(asset).await?, path)?;
                goes_along = match bearer_of(headers) {
                    // A client takes no header along to another host.
                    Some(token) if self.app.may_download(asset, token).await => {
                        let ticket = self.paths.ticket(asset, self.clock.now());
                        Some(format!("{}&token={ticket}", query.map(without_token).unwrap_or_default()))
                    }
                    _ => query.map(str::to_owned),
                };
                place
            }
            ("preview", session, "index.m3u8", None) => {
                let node = self.app.views().session(session).await.ok()??.node;
                let url = self.at(&node, &self.paths.preview(session))?;
                // The address that he is sent to is a secret of the session: it is told to whom it may be.
                let may = match token_of(uri, headers) {
                    Some(token) => self.app.may_preview(session, &token).await,
                    None => false,
                };
                if !may {
                    return Some(told(
                        StatusCode::UNAUTHORIZED,
                        "UNAUTHENTICATED",
                        "the preview wants a token that may see it",
                        TOKEN_MEND,
                    ));
                }
                url
            }
            // These paths name their session or recording; whoever has one from an older answer finds it where it is.
            ("media", folder, _, None) => {
                let of = self.paths.session_of(folder)?;
                let node = match of.parse::<SessionId>() {
                    Ok(_) => self.app.views().session(of).await.ok()??.node,
                    Err(_) => self.node_of_asset(of).await?,
                };
                self.at(&node, path)?
            }
            _ => return None,
        };
        let place = match goes_along {
            Some(query) if !query.is_empty() => format!("{place}?{}", query.trim_start_matches('&')),
            _ => place,
        };
        let mut response = http::Response::new(FromMedia::Slices(Slices::default()));
        *response.status_mut() = StatusCode::TEMPORARY_REDIRECT;
        let headers = response.headers_mut();
        headers.insert(header::LOCATION, HeaderValue::from_str(&place).ok()?);
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
        headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, HeaderValue::from_static("*"));
        Some(response)
    }

    /// The node that has a recording's session.
    async fn node_of_asset(&self, asset: &str) -> Option<String> {
        let remembered = self.remembered().get(asset).cloned();
        let session = match remembered {
            Some(session) => session,
            None => {
                let session = self.app.asset_playback(asset).await.ok()??.session;
                self.remembered().put(asset.to_owned(), session.clone());
                session
            }
        };
        Some(self.app.views().session(&session).await.ok()??.node)
    }

    fn remembered(&self) -> MutexGuard<'_, LruCache<String, String>> {
        self.sessions.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// An address at another node that is there.
    fn at(&self, node: &str, path: &str) -> Option<String> {
        if node == self.here {
            return None;
        }
        Some(format!("{}{path}", self.roster.url_of(node)?))
    }
}

const TOKEN_MEND: &str = "send an API token with sessions:read as Authorization: Bearer, or as ?token=";

/// Whether viewers ask for it.
pub(super) fn is_of_media(path: &str) -> bool {
    ["/live/", "/preview/", "/vod/", "/media/"].iter().any(|root| path.starts_with(root))
}

/// What is answered by a process that serves no media, where no other node has it either.
pub(super) fn not_here(path: &str) -> http::Response<FromMedia> {
    if is_of_media(path) {
        let mend = "come back when the broadcast has begun; the watch page does so by itself";
        return told(StatusCode::NOT_FOUND, "NOT_ON_AIR", "nothing is on air here at the moment", mend);
    }
    let mend = "ask a node with the role that serves it: health and sigma doctor name them";
    told(StatusCode::NOT_FOUND, "NOT_FOUND", "this node serves nothing at this address", mend)
}

pub(super) fn told(status: StatusCode, code: &str, message: &str, mend: &str) -> http::Response<FromMedia> {
    let body = json!({ "error": { "code": code, "message": message, "mend": mend } }).to_string();
    let mut response = http::Response::new(FromMedia::Slices(Slices::text(body)));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, HeaderValue::from_static("*"));
    response
}

/// The token of a preview, from the header or from `?token=`.
fn token_of(uri: &Uri, headers: &HeaderMap) -> Option<String> {
    let query = || uri.query()?.split('&').find_map(|pair| pair.strip_prefix("token="));
    bearer_of(headers).or_else(query).map(str::to_owned)
}

fn bearer_of(headers: &HeaderMap) -> Option<&str> {
    headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok()).and_then(sigma_app::bearer)
}

/// A query without what is nobody's business but ours.
fn without_token(query: &str) -> String {
    let rest: Vec<&str> = query.split('&').filter(|pair| !pair.starts_with("token=")).collect();
    rest.join("&")
}
